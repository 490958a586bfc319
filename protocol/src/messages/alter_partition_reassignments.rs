//! AlterPartitionReassignments (45): puts the replicas of partitions on other brokers (KIP-455).
//!
//! v1: the number of replicas may be protected (KIP-860).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{NodeId, PartitionIndex};
use crate::schema::messages;

messages! {
    /// Asks the controller to move replicas. `AlterPartitionReassignmentsRequest.json`.
    struct AlterPartitionReassignmentsRequest(
        ALTER_PARTITION_REASSIGNMENTS -> AlterPartitionReassignmentsResponse, 0..=1, flexible 0..
    ) {
        /// How long the controller may take to begin, in milliseconds.
        timeout_ms: i32 = 0.., or 60_000;
        /// Whether a partition may get more or fewer replicas than it has.
        allow_replication_factor_change: bool = 1.., or true;
        /// Each topic.
        topics: Vec<ReassignableTopic> = 0..;
    }

    /// Where the replicas of one topic go.
    struct ReassignableTopic {
        /// Its name.
        name: Str = 0..;
        /// Each partition.
        partitions: Vec<ReassignablePartition> = 0..;
    }

    /// Where the replicas of one partition go.
    struct ReassignablePartition {
        /// Which partition.
        partition_index: PartitionIndex = 0..;
        /// The brokers, the preferred leader first; `None`: stay, and take back what has begun.
        replicas: Option<Vec<NodeId>> = 0..;
    }

    /// Whether the moves have begun. `AlterPartitionReassignmentsResponse.json`.
    struct AlterPartitionReassignmentsResponse(0..=1, flexible 0..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Whether a partition could get more or fewer replicas.
        allow_replication_factor_change: bool = 1.. ignorable, or true;
        /// Whether the request failed as a whole.
        error_code: ErrorCode = 0..;
        /// Why, for people.
        error_message: Option<Str> = 0..;
        /// Each topic.
        responses: Vec<ReassignableTopicResponse> = 0..;
    }

    /// The answer for one topic.
    struct ReassignableTopicResponse {
        /// Its name.
        name: Str = 0..;
        /// Each partition.
        partitions: Vec<ReassignablePartitionResponse> = 0..;
    }

    /// The answer for one partition.
    struct ReassignablePartitionResponse {
        /// Which partition.
        partition_index: PartitionIndex = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// Why, for people.
        error_message: Option<Str> = 0..;
    }
}
