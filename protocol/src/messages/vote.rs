//! Vote (52): a node asks the voters of a KRaft quorum to elect it (KIP-595).
//!
//! v1: directories, and where leaders listen (KIP-853). v2: votes that only probe (KIP-996).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{LeaderEpoch, NodeId, Offset, PartitionIndex, Uuid};
use crate::schema::messages;

messages! {
    /// Asks for a vote. `VoteRequest.json`.
    struct VoteRequest(VOTE -> VoteResponse, 0..=2, flexible 0..) {
        /// The cluster's id, to be checked if it is known.
        cluster_id: Option<Str> = 0..;
        /// The voter that is asked.
        voter_id: Option<NodeId> = 1.. ignorable;
        /// Each topic; only `__cluster_metadata` has a quorum.
        topics: Vec<TopicData> = 0..;
    }

    /// A topic.
    struct TopicData {
        /// Its name.
        topic_name: Str = 0..;
        /// Each partition.
        partitions: Vec<PartitionData> = 0..;
    }

    /// What is asked for in one partition.
    struct PartitionData {
        /// Which partition.
        partition_index: PartitionIndex = 0..;
        /// The epoch of the node that asks; with a vote in earnest the one it wants to lead.
        replica_epoch: LeaderEpoch = 0..;
        /// The node that asks.
        replica_id: NodeId = 0..;
        /// Its directory.
        replica_directory_id: Uuid = 1.. ignorable;
        /// The directory of the voter that is asked.
        voter_directory_id: Uuid = 1.. ignorable;
        /// The epoch of the last record the asker has.
        last_offset_epoch: LeaderEpoch = 0..;
        /// Where its log ends.
        last_offset: Offset = 0..;
        /// Whether nothing is decided yet: would the voter vote so?
        pre_vote: bool = 2..;
    }

    /// A vote. `VoteResponse.json`.
    struct VoteResponse(0..=2, flexible 0..) {
        /// Whether the request failed as a whole.
        error_code: ErrorCode = 0..;
        /// Each topic.
        topics: Vec<VotedTopic> = 0..;
        /// Where the leaders named above listen.
        node_endpoints: Vec<NodeEndpoint> = 1.., tag 0;
    }

    /// The votes in one topic. Kafka calls it `TopicData`, as in the request.
    struct VotedTopic {
        /// Its name.
        topic_name: Str = 0..;
        /// Each partition.
        partitions: Vec<VotedPartition> = 0..;
    }

    /// The vote in one partition. Kafka calls it `PartitionData`, as in the request.
    struct VotedPartition {
        /// Which partition.
        partition_index: PartitionIndex = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// Who leads; `None` if it is not known.
        leader_id: Option<NodeId> = 0..;
        /// The newest epoch the voter knows.
        leader_epoch: LeaderEpoch = 0..;
        /// Whether it votes for the asker.
        vote_granted: bool = 0..;
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
