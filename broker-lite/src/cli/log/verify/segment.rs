//! Walks the batches of a partition, segment by segment.

use core::time::Duration;
use std::fs;
use std::path::{Path, PathBuf};

use ottla_protocol::record::Decompressor;

use super::super::batches::{self, Batch, Closed, Flaw};
use super::super::place::EPOCHS;
use super::super::problem::{ANEW, GAP, Place, Problem, READ_AGAIN, RESTORE, TAIL};
use super::super::text;
use super::indexes::{OffsetIndex, TimeIndex, TransactionIndex};

/// How often to look whether a file goes on growing, and for how long to wait in between.
const GROWS_TRIES: u32 = 5;
const GROWS_WAIT: Duration = Duration::from_millis(10);

/// How much was looked at.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Counts {
    pub(super) segments: u64,
    pub(super) batches: u64,
    pub(super) records: u64,
    /// Entries of indexes.
    pub(super) entries: u64,
    /// Of `.log` files.
    pub(super) bytes: u64,
    /// Batches whose records were not looked at.
    pub(super) unopened: u64,
}

/// What is known on the way through a partition.
pub(super) struct Walk<'a> {
    dir: PathBuf,
    decompressor: &'a mut Decompressor,
    /// Compaction may have taken records out.
    compacted: bool,
    /// What `leader-epoch-checkpoint` says; `None` if it is not to be compared.
    epochs: Option<Vec<(i32, i64)>>,
    /// The offset behind the last batch.
    due: Option<i64>,
    epoch: Option<i32>,
    pub(super) counts: Counts,
}

impl<'a> Walk<'a> {
    pub(super) fn new(dir: &Path, compacted: bool, decompressor: &'a mut Decompressor) -> Self {
        Self {
            dir: dir.to_owned(),
            decompressor,
            compacted,
            epochs: None,
            due: None,
            epoch: None,
            counts: Counts::default(),
        }
    }

    /// The offset behind the last batch; `None` before the first segment.
    pub(super) const fn end(&self) -> Option<i64> {
        self.due
    }

    pub(super) fn decompressor(&mut self) -> &mut Decompressor {
        self.decompressor
    }

    /// Compares batches with the partition's `leader-epoch-checkpoint` from here on.
    pub(super) fn compare_epochs(&mut self) -> Result<(), Problem> {
        self.epochs = Some(text::epochs(&self.dir.join(EPOCHS))?.unwrap_or_default());
        Ok(())
    }

    /// The epochs that the checkpoint has.
    pub(super) fn epochs(&self) -> &[(i32, i64)] {
        self.epochs.as_deref().unwrap_or_default()
    }

