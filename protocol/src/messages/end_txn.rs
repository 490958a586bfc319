//! EndTxn (26): a producer commits or aborts its transaction.
//!
//! v2: PRODUCER_FENCED. v3 is flexible. v4: TRANSACTION_ABORTABLE. v5: each transaction has an
//! epoch of its own (KIP-890).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{ProducerEpoch, ProducerId};
use crate::schema::messages;

messages! {
    /// Ends a transaction. `EndTxnRequest.json`.
    struct EndTxnRequest(END_TXN -> EndTxnResponse, 0..=5, flexible 3..) {
        /// Names the producer over restarts (Kafka: `transactional.id`).
        transactional_id: Str = 0..;
        /// The producer id that has the transactional id now.
        producer_id: ProducerId = 0..;
        /// The epoch of that producer id; an older one is fenced.
        producer_epoch: ProducerEpoch = 0..;
        /// Whether to commit it, else to abort.
        committed: bool = 0..;
    }

    /// What became of it. `EndTxnResponse.json`.
    struct EndTxnResponse(0..=5, flexible 3..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// The producer id to go on with; `None` before v5.
        producer_id: Option<ProducerId> = 5.. ignorable;
        /// The epoch to go on with; `None` before v5.
        producer_epoch: Option<ProducerEpoch> = 5.. ignorable;
    }
}
