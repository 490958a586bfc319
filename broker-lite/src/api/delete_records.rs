//! DeleteRecords: what lies before an offset goes.

use std::sync::Arc;

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::Offset;
use ottla_protocol::messages::delete_records::{
    DeleteRecordsPartition, DeleteRecordsPartitionResult, DeleteRecordsRequest,
    DeleteRecordsResponse, DeleteRecordsTopic, DeleteRecordsTopicResult,
};

use super::{Context, Handler};
use crate::broker::Broker;
use crate::controller::names;
use crate::net::Close;
use crate::replica::manager::TopicReplicas;
use crate::replica::partition::Partition;

impl Handler for DeleteRecordsRequest {
    fn names(&self, _: &Broker, topic: Option<&str>, partition: Option<i32>) -> bool {
        let has = |asked: &DeleteRecordsTopic| {
            partition
                .is_none_or(|index| asked.partitions.iter().any(|p| p.partition_index.0 == index))
        };
        let mut topics = self.topics.iter();
        topics.any(|asked| topic.is_none_or(|topic| asked.name == topic) && has(asked))
    }

    // one node: once the leader has done it, every live replica has
    async fn handle(self, context: &Context) -> Result<Option<DeleteRecordsResponse>, Close> {
        let mut moved = Vec::new();
        let topics = self.topics.into_iter().map(|topic| {
            let replicas = context.broker.replicas.topic(&topic.name);
            let partitions = topic.partitions.iter().map(|asked| {
                let fault = context.verdict.error_for(&topic.name, Some(asked.partition_index.0));
                let deleted = match fault {
                    Some(code) => Err(code),
                    None => delete(&topic.name, replicas.as_ref(), asked, &mut moved),
                };
                DeleteRecordsPartitionResult {
                    partition_index: asked.partition_index,
                    low_watermark: deleted.ok(),
                    error_code: deleted.err().unwrap_or(ErrorCode::NONE),
                    ..Default::default()
                }
            });
            let partitions = partitions.collect();
            DeleteRecordsTopicResult { name: topic.name, partitions, ..Default::default() }
        });
        let mut topics: Vec<DeleteRecordsTopicResult> = topics.collect();
        if let Err(error) = context.broker.checkpoint_starts(&moved) {
            tracing::error!(%error, "cannot write down where logs start");
            for partition in topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
                if partition.low_watermark.take().is_some() {
                    partition.error_code = ErrorCode::KAFKA_STORAGE_ERROR;
                }
            }
        }
        Ok(Some(DeleteRecordsResponse { topics, ..Default::default() }))
    }
}

fn delete(
    name: &str,
    topic: Option<&Arc<TopicReplicas>>,
    asked: &DeleteRecordsPartition,
    moved: &mut Vec<Arc<Partition>>,
) -> Result<Offset, ErrorCode> {
    if names::is_internal(name) {
        return Err(ErrorCode::INVALID_TOPIC_EXCEPTION);
    }
    let topic = topic.ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
    let partition = topic.partition(asked.partition_index)?;
    let start = partition.delete_records(asked.offset)?;
    moved.push(Arc::clone(partition));
    Ok(start)
}
