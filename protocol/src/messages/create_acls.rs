//! CreateAcls (30): adds rules of who may do what (KIP-140).
//!
//! v1: patterns of names (KIP-290). v2 is flexible. v3: users as resources (KIP-373). The numbers
//! in it are DescribeAcls' constants.

use crate::Str;
use crate::error_code::ErrorCode;
use crate::messages::describe_acls::PATTERN_LITERAL;
use crate::schema::messages;

messages! {
    /// Adds rules. `CreateAclsRequest.json`.
    struct CreateAclsRequest(CREATE_ACLS -> CreateAclsResponse, 1..=3, flexible 2..) {
        /// Each rule.
        creations: Vec<AclCreation> = 0..;
    }

    /// A rule to add.
    struct AclCreation {
        /// What it is about.
        resource_type: i8 = 0..;
        /// The name of that, or a pattern of names.
        resource_name: Str = 0..;
        /// How the name is a pattern.
        resource_pattern_type: i8 = 1.., or PATTERN_LITERAL;
        /// Whom it is for, as in `User:alice`; `User:*`: anybody.
        principal: Str = 0..;
        /// Where from: an address; `*`: anywhere.
        host: Str = 0..;
        /// What.
        operation: i8 = 0..;
        /// Whether that is allowed.
        permission_type: i8 = 0..;
    }

    /// How each addition went. `CreateAclsResponse.json`.
    struct CreateAclsResponse(1..=3, flexible 2..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// In the order of the request.
        results: Vec<AclCreationResult> = 0..;
    }

    /// How the addition of one rule went.
    struct AclCreationResult {
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// Why, for people.
        error_message: Option<Str> = 0..;
    }
}
