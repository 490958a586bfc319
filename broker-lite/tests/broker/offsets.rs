//! Where Fetch and ListOffsets look.

use broker_lite::{Action, Fault};
use ottla_protocol::api_key::ApiKey;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{FetchSessionId, LeaderEpoch, NodeId, Offset, PartitionIndex};
use ottla_protocol::messages::fetch::{FetchRequest, PartitionData};
use ottla_protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsTopic,
};

use crate::raw::{Raw, cluster, fetch, produce, values};

pub(crate) fn list(topic: &str, timestamp: i64) -> ListOffsetsRequest {
    ListOffsetsRequest {
        topics: vec![ListOffsetsTopic {
            name: topic.into(),
            partitions: vec![ListOffsetsPartition {
                partition_index: PartitionIndex(0),
                timestamp,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

pub(crate) async fn listed(
    raw: &mut Raw,
    request: &ListOffsetsRequest,
    version: i16,
) -> ListOffsetsPartitionResponse {
    raw.call(request, version).await.topics.remove(0).partitions.remove(0)
}

pub(crate) async fn fetched(raw: &mut Raw, request: &FetchRequest, version: i16) -> PartitionData {
    raw.call(request, version).await.responses.remove(0).partitions.remove(0)
}

#[tokio::test(start_paused = true)]
async fn offsets_are_listed_in_every_version() {
    let cluster = cluster().topic("t", 1).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    for _ in 0..3 {
        raw.call(&produce("t", 0, &["a", "b"]), 9).await; // all of timestamp 1000
    }
    for version in 1..=11 {
        for (timestamp, since, offset) in [
            (-1, 1, Some(6)),
            (-2, 1, Some(0)),
            (-3, 7, Some(0)),
            (-4, 8, Some(0)),
            (-5, 9, None),
            (-6, 11, None),
            (1_000, 1, Some(0)),
            (1_001, 1, None),
        ] {
            let answer = listed(&mut raw, &list("t", timestamp), version).await;
            let expected = if version < since {
                (ErrorCode::UNSUPPORTED_VERSION, None)
            } else {
                (ErrorCode::NONE, offset.and_then(Offset::new))
            };
            assert_eq!((answer.error_code, answer.offset), expected, "{timestamp} v{version}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_place_is_refused() {
    let cluster = cluster().topic("t", 1).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    raw.call(&produce("t", 0, &["a"]), 9).await;
    let unknown = listed(&mut raw, &list("u", -1), 7).await;
    assert_eq!(unknown.error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let mut twice = list("t", -1);
    let again = twice.topics[0].partitions[0].clone();
    twice.topics[0].partitions.push(again);
    assert_eq!(listed(&mut raw, &twice, 7).await.error_code, ErrorCode::INVALID_REQUEST);
    for (epoch, code) in [(0, ErrorCode::NONE), (7, ErrorCode::UNKNOWN_LEADER_EPOCH)] {
        let mut request = fetch("t", 0, 0, 0);
        request.topics[0].partitions[0].current_leader_epoch = Some(LeaderEpoch(epoch));
        assert_eq!(fetched(&mut raw, &request, 12).await.error_code, code, "epoch {epoch}");
        let mut request = list("t", -1);
        request.topics[0].partitions[0].current_leader_epoch = Some(LeaderEpoch(epoch));
        assert_eq!(listed(&mut raw, &request, 7).await.error_code, code, "epoch {epoch}");
    }
    for (rule, offset, code) in [
        ("the end", 1, ErrorCode::NONE),
        ("beyond it", 2, ErrorCode::OFFSET_OUT_OF_RANGE),
        ("below zero", -5, ErrorCode::OFFSET_OUT_OF_RANGE),
    ] {
        assert_eq!(
            fetched(&mut raw, &fetch("t", 0, offset, 0), 12).await.error_code,
            code,
            "{rule}"
        );
    }
    let follower = FetchRequest { replica_id: Some(NodeId(4)), ..fetch("t", 0, 0, 0) };
    let answer = fetched(&mut raw, &follower, 12).await;
    assert_eq!(answer.error_code, ErrorCode::NOT_LEADER_OR_FOLLOWER);
}

#[tokio::test(start_paused = true)]
async fn every_version_of_fetch_is_served() {
    let cluster = cluster().topic("t", 1).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    raw.call(&produce("t", 0, &["a"]), 9).await;
    let mut request = fetch("t", 0, 0, 0);
    for version in 4..=18 {
        if version == 13 {
            request.topics[0].topic = "".into();
            assert_eq!(
                fetched(&mut raw, &request, 13).await.error_code,
                ErrorCode::UNKNOWN_TOPIC_ID
            );
            request.topics[0].topic_id = raw.topic_id("t").await;
        }
        let answer = fetched(&mut raw, &request, version).await;
        assert_eq!(answer.error_code, ErrorCode::NONE, "version {version}");
        assert_eq!(values(answer.records.as_ref().unwrap()).len(), 1, "version {version}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_batch_comes_whole_and_the_rest_within_the_limits() {
    let cluster = cluster().topic("t", 2).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    let value = "x".repeat(500);
    for partition in [0, 0, 1] {
        raw.call(&produce("t", partition, &[&value]), 9).await;
    }
    let mut request = fetch("t", 0, 0, 0);
    let mut other = request.topics[0].partitions[0].clone();
    other.partition = PartitionIndex(1);
    request.topics[0].partitions.push(other);
    for (rule, each, all, first, second) in [
        ("no room at all", 1, 1, 1, 0),
        ("room for one each", 600, 1200, 1, 1),
        ("no room for the second", 1200, 1200, 2, 0),
        ("room for all", 5000, 5000, 2, 1),
    ] {
        request.max_bytes = all;
        for partition in &mut request.topics[0].partitions {
            partition.partition_max_bytes = each;
        }
        let response = raw.call(&request, 12).await;
        let counts: Vec<_> = response.responses[0]
            .partitions
            .iter()
            .map(|p| values(p.records.as_ref().unwrap()).len())
            .collect();
        assert_eq!(counts, [first, second], "{rule}");
    }
}

#[tokio::test(start_paused = true)]
async fn in_a_session_only_what_changed_is_named_and_told() {
    let cluster = cluster().topic("t", 3).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    let id = raw.topic_id("t").await;
    for version in [7, 12, 13, 18] {
        let mut request = fetch("t", 0, 0, 0);
        request.session_epoch = 0;
        let mut other = request.topics[0].partitions[0].clone();
        other.partition = PartitionIndex(1);
        request.topics[0].partitions.push(other);
        if version >= 13 {
            (request.topics[0].topic, request.topics[0].topic_id) = ("".into(), id);
        }
        let full = raw.call(&request, version).await;
        assert_ne!(full.session_id, None, "version {version}");
        let mut next = FetchRequest { session_id: full.session_id, ..request.clone() };
        let position = full.responses[0].partitions[1].high_watermark.unwrap().get();
        for partition in 0..2 {
            let data = &full.responses[0].partitions[partition];
            next.topics[0].partitions[partition].fetch_offset = data.high_watermark.into();
        }
        next.session_epoch = 1;
        assert_eq!(raw.call(&next, version).await.responses, [], "nothing is new");
        raw.call(&produce("t", 1, &["a"]), 9).await;
        next.topics.clear();
        next.session_epoch = 2;
        next.max_wait_ms = 1_000;
        let told = raw.call(&next, version).await.responses.remove(0).partitions;
        assert_eq!((told.len(), told[0].partition_index), (1, PartitionIndex(1)));
        assert_eq!(values(told[0].records.as_ref().unwrap()), [(position, "a".to_owned())]);
        assert_eq!(
            raw.call(&next, version).await.error_code,
            ErrorCode::INVALID_FETCH_SESSION_EPOCH
        );
    }
    let request = FetchRequest {
        session_id: Some(FetchSessionId(9)),
        session_epoch: 3,
        ..fetch("t", 0, 0, 0)
    };
    let response = raw.call(&request, 12).await;
    assert_eq!(response.error_code, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn a_fault_hits_a_partition_that_only_the_session_names() {
    let cluster = cluster().topic("t", 1).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    let mut request = FetchRequest { session_epoch: 0, ..fetch("t", 0, 0, 0) };
    let session_id = raw.call(&request, 12).await.session_id;
    let fault = Fault::on(ApiKey::FETCH).topic("t").partition(0);
    cluster.faults().add(fault.then(Action::Error(ErrorCode::KAFKA_STORAGE_ERROR)));
    request = FetchRequest { session_id, session_epoch: 1, topics: Vec::new(), ..request };
    assert_eq!(fetched(&mut raw, &request, 12).await.error_code, ErrorCode::KAFKA_STORAGE_ERROR);
}
