//! ListConfigResources (74): what can be configured (KIP-1142).
//!
//! v0 lists telemetry subscriptions only (KIP-714). v1: the caller chooses what is listed.

use crate::Str;
use crate::error_code::ErrorCode;
use crate::messages::describe_configs::RESOURCE_TYPE_CLIENT_METRICS;
use crate::schema::messages;

messages! {
    /// Asks for resources. `ListConfigResourcesRequest.json`.
    struct ListConfigResourcesRequest(
        LIST_CONFIG_RESOURCES -> ListConfigResourcesResponse, 0..=1, flexible 0..
    ) {
        /// Of which kinds: DescribeConfigs' `RESOURCE_TYPE_` constants; empty: of all.
        resource_types: Vec<i8> = 1..;
    }

    /// Resources. `ListConfigResourcesResponse.json`.
    struct ListConfigResourcesResponse(0..=1, flexible 0..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Whether the request failed as a whole.
        error_code: ErrorCode = 0..;
        /// Each resource.
        config_resources: Vec<ConfigResource> = 0..;
    }

    /// A resource.
    struct ConfigResource {
        /// Its name.
        resource_name: Str = 0..;
        /// What it is: one of DescribeConfigs' `RESOURCE_TYPE_` constants.
        resource_type: i8 = 1.. ignorable, or RESOURCE_TYPE_CLIENT_METRICS;
    }
}
