//! What connections cost that promise much and send nothing.

use std::alloc::System;
use std::io::{Read, Write};
use std::net::TcpStream;

use broker_lite::Cluster;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How much one such connection may cost: a task, a session, and room for the first bytes.
const BYTES_PER_CONNECTION: usize = 100 * 1024;
const CONNECTIONS: usize = 300;

#[test]
fn connections_that_promise_100_mb_and_send_nothing_cost_little() {
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
    let change = region.change();
    let grown = change.bytes_allocated.saturating_sub(change.bytes_deallocated);
    assert!(grown < CONNECTIONS * BYTES_PER_CONNECTION, "{grown} bytes");
    drop(promises);
    futures::executor::block_on(cluster.stop()).expect("it stops in order");
}
