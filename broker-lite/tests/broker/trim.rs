//! DeleteRecords and OffsetForLeaderEpoch, and what both mean for those who look for offsets.

use broker_lite::{ClusterBuilder, Storage};
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{LeaderEpoch, NodeId, Offset, PartitionIndex, RawOffset};
use ottla_protocol::messages::create_topics::CreatableTopicConfig;
use ottla_protocol::messages::delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};
use ottla_protocol::messages::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
};

use crate::offsets::{fetched, list, listed};
use crate::raw::{Raw, batch_at, cluster, create, fetch, produce, produce_batch, values};

fn on(storage: &Storage) -> ClusterBuilder {
    cluster().storage(storage.clone())
}

fn delete(topic: &str, offsets: &[(i32, i64)]) -> DeleteRecordsRequest {
    let partition = |&(index, offset): &(i32, i64)| DeleteRecordsPartition {
        partition_index: PartitionIndex(index),
        offset: RawOffset(offset),
        ..Default::default()
    };
    DeleteRecordsRequest {
        topics: vec![DeleteRecordsTopic {
            name: topic.into(),
            partitions: offsets.iter().map(partition).collect(),
            ..Default::default()
        }],
        timeout_ms: 1000,
        ..Default::default()
    }
}

async fn deleted(
    raw: &mut Raw,
    request: &DeleteRecordsRequest,
    version: i16,
) -> Vec<(ErrorCode, Option<i64>)> {
    let topic = raw.call(request, version).await.topics.remove(0);
    let each = topic.partitions.into_iter();
    each.map(|p| (p.error_code, p.low_watermark.map(Offset::get))).collect()
}

