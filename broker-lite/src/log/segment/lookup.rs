//! Finds batches of a segment by offset and by time, and which transactions were aborted.

use std::io;

use ottla_protocol::ids::Offset;

use super::{
    AbortedTxn, BadBatch, BatchView, Disk, FIND_WINDOW_BYTES, Found, SCAN_WINDOW_BYTES, Scanner,
    Segment, Step,
};

impl Segment {
    /// The first batch that holds `offset` or lies behind it.
    pub(crate) fn find(&mut self, disk: &dyn Disk, offset: Offset) -> io::Result<Option<Found>> {
        if self.recent.front().is_some_and(|(base, ..)| *base <= offset) {
            let i = self.recent.partition_point(|(.., batch)| batch.last < offset);
            return Ok(self.recent.get(i).map(|(_, at, batch)| (*at, *batch)));
        }
        let floor = self.delta(offset.max(self.base)).unwrap_or(u32::MAX);
        self.first_from(disk, floor, |batch| batch.last >= offset)
    }

    /// The first batch like `wanted`, from that on which the index has for `delta`. A bit of an
    /// offset that was flipped, which no checksum covers, does not lead to another batch.
    fn first_from(
        &mut self,
        disk: &dyn Disk,
        delta: u32,
        wanted: impl Fn(&BatchView) -> bool,
    ) -> io::Result<Option<Found>> {
        let (entry, before) = self.offsets.floor(disk, delta)?;
        let (mut from, mut due) = entry.map_or((0, self.base), |entry| (entry.position, self.base));
        if let Some(entry) = entry {
            // the index knows the batch; a cleaner of Kafka's has put the last of several there
            match self.scan_from(from, FIND_WINDOW_BYTES).step()? {
                Step::Batch(_, batch) if batch.last == self.base.after(entry.last_delta) => {
                    due = batch.base;
                }
                _ => from = before.map_or(0, |entry| entry.position),
            }
        }
        let mut scan = self.scan_from(from, FIND_WINDOW_BYTES);
        loop {
            match scan.step()? {
                Step::Batch(at, batch) if batch.base < self.base => {
                    return Err(self.damaged(at, Some(due), BadBatch::Order(batch.base, due)));
                }
                Step::Batch(at, batch) if wanted(&batch) => {
                    if batch.base > due {
                        self.judge_gap(scan, at, &batch, due)?;
                    }
                    return Ok(Some((at, batch)));
                }
                Step::Batch(_, batch) => due = batch.last.next(),
                Step::End => return Ok(None),
                Step::Bad(at, bad) => return Err(self.damaged(at, Some(due), bad)),
            }
        }
    }

    /// Offsets are missing in front of `batch`. That is so in a compacted log; or its own offset is
    /// wrong, and then it does not fit what follows either.
    fn judge_gap(
        &self,
        mut scan: Scanner,
        at: u32,
        batch: &BatchView,
        due: Offset,
    ) -> io::Result<()> {
        match scan.step()? {
            Step::Bad(_, BadBatch::Order(..)) => {
                Err(self.damaged(at, Some(due), BadBatch::Order(batch.base, due)))
            }
            _ => Ok(()),
        }
    }

    /// Position of the first batch that begins at `offset` or later; the end if there is none.
    pub(crate) fn position_of(&mut self, disk: &dyn Disk, offset: Offset) -> io::Result<u32> {
        Ok(match self.find(disk, offset)? {
            Some((at, batch)) if batch.base >= offset => at,
            Some((at, batch)) => at + batch.bytes,
            None => self.bytes,
        })
    }

    /// The first batch that ends at `from` or later and has a record as young as `timestamp`.
    pub(crate) fn find_time(
        &mut self,
        disk: &dyn Disk,
        timestamp: i64,
        from: Offset,
    ) -> io::Result<Option<Found>> {
        if self.newest.is_none_or(|newest| newest.timestamp < timestamp) {
            return Ok(None);
        }
        let older = self.times.before(disk, timestamp)?.map_or(0, |entry| entry.last_delta);
        let before = self.delta(from.max(self.base)).unwrap_or(u32::MAX);
        self.first_from(disk, older.max(before), |batch| {
            batch.max_timestamp >= timestamp && batch.last >= from
        })
    }

    /// The largest timestamp of the batches that do not end before `start`.
    pub(crate) fn newest_since(
        &mut self,
        disk: &dyn Disk,
        start: Offset,
    ) -> io::Result<Option<i64>> {
        let newest = self.newest.map(|entry| (entry.timestamp, self.base.after(entry.last_delta)));
        if newest.is_none_or(|(_, last)| last >= start) {
            return Ok(newest.map(|(timestamp, _)| timestamp));
        }
        if let Some((_, newest)) = self.newest_since.filter(|(known, _)| *known == start) {
            return Ok(newest);
        }
        // once for each start: what is appended later is counted as it comes
        let mut newest = None;
        if let Some((from, _)) = self.find(disk, start)? {
            let scan = self.scan_from(from, SCAN_WINDOW_BYTES);
            self.headers(scan, &mut |batch| newest = newest.max(Some(batch.max_timestamp)))?;
        }
        self.newest_since = Some((start, newest));
        Ok(newest)
    }

    /// Puts the aborted transactions into `out` that have records from `from` on and below `upper`.
    /// True if there can be none in later segments.
    pub(crate) fn aborted(&self, from: Offset, upper: Offset, out: &mut Vec<AbortedTxn>) -> bool {
        self.aborted.collect(from, upper, out)
    }

    /// An offset behind all batches that begin before `position`; `None` if only the next segment's
    /// base is one.
    pub(crate) fn upper_bound(
        &mut self,
        disk: &dyn Disk,
        position: u32,
    ) -> io::Result<Option<Offset>> {
        let delta = self.offsets.above(disk, position)?;
        Ok(delta.map(|delta| self.base.after(delta)))
    }
}
