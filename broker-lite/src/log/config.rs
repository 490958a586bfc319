//! The topic settings that the log acts on, by Kafka's names.

use crate::config::ConfigError;

/// Settings of one topic's log. Made from Kafka's names and values by [`LogConfig::set`].
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct LogConfig {
    /// `segment.bytes`: a segment of more starts the next. Default 1 GiB.
    pub segment_bytes: u32,
    /// `segment.ms`: a segment whose first record is older starts the next. Default 7 days.
    pub segment_ms: i64,
    /// `segment.index.bytes`: an index of more starts the next segment. Default 10 MiB.
    pub segment_index_bytes: u32,
    /// `index.interval.bytes`: a batch is indexed when more bytes lie before it. Default 4 KiB.
    pub index_interval_bytes: u32,
    /// `max.message.bytes`: the largest batch taken, compressed. Default 1 MiB and 12 bytes.
    pub message_bytes_max: u32,
    /// `message.timestamp.type`: whose clock stamps the records. Default `CreateTime`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`: how far back a record's time may lie. Default: any.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`: how far ahead a record's time may lie. Default 1 hour.
    pub timestamp_after_max_ms: i64,
    /// `cleanup.policy`: what becomes of old records. Default `delete`.
    pub cleanup: Cleanup,
    /// `compression.type`: codec of what is in the log. Default `producer`.
    pub compression: CompressionType,
    /// `min.insync.replicas`: with fewer, writes with acks=all are refused. Default 1.
    pub replicas_in_sync_min: u32,
    /// `producer.id.expiration.ms`, of the broker: after so long without a batch a producer is
    /// forgotten. Default 1 day.
    pub producer_expiration_ms: i64,
}

/// Whose clock stamps the records of a topic.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TimestampType {
    /// The producer's.
    CreateTime,
    /// The broker's, when it appends.
    LogAppendTime,
}

/// Codec of the batches in a log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CompressionType {
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
    const ALL: [Self; 6] =
        [Self::Producer, Self::Uncompressed, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    const fn name(self) -> &'static str {
        match self {
            Self::Producer => "producer",
            Self::Uncompressed => "uncompressed",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

/// What becomes of old records.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cleanup {
    /// Those past the retention time or size are removed.
    pub delete: bool,
    /// Of those with the same key only the newest stays; every record needs a key.
    pub compact: bool,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            segment_bytes: 1 << 30,
            segment_ms: 7 * 24 * 3_600_000,
            segment_index_bytes: 10 << 20,
            index_interval_bytes: 4096,
            message_bytes_max: (1 << 20) + 12,
            timestamp_type: TimestampType::CreateTime,
            timestamp_before_max_ms: i64::MAX,
            timestamp_after_max_ms: 3_600_000,
            cleanup: Cleanup { delete: true, compact: false },
            compression: CompressionType::Producer,
            replicas_in_sync_min: 1,
            producer_expiration_ms: 24 * 3_600_000,
        }
    }
}

/// The topic settings that [`LogConfig::set`] takes, each with what [`LogConfig::value`] says of a
/// topic without settings.
pub const TOPIC_SETTINGS: [&str; 11] = [
    "cleanup.policy",
    "compression.type",
    "index.interval.bytes",
    "max.message.bytes",
    "message.timestamp.after.max.ms",
    "message.timestamp.before.max.ms",
    "message.timestamp.type",
    "min.insync.replicas",
    "segment.bytes",
    "segment.index.bytes",
    "segment.ms",
];

impl LogConfig {
    /// Sets one of [`TOPIC_SETTINGS`].
    ///
    /// # Errors
    ///
    /// The name is not among them, or the value is malformed or out of range.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), ConfigError> {
        let Some(&name) = TOPIC_SETTINGS.iter().find(|known| **known == name) else {
            return Err(unknown(name));
        };
        match name {
            "cleanup.policy" => self.cleanup = cleanup(name, value)?,
            "compression.type" => self.compression = compression(name, value)?,
            "index.interval.bytes" => self.index_interval_bytes = bytes(name, value, 0)?,
            "max.message.bytes" => self.message_bytes_max = bytes(name, value, 0)?,
            "message.timestamp.after.max.ms" => self.timestamp_after_max_ms = ms(name, value, 0)?,
            "message.timestamp.before.max.ms" => self.timestamp_before_max_ms = ms(name, value, 0)?,
            "message.timestamp.type" => self.timestamp_type = timestamp_type(name, value)?,
            "min.insync.replicas" => self.replicas_in_sync_min = bytes(name, value, 1)?,
            // Kafka takes 1 MiB and more; tests roll sooner
            "segment.bytes" => self.segment_bytes = bytes(name, value, 14)?,
            "segment.index.bytes" => self.segment_index_bytes = bytes(name, value, 4)?,
            "segment.ms" => self.segment_ms = ms(name, value, 1)?,
            _ => return Err(unknown(name)),
        }
        Ok(())
    }

    /// The value of one of [`TOPIC_SETTINGS`] as Kafka writes it; `None` for another name.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<String> {
        Some(match name {
            "cleanup.policy" => match (self.cleanup.compact, self.cleanup.delete) {
                (true, true) => "compact,delete".to_owned(),
                (true, false) => "compact".to_owned(),
                (false, _) => "delete".to_owned(),
            },
            "compression.type" => self.compression.name().to_owned(),
            "index.interval.bytes" => self.index_interval_bytes.to_string(),
            "max.message.bytes" => self.message_bytes_max.to_string(),
            "message.timestamp.after.max.ms" => self.timestamp_after_max_ms.to_string(),
            "message.timestamp.before.max.ms" => self.timestamp_before_max_ms.to_string(),
            "message.timestamp.type" => match self.timestamp_type {
                TimestampType::CreateTime => "CreateTime".to_owned(),
                TimestampType::LogAppendTime => "LogAppendTime".to_owned(),
            },
            "min.insync.replicas" => self.replicas_in_sync_min.to_string(),
            "segment.bytes" => self.segment_bytes.to_string(),
            "segment.index.bytes" => self.segment_index_bytes.to_string(),
            "segment.ms" => self.segment_ms.to_string(),
            _ => return None,
        })
    }
}

