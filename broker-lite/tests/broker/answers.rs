//! Corners where the answer was compared with that of Apache Kafka 4.3.1, request by request.

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{AuthorizedOperations, PartitionIndex, ProducerEpoch, ProducerId, Uuid};
use ottla_protocol::messages::create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic};
use ottla_protocol::messages::create_topics::{CreatableTopic, CreateTopicsRequest};
use ottla_protocol::messages::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use ottla_protocol::messages::describe_cluster::DescribeClusterRequest;
use ottla_protocol::messages::describe_producers::{self, DescribeProducersRequest};
use ottla_protocol::messages::describe_quorum::{self, DescribeQuorumRequest};
use ottla_protocol::messages::describe_topic_partitions::{
    self, Cursor, DescribeTopicPartitionsRequest,
};
use ottla_protocol::messages::elect_leaders::{ElectLeadersRequest, TopicPartitions};
use ottla_protocol::messages::init_producer_id::InitProducerIdRequest;
use ottla_protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic, TIMESTAMP_LATEST,
};
use ottla_protocol::messages::metadata::{MetadataRequest, MetadataRequestTopic};
use ottla_protocol::messages::update_features::{FeatureUpdateKey, UPGRADE, UpdateFeaturesRequest};

use crate::alter::{TOPIC, alter, altered};
use crate::configs::{describe, described};
use crate::offsets::fetched;
use crate::raw::{Raw, cluster, create, fetch};

const BROKER_LOGGER: i8 = 8;
/// A bit for each operation of Kafka's that a topic and a cluster know.
const TOPIC_OPERATIONS: AuthorizedOperations = AuthorizedOperations(3_576);
const CLUSTER_OPERATIONS: AuthorizedOperations = AuthorizedOperations(8_096);

#[tokio::test(start_paused = true)]
async fn what_is_named_twice_is_answered_once() {
    let cluster = cluster().topic("t", 1).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    let invalid = |code, message: Option<&str>, said: &str| {
        assert_eq!((code, message), (ErrorCode::INVALID_REQUEST, Some(said)));
    };

    let topic = CreatableTopic { name: "u".into(), ..Default::default() };
    let request = CreateTopicsRequest { topics: vec![topic.clone(), topic], ..Default::default() };
    let answers = raw.call(&request, 6).await.topics;
    assert_eq!(answers.len(), 1);
    invalid(answers[0].error_code, answers[0].error_message.as_deref(), "Duplicate topic name.");

    let topic = CreatePartitionsTopic { name: "t".into(), count: 2, ..Default::default() };
    let topics = vec![topic.clone(), topic];
    let answers =
        raw.call(&CreatePartitionsRequest { topics, ..Default::default() }, 3).await.results;
    assert_eq!(answers.len(), 1);
    invalid(answers[0].error_code, answers[0].error_message.as_deref(), "Duplicate topic name.");

    for (name, id, said) in [
        (Some("t"), Uuid::ZERO, "Duplicate topic name."),
        (Some("none"), Uuid::ZERO, "Duplicate topic name."),
        (None, Uuid([7; 16]), "Duplicate topic id."),
    ] {
        let topic =
            DeleteTopicState { name: name.map(Into::into), topic_id: id, ..Default::default() };
        let topics = vec![topic.clone(), topic];
        let answers =
            raw.call(&DeleteTopicsRequest { topics, ..Default::default() }, 6).await.responses;
        assert_eq!(answers.len(), 1);
        invalid(answers[0].error_code, answers[0].error_message.as_deref(), said);
    }

    let partition = ListOffsetsPartition { timestamp: TIMESTAMP_LATEST, ..Default::default() };
    let partitions = vec![partition.clone(), partition];
    let topics = vec![ListOffsetsTopic { name: "t".into(), partitions, ..Default::default() }];
    let answer = raw.call(&ListOffsetsRequest { topics, ..Default::default() }, 6).await;
    let codes: Vec<_> = answer.topics[0].partitions.iter().map(|p| p.error_code).collect();
    assert_eq!(codes, [ErrorCode::INVALID_REQUEST]);

    let answers = raw.call(&crate::raw::metadata(&["t", "t"]), 8).await.topics;
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].error_code, ErrorCode::NONE);
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_cannot_be_meant_says_why() {
    let cluster = cluster().topic("t", 1).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    for (name, id, said) in [
        (Some("t"), Uuid([7; 16]), "You may not specify both topic name and topic id."),
        (None, Uuid::ZERO, "Neither topic name nor id were specified."),
    ] {
        let topic =
            DeleteTopicState { name: name.map(Into::into), topic_id: id, ..Default::default() };
        let request = DeleteTopicsRequest { topics: vec![topic], ..Default::default() };
        let answer = raw.call(&request, 6).await.responses.remove(0);
        assert_eq!(answer.error_code, ErrorCode::INVALID_REQUEST);
        assert_eq!(answer.error_message.as_deref(), Some(said));
    }
    let answer = raw.call(&create("__cluster_metadata", vec![]), 6).await.topics.remove(0);
    assert_eq!(answer.error_code, ErrorCode::INVALID_REQUEST);
    assert!(answer.error_message.unwrap().contains("prohibited"));
    let edit = ("segment.ms", 0, Some("7"));
    let answer = altered(&mut raw, &alter(TOPIC, "", &[edit])).await;
    assert_eq!(answer.error_code, ErrorCode::INVALID_REQUEST);
    let request = DescribeProducersRequest {
        topics: vec![describe_producers::TopicRequest {
            name: "a b".into(),
            partition_indexes: vec![PartitionIndex(0)],
            ..Default::default()
        }],
        ..Default::default()
    };
    let answer = &raw.call(&request, 0).await.topics[0].partitions[0];
    assert_eq!(answer.error_code, ErrorCode::INVALID_TOPIC_EXCEPTION);
}

