//! Whatever a peer sends, the broker answers with a named error or hangs up, keeps its memory in
//! proportion to what it received, and goes on serving others.
//!
//! The tests run one after the other (they measure the memory of the whole process).

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use broker_lite::Cluster;
use bytes::{Bytes, BytesMut};
use ottla_protocol::ErrorCode;
use ottla_protocol::Request;
use ottla_protocol::ids::{PartitionIndex, ProducerEpoch, ProducerId, Sequence, Timestamp};
use ottla_protocol::messages::create_topics::{CreatableTopic, CreateTopicsRequest};
use ottla_protocol::messages::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, RESOURCE_TYPE_BROKER,
};
use ottla_protocol::messages::describe_log_dirs::{DescribableLogDirTopic, DescribeLogDirsRequest};
use ottla_protocol::messages::describe_producers::{DescribeProducersRequest, TopicRequest};
use ottla_protocol::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use ottla_protocol::messages::metadata::{MetadataRequest, MetadataRequestTopic};
use ottla_protocol::messages::produce::{
    PartitionProduceData, PartitionProduceResponse, ProduceRequest, TopicProduceData,
};
use ottla_protocol::record::{BatchBuilder, Compression, Compressor, ProducerStamp, restamp};
use ottla_tests::raw::{RawClient, in_time};
use peak_alloc::PeakAlloc;
use tokio::sync::mpsc::{Receiver, Sender, channel, error::TrySendError};
use tokio::sync::{Mutex, MutexGuard};
use tracing::field::{Field, Visit};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Subscriber, span};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;
static ALONE: Mutex<()> = Mutex::const_new(());

const MIB: usize = 1024 * 1024;
/// What a request or two of a few bytes may cost the broker, its client in the same process.
const LITTLE: usize = MIB;

/// A broker, and why it closes connections, as its log says.
struct Bench {
    cluster: Cluster,
    reasons: Receiver<String>,
    _log: DefaultGuard,
    _alone: MutexGuard<'static, ()>,
}

/// Hears why connections are closed. The broker runs on the test's own thread.
struct Log(Sender<String>);

impl Subscriber for Log {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target().starts_with("broker_lite")
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut why = Why(None);
        event.record(&mut why);
        if let Some(why) = why.0 {
            let kept = self.0.try_send(why); // closed: the test is over
            assert!(!matches!(kept, Err(TrySendError::Full(_))), "no reason is lost");
        }
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

struct Why(Option<String>);

impl Visit for Why {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "why" {
            self.0 = Some(format!("{value:?}"));
        }
    }
}

const PEER_CLOSED: &str = "the peer closed the connection";

impl Bench {
    async fn new() -> Self {
        let alone = ALONE.lock().await;
        let (sender, reasons) = channel(1_000);
        let log = tracing::subscriber::set_default(Log(sender));
        let cluster = Cluster::builder().topic("t", 1).start().await.unwrap();
        let mut bench = Self { cluster, reasons, _log: log, _alone: alone };
        bench.assert_serves().await; // what the first request costs is not what is measured
        bench
    }

    async fn connect(&self) -> RawClient {
        RawClient::connect(self.cluster.port()).await.unwrap()
    }

    /// The broker takes a record from a client that behaves.
    async fn assert_serves(&mut self) {
        let mut client = self.connect().await;
        assert_eq!(produce(&mut client, good_batch()).await, ErrorCode::NONE);
        client.end().await;
        self.assert_closes(client, PEER_CLOSED).await;
    }

    /// The broker closes this connection, the only one open, and says why.
    async fn assert_closes(&mut self, mut client: RawClient, expected: &str) {
        client.closed().await;
        let why = in_time(self.reasons.recv()).await.expect("the broker runs");
        assert!(why.contains(expected), "closed because {why:?}, not {expected:?}");
    }

    /// The broker answers `bytes` by hanging up, says why, and goes on.
    async fn assert_hangs_up(&mut self, bytes: &[u8], why: &str) {
        bounded(why, LITTLE, async || {
            let mut client = self.connect().await;
            client.send(bytes).await;
            self.assert_closes(client, why).await;
        })
        .await;
    }
}

