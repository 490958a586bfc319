//! Seals batches: one codec with contexts that are used again and again.

use bytes::{Bytes, BytesMut};
use ottla_protocol::Str;
use ottla_protocol::record::{
    BatchBuilder, CheckedBatch, Compression, Compressor, Decompressor, RecordBlock,
};

use super::batch::Numbers;
use super::memory::Memory;

/// Compresses and seals; belongs to the driver, so that senders never wait for a codec.
#[derive(Debug)]
pub(crate) struct Sealer {
    compression: Compression,
    compressor: Compressor,
    decompressor: Decompressor,
}

/// One half of a batch that was split.
#[derive(Debug)]
pub(crate) struct Half {
    pub(crate) body: Bytes,
    pub(crate) records: u32,
    pub(crate) raw_len: usize,
}

impl Sealer {
    pub(crate) fn new(compression: Compression) -> Self {
        let (compressor, decompressor) = (Compressor::default(), Decompressor::default());
        Self { compression, compressor, decompressor }
    }

    /// The final bytes of a batch. Buffers come from and go to `memory`.
    ///
    /// # Errors
    ///
    /// The codec's words.
    pub(crate) fn seal(
        &mut self,
        builder: BatchBuilder,
        numbers: Option<Numbers>,
        memory: &Memory,
    ) -> Result<BytesMut, Str> {
        if self.compression != Compression::None {
            self.compressor.recycle(memory.buffer(builder.len() / 2));
        }
        let stamp = numbers.map(Numbers::stamp);
        let sealed = builder.seal(self.compression, &mut self.compressor, stamp);
        let sealed = sealed.map_err(|why| Str::from(why.to_string()))?;
        if let Some(spare) = sealed.spare {
            memory.recycle_mut(spare);
        }
        Ok(sealed.bytes)
    }

    /// Two batches with the records of `batch`, which has at least two, about half the bytes each.
    /// `first` numbers the first; what numbers the second follows from its size.
    ///
    /// # Errors
    ///
    /// If the batch cannot be read: it was damaged after it was sealed.
    pub(crate) fn halves(
        &mut self,
        batch: &Bytes,
        raw_len: usize,
        numbers: Option<Numbers>,
        memory: &Memory,
    ) -> Result<[Half; 2], Str> {
        let words = |why: &dyn core::fmt::Display| Str::from(why.to_string());
        let checked = CheckedBatch::check(batch.clone()).map_err(|why| words(&why))?;
        let block = RecordBlock::open(&checked, &mut self.decompressor, raw_len);
        let block = block.map_err(|why| words(&why))?;
        let mut left = BatchBuilder::new(memory.buffer(raw_len / 2));
        let mut right = BatchBuilder::new(memory.buffer(raw_len / 2));
        let records = u32::try_from(checked.header().records_count).unwrap_or(0);
        for (index, record) in (0_u32..).zip(block.records()) {
            let record = record.map_err(|why| words(&why))?;
            // both get at least one record
            let to_left = index == 0 || (left.len() < raw_len / 2 && index + 1 < records);
            let half = if to_left && right.is_empty() { &mut left } else { &mut right };
            half.append_ref(&record).map_err(|why| words(&why))?;
        }
        let behind = numbers.map(|n| Numbers { first: n.first.after(left.records()), ..n });
        Ok([self.half(left, numbers, memory)?, self.half(right, behind, memory)?])
    }

    fn half(
        &mut self,
        builder: BatchBuilder,
        numbers: Option<Numbers>,
        memory: &Memory,
    ) -> Result<Half, Str> {
        let (records, raw_len) = (builder.records(), builder.len());
        let body = self.seal(builder, numbers, memory)?.freeze();
        Ok(Half { body, records, raw_len })
    }
}
