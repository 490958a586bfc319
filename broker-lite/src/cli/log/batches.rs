//! The batches of a `.log` file, one after the other: of the file, one batch is in memory at a time.

use core::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use bytes::Bytes;
use ottla_protocol::limits::REQUEST_BYTES_MAX;
use ottla_protocol::record::{
    BatchError, BatchHeader, CheckedBatch, CompressionError, Decompressor, HEADER_SIZE,
    RecordBlock, checksum,
};

use super::problem::Problem;

/// Bytes read from a file at once.
const BUFFER_BYTES: usize = 256 * 1024;

/// A larger batch than a request may carry is checked, but not looked into.
const WHOLE_BYTES_MAX: usize = REQUEST_BYTES_MAX;

/// What a batch may take once it is decompressed; a consumer would need as much.
const RECORDS_BYTES_MAX: usize = 4 * REQUEST_BYTES_MAX;

/// A batch whose bytes are all there.
#[derive(Debug)]
pub(super) struct Batch {
    /// Where in the file it begins.
    pub(super) position: u64,
    pub(super) header: BatchHeader,
    /// The checksum of its bytes; the header says what it should be.
    pub(super) found: u32,
    /// `None` if they are more than [`WHOLE_BYTES_MAX`].
    bytes: Option<Bytes>,
}

impl Batch {
    /// Offset of its last record, whatever the header says.
    pub(super) const fn last(&self) -> i64 {
        self.header.base_offset.saturating_add(self.header.last_offset_delta as i64)
    }

    /// What is wrong with its checksum, which does not fit.
    pub(super) fn checksum_words(&self) -> String {
        let (found, stored) = (self.found, self.header.crc);
        format!("the checksum of the batch is {found:08x}, not {stored:08x}")
    }

    /// Its records, decompressed.
    pub(super) fn open(&self, decompressor: &mut Decompressor) -> Result<RecordBlock, Closed> {
        let Some(bytes) = &self.bytes else { return Err(Closed::TooLarge) };
        let batch = CheckedBatch::without_checksum(bytes.clone());
        let batch = batch.map_err(|error| Closed::Wrong(error.to_string()))?;
        RecordBlock::open(&batch, decompressor, RECORDS_BYTES_MAX).map_err(|error| match error {
            CompressionError::NotBuiltIn(_) => Closed::NotBuiltIn,
            error => Closed::Wrong(error.to_string()),
        })
    }
}

/// Why records are not looked at.
#[derive(Debug)]
pub(super) enum Closed {
    /// The batch is larger than any request.
    TooLarge,
    /// This build lacks the codec.
    NotBuiltIn,
    /// They are not what the header says.
    Wrong(String),
}

/// Why bytes are no batch.
#[derive(Debug)]
pub(super) enum Flaw {
    /// The file ends so many bytes before the batch does.
    Torn(u64),
    /// All zeros: a file system that lost power, or a file that was made larger in advance.
    Zeros,
    /// What stands there is no header.
    Header(BatchError),
    /// It cannot be read.
    Io(io::Error),
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Torn(missing) => {
                write!(f, "the file ends {missing} bytes before the batch that begins here")
            }
            Self::Zeros => f.write_str("zeros where a batch should begin"),
            Self::Header(BatchError::Magic { magic, .. }) => {
                write!(f, "no batch begins here: its magic is {magic} instead of 2")
            }
            Self::Header(BatchError::BadLength { length, .. }) => {
                write!(f, "no batch begins here: its length is {length}")
            }
            Self::Header(error) => write!(f, "no batch begins here: {error}"),
            Self::Io(error) => write!(f, "it cannot be read: {error}"),
        }
    }
}

/// Reads batches up to a length that was taken before.
pub(super) struct Batches<R> {
    source: R,
    position: u64,
    end: u64,
}

/// The batches that are in a file now; a running broker may append more.
pub(super) fn open(path: &Path) -> Result<Batches<BufReader<File>>, Problem> {
    let unreadable = |error: io::Error| Problem::unreadable(path, &error);
    let file = File::open(path).map_err(unreadable)?;
    let end = file.metadata().map_err(unreadable)?.len();
    Ok(Batches::new(BufReader::with_capacity(BUFFER_BYTES, file), end))
}

impl<R: Read> Batches<R> {
    pub(super) const fn new(source: R, end: u64) -> Self {
        Self { source, position: 0, end }
    }

    /// Where the next batch begins; after a [`Flaw`], where it should.
    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    /// The length of the file when it was opened.
    pub(super) const fn end(&self) -> u64 {
        self.end
    }

    /// The next batch. After a [`Flaw`] nothing more can be read.
    pub(super) fn step(&mut self) -> Result<Option<Batch>, Flaw> {
        let position = self.position;
        let left = self.end.saturating_sub(position);
        if left == 0 {
            return Ok(None);
        }
        let mut head = Vec::with_capacity(HEADER_SIZE);
        self.take(left.min(HEADER_SIZE as u64), &mut head)?;
        if head.iter().all(|byte| *byte == 0) {
            return Err(Flaw::Zeros);
        }
        let header = BatchHeader::parse(&head).map_err(|error| match error {
            BatchError::Truncated { missing, .. } => Flaw::Torn(missing as u64),
            error => Flaw::Header(error),
        })?;
        let size = header.total_size();
        if let Some(missing) = (size as u64).checked_sub(left).filter(|missing| *missing > 0) {
            return Err(Flaw::Torn(missing));
        }
        let rest = (size - HEADER_SIZE) as u64;
        let (found, bytes) = if size <= WHOLE_BYTES_MAX {
            self.take(rest, &mut head)?;
            (checksum(&head), Some(head.into()))
        } else {
            (self.checksum_of(checksum(&head), rest)?, None)
        };
        self.position = position.saturating_add(size as u64);
        Ok(Some(Batch { position, header, found, bytes }))
    }

    /// Appends exactly `len` bytes to `out`.
    fn take(&mut self, len: u64, out: &mut Vec<u8>) -> Result<(), Flaw> {
        let read = (&mut self.source).take(len).read_to_end(out).map_err(Flaw::Io)?;
        // it was cut after its length was taken
        let missing = len.saturating_sub(read as u64);
        if missing == 0 { Ok(()) } else { Err(Flaw::Torn(missing)) }
    }

    /// The checksum that goes on from `sum` over the next `len` bytes.
    fn checksum_of(&mut self, sum: u32, len: u64) -> Result<u32, Flaw> {
        let (mut sum, mut left, mut chunk) = (sum, len, Vec::new());
        while left > 0 {
            let next = left.min(BUFFER_BYTES as u64);
            chunk.clear();
            self.take(next, &mut chunk)?;
            sum = crc32c::crc32c_append(sum, &chunk);
            left -= next;
        }
        Ok(sum)
    }
}
