//! gzip (RFC 1952): raw deflate of flate2, with header and trailer written and read here, because
//! that is what lets its contexts be used again.

use bytes::{Buf, BufMut, BytesMut};
use flate2::{Compress, Crc, Decompress, FlushCompress, FlushDecompress, Status};

use super::output::{Fault, Output};
use super::{Compression, Decode, Encode};

/// Deflate, no flags, no time, no extra flags, unknown system: what Java writes since 16.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

const FLAG_HEADER_CRC: u8 = 1 << 1;
const FLAG_EXTRA: u8 = 1 << 2;
const FLAG_NAME: u8 = 1 << 3;
const FLAG_COMMENT: u8 = 1 << 4;
const FLAGS_RESERVED: u8 = 0b1110_0000;

/// How much room deflate and inflate get at least in one go.
const ROOM_MIN: usize = 16 * 1024;

#[derive(Debug)]
pub(super) struct Encoder(Compress);

impl Encode for Encoder {
    fn new(level: Option<i32>) -> Result<Self, Fault> {
        let default = Compression::Gzip.levels().map_or(6, |(_, default)| default);
        let level = u32::try_from(level.unwrap_or(default)).map_err(Fault::failed)?;
        Ok(Self(Compress::new(flate2::Compression::new(level), false)))
    }

    fn encode(&mut self, input: &[u8], out: &mut BytesMut) -> Result<(), Fault> {
        self.0.reset();
        out.extend_from_slice(&HEADER);
        let mut rest = input;
        loop {
            let start = out.len();
            out.resize(start + ROOM_MIN.max(rest.len() / 4), 0);
            let (read, written) = (self.0.total_in(), self.0.total_out());
            let room = out.get_mut(start..).unwrap_or_default();
            let status = self.0.compress(rest, room, FlushCompress::Finish);
            let status = status.map_err(Fault::failed)?;
            rest.advance(between(read, self.0.total_in()));
            out.truncate(start + between(written, self.0.total_out()));
            if status == Status::StreamEnd {
                break;
            }
        }
        let mut crc = Crc::new();
        crc.update(input);
        out.put_u32_le(crc.sum());
        out.put_u32_le(crc.amount());
        Ok(())
    }
}

#[derive(Debug)]
pub(super) struct Decoder(Decompress);

impl Decode for Decoder {
    fn new() -> Result<Self, Fault> {
        Ok(Self(Decompress::new(false)))
    }

    /// Reads any number of members, the first of which must be there.
    fn decode(&mut self, input: &[u8], out: &mut Output) -> Result<(), Fault> {
        let mut rest = input;
        loop {
            let start = out.len();
            skip_header(&mut rest).ok_or_else(|| Fault::failed("no gzip header"))?;
            self.inflate(&mut rest, out)?;
            if rest.remaining() < 8 {
                return Err(Fault::truncated());
            }
            let (crc, amount) = (rest.get_u32_le(), rest.get_u32_le());
            let mut found = Crc::new();
            found.update(out.since(start));
            if (found.sum(), found.amount()) != (crc, amount) {
                return Err(Fault::failed("its checksum or its size is wrong"));
            }
            if rest.is_empty() {
                return Ok(());
            }
        }
    }
}

impl Decoder {
    /// Inflates one deflate stream.
    fn inflate(&mut self, rest: &mut &[u8], out: &mut Output) -> Result<(), Fault> {
        self.0.reset(false);
        let inflate = &mut self.0;
        let start = out.len();
        // Only the first member is taken to be all there is: room is cleared before it is given,
        // and members of a few bytes must not cost what they claim to come before.
        let expected = if start == 0 { rest.len() } else { 0 };
        loop {
            let (read, written) = (inflate.total_in(), inflate.total_out());
            // Twice what there is, so that the cost of moving it stays in proportion. At the
            // limit there is no room, which is enough to see the end of a stream.
            let room = ROOM_MIN.max(out.len() - start).max(expected);
            let mut status = Status::Ok;
            out.fill(room, |room| {
                status = inflate.decompress(rest, room, FlushDecompress::None)?;
                Ok(between(written, inflate.total_out()))
            })
            .map_err(|error: flate2::DecompressError| Fault::failed(error))?;
            let advanced = between(read, inflate.total_in());
            rest.advance(advanced);
            if status == Status::StreamEnd {
                return Ok(());
            }
            if advanced == 0 && inflate.total_out() == written {
                let full = out.left() == 0;
                return Err(if full { Fault::Oversized } else { Fault::truncated() });
            }
        }
    }
}

/// Skips the header of a member; `None` if it is none or not whole.
fn skip_header(input: &mut &[u8]) -> Option<()> {
    let ([0x1f, 0x8b, 8, flags, _, _, _, _, _, _], rest) = input.split_first_chunk::<10>()? else {
        return None;
    };
    let mut rest = rest;
    if flags & FLAGS_RESERVED != 0 {
        return None;
    }
    if flags & FLAG_EXTRA != 0 {
        let (length, after) = rest.split_first_chunk()?;
        rest = after.get(usize::from(u16::from_le_bytes(*length))..)?;
    }
    for flag in [FLAG_NAME, FLAG_COMMENT] {
        if flags & flag != 0 {
            let end = rest.iter().position(|byte| *byte == 0)?;
            rest = rest.get(end + 1..)?;
        }
    }
    if flags & FLAG_HEADER_CRC != 0 {
        rest = rest.get(2..)?; // the CRC of the batch covers these bytes
    }
    *input = rest;
    Some(())
}

/// The difference of two of flate2's totals within one call.
fn between(before: u64, after: u64) -> usize {
    usize::try_from(after.saturating_sub(before)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_costs_what_it_holds_however_much_stands_before_it() {
        const MEMBERS: usize = 2000;
        let mut input = BytesMut::new();
        let mut encoder = Encoder::new(None).unwrap();
        encoder.encode(&vec![0; 8 << 20], &mut input).unwrap();
        for _ in 0..MEMBERS {
            encoder.encode(b"", &mut input).unwrap();
        }
        let mut out = Output::new(BytesMut::new(), 1 << 30);
        Decoder::new().unwrap().decode(&input, &mut out).unwrap();
        assert_eq!(out.len(), 8 << 20);
        let most = 4 * out.len() + (MEMBERS + 1) * ROOM_MIN;
        assert!(out.cleared() <= most, "{} bytes cleared, at most {most}", out.cleared());
    }
}
