//! The settings of a topic: what the topic says, else what the broker says, else Kafka's default.

use core::str::FromStr;
use std::collections::BTreeMap;

use super::broker::{
    BrokerConfig, CODECS, DECOMPRESSED_BYTES, DURABILITIES, GZIP_LEVELS, SEGMENT_BYTES_MIN,
    TIMESTAMP_TYPES, ZSTD_LEVELS,
};
use super::definition::{Definition, Kind, items};
use super::known::{Known, Role};
use super::nearest;
use crate::log::config::{Cleanup, CompressionType, Durability, LogConfig, TimestampType};

/// A topic setting, the broker settings that give its default, the strongest first, each with the
/// number its value is multiplied by, and what a log makes of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TopicSetting {
    pub(crate) definition: Definition,
    synonyms: &'static [(&'static str, i64)],
    apply: Apply,
}

/// Gives a log a value that fits the definition.
type Apply = fn(&mut LogConfig, &str);

const HOUR_MS: i64 = 3_600_000;

/// Every topic setting this broker accepts, in the order of their names.
pub(crate) const TOPIC_SETTINGS: &[TopicSetting] = &[
    setting("cleanup.policy", POLICIES, "delete", &[("log.cleanup.policy", 1)], |log, value| {
        let has = |policy| items(value).any(|item| item == policy);
        log.cleanup = Cleanup { delete: has("delete"), compact: has("compact") };
    }),
    setting(
        "compression.gzip.level",
        GZIP_LEVELS,
        "-1",
        &[("compression.gzip.level", 1)],
        |log, value| log.gzip_level = value.trim().parse().ok().filter(|level| *level > 0),
    ),
    setting("compression.type", CODECS, "producer", &[("compression.type", 1)], |log, value| {
        log.compression = CompressionType::named(value).unwrap_or(log.compression);
    }),
    setting(
        "compression.zstd.level",
        ZSTD_LEVELS,
        "3",
        &[("compression.zstd.level", 1)],
        |log, value| assign(&mut log.zstd_level, value),
    ),
    setting(
        "delete.retention.ms",
        Kind::Long(0),
        "86400000",
        &[("log.cleaner.delete.retention.ms", 1)],
        |log, value| assign(&mut log.delete_retention_ms, value),
    ),
    setting(
        "flush.messages",
        Kind::Long(1),
        "9223372036854775807",
        &[("log.flush.interval.messages", 1)],
        |log, value| assign(&mut log.flush_messages, value),
    ),
    setting(
        "flush.ms",
        Kind::Long(0),
        "9223372036854775807",
        &[("log.flush.interval.ms", 1), ("log.flush.scheduler.interval.ms", 1)],
        |log, value| assign(&mut log.flush_ms, value),
    ),
    setting(
        "index.interval.bytes",
        Kind::Int(0),
        "4096",
        &[("log.index.interval.bytes", 1)],
        |log, value| assign(&mut log.index_interval_bytes, value),
    ),
    TopicSetting {
        definition: Definition { name: SEGMENT_BYTES, kind: Kind::Int(1), default: None },
        synonyms: &[],
        apply: |log, value| assign(&mut log.segment_bytes, value),
    },
    setting(
        "max.compaction.lag.ms",
        Kind::Long(1),
        "9223372036854775807",
        &[("log.cleaner.max.compaction.lag.ms", 1)],
        |log, value| assign(&mut log.compaction_lag_max_ms, value),
    ),
    setting(
        "max.decompressed.message.bytes",
        DECOMPRESSED_BYTES,
        "2147483639",
        &[("max.decompressed.message.bytes", 1)],
        |log, value| assign(&mut log.decompressed_bytes_max, value),
    ),
    setting(
        "max.message.bytes",
        Kind::Int(0),
        "1048588",
        &[("message.max.bytes", 1)],
        |log, value| assign(&mut log.message_bytes_max, value),
    ),
    setting(
        "message.timestamp.after.max.ms",
        Kind::Long(0),
        "3600000",
        &[("log.message.timestamp.after.max.ms", 1)],
        |log, value| assign(&mut log.timestamp_after_max_ms, value),
    ),
    setting(
        "message.timestamp.before.max.ms",
        Kind::Long(0),
        "9223372036854775807",
        &[("log.message.timestamp.before.max.ms", 1)],
        |log, value| assign(&mut log.timestamp_before_max_ms, value),
    ),
    setting(
        "message.timestamp.type",
        TIMESTAMP_TYPES,
        "CreateTime",
        &[("log.message.timestamp.type", 1)],
        |log, value| {
            log.timestamp_type = match value {
                "LogAppendTime" => TimestampType::LogAppendTime,
                _ => TimestampType::CreateTime,
            };
        },
    ),
    setting(
        "min.cleanable.dirty.ratio",
        Kind::Double(0.0, 1.0),
        "0.5",
        &[("log.cleaner.min.cleanable.ratio", 1)],
        |log, value| assign(&mut log.cleanable_ratio_min, value),
    ),
    setting(
        "min.compaction.lag.ms",
        Kind::Long(0),
        "0",
        &[("log.cleaner.min.compaction.lag.ms", 1)],
        |log, value| assign(&mut log.compaction_lag_min_ms, value),
    ),
    setting(
        "min.insync.replicas",
        Kind::Int(1),
        "1",
        &[("min.insync.replicas", 1)],
        |log, value| assign(&mut log.replicas_in_sync_min, value),
    ),
    setting("ottla.durability", DURABILITIES, "os", &[("ottla.durability", 1)], |log, value| {
        log.durability = match value {
            "commit" => Durability::Commit,
            _ => Durability::Os,
        };
    }),
    setting(
        "retention.bytes",
        Kind::Long(i64::MIN),
        "-1",
        &[("log.retention.bytes", 1)],
        |log, value| log.retention_bytes = bound(value).and_then(|bytes| u64::try_from(bytes).ok()),
    ),
    setting(
        "retention.ms",
        Kind::Long(-1),
        "604800000",
        &[
            ("log.retention.ms", 1),
            ("log.retention.minutes", 60_000),
            ("log.retention.hours", HOUR_MS),
        ],
        |log, value| log.retention_ms = bound(value),
    ),
    setting(
        "segment.bytes",
        Kind::Int(SEGMENT_BYTES_MIN),
        "1073741824",
        &[("log.segment.bytes", 1)],
        |log, value| assign(&mut log.segment_bytes, value),
    ),
    setting(
        "segment.index.bytes",
        Kind::Int(4),
        "10485760",
        &[("log.index.size.max.bytes", 1)],
        |log, value| assign(&mut log.segment_index_bytes, value),
    ),
    setting(
        "segment.jitter.ms",
        Kind::Long(0),
        "0",
        &[("log.roll.jitter.ms", 1), ("log.roll.jitter.hours", HOUR_MS)],
        |log, value| assign(&mut log.segment_jitter_ms, value),
    ),
    setting(
        "segment.ms",
        Kind::Long(1),
        "604800000",
        &[("log.roll.ms", 1), ("log.roll.hours", HOUR_MS)],
        |log, value| assign(&mut log.segment_ms, value),
    ),
];

