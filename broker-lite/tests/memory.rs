//! What connections cost that promise much and send nothing, or ask for much and take nothing.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use core::time::Duration;
use std::alloc::System;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Mutex, MutexGuard, PoisonError};

use broker_lite::Cluster;
use broker_lite::fault::{Action, Fault};
use ottla_protocol::api_key::ApiKey;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::header::encode_request;
use ottla_protocol::ids::CorrelationId;
use ottla_protocol::messages::create_topics::{CreatableTopicConfig, CreateTopicsRequest};
use ottla_protocol::messages::fetch::FetchRequest;
use ottla_protocol::messages::metadata::MetadataRequest;
use ottla_protocol::schema::Request;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[path = "broker/raw.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod raw;

use raw::{Raw, cluster, create, fetch, metadata, produce};

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// All tests here share the counters.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a test on a paused clock. What its runtime frees at the end is not the next test's.
fn run_alone(test: impl Future<Output = ()>) {
    let _alone = alone();
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().start_paused(true).build().unwrap().block_on(test);
}

fn grown(region: &Region<'_, System>) -> usize {
    let change = region.change();
    change.bytes_allocated.saturating_sub(change.bytes_deallocated)
}

/// How much one such connection may cost: a task, a session, and room for the first bytes.
const BYTES_PER_CONNECTION: usize = 100 * 1024;
const CONNECTIONS: usize = 300;

#[test]
fn connections_that_promise_100_mb_and_send_nothing_cost_little() {
    let _alone = alone();
    // the client blocks: the cluster has a thread of its own, and nothing here has a runtime
    let cluster = Cluster::builder().own_thread();
    let cluster = futures::executor::block_on(cluster.start()).expect("it starts");
    let region = Region::new(COUNTING);
    let promise = |_| {
        let mut peer = TcpStream::connect(cluster.bootstrap()).expect("it listens");
        peer.write_all(&100_000_000_i32.to_be_bytes()).expect("it reads");
        peer
    };
    let promises: Vec<TcpStream> = (0..CONNECTIONS).map(promise).collect();
    // an ApiVersions of version 0: its reply shows that those before were accepted
    let mut peer = TcpStream::connect(cluster.bootstrap()).expect("it listens");
    peer.write_all(b"\0\0\0\x0b\0\x12\0\0\0\0\0\x07\0\x01x").expect("it reads");
    let mut head = [0; 8];
    peer.read_exact(&mut head).expect("it answers");
    assert_eq!(head.get(4..), Some(&[0, 0, 0, 7][..]));
    let grown = grown(&region);
    assert!(grown < CONNECTIONS * BYTES_PER_CONNECTION, "{grown} bytes");
    drop(promises);
    futures::executor::block_on(cluster.stop()).expect("it stops in order");
}

const FETCHES: usize = 64;
const MIB: usize = 1024 * 1024;

#[test]
fn fetches_that_wait_hold_no_bytes_and_are_answered_one_after_the_other() {
    run_alone(async {
        let cluster = cluster().topic("t", 1).start().await.unwrap();
        let mut raw = Raw::connect(&cluster).await;
        let value = "x".repeat(900_000);
        for _ in 0..40 {
            raw.call(&produce("t", 0, &[&value]), 9).await;
        }
        let most = i32::MAX;
        let mut greedy = fetch("t", 0, 0, 20_000);
        (greedy.min_bytes, greedy.max_bytes) = (most, most);
        greedy.topics[0].partitions[0].partition_max_bytes = most;
        let seen =
            cluster.faults().add(Fault::on(ApiKey::FETCH).then(Action::Delay(Duration::ZERO)));
        let region = Region::new(COUNTING);
        let started = cluster.clock().now();
        for _ in 0..FETCHES {
            raw.send(&greedy, 12).await;
        }
        seen.wait(64).await;
        tokio::task::yield_now().await;
        assert!(cluster.clock().now() - started < Duration::from_secs(20), "all of them wait");
        let waiting = grown(&region);
        assert!(waiting < MIB, "{waiting} bytes for {FETCHES} that wait");
        // all are due at once; the peer takes nothing
        cluster.clock().sleep(Duration::from_secs(60)).await;
        let due = grown(&region);
        assert!(due < 80 * MIB, "{due} bytes for {FETCHES} that are due");
        let mut records = 0;
        for _ in 0..FETCHES {
            let (_, response) = raw.receive::<FetchRequest>(12).await;
            records += response.responses[0].partitions[0].records.as_ref().unwrap().len();
            let read = grown(&region);
            assert!(read < 160 * MIB, "{read} bytes while they are read");
        }
        assert!(records > FETCHES * 36_000_000, "{records}");
    });
}

/// How much stands behind the request in each frame.
const PADDING: usize = MIB;

/// A frame that is much larger than what is asked for.
fn padded<R: Request>(request: &R, version: i16) -> Vec<u8> {
    let frame = encode_request(request, version, CorrelationId(1), Some("padded")).unwrap();
    let mut frame = frame.into_bytes().to_vec();
    frame.resize(frame.len() + PADDING, 0);
    let length = i32::try_from(frame.len() - 4).unwrap();
    frame[..4].copy_from_slice(&length.to_be_bytes());
    frame
}

#[test]
fn a_topic_does_not_keep_the_request_that_made_it() {
    run_alone(async {
        const TOPICS: usize = 16;
        let cluster = cluster().start().await.unwrap();
        let mut raw = Raw::connect(&cluster).await;
        raw.send_bytes(&padded(&create("first", Vec::new()), 7)).await;
        raw.receive::<CreateTopicsRequest>(7).await;
        let region = Region::new(COUNTING);
        for i in 0..TOPICS {
            let setting = CreatableTopicConfig {
                name: "retention.ms".into(),
                value: Some("1000".into()),
                ..Default::default()
            };
            raw.send_bytes(&padded(&create(&format!("t-{i}"), vec![setting]), 7)).await;
            let (_, made) = raw.receive::<CreateTopicsRequest>(7).await;
            assert_eq!(made.topics[0].error_code, ErrorCode::NONE);
            raw.send_bytes(&padded(&metadata(&[&format!("auto-{i}")]), 12)).await;
            raw.receive::<MetadataRequest>(12).await;
        }
        let grown = grown(&region);
        assert!(grown < 2 * TOPICS * PADDING / 8, "{grown} bytes for {TOPICS} and as many");
        assert_eq!(
            raw.call(&metadata(&["auto-3"]), 12).await.topics[0].error_code,
            ErrorCode::NONE
        );
    });
}
