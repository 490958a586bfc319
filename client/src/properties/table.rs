//! The one table of the properties that this client has: names, builder's method, effect.

use super::tls::{self, TlsDraft};
use super::value::{boolean, bytes, choice, count, endless, fine_millis, idle, kilobytes, millis};
use crate::config::{ClientConfig, MetadataRecovery};
use crate::consumer::{ConsumerConfig, Isolation, OffsetReset};
use crate::producer::{Acks, Partitioner, ProducerBuilder};

/// Changes a `T` as the value says, or gives the rule that the value breaks.
type Effect<T> = fn(&mut T, &str) -> Result<(), String>;

/// What a property does, and to which handle.
#[derive(Clone, Copy)]
pub(super) enum Apply {
    Client(Effect<ClientConfig>),
    Tls(Effect<TlsDraft>),
    Producer(Effect<ProducerBuilder>),
    Consumer(Effect<ConsumerConfig>),
    /// Nothing: this client always behaves as these values say.
    Only(&'static [&'static str]),
}

/// One property of one handle.
#[derive(Clone, Copy)]
pub(super) struct Setting {
    /// The Java client's name, or librdkafka's if that has none.
    pub(super) property: &'static str,
    /// Further names, most of them librdkafka's.
    pub(super) aliases: &'static [&'static str],
    /// The builder's method, or none.
    pub(super) method: &'static str,
    pub(super) apply: Apply,
}

impl Setting {
    pub(super) fn is_called(&self, name: &str) -> bool {
        self.property == name || self.aliases.contains(&name)
    }
}

const fn row(
    property: &'static str,
    aliases: &'static [&'static str],
    method: &'static str,
    apply: Apply,
) -> Setting {
    Setting { property, aliases, method, apply }
}

const fn pem(
    property: &'static str,
    aliases: &'static [&'static str],
    method: &'static str,
    effect: Effect<TlsDraft>,
) -> Setting {
    row(property, aliases, method, Apply::Tls(effect))
}

/// A row whose effect sets one place of its target to the value read.
macro_rules! set {
    ($handle:ident, $property:literal, $aliases:expr, $method:literal, $read:expr, $($to:tt)+) => {
        row($property, &$aliases, $method, Apply::$handle(|target, text| {
            target$($to)+ = $read(text)?;
            Ok(())
        }))
    };
}

