//! One data file of a partition with its two indexes.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use ottla_protocol::ids::Offset;
use ottla_protocol::record::HEADER_SIZE;

use super::batch::{BadBatch, BatchBytes, BatchView, Damage};
use super::config::LogConfig;
use super::disk::{Disk, File, join};
use super::offset_index::{self, IndexError, OffsetIndex};
use super::scan::{Scanner, Step};
use super::time_index::{self, TimeEntry, TimeIndex};
use super::transactions::Ended;
use super::txn_index::{AbortedTxn, TxnIndex};

mod cleaned;
mod lookup;

pub(crate) use cleaned::{BYTES_MAX, CLEANED, SegmentFacts};

/// Bytes of a data file read at once to find a batch; about as much as lies between index entries.
const FIND_WINDOW_BYTES: usize = 4096;

/// Bytes of a data file read at once to look at all of it.
const SCAN_WINDOW_BYTES: usize = 256 * 1024;

/// Batches whose place is remembered because somebody is about to read them.
const RECENT_MAX: usize = 16;

/// Batches from offset `base` to the base of the next segment.
#[derive(Debug)]
pub(crate) struct Segment {
    dir: String,
    base: Offset,
    file: Arc<dyn File>,
    bytes: u32,
    offsets: OffsetIndex,
    times: TimeIndex,
    aborted: TxnIndex,
    bytes_since_entry: u32,
    /// The youngest record so far.
    newest: Option<TimeEntry>,
    /// The largest timestamp of what does not end before an offset, once somebody has looked.
    newest_since: Option<(Offset, Option<i64>)>,
    /// Largest timestamp of the first batch, once known; rolling by time counts from it.
    first_timestamp: Option<i64>,
    opened_ms: i64,
    recent: VecDeque<(Offset, u32, BatchView)>,
}

/// A batch of a segment: where it begins, and its header.
pub(crate) type Found = (u32, BatchView);

/// What is known of a segment before it is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Known {
    /// What lies before this offset was brought to the device; of the rest there is what a power
    /// failure may have left.
    UpTo(Offset),
    /// All of it was brought there, and the segments behind it, which begin here.
    WithMoreBehind(Offset),
}

impl Known {
    /// All of it was brought to the device.
    pub(crate) const ALL: Self = Self::UpTo(Offset::MAX);

    /// Whether a batch that begins at `offset` may not be whole.
    fn is_doubtful(self, offset: Offset) -> bool {
        matches!(self, Self::UpTo(known) if offset >= known)
    }

    /// Whether segments behind it are known.
    pub(crate) const fn has_more_behind(self) -> bool {
        matches!(self, Self::WithMoreBehind(_))
    }

    /// Whether `offset` belongs to one of them.
    fn is_behind(self, offset: Offset) -> bool {
        matches!(self, Self::WithMoreBehind(next) if offset >= next)
    }
}

/// What a look at all batches of a segment found.
#[derive(Debug)]
pub(crate) struct Scanned {
    /// The offset behind the last whole batch.
    pub(crate) next: Offset,
    /// Offsets in it belong to no batch, as compaction leaves them.
    pub(crate) has_gaps: bool,
    /// Why the scan ended before the file did.
    pub(crate) bad: Option<BadBatch>,
}

impl Segment {
    /// A new and empty segment; what is left of an older one with this base is emptied.
    pub(crate) fn create(
        disk: &dyn Disk,
        dir: &str,
        base: Offset,
        now_ms: i64,
    ) -> io::Result<Self> {
        let file = disk.open(&path(dir, base, "log"), true)?;
        if !file.is_empty()? {
            file.truncate(0)?;
        }
        Self::with_new_indexes(disk, (dir, base), file, now_ms, |suffix| path(dir, base, suffix))
    }

    /// The segment in `dir` that starts at `base`, as its indexes describe it.
    ///
    /// # Errors
    ///
    /// An index is missing or does not fit: [`Segment::rebuild`] makes it anew.
    pub(crate) fn open(
        disk: &dyn Disk,
        dir: &str,
        base: Offset,
        now_ms: i64,
    ) -> Result<Self, IndexError> {
        let file = disk.open(&path(dir, base, "log"), false)?;
        let bytes = file_bytes(&*file)?;
        let offsets = OffsetIndex::open(disk, path(dir, base, "index"), bytes)?;
        let times = TimeIndex::open(disk, path(dir, base, "timeindex"))?;
        let aborted = TxnIndex::open(disk, path(dir, base, "txnindex"))?;
        Ok(Self {
            dir: dir.to_owned(),
            base,
            file,
            bytes,
            offsets,
            newest: times.last(),
            newest_since: None,
            times,
            aborted,
            bytes_since_entry: 0,
            first_timestamp: None,
            opened_ms: now_ms,
            recent: VecDeque::new(),
        })
    }

