//! One pass over the partitions of a Fetch.

use core::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{NodeId, Offset};
use ottla_protocol::messages::fetch::{
    AbortedTransaction, EpochEndOffset, FetchPartition, FetchRequest, FetchResponse, FetchTopic,
    FetchableTopicResponse, PartitionData,
};

use super::BY_ID;
use crate::api::Context;
use crate::log::log::ReadPlan;
use crate::log::txn_index::AbortedTxn;
use crate::replica::partition::{Partition, PartitionOffsets};

/// Of `isolation_level`.
const READ_COMMITTED: i8 = 1;

/// What a Fetch asks for, with the replicas found once.
pub(super) struct Plan {
    topics: Vec<Topic>,
    /// The partitions in the order of the request, those of a topic together.
    pub(super) partitions: Vec<Asked>,
    pub(super) max_wait_ms: i32,
    pub(super) bytes_min: usize,
    bytes_max: usize,
    committed_only: bool,
}

/// A topic of the request, and how many of the partitions are its.
struct Topic {
    response: FetchableTopicResponse,
    partitions: usize,
}

/// One partition that is asked for.
pub(super) struct Asked {
    request: FetchPartition,
    replica: Result<Arc<Partition>, ErrorCode>,
}

/// What one partition gives: `R` is where the records are.
pub(super) enum Outcome<R> {
    Failed(ErrorCode),
    Diverging(EpochEndOffset, PartitionOffsets),
    Records(R, PartitionOffsets),
}

/// Not read yet: bytes of the log, if there are any.
pub(super) type Found = Outcome<Option<ReadPlan>>;

/// Bytes of the reply buffer, and the aborted transactions that have records in them.
pub(super) type Read = Outcome<(Range<usize>, Vec<AbortedTxn>)>;

impl Found {
    /// How many bytes there are to be read.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Records(Some(plan), _) => plan.bytes as usize,
            _ => 0,
        }
    }

    /// Whether the client should hear of it at once.
    pub(super) const fn ends_wait(&self) -> bool {
        !matches!(self, Self::Records(..))
    }
}

impl Plan {
    pub(super) fn new(context: &Context, request: FetchRequest) -> Self {
        let size = |bytes: i32| usize::try_from(bytes).unwrap_or(0);
        let bytes_max = size(request.max_bytes).min(context.broker.config.fetch_bytes_max);
        // no partition has another replica yet: a follower is nobody's
        let state = request.replica_state.replica_id;
        let follower = request.replica_id.or(state).is_some_and(|NodeId(id)| id >= 0);
        let mut plan = Self {
            topics: Vec::with_capacity(request.topics.len()),
            partitions: Vec::new(),
            max_wait_ms: request.max_wait_ms,
            bytes_min: size(request.min_bytes).min(bytes_max),
            bytes_max,
            committed_only: request.isolation_level == READ_COMMITTED,
        };
        for topic in request.topics {
            plan.add(context, topic, follower);
        }
        plan
    }

