//! JoinGroup (11): a member enters a classic group, or a new generation of it.
//!
//! v1: a time limit of its own for the rebalance. v4: a new member is told its id and asks again
//! (KIP-394). v5: static members (KIP-345). v6 is flexible. v7: the protocol comes back (KIP-559).
//! v8: a reason (KIP-800). v9: the leader may be told to assign nothing (KIP-814).

use bytes::Bytes;

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::GroupEpoch;
use crate::schema::messages;

messages! {
    /// Asks to be a member. `JoinGroupRequest.json`.
    struct JoinGroupRequest(JOIN_GROUP -> JoinGroupResponse, 0..=9, flexible 6..) {
        /// The group (Kafka: `group.id`).
        group_id: Str = 0..;
        /// After how long without a heartbeat the member is taken for dead, in milliseconds.
        session_timeout_ms: i32 = 0..;
        /// How long a rebalance waits for the member to join again, in milliseconds; `None`: as
        /// long as `session_timeout_ms`.
        rebalance_timeout_ms: Option<i32> = 1.. ignorable;
        /// The member; empty if it has no id yet.
        member_id: Str = 0..;
        /// The name a static member keeps over restarts (Kafka: `group.instance.id`); `None` if it
        /// is not static.
        group_instance_id: Option<Str> = 5..;
        /// What the group does: `consumer`, `connect`, or any other word its members agree on.
        protocol_type: Str = 0..;
        /// Each way to assign the member could follow, the best first.
        protocols: Vec<JoinGroupRequestProtocol> = 0..;
        /// Why the member joins, in words for the broker's log.
        reason: Option<Str> = 8.. ignorable;
    }

    /// A way to assign.
    struct JoinGroupRequestProtocol {
        /// Its name, as `range`.
        name: Str = 0..;
        /// What the assigning member must know; see
        /// [`consumer_protocol`](super::consumer_protocol).
        metadata: Bytes = 0..;
    }

    /// A generation begins. `JoinGroupResponse.json`.
    struct JoinGroupResponse(0..=9, flexible 6..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 2.. ignorable;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// The generation; `None` if the member did not get in.
        generation_id: Option<GroupEpoch> = 0..;
        /// What the group does.
        protocol_type: Option<Str> = 7.. ignorable;
        /// The way to assign that all members could follow.
        protocol_name: Option<Str> = 0.., nullable 7.., or Some(Str::new());
        /// The id of the member that assigns.
        leader: Str = 0..;
        /// Whether the leader must not assign, since nothing changed for its return.
        skip_assignment: bool = 9..;
        /// The caller's id; with MEMBER_ID_REQUIRED the one to ask again with.
        member_id: Str = 0..;
        /// All members, to the leader; nobody, to the others.
        members: Vec<JoinGroupResponseMember> = 0..;
    }

    /// A member.
    struct JoinGroupResponseMember {
        /// Its id.
        member_id: Str = 0..;
        /// The name a static member keeps over restarts (Kafka: `group.instance.id`); `None` if it
        /// is not static.
        group_instance_id: Option<Str> = 5.. ignorable;
        /// What it sent with the chosen way to assign.
        metadata: Bytes = 0..;
    }
}
