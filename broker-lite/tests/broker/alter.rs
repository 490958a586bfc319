//! Settings that are changed while the broker runs, and what that does.

use broker_lite::Storage;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::alter_configs;
use ottla_protocol::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterConfigsResourceResponse, AlterableConfig,
    IncrementalAlterConfigsRequest, OPERATION_APPEND, OPERATION_DELETE, OPERATION_SET,
    OPERATION_SUBTRACT,
};
use ottla_protocol::messages::list_config_resources::ListConfigResourcesRequest;

use crate::configs::{describe, described};
use crate::raw::{Raw, batch_at, cluster, produce_batch};

pub(crate) const TOPIC: i8 = 2;
pub(crate) const BROKER: i8 = 4;

pub(crate) fn alter(
    kind: i8,
    name: &str,
    edits: &[(&str, i8, Option<&str>)],
) -> IncrementalAlterConfigsRequest {
    let config = |&(name, config_operation, value): &(&str, i8, Option<&str>)| AlterableConfig {
        name: name.into(),
        config_operation,
        value: value.map(Into::into),
        ..Default::default()
    };
    IncrementalAlterConfigsRequest {
        resources: vec![AlterConfigsResource {
            resource_type: kind,
            resource_name: name.into(),
            configs: edits.iter().map(config).collect(),
            ..Default::default()
        }],
        ..Default::default()
    }
}

pub(crate) async fn altered(
    raw: &mut Raw,
    request: &IncrementalAlterConfigsRequest,
) -> AlterConfigsResourceResponse {
    raw.call(request, 1).await.responses.remove(0)
}

async fn set(raw: &mut Raw, kind: i8, name: &str, setting: (&str, &str)) {
    let edit = (setting.0, OPERATION_SET, Some(setting.1));
    let answer = altered(raw, &alter(kind, name, &[edit])).await;
    assert_eq!(answer.error_code, ErrorCode::NONE, "{setting:?}: {:?}", answer.error_message);
}

/// The value and its source of a setting, as described.
async fn value(raw: &mut Raw, kind: i8, name: &str, key: &str) -> (Option<String>, i8) {
    let result = described(raw, &describe(kind, name, &[key])).await;
    let config = &result.configs[0];
    (config.value.as_ref().map(ToString::to_string), config.config_source.unwrap())
}

async fn produced(raw: &mut Raw, times: &[i64]) -> ErrorCode {
    let request = produce_batch("t", 0, batch_at(times));
    raw.call(&request, 9).await.responses[0].partition_responses[0].error_code
}

#[tokio::test(start_paused = true)]
async fn what_brokers_are_set_to_is_what_topics_start_from_and_survives() {
    let storage = Storage::memory();
    let on = || cluster().storage(storage.clone());
    let running = on().config("message.max.bytes", "70000").topic("t", 1).start().await.unwrap();
    let mut raw = Raw::connect(&running).await;
    let key = "max.message.bytes";
    assert_eq!(value(&mut raw, TOPIC, "t", key).await, (Some("70000".into()), 4));
    set(&mut raw, BROKER, "", ("message.max.bytes", "60000")).await;
    assert_eq!(value(&mut raw, TOPIC, "t", key).await, (Some("60000".into()), 3));
    set(&mut raw, BROKER, "1", ("message.max.bytes", "50")).await;
    assert_eq!(value(&mut raw, TOPIC, "t", key).await, (Some("50".into()), 2));
    assert_eq!(produced(&mut raw, &[1_000]).await, ErrorCode::MESSAGE_TOO_LARGE);
    set(&mut raw, TOPIC, "t", (key, "80000")).await;
    assert_eq!(value(&mut raw, TOPIC, "t", key).await, (Some("80000".into()), 1));
    let levels = described(&mut raw, &describe(TOPIC, "t", &[key])).await;
    let levels: Vec<_> = levels.configs[0].synonyms.iter().map(|s| s.source).collect();
    assert_eq!(levels, [1, 2, 3, 4, 5]);
    assert_eq!(produced(&mut raw, &[1_000]).await, ErrorCode::NONE);
    running.kill().await;
    let running = on().start().await.unwrap();
    let mut raw = Raw::connect(&running).await;
    let back = alter(TOPIC, "t", &[(key, OPERATION_DELETE, None)]);
    assert_eq!(altered(&mut raw, &back).await.error_code, ErrorCode::NONE);
    assert_eq!(produced(&mut raw, &[1_000]).await, ErrorCode::MESSAGE_TOO_LARGE);
    let all = described(&mut raw, &describe(BROKER, "", &[])).await.configs;
    assert_eq!((all.len(), &*all[0].name, all[0].config_source), (1, "message.max.bytes", Some(3)));
}

