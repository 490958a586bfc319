//! Writes one frame: small fields into one buffer, records by reference between its parts.

use bytes::Bytes;

use super::Version;
use crate::error::{EncodeError, EncodeReason};
use crate::limits;

/// Bytes longer than this are spliced in by reference, never copied.
const COPY_BYTES_MAX: usize = 1024;

/// Collects the bytes of one frame.
#[derive(Debug, Default)]
pub struct FrameWriter {
    /// Everything but the splices.
    head: Vec<u8>,
    /// Where in `head` foreign bytes belong; ascending.
    splices: Vec<(usize, Bytes)>,
    spliced: usize,
}

/// A place in a [`FrameWriter`] to which a length is written later.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    head: usize,
    splices: usize,
    len: usize,
}

impl FrameWriter {
    /// A writer with room for the fields of a common message.
    #[must_use]
    pub fn new() -> Self {
        Self { head: Vec::with_capacity(256), splices: Vec::new(), spliced: 0 }
    }

    /// Bytes written so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.head.len() + self.spliced
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends `bytes`, by copy.
    #[inline]
    pub fn put_slice(&mut self, bytes: &[u8]) {
        self.head.extend_from_slice(bytes);
    }

    /// Appends `bytes`: a copy if they are few, a reference if not.
    pub fn put_bytes(&mut self, bytes: &Bytes) {
        if bytes.len() <= COPY_BYTES_MAX {
            self.head.extend_from_slice(bytes);
        } else {
            self.splices.push((self.head.len(), bytes.clone()));
            self.spliced += bytes.len();
        }
    }

    /// Appends an unsigned varint.
    #[inline]
    pub fn put_uvarint(&mut self, value: u32) {
        match u8::try_from(value) {
            Ok(digit @ 0..0x80) => self.head.push(digit), // most lengths, all counts of no tags
            _ => self.put_long_uvarint(value),
        }
    }

    fn put_long_uvarint(&mut self, value: u32) {
        let (digits, len) = uvarint(value);
        self.head.extend_from_slice(digits.get(..len).unwrap_or_default());
    }

    /// Appends the length of bytes or items; `None` for null. `wide`: not a string.
    pub(crate) fn put_length(
        &mut self,
        version: Version,
        wide: bool,
        length: Option<usize>,
    ) -> Result<(), EncodeError> {
        let max = if wide { limits::BYTES_MAX } else { limits::STRING_BYTES_MAX };
        let Some(length) = length else {
            if version.flexible {
                self.put_uvarint(0);
            } else if wide {
                self.put_slice(&(-1i32).to_be_bytes());
            } else {
                self.put_slice(&(-1i16).to_be_bytes());
            }
            return Ok(());
        };
        let too_long = || EncodeError::new(EncodeReason::TooLong { length, max });
        if length > max {
            return Err(too_long());
        }
        if version.flexible {
            let plus_one = u32::try_from(length + 1).map_err(|_| too_long())?;
            self.put_uvarint(plus_one);
        } else if wide {
            self.put_slice(&i32::try_from(length).map_err(|_| too_long())?.to_be_bytes());
        } else {
            self.put_slice(&i16::try_from(length).map_err(|_| too_long())?.to_be_bytes());
        }
        Ok(())
    }

    /// Where the next byte goes.
    pub(crate) fn mark(&self) -> Mark {
        Mark { head: self.head.len(), splices: self.splices.len(), len: self.len() }
    }

    /// Bytes written behind `mark`.
    pub(crate) fn len_since(&self, mark: Mark) -> usize {
        self.len() - mark.len
    }

    /// Puts a varint in front of what was written behind `mark`.
    pub(crate) fn insert_uvarint(&mut self, mark: Mark, value: u32) {
        let (digits, len) = uvarint(value);
        let digits = digits.get(..len).unwrap_or_default();
        let end = self.head.len();
        self.head.extend_from_slice(digits); // makes room
        if let Some(behind) = self.head.get_mut(mark.head..) {
            behind.copy_within(..end - mark.head, len);
            for (place, digit) in behind.iter_mut().zip(digits) {
                *place = *digit;
            }
        }
        for (position, _) in self.splices.iter_mut().skip(mark.splices) {
            *position += len;
        }
    }

    /// The bytes in order: parts of one buffer, and the spliced bytes between them.
    #[must_use]
    pub fn into_chunks(self) -> Vec<Bytes> {
        let head = Bytes::from(self.head);
        if self.splices.is_empty() {
            return vec![head];
        }
        let mut chunks = Vec::with_capacity(2 * self.splices.len() + 1);
        let mut from = 0;
        for (position, bytes) in self.splices {
            if position > from {
                chunks.push(head.slice(from..position));
            }
            chunks.push(bytes);
            from = position;
        }
        if from < head.len() {
            chunks.push(head.slice(from..));
        }
        chunks
    }

    /// The bytes in one piece; copies unless nothing was spliced.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        concat(self.into_chunks())
    }

    /// Starts a frame: leaves room for the length prefix.
    pub(crate) fn begin_frame(&mut self) {
        self.put_slice(&[0; 4]);
    }

    /// Ends a frame that [`begin_frame`](Self::begin_frame) started as the writer's first bytes.
    pub(crate) fn end_frame(mut self) -> Result<EncodedFrame, EncodeError> {
        let len = self.len();
        let length = len.saturating_sub(4);
        let max = limits::BYTES_MAX;
        let prefix = i32::try_from(length)
            .map_err(|_| EncodeError::new(EncodeReason::TooLong { length, max }))?;
        if let Some(place) = self.head.first_chunk_mut::<4>() {
            *place = prefix.to_be_bytes();
        }
        Ok(EncodedFrame { chunks: self.into_chunks(), len })
    }
}

/// The digits of a varint and how many they are.
fn uvarint(mut value: u32) -> ([u8; 5], usize) {
    let mut digits = [0; 5];
    let mut len = 0;
    for digit in &mut digits {
        len += 1;
        *digit = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            break;
        }
        *digit |= 0x80;
    }
    (digits, len)
}

fn concat(mut chunks: Vec<Bytes>) -> Bytes {
    if chunks.len() == 1 {
        return chunks.pop().unwrap_or_default();
    }
    let mut all = Vec::with_capacity(chunks.iter().map(Bytes::len).sum());
    for chunk in chunks {
        all.extend_from_slice(&chunk);
    }
    all.into()
}

/// A frame ready to be written, its length prefix included.
///
/// Small fields stand in one buffer; large bytes are referred to where the caller has them.
#[derive(Clone, Debug)]
pub struct EncodedFrame {
    chunks: Vec<Bytes>,
    len: usize,
}

impl EncodedFrame {
    /// The bytes, in the order to write them.
    #[must_use]
    pub fn chunks(&self) -> &[Bytes] {
        &self.chunks
    }

    /// The bytes, in the order to write them.
    #[must_use]
    pub fn into_chunks(self) -> Vec<Bytes> {
        self.chunks
    }

    /// How many bytes these are, with the length prefix.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Never: a frame has at least its length prefix.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes in one piece; copies if there are spliced bytes.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        concat(self.chunks)
    }
}
