//! A segment in the making that is to take the place of others, and what a cleaner asks of those.

use std::io;
use std::sync::Arc;

use ottla_protocol::ids::Offset;

use super::*;

/// What the files of a segment that is being made end in; a start removes them.
pub(crate) const CLEANED: &str = "cleaned";

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

    /// Counts and indexes a batch whose bytes [`Segment::append_bytes`] will write.
    ///
    /// # Errors
    ///
    /// It does not fit: a segment that was split by size or by offsets does.
    pub(crate) fn count(
        &mut self,
        disk: &dyn Disk,
        batch: &BatchView,
        config: &LogConfig,
    ) -> io::Result<()> {
        let after = self.bytes.checked_add(batch.bytes);
        if after.and_then(|bytes| i32::try_from(bytes).ok()).is_none() {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "a segment of 2 GiB or more"));
        }
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
    pub(crate) fn is_file(&self, file: &Arc<dyn File>) -> bool {
        Arc::ptr_eq(&self.file, file)
    }
}
