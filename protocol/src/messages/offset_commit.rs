//! OffsetCommit (8): a group's coordinator keeps how far the group has read.
//!
//! v5: only the broker says for how long (KIP-211). v6: leader epochs (KIP-320). v7: static members
//! (KIP-345). v8 is flexible. v9: members of the newer groups (KIP-848). v10: topics by id.

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{GroupEpoch, LeaderEpoch, PartitionIndex, RawOffset, Uuid};
use crate::schema::messages;

messages! { hot;
    /// Asks to keep offsets. `OffsetCommitRequest.json`.
    struct OffsetCommitRequest(OFFSET_COMMIT -> OffsetCommitResponse, 2..=10, flexible 8..) {
        /// The group (Kafka: `group.id`).
        group_id: Str = 0..;
        /// The caller's generation, or its member epoch in a newer group; `None`: it is no member.
        generation_id_or_member_epoch: Option<GroupEpoch> = 1.. ignorable;
        /// The caller; empty if it is no member.
        member_id: Str = 1.. ignorable;
        /// The name a static member keeps over restarts (Kafka: `group.instance.id`); `None` if it
        /// is not static.
        group_instance_id: Option<Str> = 7..;
        /// For how long to keep the offsets, in milliseconds; `None`: as the broker is configured.
        retention_time_ms: Option<i64> = 2..=4 ignorable;
        /// Each topic.
        topics: Vec<OffsetCommitRequestTopic> = 0..;
    }

    /// A topic the group reads.
    struct OffsetCommitRequestTopic {
        /// Its name, up to v9.
        name: Str = 0..=9 ignorable;
        /// Its id, from v10 on.
        topic_id: Uuid = 10.. ignorable;
        /// Each partition.
        partitions: Vec<OffsetCommitRequestPartition> = 0..;
    }

    /// How far a partition is read.
    struct OffsetCommitRequestPartition {
        /// Which partition.
        partition_index: PartitionIndex = 0..;
        /// The offset of the next record to read.
        committed_offset: RawOffset = 0..;
        /// The epoch of the last record read, so that a lost log end is noticed.
        committed_leader_epoch: Option<LeaderEpoch> = 6.. ignorable;
        /// A note that the client wants back.
        committed_metadata: Option<Str> = 0..;
    }

    /// What became of it. `OffsetCommitResponse.json`.
    struct OffsetCommitResponse(2..=10, flexible 8..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 3.. ignorable;
        /// Each topic.
        topics: Vec<OffsetCommitResponseTopic> = 0..;
    }

    /// The answer for one topic.
    struct OffsetCommitResponseTopic {
        /// Its name, up to v9.
        name: Str = 0..=9 ignorable;
        /// Its id, from v10 on.
        topic_id: Uuid = 10.. ignorable;
        /// Each partition.
        partitions: Vec<OffsetCommitResponsePartition> = 0..;
    }

    /// The answer for one partition.
    struct OffsetCommitResponsePartition {
        /// Which partition.
        partition_index: PartitionIndex = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
    }
}
