//! The jobs with `kafka-protocol`, as its documentation shows them.

use core::hint::black_box;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    BrokerId, FetchResponse, GroupId, MetadataResponse, OffsetCommitRequest, ProduceRequest,
    TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use kafka_protocol::records::{
    Compression, Record, RecordBatchDecoder, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};
use uuid::Uuid;

use crate::Turn;
use crate::shape::{
    self, FETCH, GROUP_PARTITIONS, METADATA, METADATA_PARTITIONS, OFFSET_COMMIT, PARTITIONS,
    PRODUCE, Payload, Size, TOPIC_ID, TOPICS,
};

fn batch(payloads: &[Payload]) -> Bytes {
    let mut buffer = BytesMut::with_capacity(shape::batch_bytes_max(payloads));
    batch_in(&mut buffer, payloads);
    buffer.freeze()
}

fn batch_in(buffer: &mut BytesMut, payloads: &[Payload]) {
    let record = |(offset, payload): (i32, &Payload)| Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id: 4000,
        producer_epoch: 3,
        timestamp_type: TimestampType::Creation,
        offset: offset.into(),
        sequence: offset,
        timestamp: payload.timestamp,
        key: Some(payload.key.clone()),
        value: Some(payload.value.clone()),
        headers: Default::default(),
    };
    let records: Vec<_> = (0..).zip(payloads).map(record).collect();
    let options = RecordEncodeOptions { version: 2, compression: Compression::None };
    buffer.clear();
    RecordBatchEncoder::encode(buffer, &records, &options).expect("it fits");
}

/// Adds up what every record of `batches` says.
fn read_all(mut batches: Bytes) -> u64 {
    let mut sum = 0;
    for set in RecordBatchDecoder::decode_all(&mut batches).expect("batches") {
        for record in &set.records {
            sum += shape::witness(record.key.as_deref(), record.value.as_deref());
            sum += record.offset.cast_unsigned() + record.timestamp.cast_unsigned();
        }
    }
    sum
}

fn produce(mut batch: impl FnMut() -> Bytes) -> ProduceRequest {
    let partition =
        |index| PartitionProduceData::default().with_index(index).with_records(Some(batch()));
    let topic = TopicProduceData::default()
        .with_topic_id(Uuid::from_bytes(TOPIC_ID))
        .with_partition_data((0..).take(PARTITIONS).map(partition).collect());
    ProduceRequest::default().with_acks(-1).with_timeout_ms(30_000).with_topic_data(vec![topic])
}

fn fetch(mut batch: impl FnMut() -> Bytes) -> FetchResponse {
    let partition = |index| {
        PartitionData::default()
            .with_partition_index(index)
            .with_high_watermark(1_000_000)
            .with_last_stable_offset(1_000_000)
            .with_log_start_offset(0)
            .with_aborted_transactions(None)
            .with_records(Some(batch()))
    };
    let topic = FetchableTopicResponse::default()
        .with_topic_id(Uuid::from_bytes(TOPIC_ID))
        .with_partitions((0..).take(PARTITIONS).map(partition).collect());
    FetchResponse::default().with_session_id(77).with_responses(vec![topic])
}

fn text(text: String) -> StrBytes {
    StrBytes::from_string(text)
}

fn metadata() -> MetadataResponse {
    let broker = |id| {
        MetadataResponseBroker::default()
            .with_node_id(BrokerId(id))
            .with_host(text(shape::host(id)))
            .with_port(9092)
            .with_rack(Some(StrBytes::from_static_str("rack-a")))
    };
    let nodes = |index: i32| (0..3).map(|n| BrokerId((index + n) % 3)).collect::<Vec<_>>();
    let partition = |index| {
        MetadataResponsePartition::default()
            .with_partition_index(index)
            .with_leader_id(BrokerId(index % 3))
            .with_leader_epoch(5)
            .with_replica_nodes(nodes(index))
            .with_isr_nodes(nodes(index))
    };
    let topic = |index| {
        MetadataResponseTopic::default()
            .with_name(Some(TopicName(text(shape::topic(index)))))
            .with_topic_id(Uuid::from_bytes(TOPIC_ID))
            .with_partitions((0..).take(METADATA_PARTITIONS / TOPICS).map(partition).collect())
    };
    MetadataResponse::default()
        .with_brokers((0..3).map(broker).collect())
        .with_cluster_id(Some(StrBytes::from_static_str("cluster")))
        .with_controller_id(BrokerId(1))
        .with_topics((0..).take(TOPICS).map(topic).collect())
}

