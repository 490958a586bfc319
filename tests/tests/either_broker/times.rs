//! Which offset a time has, where a log begins and ends, and how far behind a consumer is.

use ottla::admin::OffsetSpec;
use ottla::ids::{LeaderEpoch, Timestamp};
use ottla::{Compression, Isolation, TopicPartition};
use ottla_protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsTopic,
    TIMESTAMP_EARLIEST, TIMESTAMP_EARLIEST_LOCAL, TIMESTAMP_EARLIEST_PENDING_UPLOAD,
    TIMESTAMP_LATEST, TIMESTAMP_LATEST_TIERED, TIMESTAMP_MAX,
};
use ottla_protocol::{ErrorCode, Message as _};

use crate::world::{World, at, take, to};

/// Times in the order of the records: they need not rise.
const TIMES: [i64; 6] = [1_000, 3_000, 2_000, 5_000, 4_000, 5_000];

/// A topic with a record for each of [`TIMES`]: one batch each, or one for all.
async fn timed(world: &World, codec: Compression, batches: bool) -> String {
    let topic = world.topic_for_old_times("times", 1).await;
    let builder = world.client.producer().compression(codec);
    let linger = core::time::Duration::from_secs(5);
    let builder = if batches { builder } else { builder.linger(linger) };
    let producer = builder.build().unwrap();
    for time in TIMES {
        let record = to(&topic).value("v").timestamp(Timestamp(time));
        if batches {
            producer.send(record).await.unwrap();
        } else {
            producer.enqueue(record).await.unwrap();
        }
    }
    producer.close().await.unwrap();
    topic
}

#[tokio::test]
async fn a_time_leads_to_the_first_record_that_is_not_older() {
    let world = World::new().await;
    for codec in Compression::ALL {
        for batches in [true, false] {
            let topic = timed(&world, codec, batches).await;
            let consumer = world.consumer();
            for (time, expected) in [
                (-77, Some((0, 1_000))),
                (0, Some((0, 1_000))),
                (1_000, Some((0, 1_000))),
                (1_001, Some((1, 3_000))),
                (3_000, Some((1, 3_000))),
                (3_001, Some((3, 5_000))),
                (5_000, Some((3, 5_000))),
                (5_001, None),
            ] {
                let found = consumer.offsets_for_times([((&*topic, 0), Timestamp(time))]).await;
                let found = found.unwrap()[&TopicPartition::new(&*topic, 0)];
                assert_eq!(found.map(|f| (f.offset.get(), f.timestamp.0)), expected, "{time}");
                assert!(found.is_none_or(|found| found.leader_epoch.is_some()));
            }
            consumer.assign([(&*topic, 0)]).unwrap();
            for (time, offset) in [(1_500, 1), (-1, 0), (9_000, 6)] {
                let sought = consumer.seek_to_timestamp((&*topic, 0), Timestamp(time)).await;
                assert_eq!(sought.unwrap(), at(offset), "{time}");
                let lag = consumer.lag((&*topic, 0)).await.unwrap();
                assert_eq!(i64::try_from(lag).unwrap(), 6 - offset, "{time}");
            }
            consumer.seek_to_timestamp((&*topic, 0), Timestamp(4_000)).await.unwrap();
            assert_eq!(take(&consumer, 1).await[0].offset, at(3));
            consumer.close().await;
        }
    }
    world.end().await;
}

#[tokio::test]
async fn logs_have_ends_even_when_they_are_empty() {
    let world = World::new().await;
    let topic = world.topic_with("ends", |topic| topic.partitions(2)).await;
    world.fill(&topic, ["0", "1", "2"]).await;
    let consumer = world.consumer();
    let both = [(&*topic, 0), (&*topic, 1)];
    let first: Vec<_> = consumer.beginning_offsets(both).await.unwrap().into_values().collect();
    let last: Vec<_> = consumer.end_offsets(both).await.unwrap().into_values().collect();
    assert_eq!((first, last), (vec![at(0), at(0)], vec![at(3), at(0)]));
    let watermarks = consumer.watermarks((&*topic, 0)).await.unwrap();
    assert_eq!((watermarks.low, watermarks.high), (at(0), at(3)));
    consumer.assign(both).unwrap();
    for (partition, lag) in [(0, 3), (1, 0)] {
        assert_eq!(consumer.lag((&*topic, partition)).await.unwrap(), lag);
    }
    consumer.close().await;
    world.end().await;
}

