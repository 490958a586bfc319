//! Offsets of groups, and classic groups: records of `__consumer_offsets`.

use bytes::Bytes;

use crate::Str;
use crate::ids::{GroupEpoch, LeaderEpoch, PartitionIndex, RawOffset, Timestamp, Uuid};
use crate::schema::messages;

messages! {
    /// Names a group's offset in a partition. `OffsetCommitKey.json`.
    struct OffsetCommitKey(0..=0) {
        /// The group.
        group: Str = 0..;
        /// The topic's name.
        topic: Str = 0..;
        /// Which partition.
        partition: PartitionIndex = 0..;
    }

    /// How far a group has read. v1: when it expires. v3: leader epochs. v4 is flexible.
    /// `OffsetCommitValue.json`.
    struct OffsetCommitValue(0..=4, flexible 4..) {
        /// The offset of the next record to read.
        offset: RawOffset = 0..;
        /// The epoch of the last record read.
        leader_epoch: Option<LeaderEpoch> = 3.. ignorable;
        /// A note that the client wants back.
        metadata: Str = 0..;
        /// When it was committed.
        commit_timestamp: Timestamp = 0..;
        /// When it expires; `None`: as the broker is configured.
        expire_timestamp: Option<Timestamp> = 1..=1 ignorable;
        /// The topic's id; zero if it was committed by the topic's name.
        topic_id: Uuid = 4.. ignorable, tag 0;
    }

    /// The same as [`OffsetCommitKey`], as brokers of 0.8 wrote it. `LegacyOffsetCommitKey.json`.
    struct LegacyOffsetCommitKey(0..=0) {
        /// The group.
        group: Str = 0..;
        /// The topic's name.
        topic: Str = 0..;
        /// Which partition.
        partition: PartitionIndex = 0..;
    }

    /// How far a group has read. `LegacyOffsetCommitValue.json`.
    struct LegacyOffsetCommitValue(0..=0) {
        /// The offset of the next record to read.
        offset: RawOffset = 0..;
        /// A note that the client wants back.
        metadata: Str = 0..;
        /// When it was committed.
        commit_timestamp: Timestamp = 0..;
    }

    /// Names a classic group. `GroupMetadataKey.json`.
    struct GroupMetadataKey(0..=0) {
        /// The group.
        group: Str = 0..;
    }

    /// A classic group, once a generation is complete. v1: rebalance time limits. v2: the time. v3:
    /// static members. v4 is flexible. `GroupMetadataValue.json`.
    struct GroupMetadataValue(0..=4, flexible 4..) {
        /// What the group does: `consumer` for consumers.
        protocol_type: Str = 0..;
        /// Its generation.
        generation: GroupEpoch = 0..;
        /// The way to assign; `None` without members.
        protocol: Option<Str> = 0..;
        /// The id of the member that assigns; `None` without members.
        leader: Option<Str> = 0..;
        /// Since when it has been in its state.
        current_state_timestamp: Option<Timestamp> = 2.. ignorable;
        /// Its members.
        members: Vec<MemberMetadata> = 0..;
    }

    /// A member.
    struct MemberMetadata {
        /// Its id.
        member_id: Str = 0..;
        /// The name a static member keeps over restarts (Kafka: `group.instance.id`); `None` if it
        /// is not static.
        group_instance_id: Option<Str> = 3.. ignorable;
        /// What the client calls itself (Kafka: `client.id`).
        client_id: Str = 0..;
        /// The address the client came from.
        client_host: Str = 0..;
        /// How long a rebalance waits for it, in milliseconds; `None`: as long as `session_timeout`.
        rebalance_timeout: Option<i32> = 1.. ignorable;
        /// After how long without a heartbeat it is taken for dead, in milliseconds.
        session_timeout: i32 = 0..;
        /// What it told the assigning member; see
        /// [`consumer_protocol`](crate::messages::consumer_protocol).
        subscription: Bytes = 0..;
        /// What it got; see [`consumer_protocol`](crate::messages::consumer_protocol).
        assignment: Bytes = 0..;
    }
}
