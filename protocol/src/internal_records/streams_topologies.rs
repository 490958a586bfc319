//! Topologies of streams groups (KIP-1071): records of `__consumer_offsets`.

use crate::Str;
use crate::ids::TopologyEpoch;
use crate::schema::messages;

messages! {
    /// Names a group. `StreamsGroupTopologyKey.json`.
    struct StreamsGroupTopologyKey(0..=0) {
        /// The group (Kafka: `group.id`).
        group_id: Str = 0..;
    }

    /// What a group computes. `StreamsGroupTopologyValue.json`.
    struct StreamsGroupTopologyValue(0..=0, flexible 0..) {
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
        topic_configs: Vec<TopicConfig> = 0..;
    }

    /// A setting.
    struct TopicConfig {
        /// Its name.
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
}