/// All of them. A property that two handles have is there twice.
pub(super) const SETTINGS: &[Setting] = &[
    // client
    row("bootstrap.servers", &["metadata.broker.list"], "builder", Apply::Client(|_, _| Ok(()))),
    row(
        "client.id",
        &[],
        "client_id",
        Apply::Client(|to, text| {
            if !text.is_empty() {
                // Java's default: a name of the client's own
                to.client_id = text.into();
            }
            Ok(())
        }),
    ),
    set!(Client, "request.timeout.ms", ["socket.timeout.ms"], "request_timeout", millis,
        .request_timeout),
    set!(Client, "default.api.timeout.ms", [], "api_timeout", millis,
        .api_timeout),
    set!(Client, "socket.connection.setup.timeout.ms", [], "connection_setup_timeout", millis,
        .connection_setup_timeout),
    set!(Client, "reconnect.backoff.ms", [], "reconnect_backoff", millis,
        .reconnect_backoff),
    set!(Client, "reconnect.backoff.max.ms", [], "reconnect_backoff", millis,
        .reconnect_backoff_max),
    set!(Client, "retry.backoff.ms", [], "retry_backoff", millis, .retry_backoff),
    set!(Client, "retry.backoff.max.ms", [], "retry_backoff", millis,
        .retry_backoff_max),
    set!(Client, "metadata.max.age.ms", ["topic.metadata.refresh.interval.ms"],
        "metadata_max_age", millis, .metadata_max_age),
    set!(Client, "connections.max.idle.ms", [], "connections_idle_max", idle,
        .connections_idle_max),
    set!(Client, "receive.message.max.bytes", [], "response_bytes_max", bytes,
        .response_bytes_max),
    set!(Client, "metadata.recovery.strategy", [], "metadata_recovery", recovery,
        .metadata_recovery),
    set!(Client, "metadata.recovery.rebootstrap.trigger.ms", [], "rebootstrap_trigger", millis,
        .rebootstrap_trigger),
    set!(Client, "allow.auto.create.topics", [], "auto_create_topics", boolean,
        .auto_create_topics),
    // TLS
    set!(Tls, "security.protocol", [], "tls", security_protocol, .on),
    pem("ssl.truststore.certificates", &["ssl.ca.pem"], "roots_pem", |to, text| {
        to.take(tls::ROOTS_PEM, text)
    }),
    pem("ssl.truststore.location", &["ssl.ca.location"], "roots_file", |to, path| {
        to.take(tls::ROOTS_FILE, path)
    }),
    pem(
        "ssl.keystore.certificate.chain",
        &["ssl.certificate.pem"],
        "client_certificate_pem",
        |to, text| to.take(tls::CHAIN_PEM, text),
    ),
    pem("ssl.keystore.key", &["ssl.key.pem"], "client_certificate_pem", |to, text| {
        to.take(tls::KEY_PEM, text)
    }),
    pem("ssl.keystore.location", &[], "client_certificate_files", |to, path| {
        to.take(tls::BOTH_FILE, path)
    }),
    pem("ssl.certificate.location", &[], "client_certificate_files", |to, path| {
        to.take(tls::CHAIN_FILE, path)
    }),
    pem("ssl.key.location", &[], "client_certificate_files", |to, path| {
        to.take(tls::KEY_FILE, path)
    }),
    set!(Tls, "ssl.endpoint.identification.algorithm", [], "dangerous_accept_any_host",
        any_host, .any_host),
    // producer
    set!(Producer, "acks", ["request.required.acks"], "acks", acks, .acks),
    row(
        "enable.idempotence",
        &[],
        "idempotence",
        Apply::Producer(|to, text| {
            to.idempotence = Some(boolean(text)?);
            Ok(())
        }),
    ),
    set!(Producer, "linger.ms", ["queue.buffering.max.ms"], "linger", fine_millis, .linger),
    row(
        "batch.size",
        &[],
        "batch_bytes_max",
        Apply::Producer(|to, text| {
            to.batch_bytes_max = Some(bytes(text)?.max(1)); // zero is Java's word for no batching
            to.gather_bytes = to.batch_bytes_max;
            Ok(())
        }),
    ),
    set!(Producer, "max.request.size", ["message.max.bytes"], "max_request_size", bytes,
        .max_request_size),
    set!(Producer, "buffer.memory", [], "buffer_memory", bytes, .buffer_memory),
    set!(Producer, "queue.buffering.max.kbytes", [], "buffer_memory", kilobytes, .buffer_memory),
    set!(Producer, "max.block.ms", [], "max_block", millis, .max_block),
    row(
        "delivery.timeout.ms",
        &[],
        "delivery_timeout",
        Apply::Producer(|to, text| {
            to.delivery_timeout = Some(millis(text)?);
            to.request_yields = false;
            Ok(())
        }),
    ),
    row("message.timeout.ms", &[], "delivery_timeout", Apply::Producer(message_timeout)),
    set!(Producer, "request.timeout.ms", [], "request_timeout", millis, .request_timeout),
    set!(Producer, "retry.backoff.ms", [], "retry_backoff", millis, .retry_backoff.0),
    set!(Producer, "retry.backoff.max.ms", [], "retry_backoff", millis, .retry_backoff.1),
    set!(Producer, "max.in.flight.requests.per.connection", ["max.in.flight"], "max_in_flight",
        count, .max_in_flight),
    set!(Producer, "compression.type", ["compression.codec"], "compression", compression,
        .compression),
    set!(Producer, "partitioner.class", [], "partitioner", partitioner_class, .partitioner),
    set!(Producer, "partitioner", [], "partitioner", partitioner, .partitioner),
    row(
        "partitioner.ignore.keys",
        &[],
        "partitioner",
        // what it does depends on the partitioner that counts in the end: see the handle
        Apply::Producer(|_, text| boolean(text).map(drop)),
    ),
    // consumer
    set!(Consumer, "fetch.min.bytes", [], "fetch_min_bytes", bytes, .fetch_min_bytes),
    set!(Consumer, "fetch.max.wait.ms", ["fetch.wait.max.ms"], "fetch_max_wait", millis,
        .fetch_max_wait),
    set!(Consumer, "fetch.max.bytes", [], "fetch_max_bytes", bytes, .fetch_max_bytes),
    set!(Consumer, "max.partition.fetch.bytes", ["fetch.message.max.bytes"],
        "partition_fetch_bytes_max", bytes, .partition_fetch_bytes_max),
    set!(Consumer, "queued.max.messages.kbytes", [], "fetch_buffer_bytes_max", kilobytes,
        .fetch_buffer_bytes_max),
    set!(Consumer, "isolation.level", [], "isolation", isolation, .isolation),
    set!(Consumer, "auto.offset.reset", [], "reset", reset, .reset),
    set!(Consumer, "check.crcs", [], "check_crcs", boolean, .check_crcs),
    set!(Consumer, "default.api.timeout.ms", [], "default_api_timeout", millis,
        .default_api_timeout),
    // what is always so
    row("enable.auto.commit", &["auto.commit.enable"], "", Apply::Only(&["false"])),
    row("enable.auto.offset.store", &[], "", Apply::Only(&["false"])),
    row("enable.metrics.push", &[], "", Apply::Only(&["false"])),
    row("enable.partition.eof", &[], "", Apply::Only(&["false"])),
    row("retries", &["message.send.max.retries"], "", Apply::Only(&["2147483647"])),
    row("socket.nagle.disable", &[], "", Apply::Only(&["true"])),
    row("api.version.request", &[], "", Apply::Only(&["true"])),
    row("enable.ssl.certificate.verification", &[], "", Apply::Only(&["true"])),
    row("statistics.interval.ms", &[], "", Apply::Only(&["0"])),
    row("sasl.mechanism", &["sasl.mechanisms"], "", Apply::Only(&["GSSAPI", ""])),
    row("ssl.truststore.type", &[], "", Apply::Only(&["PEM"])),
    row("ssl.keystore.type", &[], "", Apply::Only(&["PEM"])),
];

