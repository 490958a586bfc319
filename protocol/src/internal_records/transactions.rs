//! Transactions: the records of `__transaction_state`.

use crate::Str;
use crate::ids::{PartitionIndex, ProducerEpoch, ProducerId, Timestamp};
use crate::schema::messages;

messages! {
    /// Names a producer over restarts. `TransactionLogKey.json`.
    struct TransactionLogKey(0..=0) {
        /// Names the producer over restarts (Kafka: `transactional.id`).
        transactional_id: Str = 0..;
    }

    /// How its transaction stands. v1 is flexible. `TransactionLogValue.json`.
    struct TransactionLogValue(0..=1, flexible 1..) {
        /// The producer id it writes with.
        producer_id: ProducerId = 0..;
        /// The producer id of the last transaction that ended, in case the producer has not heard
        /// of the new one.
        previous_producer_id: Option<ProducerId> = 1.., tag 0;
        /// The producer id it goes on with, once the transaction has ended.
        next_producer_id: Option<ProducerId> = 1.., tag 1;
        /// The epoch it writes with.
        producer_epoch: ProducerEpoch = 0..;
        /// The producer's protocol: 2 with an epoch for each transaction (KIP-890), 0 or 1 without.
        client_transaction_version: i16 = 1.., tag 2;
        /// After how long an open transaction is aborted, in milliseconds.
        transaction_timeout_ms: i32 = 0..;
        /// 0 empty, 1 ongoing, 2 prepared to commit, 3 prepared to abort, 4 committed, 5 aborted, 6
        /// dead, 7 prepared to be fenced.
        transaction_status: i8 = 0..;
        /// The partitions it wrote to; `None`: none.
        transaction_partitions: Option<Vec<PartitionsSchema>> = 0..;
        /// When that changed last.
        transaction_last_update_timestamp_ms: Timestamp = 0..;
        /// When it began; `None` if none is open.
        transaction_start_timestamp_ms: Option<Timestamp> = 0..;
        /// The epoch it goes on with, once the transaction has ended.
        next_producer_epoch: Option<ProducerEpoch> = 1.., tag 3;
    }

    /// Partitions of a topic.
    struct PartitionsSchema {
        /// The topic's name.
        topic: Str = 0..;
        /// Which partitions.
        partition_ids: Vec<PartitionIndex> = 0..;
    }
}
