//! Records go in and come out.

use core::time::Duration;

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::Offset;
use ottla_protocol::messages::fetch::FetchRequest;
use ottla_protocol::messages::produce::ProduceRequest;

use crate::raw::{Raw, cluster, fetch, produce, values};

#[tokio::test(start_paused = true)]
async fn what_is_produced_is_fetched() {
    let cluster = cluster().topic("t", 2).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    let response = raw.call(&produce("t", 1, &["a", "b"]), 9).await;
    let produced = &response.responses[0].partition_responses[0];
    assert_eq!((produced.error_code, produced.base_offset), (ErrorCode::NONE, Offset::new(0)));
    let response = raw.call(&produce("t", 1, &["c"]), 9).await;
    assert_eq!(response.responses[0].partition_responses[0].base_offset, Offset::new(2));
    let response = raw.call(&fetch("t", 1, 0, 0), 12).await;
    let fetched = &response.responses[0].partitions[0];
    assert_eq!(fetched.error_code, ErrorCode::NONE);
    assert_eq!(fetched.high_watermark, Offset::new(3));
    let expected = [(0, "a".to_owned()), (1, "b".to_owned()), (2, "c".to_owned())];
    assert_eq!(values(fetched.records.as_ref().unwrap()), expected);
}

#[tokio::test(start_paused = true)]
async fn a_waiting_fetch_is_woken_by_the_append() {
    let cluster = cluster().topic("t", 1).start().await.unwrap();
    let (mut reader, mut writer) = (Raw::connect(&cluster).await, Raw::connect(&cluster).await);
    let started = cluster.clock().now();
    reader.send(&fetch("t", 0, 0, 30_000), 12).await;
    cluster.clock().sleep(Duration::from_millis(100)).await;
    writer.call(&produce("t", 0, &["x"]), 9).await;
    let (_, response) = reader.receive::<FetchRequest>(12).await;
    let records = response.responses[0].partitions[0].records.as_ref().unwrap();
    assert_eq!(values(records), [(0, "x".to_owned())]);
    assert_eq!(cluster.clock().now() - started, Duration::from_millis(100));
}

#[tokio::test(start_paused = true)]
async fn a_fetch_of_nothing_waits_as_long_as_it_said() {
    let cluster = cluster().topic("t", 1).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    let started = cluster.clock().now();
    let response = raw.call(&fetch("t", 0, 0, 500), 12).await;
    assert!(response.responses[0].partitions[0].records.as_ref().unwrap().is_empty());
    let waited = cluster.clock().now() - started;
    assert!((500..510).contains(&waited.as_millis()), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_produce_passes_a_waiting_fetch_but_its_reply_does_not() {
    let cluster = cluster().topic("t", 1).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    let waiting = raw.send(&fetch("t", 0, 0, 30_000), 12).await;
    let produced = raw.send(&produce("t", 0, &["x"]), 9).await;
    let (first, response) = raw.receive::<FetchRequest>(12).await;
    assert_eq!(first, waiting);
    assert!(!response.responses[0].partitions[0].records.as_ref().unwrap().is_empty());
    assert_eq!(raw.receive::<ProduceRequest>(9).await.0, produced);
}
