//! What a broker refuses, and what the client makes of that.

use std::collections::BTreeSet;
use std::time::Duration;

use ottla::admin::{AlterConfigs, ConfigResource, DeleteRecords};
use ottla::ids::{NodeId, PartitionIndex, Timestamp};
use ottla::producer::Obstacle;
use ottla::{
    EnqueueError, ErrorCode, NewPartitions, NewTopic, OffsetReset, OffsetsError, PollError, Record,
    SendError, TopicPartition,
};
use ottla_tests::raw::in_time;

use crate::admin::{codes, node};
use crate::world::{World, at, to};

/// Long enough for a broker to say no, short enough for a test that waits for the end of it.
const SHORT: Duration = Duration::from_millis(300);

const UNKNOWN: ErrorCode = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;

#[tokio::test]
async fn an_unknown_topic_or_partition_is_named_and_nothing_is_written() {
    let world = World::new().await;
    let (missing, topic) = (world.name("missing"), world.topic("there").await);
    let producer = world.client.producer().max_block(SHORT).build().unwrap();
    let why = producer.send(Record::to(&missing).value("v")).await.unwrap_err();
    let named = matches!(&why, SendError::Enqueue(EnqueueError::MetadataTimedOut {
        last: Some(Obstacle::Broker { code: UNKNOWN, .. }), topic, ..
    }) if **topic == *missing);
    assert!(named && why.is_retriable() && !why.possibly_written(), "{why:?}");
    let why = producer.send(Record::to("no good name!").value("v")).await.unwrap_err();
    assert_eq!(why.code(), Some(ErrorCode::INVALID_TOPIC_EXCEPTION), "{why:?}");
    let record = Record::to(&topic).partition(PartitionIndex(7));
    let why = producer.send(record).await.unwrap_err();
    let named = matches!(
        &why,
        SendError::Enqueue(EnqueueError::NoSuchPartition {
            partition: PartitionIndex(7),
            partitions: 1,
            ..
        })
    );
    assert!(named && !why.possibly_written(), "{why:?}");
    producer.close().await.unwrap();
    let builder = world.client.consumer().reset(OffsetReset::Earliest).default_api_timeout(SHORT);
    let consumer = builder.build().unwrap();
    let partitions = [TopicPartition::new(&*missing, 0), TopicPartition::new(&*topic, 7)];
    consumer.assign(&partitions).unwrap();
    let mut told = BTreeSet::new();
    while told.len() < partitions.len() {
        let why = in_time(consumer.recv()).await.unwrap_err();
        assert!(matches!(why, PollError::UnknownPartition { code: UNKNOWN, .. }), "{why:?}");
        assert!(why.is_retriable() && told.insert(why.partition().unwrap().clone()), "{why:?}");
    }
    assert!(told.iter().eq(&partitions.iter().cloned().collect::<BTreeSet<_>>()));
    for partition in partitions {
        let why = consumer.end_offsets([&partition]).await.unwrap_err();
        let named = matches!(&why, OffsetsError::TimedOut { partition: which, reason, .. }
            if *which == partition && reason.contains("UNKNOWN_TOPIC_OR_PARTITION"));
        assert!(named, "{why:?}");
    }
    consumer.close().await;
    world.end().await;
}

