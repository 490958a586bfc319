//! StreamsGroupHeartbeat (88): members of a streams application say what changed and are told which
//! tasks they run (KIP-1071).
//!
//! v1: whether the topology's description is wanted (KIP-1331); the status for missing tags.

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{GroupEpoch, PartitionIndex, TopologyEpoch};
use crate::schema::messages;

/// A status: the member's topology is older than the group's.
pub const STALE_TOPOLOGY: i8 = 0;
/// A status: topics to read from are missing.
pub const MISSING_SOURCE_TOPICS: i8 = 1;
/// A status: topics that belong together differ in their number of partitions.
pub const INCORRECTLY_PARTITIONED_TOPICS: i8 = 2;
/// A status: topics of the application's own are missing; the coordinator tries to create them.
pub const MISSING_INTERNAL_TOPICS: i8 = 3;
/// A status: a member asked that the whole application stops.
pub const SHUTDOWN_APPLICATION: i8 = 4;
/// A status: the assignment comes later.
pub const ASSIGNMENT_DELAYED: i8 = 5;
/// A status: tags that the assignment needs are missing (v1).
pub const MISSING_CLIENT_TAGS: i8 = 6;

messages! {
    /// Says that a member is alive and what changed with it; `None`: unchanged.
    /// `StreamsGroupHeartbeatRequest.json`.
    struct StreamsGroupHeartbeatRequest(
        STREAMS_GROUP_HEARTBEAT -> StreamsGroupHeartbeatResponse, 0..=1, flexible 0..
    ) {
        /// The group (Kafka: `group.id`).
        group_id: Str = 0..;
        /// The member, by an id it keeps as long as its process runs.
        member_id: Str = 0..;
        /// The member's epoch; 0 asks to be let in, -1 says goodbye, -2 says so of a static member
        /// that will be back.
        member_epoch: GroupEpoch = 0..;
        /// Which version of `partitions_by_user_endpoint` the member has.
        endpoint_information_epoch: i32 = 0..;
        /// The name a static member keeps over restarts (Kafka: `group.instance.id`).
        instance_id: Option<Str> = 0..;
        /// Where it runs (Kafka: `client.rack`).
        rack_id: Option<Str> = 0..;
        /// How long it may take to give tasks back, in milliseconds; `None`: unchanged.
        rebalance_timeout_ms: Option<i32> = 0..;
        /// What the application computes; only from a member that asks to be let in.
        topology: Option<Topology> = 0..;
        /// The tasks it runs.
        active_tasks: Option<Vec<TaskIds>> = 0..;
        /// The tasks whose state it copies, to take over if it must.
        standby_tasks: Option<Vec<TaskIds>> = 0..;
        /// The tasks whose state it copies, to take over soon.
        warmup_tasks: Option<Vec<TaskIds>> = 0..;
        /// Identifies its process, which may hold several members.
        process_id: Option<Str> = 0..;
        /// Where the application's users can ask for its state.
        user_endpoint: Option<Endpoint> = 0..;
        /// What standby tasks are spread by.
        client_tags: Option<Vec<KeyValue>> = 0..;
        /// How far the copies of its tasks' state are.
        task_offsets: Option<Vec<TaskOffset>> = 0..;
        /// How far they could be.
        task_end_offsets: Option<Vec<TaskOffset>> = 0..;
        /// Whether all members should stop.
        shutdown_application: bool = 0..;
    }

    /// What an application computes.
    struct Topology {
        /// Counts the versions of the topology.
        epoch: TopologyEpoch = 0..;
        /// Its parts that share no state.
        subtopologies: Vec<Subtopology> = 0..;
    }

    /// A part of a topology; each partition of its topics is a task.
    struct Subtopology {
        /// The subtopology's id, unique in its topology.
        subtopology_id: Str = 0..;
        /// The topics it reads.
        source_topics: Vec<Str> = 0..;
        /// Patterns (RE2) of more topics that it reads.
        source_topic_regex: Vec<Str> = 0..;
        /// The topics that keep its state.
        state_changelog_topics: Vec<TopicInfo> = 0..;
        /// The topics it writes for other parts.
        repartition_sink_topics: Vec<Str> = 0..;
        /// The topics that other parts write for it.
        repartition_source_topics: Vec<TopicInfo> = 0..;
        /// Topics that must have the same number of partitions.
        copartition_groups: Vec<CopartitionGroup> = 0..;
    }

    /// A topic of the application's own.
    struct TopicInfo {
        /// Its name.
        name: Str = 0..;
        /// How many partitions it has; 0: as many as its sources.
        partitions: i32 = 0..;
        /// How many replicas it has; 0: as the broker is configured.
        replication_factor: i16 = 0..;
        /// Its settings.
        topic_configs: Vec<KeyValue> = 0..;
    }

    /// A pair of words.
    struct KeyValue {
        /// The key.
        key: Str = 0..;
        /// The value.
        value: Str = 0..;
    }

    /// Topics that must have the same number of partitions, as indexes into the subtopology's
    /// lists.
    struct CopartitionGroup {
        /// Indexes into `source_topics`.
        source_topics: Vec<i16> = 0..;
        /// Indexes into `source_topic_regex`.
        source_topic_regex: Vec<i16> = 0..;
        /// Indexes into `repartition_source_topics`.
        repartition_source_topics: Vec<i16> = 0..;
    }

    /// Tasks of a subtopology.
    struct TaskIds {
        /// The subtopology's id, unique in its topology.
        subtopology_id: Str = 0..;
        /// Which partitions, each a task.
        partitions: Vec<PartitionIndex> = 0..;
    }

    /// An address.
    struct Endpoint {
        /// Its host.
        host: Str = 0..;
        /// Its port.
        port: u16 = 0..;
    }

    /// How far one task is.
    struct TaskOffset {
        /// The subtopology's id, unique in its topology.
        subtopology_id: Str = 0..;
        /// The task's partition.
        partition: PartitionIndex = 0..;
        /// Offsets summed over the task's changelogs.
        offset: i64 = 0..;
    }

    /// Where the member stands. `StreamsGroupHeartbeatResponse.json`.
    struct StreamsGroupHeartbeatResponse(0..=1, flexible 0..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// What went wrong, in words.
        error_message: Option<Str> = 0..;
        /// The member.
        member_id: Str = 0..;
        /// The epoch to send from now on.
        member_epoch: GroupEpoch = 0..;
        /// After how long the next heartbeat is due, in milliseconds.
        heartbeat_interval_ms: i32 = 0..;
        /// The same as `acceptable_recovery_lag`, in v0.
        acceptable_recovery_lag_legacy: i32 = 0..=0;
        /// After how long the next `task_offsets` are due, in milliseconds.
        task_offset_interval_ms: i32 = 0..;
        /// How many records a copy may lag behind to count as caught up; `None`: the broker
        /// does not say.
        acceptable_recovery_lag: Option<i64> = 1.. ignorable;
        /// What is wrong with the group; `None`: unchanged.
        status: Option<Vec<Status>> = 0..;
        /// The tasks to run; `None`: unchanged.
        active_tasks: Option<Vec<TaskIds>> = 0..;
        /// The tasks whose state to copy, to take over if it must; `None`: unchanged.
        standby_tasks: Option<Vec<TaskIds>> = 0..;
        /// The tasks whose state to copy, to take over soon; `None`: unchanged.
        warmup_tasks: Option<Vec<TaskIds>> = 0..;
        /// Whether the member should send the topology's description; see
        /// [`super::streams_group_topology_description_update`].
        topology_description_required: bool = 1..;
        /// Which version of `partitions_by_user_endpoint` this is.
        endpoint_information_epoch: i32 = 0..;
        /// Who has which partitions' state, an entry for each member; `None`: unchanged.
        partitions_by_user_endpoint: Option<Vec<EndpointToPartitions>> = 0..;
    }

    /// Something that is wrong with the group.
    struct Status {
        /// What, as one of this module's constants.
        status_code: i8 = 0..;
        /// The same in words, with names.
        status_detail: Str = 0..;
    }

    /// Which partitions' state one member has.
    struct EndpointToPartitions {
        /// Where to ask it.
        user_endpoint: Endpoint = 0..;
        /// The partitions it works on.
        active_partitions: Vec<TopicPartition> = 0..;
        /// The partitions it copies.
        standby_partitions: Vec<TopicPartition> = 0..;
    }

    /// Partitions of a topic.
    struct TopicPartition {
        /// The topic's name.
        topic: Str = 0..;
        /// Which partitions.
        partitions: Vec<PartitionIndex> = 0..;
    }
}
