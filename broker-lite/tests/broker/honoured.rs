//! Every setting that is marked as acted on is altered, and its effect is seen.
//!
//! A case says what is observed without a setting and with it. The broker itself says which settings
//! there must be a case for: one that is added without a case fails here.

use core::time::Duration;
use std::collections::BTreeSet;
use std::path::Path;

use broker_lite::{Cluster, ClusterBuilder, Storage};
use bytes::{Bytes, BytesMut};
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{PartitionIndex, Timestamp};
use ottla_protocol::messages::create_topics::{CreatableTopic, CreateTopicsRequest};
use ottla_protocol::messages::delete_topics::DeleteTopicsRequest;
use ottla_protocol::messages::describe_log_dirs::DescribeLogDirsRequest;
use ottla_protocol::messages::describe_producers::{self, DescribeProducersRequest};
use ottla_protocol::messages::incremental_alter_configs::{OPERATION_DELETE, OPERATION_SET};
use ottla_protocol::record::{BatchBuilder, BatchHeader, Compression, Compressor};
use ottla_runtime::Clock;
use tokio::io::AsyncWriteExt;

use crate::alter::{BROKER, TOPIC, alter, altered};
use crate::configs::{describe, described};
use crate::offsets::{fetched, list, listed};
use crate::raw::{
    Raw, batch, batch_at, cluster, fetch, metadata, produce, produce_batch, stamp, values,
};

/// How an effect is seen.
#[derive(Clone, Copy, Debug)]
enum Probe {
    /// What becomes of a batch whose records have this time.
    Produced(i64),
    /// What the log says of a batch.
    Written,
    /// How well it is packed in the log.
    Packed(Compression),
    /// What becomes of a record that is much larger than its batch.
    Inflated,
    /// Whether files of the log come to be, of batches of so many bytes so far apart in time.
    Rolls(usize, i64),
    /// Whether records are still there so many seconds later.
    Keeps(u64),
    /// Whether a batch is on the device a minute later, as the checkpoint says then.
    Synced,
    /// Whether that checkpoint is written in ten seconds.
    Checkpointed,
    /// Whether a producer is remembered after a minute of silence.
    Remembers,
    /// How many of four connections more than the one asking stay open.
    Connections,
    /// How many partitions a topic has that is made by asking for it.
    AutoCreated,
    /// What the creation of a topic with the default number of replicas says.
    Created,
    Deleted,
    /// After how much silence a connection is closed.
    Idle,
    /// How many of four batches of about 400 bytes one Fetch gives.
    Fetched,
    /// Whether a Fetch that asks for a session gets one.
    Session,
    /// What becomes of a request of 5000 bytes.
    Received,
    /// Id and address in the metadata.
    Node,
    LogDir,
    /// Whether an old record is gone some time after newer ones of its key.
    Compacts,
    /// Whether a tombstone is still there after two compactions.
    Tombstone,
}

use Probe::{
    AutoCreated, Checkpointed, Compacts, Connections, Created, Deleted, Fetched, Idle, Inflated,
    Keeps, LogDir, Node, Packed, Produced, Received, Remembers, Rolls, Session, Synced, Tombstone,
    Written,
};

/// A setting's name, a value for it, what shows its effect, what is seen without it and with it.
type Case = (&'static str, &'static str, Probe, &'static str, &'static str);

const LATER: i64 = i64::MAX / 2;
const LOG_APPEND: &str = "LogAppendTime";

