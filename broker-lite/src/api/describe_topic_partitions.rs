//! DescribeTopicPartitions: topics in pages.

use std::collections::BTreeSet;

use ottla_protocol::Str;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::PartitionIndex;
use ottla_protocol::messages::describe_topic_partitions::{
    Cursor, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse,
    DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic, TopicRequest,
};
use ottla_protocol::topic::check_name;

use super::{Context, Handler, TOPIC_OPERATIONS};
use crate::broker::Broker;
use crate::controller::image::Topic;
use crate::controller::names;
use crate::net::Close;

/// The most partitions on a page (Kafka: `max.request.partition.size.limit`).
const PARTITIONS_MAX: i32 = 2_000;

impl Handler for DescribeTopicPartitionsRequest {
    fn names(&self, _: &Broker, topic: Option<&str>, partition: Option<i32>) -> bool {
        let named = |asked: &TopicRequest| topic.is_none_or(|topic| asked.name == topic);
        partition.is_none() && (self.topics.is_empty() || self.topics.iter().any(named))
    }

    async fn handle(
        self,
        context: &Context,
    ) -> Result<Option<DescribeTopicPartitionsResponse>, Close> {
        let image = context.broker.controller.image();
        let (from, from_partition) = match &self.cursor {
            Some(cursor) if !is_within(cursor, &self.topics) => return Ok(Some(refused(&self))),
            Some(cursor) => (cursor.topic_name.clone(), cursor.partition_index.0),
            None => (Str::new(), 0),
        };
        let all = self.topics.is_empty();
        let names: BTreeSet<Str> = if all {
            image.topics().map(|topic| topic.name.clone()).collect()
        } else {
            self.topics.into_iter().map(|topic| topic.name).collect()
        };
        let limit = self.response_partition_limit.clamp(1, PARTITIONS_MAX);
        let mut left = usize::try_from(limit).unwrap_or(1);
        let mut response = DescribeTopicPartitionsResponse::default();
        for name in names.range(from.clone()..) {
            if left == 0 {
                response.next_cursor = Some(cursor(name, 0));
                break;
            }
            let fault = context.verdict.error_for(name, None);
            let Some(topic) = image.topic(name).filter(|_| fault.is_none()) else {
                if !all || fault.is_some() {
                    response.topics.push(failed(name.clone(), fault));
                }
                continue;
            };
            let first = if *name == from { from_partition } else { 0 };
            let first = usize::try_from(first).unwrap_or(0);
            let described = describe(topic, first, left);
            left -= described.partitions.len();
            let next = first.saturating_add(described.partitions.len());
            response.topics.push(described);
            if next < topic.partitions.len() {
                response.next_cursor = Some(cursor(name, i32::try_from(next).unwrap_or(i32::MAX)));
                break;
            }
        }
        Ok(Some(response))
    }
}

/// Whether `cursor` names a place in the topics asked for; an empty list asks for all.
fn is_within(cursor: &Cursor, topics: &[TopicRequest]) -> bool {
    let named = topics.is_empty() || topics.iter().any(|topic| topic.name == cursor.topic_name);
    named && cursor.partition_index.0 >= 0
}

fn cursor(topic: &Str, partition: i32) -> Cursor {
    let partition_index = PartitionIndex(partition);
    Cursor { topic_name: topic.clone(), partition_index, ..Default::default() }
}

/// So many of the partitions from `first` on.
fn describe(topic: &Topic, first: usize, most: usize) -> DescribeTopicPartitionsResponseTopic {
    let partitions = (0..).map(PartitionIndex).zip(&topic.partitions).skip(first).take(most);
    let partitions =
        partitions.map(|(index, partition)| DescribeTopicPartitionsResponsePartition {
            error_code: match partition.leader {
                Some(_) => ErrorCode::NONE,
                None => ErrorCode::LEADER_NOT_AVAILABLE,
            },
            partition_index: index,
            leader_id: partition.leader,
            leader_epoch: Some(partition.leader_epoch),
            replica_nodes: partition.replicas.clone(),
            isr_nodes: partition.isr.clone(),
            // the only replica is always in sync
            eligible_leader_replicas: Some(Vec::new()),
            last_known_elr: Some(Vec::new()),
            offline_replicas: Vec::new(),
            ..Default::default()
        });
    DescribeTopicPartitionsResponseTopic {
        error_code: ErrorCode::NONE,
        name: Some(topic.name.clone()),
        topic_id: topic.id,
        is_internal: names::is_internal(&topic.name),
        partitions: partitions.collect(),
        topic_authorized_operations: Some(TOPIC_OPERATIONS),
        ..Default::default()
    }
}

fn failed(name: Str, fault: Option<ErrorCode>) -> DescribeTopicPartitionsResponseTopic {
    let error_code = fault.unwrap_or_else(|| match check_name(&name) {
        Ok(()) => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        Err(_) => ErrorCode::INVALID_TOPIC_EXCEPTION,
    });
    let is_internal = names::is_internal(&name);
    let name = Some(name);
    DescribeTopicPartitionsResponseTopic { error_code, name, is_internal, ..Default::default() }
}

/// There is no error for the request as a whole.
fn refused(request: &DescribeTopicPartitionsRequest) -> DescribeTopicPartitionsResponse {
    let topics = request.topics.iter();
    let topics = topics.map(|t| failed(t.name.clone(), Some(ErrorCode::INVALID_REQUEST)));
    DescribeTopicPartitionsResponse { topics: topics.collect(), ..Default::default() }
}
