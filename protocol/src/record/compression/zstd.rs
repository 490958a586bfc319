//! zstd. Written as Java does: without content size. Read in one go, not as a stream, because a
//! stream would first allocate the window that its header claims.

use bytes::BytesMut;
use zstd::bulk::Compressor;
use zstd::zstd_safe::{CParameter, DCtx, compress_bound, get_error_name, get_frame_content_size};

use super::output::{Fault, Output};
use super::{Compression, Decode, Encode};

/// The least room that is given to decompress into.
const ROOM_MIN: usize = 4 * 1024;
/// What a byte of input is taken to stand for, if the frame does not say.
const EXPANSION: usize = 8;
/// What a byte of input is believed to stand for, if the frame says so.
const EXPANSION_BELIEVED: usize = 32;
/// `ZSTD_error_dstSize_tooSmall`, a stable number of zstd's C interface, as it is returned.
const OUTPUT_TOO_SMALL: usize = 0_usize.wrapping_sub(70);

pub(super) struct Encoder(Compressor<'static>);

impl core::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("zstd::Encoder")
    }
}

impl Encode for Encoder {
    fn new(level: Option<i32>) -> Result<Self, Fault> {
        let default = Compression::Zstd.levels().map_or(3, |(_, default)| default);
        let mut compressor = Compressor::new(level.unwrap_or(default)).map_err(Fault::failed)?;
        let flag = CParameter::ContentSizeFlag(false);
        compressor.set_parameter(flag).map_err(Fault::failed)?;
        Ok(Self(compressor))
    }

    fn encode(&mut self, input: &[u8], out: &mut BytesMut) -> Result<(), Fault> {
        let start = out.len();
        out.resize(start + compress_bound(input.len()), 0);
        let room = out.get_mut(start..).unwrap_or_default();
        let written = self.0.compress_to_buffer(input, room).map_err(Fault::failed)?;
        out.truncate(start + written);
        Ok(())
    }
}

pub(super) struct Decoder(DCtx<'static>);

impl core::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("zstd::Decoder")
    }
}

impl Decode for Decoder {
    fn new() -> Result<Self, Fault> {
        DCtx::try_create().map(Self).ok_or_else(|| Fault::failed("out of memory"))
    }

    fn decode(&mut self, input: &[u8], out: &mut Output) -> Result<(), Fault> {
        let mut room = match get_frame_content_size(input) {
            Ok(Some(size)) => {
                let believed = input.len().saturating_mul(EXPANSION_BELIEVED);
                usize::try_from(size).unwrap_or(usize::MAX).min(believed)
            }
            Ok(None) | Err(_) => input.len().saturating_mul(EXPANSION),
        };
        room = room.max(ROOM_MIN);
        loop {
            // What is too small was filled all but for a block: room grows with what comes out.
            match out.fill(room, |room| self.0.decompress(room, input)) {
                Ok(_) => return Ok(()),
                Err(OUTPUT_TOO_SMALL) if room >= out.left() => return Err(Fault::Oversized),
                Err(OUTPUT_TOO_SMALL) => room = room.saturating_mul(4),
                Err(code) => return Err(Fault::failed(get_error_name(code))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use zstd::zstd_safe::{InBuffer, OutBuffer};

    use super::*;

    /// What the codec allocates it takes from C: an allocator that counts does not see it.
    #[test]
    fn the_context_takes_no_more_whatever_a_frame_claims() {
        let window_of_128_mib = b"\x28\xb5\x2f\xfd\0\x88\x01\0\0";
        let mut decoder = Decoder::new().unwrap();
        let unused = decoder.0.sizeof();
        for (claim, data) in [
            ("2 to 60 bytes", &b"\x28\xb5\x2f\xfd\xe0\0\0\0\0\0\0\0\x10\x01\0\0"[..]),
            ("a window of 2 to 41 bytes", b"\x28\xb5\x2f\xfd\0\xf8\x01\0\0"),
            ("a window of 128 MiB", window_of_128_mib),
        ] {
            let _ = decoder.decode(data, &mut Output::new(BytesMut::new(), 1 << 30));
            assert_eq!(decoder.0.sizeof(), unused, "{claim}");
        }
        // this is what sees it: the same frame as a stream
        let mut stream = DCtx::create();
        let mut out = [0; 1];
        let mut input = InBuffer::around(window_of_128_mib);
        let _ = stream.decompress_stream(&mut OutBuffer::around(&mut out[..]), &mut input);
        assert!(stream.sizeof() > unused, "{}", stream.sizeof());
    }
}