#[tokio::test(start_paused = true)]
async fn metadata_by_name_and_id_is_answered_in_every_version_that_can_ask_so() {
    let cluster = cluster().topic("t", 1).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    let ask = |name: Option<&str>, topic_id| MetadataRequest {
        topics: Some(vec![MetadataRequestTopic {
            name: name.map(Into::into),
            topic_id,
            ..Default::default()
        }]),
        ..Default::default()
    };
    let (unknown, invalid) = (ErrorCode::UNKNOWN_TOPIC_ID, ErrorCode::INVALID_REQUEST);
    for (version, name, code, told) in [
        (10, None, invalid, Some("")),
        (11, None, invalid, Some("")),
        (11, Some("t"), invalid, Some("t")),
        (12, None, unknown, None),
        (13, Some("t"), unknown, None),
    ] {
        let answer = raw.call(&ask(name, Uuid([7; 16])), version).await.topics.remove(0);
        assert_eq!((answer.error_code, answer.name.as_deref()), (code, told), "{version} {name:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_asks_is_told_that_everybody_may_do_everything() {
    let cluster = cluster().topic("t", 1).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    for (asked, of_topic, of_cluster) in
        [(true, Some(TOPIC_OPERATIONS), Some(CLUSTER_OPERATIONS)), (false, None, None)]
    {
        let request = MetadataRequest {
            include_topic_authorized_operations: asked,
            include_cluster_authorized_operations: asked,
            ..crate::raw::metadata(&["t"])
        };
        let answer = raw.call(&request, 8).await;
        assert_eq!(answer.topics[0].topic_authorized_operations, of_topic);
        assert_eq!(answer.cluster_authorized_operations, of_cluster);
        let include_cluster_authorized_operations = asked;
        let request =
            DescribeClusterRequest { include_cluster_authorized_operations, ..Default::default() };
        assert_eq!(raw.call(&request, 2).await.cluster_authorized_operations, of_cluster);
    }
}

#[tokio::test(start_paused = true)]
async fn a_producer_says_its_id_and_its_epoch_or_neither() {
    let cluster = cluster().start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    let (id, epoch) = (Some(ProducerId(5)), Some(ProducerEpoch(1)));
    for (producer_id, producer_epoch, code) in [
        (None, None, ErrorCode::NONE),
        (id, epoch, ErrorCode::NONE),
        (id, None, ErrorCode::INVALID_REQUEST),
        (None, epoch, ErrorCode::INVALID_REQUEST),
    ] {
        let request = InitProducerIdRequest { producer_id, producer_epoch, ..Default::default() };
        assert_eq!(raw.call(&request, 4).await.error_code, code, "{producer_id:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_is_not_here_has_no_aborted_transactions() {
    let cluster = cluster().topic("t", 1).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    for (partition, offset, code, aborted) in [
        (0, 0, ErrorCode::NONE, None),
        (0, 9, ErrorCode::OFFSET_OUT_OF_RANGE, None),
        (7, 0, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, Some(vec![])),
    ] {
        let data = fetched(&mut raw, &fetch("t", partition, offset, 0), 12).await;
        assert_eq!((data.error_code, data.aborted_transactions), (code, aborted));
    }
}

#[tokio::test(start_paused = true)]
async fn a_cursor_stands_in_a_topic_that_is_asked_for() {
    let cluster = cluster().topic("t", 1).topic("u", 1).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    let invalid = ErrorCode::INVALID_REQUEST;
    for (asked, cursor, codes) in [
        (&["t", "u"][..], "u", vec![ErrorCode::NONE]),
        (&["t", "u"], "tt", vec![invalid; 2]),
        (&["t", "u"], "", vec![invalid; 2]),
        (&[], "tt", vec![ErrorCode::NONE]),
    ] {
        let topic = |name: &&str| describe_topic_partitions::TopicRequest {
            name: (*name).into(),
            ..Default::default()
        };
        let request = DescribeTopicPartitionsRequest {
            topics: asked.iter().map(topic).collect(),
            cursor: Some(Cursor { topic_name: cursor.into(), ..Default::default() }),
            ..Default::default()
        };
        let answers = raw.call(&request, 0).await.topics;
        let found: Vec<_> = answers.iter().map(|topic| topic.error_code).collect();
        assert_eq!(found, codes, "{asked:?} from {cursor}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_election_names_every_topic_and_why_a_partition_has_none() {
    let cluster = cluster().topic("t", 2).topic("u", 1).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    let all = ElectLeadersRequest { topic_partitions: None, ..Default::default() };
    let answers = raw.call(&all, 2).await.replica_election_results;
    let found: Vec<_> = answers.iter().map(|r| (&*r.topic, r.partition_result.len())).collect();
    assert_eq!(found, [("t", 0), ("u", 0)]);
    let topic = TopicPartitions {
        topic: "t".into(),
        partitions: vec![PartitionIndex(0), PartitionIndex(1)],
        ..Default::default()
    };
    let request = ElectLeadersRequest {
        election_type: 2,
        topic_partitions: Some(vec![topic]),
        ..Default::default()
    };
    let answer = raw.call(&request, 2).await;
    assert_eq!(answer.error_code, ErrorCode::INVALID_REQUEST);
    let results = &answer.replica_election_results[0].partition_result;
    assert_eq!(results.len(), 2);
    assert_eq!(results[1].error_message.as_deref(), Some("Unknown election type 2"));
}

#[tokio::test(start_paused = true)]
async fn one_feature_that_cannot_be_set_fails_all_in_every_version() {
    let cluster = cluster().start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    let feature_updates = vec![FeatureUpdateKey {
        feature: "none".into(),
        max_version_level: 1,
        upgrade_type: UPGRADE,
        ..Default::default()
    }];
    let request = UpdateFeaturesRequest { feature_updates, ..Default::default() };
    for version in 0..=2 {
        let answer = raw.call(&request, version).await;
        assert_eq!(answer.error_code, ErrorCode::INVALID_UPDATE_VERSION, "{version}");
        assert!(answer.error_message.unwrap().contains("failed for all features"));
        assert_eq!(answer.results, []);
    }
}

#[tokio::test(start_paused = true)]
async fn the_only_voter_has_fetched_just_now() {
    let cluster = cluster().start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    let request = DescribeQuorumRequest {
        topics: vec![describe_quorum::TopicData {
            topic_name: "__cluster_metadata".into(),
            partitions: vec![describe_quorum::PartitionData::default()],
            ..Default::default()
        }],
        ..Default::default()
    };
    let answer = raw.call(&request, 2).await.topics.remove(0).partitions.remove(0);
    let voter = &answer.current_voters[0];
    assert_eq!(voter.last_fetch_timestamp, voter.last_caught_up_timestamp);
    assert!(voter.last_fetch_timestamp.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_topic_is_made_with_the_settings_it_is_described_with_and_loggers_have_none() {
    let cluster = cluster().start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    let made = raw.call(&create("t", vec![]), 6).await.topics.remove(0).configs.unwrap();
    let made: Vec<_> = made.into_iter().map(|c| (c.name, c.value, c.config_source)).collect();
    let shown = described(&mut raw, &describe(TOPIC, "t", &[])).await.configs;
    let names: Vec<_> = shown.iter().map(|config| &*config.name).collect();
    assert!(names.contains(&"flush.ms") && names.is_sorted());
    let shown: Vec<_> = shown.into_iter().map(|c| (c.name, c.value, c.config_source)).collect();
    assert_eq!(made, shown);
    for (name, code) in [("1", ErrorCode::NONE), ("7", ErrorCode::INVALID_REQUEST)] {
        let answer = described(&mut raw, &describe(BROKER_LOGGER, name, &[])).await;
        assert_eq!((answer.error_code, answer.configs.len()), (code, 0));
    }
}
