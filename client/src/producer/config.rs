//! The settings of a producer.

use core::fmt;
use core::time::Duration;

use ottla_protocol::record::Compression;

use super::accumulator::Bounds;
use super::partitioner::Partitioner;
use super::sequencer::IN_FLIGHT_MAX;
use super::{Producer, start};
use crate::backoff::Backoff;
use crate::cluster::Cluster;
use crate::config::{ConfigError, check_durations, check_wait};
use crate::properties::Properties;

/// Who must have a record before it counts as delivered (Kafka: `acks`).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Acks {
    /// Nobody: a record counts as delivered once it is written to the connection, and has no known
    /// offset. It may be lost without a word. Kafka: `acks=0`.
    None,
    /// The partition's leader. A record may be lost if the leader fails at once. Kafka: `acks=1`.
    Leader,
    /// All in-sync replicas, of which there must be at least `min.insync.replicas`. Kafka:
    /// `acks=all`. The default.
    #[default]
    All,
}

impl Acks {
    pub(crate) fn wire(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Leader => 1,
            Self::All => -1,
        }
    }
}

/// A producer's settings, checked.
#[derive(Clone, Debug)]
pub(crate) struct ProducerConfig {
    pub(crate) acks: Acks,
    pub(crate) compression: Compression,
    pub(crate) partitioner: Partitioner,
    pub(crate) buffer_memory: usize,
    pub(crate) max_block: Duration,
    pub(crate) request_timeout: Duration,
    pub(crate) bounds: Bounds,
    pub(crate) settings: Settings,
}

/// How the outbox behaves; see [`ProducerBuilder`] for the meaning of each.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) idempotent: bool,
    /// Whether no broker ever answers: acks=0. Then nothing that may have arrived is sent again.
    pub(crate) unanswered: bool,
    pub(crate) linger: Duration,
    pub(crate) gather_bytes: usize,
    pub(crate) request_bytes_max: usize,
    pub(crate) in_flight_max: usize,
    pub(crate) delivery_timeout: Duration,
    pub(crate) retry_backoff: Duration,
    pub(crate) retry_backoff_max: Duration,
}

impl Settings {
    /// How long a partition, or whoever has that `seed`, waits before each attempt.
    pub(crate) fn backoff(&self, seed: u64) -> Backoff {
        Backoff::new(self.retry_backoff, self.retry_backoff_max, seed)
    }
}

/// Builds a [`Producer`]. Two defaults differ from the Java client's on purpose: a record goes at
/// once if nothing is in flight to its broker, else gathers company for at most 1 ms (see
/// [`linger`](Self::linger)); and a batch may grow to 256 KiB under load (see
/// [`batch_bytes_max`](Self::batch_bytes_max)).
#[derive(Clone)]
#[must_use = "a builder does nothing before `build`"]
pub struct ProducerBuilder {
    cluster: Cluster,
    pub(crate) acks: Acks,
    pub(crate) idempotence: Option<bool>,
    pub(crate) linger: Duration,
    pub(crate) gather_bytes: Option<usize>,
    pub(crate) batch_bytes_max: Option<usize>,
    pub(crate) max_request_size: usize,
    pub(crate) buffer_memory: usize,
    pub(crate) max_block: Duration,
    pub(crate) delivery_timeout: Option<Duration>,
    /// Whether `request_timeout` is shortened to fit a shorter delivery timeout, as by librdkafka.
    pub(crate) request_yields: bool,
    pub(crate) request_timeout: Duration,
    pub(crate) retry_backoff: (Duration, Duration),
    pub(crate) max_in_flight: usize,
    pub(crate) compression: Compression,
    pub(crate) partitioner: Partitioner,
    /// The properties it was given, to name them in errors.
    pub(crate) given: Properties,
}

impl ProducerBuilder {
    pub(crate) fn new(cluster: Cluster) -> Self {
        let client = cluster.config();
        Self {
            acks: Acks::All,
            idempotence: None,
            linger: Duration::ZERO,
            gather_bytes: None,
            batch_bytes_max: None,
            max_request_size: 1024 * 1024,
            buffer_memory: 32 * 1024 * 1024,
            max_block: Duration::from_secs(60),
            delivery_timeout: None,
            request_yields: false,
            request_timeout: client.request_timeout,
            retry_backoff: (client.retry_backoff, client.retry_backoff_max),
            max_in_flight: IN_FLIGHT_MAX,
            compression: Compression::None,
            partitioner: Partitioner::Murmur2,
            given: Properties::new(),
            cluster,
        }
    }

