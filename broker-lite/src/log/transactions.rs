//! Transactions as a log sees them: how each ended, and which are still open.

use bytes::Bytes;
use ottla_protocol::ids::{CoordinatorEpoch, Offset, ProducerEpoch, ProducerId};
use ottla_protocol::record::{
    CheckedBatch, ControlRecord, Decompressor, EndTxnMarker, RecordBlock,
};

/// A batch that holds a marker is not larger: one record of a few bytes.
pub(super) const MARKER_BYTES_MAX: u32 = 1024;

/// What ends the transaction of one producer in one partition.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Marker {
    pub(crate) id: ProducerId,
    pub(crate) epoch: ProducerEpoch,
    pub(crate) committed: bool,
    pub(crate) coordinator_epoch: CoordinatorEpoch,
}

impl Marker {
    /// The marker in a control batch; `None` if that is about something else.
    pub(crate) fn of(batch: &[u8]) -> Option<Self> {
        let batch = CheckedBatch::without_checksum(Bytes::copy_from_slice(batch)).ok()?;
        let header = batch.header();
        let (id, epoch) = (header.producer_id?, header.producer_epoch?);
        if !header.is_control() || !header.is_transactional() {
            return None;
        }
        let max = MARKER_BYTES_MAX as usize;
        let block = RecordBlock::open(&batch, &mut Decompressor::default(), max).ok()?;
        let record = block.records().next()?.ok()?;
        let end = EndTxnMarker::parse(&ControlRecord::parse(&record)?)?;
        let EndTxnMarker { committed, coordinator_epoch } = end;
        Some(Self { id, epoch, committed, coordinator_epoch })
    }
}

/// A transaction that has ended, as far as it is in this log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Ended {
    pub(crate) id: ProducerId,
    /// Of its first record.
    pub(crate) first: Offset,
    /// Of its marker.
    pub(crate) last: Offset,
    pub(crate) committed: bool,
    /// Below this offset every transaction is decided.
    pub(crate) stable: Offset,
}
