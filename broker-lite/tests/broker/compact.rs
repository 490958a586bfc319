//! Compaction, on demand and in the background, as clients see it.

use core::time::Duration;

use broker_lite::{Cluster, ClusterBuilder, CompactError, Storage};
use bytes::{Bytes, BytesMut};
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{Offset, Timestamp};
use ottla_protocol::messages::create_topics::CreatableTopicConfig;
use ottla_protocol::record::{
    BatchBuilder, BatchHeader, CheckedBatch, Compression, Compressor, Decompressor, ProducerStamp,
    RecordBlock, split_batches,
};
use ottla_runtime::Clock;

use crate::offsets::{fetched, list, listed};
use crate::raw::{Raw, cluster, create, fetch, produce, produce_batch, stamp, values};

/// Parts of the names of settings that say what compaction does.
pub(crate) const SETTINGS: [&str; 4] =
    ["compaction.lag", "delete.retention", "cleanable", "log.cleaner."];

const NOW: i64 = 1_700_000_000_000;

fn on(storage: &Storage) -> ClusterBuilder {
    cluster().storage(storage.clone()).clock(Clock::starting_at(NOW))
}

fn batch(records: &[(&str, &str)], producer: Option<ProducerStamp>) -> Bytes {
    let mut batch = BatchBuilder::new(BytesMut::new());
    for (i, (key, value)) in (0..).zip(records) {
        let (key, value) = (Some(key.as_bytes()), Some(value.as_bytes()));
        batch.append(Timestamp(NOW + i), key, value, &[]).unwrap();
    }
    batch.seal(Compression::Gzip, &mut Compressor::default(), producer).unwrap().bytes.freeze()
}

/// Makes a topic of small segments.
async fn compacted(cluster: &Cluster, topic: &str) -> Raw {
    let mut raw = Raw::connect(cluster).await;
    let set = |(name, value): (&str, &str)| CreatableTopicConfig {
        name: name.into(),
        value: Some(value.into()),
        ..Default::default()
    };
    let settings = [("cleanup.policy", "compact"), ("internal.segment.bytes", "300")];
    let answer = raw.call(&create(topic, settings.map(set).to_vec()), 7).await;
    assert_eq!(answer.topics[0].error_code, ErrorCode::NONE);
    raw
}

async fn write(raw: &mut Raw, topic: &str, batch: Bytes) -> (ErrorCode, Option<i64>) {
    let answer = raw.call(&produce_batch(topic, 0, batch), 9).await;
    let answer = &answer.responses[0].partition_responses[0];
    (answer.error_code, answer.base_offset.map(Offset::get))
}

/// Everything from `offset` on.
async fn read(raw: &mut Raw, topic: &str, offset: i64) -> Vec<(i64, String)> {
    let (mut records, mut next) = (Vec::new(), offset);
    loop {
        let data = fetched(raw, &fetch(topic, 0, next, 0), 12).await;
        assert_eq!(data.error_code, ErrorCode::NONE);
        let batches = data.records.unwrap(); // a fetch ends with a segment
        for batch in split_batches(batches.clone()) {
            next = BatchHeader::parse(&batch.unwrap()).unwrap().last_offset().unwrap().get() + 1;
        }
        records.extend(values(&batches));
        if batches.is_empty() {
            records.retain(|(at, _)| *at >= offset);
            return records;
        }
    }
}

