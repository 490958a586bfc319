//! OffsetForLeaderEpoch (23): where the records of a leader's epoch end (KIP-101, KIP-320).
//!
//! v2: the caller's epoch is checked. v3: who asks. v4 is flexible.

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{LeaderEpoch, NodeId, Offset, PartitionIndex};
use crate::schema::messages;

/// `replica_id` of a caller that is no replica, but may see what lies behind the high watermark.
pub const REPLICA_DEBUG: NodeId = NodeId(-2);

messages! {
    /// Asks leaders where epochs end. `OffsetForLeaderEpochRequest.json`.
    struct OffsetForLeaderEpochRequest(
        OFFSET_FOR_LEADER_EPOCH -> OffsetForLeaderEpochResponse, 2..=4, flexible 4..
    ) {
        /// The follower that asks; `None`: a consumer.
        replica_id: Option<NodeId> = 3.. ignorable, or Some(REPLICA_DEBUG);
        /// Each topic.
        topics: Vec<OffsetForLeaderTopic> = 0..;
    }

    /// A topic asked about.
    struct OffsetForLeaderTopic {
        /// Its name.
        topic: Str = 0..;
        /// Each partition.
        partitions: Vec<OffsetForLeaderPartition> = 0..;
    }

    /// A partition asked about.
    struct OffsetForLeaderPartition {
        /// Which partition.
        partition: PartitionIndex = 0..;
        /// The leader epoch the caller knows, to be fenced by.
        current_leader_epoch: Option<LeaderEpoch> = 2.. ignorable;
        /// The epoch whose end is asked for. Callers may send any number.
        leader_epoch: LeaderEpoch = 0..;
    }

    /// Where epochs end. `OffsetForLeaderEpochResponse.json`.
    struct OffsetForLeaderEpochResponse(2..=4, flexible 4..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 2.. ignorable;
        /// Each topic.
        topics: Vec<OffsetForLeaderTopicResult> = 0..;
    }

    /// The answer for one topic.
    struct OffsetForLeaderTopicResult {
        /// Its name.
        topic: Str = 0..;
        /// Each partition.
        partitions: Vec<EpochEndOffset> = 0..;
    }

    /// The answer for one partition.
    struct EpochEndOffset {
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// Which partition.
        partition: PartitionIndex = 0..;
        /// The epoch asked for, or the largest before it that has records here; `None` if the
        /// leader knows neither.
        leader_epoch: Option<LeaderEpoch> = 1.. ignorable;
        /// The offset behind the last record of that epoch.
        end_offset: Option<Offset> = 0..;
    }
}
