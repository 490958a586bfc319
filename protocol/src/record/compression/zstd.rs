//! zstd frames, by the reference library with contexts that are used again.

use bytes::BytesMut;
use zstd::stream::raw::{Decoder as RawDecoder, InBuffer, Operation, OutBuffer};

use super::{Compression, CompressionError, damaged, failed};

/// Kafka's default, `compression.zstd.level`.
const LEVEL: i32 = 3;
/// How much room for output is made at first; it doubles.
const ROOM_BYTES: usize = 16 * 1024;

pub(super) struct Encoder(zstd::bulk::Compressor<'static>);

impl Encoder {
    pub(super) fn new(level: Option<i32>) -> Result<Self, CompressionError> {
        let range = zstd::compression_level_range();
        let level = level.unwrap_or(LEVEL).clamp(*range.start(), *range.end());
        let context = zstd::bulk::Compressor::new(level);
        context.map(Self).map_err(|error| failed(Compression::Zstd, error))
    }

    pub(super) fn encode(
        &mut self,
        input: &[u8],
        out: &mut BytesMut,
    ) -> Result<(), CompressionError> {
        let start = out.len();
        out.resize(start + zstd::zstd_safe::compress_bound(input.len()), 0);
        let place = out.get_mut(start..).unwrap_or_default();
        let made = self
            .0
            .compress_to_buffer(input, place)
            .map_err(|error| failed(Compression::Zstd, error))?;
        out.truncate(start + made);
        Ok(())
    }
}

pub(super) struct Decoder(RawDecoder<'static>);

impl Decoder {
    pub(super) fn new() -> Result<Self, CompressionError> {
        RawDecoder::new().map(Self).map_err(|error| damaged(Compression::Zstd, error))
    }

    pub(super) fn decode(
        &mut self,
        input: &[u8],
        out: &mut BytesMut,
        bytes_max: usize,
    ) -> Result<(), CompressionError> {
        let codec = Compression::Zstd;
        self.0.reinit().map_err(|error| damaged(codec, error))?;
        let mut input = InBuffer::around(input);
        let mut made = 0;
        let mut in_frame = true;
        while in_frame || input.pos() < input.src.len() {
            if made == out.len() {
                let room = made.max(ROOM_BYTES).min(bytes_max.saturating_add(1) - made);
                if room == 0 {
                    return Err(CompressionError::Oversized { codec, bytes_max });
                }
                out.resize(made + room, 0);
            }
            let place = out.get_mut(made..).unwrap_or_default();
            let mut output = OutBuffer::around(place);
            let (before, capacity) = (input.pos(), output.capacity());
            let hint =
                self.0.run(&mut input, &mut output).map_err(|error| damaged(codec, error))?;
            let written = output.pos();
            made += written;
            in_frame = hint != 0;
            let stuck = written < capacity && input.pos() == before;
            if in_frame && stuck && input.pos() == input.src.len() {
                return Err(damaged(codec, "the frame is cut off"));
            }
        }
        out.truncate(made);
        if made > bytes_max {
            return Err(CompressionError::Oversized { codec, bytes_max });
        }
        Ok(())
    }
}
