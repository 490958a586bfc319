//! A whole node on a disk whose syncs wait and fail as the test says.

use std::io;
use std::pin::pin;

use bytes::BytesMut;
use futures::poll;
use ottla_protocol::frame::FrameSplitter;
use ottla_protocol::header::{decode_response, encode_request};
use ottla_protocol::ids::{
    CorrelationId, ProducerEpoch, ProducerId, RawOffset, Sequence, Timestamp,
};
use ottla_protocol::messages::create_topics::{CreatableTopic, CreateTopicsRequest};
use ottla_protocol::messages::describe_log_dirs::DescribeLogDirsRequest;
use ottla_protocol::messages::fetch::{FetchPartition, FetchRequest, FetchTopic, PartitionData};
use ottla_protocol::record::{BatchBuilder, Compression, Compressor, ProducerStamp};
use ottla_protocol::schema::Request;
use ottla_runtime::net::memory::MemoryNetwork;
use ottla_runtime::net::{Connector, Halves};
use ottla_runtime::{Clock, Scope};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::broker::{Node, NodeSetup};
use crate::config::BrokerConfig;
use crate::fault::Faults;
use crate::log::disk::testing::UnrulyDisk;

/// A node with the topic `t` of two partitions.
struct Running {
    node: Node,
    network: MemoryNetwork,
}

impl Running {
    fn start(disk: &UnrulyDisk, durability: &str) -> Self {
        let network = MemoryNetwork::new();
        let setting = ("ottla.durability".to_owned(), durability.to_owned());
        let node = Node::start(NodeSetup {
            in_memory: false,
            disk: Arc::new(disk.clone()),
            config: BrokerConfig::new(&[setting]).unwrap(),
            clock: Clock::starting_at(1_000),
            scope: Scope::current().unwrap(),
            faults: Faults::default(),
            seed: Some(1),
            listener: Box::new(network.bind("node", 9092).unwrap()),
            host: "node".to_owned(),
            advertised: ("node".to_owned(), 9092),
            topics: vec![("t".to_owned(), 2)],
        });
        Self { node: node.unwrap(), network }
    }

    async fn connect(&self) -> Wire {
        let halves = self.network.connect("node", 9092).await.unwrap();
        Wire { halves, frames: FrameSplitter::new(1 << 20) }
    }
}

struct Wire {
    halves: Halves,
    frames: FrameSplitter,
}

impl Wire {
    async fn send<R: Request>(&mut self, request: &R, version: i16) {
        let frame = encode_request(request, version, CorrelationId(1), None).unwrap();
        self.halves.write.write_all(&frame.into_bytes()).await.unwrap();
    }

    async fn receive<R: Request>(&mut self, version: i16) -> R::Response {
        loop {
            if let Some(frame) = self.frames.next().unwrap() {
                return decode_response::<R>(frame, version).unwrap().1;
            }
            assert!(self.halves.read.read_buf(self.frames.buffer()).await.unwrap() > 0);
        }
    }

    async fn call<R: Request>(&mut self, request: &R, version: i16) -> R::Response {
        self.send(request, version).await;
        self.receive::<R>(version).await
    }

    /// The answer to a Produce: error and offset.
    async fn produced(&mut self) -> (ErrorCode, Option<i64>) {
        let answer = self.receive::<ProduceRequest>(9).await;
        let told = &answer.responses[0].partition_responses[0];
        (told.error_code, told.base_offset.map(Offset::get))
    }

    /// Sees that no answer is there, however often everybody has had a turn.
    async fn nothing(&mut self) {
        let mut answer = pin!(self.halves.read.read_buf(self.frames.buffer()));
        for _ in 0..100 {
            assert!(poll!(&mut answer).is_pending());
            tokio::task::yield_now().await;
        }
    }

    async fn fetch(&mut self, partition: i32) -> PartitionData {
        let answer = self.call(&fetch(partition, 0), 12).await;
        answer.responses.into_iter().next().unwrap().partitions.remove(0)
    }
}

/// One record of an idempotent producer.
fn produce(partition: i32, acks: i16, first: i32) -> ProduceRequest {
    let mut batch = BatchBuilder::new(BytesMut::new());
    batch.append(Timestamp(1_000), None, Some(b"value"), &[]).unwrap();
    let stamp = ProducerStamp {
        id: ProducerId(7),
        epoch: ProducerEpoch(0),
        first: Sequence::new(first).unwrap(),
        transactional: false,
    };
    let sealed = batch.seal(Compression::None, &mut Compressor::default(), Some(stamp)).unwrap();
    let data = PartitionProduceData {
        index: PartitionIndex(partition),
        records: Some(sealed.bytes.freeze()),
        ..Default::default()
    };
    let topic =
        TopicProduceData { name: "t".into(), partition_data: vec![data], ..Default::default() };
    ProduceRequest { acks, timeout_ms: 1_000, topic_data: vec![topic], ..Default::default() }
}

fn fetch(partition: i32, max_wait_ms: i32) -> FetchRequest {
    let partition = FetchPartition {
        partition: PartitionIndex(partition),
        fetch_offset: RawOffset(0),
        partition_max_bytes: 1 << 20,
        ..Default::default()
    };
    let topic = FetchTopic { topic: "t".into(), partitions: vec![partition], ..Default::default() };
    FetchRequest {
        max_wait_ms,
        min_bytes: 1,
        max_bytes: 1 << 20,
        session_epoch: -1,
        topics: vec![topic],
        ..Default::default()
    }
}

