//! Reads the records of a batch, one after the other, without copying them.

use core::fmt;
use std::borrow::Cow;

use bytes::Bytes;

use super::Header;
use super::batch::{BatchHeader, CheckedBatch};
use super::compression::{Compression, CompressionError, Decompressor};
use super::varint::{self, VarintError};
use crate::Str;
use crate::ids::{Offset, Timestamp};

/// The fewest bytes of a record: its length, attributes, two deltas, two null lengths, no headers.
const RECORD_BYTES_MIN: usize = 7;

/// Why a record cannot be read. What follows it in the batch cannot be read either.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RecordError {
    /// The offset in the batch's header.
    pub base_offset: i64,
    /// Which record of the batch, from 0.
    pub index: u32,
    /// What is wrong with it.
    pub reason: RecordReason,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { index, base_offset, reason } = self;
        write!(f, "record {index} of the batch at offset {base_offset}: {reason}")
    }
}

impl core::error::Error for RecordError {}

/// What is wrong with a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RecordReason {
    /// The batch ends before the record does, or the record before its fields do.
    Truncated(&'static str),
    /// A varint takes more bytes or has more bits than its type.
    BadNumber(&'static str),
    /// A length or a count is negative and does not mean null, or is above what follows.
    BadLength {
        /// Of which field.
        field: &'static str,
        /// What it claims.
        claimed: i32,
        /// How many bytes follow.
        left: usize,
    },
    /// Its fields end before the length that it claims.
    TrailingBytes(usize),
    /// Its offset is negative or more than 63 bits.
    Offset {
        /// What it claims.
        delta: i32,
    },
    /// Its timestamp is more than 64 bits.
    Timestamp {
        /// What it claims.
        delta: i64,
    },
    /// The batch's header counts more records than there are, or fewer.
    Count {
        /// What the batch's header claims.
        claimed: i32,
        /// How many bytes are left.
        left: usize,
    },
}

impl fmt::Display for RecordReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated(value) => write!(f, "it ends within its {value}"),
            Self::BadNumber(value) => write!(f, "the number of its {value} is too long"),
            Self::BadLength { field, claimed, left } => {
                write!(f, "its {field} cannot be {claimed} with {left} bytes left")
            }
            Self::TrailingBytes(value) => write!(f, "{value} bytes follow its last field"),
            Self::Offset { delta } => {
                write!(f, "its offset is {delta} from that of the batch, which no offset is")
            }
            Self::Timestamp { delta } => {
                write!(f, "its timestamp is {delta} ms from that of the batch, which overflows")
            }
            Self::Count { claimed, left } => {
                write!(f, "the batch claims {claimed} records, and {left} bytes are left for it")
            }
        }
    }
}

impl core::error::Error for RecordReason {}

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
        Records::new(&self.header, &self.bytes, 0)
    }

    /// The records from byte `position` on, of which `index` come before; what
    /// [`Records::position`] said, so that reading can go on later.
    #[must_use]
    pub fn records_from(&self, position: usize, index: u32) -> Records<'_> {
        let rest = self.bytes.get(position..).unwrap_or_default();
        Records::new(&self.header, rest, index)
    }

    /// A part of this block, such as a record's value, that shares its memory. What is not a part
    /// of it is copied.
    #[must_use]
    #[inline]
    pub fn slice_of(&self, part: &[u8]) -> Bytes {
        let (whole, range) = (self.bytes.as_ptr_range(), part.as_ptr_range());
        if whole.start <= range.start && range.end <= whole.end {
            self.bytes.slice_ref(part)
        } else {
            Bytes::copy_from_slice(part)
        }
    }

    /// A header of a record of this block, as a value that shares its memory.
    #[must_use]
    pub fn header_of(&self, header: &HeaderRef<'_>) -> Header {
        let key = Str::try_from(self.slice_of(header.key.as_bytes()));
        let value = header.value.map(|value| self.slice_of(value));
        Header { key: key.unwrap_or_default(), value } // a `str` a moment ago: it is UTF-8
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
        let left = varint::take32(&mut rest).unwrap_or(0);
        Headers { rest, left }
    }

    /// Its headers as bytes, with their count.
    #[must_use]
    pub(super) const fn raw_headers(&self) -> &'a [u8] {
        self.headers
    }
}

/// One header of a record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HeaderRef<'a> {
    /// Its key. What is not UTF-8 in it, because another client did not care, is U+FFFD here, as
    /// in Kafka's Java client; only then is it not borrowed.
    pub key: Cow<'a, str>,
    /// Its value, or null.
    pub value: Option<&'a [u8]>,
}

