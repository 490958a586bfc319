//! DeleteAcls (31): removes rules of who may do what (KIP-140).
//!
//! v1: patterns of names (KIP-290). v2 is flexible. v3: users as resources (KIP-373). The numbers
//! in it are DescribeAcls' constants.

use crate::Str;
use crate::error_code::ErrorCode;
use crate::messages::describe_acls::PATTERN_LITERAL;
use crate::schema::messages;

messages! {
    /// Removes all rules that match. `DeleteAclsRequest.json`.
    struct DeleteAclsRequest(DELETE_ACLS -> DeleteAclsResponse, 1..=3, flexible 2..) {
        /// Each filter.
        filters: Vec<DeleteAclsFilter> = 0..;
    }

    /// What a rule to be removed looks like: all of this holds.
    struct DeleteAclsFilter {
        /// What it is about.
        resource_type_filter: i8 = 0..;
        /// The name of that; `None`: any.
        resource_name_filter: Option<Str> = 0..;
        /// How the name is a pattern.
        pattern_type_filter: i8 = 1.., or PATTERN_LITERAL;
        /// Whom it is for, as in `User:alice`; `None`: anybody.
        principal_filter: Option<Str> = 0..;
        /// Where from; `None`: anywhere.
        host_filter: Option<Str> = 0..;
        /// What.
        operation: i8 = 0..;
        /// Whether that is allowed.
        permission_type: i8 = 0..;
    }

    /// What was removed. `DeleteAclsResponse.json`.
    struct DeleteAclsResponse(1..=3, flexible 2..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// In the order of the request.
        filter_results: Vec<DeleteAclsFilterResult> = 0..;
    }

    /// What matched one filter.
    struct DeleteAclsFilterResult {
        /// Whether the filter failed as a whole.
        error_code: ErrorCode = 0..;
        /// Why, for people.
        error_message: Option<Str> = 0..;
        /// Each rule that matched.
        matching_acls: Vec<DeleteAclsMatchingAcl> = 0..;
    }

    /// A rule that matched.
    struct DeleteAclsMatchingAcl {
        /// Whether it is still there.
        error_code: ErrorCode = 0..;
        /// Why, for people.
        error_message: Option<Str> = 0..;
        /// What it is about.
        resource_type: i8 = 0..;
        /// The name of that, or a pattern of names.
        resource_name: Str = 0..;
        /// How the name is a pattern.
        pattern_type: i8 = 1.., or PATTERN_LITERAL;
        /// Whom it is for.
        principal: Str = 0..;
        /// Where from.
        host: Str = 0..;
        /// What.
        operation: i8 = 0..;
        /// Whether that is allowed.
        permission_type: i8 = 0..;
    }
}
