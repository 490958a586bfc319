//! Seals batches: one codec with contexts that are used again and again.

use bytes::{Bytes, BytesMut};
use ottla_protocol::Str;
use ottla_protocol::record::{BatchBuilder, Compression, Compressor};

use super::batch::Numbers;

/// Compresses and seals; belongs to the driver, so that senders never wait for a codec.
#[derive(Debug)]
pub(crate) struct Sealer {
    compression: Compression,
    compressor: Compressor,
}

/// One half of a batch that was split.
pub(crate) struct Half {
    pub(crate) body: Bytes,
    pub(crate) records: u32,
    pub(crate) raw_len: usize,
}

impl Sealer {
    pub(crate) fn new(compression: Compression) -> Self {
        Self { compression, compressor: Compressor::default() }
    }

    /// The final bytes of a batch.
    ///
    /// # Errors
    ///
    /// The codec's words.
    pub(crate) fn seal(
        &mut self,
        builder: BatchBuilder,
        numbers: Option<Numbers>,
    ) -> Result<BytesMut, Str> {
        let stamp = numbers.map(Numbers::stamp);
        builder
            .seal(self.compression, &mut self.compressor, stamp)
            .map_err(|why| Str::from(why.to_string()))
    }

    pub(crate) fn halves(&mut self, _b: &Bytes, _n: Option<Numbers>) -> Result<(Half, Half), ()> {
        Err(())
    }
}
