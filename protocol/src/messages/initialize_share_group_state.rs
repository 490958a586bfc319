//! InitializeShareGroupState (83): a group's coordinator has the share coordinator begin to keep
//! the state of partitions (KIP-932). Between brokers.

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{Offset, PartitionIndex, ShareStateEpoch, Uuid};
use crate::schema::messages;

messages! {
    /// Asks to begin. `InitializeShareGroupStateRequest.json`.
    struct InitializeShareGroupStateRequest(
        INITIALIZE_SHARE_GROUP_STATE -> InitializeShareGroupStateResponse, 0..=0, flexible 0..
    ) {
        /// The group (Kafka: `group.id`).
        group_id: Str = 0..;
        /// Each topic.
        topics: Vec<InitializeStateData> = 0..;
    }

    /// A topic.
    struct InitializeStateData {
        /// Its id.
        topic_id: Uuid = 0..;
        /// Each partition.
        partitions: Vec<PartitionData> = 0..;
    }

    /// A partition of the group.
    struct PartitionData {
        /// Which partition.
        partition: PartitionIndex = 0..;
        /// Counts how often the state began; an older one is fenced.
        state_epoch: ShareStateEpoch = 0..;
        /// Where the group starts to read; `None`: the partition's leader finds out.
        start_offset: Option<Offset> = 0..;
    }

    /// What became of it. `InitializeShareGroupStateResponse.json`.
    struct InitializeShareGroupStateResponse(0..=0, flexible 0..) {
        /// Each topic.
        results: Vec<InitializeStateResult> = 0..;
    }

    /// The answer for one topic.
    struct InitializeStateResult {
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
