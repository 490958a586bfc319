//! ListPartitionReassignments (46): which partitions are on their way to other brokers (KIP-455).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{NodeId, PartitionIndex};
use crate::schema::messages;

messages! {
    /// Asks the controller what moves. `ListPartitionReassignmentsRequest.json`.
    struct ListPartitionReassignmentsRequest(
        LIST_PARTITION_REASSIGNMENTS -> ListPartitionReassignmentsResponse, 0..=0, flexible 0..
    ) {
        /// How long the controller may take, in milliseconds.
        timeout_ms: i32 = 0.., or 60_000;
        /// Each topic; `None`: all topics.
        topics: Option<Vec<ListPartitionReassignmentsTopics>> = 0.., or None;
    }

    /// A topic asked about.
    struct ListPartitionReassignmentsTopics {
        /// Its name.
        name: Str = 0..;
        /// Which partitions.
        partition_indexes: Vec<PartitionIndex> = 0..;
    }

    /// What moves. `ListPartitionReassignmentsResponse.json`.
    struct ListPartitionReassignmentsResponse(0..=0, flexible 0..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Whether the request failed as a whole.
        error_code: ErrorCode = 0..;
        /// Why, for people.
        error_message: Option<Str> = 0..;
        /// Each topic in which something moves.
        topics: Vec<OngoingTopicReassignment> = 0..;
    }

    /// What moves in one topic.
    struct OngoingTopicReassignment {
        /// Its name.
        name: Str = 0..;
        /// Each partition that moves.
        partitions: Vec<OngoingPartitionReassignment> = 0..;
    }

    /// How one partition moves.
    struct OngoingPartitionReassignment {
        /// Which partition.
        partition_index: PartitionIndex = 0..;
        /// All its replicas, coming and going ones too.
        replicas: Vec<NodeId> = 0..;
        /// Those that come.
        adding_replicas: Vec<NodeId> = 0..;
        /// Those that go.
        removing_replicas: Vec<NodeId> = 0..;
    }
}
