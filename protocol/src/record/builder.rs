//! Builds a batch where it will be sent from: records go straight behind the space of the header.

use core::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use super::Header;
use super::assign::put_stamp;
use super::batch::{CODEC_BITS, CONTROL_BIT, HEADER_SIZE, LENGTH_PREFIX_BYTES, MAGIC, checksum};
use super::compression::{Compression, CompressionError, Compressor};
use super::iter::RecordRef;
use super::varint;
use crate::ids::{ProducerEpoch, ProducerId, Sequence, Timestamp};

/// The most a batch or a record may be: what their lengths can say.
pub(super) const BYTES_MAX: usize = i32::MAX as usize;
/// The most bytes of a record around its key, its value and its headers: its length, attributes,
/// two deltas and two lengths.
const NUMBERS_BYTES_MAX: usize = 5 + 1 + 10 + 5 + 5 + 5;
/// How many bytes are stored at once; so far a word stored for the sake of its first byte reaches.
const WORD_BYTES: usize = 8;

/// Which records of which producer a batch holds (KIP-98).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ProducerStamp {
    /// The producer.
    pub id: ProducerId,
    /// Its incarnation.
    pub epoch: ProducerEpoch,
    /// The number of the batch's first record.
    pub first: Sequence,
    /// Whether the records belong to a transaction.
    pub transactional: bool,
}

/// Why a record cannot join a batch. The batch is as it was.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum AppendError {
    /// The record, or the batch with it, would be larger than its length field can say.
    TooLarge {
        /// What the batch would grow to.
        bytes: usize,
    },
    /// The batch has as many records as it can count.
    TooMany(u32),
    /// The timestamp is too far from that of the first record.
    TimestampRange(Timestamp, Timestamp),
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes } => write!(
                f,
                "record of {bytes} bytes does not fit a batch, whose limit is {BYTES_MAX}"
            ),
            Self::TooMany(value) => write!(f, "batch has {value} records, as many as it can count"),
            Self::TimestampRange(first, second) => {
                write!(f, "timestamps {first} and {second} are too far apart for one batch")
            }
        }
    }
}

impl core::error::Error for AppendError {}

/// A batch that is ready to send.
#[derive(Debug)]
pub struct Sealed {
    /// The whole batch, header included.
    pub bytes: BytesMut,
    /// The buffer that held the records before they were compressed, empty, for another batch.
    pub spare: Option<BytesMut>,
}

/// The most bytes that a record of this shape takes in a batch.
#[must_use]
#[inline]
pub fn record_size_max(key_bytes: usize, value_bytes: usize, headers: &[Header]) -> usize {
    let headers = if headers.is_empty() { 1 } else { headers_size(headers) };
    (NUMBERS_BYTES_MAX + headers).saturating_add(key_bytes).saturating_add(value_bytes)
}

/// The exact bytes of the headers and their count.
fn headers_size(headers: &[Header]) -> usize {
    let size = |header: &Header| {
        let lengths = varint::len32(length(Some(header.key.as_bytes())))
            + varint::len32(length(header.value.as_deref()));
        lengths + header.key.len() + header.value.as_ref().map_or(0, Bytes::len)
    };
    varint::len32(zigzag(headers.len())) + headers.iter().map(size).sum::<usize>()
}

/// The bytes of a number, the first one lowest, and how many of them count.
type Digits = (u64, usize);

/// Both in one word, which has room for them.
#[inline]
fn joined(word: Digits, next: Digits) -> Digits {
    (word.0 | next.0 << (8 * word.1), word.1 + next.1)
}

/// The numbers of a record but its own length, zigzag, where each takes two bytes at most: so it is
/// but for the records of a large batch or some seconds apart, and for large ones.
struct Near {
    time: u32,
    index: u32,
    key: u32,
    value: u32,
}

impl Near {
    /// What each number is below, before zigzag.
    const END: u64 = 1 << 13;
    /// The numbers, key, value and headers.
    const RECORD_BYTES_MAX: usize = NUMBERS_BYTES_MAX + 3 * (1 << 13);