/// Writes records of these keys, each a segment of its own where a segment lasts a millisecond, and
/// waits for longer than cleaning takes to begin. The last record is in a segment that is not closed.
/// Says where the first one is.
async fn keyed(cluster: &Cluster, raw: &mut Raw, records: &[(&str, Option<&str>)]) -> i64 {
    let mut first = None;
    for (key, value) in records {
        let mut batch = BatchBuilder::new(BytesMut::new());
        let now = Timestamp(cluster.clock().wall_ms());
        batch.append(now, Some(key.as_bytes()), value.map(str::as_bytes), &[]).unwrap();
        let sealed = batch.seal(Compression::None, &mut Compressor::default(), None).unwrap();
        let request = produce_batch("t", 0, sealed.bytes.freeze());
        let answer = raw.call(&request, 9).await;
        let answer = &answer.responses[0].partition_responses[0];
        assert_eq!(answer.error_code, ErrorCode::NONE);
        first = first.or(answer.base_offset);
        cluster.clock().sleep(Duration::from_millis(5)).await;
    }
    cluster.clock().sleep(Duration::from_secs(20)).await;
    first.unwrap().get()
}

/// Whether the record at `offset` is there.
async fn left(raw: &mut Raw, offset: i64) -> String {
    let data = fetched(raw, &fetch("t", 0, offset, 0), 12).await;
    let batch = split_batches(data.records.unwrap()).next().unwrap().unwrap();
    let batch = CheckedBatch::check(batch).unwrap();
    let block = RecordBlock::open(&batch, &mut Decompressor::default(), 1 << 20).unwrap();
    let there = block.records().any(|record| record.unwrap().offset.get() == offset);
    if there { "kept" } else { "gone" }.to_owned()
}

/// Whether an old record is kept or gone some time after newer ones of its key.
pub(crate) async fn compacts(cluster: &Cluster, raw: &mut Raw) -> String {
    let pairs = [("a", Some("1")), ("b", Some("2"))].repeat(3);
    let first = keyed(cluster, raw, &pairs).await;
    left(raw, first).await
}

/// Whether a tombstone is kept or gone after two compactions.
pub(crate) async fn tombstone(cluster: &Cluster, raw: &mut Raw) -> String {
    let first = keyed(cluster, raw, &[("a", Some("1")), ("a", None), ("b", Some("2"))]).await;
    keyed(cluster, raw, &[("c", Some("3")), ("d", Some("4"))]).await;
    left(raw, first + 1).await
}

/// A cluster that compacts as a case about the setting `name` wants it.
pub(crate) fn for_case(name: &str, cluster: ClusterBuilder) -> ClusterBuilder {
    // compacted if anything is dirty, or never for that
    let ratio = if name.contains("max.compaction") { "1" } else { "0" };
    let ratio = ("log.cleaner.min.cleanable.ratio", ratio);
    let settings = [("log.cleanup.policy", "compact"), ("log.roll.ms", "1"), ratio];
    // in memory a sync takes no time, while this clock does not wait for a device
    let cluster = cluster.storage(Storage::memory());
    let set = |cluster: ClusterBuilder, (name, value): &(&str, &str)| cluster.config(*name, *value);
    // so slow that one round is done in time and three are not
    let slowly =
        [("log.cleaner.io.max.bytes.per.second", "60"), ("log.cleaner.backoff.ms", "1000")];
    let slowly = slowly.iter().filter(|_| name.contains("dedupe.buffer"));
    settings.iter().chain(slowly).fold(cluster, set)
}