async fn list(world: &World, topic: &str, timestamp: i64) -> ListOffsetsPartitionResponse {
    let partition = ListOffsetsPartition { timestamp, ..Default::default() };
    let topic =
        ListOffsetsTopic { name: topic.into(), partitions: vec![partition], ..Default::default() };
    let request = ListOffsetsRequest { topics: vec![topic], ..Default::default() };
    let version = *ListOffsetsRequest::VERSIONS.end();
    let mut response = world.raw().await.call(&request, version).await;
    response.topics.remove(0).partitions.remove(0)
}

#[tokio::test]
async fn the_largest_time_and_the_ends_that_tiers_have_are_asked_for_by_number() {
    let world = World::new().await;
    let empty = world.topic("empty").await;
    for (codec, batches) in [(Compression::None, true), (Compression::Zstd, false)] {
        let topic = timed(&world, codec, batches).await;
        for (asked, full, none) in [
            (TIMESTAMP_LATEST, (Some(6), None), (Some(0), None)),
            (TIMESTAMP_EARLIEST, (Some(0), None), (Some(0), None)),
            // the first of the two records with the largest time
            (TIMESTAMP_MAX, (Some(3), Some(5_000)), (None, None)),
            // without tiered storage all is local, and nothing is or will be uploaded
            (TIMESTAMP_EARLIEST_LOCAL, (Some(0), None), (Some(0), None)),
            (TIMESTAMP_LATEST_TIERED, (None, None), (None, None)),
            (TIMESTAMP_EARLIEST_PENDING_UPLOAD, (None, None), (None, None)),
        ] {
            for (topic, expected) in [(&topic, full), (&empty, none)] {
                let answer = list(&world, topic, asked).await;
                assert_eq!(answer.error_code, ErrorCode::NONE, "{asked}");
                let time = answer.timestamp.map(|time| time.0);
                let found = (answer.offset.map(|offset| offset.get()), time);
                assert_eq!(found, expected, "{asked} of {topic}");
            }
        }
    }
    world.end().await;
}

#[tokio::test]
async fn an_admin_asks_for_all_of_them_at_once_and_each_has_its_answer() {
    let world = World::new().await;
    let (topic, empty) = (timed(&world, Compression::None, true).await, world.topic("empty").await);
    let missing = world.name("missing");
    let specs = [
        (OffsetSpec::Latest, Some((6, None)), Some((0, None))),
        (OffsetSpec::Earliest, Some((0, None)), Some((0, None))),
        (OffsetSpec::MaxTimestamp, Some((3, Some(5_000))), None),
        (OffsetSpec::Timestamp(Timestamp(1_500)), Some((1, Some(3_000))), None),
        (OffsetSpec::Timestamp(Timestamp(-1)), Some((0, Some(1_000))), None),
        (OffsetSpec::Timestamp(Timestamp(9_000)), None, None),
        (OffsetSpec::EarliestLocal, Some((0, None)), Some((0, None))),
        (OffsetSpec::LatestTiered, None, None),
        (OffsetSpec::EarliestPendingUpload, None, None),
    ];
    for isolation in [Isolation::ReadUncommitted, Isolation::ReadCommitted] {
        let items = specs.iter().flat_map(|(spec, ..)| {
            [(&*topic, 0), (&*empty, 0), (&*missing, 0), (&*topic, 8)].map(|p| (p, *spec))
        });
        let mut answers = world.admin().list_offsets(isolation, items).await.into_iter();
        for (spec, full, none) in specs {
            for (topic, expected) in [(&topic, full), (&empty, none)] {
                let found = answers.next().unwrap().unwrap();
                let seen = found.map(|f| (f.offset.get(), f.timestamp.map(|time| time.0)));
                assert_eq!(seen, expected, "{spec:?} of {topic}");
                if seen.is_some_and(|(offset, time)| offset > 0 || time.is_some()) {
                    assert_eq!(found.unwrap().leader_epoch, Some(LeaderEpoch(0)), "{spec:?}");
                }
            }
            for partition in [format!("{missing}-0"), format!("{topic}-8")] {
                let error = answers.next().unwrap().unwrap_err();
                assert_eq!(error.code(), Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
                assert!(error.to_string().starts_with(&partition), "{error}");
            }
        }
        assert!(answers.next().is_none());
    }
    world.end().await;
}
