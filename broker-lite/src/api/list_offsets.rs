//! ListOffsets: the ends of a partition, or the offset for a time.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::Timestamp;
use ottla_protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopic, ListOffsetsTopicResponse, TIMESTAMP_EARLIEST, TIMESTAMP_EARLIEST_LOCAL,
    TIMESTAMP_EARLIEST_PENDING_UPLOAD, TIMESTAMP_LATEST, TIMESTAMP_LATEST_TIERED, TIMESTAMP_MAX,
};

use super::{Context, Handler, once};
use crate::broker::Broker;
use crate::net::Close;
use crate::replica::manager::TopicReplicas;
use crate::replica::partition::{FoundOffset, OffsetQuery};

/// Of `isolation_level`.
const READ_COMMITTED: i8 = 1;

/// From here on the reply names the leader epoch of the record.
const NAMES_EPOCH: i16 = 4;

impl Handler for ListOffsetsRequest {
    fn names(&self, _: &Broker, topic: Option<&str>, partition: Option<i32>) -> bool {
        let has = |asked: &ListOffsetsTopic| {
            partition
                .is_none_or(|index| asked.partitions.iter().any(|p| p.partition_index.0 == index))
        };
        let mut topics = self.topics.iter();
        topics.any(|asked| topic.is_none_or(|topic| asked.name == topic) && has(asked))
    }

    async fn handle(self, context: &Context) -> Result<Option<ListOffsetsResponse>, Close> {
        let mut asked: BTreeMap<_, usize> = BTreeMap::new();
        for topic in &self.topics {
            for partition in &topic.partitions {
                *asked.entry((topic.name.clone(), partition.partition_index)).or_default() += 1;
            }
        }
        let committed_only = self.isolation_level == READ_COMMITTED;
        let topics = self.topics.iter().map(|topic| {
            let replicas = context.broker.replicas.topic(&topic.name);
            let partitions = topic.partitions.iter().map(|partition| {
                let key = (topic.name.clone(), partition.partition_index);
                let fault = context.verdict.error_for(&topic.name, Some(key.1.0));
                let twice = asked.get(&key).is_some_and(|n| *n > 1);
                let twice = twice.then_some(ErrorCode::INVALID_REQUEST);
                let found = match fault.or(twice) {
                    Some(code) => Err(code),
                    None => find(context, replicas.as_ref(), partition, committed_only),
                };
                respond(context.version, partition, found)
            });
            ListOffsetsTopicResponse {
                name: topic.name.clone(),
                partitions: once(partitions, |partition| partition.partition_index),
                ..Default::default()
            }
        });
        Ok(Some(ListOffsetsResponse { topics: topics.collect(), ..Default::default() }))
    }
}

fn find(
    context: &Context,
    topic: Option<&Arc<TopicReplicas>>,
    asked: &ListOffsetsPartition,
    committed_only: bool,
) -> Result<FoundOffset, ErrorCode> {
    let topic = topic.ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
    let partition = topic.partition(asked.partition_index)?;
    partition.check_epoch(asked.current_leader_epoch)?;
    let (query, since) = match asked.timestamp {
        TIMESTAMP_LATEST => (OffsetQuery::Latest, 0),
        TIMESTAMP_EARLIEST => (OffsetQuery::Earliest, 0),
        TIMESTAMP_MAX => (OffsetQuery::MaxTimestamp, 7),
        TIMESTAMP_EARLIEST_LOCAL => (OffsetQuery::Earliest, 8), // all of a log is local
        TIMESTAMP_LATEST_TIERED => return none_since(context, 9),
        TIMESTAMP_EARLIEST_PENDING_UPLOAD => return none_since(context, 11),
        time if time >= 0 => (OffsetQuery::AtOrAfter(Timestamp(time)), 0),
        _ => return Err(ErrorCode::UNSUPPORTED_VERSION),
    };
    if context.version < since {
        return Err(ErrorCode::UNSUPPORTED_VERSION);
    }
    let codecs = &mut context.local.codecs.lock().unwrap_or_else(PoisonError::into_inner);
    partition.list_offset(query, committed_only, codecs)
}

/// Nothing is tiered.
fn none_since(context: &Context, version: i16) -> Result<FoundOffset, ErrorCode> {
    if context.version < version {
        return Err(ErrorCode::UNSUPPORTED_VERSION);
    }
    Ok(FoundOffset::default())
}

fn respond(
    version: i16,
    asked: &ListOffsetsPartition,
    found: Result<FoundOffset, ErrorCode>,
) -> ListOffsetsPartitionResponse {
    let (code, found) = match found {
        Ok(found) => (ErrorCode::NONE, found),
        Err(code) => (code, FoundOffset::default()),
    };
    ListOffsetsPartitionResponse {
        partition_index: asked.partition_index,
        error_code: code,
        timestamp: found.timestamp,
        offset: found.offset,
        leader_epoch: found.leader_epoch.filter(|_| version >= NAMES_EPOCH),
        ..Default::default()
    }
}
