//! What stays of one batch.

use std::collections::BTreeMap;

use bytes::BytesMut;
use ottla_protocol::ids::{Offset, ProducerEpoch, ProducerId, Timestamp};
use ottla_protocol::record::{
    CheckedBatch, CompressionError, Compressor, ControlRecord, ControlType, Decompressor,
    RecordBlock, RecordError, RecordRef, RetainError, emptied, retain,
};

use super::key_map::KeyMap;
use super::transactions::Transactions;
use crate::log::config::LogConfig;
use crate::replica::prepare::EXPANSION_MAX;

/// What a batch may hold decompressed whatever its topic says: so much was taken by default.
const DECOMPRESSED_MIN: usize = EXPANSION_MAX * ((1 << 20) + 12);

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
    #[error(
        "more than {0} bytes once decompressed: with a larger max.decompressed.message.bytes of its \
         topic it can be compacted"
    )]
    TooLargeInside(usize),
    #[error("its offsets are none")]
    Offset,
}

/// What stays of a producer whatever it has written, or a log from which everything is made anew
/// would know less of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum LastOf {
    /// Its last batch, which ends here, if without records: or it would seem to have lost some.
    Batch(Offset),
    /// The marker with its epoch, where it has written nothing since: or an older one could write.
    Marker(ProducerEpoch),
}

/// What decides.
#[derive(Debug)]
pub(crate) struct Rules<'a> {
    pub(crate) keys: &'a KeyMap,
    pub(crate) producers: &'a BTreeMap<ProducerId, LastOf>,
    /// The batch before this offset stays, if without records: a log has no end without it.
    pub(crate) end: Offset,
    pub(crate) now_ms: i64,
    /// `delete.retention.ms`.
    pub(crate) delete_retention_ms: i64,
}

/// Contexts that are used again for each batch.
#[derive(Debug)]
pub(crate) struct Codecs {
    compressor: Compressor,
    decompressor: Decompressor,
    bytes_max: usize,
    opened: u64,
}

impl Codecs {
    /// For the log of a topic with these settings.
    pub(crate) fn new(config: &LogConfig) -> Self {
        Self {
            compressor: Compressor::default(),
            decompressor: Decompressor::default(),
            bytes_max: DECOMPRESSED_MIN.max(config.decompressed_bytes_max as usize),
            opened: 0,
        }
    }

    /// The records of a batch. `max.message.bytes` may have been larger when it was taken, and says
    /// nothing about it.
    fn open(&mut self, batch: &CheckedBatch) -> Result<RecordBlock, FilterError> {
        let block = RecordBlock::open(batch, &mut self.decompressor, self.bytes_max);
        let block = block.map_err(|error| match error {
            CompressionError::Oversized { .. } => FilterError::TooLargeInside(self.bytes_max),
            error => error.into(),
        })?;
        self.opened += u64::try_from(block.bytes().len()).unwrap_or(u64::MAX);
        Ok(block)
    }

    /// The records of a batch of the dirty part.
    pub(crate) fn records(&mut self, batch: &CheckedBatch) -> Result<RecordBlock, FilterError> {
        self.open(batch)
    }

    /// Bytes of records that were opened since the last time.
    pub(crate) const fn take_opened(&mut self) -> u64 {
        core::mem::replace(&mut self.opened, 0)
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
    let last_of = header.producer_id.and_then(|id| rules.producers.get(&id).copied());
    let fences = header.is_control()
        && header.producer_epoch.is_some_and(|epoch| last_of == Some(LastOf::Marker(epoch)));
    let gone = useless && !fences && (passed || !header.is_control());
    let stays = last_of == Some(LastOf::Batch(last)) || last.next() == rules.end;
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
    let (horizon, compressor) = (horizon.map(Timestamp), &mut codecs.compressor);
    match retain(&block, &mut |record| keep(record), horizon, compressor) {
        Ok(written) => Ok(written.map_or_else(without_records, Outcome::Write)),
        // there is no such batch
        Err(RetainError::TooLarge { .. } | RetainError::TimestampRange(..)) => Ok(Outcome::Keep),
        Err(error) => Err(error.into()),
    }
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