#[tokio::test]
async fn a_record_that_the_topic_does_not_take_is_refused_alone() {
    let world = World::new().await;
    let (large, now) = ("x".repeat(3_000), ottla_runtime::Clock::system().wall_ms());
    let day = Duration::from_secs(86_400).as_millis();
    let tomorrow = Timestamp(now + i64::try_from(day).unwrap());
    let bad = |record: Record<'static>, code| (record, code);
    for ((setting, value), (record, code)) in [
        (
            ("max.message.bytes", "1000"),
            bad(Record::new().key("k").value(large), ErrorCode::MESSAGE_TOO_LARGE),
        ),
        (("cleanup.policy", "compact"), bad(Record::new().value("v"), ErrorCode::INVALID_RECORD)),
        (
            ("message.timestamp.after.max.ms", "1000"),
            bad(Record::new().key("k").timestamp(tomorrow), ErrorCode::INVALID_TIMESTAMP),
        ),
        (
            ("message.timestamp.before.max.ms", "1000"),
            bad(Record::new().key("k").timestamp(Timestamp(0)), ErrorCode::INVALID_TIMESTAMP),
        ),
    ] {
        let topic = world.topic_with("strict", |topic| topic.config(setting, value)).await;
        // all three in one batch, or in as many as it takes
        let producer = world.client.producer().linger(Duration::from_secs(60)).build().unwrap();
        let topic_producer = producer.topic(&topic);
        let good = |value| Record::new().key("k").value(value);
        let first = topic_producer.enqueue(good("first")).await.unwrap();
        let bad = topic_producer.enqueue(record).await.unwrap();
        let last = topic_producer.enqueue(good("last")).await.unwrap();
        producer.flush().await.unwrap_err();
        let why = bad.await.unwrap_err();
        assert_eq!(why.code(), Some(code), "{setting}");
        assert!(matches!(why, SendError::Refused { .. }), "{setting}: {why:?}");
        assert!(!why.possibly_written() && !why.is_retriable(), "{setting}: {why:?}");
        for ((delivery, value), place) in [(first, "first"), (last, "last")].into_iter().zip(0..) {
            match delivery.await {
                Ok(metadata) => assert_eq!(metadata.offset, Some(at(place))),
                // the broker refuses a batch as a whole; this one may be sent again
                Err(why @ SendError::InBadCompany { .. }) => {
                    assert!(why.is_retriable() && !why.possibly_written(), "{setting}: {why:?}");
                    let again = topic_producer.enqueue(good(value)).await.unwrap();
                    producer.flush().await.unwrap();
                    assert_eq!(again.await.unwrap().offset, Some(at(place)), "{setting}");
                }
                Err(why) => panic!("{setting}: {why:?}"),
            }
        }
        let read = world.read(&topic, 2).await;
        let values: Vec<_> = read.iter().map(|record| record.value.as_deref().unwrap()).collect();
        assert_eq!(values, [&b"first"[..], b"last"], "{setting}");
        producer.close().await.unwrap();
    }
    world.end().await;
}

/// Kafka: `min.insync.replicas` counts no more replicas than the partition has.
#[tokio::test]
async fn one_replica_is_enough_where_there_is_only_one() {
    let world = World::new().await;
    let topic =
        world.topic_with("replicas", |topic| topic.config("min.insync.replicas", "2")).await;
    let producer = world.producer();
    assert_eq!(producer.send(to(&topic).value("all")).await.unwrap().offset, Some(at(0)));
    producer.close().await.unwrap();
    world.end().await;
}

#[tokio::test]
async fn each_topic_that_cannot_be_created_has_its_reason() {
    let world = World::new().await;
    let node = node(&world).await;
    let (there, name) = (world.topic("a.b").await, world.name("new"));
    let collides = there.replace('.', "_");
    let topic = || NewTopic::new(&name).partitions(1);
    let nobody = NodeId(4_711);
    for (topic, code) in [
        (NewTopic::new(&there), ErrorCode::TOPIC_ALREADY_EXISTS),
        (NewTopic::new(&collides), ErrorCode::INVALID_TOPIC_EXCEPTION),
        (NewTopic::new("no good name!"), ErrorCode::INVALID_TOPIC_EXCEPTION),
        (NewTopic::new(""), ErrorCode::INVALID_TOPIC_EXCEPTION),
        (NewTopic::new(".."), ErrorCode::INVALID_TOPIC_EXCEPTION),
        (topic().partitions(0), ErrorCode::INVALID_PARTITIONS),
        (topic().replication_factor(0), ErrorCode::INVALID_REPLICATION_FACTOR),
        (topic().replication_factor(2), ErrorCode::INVALID_REPLICATION_FACTOR),
        (topic().assign([nobody]), ErrorCode::INVALID_REPLICA_ASSIGNMENT),
        (topic().assign([node, node]), ErrorCode::INVALID_REPLICA_ASSIGNMENT),
        (topic().config("retention.ms", "soon"), ErrorCode::INVALID_CONFIG),
        (topic().config("retention.ms", "-2"), ErrorCode::INVALID_CONFIG),
        (topic().config("no.such.setting", "1"), ErrorCode::INVALID_CONFIG),
        (topic().config("cleanup.policy", "shred"), ErrorCode::INVALID_CONFIG),
    ] {
        for admin in [world.admin(), world.admin().validate_only()] {
            let result = admin.create_topics([topic.clone()]).await;
            assert_eq!(codes(&result), [Some(code)], "{topic:?}");
        }
    }
    assert_eq!(codes(&world.admin().describe_topics([&name]).await), [Some(UNKNOWN)]);
    world.end().await;
}

