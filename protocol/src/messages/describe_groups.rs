//! DescribeGroups (15): classic groups and their members.
//!
//! v3: what the caller may do. v4: static members. v5 is flexible. v6: GROUP_ID_NOT_FOUND instead
//! of a group that is dead (KIP-1043).

use bytes::Bytes;

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::AuthorizedOperations;
use crate::schema::messages;

messages! {
    /// Asks about groups. `DescribeGroupsRequest.json`.
    struct DescribeGroupsRequest(DESCRIBE_GROUPS -> DescribeGroupsResponse, 0..=6, flexible 5..) {
        /// The groups' ids.
        groups: Vec<Str> = 0..;
        /// Whether to say what the caller may do to each group.
        include_authorized_operations: bool = 3..;
    }

    /// Groups. `DescribeGroupsResponse.json`.
    struct DescribeGroupsResponse(0..=6, flexible 5..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 1.. ignorable;
        /// Each group.
        groups: Vec<DescribedGroup> = 0..;
    }

    /// A group.
    struct DescribedGroup {
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// What went wrong, in words.
        error_message: Option<Str> = 6..;
        /// Its id.
        group_id: Str = 0..;
        /// `Empty`, `PreparingRebalance`, `CompletingRebalance`, `Stable` or `Dead`; empty if it
        /// failed.
        group_state: Str = 0..;
        /// What the group does: `consumer` for consumers.
        protocol_type: Str = 0..;
        /// The way to assign, in a stable group; else empty.
        protocol_data: Str = 0..;
        /// Its members.
        members: Vec<DescribedGroupMember> = 0..;
        /// What the caller may do to the group, a bit for each operation.
        authorized_operations: Option<AuthorizedOperations> = 3..;
    }

    /// A member.
    struct DescribedGroupMember {
        /// Its id.
        member_id: Str = 0..;
        /// The name a static member keeps over restarts (Kafka: `group.instance.id`); `None` if it
        /// is not static.
        group_instance_id: Option<Str> = 4.. ignorable;
        /// What the client calls itself (Kafka: `client.id`).
        client_id: Str = 0..;
        /// The address the client came from.
        client_host: Str = 0..;
        /// What it told the assigning member, in a stable group; else empty.
        member_metadata: Bytes = 0..;
        /// What it got, in a stable group; else empty.
        member_assignment: Bytes = 0..;
    }
}
