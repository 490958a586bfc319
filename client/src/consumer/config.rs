//! The settings of a consumer, with Kafka's names and defaults.

use core::fmt;
use core::time::Duration;

use super::Consumer;
use crate::cluster::Cluster;
use crate::config::ConfigError;
use crate::properties::Properties;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Where to read when there is no position: at the start, or when the log does not have the offset.
/// Kafka's `auto.offset.reset`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum OffsetReset {
    /// At the first record that the partition still has (`earliest`).
    Earliest,
    /// Behind the last record (`latest`). Kafka's default, and ours.
    #[default]
    Latest,
    /// Nowhere: [`PollError`](super::PollError) says so, and the application seeks (`none`).
    Error,
}

/// Which records of transactions are seen. Kafka's `isolation.level`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Isolation {
    /// All, also those of open and aborted transactions (`read_uncommitted`). Kafka's default.
    #[default]
    ReadUncommitted,
    /// Only those of committed transactions, and those outside of any (`read_committed`); nothing
    /// behind the start of an open one.
    ReadCommitted,
}

impl Isolation {
    pub(crate) const fn on_the_wire(self) -> i8 {
        match self {
            Self::ReadUncommitted => 0,
            Self::ReadCommitted => 1,
        }
    }
}

/// Settings of one consumer, checked.
#[derive(Clone, Debug)]
pub(crate) struct ConsumerConfig {
    pub(crate) fetch_min_bytes: usize,
    pub(crate) fetch_max_wait: Duration,
    pub(crate) fetch_max_bytes: usize,
    pub(crate) partition_fetch_bytes_max: usize,
    pub(crate) fetch_buffer_bytes_max: usize,
    pub(crate) decompressed_batch_bytes_max: usize,
    pub(crate) isolation: Isolation,
    pub(crate) reset: OffsetReset,
    pub(crate) check_crcs: bool,
    pub(crate) default_api_timeout: Duration,
    pub(crate) retry_backoff: Duration,
    pub(crate) retry_backoff_max: Duration,
    pub(crate) seed: u64,
}

impl Default for ConsumerConfig {
    fn default() -> Self {
        Self {
            fetch_min_bytes: 1,
            fetch_max_wait: Duration::from_millis(500),
            fetch_max_bytes: 50 * MIB,
            partition_fetch_bytes_max: MIB,
            fetch_buffer_bytes_max: 64 * MIB,
            decompressed_batch_bytes_max: 128 * MIB,
            isolation: Isolation::default(),
            reset: OffsetReset::default(),
            check_crcs: true,
            default_api_timeout: Duration::from_secs(60),
            retry_backoff: Duration::from_millis(100),
            retry_backoff_max: Duration::from_secs(1),
            seed: 0,
        }
    }
}

/// What the wire's 32-bit lengths can carry.
const WIRE_BYTES_MAX: usize = 0x7fff_ffff;
const FETCH_MAX_WAIT_MAX: Duration = Duration::from_secs(300);
const API_TIMEOUT_MAX: Duration = Duration::from_secs(365 * 24 * 3600);

impl ConsumerConfig {
    pub(crate) fn checked(self) -> Result<Self, ConfigError> {
        for (setting, property, value) in [
            ("fetch_min_bytes", "fetch.min.bytes", self.fetch_min_bytes),
            ("fetch_max_bytes", "fetch.max.bytes", self.fetch_max_bytes),
            (
                "partition_fetch_bytes_max",
                "max.partition.fetch.bytes",
                self.partition_fetch_bytes_max,
            ),
            (
                "fetch_buffer_bytes_max",
                "none; librdkafka: queued.max.messages.kbytes",
                self.fetch_buffer_bytes_max,
            ),
            ("decompressed_batch_bytes_max", "none", self.decompressed_batch_bytes_max),
        ] {
            if !(1..=WIRE_BYTES_MAX).contains(&value) {
                let rule = "must be between 1 byte and 2 GiB - 1";
                return Err(ConfigError::invalid(setting, property, value, rule));
            }
        }
        if self.fetch_max_wait > FETCH_MAX_WAIT_MAX {
            let rule = "must be at most 5 minutes";
            let (setting, property) = ("fetch_max_wait", "fetch.max.wait.ms");
            return Err(ConfigError::invalid(setting, property, self.fetch_max_wait, rule));
        }
        let timeout = self.default_api_timeout;
        if timeout < Duration::from_millis(1) || timeout > API_TIMEOUT_MAX {
            let rule = "must be between 1 ms and one year";
            let (setting, property) = ("default_api_timeout", "default.api.timeout.ms");
            return Err(ConfigError::invalid(setting, property, timeout, rule));
        }
        Ok(self)
    }
}

/// Makes a [`Consumer`]; from [`Client::consumer`](crate::Client::consumer).
///
/// Every setting has Kafka's default. The consumer shares the client's connections and metadata,
/// but has one connection to each broker for itself, for its long polls.
#[must_use = "nothing is read before `build`"]
pub struct ConsumerBuilder {
    cluster: Cluster,
    pub(crate) config: ConsumerConfig,
    /// The properties it was given, to name them in errors.
    pub(crate) given: Properties,
}

