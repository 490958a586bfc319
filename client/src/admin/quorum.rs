//! The quorum that keeps the metadata log (KIP-595, KIP-836, KIP-853).

use ottla_protocol::Str;
use ottla_protocol::ids::{LeaderEpoch, NodeId, Offset, PartitionIndex, Timestamp, Uuid};
use ottla_protocol::messages::describe_quorum::{
    DescribeQuorumRequest, DescribeQuorumResponse, Node, PartitionData, QuorumPartition,
    ReplicaState, TopicData,
};

use super::error::AdminError;
use super::retry::{Operation, Refusal, Reply, Whom};
use super::{Admin, only};
use crate::net::connection::Connection;

/// The log that has a quorum. It has one partition.
const METADATA_TOPIC: &str = "__cluster_metadata";
/// What errors call it.
const QUORUM: &str = "the quorum";

/// Who keeps the metadata log, and how far each is.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct QuorumDescription {
    /// Who leads; `None` if it is not known.
    pub leader: Option<NodeId>,
    /// How many leaders there were before.
    pub leader_epoch: LeaderEpoch,
    /// What lies before this offset is settled; `None` if it is not known.
    pub high_watermark: Option<Offset>,
    /// The replicas that have a voice, by id.
    pub voters: Vec<QuorumReplica>,
    /// The replicas that only follow, as brokers do, by id.
    pub observers: Vec<QuorumReplica>,
    /// Where voters listen, by id; empty from brokers before Kafka 3.9.
    pub nodes: Vec<QuorumNode>,
}

/// How far a replica of the metadata log is.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct QuorumReplica {
    /// Its node.
    pub id: NodeId,
    /// The directory it keeps the log in; `None` from brokers before Kafka 3.9, or if the cluster
    /// does without.
    pub directory_id: Option<Uuid>,
    /// Where its log ends; `None` if it is not known.
    pub log_end_offset: Option<Offset>,
    /// When it fetched last, by the leader's clock; `None` from brokers before Kafka 3.3, or if it
    /// is not known.
    pub last_fetch: Option<Timestamp>,
    /// When it last had all that the leader had; `None` as for [`last_fetch`](Self::last_fetch).
    pub last_caught_up: Option<Timestamp>,
}

/// Where a node of the quorum listens.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct QuorumNode {
    /// The node.
    pub id: NodeId,
    /// Its listeners for the quorum.
    pub endpoints: Vec<QuorumEndpoint>,
}

/// A listener.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct QuorumEndpoint {
    /// Its name, as in `CONTROLLER`.
    pub listener: String,
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl Admin {
    /// Who keeps the metadata log, and how far each is. Cancel safe.
    ///
    /// # Errors
    ///
    /// If no broker answers in time, or the broker refuses: `CLUSTER_AUTHORIZATION_FAILED`.
    pub async fn describe_quorum(&self) -> Result<QuorumDescription, AdminError> {
        let operation = Operation { cluster: &self.cluster, whom: Whom::Any, name: |()| QUORUM };
        let ask = |connection: &Connection, _, timeout| {
            let partition =
                PartitionData { partition_index: PartitionIndex(0), ..Default::default() };
            let topic = TopicData {
                topic_name: Str::from_static(METADATA_TOPIC),
                partitions: vec![partition],
                ..Default::default()
            };
            let request = DescribeQuorumRequest { topics: vec![topic], ..Default::default() };
            connection.call(request, timeout)
        };
        let read = |response: DescribeQuorumResponse| {
            let DescribeQuorumResponse { error_code, error_message, topics, nodes, .. } = response;
            if let Err(refusal) = Refusal::check(error_code, error_message) {
                return vec![Reply { name: Str::from_static(QUORUM), result: Err(refusal) }];
            }
            let topic = topics.into_iter().find(|topic| topic.topic_name == METADATA_TOPIC);
            let partitions = topic.into_iter().flat_map(|topic| topic.partitions);
            let quorum = partitions.take(1).map(|partition| {
                let (code, message) = (partition.error_code, partition.error_message.clone());
                let checked = Refusal::check(code, message);
                let result = checked.map(|()| quorum(partition, nodes.clone()));
                Reply { name: Str::from_static(QUORUM), result }
            });
            quorum.collect()
        };
        only(operation.run::<DescribeQuorumRequest, _>(vec![()], ask, read).await)
    }
}

fn quorum(partition: QuorumPartition, nodes: Vec<Node>) -> QuorumDescription {
    let mut nodes: Vec<_> = nodes.into_iter().map(node).collect();
    nodes.sort_by_key(|node| node.id);
    QuorumDescription {
        leader: partition.leader_id,
        leader_epoch: partition.leader_epoch,
        high_watermark: partition.high_watermark,
        voters: replicas(partition.current_voters),
        observers: replicas(partition.observers),
        nodes,
    }
}

fn replicas(states: Vec<ReplicaState>) -> Vec<QuorumReplica> {
    let replicas = states.into_iter().map(|state| QuorumReplica {
        id: state.replica_id,
        directory_id: Some(state.replica_directory_id).filter(|&id| id != Uuid::ZERO),
        log_end_offset: state.log_end_offset,
        last_fetch: state.last_fetch_timestamp,
        last_caught_up: state.last_caught_up_timestamp,
    });
    let mut replicas: Vec<_> = replicas.collect();
    replicas.sort_by_key(|replica| replica.id);
    replicas
}

fn node(node: Node) -> QuorumNode {
    let endpoints = node.listeners.into_iter().map(|listener| QuorumEndpoint {
        listener: listener.name.to_string(),
        host: listener.host.to_string(),
        port: listener.port,
    });
    QuorumNode { id: node.node_id, endpoints: endpoints.collect() }
}