    /// Who must have a record before it counts as delivered. Default: [`Acks::All`]. Any other
    /// switches idempotence off, unless it was asked for: then it is an error. Kafka: `acks`.
    pub fn acks(mut self, acks: Acks) -> Self {
        self.acks = acks;
        self
    }

    /// Whether a retry never appends a record twice and never changes the order of a partition.
    /// Default: on with [`Acks::All`], else off. Kafka: `enable.idempotence`.
    pub fn idempotence(mut self, on: bool) -> Self {
        self.idempotence = Some(on);
        self
    }

    /// How long a record may wait for company. Default: zero, which means natural batching: a
    /// record goes at once if nothing is in flight to its broker; otherwise records gather until
    /// [`gather_bytes`](Self::gather_bytes) wait, a reply arrives, or 1 ms has passed. A longer
    /// linger waits whatever is in flight. Kafka: `linger.ms`, 5 ms.
    pub fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }

    /// How many bytes waiting for a broker are enough to send them at once. Bytes before
    /// compression, at most [`batch_bytes_max`](Self::batch_bytes_max); default: 16 KiB, or that if
    /// it is less. Kafka: `batch.size`, which is counted per partition and bounds the batch as well.
    pub fn gather_bytes(mut self, bytes: usize) -> Self {
        self.gather_bytes = Some(bytes);
        self
    }

    /// How large a batch may grow while earlier ones are in flight, before compression; a record
    /// that is larger travels alone. At most [`max_request_size`](Self::max_request_size);
    /// default: 256 KiB, or that if it is less. Kafka: `batch.size`, 16 KiB.
    pub fn batch_bytes_max(mut self, bytes: usize) -> Self {
        self.batch_bytes_max = Some(bytes);
        self
    }

    /// How large a request may be; also bounds a single record before compression. Default: 1 MiB.
    /// Kafka: `max.request.size`.
    pub fn max_request_size(mut self, bytes: usize) -> Self {
        self.max_request_size = bytes;
        self
    }

    /// How many bytes of records may be without an acknowledgement; further ones wait. Default:
    /// 32 MiB. Kafka: `buffer.memory`; librdkafka: `queue.buffering.max.kbytes`.
    pub fn buffer_memory(mut self, bytes: usize) -> Self {
        self.buffer_memory = bytes;
        self
    }

    /// How long a record may wait for room in the buffer, or for its topic's metadata. Default:
    /// 60 s. Kafka: `max.block.ms`.
    pub fn max_block(mut self, wait: Duration) -> Self {
        self.max_block = wait;
        self
    }

    /// How long after its batch was opened a record's fate is decided at the latest. At least
    /// `linger` plus `request_timeout`. Default: 120 s, or that sum if it is more. Kafka:
    /// `delivery.timeout.ms`; librdkafka: `message.timeout.ms`, a property before which
    /// `request_timeout` gives way, and of which 0 is taken for a year.
    pub fn delivery_timeout(mut self, timeout: Duration) -> Self {
        self.delivery_timeout = Some(timeout);
        self.request_yields = false;
        self
    }

    /// How long to wait for the answer to one request; the leader waits as long for its replicas.
    /// Default: the client's, 30 s. Kafka: `request.timeout.ms`.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// How long to wait before a retry: `min` at first, doubling up to `max`, a fifth more or less.
    /// Default: the client's, 100 ms to 1 s. Kafka: `retry.backoff.ms`, `retry.backoff.max.ms`.
    pub fn retry_backoff(mut self, min: Duration, max: Duration) -> Self {
        self.retry_backoff = (min, max);
        self
    }

    /// How many requests may be in flight to a broker, and batches to a partition. At most 5 with
    /// idempotence; without it, more than 1 may change the order of records that are retried.
    /// Default: 5. Kafka: `max.in.flight.requests.per.connection`.
    pub fn max_in_flight(mut self, requests: usize) -> Self {
        self.max_in_flight = requests;
        self
    }

    /// How batches are compressed. Default: [`Compression::None`]. Kafka: `compression.type`.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// How a record without an explicit partition gets one. Default: [`Partitioner::Murmur2`], as
    /// the Java client does. Kafka: `partitioner.class`, `partitioner.ignore.keys`; librdkafka's
    /// `partitioner`, whose default is [`Partitioner::Crc32Random`].
    pub fn partitioner(mut self, partitioner: Partitioner) -> Self {
        self.partitioner = partitioner;
        self
    }

    /// Makes the producer and starts its task. Sends nothing yet.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], which names the setting, or the property that set it.
    pub fn build(self) -> Result<Producer, ConfigError> {
        let config = self.checked().map_err(|error| self.blame(error))?;
        Ok(start(self.cluster, config))
    }

    pub(crate) fn batch_bytes_max_or_default(&self) -> usize {
        self.batch_bytes_max.unwrap_or_else(|| BATCH_BYTES_MAX.min(self.max_request_size))
    }

    fn gather_bytes_or_default(&self) -> usize {
        self.gather_bytes.unwrap_or_else(|| GATHER_BYTES.min(self.batch_bytes_max_or_default()))
    }

    /// Checks each setting by itself.
    fn check_each(&self) -> Result<(), ConfigError> {
        let gather_bytes = self.gather_bytes_or_default();
        let batch_bytes_max = self.batch_bytes_max_or_default();
        let sizes = [
            ("max_request_size", "max.request.size", self.max_request_size, 1, REQUEST_SIZE_MAX),
            ("batch_bytes_max", "batch.size", batch_bytes_max, 1, self.max_request_size),
            ("gather_bytes", "batch.size", gather_bytes, 1, batch_bytes_max),
            ("buffer_memory", "buffer.memory", self.buffer_memory, 1024, usize::MAX >> 3),
            ("max_in_flight", IN_FLIGHT_PROPERTY, self.max_in_flight, 1, 1000),
        ];
        for (setting, property, value, min, max) in sizes {
            if value < min || value > max {
                let rule = format!("must be {min} to {max}");
                return Err(ConfigError::invalid(setting, property, value, rule));
            }
        }
        if !self.compression.is_built_in() {
            return Err(ConfigError::MissingFeature {
                setting: "compression",
                value: self.compression.to_string(),
                feature: self.compression.name(),
            });
        }
        let (min, max) = self.retry_backoff;
        check_durations(&[
            ("request_timeout", "request.timeout.ms", self.request_timeout),
            (
                "delivery_timeout",
                "delivery.timeout.ms",
                self.delivery_timeout.unwrap_or(DELIVERY_TIMEOUT),
            ),
            ("retry_backoff", "retry.backoff.ms", min),
            ("retry_backoff", "retry.backoff.max.ms", max),
        ])?;
        check_wait("linger", "linger.ms", self.linger)?;
        check_wait("max_block", "max.block.ms", self.max_block)?;
        if min > max {
            let rule = format!("the first wait, {min:?}, must be at most the longest, {max:?}");
            return Err(ConfigError::invalid("retry_backoff", "retry.backoff.ms", min, rule));
        }
        Ok(())
    }

    /// For a record, and for a request.
    fn timeouts(&self) -> Result<(Duration, Duration), ConfigError> {
        let least = self.linger.saturating_add(self.request_timeout);
        let Some(delivery) = self.delivery_timeout else {
            return Ok((DELIVERY_TIMEOUT.max(least), self.request_timeout));
        };
        let request = match self.request_yields {
            true => self.request_timeout.min(delivery.saturating_sub(self.linger)),
            false => self.request_timeout,
        };
        let request = request.max(DURATION_MIN);
        let least = self.linger.saturating_add(request);
        if delivery < least {
            let rule = format!("must be at least linger plus request_timeout, {least:?}");
            let property = "delivery.timeout.ms";
            return Err(ConfigError::invalid("delivery_timeout", property, delivery, rule));
        }
        Ok((delivery, request))
    }

    pub(crate) fn checked(&self) -> Result<ProducerConfig, ConfigError> {
        self.check_each()?;
        let idempotent = self.idempotence.unwrap_or(self.acks == Acks::All);
        if idempotent && self.acks != Acks::All {
            let rule = "must be All with idempotence(true)";
            return Err(ConfigError::invalid("acks", "acks", self.acks, rule));
        }
        if idempotent && self.max_in_flight > IN_FLIGHT_MAX {
            let rule = "must be at most 5 with idempotence: a broker recognizes no more retries";
            return Err(ConfigError::invalid(
                "max_in_flight",
                IN_FLIGHT_PROPERTY,
                self.max_in_flight,
                rule,
            ));
        }
        let (min, max) = self.retry_backoff;
        let gather_bytes = self.gather_bytes_or_default();
        let (delivery_timeout, request_timeout) = self.timeouts()?;
        Ok(ProducerConfig {
            acks: self.acks,
            compression: self.compression,
            partitioner: self.partitioner.clone(),
            buffer_memory: self.buffer_memory,
            max_block: self.max_block,
            request_timeout,
            bounds: Bounds {
                batch_bytes_max: self.batch_bytes_max_or_default(),
                gather_bytes,
                request_bytes_max: self.max_request_size,
            },
            settings: Settings {
                idempotent,
                unanswered: self.acks == Acks::None,
                linger: self.linger,
                gather_bytes,
                request_bytes_max: self.max_request_size,
                in_flight_max: self.max_in_flight,
                delivery_timeout,
                retry_backoff: min,
                retry_backoff_max: max,
            },
        })
    }
}

