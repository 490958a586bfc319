//! DeleteRecords (21): moves the start of partitions' logs forward (KIP-107).
//!
//! v2 is flexible.

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{Offset, PartitionIndex, RawOffset};
use crate::schema::messages;

/// In place of an offset: the high watermark, so that all that consumers can see goes.
pub const OFFSET_HIGH_WATERMARK: RawOffset = RawOffset(-1);

messages! {
    /// Asks leaders to delete records. `DeleteRecordsRequest.json`.
    struct DeleteRecordsRequest(DELETE_RECORDS -> DeleteRecordsResponse, 0..=2, flexible 2..) {
        /// Each topic.
        topics: Vec<DeleteRecordsTopic> = 0..;
        /// How long to wait until all replicas have done it, in milliseconds.
        timeout_ms: i32 = 0..;
    }

    /// A topic to delete from.
    struct DeleteRecordsTopic {
        /// Its name.
        name: Str = 0..;
        /// Each partition.
        partitions: Vec<DeleteRecordsPartition> = 0..;
    }

    /// A partition to delete from.
    struct DeleteRecordsPartition {
        /// Which partition.
        partition_index: PartitionIndex = 0..;
        /// Everything before this offset goes; [`OFFSET_HIGH_WATERMARK`] for all.
        offset: RawOffset = 0..;
    }

    /// Where logs start now. `DeleteRecordsResponse.json`.
    struct DeleteRecordsResponse(0..=2, flexible 2..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Each topic.
        topics: Vec<DeleteRecordsTopicResult> = 0..;
    }

    /// The answer for one topic.
    struct DeleteRecordsTopicResult {
        /// Its name.
        name: Str = 0..;
        /// Each partition.
        partitions: Vec<DeleteRecordsPartitionResult> = 0..;
    }

    /// The answer for one partition.
    struct DeleteRecordsPartitionResult {
        /// Which partition.
        partition_index: PartitionIndex = 0..;
        /// The first offset that every live replica still has; `None` if it failed.
        low_watermark: Option<Offset> = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
    }
}