/// Settings of a topic.
const TOPIC_CASES: &[Case] = &[
    ("cleanup.policy", "compact", Produced(1_000), "NONE", "INVALID_RECORD"),
    ("compression.gzip.level", "1", Packed(Compression::Gzip), "as usual", "less"),
    ("compression.type", "gzip", Written, "none, CreateTime", "gzip, CreateTime"),
    ("compression.zstd.level", "22", Packed(Compression::Zstd), "as usual", "more"),
    ("delete.retention.ms", "0", Tombstone, "kept", "gone"),
    ("flush.messages", "1", Synced, "not synced", "synced"),
    ("flush.ms", "2000", Synced, "not synced", "synced"),
    ("index.interval.bytes", "0", Rolls(9, 1), "one file", "more files"),
    ("internal.segment.bytes", "100", Rolls(9, 1), "one file", "more files"),
    ("max.compaction.lag.ms", "1", Compacts, "kept", "gone"),
    ("max.decompressed.message.bytes", "5000", Inflated, "NONE", "MESSAGE_TOO_LARGE"),
    ("max.message.bytes", "50", Produced(1_000), "NONE", "MESSAGE_TOO_LARGE"),
    ("message.timestamp.after.max.ms", "9223372036854775807", Produced(LATER), UNTIMELY, "NONE"),
    ("message.timestamp.before.max.ms", "5", Produced(1_000), "NONE", UNTIMELY),
    ("message.timestamp.type", LOG_APPEND, Written, "none, CreateTime", "none, LogAppendTime"),
    ("ottla.durability", "commit", Synced, "not synced", "synced"),
    ("retention.bytes", "0", Keeps(400), "kept", "gone"),
    ("retention.ms", "1000", Keeps(400), "kept", "gone"),
    ("min.cleanable.dirty.ratio", "1.0", Compacts, "gone", "kept"),
    ("min.compaction.lag.ms", "1000000000", Compacts, "gone", "kept"),
    ("segment.bytes", "1048576", Rolls(400_000, 1), "one file", "more files"),
    ("segment.index.bytes", "12", Rolls(9_000, 1), "one file", "more files"),
    ("segment.jitter.ms", WEEK, Rolls(9, FIFTH_OF_A_WEEK), "one file", "more files"),
    ("segment.ms", "10", Rolls(9, 20), "one file", "more files"),
];
const UNTIMELY: &str = "INVALID_TIMESTAMP";
/// After which a segment ends, unless it is to end earlier.
const WEEK: &str = "604800000";
const FIFTH_OF_A_WEEK: i64 = 119_000_000;
const NEVER: &str = "9223372036854775807";

/// Settings of brokers that can be altered while they run.
const DYNAMIC_CASES: &[Case] = &[
    ("compression.gzip.level", "9", Packed(Compression::Gzip), "as usual", "more"),
    ("compression.type", "lz4", Written, "none, CreateTime", "lz4, CreateTime"),
    ("compression.zstd.level", "-100", Packed(Compression::Zstd), "as usual", "less"),
    ("log.cleaner.delete.retention.ms", "0", Tombstone, "kept", "gone"),
    ("log.cleaner.max.compaction.lag.ms", "1", Compacts, "kept", "gone"),
    ("log.cleaner.min.cleanable.ratio", "1.0", Compacts, "gone", "kept"),
    ("log.cleaner.min.compaction.lag.ms", "1000000000", Compacts, "gone", "kept"),
    ("log.cleanup.policy", "compact", Produced(1_000), "NONE", "INVALID_RECORD"),
    ("log.flush.interval.messages", "1", Synced, "not synced", "synced"),
    ("log.flush.interval.ms", "2000", Synced, "not synced", "synced"),
    ("log.index.interval.bytes", "0", Rolls(9, 1), "one file", "more files"),
    ("log.index.size.max.bytes", "12", Rolls(9_000, 1), "one file", "more files"),
    (
        "log.message.timestamp.after.max.ms",
        "9223372036854775807",
        Produced(LATER),
        UNTIMELY,
        "NONE",
    ),
    ("log.message.timestamp.before.max.ms", "5", Produced(1_000), "NONE", UNTIMELY),
    ("log.message.timestamp.type", LOG_APPEND, Written, "none, CreateTime", "none, LogAppendTime"),
    ("log.retention.bytes", "0", Keeps(400), "kept", "gone"),
    ("log.retention.ms", "1000", Keeps(400), "kept", "gone"),
    ("log.roll.jitter.ms", WEEK, Rolls(9, FIFTH_OF_A_WEEK), "one file", "more files"),
    ("log.roll.ms", "10", Rolls(9, 20), "one file", "more files"),
    ("log.segment.bytes", "1048576", Rolls(400_000, 1), "one file", "more files"),
    ("max.connections", "3", Connections, "4", "2"),
    ("max.connections.per.ip", "2", Connections, "4", "1"),
    ("max.decompressed.message.bytes", "5000", Inflated, "NONE", "MESSAGE_TOO_LARGE"),
    ("message.max.bytes", "50", Produced(1_000), "NONE", "MESSAGE_TOO_LARGE"),
    ("ottla.durability", "commit", Synced, "not synced", "synced"),
    ("producer.id.expiration.ms", "1", Remembers, "1 producers", "0 producers"),
];

