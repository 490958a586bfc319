//! Which partition a record goes to. Pure functions, and [`Sticky`], a machine.

use core::fmt;
use std::sync::Arc;

use ottla_protocol::ids::PartitionIndex;

/// A partitioner of one's own.
pub trait CustomPartitioner: fmt::Debug + Send + Sync + 'static {
    /// The partition for a record of `topic`, below `partitions` (at least 1); `None` leaves it to
    /// the sticky rule of [`Partitioner::Sticky`]. It runs under the topic's lock: be quick, and do
    /// not call the producer.
    fn partition(&self, topic: &str, key: Option<&[u8]>, partitions: u32) -> Option<u32>;
}

/// How a record without an explicit partition gets one (Kafka: `partitioner.class`).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Partitioner {
    /// A key's murmur2 hash, as in the Java client; without a key as [`Partitioner::Sticky`]. The
    /// default, and librdkafka's `murmur2_random`.
    #[default]
    Murmur2,
    /// Ignores keys: fills one partition with a batch's worth of bytes, then goes to another at
    /// random, leaving out those without a leader (KIP-480, and the uniform part of KIP-794; Kafka:
    /// `partitioner.ignore.keys=true`). Each has the same chance however slow its broker is: the
    /// adaptive part (Kafka: `partitioner.adaptive.partitioning.enable`) is not there.
    Sticky,
    /// Ignores keys: each partition in turn, leaving out those without a leader (Kafka:
    /// `RoundRobinPartitioner`).
    RoundRobin,
    /// With a key, any partition that has a leader, drawn anew for each record; without, as
    /// [`Partitioner::Sticky`]: librdkafka's `random`.
    Random,
    /// A key's murmur2 hash, as librdkafka's `murmur2`: no key counts as the empty key, and goes to
    /// the same partition always.
    Murmur2Consistent,
    /// A key's CRC-32, as librdkafka's `consistent`: without a key, or with an empty one, always
    /// the same partition.
    Crc32,
    /// A key's CRC-32, as librdkafka's default `consistent_random`: without a key, or with an empty
    /// one, as [`Partitioner::Sticky`].
    Crc32Random,
    /// A key's FNV-1a hash, as librdkafka's `fnv1a`: no key counts as the empty key, and goes to the
    /// same partition always.
    Fnv1a,
    /// A key's FNV-1a hash, as librdkafka's `fnv1a_random` and Sarama's default: without a key as
    /// [`Partitioner::Sticky`], where Sarama draws a partition for each record.
    Fnv1aRandom,
    /// One's own.
    Custom(Arc<dyn CustomPartitioner>),
}

/// The Java client's hash of a key, as a number that is not negative.
#[must_use]
pub(crate) fn murmur2_positive(key: &[u8]) -> u32 {
    murmur2::murmur2(key, MURMUR2_SEED) & 0x7fff_ffff
}

/// `Utils.murmur2` of the Java client.
const MURMUR2_SEED: u32 = 0x9747_b28c;

const CRC32_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte: u32 = 0;
    while byte < 256 {
        let mut crc = byte;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
            bit += 1;
        }
        table[byte as usize] = crc;
        byte += 1;
    }
    table
};

/// CRC-32 (IEEE 802.3), by which librdkafka hashes keys.
#[must_use]
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, byte| {
        let [low, ..] = crc.to_le_bytes();
        (crc >> 8) ^ CRC32_TABLE[usize::from(low ^ byte)]
    })
}

/// FNV-1a of 32 bits as Sarama and librdkafka have it: the size of the hash read as signed.
#[must_use]
pub(crate) fn fnv1a(bytes: &[u8]) -> u32 {
    let hash = bytes
        .iter()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    hash.cast_signed().unsigned_abs()
}

impl Partitioner {
    /// What the key says; `None` if it has no say.
    pub(crate) fn by_key(&self, topic: &str, key: Option<&[u8]>, partitions: u32) -> Option<u32> {
        debug_assert!(partitions > 0, "a topic has partitions");
        match self {
            Self::Murmur2 => key.map(|key| murmur2_positive(key) % partitions),
            Self::Murmur2Consistent => Some(murmur2_positive(key.unwrap_or_default()) % partitions),
            Self::Fnv1a => Some(fnv1a(key.unwrap_or_default()) % partitions),
            Self::Fnv1aRandom => key.map(|key| fnv1a(key) % partitions),
            Self::Crc32 => Some(crc32(key.unwrap_or_default()) % partitions),
            Self::Crc32Random => {
                key.filter(|key| !key.is_empty()).map(|key| crc32(key) % partitions)
            }
            Self::Custom(own) => own.partition(topic, key, partitions),
            Self::Sticky | Self::RoundRobin | Self::Random => None,
        }
    }

