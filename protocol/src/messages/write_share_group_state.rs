//! WriteShareGroupState (85): a partition's leader has the share coordinator keep how far a share
//! group is (KIP-932). Between brokers.
//!
//! v1: how many records are done (KIP-1226).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{LeaderEpoch, Offset, PartitionIndex, ShareStateEpoch, Uuid};
use crate::schema::messages;

messages! {
    /// Hands in state. `WriteShareGroupStateRequest.json`.
    struct WriteShareGroupStateRequest(
        WRITE_SHARE_GROUP_STATE -> WriteShareGroupStateResponse, 0..=1, flexible 0..
    ) {
        /// The group (Kafka: `group.id`).
        group_id: Str = 0..;
        /// Each topic.
        topics: Vec<WriteStateData> = 0..;
    }

    /// A topic.
    struct WriteStateData {
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
        /// The writing leader's epoch; an older one is fenced.
        leader_epoch: LeaderEpoch = 0..;
        /// The first record that is not done; `None`: unchanged.
        start_offset: Option<Offset> = 0..;
        /// How many records from there on are done already; `None`: not known.
        delivery_complete_count: Option<i32> = 1.. ignorable;
        /// The records that stand otherwise than before.
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

    /// What became of it. `WriteShareGroupStateResponse.json`.
    struct WriteShareGroupStateResponse(0..=1, flexible 0..) {
        /// Each topic.
        results: Vec<WriteStateResult> = 0..;
    }

    /// The answer for one topic.
    struct WriteStateResult {
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
