//! ShareGroupDescribe (77): share groups and their members (KIP-932).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{AuthorizedOperations, GroupEpoch, PartitionIndex, Uuid};
use crate::schema::messages;

messages! {
    /// Asks about groups. `ShareGroupDescribeRequest.json`.
    struct ShareGroupDescribeRequest(
        SHARE_GROUP_DESCRIBE -> ShareGroupDescribeResponse, 1..=1, flexible 0..
    ) {
        /// The groups' ids.
        group_ids: Vec<Str> = 0..;
        /// Whether to say what the caller may do to each group.
        include_authorized_operations: bool = 0..;
    }

    /// Groups. `ShareGroupDescribeResponse.json`.
    struct ShareGroupDescribeResponse(1..=1, flexible 0..) {
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
        /// `Empty`, `Stable` or `Dead`; empty if it failed.
        group_state: Str = 0..;
        /// Grows whenever members or topics change.
        group_epoch: GroupEpoch = 0..;
        /// The group epoch for which the assignment was worked out.
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
        /// Where it runs.
        rack_id: Option<Str> = 0..;
        /// The epoch up to which it has followed the group.
        member_epoch: GroupEpoch = 0..;
        /// What the client calls itself (Kafka: `client.id`).
        client_id: Str = 0..;
        /// The address the client came from.
        client_host: Str = 0..;
        /// The topics it wants.
        subscribed_topic_names: Vec<Str> = 0..;
        /// What it reads.
        assignment: Assignment = 0..;
    }

    /// What a member reads.
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
