//! OffsetFetch (9): how far a group has read.
//!
//! v2: null asks for all topics; a top-level error. v5: leader epochs (KIP-320). v6 is flexible.
//! v7: offsets of open transactions may be refused (KIP-447). v8: several groups at once (KIP-709).
//! v9: members of the newer groups (KIP-848). v10: topics by id.

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{GroupEpoch, LeaderEpoch, PartitionIndex, RawOffset, Uuid};
use crate::schema::messages;

messages! {
    /// Asks for offsets. `OffsetFetchRequest.json`.
    struct OffsetFetchRequest(OFFSET_FETCH -> OffsetFetchResponse, 1..=10, flexible 6..) {
        /// The group, up to v7.
        group_id: Str = 0..=7;
        /// Each topic, up to v7; `None`: all that the group has offsets for.
        topics: Option<Vec<OffsetFetchRequestTopic>> = 0..=7, nullable 2.., or Some(Vec::new());
        /// Each group, from v8 on.
        groups: Vec<OffsetFetchRequestGroup> = 8..;
        /// Whether an offset that an open transaction may still move is an error.
        require_stable: bool = 7..;
    }

    /// A topic asked about, up to v7.
    struct OffsetFetchRequestTopic {
        /// Its name.
        name: Str = 0..=7;
        /// Which partitions.
        partition_indexes: Vec<PartitionIndex> = 0..=7;
    }

    /// A group asked about.
    struct OffsetFetchRequestGroup {
        /// The group (Kafka: `group.id`).
        group_id: Str = 8..;
        /// The caller; `None` if it is no member of a newer group.
        member_id: Option<Str> = 9.. ignorable;
        /// The caller's member epoch; `None` if it is no member of a newer group.
        member_epoch: Option<GroupEpoch> = 9.. ignorable;
        /// Each topic; `None`: all that the group has offsets for.
        topics: Option<Vec<OffsetFetchRequestTopics>> = 8..;
    }

    /// A topic asked about, from v8 on.
    struct OffsetFetchRequestTopics {
        /// Its name, up to v9.
        name: Str = 8..=9 ignorable;
        /// Its id, from v10 on.
        topic_id: Uuid = 10.. ignorable;
        /// Which partitions.
        partition_indexes: Vec<PartitionIndex> = 8..;
    }

    /// Offsets. `OffsetFetchResponse.json`.
    struct OffsetFetchResponse(1..=10, flexible 6..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 3.. ignorable;
        /// Each topic, up to v7.
        topics: Vec<OffsetFetchResponseTopic> = 0..=7;
        /// Whether the request failed as a whole, up to v7.
        error_code: ErrorCode = 2..=7 ignorable;
        /// Each group, from v8 on.
        groups: Vec<OffsetFetchResponseGroup> = 8..;
    }

    /// The answer for one topic, up to v7.
    struct OffsetFetchResponseTopic {
        /// Its name.
        name: Str = 0..=7;
        /// Each partition.
        partitions: Vec<OffsetFetchResponsePartition> = 0..=7;
    }

    /// The answer for one partition, up to v7.
    struct OffsetFetchResponsePartition {
        /// Which partition.
        partition_index: PartitionIndex = 0..=7;
        /// The offset of the next record to read, as it was committed; negative if nothing was.
        committed_offset: RawOffset = 0..=7, or RawOffset::NONE;
        /// The epoch of the last record read.
        committed_leader_epoch: Option<LeaderEpoch> = 5..=7 ignorable;
        /// The note that was committed with it.
        metadata: Option<Str> = 0..=7;
        /// Whether it failed.
        error_code: ErrorCode = 0..=7;
    }

    /// The answer for one group.
    struct OffsetFetchResponseGroup {
        /// The group (Kafka: `group.id`).
        group_id: Str = 8..;
        /// Each topic.
        topics: Vec<OffsetFetchResponseTopics> = 8..;
        /// Whether all of the group failed.
        error_code: ErrorCode = 8..;
    }

    /// The answer for one topic, from v8 on.
    struct OffsetFetchResponseTopics {
        /// Its name, up to v9.
        name: Str = 8..=9 ignorable;
        /// Its id, from v10 on.
        topic_id: Uuid = 10.. ignorable;
        /// Each partition.
        partitions: Vec<OffsetFetchResponsePartitions> = 8..;
    }

    /// The answer for one partition, from v8 on.
    struct OffsetFetchResponsePartitions {
        /// Which partition.
        partition_index: PartitionIndex = 8..;
        /// The offset of the next record to read, as it was committed; negative if nothing was.
        committed_offset: RawOffset = 8.., or RawOffset::NONE;
        /// The epoch of the last record read.
        committed_leader_epoch: Option<LeaderEpoch> = 8.. ignorable;
        /// The note that was committed with it.
        metadata: Option<Str> = 8..;
        /// Whether it failed.
        error_code: ErrorCode = 8..;
    }
}
