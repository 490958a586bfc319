//! AddOffsetsToTxn (25): a producer is going to commit a group's offsets within its transaction.
//!
//! v2: PRODUCER_FENCED. v3 is flexible. v4: TRANSACTION_ABORTABLE (KIP-890); later producers need
//! not ask.

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{ProducerEpoch, ProducerId};
use crate::schema::messages;

messages! {
    /// Adds a group's offsets to a transaction. `AddOffsetsToTxnRequest.json`.
    struct AddOffsetsToTxnRequest(
        ADD_OFFSETS_TO_TXN -> AddOffsetsToTxnResponse, 0..=4, flexible 3..
    ) {
        /// Names the producer over restarts (Kafka: `transactional.id`).
        transactional_id: Str = 0..;
        /// The producer id that has the transactional id now.
        producer_id: ProducerId = 0..;
        /// The epoch of that producer id; an older one is fenced.
        producer_epoch: ProducerEpoch = 0..;
        /// The group (Kafka: `group.id`).
        group_id: Str = 0..;
    }

    /// What became of it. `AddOffsetsToTxnResponse.json`.
    struct AddOffsetsToTxnResponse(0..=4, flexible 3..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
    }
}
