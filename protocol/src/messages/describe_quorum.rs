//! DescribeQuorum (55): who leads the metadata log, and how far the others are (KIP-595).
//!
//! v1: when replicas fetched last (KIP-836). v2: directories, listeners and messages (KIP-853).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{LeaderEpoch, NodeId, Offset, PartitionIndex, Timestamp, Uuid};
use crate::schema::messages;

messages! {
    /// Asks for the quorum. `DescribeQuorumRequest.json`.
    struct DescribeQuorumRequest(DESCRIBE_QUORUM -> DescribeQuorumResponse, 0..=2, flexible 0..) {
        /// Each topic; only `__cluster_metadata` has a quorum.
        topics: Vec<TopicData> = 0..;
    }

    /// A topic asked about.
    struct TopicData {
        /// Its name.
        topic_name: Str = 0..;
        /// Each partition.
        partitions: Vec<PartitionData> = 0..;
    }

    /// A partition asked about.
    struct PartitionData {
        /// Which partition.
        partition_index: PartitionIndex = 0..;
    }

    /// The quorum. `DescribeQuorumResponse.json`.
    struct DescribeQuorumResponse(0..=2, flexible 0..) {
        /// Whether the request failed as a whole.
        error_code: ErrorCode = 0..;
        /// Why, for people.
        error_message: Option<Str> = 2.. ignorable;
        /// Each topic.
        topics: Vec<QuorumTopic> = 0..;
        /// The nodes that have a voice.
        nodes: Vec<Node> = 2..;
    }

    /// The quorums of one topic. Kafka calls it `TopicData`, as in the request.
    struct QuorumTopic {
        /// Its name.
        topic_name: Str = 0..;
        /// Each partition.
        partitions: Vec<QuorumPartition> = 0..;
    }

    /// The quorum of one partition. Kafka calls it `PartitionData`, as in the request.
    struct QuorumPartition {
        /// Which partition.
        partition_index: PartitionIndex = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// Why, for people.
        error_message: Option<Str> = 2.. ignorable;
        /// Who leads; `None` if it is not known.
        leader_id: Option<NodeId> = 0..;
        /// Since which epoch.
        leader_epoch: LeaderEpoch = 0..;
        /// What lies before this offset is settled.
        high_watermark: Option<Offset> = 0..;
        /// The replicas that have a voice.
        current_voters: Vec<ReplicaState> = 0..;
        /// The replicas that only follow.
        observers: Vec<ReplicaState> = 0..;
    }

    /// How far a replica is.
    struct ReplicaState {
        /// Its id.
        replica_id: NodeId = 0..;
        /// The directory it keeps the log in.
        replica_directory_id: Uuid = 2..;
        /// Where its log ends; `None` if it is not known.
        log_end_offset: Option<Offset> = 0..;
        /// When it fetched last; `None` for the leader, or if it is not known.
        last_fetch_timestamp: Option<Timestamp> = 1.. ignorable;
        /// When it last had all that the leader had; `None` if it is not known.
        last_caught_up_timestamp: Option<Timestamp> = 1.. ignorable;
    }

    /// A node that has a voice.
    struct Node {
        /// Its id.
        node_id: NodeId = 2..;
        /// Where it listens.
        listeners: Vec<Listener> = 2..;
    }

    /// Where a node listens.
    struct Listener {
        /// The listener's name.
        name: Str = 2..;
        /// Its host.
        host: Str = 2..;
        /// Its port.
        port: u16 = 2..;
    }
}