/// The headers of one record. [`Records`] has walked over them, so nothing can be wrong.
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
        let (key, value) = take_header(&mut self.rest).ok()?;
        Some(HeaderRef { key: String::from_utf8_lossy(key), value })
    }
}

/// Takes a varint of one field; says which, if it is none.
#[inline]
fn number<T>(result: Result<T, VarintError>, field: &'static str) -> Result<T, RecordReason> {
    result.map_err(|error| match error {
        VarintError::Truncated => RecordReason::Truncated(field),
        VarintError::Overlong => RecordReason::BadNumber(field),
    })
}

/// Takes as many bytes as a length says, which is twice that if it is not negative.
#[inline]
fn take_exactly<'a>(
    input: &mut &'a [u8],
    length: u32,
    field: &'static str,
) -> Result<&'a [u8], RecordReason> {
    if length & 1 == 0
        && let Some((bytes, rest)) = input.split_at_checked((length >> 1) as usize)
    {
        *input = rest;
        return Ok(bytes);
    }
    Err(bad_length(length, field, input.len()))
}

#[cold]
fn bad_length(length: u32, field: &'static str, left: usize) -> RecordReason {
    RecordReason::BadLength { field, claimed: varint::unzigzag32(length), left }
}

/// Takes bytes behind their length; `None` for null.
#[inline]
fn take_bytes<'a>(
    input: &mut &'a [u8],
    field: &'static str,
) -> Result<Option<&'a [u8]>, RecordReason> {
    let length = number(varint::take_raw32(input), field)?;
    match take_exactly(input, length, field) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(_) if length == NULL => Ok(None),
        Err(error) => Err(error),
    }
}

/// The length of null: -1.
const NULL: u32 = varint::zigzag32(-1);

/// A record up to its key, and what follows it.
struct Front<'a> {
    time_delta: i64,
    offset_delta: i32,
    body: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Front<'a> {
    /// Takes the numbers out of one word: `None` if they take more, or something is wrong with
    /// them. Then [`far`](Self::far) reads them or says what it is.
    #[inline]
    fn near(bytes: &'a [u8]) -> Option<Self> {
        let mut word = varint::Word::new(bytes)?;
        let length = word.take()?;
        let from = word.taken()?;
        word.skip(); // attributes: none is defined
        let (time, offset) = (word.take()?, word.take()?);
        if (length | offset) & 1 != 0 {
            return None; // one of them is negative
        }
        let (record, rest) = bytes.split_at_checked(from + (length >> 1) as usize)?;
        let body = record.get(word.taken()?..)?;
        let time_delta = varint::unzigzag32(time).into();
        let offset_delta = (offset >> 1).cast_signed();
        Some(Self { time_delta, offset_delta, body, rest })
    }

    /// The same number by number.
    #[cold]
    fn far(bytes: &'a [u8]) -> Result<Self, RecordReason> {
        let mut rest = bytes;
        let length = number(varint::take_raw32(&mut rest), "length")?;
        let record = take_exactly(&mut rest, length, "length")?;
        let (_attributes, mut body) =
            record.split_first().ok_or(RecordReason::Truncated("attributes"))?;
        let time_delta = number(varint::take64(&mut body), "timestamp")?;
        let offset_delta = number(varint::take32(&mut body), "offset")?;
        Ok(Self { time_delta, offset_delta, body, rest })
    }
}

/// Takes a header: its key, which cannot be null, and its value.
fn take_header<'a>(input: &mut &'a [u8]) -> Result<(&'a [u8], Option<&'a [u8]>), RecordReason> {
    let length = number(varint::take_raw32(input), "header key")?;
    let key = take_exactly(input, length, "header key")?;
    Ok((key, take_bytes(input, "header value")?))
}

/// Walks over the headers, so that iterating over them later cannot fail.
fn check_headers(headers: &[u8]) -> Result<(), RecordReason> {
    let mut rest = headers;
    let claimed = number(varint::take32(&mut rest), "header count")?;
    let left = rest.len();
    // each takes two bytes at least
    if usize::try_from(claimed).map_or(true, |count| count > left / 2) {
        return Err(RecordReason::BadLength { field: "header count", claimed, left });
    }
    for _ in 0..claimed {
        take_header(&mut rest)?;
    }
    if rest.is_empty() { Ok(()) } else { Err(RecordReason::TrailingBytes(rest.len())) }
}