    /// Walks the segment that starts at `base`, with all its indexes or with `only` one of its files.
    pub(super) fn segment(
        &mut self,
        base: i64,
        last: bool,
        only: Option<&str>,
    ) -> Result<(), Problem> {
        let path = |suffix: &str| self.dir.join(format!("{base:020}.{suffix}"));
        let wanted = |suffix: &str| only.is_none_or(|only| only == suffix);
        // before the log, which a running broker writes first
        let (mut offsets, mut times, mut aborted) = (None, None, None);
        if wanted("index") {
            offsets = OffsetIndex::open(&path("index"), base)?;
        }
        if wanted("timeindex") {
            times = TimeIndex::open(&path("timeindex"), base)?;
        }
        if wanted("txnindex") {
            aborted = TransactionIndex::open(&path("txnindex"), base)?;
        }
        if !last && only.is_none() {
            for (there, suffix) in [(offsets.is_some(), "index"), (times.is_some(), "timeindex")] {
                if !there {
                    let (place, what) = (Place::Whole, "it is absent, but its .log is there");
                    return Err(Problem::new(&path(suffix), place, what, "a start makes it anew"));
                }
            }
        }
        let path = path("log");
        let mut log = batches::open(&path)?;
        self.begin(&path, base)?;
        let mut youngest = -1;
        loop {
            let batch = match log.step() {
                Ok(Some(batch)) => batch,
                Ok(None) => break,
                Err(Flaw::Io(error)) => return Err(Problem::unreadable(&path, &error)),
                Err(Flaw::Torn(_)) if last && grows(&path, log.end()) => break,
                Err(flaw) => {
                    let (place, advice) = (Place::Byte(log.position()), advice(last));
                    return Err(Problem::new(&path, place, flaw.to_string(), advice));
                }
            };
            self.batch(&path, &batch, base, last)?;
            if let Some(offsets) = &mut offsets {
                offsets.on_batch(&batch)?;
            }
            if let Some(times) = &mut times {
                times.on_batch(&batch, youngest)?;
            }
            if let Some(aborted) = &mut aborted {
                aborted.on_batch(&batch, self.decompressor)?;
            }
            youngest = youngest.max(batch.header.max_timestamp.0);
        }
        for count in [
            offsets.map_or(Ok(0), OffsetIndex::end),
            times.map_or(Ok(0), |times| times.end(youngest, !last)),
            aborted.map_or(Ok(0), TransactionIndex::end),
        ] {
            let count = match count {
                // of batches that came after the log's length was taken
                Err(_) if last && grows(&path, log.end()) => 0,
                count => count?,
            };
            self.counts.entries = self.counts.entries.saturating_add(count);
        }
        self.counts.bytes = self.counts.bytes.saturating_add(log.position());
        self.counts.segments = self.counts.segments.saturating_add(1);
        Ok(())
    }

    /// A snapshot of the metadata: batches with offsets of their own.
    pub(super) fn metadata_snapshot(&mut self, path: &Path) -> Result<(), Problem> {
        let mut log = batches::open(path)?;
        let advice = "remove the file if there is a newer one; else restore it from another node";
        loop {
            let wrong = |at, what: String| Err(Problem::new(path, Place::Byte(at), what, advice));
            match log.step() {
                Ok(Some(batch)) => {
                    if batch.found != batch.header.crc {
                        return wrong(batch.position, batch.checksum_words());
                    }
                    if let Err(what) = self.records(&batch) {
                        return wrong(batch.position, what);
                    }
                }
                Ok(None) => return Ok(()),
                Err(flaw) => return wrong(log.position(), flaw.to_string()),
            }
        }
    }

    fn begin(&mut self, path: &Path, base: i64) -> Result<(), Problem> {
        let wrong = |what, advice| Err(Problem::new(path, Place::Whole, what, advice));
        match self.due {
            Some(due) if base < due => wrong(
                format!(
                    "it begins at offset {base}, but the segment before ends behind it, at {due}"
                ),
                RESTORE,
            ),
            Some(due) if base > due && !self.compacted => wrong(
                format!("it begins at offset {base}, but the segment before ends at {due}"),
                GAP,
            ),
            _ => {
                self.due = Some(base);
                Ok(())
            }
        }
    }

    fn batch(&mut self, path: &Path, batch: &Batch, base: i64, last: bool) -> Result<(), Problem> {
        let header = &batch.header;
        let wrong = |what: String, advice| {
            Err(Problem::new(path, Place::Byte(batch.position), what, advice))
        };
        if batch.found != header.crc {
            return wrong(batch.checksum_words(), advice(last));
        }
        let (first, end) = (header.base_offset, batch.last());
        let due = self.due.unwrap_or(base);
        if first < due {
            return wrong(format!("a batch at offset {first}, where {due} was due"), advice(last));
        }
        let far = end.checked_sub(base).is_none_or(|delta| i32::try_from(delta).is_err());
        if end < first || end == i64::MAX || far {
            let what = format!("a batch from offset {first} to {end} in a segment from {base} on");
            return wrong(what, advice(last));
        }
        if first > due && !self.compacted {
            return wrong(format!("a batch at offset {first}, where {due} was due"), GAP);
        }
        self.batch_epoch(path, batch)?;
        match self.records(batch) {
            Ok(()) => {}
            Err(what) => return wrong(what, advice(last)),
        }
        self.due = Some(end.saturating_add(1));
        Ok(())
    }