/// Default of `batch_bytes_max`.
const BATCH_BYTES_MAX: usize = 256 * 1024;

/// Default of `gather_bytes`.
const GATHER_BYTES: usize = 16 * 1024;

/// Default of `delivery_timeout`, unless `linger` and `request_timeout` take longer.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(120);

/// The shortest timeout of a request.
const DURATION_MIN: Duration = Duration::from_millis(1);

/// The wire counts a request in an `i32`; half of that leaves room for headers and names.
const REQUEST_SIZE_MAX: usize = 1 << 30;

const IN_FLIGHT_PROPERTY: &str = "max.in.flight.requests.per.connection";

impl fmt::Debug for ProducerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProducerBuilder")
            .field("acks", &self.acks)
            .field("idempotence", &self.idempotence)
            .field("linger", &self.linger)
            .field("compression", &self.compression)
            .field("partitioner", &self.partitioner)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Client;

    #[tokio::test(start_paused = true)]
    async fn a_bad_setting_is_refused_with_its_name() {
        let client = Client::builder("a:1").seed(7).build().unwrap();
        let (zero, ms) = (Duration::ZERO, Duration::from_millis(1));
        let builder = || client.producer();
        for (builder, text) in [
            (builder().retry_backoff(zero, ms), "retry_backoff (Kafka: retry.backoff.ms) is 0ns"),
            (builder().retry_backoff(ms, Duration::MAX), "retry.backoff.max.ms"),
            (
                builder().retry_backoff(2 * ms, ms),
                "the first wait, 2ms, must be at most the longest, 1ms",
            ),
            (builder().request_timeout(zero), "request_timeout (Kafka: request.timeout.ms) is 0ns"),
            (builder().linger(Duration::MAX), "linger (Kafka: linger.ms)"),
            (builder().max_block(Duration::MAX), "max_block (Kafka: max.block.ms)"),
            (builder().delivery_timeout(Duration::MAX), "must be between 1 ms and one year"),
            (builder().delivery_timeout(ms), "must be at least linger plus request_timeout"),
        ] {
            let error = builder.checked().unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
        assert!(builder().max_block(zero).checked().is_ok(), "not to wait is fine");
        let small = builder().batch_bytes_max(8 * 1024).checked().unwrap();
        assert_eq!(small.bounds.gather_bytes, 8 * 1024, "no more than a batch may have");
        let small = builder().max_request_size(9 * 1024).checked().unwrap();
        assert_eq!((small.bounds.batch_bytes_max, small.bounds.gather_bytes), (9_216, 9_216));
        let error = builder().max_request_size(9).batch_bytes_max(10).checked().unwrap_err();
        assert!(error.to_string().starts_with("batch_bytes_max"), "what was asked for: {error}");
        let error = builder().batch_bytes_max(0).checked().unwrap_err().to_string();
        assert!(error.starts_with("batch_bytes_max"), "{error}");
    }
}
