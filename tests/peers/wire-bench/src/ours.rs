//! The jobs with `ottla-protocol`.

use core::hint::black_box;

use bytes::{BufMut, Bytes, BytesMut};
use ottla_protocol::ids::{
    FetchSessionId, GroupEpoch, LeaderEpoch, NodeId, Offset, PartitionIndex, ProducerEpoch,
    ProducerId, RawOffset, Sequence, Timestamp, Uuid,
};
use ottla_protocol::messages::fetch::{FetchResponse, FetchableTopicResponse, PartitionData};
use ottla_protocol::messages::metadata::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use ottla_protocol::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use ottla_protocol::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use ottla_protocol::record::{
    self, BatchBuilder, CheckedBatch, Compression, Compressor, Decompressor, ProducerStamp,
    RecordBlock, split_batches,
};
use ottla_protocol::{FrameWriter, Message, Str};

use crate::Turn;
use crate::shape::{
    self, FETCH, GROUP_PARTITIONS, METADATA, METADATA_PARTITIONS, OFFSET_COMMIT, PARTITIONS,
    PRODUCE, Payload, Size, TOPIC_ID, TOPICS,
};

const BATCH_BYTES_MAX: usize = 1 << 20;

fn batch(payloads: &[Payload]) -> Bytes {
    batch_in(BytesMut::with_capacity(shape::batch_bytes_max(payloads)), payloads).freeze()
}

fn batch_in(buffer: BytesMut, payloads: &[Payload]) -> BytesMut {
    let mut batch = BatchBuilder::new(buffer);
    for Payload { key, value, timestamp } in payloads {
        let result = batch.append(Timestamp(*timestamp), Some(key), Some(value), &[]);
        result.expect("it fits");
    }
    let stamp = ProducerStamp {
        id: ProducerId(4000),
        epoch: ProducerEpoch(3),
        first: Sequence::new(0).expect("it is a sequence"),
        transactional: false,
    };
    let sealed = batch.seal(Compression::None, &mut Compressor::default(), Some(stamp));
    sealed.expect("nothing is compressed").bytes
}

/// Adds up what every record of `batches` says.
fn read_all(batches: Bytes) -> u64 {
    let mut sum = 0;
    for batch in split_batches(batches) {
        let batch = CheckedBatch::check(batch.expect("a batch")).expect("it is whole");
        let block = RecordBlock::open(&batch, &mut Decompressor::default(), BATCH_BYTES_MAX);
        let block = block.expect("nothing is compressed");
        for record in block.records() {
            let record = record.expect("a record");
            sum += crate::shape::witness(record.key, record.value);
            sum += record.offset.get().cast_unsigned() + record.timestamp.0.cast_unsigned();
        }
    }
    sum
}

fn produce(mut batch: impl FnMut() -> Bytes) -> ProduceRequest {
    let partition = |index| PartitionProduceData {
        index: PartitionIndex(index),
        records: Some(batch()),
        ..Default::default()
    };
    let topic = TopicProduceData {
        topic_id: Uuid(TOPIC_ID),
        partition_data: (0..).take(PARTITIONS).map(partition).collect(),
        ..Default::default()
    };
    ProduceRequest { acks: -1, timeout_ms: 30_000, topic_data: vec![topic], ..Default::default() }
}

fn fetch(mut batch: impl FnMut() -> Bytes) -> FetchResponse {
    let partition = |index| PartitionData {
        partition_index: PartitionIndex(index),
        high_watermark: Offset::new(1_000_000),
        last_stable_offset: Offset::new(1_000_000),
        log_start_offset: Offset::new(0),
        records: Some(batch()),
        ..Default::default()
    };
    let topic = FetchableTopicResponse {
        topic_id: Uuid(TOPIC_ID),
        partitions: (0..).take(PARTITIONS).map(partition).collect(),
        ..Default::default()
    };
    FetchResponse {
        session_id: Some(FetchSessionId(77)),
        responses: vec![topic],
        ..Default::default()
    }
}