    pub(crate) fn rotates(&self) -> bool {
        matches!(self, Self::RoundRobin)
    }

    /// Whether records with a key are scattered, each by itself.
    pub(crate) fn scatters(&self) -> bool {
        matches!(self, Self::Random)
    }
}

/// Picks partitions for records whose key has no say.
#[derive(Debug)]
pub(crate) struct Sticky {
    rng: fastrand::Rng,
    current: Option<u32>,
    bytes: usize,
    rotation: u32,
}

impl Sticky {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let rotation = rng.u32(..);
        Self { rng, current: None, bytes: 0, rotation }
    }

    /// The partition that is being filled. `available` says which ones have a leader.
    pub(crate) fn current(&mut self, partitions: u32, available: impl Fn(u32) -> bool) -> u32 {
        if let Some(current) = self.going(partitions) {
            return current;
        }
        let next = self.pick(partitions, available);
        self.current = Some(next);
        self.bytes = 0;
        next
    }

    /// The partition that is being filled, if its turn has begun.
    #[inline]
    pub(crate) fn going(&self, partitions: u32) -> Option<u32> {
        self.current.filter(|current| *current < partitions)
    }

    /// Counts what went to the current partition.
    pub(crate) fn on_filled(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// How many bytes the current partition got in its turn.
    pub(crate) fn filled(&self) -> usize {
        self.bytes
    }

    /// Ends the turn of the current partition.
    pub(crate) fn leave(&mut self) {
        self.current = None;
    }

    /// The next partition in turn.
    pub(crate) fn rotate(&mut self, partitions: u32, available: impl Fn(u32) -> bool) -> u32 {
        for step in 1..=partitions {
            let next = self.rotation.wrapping_add(step) % partitions;
            if available(next) {
                self.rotation = next;
                return next;
            }
        }
        self.rotation = self.rotation.wrapping_add(1) % partitions;
        self.rotation
    }

    /// Any of those with a leader, if one has.
    pub(crate) fn pick(&mut self, partitions: u32, available: impl Fn(u32) -> bool) -> u32 {
        let count = (0..partitions).filter(|p| available(*p)).count();
        if count == 0 {
            return self.rng.u32(0..partitions);
        }
        let nth = self.rng.usize(0..count);
        (0..partitions).filter(|p| available(*p)).nth(nth).unwrap_or(0)
    }
}

