//! Newtypes for everything Kafka numbers, so that an offset is never taken for a partition.
//!
//! A number that the wire may leave out is written there as a sentinel, mostly -1. It becomes an
//! `Option` when it is decoded, and no sentinel goes further in
//! ([`Field::sentinel`](crate::schema::Field::sentinel) says which number it is).
//! `Some` of that number is written as it, and read back as `None`.
//!
//! An [`Offset`] comes from a log and is never negative: bytes that say otherwise (below -1, where
//! -1 is none) are no message of Kafka's and fail to decode. What any client may have filled in, and
//! no broker checks, such as a committed offset, is a [`RawOffset`].

use core::fmt;

/// Position of a record in one partition's log; the first record ever has offset 0. Never negative.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Offset(i64);

impl Offset {
    /// The first position of a log.
    pub const ZERO: Self = Self(0);
    /// The highest position the wire can carry.
    pub const MAX: Self = Self(i64::MAX);

    /// `None` for a negative number: the wire's way of saying "no offset".
    #[must_use]
    pub const fn new(offset: i64) -> Option<Self> {
        if offset < 0 { None } else { Some(Self(offset)) }
    }

    /// The number as the wire carries it; at least 0.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The position `records` further on; stops at [`Offset::MAX`].
    #[must_use]
    pub fn after(self, records: u32) -> Self {
        Self(self.0.saturating_add(i64::from(records)))
    }

    /// The next position; stops at [`Offset::MAX`].
    #[must_use]
    pub fn next(self) -> Self {
        self.after(1)
    }