/// What may become of old records; with no policy all are kept for ever.
const POLICIES: Kind = Kind::List(&["compact", "delete"]);
/// Kafka's way to small segments in tests: stronger than `segment.bytes`, and without its bound.
const SEGMENT_BYTES: &str = "internal.segment.bytes";

const fn setting(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    synonyms: &'static [(&'static str, i64)],
    apply: Apply,
) -> TopicSetting {
    TopicSetting { definition: Definition { name, kind, default: Some(default) }, synonyms, apply }
}

/// A value that fits its definition is a number; nothing else gets here.
fn assign<T: FromStr>(place: &mut T, value: &str) {
    if let Ok(number) = value.trim().parse() {
        *place = number;
    }
}

/// A number below zero is none.
fn bound(value: &str) -> Option<i64> {
    value.trim().parse().ok().filter(|bound| *bound >= 0)
}

/// What a setting does here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Effect {
    ActedOn,
    Stored,
    NotActedOn,
}

impl Effect {
    /// For who asks DescribeConfigs for documentation.
    pub(crate) const fn documentation(self) -> &'static str {
        match self {
            Self::ActedOn => "This broker acts on it.",
            Self::Stored => "This broker stores it and does not act on it yet.",
            Self::NotActedOn => "This broker does not act on it, so that it cannot be set.",
        }
    }
}

