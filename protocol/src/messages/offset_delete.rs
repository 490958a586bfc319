//! OffsetDelete (47): a group's offsets in topics it does not read go (KIP-496).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::PartitionIndex;
use crate::schema::messages;

messages! {
    /// Asks to delete offsets. `OffsetDeleteRequest.json`.
    struct OffsetDeleteRequest(OFFSET_DELETE -> OffsetDeleteResponse, 0..=0) {
        /// The group (Kafka: `group.id`).
        group_id: Str = 0..;
        /// Each topic.
        topics: Vec<OffsetDeleteRequestTopic> = 0..;
    }

    /// A topic.
    struct OffsetDeleteRequestTopic {
        /// Its name.
        name: Str = 0..;
        /// Each partition.
        partitions: Vec<OffsetDeleteRequestPartition> = 0..;
    }

    /// A partition.
    struct OffsetDeleteRequestPartition {
        /// Which partition.
        partition_index: PartitionIndex = 0..;
    }

    /// What became of it. `OffsetDeleteResponse.json`.
    struct OffsetDeleteResponse(0..=0) {
        /// Whether the request failed as a whole.
        error_code: ErrorCode = 0..;
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0.. ignorable;
        /// Each topic.
        topics: Vec<OffsetDeleteResponseTopic> = 0..;
    }

    /// The answer for one topic.
    struct OffsetDeleteResponseTopic {
        /// Its name.
        name: Str = 0..;
        /// Each partition.
        partitions: Vec<OffsetDeleteResponsePartition> = 0..;
    }

    /// The answer for one partition.
    struct OffsetDeleteResponsePartition {
        /// Which partition.
        partition_index: PartitionIndex = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
    }
}
