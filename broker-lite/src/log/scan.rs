//! Walks the batches of a log file by their headers.

use std::io;
use std::sync::Arc;

use ottla_protocol::ids::Offset;
use ottla_protocol::record::HEADER_SIZE;

use super::batch::{BadBatch, BatchView};
use super::disk::File;
use super::transactions::MARKER_BYTES_MAX;

/// What lies at a position of a log file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    /// A batch whose bytes all lie before the end of the scan, and where it begins.
    Batch(u32, BatchView),
    /// Nothing more.
    End,
    /// Bytes that are no whole batch, or one whose offsets belong before those of the last.
    Bad(u32, BadBatch),
}

/// Bytes read at once to go through the headers of small batches: fewer calls, and the copy stays in
/// the processor's cache.
const SMALL_BATCHES_WINDOW_BYTES: usize = 64 * 1024;

/// Reads headers through a window of the file, so that small batches share one read and large ones
/// are stepped over.
pub(crate) struct Scanner {
    file: Arc<dyn File>,
    position: u32,
    end: u32,
    /// Behind the last batch.
    due: Option<Offset>,
    window: Vec<u8>,
    window_at: u32,
    window_bytes: usize,
    /// For batches smaller than that, if only headers are wanted.
    small_below: Option<usize>,
}

impl Scanner {
    /// Walks from `position`, where a batch begins, to `end`, through a window of `window_bytes`.
    pub(crate) fn new(file: Arc<dyn File>, position: u32, end: u32, window_bytes: usize) -> Self {
        let (due, window) = (None, Vec::new());
        let (window_at, small_below) = (position, None);
        Self { file, position, end, due, window, window_at, window_bytes, small_below }
    }

    /// It is for headers alone: batches larger than the window are stepped over, for smaller ones it
    /// is made larger.
    pub(crate) fn for_headers(self) -> Self {
        Self { small_below: Some(self.window_bytes), ..self }
    }

    /// The next batch. After [`Step::Bad`] it stays where it is.
    pub(crate) fn step(&mut self) -> io::Result<Step> {
        let at = self.position;
        if at >= self.end {
            return Ok(Step::End);
        }
        let left = self.end - at;
        let header = match BatchView::read(self.bytes(at, HEADER_SIZE)?) {
            Ok(header) if header.bytes <= left => match self.due {
                Some(due) if header.base < due => {
                    return Ok(Step::Bad(at, BadBatch::Order(header.base, due)));
                }
                _ => header,
            },
            Ok(_) => return Ok(Step::Bad(at, BadBatch::Torn)),
            Err(bad) => return Ok(Step::Bad(at, bad)),
        };
        self.position = at + header.bytes;
        self.due = Some(header.last.next());
        if let Some(small) = self.small_below {
            let is_small = (header.bytes as usize) < small;
            self.window_bytes = if is_small { SMALL_BATCHES_WINDOW_BYTES } else { small };
        }
        if header.control && header.bytes <= MARKER_BYTES_MAX {
            let whole = self.bytes(at, header.bytes as usize)?;
            return Ok(Step::Batch(at, header.with_marker(whole)));
        }
        Ok(Step::Batch(at, header))
    }

    /// The offset behind the last batch, once there was one.
    pub(crate) const fn due(&self) -> Option<Offset> {
        self.due
    }

    /// The header of the batch that [`Scanner::step`] has just found at `at`.
    pub(crate) fn header(&mut self, at: u32) -> io::Result<&[u8]> {
        self.bytes(at, HEADER_SIZE)
    }

    /// All bytes of the batch that [`Scanner::step`] has just found at `at`.
    pub(crate) fn whole(&mut self, at: u32, batch: &BatchView) -> io::Result<&[u8]> {
        self.bytes(at, batch.bytes as usize)
    }

    /// Up to `len` bytes from `at`; fewer where the scan ends.
    fn bytes(&mut self, at: u32, len: usize) -> io::Result<&[u8]> {
        let left = (self.end - at) as usize;
        let len = len.min(left);
        let inside = at.checked_sub(self.window_at).map(|skip| skip as usize);
        let start = match inside {
            Some(start) if start + len <= self.window.len() => start,
            _ => {
                self.window.resize(self.window_bytes.max(len).min(left), 0);
                let read = self.file.read_at(u64::from(at), &mut self.window)?;
                self.window.truncate(read);
                self.window_at = at;
                0
            }
        };
        Ok(&self.window[start..self.window.len().min(start + len)])
    }
}
