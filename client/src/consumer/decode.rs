//! From batches to records: checks the CRC, decompresses, and reads every record once, so that
//! going through the records afterwards cannot fail.

use std::sync::Arc;

use bytes::Bytes;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{LeaderEpoch, Offset};
use ottla_protocol::record::{
    BatchError, CheckedBatch, Compression, CompressionError, ControlRecord, ControlType,
    Decompressor, Header, RecordBlock, RecordError, RecordRef, Records as RawRecords,
};

use super::config::ConsumerConfig;
use super::inbox::{Batch, Fetched, Piece, Pin, Ready, Work};
use super::record::{ConsumerRecord, RecordView, TimestampType};
use super::subscription::{Reached, TopicPartition};

/// What is wrong with a batch.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BatchFault {
    /// Its bytes are not those that were written, or never were a batch.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// It cannot be decompressed: damaged, larger than
    /// [`decompressed_batch_bytes_max`](super::ConsumerBuilder::decompressed_batch_bytes_max), or
    /// its codec is a Cargo feature that is off.
    #[error(transparent)]
    Compression(#[from] CompressionError),
    /// One of its records cannot be read, although the checksum is right.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The leader has found it damaged, and does not send it.
    #[error("the leader answered {code}: {}", .code.meaning())]
    AtLeader {
        /// What it said.
        code: ErrorCode,
    },
    /// Its offsets are negative, run backwards, or overlap those of the batch before.
    #[error("the offsets of the batch make no sense")]
    Offsets,
}

/// Decodes batches with contexts that are used again.
#[derive(Debug)]
pub(super) struct Decoder {
    decompressor: Decompressor,
    check_crcs: bool,
    decompressed_bytes_max: usize,
}

impl Decoder {
    pub(super) fn new(config: &ConsumerConfig) -> Self {
        Self {
            decompressor: Decompressor::default(),
            check_crcs: config.check_crcs,
            decompressed_bytes_max: config.decompressed_batch_bytes_max,
        }
    }

    /// Decodes `work` in its order, at least one piece, until about `bytes` have come of it.
    pub(super) fn run(&mut self, work: &mut [Work], bytes: usize) {
        let mut left = bytes;
        for Work { partition, piece, .. } in work {
            if left == 0 {
                return;
            }
            let Piece::Raw(fetched) = piece else { continue };
            let ready = match fetched {
                Fetched::Broken { offset, fault } => {
                    let (offset, fault) = (*offset, fault.clone());
                    Ready::Broken { offset, next: None, fault, pin: None }
                }
                Fetched::Batch(batch) => self.open(partition, batch),
            };
            if let Ready::Block(block) = &ready {
                left = left.saturating_sub(block.pin.bytes().max(block.decompressed_bytes()));
            }
            *piece = Piece::Done(ready);
        }
    }

    fn open(&mut self, partition: &TopicPartition, batch: &Batch) -> Ready {
        self.try_open(partition, batch).map_or_else(
            |fault| Ready::Broken {
                offset: batch.from,
                next: Some(batch.next),
                fault,
                pin: Some(batch.pin),
            },
            Ready::Block,
        )
    }

    fn try_open(&mut self, partition: &TopicPartition, batch: &Batch) -> Result<Block, BatchFault> {
        let bytes = batch.bytes.clone();
        let checked = match self.check_crcs {
            true => CheckedBatch::check(bytes)?,
            false => CheckedBatch::without_checksum(bytes)?,
        };
        let header = checked.header();
        let timestamp_type = match header.is_log_append_time() {
            true => TimestampType::LogAppendTime,
            false => TimestampType::CreateTime,
        };
        let hidden = batch.hidden || header.records_count == 0;
        let mut block = Block {
            partition: partition.clone(),
            next: batch.next,
            left: 0,
            leader_epoch: header.partition_leader_epoch,
            timestamp_type,
            pin: batch.pin,
            records: None,
            cursor: (0, 0),
            decompressed: 0,
        };
        if !hidden {
            let limit = self.decompressed_bytes_max;
            let records = RecordBlock::open(&checked, &mut self.decompressor, limit)?;
            if header.compression() != Some(Compression::None) {
                block.decompressed = records.bytes().len();
            }
            (block.cursor, block.left) = read_all(&records, batch)?;
            block.records = Some(records);
        }
        Ok(block)
    }
}

/// Whether a control batch ends a transaction by aborting it. One that cannot be read does not: its
/// fault comes to light when it is decoded.
pub(super) fn is_abort_marker(batch: &Bytes) -> bool {
    let Ok(checked) = CheckedBatch::check(batch.clone()) else { return false };
    let block = RecordBlock::open(&checked, &mut Decompressor::default(), batch.len());
    block.is_ok_and(|block| {
        let first = block.records().next().and_then(Result::ok);
        let control = first.as_ref().and_then(ControlRecord::parse);
        control.is_some_and(|control| control.kind == ControlType::Abort)
    })
}

