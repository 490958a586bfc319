//! Reads the records of a batch, one after the other, without copying them.

use bytes::Bytes;

use super::batch::{BatchHeader, CheckedBatch};
use super::compression::{Compression, CompressionError, Decompressor};
use super::varint;
use crate::ids::{Offset, Timestamp};

/// The fewest bytes of a record: its length, attributes, two deltas, two null lengths, no headers.
const RECORD_BYTES_MIN: usize = 7;

/// Why a record cannot be read. What follows it in the batch cannot be read either.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("record {index} of the batch at offset {base_offset}: {reason}")]
pub struct RecordError {
    /// The offset in the batch's header.
    pub base_offset: i64,
    /// Which record of the batch, from 0.
    pub index: u32,
    /// What is wrong with it.
    pub reason: RecordReason,
}

/// What is wrong with a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordReason {
    /// The batch ends before the record does, or the record before its fields do.
    #[error("it ends too early")]
    Truncated,
    /// A length is negative and not null's, or a varint is too long.
    #[error("a length or number in it cannot be")]
    BadNumber,
    /// Its fields end before the length that it claims.
    #[error("{0} bytes follow its last field")]
    TrailingBytes(usize),
    /// Its offset or timestamp is more than 64 bits.
    #[error("its offset or timestamp overflows")]
    Overflow,
    /// A header's key is null or not UTF-8.
    #[error("the key of a header is null or not UTF-8")]
    HeaderKey,
    /// The header counts more records than there are, or fewer.
    #[error("the batch claims {claimed} records and has bytes for others")]
    Count {
        /// What the batch's header claims.
        claimed: i32,
    },
}

/// The records of one batch, decompressed.
#[derive(Clone, Debug)]
pub struct RecordBlock {
    header: BatchHeader,
    bytes: Bytes,
}

impl RecordBlock {
    /// Decompresses the records of `batch`, if they are compressed, to at most `bytes_max`.
    ///
    /// # Errors
    ///
    /// If the codec is unknown or not built in, the data is damaged, or larger than `bytes_max`.
    pub fn open(
        batch: &CheckedBatch,
        decompressor: &mut Decompressor,
        bytes_max: usize,
    ) -> Result<Self, CompressionError> {
        let header = *batch.header();
        let bytes = match header.compression() {
            None => return Err(CompressionError::UnknownCodec(header.attributes & 0x07)),
            Some(Compression::None) => batch.payload(),
            Some(codec) => decompressor.decompress(codec, &batch.payload(), bytes_max)?,
        };
        Ok(Self { header, bytes })
    }

    /// The header of the batch.
    #[must_use]
    pub const fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The records as bytes, decompressed.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The records, first to last.
    #[must_use]
    pub fn records(&self) -> Records<'_> {
        Records { header: &self.header, rest: &self.bytes, index: 0, ended: false }
    }

    /// The records from byte `position` on, of which `index` come before; what
    /// [`Records::position`] said, so that reading can go on later.
    #[must_use]
    pub fn records_from(&self, position: usize, index: u32) -> Records<'_> {
        let rest = self.bytes.get(position..).unwrap_or_default();
        Records { header: &self.header, rest, index, ended: false }
    }

    /// A part of this block, such as a record's value, that shares its memory.
    ///
    /// # Panics
    ///
    /// If `part` is not a part of this block.
    #[must_use]
    pub fn slice_of(&self, part: &[u8]) -> Bytes {
        self.bytes.slice_ref(part)
    }
}

/// A record whose key and value are borrowed from its batch.
#[derive(Clone, Copy, Debug)]
pub struct RecordRef<'a> {
    /// Its offset, less that of the batch.
    pub offset_delta: i32,
    /// Its offset.
    pub offset: Offset,
    /// When it was made, or appended if the topic says so.
    pub timestamp: Timestamp,
    /// Its key, or null.
    pub key: Option<&'a [u8]>,
    /// Its value, or null.
    pub value: Option<&'a [u8]>,
    headers: &'a [u8],
}

impl<'a> RecordRef<'a> {
    /// Its headers, in their order.
    #[must_use]
    pub fn headers(&self) -> Headers<'a> {
        let mut rest = self.headers;
        let left = varint::take_i32(&mut rest).unwrap_or(0);
        Headers { rest, left }
    }

    /// Its headers as bytes, with their count.
    #[must_use]
    pub(super) const fn raw_headers(&self) -> &'a [u8] {
        self.headers
    }
}

/// One header of a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HeaderRef<'a> {
    /// Its key.
    pub key: &'a str,
    /// Its value, or null.
    pub value: Option<&'a [u8]>,
}

/// The headers of one record. [`Records`] has walked over them, so only a key can be wrong.
#[derive(Clone, Copy, Debug)]
pub struct Headers<'a> {
    rest: &'a [u8],
    left: i32,
}