/// Settings of brokers that are read when they start, and what their builder says instead of one.
const STATIC_CASES: &[Case] = &[
    ("advertised.listeners", "kafka.example:7", Node, "1 at node:9092", "1 at kafka.example:7"),
    ("auto.create.topics.enable", "false", AutoCreated, "1", "0"),
    ("broker.id", "7", Node, "1 at node:9092", "7 at node:9092"),
    ("connections.max.idle.ms", "30000", Idle, "600 s", "30 s"),
    ("default.replication.factor", "2", Created, "NONE", "INVALID_REPLICATION_FACTOR"),
    ("delete.topic.enable", "false", Deleted, "NONE", "TOPIC_DELETION_DISABLED"),
    ("fetch.max.bytes", "1024", Fetched, "4", "2"),
    ("listeners", "PLAINTEXT://node:7", Node, "1 at node:9092", "1 at node:7"),
    ("log.cleaner.backoff.ms", "100000", Compacts, "gone", "kept"),
    ("log.cleaner.dedupe.buffer.size", "48", Compacts, "gone", "kept"),
    ("log.cleaner.io.max.bytes.per.second", "1", Compacts, "gone", "kept"),
    ("log.dirs", "DIR", LogDir, "memory", "DIR"),
    ("log.flush.offset.checkpoint.interval.ms", "9000", Checkpointed, "absent", "there"),
    ("log.flush.scheduler.interval.ms", "2000", Synced, "not synced", "synced"),
    ("log.retention.check.interval.ms", "10000", Keeps(30), "kept", "gone"),
    ("log.retention.hours", "1", Keeps(7_200), "kept", "gone"),
    ("log.retention.minutes", "1", Keeps(400), "kept", "gone"),
    ("log.roll.hours", "1", Rolls(9, 1_000_000), "one file", "more files"),
    ("log.roll.jitter.hours", "168", Rolls(9, FIFTH_OF_A_WEEK), "one file", "more files"),
    ("max.incremental.fetch.session.cache.slots", "0", Session, "true", "false"),
    ("node.id", "7", Node, "1 at node:9092", "7 at node:9092"),
    ("num.partitions", "3", AutoCreated, "1", "3"),
    ("socket.request.max.bytes", "4000", Received, "NONE", "closed"),
];

impl Probe {
    async fn observe(self, cluster: &Cluster, raw: &mut Raw, dir: &Path) -> String {
        match self {
            Produced(time) => sent(raw, batch_at(&[time])).await,
            Written => written(raw).await,
            Packed(codec) => packed(raw, codec).await,
            Inflated => sent(raw, sealed(&"x".repeat(9_000), Compression::Gzip)).await,
            Rolls(bytes, apart) => rolls(raw, dir, bytes, apart).await,
            Keeps(seconds) => keeps(cluster, raw, seconds).await,
            Synced => synced(cluster, raw, dir).await,
            Checkpointed => {
                let path = dir.join("recovery-point-offset-checkpoint");
                std::fs::remove_file(&path).ok(); // of the start
                cluster.clock().sleep(Duration::from_secs(10)).await;
                if path.exists() { "there" } else { "absent" }.to_owned()
            }
            Remembers => remembers(cluster, raw).await,
            Connections => connections(cluster).await,
            AutoCreated => auto_created(raw).await,
            Created => created(raw).await,
            Deleted => deleted(raw).await,
            Idle => {
                let since = cluster.clock().now();
                assert!(raw.is_closed().await);
                format!("{} s", (cluster.clock().now() - since).as_secs())
            }
            Compacts => crate::compact::compacts(cluster, raw).await,
            Tombstone => crate::compact::tombstone(cluster, raw).await,
            Fetched => {
                for _ in 0..4 {
                    raw.call(&produce("t", 0, &[&"x".repeat(329)]), 9).await;
                }
                let data = fetched(raw, &fetch("t", 0, 0, 0), 12).await;
                values(&data.records.unwrap()).len().to_string()
            }
            Session => {
                let request = ottla_protocol::messages::fetch::FetchRequest {
                    session_epoch: 0,
                    ..fetch("t", 0, 0, 0)
                };
                (raw.call(&request, 12).await.session_id.is_some()).to_string()
            }
            Received => {
                raw.send(&produce("t", 0, &[&"x".repeat(5_000)]), 9).await;
                let answer = raw.frame().await;
                answer.map_or("closed", |_| "NONE").to_owned()
            }
            Node => {
                let broker = raw.call(&metadata(&[]), 12).await.brokers.remove(0);
                format!("{} at {}:{}", broker.node_id, broker.host, broker.port)
            }
            LogDir => {
                let request = DescribeLogDirsRequest::default();
                let found = raw.call(&request, 4).await.results.remove(0).log_dir;
                if *found == *dir.to_string_lossy() { "DIR".to_owned() } else { found.to_string() }
            }
        }
    }
}