    #[inline]
    fn new(
        time: u64,
        records: u32,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers_size: usize,
    ) -> Option<Self> {
        let len = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
        let largest = len(key) | len(value) | headers_size;
        if time >> 1 | u64::from(records) | largest as u64 >= Self::END {
            return None;
        }
        let length = |bytes: Option<&[u8]>| bytes.map_or(NULL, |bytes| near_zigzag(bytes.len()));
        let time = (time & 0x3fff) as u32;
        Some(Self { time, index: records << 1, key: length(key), value: length(value) })
    }
}

/// A length that takes three bytes at most.
#[inline]
const fn near_zigzag(length: usize) -> u32 {
    ((length as u64 & 0xffff) as u32) << 1
}

/// The length of null: -1.
const NULL: u32 = varint::zigzag32(-1);

/// A length or a count as records carry it. What is above 31 bits is refused before it is written.
#[inline]
pub(super) fn zigzag(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX) << 1 // it is not negative
}

/// The length of bytes as records carry it: -1 for null.
#[inline]
pub(super) fn length(bytes: Option<&[u8]>) -> u32 {
    bytes.map_or(NULL, |bytes| zigzag(bytes.len()))
}

/// An open batch.
///
/// Appending costs little more than copying the bytes, and allocates nothing while the buffer has
/// room for [`record_size_max`] bytes more.
///
/// ```
/// use bytes::BytesMut;
/// use ottla_protocol::ids::Timestamp;
/// use ottla_protocol::record::{BatchBuilder, CheckedBatch, Compression, Compressor};
///
/// let mut batch = BatchBuilder::new(BytesMut::with_capacity(16 * 1024));
/// batch.append(Timestamp(1_700_000_000_000), Some(b"key"), Some(b"value"), &[])?;
/// let sealed = batch.seal(Compression::None, &mut Compressor::default(), None)?;
/// let checked = CheckedBatch::check(sealed.bytes.freeze())?;
/// assert_eq!(checked.header().records_count, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct BatchBuilder {
    /// The space of the header, then the records.
    buffer: BytesMut,
    records: u32,
    /// These two are of no meaning while there is no record.
    first_timestamp: Timestamp,
    max_timestamp: Timestamp,
    control: bool,
}

impl BatchBuilder {
    /// An empty batch in `buffer`, whose content is thrown away and whose memory is used again.
    #[must_use]
    pub fn new(mut buffer: BytesMut) -> Self {
        buffer.clear();
        buffer.put_bytes(0, HEADER_SIZE);
        Self {
            buffer,
            records: 0,
            first_timestamp: Timestamp(0),
            max_timestamp: Timestamp(0),
            control: false,
        }
    }

    /// An empty batch for control records, which are for the protocol, not for applications.
    #[must_use]
    pub fn control(buffer: BytesMut) -> Self {
        Self { control: true, ..Self::new(buffer) }
    }

    /// Bytes so far, header included, before compression.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Whether there is no record yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// How many records there are.
    #[must_use]
    pub const fn records(&self) -> u32 {
        self.records
    }

    /// The timestamp of the first record; 0 if there is none.
    #[must_use]
    pub const fn first_timestamp(&self) -> Timestamp {
        if self.is_empty() { Timestamp(0) } else { self.first_timestamp }
    }

    /// The highest timestamp; 0 if there is no record.
    #[must_use]
    pub const fn max_timestamp(&self) -> Timestamp {
        if self.is_empty() { Timestamp(0) } else { self.max_timestamp }
    }

