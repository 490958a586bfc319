//! Peers that are slow, silent, gone, or no brokers at all.

use super::*;
use crate::error::{CallError, LostCause};
use crate::net::connect_error::ConnectCause;

#[tokio::test(start_paused = true)]
async fn a_request_without_answer_costs_the_connection_and_says_so() {
    let stage = Stage::new();
    let late = stage.ask_within("late", Duration::from_secs(1));
    let other = stage.ask("other");
    let mut peer = stage.accept_kafka().await;
    peer.asked().await;
    peer.asked().await;
    let error = late.await.unwrap_err();
    assert!(stage.at(1_000), "{:?}", stage.clock.now());
    assert!(matches!(error, CallError::TimedOut { possibly_sent: true, .. }), "{error}");
    assert_eq!(
        error.to_string(),
        "Metadata (3) was not answered by broker 1 at kafka:9092 within 1s"
    );
    let error = other.await.unwrap_err();
    let expected = "connection to broker 1 at kafka:9092 was lost before Metadata (3) was \
                    answered: an earlier request on it timed out";
    assert_eq!(error.to_string(), expected);
    assert!(error.possibly_sent() && error.is_retriable());
    assert!(peer.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_waits_for_a_connection_expires_unsent() {
    let stage = Stage::new();
    let long = stage.ask_within("long", Duration::from_secs(9));
    stage.settle().await;
    // a shorter one behind a longer one does not wait for it
    let short = stage.ask_within("short", Duration::from_secs(2));
    let _peer = stage.accept().await; // never says which versions it knows
    let error = short.await.unwrap_err();
    assert!(matches!(error, CallError::TimedOut { possibly_sent: false, .. }), "{error}");
    assert!(stage.at(2_000), "{:?}", stage.clock.now());
    long.await.unwrap_err();
    assert!(stage.at(9_000), "{:?}", stage.clock.now());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_answers_is_given_up_after_the_setup_timeout() {
    let stage = Stage::new();
    let call = stage.ask("a");
    let _peer = stage.accept().await;
    let error = call.await.unwrap_err();
    assert!(stage.at(10_000), "{:?}", stage.clock.now());
    assert_eq!(
        error.to_string(),
        "bootstrap localhost:9092 told us to use kafka:9092 for broker 1, which did not answer \
         within 10s: check the broker's advertised.listeners"
    );
    assert!(!error.possibly_sent());
}

#[tokio::test(start_paused = true)]
async fn a_closed_connection_says_what_was_possibly_sent() {
    let stage = Stage::new();
    let calls: Vec<_> = (0..70).map(|i| stage.ask(&format!("t{i}"))).collect();
    let mut peer = stage.accept_kafka().await;
    for _ in 0..64 {
        peer.asked().await;
    }
    drop(peer);
    for (i, call) in calls.into_iter().enumerate() {
        let error = call.await.unwrap_err();
        assert!(
            matches!(error, CallError::Disconnected { cause: LostCause::Closed, .. }),
            "{error}"
        );
        assert_eq!(error.possibly_sent(), i < 64, "request {i}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_no_broker_sends_costs_the_connection() {
    let too_large = 100_001_i32.to_be_bytes();
    for (bytes, cause) in [
        (&b"\0\0\0\x04\0\0\0\x63"[..], "it answers 99 although 0 is next"),
        (&b"\0\0\0\x02\0\0"[..], "2 bytes too early"),
        (&too_large[..], "frame of 100001 bytes exceeds the limit of 100000"),
        (&b"\xff\xff\xff\xff"[..], "frame length -1 is negative"),
    ] {
        let stage = Stage::new();
        let call = stage.ask("a");
        let mut peer = stage.accept_kafka().await;
        peer.asked().await;
        peer.write(bytes).await;
        let error = call.await.unwrap_err();
        assert!(error.to_string().contains(cause), "{error}");
        assert!(error.possibly_sent() && error.is_retriable());
        assert!(peer.is_closed().await);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_nobody_asked_for_costs_the_connection() {
    let stage = Stage::new();
    let call = stage.ask("a");
    let mut peer = stage.accept_kafka().await;
    let (header, name) = peer.asked().await;
    peer.answer(&header, &name).await;
    call.await.unwrap();
    peer.answer(&header, &name).await;
    assert!(peer.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_cannot_be_decoded_is_an_error_of_its_call_only() {
    let stage = Stage::new();
    let (bad, good) = (stage.ask("bad"), stage.ask("good"));
    let mut peer = stage.accept_kafka().await;
    let (header, _) = peer.asked().await;
    let mut bytes = answer(&header, "bad", 0).to_vec();
    bytes.push(7); // and the length says so
    let length = i32::try_from(bytes.len() - 4).unwrap();
    bytes[..4].copy_from_slice(&length.to_be_bytes());
    peer.write(&bytes).await;
    let (header, _) = peer.asked().await;
    peer.answer(&header, "good").await;
    let error = bad.await.unwrap_err();
    assert!(matches!(error, CallError::Decode { .. }), "{error}");
    assert!(error.possibly_sent());
    assert_eq!(name_of(good.await.unwrap()), "good");
}

#[tokio::test(start_paused = true)]
async fn peers_that_are_no_brokers_are_named() {
    let another = "it answers request 7, but was asked request 0".to_owned();
    for (bytes, expected) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], ConnectCause::SpeaksHttp),
        (&b"\x15\x03\x03\0\x02\x02\x46"[..], ConnectCause::SpeaksTls),
        (&b""[..], ConnectCause::ClosedInHandshake),
        (&b"\0\0\0\x0a\0\0\0\x07\0\0\0\0\0\0"[..], ConnectCause::Misbehaved(another)),
    ] {
        let stage = Stage::new();
        let call = stage.ask("a");
        let mut peer = stage.accept().await;
        peer.request().await.unwrap();
        peer.write(bytes).await;
        drop(peer);
        let error = call.await.unwrap_err();
        let CallError::Connect(connect) = &error else { panic!("{error}") };
        assert_eq!(*connect.cause(), expected);
        assert!(!error.possibly_sent());
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_connection_is_tried_again_after_a_growing_backoff() {
    let Stage { connection, listener, clock, .. } = Stage::new();
    drop(listener);
    let mut waits = Vec::new();
    for _ in 0..8 {
        let before = clock.now();
        let error = connection.call(request("a"), TIMEOUT).await.unwrap_err();
        assert!(error.to_string().contains("which refuses connections"), "{error}");
        waits.push(clock.now().since(before).as_millis());
    }
    assert_eq!(waits[0], 0, "the first attempt needs no wait");
    assert!((40..=61).contains(&waits[1]), "{waits:?}");
    assert!(waits[1..5].is_sorted(), "{waits:?}");
    assert!(waits[7] >= 800 && waits.iter().all(|&w| w <= 1_000), "{waits:?}");
    assert!(connection.is_failing());
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_answers_again_is_soon_tried_again() {
    let Stage { connection, network, listener, clock, scope } = Stage::new();
    for _ in 0..8 {
        let call = connection.call(request("a"), TIMEOUT);
        drop(listener.accept().await.unwrap()); // before it says a word
        call.await.unwrap_err();
    }
    assert!(connection.is_failing());
    let stage = Stage { connection, network, listener, clock, scope };
    let call = stage.ask("a");
    let mut peer = stage.accept_kafka().await;
    let (header, _) = peer.asked().await;
    peer.answer(&header, "a").await;
    call.await.unwrap();
    assert!(!stage.connection.is_failing());
    drop(peer);
    stage.scope.ended().await;
    let before = stage.clock.now();
    let _call = stage.ask("b");
    stage.accept().await;
    let wait = stage.clock.now().since(before);
    assert!(wait <= Duration::from_millis(61), "{wait:?}: the first wait again");
}

#[tokio::test(start_paused = true)]
async fn a_new_address_is_tried_at_once() {
    let network = MemoryNetwork::new();
    let listener = network.bind("moved", 1).unwrap();
    let config = ClientConfig::with_bootstrap("a:1").checked().unwrap();
    let (clock, scope) = (Clock::system(), Scope::current().unwrap());
    let layers = Layers::default();
    let env = env(config, Box::new(network), clock.clone(), scope, layers);
    let connection = Connection::new(Arc::new(env), Some(NodeId(3)), None, 7);
    let error = connection.call(request("a"), TIMEOUT).await.unwrap_err();
    assert!(matches!(error, CallError::UnknownNode(NodeId(3))), "{error}");
    let _call = connection.call(request("a"), TIMEOUT);
    tokio::task::yield_now().await; // it waits for the end of the backoff now
    let address = BrokerAddress { host: Str::from_static("moved"), port: 1 };
    connection.set_address(Some(address));
    listener.accept().await.unwrap();
    assert_eq!(clock.now(), Instant::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_new_address_is_tried_while_the_old_one_says_nothing() {
    let stage = Stage::new();
    let asked = stage.ask("queued");
    let _silent = stage.accept().await; // it never says what it speaks
    let listener = stage.network.bind("moved", 1).unwrap();
    let address = BrokerAddress { host: Str::from_static("moved"), port: 1 };
    stage.connection.set_address(Some(address));
    let mut new = Peer::new(listener.accept().await.unwrap());
    assert!(stage.at(0), "not after connection_setup_timeout");
    let (header, _) = new.request().await.unwrap();
    new.answer_versions(&header).await;
    let (header, name) = new.asked().await;
    assert_eq!(name, "queued");
    new.answer(&header, "queued").await;
    assert_eq!(name_of(asked.await.unwrap()), "queued");
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_moves_answers_what_it_was_asked_and_the_rest_goes_to_where_it_is() {
    let stage = Stage::new();
    let sent = stage.ask("sent");
    let mut old = stage.accept_kafka().await;
    let (header, name) = old.asked().await;
    assert_eq!(name, "sent");
    let listener = stage.network.bind("moved", 1).unwrap();
    let address = BrokerAddress { host: Str::from_static("moved"), port: 1 };
    stage.connection.set_address(Some(address));
    let queued = stage.ask("queued");
    old.answer(&header, "sent").await;
    assert_eq!(name_of(sent.await.unwrap()), "sent");
    assert!(old.is_closed().await);
    let mut new = Peer::new(listener.accept().await.unwrap());
    let (header, _) = new.request().await.unwrap();
    new.answer_versions(&header).await;
    let (header, name) = new.asked().await;
    assert_eq!(name, "queued");
    new.answer(&header, "queued").await;
    assert_eq!(name_of(queued.await.unwrap()), "queued");
}

#[test]
fn a_broker_that_cannot_be_reached_is_news_once_until_it_was_reached() {
    let unreached = Unreached::default();
    assert!(unreached.add("broker 1 at a:1") && unreached.add("broker 2 at b:1"));
    assert!(!unreached.add("broker 1 at a:1"), "whichever connection found out");
    unreached.remove("broker 1 at a:1");
    assert!(unreached.add("broker 1 at a:1") && !unreached.add("broker 2 at b:1"));
}

#[tokio::test(start_paused = true)]
async fn a_closed_client_answers_every_call() {
    let stage = Stage::new();
    let sent = stage.ask("sent");
    let mut peer = stage.accept_kafka().await;
    peer.asked().await;
    let queued = stage.ask("queued");
    stage.connection.close();
    let error = queued.await.unwrap_err();
    assert!(matches!(error, CallError::Closed { possibly_sent: false }), "{error}");
    let error = sent.await.unwrap_err();
    assert!(matches!(error, CallError::Closed { possibly_sent: true }), "{error}");
    let error = stage.ask("later").await.unwrap_err();
    assert!(matches!(error, CallError::Closed { possibly_sent: false }), "{error}");
    stage.scope.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_queue_without_end_is_refused() {
    let Stage { connection, .. } = Stage::new();
    let calls: Vec<_> = (0..5_000).map(|_| connection.call(request("a"), TIMEOUT)).collect();
    let error = calls.into_iter().next_back().unwrap().await.unwrap_err();
    assert!(matches!(error, CallError::QueueFull { waiting: 4096, .. }), "{error}");
    assert!(error.is_retriable() && !error.possibly_sent());
}

/// Larger than what the network in memory holds on its way.
fn wide_request() -> MetadataRequest {
    let name = Some(Str::from("x".repeat(10_000)));
    let topic = MetadataRequestTopic { name, ..Default::default() };
    MetadataRequest { topics: Some(vec![topic; 60]), ..Default::default() }
}

#[tokio::test(start_paused = true)]
async fn a_request_written_in_part_was_not_sent() {
    let stage = Stage::new();
    let (small, wide) = (stage.ask("a"), stage.connection.call(wide_request(), TIMEOUT));
    let peer = stage.accept_kafka().await;
    stage.settle().await;
    drop(peer);
    let (small, wide) = (small.await.unwrap_err(), wide.await.unwrap_err());
    assert!(matches!(small, CallError::Disconnected { possibly_sent: true, .. }), "{small}");
    assert!(matches!(wide, CallError::Disconnected { possibly_sent: false, .. }), "{wide}");
}

#[tokio::test(start_paused = true)]
async fn answers_are_read_while_a_write_is_stuck() {
    let stage = Stage::new();
    let calls: Vec<_> = (0..16).map(|i| stage.ask(&format!("t{i}"))).collect();
    let mut peer = stage.accept_kafka().await;
    let mut headers = Vec::new();
    for _ in 0..16 {
        headers.push(peer.asked().await);
    }
    let wide = stage.connection.call(wide_request(), TIMEOUT);
    stage.settle().await;
    // the client cannot write on before we read, and we do not read before all this is taken
    for (header, _) in &headers {
        peer.answer(header, &"y".repeat(30_000)).await;
    }
    for (i, call) in calls.into_iter().enumerate() {
        assert_eq!(name_of(call.await.unwrap()).len(), 30_000, "call {i}");
    }
    let (header, _) = peer.request().await.unwrap();
    peer.answer(&header, "wide").await;
    assert_eq!(name_of(wide.await.unwrap()), "wide");
    assert!(stage.at(0), "{:?}", stage.clock.now());
}
