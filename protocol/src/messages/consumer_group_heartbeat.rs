//! ConsumerGroupHeartbeat (68): members of the newer groups say what changed and are told what they
//! get (KIP-848).
//!
//! v1: topics by a pattern; members choose their ids (KIP-1082).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{GroupEpoch, PartitionIndex, Uuid};
use crate::schema::messages;

/// The member epoch that asks to be let in.
pub const MEMBER_EPOCH_JOIN: GroupEpoch = GroupEpoch(0);
/// The member epoch that says goodbye.
pub const MEMBER_EPOCH_LEAVE: GroupEpoch = GroupEpoch(-1);
/// The member epoch of a static member that will be back.
pub const MEMBER_EPOCH_LEAVE_STATIC: GroupEpoch = GroupEpoch(-2);

messages! {
    /// Says that a member is alive and what changed with it; `None`: unchanged.
    /// `ConsumerGroupHeartbeatRequest.json`.
    struct ConsumerGroupHeartbeatRequest(
        CONSUMER_GROUP_HEARTBEAT -> ConsumerGroupHeartbeatResponse, 0..=1, flexible 0..
    ) {
        /// The group (Kafka: `group.id`).
        group_id: Str = 0..;
        /// The member, by an id it keeps as long as its process runs; empty in v0 to be given one.
        member_id: Str = 0..;
        /// The member's epoch, or one of the `MEMBER_EPOCH_` constants.
        member_epoch: GroupEpoch = 0..;
        /// The name a static member keeps over restarts (Kafka: `group.instance.id`).
        instance_id: Option<Str> = 0..;
        /// Where it runs (Kafka: `client.rack`).
        rack_id: Option<Str> = 0..;
        /// How long it may take to give partitions back, in milliseconds; `None`: unchanged.
        rebalance_timeout_ms: Option<i32> = 0..;
        /// The topics it wants.
        subscribed_topic_names: Option<Vec<Str>> = 0..;
        /// The pattern (RE2) of the topics it wants.
        subscribed_topic_regex: Option<Str> = 1..;
        /// The broker's way to assign that it prefers (Kafka: `group.remote.assignor`).
        server_assignor: Option<Str> = 0..;
        /// The partitions it has.
        topic_partitions: Option<Vec<TopicPartitions>> = 0..;
    }

    /// Partitions of a topic.
    struct TopicPartitions {
        /// The topic's id.
        topic_id: Uuid = 0..;
        /// Which partitions.
        partitions: Vec<PartitionIndex> = 0..;
    }

    /// Where the member stands. `ConsumerGroupHeartbeatResponse.json`.
    struct ConsumerGroupHeartbeatResponse(0..=1, flexible 0..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// What went wrong, in words.
        error_message: Option<Str> = 0..;
        /// The member; `None` with an error.
        member_id: Option<Str> = 0..;
        /// The epoch to send from now on.
        member_epoch: GroupEpoch = 0..;
        /// After how long the next heartbeat is due, in milliseconds.
        heartbeat_interval_ms: i32 = 0..;
        /// What it gets; `None`: unchanged.
        assignment: Option<Assignment> = 0..;
    }

    /// What a member gets.
    struct Assignment {
        /// All partitions it may read from now on.
        topic_partitions: Vec<TopicPartitions> = 0..;
    }
}
