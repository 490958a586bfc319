//! Where codecs decompress to: a buffer that grows with what they produce, up to a limit.

use bytes::BytesMut;

/// Why a codec stopped.
#[derive(Debug)]
pub(super) enum Fault {
    /// Its cargo feature is off.
    #[cfg_attr(
        all(feature = "gzip", feature = "snappy", feature = "lz4", feature = "zstd"),
        expect(dead_code, reason = "made by absent.rs only")
    )]
    Absent,
    /// The output is above the limit.
    Oversized,
    /// It says why.
    Failed(String),
}

impl Fault {
    pub(super) fn failed(cause: impl ToString) -> Self {
        Self::Failed(cause.to_string())
    }

    pub(super) fn truncated() -> Self {
        Self::failed("the data ends too early")
    }
}

/// Output of at most `limit` bytes.
pub(super) struct Output {
    buffer: BytesMut,
    limit: usize,
    #[cfg(all(test, feature = "gzip"))]
    cleared: usize,
}

impl Output {
    pub(super) fn new(mut buffer: BytesMut, limit: usize) -> Self {
        buffer.clear();
        Self {
            buffer,
            limit,
            #[cfg(all(test, feature = "gzip"))]
            cleared: 0,
        }
    }

    pub(super) fn into_buffer(self) -> BytesMut {
        self.buffer
    }

    /// Bytes that were produced.
    pub(super) fn len(&self) -> usize {
        self.buffer.len()
    }

    /// What was produced from byte `start` on.
    #[cfg(feature = "gzip")]
    pub(super) fn since(&self, start: usize) -> &[u8] {
        self.buffer.get(start..).unwrap_or_default()
    }

    /// Bytes of room that were cleared so far: the work that is not in proportion by itself.
    #[cfg(all(test, feature = "gzip"))]
    pub(super) fn cleared(&self) -> usize {
        self.cleared
    }

    /// Bytes that may still be produced.
    pub(super) fn left(&self) -> usize {
        self.limit - self.buffer.len() // every way in checks the limit
    }

    /// Appends what needs no decompression.
    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if bytes.len() > self.left() {
            return Err(Fault::Oversized);
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Lets `fill` write to `room` bytes, or to as many as are left, and keeps as many of them as
    /// it says it wrote. `fill` must be content with less room than asked for.
    pub(super) fn fill<E>(
        &mut self,
        room: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<usize, E> {
        let start = self.buffer.len();
        let end = start + room.min(self.left());
        self.buffer.resize(end, 0);
        #[cfg(all(test, feature = "gzip"))]
        {
            self.cleared += end - start;
        }
        let written = fill(self.buffer.get_mut(start..).unwrap_or_default());
        let kept = written.as_ref().map_or(0, |written| *written);
        self.buffer.truncate(start + kept);
        written
    }
}
