//! What each method promises.

use core::time::Duration;

use futures::StreamExt;
use futures::stream::FusedStream;
use ottla::ids::Offset;
use ottla::producer::Compression;
use ottla::{AssignError, NewTopic, OffsetReset, PollError, PositionError, Start, TopicPartition};
use ottla_runtime::Scope;

use super::{Reader, TOPIC, World, number};

fn offset(n: i64) -> Offset {
    Offset::new(n).unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_was_produced_is_read_with_every_codec_by_poll_and_by_recv() {
    for compression in [
        Compression::None,
        Compression::Gzip,
        Compression::Snappy,
        Compression::Lz4,
        Compression::Zstd,
    ] {
        let world = World::new(2).await;
        world.fill(2, 0, 500, compression).await;
        let consumer = world.consumer();
        consumer.assign([(TOPIC, 0), (TOPIC, 1)]).unwrap();
        let mut reader = Reader::new(2);
        while !reader.has_all(500) {
            let records = consumer.poll().await.unwrap();
            assert!(!records.is_empty());
            assert_eq!(records.len(), records.iter().count());
            for part in records.partitions() {
                let last = part.iter().last().unwrap();
                assert_eq!(part.next_offset(), last.offset().next());
            }
            for view in &records {
                assert_eq!(view.topic(), TOPIC);
                reader.got(&view.to_record());
            }
        }
        let consumer = world.consumer();
        consumer.assign([(TOPIC, 0), (TOPIC, 1)]).unwrap();
        let mut reader = Reader::new(2);
        while !reader.has_all(500) {
            reader.got(&consumer.recv().await.unwrap().into_owned());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_seek_counts_at_once_and_positions_follow_what_was_handed_out() {
    let world = World::new(1).await;
    world.fill(1, 0, 100, Compression::None).await;
    let consumer = world.consumer();
    let first = TopicPartition::new(TOPIC, 0);
    assert!(matches!(
        consumer.position(&first).await,
        Err(PositionError::NotAssigned(e)) if e.partition == first
    ));
    consumer.assign([&first]).unwrap();
    assert_eq!(consumer.position(&first).await.unwrap(), offset(0));
    for to in [50, 10, 90, 0] {
        consumer.recv().await.unwrap();
        consumer.seek(&first, offset(to)).unwrap();
        assert_eq!(consumer.position(&first).await.unwrap(), offset(to));
        let record = consumer.recv().await.unwrap();
        assert_eq!(i64::from(number(record.value.as_ref().unwrap())), to);
        assert_eq!(consumer.position(&first).await.unwrap(), offset(to + 1));
    }
    consumer.seek_to_end(&first).unwrap();
    assert_eq!(consumer.position(&first).await.unwrap(), offset(100));
    assert!(consumer.poll_timeout(Duration::from_secs(2)).await.unwrap().is_empty());
    world.fill(1, 100, 1, Compression::None).await;
    assert_eq!(consumer.recv().await.unwrap().offset, offset(100), "a long poll is woken");
    consumer.seek_to_beginning(&first).unwrap();
    assert_eq!(consumer.recv().await.unwrap().offset, offset(0));
}

#[tokio::test(start_paused = true)]
async fn the_ends_of_a_log_can_be_asked_for_without_an_assignment() {
    let world = World::new(2).await;
    world.fill(1, 0, 7, Compression::None).await;
    let consumer = world.consumer();
    let all = [(TOPIC, 0), (TOPIC, 1)];
    let beginning = consumer.beginning_offsets(all).await.unwrap();
    let end = consumer.end_offsets(all).await.unwrap();
    assert_eq!(beginning.values().copied().collect::<Vec<_>>(), [offset(0), offset(0)]);
    assert_eq!(end.values().copied().collect::<Vec<_>>(), [offset(7), offset(0)]);
}

#[tokio::test(start_paused = true)]
async fn the_default_is_to_read_what_comes_and_a_strict_policy_asks_for_a_seek() {
    let world = World::new(1).await;
    world.fill(1, 0, 5, Compression::None).await;
    let latest = world.client.consumer().build().unwrap();
    latest.assign([(TOPIC, 0)]).unwrap();
    assert_eq!(latest.position((TOPIC, 0)).await.unwrap(), offset(5));
    world.fill(1, 5, 1, Compression::None).await;
    assert_eq!(latest.recv().await.unwrap().offset, offset(5));

    let strict = world.client.consumer().reset(OffsetReset::Error).build().unwrap();
    strict.assign([(TOPIC, 0)]).unwrap();
    assert!(matches!(strict.poll().await, Err(PollError::NoPosition { .. })));
    strict.seek((TOPIC, 0), offset(1_000)).unwrap();
    let error = strict.poll().await.unwrap_err();
    assert!(matches!(error, PollError::OffsetOutOfRange { .. }), "{error}");
    strict.seek((TOPIC, 0), offset(2)).unwrap();
    assert_eq!(strict.recv().await.unwrap().offset, offset(2));
}

#[tokio::test(start_paused = true)]
async fn a_paused_partition_is_silent_while_the_others_go_on() {
    let world = World::new(2).await;
    world.fill(2, 0, 50, Compression::None).await;
    let consumer = world.consumer();
    consumer.assign([(TOPIC, 0), (TOPIC, 1)]).unwrap();
    consumer.pause((TOPIC, 0)).unwrap();
    let mut reader = Reader::new(2);
    while reader.next[1] < 50 {
        reader.got(&consumer.recv().await.unwrap());
    }
    assert_eq!(reader.next[0], 0);
    consumer.resume((TOPIC, 0)).unwrap();
    while !reader.has_all(50) {
        reader.got(&consumer.recv().await.unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_does_not_exist_yet_is_an_error_after_a_while_and_read_once_it_does() {
    let world = World::new(1).await;
    let strict = world.client.consumer().reset(OffsetReset::Earliest).build().unwrap();
    strict.assign([("later", 9)]).unwrap(); // auto-creation makes the topic, with one partition
    let error = strict.recv().await.unwrap_err();
    assert!(matches!(error, PollError::UnknownPartition { .. }), "{error}");
    assert!(error.is_retriable());
    assert_eq!(error.partition(), Some(&TopicPartition::new("later", 9)));
    let admin = world.client.admin();
    admin.create_topic(NewTopic::new("soon")).await.unwrap();
    strict.assign([("later", 9, Start::Default), ("soon", 0, Start::Earliest)]).unwrap();
    let producer = world.client.producer().build().unwrap();
    producer.send(ottla::Record::to("soon").value("x")).await.unwrap();
    loop {
        match strict.recv().await {
            Ok(record) => break assert_eq!(&*record.topic, "soon"),
            Err(error) => assert!(matches!(error, PollError::UnknownPartition { .. }), "{error}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nonsense_is_refused_and_the_assignment_stays() {
    let world = World::new(1).await;
    let consumer = world.consumer();
    consumer.assign([(TOPIC, 0)]).unwrap();
    for (topic, partition) in [("", 0), ("a b", 0), ("..", 0), (TOPIC, -1)] {
        let error = consumer.assign([(topic, partition)]).unwrap_err();
        assert!(!matches!(error, AssignError::Closed), "{topic:?} {partition}: {error}");
    }
    assert_eq!(consumer.assignment(), [TopicPartition::new(TOPIC, 0)]);
    assert!(consumer.seek((TOPIC, 5), offset(1)).is_err());
    consumer.unassign();
    assert!(consumer.assignment().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_stream_outlives_its_consumer_and_ends_when_it_is_closed() {
    let world = World::new(1).await;
    world.fill(1, 0, 3, Compression::None).await;
    let consumer = world.consumer();
    consumer.assign([(TOPIC, 0)]).unwrap();
    let mut stream = consumer.stream();
    drop(consumer);
    let (sender, receiver) = futures::channel::oneshot::channel();
    Scope::current().unwrap().spawn(async move {
        assert_eq!(stream.next().await.unwrap().unwrap().offset, offset(0));
        sender.send(stream).unwrap();
    });
    let mut stream = receiver.await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap().offset, offset(1));

    let consumer = world.consumer();
    consumer.assign([(TOPIC, 0)]).unwrap();
    let mut other = consumer.stream();
    assert!(other.next().await.unwrap().is_ok());
    consumer.close().await;
    assert!(other.next().await.is_none());
    assert!(other.is_terminated());
}

#[tokio::test(start_paused = true)]
async fn receivers_are_told_when_the_client_is_closed() {
    let world = World::new(1).await;
    let consumer = world.consumer();
    consumer.assign([(TOPIC, 0)]).unwrap();
    let close = async {
        tokio::task::yield_now().await;
        world.client.close().await;
    };
    let (received, ()) = tokio::join!(consumer.recv(), close);
    assert!(matches!(received, Err(PollError::Closed)));
    let late = world.client.consumer().build().unwrap();
    assert!(matches!(late.recv().await, Err(PollError::Closed)), "also one that never ran");
}
