//! `.index`: which batch lies where in a segment, for about every 4 KiB of it.
//!
//! An entry is 8 bytes: last offset of the batch less the segment's base, and position of the
//! batch; both ascend. Entries gather in memory and reach the file in groups, when the segment is
//! closed at the latest: after a crash the index is made anew from the log.

use std::io;
use std::sync::Arc;

use super::disk::{self, Disk, File};
use super::format::OffsetEntry;

/// Bytes of an entry in the file.
pub(crate) const ENTRY_BYTES: u32 = 8;

/// Entries that may be missing in the file of a segment that is written to.
const PENDING_MAX: usize = 128;

/// Where a batch lies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Entry {
    /// The last offset of the batch less the segment's base.
    pub(crate) last_delta: u32,
    /// Where the batch begins.
    pub(crate) position: u32,
}

/// The sparse offset index of one segment.
#[derive(Debug)]
pub(crate) struct OffsetIndex {
    path: String,
    /// `None` until it is first needed: a start reads no index.
    entries: Option<Vec<Entry>>,
    /// How many of the entries are in the file.
    written: usize,
    /// Its file was emptied: on the device there may still be what was in it.
    emptied: bool,
}

/// What is wrong with an index file; it is made anew from the log then.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IndexError {
    #[error("index does not fit its log: {0}")]
    Insane(&'static str),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl OffsetIndex {
    /// An index without entries; its file, if there is one, is emptied.
    pub(crate) fn create(disk: &dyn Disk, path: String) -> io::Result<Self> {
        let emptied = truncate_if_there(disk, &path)?;
        Ok(Self { path, entries: Some(Vec::new()), written: 0, emptied })
    }

    /// An index that is in its file, after a look at whether it can belong to a log of `log_bytes`.
    pub(crate) fn open(disk: &dyn Disk, path: String, log_bytes: u32) -> Result<Self, IndexError> {
        let file = disk.open(&path, false)?;
        let len = file.len()?;
        if len % u64::from(ENTRY_BYTES) != 0 {
            return Err(IndexError::Insane("its length is no multiple of 8"));
        }
        let written = usize::try_from(len / u64::from(ENTRY_BYTES)).map_err(io::Error::other)?;
        if written > 0 {
            let mut last = [0; ENTRY_BYTES as usize];
            file.read_at(len - u64::from(ENTRY_BYTES), &mut last)?;
            let last = decode(last).ok_or(IndexError::Insane("a number below zero"))?;
            // a file made by Kafka and not closed ends in zeros
            if last.position >= log_bytes || (last.last_delta == 0 && written > 1) {
                return Err(IndexError::Insane("its last entry"));
            }
        }
        Ok(Self { path, entries: None, written, emptied: false })
    }

    /// Adds an entry. Offsets that do not ascend are left out.
    pub(crate) fn append(
        &mut self,
        disk: &dyn Disk,
        last_delta: u32,
        position: u32,
    ) -> io::Result<()> {
        let entries = self.load(disk)?;
        let ascends = |last: &Entry| last.last_delta < last_delta && last.position < position;
        if entries.last().is_none_or(ascends) {
            entries.push(Entry { last_delta, position });
        }
        if entries.len() >= self.written + PENDING_MAX {
            self.flush(disk)?;
        }
        Ok(())
    }

    /// A batch from which a scan forward meets the batch that holds `delta`, and the entry before it;
    /// `None` for the first batch.
    pub(crate) fn floor(
        &mut self,
        disk: &dyn Disk,
        delta: u32,
    ) -> io::Result<(Option<Entry>, Option<Entry>)> {
        let entries = self.load(disk)?;
        let after = entries.partition_point(|entry| entry.last_delta <= delta);
        let back = |n| after.checked_sub(n).map(|i: usize| entries[i]);
        Ok((back(1), back(2)))
    }

    /// The last offset, less the base, of a batch that begins at `position` or behind it.
    pub(crate) fn above(&mut self, disk: &dyn Disk, position: u32) -> io::Result<Option<u32>> {
        let entries = self.load(disk)?;
        let first = entries.partition_point(|entry| entry.position < position);
        Ok(entries.get(first).map(|entry| entry.last_delta))
    }

    /// Position of the entry `back` places before the last, and whether there is one.
    pub(crate) fn nth_last(&mut self, disk: &dyn Disk, back: usize) -> io::Result<Option<u32>> {
        let entries = self.load(disk)?;
        Ok(entries.len().checked_sub(back + 1).map(|i| entries[i].position))
    }

    /// Number of entries.
    pub(crate) fn len(&self) -> usize {
        self.entries.as_ref().map_or(self.written, Vec::len)
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

    fn load(&mut self, disk: &dyn Disk) -> io::Result<&mut Vec<Entry>> {
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

/// Empties the file at `path`; false if it is absent. One that is empty already may have been
/// emptied by a start that was killed, and not on the device.
pub(crate) fn truncate_if_there(disk: &dyn Disk, path: &str) -> io::Result<bool> {
    match disk.open(path, false) {
        Ok(file) => file.truncate(0).map(|()| true),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}

fn encode(entry: Entry) -> [u8; 8] {
    let (delta, position) = (entry.last_delta.cast_signed(), entry.position.cast_signed());
    OffsetEntry { delta, position }.bytes()
}

/// Kafka's numbers are signed; `None` for one below zero.
fn decode(bytes: [u8; 8]) -> Option<Entry> {
    let OffsetEntry { delta, position } = OffsetEntry::read(&bytes);
    Some(Entry { last_delta: delta.try_into().ok()?, position: position.try_into().ok()? })
}

#[cfg(test)]
mod tests;
