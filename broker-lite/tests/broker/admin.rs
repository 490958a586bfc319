//! What administrators ask: directories, pages of topics, elections, producers, quotas, the quorum.

use broker_lite::{Action, Fault, Storage};
use ottla_protocol::api_key::ApiKey;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{LeaderEpoch, NodeId, Offset, PartitionIndex, Sequence, Timestamp};
use ottla_protocol::messages::describe_client_quotas::{
    ComponentData, DescribeClientQuotasRequest,
};
use ottla_protocol::messages::describe_log_dirs::{DescribableLogDirTopic, DescribeLogDirsRequest};
use ottla_protocol::messages::describe_producers::{DescribeProducersRequest, TopicRequest};
use ottla_protocol::messages::describe_quorum::{DescribeQuorumRequest, PartitionData, TopicData};
use ottla_protocol::messages::describe_topic_partitions::{
    Cursor, DescribeTopicPartitionsRequest, TopicRequest as PagedTopic,
};
use ottla_protocol::messages::elect_leaders::{ElectLeadersRequest, TopicPartitions};
use ottla_protocol::messages::fetch::FetchRequest;
use ottla_protocol::messages::list_partition_reassignments::ListPartitionReassignmentsRequest;
use ottla_protocol::messages::update_features::{FeatureUpdateKey, UpdateFeaturesRequest};

use crate::raw::{Raw, batch, cluster, fetch, produce, produce_batch, stamp};