    fn batch_epoch(&mut self, path: &Path, batch: &Batch) -> Result<(), Problem> {
        let first = batch.header.base_offset;
        let epoch = batch.header.partition_leader_epoch.map(|epoch| epoch.0);
        let words =
            epoch.map_or_else(|| "no leader epoch".to_owned(), |e| format!("leader epoch {e}"));
        let wrong =
            |what: String| Err(Problem::new(path, Place::Byte(batch.position), what, READ_AGAIN));
        if let Some(before) = self.epoch.filter(|before| epoch.is_none_or(|epoch| epoch < *before))
        {
            return wrong(format!("a batch of {words} behind one of {before}"));
        }
        self.epoch = epoch;
        let Some(known) = &self.epochs else { return Ok(()) };
        if fits(known, first, epoch) {
            return Ok(());
        }
        self.compare_epochs()?; // a running broker may have begun an epoch
        let known = self.epochs();
        if fits(known, first, epoch) {
            return Ok(());
        }
        match known.partition_point(|(_, start)| *start <= first).checked_sub(1) {
            Some(i) => {
                let (other, start) = known[i];
                wrong(format!(
                    "a batch of {words} at offset {first}, but {EPOCHS} has {other} from {start} on"
                ))
            }
            None => wrong(format!("a batch of {words} at offset {first}: {EPOCHS} has none there")),
        }
    }

    /// Looks at the records of a batch.
    fn records(&mut self, batch: &Batch) -> Result<(), String> {
        let header = &batch.header;
        self.counts.batches = self.counts.batches.saturating_add(1);
        let span = i64::from(header.last_offset_delta).saturating_add(1);
        if !self.compacted && i64::from(header.records_count) != span {
            return Err(format!("a batch of {} records for {span} offsets", header.records_count));
        }
        let block = match batch.open(self.decompressor) {
            Ok(block) => block,
            Err(Closed::Wrong(what)) => return Err(format!("the records of the batch: {what}")),
            Err(Closed::TooLarge | Closed::NotBuiltIn) => {
                self.counts.unopened = self.counts.unopened.saturating_add(1);
                return Ok(());
            }
        };
        let mut before = None;
        for record in block.records() {
            let record = record.map_err(|error| error.to_string())?;
            let delta = record.offset_delta;
            if delta > header.last_offset_delta || before.is_some_and(|before| delta <= before) {
                return Err(format!("a record at offset {} is out of order", record.offset.get()));
            }
            let (time, max) = (record.timestamp.0, header.max_timestamp.0);
            if time > max {
                return Err(format!(
                    "a record of time {time} at offset {}: the batch says {max} is its largest",
                    record.offset.get()
                ));
            }
            before = Some(delta);
            self.counts.records = self.counts.records.saturating_add(1);
        }
        Ok(())
    }
}

/// Whether a batch at `first` may have this epoch.
fn fits(known: &[(i32, i64)], first: i64, epoch: Option<i32>) -> bool {
    let covering = known.partition_point(|(_, start)| *start <= first).checked_sub(1);
    match (covering, known.first()) {
        (Some(i), _) => epoch == Some(known[i].0),
        // deleted records in front of the log's start
        (None, Some((oldest, _))) => epoch.is_none_or(|epoch| epoch <= *oldest),
        (None, None) => epoch.is_none(),
    }
}

const fn advice(last: bool) -> &'static str {
    if last { TAIL } else { RESTORE }
}

/// Whether somebody writes to the file, whose length was `end`.
fn grows(path: &Path, end: u64) -> bool {
    for _ in 0..GROWS_TRIES {
        if fs::metadata(path).is_ok_and(|now| now.len() > end) {
            return true;
        }
        std::thread::sleep(GROWS_WAIT);
    }
    false
}

/// Says that an index has no log.
pub(super) fn orphan(path: &Path) -> Problem {
    let what = "it is an index, but the .log that it belongs to is absent";
    Problem::new(path, Place::Whole, what, ANEW)
}
