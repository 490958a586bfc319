//! snappy. Java frames raw blocks in its own way (xerial), librdkafka writes one raw block.

use bytes::{BufMut, BytesMut};
use snap::raw::{decompress_len, max_compress_len};

use super::output::{Fault, Output};
use super::{Decode, Encode};

/// Begins what is framed. No raw block begins so: it would claim 10,626 bytes of output and go on
/// with a copy of bytes before the first.
const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
const VERSION: u32 = 1;
const VERSION_COMPATIBLE: u32 = 1;
/// How much goes into one block: what Java does.
const BLOCK: usize = 32 * 1024;
/// The most a byte of input can stand for: a copy of 64 bytes takes 3.
const EXPANSION_MAX: usize = 22;

pub(super) struct Encoder(snap::raw::Encoder);

impl core::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("snappy::Encoder")
    }
}

impl Encode for Encoder {
    fn new(_: Option<i32>) -> Result<Self, Fault> {
        Ok(Self(snap::raw::Encoder::new()))
    }

    fn encode(&mut self, input: &[u8], out: &mut BytesMut) -> Result<(), Fault> {
        out.reserve(16 + input.len() / 2);
        out.extend_from_slice(&MAGIC);
        out.put_u32(VERSION);
        out.put_u32(VERSION_COMPATIBLE);
        for block in input.chunks(BLOCK) {
            let start = out.len();
            out.resize(start + 4 + max_compress_len(block.len()), 0);
            let (length, room) = out
                .get_mut(start..)
                .and_then(<[u8]>::split_first_chunk_mut::<4>)
                .ok_or(Fault::Oversized)?;
            let written = self.0.compress(block, room).map_err(Fault::failed)?;
            *length = u32::try_from(written).map_err(Fault::failed)?.to_be_bytes();
            out.truncate(start + 4 + written);
        }
        Ok(())
    }
}

pub(super) struct Decoder(snap::raw::Decoder);

impl core::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("snappy::Decoder")
    }
}

impl Decode for Decoder {
    fn new() -> Result<Self, Fault> {
        Ok(Self(snap::raw::Decoder::new()))
    }

    fn decode(&mut self, input: &[u8], out: &mut Output) -> Result<(), Fault> {
        let Some(framed) = input.strip_prefix(&MAGIC) else {
            return self.decode_block(input, out);
        };
        // Both versions are only ever 1; like Java, what a later one says is left to its blocks.
        let (_, mut rest) = framed.split_first_chunk::<8>().ok_or_else(Fault::truncated)?;
        while !rest.is_empty() {
            let (length, after) = rest.split_first_chunk::<4>().ok_or_else(Fault::truncated)?;
            let length = usize::try_from(u32::from_be_bytes(*length)).map_err(Fault::failed)?;
            let block = after.split_at_checked(length).ok_or_else(Fault::truncated)?;
            self.decode_block(block.0, out)?;
            rest = block.1;
        }
        Ok(())
    }
}

impl Decoder {
    fn decode_block(&mut self, block: &[u8], out: &mut Output) -> Result<(), Fault> {
        let claimed = decompress_len(block).map_err(Fault::failed)?;
        if claimed > block.len().saturating_mul(EXPANSION_MAX) {
            return Err(Fault::failed("a block claims more than its bytes can hold"));
        }
        if claimed > out.left() {
            return Err(Fault::Oversized);
        }
        out.fill(claimed, |room| self.0.decompress(block, room)).map_err(Fault::failed)?;
        Ok(())
    }
}
