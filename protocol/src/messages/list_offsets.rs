//! ListOffsets (2): the offset for a time, or the first or last offset of a partition.
//!
//! v2: isolation levels. v4: leader epochs (KIP-320). v6 is flexible. v7: the offset of the largest
//! timestamp (KIP-734). v8: the first offset on local disk. v9: the last tiered one. v10: a time
//! limit (KIP-1075). v11: the first offset still to be tiered.

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{LeaderEpoch, NodeId, Offset, PartitionIndex, Timestamp};
use crate::schema::messages;

/// In place of a timestamp: the offset the next record will have.
pub const TIMESTAMP_LATEST: i64 = -1;
/// In place of a timestamp: the first offset in the log.
pub const TIMESTAMP_EARLIEST: i64 = -2;
/// In place of a timestamp: the record with the largest timestamp (v7).
pub const TIMESTAMP_MAX: i64 = -3;
/// In place of a timestamp: the first offset on the broker's own disk (v8).
pub const TIMESTAMP_EARLIEST_LOCAL: i64 = -4;
/// In place of a timestamp: the last offset in tiered storage (v9).
pub const TIMESTAMP_LATEST_TIERED: i64 = -5;
/// In place of a timestamp: the first offset not yet in tiered storage (v11).
pub const TIMESTAMP_EARLIEST_PENDING_UPLOAD: i64 = -6;

messages! {
    /// Asks leaders for offsets. `ListOffsetsRequest.json`.
    struct ListOffsetsRequest(LIST_OFFSETS -> ListOffsetsResponse, 1..=11, flexible 6..) {
        /// The follower that asks; `None`: a consumer.
        replica_id: Option<NodeId> = 0..;
        /// 0: all records; 1: only committed ones (Kafka: `isolation.level`).
        isolation_level: i8 = 2..;
        /// Each topic.
        topics: Vec<ListOffsetsTopic> = 0..;
        /// How long the broker may look into tiered storage, in milliseconds.
        timeout_ms: i32 = 10.. ignorable;
    }

    /// A topic asked about.
    struct ListOffsetsTopic {
        /// Its name.
        name: Str = 0..;
        /// Each partition.
        partitions: Vec<ListOffsetsPartition> = 0..;
    }

    /// A partition asked about.
    struct ListOffsetsPartition {
        /// Which partition.
        partition_index: PartitionIndex = 0..;
        /// The leader epoch the caller knows, to be fenced by.
        current_leader_epoch: Option<LeaderEpoch> = 4.. ignorable;
        /// The offset of the first record not older than this is asked for, in milliseconds since
        /// 1970; or one of the `TIMESTAMP_` constants. Callers may send any number.
        timestamp: i64 = 0..;
    }

    /// Offsets. `ListOffsetsResponse.json`.
    struct ListOffsetsResponse(1..=11, flexible 6..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 2.. ignorable;
        /// Each topic.
        topics: Vec<ListOffsetsTopicResponse> = 0..;
    }

    /// The answer for one topic.
    struct ListOffsetsTopicResponse {
        /// Its name.
        name: Str = 0..;
        /// Each partition.
        partitions: Vec<ListOffsetsPartitionResponse> = 0..;
    }

    /// The answer for one partition.
    struct ListOffsetsPartitionResponse {
        /// Which partition.
        partition_index: PartitionIndex = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// The timestamp of the record found, if one was looked for.
        timestamp: Option<Timestamp> = 1..;
        /// The offset found; `None` if no record is that young.
        offset: Option<Offset> = 1..;
        /// The epoch of the record found.
        leader_epoch: Option<LeaderEpoch> = 4..;
    }
}
