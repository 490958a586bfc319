//! DescribeShareGroupOffsets (90): how far share groups are (KIP-932).
//!
//! v1: how far behind (KIP-1226).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{LeaderEpoch, Offset, PartitionIndex, Uuid};
use crate::schema::messages;

messages! {
    /// Asks about groups. `DescribeShareGroupOffsetsRequest.json`.
    struct DescribeShareGroupOffsetsRequest(
        DESCRIBE_SHARE_GROUP_OFFSETS -> DescribeShareGroupOffsetsResponse, 0..=1, flexible 0..
    ) {
        /// Each group.
        groups: Vec<DescribeShareGroupOffsetsRequestGroup> = 0..;
    }

    /// A group asked about.
    struct DescribeShareGroupOffsetsRequestGroup {
        /// Its id.
        group_id: Str = 0..;
        /// Each topic; `None`: all that the group has state for.
        topics: Option<Vec<DescribeShareGroupOffsetsRequestTopic>> = 0..;
    }

    /// A topic asked about.
    struct DescribeShareGroupOffsetsRequestTopic {
        /// The topic's name.
        topic_name: Str = 0..;
        /// Which partitions.
        partitions: Vec<PartitionIndex> = 0..;
    }

    /// How far they are. `DescribeShareGroupOffsetsResponse.json`.
    struct DescribeShareGroupOffsetsResponse(0..=1, flexible 0..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Each group.
        groups: Vec<DescribeShareGroupOffsetsResponseGroup> = 0..;
    }

    /// The answer for one group.
    struct DescribeShareGroupOffsetsResponseGroup {
        /// Its id.
        group_id: Str = 0..;
        /// Each topic.
        topics: Vec<DescribeShareGroupOffsetsResponseTopic> = 0..;
        /// Whether all of the group failed.
        error_code: ErrorCode = 0..;
        /// What went wrong, in words.
        error_message: Option<Str> = 0..;
    }

    /// The answer for one topic.
    struct DescribeShareGroupOffsetsResponseTopic {
        /// The topic's name.
        topic_name: Str = 0..;
        /// Its id.
        topic_id: Uuid = 0..;
        /// Each partition.
        partitions: Vec<DescribeShareGroupOffsetsResponsePartition> = 0..;
    }

    /// The answer for one partition.
    struct DescribeShareGroupOffsetsResponsePartition {
        /// Which partition.
        partition_index: PartitionIndex = 0..;
        /// The first record that is not done; `None` if nobody knows yet.
        start_offset: Option<Offset> = 0..;
        /// The epoch of the partition's leader.
        leader_epoch: Option<LeaderEpoch> = 0..;
        /// How many records are not done; `None`: not known.
        lag: Option<i64> = 1.. ignorable;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// What went wrong, in words.
        error_message: Option<Str> = 0..;
    }
}
