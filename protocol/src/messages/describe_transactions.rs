//! DescribeTransactions (65): how transactions stand (KIP-664).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{PartitionIndex, ProducerEpoch, ProducerId, Timestamp};
use crate::schema::messages;

messages! {
    /// Asks coordinators about transactions. `DescribeTransactionsRequest.json`.
    struct DescribeTransactionsRequest(
        DESCRIBE_TRANSACTIONS -> DescribeTransactionsResponse, 0..=0, flexible 0..
    ) {
        /// Whose; empty: nobody's.
        transactional_ids: Vec<Str> = 0..;
    }

    /// Transactions. `DescribeTransactionsResponse.json`.
    struct DescribeTransactionsResponse(0..=0, flexible 0..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Each transactional id.
        transaction_states: Vec<TransactionState> = 0..;
    }

    /// How the transaction of one producer stands.
    struct TransactionState {
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// Names the producer over restarts (Kafka: `transactional.id`).
        transactional_id: Str = 0..;
        /// As `Ongoing`, `PrepareCommit` or `CompleteAbort`.
        transaction_state: Str = 0..;
        /// After how long it is aborted if it is still open, in milliseconds.
        transaction_timeout_ms: i32 = 0..;
        /// When it began; `None` if none is open.
        transaction_start_time_ms: Option<Timestamp> = 0..;
        /// The producer id that has the transactional id now.
        producer_id: ProducerId = 0..;
        /// The epoch of that producer id; an older one is fenced.
        producer_epoch: ProducerEpoch = 0..;
        /// Each topic with partitions in it that have no marker yet.
        topics: Vec<TopicData> = 0..;
    }

    /// A topic.
    struct TopicData {
        /// Its name.
        topic: Str = 0..;
        /// Which partitions.
        partitions: Vec<PartitionIndex> = 0..;
    }
}
