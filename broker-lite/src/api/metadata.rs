//! Metadata: brokers, topics, partitions and who leads them. Makes topics that are asked for by
//! name and do not exist, as Kafka does.

use ottla_protocol::Str;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{NodeId, PartitionIndex, Uuid};
use ottla_protocol::messages::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseBroker,
    MetadataResponsePartition, MetadataResponseTopic,
};
use ottla_protocol::topic::check_name;

use super::{CLUSTER_OPERATIONS, Context, Handler, TOPIC_OPERATIONS, once};
use crate::broker::Broker;
use crate::controller::image::{Image, Topic};
use crate::controller::ledger::{CreateTopics, NewTopic, Reply, Request};
use crate::controller::names;
use crate::net::Close;

/// From here on topics may be asked for by id.
const BY_ID: i16 = 12;
/// In this version an empty list asks for all topics; later `None` does.
const EMPTY_IS_ALL: i16 = 0;
/// Before this a topic without a leader was told apart from one whose listener is unknown.
const ALLOWS_AUTO_CREATION: i16 = 4;

impl Handler for MetadataRequest {
    fn names(&self, broker: &Broker, topic: Option<&str>, partition: Option<i32>) -> bool {
        let image = broker.controller.image();
        let Some(topics) = &self.topics else { return partition.is_none() };
        let named = |asked: &MetadataRequestTopic| match &asked.name {
            Some(name) => topic.is_none_or(|topic| *name == topic),
            None => {
                image.topic_by_id(asked.topic_id).is_some_and(|t| topic.is_none_or(|n| t.name == n))
            }
        };
        partition.is_none() && topics.iter().any(named)
    }

    async fn handle(self, context: &Context) -> Result<Option<MetadataResponse>, Close> {
        let broker = &context.broker;
        let image = broker.controller.image();
        let all = match &self.topics {
            None => true,
            Some(topics) => topics.is_empty() && context.version == EMPTY_IS_ALL,
        };
        let mut topics: Vec<MetadataResponseTopic> = if all {
            image.topics().map(|topic| describe(context, topic)).collect()
        } else {
            let asked = self.topics.unwrap_or_default();
            let create = context.version < ALLOWS_AUTO_CREATION || self.allow_auto_topic_creation;
            if create && broker.config.auto_create_topics {
                auto_create(broker, &image, &asked).await;
            }
            let asked = once(asked, |topic| (topic.name.clone(), topic.topic_id));
            asked.into_iter().map(|topic| answer(context, &image, topic)).collect()
        };
        // as Kafka does: who asked before they were made hears of topics on its next attempt
        let brokers = image.live_brokers().map(|broker| MetadataResponseBroker {
            node_id: broker.id,
            host: broker.host.clone(),
            port: broker.port.into(),
            rack: broker.rack.clone(),
            ..Default::default()
        });
        if self.include_topic_authorized_operations {
            for topic in topics.iter_mut().filter(|topic| topic.error_code == ErrorCode::NONE) {
                topic.topic_authorized_operations = Some(TOPIC_OPERATIONS);
            }
        }
        let mut response = MetadataResponse {
            brokers: brokers.collect(),
            cluster_id: Some(broker.cluster_id.clone()),
            controller_id: Some(broker.node),
            topics,
            ..Default::default()
        };
        if self.include_cluster_authorized_operations {
            response.cluster_authorized_operations = Some(CLUSTER_OPERATIONS);
        }
        Ok(Some(response))
    }
}

/// Makes the topics among `asked` that could exist and do not.
async fn auto_create(broker: &Broker, image: &Image, asked: &[MetadataRequestTopic]) {
    let absent = |topic: &&Str| image.topic(topic).is_none() && check_name(topic).is_ok();
    let mut absent: Vec<&Str> =
        asked.iter().filter_map(|topic| topic.name.as_ref()).filter(absent).collect();
    absent.sort_unstable();
    absent.dedup();
    if absent.is_empty() {
        return;
    }
    let topics = absent.into_iter().map(|name| NewTopic {
        name: name.clone(),
        id: broker.random_id(),
        ..Default::default()
    });
    let request = Request::CreateTopics(CreateTopics {
        topics: topics.collect(),
        validate_only: false,
        defaults: broker.config.topic_defaults(),
        lags: broker.compaction_lags(),
    });
    if let Reply::Created(results) = broker.controller.submit(request).await {
        for refused in results.iter().filter_map(|result| result.as_ref().err()) {
            tracing::debug!(%refused, "topic not made on demand");
        }
    }
}

fn answer(context: &Context, image: &Image, asked: MetadataRequestTopic) -> MetadataResponseTopic {
    let by_id = asked.name.is_none() || asked.topic_id != Uuid::ZERO;
    let found = match &asked.name {
        _ if by_id && context.version < BY_ID => {
            // KIP-516: not yet, and a topic without a name cannot be told either
            let name = Some(asked.name.clone().unwrap_or_default());
            return failed(MetadataRequestTopic { name, ..asked }, ErrorCode::INVALID_REQUEST);
        }
        _ if by_id => image.topic_by_id(asked.topic_id),
        Some(name) => image.topic(name),
        None => None,
    };
    match (found, &asked.name) {
        (Some(topic), _) => describe(context, topic),
        (None, _) if by_id => {
            let asked = MetadataRequestTopic { name: None, ..asked };
            failed(asked, ErrorCode::UNKNOWN_TOPIC_ID)
        }
        (None, Some(name)) if check_name(name).is_err() => {
            failed(asked, ErrorCode::INVALID_TOPIC_EXCEPTION)
        }
        (None, _) => failed(asked, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
    }
}

fn failed(asked: MetadataRequestTopic, code: ErrorCode) -> MetadataResponseTopic {
    MetadataResponseTopic {
        error_code: code,
        is_internal: asked.name.as_ref().is_some_and(|name| names::is_internal(name)),
        name: asked.name,
        topic_id: asked.topic_id,
        ..Default::default()
    }
}

fn describe(context: &Context, topic: &Topic) -> MetadataResponseTopic {
    let partitions = (0..).map(PartitionIndex).zip(&topic.partitions);
    let partitions = partitions.map(|(index, partition)| MetadataResponsePartition {
        error_code: match partition.leader {
            Some(_) => ErrorCode::NONE,
            None => ErrorCode::LEADER_NOT_AVAILABLE,
        },
        partition_index: index,
        leader_id: partition.leader,
        leader_epoch: Some(partition.leader_epoch),
        replica_nodes: partition.replicas.clone(),
        isr_nodes: partition.isr.clone(),
        offline_replicas: Vec::<NodeId>::new(),
        ..Default::default()
    });
    let mut described = MetadataResponseTopic {
        error_code: ErrorCode::NONE,
        name: Some(topic.name.clone()),
        topic_id: topic.id,
        is_internal: names::is_internal(&topic.name),
        partitions: partitions.collect(),
        ..Default::default()
    };
    if let Some(code) = context.verdict.error_for(&topic.name, None) {
        described.error_code = code;
        described.partitions.clear();
    }
    described
}
