//! Topics come, grow and go.

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{NodeId, PartitionIndex, Uuid};
use ottla_protocol::messages::create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic};
use ottla_protocol::messages::create_topics::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use ottla_protocol::messages::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use ottla_protocol::messages::metadata::{MetadataRequest, MetadataRequestTopic};

use crate::raw::{Raw, cluster, fetch, metadata, produce};

fn topic(name: &str, partitions: i32) -> CreatableTopic {
    CreatableTopic {
        name: name.into(),
        num_partitions: Some(partitions).filter(|&count| count != -1),
        ..Default::default()
    }
}

fn create(topics: Vec<CreatableTopic>) -> CreateTopicsRequest {
    CreateTopicsRequest { topics, ..Default::default() }
}

#[tokio::test(start_paused = true)]
async fn metadata_speaks_of_topics_in_every_version() {
    let cluster = cluster().topic("t", 3).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    for version in 0..=13 {
        let response = raw.call(&metadata(&["t"]), version).await;
        let broker = &response.brokers[0];
        assert_eq!((&*broker.host, broker.port), ("node", i32::from(cluster.port())));
        let topic = &response.topics[0];
        assert_eq!((topic.error_code, topic.partitions.len()), (ErrorCode::NONE, 3), "{version}");
        assert!(topic.partitions.iter().all(|p| p.leader_id == Some(broker.node_id)));
        assert_eq!(topic.topic_id != Uuid::ZERO, version >= 10);
    }
    let none = MetadataRequest { topics: None, ..Default::default() };
    assert_eq!(raw.call(&none, 1).await.topics.len(), 1, "null asks for all");
    assert_eq!(raw.call(&metadata(&[]), 0).await.topics.len(), 1, "so does empty in version 0");
    assert_eq!(raw.call(&metadata(&[]), 1).await.topics.len(), 0, "and not later");
}

