//! Heartbeat (12): a member of a classic group is alive; the answer says whether to rebalance.
//!
//! v3: static members (KIP-345). v4 is flexible.

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::GroupEpoch;
use crate::schema::messages;

messages! {
    /// Says that a member is alive. `HeartbeatRequest.json`.
    struct HeartbeatRequest(HEARTBEAT -> HeartbeatResponse, 0..=4, flexible 4..) {
        /// The group (Kafka: `group.id`).
        group_id: Str = 0..;
        /// The member's generation.
        generation_id: GroupEpoch = 0..;
        /// The member, as the coordinator knows it.
        member_id: Str = 0..;
        /// The name a static member keeps over restarts (Kafka: `group.instance.id`); `None` if it
        /// is not static.
        group_instance_id: Option<Str> = 3..;
    }

    /// Whether the member may go on. `HeartbeatResponse.json`.
    struct HeartbeatResponse(0..=4, flexible 4..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 1.. ignorable;
        /// Whether it may not; REBALANCE_IN_PROGRESS: it has to join again.
        error_code: ErrorCode = 0..;
    }
}
