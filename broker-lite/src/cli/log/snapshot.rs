//! What a `.snapshot` may say of a producer.

use broker_lite::log::format::SnapshotEntry;

/// What is wrong with a producer in a snapshot as of `end`.
pub(super) fn wrong(producer: &SnapshotEntry, end: i64) -> Option<String> {
    let SnapshotEntry { id, last_offset, offset_delta, transaction_start, .. } = *producer;
    if id < 0 {
        Some(format!("producer id {id}"))
    } else if last_offset >= end {
        Some(format!("producer {id} ends at {last_offset}, but the snapshot is as of {end}"))
    } else if offset_delta < 0 || (last_offset >= 0 && i64::from(offset_delta) > last_offset) {
        Some(format!("producer {id} has a batch of {offset_delta} and one records"))
    } else if transaction_start >= end {
        Some(format!("producer {id} has a transaction from {transaction_start} on, beyond {end}"))
    } else {
        None
    }
}