fn unknown(name: &str) -> ConfigError {
    let nearest = TOPIC_SETTINGS.iter().max_by_key(|known| common_ends(known, name));
    ConfigError::Unknown { name: name.to_owned(), nearest: nearest.copied().unwrap_or_default() }
}

/// How many letters two names share from the front and from the back.
fn common_ends(a: &str, b: &str) -> usize {
    let front = a.bytes().zip(b.bytes()).take_while(|(x, y)| x == y).count();
    front + a.bytes().rev().zip(b.bytes().rev()).take_while(|(x, y)| x == y).count()
}

fn invalid(name: &'static str, value: &str, expected: impl Into<String>) -> ConfigError {
    ConfigError::Invalid { name, value: value.to_owned(), expected: expected.into() }
}

fn bytes(name: &'static str, value: &str, min: i32) -> Result<u32, ConfigError> {
    let number = value.trim().parse::<i32>().ok().filter(|number| *number >= min);
    let number = number.and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| invalid(name, value, format!("a number from {min} to {}", i32::MAX)))
}

fn ms(name: &'static str, value: &str, min: i64) -> Result<i64, ConfigError> {
    let number = value.trim().parse::<i64>().ok().filter(|number| *number >= min);
    number.ok_or_else(|| invalid(name, value, format!("milliseconds, {min} or more")))
}

fn timestamp_type(name: &'static str, value: &str) -> Result<TimestampType, ConfigError> {
    match value.trim() {
        "CreateTime" => Ok(TimestampType::CreateTime),
        "LogAppendTime" => Ok(TimestampType::LogAppendTime),
        _ => Err(invalid(name, value, "CreateTime or LogAppendTime")),
    }
}

fn compression(name: &'static str, value: &str) -> Result<CompressionType, ConfigError> {
    let found = CompressionType::ALL.into_iter().find(|known| known.name() == value.trim());
    found.ok_or_else(|| invalid(name, value, "producer, uncompressed, gzip, snappy, lz4 or zstd"))
}

fn cleanup(name: &'static str, value: &str) -> Result<Cleanup, ConfigError> {
    let mut cleanup = Cleanup { delete: false, compact: false };
    for policy in value.split(',').map(str::trim).filter(|policy| !policy.is_empty()) {
        match policy {
            "delete" => cleanup.delete = true,
            "compact" => cleanup.compact = true,
            _ => return Err(invalid(name, value, "delete, compact or both")),
        }
    }
    if cleanup.delete || cleanup.compact {
        Ok(cleanup)
    } else {
        Err(invalid(name, value, "delete, compact or both"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_takes_what_it_says() {
        let mut config = LogConfig::default();
        for name in TOPIC_SETTINGS {
            let value = config.value(name).unwrap();
            config.set(name, &value).unwrap();
        }
        assert_eq!(config, LogConfig::default());
        config.set("cleanup.policy", " compact , delete").unwrap();
        assert_eq!(config.value("cleanup.policy").unwrap(), "compact,delete");
    }

    #[test]
    fn a_wrong_setting_says_what_would_be_right() {
        let mut config = LogConfig::default();
        for (name, value, said) in [
            ("segment.byte", "1", "did you mean segment.bytes?"),
            ("segment.ms", "0", "milliseconds, 1 or more"),
            ("max.message.bytes", "-1", "a number from 0"),
            ("message.timestamp.type", "createtime", "CreateTime or LogAppendTime"),
            ("cleanup.policy", "", "delete, compact or both"),
            ("compression.type", "none", "uncompressed"),
        ] {
            let error = config.set(name, value).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
        assert_eq!(config, LogConfig::default());
    }
}
