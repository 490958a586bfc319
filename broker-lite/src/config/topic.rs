//! The settings of a topic: what the topic says, else what the broker says, else Kafka's default.

use std::collections::BTreeMap;

use super::broker::{BrokerConfig, CODECS, SEGMENT_BYTES_MIN, TIMESTAMP_TYPES};
use super::definition::{Definition, Kind};
use super::nearest;
use crate::log::config::LogConfig;

/// A topic setting, and the broker settings that give its default, the strongest first; each with
/// the number its value is multiplied by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TopicSetting {
    pub(crate) definition: Definition,
    pub(crate) synonyms: &'static [(&'static str, i64)],
}

const HOUR_MS: i64 = 3_600_000;

/// Every topic setting this broker accepts, in the order of their names.
pub(crate) const TOPIC_SETTINGS: &[TopicSetting] = &[
    setting(
        "cleanup.policy",
        Kind::List(&["compact", "delete"]),
        "delete",
        &[("log.cleanup.policy", 1)],
    ),
    setting("compression.type", CODECS, "producer", &[("compression.type", 1)]),
    setting("delete.retention.ms", Kind::Long(0), "86400000", &[]),
    setting("index.interval.bytes", Kind::Int(0), "4096", &[("log.index.interval.bytes", 1)]),
    setting("max.message.bytes", Kind::Int(0), "1048588", &[("message.max.bytes", 1)]),
    setting(
        "message.timestamp.after.max.ms",
        Kind::Long(0),
        "3600000",
        &[("log.message.timestamp.after.max.ms", 1)],
    ),
    setting(
        "message.timestamp.before.max.ms",
        Kind::Long(0),
        "9223372036854775807",
        &[("log.message.timestamp.before.max.ms", 1)],
    ),
    setting(
        "message.timestamp.type",
        TIMESTAMP_TYPES,
        "CreateTime",
        &[("log.message.timestamp.type", 1)],
    ),
    setting("min.cleanable.dirty.ratio", Kind::Double(0.0, 1.0), "0.5", &[]),
    setting("min.insync.replicas", Kind::Int(1), "1", &[("min.insync.replicas", 1)]),
    setting("retention.bytes", Kind::Long(-1), "-1", &[("log.retention.bytes", 1)]),
    setting(
        "retention.ms",
        Kind::Long(-1),
        "604800000",
        &[
            ("log.retention.ms", 1),
            ("log.retention.minutes", 60_000),
            ("log.retention.hours", HOUR_MS),
        ],
    ),
    setting(
        "segment.bytes",
        Kind::Int(SEGMENT_BYTES_MIN),
        "1073741824",
        &[("log.segment.bytes", 1)],
    ),
    setting("segment.index.bytes", Kind::Int(4), "10485760", &[("log.index.size.max.bytes", 1)]),
    setting(
        "segment.ms",
        Kind::Long(1),
        "604800000",
        &[("log.roll.ms", 1), ("log.roll.hours", HOUR_MS)],
    ),
];

const fn setting(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    synonyms: &'static [(&'static str, i64)],
) -> TopicSetting {
    TopicSetting { definition: Definition { name, kind, default: Some(default) }, synonyms }
}

/// Why a topic setting is refused (Kafka: `INVALID_CONFIG`).
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum CheckError {
    #[error("unknown topic setting {name}; did you mean {nearest}?")]
    Unknown { name: String, nearest: &'static str },
    #[error("{name}={value}: {expected} expected")]
    Invalid { name: &'static str, value: String, expected: String },
    #[error("{0} needs a value")]
    Null(String),
}

/// Checks one setting of a topic.
pub(crate) fn check_topic_setting(
    name: &str,
    value: Option<&str>,
) -> Result<&'static TopicSetting, CheckError> {
    let Some(setting) = TOPIC_SETTINGS.iter().find(|s| s.definition.name == name) else {
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

/// Where the value of a topic setting comes from (Kafka: `ConfigSource`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Source {
    Topic,
    StaticBroker,
    Default,
}

impl Source {
    /// Kafka's number in DescribeConfigs.
    pub(crate) const fn code(self) -> i8 {
        match self {
            Self::Topic => 1,
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
    /// The levels at which this setting has a value, the one that counts first. Never empty.
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
            if let Some(value) = broker.given(synonym) {
                let value = scaled(value, *factor);
                levels.push(Synonym { name: synonym, value, source: Source::StaticBroker });
            }
        }
        let default = self.definition.default.unwrap_or_default().to_owned();
        let name = self.synonyms.first().map_or(name, |(synonym, _)| *synonym);
        levels.push(Synonym { name, value: default, source: Source::Default });
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
    let mut config =
        LogConfig { producer_expiration_ms: broker.producer_expiration_ms, ..LogConfig::default() };
    for setting in TOPIC_SETTINGS {
        let name = setting.definition.name;
        let known = crate::log::config::TOPIC_SETTINGS.contains(&name);
        if let Some(level) = setting.levels(broker, topic).first().filter(|_| known)
            && let Err(error) = config.set(name, &level.value)
        {
            // checked when it was set; a log from elsewhere may say anything
            tracing::warn!(%error, "topic setting ignored");
        }
    }
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn the_topic_wins_over_the_broker_over_the_default() {
        let given = [("log.retention.hours".to_owned(), "2".to_owned())];
        let broker = BrokerConfig::new(&given).unwrap();
        let setting = check_topic_setting("retention.ms", Some("5")).unwrap();
        let levels = setting.levels(&broker, &map(&[("retention.ms", "5")]));
        let values: Vec<_> = levels.iter().map(|l| (l.value.as_str(), l.source)).collect();
        assert_eq!(
            values,
            [
                ("5", Source::Topic),
                ("7200000", Source::StaticBroker),
                ("604800000", Source::Default)
            ]
        );
    }

    #[test]
    fn defaults_are_kafkas() {
        let broker = BrokerConfig::new(&[]).unwrap();
        let config = log_config(&broker, &BTreeMap::new());
        assert_eq!(config, LogConfig::default());
        let changed = map(&[("cleanup.policy", "compact,delete"), ("segment.bytes", "4096")]);
        let config = log_config(&broker, &changed);
        assert!(config.cleanup.compact && config.segment_bytes == 4096);
        assert!(TOPIC_SETTINGS.is_sorted_by_key(|s| s.definition.name));
    }

    #[test]
    fn unknown_and_malformed_settings_are_refused() {
        let unknown = check_topic_setting("retention.m", Some("1")).unwrap_err();
        assert_eq!(
            unknown.to_string(),
            "unknown topic setting retention.m; did you mean retention.ms?"
        );
        assert!(check_topic_setting("segment.bytes", Some("big")).is_err());
        assert!(check_topic_setting("segment.bytes", None).is_err());
    }
}