#[tokio::test(start_paused = true)]
async fn a_topic_is_compacted_when_that_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    for storage in [Storage::memory(), Storage::directory(dir.path())] {
        let cluster = on(&storage).topic("u", 1).start().await.unwrap();
        let mut raw = compacted(&cluster, "t").await;
        for n in 0..20 {
            let value = n.to_string();
            write(&mut raw, "t", batch(&[("a", &value), ("b", &value)], None)).await;
        }
        let done = cluster.compact("t").await.unwrap();
        // the clock does not wait for a device: the connection may have been idle for too long
        let mut raw = Raw::connect(&cluster).await;
        assert!(done.bytes_after * 2 < done.bytes_before, "{done:?}");
        let left = [(38, "19".to_owned()), (39, "19".to_owned())];
        assert_eq!(read(&mut raw, "t", 0).await, left, "from the start on");
        assert_eq!(read(&mut raw, "t", 17).await, left, "from where nothing is left");
        let since = listed(&mut raw, &list("t", NOW), 8).await;
        assert_eq!(since.offset, Offset::new(38), "the first record that is as young");
        let first = listed(&mut raw, &list("t", -2), 8).await;
        assert_eq!(first.offset, Offset::new(0), "the log begins where it did");
        assert!(matches!(cluster.compact("x").await, Err(CompactError::NoSuchTopic(_))));
        assert!(matches!(cluster.compact("u").await, Err(CompactError::Policy(_))));
        let keyless = raw.call(&produce("t", 0, &["v"]), 9).await;
        let refused = keyless.responses[0].partition_responses[0].error_code;
        assert_eq!(refused, ErrorCode::INVALID_RECORD);
        let storage = cluster.kill().await;
        let cluster = on(&storage).start().await.unwrap();
        let mut raw = Raw::connect(&cluster).await;
        assert_eq!(read(&mut raw, "t", 0).await, left);
        assert_eq!(write(&mut raw, "t", batch(&[("a", "z")], None)).await.1, Some(40));
        cluster.stop().await.unwrap();
    }
}

#[tokio::test]
async fn what_is_dirty_enough_is_compacted_in_the_background() {
    let dir = tempfile::tempdir().unwrap();
    let checkpoint = dir.path().join("cleaner-offset-checkpoint");
    let started = || {
        on(&Storage::directory(dir.path()))
            .config("log.cleaner.backoff.ms", "5")
            .config("log.cleaner.min.cleanable.ratio", "0")
    };
    let cluster = started().start().await.unwrap();
    let mut raw = compacted(&cluster, "t").await;
    for n in 0..20 {
        write(&mut raw, "t", batch(&[("a", &n.to_string())], None)).await;
    }
    let cleaned_to = || {
        let text = std::fs::read_to_string(&checkpoint).unwrap_or_default();
        let to = text.strip_prefix("0\n1\nt 0 ")?.trim().parse::<i64>();
        Some(to.unwrap())
    };
    let (mut left, mut looks) = (read(&mut raw, "t", 0).await, 0);
    while left.len() >= 5 || cleaned_to() < Some(16) {
        // until the last segment is left, and the newest before it
        cluster.clock().sleep(Duration::from_millis(5)).await;
        left = read(&mut raw, "t", 0).await;
        looks += 1;
        assert!(looks < 2_000, "cleaned to {:?}, {left:?}", cleaned_to());
    }
    assert_eq!(left.last(), Some(&(19, "19".to_owned())));
    let to = cleaned_to();
    assert!(to < Some(20));
    cluster.stop().await.unwrap();
    // it is not forgotten
    let cluster = started().start().await.unwrap();
    cluster.stop().await.unwrap();
    assert_eq!(cleaned_to(), to);
}

#[tokio::test(start_paused = true)]
async fn a_retry_is_known_though_its_records_are_gone() {
    let storage = Storage::memory();
    let cluster = on(&storage).start().await.unwrap();
    let mut raw = compacted(&cluster, "t").await;
    let mine = batch(&[("a", "1"), ("b", "2")], stamp(5, 0, 0));
    assert_eq!(write(&mut raw, "t", mine.clone()).await, (ErrorCode::NONE, Some(0)));
    write(&mut raw, "t", batch(&[("a", "3"), ("b", "4")], None)).await;
    cluster.compact("t").await.unwrap();
    let left = [(2, "3".to_owned()), (3, "4".to_owned())];
    assert_eq!(read(&mut raw, "t", 0).await, left);
    let storage = cluster.kill().await;
    let cluster = on(&storage).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    assert_eq!(write(&mut raw, "t", mine).await, (ErrorCode::NONE, Some(0)), "a duplicate");
    let next = batch(&[("c", "5")], stamp(5, 0, 2));
    assert_eq!(write(&mut raw, "t", next).await, (ErrorCode::NONE, Some(4)));
}
