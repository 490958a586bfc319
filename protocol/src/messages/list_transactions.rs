//! ListTransactions (66): the transactions one broker coordinates (KIP-664).
//!
//! v1: those that have been open for long (KIP-994). v2: those that a pattern names (KIP-1152).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::ProducerId;
use crate::schema::messages;

messages! {
    /// Asks for transactions. `ListTransactionsRequest.json`.
    struct ListTransactionsRequest(
        LIST_TRANSACTIONS -> ListTransactionsResponse, 0..=2, flexible 0..
    ) {
        /// Only those in one of these states; empty: in any.
        state_filters: Vec<Str> = 0..;
        /// Only those of these producers; empty: of any.
        producer_id_filters: Vec<ProducerId> = 0..;
        /// Only those that have been open for longer, in milliseconds; below 0: all.
        duration_filter: Option<i64> = 1..;
        /// Only those whose transactional id matches this regular expression (RE2); `None` or
        /// empty: all.
        transactional_id_pattern: Option<Str> = 2..;
    }

    /// Transactions. `ListTransactionsResponse.json`.
    struct ListTransactionsResponse(0..=2, flexible 0..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// The states asked for that the broker does not know.
        unknown_state_filters: Vec<Str> = 0..;
        /// Each transactional id.
        transaction_states: Vec<TransactionState> = 0..;
    }

    /// How the transaction of one producer stands.
    struct TransactionState {
        /// Names the producer over restarts (Kafka: `transactional.id`).
        transactional_id: Str = 0..;
        /// The producer id that has the transactional id now.
        producer_id: ProducerId = 0..;
        /// As `Ongoing`, `PrepareCommit` or `CompleteAbort`.
        transaction_state: Str = 0..;
    }
}