impl TopicSetting {
    fn effect(&self) -> Effect {
        const STORED: [&str; 1] = [
            "min.insync.replicas", // of one replica, one is in sync
        ];
        if STORED.contains(&self.definition.name) { Effect::Stored } else { Effect::ActedOn }
    }
}

/// Every setting that is shown of a topic, the levels at which it has a value, the one that counts
/// first, and what it does. Of those not acted on there is the default.
pub(crate) fn shown(
    broker: &BrokerConfig,
    topic: &BTreeMap<String, String>,
) -> impl Iterator<Item = (Known, Vec<Synonym>, Effect)> {
    Known::all(Role::Topic).filter_map(|known| {
        let name = known.name;
        let Some(setting) = TOPIC_SETTINGS.iter().find(|s| s.definition.name == name) else {
            let level =
                |value: &str| Synonym { name, value: value.into(), source: Source::Default };
            let levels = known.default.map(level).into_iter().collect();
            return (!known.internal).then_some((known, levels, Effect::NotActedOn));
        };
        let levels = setting.levels(broker, topic);
        // an internal one is shown where it is set
        let hidden = known.internal && levels.is_empty();
        (!hidden).then(|| (known, levels, setting.effect()))
    })
}

/// Why a topic setting is refused (Kafka: `INVALID_CONFIG`).
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum CheckError {
    #[error("unknown topic setting {name}; did you mean {nearest}?")]
    Unknown { name: String, nearest: &'static str },
    /// A value would change nothing, so that taking it would be a lie.
    #[error("{0} cannot be set: it is Kafka's, but this broker does not act on it")]
    NotActedOn(&'static str),
    #[error("{name}={value}: {expected} expected")]
    Invalid { name: &'static str, value: String, expected: String },
    #[error("{0} needs a value")]
    Null(String),
    /// In Kafka's words.
    #[error(
        "conflict topic config setting min.compaction.lag.ms ({min}) > max.compaction.lag.ms ({max})"
    )]
    Lags { min: i64, max: i64 },
}

impl CheckError {
    /// Whether another value would do.
    pub(crate) const fn is_about_the_value(&self) -> bool {
        matches!(self, Self::Invalid { .. } | Self::Null(_) | Self::Lags { .. })
    }
}

/// Checks one setting of a topic.
pub(crate) fn check_topic_setting(
    name: &str,
    value: Option<&str>,
) -> Result<&'static TopicSetting, CheckError> {
    let Some(setting) = TOPIC_SETTINGS.iter().find(|s| s.definition.name == name) else {
        if let Some(known) = Known::find(Role::Topic, name) {
            return Err(CheckError::NotActedOn(known.name));
        }
        let known = TOPIC_SETTINGS.iter().map(|s| s.definition.name);
        let nearest = nearest(name, known).unwrap_or("retention.ms");
        return Err(CheckError::Unknown { name: name.to_owned(), nearest });
    };
    let value = value.ok_or_else(|| CheckError::Null(name.to_owned()))?;
    setting.definition.check(value).map_err(|expected| CheckError::Invalid {
        name: setting.definition.name,
        value: value.to_owned(),
        expected,
    })?;
    Ok(setting)
}