    fn add(&mut self, context: &Context, topic: FetchTopic, follower: bool) {
        let replicas = &context.broker.replicas;
        let (found, code) = if context.version >= BY_ID {
            (replicas.topic_by_id(topic.topic_id), ErrorCode::UNKNOWN_TOPIC_ID)
        } else {
            (replicas.topic(&topic.topic), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
        };
        let name = found.as_ref().map_or(&topic.topic, |found| &found.name);
        let asked = topic.partitions.iter().map(|request| {
            let fault = context.verdict.error_for(name, Some(request.partition.0));
            let replica = match (&found, fault) {
                (_, Some(code)) => Err(code),
                (None, None) => Err(code),
                _ if follower => Err(ErrorCode::NOT_LEADER_OR_FOLLOWER),
                (Some(found), None) => found.partition(request.partition),
            };
            Asked { request: request.clone(), replica: replica.cloned() }
        });
        self.partitions.extend(asked);
        let response = FetchableTopicResponse {
            topic: topic.topic,
            topic_id: topic.topic_id,
            ..Default::default()
        };
        self.topics.push(Topic { response, partitions: topic.partitions.len() });
    }

    /// The replicas that are read.
    pub(super) fn replicas(&self) -> impl Iterator<Item = &Arc<Partition>> {
        self.partitions.iter().filter_map(|asked| asked.replica.as_ref().ok())
    }

    /// Finds what there is, in the order of the request. Only the first batch of all may exceed the
    /// limits.
    pub(super) fn find(&self) -> Vec<Found> {
        let mut bytes = 0;
        let find = |asked: &Asked| match &asked.replica {
            Ok(replica) => {
                let left = self.bytes_max.saturating_sub(bytes);
                let room = (left, bytes == 0);
                let found = asked.find(replica, room, self.committed_only);
                let found = found.unwrap_or_else(Found::Failed);
                bytes += found.bytes();
                found
            }
            Err(code) => Found::Failed(*code),
        };
        self.partitions.iter().map(find).collect()
    }

    /// Reads what was found.
    pub(super) fn read(&self, found: Vec<Found>, buffer: &mut BytesMut) -> Vec<Read> {
        let read = |(asked, found): (&Asked, Found)| match (found, &asked.replica) {
            (Found::Failed(code), _) | (_, &Err(code)) => Read::Failed(code),
            (Found::Diverging(diverging, offsets), _) => Read::Diverging(diverging, offsets),
            (Found::Records(plan, offsets), Ok(replica)) => {
                let start = buffer.len();
                match plan.as_ref().map_or(Ok(0), |plan| replica.read_plan(plan, buffer)) {
                    Ok(_) => {
                        let aborted = plan.map_or_else(Vec::new, |plan| plan.aborted);
                        Read::Records((start..buffer.len(), aborted), offsets)
                    }
                    Err(code) => Read::Failed(code),
                }
            }
        };
        self.partitions.iter().zip(found).map(read).collect()
    }

    /// Whether there is no more than what was found.
    pub(super) fn unchanged(&self, found: &[Found]) -> bool {
        self.partitions.iter().zip(found).all(|(asked, found)| match (&asked.replica, found) {
            (Ok(replica), Found::Records(_, then)) => {
                let now = replica.offsets();
                let same = |of: fn(&PartitionOffsets) -> Offset| of(&now) == of(then);
                same(|offsets| offsets.high_watermark)
                    && same(|offsets| offsets.last_stable)
                    && replica.check_epoch(None).is_ok()
            }
            _ => true,
        })
    }

    /// Puts the pieces of `bytes` in their places.
    pub(super) fn respond(self, read: Vec<Read>, bytes: &Bytes) -> FetchResponse {
        let mut rest = self.partitions.into_iter().zip(read);
        let responses = self.topics.into_iter().map(|topic| {
            let partitions = rest.by_ref().take(topic.partitions);
            let partitions = partitions.map(|(asked, read)| {
                let mut data = respond(read, bytes);
                data.partition_index = asked.request.partition;
                let committed = self.committed_only && data.error_code == ErrorCode::NONE;
                // none rather than null for a partition that is not here, as Kafka does
                if committed || asked.replica.is_err() {
                    data.aborted_transactions.get_or_insert_default();
                }
                data
            });
            FetchableTopicResponse { partitions: partitions.collect(), ..topic.response }
        });
        FetchResponse { responses: responses.collect(), ..Default::default() }
    }
}

impl Asked {
    fn find(
        &self,
        replica: &Partition,
        (left, first): (usize, bool),
        committed_only: bool,
    ) -> Result<Found, ErrorCode> {
        let request = &self.request;
        replica.check_epoch(request.current_leader_epoch)?;
        if let Some(diverging) = self.diverging(replica)? {
            return Ok(Found::Diverging(diverging, replica.offsets()));
        }
        let most = usize::try_from(request.partition_max_bytes).unwrap_or(0).min(left);
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        let (plan, offsets) = replica.plan(request.fetch_offset, most, first, committed_only)?;
        Ok(Found::Records(plan, offsets))
    }

    /// Where the asker's log and this one part, if they do (KIP-595).
    fn diverging(&self, replica: &Partition) -> Result<Option<EpochEndOffset>, ErrorCode> {
        let Some(epoch) = self.request.last_fetched_epoch else { return Ok(None) };
        let found = replica.end_offset_for(epoch).ok_or(ErrorCode::OFFSET_OUT_OF_RANGE)?;
        let (known, end) = found;
        let parts = known < epoch || end.get() < self.request.fetch_offset.0;
        Ok(parts.then(|| EpochEndOffset {
            epoch: Some(known),
            end_offset: Some(end),
            ..Default::default()
        }))
    }
}

fn respond(read: Read, bytes: &Bytes) -> PartitionData {
    let empty = PartitionData { records: Some(Bytes::new()), ..Default::default() };
    let with = |offsets: &PartitionOffsets| PartitionData {
        high_watermark: Some(offsets.high_watermark),
        last_stable_offset: Some(offsets.last_stable),
        log_start_offset: Some(offsets.log_start),
        ..empty.clone()
    };
    match read {
        Read::Failed(code) => PartitionData { error_code: code, ..empty },
        Read::Diverging(diverging_epoch, offsets) => {
            PartitionData { diverging_epoch, ..with(&offsets) }
        }
        Read::Records((range, aborted), offsets) => {
            let aborted = aborted.into_iter().map(|transaction| AbortedTransaction {
                producer_id: transaction.id,
                first_offset: Some(transaction.first),
                ..Default::default()
            });
            let aborted: Vec<_> = aborted.collect();
            PartitionData {
                records: Some(bytes.slice(range)),
                aborted_transactions: (!aborted.is_empty()).then_some(aborted),
                ..with(&offsets)
            }
        }
    }
}
