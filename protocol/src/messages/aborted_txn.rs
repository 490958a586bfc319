//! What a segment's index of aborted transactions (`.txnindex`) consists of.

use crate::ids::{Offset, ProducerId};
use crate::schema::messages;

messages! {
    /// An aborted transaction of one producer in one partition, behind its version (int16).
    /// `AbortedTxn.json`.
    struct AbortedTxn(0..=0) {
        /// The producer.
        producer_id: ProducerId = 0..;
        /// The offset of its first record.
        first_offset: Offset = 0..;
        /// The offset of the marker that ends it.
        last_offset: Offset = 0..;
        /// Before which offset all transactions were decided when this one ended.
        last_stable_offset: Offset = 0..;
    }
}
