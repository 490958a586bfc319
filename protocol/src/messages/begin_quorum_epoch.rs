//! BeginQuorumEpoch (53): a node tells the voters of a KRaft quorum that it leads (KIP-595).
//!
//! v1 is flexible; directories, and where leaders listen (KIP-853).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{LeaderEpoch, NodeId, PartitionIndex, Uuid};
use crate::schema::messages;

messages! {
    /// Says who leads. `BeginQuorumEpochRequest.json`.
    struct BeginQuorumEpochRequest(
        BEGIN_QUORUM_EPOCH -> BeginQuorumEpochResponse, 0..=1, flexible 1..
    ) {
        /// The cluster's id, to be checked if it is known.
        cluster_id: Option<Str> = 0..;
        /// The voter that is told.
        voter_id: Option<NodeId> = 1.. ignorable;
        /// Each topic; only `__cluster_metadata` has a quorum.
        topics: Vec<TopicData> = 0..;
        /// Where the leader listens.
        leader_endpoints: Vec<LeaderEndpoint> = 1.. ignorable;
    }

    /// A topic.
    struct TopicData {
        /// Its name.
        topic_name: Str = 0..;
        /// Each partition.
        partitions: Vec<PartitionData> = 0..;
    }

    /// Who leads one partition.
    struct PartitionData {
        /// Which partition.
        partition_index: PartitionIndex = 0..;
        /// The directory of the voter that is told.
        voter_directory_id: Uuid = 1.. ignorable;
        /// The new leader.
        leader_id: NodeId = 0..;
        /// Its epoch.
        leader_epoch: LeaderEpoch = 0..;
    }

    /// Where the leader listens.
    struct LeaderEndpoint {
        /// The listener's name.
        name: Str = 1..;
        /// Its host.
        host: Str = 1..;
        /// Its port.
        port: u16 = 1..;
    }

    /// Whether the voter follows. `BeginQuorumEpochResponse.json`.
    struct BeginQuorumEpochResponse(0..=1, flexible 1..) {
        /// Whether the request failed as a whole.
        error_code: ErrorCode = 0..;
        /// Each topic.
        topics: Vec<BegunTopic> = 0..;
        /// Where the leaders named above listen.
        node_endpoints: Vec<NodeEndpoint> = 1.., tag 0;
    }

    /// The answer for one topic. Kafka calls it `TopicData`, as in the request.
    struct BegunTopic {
        /// Its name.
        topic_name: Str = 0..;
        /// Each partition.
        partitions: Vec<BegunPartition> = 0..;
    }

    /// The answer for one partition. Kafka calls it `PartitionData`, as in the request.
    struct BegunPartition {
        /// Which partition.
        partition_index: PartitionIndex = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// Who leads as far as the voter knows; `None` if it does not.
        leader_id: Option<NodeId> = 0..;
        /// The newest epoch the voter knows.
        leader_epoch: LeaderEpoch = 0..;
    }

    /// Where a leader listens.
    struct NodeEndpoint {
        /// Its id.
        node_id: NodeId = 1..;
        /// Its host.
        host: Str = 1..;
        /// Its port.
        port: u16 = 1..;
    }
}
