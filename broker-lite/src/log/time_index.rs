//! `.timeindex`: from when on a segment holds which records, for about every 4 KiB of it.
//!
//! An entry is 12 bytes: a timestamp, and the last offset, less the segment's base, of the batch
//! in which it is the largest; timestamps strictly ascend. Records before that batch are not
//! younger than the timestamp.

use std::io;
use std::sync::Arc;

use super::disk::{self, Disk, File};
use super::format;
use super::offset_index::{IndexError, truncate_if_there};

/// Bytes of an entry in the file.
pub(crate) const ENTRY_BYTES: u32 = 12;

/// Entries that may be missing in the file of a segment that is written to.
const PENDING_MAX: usize = 128;

/// A timestamp and where it was reached.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct TimeEntry {
    /// Milliseconds since 1970.
    pub(crate) timestamp: i64,
    /// Last offset of the batch that holds it, less the base of the segment.
    pub(crate) last_delta: u32,
}

/// The sparse time index of one segment.
#[derive(Debug)]
pub(crate) struct TimeIndex {
    path: String,
    /// `None` until it is first needed.
    entries: Option<Vec<TimeEntry>>,
    last: Option<TimeEntry>,
    written: usize,
    /// Its file was emptied: on the device there may still be what was in it.
    emptied: bool,
}

impl TimeIndex {
    /// An index without entries; its file, if there is one, is emptied.
    pub(crate) fn create(disk: &dyn Disk, path: String) -> io::Result<Self> {
        let emptied = truncate_if_there(disk, &path)?;
        Ok(Self { path, entries: Some(Vec::new()), last: None, written: 0, emptied })
    }

    /// An index that is in its file, after a look at its length and its last entry.
    pub(crate) fn open(disk: &dyn Disk, path: String) -> Result<Self, IndexError> {
        let file = disk.open(&path, false)?;
        let len = file.len()?;
        if len % u64::from(ENTRY_BYTES) != 0 {
            return Err(IndexError::Insane("its length is no multiple of 12"));
        }
        let written = usize::try_from(len / u64::from(ENTRY_BYTES)).map_err(io::Error::other)?;
        let mut last = None;
        if written > 0 {
            let mut bytes = [0; ENTRY_BYTES as usize];
            file.read_at(len - u64::from(ENTRY_BYTES), &mut bytes)?;
            last = Some(decode(bytes).ok_or(IndexError::Insane("a number below zero"))?);
            if last.is_some_and(|e| e.timestamp == 0 && e.last_delta == 0) && written > 1 {
                return Err(IndexError::Insane("it ends in zeros: it was not closed"));
            }
        }
        Ok(Self { path, entries: None, last, written, emptied: false })
    }

    /// The youngest timestamp indexed.
    pub(crate) const fn last(&self) -> Option<TimeEntry> {
        self.last
    }

    /// Number of entries.
    pub(crate) fn len(&self) -> usize {
        self.entries.as_ref().map_or(self.written, Vec::len)
    }

    /// Adds an entry if it is younger than the last.
    pub(crate) fn append(&mut self, disk: &dyn Disk, entry: TimeEntry) -> io::Result<()> {
        if entry.timestamp < 0 || self.last.is_some_and(|last| last.timestamp >= entry.timestamp) {
            return Ok(());
        }
        self.load(disk)?.push(entry);
        self.last = Some(entry);
        if self.len() >= self.written + PENDING_MAX {
            self.flush(disk)?;
        }
        Ok(())
    }

    /// The last entry older than `timestamp`: no record up to its offset is as young.
    pub(crate) fn before(
        &mut self,
        disk: &dyn Disk,
        timestamp: i64,
    ) -> io::Result<Option<TimeEntry>> {
        let entries = self.load(disk)?;
        let after = entries.partition_point(|entry| entry.timestamp < timestamp);
        Ok(after.checked_sub(1).map(|i| entries[i]))
    }

    /// Whether a power failure could leave something else to be read.
    pub(crate) fn must_sync(&self) -> bool {
        self.emptied || self.len() > 0
    }

    /// Writes what is missing in the file, makes the file if it is absent, and returns it.
    pub(crate) fn flush(&mut self, disk: &dyn Disk) -> io::Result<Arc<dyn File>> {
        let file = disk.open(&self.path, true)?;
        if let Some(entries) = &self.entries {
            let pending = &entries[self.written..];
            let bytes: Vec<u8> = pending.iter().flat_map(|entry| encode(*entry)).collect();
            file.append(&[&bytes])?;
            self.written = entries.len();
        }
        Ok(file)
    }

    fn load(&mut self, disk: &dyn Disk) -> io::Result<&mut Vec<TimeEntry>> {
        if self.entries.is_none() {
            let bytes = disk::read_all(disk, &self.path)?;
            let entries = bytes.chunks_exact(ENTRY_BYTES as usize).map_while(|chunk| {
                let chunk: [u8; ENTRY_BYTES as usize] = chunk.try_into().ok()?;
                decode(chunk)
            });
            let entries: Vec<_> = entries.collect();
            self.written = self.written.min(entries.len());
            self.entries = Some(entries);
        }
        Ok(self.entries.get_or_insert_default())
    }
}

fn encode(entry: TimeEntry) -> [u8; 12] {
    let (timestamp, delta) = (entry.timestamp, entry.last_delta.cast_signed());
    format::TimeEntry { timestamp, delta }.bytes()
}

/// Kafka's numbers are signed; `None` for one below zero.
fn decode(bytes: [u8; 12]) -> Option<TimeEntry> {
    let format::TimeEntry { timestamp, delta } = format::TimeEntry::read(&bytes);
    let last_delta = delta.try_into().ok()?;
    (timestamp >= 0).then_some(TimeEntry { timestamp, last_delta })
}

#[cfg(test)]
mod tests;