#[tokio::test(start_paused = true)]
async fn lists_take_and_lose_items_and_a_replacement_drops_the_rest() {
    let cluster = cluster().topic("t", 1).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    let key = "cleanup.policy";
    for (operation, items, expected) in [
        (OPERATION_APPEND, "compact", "delete,compact"),
        (OPERATION_APPEND, "compact", "delete,compact"),
        (OPERATION_SUBTRACT, "delete", "compact"),
        (OPERATION_SUBTRACT, "compact", ""),
        (OPERATION_APPEND, "compact,delete", "compact,delete"),
    ] {
        let request = alter(TOPIC, "t", &[(key, operation, Some(items))]);
        assert_eq!(altered(&mut raw, &request).await.error_code, ErrorCode::NONE);
        assert_eq!(value(&mut raw, TOPIC, "t", key).await, (Some(expected.into()), 1));
    }
    let replace = alter_configs::AlterConfigsRequest {
        resources: vec![alter_configs::AlterConfigsResource {
            resource_type: TOPIC,
            resource_name: "t".into(),
            configs: vec![alter_configs::AlterableConfig {
                name: "segment.ms".into(),
                value: Some("7".into()),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    for version in 0..=2 {
        let answer = raw.call(&replace, version).await.responses.remove(0);
        assert_eq!(answer.error_code, ErrorCode::NONE, "version {version}");
        assert_eq!(value(&mut raw, TOPIC, "t", key).await, (Some("delete".into()), 5));
        assert_eq!(value(&mut raw, TOPIC, "t", "segment.ms").await, (Some("7".into()), 1));
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_set_says_why_and_changes_nothing() {
    let cluster = cluster().topic("t", 1).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    let (set, good) = (OPERATION_SET, ("segment.ms", OPERATION_SET, Some("7")));
    let (config, request) = (ErrorCode::INVALID_CONFIG, ErrorCode::INVALID_REQUEST);
    for (kind, name, edits, code, said) in [
        (TOPIC, "u", vec![good], ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "does not exist"),
        (TOPIC, "a b", vec![good], ErrorCode::INVALID_TOPIC_EXCEPTION, "topic name"),
        (TOPIC, "t", vec![good, ("segment.m", set, Some("7"))], config, "mean segment.ms?"),
        (TOPIC, "t", vec![good, ("retention.ms", set, Some("-5"))], config, "-1"),
        (TOPIC, "t", vec![good, ("preallocate", set, Some("true"))], config, "does not act on it"),
        (TOPIC, "t", vec![("ottla.durability", set, Some("fsync"))], config, "one of os, commit"),
        (TOPIC, "t", vec![("flush.messages", set, Some("0"))], config, "from 1 to"),
        (TOPIC, "t", vec![good, ("retention.ms", OPERATION_APPEND, Some("1"))], config, "LIST"),
        (TOPIC, "t", vec![good, good], request, "duplicate"),
        (TOPIC, "t", vec![("segment.ms", set, None)], request, "Null"),
        (TOPIC, "t", vec![("segment.ms", 9, Some("7"))], request, "operation type 9"),
        (BROKER, "7", vec![("log.roll.ms", set, Some("7"))], request, "no broker"),
        (BROKER, "x", vec![("log.roll.ms", set, Some("7"))], request, "no broker"),
        (BROKER, "01", vec![("log.roll.ms", set, Some("7"))], request, "no broker"),
        (BROKER, "+1", vec![("log.roll.ms", set, Some("7"))], request, "no broker"),
        (BROKER, "1", vec![("log.roll.ms", set, Some("0"))], request, "from 1 to"),
        (BROKER, "", vec![("max.connections", set, Some("0"))], request, "from 1 to"),
        (BROKER, "", vec![("max.connections.per.ip", set, Some("0"))], request, "from 1 to"),
        (BROKER, "1", vec![("log.retention.hours", set, Some("3"))], request, "dynamically"),
        (BROKER, "1", vec![("num.io.threads", set, Some("3"))], request, "not supported"),
        (BROKER, "1", vec![("log.rol.ms", set, Some("3"))], request, "mean log.roll.ms?"),
        (32, "g", vec![good], request, "type 32"),
    ] {
        let answer = altered(&mut raw, &alter(kind, name, &edits)).await;
        let message = answer.error_message.unwrap_or_default();
        assert_eq!(answer.error_code, code, "{edits:?}: {message}");
        assert!(message.contains(said), "{edits:?}: {message}");
    }
    let mut twice = alter(TOPIC, "t", &[good]);
    twice.resources.push(twice.resources[0].clone());
    let answers = raw.call(&twice, 1).await.responses;
    assert!(answers.iter().all(|answer| answer.error_code == request) && answers.len() == 2);
    let trial =
        IncrementalAlterConfigsRequest { validate_only: true, ..alter(TOPIC, "t", &[good]) };
    assert_eq!(altered(&mut raw, &trial).await.error_code, ErrorCode::NONE);
    assert_eq!(value(&mut raw, TOPIC, "t", "segment.ms").await.1, 5);
}

#[tokio::test(start_paused = true)]
async fn what_all_brokers_are_set_to_says_what_it_does_as_each_of_them_does() {
    let cluster = cluster().start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    for (name, said) in [("min.insync.replicas", "stores it"), ("log.roll.ms", "acts on it")] {
        set(&mut raw, BROKER, "", (name, "7000")).await;
        for broker in ["", "1"] {
            let mut request = describe(BROKER, broker, &[name]);
            request.include_documentation = true;
            let config = described(&mut raw, &request).await.configs.remove(0);
            let said_of_it = config.documentation.unwrap();
            assert!(said_of_it.contains(said), "{broker:?} of {name}: {said_of_it}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_setting_of_kafka_and_our_own_is_shown_and_says_what_it_does() {
    let cluster = cluster().topic("t", 1).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    for (kind, name, count, key, default, read_only, said) in [
        (TOPIC, "t", 38, "preallocate", "false", true, "does not act on it"),
        (TOPIC, "t", 38, "segment.ms", "604800000", false, "acts on it"),
        (TOPIC, "t", 38, "min.insync.replicas", "1", false, "stores it"),
        (TOPIC, "t", 38, "ottla.durability", "os", false, "acts on it"),
        (BROKER, "1", 351, "num.io.threads", "8", true, "does not act on it"),
        (BROKER, "1", 351, "auto.create.topics.enable", "true", true, "acts on it"),
        (BROKER, "1", 351, "advertised.listeners", "PLAINTEXT://node:9092", true, "acts on it"),
        (BROKER, "1", 351, "log.roll.ms", "", false, "acts on it"),
    ] {
        let mut request = describe(kind, name, &[]);
        request.include_documentation = true;
        let all = described(&mut raw, &request).await.configs;
        assert_eq!(all.len(), count, "{name}");
        let config = all.iter().find(|config| &*config.name == key).unwrap();
        assert_eq!(config.value.as_deref().unwrap_or_default(), default, "{key}");
        assert_eq!(config.read_only, read_only, "{key}");
        assert!(config.documentation.as_ref().unwrap().contains(said), "{key}");
    }
    let mut request = ListConfigResourcesRequest::default();
    assert_eq!(raw.call(&request, 0).await.config_resources, []);
    let all = raw.call(&request, 1).await.config_resources;
    let all: Vec<_> = all.iter().map(|r| (r.resource_type, &*r.resource_name)).collect();
    assert_eq!(all, [(TOPIC, "t"), (BROKER, "1"), (8, "1")]);
    request.resource_types = vec![BROKER];
    assert_eq!(raw.call(&request, 1).await.config_resources.len(), 1);
    request.resource_types = vec![TOPIC, 3];
    assert_eq!(raw.call(&request, 1).await.error_code, ErrorCode::UNSUPPORTED_VERSION);
}
