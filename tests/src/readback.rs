//! All that a topic holds, read over a raw connection: no client of ours has a say in it.

use std::collections::BTreeSet;

use bytes::Bytes;
use ottla_protocol::ErrorCode;
use ottla_protocol::ids::{PartitionIndex, ProducerEpoch, RawOffset};
use ottla_protocol::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use ottla_protocol::record::{CheckedBatch, Compression, Decompressor, RecordBlock, split_batches};

use crate::history::History;
use crate::raw::RawClient;

/// The last version of Fetch that names topics by name.
const VERSION: i16 = 12;
const BYTES_MAX: i32 = 1 << 20;
const RECORDS_BYTES_MAX: usize = 1 << 24;

/// What the batches of a topic tell besides their records.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Batches {
    /// How many there are.
    pub count: u64,
    /// Those under an epoch above 0: their producer had to give up numbers.
    pub bumped: u64,
    /// How many producer ids wrote them.
    pub producers: BTreeSet<i64>,
}

/// Reads each partition of `topic` from its beginning to its end into `history`.
///
/// # Panics
///
/// If the broker refuses, or what it sends is no sound batch of numbered records.
pub async fn read_topic(
    client: &mut RawClient,
    topic: &str,
    partitions: i32,
    history: &mut History,
) -> Batches {
    let mut batches = Batches::default();
    for partition in 0..partitions {
        let mut next = 0;
        while let Some(bytes) = fetch(client, topic, partition, next).await {
            for batch in split_batches(bytes) {
                let batch = CheckedBatch::check(batch.expect("whole")).expect("a sound batch");
                next = read_batch(&batch, partition, next, history);
                let header = batch.header();
                batches.count += 1;
                let epoch = header.producer_epoch.expect("a numbered batch");
                batches.bumped += u64::from(epoch > ProducerEpoch(0));
                batches.producers.insert(header.producer_id.expect("a numbered batch").0);
            }
        }
    }
    batches
}

/// The values of all records of a partition, whoever wrote them, as text.
///
/// # Panics
///
/// If the broker refuses, or what it sends is no sound batch.
pub async fn values(client: &mut RawClient, topic: &str, partition: i32) -> Vec<String> {
    let (mut values, mut next) = (Vec::new(), 0);
    while let Some(bytes) = fetch(client, topic, partition, next).await {
        for batch in split_batches(bytes) {
            let batch = CheckedBatch::check(batch.expect("whole")).expect("a sound batch");
            let block = RecordBlock::open(&batch, &mut Decompressor::default(), RECORDS_BYTES_MAX);
            for record in block.expect("a block").records() {
                let record = record.expect("a record");
                next = record.offset.get() + 1;
                values.push(String::from_utf8_lossy(record.value.unwrap_or_default()).into());
            }
        }
    }
    values
}

/// The codec of each batch of a partition, as it lies in the log.
///
/// # Panics
///
/// If the broker refuses, or what it sends is no sound batch.
pub async fn codecs(client: &mut RawClient, topic: &str, partition: i32) -> Vec<Compression> {
    let (mut codecs, mut next) = (Vec::new(), 0);
    while let Some(bytes) = fetch(client, topic, partition, next).await {
        for batch in split_batches(bytes) {
            let batch = CheckedBatch::check(batch.expect("whole")).expect("a sound batch");
            codecs.push(batch.header().compression().expect("a codec of Kafka's"));
            next = batch.header().last_offset().expect("a record").get() + 1;
        }
    }
    codecs
}

/// Batches from `offset` on; `None` at the end of the log.
async fn fetch(client: &mut RawClient, topic: &str, partition: i32, offset: i64) -> Option<Bytes> {
    let wanted = FetchPartition {
        partition: PartitionIndex(partition),
        fetch_offset: RawOffset(offset),
        partition_max_bytes: BYTES_MAX,
        ..Default::default()
    };
    let topics =
        vec![FetchTopic { topic: topic.into(), partitions: vec![wanted], ..Default::default() }];
    let request =
        FetchRequest { max_bytes: BYTES_MAX, session_epoch: -1, topics, ..Default::default() };
    let mut response = client.call(&request, VERSION).await;
    let mut topic = response.responses.pop().expect("the topic");
    let partition = topic.partitions.pop().expect("the partition");
    assert_eq!(partition.error_code, ErrorCode::NONE);
    partition.records.filter(|records| !records.is_empty())
}

/// Gives the offset behind the batch.
fn read_batch(batch: &CheckedBatch, partition: i32, next: i64, history: &mut History) -> i64 {
    let mut decompressor = Decompressor::default();
    let block = RecordBlock::open(batch, &mut decompressor, RECORDS_BYTES_MAX).expect("a block");
    let mut after = next;
    for record in block.records() {
        let record = record.expect("a record");
        let offset = record.offset.get();
        assert_eq!(offset, after, "partition {partition}: offsets without gaps");
        after = offset + 1;
        let offset = u64::try_from(offset).expect("offsets are not negative");
        history.read_value(partition, offset, record.value.expect("a value"));
    }
    after
}
