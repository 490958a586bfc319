//! AlterShareGroupOffsets (91): moves where a share group without members reads on (KIP-932).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{PartitionIndex, RawOffset, Uuid};
use crate::schema::messages;

messages! {
    /// Asks to move a group. `AlterShareGroupOffsetsRequest.json`.
    struct AlterShareGroupOffsetsRequest(
        ALTER_SHARE_GROUP_OFFSETS -> AlterShareGroupOffsetsResponse, 0..=0, flexible 0..
    ) {
        /// The group (Kafka: `group.id`).
        group_id: Str = 0..;
        /// Each topic.
        topics: Vec<AlterShareGroupOffsetsRequestTopic> = 0..;
    }

    /// A topic.
    struct AlterShareGroupOffsetsRequestTopic {
        /// The topic's name.
        topic_name: Str = 0..;
        /// Each partition.
        partitions: Vec<AlterShareGroupOffsetsRequestPartition> = 0..;
    }

    /// A partition.
    struct AlterShareGroupOffsetsRequestPartition {
        /// Which partition.
        partition_index: PartitionIndex = 0..;
        /// The first record to read.
        start_offset: RawOffset = 0..;
    }

    /// What became of it. `AlterShareGroupOffsetsResponse.json`.
    struct AlterShareGroupOffsetsResponse(0..=0, flexible 0..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Whether the request failed as a whole.
        error_code: ErrorCode = 0..;
        /// What went wrong, in words.
        error_message: Option<Str> = 0..;
        /// Each topic.
        responses: Vec<AlterShareGroupOffsetsResponseTopic> = 0..;
    }

    /// The answer for one topic.
    struct AlterShareGroupOffsetsResponseTopic {
        /// The topic's name.
        topic_name: Str = 0..;
        /// Its id.
        topic_id: Uuid = 0..;
        /// Each partition.
        partitions: Vec<AlterShareGroupOffsetsResponsePartition> = 0..;
    }

    /// The answer for one partition.
    struct AlterShareGroupOffsetsResponsePartition {
        /// Which partition.
        partition_index: PartitionIndex = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// What went wrong, in words.
        error_message: Option<Str> = 0..;
    }
}
