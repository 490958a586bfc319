//! The control records that a snapshot of a KRaft log begins and ends with (types 3 and 4).

use crate::ids::Timestamp;
use crate::schema::messages;

messages! {
    /// A snapshot begins. `SnapshotHeaderRecord.json`.
    struct SnapshotHeaderRecord(0..=0, flexible 0..) {
        /// The version of this record, again.
        version: i16 = 0..;
        /// When the last record in the snapshot was appended.
        last_contained_log_timestamp: Timestamp = 0..;
    }

    /// A snapshot is complete. `SnapshotFooterRecord.json`.
    struct SnapshotFooterRecord(0..=0, flexible 0..) {
        /// The version of this record, again.
        version: i16 = 0..;
    }
}
