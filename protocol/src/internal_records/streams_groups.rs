//! Streams groups (KIP-1071): records of `__consumer_offsets`.

use crate::Str;
use crate::ids::{GroupEpoch, PartitionIndex, Timestamp, TopologyEpoch};
use crate::schema::messages;

/// In place of the version whose description is stored: nobody knows, for storing was cut short.
pub const DESCRIPTION_UNCERTAIN: TopologyEpoch = TopologyEpoch(-2);

messages! {
    /// Names a group. `StreamsGroupMetadataKey.json`.
    struct StreamsGroupMetadataKey(0..=0) {
        /// The group (Kafka: `group.id`).
        group_id: Str = 0..;
    }

    /// A group. `StreamsGroupMetadataValue.json`.
    struct StreamsGroupMetadataValue(0..=0, flexible 0..) {
        /// Grows whenever members, topics or the topology change.
        epoch: GroupEpoch = 0..;
        /// A hash of the topics it reads, to notice when they change.
        metadata_hash: i64 = 0..;
        /// The version of the topology whose topics were found in order.
        validated_topology_epoch: Option<TopologyEpoch> = 0.., tag 0;
        /// The settings of the last assignment, to notice when they change.
        last_assignment_configs: Option<Vec<LastAssignmentConfig>> = 0.., tag 1,
            or Some(Vec::new());
        /// The version of the topology whose description is stored; [`DESCRIPTION_UNCERTAIN`].
        stored_description_topology_epoch: Option<TopologyEpoch> = 0.., tag 2;
        /// The version of the topology whose description was refused for good.
        failed_description_topology_epoch: Option<TopologyEpoch> = 0.., tag 3;
    }

    /// A setting.
    struct LastAssignmentConfig {
        /// Its name.
        key: Str = 0..;
        /// The value.
        value: Str = 0..;
    }

    /// Names a member of a group. `StreamsGroupMemberMetadataKey.json`.
    struct StreamsGroupMemberMetadataKey(0..=0) {
        /// The group (Kafka: `group.id`).
        group_id: Str = 0..;
        /// The member.
        member_id: Str = 0..;
    }

    /// A member, as its heartbeats describe it. `StreamsGroupMemberMetadataValue.json`.
    struct StreamsGroupMemberMetadataValue(0..=0, flexible 0..) {
        /// The name it keeps over restarts, if it is static.
        instance_id: Option<Str> = 0..;
        /// Where it runs.
        rack_id: Option<Str> = 0..;
        /// What the client calls itself (Kafka: `client.id`).
        client_id: Str = 0..;
        /// The address the client came from.
        client_host: Str = 0..;
        /// How long it may take to give tasks back, in milliseconds.
        rebalance_timeout_ms: Option<i32> = 0..;
        /// Which version of the topology it has.
        topology_epoch: TopologyEpoch = 0..;
        /// Identifies its process, which may hold several members.
        process_id: Str = 0..;
        /// Where to ask it for state, if it says so.
        user_endpoint: Option<Endpoint> = 0..;
        /// What standby tasks are spread by.
        client_tags: Vec<KeyValue> = 0..;
    }

    /// An address.
    struct Endpoint {
        /// Its host.
        host: Str = 0..;
        /// Its port.
        port: u16 = 0..;
    }

    /// A pair of words.
    struct KeyValue {
        /// The key.
        key: Str = 0..;
        /// The value.
        value: Str = 0..;
    }

    /// Names a group. `StreamsGroupTargetAssignmentMetadataKey.json`.
    struct StreamsGroupTargetAssignmentMetadataKey(0..=0) {
        /// The group (Kafka: `group.id`).
        group_id: Str = 0..;
    }

    /// The target of a group is complete. `StreamsGroupTargetAssignmentMetadataValue.json`.
    struct StreamsGroupTargetAssignmentMetadataValue(0..=0, flexible 0..) {
        /// The group epoch for which it was worked out.
        assignment_epoch: GroupEpoch = 0..;
        /// When it was worked out (KIP-1263); 0: not known.
        assignment_timestamp: Timestamp = 0.. ignorable, tag 0;
    }

    /// Names a member of a group. `StreamsGroupTargetAssignmentMemberKey.json`.
    struct StreamsGroupTargetAssignmentMemberKey(0..=0) {
        /// The group (Kafka: `group.id`).
        group_id: Str = 0..;
        /// The member.
        member_id: Str = 0..;
    }

    /// What a member is to have. `StreamsGroupTargetAssignmentMemberValue.json`.
    struct StreamsGroupTargetAssignmentMemberValue(0..=0, flexible 0..) {
        /// The tasks it is to run.
        active_tasks: Vec<TargetTaskIds> = 0..;
        /// The tasks whose state it is to copy, to take over if it must.
        standby_tasks: Vec<TargetTaskIds> = 0..;
        /// The tasks whose state it is to copy, to take over soon.
        warmup_tasks: Vec<TargetTaskIds> = 0..;
    }

    /// Tasks of a subtopology.
    struct TargetTaskIds {
        /// The subtopology's id, unique in its topology.
        subtopology_id: Str = 0..;
        /// Which partitions, each a task.
        partitions: Vec<PartitionIndex> = 0..;
    }

    /// Names a member of a group. `StreamsGroupCurrentMemberAssignmentKey.json`.
    struct StreamsGroupCurrentMemberAssignmentKey(0..=0) {
        /// The group (Kafka: `group.id`).
        group_id: Str = 0..;
        /// The member.
        member_id: Str = 0..;
    }

    /// What a member has. `StreamsGroupCurrentMemberAssignmentValue.json`.
    struct StreamsGroupCurrentMemberAssignmentValue(0..=0, flexible 0..) {
        /// The epoch it must send.
        member_epoch: GroupEpoch = 0..;
        /// The one before, in case it has not heard of the new one.
        previous_member_epoch: GroupEpoch = 0..;
        /// 0: as the target says; 1: it has to give tasks back; 2: others have to first; 127: not
        /// known.
        state: i8 = 0..;
        /// The tasks it runs.
        active_tasks: Vec<TaskIds> = 0..;
        /// The tasks whose state it copies, to take over if it must.
        standby_tasks: Vec<TaskIds> = 0..;
        /// The tasks whose state it copies, to take over soon.
        warmup_tasks: Vec<TaskIds> = 0..;
        /// The tasks it has to stop running.
        active_tasks_pending_revocation: Vec<TaskIds> = 0..;
        /// The standby tasks it has to stop copying.
        standby_tasks_pending_revocation: Vec<TaskIds> = 0..;
        /// The warm-up tasks it has to stop copying.
        warmup_tasks_pending_revocation: Vec<TaskIds> = 0..;
    }

    /// Tasks of a subtopology.
    struct TaskIds {
        /// The subtopology's id, unique in its topology.
        subtopology_id: Str = 0..;
        /// Which partitions, each a task.
        partitions: Vec<PartitionIndex> = 0..;
        /// For each task that runs the member epoch at which it came, so that late commits are
        /// fenced.
        assignment_epochs: Option<Vec<GroupEpoch>> = 0.., tag 0, or Some(Vec::new());
    }
}
