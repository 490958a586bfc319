//! IncrementalAlterConfigs (44): changes single configurations and keeps the others (KIP-339).
//!
//! v1 is flexible.

use crate::Str;
use crate::error_code::ErrorCode;
use crate::schema::messages;

/// `config_operation`: the value is set.
pub const OPERATION_SET: i8 = 0;
/// `config_operation`: the configuration is as if it had never been set.
pub const OPERATION_DELETE: i8 = 1;
/// `config_operation`: items are added to a list, unless they are in it.
pub const OPERATION_APPEND: i8 = 2;
/// `config_operation`: items are taken out of a list.
pub const OPERATION_SUBTRACT: i8 = 3;

messages! {
    /// Asks for changes. `IncrementalAlterConfigsRequest.json`.
    struct IncrementalAlterConfigsRequest(
        INCREMENTAL_ALTER_CONFIGS -> IncrementalAlterConfigsResponse, 0..=1, flexible 1..
    ) {
        /// Each resource; they must differ.
        resources: Vec<AlterConfigsResource> = 0..;
        /// Only check; change nothing.
        validate_only: bool = 0..;
    }

    /// A resource to change.
    struct AlterConfigsResource {
        /// What it is: one of DescribeConfigs' `RESOURCE_TYPE_` constants.
        resource_type: i8 = 0..;
        /// Its name.
        resource_name: Str = 0..;
        /// Each configuration; they must differ.
        configs: Vec<AlterableConfig> = 0..;
    }

    /// A configuration to change.
    struct AlterableConfig {
        /// Kafka's name of it, as in `retention.ms`.
        name: Str = 0..;
        /// How: one of the `OPERATION_` constants.
        config_operation: i8 = 0..;
        /// The value, or the items of a list; `None` to delete.
        value: Option<Str> = 0..;
    }

    /// How each change went. `IncrementalAlterConfigsResponse.json`.
    struct IncrementalAlterConfigsResponse(0..=1, flexible 1..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Each resource.
        responses: Vec<AlterConfigsResourceResponse> = 0..;
    }

    /// How the change of one resource went: it is changed as a whole, or not at all.
    struct AlterConfigsResourceResponse {
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// Why, for people.
        error_message: Option<Str> = 0..;
        /// What it is: one of DescribeConfigs' `RESOURCE_TYPE_` constants.
        resource_type: i8 = 0..;
        /// Its name.
        resource_name: Str = 0..;
    }
}
