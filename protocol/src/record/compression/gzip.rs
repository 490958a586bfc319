//! gzip (RFC 1952), by flate2 with zlib-rs.

use bytes::{BufMut, BytesMut};
use flate2::{Compress, Crc, FlushCompress, Status};

use super::{Compression, CompressionError, failed, read_bounded};

/// A member's header: deflate, no flags, no time, unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// What comes out at once.
const CHUNK_BYTES: usize = 16 * 1024;

/// Writes one member a batch. flate2's own gzip writer cannot be used again; its deflate can.
pub(super) struct Encoder {
    deflate: Compress,
    chunk: Box<[u8]>,
}

impl Encoder {
    pub(super) fn new(level: Option<i32>) -> Self {
        let level = level.and_then(|level| u32::try_from(level.clamp(1, 9)).ok());
        let level = level.map_or_else(flate2::Compression::default, flate2::Compression::new);
        Self { deflate: Compress::new(level, false), chunk: vec![0; CHUNK_BYTES].into() }
    }

    pub(super) fn encode(
        &mut self,
        input: &[u8],
        out: &mut BytesMut,
    ) -> Result<(), CompressionError> {
        self.deflate.reset();
        out.put_slice(&HEADER);
        let mut rest = input;
        loop {
            let (taken, made) = (self.deflate.total_in(), self.deflate.total_out());
            let status = self
                .deflate
                .compress(rest, &mut self.chunk, FlushCompress::Finish)
                .map_err(|error| failed(Compression::Gzip, error))?;
            let taken = usize::try_from(self.deflate.total_in() - taken).unwrap_or(rest.len());
            let made = usize::try_from(self.deflate.total_out() - made).unwrap_or(0);
            rest = rest.get(taken..).unwrap_or_default();
            out.put_slice(self.chunk.get(..made).unwrap_or_default());
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

pub(super) fn decode(
    input: &[u8],
    out: &mut BytesMut,
    bytes_max: usize,
) -> Result<(), CompressionError> {
    read_bounded(Compression::Gzip, flate2::bufread::MultiGzDecoder::new(input), out, bytes_max)
}
