//! The settings of one broker.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::definition::{Definition, Kind};
use super::known::{Known, Role};
use super::topic::Source;
use super::{ConfigError, nearest};
use crate::controller::image::{BROKER_RESOURCE, Image};
use crate::log::cleaner::driver::CleanerConfig;

/// Every setting this broker takes, in the order of their names. Where it listens and where its data
/// lies the builder says, so `listeners`, `advertised.listeners` and `log.dirs` are not among them.
const SETTINGS: &[Definition] = &[
    setting("auto.create.topics.enable", Kind::Boolean, Some("true")),
    setting("compression.gzip.level", GZIP_LEVELS, Some("-1")),
    setting("compression.type", CODECS, Some("producer")),
    setting("compression.zstd.level", ZSTD_LEVELS, Some("3")),
    setting("connections.max.idle.ms", Kind::Long(1), Some("600000")),
    setting("default.replication.factor", Kind::Int(1), Some("1")),
    setting("delete.topic.enable", Kind::Boolean, Some("true")),
    setting("fetch.max.bytes", Kind::Int(1024), Some("57671680")),
    setting("log.cleaner.backoff.ms", Kind::Long(0), Some("15000")),
    setting("log.cleaner.dedupe.buffer.size", Kind::Long(0), Some("134217728")),
    setting("log.cleaner.delete.retention.ms", Kind::Long(0), Some("86400000")),
    setting("log.cleaner.io.max.bytes.per.second", RATE, Some("1.7976931348623157E308")),
    setting("log.cleaner.max.compaction.lag.ms", Kind::Long(1), Some("9223372036854775807")),
    setting("log.cleaner.min.cleanable.ratio", Kind::Double(0.0, 1.0), Some("0.5")),
    setting("log.cleaner.min.compaction.lag.ms", Kind::Long(0), Some("0")),
    setting("log.cleanup.policy", Kind::List(&["compact", "delete"]), Some("delete")),
    setting("log.flush.interval.messages", Kind::Long(1), Some("9223372036854775807")),
    setting("log.flush.interval.ms", Kind::Long(i64::MIN), None),
    setting("log.flush.offset.checkpoint.interval.ms", Kind::Int(0), Some("60000")),
    // Kafka takes what is below 1, too, and does not start then
    setting("log.flush.scheduler.interval.ms", Kind::Long(1), Some("9223372036854775807")),
    setting("log.index.interval.bytes", Kind::Int(0), Some("4096")),
    setting("log.index.size.max.bytes", Kind::Int(4), Some("10485760")),
    setting("log.message.timestamp.after.max.ms", Kind::Long(0), Some("3600000")),
    setting("log.message.timestamp.before.max.ms", Kind::Long(0), Some("9223372036854775807")),
    setting("log.message.timestamp.type", TIMESTAMP_TYPES, Some("CreateTime")),
    setting("log.retention.bytes", Kind::Long(i64::MIN), Some("-1")),
    setting("log.retention.check.interval.ms", Kind::Long(1), Some("300000")),
    setting("log.retention.hours", Kind::Int(-1), Some("168")),
    setting("log.retention.minutes", Kind::Int(-1), None),
    setting("log.retention.ms", Kind::Long(-1), None),
    setting("log.roll.hours", Kind::Int(1), Some("168")),
    setting("log.roll.jitter.hours", Kind::Int(0), Some("0")),
    setting("log.roll.jitter.ms", Kind::Long(0), None),
    setting("log.roll.ms", Kind::Long(1), None),
    setting("log.segment.bytes", Kind::Int(SEGMENT_BYTES_MIN), Some("1073741824")),
    // Kafka's default is no bound. With 0 nobody could undo it, and Kafka refuses that, too
    setting("max.connections", Kind::IntUpTo(1, CONNECTIONS_MAX), Some("10000")),
    setting("max.connections.per.ip", Kind::Int(1), Some("2147483647")),
    setting("max.decompressed.message.bytes", DECOMPRESSED_BYTES, Some("2147483639")),
    setting("max.incremental.fetch.session.cache.slots", Kind::Int(0), Some("1000")),
    setting("message.max.bytes", Kind::Int(0), Some("1048588")),
    setting("min.insync.replicas", Kind::Int(1), Some("1")),
    setting("node.id", Kind::Int(0), Some("1")),
    setting("num.partitions", Kind::Int(1), Some("1")),
    setting("ottla.durability", DURABILITIES, Some("os")),
    setting("producer.id.expiration.ms", Kind::Int(1), Some("86400000")),
    setting("socket.request.max.bytes", Kind::Int(1), Some("104857600")),
];

