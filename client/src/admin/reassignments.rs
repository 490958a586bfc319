//! Partitions on their way to other brokers (KIP-455).

use std::collections::BTreeMap;

use ottla_protocol::Str;
use ottla_protocol::ids::NodeId;
use ottla_protocol::messages::list_partition_reassignments::{
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
    ListPartitionReassignmentsTopics,
};

use super::error::AdminError;
use super::partitions::merge;
use super::retry::{Operation, Refusal, Reply, Whom};
use super::{Admin, millis, only};
use crate::consumer::TopicPartition;
use crate::net::connection::Connection;

/// What errors call the list.
const LIST: &str = "the list of reassignments";

/// How a partition moves.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct PartitionReassignment {
    /// All its replicas, coming and going ones too.
    pub replicas: Vec<NodeId>,
    /// Those that come.
    pub adding: Vec<NodeId>,
    /// Those that go.
    pub removing: Vec<NodeId>,
}

impl Admin {
    /// Which of these partitions are on their way to other brokers, and how. Those that stay, or
    /// that there are not, are left out. Cancel safe.
    ///
    /// # Errors
    ///
    /// If no broker answers in time, or the broker refuses.
    pub async fn list_partition_reassignments<P: Into<TopicPartition>>(
        &self,
        partitions: impl IntoIterator<Item = P>,
    ) -> Result<BTreeMap<TopicPartition, PartitionReassignment>, AdminError> {
        let topics = partitions.into_iter().map(|partition| {
            let partition = partition.into();
            ListPartitionReassignmentsTopics {
                name: Str::from(&*partition.topic),
                partition_indexes: vec![partition.partition],
                ..Default::default()
            }
        });
        let topics = merge(
            topics,
            |t| &t.name,
            |t, more| t.partition_indexes.extend(more.partition_indexes),
        );
        if topics.is_empty() {
            return Ok(BTreeMap::new()); // to brokers it would mean all
        }
        self.reassignments(Some(topics)).await
    }

    /// As [`list_partition_reassignments`](Self::list_partition_reassignments), of all partitions.
    ///
    /// # Errors
    ///
    /// If no broker answers in time, or the broker refuses.
    pub async fn list_all_partition_reassignments(
        &self,
    ) -> Result<BTreeMap<TopicPartition, PartitionReassignment>, AdminError> {
        self.reassignments(None).await
    }

    async fn reassignments(
        &self,
        topics: Option<Vec<ListPartitionReassignmentsTopics>>,
    ) -> Result<BTreeMap<TopicPartition, PartitionReassignment>, AdminError> {
        let operation =
            Operation { cluster: &self.cluster, whom: Whom::Controller, name: |()| LIST };
        let ask = |connection: &Connection, _, timeout| {
            let (topics, timeout_ms) = (topics.clone(), millis(timeout));
            let request =
                ListPartitionReassignmentsRequest { timeout_ms, topics, ..Default::default() };
            connection.call(request, timeout)
        };
        let read = |response: ListPartitionReassignmentsResponse| {
            let mut moving = BTreeMap::new();
            for topic in response.topics {
                for p in topic.partitions {
                    let partition = TopicPartition::new(&*topic.name, p.partition_index.0);
                    let reassignment = PartitionReassignment {
                        replicas: p.replicas,
                        adding: p.adding_replicas,
                        removing: p.removing_replicas,
                    };
                    moving.insert(partition, reassignment);
                }
            }
            let checked = Refusal::check(response.error_code, response.error_message);
            vec![Reply { name: Str::from_static(LIST), result: checked.map(|()| moving) }]
        };
        only(operation.run::<ListPartitionReassignmentsRequest, _>(vec![()], ask, read).await)
    }
}
