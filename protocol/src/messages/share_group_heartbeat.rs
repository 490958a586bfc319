//! ShareGroupHeartbeat (76): members of a share group say what changed and are told what they get
//! (KIP-932).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{GroupEpoch, PartitionIndex, Uuid};
use crate::schema::messages;

messages! {
    /// Says that a member is alive and what changed with it; `None`: unchanged.
    /// `ShareGroupHeartbeatRequest.json`.
    struct ShareGroupHeartbeatRequest(
        SHARE_GROUP_HEARTBEAT -> ShareGroupHeartbeatResponse, 1..=1, flexible 0..
    ) {
        /// The group (Kafka: `group.id`).
        group_id: Str = 0..;
        /// The member, by an id it keeps as long as its process runs.
        member_id: Str = 0..;
        /// The member's epoch; 0 asks to be let in, -1 says goodbye.
        member_epoch: GroupEpoch = 0..;
        /// Where it runs (Kafka: `client.rack`).
        rack_id: Option<Str> = 0..;
        /// The topics it wants.
        subscribed_topic_names: Option<Vec<Str>> = 0..;
    }

    /// Where the member stands. `ShareGroupHeartbeatResponse.json`.
    struct ShareGroupHeartbeatResponse(1..=1, flexible 0..) {
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
        /// All partitions it may read from now on; others may read them too.
        topic_partitions: Vec<TopicPartitions> = 0..;
    }

    /// Partitions of a topic.
    struct TopicPartitions {
        /// The topic's id.
        topic_id: Uuid = 0..;
        /// Which partitions.
        partitions: Vec<PartitionIndex> = 0..;
    }
}
