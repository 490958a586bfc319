//! Opens a log: after a clean stop by its files' names, after a crash by reading what the last
//! sync may not have covered.

use core::fmt;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, PoisonError, Weak};

use ottla_protocol::ids::Offset;

use super::batch::{BadBatch, BatchView, Damage};
use super::checkpoints::CheckpointError;
use super::config::LogConfig;
use super::disk::Disk;
use super::epochs::Epochs;
use super::health::Health;
use super::log::Log;
use super::producers::Producers;
use super::segment::{self, Known, Segment};
use super::snapshot;
use super::synced::Synced;
use super::transactions::Ended;

mod tidy;

use tidy::{remove_segment, tidy};

/// Index entries before a snapshot from which on batches are read to find those before the last
/// of each producer. As many batches if they are large, 4 MiB if they are small.
const WINDOW_ENTRIES: usize = 1024;

/// What is known before a log is opened.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenArgs {
    /// The broker that wrote it stopped in order.
    pub(crate) clean: bool,
    /// Everything below is known to be on the device.
    pub(crate) recovery_point: Offset,
    /// The first offset of the log, if later than that of its first segment.
    pub(crate) log_start: Offset,
    /// Up to where it was compacted.
    pub(crate) cleaned_to: Option<Offset>,
    /// Nothing goes without it: where something that was brought to the device is not there as it
    /// was written, that is an error, and nothing is cut off.
    pub(crate) indispensable: bool,
    /// Wall time in milliseconds since 1970.
    pub(crate) now_ms: i64,
    /// Of the data directory it lies in.
    pub(crate) health: Arc<Health>,
}

/// What a start had to repair.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Repaired {
    /// Segments that were read batch by batch.
    pub(crate) segments_scanned: usize,
    /// Bytes cut off behind the last whole batch, whole segments included.
    pub(crate) bytes_cut: u64,
    /// Why, and where the log ends now.
    pub(crate) reason: Option<Damage>,
}

/// Why a log could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// A checkpoint is damaged.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A log that nothing goes without is damaged where it was brought to the device.
    #[error(transparent)]
    Damaged(Damage),
    /// A file could not be read or written.
    #[error("{dir}: {source}")]
    Io {
        /// Directory of the partition.
        dir: String,
        /// What the operating system says.
        source: io::Error,
    },
}

impl OpenArgs {
    /// Whether a log may be cut where it is damaged so: then that is given back.
    fn judge(&self, damage: Damage, on_device: Offset) -> io::Result<Damage> {
        let refused = self.indispensable && damage.offset < on_device;
        if refused { Err(damage.into()) } else { Ok(damage) }
    }
}

impl fmt::Display for Repaired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.bytes_cut;
        match &self.reason {
            Some(damage) => write!(
                f,
                "cut off {bytes} bytes, offset {} and what follows: {damage}",
                damage.offset
            ),
            None => write!(f, "removed {bytes} bytes that are no part of the log any more"),
        }
    }
}

