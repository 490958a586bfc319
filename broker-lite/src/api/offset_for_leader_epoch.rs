//! OffsetForLeaderEpoch: where the records of an epoch end, for clients that look for lost ones.

use std::sync::Arc;

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{LeaderEpoch, Offset};
use ottla_protocol::messages::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
    OffsetForLeaderPartition, OffsetForLeaderTopic, OffsetForLeaderTopicResult,
};

use super::{Context, Handler};
use crate::broker::Broker;
use crate::net::Close;
use crate::replica::manager::TopicReplicas;

impl Handler for OffsetForLeaderEpochRequest {
    fn names(&self, _: &Broker, topic: Option<&str>, partition: Option<i32>) -> bool {
        let has = |asked: &OffsetForLeaderTopic| {
            partition.is_none_or(|index| asked.partitions.iter().any(|p| p.partition.0 == index))
        };
        let mut topics = self.topics.iter();
        topics.any(|asked| topic.is_none_or(|topic| asked.topic == topic) && has(asked))
    }

    async fn handle(
        self,
        context: &Context,
    ) -> Result<Option<OffsetForLeaderEpochResponse>, Close> {
        let topics = self.topics.into_iter().map(|topic| {
            let replicas = context.broker.replicas.topic(&topic.topic);
            let partitions = topic.partitions.iter().map(|asked| {
                let fault = context.verdict.error_for(&topic.topic, Some(asked.partition.0));
                let found = fault.map_or_else(|| find(replicas.as_ref(), asked), Err);
                let (error_code, end) = match found {
                    Ok(end) => (ErrorCode::NONE, end),
                    Err(code) => (code, None),
                };
                EpochEndOffset {
                    error_code,
                    partition: asked.partition,
                    leader_epoch: end.map(|(epoch, _)| epoch),
                    end_offset: end.map(|(_, offset)| offset),
                    ..Default::default()
                }
            });
            let partitions = partitions.collect();
            OffsetForLeaderTopicResult { topic: topic.topic, partitions, ..Default::default() }
        });
        let topics = topics.collect();
        Ok(Some(OffsetForLeaderEpochResponse { topics, ..Default::default() }))
    }
}

/// `None` for an epoch that no leader here has heard of.
fn find(
    topic: Option<&Arc<TopicReplicas>>,
    asked: &OffsetForLeaderPartition,
) -> Result<Option<(LeaderEpoch, Offset)>, ErrorCode> {
    let topic = topic.ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
    let partition = topic.partition(asked.partition)?;
    partition.check_epoch(asked.current_leader_epoch)?;
    // a caller without records asks for the epoch -1
    Ok(Some(asked.leader_epoch)
        .filter(|epoch| epoch.0 >= 0)
        .and_then(|epoch| partition.end_offset_for(epoch)))
}
