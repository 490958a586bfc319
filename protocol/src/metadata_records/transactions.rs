//! Records that count only together: none does if the transaction around them is aborted (KIP-868).

use crate::Str;
use crate::schema::messages;

messages! {
    /// A transaction begins. `BeginTransactionRecord.json`.
    struct BeginTransactionRecord(0..=0, flexible 0..) {
        /// What it is about, for people.
        name: Option<Str> = 0.., tag 0;
    }

    /// A transaction ends, and its records count. `EndTransactionRecord.json`.
    struct EndTransactionRecord(0..=0, flexible 0..) {}

    /// A transaction ends, and its records do not count. `AbortTransactionRecord.json`.
    struct AbortTransactionRecord(0..=0, flexible 0..) {
        /// Why, for people.
        reason: Option<Str> = 0.., tag 0;
    }
}
