//! A client that says exactly what it is told: one connection, raw frames.

use bytes::{Bytes, BytesMut};
use ottla_protocol::frame::FrameSplitter;
use ottla_protocol::header::{decode_response, encode_request};
use ottla_protocol::ids::{
    CorrelationId, PartitionIndex, ProducerEpoch, ProducerId, RawOffset, Sequence, Timestamp, Uuid,
};
use ottla_protocol::messages::create_topics::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use ottla_protocol::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use ottla_protocol::messages::metadata::{MetadataRequest, MetadataRequestTopic};
use ottla_protocol::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use ottla_protocol::record::{
    BatchBuilder, CheckedBatch, Compression, Compressor, Decompressor, ProducerStamp, RecordBlock,
    split_batches,
};
use ottla_protocol::schema::Request;
use ottla_runtime::net::{Connector, Halves};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use broker_lite::{Cluster, ClusterBuilder};
use ottla_runtime::net::memory::MemoryNetwork;

/// A cluster on a network of its own.
pub(crate) fn cluster() -> ClusterBuilder {
    Cluster::builder().memory_network(&MemoryNetwork::new()).listen("node", 9092).seed(7)
}

/// One connection.
pub(crate) struct Raw {
    pub(crate) halves: Halves,
    frames: FrameSplitter,
    next_id: i32,
}

impl Raw {
    pub(crate) async fn connect(cluster: &Cluster) -> Self {
        let halves = cluster.connector().connect("node", cluster.port()).await.unwrap();
        Self { halves, frames: FrameSplitter::new(1 << 30), next_id: 0 }
    }

    /// Sends a request and returns its correlation id.
    pub(crate) async fn send<R: Request>(&mut self, request: &R, version: i16) -> i32 {
        self.next_id += 1;
        let id = CorrelationId(self.next_id);
        let frame = encode_request(request, version, id, Some("raw")).unwrap();
        self.send_bytes(&frame.into_bytes()).await;
        self.next_id
    }

    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        self.halves.write.write_all(bytes).await.unwrap();
    }

    /// The next frame; `None` at the end of the stream.
    pub(crate) async fn frame(&mut self) -> Option<Bytes> {
        loop {
            if let Some(frame) = self.frames.next().unwrap() {
                return Some(frame);
            }
            match self.halves.read.read_buf(self.frames.buffer()).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The next response and the correlation id it has.
    pub(crate) async fn receive<R: Request>(&mut self, version: i16) -> (i32, R::Response) {
        let frame = self.frame().await.expect("the connection stays open");
        let (id, response) = decode_response::<R>(frame, version).unwrap();
        (id.0, response)
    }

    pub(crate) async fn call<R: Request>(&mut self, request: &R, version: i16) -> R::Response {
        let id = self.send(request, version).await;
        let (answered, response) = self.receive::<R>(version).await;
        assert_eq!(answered, id);
        response
    }

    /// Whether the broker has closed the connection.
    pub(crate) async fn is_closed(&mut self) -> bool {
        self.frame().await.is_none()
    }

    /// The id of a topic.
    pub(crate) async fn topic_id(&mut self, topic: &str) -> Uuid {
        let response = self.call(&metadata(&[topic]), 12).await;
        response.topics[0].topic_id
    }
}

pub(crate) fn metadata(topics: &[&str]) -> MetadataRequest {
    let named =
        |name: &&str| MetadataRequestTopic { name: Some((*name).into()), ..Default::default() };
    MetadataRequest { topics: Some(topics.iter().map(named).collect()), ..Default::default() }
}

/// A Produce of one batch, acks=all.
pub(crate) fn produce(topic: &str, partition: i32, values: &[&str]) -> ProduceRequest {
    produce_batch(topic, partition, batch(values, None))
}

/// A Produce of these bytes, acks=all.
pub(crate) fn produce_batch(topic: &str, partition: i32, batch: Bytes) -> ProduceRequest {
    ProduceRequest {
        acks: -1,
        timeout_ms: 1000,
        topic_data: vec![TopicProduceData {
            name: topic.into(),
            partition_data: vec![PartitionProduceData {
                index: PartitionIndex(partition),
                records: Some(batch),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// A Fetch of everything from `offset` on that waits up to `max_wait_ms` for one byte.
pub(crate) fn fetch(topic: &str, partition: i32, offset: i64, max_wait_ms: i32) -> FetchRequest {
    FetchRequest {
        max_wait_ms,
        min_bytes: 1,
        max_bytes: 1 << 20,
        session_epoch: -1,
        topics: vec![FetchTopic {
            topic: topic.into(),
            partitions: vec![FetchPartition {
                partition: PartitionIndex(partition),
                fetch_offset: RawOffset(offset),
                partition_max_bytes: 1 << 20,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// A batch of records with these values, uncompressed.
pub(crate) fn batch(values: &[&str], producer: Option<ProducerStamp>) -> Bytes {
    let mut batch = BatchBuilder::new(BytesMut::new());
    for value in values {
        batch.append(Timestamp(1_000), None, Some(value.as_bytes()), &[]).unwrap();
    }
    let sealed = batch.seal(Compression::None, &mut Compressor::default(), producer);
    sealed.unwrap().bytes.freeze()
}

/// A batch of records with these timestamps, uncompressed.
pub(crate) fn batch_at(timestamps: &[i64]) -> Bytes {
    let mut batch = BatchBuilder::new(BytesMut::new());
    for timestamp in timestamps {
        batch.append(Timestamp(*timestamp), None, Some(b"value"), &[]).unwrap();
    }
    batch.seal(Compression::None, &mut Compressor::default(), None).unwrap().bytes.freeze()
}

/// A request for a topic of one partition with these settings.
pub(crate) fn create(name: &str, configs: Vec<CreatableTopicConfig>) -> CreateTopicsRequest {
    CreateTopicsRequest {
        topics: vec![CreatableTopic {
            name: name.into(),
            num_partitions: Some(1),
            replication_factor: Some(1),
            configs,
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// The values in fetched batches, with their offsets.
pub(crate) fn values(batches: &Bytes) -> Vec<(i64, String)> {
    let mut values = Vec::new();
    for batch in split_batches(batches.clone()) {
        let batch = CheckedBatch::check(batch.unwrap()).unwrap();
        let block = RecordBlock::open(&batch, &mut Decompressor::default(), 1 << 20).unwrap();
        for record in block.records() {
            let record = record.unwrap();
            let value = String::from_utf8(record.value.unwrap().to_vec()).unwrap();
            values.push((record.offset.get(), value));
        }
    }
    values
}

/// The numbers of a batch of an idempotent producer.
pub(crate) fn stamp(id: i64, epoch: i16, first: i32) -> Option<ProducerStamp> {
    Some(ProducerStamp {
        id: ProducerId(id),
        epoch: ProducerEpoch(epoch),
        first: Sequence::new(first).unwrap(),
        transactional: false,
    })
}
