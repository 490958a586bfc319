//! Whatever a peer sends, the broker answers with a named error or hangs up, keeps its memory in
//! proportion to what it received, and goes on serving others.
//!
//! The tests run one after the other (they measure the memory of the whole process).

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use broker_lite::Cluster;
use bytes::{Bytes, BytesMut};
use ottla_protocol::ErrorCode;
use ottla_protocol::ids::{PartitionIndex, Timestamp};
use ottla_protocol::messages::metadata::{MetadataRequest, MetadataRequestTopic};
use ottla_protocol::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use ottla_protocol::record::{BatchBuilder, Compression, Compressor, restamp};
use ottla_tests::raw::RawClient;
use peak_alloc::PeakAlloc;
use tokio::sync::{Mutex, MutexGuard};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;
static ALONE: Mutex<()> = Mutex::const_new(());

const MIB: usize = 1024 * 1024;

async fn cluster() -> (MutexGuard<'static, ()>, Cluster) {
    let alone = ALONE.lock().await;
    let cluster = Cluster::builder().topic("t", 1).start().await.unwrap();
    (alone, cluster)
}

/// The broker takes a record from a client that behaves.
async fn assert_serves(cluster: &Cluster) {
    let mut client = RawClient::connect(cluster.port()).await.unwrap();
    assert_eq!(produce(&mut client, good_batch()).await, ErrorCode::NONE);
}

async fn produce(client: &mut RawClient, batch: Bytes) -> ErrorCode {
    let response = client.call(&produce_request(batch), 9).await;
    response.responses[0].partition_responses[0].error_code
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

fn mib(bytes: usize) -> usize {
    bytes / MIB
}

#[tokio::test]
async fn bytes_of_other_protocols_end_only_their_own_connection() {
    let (_alone, cluster) = cluster().await;
    let tls_hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    for (what, bytes) in [
        ("HTTP", &b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..]),
        ("TLS", &tls_hello[..]),
        ("a negative length", &[0xff, 0xff, 0xff, 0xff][..]),
        ("a length of 2 GB", &[0x7f, 0xff, 0xff, 0xff, 0, 0][..]),
        ("a frame of no bytes", &[0, 0, 0, 0][..]),
        ("an unknown API", &[0, 0, 0, 10, 0x7f, 0xff, 0, 0, 0, 0, 0, 1, 0xff, 0xff][..]),
        ("an unknown version", &[0, 0, 0, 10, 0, 3, 0x7f, 0, 0, 0, 0, 1, 0xff, 0xff][..]),
    ] {
        println!("{what}");
        let mut client = RawClient::connect(cluster.port()).await.unwrap();
        client.send(bytes).await;
        client.closed().await;
        assert_serves(&cluster).await;
    }
}

#[tokio::test]
async fn promises_of_many_bytes_cost_nothing_until_they_come() {
    let (_alone, cluster) = cluster().await;
    assert_serves(&cluster).await;
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let promise = 100_000_000i32.to_be_bytes();
    let mut clients = Vec::new();
    for _ in 0..300 {
        let mut client = RawClient::connect(cluster.port()).await.unwrap();
        client.send(&promise).await;
        clients.push(client);
    }
    assert_serves(&cluster).await; // and by then the promises were read
    let grown = MEMORY.peak_usage() - before;
    assert!(grown < 32 * MIB, "300 promises of 100 MB cost {} MiB", mib(grown));
    drop(clients);
}

#[tokio::test]
async fn a_frame_cut_anywhere_harms_nobody() {
    let (_alone, cluster) = cluster().await;
    let mut client = RawClient::connect(cluster.port()).await.unwrap();
    let frames = [
        client.frame(&produce_request(good_batch()), 9),
        client.frame(&produce_request(good_batch()), 3),
        client.frame(&topics_request(), 12),
    ];
    for frame in frames {
        for cut in 0..frame.len() {
            let mut client = RawClient::connect(cluster.port()).await.unwrap();
            client.send(&frame[..cut]).await;
            client.end().await;
            client.closed().await;
        }
        // the same, but the length says that this is all
        for cut in 14..frame.len() {
            let mut client = RawClient::connect(cluster.port()).await.unwrap();
            let length = i32::try_from(cut - 4).unwrap();
            client.send(&length.to_be_bytes()).await;
            client.send(&frame[4..cut]).await;
            client.end().await;
            client.closed().await;
        }
        assert_serves(&cluster).await;
    }
}

#[tokio::test]
async fn a_batch_that_lies_gets_a_named_error() {
    let (_alone, cluster) = cluster().await;
    let mut client = RawClient::connect(cluster.port()).await.unwrap();
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
        assert_eq!(produce(&mut client, batch).await, expected, "{what}");
    }
    assert_serves(&cluster).await;
}

#[tokio::test]
async fn an_array_that_claims_more_than_the_frame_holds_is_refused_unread() {
    let (_alone, cluster) = cluster().await;
    let mut client = RawClient::connect(cluster.port()).await.unwrap();
    let good = client.frame(&topics_request(), 4);
    let count_at = 4 + 8 + 2 + 3; // length, header, the client id "raw"
    assert_eq!(good[count_at..count_at + 4], 1i32.to_be_bytes());
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    for count in [2, 1_000, i32::MAX, i32::MIN] {
        let mut frame = good.to_vec();
        frame[count_at..count_at + 4].copy_from_slice(&count.to_be_bytes());
        let mut client = RawClient::connect(cluster.port()).await.unwrap();
        client.send(&frame).await;
        client.closed().await;
    }
    let grown = MEMORY.peak_usage() - before;
    assert!(grown < MIB, "lying counts cost {grown} bytes");
    assert_serves(&cluster).await;
}

#[tokio::test]
async fn a_decompression_bomb_is_refused_in_bounded_memory() {
    let (_alone, cluster) = cluster().await;
    let zeros = vec![0; 400 * MIB];
    for codec in [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd] {
        let mut client = RawClient::connect(cluster.port()).await.unwrap();
        let bomb = batch(&[&zeros], codec).freeze();
        println!("{codec}: {} bytes for 400 MiB", bomb.len());
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let refused = produce(&mut client, bomb.clone()).await;
        let grown = MEMORY.peak_usage() - before;
        assert!(
            [ErrorCode::INVALID_RECORD, ErrorCode::MESSAGE_TOO_LARGE].contains(&refused),
            "{codec}: {refused}"
        );
        let bound = 4 * bomb.len() + 200 * MIB;
        assert!(grown < bound, "{codec}: a bomb of {} bytes cost {} MiB", bomb.len(), mib(grown));
    }
    assert_serves(&cluster).await;
}