/// Does `work`, which never needs `limit` bytes more than there are when it starts.
async fn bounded<T>(what: &str, limit: usize, work: impl AsyncFnOnce() -> T) -> T {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let done = work().await;
    let grown = MEMORY.peak_usage().saturating_sub(before);
    println!("{what}: {} KiB", grown / 1024);
    assert!(grown < limit, "{what} cost {grown} bytes, more than {limit}");
    done
}

async fn produce(client: &mut RawClient, batch: Bytes) -> ErrorCode {
    answer(client, batch).await.error_code
}

async fn answer(client: &mut RawClient, batch: Bytes) -> PartitionProduceResponse {
    let mut response = client.call(&produce_request(batch), 9).await;
    response.responses.remove(0).partition_responses.remove(0)
}

fn produce_request(batch: Bytes) -> ProduceRequest {
    let partition = PartitionProduceData {
        index: PartitionIndex(0),
        records: Some(batch),
        ..Default::default()
    };
    let topic = TopicProduceData {
        name: "t".into(),
        partition_data: vec![partition],
        ..Default::default()
    };
    ProduceRequest { acks: -1, timeout_ms: 30_000, topic_data: vec![topic], ..Default::default() }
}

fn good_batch() -> Bytes {
    batch(&[b"one", b"two", b"three"], Compression::None).freeze()
}

fn batch(values: &[&[u8]], codec: Compression) -> BytesMut {
    let mut builder = BatchBuilder::new(BytesMut::new());
    for value in values {
        builder.append(Timestamp(1_700_000_000_000), Some(b"key"), Some(value), &[]).unwrap();
    }
    builder.seal(codec, &mut Compressor::default(), None).unwrap().bytes
}

/// Corrects the checksum of a batch that was changed on purpose.
fn checked(mut batch: BytesMut) -> Bytes {
    restamp(&mut batch, None);
    batch.freeze()
}

fn topics_request() -> MetadataRequest {
    let topic = MetadataRequestTopic { name: Some("t".into()), ..Default::default() };
    MetadataRequest { topics: Some(vec![topic]), ..Default::default() }
}

#[tokio::test]
async fn bytes_of_other_protocols_end_only_their_own_connection() {
    let mut bench = Bench::new().await;
    let tls_hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    for (bytes, why) in [
        (&b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..], "the peer speaks HTTP"),
        (&tls_hello[..], "the peer speaks TLS"),
        (&[0xff, 0xff, 0xff, 0xff][..], "frame length -1 is negative"),
        (&[0x7f, 0xff, 0xff, 0xff, 0, 0][..], "frame of 2147483647 bytes exceeds the limit"),
        (&[0, 0, 0, 0][..], "malformed request: "),
        (&[0, 0, 0, 10, 0x7f, 0xff, 0, 0, 0, 0, 0, 1, 0xff, 0xff][..], "api key 32767 is not"),
        (&[0, 0, 0, 11, 0, 3, 0x7f, 0, 0, 0, 0, 1, 0xff, 0xff, 0][..], "Metadata version 32512 is"),
    ] {
        bench.assert_hangs_up(bytes, why).await;
        bench.assert_serves().await;
    }
}

#[tokio::test]
async fn promises_of_many_bytes_cost_nothing_until_they_come() {
    let bench = Bench::new().await;
    let promise = 100_000_000i32.to_be_bytes();
    let clients = bounded("300 promises of 100 MB", 32 * MIB, async || {
        let mut clients = Vec::new();
        for _ in 0..300 {
            let mut client = bench.connect().await;
            client.send(&promise).await;
            clients.push(client);
        }
        let mut last = bench.connect().await; // and by then the promises were read
        assert_eq!(produce(&mut last, good_batch()).await, ErrorCode::NONE);
        clients
    })
    .await;
    assert_eq!(clients.len(), 300, "all are open until here");
}