    /// How many positions lie between `earlier` and this one; `None` if `earlier` is later.
    #[must_use]
    pub fn distance_from(self, earlier: Self) -> Option<u64> {
        self.0.checked_sub(earlier.0).and_then(|n| u64::try_from(n).ok())
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An offset as some client wrote it: any number at all, for brokers keep and tell it unchecked.
///
/// So that a group with one odd commit can still be read, and a proxy passes on what it got.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RawOffset(pub i64);

impl RawOffset {
    /// "No offset" on the wire.
    pub const NONE: Self = Self(-1);

    /// `None` if it is negative; so Kafka's own clients take a committed offset.
    #[must_use]
    pub const fn offset(self) -> Option<Offset> {
        Offset::new(self.0)
    }
}

impl From<Offset> for RawOffset {
    fn from(offset: Offset) -> Self {
        Self(offset.get())
    }
}

impl From<Option<Offset>> for RawOffset {
    fn from(offset: Option<Offset>) -> Self {
        offset.map_or(Self::NONE, Self::from)
    }
}

impl fmt::Display for RawOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

macro_rules! number {
    ($( $(#[$doc:meta])* $name:ident($inner:ty); )*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

number! {
    /// Id of a broker (`node.id`); unique in a cluster.
    NodeId(i32);
    /// Index of a partition in its topic; the first is 0. Peers may send any number.
    PartitionIndex(i32);
    /// Counts the leaders a partition has had (KIP-101); compares only within one topic id.
    LeaderEpoch(i32);
    /// Counts the changes of a partition: of its leader, its replicas, who is in sync.
    PartitionEpoch(i32);
    /// One registration of a broker: the offset of its record in the metadata log (KIP-631).
    BrokerEpoch(i64);
    /// Counts the coordinators a transactional id has had: the leader epoch of the partition of
    /// `__transaction_state` that it belongs to.
    CoordinatorEpoch(i32);
    /// Counts the changes of a group: the generations of a classic one; in a newer one (KIP-848)
    /// what the group, its target assignment and each member have reached.
    GroupEpoch(i32);
    /// Identifies one idempotent producer (KIP-98).
    ProducerId(i64);
    /// Counts the incarnations of one producer id (KIP-98).
    ProducerEpoch(i16);
    /// Counts the versions of the topology of a streams group (KIP-1071).
    TopologyEpoch(i32);
    /// Counts how often a share group's state of a partition began (KIP-932).
    ShareStateEpoch(i32);
    /// Identifies what a consumer or follower fetches, so that it need not be said again (KIP-227).
    FetchSessionId(i32);
    /// Identifies an answer that says which metrics to report (KIP-714).
    SubscriptionId(i32);
    /// What the caller may do, a bit for each operation, numbered as the `OPERATION_` constants of
    /// [`describe_acls`](crate::messages::describe_acls) (KIP-430).
    AuthorizedOperations(i32);
    /// Matches a response with its request on one connection.
    CorrelationId(i32);
    /// Milliseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64);
}

/// Number of a record in what one producer incarnation writes to one partition (KIP-98).
///
/// Wraps from `i32::MAX` to 0. Never negative.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Sequence(i32);

impl Sequence {
    /// Where a producer incarnation starts in each partition.
    pub const ZERO: Self = Self(0);

    /// `None` for a negative number: the wire's way of saying "not idempotent".
    #[must_use]
    pub const fn new(sequence: i32) -> Option<Self> {
        if sequence < 0 { None } else { Some(Self(sequence)) }
    }

    /// The number as the wire carries it; at least 0.
    #[must_use]
    pub const fn get(self) -> i32 {
        self.0
    }

    /// The number of the record `records` further on; 0 follows `i32::MAX`.
    #[must_use]
    pub fn after(self, records: u32) -> Self {
        let wrapped = (i64::from(self.0) + i64::from(records)) & i64::from(i32::MAX);
        Self(i32::try_from(wrapped).unwrap_or(0))
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A 128-bit id: of a topic (KIP-516), a directory, a cluster. All zeros means "none" on the wire.
#[derive(Clone, Copy, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Uuid(pub [u8; 16]);

impl Uuid {
    /// "None" on the wire.
    pub const ZERO: Self = Self([0; 16]);

    /// The reserved id of the topic `__cluster_metadata`.
    pub const METADATA_TOPIC: Self = Self([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

    /// A version 4 id from 16 random bytes.
    #[must_use]
    pub fn from_random(mut bytes: [u8; 16]) -> Self {
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Self(bytes)
    }

    /// Reads Kafka's text form: 22 characters of URL-safe base64, no padding.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 22 {
            return None;
        }
        let mut bits: u128 = 0;
        for (i, &c) in digits.iter().enumerate() {
            let value = u128::try_from(ALPHABET.iter().position(|&a| a == c)?).ok()?;
            if i < 21 {
                bits = (bits << 6) | value;
            } else if value & 0x0f != 0 {
                return None; // the last digit carries only 2 bits
            } else {
                bits = (bits << 2) | (value >> 4);
            }
        }
        Some(Self(bits.to_be_bytes()))
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl fmt::Display for Uuid {
    /// Kafka's text form: 22 characters of URL-safe base64, no padding.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = u128::from_be_bytes(self.0);
        for i in 0..22u32 {
            let digit = if i < 21 { bits >> (122 - 6 * i) } else { bits << 4 } & 0x3f;
            let index = usize::try_from(digit).map_err(|_| fmt::Error)?;
            let c = ALPHABET.get(index).ok_or(fmt::Error)?;
            write!(f, "{}", char::from(*c))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_count_records_and_wrap_to_zero() {
        for (rule, first, records, next) in [
            ("counts records, not batches", 0, 10, 10),
            ("wraps past i32::MAX to 0", i32::MAX, 1, 0),
            ("wraps by more than one", i32::MAX - 1, 5, 3),
        ] {
            assert_eq!(Sequence(first).after(records), Sequence(next), "{rule}");
        }
    }

    #[test]
    fn uuids_read_and_print_as_kafka_prints_them() {
        // Kafka's Uuid.METADATA_TOPIC_ID prints so
        assert_eq!(Uuid::METADATA_TOPIC.to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
        let id = Uuid::from_random([0xa5; 16]);
        assert_eq!(Uuid::parse(&id.to_string()), Some(id));
        assert_eq!(Uuid::parse("AAAAAAAAAAAAAAAAAAAAAB"), None);
        assert_eq!(Uuid::parse("short"), None);
    }

    #[test]
    fn an_offset_is_never_negative_and_never_overflows() {
        assert_eq!(Offset::new(-1), None);
        assert_eq!(Offset::MAX.after(7), Offset::MAX);
        assert_eq!(Offset(3).distance_from(Offset(5)), None);
        assert_eq!(Offset(5).distance_from(Offset(3)), Some(2));
    }
}
