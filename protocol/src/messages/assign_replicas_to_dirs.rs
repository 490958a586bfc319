//! AssignReplicasToDirs (73): a broker tells the controller which disk it keeps replicas on
//! (KIP-858).

use crate::error_code::ErrorCode;
use crate::ids::{BrokerEpoch, NodeId, PartitionIndex, Uuid};
use crate::schema::messages;

messages! {
    /// Tells where replicas are. `AssignReplicasToDirsRequest.json`.
    struct AssignReplicasToDirsRequest(
        ASSIGN_REPLICAS_TO_DIRS -> AssignReplicasToDirsResponse, 0..=0, flexible 0..
    ) {
        /// The broker.
        broker_id: NodeId = 0..;
        /// Its registration.
        broker_epoch: Option<BrokerEpoch> = 0..;
        /// Each directory.
        directories: Vec<DirectoryData> = 0..;
    }

    /// What is in one directory.
    struct DirectoryData {
        /// Its id.
        id: Uuid = 0..;
        /// Each topic.
        topics: Vec<TopicData> = 0..;
    }

    /// What is there of one topic.
    struct TopicData {
        /// Its id.
        topic_id: Uuid = 0..;
        /// Each partition.
        partitions: Vec<PartitionData> = 0..;
    }

    /// A partition that is there.
    struct PartitionData {
        /// Which partition.
        partition_index: PartitionIndex = 0..;
    }

    /// Whether the controller took note. `AssignReplicasToDirsResponse.json`.
    struct AssignReplicasToDirsResponse(0..=0, flexible 0..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Whether the request failed as a whole.
        error_code: ErrorCode = 0..;
        /// Each directory.
        directories: Vec<AssignedDirectory> = 0..;
    }

    /// The answer for one directory. Kafka calls it `DirectoryData`, as in the request.
    struct AssignedDirectory {
        /// Its id.
        id: Uuid = 0..;
        /// Each topic.
        topics: Vec<AssignedTopic> = 0..;
    }

    /// The answer for one topic. Kafka calls it `TopicData`, as in the request.
    struct AssignedTopic {
        /// Its id.
        topic_id: Uuid = 0..;
        /// Each partition.
        partitions: Vec<AssignedPartition> = 0..;
    }

    /// The answer for one partition. Kafka calls it `PartitionData`, as in the request.
    struct AssignedPartition {
        /// Which partition.
        partition_index: PartitionIndex = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
    }
}