/// Where the first wanted record of a block is, in bytes and records.
type Cursor = (usize, u32);

/// Reads every record. Gives where the first wanted one is, and how many there are.
fn read_all(block: &RecordBlock, batch: &Batch) -> Result<(Cursor, usize), BatchFault> {
    let mut records = block.records();
    let mut start = (0, 0);
    let mut wanted = 0;
    let mut least = Offset::ZERO;
    while let Some(record) = records.next() {
        let offset = record?.offset;
        if offset < least || offset >= batch.next {
            return Err(BatchFault::Offsets);
        }
        least = offset.next();
        if offset < batch.from {
            start = records.position(block);
        } else {
            wanted += 1;
        }
    }
    Ok((start, wanted))
}

/// A decoded batch: all its records can be read.
#[derive(Debug)]
pub(crate) struct Block {
    partition: TopicPartition,
    next: Offset,
    /// How many records are left.
    left: usize,
    leader_epoch: Option<LeaderEpoch>,
    timestamp_type: TimestampType,
    pin: Pin,
    /// `None` if nothing in it is for the application.
    records: Option<RecordBlock>,
    /// Behind the records that are not wanted or were handed out.
    cursor: Cursor,
    decompressed: usize,
}

impl Block {
    pub(super) const fn partition(&self) -> &TopicPartition {
        &self.partition
    }

    pub(super) const fn timestamp_type(&self) -> TimestampType {
        self.timestamp_type
    }

    pub(super) const fn leader_epoch(&self) -> Option<LeaderEpoch> {
        self.leader_epoch
    }

    /// The offset behind it.
    pub(super) const fn next(&self) -> Offset {
        self.next
    }

    /// How far the log is read when all of it is.
    pub(super) const fn end(&self) -> Reached {
        Reached { offset: self.next, epoch: self.leader_epoch }
    }

    /// How many records are left.
    pub(super) const fn len(&self) -> usize {
        self.left
    }

    pub(super) const fn pin(&self) -> Pin {
        self.pin
    }

    pub(super) const fn decompressed_bytes(&self) -> usize {
        self.decompressed
    }

    /// The records that are left.
    #[inline]
    pub(super) fn iter(&self) -> BlockIter<'_> {
        let records =
            self.records.as_ref().map(|records| records.records_from(self.cursor.0, self.cursor.1));
        BlockIter { block: self, records }
    }

    /// Takes the next record out of it.
    pub(super) fn next_record(&mut self) -> Option<ConsumerRecord> {
        let block = self.records.as_ref()?;
        let mut records = block.records_from(self.cursor.0, self.cursor.1);
        let record = self.own(&readable(records.next()?));
        self.cursor = records.position(block);
        self.left = self.left.saturating_sub(1);
        Some(record)
    }

    /// `record`, which is one of this block's, as a value that shares its memory.
    #[inline]
    pub(super) fn own(&self, record: &RecordRef<'_>) -> ConsumerRecord {
        ConsumerRecord {
            topic: Arc::clone(&self.partition.topic),
            partition: self.partition.partition,
            offset: record.offset,
            timestamp: record.timestamp,
            timestamp_type: self.timestamp_type,
            leader_epoch: self.leader_epoch,
            key: record.key.map(|key| self.slice(key)),
            value: record.value.map(|value| self.slice(value)),
            headers: match record.headers().count_left() {
                0 => Vec::new(),
                _ => self.headers(record),
            },
        }
    }

    #[inline]
    fn slice(&self, part: &[u8]) -> Bytes {
        self.records.as_ref().map_or_else(Bytes::new, |records| records.slice_of(part))
    }

    #[cold]
    fn headers(&self, record: &RecordRef<'_>) -> Vec<Header> {
        let records = self.records.iter();
        records.flat_map(|r| record.headers().map(|header| r.header_of(&header))).collect()
    }
}

/// What `read_all` has read before, from the same bytes. Were it to fail now, going on would lose
/// records without a word.
#[inline]
fn readable(record: Result<RecordRef<'_>, RecordError>) -> RecordRef<'_> {
    // the error is not named: to have none of it made is what lets the compiler inline the reading
    record.unwrap_or_else(|_| unreadable())
}

#[cold]
fn unreadable() -> ! {
    unreachable!("all records were read when the block was opened")
}

/// The records of a block that are left.
#[derive(Clone, Debug)]
pub(crate) struct BlockIter<'a> {
    block: &'a Block,
    records: Option<RawRecords<'a>>,
}

impl<'a> Iterator for BlockIter<'a> {
    type Item = RecordView<'a>;

    #[inline]
    fn next(&mut self) -> Option<RecordView<'a>> {
        let record = self.records.as_mut()?.next()?;
        Some(RecordView::new(self.block, readable(record)))
    }
}
