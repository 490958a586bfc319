//! AlterConfigs (33): replaces all that is configured of a resource (KIP-133).
//!
//! What the request does not name goes back to its default, so two callers undo each other's
//! changes; IncrementalAlterConfigs does not have that problem. v2 is flexible.

use crate::Str;
use crate::error_code::ErrorCode;
use crate::schema::messages;

messages! {
    /// Asks for new configurations. `AlterConfigsRequest.json`.
    struct AlterConfigsRequest(ALTER_CONFIGS -> AlterConfigsResponse, 0..=2, flexible 2..) {
        /// Each resource; they must differ.
        resources: Vec<AlterConfigsResource> = 0..;
        /// Only check; change nothing.
        validate_only: bool = 0..;
    }

    /// A resource to configure.
    struct AlterConfigsResource {
        /// What it is: one of DescribeConfigs' `RESOURCE_TYPE_` constants.
        resource_type: i8 = 0..;
        /// Its name.
        resource_name: Str = 0..;
        /// All that shall be configured; they must differ.
        configs: Vec<AlterableConfig> = 0..;
    }

    /// A configuration to set.
    struct AlterableConfig {
        /// Kafka's name of it, as in `retention.ms`.
        name: Str = 0..;
        /// Its value.
        value: Option<Str> = 0..;
    }

    /// How each change went. `AlterConfigsResponse.json`.
    struct AlterConfigsResponse(0..=2, flexible 2..) {
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