fn metadata() -> MetadataResponse {
    let broker = |id| MetadataResponseBroker {
        node_id: NodeId(id),
        host: Str::from(shape::host(id)),
        port: 9092,
        rack: Some(Str::from("rack-a")),
        ..Default::default()
    };
    let nodes = |index: i32| (0..3).map(|n| NodeId((index + n) % 3)).collect::<Vec<_>>();
    let partition = |index| MetadataResponsePartition {
        partition_index: PartitionIndex(index),
        leader_id: Some(NodeId(index % 3)),
        leader_epoch: Some(LeaderEpoch(5)),
        replica_nodes: nodes(index),
        isr_nodes: nodes(index),
        ..Default::default()
    };
    let topic = |index| MetadataResponseTopic {
        name: Some(Str::from(shape::topic(index))),
        topic_id: Uuid(TOPIC_ID),
        partitions: (0..).take(METADATA_PARTITIONS / TOPICS).map(partition).collect(),
        ..Default::default()
    };
    MetadataResponse {
        brokers: (0..3).map(broker).collect(),
        cluster_id: Some(Str::from("cluster")),
        controller_id: Some(NodeId(1)),
        topics: (0..).take(TOPICS).map(topic).collect(),
        ..Default::default()
    }
}

fn offset_commit() -> OffsetCommitRequest {
    let partition = |index| OffsetCommitRequestPartition {
        partition_index: PartitionIndex(index),
        committed_offset: RawOffset(123_456),
        committed_leader_epoch: Some(LeaderEpoch(5)),
        committed_metadata: Some(Str::new()),
        ..Default::default()
    };
    let topic = |index| OffsetCommitRequestTopic {
        name: Str::from(shape::topic(index)),
        partitions: (0..).take(GROUP_PARTITIONS / TOPICS).map(partition).collect(),
        ..Default::default()
    };
    OffsetCommitRequest {
        group_id: Str::from("group"),
        generation_id_or_member_epoch: Some(GroupEpoch(12)),
        member_id: Str::from("member"),
        topics: (0..).take(TOPICS).map(topic).collect(),
        ..Default::default()
    }
}

fn encoded<M: Message>(message: &M, version: i16) -> u64 {
    let mut out = FrameWriter::new();
    message.encode(version, &mut out).expect("the version carries it");
    black_box(out.into_chunks()).iter().map(|chunk| chunk.len() as u64).sum()
}

fn encode<M: Message + 'static>(message: M, version: i16) -> Turn {
    Box::new(move || encoded(&message, version))
}

/// Reads `bytes` and counts the items of the message.
fn decode<M: Message + 'static>(message: &M, version: i16, count: fn(&M) -> usize) -> Turn {
    let bytes = message.to_bytes(version).expect("the version carries it");
    Box::new(move || {
        let message = M::decode_all(bytes.clone(), version).expect("it is one");
        count(black_box(&message)) as u64
    })
}

/// Makes the records, the batches and the request.
#[must_use]
pub fn produce_build(size: Size) -> Turn {
    let payloads = shape::payloads(size);
    Box::new(move || encoded(&produce(|| batch(&payloads)), PRODUCE))
}

/// Makes the records, the batches and the response.
#[must_use]
pub fn fetch_build(size: Size) -> Turn {
    let payloads = shape::payloads(size);
    Box::new(move || encoded(&fetch(|| batch(&payloads)), FETCH))
}

/// Reads a request and its records.
#[must_use]
pub fn produce_read(size: Size) -> Turn {
    let batch = batch(&shape::payloads(size));
    let bytes = produce(|| batch.clone()).to_bytes(PRODUCE).expect("the version carries it");
    Box::new(move || {
        let request = ProduceRequest::decode_all(bytes.clone(), PRODUCE).expect("it is one");
        let partitions = request.topic_data.into_iter().flat_map(|topic| topic.partition_data);
        partitions.map(|partition| read_all(partition.records.unwrap_or_default())).sum()
    })
}

/// Reads a response and its records.
#[must_use]
pub fn fetch_read(size: Size) -> Turn {
    let batch = batch(&shape::payloads(size));
    let bytes = fetch(|| batch.clone()).to_bytes(FETCH).expect("the version carries it");
    Box::new(move || {
        let response = FetchResponse::decode_all(bytes.clone(), FETCH).expect("it is one");
        let partitions = response.responses.into_iter().flat_map(|topic| topic.partitions);
        partitions.map(|partition| read_all(partition.records.unwrap_or_default())).sum()
    })
}

