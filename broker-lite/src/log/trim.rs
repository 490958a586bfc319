//! What the log has lost at its front, and how lookups by time take that into account.

use std::io;
use std::sync::Arc;

use ottla_protocol::ids::Offset;

use super::batch::BatchView;
use super::log::{Log, ReadPlan};
use super::segment::Segment;

impl Log {
    /// Moves the start forward to `start`, which must not lie behind the end, and removes the
    /// segments that lie before it as a whole; true if it moved. The last segment stays.
    pub(crate) fn trim(&mut self, start: Offset) -> io::Result<bool> {
        assert!(start <= self.next);
        if start <= self.start {
            return Ok(false);
        }
        self.start = start;
        if self.epochs.truncate_from_start(start) {
            // a start after a crash cuts them again
            self.epochs.save(&*self.disk, &self.dir, false)?;
            self.epochs_unsynced = true;
        }
        self.drop_before_start()?;
        Ok(true)
    }

    /// Removes the segments that lie before the start as a whole.
    pub(super) fn drop_before_start(&mut self) -> io::Result<()> {
        let before = |next: &&Segment| next.base() <= self.start;
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
                let file = Arc::clone(segment.file());
                return Ok(Some((ReadPlan { file, position, bytes: batch.bytes }, batch)));
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
