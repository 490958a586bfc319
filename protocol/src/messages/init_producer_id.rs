//! InitProducerId (22): a producer id and epoch, so that batches can be numbered (KIP-98).
//!
//! v2 is flexible. v3: an epoch may be bumped (KIP-360). v4: PRODUCER_FENCED. v5: KIP-890. v6, not
//! yet stable: transactions that somebody else decides (KIP-939).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{ProducerEpoch, ProducerId};
use crate::schema::messages;

messages! {
    /// Asks for a producer id. `InitProducerIdRequest.json`.
    struct InitProducerIdRequest(INIT_PRODUCER_ID -> InitProducerIdResponse, 0..=6, flexible 2..) {
        /// `None` if the producer is idempotent only; then any broker answers.
        transactional_id: Option<Str> = 0..;
        /// After how long an unfinished transaction is aborted, in milliseconds.
        transaction_timeout_ms: i32 = 0..;
        /// The id whose epoch is to be bumped; `None` for a new id.
        producer_id: Option<ProducerId> = 3..;
        /// The epoch that is to be bumped.
        producer_epoch: Option<ProducerEpoch> = 3..;
        /// Whether an outside coordinator decides the transactions.
        enable2_pc: bool = 6.., or false;
        /// Whether a prepared transaction is kept rather than aborted.
        keep_prepared_txn: bool = 6.., or false;
    }

    /// A producer id. `InitProducerIdResponse.json`.
    struct InitProducerIdResponse(0..=6, flexible 2..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0.. ignorable;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// The id.
        producer_id: Option<ProducerId> = 0..;
        /// Its epoch.
        producer_epoch: Option<ProducerEpoch> = 0..;
        /// The id of a transaction that was kept.
        ongoing_txn_producer_id: Option<ProducerId> = 6..;
        /// The epoch of a transaction that was kept.
        ongoing_txn_producer_epoch: Option<ProducerEpoch> = 6..;
    }
}
