//! AlterReplicaLogDirs (34): moves replicas from one disk of a broker to another (KIP-113).
//!
//! v1 is as v0. v2 is flexible.

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::PartitionIndex;
use crate::schema::messages;

messages! {
    /// Asks a broker to move replicas of its own. `AlterReplicaLogDirsRequest.json`.
    struct AlterReplicaLogDirsRequest(
        ALTER_REPLICA_LOG_DIRS -> AlterReplicaLogDirsResponse, 1..=2, flexible 2..
    ) {
        /// Each directory that gets some.
        dirs: Vec<AlterReplicaLogDir> = 0..;
    }

    /// What one directory gets.
    struct AlterReplicaLogDir {
        /// Its absolute path on the broker.
        path: Str = 0..;
        /// Each topic.
        topics: Vec<AlterReplicaLogDirTopic> = 0..;
    }

    /// What it gets of one topic.
    struct AlterReplicaLogDirTopic {
        /// Its name.
        name: Str = 0..;
        /// Which partitions.
        partitions: Vec<PartitionIndex> = 0..;
    }

    /// Whether the moves have begun; DescribeLogDirs shows how far they are.
    /// `AlterReplicaLogDirsResponse.json`.
    struct AlterReplicaLogDirsResponse(1..=2, flexible 2..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Each topic.
        results: Vec<AlterReplicaLogDirTopicResult> = 0..;
    }

    /// The answer for one topic.
    struct AlterReplicaLogDirTopicResult {
        /// Its name.
        topic_name: Str = 0..;
        /// Each partition.
        partitions: Vec<AlterReplicaLogDirPartitionResult> = 0..;
    }

    /// The answer for one partition.
    struct AlterReplicaLogDirPartitionResult {
        /// Which partition.
        partition_index: PartitionIndex = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
    }
}