#[tokio::test]
async fn each_change_that_cannot_be_made_has_its_reason() {
    let world = World::new().await;
    let (topic, missing) = (world.topic("fixed").await, world.name("missing"));
    let compact = |topic: NewTopic| topic.config("cleanup.policy", "compact");
    let compacted = world.topic_with("compacted", compact).await;
    let admin = world.admin();
    assert_eq!(codes(&admin.delete_topics([&missing]).await), [Some(UNKNOWN)]);
    for (more, code) in [
        (NewPartitions::new(&missing, 2), UNKNOWN),
        (NewPartitions::new(&topic, 1), ErrorCode::INVALID_PARTITIONS),
        (NewPartitions::new(&topic, 0), ErrorCode::INVALID_PARTITIONS),
        (NewPartitions::new(&topic, 2).assign([NodeId(9)]), ErrorCode::INVALID_REPLICA_ASSIGNMENT),
    ] {
        assert_eq!(codes(&admin.create_partitions([more.clone()]).await), [Some(code)], "{more:?}");
    }
    let topics = AlterConfigs::topic;
    for (change, code) in [
        (topics(&missing).set("retention.ms", "1"), UNKNOWN),
        (topics(&topic).set("retention.ms", "soon"), ErrorCode::INVALID_CONFIG),
        (topics(&topic).set("no.such.setting", "1"), ErrorCode::INVALID_CONFIG),
        (topics(&topic).set("min.insync.replicas", "0"), ErrorCode::INVALID_CONFIG),
        (topics("").set("retention.ms", "1"), ErrorCode::INVALID_REQUEST),
        (topics("no good name!").set("retention.ms", "1"), ErrorCode::INVALID_TOPIC_EXCEPTION),
        (
            topics(&topic).set("retention.ms", "1").delete("retention.ms"),
            ErrorCode::INVALID_REQUEST,
        ),
        (topics(&topic).append("cleanup.policy", "shred"), ErrorCode::INVALID_CONFIG),
    ] {
        for admin in [world.admin(), world.admin().validate_only()] {
            let result = admin.alter_configs([change.clone()]).await;
            assert_eq!(codes(&result), [Some(code)], "{change:?}");
        }
    }
    // what nobody can have set is gone already
    let nothing = topics(&topic).delete("no.such.setting");
    assert_eq!(codes(&admin.alter_configs([nothing]).await), [None]);
    for (name, code) in [
        (&*missing, UNKNOWN),
        ("", ErrorCode::INVALID_TOPIC_EXCEPTION),
        ("no good name!", ErrorCode::INVALID_TOPIC_EXCEPTION),
    ] {
        let described = admin.describe_configs(ConfigResource::Topic(name.to_owned())).await;
        assert_eq!(described.unwrap_err().code(), Some(code), "{name:?}");
    }
    let deleted = admin
        .delete_records([
            DeleteRecords::before((&*missing, 0), at(0)),
            DeleteRecords::before((&*topic, 5), at(0)),
            DeleteRecords::before((&*topic, 0), at(1)),
            DeleteRecords::before((&*compacted, 0), at(0)),
        ])
        .await;
    let reasons = [UNKNOWN, UNKNOWN, ErrorCode::OFFSET_OUT_OF_RANGE, ErrorCode::POLICY_VIOLATION];
    assert_eq!(codes(&deleted), reasons.map(Some));
    let producers = admin.describe_producers([(&*missing, 0), (&*topic, 0), (&*topic, 5)]).await;
    assert_eq!(codes(&producers), [Some(UNKNOWN), None, Some(UNKNOWN)]);
    world.end().await;
}
