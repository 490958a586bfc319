//! Batches of the metadata log: uncompressed, of no producer.

use bytes::{Bytes, BytesMut};
use ottla_protocol::ids::{Offset, Timestamp};
use ottla_protocol::record::{
    BatchBuilder, CheckedBatch, Compression, Compressor, ControlType, Decompressor, RecordBlock,
    control_batch, split_batches,
};

use super::{BATCH_BYTES_MAX, LogError};
use crate::controller::records::Event;

/// A batch of records with these values.
pub(super) fn build(values: &[Bytes], now_ms: i64) -> Result<Bytes, LogError> {
    let mut batch = BatchBuilder::new(BytesMut::new());
    for value in values {
        let appended = batch.append(Timestamp(now_ms), None, Some(value), &[]);
        appended.map_err(|error| LogError::Batch(error.to_string()))?;
    }
    let sealed = batch.seal(Compression::None, &mut Compressor::default(), None);
    Ok(sealed.map_err(|error| LogError::Batch(error.to_string()))?.bytes.freeze())
}

/// The control batch that starts an epoch.
pub(super) fn leader_change(message: &Bytes, now_ms: i64) -> Result<Bytes, LogError> {
    let batch = control_batch(Timestamp(now_ms), &[(ControlType::LeaderChange, message)]);
    batch.map(BytesMut::freeze).map_err(|error| LogError::Batch(error.to_string()))
}

/// Hands the events in `bytes`, whole batches but maybe for the last, to `apply`. The first begins at
/// `due`, and each where the one before ends; else the error is `gap`'s. Returns the offset that
/// follows.
pub(super) fn events(
    bytes: Bytes,
    due: Offset,
    gap: impl Fn(Offset) -> LogError,
    apply: &mut dyn FnMut(Event),
) -> Result<Offset, LogError> {
    let bad = |error: &dyn core::fmt::Display| LogError::Batch(error.to_string());
    let most = usize::try_from(BATCH_BYTES_MAX).unwrap_or(usize::MAX);
    let mut decompressor = Decompressor::default();
    let mut next = due;
    for batch in split_batches(bytes) {
        let checked = batch.and_then(CheckedBatch::check).map_err(|error| bad(&error))?;
        let header = *checked.header();
        if header.base_offset != next.get() {
            return Err(gap(next));
        }
        next = header.last_offset().ok_or_else(|| bad(&"it has no offsets"))?.next();
        if header.is_control() {
            continue;
        }
        let block = RecordBlock::open(&checked, &mut decompressor, most).map_err(|e| bad(&e))?;
        for record in block.records() {
            let record = record.map_err(|error| bad(&error))?;
            let value = block.slice_of(record.value.unwrap_or_default());
            let offset = record.offset;
            apply(Event::decode(value).map_err(|source| LogError::Record { offset, source })?);
        }
    }
    Ok(next)
}