impl fmt::Debug for ConsumerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsumerBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}

impl ConsumerBuilder {
    pub(crate) fn new(cluster: Cluster) -> Self {
        Self { cluster, config: ConsumerConfig::default(), given: Properties::new() }
    }

    /// How many bytes a broker gathers before it answers, unless [`fetch_max_wait`] passes first.
    /// Kafka: `fetch.min.bytes`; default 1.
    ///
    /// [`fetch_max_wait`]: Self::fetch_max_wait
    pub const fn fetch_min_bytes(mut self, bytes: usize) -> Self {
        self.config.fetch_min_bytes = bytes;
        self
    }

    /// How long a broker waits for [`fetch_min_bytes`](Self::fetch_min_bytes).
    /// Kafka: `fetch.max.wait.ms`; default 500 ms, at most 5 minutes.
    pub const fn fetch_max_wait(mut self, wait: Duration) -> Self {
        self.config.fetch_max_wait = wait;
        self
    }

    /// How many bytes a broker puts into one answer. A batch larger than that still comes, alone.
    /// Kafka: `fetch.max.bytes`; default 50 MiB.
    pub const fn fetch_max_bytes(mut self, bytes: usize) -> Self {
        self.config.fetch_max_bytes = bytes;
        self
    }

    /// How many bytes of one partition a broker puts into one answer. A batch larger than that
    /// still comes, alone. Kafka: `max.partition.fetch.bytes`; default 1 MiB.
    pub const fn partition_fetch_bytes_max(mut self, bytes: usize) -> Self {
        self.config.partition_fetch_bytes_max = bytes;
        self
    }

    /// How many bytes the consumer holds: promised to fetches under way, and fetched but not yet
    /// handed out. A single batch larger than what a fetch asked for may exceed it, once per
    /// broker. Records that the application holds do not count. Kafka has no such setting
    /// (librdkafka: `queued.max.messages.kbytes`, 64 MiB); default 64 MiB.
    pub const fn fetch_buffer_bytes_max(mut self, bytes: usize) -> Self {
        self.config.fetch_buffer_bytes_max = bytes;
        self
    }

    /// How large one compressed batch may become; a larger one is an error that names its offset.
    /// Not in Kafka; default 128 MiB.
    pub const fn decompressed_batch_bytes_max(mut self, bytes: usize) -> Self {
        self.config.decompressed_batch_bytes_max = bytes;
        self
    }

    /// Which records of transactions are seen. Kafka: `isolation.level`; default
    /// [`Isolation::ReadUncommitted`].
    pub const fn isolation(mut self, isolation: Isolation) -> Self {
        self.config.isolation = isolation;
        self
    }

    /// Where to read when there is no position. With [`OffsetReset::Error`] the application is also
    /// told when records that it has read are lost by the cluster
    /// ([`PollError::LogTruncated`](super::PollError::LogTruncated)); otherwise reading then goes
    /// on where the log begins to differ. Kafka: `auto.offset.reset`; default
    /// [`OffsetReset::Latest`].
    pub const fn reset(mut self, reset: OffsetReset) -> Self {
        self.config.reset = reset;
        self
    }

    /// Whether the CRC-32C of every batch is checked. Kafka: `check.crcs`; default `true`.
    pub const fn check_crcs(mut self, check: bool) -> Self {
        self.config.check_crcs = check;
        self
    }

    /// How long [`Consumer::position`], [`Consumer::beginning_offsets`] and the like may take.
    /// Kafka: `default.api.timeout.ms`; default 60 s.
    pub const fn default_api_timeout(mut self, timeout: Duration) -> Self {
        self.config.default_api_timeout = timeout;
        self
    }

    /// Starts the consumer's task. No I/O happens before something is assigned.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the setting that has a value it cannot have, or the property that set
    /// it.
    pub fn build(self) -> Result<Consumer, ConfigError> {
        let checked = self.config.clone().checked().map_err(|error| self.blame(error))?;
        Ok(Consumer::start(self.cluster, checked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_setting_is_refused_with_its_name_and_kafkas() {
        let base = ConsumerConfig::default;
        for (config, text) in [
            (
                ConsumerConfig { fetch_min_bytes: 0, ..base() },
                "fetch_min_bytes (Kafka: fetch.min.bytes) is 0: must be between 1 byte and 2 GiB \
                 - 1",
            ),
            (
                ConsumerConfig { fetch_buffer_bytes_max: 0, ..base() },
                "fetch_buffer_bytes_max (Kafka: none; librdkafka: queued.max.messages.kbytes) is \
                 0: must be between 1 byte and 2 GiB - 1",
            ),
            (
                ConsumerConfig { fetch_max_wait: Duration::from_secs(301), ..base() },
                "fetch_max_wait (Kafka: fetch.max.wait.ms) is 301s: must be at most 5 minutes",
            ),
            (
                ConsumerConfig { default_api_timeout: Duration::ZERO, ..base() },
                "default_api_timeout (Kafka: default.api.timeout.ms) is 0ns: must be between 1 ms \
                 and one year",
            ),
        ] {
            assert_eq!(config.checked().unwrap_err().to_string(), text);
        }
        assert!(base().checked().is_ok());
    }
}
