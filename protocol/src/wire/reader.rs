//! Reads one frame and trusts none of its numbers.

use bytes::Bytes;

use super::Version;
use crate::Str;
use crate::error::{DecodeError, DecodeReason};
use crate::limits;

/// Takes values from one frame, without copying names and records.
///
/// What it allocates is bounded: every array is charged to a budget in proportion to the frame
/// before memory is asked for, so a lying count costs nothing.
#[derive(Clone, Debug)]
pub struct Reader {
    /// Up to where reading ends: all of it, or inside a tagged field up to the field's end.
    frame: Bytes,
    position: usize,
    /// Bytes that may still be allocated.
    budget: usize,
}

impl Reader {
    /// Reads `frame` from its first byte.
    #[must_use]
    pub fn new(frame: Bytes) -> Self {
        let budget = limits::decode_budget(frame.len());
        Self { frame, position: 0, budget }
    }

    /// How many bytes are left.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.frame.len().saturating_sub(self.position)
    }

    /// How many bytes have been taken.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }

    fn rest(&self) -> &[u8] {
        self.frame.get(self.position..).unwrap_or_default()
    }

    #[cold]
    fn truncated(&self, needed: usize) -> DecodeError {
        let missing = needed.saturating_sub(self.remaining());
        DecodeError::new(DecodeReason::Truncated { missing })
    }

    /// Takes the next `N` bytes.
    #[inline]
    pub(crate) fn fixed<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        match self.rest().first_chunk::<N>() {
            Some(chunk) => {
                let chunk = *chunk;
                self.position += N;
                Ok(chunk)
            }
            None => Err(self.truncated(N)),
        }
    }

    /// Takes the next `length` bytes as a slice of the frame.
    pub(crate) fn slice(&mut self, length: usize) -> Result<Bytes, DecodeError> {
        if length > self.remaining() {
            return Err(self.truncated(length));
        }
        let end = self.position + length;
        let slice = self.frame.slice(self.position..end);
        self.position = end;
        Ok(slice)
    }

    /// Takes everything that is left.
    #[must_use]
    pub fn take_rest(&mut self) -> Bytes {
        let rest = self.frame.slice(self.position..);
        self.position = self.frame.len();
        rest
    }

    /// Takes an unsigned varint of at most 32 bits.
    ///
    /// # Errors
    ///
    /// If the bytes end, or the varint is longer than 5 bytes or above 32 bits.
    #[inline]
    pub fn uvarint(&mut self) -> Result<u32, DecodeError> {
        match self.rest() {
            [digit @ 0..0x80, ..] => {
                let value = u32::from(*digit); // most lengths, all counts of no tags
                self.position += 1;
                Ok(value)
            }
            _ => self.long_uvarint(),
        }
    }

    fn long_uvarint(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0u32;
        for shift in [0u32, 7, 14, 21, 28] {
            let [byte] = self.fixed::<1>()?;
            if shift == 28 && byte > 0x0f {
                return Err(DecodeError::new(DecodeReason::LongVarint));
            }
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(DecodeError::new(DecodeReason::LongVarint))
    }

    /// A length in front of bytes or items; `None` for null.
    #[inline]
    fn length(&mut self, version: Version, wide: bool) -> Result<Option<usize>, DecodeError> {
        match self.rest() {
            [digit @ 1..0x80, ..] if version.flexible => {
                let length = usize::from(*digit) - 1; // most of them
                self.position += 1;
                Ok(Some(length))
            }
            _ => self.long_length(version, wide),
        }
    }

    fn long_length(&mut self, version: Version, wide: bool) -> Result<Option<usize>, DecodeError> {
        let length = if version.flexible {
            i64::from(self.uvarint()?) - 1
        } else if wide {
            i64::from(i32::from_be_bytes(self.fixed()?))
        } else {
            i64::from(i16::from_be_bytes(self.fixed()?))
        };
        let max = if wide { limits::BYTES_MAX } else { limits::STRING_BYTES_MAX };
        match usize::try_from(length) {
            Ok(length) if length <= max => Ok(Some(length)),
            Err(_) if length == -1 => Ok(None),
            _ => Err(DecodeError::new(DecodeReason::BadLength(length))),
        }
    }

    /// Takes a string; `None` for null.
    pub(crate) fn string(&mut self, version: Version) -> Result<Option<Str>, DecodeError> {
        let Some(length) = self.length(version, false)? else {
            return Ok(None);
        };
        match Str::try_from(self.slice(length)?) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(DecodeError::new(DecodeReason::NotUtf8)),
        }
    }

    /// Takes bytes; `None` for null.
    pub(crate) fn bytes(&mut self, version: Version) -> Result<Option<Bytes>, DecodeError> {
        match self.length(version, true)? {
            Some(length) => Ok(Some(self.slice(length)?)),
            None => Ok(None),
        }
    }

    /// Takes the number of items of an array, checked against the bytes left and charged to the
    /// budget; `None` for null.
    pub(crate) fn count(
        &mut self,
        version: Version,
        wire_size_min: usize,
        item_size: usize,
    ) -> Result<Option<usize>, DecodeError> {
        let Some(count) = self.length(version, true)? else {
            return Ok(None);
        };
        let remaining = self.remaining();
        if count > remaining / wire_size_min.max(1) {
            return Err(DecodeError::new(DecodeReason::TooManyItems { count, remaining }));
        }
        self.charge(count.saturating_mul(item_size))?;
        Ok(Some(count))
    }

    /// Asks leave to allocate `needed` bytes.
    pub(crate) fn charge(&mut self, needed: usize) -> Result<(), DecodeError> {
        match self.budget.checked_sub(needed) {
            Some(left) => {
                self.budget = left;
                Ok(())
            }
            None => {
                let left = self.budget;
                Err(DecodeError::new(DecodeReason::TooMuchMemory { needed, left }))
            }
        }
    }

    /// Narrows the reader to the next `length` bytes; gives the frame to restore.
    pub(crate) fn enter(&mut self, length: usize) -> Result<Bytes, DecodeError> {
        if length > self.remaining() {
            return Err(self.truncated(length));
        }
        let narrow = self.frame.slice(..self.position + length);
        Ok(core::mem::replace(&mut self.frame, narrow))
    }

    /// Widens the reader again.
    pub(crate) fn leave(&mut self, outer: Bytes) {
        self.frame = outer;
    }

    /// Checks that nothing is left of a tagged field.
    pub(crate) fn tag_taken(&self) -> Result<(), DecodeError> {
        match self.remaining() {
            0 => Ok(()),
            left => Err(DecodeError::new(DecodeReason::TagTooLong(left))),
        }
    }

    /// Checks that nothing is left.
    ///
    /// # Errors
    ///
    /// If bytes are left.
    pub fn finish(&self) -> Result<(), DecodeError> {
        match self.remaining() {
            0 => Ok(()),
            left => Err(DecodeError::new(DecodeReason::TrailingBytes(left))),
        }
    }
}
