//! DeleteGroups (42): groups without members, and their offsets, go.
//!
//! v2 is flexible. v3: error messages.

use crate::Str;
use crate::error_code::ErrorCode;
use crate::schema::messages;

messages! {
    /// Asks to delete groups. `DeleteGroupsRequest.json`.
    struct DeleteGroupsRequest(DELETE_GROUPS -> DeleteGroupsResponse, 0..=3, flexible 2..) {
        /// The groups' ids.
        groups_names: Vec<Str> = 0..;
    }

    /// What became of it. `DeleteGroupsResponse.json`.
    struct DeleteGroupsResponse(0..=3, flexible 2..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Each group.
        results: Vec<DeletableGroupResult> = 0..;
    }

    /// The answer for one group.
    struct DeletableGroupResult {
        /// Its id.
        group_id: Str = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// What went wrong, in words.
        error_message: Option<Str> = 3.. ignorable;
    }
}
