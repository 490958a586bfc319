//! StreamsGroupDescribe (89): streams groups, their members and topologies (KIP-1071).
//!
//! v1: the topology as the application wrote it (KIP-1331), the assignor (KIP-1357).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{AuthorizedOperations, GroupEpoch, PartitionIndex, TopologyEpoch};
use crate::schema::messages;

/// A topology description: nobody asked for it.
pub const DESCRIPTION_NOT_REQUESTED: i8 = 0;
/// A topology description: no member has sent one.
pub const DESCRIPTION_NOT_STORED: i8 = 1;
/// A topology description: the broker could not get at it.
pub const DESCRIPTION_ERROR: i8 = 2;
/// A topology description: it is there.
pub const DESCRIPTION_AVAILABLE: i8 = 3;

messages! {
    /// Asks about groups. `StreamsGroupDescribeRequest.json`.
    struct StreamsGroupDescribeRequest(
        STREAMS_GROUP_DESCRIBE -> StreamsGroupDescribeResponse, 0..=1, flexible 0..
    ) {
        /// The groups' ids.
        group_ids: Vec<Str> = 0..;
        /// Whether to say what the caller may do to each group.
        include_authorized_operations: bool = 0..;
        /// Whether to say what the application computes, node by node.
        include_topology_description: bool = 1..;
    }

    /// Groups. `StreamsGroupDescribeResponse.json`.
    struct StreamsGroupDescribeResponse(0..=1, flexible 0..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Each group.
        groups: Vec<DescribedGroup> = 0..;
    }

    /// A group.
    struct DescribedGroup {
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// What went wrong, in words.
        error_message: Option<Str> = 0..;
        /// Its id.
        group_id: Str = 0..;
        /// `Empty`, `NotReady`, `Assigning`, `Reconciling`, `Stable` or `Dead`; empty if it failed.
        group_state: Str = 0..;
        /// Grows whenever members, topics or the topology change.
        group_epoch: GroupEpoch = 0..;
        /// The group epoch for which the target was worked out.
        assignment_epoch: GroupEpoch = 0..;
        /// What the application computes; `None` if it failed.
        topology: Option<Topology> = 0..;
        /// Its members.
        members: Vec<Member> = 0..;
        /// What the caller may do to the group, a bit for each operation.
        authorized_operations: Option<AuthorizedOperations> = 0..;
        /// What the application computes, node by node; `None` unless it is there.
        topology_description: Option<TopologyDescription> = 1..;
        /// Whether it is there, as one of the `DESCRIPTION_` constants.
        topology_description_status: i8 = 1..;
        /// The broker's way to assign next time; `None` if it failed.
        assignor_name: Option<Str> = 1.. ignorable;
    }

    /// What an application computes.
    struct Topology {
        /// Counts the versions of the topology.
        epoch: TopologyEpoch = 0..;
        /// Its parts, with patterns resolved; `None` if topics are missing or do not fit.
        subtopologies: Option<Vec<Subtopology>> = 0..;
    }

    /// A part of a topology; each partition of its topics is a task.
    struct Subtopology {
        /// The subtopology's id, unique in its topology.
        subtopology_id: Str = 0..;
        /// The topics it reads.
        source_topics: Vec<Str> = 0..;
        /// The topics it writes for other parts.
        repartition_sink_topics: Vec<Str> = 0..;
        /// The topics that keep its state.
        state_changelog_topics: Vec<TopicInfo> = 0..;
        /// The topics that other parts write for it.
        repartition_source_topics: Vec<TopicInfo> = 0..;
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

    /// A member.
    struct Member {
        /// Its id.
        member_id: Str = 0..;
        /// The epoch up to which it has followed the target.
        member_epoch: GroupEpoch = 0..;
        /// The name it keeps over restarts, if it is static.
        instance_id: Option<Str> = 0..;
        /// Where it runs.
        rack_id: Option<Str> = 0..;
        /// What the client calls itself (Kafka: `client.id`).
        client_id: Str = 0..;
        /// The address the client came from.
        client_host: Str = 0..;
        /// Which version of the topology it has.
        topology_epoch: TopologyEpoch = 0..;
        /// Identifies its process, which may hold several members.
        process_id: Str = 0..;
        /// Where to ask it for state, if it says so.
        user_endpoint: Option<Endpoint> = 0..;
        /// What standby tasks are spread by.
        client_tags: Vec<KeyValue> = 0..;
        /// How far the copies of its tasks' state are.
        task_offsets: Vec<TaskOffset> = 0..;
        /// How far they could be.
        task_end_offsets: Vec<TaskOffset> = 0..;
        /// What it has.
        assignment: Assignment = 0..;
        /// What it is to have.
        target_assignment: Assignment = 0..;
        /// Whether it still follows the classic protocol.
        is_classic: bool = 0..;
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

    /// The tasks of a member.
    struct Assignment {
        /// The tasks it runs.
        active_tasks: Vec<TaskIds> = 0..;
        /// The tasks whose state it copies, to take over if it must.
        standby_tasks: Vec<TaskIds> = 0..;
        /// The tasks whose state it copies, to take over soon.
        warmup_tasks: Vec<TaskIds> = 0..;
    }

    /// Tasks of a subtopology.
    struct TaskIds {
        /// The subtopology's id, unique in its topology.
        subtopology_id: Str = 0..;
        /// Which partitions, each a task.
        partitions: Vec<PartitionIndex> = 0..;
    }

    /// What an application computes, node by node.
    struct TopologyDescription {
        /// Its parts that share no state.
        subtopologies: Vec<TopologyDescriptionSubtopology> = 1..;
        /// Its stores that every process has a full copy of.
        global_stores: Vec<TopologyDescriptionGlobalStore> = 1..;
    }

    /// A part of a topology.
    struct TopologyDescriptionSubtopology {
        /// The subtopology's id, unique in its topology.
        subtopology_id: Str = 1..;
        /// Its nodes.
        nodes: Vec<TopologyDescriptionNode> = 1..;
    }

    /// A node.
    struct TopologyDescriptionNode {
        /// Its name, as `KSTREAM-SOURCE-0000000000`.
        name: Str = 1..;
        /// 1: a source; 2: a processor; 3: a sink.
        node_type: i8 = 1..;
        /// The topics a source reads; empty if it finds them out as it runs.
        source_topics: Vec<Str> = 1..;
        /// The topic a sink writes; `None` if it finds it out as it runs.
        sink_topic: Option<Str> = 1..;
        /// The stores a processor uses.
        stores: Vec<Str> = 1..;
        /// The nodes that get what it puts out.
        successors: Vec<Str> = 1..;
    }

    /// A store that every process has a full copy of.
    struct TopologyDescriptionGlobalStore {
        /// The node that reads what goes in.
        source: TopologyDescriptionNode = 1..;
        /// The node that puts it in.
        processor: TopologyDescriptionNode = 1..;
    }
}
