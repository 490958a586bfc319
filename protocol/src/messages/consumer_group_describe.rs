//! ConsumerGroupDescribe (69): the newer groups and their members (KIP-848).
//!
//! v1: which protocol each member follows (KIP-1099).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{AuthorizedOperations, GroupEpoch, PartitionIndex, Uuid};
use crate::schema::messages;

messages! {
    /// Asks about groups. `ConsumerGroupDescribeRequest.json`.
    struct ConsumerGroupDescribeRequest(
        CONSUMER_GROUP_DESCRIBE -> ConsumerGroupDescribeResponse, 0..=1, flexible 0..
    ) {
        /// The groups' ids.
        group_ids: Vec<Str> = 0..;
        /// Whether to say what the caller may do to each group.
        include_authorized_operations: bool = 0..;
    }

    /// Groups. `ConsumerGroupDescribeResponse.json`.
    struct ConsumerGroupDescribeResponse(0..=1, flexible 0..) {
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
        /// `Empty`, `Assigning`, `Reconciling`, `Stable` or `Dead`; empty if it failed.
        group_state: Str = 0..;
        /// Grows whenever members or topics change.
        group_epoch: GroupEpoch = 0..;
        /// The group epoch for which the target was worked out.
        assignment_epoch: GroupEpoch = 0..;
        /// The broker's way to assign.
        assignor_name: Str = 0..;
        /// Its members.
        members: Vec<Member> = 0..;
        /// What the caller may do to the group, a bit for each operation.
        authorized_operations: Option<AuthorizedOperations> = 0..;
    }

    /// A member.
    struct Member {
        /// Its id.
        member_id: Str = 0..;
        /// The name it keeps over restarts, if it is static.
        instance_id: Option<Str> = 0..;
        /// Where it runs.
        rack_id: Option<Str> = 0..;
        /// The epoch up to which it has followed the target.
        member_epoch: GroupEpoch = 0..;
        /// What the client calls itself (Kafka: `client.id`).
        client_id: Str = 0..;
        /// The address the client came from.
        client_host: Str = 0..;
        /// The topics it wants.
        subscribed_topic_names: Vec<Str> = 0..;
        /// The pattern of the topics it wants.
        subscribed_topic_regex: Option<Str> = 0..;
        /// What it has.
        assignment: Assignment = 0..;
        /// What it is to have.
        target_assignment: Assignment = 0..;
        /// 0: it follows the classic protocol; 1: the newer one; `None`: not known.
        member_type: Option<i8> = 1.. ignorable;
    }

    /// What a member has.
    struct Assignment {
        /// Each topic.
        topic_partitions: Vec<TopicPartitions> = 0..;
    }

    /// Partitions of a topic.
    struct TopicPartitions {
        /// The topic's id.
        topic_id: Uuid = 0..;
        /// The topic's name.
        topic_name: Str = 0..;
        /// Which partitions.
        partitions: Vec<PartitionIndex> = 0..;
    }
}
