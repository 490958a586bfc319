//! Indexes beside the batches they speak of: both are walked once, in step.

use std::path::Path;

use broker_lite::log::format::AbortedEntry;
use ottla_protocol::record::{ControlRecord, ControlType, Decompressor};

use super::super::batches::Batch;
use super::super::entries::{
    ABORTED_BYTES, Entries, OFFSET_BYTES, OffsetEntry, TIME_BYTES, TimeEntry,
};
use super::super::problem::Problem;

/// The next entry of an index, and the one before.
struct Cursor<const N: usize, T> {
    entries: Entries<N>,
    read: fn(i64, &[u8; N]) -> T,
    base: i64,
    before: Option<T>,
    next: Option<(u64, T)>,
    count: u64,
}

impl<const N: usize, T: Copy> Cursor<N, T> {
    fn open(path: &Path, base: i64, read: fn(i64, &[u8; N]) -> T) -> Result<Option<Self>, Problem> {
        let Some(entries) = Entries::open(path)? else { return Ok(None) };
        let mut this = Self { entries, read, base, before: None, next: None, count: 0 };
        this.advance()?;
        this.count = 0;
        Ok(Some(this))
    }

    fn advance(&mut self) -> Result<(), Problem> {
        self.before = self.next.map(|(_, entry)| entry).or(self.before);
        let next = self.entries.step()?;
        self.next = next.map(|(at, entry)| (at, (self.read)(self.base, &entry)));
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    /// At the end of the log no entry may be left.
    fn end(&self, of: impl FnOnce(T) -> String) -> Result<u64, Problem> {
        match self.next {
            Some((at, entry)) => Err(self.entries.wrong(at, of(entry))),
            None => Ok(self.count),
        }
    }
}

/// `.index` beside its log.
pub(super) struct OffsetIndex {
    cursor: Cursor<OFFSET_BYTES, OffsetEntry>,
    /// The offset of an entry that stands for several batches, until the last of them is met.
    awaited: Option<(u64, i64)>,
}

impl OffsetIndex {
    pub(super) fn open(path: &Path, base: i64) -> Result<Option<Self>, Problem> {
        let cursor = Cursor::open(path, base, OffsetEntry::of)?;
        Ok(cursor.map(|cursor| Self { cursor, awaited: None }))
    }

    pub(super) fn on_batch(&mut self, batch: &Batch) -> Result<(), Problem> {
        let last = batch.last();
        if let Some((at, offset)) = self.awaited
            && last >= offset
        {
            if last > offset {
                let what = format!("offset {offset}, at which no batch ends");
                return Err(self.cursor.entries.wrong(at, what));
            }
            self.awaited = None;
        }
        while let Some((at, entry)) = self.cursor.next {
            let OffsetEntry { offset, position } = entry;
            let wrong = |what: String| Err(self.cursor.entries.wrong(at, what));
            if let Some(before) = self.cursor.before
                && (offset <= before.offset || position <= before.position)
            {
                let OffsetEntry { offset: behind, position: from } = before;
                return wrong(format!(
                    "offset {offset} at byte {position} behind offset {behind} at byte {from}: both \
                     must ascend"
                ));
            }
            let Ok(position) = u64::try_from(position) else {
                return wrong(format!("byte {position} of the log"));
            };
            if position > batch.position {
                break;
            }
            if position < batch.position {
                return wrong(format!("byte {position} of the log, where no batch begins"));
            }
            if offset < last {
                return wrong(format!(
                    "offset {offset} at byte {position} of the log, where a batch ends at {last}"
                ));
            }
            // Kafka before 4.0 has one entry for batches that were written at once
            self.awaited = (offset > last).then_some((at, offset));
            self.cursor.advance()?;
        }
        Ok(())
    }

    /// The number of entries.
    pub(super) fn end(self) -> Result<u64, Problem> {
        if let Some((at, offset)) = self.awaited {
            let what = format!("offset {offset}, at which no batch ends");
            return Err(self.cursor.entries.wrong(at, what));
        }
        self.cursor
            .end(|entry| format!("byte {} of the log, where no batch begins", entry.position))
    }
}

/// `.timeindex` beside its log.
pub(super) struct TimeIndex(Cursor<TIME_BYTES, TimeEntry>);

impl TimeIndex {
    pub(super) fn open(path: &Path, base: i64) -> Result<Option<Self>, Problem> {
        Ok(Cursor::open(path, base, TimeEntry::of)?.map(Self))
    }

