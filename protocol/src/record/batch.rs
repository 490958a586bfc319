//! The header of a batch, and batches whose checksum is known to be right.

use core::fmt;

use bytes::Bytes;

use super::compression::Compression;
use crate::ids::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};

/// Bytes in front of the records.
pub const HEADER_SIZE: usize = 61;
/// Bytes that the field `batchLength` does not count: itself and the base offset.
pub const LENGTH_PREFIX_BYTES: usize = 12;
/// Where the bytes start that the checksum covers.
pub(super) const CRC_START: usize = 21;
/// The only format that Kafka 4 accepts.
pub const MAGIC: i8 = 2;

pub(super) const CODEC_BITS: i16 = 0x07;
pub(super) const LOG_APPEND_TIME_BIT: i16 = 0x08;
pub(super) const TRANSACTIONAL_BIT: i16 = 0x10;
pub(super) const CONTROL_BIT: i16 = 0x20;
pub(super) const DELETE_HORIZON_BIT: i16 = 0x40;

/// Why bytes are not a record batch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum BatchError {
    /// Fewer bytes than a header, or than the header promises.
    Truncated {
        /// The offset in its header, -1 if even that is missing.
        base_offset: i64,
        /// How many bytes are missing.
        missing: usize,
    },
    /// More bytes than the header promises.
    TrailingBytes {
        /// The offset in its header.
        base_offset: i64,
        /// How many bytes follow.
        extra: usize,
    },
    /// The header's length is less than a header, or negative.
    BadLength {
        /// The offset in its header.
        base_offset: i64,
        /// What it claims.
        length: i32,
    },
    /// Formats 0 and 1 went away with Kafka 4.0.
    Magic {
        /// The offset in its header.
        base_offset: i64,
        /// What it has.
        magic: i8,
    },
    /// The bytes changed since they were written.
    Checksum {
        /// The offset in its header.
        base_offset: i64,
        /// What its header says.
        stored: u32,
        /// What its bytes give.
        found: u32,
    },
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { base_offset, missing } => {
                write!(f, "record batch at offset {base_offset} ends {missing} bytes too early")
            }
            Self::TrailingBytes { base_offset, extra } => {
                write!(f, "{extra} bytes follow the record batch at offset {base_offset}")
            }
            Self::BadLength { base_offset, length } => {
                write!(f, "record batch at offset {base_offset} claims a length of {length}")
            }
            Self::Magic { base_offset, magic } => write!(
                f,
                "record batch at offset {base_offset} has magic {magic}; only 2 is supported"
            ),
            Self::Checksum { base_offset, stored, found } => write!(
                f,
                "record batch at offset {base_offset} has checksum {found:08x}, not {stored:08x}"
            ),
        }
    }
}

impl core::error::Error for BatchError {}

/// What stands in front of a batch's records.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BatchHeader {
    /// Offset of the first record; what a client sends is 0.
    pub base_offset: i64,
    /// Bytes after this field.
    pub batch_length: i32,
    /// Epoch of the leader that appended the batch.
    pub partition_leader_epoch: Option<LeaderEpoch>,
    /// Format; 2.
    pub magic: i8,
    /// CRC-32C of everything from the attributes on.
    pub crc: u32,
    /// Codec, timestamp type, flags.
    pub attributes: i16,
    /// Offset of the last record, less the base offset.
    pub last_offset_delta: i32,
    /// What the records' timestamps are relative to.
    pub base_timestamp: Timestamp,
    /// The highest timestamp of a record, or the append time.
    pub max_timestamp: Timestamp,
    /// `None` if the producer is not idempotent.
    pub producer_id: Option<ProducerId>,
    /// `None` if the producer is not idempotent.
    pub producer_epoch: Option<ProducerEpoch>,
    /// Number of the first record; `None` if the producer is not idempotent.
    pub base_sequence: Option<Sequence>,
    /// How many records follow, as the header claims.
    pub records_count: i32,
}

/// Takes big-endian numbers from a header whose length was checked.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        match self.0.split_first_chunk::<N>() {
            Some((chunk, rest)) => {
                self.0 = rest;
                *chunk
            }
            None => [0; N], // not reached: the fields are 61 bytes in all
        }
    }
}

impl BatchHeader {
    /// Reads the header at the start of `bytes`; the records need not be there.
    ///
    /// # Errors
    ///
    /// Too few bytes for a header, a length that cannot be, another magic than 2. The checksum is
    /// not looked at: see [`CheckedBatch::check`].
    pub fn parse(bytes: &[u8]) -> Result<Self, BatchError> {
        let base = bytes.first_chunk::<8>().map_or(-1, |b| i64::from_be_bytes(*b));
        let Some(header) = bytes.first_chunk::<HEADER_SIZE>() else {
            let missing = HEADER_SIZE - bytes.len();
            return Err(BatchError::Truncated { base_offset: base, missing });
        };
        let mut fields = Fields(header);
        let base_offset = i64::from_be_bytes(fields.take());
        let length = i32::from_be_bytes(fields.take());
        let epoch = i32::from_be_bytes(fields.take());
        let [magic] = fields.take::<1>();
        let parsed = Self {
            base_offset,
            batch_length: length,
            partition_leader_epoch: (epoch >= 0).then_some(LeaderEpoch(epoch)),
            magic: i8::from_be_bytes([magic]),
            crc: u32::from_be_bytes(fields.take()),
            attributes: i16::from_be_bytes(fields.take()),
            last_offset_delta: i32::from_be_bytes(fields.take()),
            base_timestamp: Timestamp(i64::from_be_bytes(fields.take())),
            max_timestamp: Timestamp(i64::from_be_bytes(fields.take())),
            producer_id: Some(i64::from_be_bytes(fields.take()))
                .filter(|id| *id >= 0)
                .map(ProducerId),
            producer_epoch: Some(i16::from_be_bytes(fields.take()))
                .filter(|epoch| *epoch >= 0)
                .map(ProducerEpoch),
            base_sequence: Sequence::new(i32::from_be_bytes(fields.take())),
            records_count: i32::from_be_bytes(fields.take()),
        };
        if parsed.magic != MAGIC {
            return Err(BatchError::Magic { base_offset, magic: parsed.magic });
        }
        let least = HEADER_SIZE - LENGTH_PREFIX_BYTES;
        if usize::try_from(length).is_ok_and(|length| length >= least) {
            Ok(parsed)
        } else {
            Err(BatchError::BadLength { base_offset, length })
        }
    }