    /// Opens the segment, reads every batch up to the first one that is not whole and makes the
    /// indexes anew. `each` sees every batch that stays. What lies behind is still in the file: see
    /// [`Segment::cut`].
    ///
    /// Of what is `known` to be on the device no checksum is a reason to end there: it was whole
    /// once, and whoever reads it is told.
    pub(crate) fn rebuild(
        disk: &dyn Disk,
        dir: &str,
        base: Offset,
        config: &LogConfig,
        now_ms: i64,
        known: Known,
        each: &mut dyn FnMut(&BatchView),
    ) -> io::Result<(Self, Scanned)> {
        let file = disk.open(&path(dir, base, "log"), false)?;
        let end = file_bytes(&*file)?;
        let mut this =
            Self::with_new_indexes(disk, (dir, base), Arc::clone(&file), now_ms, |suffix| {
                path(dir, base, suffix)
            })?;
        let mut scan = Scanner::new(file, 0, end, SCAN_WINDOW_BYTES);
        let (mut next, mut has_gaps) = (base, false);
        let bad = loop {
            match scan.step()? {
                Step::End => break None,
                Step::Bad(_, bad) => break Some(bad),
                Step::Batch(_, batch) if batch.base < next => {
                    break Some(BadBatch::Order(batch.base, next));
                }
                Step::Batch(_, batch) if known.is_behind(batch.last) => {
                    break Some(BadBatch::Offset);
                }
                Step::Batch(at, batch) => {
                    let doubtful = known.is_doubtful(batch.base);
                    if doubtful && !batch.checksum_fits(scan.whole(at, &batch)?) {
                        break Some(BadBatch::Checksum);
                    }
                    if this.delta(batch.last).is_none() {
                        break Some(BadBatch::Offset);
                    }
                    this.note(disk, &batch, config)?;
                    has_gaps |= batch.base > next;
                    next = batch.last.next();
                    each(&batch);
                }
            }
        };
        Ok((this, Scanned { next, has_gaps, bad }))
    }

    /// Cuts off what lies behind the last whole batch; says how many bytes that was.
    pub(crate) fn cut(&self) -> io::Result<u64> {
        let (kept, before) = (u64::from(self.bytes), self.file.len()?);
        if kept < before {
            self.file.truncate(kept)?;
        }
        Ok(before.saturating_sub(kept))
    }

    /// Nothing of `file` is counted yet; `beside` names its indexes, which are made anew.
    fn with_new_indexes(
        disk: &dyn Disk,
        (dir, base): (&str, Offset),
        file: Arc<dyn File>,
        now_ms: i64,
        beside: impl Fn(&str) -> String,
    ) -> io::Result<Self> {
        Ok(Self {
            dir: dir.to_owned(),
            base,
            file,
            bytes: 0,
            offsets: OffsetIndex::create(disk, beside("index"))?,
            times: TimeIndex::create(disk, beside("timeindex"))?,
            aborted: TxnIndex::create(disk, beside("txnindex"))?,
            bytes_since_entry: 0,
            newest: None,
            newest_since: None,
            first_timestamp: None,
            opened_ms: now_ms,
            recent: VecDeque::new(),
        })
    }

    /// The offset it starts at.
    pub(crate) const fn base(&self) -> Offset {
        self.base
    }

    /// Size of the data file.
    pub(crate) const fn bytes(&self) -> u32 {
        self.bytes
    }

    /// The data file.
    pub(crate) const fn file(&self) -> &Arc<dyn File> {
        &self.file
    }

    /// Whether `batch` belongs into a new segment.
    pub(crate) fn must_roll(
        &mut self,
        batch: &BatchView,
        config: &LogConfig,
        now_ms: i64,
    ) -> io::Result<bool> {
        if self.delta(batch.last).is_none() {
            return Ok(true); // even an empty one: its base is too far back
        }
        if self.bytes == 0 {
            return Ok(false);
        }
        let full = self.bytes.saturating_add(batch.bytes) > config.segment_bytes;
        let entries = |bytes: u32| (config.segment_index_bytes / bytes) as usize;
        let indexes_full = self.offsets.len() >= entries(offset_index::ENTRY_BYTES)
            || self.times.len() >= entries(time_index::ENTRY_BYTES);
        if full || indexes_full {
            return Ok(true);
        }
        let first = match self.first_timestamp {
            Some(first) => first,
            None => self.first_batch()?.map_or(-1, |(_, first)| first.max_timestamp),
        };
        self.first_timestamp = Some(first);
        let age = if first >= 0 && batch.max_timestamp >= 0 {
            batch.max_timestamp.saturating_sub(first)
        } else {
            now_ms.saturating_sub(self.opened_ms)
        };
        Ok(age > config.roll_ms() - config.jitter_ms(&self.dir, self.base))
    }