impl Log {
    /// Opens the log in `dir`, or makes a new one that starts at `args.log_start`.
    ///
    /// # Errors
    ///
    /// A torn tail is cut, not an error; see [`OpenError`] for those.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        dir: &str,
        config: Arc<LogConfig>,
        args: &OpenArgs,
    ) -> Result<(Self, Repaired), OpenError> {
        let failed = |source: io::Error| match Damage::of(&source) {
            Some(damage) => OpenError::Damaged(damage.clone()),
            None => OpenError::Io { dir: dir.to_owned(), source },
        };
        disk.create_dir(dir).map_err(failed)?;
        let mut args = args.clone();
        let on_device = if args.clean { Offset::MAX } else { args.recovery_point };
        let epochs = match Epochs::load(&*disk, dir) {
            Err(CheckpointError::Malformed { .. }) => {
                (args.clean, args.recovery_point) = (false, Offset::ZERO); // the batches know
                Epochs::default()
            }
            loaded => loaded?,
        };
        let mut log = Self {
            disk,
            dir: dir.to_owned(),
            config,
            segments: Vec::new(),
            start: args.log_start,
            start_kept: args.log_start,
            next: args.log_start,
            epochs,
            epochs_unsynced: !args.clean,
            epoch_unsaved: false,
            dir_unsynced: !args.clean,
            dir_name_unsynced: true,
            producers: Producers::default(),
            ended: VecDeque::new(),
            cleaned_to: args.cleaned_to,
            cleaning: Weak::new(),
            emptied: Arc::default(),
            cuts: 0,
            synced: Synced::up_to(Offset::ZERO, dir, &args.health),
        };
        let repaired = log.load(&args, on_device).map_err(failed)?;
        Ok((log, repaired))
    }

    /// What lies before `on_device` was brought there, even where everything is read anew.
    fn load(&mut self, args: &OpenArgs, on_device: Offset) -> io::Result<Repaired> {
        let bases = tidy(&*self.disk, &self.dir)?;
        let mut repaired = Repaired::default();
        let epochs_before = self.epochs.clone();
        let rebuilt = self.load_segments(&bases, args, on_device, &mut repaired)?;
        self.judge_end(args)?;
        let mut told = rebuilt.is_some(); // who wrote last: those that were read have
        if self.next < args.log_start {
            // records were deleted that had not reached the device: their offsets are used up
            for segment in self.segments.drain(..) {
                repaired.bytes_cut += u64::from(segment.bytes());
                segment.remove(&*self.disk)?;
            }
            self.next = args.log_start;
            told = false;
        }
        if self.segments.is_empty() {
            let first = Segment::create(&*self.disk, &self.dir, self.start, args.now_ms)?;
            self.segments.push(first);
            self.dir_unsynced = true; // even where the broker stopped in order: the log is new
        }
        self.note_empty();
        let first = self.segments.first().map_or(self.start, Segment::base);
        self.start = self.start.max(first);
        self.next = self.next.max(self.start);
        self.cleaned_to = self.cleaned_to.map(|to| to.min(self.next));
        // one that begins at the end is of a leader that has appended nothing: it stays, or every
        // start would write and sync this file of each idle partition
        self.epochs.truncate_from_end(self.next.next());
        self.epochs.truncate_from_start(self.start);
        if self.epochs != epochs_before {
            self.epochs.save(&*self.disk, &self.dir, true)?;
        }
        let on_device = if args.clean { self.next } else { args.recovery_point.min(self.next) };
        self.synced = self.synced.back_to(on_device);
        self.start_sync_emptied();
        if !told {
            self.reload_producers(args.now_ms, rebuilt.unwrap_or(self.next))?;
        }
        let stale = self.drop_stale_snapshots()?;
        if repaired.bytes_cut > 0 || stale {
            // or what was removed would come back behind what is appended now
            self.disk.sync_dir(&self.dir)?;
        }
        Ok(repaired)
    }

    /// Where nothing is, there is no gap, whoever made the log.
    fn note_empty(&mut self) {
        let is_empty = self.segments.iter().map(Segment::bytes).eq([0]);
        if is_empty && self.config.cleanup.compact {
            self.cleaned_to = self.cleaned_to.or(Some(self.start));
        }
    }

    /// Opens those segments that make up the log and removes the others. The first that was read
    /// batch by batch.
    fn load_segments(
        &mut self,
        bases: &[Offset],
        args: &OpenArgs,
        on_device: Offset,
        repaired: &mut Repaired,
    ) -> io::Result<Option<Offset>> {
        // the segment that holds the recovery point, and those behind it
        let certain = bases.partition_point(|base| *base <= args.recovery_point);
        let certain = if args.clean { bases.len() } else { certain.saturating_sub(1) };
        let mut before_it = None;
        let mut rebuilt = None;
        for (i, base) in bases.iter().enumerate() {
            let due = self.next.max(args.log_start);
            if *base > due && before_it.is_some_and(|known| self.is_hole(known, *base)) {
                let file = segment::path(&self.dir, *base, "log");
                let what = BadBatch::Gap(*base);
                let gap = Damage { file, position: 0, offset: due, what };
                repaired.reason = Some(args.judge(gap, on_device)?);
            }
            if repaired.reason.is_some() || (i > 0 && *base < self.next) {
                repaired.bytes_cut += remove_segment(&*self.disk, &self.dir, *base)?;
                continue;
            }
            let before = repaired.segments_scanned;
            let next = bases.get(i + 1).copied();
            let known = match next.filter(|_| i < certain) {
                Some(next) => Known::WithMoreBehind(next),
                None => Known::UpTo(on_device),
            };
            let place = (*base, i < certain, known);
            let has_gaps = self.load_segment(place, args, repaired)?;
            // behind a segment that was read, it is known where the next one must begin
            before_it = (i >= certain).then_some(has_gaps);
            if rebuilt.is_none() && repaired.segments_scanned > before {
                rebuilt = Some(*base);
            }
        }
        Ok(rebuilt)
    }

    /// Whether batches that a power failure has taken were where the segment at `base` does not
    /// join the one before it, which has gaps or not.
    ///
    /// Compaction leaves gaps inside segments. That of Apache Kafka leaves them between segments,
    /// too, this broker's never does. How far a log was compacted is a checkpoint; without one a log
    /// of a topic that says `compact` may be Kafka's. It still is when the topic says so no more:
    /// then the segment in front of such a gap most likely has others.
    fn is_hole(&self, has_gaps: bool, base: Offset) -> bool {
        let compacted = self.cleaned_to.map_or(self.config.cleanup.compact, |to| base <= to);
        !compacted && !has_gaps
    }

    /// Opens one segment: by its indexes if it is `certain`, else, or if they do not fit, batch by
    /// batch. From the first such segment on, producers are told from the batches on the way, so
    /// that these are not read twice. True if it was read and has gaps.
    fn load_segment(
        &mut self,
        (base, certain, known): (Offset, bool, Known),
        args: &OpenArgs,
        repaired: &mut Repaired,
    ) -> io::Result<bool> {
        let disk = Arc::clone(&self.disk);
        if certain
            && let Ok(mut segment) = Segment::open(&*disk, &self.dir, base, args.now_ms)
            // the next segment's base says where this one ends, but for the last
            && let Ok(end) = if known.has_more_behind() { Ok(base) } else { segment.next_offset(&*disk) }
        {
            self.next = end;
            if repaired.segments_scanned > 0 {
                self.replay(&mut segment, base, args.now_ms)?;
            }
            self.segments.push(segment);
            return Ok(false);
        }
        if certain {
            let dir = &self.dir;
            tracing::warn!(dir, segment = %base, "indexes are absent or do not fit: made anew");
        }
        if repaired.segments_scanned == 0 {
            self.next = base;
            self.reload_producers(args.now_ms, base)?;
        }
        repaired.segments_scanned += 1;
        let (epochs, producers) = (&mut self.epochs, &mut self.producers);
        let mut ended = Vec::new();
        let mut each = |batch: &BatchView| {
            if let Some(epoch) = batch.leader_epoch {
                epochs.assign(epoch, batch.base);
            }
            ended.extend(producers.apply(batch, args.now_ms));
        };
        let (dir, config, now_ms) = (&self.dir, &self.config, args.now_ms);
        let (mut segment, scanned) =
            Segment::rebuild(&*disk, dir, base, config, now_ms, known, &mut each)?;
        if let Known::UpTo(on_device) = known {
            if let Some(what) = scanned.bad {
                let (file, position) = (segment::path(dir, base, "log"), segment.bytes());
                let damage = Damage { file, position, offset: scanned.next, what };
                let damage = args.judge(damage, on_device)?;
                repaired.reason = repaired.reason.take().or(Some(damage));
            }
            repaired.bytes_cut += segment.cut()?;
        }
        self.note_ended(&mut segment, &ended)?;
        let files = segment.close(&*disk)?; // its indexes are new
        if certain {
            files.iter().try_for_each(|file| file.sync())?; // no later sync comes here
        } else if scanned.next == base {
            // nor here; what this start or a killed one has cut may still be there on the device
            self.emptied.lock().unwrap_or_else(PoisonError::into_inner).extend(files);
        }
        self.next = scanned.next;
        self.segments.push(segment);
        Ok(scanned.has_gaps)
    }

    /// Sees that the log still reaches as far as it was brought to the device.
    fn judge_end(&self, args: &OpenArgs) -> io::Result<()> {
        let Some(last) = self.segments.last().filter(|_| self.next < args.recovery_point) else {
            return Ok(());
        };
        let (file, position) = (segment::path(&self.dir, last.base(), "log"), last.bytes());
        let what = BadBatch::Short(args.recovery_point);
        let short = Damage { file, position, offset: self.next, what };
        args.judge(short, args.recovery_point).map(drop)
    }

    /// Finds out who wrote last: from the newest snapshot that is whole and not ahead of `rebuilt`,
    /// and the batches behind it in the segments there are. The batches of each producer before its
    /// last, which the snapshot leaves out, come from the log in front of it. Of what lies behind
    /// the snapshot, the indexes of aborted transactions are made complete on the way.
    pub(super) fn reload_producers(&mut self, now_ms: i64, rebuilt: Offset) -> io::Result<()> {
        let disk = Arc::clone(&self.disk);
        let snapshots = self.snapshots()?;
        let newest = snapshots.into_iter().rev().filter(|at| *at <= rebuilt).find_map(|at| {
            let producers = snapshot::read(&*disk, &self.dir, at, now_ms).ok()?;
            Some((at, producers))
        });
        let (at, mut producers) = newest.unwrap_or_default();
        if !producers.is_empty() {
            let earlier = self.window_before(at, now_ms)?;
            producers.complete_from(&earlier);
        }
        self.ended.clear();
        self.producers = producers;
        if at == self.next {
            return Ok(()); // a clean start needs no index for this
        }
        let first = self.segments.partition_point(|segment| segment.base() <= at);
        let mut segments = std::mem::take(&mut self.segments);
        let mut behind = segments.iter_mut().skip(first.saturating_sub(1));
        let replayed = behind.try_for_each(|segment| self.replay(segment, at, now_ms));
        self.segments = segments;
        replayed
    }

    /// Takes note of who wrote the batches of `segment` that begin at `from` or later.
    fn replay(&mut self, segment: &mut Segment, from: Offset, now_ms: i64) -> io::Result<()> {
        let disk = Arc::clone(&self.disk);
        let mut ended = Vec::new();
        let mut each = |batch: &BatchView| ended.extend(self.producers.apply(batch, now_ms));
        let position = segment.position_of(&*disk, from);
        unless_damaged(position.and_then(|position| segment.headers_from(position, &mut each)))?;
        self.note_ended(segment, &ended)
    }

    /// Takes note of the transactions whose markers were found in `segment`.
    fn note_ended(&mut self, segment: &mut Segment, ended: &[Ended]) -> io::Result<()> {
        for ended in ended {
            if !ended.committed {
                segment.note_aborted(&*self.disk, ended)?;
            }
            self.ended.push_back((ended.first, ended.last));
        }
        Ok(())
    }

    /// As of which offsets there are snapshots; ascends.
    fn snapshots(&self) -> io::Result<Vec<Offset>> {
        let mut snapshots = Vec::new();
        for entry in self.disk.list(&self.dir)? {
            if let Some((at, "snapshot")) = segment::parse_name(&entry.name) {
                snapshots.push(at);
            }
        }
        Ok(snapshots)
    }

    /// Removes the snapshots that are ahead of the log; true if there were some.
    pub(super) fn drop_stale_snapshots(&self) -> io::Result<bool> {
        let mut stale = self.snapshots()?;
        stale.retain(|at| *at > self.next);
        for at in &stale {
            self.disk.remove(&segment::path(&self.dir, *at, "snapshot"))?;
        }
        Ok(!stale.is_empty())
    }

    /// Who wrote the last batches before `at`.
    fn window_before(&mut self, at: Offset, now_ms: i64) -> io::Result<Producers> {
        let mut seen = Producers::default();
        let mut entries = WINDOW_ENTRIES;
        let end = self.segments.partition_point(|segment| segment.base() < at);
        let mut first = end;
        while first > 0 && entries > 0 {
            first -= 1;
            entries = entries.saturating_sub(self.segments[first].index_entries().max(1));
        }
        for (i, segment) in self.segments[first..end].iter_mut().enumerate() {
            let mut each = |batch: &BatchView| {
                if batch.last < at {
                    seen.apply(batch, now_ms);
                }
            };
            let back = if i == 0 { WINDOW_ENTRIES } else { usize::MAX - 1 };
            unless_damaged(segment.tail(&*self.disk, back, &mut each))?;
        }
        Ok(seen)
    }
}

/// What is damaged keeps no log from being opened: whoever reads it is told. Of its producers less
/// is known then, so that a retry of what lies behind may be refused.
fn unless_damaged(walked: io::Result<()>) -> io::Result<()> {
    match walked {
        Err(error) if Damage::of(&error).is_some() => {
            tracing::error!(%error, "a batch is damaged");
            Ok(())
        }
        walked => walked,
    }
}

#[cfg(test)]
mod tests;
