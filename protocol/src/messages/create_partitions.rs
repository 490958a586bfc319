//! CreatePartitions (37): more partitions for topics that exist (KIP-195).
//!
//! v2 is flexible. v3: may be throttled (KIP-599).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::NodeId;
use crate::schema::messages;

messages! {
    /// Asks the controller for more partitions. `CreatePartitionsRequest.json`.
    struct CreatePartitionsRequest(
        CREATE_PARTITIONS -> CreatePartitionsResponse, 0..=3, flexible 2..
    ) {
        /// Each topic; names must differ.
        topics: Vec<CreatePartitionsTopic> = 0..;
        /// How long the controller may take, in milliseconds.
        timeout_ms: i32 = 0..;
        /// Only check; create nothing.
        validate_only: bool = 0..;
    }

    /// A topic to enlarge.
    struct CreatePartitionsTopic {
        /// Its name.
        name: Str = 0..;
        /// How many partitions it shall have, the old ones included.
        count: i32 = 0..;
        /// Which brokers get the new partitions, in order; `None`: the controller chooses.
        assignments: Option<Vec<CreatePartitionsAssignment>> = 0..;
    }

    /// Which brokers get a new partition.
    struct CreatePartitionsAssignment {
        /// Its replicas, the preferred leader first.
        broker_ids: Vec<NodeId> = 0..;
    }

    /// How each enlargement went. `CreatePartitionsResponse.json`.
    struct CreatePartitionsResponse(0..=3, flexible 2..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Each topic.
        results: Vec<CreatePartitionsTopicResult> = 0..;
    }

    /// How the enlargement of one topic went.
    struct CreatePartitionsTopicResult {
        /// Its name.
        name: Str = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// Why, for people.
        error_message: Option<Str> = 0..;
    }
}