fn lost() -> io::Result<()> {
    Err(io::Error::from_raw_os_error(5))
}

#[tokio::test(start_paused = true)]
async fn with_commit_records_are_acknowledged_and_seen_once_they_are_on_the_device() {
    for acks in [1, ALL] {
        let disk = UnrulyDisk::default();
        let running = Running::start(&disk, "commit");
        let (mut writer, mut reader) = (running.connect().await, running.connect().await);
        disk.hold_syncs();
        // the second starts while the first waits: their files are synced side by side
        writer.send(&produce(0, acks, 0), 9).await;
        writer.send(&produce(1, acks, 0), 9).await;
        writer.nothing().await;
        assert_eq!(disk.held(), 2);
        let data = reader.fetch(0).await;
        assert_eq!(data.high_watermark, Some(Offset::ZERO));
        assert!(data.records.unwrap().is_empty());
        reader.send(&fetch(0, 600), 12).await; // shorter than the producers wait
        reader.nothing().await;
        disk.end_syncs(|| Ok(()));
        for _ in 0..2 {
            assert_eq!(writer.produced().await, (ErrorCode::NONE, Some(0)));
        }
        let fetched = reader.receive::<FetchRequest>(12).await;
        let data = &fetched.responses[0].partitions[0];
        assert_eq!(data.high_watermark.map(Offset::get), Some(1));
        assert!(!data.records.as_ref().unwrap().is_empty());
        running.node.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_sync_that_takes_too_long_is_no_success_and_the_retry_waits_for_it() {
    let disk = UnrulyDisk::default();
    let running = Running::start(&disk, "commit");
    let mut writer = running.connect().await;
    disk.hold_syncs();
    for _ in 0..2 {
        writer.send(&produce(0, ALL, 0), 9).await;
        assert_eq!(writer.produced().await, (ErrorCode::REQUEST_TIMED_OUT, None));
    }
    writer.send(&produce(0, ALL, 0), 9).await;
    writer.nothing().await;
    disk.end_syncs(|| Ok(()));
    assert_eq!(writer.produced().await, (ErrorCode::NONE, Some(0)));
    assert_eq!(writer.fetch(0).await.high_watermark.map(Offset::get), Some(1), "it is there once");
}

#[tokio::test(start_paused = true)]
async fn a_sync_that_fails_is_told_to_everybody_who_has_to_do_with_the_directory() {
    let disk = UnrulyDisk::default();
    let running = Running::start(&disk, "commit");
    let mut wires = Vec::new();
    for _ in 0..3 {
        wires.push(running.connect().await);
    }
    let [waiting, writer, reader] = &mut wires[..] else { unreachable!("there are three") };
    writer.send(&produce(0, ALL, 0), 9).await;
    assert_eq!(writer.produced().await, (ErrorCode::NONE, Some(0)));
    reader.send(&fetch(1, 60_000), 12).await;
    reader.nothing().await;
    disk.hold_syncs();
    waiting.send(&produce(0, ALL, 1), 9).await;
    waiting.nothing().await;
    disk.end_syncs(lost);
    let failed = ErrorCode::KAFKA_STORAGE_ERROR;
    assert_eq!(waiting.produced().await, (failed, None));
    let fetched = reader.receive::<FetchRequest>(12).await;
    assert_eq!(fetched.responses[0].partitions[0].error_code, failed, "it waited at another one");
    // the device is back, but nobody knows what it has lost
    for partition in [0, 1] {
        writer.send(&produce(partition, ALL, 5), 9).await;
        assert_eq!(writer.produced().await, (failed, None));
        assert_eq!(reader.fetch(partition).await.error_code, failed);
    }
    let topic = CreatableTopic { name: "u".into(), num_partitions: Some(1), ..Default::default() };
    let create = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
    assert_eq!(writer.call(&create, 7).await.topics[0].error_code, failed);
    let dirs = writer.call(&DescribeLogDirsRequest::default(), 4).await;
    assert_eq!((dirs.error_code, dirs.results[0].error_code), (ErrorCode::NONE, failed));
    assert!(dirs.results[0].topics.is_empty());
    drop(wires);
    assert!(running.node.stop().await.is_err(), "it is no clean stop");
    disk.fail_power();
    let running = Running::start(&disk, "commit");
    let data = running.connect().await.fetch(0).await;
    assert_eq!(data.high_watermark.map(Offset::get), Some(1), "what was acknowledged is there");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_fails_fences_all_and_metadata_too() {
    let disk = UnrulyDisk::default();
    let running = Running::start(&disk, "os");
    let mut wire = running.connect().await;
    let failed = ErrorCode::KAFKA_STORAGE_ERROR;
    disk.fail_writes(true);
    let topic = CreatableTopic { name: "u".into(), num_partitions: Some(1), ..Default::default() };
    let create = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
    assert_eq!(wire.call(&create, 7).await.topics[0].error_code, failed);
    disk.fail_writes(false);
    for partition in [0, 1] {
        wire.send(&produce(partition, 1, 0), 9).await;
        assert_eq!(wire.produced().await, (failed, None));
    }
    assert_eq!(wire.call(&create, 7).await.topics[0].error_code, failed);
}