    /// The time of its youngest record, or if none has a time, when it was opened.
    pub(crate) fn youngest(&self) -> i64 {
        let newest = self.newest.map(|newest| newest.timestamp);
        newest.filter(|time| *time >= 0).unwrap_or(self.opened_ms)
    }

    /// Writes `batch`, whose bytes are `bytes` but for its place, which is taken from the view.
    pub(crate) fn append(
        &mut self,
        disk: &dyn Disk,
        batch: &BatchView,
        mut bytes: BatchBytes<'_>,
        config: &LogConfig,
    ) -> io::Result<()> {
        assert_eq!(bytes.len(), batch.bytes as usize);
        bytes.place(batch);
        self.file.append(&bytes.parts())?;
        if self.recent.len() == RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back((batch.base, self.bytes, *batch));
        self.note(disk, batch, config)
    }

    /// Counts a batch that lies at the end of the file, and indexes it if it is time.
    fn note(&mut self, disk: &dyn Disk, batch: &BatchView, config: &LogConfig) -> io::Result<()> {
        let position = self.bytes;
        let last_delta = self.delta(batch.last).ok_or_else(offset_too_far)?;
        if self.newest.map_or(-1, |newest| newest.timestamp) < batch.max_timestamp {
            self.newest = Some(TimeEntry { timestamp: batch.max_timestamp, last_delta });
        }
        if let Some((_, newest)) = &mut self.newest_since {
            *newest = (*newest).max(Some(batch.max_timestamp));
        }
        if position == 0 {
            self.first_timestamp = Some(batch.max_timestamp);
        }
        if self.bytes_since_entry > config.index_interval_bytes {
            self.offsets.append(disk, last_delta, position)?;
            self.index_newest(disk)?;
            self.bytes_since_entry = 0;
        }
        self.bytes_since_entry = self.bytes_since_entry.saturating_add(batch.bytes);
        self.bytes = position.checked_add(batch.bytes).ok_or_else(|| {
            io::Error::new(io::ErrorKind::FileTooLarge, "a segment of more than 4 GiB")
        })?;
        Ok(())
    }

    fn index_newest(&mut self, disk: &dyn Disk) -> io::Result<()> {
        self.newest.map_or(Ok(()), |newest| self.times.append(disk, newest))
    }

    /// The headers from the last but `entries` index entry on, or of all of it.
    pub(crate) fn tail(
        &mut self,
        disk: &dyn Disk,
        entries: usize,
        each: &mut dyn FnMut(&BatchView),
    ) -> io::Result<()> {
        let from = self.offsets.nth_last(disk, entries)?.unwrap_or(0);
        self.headers_from(from, each)
    }

    /// The headers of all batches from the position `from`, where one begins.
    pub(crate) fn headers_from(
        &self,
        from: u32,
        each: &mut dyn FnMut(&BatchView),
    ) -> io::Result<()> {
        self.headers(self.scan_from(from, FIND_WINDOW_BYTES).for_headers(), each)
    }

    fn headers(&self, mut scan: Scanner, each: &mut dyn FnMut(&BatchView)) -> io::Result<()> {
        loop {
            match scan.step()? {
                Step::Batch(_, batch) => each(&batch),
                Step::End => return Ok(()),
                Step::Bad(at, bad) => return Err(self.damaged(at, scan.due(), bad)),
            }
        }
    }

    /// The offset behind the last batch of a segment that was closed in order.
    pub(crate) fn next_offset(&mut self, disk: &dyn Disk) -> io::Result<Offset> {
        let mut next = self.base;
        if self.bytes == 0 {
            return Ok(next); // many are empty: their indexes need not be read
        }
        self.tail(disk, 0, &mut |batch| next = batch.last.next())?;
        Ok(next)
    }

    /// Number of entries of the offset index.
    pub(crate) fn index_entries(&self) -> usize {
        self.offsets.len()
    }

