//! CreateTopics (19).
//!
//! v4: -1 takes the broker's defaults (KIP-464). v5 is flexible and answers
//! configurations (KIP-525). v6: may be throttled (KIP-599). v7 answers the topic's id (KIP-516).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{NodeId, PartitionIndex, Uuid};
use crate::schema::messages;

messages! {
    /// Asks the controller to create topics. `CreateTopicsRequest.json`.
    struct CreateTopicsRequest(CREATE_TOPICS -> CreateTopicsResponse, 2..=7, flexible 5..) {
        /// Each topic; names must differ.
        topics: Vec<CreatableTopic> = 0..;
        /// How long the controller may take, in milliseconds.
        timeout_ms: i32 = 0.., or 60_000;
        /// Only check; create nothing.
        validate_only: bool = 1.., or false;
    }

    /// A topic to create.
    struct CreatableTopic {
        /// Its name.
        name: Str = 0..;
        /// How many partitions; `None`: the broker's default, or `assignments` says it.
        num_partitions: Option<i32> = 0..;
        /// How many replicas each has; `None` likewise.
        replication_factor: Option<i16> = 0..;
        /// Which brokers get which partition; empty: the controller chooses.
        assignments: Vec<CreatableReplicaAssignment> = 0..;
        /// What is configured otherwise than in the broker's defaults.
        configs: Vec<CreatableTopicConfig> = 0..;
    }

    /// Which brokers get a partition.
    struct CreatableReplicaAssignment {
        /// Which partition.
        partition_index: PartitionIndex = 0..;
        /// Its replicas, the preferred leader first.
        broker_ids: Vec<NodeId> = 0..;
    }

    /// A configuration to set.
    struct CreatableTopicConfig {
        /// Kafka's name of it, as in `retention.ms`.
        name: Str = 0..;
        /// Its value.
        value: Option<Str> = 0..;
    }

    /// How each creation went. `CreateTopicsResponse.json`.
    struct CreateTopicsResponse(2..=7, flexible 5..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 2.. ignorable;
        /// Each topic.
        topics: Vec<CreatableTopicResult> = 0..;
    }

    /// How the creation of one topic went.
    struct CreatableTopicResult {
        /// Its name.
        name: Str = 0..;
        /// Its id.
        topic_id: Uuid = 7.. ignorable;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// Why, for people.
        error_message: Option<Str> = 1.. ignorable;
        /// Why `configs` is missing, if the caller may not see it.
        topic_config_error_code: ErrorCode = 5.. ignorable, tag 0;
        /// How many partitions it has, if that is known.
        num_partitions: Option<i32> = 5.. ignorable;
        /// How many replicas each has, if that is known.
        replication_factor: Option<i16> = 5.. ignorable;
        /// How it is configured.
        configs: Option<Vec<CreatableTopicConfigs>> = 5.. ignorable;
    }

    /// A configuration of the new topic.
    struct CreatableTopicConfigs {
        /// Kafka's name of it.
        name: Str = 5..;
        /// Its value; `None` if it is secret.
        value: Option<Str> = 5..;
        /// Whether it cannot be changed.
        read_only: bool = 5..;
        /// Where the value comes from; see DescribeConfigs.
        config_source: Option<i8> = 5.. ignorable;
        /// Whether the value is secret.
        is_sensitive: bool = 5..;
    }
}
