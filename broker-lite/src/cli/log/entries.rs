//! The entries of the three indexes of a segment. Files are read as a stream.

use std::fs::File;
use std::io::{self, BufReader, Read as _};
use std::path::{Path, PathBuf};

use broker_lite::log::format::{self, AbortedEntry};

use super::problem::{ANEW, Place, Problem, READ_AGAIN};

/// `.index`: bytes of an entry.
pub(super) const OFFSET_BYTES: usize = format::OffsetEntry::BYTES;
/// `.timeindex`: bytes of an entry.
pub(super) const TIME_BYTES: usize = format::TimeEntry::BYTES;
/// `.txnindex`: bytes of an entry.
pub(super) const ABORTED_BYTES: usize = AbortedEntry::BYTES;

/// Entries of `N` bytes, up to the length that the file had when it was opened.
#[derive(Debug)]
pub(super) struct Entries<const N: usize> {
    pub(super) path: PathBuf,
    source: BufReader<File>,
    position: u64,
    end: u64,
}

impl<const N: usize> Entries<N> {
    /// `None` if the file is absent.
    pub(super) fn open(path: &Path) -> Result<Option<Self>, Problem> {
        let unreadable = |error: io::Error| Problem::unreadable(path, &error);
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error)),
        };
        let end = file.metadata().map_err(unreadable)?.len();
        let (path, source) = (path.to_owned(), BufReader::new(file));
        Ok(Some(Self { path, source, position: 0, end }))
    }

    /// The next entry and where it lies. Kafka makes the file of the last segment larger in
    /// advance, with zeros: those are no entries.
    pub(super) fn step(&mut self) -> Result<Option<(u64, [u8; N])>, Problem> {
        let mut zeros_from = None;
        loop {
            let position = self.position;
            let left = self.end.saturating_sub(position);
            if left == 0 {
                return Ok(None);
            }
            if left < N as u64 {
                let what = format!("an entry of {left} bytes instead of {N}");
                return Err(self.wrong(position, what));
            }
            let mut entry = [0; N];
            let read = self.source.read_exact(&mut entry);
            read.map_err(|error| Problem::unreadable(&self.path, &error))?;
            self.position = position.saturating_add(N as u64);
            match zeros_from {
                // a time of 0 at the first offset
                None if entry == [0; N] && self.end == N as u64 && N == TIME_BYTES => {
                    return Ok(Some((position, entry)));
                }
                None if entry == [0; N] => zeros_from = Some(position),
                None => return Ok(Some((position, entry))),
                Some(_) if entry == [0; N] => {}
                Some(0) => return Ok(Some((position, entry))),
                Some(from) => return Err(self.wrong(from, "zeros between entries")),
            }
        }
    }

    /// Something wrong with the entry at `position`.
    pub(super) fn wrong(&self, position: u64, what: impl Into<String>) -> Problem {
        // the other two are made anew wherever they are missing
        let advice = if N == ABORTED_BYTES { READ_AGAIN } else { ANEW };
        Problem::new(&self.path, Place::Byte(position), what, advice)
    }
}

/// An entry of `.index`: a batch and where it begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct OffsetEntry {
    /// Last offset of the batch.
    pub(super) offset: i64,
    pub(super) position: i32,
}

impl OffsetEntry {
    pub(super) fn of(base: i64, entry: &[u8; OFFSET_BYTES]) -> Self {
        let format::OffsetEntry { delta, position } = format::OffsetEntry::read(entry);
        Self { offset: base.saturating_add(delta.into()), position }
    }
}

/// An entry of `.timeindex`: no record up to `offset` is younger.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct TimeEntry {
    /// Milliseconds since 1970.
    pub(super) timestamp: i64,
    pub(super) offset: i64,
}

impl TimeEntry {
    pub(super) fn of(base: i64, entry: &[u8; TIME_BYTES]) -> Self {
        let format::TimeEntry { timestamp, delta } = format::TimeEntry::read(entry);
        Self { timestamp, offset: base.saturating_add(delta.into()) }
    }
}
