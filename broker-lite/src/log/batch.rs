//! What the log needs to know of a batch: its header, and whether its bytes are whole.

use ottla_protocol::ids::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence};

/// Bytes of a batch header, all of them before the records.
pub(crate) const HEADER_BYTES: usize = 61;

/// Bytes at the front that the leader assigns: base offset, length, leader epoch.
pub(crate) const HEAD_BYTES: usize = 16;

/// Bytes that the length field does not count: the base offset and itself.
const BEFORE_LENGTH: u32 = 12;

const ATTRIBUTE_LOG_APPEND_TIME: i16 = 1 << 3;
const ATTRIBUTE_TRANSACTIONAL: i16 = 1 << 4;
const ATTRIBUTE_CONTROL: i16 = 1 << 5;

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
    crc: u32,
    attributes: i16,
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
    #[error("the checksum does not fit")]
    Checksum,
}

impl BatchView {
    /// Reads a header; `bytes` begins with one.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, BadBatch> {
        let header: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or(BadBatch::Torn)?;
        let magic = i8::from_be_bytes(field(header, 16));
        if magic != 2 {
            return Err(BadBatch::Magic(magic));
        }
        let length = i32::from_be_bytes(field(header, 8));
        let bytes = u32::try_from(length).map_err(|_| BadBatch::Length(length))? + BEFORE_LENGTH;
        if bytes < u32::try_from(HEADER_BYTES).unwrap_or(u32::MAX) {
            return Err(BadBatch::Length(length));
        }
        let base = i64::from_be_bytes(field(header, 0));
        let last_delta = i32::from_be_bytes(field(header, 23));
        let last_delta = u32::try_from(last_delta).map_err(|_| BadBatch::Offset)?;
        let base = Offset::new(base).ok_or(BadBatch::Offset)?;
        if base.get().checked_add(i64::from(last_delta)).is_none_or(|last| last == i64::MAX) {
            return Err(BadBatch::Offset);
        }
        let epoch = i32::from_be_bytes(field(header, 12));
        let producer_id = i64::from_be_bytes(field(header, 43));
        let producer_epoch = i16::from_be_bytes(field(header, 51));
        let first = Sequence::new(i32::from_be_bytes(field(header, 53)));
        let stamp = first.filter(|_| producer_id >= 0).map(|first| BatchStamp {
            id: ProducerId(producer_id),
            epoch: ProducerEpoch(producer_epoch),
            first,
            last: first.after(last_delta),
        });
        Ok(Self {
            base,
            last: base.after(last_delta),
            bytes,
            leader_epoch: (epoch >= 0).then_some(LeaderEpoch(epoch)),
            max_timestamp: i64::from_be_bytes(field(header, 35)),
            stamp,
            crc: u32::from_be_bytes(field(header, 17)),
            attributes: i16::from_be_bytes(field(header, 21)),
        })
    }

    /// Whether `bytes`, the whole batch, are those the checksum was made over.
    pub(crate) fn checksum_fits(&self, bytes: &[u8]) -> bool {
        bytes.get(21..).is_some_and(|covered| crc32c::crc32c(covered) == self.crc)
    }

    pub(crate) const fn is_log_append_time(&self) -> bool {
        self.attributes & ATTRIBUTE_LOG_APPEND_TIME != 0
    }

    pub(crate) const fn is_transactional(&self) -> bool {
        self.attributes & ATTRIBUTE_TRANSACTIONAL != 0
    }

    pub(crate) const fn is_control(&self) -> bool {
        self.attributes & ATTRIBUTE_CONTROL != 0
    }

    /// The view of the same batch once it has got its place in the log.
    pub(crate) fn placed(self, base: Offset, leader_epoch: LeaderEpoch) -> Self {
        let records = self.last.distance_from(self.base).unwrap_or(0);
        let last = base.after(u32::try_from(records).unwrap_or(u32::MAX));
        Self { base, last, leader_epoch: Some(leader_epoch), ..self }
    }

    /// The bytes at the front that differ from what the producer sent.
    pub(crate) fn head(&self) -> [u8; HEAD_BYTES] {
        let mut head = [0; HEAD_BYTES];
        head[..8].copy_from_slice(&self.base.get().to_be_bytes());
        head[8..12].copy_from_slice(&(self.bytes - BEFORE_LENGTH).to_be_bytes());
        let epoch = self.leader_epoch.map_or(-1, |epoch| epoch.0);
        head[12..].copy_from_slice(&epoch.to_be_bytes());
        head
    }
}

/// The `N` bytes at `at`, which must lie inside the header.
fn field<const N: usize>(header: &[u8; HEADER_BYTES], at: usize) -> [u8; N] {
    assert!(at + N <= HEADER_BYTES); // every call names a fixed place
    let mut bytes = [0; N];
    bytes.copy_from_slice(&header[at..at + N]);
    bytes
}
