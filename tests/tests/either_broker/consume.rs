//! Reading from where the application wants to read.

use std::collections::BTreeMap;

use ottla::{OffsetReset, PollError, Start, TopicPartition};
use ottla_tests::raw::in_time;

use crate::world::{World, at, settled, take, to};

fn values(records: &[ottla::ConsumerRecord]) -> Vec<&str> {
    records.iter().map(|r| core::str::from_utf8(r.value.as_ref().unwrap()).unwrap()).collect()
}

#[tokio::test]
async fn reading_starts_at_an_offset_at_either_end_and_where_a_seek_says() {
    let world = World::new().await;
    let topic = world.topic("ends").await;
    world.fill(&topic, (0..10).map(|n| n.to_string())).await;
    let consumer = world.consumer();
    consumer.assign([(&*topic, 0, at(7))]).unwrap();
    assert_eq!(values(&take(&consumer, 3).await), ["7", "8", "9"]);
    assert_eq!(consumer.position((&*topic, 0)).await.unwrap(), at(10));
    consumer.seek((&*topic, 0), at(4)).unwrap();
    assert_eq!(values(&take(&consumer, 2).await), ["4", "5"]);
    consumer.seek_to_beginning((&*topic, 0)).unwrap();
    assert_eq!(values(&take(&consumer, 1).await), ["0"]);
    consumer.seek_to_end((&*topic, 0)).unwrap();
    assert_eq!(consumer.position((&*topic, 0)).await.unwrap(), at(10));
    // a fetch that waits is woken by what is appended
    let (next, ()) = tokio::join!(take(&consumer, 1), world.fill(&topic, ["10"]));
    assert_eq!((values(&next), next[0].offset), (vec!["10"], at(10)));
    consumer.close().await;
    world.end().await;
}

#[tokio::test]
async fn a_position_that_the_log_does_not_have_is_reset_as_wished() {
    let world = World::new().await;
    let topic = world.topic("reset").await;
    world.fill(&topic, ["0", "1"]).await;
    for (reset, expected) in [
        (OffsetReset::Earliest, Some("0")),
        (OffsetReset::Latest, Some("new")),
        (OffsetReset::Error, None),
    ] {
        let consumer = world.client.consumer().reset(reset).build().unwrap();
        consumer.assign([(&*topic, 0, at(1_000))]).unwrap();
        match expected {
            Some("new") => {
                settled(async || {
                    let position = consumer.position((&*topic, 0)).await.unwrap();
                    (position == at(2)).then_some(())
                })
                .await;
                world.fill(&topic, ["new"]).await;
                assert_eq!(values(&take(&consumer, 1).await), ["new"]);
            }
            Some(value) => assert_eq!(values(&take(&consumer, 1).await), [value]),
            None => {
                let error = in_time(consumer.recv()).await.unwrap_err();
                let told = matches!(&error, PollError::OffsetOutOfRange { position, .. }
                    if *position == at(1_000));
                assert!(told, "{error}");
            }
        }
        consumer.close().await;
    }
    world.end().await;
}

#[tokio::test]
async fn partitions_are_read_side_by_side_each_in_its_order() {
    let world = World::new().await;
    let topic = world.topic_with("many", |topic| topic.partitions(6)).await;
    let producer = world.producer();
    for number in 0..6_000 {
        let record = ottla::Record::to(&topic).partition(ottla::ids::PartitionIndex(number % 6));
        producer.enqueue(record.value(format!("{number:0100}"))).await.unwrap();
    }
    producer.close().await.unwrap();
    let builder = world.client.consumer().fetch_max_bytes(50_000).partition_fetch_bytes_max(10_000);
    let consumer = builder.build().unwrap();
    consumer.assign((0..6).map(|index| (&*topic, index, Start::Earliest))).unwrap();
    let mut next: BTreeMap<TopicPartition, i32> = BTreeMap::new();
    for record in take(&consumer, 6_000).await {
        let next = next.entry(record.topic_partition()).or_default();
        let number: i32 = values(core::slice::from_ref(&record))[0].parse().unwrap();
        assert_eq!((number % 6, number / 6), (record.partition.0, *next));
        assert_eq!(record.offset, at(i64::from(*next)));
        *next += 1;
    }
    assert_eq!(next.into_values().collect::<Vec<_>>(), [1_000; 6]);
    consumer.close().await;
    world.end().await;
}

#[tokio::test]
async fn a_record_larger_than_every_fetch_limit_is_read_all_the_same() {
    let world = World::new().await;
    let topic = world.topic("large").await;
    let large = "x".repeat(500_000);
    world.fill(&topic, ["small", &large, "small again"]).await;
    let builder = world.client.consumer().fetch_max_bytes(1_000).partition_fetch_bytes_max(1_000);
    let consumer = builder.build().unwrap();
    consumer.assign([(&*topic, 0, Start::Earliest)]).unwrap();
    assert_eq!(values(&take(&consumer, 3).await), ["small", &large, "small again"]);
    consumer.close().await;
    world.end().await;
}

#[tokio::test]
async fn a_topic_that_is_deleted_and_made_again_is_read_from_its_new_start() {
    let world = World::new().await;
    let topic = world.topic("again").await;
    world.fill(&topic, ["old 0", "old 1"]).await;
    let consumer = world.consumer();
    consumer.assign([(&*topic, 0)]).unwrap();
    assert_eq!(values(&take(&consumer, 2).await), ["old 0", "old 1"]);
    world.admin().delete_topic(&topic).await.unwrap();
    world.visible(async || world.admin().describe_topic(&topic).await.err()).await;
    world.admin().create_topic(ottla::NewTopic::new(&topic).partitions(1)).await.unwrap();
    world.visible(async || world.admin().describe_topic(&topic).await.ok()).await;
    let producer = world.producer();
    for value in ["new 0", "new 1", "new 2"] {
        producer.send(to(&topic).value(value)).await.unwrap();
    }
    producer.close().await.unwrap();
    let read = loop {
        match in_time(consumer.recv()).await {
            Ok(record) => break record,
            // told while the topic was not there
            Err(PollError::UnknownPartition { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    };
    assert_eq!((values(core::slice::from_ref(&read)), read.offset), (vec!["new 0"], at(0)));
    assert_eq!(values(&take(&consumer, 2).await), ["new 1", "new 2"]);
    consumer.close().await;
    world.end().await;
}
