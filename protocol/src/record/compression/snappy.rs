//! snappy: written with the framing of the Java library, read with it or as one raw block.

use bytes::{Buf, BufMut, BytesMut};

use super::{Compression, CompressionError, damaged, failed};

/// What the framing starts with: its mark, version 1, compatible with 1.
const FRAMING: [u8; 16] = *b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";
const MARK_BYTES: usize = 8;
/// How much of the records goes into one block.
const BLOCK_BYTES: usize = 32 * 1024;
/// A snappy block cannot grow by more than this: a copy of 64 bytes takes at least 2.
const EXPANSION_MAX: usize = 32;

pub(super) struct Encoder(snap::raw::Encoder);

impl Default for Encoder {
    fn default() -> Self {
        Self(snap::raw::Encoder::new())
    }
}

impl Encoder {
    pub(super) fn encode(
        &mut self,
        input: &[u8],
        out: &mut BytesMut,
    ) -> Result<(), CompressionError> {
        out.put_slice(&FRAMING);
        for block in input.chunks(BLOCK_BYTES) {
            let length_at = out.len();
            out.put_u32(0);
            let start = out.len();
            out.resize(start + snap::raw::max_compress_len(block.len()), 0);
            let place = out.get_mut(start..).unwrap_or_default();
            let length = self
                .0
                .compress(block, place)
                .map_err(|error| failed(Compression::Snappy, error))?;
            out.truncate(start + length);
            let length = u32::try_from(length).map_err(|error| {
                failed(Compression::Snappy, error) // not reached: a block is small
            })?;
            if let Some(place) = out.get_mut(length_at..start) {
                place.copy_from_slice(&length.to_be_bytes());
            }
        }
        Ok(())
    }
}

pub(super) struct Decoder(snap::raw::Decoder);

impl Default for Decoder {
    fn default() -> Self {
        Self(snap::raw::Decoder::new())
    }
}

impl Decoder {
    pub(super) fn decode(
        &mut self,
        input: &[u8],
        out: &mut BytesMut,
        bytes_max: usize,
    ) -> Result<(), CompressionError> {
        if !input.starts_with(&FRAMING[..MARK_BYTES]) {
            return self.block(input, out, bytes_max);
        }
        let mut rest = input.get(FRAMING.len()..).unwrap_or_default();
        while !rest.is_empty() {
            if rest.len() < 4 {
                return Err(damaged(Compression::Snappy, "the length of a block is cut off"));
            }
            let length = rest.get_u32();
            let block = usize::try_from(length).ok().and_then(|at| rest.split_at_checked(at));
            let Some((block, after)) = block else {
                let reason = format!("a block of {length} bytes is cut off at {}", rest.len());
                return Err(damaged(Compression::Snappy, reason));
            };
            rest = after;
            self.block(block, out, bytes_max)?;
        }
        Ok(())
    }

    fn block(
        &mut self,
        block: &[u8],
        out: &mut BytesMut,
        bytes_max: usize,
    ) -> Result<(), CompressionError> {
        let codec = Compression::Snappy;
        let claimed = snap::raw::decompress_len(block).map_err(|error| damaged(codec, error))?;
        if claimed > block.len().saturating_mul(EXPANSION_MAX) {
            let reason = format!("{} bytes claim to be {claimed}", block.len());
            return Err(damaged(codec, reason));
        }
        let start = out.len();
        if start.saturating_add(claimed) > bytes_max {
            return Err(CompressionError::Oversized { codec, bytes_max });
        }
        out.resize(start + claimed, 0);
        let place = out.get_mut(start..).unwrap_or_default();
        let made = self.0.decompress(block, place).map_err(|error| damaged(codec, error))?;
        out.truncate(start + made);
        Ok(())
    }
}