#[tokio::test(start_paused = true)]
async fn defaults_can_be_had_in_every_version() {
    let cluster = cluster().config("num.partitions", "4").start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    for version in 2..=7 {
        let name = format!("t{version}");
        let made = raw.call(&create(vec![topic(&name, -1)]), version).await;
        assert_eq!(made.topics[0].error_code, ErrorCode::NONE, "version {version}");
        let response = raw.call(&metadata(&[&name]), 9).await;
        assert_eq!(response.topics[0].partitions.len(), 4, "version {version}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_topic_asked_for_is_made_and_there_the_next_time() {
    let cluster = cluster().config("num.partitions", "4").start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    let timid = MetadataRequest { allow_auto_topic_creation: false, ..metadata(&["fresh"]) };
    for request in [&timid, &timid, &metadata(&["fresh"])] {
        let response = raw.call(request, 9).await;
        assert_eq!(response.topics[0].error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    }
    let response = raw.call(&timid, 9).await;
    let made = &response.topics[0];
    assert_eq!((made.error_code, made.partitions.len()), (ErrorCode::NONE, 4));
    let response = raw.call(&metadata(&["a b"]), 9).await;
    assert_eq!(response.topics[0].error_code, ErrorCode::INVALID_TOPIC_EXCEPTION);
}

#[tokio::test(start_paused = true)]
async fn topics_are_not_made_on_demand_where_that_is_off() {
    let cluster = cluster().config("auto.create.topics.enable", "false").start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    for _ in 0..2 {
        let response = raw.call(&metadata(&["fresh"]), 9).await;
        assert_eq!(response.topics[0].error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    }
}

#[tokio::test(start_paused = true)]
async fn topics_are_found_by_id() {
    let cluster = cluster().topic("t", 1).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    let id = raw.topic_id("t").await;
    let by_id = |topic_id| MetadataRequest {
        topics: Some(vec![MetadataRequestTopic { topic_id, name: None, ..Default::default() }]),
        ..Default::default()
    };
    let response = raw.call(&by_id(id), 12).await;
    assert_eq!(response.topics[0].name.as_deref(), Some("t"));
    let response = raw.call(&by_id(Uuid([9; 16])), 12).await;
    assert_eq!(response.topics[0].error_code, ErrorCode::UNKNOWN_TOPIC_ID);
}

#[tokio::test(start_paused = true)]
async fn created_topics_are_served_when_the_reply_comes() {
    let cluster = cluster().start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    for version in 4..=7 {
        let name = format!("t{version}");
        let response = raw.call(&create(vec![topic(&name, 2)]), version).await;
        assert_eq!(response.topics[0].error_code, ErrorCode::NONE);
        if version >= 5 {
            assert_eq!(response.topics[0].num_partitions, Some(2));
            let configs = response.topics[0].configs.as_ref().unwrap();
            assert!(configs.iter().any(|c| c.name == "retention.ms" && c.config_source == Some(5)));
        }
        let response = raw.call(&produce(&name, 1, &["x"]), 9).await;
        let produced = &response.responses[0].partition_responses[0];
        assert_eq!(produced.error_code, ErrorCode::NONE, "version {version}");
    }
}

#[tokio::test(start_paused = true)]
async fn creation_is_refused_by_kafkas_rules() {
    let cluster = cluster().topic("taken", 1).topic("a.b", 1).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    let config = |name: &str, value: &str| CreatableTopic {
        configs: vec![CreatableTopicConfig {
            name: name.into(),
            value: Some(value.into()),
            ..Default::default()
        }],
        ..topic("c", 1)
    };
    let assigned = |lists: &[(i32, &[i32])]| CreatableTopic {
        assignments: lists
            .iter()
            .map(|(index, nodes)| CreatableReplicaAssignment {
                partition_index: PartitionIndex(*index),
                broker_ids: nodes.iter().map(|id| NodeId(*id)).collect(),
                ..Default::default()
            })
            .collect(),
        ..topic("c", -1)
    };
    for (rule, asked, code) in [
        ("exists", topic("taken", 1), ErrorCode::TOPIC_ALREADY_EXISTS),
        ("collides", topic("a_b", 1), ErrorCode::INVALID_TOPIC_EXCEPTION),
        ("name", topic("..", 1), ErrorCode::INVALID_TOPIC_EXCEPTION),
        ("the controller's", topic("__cluster_metadata", 1), ErrorCode::INVALID_REQUEST),
        ("no partitions", topic("c", 0), ErrorCode::INVALID_PARTITIONS),
        ("far too many", topic("c", i32::MAX), ErrorCode::POLICY_VIOLATION),
        (
            "no replicas",
            CreatableTopic { replication_factor: Some(0), ..topic("c", 1) },
            ErrorCode::INVALID_REPLICATION_FACTOR,
        ),
        (
            "more replicas than brokers",
            CreatableTopic { replication_factor: Some(2), ..topic("c", 1) },
            ErrorCode::INVALID_REPLICATION_FACTOR,
        ),
        ("unknown setting", config("retention.m", "1"), ErrorCode::INVALID_CONFIG),
        ("malformed setting", config("retention.ms", "soon"), ErrorCode::INVALID_CONFIG),
        ("a gap", assigned(&[(0, &[1]), (2, &[1])]), ErrorCode::INVALID_REPLICA_ASSIGNMENT),
        ("twice", assigned(&[(0, &[1]), (0, &[1])]), ErrorCode::INVALID_REPLICA_ASSIGNMENT),
        ("nobody", assigned(&[(0, &[])]), ErrorCode::INVALID_REPLICA_ASSIGNMENT),
        ("a stranger", assigned(&[(0, &[9])]), ErrorCode::INVALID_REPLICA_ASSIGNMENT),
        ("one twice", assigned(&[(0, &[1, 1])]), ErrorCode::INVALID_REPLICA_ASSIGNMENT),
        (
            "both numbers and a list",
            CreatableTopic { num_partitions: Some(1), ..assigned(&[(0, &[1])]) },
            ErrorCode::INVALID_REQUEST,
        ),
    ] {
        let response = raw.call(&create(vec![asked, topic("ok", 1)]), 7).await;
        assert_eq!(response.topics[0].error_code, code, "{rule}");
        assert!(response.topics[0].error_message.is_some(), "{rule}");
        let other = response.topics[1].error_code;
        assert!([ErrorCode::NONE, ErrorCode::TOPIC_ALREADY_EXISTS].contains(&other), "{rule}");
    }
    let response = raw.call(&create(vec![topic("d", 1), topic("d", 1)]), 7).await;
    assert!(response.topics.iter().all(|t| t.error_code == ErrorCode::INVALID_REQUEST));
    let dry = CreateTopicsRequest { validate_only: true, ..create(vec![topic("dry", 1)]) };
    for _ in 0..2 {
        assert_eq!(raw.call(&dry, 7).await.topics[0].error_code, ErrorCode::NONE);
    }
}

#[tokio::test(start_paused = true)]
async fn a_deleted_topic_is_gone_and_its_name_is_free() {
    let cluster = cluster().topic("t", 1).topic("u", 1).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    let (t, u) = (raw.topic_id("t").await, raw.topic_id("u").await);
    raw.call(&produce("t", 0, &["old"]), 9).await;
    let by_name = DeleteTopicsRequest { topic_names: vec!["t".into()], ..Default::default() };
    let response = raw.call(&by_name, 5).await;
    assert_eq!(response.responses[0].error_code, ErrorCode::NONE);
    let response = raw.call(&by_name, 5).await;
    assert_eq!(response.responses[0].error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let by_id = |topic_id| DeleteTopicsRequest {
        topics: vec![DeleteTopicState { name: None, topic_id, ..Default::default() }],
        ..Default::default()
    };
    let response = raw.call(&by_id(u), 6).await;
    assert_eq!(response.responses[0].name.as_deref(), Some("u"));
    let response = raw.call(&by_id(t), 6).await;
    assert_eq!(response.responses[0].error_code, ErrorCode::UNKNOWN_TOPIC_ID);
    let response = raw.call(&create(vec![topic("t", 1)]), 7).await;
    assert_eq!(response.topics[0].error_code, ErrorCode::NONE);
    assert_ne!(response.topics[0].topic_id, t, "an id is never used again");
    let response = raw.call(&fetch("t", 0, 0, 0), 12).await;
    assert!(response.responses[0].partitions[0].records.as_ref().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_topic_grows_and_never_shrinks() {
    let cluster = cluster().topic("t", 2).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    let grow = |name: &str, count| CreatePartitionsRequest {
        topics: vec![CreatePartitionsTopic { name: name.into(), count, ..Default::default() }],
        ..Default::default()
    };
    for (rule, request, code) in [
        ("no change", grow("t", 2), ErrorCode::INVALID_PARTITIONS),
        ("fewer", grow("t", 1), ErrorCode::INVALID_PARTITIONS),
        ("unknown", grow("x", 5), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        ("more", grow("t", 5), ErrorCode::NONE),
    ] {
        assert_eq!(raw.call(&request, 3).await.results[0].error_code, code, "{rule}");
    }
    let response = raw.call(&produce("t", 4, &["x"]), 9).await;
    assert_eq!(response.responses[0].partition_responses[0].error_code, ErrorCode::NONE);
}
