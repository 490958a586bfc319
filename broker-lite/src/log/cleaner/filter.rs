//! What stays of one batch.

use std::collections::BTreeMap;

use bytes::BytesMut;
use ottla_protocol::ids::{Offset, ProducerId, Timestamp};
use ottla_protocol::record::{
    CheckedBatch, CompressionError, Compressor, ControlRecord, ControlType, Decompressor,
    RecordBlock, RecordError, RecordRef, RetainError, emptied, retain,
};

use super::key_map::KeyMap;
use super::transactions::Transactions;

/// What becomes of a batch.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    /// It stays as it is.
    Keep,
    /// It is written again, with fewer records or none, or with the time of its tombstones.
    Write(BytesMut),
    /// It goes.
    Drop,
}

/// Why nobody can say what of a batch stays.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FilterError {
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error(transparent)]
    Compression(#[from] CompressionError),
    #[error(transparent)]
    Retain(#[from] RetainError),
    #[error("its offsets are none")]
    Offset,
}

/// What decides.
#[derive(Debug)]
pub(crate) struct Rules<'a> {
    pub(crate) keys: &'a KeyMap,
    /// Of each producer, the last offset of its last batch: that batch stays, if without records,
    /// or the producer would seem to have lost some.
    pub(crate) producers: &'a BTreeMap<ProducerId, Offset>,
    /// The batch before this offset stays, if without records: a log has no end without it.
    pub(crate) end: Offset,
    pub(crate) now_ms: i64,
    /// `delete.retention.ms`.
    pub(crate) delete_retention_ms: i64,
}

/// Contexts that are used again for each batch.
#[derive(Debug, Default)]
pub(crate) struct Codecs {
    pub(crate) compressor: Compressor,
    pub(crate) decompressor: Decompressor,
}

impl Codecs {
    /// The records of a batch of the log, whose size was bounded when it was appended.
    pub(crate) fn open(&mut self, batch: &CheckedBatch) -> Result<RecordBlock, CompressionError> {
        RecordBlock::open(batch, &mut self.decompressor, usize::MAX)
    }
}

/// What the first record of a control batch says; `None` if it has none any more.
pub(crate) fn control_type(
    batch: &CheckedBatch,
    codecs: &mut Codecs,
) -> Result<Option<ControlType>, FilterError> {
    let block = codecs.open(batch)?;
    let Some(record) = block.records().next().transpose()? else { return Ok(None) };
    Ok(ControlRecord::parse(&record).map(|record| record.kind))
}

/// Says what stays of the next batch of a log.
///
/// # Errors
///
/// See [`FilterError`].
pub(crate) fn clean(
    batch: &CheckedBatch,
    rules: &Rules<'_>,
    transactions: &mut Transactions,
    codecs: &mut Codecs,
) -> Result<Outcome, FilterError> {
    let header = batch.header();
    let last = header.last_offset().ok_or(FilterError::Offset)?;
    let passed = header.delete_horizon().is_some_and(|horizon| horizon.0 <= rules.now_ms);
    let useless = if header.is_control() {
        let kind = control_type(batch, codecs)?;
        transactions.on_control(header, kind)
    } else {
        transactions.on_data(header)
    };
    let gone = useless && (passed || !header.is_control());
    let last_of_producer = header.producer_id.and_then(|id| rules.producers.get(&id));
    let stays = last_of_producer == Some(&last) || last.next() == rules.end;
    let without_records = || if stays { Outcome::Write(emptied(header)) } else { Outcome::Drop };
    if gone {
        return Ok(without_records());
    }
    let block = codecs.open(batch)?;
    let keep = |record: &RecordRef<'_>| header.is_control() || rules.wants(record, passed);
    let (mut kept, mut all, mut tombstones) = (0, 0, false);
    for record in block.records() {
        let record = record?;
        all += 1;
        if keep(&record) {
            kept += 1;
            tombstones |= record.value.is_none();
        }
    }
    if kept == 0 {
        return Ok(without_records());
    }
    let dated = (tombstones || useless) && header.delete_horizon().is_none();
    if kept == all && !dated {
        return Ok(Outcome::Keep);
    }
    let horizon = dated.then(|| rules.now_ms.saturating_add(rules.delete_retention_ms));
    let written =
        retain(&block, &mut |record| keep(record), horizon.map(Timestamp), &mut codecs.compressor)?;
    Ok(written.map_or_else(without_records, Outcome::Write))
}

impl Rules<'_> {
    /// `passed`: tombstones have been there long enough.
    fn wants(&self, record: &RecordRef<'_>, passed: bool) -> bool {
        if self.keys.end().is_none_or(|end| record.offset >= end) {
            return true;
        }
        let Some(key) = record.key else { return false };
        !self.keys.has_newer(key, record.offset) && (record.value.is_some() || !passed)
    }
}

#[cfg(test)]
mod tests;
