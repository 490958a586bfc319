//! A segment in the making that is to take the place of others, and what a cleaner asks of those.

use std::io;
use std::sync::{Arc, Weak};

use ottla_protocol::ids::Offset;

use super::*;

/// What the files of a segment that is being made end in; a start removes them.
pub(crate) const CLEANED: &str = "cleaned";

/// How large a data file may be: positions in an index have a sign.
pub(crate) const BYTES_MAX: u32 = i32::MAX.unsigned_abs();

/// What a cleaner decides by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct SegmentFacts {
    pub(crate) base: Offset,
    pub(crate) bytes: u32,
    /// Largest timestamp; -1 if no record has one.
    pub(crate) newest: i64,
    /// Size of the larger one of its indexes.
    pub(crate) index_bytes: u32,
}

impl Segment {
    /// A new and empty segment, whose files have the suffix [`CLEANED`]; what is left of an older
    /// attempt is emptied.
    pub(crate) fn create_cleaned(
        disk: &dyn Disk,
        dir: &str,
        base: Offset,
        now_ms: i64,
    ) -> io::Result<Self> {
        let beside = |suffix: &str| format!("{}.{CLEANED}", path(dir, base, suffix));
        let file = disk.open(&beside("log"), true)?;
        file.truncate(0)?;
        Self::with_new_indexes(disk, (dir, base), file, now_ms, beside)
    }

    /// Whether `batch` fits behind what is counted.
    pub(crate) fn has_room(&self, batch: &BatchView) -> bool {
        let after = self.bytes.checked_add(batch.bytes);
        after.is_some_and(|bytes| bytes <= BYTES_MAX) && self.delta(batch.last).is_some()
    }

    /// Counts and indexes a batch for which there is room, and whose bytes
    /// [`Segment::append_bytes`] will write.
    pub(crate) fn count(
        &mut self,
        disk: &dyn Disk,
        batch: &BatchView,
        config: &LogConfig,
    ) -> io::Result<()> {
        self.note(disk, batch, config)
    }

    /// Writes batches that were counted.
    pub(crate) fn append_bytes(&self, batches: &[u8]) -> io::Result<()> {
        if batches.is_empty() { Ok(()) } else { self.file.append(&[batches]) }
    }

    /// Takes over what the segments that it replaces know of an aborted transaction.
    pub(crate) fn take_over_aborted(
        &mut self,
        disk: &dyn Disk,
        aborted: AbortedTxn,
    ) -> io::Result<()> {
        self.aborted.take_over(disk, aborted)
    }

    /// The aborted transactions whose markers lie in it, at `from` or behind it.
    pub(crate) fn aborted_since(&self, from: Offset) -> &[AbortedTxn] {
        self.aborted.since(from)
    }

    /// What a cleaner decides by.
    pub(crate) fn facts(&self) -> SegmentFacts {
        let entries = |n: usize, bytes: u32| u32::try_from(n).unwrap_or(u32::MAX) * bytes;
        SegmentFacts {
            base: self.base,
            bytes: self.bytes,
            newest: self.newest.map_or(-1, |newest| newest.timestamp),
            index_bytes: entries(self.offsets.len(), offset_index::ENTRY_BYTES)
                .max(entries(self.times.len(), time_index::ENTRY_BYTES)),
        }
    }

    /// Largest timestamp of the first batch; -1 if it has none.
    pub(crate) fn first_timestamp(&mut self) -> io::Result<i64> {
        let first = match self.first_timestamp {
            Some(first) => first,
            None => self.first_batch()?.map_or(-1, |(_, first)| first.max_timestamp),
        };
        self.first_timestamp = Some(first);
        Ok(first)
    }

    /// Whether `file` is its data file.
    pub(crate) fn is_file(&self, file: &Weak<dyn File>) -> bool {
        Weak::ptr_eq(&Arc::downgrade(&self.file), file)
    }
}
