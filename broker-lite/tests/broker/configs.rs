//! DescribeConfigs and DescribeCluster.

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::create_topics::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use ottla_protocol::messages::describe_cluster::DescribeClusterRequest;
use ottla_protocol::messages::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResult, RESOURCE_TYPE_BROKER,
    RESOURCE_TYPE_GROUP, RESOURCE_TYPE_TOPIC,
};

use crate::raw::{Raw, cluster};

pub(crate) fn describe(kind: i8, name: &str, keys: &[&str]) -> DescribeConfigsRequest {
    DescribeConfigsRequest {
        resources: vec![DescribeConfigsResource {
            resource_type: kind,
            resource_name: name.into(),
            configuration_keys: Some(keys.iter().map(|key| (*key).into()).collect()),
            ..Default::default()
        }],
        include_synonyms: true,
        ..Default::default()
    }
}

pub(crate) async fn described(
    raw: &mut Raw,
    request: &DescribeConfigsRequest,
) -> DescribeConfigsResult {
    raw.call(request, 4).await.results.remove(0)
}

#[tokio::test(start_paused = true)]
async fn settings_say_where_they_come_from() {
    let cluster = cluster().config("log.retention.hours", "1").start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    let create = CreateTopicsRequest {
        topics: vec![CreatableTopic {
            name: "t".into(),
            num_partitions: Some(1),
            replication_factor: Some(1),
            configs: vec![CreatableTopicConfig {
                name: "segment.bytes".into(),
                value: Some("2097152".into()),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    raw.call(&create, 7).await;
    let keys = ["segment.bytes", "retention.ms", "max.message.bytes"];
    let result = described(&mut raw, &describe(RESOURCE_TYPE_TOPIC, "t", &keys)).await;
    let found: Vec<_> = result
        .configs
        .iter()
        .map(|c| {
            (&*c.name, c.value.as_deref().unwrap(), c.config_source.unwrap(), c.synonyms.len())
        })
        .collect();
    let expected = [
        ("max.message.bytes", "1048588", 5, 1),
        ("retention.ms", "3600000", 4, 1),
        ("segment.bytes", "2097152", 1, 2),
    ];
    assert_eq!(found, expected);
    let result = described(&mut raw, &describe(RESOURCE_TYPE_BROKER, "1", &[])).await;
    assert_eq!(result.error_code, ErrorCode::NONE);
    let hours = result.configs.iter().find(|c| c.name == "log.retention.hours").unwrap();
    assert_eq!(
        (hours.value.as_deref(), hours.config_source, hours.config_type),
        (Some("1"), Some(4), 3)
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_cannot_be_described() {
    let cluster = cluster().start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    for (kind, name, code) in [
        (RESOURCE_TYPE_TOPIC, "t", ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        (RESOURCE_TYPE_TOPIC, "a b", ErrorCode::INVALID_TOPIC_EXCEPTION),
        (RESOURCE_TYPE_BROKER, "7", ErrorCode::INVALID_REQUEST),
        (RESOURCE_TYPE_BROKER, "01", ErrorCode::INVALID_REQUEST),
        (RESOURCE_TYPE_GROUP, "g", ErrorCode::INVALID_REQUEST),
    ] {
        let result = described(&mut raw, &describe(kind, name, &[])).await;
        assert_eq!(result.error_code, code, "{kind} {name}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_named_twice_is_described_once_with_all_that_is_asked() {
    let cluster = cluster().topic("t", 1).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    let keys: [&[&str]; 3] = [&["segment.ms"], &["retention.ms", "segment.ms"], &[]];
    for (asked, found) in [(&keys[..2], 2), (&keys[..], 38)] {
        let mut request = DescribeConfigsRequest::default();
        for keys in asked {
            for (kind, name) in [(RESOURCE_TYPE_TOPIC, "t"), (RESOURCE_TYPE_TOPIC, "u")] {
                request.resources.append(&mut describe(kind, name, keys).resources);
            }
        }
        let results = raw.call(&request, 4).await.results;
        let names: Vec<_> = results.iter().map(|result| &*result.resource_name).collect();
        assert_eq!((names, results[0].configs.len()), (vec!["t", "u"], found));
    }
}

#[tokio::test(start_paused = true)]
async fn an_ipv6_address_has_brackets_for_people_and_none_on_the_wire() {
    for host in ["::1", "[::1]"] {
        let cluster = cluster().advertised(host, 1234).start().await.unwrap();
        assert_eq!(cluster.bootstrap(), "[::1]:1234");
        let mut raw = Raw::connect(&cluster).await;
        let response = raw.call(&DescribeClusterRequest::default(), 0).await;
        assert_eq!((&*response.brokers[0].host, response.brokers[0].port), ("::1", 1234));
    }
}

#[tokio::test(start_paused = true)]
async fn the_cluster_is_one_broker() {
    let cluster = cluster().advertised("kafka.example", 1234).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    assert_eq!(cluster.bootstrap(), "kafka.example:1234");
    for version in 0..=2 {
        let response = raw.call(&DescribeClusterRequest::default(), version).await;
        assert_eq!(response.error_code, ErrorCode::NONE);
        assert_eq!(response.cluster_id.len(), 22);
        let broker = &response.brokers[0];
        assert_eq!((&*broker.host, broker.port), ("kafka.example", 1234));
        assert_eq!(response.controller_id, Some(broker.broker_id));
    }
    for (kind, code) in
        [(2, ErrorCode::MISMATCHED_ENDPOINT_TYPE), (9, ErrorCode::UNSUPPORTED_ENDPOINT_TYPE)]
    {
        let request = DescribeClusterRequest { endpoint_type: kind, ..Default::default() };
        assert_eq!(raw.call(&request, 1).await.error_code, code);
    }
}
