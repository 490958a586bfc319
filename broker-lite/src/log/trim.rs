//! What the log has lost at its front, and how lookups by time take that into account.

use std::io;
use std::sync::Arc;

use ottla_protocol::ids::Offset;

use super::batch::BatchView;
use super::log::{Log, ReadPlan};
use super::segment::Segment;

impl Log {
    /// Moves the start forward to `start`, which must not lie behind the end; true if it moved.
    /// Nothing is removed before [`Log::start_is_kept`]: a power failure could undo some of that,
    /// and leave a log with a hole.
    pub(crate) fn trim(&mut self, start: Offset) -> bool {
        assert!(start <= self.next);
        let moves = start > self.start;
        self.start = self.start.max(start);
        moves
    }

    /// Where clients are told that it starts: on the device. Another start could come back, and who
    /// was told of it would miss what lies between.
    pub(crate) fn start_kept(&self) -> Offset {
        self.start_kept
    }

    /// It is on the device that the log starts at `start` or later: removes the segments that lie
    /// before it as a whole. The last segment stays.
    pub(crate) fn start_is_kept(&mut self, start: Offset) -> io::Result<()> {
        if start <= self.start_kept {
            return Ok(());
        }
        self.start_kept = start.min(self.start);
        if self.epochs.truncate_from_start(self.start_kept) {
            // a start after a crash cuts them again
            self.epochs.save(&*self.disk, &self.dir, false)?;
            self.epochs_unsynced = true;
        }
        self.drop_before_start()
    }

    /// Removes the segments that lie before the start as a whole; while the log is cleaned, not yet:
    /// a round that reads them would have been for nothing, and maybe the next one, too.
    pub(super) fn drop_before_start(&mut self) -> io::Result<()> {
        if self.cleaning.strong_count() > 0 {
            return Ok(());
        }
        let before = |next: &&Segment| next.base() <= self.start_kept;
        let gone = self.segments.iter().skip(1).take_while(before).count();
        for segment in self.segments.drain(..gone) {
            segment.remove(&*self.disk)?; // who reads it has it open
        }
        if gone > 0 {
            self.drop_old_snapshots()?;
            self.dir_unsynced = true;
        }
        Ok(())
    }

    /// The first batch that ends at `from` or later and has a record as young as `timestamp`, and
    /// its bytes' place.
    pub(crate) fn find_time(
        &mut self,
        timestamp: i64,
        from: Offset,
    ) -> io::Result<Option<(ReadPlan, BatchView)>> {
        let disk = Arc::clone(&self.disk);
        let first = self.segments.partition_point(|segment| segment.base() <= from);
        for segment in self.segments.iter_mut().skip(first.saturating_sub(1)) {
            if let Some((position, batch)) = segment.find_time(&*disk, timestamp, from)? {
                let plan = ReadPlan {
                    file: Arc::clone(segment.file()),
                    segment: segment.base(),
                    position,
                    bytes: batch.bytes,
                    first: batch,
                    aborted: Vec::new(),
                };
                return Ok(Some((plan, batch)));
            }
        }
        Ok(None)
    }

    /// The largest timestamp of the batches that do not end before the start of the log.
    pub(crate) fn newest(&mut self) -> io::Result<Option<i64>> {
        let disk = Arc::clone(&self.disk);
        let mut newest = None;
        for segment in &mut self.segments {
            newest = newest.max(segment.newest_since(&*disk, self.start)?);
        }
        Ok(newest)
    }
}

#[cfg(test)]
mod tests;