fn offset_commit() -> OffsetCommitRequest {
    let partition = |index| {
        OffsetCommitRequestPartition::default()
            .with_partition_index(index)
            .with_committed_offset(123_456)
            .with_committed_leader_epoch(5)
            .with_committed_metadata(Some(StrBytes::new()))
    };
    let topic = |index| {
        OffsetCommitRequestTopic::default()
            .with_name(TopicName(text(shape::topic(index))))
            .with_partitions((0..).take(GROUP_PARTITIONS / TOPICS).map(partition).collect())
    };
    OffsetCommitRequest::default()
        .with_group_id(GroupId(StrBytes::from_static_str("group")))
        .with_generation_id_or_member_epoch(12)
        .with_member_id(StrBytes::from_static_str("member"))
        .with_topics((0..).take(TOPICS).map(topic).collect())
}

fn encoded(message: &impl Encodable, version: i16, out: &mut BytesMut) -> u64 {
    out.clear();
    message.encode(out, version).expect("the version carries it");
    black_box(&out).len() as u64
}

fn encode(message: impl Encodable + 'static, version: i16) -> Turn {
    let mut out = BytesMut::new();
    Box::new(move || encoded(&message, version, &mut out))
}

fn to_bytes(message: &impl Encodable, version: i16) -> Bytes {
    let mut out = BytesMut::new();
    encoded(message, version, &mut out);
    out.freeze()
}

fn decode<M>(message: &M, version: i16, count: fn(&M) -> usize) -> Turn
where
    M: Encodable + Decodable + 'static,
{
    let bytes = to_bytes(message, version);
    Box::new(move || {
        let message = M::decode(&mut bytes.clone(), version).expect("it is one");
        count(black_box(&message)) as u64
    })
}

/// Makes the records, the batches and the request.
#[must_use]
pub fn produce_build(size: Size) -> Turn {
    let payloads = shape::payloads(size);
    let mut out = BytesMut::new();
    Box::new(move || encoded(&produce(|| batch(&payloads)), PRODUCE, &mut out))
}

/// Makes the records, the batches and the response.
#[must_use]
pub fn fetch_build(size: Size) -> Turn {
    let payloads = shape::payloads(size);
    let mut out = BytesMut::new();
    Box::new(move || encoded(&fetch(|| batch(&payloads)), FETCH, &mut out))
}

/// Reads a request and its records.
#[must_use]
pub fn produce_read(size: Size) -> Turn {
    let batch = batch(&shape::payloads(size));
    let bytes = to_bytes(&produce(|| batch.clone()), PRODUCE);
    Box::new(move || {
        let request = ProduceRequest::decode(&mut bytes.clone(), PRODUCE).expect("it is one");
        let partitions = request.topic_data.into_iter().flat_map(|topic| topic.partition_data);
        partitions.map(|partition| read_all(partition.records.unwrap_or_default())).sum()
    })
}

/// Reads a response and its records.
#[must_use]
pub fn fetch_read(size: Size) -> Turn {
    let batch = batch(&shape::payloads(size));
    let bytes = to_bytes(&fetch(|| batch.clone()), FETCH);
    Box::new(move || {
        let response = FetchResponse::decode(&mut bytes.clone(), FETCH).expect("it is one");
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
        batch_in(&mut buffer, &payloads);
        black_box(&buffer).len() as u64
    })
}

/// Reads a batch.
#[must_use]
pub fn read(size: Size) -> Turn {
    let batch = batch(&shape::payloads(size));
    Box::new(move || read_all(batch.clone()))
}

/// The bytes of each message, to compare.
#[must_use]
pub fn messages() -> Vec<(&'static str, Bytes)> {
    let payloads = shape::payloads(Size::Small);
    let batch = || batch(&payloads);
    vec![
        ("Produce", to_bytes(&produce(batch), PRODUCE)),
        ("Fetch", to_bytes(&fetch(batch), FETCH)),
        ("Metadata", to_bytes(&metadata(), METADATA)),
        ("OffsetCommit", to_bytes(&offset_commit(), OFFSET_COMMIT)),
    ]
}
