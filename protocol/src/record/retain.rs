//! Writes a batch again with fewer of its records, as compaction leaves it.

use core::fmt;

use bytes::{BufMut, BytesMut};

use super::assign::put_checksum;
use super::batch::{
    BatchHeader, DELETE_HORIZON_BIT, HEADER_SIZE, LENGTH_PREFIX_BYTES, LOG_APPEND_TIME_BIT, MAGIC,
};
use super::builder::{BYTES_MAX, length, zigzag};
use super::compression::{Compression, CompressionError, Compressor};
use super::iter::{RecordBlock, RecordError, RecordRef};
use super::varint;
use crate::ids::Timestamp;

/// Why a batch cannot be written again.
#[derive(Debug)]
#[non_exhaustive]
pub enum RetainError {
    /// A record cannot be read.
    Record(RecordError),
    /// It would be larger than its length field can say.
    TooLarge {
        /// What it would grow to.
        bytes: usize,
    },
    /// A timestamp is too far from what it is to be relative to.
    TimestampRange(Timestamp, Timestamp),
    /// The records cannot be compressed again.
    Compression(CompressionError),
}

impl fmt::Display for RetainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record(error) => fmt::Display::fmt(error, f),
            Self::TooLarge { bytes } => {
                write!(f, "batch of {bytes} bytes is above the limit, {BYTES_MAX}")
            }
            Self::TimestampRange(first, second) => {
                write!(f, "timestamps {first} and {second} are too far apart for one batch")
            }
            Self::Compression(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl core::error::Error for RetainError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Record(error) => error.source(),
            Self::Compression(error) => error.source(),
            Self::TooLarge { .. } | Self::TimestampRange(..) => None,
        }
    }
}

/// The batch of `block` with only the records that `keep` wants; `None` if it wants none.
///
/// Offsets, codec, producer, sequence and leader epoch stay, and so does the offset of the last
/// record, even if that goes. With `delete_horizon` the batch says from when on its tombstones may
/// go (KIP-534), unless it says so already.
///
/// # Errors
///
/// See [`RetainError`].
pub fn retain(
    block: &RecordBlock,
    keep: &mut dyn FnMut(&RecordRef<'_>) -> bool,
    delete_horizon: Option<Timestamp>,
    compressor: &mut Compressor,
) -> Result<Option<BytesMut>, RetainError> {
    let mut header = *block.header();
    let horizon = header.delete_horizon().or(delete_horizon);
    let mut out = BytesMut::with_capacity(HEADER_SIZE + block.bytes().len());
    out.put_bytes(0, HEADER_SIZE);
    let (mut base, mut max) = (horizon, None);
    header.records_count = 0;
    for record in block.records() {
        let record = record.map_err(RetainError::Record)?;
        if !keep(&record) {
            continue;
        }
        let base = *base.get_or_insert(record.timestamp);
        let delta = record.timestamp.0.checked_sub(base.0);
        let delta = delta.ok_or(RetainError::TimestampRange(base, record.timestamp))?;
        put_record(&mut out, &record, delta);
        max = max.max(Some(record.timestamp));
        header.records_count += 1; // not more than were counted before
    }
    let (Some(base), Some(max)) = (base, max) else { return Ok(None) };
    if let Some(codec) = header.compression().filter(|codec| *codec != Compression::None) {
        let mut packed = compressor.buffer();
        packed.put_bytes(0, HEADER_SIZE);
        let payload = out.get(HEADER_SIZE..).unwrap_or_default();
        compressor.compress(codec, payload, &mut packed).map_err(RetainError::Compression)?;
        core::mem::swap(&mut out, &mut packed);
        compressor.recycle(packed);
    }
    if out.len() > BYTES_MAX {
        return Err(RetainError::TooLarge { bytes: out.len() });
    }
    header.base_timestamp = base;
    if header.attributes & LOG_APPEND_TIME_BIT == 0 {
        header.max_timestamp = max;
    }
    if horizon.is_some() {
        header.attributes |= DELETE_HORIZON_BIT;
    }
    write_header(&mut out, &header);
    Ok(Some(out))
}

/// A batch without records that keeps the place of one with this header: its offsets, its producer
/// and sequence, its largest timestamp.
#[must_use]
pub fn emptied(header: &BatchHeader) -> BytesMut {
    let mut out = BytesMut::with_capacity(HEADER_SIZE);
    out.put_bytes(0, HEADER_SIZE);
    let kept = !(super::batch::CODEC_BITS | DELETE_HORIZON_BIT);
    let attributes = header.attributes & kept;
    let base_timestamp = Timestamp(-1);
    write_header(
        &mut out,
        &BatchHeader { attributes, base_timestamp, records_count: 0, ..*header },
    );
    out
}

/// Writes length and checksum of what follows, and what `header` says of the rest.
fn write_header(batch: &mut BytesMut, header: &BatchHeader) {
    let length = i32::try_from(batch.len() - LENGTH_PREFIX_BYTES).unwrap_or(i32::MAX); // checked
    if let Some(mut place) = batch.get_mut(..HEADER_SIZE) {
        place.put_i64(header.base_offset);
        place.put_i32(length);
        place.put_i32(header.partition_leader_epoch.map_or(-1, |epoch| epoch.0));
        place.put_i8(MAGIC);
        place.put_u32(0);
        place.put_i16(header.attributes);
        place.put_i32(header.last_offset_delta);
        place.put_i64(header.base_timestamp.0);
        place.put_i64(header.max_timestamp.0);
        place.put_i64(header.producer_id.map_or(-1, |id| id.0));
        place.put_i16(header.producer_epoch.map_or(-1, |epoch| epoch.0));
        place.put_i32(header.base_sequence.map_or(-1, |first| first.get()));
        place.put_i32(header.records_count);
    }
    put_checksum(batch);
}

/// The numbers of a record were read as they are written here, but for the timestamp.
fn put_record(out: &mut BytesMut, record: &RecordRef<'_>, time_delta: i64) {
    let (time, time_digits) = varint::spread_long(varint::zigzag64(time_delta));
    let offset = varint::spread(varint::zigzag32(record.offset_delta));
    let (key, value) = (varint::spread(length(record.key)), varint::spread(length(record.value)));
    let (key_bytes, value_bytes) =
        (record.key.unwrap_or_default(), record.value.unwrap_or_default());
    let numbers = 1 + time_digits + offset.1 + key.1 + value.1;
    let headers = record.raw_headers();
    put_number(
        out,
        varint::spread(zigzag(numbers + key_bytes.len() + value_bytes.len() + headers.len())),
    );
    out.put_u8(0); // attributes: none is defined
    out.put_slice(time.get(..time_digits).unwrap_or_default());
    put_number(out, offset);
    put_number(out, key);
    out.put_slice(key_bytes);
    put_number(out, value);
    out.put_slice(value_bytes);
    out.put_slice(headers);
}

fn put_number(out: &mut BytesMut, (word, digits): (u64, usize)) {
    out.put_slice(word.to_le_bytes().get(..digits).unwrap_or_default());
}
