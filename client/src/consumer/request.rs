//! Orders as wire requests, and the hints that come with replies.

use core::ops::RangeInclusive;
use core::time::Duration;

use ottla_protocol::ids::{LeaderEpoch, PartitionIndex, Uuid};
use ottla_protocol::messages::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic};
use ottla_protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic, TIMESTAMP_EARLIEST,
    TIMESTAMP_LATEST,
};
use ottla_protocol::messages::offset_for_leader_epoch::{
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use ottla_protocol::{Message, Str};

use super::inbox::{EpochsOrder, FetchOrder};
use super::subscription::End;
use crate::cluster::{LeaderHint, Node, TopicRef};

/// From this version on topics are named by their ids only.
const FETCH_BY_ID: i16 = 13;
/// The first version in which a leader says that its log is another.
const FETCH_DIVERGENCE: i16 = 12;
/// Versions in which consumers ask about epochs: before, only replicas were allowed to.
pub(super) const EPOCHS_VERSIONS: RangeInclusive<i16> =
    3..=*OffsetForLeaderEpochRequest::VERSIONS.end();

/// What stands for an end of the log in place of a timestamp.
pub(super) const fn timestamp(end: End) -> i64 {
    match end {
        End::Earliest => TIMESTAMP_EARLIEST,
        End::Latest => TIMESTAMP_LATEST,
    }
}

/// The versions in which `order` can be sent: those by topic id only if all ids are known.
pub(super) fn fetch_versions(order: &FetchOrder) -> RangeInclusive<i16> {
    let ours = FetchRequest::VERSIONS;
    match order.parts.iter().all(|part| part.topic_id.is_some()) {
        true => ours,
        false => *ours.start()..=FETCH_BY_ID - 1,
    }
}

/// The request that `order` asks for, in `version`, without a session (KIP-227).
pub(super) fn fetch(order: &FetchOrder, isolation_level: i8, version: i16) -> FetchRequest {
    let mut topics: Vec<FetchTopic> = Vec::new();
    for part in &order.parts {
        let partition = FetchPartition {
            partition: part.partition,
            current_leader_epoch: part.leader_epoch,
            fetch_offset: part.from.offset.into(),
            last_fetched_epoch: part.from.epoch.filter(|_| version >= FETCH_DIVERGENCE),
            partition_max_bytes: wire(part.bytes_max),
            ..FetchPartition::default()
        };
        // only neighbours share a topic, as the order of partitions counts
        match topics.last_mut() {
            Some(topic) if *topic.topic == *part.topic => topic.partitions.push(partition),
            _ => topics.push(FetchTopic {
                topic: Str::from(&*part.topic),
                topic_id: part.topic_id.unwrap_or(Uuid::ZERO),
                partitions: vec![partition],
                ..FetchTopic::default()
            }),
        }
    }
    FetchRequest {
        max_wait_ms: wire_ms(order.max_wait),
        min_bytes: wire(order.bytes_min),
        max_bytes: wire(order.bytes_max),
        isolation_level,
        topics,
        ..FetchRequest::default()
    }
}

/// A question for offsets by timestamps, or by what stands for an end of the log.
pub(super) fn list_offsets<'a>(
    parts: impl IntoIterator<Item = (&'a str, PartitionIndex, Option<LeaderEpoch>, i64)>,
    isolation_level: i8,
    timeout: Duration,
) -> ListOffsetsRequest {
    let mut topics: Vec<ListOffsetsTopic> = Vec::new();
    for (topic, partition_index, current_leader_epoch, timestamp) in parts {
        let partition = ListOffsetsPartition {
            partition_index,
            current_leader_epoch,
            timestamp,
            ..ListOffsetsPartition::default()
        };
        match topics.iter_mut().find(|t| *t.name == *topic) {
            Some(found) => found.partitions.push(partition),
            None => topics.push(ListOffsetsTopic {
                name: Str::from(topic),
                partitions: vec![partition],
                ..ListOffsetsTopic::default()
            }),
        }
    }
    ListOffsetsRequest {
        isolation_level,
        topics,
        timeout_ms: wire_ms(timeout),
        ..ListOffsetsRequest::default()
    }
}

/// The question for the ends of epochs that `order` asks for.
pub(super) fn offsets_for_epochs(order: &EpochsOrder) -> OffsetForLeaderEpochRequest {
    let mut topics: Vec<OffsetForLeaderTopic> = Vec::new();
    for part in &order.parts {
        let partition = OffsetForLeaderPartition {
            partition: part.partition,
            current_leader_epoch: Some(part.leader_epoch),
            leader_epoch: part.epoch,
            ..OffsetForLeaderPartition::default()
        };
        match topics.iter_mut().find(|t| *t.topic == *part.topic) {
            Some(found) => found.partitions.push(partition),
            None => topics.push(OffsetForLeaderTopic {
                topic: Str::from(&*part.topic),
                partitions: vec![partition],
                ..OffsetForLeaderTopic::default()
            }),
        }
    }
    OffsetForLeaderEpochRequest { replica_id: None, topics, ..Default::default() }
}

/// What a reply says about new leaders (KIP-951).
pub(super) fn hints(response: &FetchResponse) -> (Vec<LeaderHint>, Vec<Node>) {
    let mut hints = Vec::new();
    for topic in &response.responses {
        for data in &topic.partitions {
            let current = &data.current_leader;
            if let (Some(leader), Some(leader_epoch)) = (current.leader_id, current.leader_epoch) {
                let topic = match topic.topic_id {
                    Uuid::ZERO => TopicRef::Name(topic.topic.clone()),
                    id => TopicRef::Id(id),
                };
                let partition = data.partition_index;
                hints.push(LeaderHint { topic, partition, leader, leader_epoch });
            }
        }
    }
    let nodes = (response.node_endpoints.iter())
        .filter_map(|n| Node::new(n.node_id, n.host.clone(), n.port, n.rack.clone()));
    (hints, nodes.collect())
}

/// The wire has 32 bits for sizes.
fn wire(bytes: usize) -> i32 {
    i32::try_from(bytes).unwrap_or(i32::MAX)
}

fn wire_ms(wait: Duration) -> i32 {
    i32::try_from(wait.as_millis()).unwrap_or(i32::MAX)
}
