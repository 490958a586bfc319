//! Partitions: delete records, see producers. Both are asked of the leaders.

use core::time::Duration;
use std::collections::BTreeMap;

use ottla_protocol::Str;
use ottla_protocol::ids::{CoordinatorEpoch, Offset, ProducerId, RawOffset, Sequence, Timestamp};
use ottla_protocol::messages::delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsResponse, DeleteRecordsTopic,
    OFFSET_HIGH_WATERMARK,
};
use ottla_protocol::messages::describe_producers::{
    DescribeProducersRequest, DescribeProducersResponse, PartitionResponse, TopicRequest,
};

use super::error::AdminError;
use super::leaders::{PartitionItem, by_leader, partition_name};
use super::retry::{Refusal, Reply};
use super::{Admin, millis};
use crate::consumer::TopicPartition;
use crate::net::connection::Connection;

/// Up to where to delete the records of a partition.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use = "does nothing before `Admin::delete_records`"]
pub struct DeleteRecords {
    partition: TopicPartition,
    before: RawOffset,
}

impl DeleteRecords {
    /// Those before `offset`.
    pub fn before(partition: impl Into<TopicPartition>, offset: Offset) -> Self {
        Self { partition: partition.into(), before: offset.into() }
    }

    /// All that are there when the leader is asked: up to the high watermark. If an answer is lost,
    /// or the leader gave up waiting for replicas, it is asked again, and so may also delete what
    /// came in between: name an offset, as
    /// [`Consumer::end_offsets`](crate::Consumer::end_offsets) gives it, where that matters.
    pub fn all(partition: impl Into<TopicPartition>) -> Self {
        Self { partition: partition.into(), before: OFFSET_HIGH_WATERMARK }
    }
}

/// A producer that a partition knows.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ActiveProducer {
    /// Its id.
    pub id: ProducerId,
    /// Its epoch.
    pub epoch: i32,
    /// The sequence number of its last record, if it wrote one.
    pub last_sequence: Option<Sequence>,
    /// When it wrote last, in milliseconds since 1970.
    pub last_timestamp: Option<Timestamp>,
    /// The epoch of the coordinator that ended its last transaction; `None` if there was none.
    pub coordinator_epoch: Option<CoordinatorEpoch>,
    /// Where its open transaction starts; `None` if it has none.
    pub transaction_start: Option<Offset>,
}

impl Admin {
    /// Deletes the first records of partitions; gives for each, in the same order, the first offset
    /// that it still has (Kafka: low watermark).
    ///
    /// Retries as [`list_offsets`](Self::list_offsets) does: with an offset, twice is as once.
    /// `OFFSET_OUT_OF_RANGE`: the offset lies behind the high watermark. `POLICY_VIOLATION`: the
    /// topic is compacted only. Cancel safe: what was asked may be done all the same.
    pub async fn delete_records(
        &self,
        items: impl IntoIterator<Item = DeleteRecords>,
    ) -> Vec<Result<Offset, AdminError>> {
        let items = items.into_iter().map(|DeleteRecords { partition, before }| {
            PartitionItem::new(Str::from(&*partition.topic), partition.partition, before)
        });
        let ask = |connection: &Connection,
                   items: Vec<PartitionItem<RawOffset>>,
                   timeout: Duration| {
            let topics = items.into_iter().map(|item| {
                let (partition_index, offset) = (item.index, item.payload);
                let partition =
                    DeleteRecordsPartition { partition_index, offset, ..Default::default() };
                let (name, partitions) = (item.topic, vec![partition]);
                DeleteRecordsTopic { name, partitions, ..Default::default() }
            });
            let timeout_ms = millis(timeout);
            let topics = merge(topics, |t| &t.name, |t, more| t.partitions.extend(more.partitions));
            let request = DeleteRecordsRequest { topics, timeout_ms, ..Default::default() };
            connection.call(request, timeout)
        };
        let read = |response: DeleteRecordsResponse| {
            let mut replies = Vec::new();
            for topic in response.topics {
                for p in topic.partitions {
                    let low = p.low_watermark.unwrap_or_default();
                    let result = Refusal::check(p.error_code, None).map(|()| low);
                    let name = partition_name(&topic.name, p.partition_index);
                    replies.push(Reply { name, result });
                }
            }
            replies
        };
        by_leader::<_, DeleteRecordsRequest, _>(self, items.collect(), ask, read).await
    }

    /// Which producers partitions know; gives the result of each, in the same order. Retries as
    /// [`list_offsets`](Self::list_offsets) does. Cancel safe.
    pub async fn describe_producers<P: Into<TopicPartition>>(
        &self,
        partitions: impl IntoIterator<Item = P>,
    ) -> Vec<Result<Vec<ActiveProducer>, AdminError>> {
        let items = partitions.into_iter().map(|partition| {
            let partition = partition.into();
            PartitionItem::new(Str::from(&*partition.topic), partition.partition, ())
        });
        let ask = |connection: &Connection, items: Vec<PartitionItem<()>>, timeout| {
            let topics = items.into_iter().map(|item| {
                let (name, partition_indexes) = (item.topic, vec![item.index]);
                TopicRequest { name, partition_indexes, ..Default::default() }
            });
            let add = |t: &mut TopicRequest, more: TopicRequest| {
                t.partition_indexes.extend(more.partition_indexes);
            };
            let topics = merge(topics, |t| &t.name, add);
            connection.call(DescribeProducersRequest { topics, ..Default::default() }, timeout)
        };
        let read = |response: DescribeProducersResponse| {
            let mut replies = Vec::new();
            for topic in response.topics {
                for partition in topic.partitions {
                    let PartitionResponse { partition_index, error_code, error_message, .. } =
                        partition;
                    let producers =
                        partition.active_producers.into_iter().map(|p| ActiveProducer {
                            id: p.producer_id,
                            epoch: p.producer_epoch,
                            last_sequence: p.last_sequence,
                            last_timestamp: p.last_timestamp,
                            coordinator_epoch: p.coordinator_epoch,
                            transaction_start: p.current_txn_start_offset,
                        });
                    let checked = Refusal::check(error_code, error_message);
                    let result = checked.map(|()| producers.collect());
                    replies
                        .push(Reply { name: partition_name(&topic.name, partition_index), result });
                }
            }
            replies
        };
        by_leader::<_, DescribeProducersRequest, _>(self, items.collect(), ask, read).await
    }
}

/// Puts together topics of the same name, in the order of their first.
pub(super) fn merge<T>(
    all: impl Iterator<Item = T>,
    name: impl Fn(&T) -> &Str,
    add: impl Fn(&mut T, T),
) -> Vec<T> {
    let mut merged: Vec<T> = Vec::new();
    let mut places = BTreeMap::<Str, usize>::new();
    for next in all {
        let place = *places.entry(name(&next).clone()).or_insert(merged.len());
        match merged.get_mut(place) {
            Some(earlier) => add(earlier, next),
            None => merged.push(next),
        }
    }
    merged
}
