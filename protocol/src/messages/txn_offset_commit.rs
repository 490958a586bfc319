//! TxnOffsetCommit (28): offsets become a group's when the producer's transaction commits.
//!
//! v2: leader epochs. v3 is flexible; members are checked (KIP-447). v4: TRANSACTION_ABORTABLE. v5:
//! the group need not be added to the transaction before (KIP-890). v6: topics by id (KIP-1319).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{
    GroupEpoch, LeaderEpoch, PartitionIndex, ProducerEpoch, ProducerId, RawOffset, Uuid,
};
use crate::schema::messages;

messages! {
    /// Asks to keep offsets. `TxnOffsetCommitRequest.json`.
    struct TxnOffsetCommitRequest(
        TXN_OFFSET_COMMIT -> TxnOffsetCommitResponse, 0..=6, flexible 3..
    ) {
        /// Names the producer over restarts (Kafka: `transactional.id`).
        transactional_id: Str = 0..;
        /// The group (Kafka: `group.id`).
        group_id: Str = 0..;
        /// The producer id that has the transactional id now.
        producer_id: ProducerId = 0..;
        /// The epoch of that producer id; an older one is fenced.
        producer_epoch: ProducerEpoch = 0..;
        /// The member's generation, or its member epoch in a newer group; `None`: it is not
        /// checked.
        generation_id_or_member_epoch: Option<GroupEpoch> = 3..;
        /// The member that read the records; empty: it is not checked.
        member_id: Str = 3..;
        /// The name a static member keeps over restarts (Kafka: `group.instance.id`); `None` if it
        /// is not static.
        group_instance_id: Option<Str> = 3..;
        /// Each topic.
        topics: Vec<TxnOffsetCommitRequestTopic> = 0..;
    }

    /// A topic the group reads.
    struct TxnOffsetCommitRequestTopic {
        /// Its name, up to v5.
        name: Str = 0..=5 ignorable;
        /// Its id, from v6 on.
        topic_id: Uuid = 6.. ignorable;
        /// Each partition.
        partitions: Vec<TxnOffsetCommitRequestPartition> = 0..;
    }

    /// How far a partition is read.
    struct TxnOffsetCommitRequestPartition {
        /// Which partition.
        partition_index: PartitionIndex = 0..;
        /// The offset of the next record to read.
        committed_offset: RawOffset = 0..;
        /// The epoch of the last record read.
        committed_leader_epoch: Option<LeaderEpoch> = 2.. ignorable;
        /// A note that the client wants back.
        committed_metadata: Option<Str> = 0..;
    }

    /// What became of it. `TxnOffsetCommitResponse.json`.
    struct TxnOffsetCommitResponse(0..=6, flexible 3..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Each topic.
        topics: Vec<TxnOffsetCommitResponseTopic> = 0..;
    }

    /// The answer for one topic.
    struct TxnOffsetCommitResponseTopic {
        /// Its name, up to v5.
        name: Str = 0..=5 ignorable;
        /// Its id, from v6 on.
        topic_id: Uuid = 6.. ignorable;
        /// Each partition.
        partitions: Vec<TxnOffsetCommitResponsePartition> = 0..;
    }

    /// The answer for one partition.
    struct TxnOffsetCommitResponsePartition {
        /// Which partition.
        partition_index: PartitionIndex = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
    }
}
