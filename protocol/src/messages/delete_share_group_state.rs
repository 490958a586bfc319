//! DeleteShareGroupState (86): a group's coordinator has the share coordinator forget partitions
//! (KIP-932). Between brokers.

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{PartitionIndex, Uuid};
use crate::schema::messages;

messages! {
    /// Asks to forget state. `DeleteShareGroupStateRequest.json`.
    struct DeleteShareGroupStateRequest(
        DELETE_SHARE_GROUP_STATE -> DeleteShareGroupStateResponse, 0..=0, flexible 0..
    ) {
        /// The group (Kafka: `group.id`).
        group_id: Str = 0..;
        /// Each topic.
        topics: Vec<DeleteStateData> = 0..;
    }

    /// A topic.
    struct DeleteStateData {
        /// Its id.
        topic_id: Uuid = 0..;
        /// Each partition.
        partitions: Vec<PartitionData> = 0..;
    }

    /// A partition of the group.
    struct PartitionData {
        /// Which partition.
        partition: PartitionIndex = 0..;
    }

    /// What became of it. `DeleteShareGroupStateResponse.json`.
    struct DeleteShareGroupStateResponse(0..=0, flexible 0..) {
        /// Each topic.
        results: Vec<DeleteStateResult> = 0..;
    }

    /// The answer for one topic.
    struct DeleteStateResult {
        /// Its id.
        topic_id: Uuid = 0..;
        /// Each partition.
        partitions: Vec<PartitionResult> = 0..;
    }

    /// The answer for one partition.
    struct PartitionResult {
        /// Which partition.
        partition: PartitionIndex = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// What went wrong, in words.
        error_message: Option<Str> = 0..;
    }
}