    /// Appends a record and returns its index in the batch.
    ///
    /// # Errors
    ///
    /// If a length or count of the format would overflow; see [`AppendError`].
    #[inline]
    pub fn append(
        &mut self,
        timestamp: Timestamp,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header],
    ) -> Result<u32, AppendError> {
        let size = if headers.is_empty() { 1 } else { headers_size(headers) };
        self.append_front(timestamp, key, value, size)?;
        if headers.is_empty() {
            self.buffer.put_u8(0);
        } else {
            self.put_headers(headers);
        }
        Ok(self.count_record(timestamp))
    }

    /// Appends a copy of a record of another batch, as when a batch is split (KIP-126).
    ///
    /// # Errors
    ///
    /// As [`append`](Self::append).
    pub fn append_ref(&mut self, record: &RecordRef<'_>) -> Result<u32, AppendError> {
        let headers = record.raw_headers();
        self.append_front(record.timestamp, record.key, record.value, headers.len())?;
        self.buffer.put_slice(headers);
        Ok(self.count_record(record.timestamp))
    }

    /// Writes everything but the headers, for which it makes room; changes nothing if it fails.
    #[inline]
    fn append_front(
        &mut self,
        timestamp: Timestamp,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers_size: usize,
    ) -> Result<(), AppendError> {
        if self.records == 0 {
            (self.first_timestamp, self.max_timestamp) = (timestamp, timestamp);
        }
        let Some(time_delta) = timestamp.0.checked_sub(self.first_timestamp.0) else {
            return Err(AppendError::TimestampRange(self.first_timestamp, timestamp));
        };
        let time = varint::zigzag64(time_delta);
        match Near::new(time, self.records, key, value, headers_size) {
            Some(numbers) if self.buffer.len() <= BYTES_MAX - Near::RECORD_BYTES_MAX => {
                self.put_near(&numbers, key, value, headers_size);
                Ok(())
            }
            _ => self.append_far(time, key, value, headers_size),
        }
    }

    /// The record of [`append_front`](Self::append_front), all of whose numbers are small.
    #[inline]
    fn put_near(
        &mut self,
        numbers: &Near,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers_size: usize,
    ) {
        let mut word = (0, 1); // attributes: none is defined
        word = joined(word, varint::spread_near(numbers.time));
        word = joined(word, varint::spread_near(numbers.index));
        word = joined(word, varint::spread_near(numbers.key)); // 7 bytes at most
        let value_length = varint::spread_near(numbers.value);
        let payload = key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len);
        let body = word.1 + value_length.1 + payload + headers_size;
        self.buffer.reserve(5 + body + WORD_BYTES);
        word = self.join(varint::spread(near_zigzag(body)), word);
        word = if let Some(key) = key {
            self.put_word(word);
            self.buffer.put_slice(key);
            value_length
        } else {
            self.join(word, value_length)
        };
        self.put_word(word);
        self.buffer.put_slice(value.unwrap_or_default());
    }

    /// The same whatever the numbers are, if there can be such a record.
    #[cold]
    #[inline(never)]
    fn append_far(
        &mut self,
        time: u64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers_size: usize,
    ) -> Result<(), AppendError> {
        if self.records >= i32::MAX.cast_unsigned() {
            return Err(AppendError::TooMany(self.records));
        }
        let payload = key.map_or(0, <[u8]>::len).saturating_add(value.map_or(0, <[u8]>::len));
        let most = payload.saturating_add(headers_size).saturating_add(NUMBERS_BYTES_MAX);
        let total = self.buffer.len().saturating_add(most);
        if total > BYTES_MAX {
            return Err(AppendError::TooLarge { bytes: total });
        }
        // nothing fails from here on, and every length fits in 31 bits
        let (time, time_digits) = varint::spread_long(time);
        let index = varint::spread(varint::zigzag32(self.records.cast_signed()));
        let (key_length, value_length) =
            (varint::spread(length(key)), varint::spread(length(value)));
        let numbers = 1 + time_digits + index.1 + key_length.1 + value_length.1;
        let body = numbers + payload + headers_size;
        self.buffer.reserve(5 + body + WORD_BYTES);
        self.put_length(zigzag(body));
        self.buffer.put_u8(0); // attributes: none is defined
        self.buffer.put_slice(time.get(..time_digits).unwrap_or_default());
        self.put_word(index);
        self.put_word(key_length);
        self.buffer.put_slice(key.unwrap_or_default());
        self.put_word(value_length);
        self.buffer.put_slice(value.unwrap_or_default());
        Ok(())
    }

    /// Puts a number behind those in `word`, which is written first if it has no room left. Numbers
    /// are gathered in a register and stored as one word: faster than copies of two or three bytes.
    #[inline]
    fn join(&mut self, word: Digits, next: Digits) -> Digits {
        if word.1 + next.1 > WORD_BYTES {
            self.put_word(word);
            return next;
        }
        joined(word, next)
    }

    /// Appends the bytes of `word` that count.
    #[inline]
    fn put_word(&mut self, (word, digits): Digits) {
        let end = self.buffer.len() + digits;
        self.buffer.put_slice(&word.to_le_bytes());
        self.buffer.truncate(end);
    }

    fn put_headers(&mut self, headers: &[Header]) {
        self.put_length(zigzag(headers.len()));
        for header in headers {
            self.put_length(length(Some(header.key.as_bytes())));
            self.buffer.put_slice(header.key.as_bytes());
            self.put_length(length(header.value.as_deref()));
            self.buffer.put_slice(header.value.as_deref().unwrap_or_default());
        }
    }

    #[inline]
    fn put_length(&mut self, length: u32) {
        self.put_word(varint::spread(length));
    }

    #[inline]
    fn count_record(&mut self, timestamp: Timestamp) -> u32 {
        let index = self.records;
        self.max_timestamp = self.max_timestamp.max(timestamp);
        self.records += 1;
        index
    }

    /// Ends the batch: compresses its records, writes its header and checksum.
    ///
    /// Compression needs a second buffer; that of the records comes back as [`Sealed::spare`], and
    /// [`Compressor::recycle`] takes it for the next batch.
    ///
    /// # Errors
    ///
    /// If the codec is not built in, or fails: ask [`Compression::is_built_in`] before. The records
    /// are lost then.
    pub fn seal(
        self,
        compression: Compression,
        compressor: &mut Compressor,
        stamp: Option<ProducerStamp>,
    ) -> Result<Sealed, CompressionError> {
        let (first_timestamp, max_timestamp) = (self.first_timestamp(), self.max_timestamp());
        let Self { mut buffer, records, control, .. } = self;
        let mut spare = None;
        if compression != Compression::None {
            let mut packed = compressor.buffer();
            packed.put_bytes(0, HEADER_SIZE);
            let payload = buffer.get(HEADER_SIZE..).unwrap_or_default();
            compressor.compress(compression, payload, &mut packed)?;
            if packed.len() > BYTES_MAX {
                let reason = format!("{} bytes do not fit a batch", packed.len());
                return Err(CompressionError::Failed { codec: compression, reason });
            }
            core::mem::swap(&mut buffer, &mut packed);
            packed.clear();
            spare = Some(packed);
        }
        let flags = if control { CONTROL_BIT } else { 0 };
        let attributes = (compression.attribute() & CODEC_BITS) | flags;
        write_header(&mut buffer, attributes, records, first_timestamp, max_timestamp);
        put_stamp(&mut buffer, stamp);
        let crc = checksum(&buffer).to_be_bytes();
        if let Some(place) = buffer.get_mut(17..21) {
            place.copy_from_slice(&crc);
        }
        Ok(Sealed { bytes: buffer, spare })
    }
}

/// Writes what a client knows of the header; the checksum and the stamp come later.
fn write_header(
    batch: &mut BytesMut,
    attributes: i16,
    records: u32,
    first: Timestamp,
    max: Timestamp,
) {
    // `append` and `seal` hold the length and the count below i32::MAX
    let length = i32::try_from(batch.len() - LENGTH_PREFIX_BYTES).unwrap_or(i32::MAX);
    let count = i32::try_from(records).unwrap_or(i32::MAX);
    if let Some(mut header) = batch.get_mut(..HEADER_SIZE) {
        header.put_i64(0); // the broker assigns it
        header.put_i32(length);
        header.put_i32(-1); // the broker assigns it
        header.put_i8(MAGIC);
        header.put_u32(0);
        header.put_i16(attributes);
        header.put_i32(count - 1);
        header.put_i64(first.0);
        header.put_i64(max.0);
        header.put_i64(-1);
        header.put_i16(-1);
        header.put_i32(-1);
        header.put_i32(count);
    }
}
