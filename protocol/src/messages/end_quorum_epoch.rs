//! EndQuorumEpoch (54): the leader of a KRaft quorum resigns (KIP-595).
//!
//! v1 is flexible; directories, and where leaders listen (KIP-853).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{LeaderEpoch, NodeId, PartitionIndex, Uuid};
use crate::schema::messages;

messages! {
    /// Says that nobody leads any more. `EndQuorumEpochRequest.json`.
    struct EndQuorumEpochRequest(END_QUORUM_EPOCH -> EndQuorumEpochResponse, 0..=1, flexible 1..) {
        /// The cluster's id, to be checked if it is known.
        cluster_id: Option<Str> = 0..;
        /// Each topic; only `__cluster_metadata` has a quorum.
        topics: Vec<TopicData> = 0..;
        /// Where the leader that resigns listens.
        leader_endpoints: Vec<LeaderEndpoint> = 1.. ignorable;
    }

    /// A topic.
    struct TopicData {
        /// Its name.
        topic_name: Str = 0..;
        /// Each partition.
        partitions: Vec<PartitionData> = 0..;
    }

    /// Who leads one partition no more.
    struct PartitionData {
        /// Which partition.
        partition_index: PartitionIndex = 0..;
        /// The leader that resigns.
        leader_id: NodeId = 0..;
        /// Its epoch.
        leader_epoch: LeaderEpoch = 0..;
        /// Who should stand for election, the best first.
        preferred_successors: Vec<NodeId> = 0..=0 ignorable;
        /// The same, with directories.
        preferred_candidates: Vec<ReplicaInfo> = 1.. ignorable;
    }

    /// Somebody who should stand for election.
    struct ReplicaInfo {
        /// Its id.
        candidate_id: NodeId = 1..;
        /// Its directory.
        candidate_directory_id: Uuid = 1..;
    }

    /// Where the leader that resigns listens.
    struct LeaderEndpoint {
        /// The listener's name.
        name: Str = 1..;
        /// Its host.
        host: Str = 1..;
        /// Its port.
        port: u16 = 1..;
    }

    /// Whether the voter took note. `EndQuorumEpochResponse.json`.
    struct EndQuorumEpochResponse(0..=1, flexible 1..) {
        /// Whether the request failed as a whole.
        error_code: ErrorCode = 0..;
        /// Each topic.
        topics: Vec<EndedTopic> = 0..;
        /// Where the leaders named above listen.
        node_endpoints: Vec<NodeEndpoint> = 1.., tag 0;
    }

    /// The answer for one topic. Kafka calls it `TopicData`, as in the request.
    struct EndedTopic {
        /// Its name.
        topic_name: Str = 0..;
        /// Each partition.
        partitions: Vec<EndedPartition> = 0..;
    }

    /// The answer for one partition. Kafka calls it `PartitionData`, as in the request.
    struct EndedPartition {
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
