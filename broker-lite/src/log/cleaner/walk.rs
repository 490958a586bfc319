//! Walks over the batches of several segments.

use std::io;
use std::sync::Weak;

use bytes::Bytes;
use ottla_protocol::ids::Offset;
use ottla_protocol::record::{BatchHeader, CheckedBatch};

use crate::log::batch::{BadBatch, BatchView};
use crate::log::disk::File;
use crate::log::scan::{Scanner, Step};
use crate::log::segment::{self, SegmentFacts};
use crate::log::txn_index::AbortedTxn;

/// Bytes read at once (Kafka: `log.cleaner.io.buffer.size`).
const WINDOW_BYTES: usize = 512 * 1024;

/// A segment that is read: what there was of it when the round began.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) facts: SegmentFacts,
    /// Held by the log alone: a round keeps neither the descriptors nor the space of what it has
    /// replaced, or of what is deleted meanwhile.
    pub(crate) file: Weak<dyn File>,
    /// Where the next one begins, or the log ends.
    pub(crate) end: Offset,
    /// The aborted transactions whose markers lie in it, in what is dirty or behind.
    pub(crate) aborted: Vec<AbortedTxn>,
}

/// What comes next.
pub(crate) enum Walked {
    /// A batch that lies here in its file.
    Batch(u32, BatchView),
    /// Nothing more of a segment that ends at this offset.
    SegmentEnd(Offset),
    /// Nothing more.
    End,
}

/// A walk over some of a round's sources.
pub(crate) struct Walk {
    next: usize,
    end: usize,
    scan: Option<Scanner>,
}

impl Walk {
    /// Over the sources from `first` to before `end`.
    pub(crate) const fn new(first: usize, end: usize) -> Self {
        Self { next: first, end, scan: None }
    }

    /// The next batch.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or was cut off the log; or something in it is no batch.
    pub(crate) fn step(&mut self, dir: &str, sources: &[Source]) -> io::Result<Walked> {
        let Some(source) = sources.get(self.next).filter(|_| self.next < self.end) else {
            return Ok(Walked::End);
        };
        let scan = match &mut self.scan {
            Some(scan) => scan,
            None => {
                let file = source.file.upgrade().ok_or_else(|| gone(dir, source))?;
                let scan = Scanner::new(file, 0, source.facts.bytes, WINDOW_BYTES);
                self.scan.insert(scan)
            }
        };
        match scan.step()? {
            Step::Batch(at, batch) => Ok(Walked::Batch(at, batch)),
            Step::Bad(at, bad) => Err(damaged(dir, source, at, &bad)),
            Step::End => {
                self.next += 1;
                self.scan = None;
                Ok(Walked::SegmentEnd(source.end))
            }
        }
    }

    /// The header of the batch just met.
    pub(crate) fn header(
        &mut self,
        dir: &str,
        sources: &[Source],
        at: u32,
    ) -> io::Result<BatchHeader> {
        let source = &sources[self.next];
        let Some(scan) = &mut self.scan else {
            return Err(damaged(dir, source, at, &BadBatch::Torn));
        };
        BatchHeader::parse(scan.header(at)?).map_err(|error| damaged(dir, source, at, &error))
    }

    /// The batch just met, whole and checked.
    pub(crate) fn whole(
        &mut self,
        dir: &str,
        sources: &[Source],
        at: u32,
        batch: &BatchView,
    ) -> io::Result<CheckedBatch> {
        let source = &sources[self.next];
        let Some(scan) = &mut self.scan else {
            return Err(damaged(dir, source, at, &BadBatch::Torn));
        };
        let bytes = Bytes::copy_from_slice(scan.whole(at, batch)?);
        CheckedBatch::check(bytes).map_err(|error| damaged(dir, source, at, &error))
    }

    /// Which source the batch just met lies in.
    pub(crate) const fn source(&self) -> usize {
        self.next
    }
}

fn gone(dir: &str, source: &Source) -> io::Error {
    let name = segment::path(dir, source.facts.base, "log");
    io::Error::new(io::ErrorKind::NotFound, format!("{name}: it was removed meanwhile"))
}

/// Names what is damaged.
pub(crate) fn damaged(
    dir: &str,
    source: &Source,
    at: u32,
    what: &dyn core::fmt::Display,
) -> io::Error {
    let name = segment::path(dir, source.facts.base, "log");
    io::Error::new(io::ErrorKind::InvalidData, format!("{name}: byte {at}: {what}"))
}
