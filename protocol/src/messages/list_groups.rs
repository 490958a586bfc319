//! ListGroups (16): the groups one broker coordinates.
//!
//! v3 is flexible. v4: by state (KIP-518). v5: by type (KIP-848).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::schema::messages;

messages! {
    /// Asks for groups. `ListGroupsRequest.json`.
    struct ListGroupsRequest(LIST_GROUPS -> ListGroupsResponse, 0..=5, flexible 3..) {
        /// Only groups in one of these states; empty: in any.
        states_filter: Vec<Str> = 4..;
        /// Only groups of one of these types; empty: of any.
        types_filter: Vec<Str> = 5..;
    }

    /// Groups. `ListGroupsResponse.json`.
    struct ListGroupsResponse(0..=5, flexible 3..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 1.. ignorable;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// Each group.
        groups: Vec<ListedGroup> = 0..;
    }

    /// A group.
    struct ListedGroup {
        /// Its id.
        group_id: Str = 0..;
        /// What the group does: `consumer` for consumers.
        protocol_type: Str = 0..;
        /// Its state, as `Stable`.
        group_state: Str = 4.. ignorable;
        /// `classic`, `consumer`, `share` or `streams`.
        group_type: Str = 5.. ignorable;
    }
}
