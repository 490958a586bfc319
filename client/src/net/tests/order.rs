//! Order, pipelining, versions, silence, idleness.

use super::*;
use crate::error::CallError;
use ottla_protocol::messages::fetch::FetchRequest;
use ottla_protocol::messages::produce::{ProduceRequest, ProduceResponse};

#[tokio::test(start_paused = true)]
async fn calls_leave_in_call_order_even_those_made_before_the_versions_are_known() {
    let stage = Stage::new();
    // in call order, though nobody polls them yet and they are awaited in another order
    let mut calls: Vec<_> = (0..20).map(|i| stage.ask(&format!("t{i}"))).collect();
    let mut peer = stage.accept_kafka().await;
    let mut headers = Vec::new();
    for i in 0..20 {
        let (header, name) = peer.asked().await; // pipelined: none is answered yet
        assert_eq!(name, format!("t{i}"));
        assert_eq!(header.client_id.as_deref(), Some("tester"));
        headers.push((header, name));
    }
    for (header, name) in &headers {
        peer.answer(header, name).await;
    }
    while let Some(call) = calls.pop() {
        let name = format!("t{}", calls.len());
        assert_eq!(name_of(call.await.unwrap()), name);
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_is_sent_all_the_same_and_harms_no_other() {
    let stage = Stage::new();
    drop(stage.ask("dropped before the connection"));
    let mut peer = stage.accept_kafka().await;
    let (first, name) = peer.asked().await;
    assert_eq!(name, "dropped before the connection");
    let (dropped, kept) = (stage.ask("dropped in flight"), stage.ask("kept"));
    let (second, _) = peer.asked().await;
    let (third, _) = peer.asked().await;
    drop(dropped);
    for (header, name) in [(first, "a"), (second, "b"), (third, "c")] {
        peer.answer(&header, name).await;
    }
    assert_eq!(name_of(kept.await.unwrap()), "c");
}

#[tokio::test(start_paused = true)]
async fn answers_are_the_same_however_the_bytes_arrive() {
    let stage = Stage::new();
    let calls = [stage.ask("one"), stage.ask("two")];
    let mut peer = stage.accept_kafka().await;
    let mut bytes = Vec::new();
    for _ in 0..2 {
        let (header, name) = peer.asked().await;
        bytes.extend_from_slice(&answer(&header, &name, 0));
    }
    for byte in bytes {
        peer.write(&[byte]).await;
        tokio::task::yield_now().await;
    }
    let [one, two] = calls;
    assert_eq!(name_of(one.await.unwrap()), "one");
    assert_eq!(name_of(two.await.unwrap()), "two");
}

#[tokio::test(start_paused = true)]
async fn an_old_broker_is_asked_again_in_a_version_it_knows() {
    let stage = Stage::new();
    let call = stage.ask("t");
    let mut peer = stage.accept().await;
    let (newest, _) = peer.request().await.unwrap();
    assert_eq!(newest.api_version, 4);
    let bytes = refusal(&newest, 2);
    peer.write(&bytes).await;
    let (older, _) = peer.request().await.unwrap();
    assert_eq!((ApiKey(older.api_key), older.api_version), (ApiKey::API_VERSIONS, 2));
    peer.answer_versions(&older).await;
    let (header, name) = peer.asked().await;
    peer.answer(&header, &name).await;
    call.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_content_may_depend_on_the_version_both_sides_know() {
    let stage = Stage::new();
    let newest = stage.connection.call_versioned(0..=99, TIMEOUT, |v| request(&format!("v{v}")));
    let capped = stage.connection.call_versioned(4..=9, TIMEOUT, |v| request(&format!("v{v}")));
    let none = stage.connection.call_versioned(14..=14, TIMEOUT, |_| request("never"));
    let unknown = stage.connection.call(FetchRequest::default(), TIMEOUT);
    let mut peer = stage.accept_kafka().await;
    for version in ["v13", "v9"] {
        let (header, name) = peer.asked().await;
        assert_eq!(name, version);
        peer.answer(&header, &name).await;
    }
    newest.await.unwrap();
    capped.await.unwrap();
    let error = none.await.unwrap_err();
    assert!(!error.possibly_sent() && !error.is_retriable());
    assert_eq!(
        error.to_string(),
        "broker 1 at kafka:9092 does not know Metadata (3) in any version this client can use \
         here: it has 0-13, we have 14-14"
    );
    let error = unknown.await.unwrap_err();
    assert!(matches!(error, CallError::UnsupportedVersion { theirs: None, .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn more_than_64_in_flight_wait_for_answers() {
    let stage = Stage::new();
    let calls: Vec<_> = (0..70).map(|i| stage.ask(&format!("t{i}"))).collect();
    let mut peer = stage.accept_kafka().await;
    let mut headers = Vec::new();
    for _ in 0..64 {
        headers.push(peer.asked().await);
    }
    stage.settle().await;
    assert_eq!(stage.connection.queued(), 6);
    let (header, name) = headers.remove(0);
    peer.answer(&header, &name).await;
    assert_eq!(peer.asked().await.1, "t64");
    drop(calls);
}

#[tokio::test(start_paused = true)]
async fn a_throttled_client_is_silent_and_the_silence_is_no_timeout() {
    let stage = Stage::new();
    let first = stage.ask_within("a", Duration::from_secs(1));
    let mut peer = stage.accept_kafka().await;
    let (header, _) = peer.asked().await;
    let bytes = answer(&header, "a", 5_000);
    peer.write(&bytes).await;
    first.await.unwrap();
    let second = stage.ask_within("b", Duration::from_secs(1));
    let (header, _) = peer.asked().await;
    assert!(stage.at(5_000), "{:?}", stage.clock.now());
    peer.answer(&header, "b").await;
    second.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_waits_when_the_silence_begins_gets_that_much_longer() {
    let stage = Stage::new();
    let calls: Vec<_> = (0..64).map(|i| stage.ask(&format!("t{i}"))).collect();
    let waits = stage.ask_within("waits", Duration::from_secs(1));
    let mut peer = stage.accept_kafka().await;
    let (header, _) = peer.asked().await;
    let bytes = answer(&header, "t0", 5_000);
    peer.write(&bytes).await;
    for _ in 1..64 {
        peer.asked().await;
    }
    let (header, name) = peer.asked().await;
    assert_eq!(name, "waits");
    assert!(stage.at(5_000), "{:?}", stage.clock.now());
    assert!(waits.await.unwrap_err().possibly_sent(), "never answered: {header:?}");
    assert!(stage.at(6_000), "{:?}", stage.clock.now());
    drop(calls);
}

#[tokio::test(start_paused = true)]
async fn the_throttle_at_the_end_of_a_produce_answer_counts_too() {
    let stage = Stage::new();
    let first = stage.connection.call(ProduceRequest::default(), TIMEOUT);
    let mut peer = stage.accept_kafka().await;
    let (header, _) = peer.request().await.unwrap();
    let response = ProduceResponse { throttle_time_ms: 300, ..Default::default() };
    let bytes = encode(&response, &header);
    peer.write(&bytes).await;
    first.await.unwrap();
    let _second = stage.ask("b");
    peer.asked().await;
    assert!(stage.at(300), "{:?}", stage.clock.now());
}

#[tokio::test(start_paused = true)]
async fn a_oneway_request_is_done_when_it_is_written() {
    let stage = Stage::new();
    let sent = stage.connection.send_oneway(0..=12, TIMEOUT, |_| ProduceRequest::default());
    let call = stage.ask("behind it");
    let mut peer = stage.accept_kafka().await;
    sent.await.unwrap();
    let (header, _) = peer.request().await.unwrap();
    assert_eq!(ApiKey(header.api_key), ApiKey::PRODUCE);
    let (header, name) = peer.asked().await;
    peer.answer(&header, &name).await;
    call.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_closes_and_opens_again_on_use() {
    let stage = Stage::new();
    let call = stage.ask("a");
    let mut peer = stage.accept_kafka().await;
    let (header, _) = peer.asked().await;
    peer.answer(&header, "a").await;
    call.await.unwrap();
    assert!(peer.is_closed().await);
    assert!(stage.at(540_000), "{:?}", stage.clock.now());
    stage.scope.ended().await;
    let call = stage.ask("b");
    let mut peer = stage.accept_kafka().await;
    let (header, _) = peer.asked().await;
    peer.answer(&header, "b").await;
    assert_eq!(name_of(call.await.unwrap()), "b");
    assert!(stage.at(540_000), "at once");
}

#[tokio::test(start_paused = true)]
async fn a_released_connection_answers_what_was_asked_and_then_closes() {
    let stage = Stage::new();
    let call = stage.ask("a");
    let mut peer = stage.accept_kafka().await;
    let (header, _) = peer.asked().await;
    stage.connection.release();
    stage.settle().await;
    peer.answer(&header, "a").await;
    call.await.unwrap();
    assert!(peer.is_closed().await);
    assert!(stage.at(0), "{:?}", stage.clock.now());
}