/// librdkafka waits no longer for an answer than for the record.
pub(super) fn message_timeout(to: &mut ProducerBuilder, text: &str) -> Result<(), String> {
    to.delivery_timeout = Some(endless(text)?);
    to.request_yields = true;
    Ok(())
}

fn security_protocol(text: &str) -> Result<bool, String> {
    if text.to_ascii_uppercase().starts_with("SASL") {
        return Err("must be PLAINTEXT or SSL: SASL is not there yet".to_owned());
    }
    choice(text, &[("PLAINTEXT", false), ("SSL", true)])
}

fn recovery(text: &str) -> Result<MetadataRecovery, String> {
    let (again, never) = (MetadataRecovery::Rebootstrap, MetadataRecovery::None);
    choice(text, &[("rebootstrap", again), ("none", never)])
}

fn any_host(text: &str) -> Result<bool, String> {
    let rule = |_| "must be https, or empty (librdkafka: none) to accept any host".to_owned();
    choice(text, &[("https", false), ("none", true), ("", true)]).map_err(rule)
}

fn acks(text: &str) -> Result<Acks, String> {
    choice(text, &[("all", Acks::All), ("-1", Acks::All), ("1", Acks::Leader), ("0", Acks::None)])
}

fn compression(text: &str) -> Result<crate::Compression, String> {
    let lower = text.to_ascii_lowercase();
    lower.parse().map_err(|_| "must be one of none, gzip, snappy, lz4, zstd".to_owned())
}

fn partitioner_class(text: &str) -> Result<Partitioner, String> {
    let class = text.rsplit('.').next().unwrap_or(text);
    match class {
        "" | "DefaultPartitioner" => Ok(Partitioner::Murmur2),
        "RoundRobinPartitioner" => Ok(Partitioner::RoundRobin),
        "UniformStickyPartitioner" => Ok(Partitioner::Sticky),
        _ => Err("must be RoundRobinPartitioner, or empty for murmur2: write any other as a \
                  CustomPartitioner and give it to ProducerBuilder::partitioner"
            .to_owned()),
    }
}

fn partitioner(text: &str) -> Result<Partitioner, String> {
    let names = [
        ("consistent", Partitioner::Crc32),
        ("consistent_random", Partitioner::Crc32Random),
        ("murmur2", Partitioner::Murmur2Consistent),
        ("murmur2_random", Partitioner::Murmur2),
        ("fnv1a", Partitioner::Fnv1a),
        ("fnv1a_random", Partitioner::Fnv1aRandom),
        ("random", Partitioner::Random),
    ];
    choice(text, &names)
}

fn isolation(text: &str) -> Result<Isolation, String> {
    let (all, committed) = (Isolation::ReadUncommitted, Isolation::ReadCommitted);
    choice(text, &[("read_uncommitted", all), ("read_committed", committed)])
}

fn reset(text: &str) -> Result<OffsetReset, String> {
    let (first, last, none) = (OffsetReset::Earliest, OffsetReset::Latest, OffsetReset::Error);
    let names = [
        ("earliest", first),
        ("latest", last),
        ("none", none),
        ("smallest", first),
        ("beginning", first),
        ("largest", last),
        ("end", last),
        ("error", none),
    ];
    choice(text, &names)
}