async fn sent(raw: &mut Raw, batch: Bytes) -> String {
    let request = produce_batch("t", 0, batch);
    let answer = raw.call(&request, 9).await;
    answer.responses[0].partition_responses[0].error_code.name().to_owned()
}

async fn written(raw: &mut Raw) -> String {
    let request = produce("t", 0, &["a"]);
    let placed = raw.call(&request, 9).await.responses.remove(0).partition_responses.remove(0);
    let data = fetched(raw, &fetch("t", 0, placed.base_offset.unwrap().get(), 0), 12).await;
    let header = BatchHeader::parse(data.records.as_ref().unwrap()).unwrap();
    let time = if header.is_log_append_time() { LOG_APPEND } else { "CreateTime" };
    format!("{}, {time}", header.compression().unwrap())
}

/// A batch of one record.
fn sealed(value: &str, codec: Compression) -> Bytes {
    let mut batch = BatchBuilder::new(BytesMut::new());
    batch.append(Timestamp(1_000), None, Some(value.as_bytes()), &[]).unwrap();
    batch.seal(codec, &mut Compressor::default(), None).unwrap().bytes.freeze()
}

/// Beside what the codec does when it is not told how hard to work.
async fn packed(raw: &mut Raw, codec: Compression) -> String {
    let words = (0..4_000_u32).map(|n| format!("{} of {}; ", n * n % 977, n % 13));
    let value: String = words.collect();
    let request = produce_batch("t", 0, sealed(&value, Compression::None));
    let placed = raw.call(&request, 9).await.responses.remove(0).partition_responses.remove(0);
    let data = fetched(raw, &fetch("t", 0, placed.base_offset.unwrap().get(), 0), 12).await;
    let bytes = data.records.unwrap().len();
    let packed = bytes.cmp(&sealed(&value, codec).len());
    packed_as(packed).to_owned()
}

const fn packed_as(bytes: core::cmp::Ordering) -> &'static str {
    match bytes {
        core::cmp::Ordering::Less => "more",
        core::cmp::Ordering::Equal => "as usual",
        core::cmp::Ordering::Greater => "less",
    }
}

async fn rolls(raw: &mut Raw, dir: &Path, bytes: usize, apart: i64) -> String {
    let files = || {
        let entries = std::fs::read_dir(dir.join("t-0")).unwrap();
        entries
            .filter(|e| e.as_ref().unwrap().path().extension().is_some_and(|e| e == "log"))
            .count()
    };
    let mut before = 0;
    for i in 0..6 {
        let mut batch = BatchBuilder::new(BytesMut::new());
        let value = "x".repeat(bytes);
        batch.append(Timestamp(1_000 + i * apart), None, Some(value.as_bytes()), &[]).unwrap();
        let sealed = batch.seal(Compression::None, &mut Compressor::default(), None).unwrap();
        assert_eq!(sent(raw, sealed.bytes.freeze()).await, "NONE");
        if i == 0 {
            before = files(); // the first may still end what an earlier setting filled
        }
    }
    if files() > before { "more files" } else { "one file" }.to_owned()
}

async fn keeps(cluster: &Cluster, raw: &mut Raw, seconds: u64) -> String {
    assert_eq!(sent(raw, batch_at(&[cluster.clock().wall_ms()])).await, "NONE");
    cluster.clock().sleep(Duration::from_secs(seconds)).await;
    let raw = &mut Raw::connect(cluster).await; // the first was idle for too long
    let mut offsets = Vec::new();
    for earliest_or_latest in [-2, -1] {
        offsets.push(listed(raw, &list("t", earliest_or_latest), 7).await.offset);
    }
    if offsets[0] < offsets[1] { "kept" } else { "gone" }.to_owned()
}

