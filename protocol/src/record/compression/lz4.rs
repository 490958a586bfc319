//! lz4, in the frame that Kafka demands: version 1, independent blocks, no dictionary.
//!
//! The checksums within a frame are not verified: the CRC of the batch covers the same bytes.

use bytes::{BufMut, BytesMut};
use lz4_flex::block::{
    CompressTable, DecompressError, compress_into_with_table, decompress_into,
    get_maximum_output_size,
};

use super::output::{Fault, Output};
use super::{Decode, Encode};

const MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];
/// What Kafka's Java client writes: version 1, independent blocks of at most 64 KiB, and the
/// second byte of the xxHash32 of these two bytes.
const DESCRIPTOR: [u8; 3] = [FLAG_VERSION | FLAG_INDEPENDENT, 4 << 4, 0x82];
const BLOCK: usize = 64 * 1024;
const END_MARK: u32 = 0;
/// In the length of a block: its bytes are not compressed.
const STORED: u32 = 1 << 31;

const FLAG_VERSION: u8 = 0b0100_0000;
const FLAGS_VERSION: u8 = 0b1100_0000;
const FLAG_INDEPENDENT: u8 = 1 << 5;
const FLAG_BLOCK_CHECKSUM: u8 = 1 << 4;
const FLAG_CONTENT_SIZE: u8 = 1 << 3;
const FLAG_CONTENT_CHECKSUM: u8 = 1 << 2;
const FLAGS_REFUSED: u8 = 0b11; // reserved, dictionary

/// The most a byte of input can stand for.
const EXPANSION_MAX: usize = 255;
/// What a byte of input is taken to stand for before more is given.
const EXPANSION: usize = 16;

pub(super) struct Encoder(CompressTable);

impl core::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("lz4::Encoder")
    }
}

impl Encode for Encoder {
    fn new(_: Option<i32>) -> Result<Self, Fault> {
        Ok(Self(CompressTable::large()))
    }

    fn encode(&mut self, input: &[u8], out: &mut BytesMut) -> Result<(), Fault> {
        out.reserve(16 + input.len() / 2);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&DESCRIPTOR);
        for block in input.chunks(BLOCK) {
            let start = out.len();
            out.resize(start + 4 + get_maximum_output_size(block.len()), 0);
            let (length, room) = out
                .get_mut(start..)
                .and_then(<[u8]>::split_first_chunk_mut::<4>)
                .ok_or(Fault::Oversized)?;
            let mut written =
                compress_into_with_table(block, room, &mut self.0).map_err(Fault::failed)?;
            let mut mark = 0;
            if written >= block.len() {
                room.get_mut(..block.len()).ok_or(Fault::Oversized)?.copy_from_slice(block);
                written = block.len();
                mark = STORED;
            }
            *length = (u32::try_from(written).map_err(Fault::failed)? | mark).to_le_bytes();
            out.truncate(start + 4 + written);
        }
        out.put_u32_le(END_MARK);
        Ok(())
    }
}

#[derive(Debug)]
pub(super) struct Decoder;

impl Decode for Decoder {
    fn new() -> Result<Self, Fault> {
        Ok(Self)
    }

    fn decode(&mut self, input: &[u8], out: &mut Output) -> Result<(), Fault> {
        let mut rest = input.strip_prefix(&MAGIC).ok_or_else(|| Fault::failed("no lz4 frame"))?;
        let [flags, descriptor] = take(&mut rest)?;
        check_flags(flags)?;
        let block_max = match descriptor {
            0x40 => 64 * 1024,
            0x50 => 256 * 1024,
            0x60 => 1024 * 1024,
            0x70 => 4 * 1024 * 1024,
            _ => return Err(Fault::failed("the block size of the frame is unknown")),
        };
        if flags & FLAG_CONTENT_SIZE != 0 {
            let [..]: [u8; 8] = take(&mut rest)?;
        }
        let [_checksum] = take(&mut rest)?;
        loop {
            let length = u32::from_le_bytes(take(&mut rest)?);
            if length == END_MARK {
                break;
            }
            let bytes = usize::try_from(length & !STORED).map_err(Fault::failed)?;
            if bytes > block_max {
                return Err(Fault::failed("a block is larger than the frame says"));
            }
            let (block, after) = rest.split_at_checked(bytes).ok_or_else(Fault::truncated)?;
            rest = after;
            if flags & FLAG_BLOCK_CHECKSUM != 0 {
                let [..]: [u8; 4] = take(&mut rest)?;
            }
            if length & STORED != 0 {
                out.put(block)?;
            } else {
                decode_block(block, block_max, out)?;
            }
        }
        if flags & FLAG_CONTENT_CHECKSUM != 0 {
            let [..]: [u8; 4] = take(&mut rest)?;
        }
        if rest.is_empty() { Ok(()) } else { Err(Fault::failed("bytes follow the end mark")) }
    }
}

fn check_flags(flags: u8) -> Result<(), Fault> {
    if flags & FLAGS_VERSION != FLAG_VERSION || flags & FLAGS_REFUSED != 0 {
        return Err(Fault::failed("not a frame of version 1 without a dictionary"));
    }
    if flags & FLAG_INDEPENDENT == 0 {
        return Err(Fault::failed("dependent blocks are not supported, as in Kafka"));
    }
    Ok(())
}

/// Room is given in steps, so that a small block that claims to be a large one gets none.
fn decode_block(block: &[u8], block_max: usize, out: &mut Output) -> Result<(), Fault> {
    let most = block_max.min(block.len().saturating_mul(EXPANSION_MAX).saturating_add(64));
    let mut room = most.min(1024.max(block.len().saturating_mul(EXPANSION)));
    loop {
        match out.fill(room, |room| decompress_into(block, room)) {
            Ok(_) => return Ok(()),
            Err(DecompressError::OutputTooSmall { .. }) if room > out.left() => {
                return Err(Fault::Oversized);
            }
            Err(DecompressError::OutputTooSmall { .. }) if room < most => {
                room = most.min(room.saturating_mul(4));
            }
            Err(error) => return Err(Fault::failed(error)),
        }
    }
}

fn take<const N: usize>(input: &mut &[u8]) -> Result<[u8; N], Fault> {
    let (taken, rest) = input.split_first_chunk().ok_or_else(Fault::truncated)?;
    *input = rest;
    Ok(*taken)
}