/// Checks what the settings of a topic, each of them checked, say together; `lags` is what holds where
/// it says nothing.
pub(crate) fn check_topic_settings<'a>(
    lags: CompactionLags,
    settings: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<(), CheckError> {
    let CompactionLags { mut min_ms, mut max_ms } = lags;
    for (name, value) in settings {
        match name {
            "min.compaction.lag.ms" => assign(&mut min_ms, value),
            "max.compaction.lag.ms" => assign(&mut max_ms, value),
            _ => {}
        }
    }
    if min_ms > max_ms {
        return Err(CheckError::Lags { min: min_ms, max: max_ms });
    }
    Ok(())
}

/// `min.compaction.lag.ms` and `max.compaction.lag.ms`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct CompactionLags {
    min_ms: i64,
    max_ms: i64,
}

impl Default for CompactionLags {
    /// As Kafka has them.
    fn default() -> Self {
        let log = LogConfig::default();
        Self { min_ms: log.compaction_lag_min_ms, max_ms: log.compaction_lag_max_ms }
    }
}

impl CompactionLags {
    /// Of a topic that says nothing of them.
    pub(crate) fn of(broker: &BrokerConfig) -> Self {
        let log = log_config(broker, &BTreeMap::new());
        Self { min_ms: log.compaction_lag_min_ms, max_ms: log.compaction_lag_max_ms }
    }
}

/// Where the value of a topic setting comes from (Kafka: `ConfigSource`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Source {
    Topic,
    /// What was altered for this broker while it ran.
    DynamicBroker,
    /// What was altered for all brokers.
    DynamicDefault,
    StaticBroker,
    Default,
}

impl Source {
    /// Kafka's number in DescribeConfigs.
    pub(crate) const fn code(self) -> i8 {
        match self {
            Self::Topic => 1,
            Self::DynamicBroker => 2,
            Self::DynamicDefault => 3,
            Self::StaticBroker => 4,
            Self::Default => 5,
        }
    }
}

/// One level at which a topic setting has a value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Synonym {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) source: Source,
}

impl TopicSetting {
    /// The levels at which this setting has a value, the one that counts first.
    pub(crate) fn levels(
        &self,
        broker: &BrokerConfig,
        topic: &BTreeMap<String, String>,
    ) -> Vec<Synonym> {
        let name = self.definition.name;
        let mut levels = Vec::new();
        if let Some(value) = topic.get(name) {
            levels.push(Synonym { name, value: value.clone(), source: Source::Topic });
        }
        for (synonym, factor) in self.synonyms {
            levels.extend(broker.given(synonym).map(|(value, source)| {
                let value = scaled(value, *factor);
                Synonym { name: synonym, value, source }
            }));
        }
        if let Some(default) = self.definition.default {
            let name = self.synonyms.first().map_or(name, |(synonym, _)| *synonym);
            levels.push(Synonym { name, value: default.to_owned(), source: Source::Default });
        }
        levels
    }
}

/// Minutes and hours become milliseconds; -1 keeps its meaning.
fn scaled(value: &str, factor: i64) -> String {
    match value.trim().parse::<i64>() {
        Ok(number) if factor != 1 && number > 0 => number.saturating_mul(factor).to_string(),
        _ => value.to_owned(),
    }
}

/// The effective settings of the log of a topic that says `topic` on a broker that says `broker`.
pub(crate) fn log_config(broker: &BrokerConfig, topic: &BTreeMap<String, String>) -> LogConfig {
    let mut config = LogConfig {
        producer_expiration_ms: broker.producer_expiration_ms(),
        ..LogConfig::default()
    };
    // backwards: `internal.segment.bytes` comes after `segment.bytes`
    for setting in TOPIC_SETTINGS.iter().rev() {
        for level in setting.levels(broker, topic) {
            match setting.definition.check(&level.value) {
                Ok(()) => {
                    (setting.apply)(&mut config, &level.value);
                    break;
                }
                // checked when it was set; a log from elsewhere may say anything
                Err(expected) => {
                    let (name, value) = (level.name, &level.value);
                    tracing::warn!("topic setting {name}={value} ignored: {expected} expected");
                }
            }
        }
    }
    config
}

#[cfg(test)]
mod tests;
