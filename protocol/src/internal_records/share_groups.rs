//! Share groups (KIP-932): records of `__consumer_offsets`.

use crate::Str;
use crate::ids::{GroupEpoch, PartitionIndex, Timestamp, Uuid};
use crate::schema::messages;

messages! {
    /// Names a group. `ShareGroupMetadataKey.json`.
    struct ShareGroupMetadataKey(0..=0) {
        /// The group (Kafka: `group.id`).
        group_id: Str = 0..;
    }

    /// A group. `ShareGroupMetadataValue.json`.
    struct ShareGroupMetadataValue(0..=0, flexible 0..) {
        /// Grows whenever members or topics change.
        epoch: GroupEpoch = 0..;
        /// A hash of the topics it reads, to notice when they change.
        metadata_hash: i64 = 0..;
    }

    /// Names a member of a group. `ShareGroupMemberMetadataKey.json`.
    struct ShareGroupMemberMetadataKey(0..=0) {
        /// The group (Kafka: `group.id`).
        group_id: Str = 0..;
        /// The member.
        member_id: Str = 0..;
    }

    /// A member, as its heartbeats describe it. `ShareGroupMemberMetadataValue.json`.
    struct ShareGroupMemberMetadataValue(0..=0, flexible 0..) {
        /// Where it runs.
        rack_id: Option<Str> = 0..;
        /// What the client calls itself (Kafka: `client.id`).
        client_id: Str = 0..;
        /// The address the client came from.
        client_host: Str = 0..;
        /// The topics it wants.
        subscribed_topic_names: Vec<Str> = 0..;
    }

    /// Names a group. `ShareGroupTargetAssignmentMetadataKey.json`.
    struct ShareGroupTargetAssignmentMetadataKey(0..=0) {
        /// The group (Kafka: `group.id`).
        group_id: Str = 0..;
    }

    /// The target of a group is complete. `ShareGroupTargetAssignmentMetadataValue.json`.
    struct ShareGroupTargetAssignmentMetadataValue(0..=0, flexible 0..) {
        /// The group epoch for which it was worked out.
        assignment_epoch: GroupEpoch = 0..;
        /// When it was worked out (KIP-1263); 0: not known.
        assignment_timestamp: Timestamp = 0.. ignorable, tag 0;
    }

    /// Names a member of a group. `ShareGroupTargetAssignmentMemberKey.json`.
    struct ShareGroupTargetAssignmentMemberKey(0..=0) {
        /// The group (Kafka: `group.id`).
        group_id: Str = 0..;
        /// The member.
        member_id: Str = 0..;
    }

    /// What a member is to have. `ShareGroupTargetAssignmentMemberValue.json`.
    struct ShareGroupTargetAssignmentMemberValue(0..=0, flexible 0..) {
        /// Each topic.
        topic_partitions: Vec<TopicPartition> = 0..;
    }

    /// Partitions of a topic.
    struct TopicPartition {
        /// The topic's id.
        topic_id: Uuid = 0..;
        /// Which partitions.
        partitions: Vec<PartitionIndex> = 0..;
    }

    /// Names a member of a group. `ShareGroupCurrentMemberAssignmentKey.json`.
    struct ShareGroupCurrentMemberAssignmentKey(0..=0) {
        /// The group (Kafka: `group.id`).
        group_id: Str = 0..;
        /// The member.
        member_id: Str = 0..;
    }

    /// What a member has. `ShareGroupCurrentMemberAssignmentValue.json`.
    struct ShareGroupCurrentMemberAssignmentValue(0..=0, flexible 0..) {
        /// The epoch it must send.
        member_epoch: GroupEpoch = 0..;
        /// The one before, in case it has not heard of the new one.
        previous_member_epoch: GroupEpoch = 0..;
        /// As in a consumer group; 0: as the target says.
        state: i8 = 0..;
        /// The partitions it may read.
        assigned_partitions: Vec<TopicPartitions> = 0..;
    }

    /// Partitions of a topic.
    struct TopicPartitions {
        /// The topic's id.
        topic_id: Uuid = 0..;
        /// Which partitions.
        partitions: Vec<PartitionIndex> = 0..;
    }

    /// Names a group. `ShareGroupStatePartitionMetadataKey.json`.
    struct ShareGroupStatePartitionMetadataKey(0..=0) {
        /// The group (Kafka: `group.id`).
        group_id: Str = 0..;
    }

    /// Of which partitions the share coordinator keeps a group's state.
    /// `ShareGroupStatePartitionMetadataValue.json`.
    struct ShareGroupStatePartitionMetadataValue(0..=0, flexible 0..) {
        /// Those of which it was asked to.
        initializing_topics: Vec<TopicPartitionsInfo> = 0..;
        /// Those of which it does.
        initialized_topics: Vec<TopicPartitionsInfo> = 0..;
        /// Topics of which it was asked to forget all.
        deleting_topics: Vec<TopicInfo> = 0..;
    }

    /// Partitions of a topic.
    struct TopicPartitionsInfo {
        /// The topic's id.
        topic_id: Uuid = 0..;
        /// The topic's name.
        topic_name: Str = 0..;
        /// Which partitions.
        partitions: Vec<PartitionIndex> = 0..;
    }

    /// A topic.
    struct TopicInfo {
        /// Its id.
        topic_id: Uuid = 0..;
        /// The topic's name.
        topic_name: Str = 0..;
    }
}