/// How many connections there are at most: each may hold a read buffer and a task, and a test broker
/// that meets more has met a leak.
pub(crate) const CONNECTIONS_MAX: i32 = 10_000;
/// Bytes in a second; slower than one byte is no rate.
const RATE: Kind = Kind::Double(1.0, f64::MAX);
/// Which timestamps a topic keeps.
pub(super) const TIMESTAMP_TYPES: Kind = Kind::Choice(&["CreateTime", "LogAppendTime"]);
/// What counts as written: what the system has, or what is on the device.
pub(super) const DURABILITIES: Kind = Kind::Choice(&["os", "commit"]);
/// Which codec a topic keeps.
pub(super) const CODECS: Kind =
    Kind::Choice(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]);
/// How large a batch may be once it is decompressed.
pub(super) const DECOMPRESSED_BYTES: Kind = Kind::IntUpTo(1, 2_147_483_639);
/// How hard gzip works.
pub(super) const GZIP_LEVELS: Kind = Kind::Level(1, 9);
/// How hard zstd works.
pub(super) const ZSTD_LEVELS: Kind = Kind::IntUpTo(-131_072, 22);
/// The smallest segment. A topic's `internal.segment.bytes` may say less.
pub(super) const SEGMENT_BYTES_MIN: i32 = 1024 * 1024;

/// The settings of [`SETTINGS`] that can be altered while the broker runs, as in Kafka; what they
/// give to topics takes effect at once.
const DYNAMIC: &[&str] = &[
    "compression.gzip.level",
    "compression.type",
    "compression.zstd.level",
    "log.cleaner.delete.retention.ms",
    "log.cleaner.max.compaction.lag.ms",
    "log.cleaner.min.cleanable.ratio",
    "log.cleaner.min.compaction.lag.ms",
    "log.cleanup.policy",
    "log.flush.interval.messages",
    "log.flush.interval.ms",
    "log.index.interval.bytes",
    "log.index.size.max.bytes",
    "log.message.timestamp.after.max.ms",
    "log.message.timestamp.before.max.ms",
    "log.message.timestamp.type",
    "log.retention.bytes",
    "log.retention.ms",
    "log.roll.jitter.ms",
    "log.roll.ms",
    "log.segment.bytes",
    "max.connections",
    "max.connections.per.ip",
    "max.decompressed.message.bytes",
    "message.max.bytes",
    "min.insync.replicas",
    "ottla.durability",
    "producer.id.expiration.ms",
];

const fn setting(name: &'static str, kind: Kind, default: Option<&'static str>) -> Definition {
    Definition { name, kind, default }
}

/// Settings of one broker, checked. What handlers need often is parsed once.
#[derive(Clone, Debug)]
pub(crate) struct BrokerConfig {
    given: BTreeMap<&'static str, String>,
    /// What was altered for this broker while it ran, and for all brokers.
    altered: [(Source, Arc<BTreeMap<String, String>>); 2],
    /// `node.id`.
    pub(crate) node_id: i32,
    /// `num.partitions`: how many an auto-created topic gets.
    pub(crate) num_partitions: i32,
    /// `default.replication.factor`.
    pub(crate) default_replication_factor: i32,
    /// `auto.create.topics.enable`.
    pub(crate) auto_create_topics: bool,
    /// `delete.topic.enable`.
    pub(crate) delete_topics: bool,
    /// `connections.max.idle.ms`.
    pub(crate) idle_max: Duration,
    /// `log.retention.check.interval.ms`: how often it is looked whether old records shall go.
    pub(crate) retention_interval: Duration,
    /// `log.flush.scheduler.interval.ms`: how often it is looked what `flush.ms` brings to the device;
    /// `None`: never.
    pub(crate) flush_interval: Option<Duration>,
    /// `log.flush.offset.checkpoint.interval.ms`: how often it is written down how far the logs are on
    /// the device; `None`: only at a stop.
    pub(crate) checkpoint_interval: Option<Duration>,
    /// `socket.request.max.bytes`.
    pub(crate) request_bytes_max: usize,
    /// `max.incremental.fetch.session.cache.slots`: how many fetch sessions there may be.
    pub(crate) fetch_sessions_max: usize,
    /// `fetch.max.bytes`: how much one Fetch may ask for.
    pub(crate) fetch_bytes_max: usize,
    /// `log.cleaner.*`, as far as no topic has it.
    pub(crate) cleaner: CleanerConfig,
}