    /// Bytes of the whole batch, header included.
    #[must_use]
    pub fn total_size(&self) -> usize {
        usize::try_from(self.batch_length).map_or(0, |length| length + LENGTH_PREFIX_BYTES)
    }

    /// Offset of the last record; `None` if the header's numbers overflow or are negative.
    #[must_use]
    pub fn last_offset(&self) -> Option<Offset> {
        let delta = i64::from(self.last_offset_delta);
        (delta >= 0).then(|| self.base_offset.checked_add(delta)).flatten().and_then(Offset::new)
    }

    /// How the records are compressed; `None` for a codec that nobody knows.
    #[must_use]
    pub const fn compression(&self) -> Option<Compression> {
        Compression::from_attributes(self.attributes)
    }

    /// Whether the records are for the protocol, not for applications.
    #[must_use]
    pub const fn is_control(&self) -> bool {
        self.attributes & CONTROL_BIT != 0
    }

    /// Whether the records belong to a transaction.
    #[must_use]
    pub const fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL_BIT != 0
    }

    /// Whether every record has the time of its append, which is `max_timestamp`.
    #[must_use]
    pub const fn is_log_append_time(&self) -> bool {
        self.attributes & LOG_APPEND_TIME_BIT != 0
    }

    /// When compaction may drop the batch's tombstones, if it has seen them (KIP-534). The field
    /// of the base timestamp carries it, and record timestamps stay relative to that.
    #[must_use]
    pub const fn delete_horizon(&self) -> Option<Timestamp> {
        if self.attributes & DELETE_HORIZON_BIT == 0 { None } else { Some(self.base_timestamp) }
    }
}

/// One whole batch whose magic, length and checksum are right. Its records may still lie.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CheckedBatch {
    header: BatchHeader,
    bytes: Bytes,
}

impl CheckedBatch {
    /// Checks that `bytes` are exactly one batch.
    ///
    /// # Errors
    ///
    /// See [`BatchError`].
    pub fn check(bytes: Bytes) -> Result<Self, BatchError> {
        let unchecked = Self::without_checksum(bytes)?;
        let header = unchecked.header;
        let found = checksum(&unchecked.bytes);
        if found != header.crc {
            let base_offset = header.base_offset;
            return Err(BatchError::Checksum { base_offset, stored: header.crc, found });
        }
        Ok(unchecked)
    }

    /// As [`check`](Self::check), but believes the checksum: for a reader that was told not to
    /// check it (Kafka: `check.crcs=false`).
    ///
    /// # Errors
    ///
    /// See [`BatchError`].
    pub fn without_checksum(bytes: Bytes) -> Result<Self, BatchError> {
        let header = BatchHeader::parse(&bytes)?;
        let (base_offset, size) = (header.base_offset, header.total_size());
        if let Some(missing) = size.checked_sub(bytes.len()).filter(|missing| *missing > 0) {
            return Err(BatchError::Truncated { base_offset, missing });
        }
        if let Some(extra) = bytes.len().checked_sub(size).filter(|extra| *extra > 0) {
            return Err(BatchError::TrailingBytes { base_offset, extra });
        }
        Ok(Self { header, bytes })
    }

    /// Its header.
    #[must_use]
    pub const fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// All of it, header included.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// All of it, header included.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// The records, as they are stored.
    #[must_use]
    pub fn payload(&self) -> Bytes {
        self.bytes.slice(HEADER_SIZE..)
    }
}

/// The CRC-32C that the header of `batch` should carry.
#[must_use]
pub fn checksum(batch: &[u8]) -> u32 {
    crc32c::crc32c(batch.get(CRC_START..).unwrap_or_default())
}

/// Cuts what was fetched into batches, without copying. A tail that is no whole batch is left out:
/// a broker may cut the last batch short.
pub fn split_batches(fetched: Bytes) -> impl Iterator<Item = Result<Bytes, BatchError>> {
    let mut rest = fetched;
    core::iter::from_fn(move || {
        if rest.len() < HEADER_SIZE {
            return None;
        }
        match BatchHeader::parse(&rest) {
            Ok(header) if header.total_size() > rest.len() => None,
            Ok(header) => Some(Ok(rest.split_to(header.total_size()))),
            Err(error) => {
                rest.clear(); // where the next batch starts is unknown
                Some(Err(error))
            }
        }
    })
}
