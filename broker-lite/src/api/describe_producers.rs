//! DescribeProducers: who wrote to a partition, as far as the ledger of producers remembers.

use std::collections::BTreeSet;
use std::sync::Arc;

use ottla_protocol::Str;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::PartitionIndex;
use ottla_protocol::messages::describe_producers::{
    DescribeProducersRequest, DescribeProducersResponse, PartitionResponse, ProducerState,
    TopicRequest, TopicResponse,
};
use ottla_protocol::topic::check_name;

use super::{Context, Handler};
use crate::broker::Broker;
use crate::net::Close;
use crate::replica::manager::TopicReplicas;

impl Handler for DescribeProducersRequest {
    fn names(&self, _: &Broker, topic: Option<&str>, partition: Option<i32>) -> bool {
        let has = |asked: &TopicRequest| {
            partition.is_none_or(|index| asked.partition_indexes.contains(&PartitionIndex(index)))
        };
        let mut topics = self.topics.iter();
        topics.any(|asked| topic.is_none_or(|topic| asked.name == topic) && has(asked))
    }

    async fn handle(self, context: &Context) -> Result<Option<DescribeProducersResponse>, Close> {
        // who names a partition twice is told once: all its producers are many bytes
        let mut told = BTreeSet::new();
        let topics = self.topics.into_iter().map(|topic| {
            let replicas = context.broker.replicas.topic(&topic.name);
            let mut asked = topic.partition_indexes;
            asked.retain(|index| told.insert((topic.name.clone(), *index)));
            let partitions = asked.iter().map(|index| {
                let fault = context.verdict.error_for(&topic.name, Some(index.0));
                let found =
                    fault.map_or_else(|| describe(&topic.name, replicas.as_ref(), *index), Err);
                let error = found.as_ref().err().copied();
                PartitionResponse {
                    partition_index: *index,
                    error_code: error.unwrap_or(ErrorCode::NONE),
                    error_message: error.map(|code| Str::from_static(code.meaning())),
                    active_producers: found.unwrap_or_default(),
                    ..Default::default()
                }
            });
            let partitions = partitions.collect();
            TopicResponse { name: topic.name, partitions, ..Default::default() }
        });
        let topics = topics.collect();
        Ok(Some(DescribeProducersResponse { topics, ..Default::default() }))
    }
}

fn describe(
    name: &str,
    topic: Option<&Arc<TopicReplicas>>,
    index: PartitionIndex,
) -> Result<Vec<ProducerState>, ErrorCode> {
    if check_name(name).is_err() {
        return Err(ErrorCode::INVALID_TOPIC_EXCEPTION);
    }
    let partition = topic.ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?.partition(index)?;
    let producers = partition.producers()?;
    let producers = producers.into_iter().map(|producer| ProducerState {
        producer_id: producer.id,
        producer_epoch: producer.epoch.0.into(),
        last_sequence: producer.last_sequence,
        last_timestamp: producer.last_timestamp,
        coordinator_epoch: producer.coordinator_epoch,
        current_txn_start_offset: producer.open_since,
        ..Default::default()
    });
    Ok(producers.collect())
}
