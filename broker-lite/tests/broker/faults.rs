//! Faults on purpose, one test an action.

use core::time::Duration;

use broker_lite::{Action, Fault};
use ottla_protocol::api_key::ApiKey;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::fetch::FetchRequest;
use ottla_protocol::messages::produce::ProduceRequest;
use ottla_protocol::record::{CheckedBatch, split_batches};

use crate::raw::{Raw, cluster, fetch, metadata, produce, values};

async fn stored(raw: &mut Raw, partition: i32) -> usize {
    let response = raw.call(&fetch("t", partition, 0, 0), 12).await;
    values(response.responses[0].partitions[0].records.as_ref().unwrap()).len()
}

#[tokio::test(start_paused = true)]
async fn a_partition_with_an_error_is_not_appended_and_the_others_are() {
    let cluster = cluster().topic("t", 2).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    let code = ErrorCode::NOT_LEADER_OR_FOLLOWER;
    let fault = Fault::on(ApiKey::PRODUCE).topic("t").partition(1).times(1);
    let handle = cluster.faults().add(fault.then(Action::Error(code)));
    let mut both = produce("t", 0, &["x"]);
    let one = produce("t", 1, &["y"]).topic_data.remove(0).partition_data;
    both.topic_data[0].partition_data.extend(one);
    let response = raw.call(&both, 9).await;
    let codes: Vec<_> =
        response.responses[0].partition_responses.iter().map(|p| p.error_code).collect();
    assert_eq!(codes, [ErrorCode::NONE, code]);
    assert_eq!((stored(&mut raw, 0).await, stored(&mut raw, 1).await), (1, 0));
    raw.call(&both, 9).await;
    assert_eq!((stored(&mut raw, 1).await, handle.hits()), (1, 1), "only once");
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_cut_before_or_after_the_effect() {
    for (action, effect) in [(Action::DisconnectBefore, 0), (Action::DisconnectAfter, 1)] {
        let cluster = cluster().topic("t", 1).start().await.unwrap();
        cluster.faults().add(Fault::on(ApiKey::PRODUCE).times(1).then(action));
        let mut raw = Raw::connect(&cluster).await;
        raw.send(&produce("t", 0, &["x"]), 9).await;
        assert!(raw.is_closed().await);
        let mut raw = Raw::connect(&cluster).await;
        assert_eq!(stored(&mut raw, 0).await, effect);
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_broker_appends_and_a_later_cut_still_comes() {
    let cluster = cluster().topic("t", 1).start().await.unwrap();
    let silence = Fault::on(ApiKey::PRODUCE).nth(2).times(1).then(Action::Silence);
    let silence = cluster.faults().add(silence);
    cluster.faults().add(Fault::on(ApiKey::PRODUCE).nth(4).then(Action::DisconnectAfter));
    let mut raw = Raw::connect(&cluster).await;
    for _ in 0..4 {
        raw.send(&produce("t", 0, &["x"]), 9).await;
    }
    raw.receive::<ProduceRequest>(9).await;
    assert!(raw.is_closed().await, "no reply behind the silent one");
    assert_eq!(silence.wait(1).await, 1);
    let mut raw = Raw::connect(&cluster).await;
    assert_eq!(stored(&mut raw, 0).await, 4);
}

#[tokio::test(start_paused = true)]
async fn a_delay_holds_the_request_back() {
    let cluster = cluster().topic("t", 1).start().await.unwrap();
    let wait = Duration::from_secs(3);
    cluster.faults().add(Fault::on(ApiKey::PRODUCE).client_id("raw").then(Action::Delay(wait)));
    let mut raw = Raw::connect(&cluster).await;
    let started = cluster.clock().now();
    raw.call(&produce("t", 0, &["x"]), 9).await;
    assert!(cluster.clock().now() - started >= wait);
}

#[tokio::test(start_paused = true)]
async fn a_delayed_produce_is_not_overtaken_by_the_next() {
    let cluster = cluster().topic("t", 1).start().await.unwrap();
    let delay = Action::Delay(Duration::from_secs(3));
    cluster.faults().add(Fault::on(ApiKey::PRODUCE).times(1).then(delay));
    let mut raw = Raw::connect(&cluster).await;
    for value in ["first", "second"] {
        raw.send(&produce("t", 0, &[value]), 9).await;
    }
    for _ in 0..2 {
        raw.receive::<ProduceRequest>(9).await;
    }
    let response = raw.call(&fetch("t", 0, 0, 0), 12).await;
    let stored = values(response.responses[0].partitions[0].records.as_ref().unwrap());
    assert_eq!(stored, [(0, "first".to_owned()), (1, "second".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn what_waits_behind_a_delayed_fetch_starts_when_the_fetch_does() {
    let cluster = cluster().topic("t", 1).start().await.unwrap();
    let delay = Action::Delay(Duration::from_secs(3));
    cluster.faults().add(Fault::on(ApiKey::FETCH).times(1).then(delay));
    let mut raw = Raw::connect(&cluster).await;
    let started = cluster.clock().now();
    raw.send(&fetch("t", 0, 0, 60_000), 12).await;
    raw.send(&produce("t", 0, &["x"]), 9).await;
    raw.receive::<FetchRequest>(12).await;
    raw.receive::<ProduceRequest>(9).await;
    let took = cluster.clock().now() - started;
    assert!(took < Duration::from_secs(60), "the Produce ended the Fetch: {took:?}");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_peer_is_noticed_while_it_gets_no_reply() {
    for action in [Action::Silence, Action::Delay(Duration::MAX)] {
        let cluster = cluster().config("max.connections", "1").topic("t", 1).start().await.unwrap();
        let fault = Fault::on(ApiKey::METADATA).times(1).then(action);
        let fault = cluster.faults().add(fault);
        let mut gone = Raw::connect(&cluster).await;
        gone.send(&metadata(&["t"]), 12).await;
        gone.send(&metadata(&["t"]), 12).await;
        assert_eq!(fault.wait(1).await, 1);
        drop(gone);
        cluster.clock().sleep(Duration::from_secs(20)).await;
        let mut raw = Raw::connect(&cluster).await;
        raw.topic_id("t").await; // there is room for one connection
    }
}

#[tokio::test(start_paused = true)]
async fn a_corrupt_fetch_has_a_batch_with_a_wrong_checksum() {
    for bytes in [0, 1, 5, 20, 100, 4000] {
        let cluster = cluster().topic("t", 1).start().await.unwrap();
        let mut raw = Raw::connect(&cluster).await;
        raw.call(&produce("t", 0, &[&"x".repeat(bytes)]), 9).await;
        cluster.faults().add(Fault::on(ApiKey::FETCH).times(1).then(Action::CorruptReply));
        let id = raw.send(&fetch("t", 0, 0, 0), 12).await;
        let (answered, response) = raw.receive::<FetchRequest>(12).await;
        assert_eq!(answered, id);
        let records = response.responses[0].partitions[0].records.clone().unwrap();
        let batch = split_batches(records).next().unwrap().unwrap();
        assert!(CheckedBatch::check(batch).is_err(), "{bytes} bytes");
        assert_eq!(stored(&mut raw, 0).await, 1, "the log is sound");
    }
}
