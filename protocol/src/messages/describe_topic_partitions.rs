//! DescribeTopicPartitions (75): topics in pages, with the replicas that may lead (KIP-966).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{AuthorizedOperations, LeaderEpoch, NodeId, PartitionIndex, Uuid};
use crate::schema::messages;

messages! {
    /// Asks for topics. `DescribeTopicPartitionsRequest.json`.
    struct DescribeTopicPartitionsRequest(
        DESCRIBE_TOPIC_PARTITIONS -> DescribeTopicPartitionsResponse, 0..=0, flexible 0..
    ) {
        /// Each topic; empty: all topics.
        topics: Vec<TopicRequest> = 0..;
        /// How many partitions one answer may have.
        response_partition_limit: i32 = 0.., or 2000;
        /// Where to go on; `None`: at the beginning.
        cursor: Option<Cursor> = 0.., or None;
    }

    /// A topic asked about.
    struct TopicRequest {
        /// Its name.
        name: Str = 0..;
    }

    /// A page of topics. `DescribeTopicPartitionsResponse.json`.
    struct DescribeTopicPartitionsResponse(0..=0, flexible 0..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0.. ignorable;
        /// Each topic, by name.
        topics: Vec<DescribeTopicPartitionsResponseTopic> = 0..;
        /// Where the next page starts; `None`: this was the last.
        next_cursor: Option<Cursor> = 0.., or None;
    }

    /// A place in the list of all partitions, by topic name and index.
    struct Cursor {
        /// The first topic.
        topic_name: Str = 0..;
        /// The first of its partitions.
        partition_index: PartitionIndex = 0..;
    }

    /// A topic.
    struct DescribeTopicPartitionsResponseTopic {
        /// What is wrong with the topic.
        error_code: ErrorCode = 0..;
        /// Its name.
        name: Option<Str> = 0..;
        /// Its id.
        topic_id: Uuid = 0.. ignorable;
        /// Whether it belongs to Kafka itself.
        is_internal: bool = 0.. ignorable, or false;
        /// Those of its partitions that are on this page.
        partitions: Vec<DescribeTopicPartitionsResponsePartition> = 0..;
        /// What the caller may do to the topic, a bit for each operation.
        topic_authorized_operations: Option<AuthorizedOperations> = 0..;
    }

    /// A partition and who leads it.
    struct DescribeTopicPartitionsResponsePartition {
        /// What is wrong with the partition.
        error_code: ErrorCode = 0..;
        /// Its index.
        partition_index: PartitionIndex = 0..;
        /// Who leads it; `None` if nobody does.
        leader_id: Option<NodeId> = 0..;
        /// The epoch of that leader.
        leader_epoch: Option<LeaderEpoch> = 0.. ignorable;
        /// All its replicas, the preferred leader first.
        replica_nodes: Vec<NodeId> = 0..;
        /// The replicas that are in sync.
        isr_nodes: Vec<NodeId> = 0..;
        /// Replicas that are not in sync, but have all that is committed.
        eligible_leader_replicas: Option<Vec<NodeId>> = 0.., or None;
        /// The eligible replicas that were lost in unclean stops.
        last_known_elr: Option<Vec<NodeId>> = 0.., or None;
        /// The replicas that are offline.
        offline_replicas: Vec<NodeId> = 0.. ignorable;
    }
}