async fn synced(cluster: &Cluster, raw: &mut Raw, dir: &Path) -> String {
    // threads sync the files: meanwhile the time must not run off to the end of the wait for them
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let halt = tokio::task::spawn_blocking(move || stopped.recv().is_err());
    assert_eq!(sent(raw, batch_at(&[1_000])).await, "NONE");
    drop(stop);
    assert!(halt.await.unwrap());
    cluster.clock().sleep(Duration::from_secs(61)).await;
    let end = listed(raw, &list("t", -1), 7).await.offset.unwrap();
    let path = dir.join("recovery-point-offset-checkpoint");
    let line = format!("t 0 {end}\n");
    let synced = std::fs::read_to_string(path).unwrap().contains(&line);
    if synced { "synced" } else { "not synced" }.to_owned()
}

async fn remembers(cluster: &Cluster, raw: &mut Raw) -> String {
    sent(raw, batch(&["a"], stamp(5, 0, 0))).await; // again it is a duplicate: remembered as well
    cluster.clock().sleep(Duration::from_secs(61)).await;
    let topic = describe_producers::TopicRequest {
        name: "t".into(),
        partition_indexes: vec![PartitionIndex(0)],
        ..Default::default()
    };
    let request = DescribeProducersRequest { topics: vec![topic], ..Default::default() };
    let producers = &raw.call(&request, 0).await.topics[0].partitions[0].active_producers;
    format!("{} producers", producers.len())
}

async fn connections(cluster: &Cluster) -> String {
    let mut open = Vec::new();
    for _ in 0..4 {
        let mut raw = Raw::connect(cluster).await;
        raw.send(&metadata(&[]), 12).await;
        if raw.frame().await.is_some() {
            open.push(raw);
        }
    }
    let count = open.len();
    for raw in &mut open {
        raw.halves.write.shutdown().await.unwrap();
        assert!(raw.is_closed().await, "its place is free now");
    }
    count.to_string()
}

async fn auto_created(raw: &mut Raw) -> String {
    for _ in 0..2 {
        raw.call(&metadata(&["u"]), 12).await; // the second time it is there
    }
    raw.call(&metadata(&["u"]), 12).await.topics[0].partitions.len().to_string()
}

async fn created(raw: &mut Raw) -> String {
    let topic = CreatableTopic { name: "u".into(), num_partitions: Some(1), ..Default::default() };
    let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
    raw.call(&request, 7).await.topics[0].error_code.name().to_owned()
}

async fn deleted(raw: &mut Raw) -> String {
    let request = DeleteTopicsRequest { topic_names: vec!["t".into()], ..Default::default() };
    raw.call(&request, 5).await.responses[0].error_code.name().to_owned()
}

/// The system's wall time stands still, or nearly, while the runtime's is skipped; this one goes on.
fn wall() -> Clock {
    Clock::starting_at(1_700_000_000_000)
}

/// A cluster that keeps to small indexes if the case is about how often they get an entry.
fn for_case(name: &str, dir: &Path) -> ClusterBuilder {
    let cluster = cluster().storage(Storage::directory(dir));
    if let Some((codec, _)) =
        name.strip_prefix("compression.").and_then(|name| name.split_once(".level"))
    {
        cluster.config("compression.type", codec)
    } else if name.ends_with("index.interval.bytes") {
        cluster.config("log.index.size.max.bytes", "12")
    } else if ["flush.ms", "log.flush.interval.ms"].contains(&name) {
        // nobody looks at the time else, and it would be as often as the broker looks
        let cluster = cluster.config("log.flush.scheduler.interval.ms", "1000");
        cluster.clock(Clock::starting_at(1_700_000_000_000)).config("log.flush.interval.ms", NEVER)
    } else if name.contains("flush") {
        cluster.clock(Clock::starting_at(1_700_000_000_000))
    } else if name == "log.retention.check.interval.ms" {
        cluster.clock(wall()).config("log.retention.ms", "1000")
    } else if crate::compact::SETTINGS.iter().any(|part| name.contains(part)) {
        crate::compact::for_case(name, cluster.clock(wall()))
    } else if name == "producer.id.expiration.ms" || name.contains("retention") {
        cluster.clock(wall())
    } else {
        cluster
    }
}

async fn change(raw: &mut Raw, (kind, name): (i8, &str), edit: (&str, i8, Option<&str>)) {
    let answer = altered(raw, &alter(kind, name, &[edit])).await;
    assert_eq!(answer.error_code, ErrorCode::NONE, "{edit:?}: {:?}", answer.error_message);
}

