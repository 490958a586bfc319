//! AlterPartition (56): a leader tells the controller which replicas are in sync (KIP-497).
//!
//! v2: topics go by their ids (KIP-841). v3: epochs of brokers, so that one that restarted is not
//! taken for in sync (KIP-903).

use crate::error_code::ErrorCode;
use crate::ids::{BrokerEpoch, LeaderEpoch, NodeId, PartitionEpoch, PartitionIndex, Uuid};
use crate::schema::messages;

messages! {
    /// Asks to change who is in sync. `AlterPartitionRequest.json`.
    struct AlterPartitionRequest(ALTER_PARTITION -> AlterPartitionResponse, 2..=3, flexible 0..) {
        /// The leader that asks.
        broker_id: NodeId = 0..;
        /// Its registration.
        broker_epoch: Option<BrokerEpoch> = 0..;
        /// Each topic.
        topics: Vec<TopicData> = 0..;
    }

    /// A topic.
    struct TopicData {
        /// Its id.
        topic_id: Uuid = 2.. ignorable;
        /// Each partition.
        partitions: Vec<PartitionData> = 0..;
    }

    /// What changes in one partition.
    struct PartitionData {
        /// Which partition.
        partition_index: PartitionIndex = 0..;
        /// The epoch in which the asker leads it.
        leader_epoch: LeaderEpoch = 0..;
        /// Who is in sync.
        new_isr: Vec<NodeId> = 0..=2;
        /// Who is in sync.
        new_isr_with_epochs: Vec<BrokerState> = 3..;
        /// 1 after an unclean election that is not yet recovered from, else 0.
        leader_recovery_state: i8 = 1.., or 0;
        /// How many changes of the partition the asker has seen.
        partition_epoch: PartitionEpoch = 0..;
    }

    /// A broker that is in sync.
    struct BrokerState {
        /// Its id.
        broker_id: NodeId = 3..;
        /// Its registration; `None`: not to be checked.
        broker_epoch: Option<BrokerEpoch> = 3..;
    }

    /// What holds now. `AlterPartitionResponse.json`.
    struct AlterPartitionResponse(2..=3, flexible 0..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Whether the request failed as a whole.
        error_code: ErrorCode = 0..;
        /// Each topic.
        topics: Vec<AlteredTopic> = 0..;
    }

    /// The answer for one topic. Kafka calls it `TopicData`, as in the request.
    struct AlteredTopic {
        /// Its id.
        topic_id: Uuid = 2.. ignorable;
        /// Each partition.
        partitions: Vec<AlteredPartition> = 0..;
    }

    /// The answer for one partition. Kafka calls it `PartitionData`, as in the request.
    struct AlteredPartition {
        /// Which partition.
        partition_index: PartitionIndex = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// Who leads it; `None` if nobody does.
        leader_id: Option<NodeId> = 0..;
        /// In which epoch.
        leader_epoch: LeaderEpoch = 0..;
        /// Who is in sync.
        isr: Vec<NodeId> = 0..;
        /// 1 after an unclean election that is not yet recovered from, else 0.
        leader_recovery_state: i8 = 1.. ignorable, or 0;
        /// Counts the partition's changes.
        partition_epoch: PartitionEpoch = 0..;
    }
}
