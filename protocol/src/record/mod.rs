//! Records in batches (magic 2): built in place, checked once, read lazily.
//!
//! A producer appends to a [`BatchBuilder`] and seals it. A broker checks the batch
//! ([`CheckedBatch`]), assigns its offsets in place and stores its bytes. A consumer splits what it
//! fetched ([`split_batches`]), opens each batch ([`RecordBlock`]) and iterates over borrowed
//! [`RecordRef`]s.

pub mod assign;
pub mod batch;
pub mod builder;
pub mod compression;
pub mod control;
pub mod iter;
pub mod retain;
mod varint;

pub use assign::{assign_offsets, restamp, set_timestamps};
pub use batch::{BatchError, BatchHeader, CheckedBatch, HEADER_SIZE, checksum, split_batches};
pub use builder::{AppendError, BatchBuilder, ProducerStamp, Sealed, record_size_max};
pub use compression::{Compression, CompressionError, Compressor, Decompressor, LevelError};
pub use control::{ControlBatchError, ControlRecord, ControlType, EndTxnMarker, control_batch};
pub use iter::{HeaderRef, Headers, RecordBlock, RecordError, RecordReason, RecordRef, Records};
pub use retain::{RetainError, emptied, retain};

use bytes::Bytes;

use crate::Str;

/// A key and a value that travel with a record (KIP-82). Keys may repeat; their order is kept.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Header {
    /// Its key.
    pub key: Str,
    /// Its value, or null.
    pub value: Option<Bytes>,
}

#[cfg(test)]
mod tests;