impl BrokerConfig {
    /// Checks and parses `settings`; the later of two with one name wins.
    ///
    /// # Errors
    ///
    /// The first that is unknown, unsupported or malformed.
    pub(crate) fn new(settings: &[(String, String)]) -> Result<Self, ConfigError> {
        let mut given = BTreeMap::new();
        for (name, value) in settings {
            let definition = find(name)?;
            definition.check(value).map_err(|expected| ConfigError::Invalid {
                name: definition.name,
                value: value.clone(),
                expected,
            })?;
            given.insert(definition.name, value.clone());
        }
        let config = Given(&given);
        Ok(Self {
            node_id: config.int("node.id"),
            num_partitions: config.int("num.partitions"),
            default_replication_factor: config.int("default.replication.factor"),
            auto_create_topics: config.flag("auto.create.topics.enable"),
            delete_topics: config.flag("delete.topic.enable"),
            idle_max: Duration::from_millis(
                u64::try_from(config.long("connections.max.idle.ms")).unwrap_or(u64::MAX),
            ),
            retention_interval: Duration::from_millis(
                u64::try_from(config.long("log.retention.check.interval.ms")).unwrap_or(u64::MAX),
            ),
            flush_interval: config.interval("log.flush.scheduler.interval.ms"),
            checkpoint_interval: config.interval("log.flush.offset.checkpoint.interval.ms"),
            request_bytes_max: config.size("socket.request.max.bytes"),
            fetch_sessions_max: config.size("max.incremental.fetch.session.cache.slots"),
            fetch_bytes_max: config.size("fetch.max.bytes"),
            cleaner: CleanerConfig {
                backoff: Duration::from_millis(
                    u64::try_from(config.long("log.cleaner.backoff.ms")).unwrap_or(u64::MAX),
                ),
                key_bytes_max: config.size("log.cleaner.dedupe.buffer.size"),
                bytes_per_second_max: config.double("log.cleaner.io.max.bytes.per.second"),
            },
            altered: [Source::DynamicBroker, Source::DynamicDefault].map(|s| (s, Arc::default())),
            given,
        })
    }

    /// The same broker with what the metadata says of it and of all brokers.
    #[must_use]
    pub(crate) fn altered(&self, image: &Image) -> Self {
        let mut this = self.clone();
        let [node, all] = &mut this.altered;
        node.1 = image.config(BROKER_RESOURCE, &self.node_id.to_string());
        all.1 = image.config(BROKER_RESOURCE, "");
        this
    }

    /// `num.partitions` and `default.replication.factor`.
    pub(crate) fn topic_defaults(&self) -> (i32, i16) {
        let factor = i16::try_from(self.default_replication_factor).unwrap_or(i16::MAX);
        (self.num_partitions, factor)
    }

    /// The settings in the order of their names.
    pub(crate) fn definitions() -> &'static [Definition] {
        SETTINGS
    }

    /// The values that were set for `name`, the one that counts first.
    pub(crate) fn given<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, Source)> {
        let altered = self.altered.iter();
        let altered = altered.filter_map(|(source, map)| Some((map.get(name)?.as_str(), *source)));
        let given = self.given.get(name).map(|value| (value.as_str(), Source::StaticBroker));
        altered.chain(given)
    }

    /// `producer.id.expiration.ms`.
    pub(crate) fn producer_expiration_ms(&self) -> i64 {
        self.long("producer.id.expiration.ms")
    }

    /// `max.connections`.
    pub(crate) fn connections_max(&self) -> usize {
        usize::try_from(self.long("max.connections")).unwrap_or(usize::MAX)
    }

    /// `max.connections.per.ip`.
    pub(crate) fn connections_per_ip_max(&self) -> usize {
        usize::try_from(self.long("max.connections.per.ip")).unwrap_or(usize::MAX)
    }

    /// A whole number that can be altered.
    fn long(&self, name: &str) -> i64 {
        let given = self.given(name).find_map(|(value, _)| value.trim().parse().ok());
        given.unwrap_or_else(|| Given(&self.given).long(name))
    }
}

/// Checks a change of a setting of running brokers.
///
/// # Errors
///
/// Why it cannot be made (Kafka: `INVALID_REQUEST`).
pub(crate) fn check_broker_setting(name: &str, value: Option<&str>) -> Result<(), ConfigError> {
    let definition = find(name)?;
    if !DYNAMIC.contains(&definition.name) {
        return Err(ConfigError::Static(definition.name));
    }
    let checked = value.map_or(Ok(()), |value| definition.check(value));
    checked.map_err(|expected| ConfigError::Invalid {
        name: definition.name,
        value: value.unwrap_or_default().to_owned(),
        expected,
    })
}

