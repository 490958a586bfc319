//! DescribeAcls (29): who may do what (KIP-140).
//!
//! v1: patterns of names (KIP-290). v2 is flexible. v3: users as resources (KIP-373).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::schema::messages;

/// `resource_type` in a filter: any type.
pub const RESOURCE_ANY: i8 = 1;
/// `resource_type` of a topic.
pub const RESOURCE_TOPIC: i8 = 2;
/// `resource_type` of a group.
pub const RESOURCE_GROUP: i8 = 3;
/// `resource_type` of the cluster; its name is `kafka-cluster`.
pub const RESOURCE_CLUSTER: i8 = 4;
/// `resource_type` of a transactional id.
pub const RESOURCE_TRANSACTIONAL_ID: i8 = 5;
/// `resource_type` of a delegation token.
pub const RESOURCE_DELEGATION_TOKEN: i8 = 6;
/// `resource_type` of a user, for whom others make tokens (v3).
pub const RESOURCE_USER: i8 = 7;

/// `pattern_type` in a filter: any pattern with exactly the filter's name.
pub const PATTERN_ANY: i8 = 1;
/// `pattern_type` in a filter: any pattern that covers the filter's name.
pub const PATTERN_MATCH: i8 = 2;
/// `pattern_type`: the name itself; `*` covers all.
pub const PATTERN_LITERAL: i8 = 3;
/// `pattern_type`: all names that begin so.
pub const PATTERN_PREFIXED: i8 = 4;

/// `operation` in a filter: any operation.
pub const OPERATION_ANY: i8 = 1;
/// `operation`: all operations.
pub const OPERATION_ALL: i8 = 2;
/// `operation`: read.
pub const OPERATION_READ: i8 = 3;
/// `operation`: write.
pub const OPERATION_WRITE: i8 = 4;
/// `operation`: create.
pub const OPERATION_CREATE: i8 = 5;
/// `operation`: delete.
pub const OPERATION_DELETE: i8 = 6;
/// `operation`: alter.
pub const OPERATION_ALTER: i8 = 7;
/// `operation`: describe.
pub const OPERATION_DESCRIBE: i8 = 8;
/// `operation`: what only brokers do.
pub const OPERATION_CLUSTER_ACTION: i8 = 9;
/// `operation`: describe configurations.
pub const OPERATION_DESCRIBE_CONFIGS: i8 = 10;
/// `operation`: alter configurations.
pub const OPERATION_ALTER_CONFIGS: i8 = 11;
/// `operation`: write with an idempotent producer.
pub const OPERATION_IDEMPOTENT_WRITE: i8 = 12;
/// `operation`: create delegation tokens.
pub const OPERATION_CREATE_TOKENS: i8 = 13;
/// `operation`: describe delegation tokens.
pub const OPERATION_DESCRIBE_TOKENS: i8 = 14;
/// `operation`: prepare a transaction for a commit in two phases (KIP-939).
pub const OPERATION_TWO_PHASE_COMMIT: i8 = 15;

/// `permission_type` in a filter: any.
pub const PERMISSION_ANY: i8 = 1;
/// `permission_type`: forbidden; wins over allowed.
pub const PERMISSION_DENY: i8 = 2;
/// `permission_type`: allowed.
pub const PERMISSION_ALLOW: i8 = 3;

messages! {
    /// Asks for the rules that match a filter. `DescribeAclsRequest.json`.
    struct DescribeAclsRequest(DESCRIBE_ACLS -> DescribeAclsResponse, 1..=3, flexible 2..) {
        /// What they are about: one of the `RESOURCE_` constants.
        resource_type_filter: i8 = 0..;
        /// The name of that; `None`: any.
        resource_name_filter: Option<Str> = 0..;
        /// How their names are patterns: one of the `PATTERN_` constants.
        pattern_type_filter: i8 = 1.., or PATTERN_LITERAL;
        /// Whom they are for, as in `User:alice`; `None`: anybody.
        principal_filter: Option<Str> = 0..;
        /// Where from; `None`: anywhere.
        host_filter: Option<Str> = 0..;
        /// What may be done: one of the `OPERATION_` constants.
        operation: i8 = 0..;
        /// One of the `PERMISSION_` constants.
        permission_type: i8 = 0..;
    }

    /// The rules that match. `DescribeAclsResponse.json`.
    struct DescribeAclsResponse(1..=3, flexible 2..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Whether the request failed.
        error_code: ErrorCode = 0..;
        /// Why, for people.
        error_message: Option<Str> = 0..;
        /// Each resource that has such rules.
        resources: Vec<DescribeAclsResource> = 0..;
    }

    /// The rules of one resource.
    struct DescribeAclsResource {
        /// What it is: one of the `RESOURCE_` constants.
        resource_type: i8 = 0..;
        /// Its name, or a pattern of names.
        resource_name: Str = 0..;
        /// How the name is a pattern: one of the `PATTERN_` constants.
        pattern_type: i8 = 1.., or PATTERN_LITERAL;
        /// Each rule.
        acls: Vec<AclDescription> = 0..;
    }

    /// A rule.
    struct AclDescription {
        /// Whom it is for, as in `User:alice`; `User:*`: anybody.
        principal: Str = 0..;
        /// Where from: an address; `*`: anywhere.
        host: Str = 0..;
        /// What: one of the `OPERATION_` constants.
        operation: i8 = 0..;
        /// Whether that is allowed: one of the `PERMISSION_` constants.
        permission_type: i8 = 0..;
    }
}
