//! DescribeLogDirs (35): how much each partition takes up on the broker that is asked (KIP-113).
//!
//! v2 is flexible. v3: an error for the whole request. v4: the size of the volume (KIP-827). v5:
//! cordoned directories (KIP-1066).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::PartitionIndex;
use crate::schema::messages;

messages! {
    /// Asks a broker for its directories. `DescribeLogDirsRequest.json`.
    struct DescribeLogDirsRequest(
        DESCRIBE_LOG_DIRS -> DescribeLogDirsResponse, 1..=5, flexible 2..
    ) {
        /// Each topic; `None`: all topics.
        topics: Option<Vec<DescribableLogDirTopic>> = 0..;
    }

    /// A topic asked about.
    struct DescribableLogDirTopic {
        /// Its name.
        topic: Str = 0..;
        /// Which partitions.
        partitions: Vec<PartitionIndex> = 0..;
    }

    /// A broker's directories. `DescribeLogDirsResponse.json`.
    struct DescribeLogDirsResponse(1..=5, flexible 2..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Whether the request failed as a whole.
        error_code: ErrorCode = 3.. ignorable;
        /// Each directory.
        results: Vec<DescribeLogDirsResult> = 0..;
    }

    /// A directory.
    struct DescribeLogDirsResult {
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// Its absolute path.
        log_dir: Str = 0..;
        /// Each topic that has something in it.
        topics: Vec<DescribeLogDirsTopic> = 0..;
        /// The size of its volume in bytes, if it is known.
        total_bytes: Option<i64> = 4.. ignorable;
        /// What is left of that in bytes, if it is known.
        usable_bytes: Option<i64> = 4.. ignorable;
        /// Whether no new partitions are put there.
        is_cordoned: bool = 5.. ignorable, or false;
    }

    /// A topic in a directory.
    struct DescribeLogDirsTopic {
        /// Its name.
        name: Str = 0..;
        /// Each partition.
        partitions: Vec<DescribeLogDirsPartition> = 0..;
    }

    /// A partition in a directory.
    struct DescribeLogDirsPartition {
        /// Which partition.
        partition_index: PartitionIndex = 0..;
        /// How long its segments are together, in bytes.
        partition_size: i64 = 0..;
        /// How many offsets the end of the log lies behind the high watermark, or, if it is a
        /// future log, behind the one it will replace.
        offset_lag: Option<i64> = 0..;
        /// Whether it is a copy that will replace the log in another directory.
        is_future_key: bool = 0..;
    }
}