/// The index as the wire has it.
pub(crate) fn partition_index(partition: u32) -> PartitionIndex {
    PartitionIndex(i32::try_from(partition).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn murmur2_hashes_as_the_java_client() {
        // UtilsTest.testMurmur2 of Apache Kafka
        for (key, hash) in [
            ("21", -973_932_308_i32),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            let expected = hash.cast_unsigned() & 0x7fff_ffff;
            assert_eq!(murmur2_positive(key.as_bytes()), expected, "{key}");
        }
    }

    #[test]
    fn crc32_is_that_of_ieee_802_3() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926); // the check value of CRC-32/ISO-HDLC
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn keys_decide_as_each_client_library_does() {
        let key = Some(&b"21"[..]);
        let murmur = ((-973_932_308_i32).cast_unsigned() & 0x7fff_ffff) % 7;
        let crc = crc32(b"21") % 7;
        for (rule, partitioner, key, expected) in [
            ("murmur2 of the key", Partitioner::Murmur2, key, Some(murmur)),
            ("an empty key is a key", Partitioner::Murmur2, Some(&b""[..]), {
                Some(murmur2_positive(b"") % 7)
            }),
            ("no key, no say", Partitioner::Murmur2, None, None),
            ("consistent: CRC of the key", Partitioner::Crc32, key, Some(crc)),
            ("consistent: null and empty keys share one", Partitioner::Crc32, None, Some(0)),
            ("consistent_random: CRC of the key", Partitioner::Crc32Random, key, Some(crc)),
            ("consistent_random: empty is no key", Partitioner::Crc32Random, Some(b""), None),
            ("sticky ignores keys", Partitioner::Sticky, key, None),
            ("random ignores keys", Partitioner::Random, key, None),
            ("round robin ignores keys", Partitioner::RoundRobin, key, None),
        ] {
            assert_eq!(partitioner.by_key("t", key, 7), expected, "{rule}");
        }
    }

    /// The keys, hashes and choices of librdkafka's own tests (0048-partitioner, rdfnv1a,
    /// rdmurmur2).
    #[test]
    fn keys_go_where_librdkafka_sends_them() {
        use Partitioner::{Crc32, Crc32Random, Fnv1a, Fnv1aRandom, Murmur2, Murmur2Consistent};

        let text = b"this is another string with more length to it perhaps";
        let keys = [None, Some(&b""[..]), Some(b"23456"), Some(text), Some(b"hejsan")];
        let crc = [0, 0, 0xb1b4_51d7, 0xb015_0df7, 0xd077_037e].map(Some);
        let murmur = [0x106e_08d9, 0x106e_08d9, 0x058d_780f, 0x4f77_03da, 0x5ec1_9395].map(Some);
        let fnv = [0x7ee3_623b, 0x7ee3_623b, 0x27e6_f469, 0x155e_3e5f, 0x17b1_e27a].map(Some);
        let without = |hashes: [Option<u32>; 5], first: usize| {
            core::array::from_fn(|at| hashes[at].filter(|_| at >= first))
        };
        for (partitioner, hashes) in [
            (Crc32, crc),
            (Crc32Random, without(crc, 2)),
            (Murmur2Consistent, murmur),
            (Murmur2, without(murmur, 1)),
            (Fnv1a, fnv),
            (Fnv1aRandom, without(fnv, 1)),
        ] {
            for partitions in [7, 17] {
                let chosen = keys.map(|key| partitioner.by_key("t", key, partitions));
                assert_eq!(chosen, hashes.map(|h| h.map(|h| h % partitions)), "{partitioner:?}");
            }
        }
        for (key, hash) in [
            ("kafka", 0x0d33_c4e1),
            ("giberish123456789", 0x77a5_8295),
            ("1234", 0x023b_dd03),
            ("234", 0x2dea_3cd2),
            ("4", 0x310c_a263),
            ("PreAmbleWillBeRemoved,ThePrePartThatIs", 0x65cb_d69c),
        ] {
            assert_eq!(fnv1a(key.as_bytes()), hash, "{key}");
        }
        for (key, hash) in [("kafka", 1_348_980_580), ("amqp", 767_747_138)] {
            assert_eq!(murmur2_positive(key.as_bytes()), hash, "{key}");
        }
    }

    #[test]
    fn a_sticky_partition_stays_until_it_is_left() {
        let mut sticky = Sticky::new(7);
        let mut counts = [0_u32; 4];
        for _ in 0..400 {
            let current = sticky.current(4, |p| p != 2);
            assert_eq!(sticky.current(4, |_| true), current);
            counts[current as usize] += 1;
            sticky.leave();
        }
        assert_eq!(counts[2], 0, "partition 2 has no leader");
        assert!([0, 1, 3].iter().all(|p| counts[*p] > 80), "{counts:?} is not uniform");
    }

    #[test]
    fn a_sticky_partition_is_left_when_the_topic_shrinks() {
        let mut sticky = Sticky::new(1);
        sticky.current(1_000, |p| p == 999);
        assert_eq!(sticky.current(1, |_| true), 0);
    }

    #[test]
    fn round_robin_visits_each_partition_with_a_leader_in_turn() {
        let mut sticky = Sticky::new(3);
        let turns: Vec<_> = (0..6).map(|_| sticky.rotate(4, |p| p != 1)).collect();
        assert_eq!(turns[..3], turns[3..]);
        let mut sorted = turns[..3].to_vec();
        sorted.sort_unstable();
        assert_eq!(sorted, [0, 2, 3]);
        assert!((0..4).map(|_| sticky.rotate(2, |_| false)).any(|p| p == 1), "no leader: still");
    }
}
