//! What one client cannot do to the others.

use core::time::Duration;

use ottla_protocol::messages::fetch::FetchRequest;

use crate::raw::{Raw, cluster, fetch, metadata, produce};

#[tokio::test(start_paused = true)]
async fn connections_over_the_limit_are_closed_and_places_come_free() {
    let cluster = cluster().config("max.connections", "2").start().await.unwrap();
    let mut kept = Raw::connect(&cluster).await;
    let mut other = Raw::connect(&cluster).await;
    other.call(&metadata(&[]), 12).await;
    assert!(Raw::connect(&cluster).await.is_closed().await);
    drop(other);
    kept.call(&metadata(&[]), 12).await;
    Raw::connect(&cluster).await.call(&metadata(&[]), 12).await;
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_and_a_waiting_one_is_not() {
    let cluster = cluster().topic("t", 1).config("connections.max.idle.ms", "1000");
    let cluster = cluster.start().await.unwrap();
    let (mut idle, mut waiting) = (Raw::connect(&cluster).await, Raw::connect(&cluster).await);
    let started = cluster.clock().now();
    waiting.send(&fetch("t", 0, 0, 5_000), 12).await;
    assert!(idle.is_closed().await);
    let open = cluster.clock().now() - started;
    assert!((1_000..1_100).contains(&open.as_millis()), "{open:?}");
    waiting.receive::<FetchRequest>(12).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_its_replies_does_not_make_them_pile_up() {
    let cluster = cluster().topic("t", 1).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    let value = "x".repeat(200_000);
    for _ in 0..4 {
        raw.call(&produce("t", 0, &[&value]), 9).await;
    }
    let many = 300;
    let (mut read, mut write) = (Raw::connect(&cluster).await, Vec::new());
    for _ in 0..many {
        write.push(fetch("t", 0, 0, 0));
    }
    for request in &write {
        // the broker stops to take requests, and the connection's buffer still has room for these
        read.send(request, 12).await;
    }
    cluster.clock().sleep(Duration::from_secs(1)).await;
    for _ in 0..many {
        let (_, response) = read.receive::<FetchRequest>(12).await;
        assert!(response.responses[0].partitions[0].records.as_ref().unwrap().len() > 800_000);
    }
}

#[tokio::test(start_paused = true)]
async fn hundreds_of_connections_that_promise_much_cost_little() {
    let cluster = cluster().start().await.unwrap();
    let mut promises = Vec::new();
    for _ in 0..300 {
        let mut raw = Raw::connect(&cluster).await;
        raw.send_bytes(&(100_000_000_i32).to_be_bytes()).await;
        promises.push(raw);
    }
    let mut raw = Raw::connect(&cluster).await;
    assert_eq!(raw.call(&metadata(&[]), 12).await.brokers.len(), 1);
}