impl Headers<'_> {
    /// How many are left.
    #[must_use]
    pub fn count_left(&self) -> usize {
        usize::try_from(self.left).unwrap_or(0)
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = HeaderRef<'a>;

    fn next(&mut self) -> Option<HeaderRef<'a>> {
        if self.left <= 0 {
            return None;
        }
        self.left -= 1;
        let key = core::str::from_utf8(take_bytes(&mut self.rest).ok()??).ok()?;
        let value = take_bytes(&mut self.rest).ok()?;
        Some(HeaderRef { key, value })
    }
}

/// Takes bytes behind their length; `None` for null.
#[inline]
fn take_bytes<'a>(input: &mut &'a [u8]) -> Result<Option<&'a [u8]>, RecordReason> {
    let length = varint::take_i32(input).ok_or(RecordReason::BadNumber)?;
    if length == -1 {
        return Ok(None);
    }
    let length = usize::try_from(length).map_err(|_| RecordReason::BadNumber)?;
    let (bytes, rest) = input.split_at_checked(length).ok_or(RecordReason::Truncated)?;
    *input = rest;
    Ok(Some(bytes))
}

/// Iterates over the records of a [`RecordBlock`]; ends after the first error.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    header: &'a BatchHeader,
    rest: &'a [u8],
    index: u32,
    ended: bool,
}

impl<'a> Records<'a> {
    /// How many bytes of the block are not read yet.
    #[must_use]
    pub const fn bytes_left(&self) -> usize {
        self.rest.len()
    }

    /// Where the next record starts in `block`, and how many came before it.
    #[must_use]
    pub fn position(&self, block: &RecordBlock) -> (usize, u32) {
        (block.bytes.len().saturating_sub(self.rest.len()), self.index)
    }

    #[cold]
    fn error(&mut self, reason: RecordReason) -> RecordError {
        self.ended = true;
        RecordError { base_offset: self.header.base_offset, index: self.index, reason }
    }

    #[inline]
    fn read(&mut self) -> Result<RecordRef<'a>, RecordReason> {
        let length = varint::take_i32(&mut self.rest).ok_or(RecordReason::BadNumber)?;
        let length = usize::try_from(length).map_err(|_| RecordReason::BadNumber)?;
        let (mut body, rest) = self.rest.split_at_checked(length).ok_or(RecordReason::Truncated)?;
        self.rest = rest;
        let (_attributes, fields) = body.split_first().ok_or(RecordReason::Truncated)?;
        body = fields;
        let time_delta = varint::take(&mut body).ok_or(RecordReason::BadNumber)?;
        let offset_delta = varint::take_i32(&mut body).ok_or(RecordReason::BadNumber)?;
        let key = take_bytes(&mut body)?;
        let value = take_bytes(&mut body)?;
        let headers = body;
        if *headers != [0] {
            check_headers(headers)?;
        }
        let offset = self.header.base_offset.checked_add(i64::from(offset_delta));
        let offset = offset.and_then(Offset::new).ok_or(RecordReason::Overflow)?;
        let timestamp = if self.header.is_log_append_time() {
            self.header.max_timestamp
        } else {
            let base = self.header.base_timestamp.0;
            Timestamp(base.checked_add(time_delta).ok_or(RecordReason::Overflow)?)
        };
        Ok(RecordRef { offset_delta, offset, timestamp, key, value, headers })
    }
}

/// Walks over the headers, so that iterating over them later cannot fail.
fn check_headers(headers: &[u8]) -> Result<(), RecordReason> {
    let mut rest = headers;
    let count = varint::take_i32(&mut rest).ok_or(RecordReason::Truncated)?;
    if count < 0 {
        return Err(RecordReason::BadNumber);
    }
    for _ in 0..count {
        let key = take_bytes(&mut rest)?.ok_or(RecordReason::HeaderKey)?;
        core::str::from_utf8(key).map_err(|_| RecordReason::HeaderKey)?;
        take_bytes(&mut rest)?;
    }
    if rest.is_empty() { Ok(()) } else { Err(RecordReason::TrailingBytes(rest.len())) }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<RecordRef<'a>, RecordError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let claimed = self.header.records_count;
        if i64::from(self.index) >= i64::from(claimed) {
            self.ended = true;
            let wrong = claimed < 0 || !self.rest.is_empty();
            return wrong.then(|| Err(self.error(RecordReason::Count { claimed })));
        }
        if self.rest.is_empty() {
            return Some(Err(self.error(RecordReason::Count { claimed })));
        }
        match self.read() {
            Ok(record) => {
                self.index += 1;
                Some(Ok(record))
            }
            Err(reason) => Some(Err(self.error(reason))),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = i64::from(self.header.records_count) - i64::from(self.index);
        let fit = self.rest.len() / RECORD_BYTES_MIN;
        // at most one error comes in place of records
        (0, Some(usize::try_from(left).unwrap_or(0).min(fit).saturating_add(1)))
    }
}