/// Writes a request that carries batches.
#[must_use]
pub fn produce_encode() -> Turn {
    let batch = batch(&shape::payloads(Size::Small));
    encode(produce(|| batch.clone()), PRODUCE)
}

/// Reads a request that carries batches, and leaves these alone.
#[must_use]
pub fn produce_decode() -> Turn {
    let batch = batch(&shape::payloads(Size::Small));
    let count = |request: &ProduceRequest| {
        request.topic_data.iter().map(|topic| topic.partition_data.len()).sum()
    };
    decode(&produce(|| batch.clone()), PRODUCE, count)
}

/// Writes a response that carries batches.
#[must_use]
pub fn fetch_encode() -> Turn {
    let batch = batch(&shape::payloads(Size::Small));
    encode(fetch(|| batch.clone()), FETCH)
}

/// Reads a response that carries batches, and leaves these alone.
#[must_use]
pub fn fetch_decode() -> Turn {
    let batch = batch(&shape::payloads(Size::Small));
    let count = |response: &FetchResponse| {
        response.responses.iter().map(|topic| topic.partitions.len()).sum()
    };
    decode(&fetch(|| batch.clone()), FETCH, count)
}

/// Writes a Metadata response.
#[must_use]
pub fn metadata_encode() -> Turn {
    encode(metadata(), METADATA)
}

/// Reads a Metadata response.
#[must_use]
pub fn metadata_decode() -> Turn {
    let count = |response: &MetadataResponse| {
        response.topics.iter().map(|topic| topic.partitions.len()).sum()
    };
    decode(&metadata(), METADATA, count)
}

/// Writes an OffsetCommit request.
#[must_use]
pub fn offset_commit_encode() -> Turn {
    encode(offset_commit(), OFFSET_COMMIT)
}

/// Reads an OffsetCommit request.
#[must_use]
pub fn offset_commit_decode() -> Turn {
    let count = |request: &OffsetCommitRequest| {
        request.topics.iter().map(|topic| topic.partitions.len()).sum()
    };
    decode(&offset_commit(), OFFSET_COMMIT, count)
}

/// Makes a batch in the memory of the one before.
#[must_use]
pub fn build(size: Size) -> Turn {
    let payloads = shape::payloads(size);
    let mut buffer = BytesMut::new();
    Box::new(move || {
        buffer = batch_in(core::mem::take(&mut buffer), &payloads);
        black_box(&buffer).len() as u64
    })
}

/// Reads a batch.
#[must_use]
pub fn read(size: Size) -> Turn {
    let batch = batch(&shape::payloads(size));
    Box::new(move || read_all(batch.clone()))
}

/// What the checksum is of the cost of a batch.
#[must_use]
pub fn checksum(size: Size) -> Turn {
    let batch = batch(&shape::payloads(size));
    Box::new(move || record::checksum(black_box(&batch)).into())
}

/// What the copy of keys and values is of the cost of a batch.
#[must_use]
pub fn copy(size: Size) -> Turn {
    let payloads = shape::payloads(size);
    let mut buffer = Vec::with_capacity(BATCH_BYTES_MAX);
    Box::new(move || {
        buffer.clear();
        for Payload { key, value, .. } in &payloads {
            buffer.put_slice(key);
            buffer.put_slice(value);
        }
        black_box(&buffer).len() as u64
    })
}

/// The bytes of each message, to compare.
#[must_use]
pub fn messages() -> Vec<(&'static str, Bytes)> {
    let payloads = shape::payloads(Size::Small);
    let batch = || batch(&payloads);
    let all = vec![
        ("Produce", produce(batch).to_bytes(PRODUCE)),
        ("Fetch", fetch(batch).to_bytes(FETCH)),
        ("Metadata", metadata().to_bytes(METADATA)),
        ("OffsetCommit", offset_commit().to_bytes(OFFSET_COMMIT)),
    ];
    all.into_iter().map(|(name, bytes)| (name, bytes.expect("the version carries it"))).collect()
}
