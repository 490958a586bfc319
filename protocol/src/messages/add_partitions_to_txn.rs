//! AddPartitionsToTxn (24): a producer is going to write to partitions within its transaction.
//!
//! v2: PRODUCER_FENCED. v3 is flexible. v4: several transactions, or only a question; brokers use
//! it (KIP-890). v5: TRANSACTION_ABORTABLE.

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{PartitionIndex, ProducerEpoch, ProducerId};
use crate::schema::messages;

messages! {
    /// Adds partitions to transactions. `AddPartitionsToTxnRequest.json`.
    struct AddPartitionsToTxnRequest(
        ADD_PARTITIONS_TO_TXN -> AddPartitionsToTxnResponse, 0..=5, flexible 3..
    ) {
        /// Each transaction, from v4 on.
        transactions: Vec<AddPartitionsToTxnTransaction> = 4..;
        /// Names the producer, up to v3 (Kafka: `transactional.id`).
        v3_and_below_transactional_id: Str = 0..=3;
        /// Its producer id, up to v3.
        v3_and_below_producer_id: ProducerId = 0..=3;
        /// Its epoch, up to v3.
        v3_and_below_producer_epoch: ProducerEpoch = 0..=3;
        /// Each topic, up to v3.
        v3_and_below_topics: Vec<AddPartitionsToTxnTopic> = 0..=3;
    }

    /// A transaction.
    struct AddPartitionsToTxnTransaction {
        /// Names the producer over restarts (Kafka: `transactional.id`).
        transactional_id: Str = 4..;
        /// The producer id that has the transactional id now.
        producer_id: ProducerId = 4..;
        /// The epoch of that producer id; an older one is fenced.
        producer_epoch: ProducerEpoch = 4..;
        /// Whether only to ask if the partitions belong to it already.
        verify_only: bool = 4..;
        /// Each topic.
        topics: Vec<AddPartitionsToTxnTopic> = 4..;
    }

    /// A topic.
    struct AddPartitionsToTxnTopic {
        /// Its name.
        name: Str = 0..;
        /// Which partitions.
        partitions: Vec<PartitionIndex> = 0..;
    }

    /// What became of it. `AddPartitionsToTxnResponse.json`.
    struct AddPartitionsToTxnResponse(0..=5, flexible 3..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Whether the request failed as a whole.
        error_code: ErrorCode = 4.. ignorable;
        /// Each transaction, from v4 on.
        results_by_transaction: Vec<AddPartitionsToTxnResult> = 4..;
        /// Each topic, up to v3.
        results_by_topic_v3_and_below: Vec<AddPartitionsToTxnTopicResult> = 0..=3;
    }

    /// The answer for one transaction.
    struct AddPartitionsToTxnResult {
        /// Names the producer over restarts (Kafka: `transactional.id`).
        transactional_id: Str = 4..;
        /// Each topic.
        topic_results: Vec<AddPartitionsToTxnTopicResult> = 4..;
    }

    /// The answer for one topic.
    struct AddPartitionsToTxnTopicResult {
        /// Its name.
        name: Str = 0..;
        /// Each partition.
        results_by_partition: Vec<AddPartitionsToTxnPartitionResult> = 0..;
    }

    /// The answer for one partition.
    struct AddPartitionsToTxnPartitionResult {
        /// Which partition.
        partition_index: PartitionIndex = 0..;
        /// Whether it failed.
        partition_error_code: ErrorCode = 0..;
    }
}