/// Settings of brokers that are taken, stored and shown, but have no effect: one replica is as many
/// in-sync replicas as there can be.
const STORED_ONLY: &[&str] = &["min.insync.replicas"];

/// Whether this broker acts on a setting of brokers, and does not only store it.
pub(crate) fn is_acted_on(name: &str) -> bool {
    !STORED_ONLY.contains(&name)
}

/// Whether a setting of brokers can be altered while they run.
pub(crate) fn is_dynamic(name: &str) -> bool {
    DYNAMIC.contains(&name)
}

struct Given<'a>(&'a BTreeMap<&'static str, String>);

impl<'a> Given<'a> {
    fn value(&self, name: &str) -> Option<&'a str> {
        let given = self.0.get(name).map(String::as_str);
        given.or_else(|| SETTINGS.iter().find(|d| d.name == name).and_then(|d| d.default))
    }

    /// Checked before, and every number has a default: 0 stands for no such setting.
    fn long(&self, name: &str) -> i64 {
        self.value(name).and_then(|v| v.trim().parse().ok()).unwrap_or(0)
    }

    /// How often something is done; `None`: never.
    fn interval(&self, name: &str) -> Option<Duration> {
        let ms = Some(self.long(name)).filter(|ms| (1..i64::MAX).contains(ms));
        ms.and_then(|ms| u64::try_from(ms).ok()).map(Duration::from_millis)
    }

    fn double(&self, name: &str) -> f64 {
        self.value(name).and_then(|v| v.trim().parse().ok()).unwrap_or(0.0)
    }

    fn int(&self, name: &str) -> i32 {
        i32::try_from(self.long(name)).unwrap_or(i32::MAX)
    }

    fn size(&self, name: &str) -> usize {
        usize::try_from(self.long(name)).unwrap_or(usize::MAX)
    }

    fn flag(&self, name: &str) -> bool {
        self.value(name) == Some("true")
    }
}

fn find(name: &str) -> Result<&'static Definition, ConfigError> {
    let name = if name == "broker.id" { "node.id" } else { name }; // Kafka's older name
    if let Some(definition) = SETTINGS.iter().find(|d| d.name == name) {
        return Ok(definition);
    }
    if let Some(known) = Known::find(Role::Broker, name) {
        return Err(ConfigError::Unsupported(known.name));
    }
    let nearest = nearest(name, SETTINGS.iter().map(|d| d.name)).unwrap_or("node.id");
    Err(ConfigError::Unknown { name: name.to_owned(), nearest })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(name: &str, value: &str) -> Result<BrokerConfig, ConfigError> {
        BrokerConfig::new(&[(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn settings_are_kafkas_with_kafkas_defaults() {
        for definition in SETTINGS {
            assert_eq!(definition.default.map_or(Ok(()), |d| definition.check(d)), Ok(()));
        }
        assert!(SETTINGS.is_sorted_by_key(|d| d.name));
        let known = |name: &&str| SETTINGS.iter().any(|d| d.name == *name);
        assert!(DYNAMIC.iter().chain(STORED_ONLY).all(known));
        let config = BrokerConfig::new(&[]).unwrap();
        assert_eq!(config.request_bytes_max, 100 * 1024 * 1024);
        assert_eq!(config.idle_max, Duration::from_secs(600));
        assert!(config.auto_create_topics);
        assert_eq!(i32::try_from(config.connections_max()), Ok(CONNECTIONS_MAX));
    }

    #[test]
    fn a_wrong_setting_says_what_would_be_right() {
        let unknown = config("num.partitons", "3").unwrap_err();
        assert_eq!(
            unknown.to_string(),
            "unknown setting num.partitons; did you mean num.partitions?"
        );
        let unsupported = config("offsets.topic.num.partitions", "3").unwrap_err();
        assert_eq!(unsupported, ConfigError::Unsupported("offsets.topic.num.partitions"));
        for name in ["listeners", "advertised.listeners", "log.dir", "log.dirs"] {
            let set_elsewhere = config(name, "x").unwrap_err();
            assert_eq!(set_elsewhere, ConfigError::Unsupported(name), "the builder sets it");
        }
        let too_many = config("max.connections", "10001").unwrap_err().to_string();
        assert!(too_many.contains("a whole number from 1 to 10000"), "{too_many}");
        let invalid = config("num.partitions", "0").unwrap_err();
        assert_eq!(
            invalid.to_string(),
            "num.partitions=0: a whole number from 1 to 2147483647 expected"
        );
        assert_eq!(config("num.partitions", "3").unwrap().num_partitions, 3);
    }
}