#[tokio::test]
async fn a_frame_cut_anywhere_harms_nobody() {
    let mut bench = Bench::new().await;
    let mut client = bench.connect().await;
    let frames = [
        client.frame(&produce_request(good_batch()), 9),
        client.frame(&produce_request(good_batch()), 3),
        client.frame(&topics_request(), 12),
    ];
    client.end().await;
    bench.assert_closes(client, PEER_CLOSED).await;
    for frame in frames {
        for cut in 0..frame.len() {
            bounded("a frame cut short", LITTLE, async || {
                let mut client = bench.connect().await;
                client.send(&frame[..cut]).await;
                client.end().await;
                bench.assert_closes(client, PEER_CLOSED).await;
            })
            .await;
        }
        // the same, but the length says that this is all
        for cut in 4..frame.len() {
            let length = i32::try_from(cut - 4).unwrap();
            let whole = [&length.to_be_bytes()[..], &frame[4..cut]].concat();
            bench.assert_hangs_up(&whole, "malformed request: ").await;
        }
        bench.assert_serves().await;
    }
}

#[tokio::test]
async fn a_batch_that_lies_gets_a_named_error() {
    let mut bench = Bench::new().await;
    let mut client = bench.connect().await;
    let changed = |at: usize, bytes: &[u8]| {
        let mut batch = batch(&[b"one", b"two", b"three"], Compression::None);
        batch[at..at + bytes.len()].copy_from_slice(bytes);
        batch
    };
    let count = |n: i32| checked(changed(57, &n.to_be_bytes()));
    let last_delta = |n: i32| checked(changed(23, &n.to_be_bytes()));
    let both = |n: i32| {
        let mut batch = changed(57, &n.to_be_bytes());
        batch[23..27].copy_from_slice(&(n - 1).to_be_bytes());
        checked(batch)
    };
    let mut cut = good_batch().to_vec();
    cut.truncate(cut.len() - 1);
    let mut twice = good_batch().to_vec();
    twice.extend_from_slice(&good_batch());
    for (what, batch, expected) in [
        ("a wrong checksum", changed(70, b"x").freeze(), ErrorCode::CORRUPT_MESSAGE),
        ("more records than there are", both(4), ErrorCode::INVALID_RECORD),
        ("fewer records than there are", both(2), ErrorCode::INVALID_RECORD),
        ("2 billion records", both(i32::MAX), ErrorCode::INVALID_RECORD),
        ("a negative count", count(-1), ErrorCode::INVALID_RECORD),
        ("no records", count(0), ErrorCode::INVALID_RECORD),
        ("a last offset that is not the last", last_delta(1_000), ErrorCode::INVALID_RECORD),
        ("a base offset", changed(0, &7i64.to_be_bytes()).freeze(), ErrorCode::INVALID_RECORD),
        ("magic 1", changed(16, &[1]).freeze(), ErrorCode::INVALID_RECORD),
        (
            "a codec that nobody knows",
            checked(changed(22, &[7])),
            ErrorCode::UNSUPPORTED_COMPRESSION_TYPE,
        ),
        ("a control batch", checked(changed(22, &[0x20])), ErrorCode::INVALID_RECORD),
        (
            "a record length of 2 GB",
            {
                let mut batch = changed(61, &[0xff, 0xff]);
                batch[63..66].copy_from_slice(&[0xff, 0xff, 0x0f]);
                checked(batch)
            },
            ErrorCode::INVALID_RECORD,
        ),
        ("half a batch", cut.into(), ErrorCode::INVALID_RECORD),
        ("two batches", twice.into(), ErrorCode::INVALID_RECORD),
        ("nothing", Bytes::new(), ErrorCode::INVALID_RECORD),
    ] {
        let refused = bounded(what, LITTLE, async || produce(&mut client, batch).await).await;
        assert_eq!(refused, expected, "{what}");
    }
    client.end().await;
    bench.assert_closes(client, PEER_CLOSED).await;
    bench.assert_serves().await;
}

#[tokio::test]
async fn an_array_that_claims_more_than_the_frame_holds_is_refused_unread() {
    let mut bench = Bench::new().await;
    let mut client = bench.connect().await;
    let fixed = client.frame(&topics_request(), 4);
    let compact = client.frame(&topics_request(), 12);
    client.end().await;
    bench.assert_closes(client, PEER_CLOSED).await;
    let count_at = 4 + 8 + 2 + 3; // length, header, the client id "raw"
    assert_eq!(fixed[count_at..count_at + 4], 1i32.to_be_bytes());
    for count in [2, 1_000, i32::MAX, i32::MIN] {
        let mut frame = fixed.to_vec();
        frame[count_at..count_at + 4].copy_from_slice(&count.to_be_bytes());
        bench.assert_hangs_up(&frame, "malformed request: ").await;
    }
    let count_at = count_at + 1; // the header's tagged fields
    assert_eq!(compact[count_at], 2, "one more than the count");
    for count in [&[4][..], &[0xe9, 0x07], &[0xff, 0xff, 0xff, 0xff, 0x0f], &[0xff; 6]] {
        let body = [&compact[4..count_at], count, &compact[count_at + 1..]].concat();
        let length = i32::try_from(body.len()).unwrap();
        let frame = [&length.to_be_bytes()[..], &body].concat();
        bench.assert_hangs_up(&frame, "malformed request: ").await;
    }
    bench.assert_serves().await;
}

