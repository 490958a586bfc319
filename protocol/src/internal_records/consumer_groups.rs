//! The newer groups of consumers (KIP-848): records of `__consumer_offsets`.

use bytes::Bytes;

use crate::Str;
use crate::ids::{GroupEpoch, PartitionIndex, Timestamp, Uuid};
use crate::schema::messages;
use crate::wire::UnknownTags;

impl ClassicMemberMetadata {
    /// Nothing set: a default has to be known while compiling.
    const UNSET: Self = Self {
        session_timeout_ms: 0,
        supported_protocols: Vec::new(),
        unknown_tags: UnknownTags::NONE,
    };
}

messages! {
    /// Names a group. `ConsumerGroupMetadataKey.json`.
    struct ConsumerGroupMetadataKey(0..=0) {
        /// The group (Kafka: `group.id`).
        group_id: Str = 0..;
    }

    /// A group. `ConsumerGroupMetadataValue.json`.
    struct ConsumerGroupMetadataValue(0..=0, flexible 0..) {
        /// Grows whenever members or topics change.
        epoch: GroupEpoch = 0..;
        /// A hash of the topics it reads, to notice when they change (KIP-1101); 0: none.
        metadata_hash: i64 = 0.., tag 0;
    }

    /// Names a group. `ConsumerGroupPartitionMetadataKey.json`.
    struct ConsumerGroupPartitionMetadataKey(0..=0) {
        /// The group (Kafka: `group.id`).
        group_id: Str = 0..;
    }

    /// The topics a group reads; not written since `metadata_hash` does it (KIP-1101).
    /// `ConsumerGroupPartitionMetadataValue.json`.
    struct ConsumerGroupPartitionMetadataValue(0..=0, flexible 0..) {
        /// Each topic.
        topics: Vec<TopicMetadata> = 0..;
    }

    /// A topic.
    struct TopicMetadata {
        /// Its id.
        topic_id: Uuid = 0..;
        /// The topic's name.
        topic_name: Str = 0..;
        /// How many partitions it has.
        num_partitions: i32 = 0..;
        /// The racks of its partitions; not used since 4.0.
        partition_metadata: Vec<PartitionMetadata> = 0..;
    }

    /// A partition.
    struct PartitionMetadata {
        /// Which partition.
        partition: PartitionIndex = 0..;
        /// The racks of its replicas.
        racks: Vec<Str> = 0..;
    }

    /// Names a member of a group. `ConsumerGroupMemberMetadataKey.json`.
    struct ConsumerGroupMemberMetadataKey(0..=0) {
        /// The group (Kafka: `group.id`).
        group_id: Str = 0..;
        /// The member.
        member_id: Str = 0..;
    }

    /// A member, as its heartbeats describe it. `ConsumerGroupMemberMetadataValue.json`.
    struct ConsumerGroupMemberMetadataValue(0..=0, flexible 0..) {
        /// The name it keeps over restarts, if it is static.
        instance_id: Option<Str> = 0..;
        /// Where it runs.
        rack_id: Option<Str> = 0..;
        /// What the client calls itself (Kafka: `client.id`).
        client_id: Str = 0..;
        /// The address the client came from.
        client_host: Str = 0..;
        /// The topics it wants.
        subscribed_topic_names: Vec<Str> = 0..;
        /// The pattern of the topics it wants.
        subscribed_topic_regex: Option<Str> = 0..;
        /// How long it may take to give partitions back, in milliseconds.
        rebalance_timeout_ms: Option<i32> = 0..;
        /// The broker's way to assign that it prefers.
        server_assignor: Option<Str> = 0..;
        /// What else is known of it if it follows the classic protocol, else `None`.
        classic_member_metadata: Option<ClassicMemberMetadata> = 0.., tag 0,
            or Some(ClassicMemberMetadata::UNSET);
    }

    /// What is known of a member that follows the classic protocol.
    struct ClassicMemberMetadata {
        /// After how long without a heartbeat it is taken for dead, in milliseconds.
        session_timeout_ms: i32 = 0..;
        /// Each way to assign it could follow, the best first.
        supported_protocols: Vec<ClassicProtocol> = 0..;
    }

    /// A way to assign.
    struct ClassicProtocol {
        /// Its name, as `range`.
        name: Str = 0..;
        /// What the assigning member must know; see
        /// [`consumer_protocol`](crate::messages::consumer_protocol).
        metadata: Bytes = 0..;
    }

    /// Names a group. `ConsumerGroupTargetAssignmentMetadataKey.json`.
    struct ConsumerGroupTargetAssignmentMetadataKey(0..=0) {
        /// The group (Kafka: `group.id`).
        group_id: Str = 0..;
    }

    /// The target of a group is complete. `ConsumerGroupTargetAssignmentMetadataValue.json`.
    struct ConsumerGroupTargetAssignmentMetadataValue(0..=0, flexible 0..) {
        /// The group epoch for which it was worked out.
        assignment_epoch: GroupEpoch = 0..;
        /// When it was worked out (KIP-1263); 0: not known.
        assignment_timestamp: Timestamp = 0.. ignorable, tag 0;
    }

    /// Names a member of a group. `ConsumerGroupTargetAssignmentMemberKey.json`.
    struct ConsumerGroupTargetAssignmentMemberKey(0..=0) {
        /// The group (Kafka: `group.id`).
        group_id: Str = 0..;
        /// The member.
        member_id: Str = 0..;
    }

    /// What a member is to have. `ConsumerGroupTargetAssignmentMemberValue.json`.
    struct ConsumerGroupTargetAssignmentMemberValue(0..=0, flexible 0..) {
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

    /// Names a member of a group. `ConsumerGroupCurrentMemberAssignmentKey.json`.
    struct ConsumerGroupCurrentMemberAssignmentKey(0..=0) {
        /// The group (Kafka: `group.id`).
        group_id: Str = 0..;
        /// The member.
        member_id: Str = 0..;
    }

    /// What a member has. `ConsumerGroupCurrentMemberAssignmentValue.json`.
    struct ConsumerGroupCurrentMemberAssignmentValue(0..=0, flexible 0..) {
        /// The epoch it must send.
        member_epoch: GroupEpoch = 0..;
        /// The one before, in case it has not heard of the new one.
        previous_member_epoch: GroupEpoch = 0..;
        /// 0: as the target says; 1: it has to give partitions back; 2: others have to first; 127:
        /// not known.
        state: i8 = 0..;
        /// The partitions it may read.
        assigned_partitions: Vec<TopicPartitions> = 0..;
        /// The partitions it has to give back.
        partitions_pending_revocation: Vec<TopicPartitions> = 0..;
    }

    /// Partitions of a topic.
    struct TopicPartitions {
        /// The topic's id.
        topic_id: Uuid = 0..;
        /// Which partitions.
        partitions: Vec<PartitionIndex> = 0..;
        /// For each of them the member epoch at which it came, so that late commits are fenced.
        assignment_epochs: Option<Vec<GroupEpoch>> = 0.., tag 0, or Some(Vec::new());
    }

    /// Names a pattern that members of a group want topics by.
    /// `ConsumerGroupRegularExpressionKey.json`.
    struct ConsumerGroupRegularExpressionKey(0..=0) {
        /// The group (Kafka: `group.id`).
        group_id: Str = 0..;
        /// The pattern (RE2).
        regular_expression: Str = 0..;
    }

    /// The topics that match. `ConsumerGroupRegularExpressionValue.json`.
    struct ConsumerGroupRegularExpressionValue(0..=0, flexible 0..) {
        /// Their names.
        topics: Vec<Str> = 0..;
        /// The metadata that was searched, as the offset it goes up to.
        version: i64 = 0..;
        /// When it was searched.
        timestamp: Timestamp = 0..;
    }
}