#[tokio::test(start_paused = true)]
async fn deleted_records_are_gone_for_every_reader_and_stay_gone() {
    let dir = tempfile::tempdir().unwrap();
    for storage in [Storage::memory(), Storage::directory(dir.path())] {
        for kill in [false, true] {
            let name = if kill { "killed" } else { "stopped" };
            let cluster = on(&storage).topic(name, 1).start().await.unwrap();
            let mut raw = Raw::connect(&cluster).await;
            for _ in 0..3 {
                raw.call(&produce(name, 0, &["a", "b"]), 9).await;
            }
            let answer = deleted(&mut raw, &delete(name, &[(0, 3)]), 2).await;
            assert_eq!(answer, [(ErrorCode::NONE, Some(3))]);
            let answer = deleted(&mut raw, &delete(name, &[(0, 1)]), 2).await;
            assert_eq!(answer, [(ErrorCode::NONE, Some(3))], "it never goes back");
            if kill {
                cluster.kill().await;
            } else {
                cluster.stop().await.unwrap();
            }
            let cluster = on(&storage).start().await.unwrap();
            let mut raw = Raw::connect(&cluster).await;
            for (timestamp, offset) in [(-2, 3), (-4, 3), (-1, 6), (-3, 3), (0, 3), (1_000, 3)] {
                let found = listed(&mut raw, &list(name, timestamp), 8).await;
                assert_eq!(found.offset, Offset::new(offset), "{timestamp}");
            }
            let below = fetched(&mut raw, &fetch(name, 0, 2, 0), 12).await;
            assert_eq!(below.error_code, ErrorCode::OFFSET_OUT_OF_RANGE);
            let rest = fetched(&mut raw, &fetch(name, 0, 3, 0), 12).await;
            assert_eq!(rest.log_start_offset, Offset::new(3));
            let first = values(rest.records.as_ref().unwrap())[0].0;
            assert_eq!(first, 2, "the batch that holds the offset comes whole");
            cluster.stop().await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_partition_is_judged_by_itself() {
    let cluster = cluster().topic("t", 3).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    for partition in 0..3 {
        raw.call(&produce("t", partition, &["a", "b"]), 9).await;
    }
    for version in 0..=2 {
        let request = delete("t", &[(0, -1), (1, 3), (2, -2), (3, 0)]);
        let expected = [
            (ErrorCode::NONE, Some(2)),
            (ErrorCode::OFFSET_OUT_OF_RANGE, None),
            (ErrorCode::OFFSET_OUT_OF_RANGE, None),
            (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, None),
        ];
        assert_eq!(deleted(&mut raw, &request, version).await, expected, "version {version}");
    }
    let unknown = deleted(&mut raw, &delete("u", &[(0, 0)]), 2).await;
    assert_eq!(unknown, [(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, None)]);
    let internal = deleted(&mut raw, &delete("__consumer_offsets", &[(0, 0)]), 2).await;
    assert_eq!(internal, [(ErrorCode::INVALID_TOPIC_EXCEPTION, None)]);
    let policy = |value: &str| CreatableTopicConfig {
        name: "cleanup.policy".into(),
        value: Some(value.into()),
        ..Default::default()
    };
    for (name, value, code) in
        [("c", "compact", ErrorCode::POLICY_VIOLATION), ("cd", "compact,delete", ErrorCode::NONE)]
    {
        raw.call(&create(name, vec![policy(value)]), 7).await;
        assert_eq!(deleted(&mut raw, &delete(name, &[(0, -1)]), 2).await[0].0, code, "{value}");
    }
}

#[tokio::test(start_paused = true)]
async fn times_are_looked_up_among_the_records_that_are_left() {
    let cluster = cluster().topic("t", 1).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    for times in [&[5_000, 1_000][..], &[2_000, 3_000], &[3_000]] {
        raw.call(&produce_batch("t", 0, batch_at(times)), 9).await;
    }
    let found = async |raw: &mut Raw, timestamp| {
        let answer = listed(raw, &list("t", timestamp), 7).await;
        answer.offset.map(|offset| (offset.get(), answer.timestamp.unwrap().0))
    };
    for (asked, expected) in [
        (-3, Some((0, 5_000))),
        (1_500, Some((0, 5_000))),
        (5_000, Some((0, 5_000))),
        (5_001, None),
    ] {
        assert_eq!(found(&mut raw, asked).await, expected, "{asked}");
    }
    deleted(&mut raw, &delete("t", &[(0, 1)]), 2).await;
    for (asked, expected) in [
        (500, Some((1, 1_000))),
        (1_500, Some((2, 2_000))),
        (3_000, Some((3, 3_000))),
        (4_000, None),
    ] {
        assert_eq!(found(&mut raw, asked).await, expected, "{asked} without the first record");
    }
    deleted(&mut raw, &delete("t", &[(0, 2)]), 2).await;
    assert_eq!(found(&mut raw, -3).await, Some((3, 3_000)), "without the first batch");
    deleted(&mut raw, &delete("t", &[(0, -1)]), 2).await;
    assert_eq!(found(&mut raw, -3).await, None);
    assert_eq!(found(&mut raw, 0).await, None);
}

async fn end_of(raw: &mut Raw, epoch: i32, current: Option<i32>, version: i16) -> EpochEndOffset {
    let request = OffsetForLeaderEpochRequest {
        replica_id: Some(NodeId(-2)),
        topics: vec![OffsetForLeaderTopic {
            topic: "t".into(),
            partitions: vec![OffsetForLeaderPartition {
                partition: PartitionIndex(0),
                current_leader_epoch: current.map(LeaderEpoch),
                leader_epoch: LeaderEpoch(epoch),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    raw.call(&request, version).await.topics.remove(0).partitions.remove(0)
}

#[tokio::test(start_paused = true)]
async fn the_end_of_an_epoch_is_where_the_next_one_wrote_first() {
    let storage = Storage::memory();
    // each start is a new epoch; the second one writes nothing
    for written in [&["a", "b"][..], &[], &["c"]] {
        let cluster = on(&storage).topic("t", 1).start().await.unwrap();
        let mut raw = Raw::connect(&cluster).await;
        if !written.is_empty() {
            raw.call(&produce("t", 0, written), 9).await;
        }
        cluster.stop().await.unwrap();
    }
    let cluster = on(&storage).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    let unknown = (None, None);
    for version in 2..=4 {
        for (rule, epoch, expected) in [
            ("one with records", 0, (Some(0), Some(2))),
            ("one without: the one before it", 1, (Some(0), Some(2))),
            ("the next with records", 2, (Some(2), Some(3))),
            ("the leader's own", 3, (Some(3), Some(3))),
            ("one to come", 4, unknown),
            ("none", -1, unknown),
            ("nonsense", i32::MIN, unknown),
        ] {
            let end = end_of(&mut raw, epoch, None, version).await;
            let found = (end.leader_epoch.map(|e| e.0), end.end_offset.map(Offset::get));
            assert_eq!((end.error_code, found), (ErrorCode::NONE, expected), "{rule} v{version}");
        }
    }
    for (current, code) in [
        (2, ErrorCode::FENCED_LEADER_EPOCH),
        (3, ErrorCode::NONE),
        (4, ErrorCode::UNKNOWN_LEADER_EPOCH),
    ] {
        assert_eq!(end_of(&mut raw, 0, Some(current), 4).await.error_code, code, "{current}");
    }
}