    /// Brings the indexes to their files. The last entry of the time index of a segment that is
    /// done is its youngest record, as Kafka has it. Returns the files, which are yet to be synced.
    pub(crate) fn close(&mut self, disk: &dyn Disk) -> io::Result<Vec<Arc<dyn File>>> {
        self.index_newest(disk)?;
        self.recent.clear();
        let mut files = vec![Arc::clone(&self.file)];
        for (file, must_sync) in [
            (self.offsets.flush(disk)?, self.offsets.must_sync()),
            (self.times.flush(disk)?, self.times.must_sync()),
        ] {
            // a new one that is empty reads the same if it is lost
            files.extend(must_sync.then_some(file));
        }
        files.extend(self.aborted.file(disk)?);
        Ok(files)
    }

    /// Cuts off the batches that hold `offset` or lie behind it.
    pub(crate) fn truncate_to(
        self,
        disk: &dyn Disk,
        offset: Offset,
        config: &LogConfig,
        now_ms: i64,
    ) -> io::Result<(Self, Scanned)> {
        let mut this = self;
        let at = this.find(disk, offset)?.map_or(this.bytes, |(at, _)| at);
        this.file.truncate(u64::from(at))?;
        // what stays was read or written before
        let all = Known::ALL;
        let (this, scanned) =
            Self::rebuild(disk, &this.dir, this.base, config, now_ms, all, &mut |_| ())?;
        this.cut()?;
        Ok((this, scanned))
    }

    /// Takes note of a transaction that was aborted by a marker in it.
    pub(crate) fn note_aborted(&mut self, disk: &dyn Disk, ended: &Ended) -> io::Result<()> {
        self.aborted.append(disk, ended)
    }

    /// Removes its files.
    pub(crate) fn remove(&self, disk: &dyn Disk) -> io::Result<()> {
        for suffix in SUFFIXES {
            remove_if_there(disk, &path(&self.dir, self.base, suffix))?;
        }
        Ok(())
    }

    fn first_batch(&self) -> io::Result<Option<Found>> {
        match self.scan_from(0, HEADER_SIZE).step()? {
            Step::Batch(at, batch) => Ok(Some((at, batch))),
            Step::End => Ok(None),
            Step::Bad(at, bad) => Err(self.damaged(at, None, bad)),
        }
    }

    fn scan_from(&self, position: u32, window_bytes: usize) -> Scanner {
        Scanner::new(Arc::clone(&self.file), position, self.bytes, window_bytes)
    }

    /// How far `offset` lies behind the base; `None` if an index entry could not say it.
    fn delta(&self, offset: Offset) -> Option<u32> {
        let delta = offset.distance_from(self.base)?;
        u32::try_from(delta).ok().filter(|delta| i32::try_from(*delta).is_ok())
    }

    /// What is wrong at `at`, where the batch with the offset `due` should begin.
    pub(super) fn damaged(&self, at: u32, due: Option<Offset>, what: BadBatch) -> io::Error {
        let file = path(&self.dir, self.base, "log");
        Damage { file, position: at, offset: due.unwrap_or(self.base), what }.into()
    }
}

/// Of the files that belong to a segment and share its name. A snapshot with its name is not of it:
/// it says what came before.
pub(crate) const SUFFIXES: [&str; 4] = ["log", "index", "timeindex", "txnindex"];

/// Path of the file with this suffix that belongs to the segment with this base.
pub(crate) fn path(dir: &str, base: Offset, suffix: &str) -> String {
    join(dir, &format!("{:020}.{suffix}", base.get()))
}

/// Base offset and suffix in a file name that [`path`] makes.
pub(crate) fn parse_name(name: &str) -> Option<(Offset, &str)> {
    let (digits, suffix) = name.split_once('.')?;
    let well_formed = digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit());
    let base = Offset::new(digits.parse().ok()?)?;
    well_formed.then_some((base, suffix))
}

/// Removes a file unless it is absent.
pub(crate) fn remove_if_there(disk: &dyn Disk, path: &str) -> io::Result<()> {
    match disk.remove(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

fn file_bytes(file: &dyn File) -> io::Result<u32> {
    let bytes = u32::try_from(file.len()?).ok().filter(|bytes| *bytes <= BYTES_MAX);
    bytes.ok_or_else(|| io::Error::new(io::ErrorKind::FileTooLarge, "a segment of 2 GiB or more"))
}

fn offset_too_far() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "an offset more than 2^31 behind its segment's base")
}
