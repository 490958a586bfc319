//! ElectLeaders (43): lets another replica lead (KIP-183).
//!
//! v1: elections that may lose records, and a top-level error (KIP-460). v2 is flexible.

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::PartitionIndex;
use crate::schema::messages;

/// `election_type`: the first replica in the list shall lead, if it is in sync.
pub const ELECTION_PREFERRED: i8 = 0;
/// `election_type`: where no replica is in sync, the first that is alive shall lead; records may be
/// lost.
pub const ELECTION_UNCLEAN: i8 = 1;

messages! {
    /// Asks the controller for elections. `ElectLeadersRequest.json`.
    struct ElectLeadersRequest(ELECT_LEADERS -> ElectLeadersResponse, 0..=2, flexible 2..) {
        /// Which election: one of the `ELECTION_` constants.
        election_type: i8 = 1..;
        /// Of which partitions; `None`: of all.
        topic_partitions: Option<Vec<TopicPartitions>> = 0..;
        /// How long the controller may take, in milliseconds.
        timeout_ms: i32 = 0.., or 60_000;
    }

    /// Partitions of a topic.
    struct TopicPartitions {
        /// The topic's name.
        topic: Str = 0..;
        /// Which partitions.
        partitions: Vec<PartitionIndex> = 0..;
    }

    /// How each election went. `ElectLeadersResponse.json`.
    struct ElectLeadersResponse(0..=2, flexible 2..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Whether the request failed as a whole.
        error_code: ErrorCode = 1..;
        /// Each topic; if all were asked for, only those in which something was elected.
        replica_election_results: Vec<ReplicaElectionResult> = 0..;
    }

    /// The elections in one topic.
    struct ReplicaElectionResult {
        /// Its name.
        topic: Str = 0..;
        /// Each partition.
        partition_result: Vec<PartitionResult> = 0..;
    }

    /// The election in one partition.
    struct PartitionResult {
        /// Which partition.
        partition_id: PartitionIndex = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// Why, for people.
        error_message: Option<Str> = 0..;
    }
}
