//! SyncGroup (14): the leader of a classic group hands in who gets what, every member gets its
//! part.
//!
//! v3: static members (KIP-345). v4 is flexible. v5: the protocol is checked (KIP-559).

use bytes::Bytes;

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::GroupEpoch;
use crate::schema::messages;

messages! {
    /// Hands in an assignment and asks for one's own. `SyncGroupRequest.json`.
    struct SyncGroupRequest(SYNC_GROUP -> SyncGroupResponse, 0..=5, flexible 4..) {
        /// The group (Kafka: `group.id`).
        group_id: Str = 0..;
        /// The generation the assignment is for.
        generation_id: GroupEpoch = 0..;
        /// The member, as the coordinator knows it.
        member_id: Str = 0..;
        /// The name a static member keeps over restarts (Kafka: `group.instance.id`); `None` if it
        /// is not static.
        group_instance_id: Option<Str> = 3..;
        /// What the group does.
        protocol_type: Option<Str> = 5.. ignorable;
        /// The way to assign that JoinGroup chose.
        protocol_name: Option<Str> = 5.. ignorable;
        /// What each member gets, from the leader; nothing, from the others.
        assignments: Vec<SyncGroupRequestAssignment> = 0..;
    }

    /// What one member gets.
    struct SyncGroupRequestAssignment {
        /// Its id.
        member_id: Str = 0..;
        /// What it gets; see [`consumer_protocol`](super::consumer_protocol).
        assignment: Bytes = 0..;
    }

    /// One's own assignment. `SyncGroupResponse.json`.
    struct SyncGroupResponse(0..=5, flexible 4..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 1.. ignorable;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// What the group does.
        protocol_type: Option<Str> = 5.. ignorable;
        /// The way to assign.
        protocol_name: Option<Str> = 5.. ignorable;
        /// What the caller gets; see [`consumer_protocol`](super::consumer_protocol).
        assignment: Bytes = 0..;
    }
}
