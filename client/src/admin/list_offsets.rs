//! Where logs start and end, and which offset a time has, as their leaders say.

use core::time::Duration;
use std::collections::BTreeMap;

use ottla_protocol::ids::{LeaderEpoch, Offset, Timestamp};
use ottla_protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopic, TIMESTAMP_EARLIEST, TIMESTAMP_EARLIEST_LOCAL,
    TIMESTAMP_EARLIEST_PENDING_UPLOAD, TIMESTAMP_LATEST, TIMESTAMP_LATEST_TIERED, TIMESTAMP_MAX,
};
use ottla_protocol::{Message, Str};

use super::error::AdminError;
use super::leaders::{Group, PartitionItem, by_leader, partition_name};
use super::partitions::merge;
use super::retry::{Refusal, Reply};
use super::{Admin, millis};
use crate::consumer::{Isolation, TopicPartition};
use crate::net::connection::Connection;

/// The first version of ListOffsets that has isolation levels.
const ISOLATION_SINCE: i16 = 2;

/// Which offset of a partition is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum OffsetSpec {
    /// The first that it still has.
    Earliest,
    /// Behind the last record: the high watermark, or with [`Isolation::ReadCommitted`] where the
    /// first open transaction starts.
    Latest,
    /// Of the record with the largest timestamp, the first of several (KIP-734).
    MaxTimestamp,
    /// Of the first record whose timestamp is not before this one, in milliseconds since 1970.
    /// Times before 1970 mean 1970.
    Timestamp(Timestamp),
    /// The first on the broker's own disk (KIP-405).
    EarliestLocal,
    /// The last in tiered storage (KIP-1005).
    LatestTiered,
    /// The first that is not yet in tiered storage (KIP-1023).
    EarliestPendingUpload,
}

impl OffsetSpec {
    /// What stands for it on the wire, and since which version.
    fn wire(self) -> (i64, i16) {
        match self {
            Self::Earliest => (TIMESTAMP_EARLIEST, 1),
            Self::Latest => (TIMESTAMP_LATEST, 1),
            Self::Timestamp(time) => (time.0.max(0), 1),
            Self::MaxTimestamp => (TIMESTAMP_MAX, 7),
            Self::EarliestLocal => (TIMESTAMP_EARLIEST_LOCAL, 8),
            Self::LatestTiered => (TIMESTAMP_LATEST_TIERED, 9),
            Self::EarliestPendingUpload => (TIMESTAMP_EARLIEST_PENDING_UPLOAD, 11),
        }
    }
}

/// An offset found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ListedOffset {
    /// The offset.
    pub offset: Offset,
    /// The timestamp of the record there, in milliseconds since 1970; `None` where no record was
    /// looked for: at the ends of the log.
    pub timestamp: Option<Timestamp>,
    /// The epoch of the leader that appended it, if the broker knows.
    pub leader_epoch: Option<LeaderEpoch>,
}

impl Admin {
    /// Offsets of partitions; gives the result of each, in the same order: `None` if there is no
    /// such record or offset. A partition may be asked about several times. Kafka's tools take
    /// [`Isolation::ReadUncommitted`] unless told otherwise.
    ///
    /// A leader that is too old for an [`OffsetSpec`] is an error for those items only. What is
    /// retriable is asked again; but a topic or partition that the cluster does not name is
    /// `UNKNOWN_TOPIC_OR_PARTITION` at once, where Java's client waits for it. A leader is asked
    /// about a partition once in a request, so many questions about one partition take as many, one
    /// after another. Cancel safe.
    pub async fn list_offsets<P: Into<TopicPartition>>(
        &self,
        isolation: Isolation,
        items: impl IntoIterator<Item = (P, OffsetSpec)>,
    ) -> Vec<Result<Option<ListedOffset>, AdminError>> {
        let items: Vec<_> = items.into_iter().map(|(p, spec)| (p.into(), spec)).collect();
        let groups = groups(&items);
        let items = items.into_iter().zip(groups).map(|((partition, spec), group)| {
            let (topic, time) = (Str::from(&*partition.topic), spec.wire().0);
            PartitionItem { group, ..PartitionItem::new(topic, partition.partition, time) }
        });
        let ask = |connection: &Connection, items: Vec<PartitionItem<i64>>, timeout: Duration| {
            let since = items.iter().map(|item| item.group.0).max().unwrap_or(0);
            let isolated = if isolation.on_the_wire() == 0 { since } else { ISOLATION_SINCE };
            let versions = since.max(isolated)..=*ListOffsetsRequest::VERSIONS.end();
            let topics = items.into_iter().map(|item| {
                let (partition_index, timestamp) = (item.index, item.payload);
                let partition =
                    ListOffsetsPartition { partition_index, timestamp, ..Default::default() };
                let (name, partitions) = (item.topic, vec![partition]);
                ListOffsetsTopic { name, partitions, ..Default::default() }
            });
            let topics = merge(topics, |t| &t.name, |t, more| t.partitions.extend(more.partitions));
            let (isolation_level, timeout_ms) = (isolation.on_the_wire(), millis(timeout));
            connection.call_versioned(versions, timeout, move |_| ListOffsetsRequest {
                isolation_level,
                topics,
                timeout_ms,
                ..Default::default()
            })
        };
        let read = |response: ListOffsetsResponse| {
            let mut replies = Vec::new();
            for topic in response.topics {
                for p in topic.partitions {
                    let result = Refusal::check(p.error_code, None).map(|()| found(&p));
                    let name = partition_name(&topic.name, p.partition_index);
                    replies.push(Reply { name, result });
                }
            }
            replies
        };
        by_leader::<_, ListOffsetsRequest, _>(self, items.collect(), ask, read).await
    }
}

/// Which items go into one request: those of one version, each partition once.
fn groups(items: &[(TopicPartition, OffsetSpec)]) -> Vec<Group> {
    let mut seen = BTreeMap::<(i16, &TopicPartition), usize>::new();
    let group = items.iter().map(|(partition, spec)| {
        let since = spec.wire().1;
        let times = seen.entry((since, partition)).or_default();
        *times += 1;
        (since, *times)
    });
    group.collect()
}

fn found(answer: &ListOffsetsPartitionResponse) -> Option<ListedOffset> {
    Some(ListedOffset {
        offset: answer.offset?,
        timestamp: answer.timestamp,
        leader_epoch: answer.leader_epoch,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_request_asks_about_a_partition_twice_or_more_than_its_version_can() {
        let (a, b) = (TopicPartition::new("t", 0), TopicPartition::new("t", 1));
        let items = [
            (a.clone(), OffsetSpec::Earliest),
            (a.clone(), OffsetSpec::Latest),
            (b.clone(), OffsetSpec::Timestamp(Timestamp(5))),
            (b, OffsetSpec::MaxTimestamp),
            (a, OffsetSpec::Earliest),
        ];
        assert_eq!(groups(&items), [(1, 1), (1, 2), (1, 1), (7, 1), (1, 3)]);
    }
}
