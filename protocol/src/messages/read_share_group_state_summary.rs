//! ReadShareGroupStateSummary (87): a group's coordinator asks the share coordinator where
//! partitions start (KIP-932). Between brokers.
//!
//! v1: how many records are done (KIP-1226).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{LeaderEpoch, Offset, PartitionIndex, ShareStateEpoch, Uuid};
use crate::schema::messages;

messages! {
    /// Asks for state without its records. `ReadShareGroupStateSummaryRequest.json`.
    struct ReadShareGroupStateSummaryRequest(
        READ_SHARE_GROUP_STATE_SUMMARY -> ReadShareGroupStateSummaryResponse, 0..=1, flexible 0..
    ) {
        /// The group (Kafka: `group.id`).
        group_id: Str = 0..;
        /// Each topic.
        topics: Vec<ReadStateSummaryData> = 0..;
    }

    /// A topic.
    struct ReadStateSummaryData {
        /// Its id.
        topic_id: Uuid = 0..;
        /// Each partition.
        partitions: Vec<PartitionData> = 0..;
    }

    /// A partition of the group.
    struct PartitionData {
        /// Which partition.
        partition: PartitionIndex = 0..;
        /// The partition's leader epoch, as far as the asker knows it; an older one is fenced.
        leader_epoch: Option<LeaderEpoch> = 0..;
    }

    /// State without its records. `ReadShareGroupStateSummaryResponse.json`.
    struct ReadShareGroupStateSummaryResponse(0..=1, flexible 0..) {
        /// Each topic.
        results: Vec<ReadStateSummaryResult> = 0..;
    }

    /// The answer for one topic.
    struct ReadStateSummaryResult {
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
        /// Counts how often the state began.
        state_epoch: ShareStateEpoch = 0..;
        /// The epoch of the leader that wrote last.
        leader_epoch: Option<LeaderEpoch> = 0..;
        /// The first record that is not done; `None` if nobody knows yet.
        start_offset: Option<Offset> = 0..;
        /// How many records from there on are done already; `None`: not known.
        delivery_complete_count: Option<i32> = 1.. ignorable;
    }
}