/// `max.message.bytes`, unless it is set.
const MESSAGE_BYTES_MAX: usize = MIB + 12;
/// What the records of a batch may take decompressed.
const DECOMPRESSED_MAX: usize = 64 * MESSAGE_BYTES_MAX;

/// Snappy is not among them: it shrinks to a 21st at best, and 64 times is allowed.
#[tokio::test]
async fn a_decompression_bomb_is_refused_in_bounded_memory() {
    let mut bench = Bench::new().await;
    let mut client = bench.connect().await;
    let zeros = vec![0; 200 * MIB];
    for codec in [Compression::Gzip, Compression::Lz4, Compression::Zstd] {
        let bomb = batch(&[&zeros], codec).freeze();
        println!("{codec}: {} bytes for 200 MiB", bomb.len());
        assert!(bomb.len() < MESSAGE_BYTES_MAX, "{codec}: else its size is enough to refuse it");
        let what = format!("a bomb in {codec}");
        // its buffer grows by doubling; and the frame, at both ends
        let limit = 3 * DECOMPRESSED_MAX + 4 * bomb.len();
        let refused = bounded(&what, limit, async || answer(&mut client, bomb).await).await;
        assert_eq!(refused.error_code, ErrorCode::MESSAGE_TOO_LARGE, "{codec}");
        let words = refused.error_message.unwrap_or_default();
        assert!(words.contains("once decompressed"), "{codec}: {words}");
    }
    client.end().await;
    bench.assert_closes(client, PEER_CLOSED).await;
    bench.assert_serves().await;
}

#[tokio::test]
async fn snappy_that_lies_about_its_length_is_refused_before_memory_is_taken() {
    let bench = Bench::new().await;
    let mut client = bench.connect().await;
    let zeros = vec![0; 20 * MIB];
    let honest = batch(&[&zeros], Compression::Snappy).freeze();
    assert!(honest.len() < MESSAGE_BYTES_MAX, "{} bytes", honest.len());
    let limit = 3 * zeros.len();
    let taken = bounded("20 MiB", limit, async || produce(&mut client, honest).await).await;
    assert_eq!(taken, ErrorCode::NONE, "as much as snappy can make of it");
    // 4 GiB, 100 MiB and 60 MiB, in a stream of a few bytes
    for length in
        [&[0xff, 0xff, 0xff, 0xff, 0x0f][..], &[0x80, 0x80, 0x80, 0x32], &[0x80, 0x80, 0x80, 0x1e]]
    {
        let mut lie = batch(&[b"one"], Compression::Snappy);
        lie.truncate(61);
        lie.extend_from_slice(length);
        lie.extend_from_slice(&[0, b'x']); // a literal of one byte
        let size = i32::try_from(lie.len() - 12).unwrap();
        lie[8..12].copy_from_slice(&size.to_be_bytes());
        let lie = checked(lie);
        let what = format!("a length of {length:02x?}");
        let refused = bounded(&what, LITTLE, async || produce(&mut client, lie).await).await;
        assert_eq!(refused, ErrorCode::INVALID_RECORD, "{what}");
    }
}

/// How many bytes a broker may need, or keep, for each that it is sent.
const PROPORTION: usize = 16;

