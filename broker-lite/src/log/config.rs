//! The settings that a log acts on. `config/topic.rs` has their names, bounds and how they are read.

use ottla_protocol::ids::Offset;

/// Settings of one topic's log.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LogConfig {
    /// `segment.bytes`: a segment of more starts the next. Default 1 GiB.
    pub(crate) segment_bytes: u32,
    /// `segment.ms`: a segment whose first record is older starts the next. Default 7 days.
    pub(crate) segment_ms: i64,
    /// `segment.jitter.ms`: up to how much earlier that is, so that not all segments end at once.
    /// Default 0.
    pub(crate) segment_jitter_ms: i64,
    /// `retention.ms`: a segment whose youngest record is older goes. Default 7 days.
    pub(crate) retention_ms: Option<i64>,
    /// `retention.bytes`: while a log is larger without its first segment, that goes. Default: no
    /// bound.
    pub(crate) retention_bytes: Option<u64>,
    /// `segment.index.bytes`: an index of more starts the next segment. Default 10 MiB.
    pub(crate) segment_index_bytes: u32,
    /// `index.interval.bytes`: a batch is indexed when more bytes lie before it. Default 4 KiB.
    pub(crate) index_interval_bytes: u32,
    /// `max.message.bytes`: the largest batch taken, compressed. Default 1 MiB and 12 bytes.
    pub(crate) message_bytes_max: u32,
    /// `message.timestamp.type`: whose clock stamps the records. Default `CreateTime`.
    pub(crate) timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`: how far back a record's time may lie. Default: any.
    pub(crate) timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`: how far ahead a record's time may lie. Default 1 hour.
    pub(crate) timestamp_after_max_ms: i64,
    /// `cleanup.policy`: what becomes of old records. Default `delete`.
    pub(crate) cleanup: Cleanup,
    /// `min.cleanable.dirty.ratio`: a log of which more is dirty is compacted. Default 0.5.
    pub(crate) cleanable_ratio_min: f64,
    /// `min.compaction.lag.ms`: what is younger is not compacted. Default 0.
    pub(crate) compaction_lag_min_ms: i64,
    /// `max.compaction.lag.ms`: what is older is compacted, however little it is. Default: never.
    pub(crate) compaction_lag_max_ms: i64,
    /// `delete.retention.ms`: so long a tombstone stays once compaction has seen it. Default 1 day.
    pub(crate) delete_retention_ms: i64,
    /// `compression.type`: codec of what is in the log. Default `producer`.
    pub(crate) compression: CompressionType,
    /// `compression.gzip.level`: how hard gzip works. Default: 6.
    pub(crate) gzip_level: Option<i32>,
    /// `compression.zstd.level`: how hard zstd works. Default 3.
    pub(crate) zstd_level: i32,
    /// `max.decompressed.message.bytes`: the largest batch taken, decompressed. Default 2 GiB; 64
    /// times `message_bytes_max` is a bound as well.
    pub(crate) decompressed_bytes_max: u32,
    /// `min.insync.replicas`: with fewer, writes with acks=all are refused. Default 1.
    pub(crate) replicas_in_sync_min: u32,
    /// `ottla.durability`: what counts as written. Default `os`.
    pub(crate) durability: Durability,
    /// `flush.messages`: once so many records are not on the device they are brought there, and the
    /// last is acknowledged then. Default: never.
    pub(crate) flush_messages: u64,
    /// `flush.ms`: how long records are left to the system before they are brought to the device.
    /// Default: for ever.
    pub(crate) flush_ms: i64,
    /// `producer.id.expiration.ms`, of the broker: after so long without a batch a producer is
    /// forgotten. Default 1 day.
    pub(crate) producer_expiration_ms: i64,
}

/// When a record counts: is acknowledged, and shown to consumers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Durability {
    /// Once the system has it: it survives the end of the process, not that of the machine.
    Os,
    /// Once it is on the device.
    Commit,
}

impl LogConfig {
    /// How old the first record of a segment gets before the next starts: on a compacted topic, what
    /// has to be compacted must have left the last segment.
    pub(crate) fn roll_ms(&self) -> i64 {
        let lag = self.compaction_lag_max_ms;
        if self.cleanup.compact && lag > 0 { self.segment_ms.min(lag) } else { self.segment_ms }
    }
}

/// Whose clock stamps the records of a topic.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum TimestampType {
    /// The producer's.
    CreateTime,
    /// The broker's, when it appends.
    LogAppendTime,
}

/// Codec of the batches in a log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum CompressionType {
    /// `producer`: as the producer sent them.
    Producer,
    /// `uncompressed`.
    Uncompressed,
    /// `gzip`.
    Gzip,
    /// `snappy`.
    Snappy,
    /// `lz4`.
    Lz4,
    /// `zstd`.
    Zstd,
}

impl CompressionType {
    /// By Kafka's name for it; `None` if there is no such codec.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "producer" => Self::Producer,
            "uncompressed" => Self::Uncompressed,
            "gzip" => Self::Gzip,
            "snappy" => Self::Snappy,
            "lz4" => Self::Lz4,
            "zstd" => Self::Zstd,
            _ => return None,
        })
    }
}

/// What becomes of old records.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Cleanup {
    /// Those past the retention time or size are removed.
    pub(crate) delete: bool,
    /// Of those with the same key only the newest stays; every record needs a key.
    pub(crate) compact: bool,
}

impl LogConfig {
    /// How much sooner than others the segment in `dir` ends that starts at `base`: always the same
    /// for one segment, and as far apart as may be for several.
    pub(crate) fn jitter_ms(&self, dir: &str, base: Offset) -> i64 {
        let most = self.segment_jitter_ms.min(self.segment_ms);
        if most <= 0 {
            return 0;
        }
        let name = dir.bytes().chain(base.get().to_be_bytes());
        let mix = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
        i64::try_from(name.fold(FNV_OFFSET, mix) >> 1).unwrap_or(0) % most
    }
}

/// Of the hash FNV-1a, which spreads names well enough.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            segment_bytes: 1 << 30,
            segment_ms: 7 * 24 * 3_600_000,
            segment_jitter_ms: 0,
            retention_ms: Some(7 * 24 * 3_600_000),
            retention_bytes: None,
            segment_index_bytes: 10 << 20,
            index_interval_bytes: 4096,
            message_bytes_max: (1 << 20) + 12,
            timestamp_type: TimestampType::CreateTime,
            timestamp_before_max_ms: i64::MAX,
            timestamp_after_max_ms: 3_600_000,
            cleanup: Cleanup { delete: true, compact: false },
            cleanable_ratio_min: 0.5,
            compaction_lag_min_ms: 0,
            compaction_lag_max_ms: i64::MAX,
            delete_retention_ms: 24 * 3_600_000,
            compression: CompressionType::Producer,
            gzip_level: None,
            zstd_level: 3,
            decompressed_bytes_max: 2_147_483_639,
            replicas_in_sync_min: 1,
            durability: Durability::Os,
            flush_messages: i64::MAX.cast_unsigned(),
            flush_ms: i64::MAX,
            producer_expiration_ms: 24 * 3_600_000,
        }
    }
}
