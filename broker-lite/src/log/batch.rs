//! What the log needs to know of a batch: its header, and whether its bytes are whole.

use std::io;

use ottla_protocol::ids::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence};
use ottla_protocol::record::{BatchError, BatchHeader, HEADER_SIZE, assign_offsets, checksum};

use super::transactions::{MARKER_BYTES_MAX, Marker};

/// The numbers by which a batch of an idempotent producer is told from its retries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct BatchStamp {
    pub(crate) id: ProducerId,
    pub(crate) epoch: ProducerEpoch,
    pub(crate) first: Sequence,
    pub(crate) last: Sequence,
}

/// The header of a batch that lies in a log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct BatchView {
    pub(crate) base: Offset,
    pub(crate) last: Offset,
    /// Of the whole batch, header included.
    pub(crate) bytes: u32,
    pub(crate) leader_epoch: Option<LeaderEpoch>,
    /// Milliseconds since 1970; -1 if the records have none.
    pub(crate) max_timestamp: i64,
    /// `None` unless the producer is idempotent.
    pub(crate) stamp: Option<BatchStamp>,
    pub(crate) transactional: bool,
    /// It is not for applications.
    pub(super) control: bool,
    /// The transaction it ends; a header alone does not say that.
    pub(crate) marker: Option<Marker>,
    crc: u32,
}

/// What is wrong with bytes that should be a batch.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum BadBatch {
    #[error("the file ends inside a batch")]
    Torn,
    #[error("a batch says it is {0} bytes long")]
    Length(i32),
    #[error("magic {0} instead of 2")]
    Magic(i8),
    #[error("an offset below zero")]
    Offset,
    #[error("offset {0} where {1} or more was due")]
    Order(Offset, Offset),
    #[error("the segment begins with offset {0}: the batches before it are missing")]
    Gap(Offset),
    #[error("the log ends here: it was longer, and the batches up to offset {0} are missing")]
    Short(Offset),
    #[error("its header is not the one that was written")]
    Header,
    #[error("the checksum does not fit")]
    Checksum,
}

/// Where in a log something is not as it was written.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{file}: the batch at byte {position}, offset {offset}: {what}")]
pub(crate) struct Damage {
    pub(crate) file: String,
    pub(crate) position: u32,
    /// The first that cannot be read because of it.
    pub(crate) offset: Offset,
    pub(crate) what: BadBatch,
}

impl Damage {
    /// What `error` is about, if it is about damage.
    pub(crate) fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl From<Damage> for io::Error {
    fn from(damage: Damage) -> Self {
        Self::new(io::ErrorKind::InvalidData, damage)
    }
}

impl BatchView {
    /// Reads a header; `bytes` begins with one.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, BadBatch> {
        let header = BatchHeader::parse(bytes).map_err(|error| match error {
            BatchError::Magic { magic, .. } => BadBatch::Magic(magic),
            BatchError::BadLength { length, .. } => BadBatch::Length(length),
            _ => BadBatch::Torn,
        })?;
        Self::of(&header)
    }

    /// What a header says.
    pub(crate) fn of(header: &BatchHeader) -> Result<Self, BadBatch> {
        let last_delta = u32::try_from(header.last_offset_delta).map_err(|_| BadBatch::Offset)?;
        let base = Offset::new(header.base_offset).ok_or(BadBatch::Offset)?;
        // the offset behind it must be one, too
        let last = header.last_offset().filter(|last| *last < Offset::MAX);
        let last = last.ok_or(BadBatch::Offset)?;
        let bytes = u32::try_from(header.total_size());
        let bytes = bytes.map_err(|_| BadBatch::Length(header.batch_length))?;
        let BatchHeader { producer_id, producer_epoch, base_sequence, .. } = *header;
        let stamp = match (producer_id, producer_epoch, base_sequence) {
            (Some(id), Some(epoch), Some(first)) => {
                Some(BatchStamp { id, epoch, first, last: first.after(last_delta) })
            }
            _ => None,
        };
        Ok(Self {
            base,
            last,
            bytes,
            leader_epoch: header.partition_leader_epoch,
            max_timestamp: header.max_timestamp.0,
            stamp,
            transactional: header.is_transactional(),
            control: header.is_control(),
            marker: None,
            crc: header.crc,
        })
    }

    /// The same, of a whole batch, with the transaction that it ends.
    pub(crate) fn with_marker(self, batch: &[u8]) -> Self {
        let may = self.control && self.transactional && self.bytes <= MARKER_BYTES_MAX;
        Self { marker: may.then(|| Marker::of(batch)).flatten(), ..self }
    }

    /// Whether `bytes`, the whole batch, are those the checksum was made over.
    pub(crate) fn checksum_fits(&self, bytes: &[u8]) -> bool {
        bytes.len() == self.bytes as usize && checksum(bytes) == self.crc
    }

    /// The view of the same batch once it has got its place in the log.
    pub(crate) fn placed(self, base: Offset, leader_epoch: LeaderEpoch) -> Self {
        let records = self.last.distance_from(self.base).unwrap_or(0);
        let last = base.after(u32::try_from(records).unwrap_or(u32::MAX));
        Self { base, last, leader_epoch: Some(leader_epoch), ..self }
    }
}

/// The bytes of a batch on their way to the log: a copy of the header, which is changed, and the
/// records, which stay where they were received.
#[derive(Clone, Copy)]
pub(crate) struct BatchBytes<'a> {
    header: [u8; HEADER_SIZE],
    records: &'a [u8],
}

impl<'a> BatchBytes<'a> {
    /// The bytes of one batch; `None` if they are too few.
    #[cfg(test)]
    pub(crate) fn of(batch: &'a [u8]) -> Option<Self> {
        let (header, records) = batch.split_first_chunk()?;
        Some(Self { header: *header, records })
    }

    /// The same, of a header that was changed already.
    pub(crate) const fn new(header: [u8; HEADER_SIZE], records: &'a [u8]) -> Self {
        Self { header, records }
    }

    /// Gives it the place that `view` says.
    pub(crate) fn place(&mut self, view: &BatchView) {
        assign_offsets(&mut self.header, view.base, view.leader_epoch);
    }

    /// What is to be written, one behind the other.
    pub(crate) const fn parts(&self) -> [&[u8]; 2] {
        [&self.header, self.records]
    }

    /// How many bytes that is.
    pub(crate) const fn len(&self) -> usize {
        HEADER_SIZE + self.records.len()
    }
}