/// The names of the settings that are described as acted on and are `read_only` or not.
async fn acted_on(raw: &mut Raw, (kind, name): (i8, &str), read_only: bool) -> BTreeSet<String> {
    let mut request = describe(kind, name, &[]);
    request.include_documentation = true;
    let configs = described(raw, &request).await.configs.into_iter();
    let acted_on = configs.filter(|config| {
        config.documentation.as_deref() == Some("This broker acts on it.")
            && config.read_only == read_only
    });
    acted_on.map(|config| config.name.to_string()).collect()
}

fn names(cases: &[Case]) -> BTreeSet<String> {
    cases.iter().map(|(name, ..)| (*name).to_owned()).collect()
}

async fn takes_effect_and_can_be_taken_back(cases: &[Case], resource: (i8, &str)) {
    for case @ (name, value, probe, without, with) in cases {
        let dir = tempfile::tempdir().unwrap();
        let cluster = for_case(name, dir.path()).topic("t", 1).start().await.unwrap();
        let mut raw = Raw::connect(&cluster).await;
        let (before, after) = (format!("{case:?} before"), format!("{case:?} after"));
        assert_eq!(probe.observe(&cluster, &mut raw, dir.path()).await, *without, "{before}");
        change(&mut raw, resource, (name, OPERATION_SET, Some(value))).await;
        assert_eq!(probe.observe(&cluster, &mut raw, dir.path()).await, *with, "{case:?}");
        change(&mut raw, resource, (name, OPERATION_DELETE, None)).await;
        assert_eq!(probe.observe(&cluster, &mut raw, dir.path()).await, *without, "{after}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_setting_of_a_topic_that_is_acted_on_takes_effect_at_once() {
    takes_effect_and_can_be_taken_back(TOPIC_CASES, (TOPIC, "t")).await;
}

#[tokio::test(start_paused = true)]
async fn every_setting_of_brokers_that_can_be_altered_takes_effect_at_once() {
    takes_effect_and_can_be_taken_back(DYNAMIC_CASES, (BROKER, "")).await;
}

#[tokio::test(start_paused = true)]
async fn every_setting_that_is_read_at_the_start_has_its_effect_and_cannot_be_altered() {
    for case @ (name, value, probe, without, with) in STATIC_CASES {
        for (given, seen) in [(false, without), (true, with)] {
            let dir = tempfile::tempdir().unwrap();
            let mut builder = for_case(name, dir.path());
            builder = match *name {
                // no topic can be made with two replicas
                "default.replication.factor" => builder,
                _ => builder.topic("t", 1),
            };
            builder = match *name {
                "log.dirs" if given => builder,
                "log.dirs" => builder.memory(),
                "listeners" if given => builder.listen("node", 7),
                "advertised.listeners" if given => builder.advertised("kafka.example", 7),
                _ if given => builder.config(*name, *value),
                _ => builder,
            };
            let cluster = builder.start().await.unwrap();
            let mut raw = Raw::connect(&cluster).await;
            assert_eq!(probe.observe(&cluster, &mut raw, dir.path()).await, *seen, "{case:?}");
        }
        let cluster = cluster().start().await.unwrap();
        let mut raw = Raw::connect(&cluster).await;
        let edit = (*name, OPERATION_SET, Some(*value));
        let answer = altered(&mut raw, &alter(BROKER, "1", &[edit])).await;
        assert_eq!(answer.error_code, ErrorCode::INVALID_REQUEST, "{case:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn there_is_a_case_for_every_setting_that_is_acted_on() {
    let cluster = cluster().topic("t", 1).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    // an internal one is shown only where it is set
    for (name, value, ..) in TOPIC_CASES.iter().filter(|(name, ..)| name.starts_with("internal.")) {
        change(&mut raw, (TOPIC, "t"), (name, OPERATION_SET, Some(value))).await;
    }
    let (topic, broker) = ((TOPIC, "t"), (BROKER, "1"));
    assert_eq!(acted_on(&mut raw, topic, false).await, names(TOPIC_CASES));
    assert_eq!(acted_on(&mut raw, topic, true).await, names(&[]));
    assert_eq!(acted_on(&mut raw, broker, false).await, names(DYNAMIC_CASES));
    assert_eq!(acted_on(&mut raw, broker, true).await, names(STATIC_CASES));
}
