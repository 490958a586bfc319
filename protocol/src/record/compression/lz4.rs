//! lz4 frames of independent blocks, by lz4_flex.

use bytes::buf::Writer;
use bytes::{BufMut, BytesMut};
use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};
use std::io::Write;

use super::{Compression, CompressionError, failed, read_bounded};

/// Writes a frame a batch, with 64 KiB blocks and no content checksum, as Kafka's Java client.
pub(super) struct Encoder(FrameEncoder<Writer<BytesMut>>);

impl Default for Encoder {
    fn default() -> Self {
        let info = FrameInfo::new()
            .block_size(BlockSize::Max64KB)
            .block_mode(BlockMode::Independent)
            .content_checksum(false);
        Self(FrameEncoder::with_frame_info(info, BytesMut::new().writer()))
    }
}

impl Encoder {
    pub(super) fn encode(
        &mut self,
        input: &[u8],
        out: &mut BytesMut,
    ) -> Result<(), CompressionError> {
        // the encoder owns its output: lend it ours, and take it back whatever happens
        core::mem::swap(self.0.get_mut().get_mut(), out);
        let written = self.0.write_all(input);
        let ended = self.0.try_finish();
        core::mem::swap(self.0.get_mut().get_mut(), out);
        written.map_err(|error| failed(Compression::Lz4, error))?;
        ended.map_err(|error| failed(Compression::Lz4, error))
    }
}

pub(super) fn decode(
    input: &[u8],
    out: &mut BytesMut,
    bytes_max: usize,
) -> Result<(), CompressionError> {
    read_bounded(Compression::Lz4, FrameDecoder::new(input), out, bytes_max)
}