/// Sends `request` so many times and reads the replies: neither the work nor what the broker keeps
/// afterwards is out of proportion to the request, or to `kept`.
async fn assert_in_proportion<R: Request>(
    bench: &Bench,
    what: &str,
    (request, version): (&R, i16),
    (times, kept): (usize, usize),
) {
    let mut client = bench.connect().await;
    let frame = client.frame(request, version);
    let before = MEMORY.current_usage();
    // a reply is there as a message, as bytes, and in the client
    bounded(what, (PROPORTION * frame.len()).max(2 * LITTLE) + times * kept, async || {
        for _ in 0..times {
            client.send(&frame).await;
            client.reply().await.expect("a reply");
        }
    })
    .await;
    client.end().await;
    client.closed().await;
    let held = MEMORY.current_usage().saturating_sub(before);
    println!("{what}: {times} times {} bytes, {held} held", frame.len());
    assert!(held < LITTLE + times * kept, "{what}: {held} bytes are kept");
}

fn fetch_all(topic: &str, partitions: i32) -> FetchRequest {
    let partition = |index| FetchPartition {
        partition: PartitionIndex(index),
        partition_max_bytes: 1,
        ..Default::default()
    };
    let topic = FetchTopic {
        topic: topic.into(),
        partitions: (0..partitions).map(partition).collect(),
        ..Default::default()
    };
    FetchRequest { session_epoch: 0, topics: vec![topic], ..Default::default() }
}

#[tokio::test]
async fn what_is_said_again_and_again_costs_no_more_than_its_bytes() {
    let bench = Bench::new().await;
    let mut client = bench.connect().await;
    for id in 0..300 {
        let stamp = ProducerStamp {
            id: ProducerId(id),
            epoch: ProducerEpoch(0),
            first: Sequence::new(0).unwrap(),
            transactional: false,
        };
        let mut batch = batch(&[b"one"], Compression::None);
        restamp(&mut batch, Some(stamp));
        assert_eq!(produce(&mut client, batch.freeze()).await, ErrorCode::NONE);
    }
    let name = |len| "n".repeat(len);
    let impossible = fetch_all(&name(30_000), 5_000);
    assert_in_proportion(&bench, "Fetch, long name", (&impossible, 12), (1, 0)).await;
    let possible = fetch_all(&name(249), 5_000);
    let kept = 5_000 * 500; // bytes for each partition
    assert_in_proportion(&bench, "Fetch, partitions", (&possible, 12), (1, kept)).await;
    let mut tagged = fetch_all("t", 1);
    let tag = &mut tagged.topics[0].partitions[0].unknown_tags;
    tag.push(1_000, vec![0; MIB].into());
    assert_in_proportion(&bench, "Fetch, tag", (&tagged, 12), (16, 10_000)).await;
    let resource = DescribeConfigsResource {
        resource_type: RESOURCE_TYPE_BROKER,
        resource_name: "1".into(),
        ..Default::default()
    };
    let resources = vec![resource; 1_000];
    let configs = DescribeConfigsRequest { resources, ..Default::default() };
    assert_in_proportion(&bench, "DescribeConfigs, broker", (&configs, 4), (1, 0)).await;
    let partition_indexes = vec![PartitionIndex(0); 5_000];
    let topic = TopicRequest { name: "t".into(), partition_indexes, ..Default::default() };
    let producers = DescribeProducersRequest { topics: vec![topic], ..Default::default() };
    assert_in_proportion(&bench, "DescribeProducers, index", (&producers, 0), (1, 0)).await;
    let topics =
        MetadataRequest { topics: Some(vec![wide(&mut client).await; 1_000]), ..topics_request() };
    assert_in_proportion(&bench, "Metadata, topic", (&topics, 12), (1, 0)).await;
    let partitions = vec![PartitionIndex(0); 5_000];
    let topic = DescribableLogDirTopic { topic: "t".into(), partitions, ..Default::default() };
    let dirs = DescribeLogDirsRequest { topics: Some(vec![topic; 10]), ..Default::default() };
    assert_in_proportion(&bench, "DescribeLogDirs, index", (&dirs, 2), (1, 0)).await;
    client.end().await;
    client.closed().await;
}

/// Makes a topic of many partitions.
async fn wide(client: &mut RawClient) -> MetadataRequestTopic {
    let topic = CreatableTopic {
        name: "wide".into(),
        num_partitions: Some(300),
        replication_factor: Some(1),
        ..Default::default()
    };
    let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
    let made = client.call(&request, 7).await;
    assert_eq!(made.topics[0].error_code, ErrorCode::NONE);
    MetadataRequestTopic { name: Some("wide".into()), ..Default::default() }
}
