//! What marks control batches: the key of every control record, and the end of a transaction.
//!
//! The other control records have a module each: [`leader_change`](super::leader_change),
//! [`snapshot`](super::snapshot), [`voters`](super::voters).

use crate::ids::CoordinatorEpoch;
use crate::schema::messages;

messages! {
    /// The key of a control record, behind its version (int16). `ControlRecordTypeSchema.json`.
    struct ControlRecordTypeSchema(0..=0) {
        /// What the record says: [`ControlType::number`](crate::record::ControlType::number). Kafka
        /// calls it `type`.
        type_: i16 = 0..;
    }

    /// The value of the control record that ends a transaction, behind its version (int16).
    /// `EndTxnMarker.json`.
    struct EndTxnMarker(0..=0) {
        /// The epoch of the coordinator that decided it.
        coordinator_epoch: CoordinatorEpoch = 0..;
    }
}
