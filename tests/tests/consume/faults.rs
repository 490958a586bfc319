//! What brokers do wrong costs time, never a record.

use core::time::Duration;

use broker_lite::Cluster;
use broker_lite::fault::{Action, Fault};
use ottla::producer::Compression;
use ottla::{ApiKey, Client, Consumer, ErrorCode, PollError};
use ottla_runtime::Clock;
use ottla_runtime::net::memory::MemoryNetwork;

use super::{Reader, TOPIC, World};

#[tokio::test(start_paused = true)]
async fn errors_that_pass_and_lost_connections_cost_no_record_and_no_reset() {
    let second = Duration::from_secs(1);
    for action in [
        Action::Error(ErrorCode::NOT_LEADER_OR_FOLLOWER),
        Action::Error(ErrorCode::FENCED_LEADER_EPOCH),
        Action::Error(ErrorCode::UNKNOWN_LEADER_EPOCH),
        Action::Error(ErrorCode::UNKNOWN_TOPIC_ID),
        Action::Error(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        Action::Error(ErrorCode::KAFKA_STORAGE_ERROR),
        Action::Error(ErrorCode::UNKNOWN_SERVER_ERROR),
        Action::DisconnectBefore,
        Action::DisconnectAfter,
        Action::Silence,
        Action::Delay(second),
    ] {
        let world = World::new(2).await;
        world.fill(2, 0, 200, Compression::None).await;
        let fault = Fault::on(ApiKey::FETCH).nth(2).times(3).then(action.clone());
        let fault = world.cluster.faults().add(fault);
        let consumer = world.client.consumer().partition_fetch_bytes_max(500);
        let consumer = consumer.reset(ottla::OffsetReset::Earliest).build().unwrap();
        consumer.assign([(TOPIC, 0), (TOPIC, 1)]).unwrap();
        let mut reader = Reader::new(2);
        let mut filled = 200;
        while fault.hits() < 2 || !reader.has_all(filled) {
            if reader.has_all(filled) {
                world.fill(2, filled, 10, Compression::None).await;
                filled += 10;
            }
            reader.got(&consumer.recv().await.unwrap());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_question_for_an_offset_survives_faults() {
    let world = World::new(1).await;
    world.fill(1, 0, 5, Compression::None).await;
    for action in [
        Action::Error(ErrorCode::NOT_LEADER_OR_FOLLOWER),
        Action::Error(ErrorCode::OFFSET_NOT_AVAILABLE),
        Action::DisconnectAfter,
    ] {
        let fault = Fault::on(ApiKey::LIST_OFFSETS).times(2).then(action);
        let fault = world.cluster.faults().add(fault);
        let consumer = world.consumer();
        consumer.assign([(TOPIC, 0)]).unwrap();
        assert_eq!(consumer.recv().await.unwrap().offset.get(), 0);
        assert_eq!(fault.hits(), 2);
        let fault = Fault::on(ApiKey::LIST_OFFSETS).times(2).then(Action::DisconnectBefore);
        drop(world.cluster.faults().add(fault));
        let ends = consumer.end_offsets([(TOPIC, 0)]).await.unwrap();
        assert_eq!(ends.into_values().next().unwrap().get(), 5);
    }
}

#[tokio::test(start_paused = true)]
async fn a_damaged_batch_is_told_with_its_place_and_read_again() {
    let world = World::new(1).await;
    world.fill(1, 0, 20, Compression::None).await;
    let fault = Fault::on(ApiKey::FETCH).topic(TOPIC).times(1).then(Action::CorruptReply);
    let fault = world.cluster.faults().add(fault);
    let consumer = world.consumer();
    consumer.assign([(TOPIC, 0)]).unwrap();
    let mut reader = Reader::new(1);
    let mut told = 0;
    while !reader.has_all(20) {
        match consumer.recv().await {
            Ok(record) => reader.got(&record),
            Err(PollError::Corrupt { partition, offset, next, .. }) => {
                assert_eq!(&*partition.topic, TOPIC);
                assert_eq!(offset.get(), i64::from(reader.next[0]));
                assert!(next.is_some_and(|next| next > offset));
                told += 1;
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((told, fault.hits()), (1, 1));
}

/// The error that `poll` gives at last, and when.
async fn refusal(consumer: &Consumer) -> (PollError, Duration) {
    let clock = Clock::system();
    let error = consumer.poll().await.unwrap_err();
    (error, clock.now().since_start())
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_nobody_can_reach_is_an_error_that_names_the_bootstrap_address() {
    let client = Client::builder("kafka:9092").connector(MemoryNetwork::new()).build().unwrap();
    let consumer = client.consumer().build().unwrap();
    consumer.assign([(TOPIC, 0)]).unwrap();
    let (error, waited) = refusal(&consumer).await;
    let connect = "cannot connect to bootstrap kafka:9092: it refuses connections";
    assert_eq!(error.to_string(), format!("the cluster cannot be asked: {connect}"));
    assert!(error.is_retriable() && waited < Duration::from_secs(5), "{waited:?}");
    let error = consumer.position((TOPIC, 0)).await.unwrap_err().to_string();
    assert!(error.ends_with(connect), "{error}");
    let error = consumer.end_offsets([(TOPIC, 0)]).await.unwrap_err().to_string();
    assert!(error.ends_with(connect), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_advertised_address_that_is_wrong_is_an_error_that_names_it_and_the_setting() {
    let network = MemoryNetwork::new();
    let builder = Cluster::builder().memory_network(&network).listen("node", 0);
    let cluster = builder.advertised("kafka", 9092).topic(TOPIC, 1).start().await.unwrap();
    let bootstrap = format!("node:{}", cluster.port());
    let client = Client::builder(&bootstrap).connector(network).build().unwrap();
    let consumer = client.consumer().build().unwrap();
    consumer.assign([(TOPIC, 0)]).unwrap();
    let (error, waited) = refusal(&consumer).await;
    let connect = format!(
        "bootstrap {bootstrap} told us to use kafka:9092 for broker 1, which refuses connections: \
         check the broker's advertised.listeners"
    );
    assert_eq!(error.to_string(), format!("cannot fetch from node 1: {connect}"));
    assert!(waited < Duration::from_secs(5), "{waited:?}");
}