    /// `youngest` is the largest timestamp of the batches before this one.
    pub(super) fn on_batch(&mut self, batch: &Batch, youngest: i64) -> Result<(), Problem> {
        while let Some((at, TimeEntry { timestamp, offset })) = self.0.next {
            let wrong = |what: String| Err(self.0.entries.wrong(at, what));
            if let Some(before) = self.0.before
                && timestamp <= before.timestamp
            {
                let before = before.timestamp;
                return wrong(format!("time {timestamp} behind time {before}: it must ascend"));
            }
            if offset > batch.last() {
                break;
            }
            if offset < batch.header.base_offset {
                return wrong(format!("time {timestamp} at offset {offset}, which is in no batch"));
            }
            let max = batch.header.max_timestamp.0;
            if timestamp != max {
                return wrong(format!(
                    "time {timestamp} at offset {offset}, whose batch has {max} as its largest"
                ));
            }
            if youngest > timestamp {
                return wrong(format!(
                    "time {timestamp} at offset {offset}, but a batch before has {youngest}"
                ));
            }
            self.0.advance()?;
        }
        Ok(())
    }

    /// The number of entries. The last of a `closed` segment is its largest timestamp.
    pub(super) fn end(self, youngest: i64, closed: bool) -> Result<u64, Problem> {
        let of = |entry: TimeEntry| format!("offset {}, which is in no batch", entry.offset);
        let count = self.0.end(of)?;
        let last = self.0.before.map_or(-1, |entry| entry.timestamp);
        if closed && youngest >= 0 && last != youngest {
            let at = count.saturating_sub(1).saturating_mul(TIME_BYTES as u64);
            let what = format!("it ends with time {last}, but the segment goes up to {youngest}");
            return Err(self.0.entries.wrong(at, what));
        }
        Ok(count)
    }
}

/// `.txnindex` beside its log.
pub(super) struct TransactionIndex(Cursor<ABORTED_BYTES, AbortedEntry>);

impl TransactionIndex {
    pub(super) fn open(path: &Path, base: i64) -> Result<Option<Self>, Problem> {
        let read = |_, entry: &[u8; ABORTED_BYTES]| AbortedEntry::read(entry);
        Ok(Cursor::open(path, base, read)?.map(Self))
    }

    pub(super) fn on_batch(
        &mut self,
        batch: &Batch,
        decompressor: &mut Decompressor,
    ) -> Result<(), Problem> {
        while let Some((at, entry)) = self.0.next {
            let AbortedEntry { version, producer, first, last, stable } = entry;
            let wrong = |what: String| Err(self.0.entries.wrong(at, what));
            if version != 0 {
                return wrong(format!("an entry of version {version} instead of 0"));
            }
            if let Some(before) = self.0.before
                && last <= before.last
            {
                let before = before.last;
                return wrong(format!(
                    "a marker at {last} behind one at {before}: they must ascend"
                ));
            }
            if first < 0 || first > last || stable < 0 || stable > last.saturating_add(1) {
                return wrong(format!(
                    "a transaction from {first} to its marker at {last}, stable up to {stable}"
                ));
            }
            if last > batch.last() {
                break;
            }
            let header = &batch.header;
            let of = header.producer_id.is_some_and(|id| id.0 == producer);
            // compaction may have taken the marker out of its batch
            if last < header.base_offset || !of || !(aborts(batch, decompressor)) {
                return wrong(format!(
                    "no marker at {last} that aborts a transaction of producer {producer}"
                ));
            }
            self.0.advance()?;
        }
        Ok(())
    }

    /// The number of entries.
    pub(super) fn end(self) -> Result<u64, Problem> {
        self.0.end(|entry| format!("a marker at {}, behind the log", entry.last))
    }
}

fn aborts(batch: &Batch, decompressor: &mut Decompressor) -> bool {
    if batch.header.records_count == 0 {
        return true;
    }
    let Ok(block) = batch.open(decompressor) else { return false };
    let Some(Ok(record)) = block.records().next() else { return false };
    let control = batch.header.is_control().then(|| ControlRecord::parse(&record)).flatten();
    control.is_some_and(|record| record.kind == ControlType::Abort)
}