/// Iterates over the records of a [`RecordBlock`]; ends after the first error.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    header: &'a BatchHeader,
    rest: &'a [u8],
    index: u32,
    /// Before which index the records end; 0 once an error was given.
    end: u32,
    ended: bool,
}

impl<'a> Records<'a> {
    fn new(header: &'a BatchHeader, rest: &'a [u8], index: u32) -> Self {
        let end = u32::try_from(header.records_count).unwrap_or(0);
        Self { header, rest, index, end, ended: false }
    }

    /// Where the next record starts in `block`, and how many came before it.
    #[must_use]
    pub fn position(&self, block: &RecordBlock) -> (usize, u32) {
        (block.bytes.len().saturating_sub(self.rest.len()), self.index)
    }

    #[cold]
    fn error(&mut self, reason: RecordReason) -> RecordError {
        (self.ended, self.end) = (true, 0);
        RecordError { base_offset: self.header.base_offset, index: self.index, reason }
    }

    /// Behind the last record: whether the batch ends there too.
    #[cold]
    fn end(&mut self) -> Option<Result<RecordRef<'a>, RecordError>> {
        let (claimed, left) = (self.header.records_count, self.rest.len());
        let wrong = !self.ended && (claimed < 0 || left > 0);
        self.ended = true;
        wrong.then(|| Err(self.error(RecordReason::Count { claimed, left })))
    }

    #[cold]
    fn far_front(&self) -> Result<Front<'a>, RecordReason> {
        if self.rest.is_empty() {
            return Err(RecordReason::Count { claimed: self.header.records_count, left: 0 });
        }
        Front::far(self.rest)
    }

    #[inline]
    fn read(&mut self) -> Result<RecordRef<'a>, RecordReason> {
        let front = match Front::near(self.rest) {
            Some(front) => front,
            None => self.far_front()?,
        };
        let Front { time_delta, offset_delta, mut body, rest } = front;
        let key = take_bytes(&mut body, "key")?;
        let value = take_bytes(&mut body, "value")?;
        let headers = body;
        if *headers != [0] {
            check_headers(headers)?;
        }
        let offset = self.header.base_offset.checked_add(i64::from(offset_delta));
        let offset = offset.and_then(Offset::new);
        let offset = offset.ok_or(RecordReason::Offset { delta: offset_delta })?;
        let time = self.header.base_timestamp.0.checked_add(time_delta);
        let mut timestamp = Timestamp(time.ok_or(RecordReason::Timestamp { delta: time_delta })?);
        if self.header.is_log_append_time() {
            timestamp = self.header.max_timestamp;
        }
        self.rest = rest;
        Ok(RecordRef { offset_delta, offset, timestamp, key, value, headers })
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<RecordRef<'a>, RecordError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.index >= self.end {
            return self.end();
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
        let left = usize::try_from(self.end.saturating_sub(self.index)).unwrap_or(usize::MAX);
        let fit = self.rest.len() / RECORD_BYTES_MIN;
        // at most one error comes in place of records
        (0, Some(left.min(fit).saturating_add(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    proptest! {
        /// What is read out of one word is what is read number by number.
        #[test]
        fn the_short_way_leads_where_the_long_way_does(
            length in 0_u8..80,
            numbers in vec(prop_oneof![0_u8..0x80, any::<u8>()], 0..80),
        ) {
            let bytes = [&[length][..], &numbers].concat();
            let of = |front: Front<'_>| {
                let (body, rest) = (front.body.to_vec(), front.rest.to_vec());
                (front.time_delta, front.offset_delta, body, rest)
            };
            if let Some(near) = Front::near(&bytes).map(of) {
                prop_assert_eq!(Ok(near), Front::far(&bytes).map(of));
            }
        }
    }

    #[test]
    fn the_short_way_is_taken_up_to_three_bytes_a_number() {
        let record = |numbers: &[u8]| [&[40, 0], numbers, &[0; 30]].concat();
        for (numbers, near) in [
            (&[0x02, 0x04][..], true),
            (&[0x80, 0x01, 0x80, 0x02], true),
            (&[0x80, 0x80, 0x01, 0x80, 0x80, 0x02], true),
            (&[0x80, 0x80, 0x80, 0x01, 0x02], false),
        ] {
            let bytes = record(numbers);
            assert_eq!(Front::near(&bytes).is_some(), near, "{numbers:?}");
            assert!(Front::far(&bytes).is_ok(), "{numbers:?}");
        }
        let cut = record(&[0x80, 0x80, 0x01, 0x80, 0x80, 0x02]);
        assert!(Front::near(&cut[..7]).is_none()); // no word
    }
}
