//! ReadShareGroupState (84): a partition's leader reads from the share coordinator how far a share
//! group is (KIP-932). Between brokers.

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{LeaderEpoch, Offset, PartitionIndex, ShareStateEpoch, Uuid};
use crate::schema::messages;

messages! {
    /// Asks for state. `ReadShareGroupStateRequest.json`.
    struct ReadShareGroupStateRequest(
        READ_SHARE_GROUP_STATE -> ReadShareGroupStateResponse, 0..=0, flexible 0..
    ) {
        /// The group (Kafka: `group.id`).
        group_id: Str = 0..;
        /// Each topic.
        topics: Vec<ReadStateData> = 0..;
    }

    /// A topic.
    struct ReadStateData {
        /// Its id.
        topic_id: Uuid = 0..;
        /// Each partition.
        partitions: Vec<PartitionData> = 0..;
    }

    /// A partition of the group.
    struct PartitionData {
        /// Which partition.
        partition: PartitionIndex = 0..;
        /// The asking leader's epoch; an older one is fenced.
        leader_epoch: LeaderEpoch = 0..;
    }

    /// State. `ReadShareGroupStateResponse.json`.
    struct ReadShareGroupStateResponse(0..=0, flexible 0..) {
        /// Each topic.
        results: Vec<ReadStateResult> = 0..;
    }

    /// The answer for one topic.
    struct ReadStateResult {
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
        /// The first record that is not done; `None` if nobody knows yet.
        start_offset: Option<Offset> = 0..;
        /// How records from there on stand.
        state_batches: Vec<StateBatch> = 0..;
    }

    /// A run of records that stand alike.
    struct StateBatch {
        /// The first record.
        first_offset: Offset = 0..;
        /// The last record, included.
        last_offset: Offset = 0..;
        /// 0: to be handed out; 2: accepted; 4: given up.
        delivery_state: i8 = 0..;
        /// How often they have been handed out.
        delivery_count: i16 = 0..;
    }
}
