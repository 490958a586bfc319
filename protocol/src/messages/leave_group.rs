//! LeaveGroup (13): members leave a classic group, or are made to.
//!
//! v3: several members, static ones too (KIP-345). v4 is flexible. v5: a reason (KIP-800).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::schema::messages;

messages! {
    /// Takes members out of their group. `LeaveGroupRequest.json`.
    struct LeaveGroupRequest(LEAVE_GROUP -> LeaveGroupResponse, 0..=5, flexible 4..) {
        /// The group (Kafka: `group.id`).
        group_id: Str = 0..;
        /// The member that leaves, up to v2.
        member_id: Str = 0..=2;
        /// Each member that leaves, from v3 on.
        members: Vec<MemberIdentity> = 3..;
    }

    /// A member that leaves.
    struct MemberIdentity {
        /// Its id; empty if `group_instance_id` alone names it.
        member_id: Str = 3..;
        /// The name a static member keeps over restarts (Kafka: `group.instance.id`); `None` if it
        /// is not static.
        group_instance_id: Option<Str> = 3..;
        /// Why it leaves, in words for the broker's log.
        reason: Option<Str> = 5.. ignorable;
    }

    /// What became of it. `LeaveGroupResponse.json`.
    struct LeaveGroupResponse(0..=5, flexible 4..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 1.. ignorable;
        /// Whether the request failed as a whole.
        error_code: ErrorCode = 0..;
        /// Each member.
        members: Vec<MemberResponse> = 3..;
    }

    /// The answer for one member.
    struct MemberResponse {
        /// Its id, as the request has it.
        member_id: Str = 3..;
        /// The name a static member keeps over restarts (Kafka: `group.instance.id`); `None` if it
        /// is not static.
        group_instance_id: Option<Str> = 3..;
        /// Whether it failed.
        error_code: ErrorCode = 3..;
    }
}