#[tokio::test(start_paused = true)]
async fn directories_say_how_much_lies_in_them() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = cluster().storage(Storage::directory(dir.path()));
    let cluster = cluster.topic("t", 2).topic("u", 1).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    let request = produce("t", 1, &["a"]);
    let bytes = request.topic_data[0].partition_data[0].records.as_ref().unwrap().len();
    raw.call(&request, 9).await;
    let mut request = DescribeLogDirsRequest::default();
    for version in 1..=5 {
        let mut response = raw.call(&request, version).await;
        assert_eq!((response.error_code, response.results.len()), (ErrorCode::NONE, 1));
        let result = response.results.remove(0);
        assert_eq!(&*result.log_dir, dir.path().to_str().unwrap());
        let volume = (result.total_bytes, result.usable_bytes);
        if version < 4 {
            assert_eq!(volume, (None, None));
        } else {
            let (total, usable) = (volume.0.unwrap(), volume.1.unwrap());
            assert!(total > 0 && (0..=total).contains(&usable), "{volume:?}");
        }
        let sizes: Vec<_> = result
            .topics
            .iter()
            .flat_map(|t| {
                t.partitions.iter().map(|p| (&*t.name, p.partition_index.0, p.partition_size))
            })
            .collect();
        let written = i64::try_from(bytes).unwrap();
        assert_eq!(sizes, [("t", 0, 0), ("t", 1, written), ("u", 0, 0)], "version {version}");
    }
    request.topics = Some(vec![DescribableLogDirTopic {
        topic: "t".into(),
        partitions: vec![PartitionIndex(0), PartitionIndex(9)],
        ..Default::default()
    }]);
    let result = raw.call(&request, 4).await.results.remove(0);
    assert_eq!((result.topics.len(), result.topics[0].partitions.len()), (1, 1));
    // what is asked for in pieces is answered in one
    let topics = request.topics.as_mut().unwrap();
    topics.push(topics[0].clone());
    topics[1].partitions = vec![PartitionIndex(1)];
    let result = raw.call(&request, 4).await.results.remove(0);
    assert_eq!((result.topics.len(), result.topics[0].partitions.len()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn topics_come_in_pages_that_follow_each_other() {
    let cluster = cluster().topic("a", 3).topic("b", 1).topic("c", 2).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    for (limit, pages) in [(1, 6), (2, 3), (3, 2), (4, 2), (6, 1), (-1, 6)] {
        let mut request = DescribeTopicPartitionsRequest {
            response_partition_limit: limit,
            ..Default::default()
        };
        let (mut seen, mut count) = (Vec::new(), 0);
        loop {
            let response = raw.call(&request, 0).await;
            count += 1;
            for topic in &response.topics {
                let name = topic.name.as_ref().unwrap().to_string();
                seen.extend(topic.partitions.iter().map(|p| (name.clone(), p.partition_index.0)));
                assert!(topic.partitions.iter().all(|p| p.leader_id == Some(NodeId(1))));
            }
            request.cursor = response.next_cursor;
            if request.cursor.is_none() {
                break;
            }
        }
        let all = [("a", 0), ("a", 1), ("a", 2), ("b", 0), ("c", 0), ("c", 1)];
        assert_eq!(seen, all.map(|(name, index)| (name.to_owned(), index)), "limit {limit}");
        assert_eq!(count, pages, "limit {limit}");
    }
    let topic = |name: &str| PagedTopic { name: name.into(), ..Default::default() };
    let mut request = DescribeTopicPartitionsRequest {
        topics: ["c", "x", "a b", "b"].map(topic).to_vec(),
        ..Default::default()
    };
    let response = raw.call(&request, 0).await;
    let codes: Vec<_> = response.topics.iter().map(|t| (t.name.as_deref(), t.error_code)).collect();
    assert_eq!(
        codes,
        [
            (Some("a b"), ErrorCode::INVALID_TOPIC_EXCEPTION),
            (Some("b"), ErrorCode::NONE),
            (Some("c"), ErrorCode::NONE),
            (Some("x"), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        ]
    );
    request.cursor = Some(Cursor { partition_index: PartitionIndex(-1), ..Default::default() });
    let response = raw.call(&request, 0).await;
    assert!(response.topics.iter().all(|t| t.error_code == ErrorCode::INVALID_REQUEST));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_to_be_elected_and_nothing_moves() {
    let cluster = cluster().topic("t", 2).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    let mut request = ElectLeadersRequest {
        topic_partitions: Some(vec![TopicPartitions {
            topic: "t".into(),
            partitions: vec![PartitionIndex(1), PartitionIndex(2)],
            ..Default::default()
        }]),
        ..Default::default()
    };
    for version in 0..=2 {
        for election_type in 0..=version.min(1) {
            request.election_type = i8::try_from(election_type).unwrap();
            let response = raw.call(&request, version).await;
            let topic = &response.replica_election_results[0];
            let codes: Vec<_> = topic.partition_result.iter().map(|p| p.error_code).collect();
            let expected = [ErrorCode::ELECTION_NOT_NEEDED, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION];
            assert_eq!(codes, expected, "version {version}");
        }
    }
    request.election_type = 7;
    assert_eq!(raw.call(&request, 2).await.error_code, ErrorCode::INVALID_REQUEST);
    let all = ElectLeadersRequest::default();
    let elected = raw.call(&all, 2).await.replica_election_results;
    assert!(elected.iter().all(|topic| topic.partition_result.is_empty()));
    let moving = raw.call(&ListPartitionReassignmentsRequest::default(), 0).await;
    assert_eq!((moving.error_code, moving.topics), (ErrorCode::NONE, Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn producers_are_those_that_wrote() {
    let cluster = cluster().topic("t", 1).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    raw.call(&produce("t", 0, &["without a number"]), 9).await;
    for first in [0, 2] {
        let batch = batch(&["a", "b"], stamp(7, 3, first));
        raw.call(&produce_batch("t", 0, batch), 9).await;
    }
    let request = DescribeProducersRequest {
        topics: vec![TopicRequest {
            name: "t".into(),
            partition_indexes: [0, 1, 0].map(PartitionIndex).to_vec(),
            ..Default::default()
        }],
        ..Default::default()
    };
    let partitions = raw.call(&request, 0).await.topics.remove(0).partitions;
    assert_eq!(partitions[1].error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(partitions.len(), 2, "one of them was named twice");
    assert_eq!(partitions[0].active_producers.len(), 1);
    let producer = &partitions[0].active_producers[0];
    assert_eq!((producer.producer_id.0, producer.producer_epoch), (7, 3));
    assert_eq!(producer.last_sequence, Sequence::new(3));
    assert_eq!(producer.last_timestamp, Some(Timestamp(1_000)));
    assert_eq!(producer.current_txn_start_offset, None);
}

#[tokio::test(start_paused = true)]
async fn there_are_no_quotas_whatever_is_asked() {
    let cluster = cluster().start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    let part = |entity_type: &str, match_type, name: Option<&str>| ComponentData {
        entity_type: entity_type.into(),
        match_type,
        match_: name.map(Into::into),
        ..Default::default()
    };
    for (components, code) in [
        (vec![], ErrorCode::NONE),
        (vec![part("user", 0, Some("u")), part("client-id", 1, None)], ErrorCode::NONE),
        (vec![part("user", 0, None)], ErrorCode::INVALID_REQUEST),
        (vec![part("user", 3, None)], ErrorCode::INVALID_REQUEST),
        (vec![part("", 2, None)], ErrorCode::INVALID_REQUEST),
        (vec![part("team", 2, None)], ErrorCode::UNSUPPORTED_VERSION),
        (vec![part("user", 2, None), part("user", 2, None)], ErrorCode::INVALID_REQUEST),
        (vec![part("user", 2, None), part("ip", 2, None)], ErrorCode::INVALID_REQUEST),
    ] {
        let request = DescribeClientQuotasRequest { components, ..Default::default() };
        for version in 0..=1 {
            let response = raw.call(&request, version).await;
            assert_eq!(response.error_code, code, "{request:?}");
            let entries = (code == ErrorCode::NONE).then(Vec::new);
            assert_eq!(response.entries, entries);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_quorum_is_one_voter_that_has_everything() {
    let storage = Storage::memory();
    for start in 1..3 {
        let cluster = cluster().storage(storage.clone()).topic("t", 1).start().await.unwrap();
        let mut raw = Raw::connect(&cluster).await;
        let topic = |name: &str| TopicData {
            topic_name: name.into(),
            partitions: vec![PartitionData::default()],
            ..Default::default()
        };
        let request = DescribeQuorumRequest {
            topics: vec![topic("__cluster_metadata"), topic("t")],
            ..Default::default()
        };
        for version in 0..=2 {
            let response = raw.call(&request, version).await;
            let quorum = &response.topics[0].partitions[0];
            assert_eq!(quorum.leader_id, Some(NodeId(1)));
            assert_eq!(quorum.leader_epoch, LeaderEpoch(start), "a start is an election");
            assert!(quorum.high_watermark > Some(Offset::ZERO));
            assert_eq!(quorum.current_voters.len(), 1);
            assert_eq!(quorum.current_voters[0].log_end_offset, quorum.high_watermark);
            let other = response.topics[1].partitions[0].error_code;
            assert_eq!(other, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
            assert_eq!(response.nodes.len(), usize::from(version == 2));
        }
        cluster.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn features_stay_at_the_level_that_is_written() {
    let cluster = cluster().start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    for (feature, level, kind, code) in [
        ("metadata.version", 25, 1, ErrorCode::NONE),
        ("metadata.version", 26, 1, ErrorCode::INVALID_UPDATE_VERSION),
        ("metadata.version", 24, 1, ErrorCode::INVALID_UPDATE_VERSION),
        ("metadata.version", 24, 3, ErrorCode::INVALID_UPDATE_VERSION),
        ("metadata.version", 25, 9, ErrorCode::INVALID_UPDATE_VERSION),
        ("transaction.version", 2, 1, ErrorCode::INVALID_UPDATE_VERSION),
    ] {
        let update = FeatureUpdateKey {
            feature: feature.into(),
            max_version_level: level,
            upgrade_type: kind,
            ..Default::default()
        };
        let mut request =
            UpdateFeaturesRequest { feature_updates: vec![update], ..Default::default() };
        assert_eq!(raw.call(&request, 2).await.error_code, code, "{feature} {level} {kind}");
        let response = raw.call(&request, 1).await;
        assert_eq!(response.error_code, code, "{feature} {level} {kind}");
        assert_eq!(response.results.len(), usize::from(code == ErrorCode::NONE));
        request.feature_updates.push(request.feature_updates[0].clone());
        assert_eq!(raw.call(&request, 2).await.error_code, ErrorCode::INVALID_REQUEST);
    }
}

#[tokio::test(start_paused = true)]
async fn who_asks_the_wrong_leader_is_told_the_right_one() {
    let cluster = cluster().topic("t", 1).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    let mut request: FetchRequest = fetch("", 0, 0, 0);
    request.topics[0].topic_id = raw.topic_id("t").await;
    let fault = Fault::on(ApiKey::FETCH).topic("t");
    cluster.faults().add(fault.then(Action::Error(ErrorCode::NOT_LEADER_OR_FOLLOWER)));
    for version in [15, 16, 18] {
        let response = raw.call(&request, version).await;
        let leader = response.responses[0].partitions[0].current_leader.leader_id;
        let hinted = version >= 16;
        assert_eq!(leader, hinted.then_some(NodeId(1)), "version {version}");
        let nodes: Vec<_> = response.node_endpoints.iter().map(|n| (&*n.host, n.port)).collect();
        assert_eq!(nodes, if hinted { vec![("node", 9092)] } else { vec![] });
    }
}
