//! DescribeConfigs (32): how topics, brokers and groups are configured (KIP-133).
//!
//! v1: where a value comes from, and what it would be without (KIP-226). v3: types and explanations
//! (KIP-569). v4 is flexible.

use crate::Str;
use crate::error_code::ErrorCode;
use crate::schema::messages;

/// `resource_type` of a topic.
pub const RESOURCE_TYPE_TOPIC: i8 = 2;
/// `resource_type` of a broker; its name is the id, or empty for the cluster's default.
pub const RESOURCE_TYPE_BROKER: i8 = 4;
/// `resource_type` of a broker's log levels.
pub const RESOURCE_TYPE_BROKER_LOGGER: i8 = 8;
/// `resource_type` of a telemetry subscription.
pub const RESOURCE_TYPE_CLIENT_METRICS: i8 = 16;
/// `resource_type` of a group.
pub const RESOURCE_TYPE_GROUP: i8 = 32;

messages! {
    /// Asks for configurations. `DescribeConfigsRequest.json`.
    struct DescribeConfigsRequest(
        DESCRIBE_CONFIGS -> DescribeConfigsResponse, 1..=4, flexible 4..
    ) {
        /// Each resource.
        resources: Vec<DescribeConfigsResource> = 0..;
        /// Whether to say what a value would be if it were not set.
        include_synonyms: bool = 1.., or false;
        /// Whether to explain each configuration.
        include_documentation: bool = 3.., or false;
    }

    /// A resource asked about.
    struct DescribeConfigsResource {
        /// What it is: one of the `RESOURCE_TYPE_` constants.
        resource_type: i8 = 0..;
        /// Its name.
        resource_name: Str = 0..;
        /// Which configurations; `None`: all.
        configuration_keys: Option<Vec<Str>> = 0..;
    }

    /// Configurations. `DescribeConfigsResponse.json`.
    struct DescribeConfigsResponse(1..=4, flexible 4..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Each resource.
        results: Vec<DescribeConfigsResult> = 0..;
    }

    /// The answer for one resource.
    struct DescribeConfigsResult {
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// Why, for people.
        error_message: Option<Str> = 0..;
        /// What it is: one of the `RESOURCE_TYPE_` constants.
        resource_type: i8 = 0..;
        /// Its name.
        resource_name: Str = 0..;
        /// Each configuration.
        configs: Vec<DescribeConfigsResourceResult> = 0..;
    }

    /// A configuration.
    struct DescribeConfigsResourceResult {
        /// Kafka's name of it, as in `retention.ms`.
        name: Str = 0..;
        /// Its value; `None` if it is secret or not set.
        value: Option<Str> = 0..;
        /// Whether it cannot be changed.
        read_only: bool = 0..;
        /// Where the value comes from: 1 topic, 2 broker, 3 cluster, 4 broker's file, 5 default, 6
        /// broker's log levels, 7 telemetry subscription, 8 group; 0 or `None` not known.
        config_source: Option<i8> = 1.. ignorable;
        /// Whether the value is secret.
        is_sensitive: bool = 0..;
        /// What the value would be, in order, if it were not set here.
        synonyms: Vec<DescribeConfigsSynonym> = 1.. ignorable;
        /// 1 boolean, 2 string, 3 int, 4 short, 5 long, 6 double, 7 list, 8 class, 9 password; 0
        /// not known.
        config_type: i8 = 3.. ignorable, or 0;
        /// What it is for.
        documentation: Option<Str> = 3.. ignorable;
    }

    /// Another place where the value may be set.
    struct DescribeConfigsSynonym {
        /// The name it has there.
        name: Str = 1..;
        /// The value it has there.
        value: Option<Str> = 1..;
        /// Which place; as `config_source`.
        source: i8 = 1..;
    }
}
