//! Opens a log: after a clean stop by its files' names, after a crash by reading what the last
//! sync may not have covered.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use ottla_protocol::ids::Offset;

use super::batch::{BadBatch, BatchView, Damage};
use super::checkpoints::CheckpointError;
use super::config::LogConfig;
use super::disk::{Disk, join};
use super::epochs::Epochs;
use super::health::Health;
use super::log::Log;
use super::producers::Producers;
use super::segment::{self, Known, Segment};
use super::snapshot;
use super::synced::Synced;
use super::transactions::Ended;

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
    /// Wall time in milliseconds since 1970.
    pub(crate) now_ms: i64,
    /// Of the data directory it lies in.
    pub(crate) health: Arc<Health>,
}

/// What a start had to repair.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Repaired {
    /// Segments that were read batch by batch.
    pub(crate) segments_scanned: usize,
    /// Bytes cut off behind the last whole batch, whole segments included.
    pub(crate) bytes_cut: u64,
    /// Why.
    pub(crate) reason: Option<BadBatch>,
}

/// Why a log could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// A checkpoint is damaged.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A file could not be read or written.
    #[error("{dir}: {source}")]
    Io {
        /// Directory of the partition.
        dir: String,
        /// What the operating system says.
        source: io::Error,
    },
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
        let failed = |source| OpenError::Io { dir: dir.to_owned(), source };
        disk.create_dir(dir).map_err(failed)?;
        let mut args = args.clone();
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
            dir_unsynced: !args.clean,
            dir_name_unsynced: true,
            producers: Producers::default(),
            ended: VecDeque::new(),
            cleaned_to: args.cleaned_to,
            cuts: 0,
            synced: Synced::up_to(Offset::ZERO, dir, &args.health),
        };
        let repaired = log.load(&args).map_err(failed)?;
        Ok((log, repaired))
    }

    fn load(&mut self, args: &OpenArgs) -> io::Result<Repaired> {
        let bases = tidy(&*self.disk, &self.dir)?;
        let mut repaired = Repaired::default();
        // the segment that holds the recovery point, and those behind it
        let certain = bases.partition_point(|base| *base <= args.recovery_point);
        let certain = if args.clean { bases.len() } else { certain.saturating_sub(1) };
        let epochs_before = self.epochs.clone();
        let mut before_it = None;
        let mut rebuilt = None;
        for (i, base) in bases.iter().enumerate() {
            let due = self.next.max(args.log_start);
            if *base > due && before_it.is_some_and(|known| self.is_hole(known, *base)) {
                repaired.reason = Some(BadBatch::Order(*base, due));
            }
            if repaired.reason.is_some() || (i > 0 && *base < self.next) {
                repaired.bytes_cut += remove_segment(&*self.disk, &self.dir, *base)?;
                continue;
            }
            let before = repaired.segments_scanned;
            let next = bases.get(i + 1).copied();
            let has_gaps = self.load_segment(*base, i < certain, next, args, &mut repaired)?;
            // behind a segment that was read, it is known where the next one must begin
            before_it = (i >= certain).then_some(has_gaps);
            if rebuilt.is_none() && repaired.segments_scanned > before {
                rebuilt = Some(*base);
            }
        }
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
        base: Offset,
        certain: bool,
        next: Option<Offset>,
        args: &OpenArgs,
        repaired: &mut Repaired,
    ) -> io::Result<bool> {
        let disk = Arc::clone(&self.disk);
        if certain
            && let Ok(mut segment) = Segment::open(&*disk, &self.dir, base, args.now_ms)
            // the next segment's base says where this one ends, but for the last
            && let Ok(end) = next.map_or_else(|| segment.next_offset(&*disk), |_| Ok(base))
        {
            self.next = end;
            if repaired.segments_scanned > 0 {
                self.replay(&mut segment, base, args.now_ms)?;
            }
            self.segments.push(segment);
            return Ok(false);
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
        let known = match (certain, next) {
            (false, _) => Known::Nothing,
            (true, None) => Known::OnDevice,
            (true, Some(next)) => Known::WithMoreBehind(next),
        };
        let before = disk.open(&segment::path(&self.dir, base, "log"), false)?.len()?;
        let (dir, config, now_ms) = (&self.dir, &self.config, args.now_ms);
        let (mut segment, scanned) =
            Segment::rebuild(&*disk, dir, base, config, now_ms, known, &mut each)?;
        self.note_ended(&mut segment, &ended)?;
        let files = segment.close(&*disk)?; // its indexes are new
        if certain || scanned.next == base {
            // no later sync comes here; what a cut has emptied may still be there on the device
            files.iter().try_for_each(|file| file.sync())?;
        }
        if !known.has_more_behind() {
            repaired.bytes_cut += before - u64::from(segment.bytes());
            repaired.reason = repaired.reason.or(scanned.bad);
        }
        self.next = scanned.next;
        self.segments.push(segment);
        Ok(scanned.has_gaps)
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

/// Ends what a crash has interrupted and says which segments there are: `.deleted` and `.cleaned`
/// go, `.swap` takes the place of what it replaces, indexes without a log go. `.swap` goes, too,
/// where a `.cleaned` says that not all of its files were whole yet.
fn tidy(disk: &dyn Disk, dir: &str) -> io::Result<Vec<Offset>> {
    let (mut swaps, mut unfinished) = (Vec::new(), None);
    for entry in disk.list(dir)? {
        let (name, path) = (&entry.name, join(dir, &entry.name));
        if entry.directory {
            continue;
        }
        if let Some(name) = name.strip_suffix(".swap") {
            swaps.push(name.to_owned());
            continue;
        }
        if let Some((base, "cleaned")) = base_and_last_suffix(name) {
            unfinished = Some(unfinished.map_or(base, |before: Offset| before.min(base)));
        }
        if [".deleted", ".cleaned", ".tmp"].iter().any(|suffix| name.ends_with(suffix)) {
            disk.remove(&path)?;
        }
    }
    swaps.sort_by_key(|name| !name.ends_with(".log")); // the others describe it
    for name in swaps {
        let base = base_and_last_suffix(&name).map(|(base, _)| base);
        if unfinished.is_some() && base >= unfinished {
            disk.remove(&join(dir, &format!("{name}.swap")))?;
        } else {
            complete_swap(disk, dir, &name)?;
        }
    }
    let mut bases = Vec::new();
    let names = disk.list(dir)?;
    for entry in &names {
        if let Some((base, "log")) = segment::parse_name(&entry.name) {
            bases.push(base);
        }
    }
    for entry in &names {
        if let Some((base, "index" | "timeindex" | "txnindex")) = segment::parse_name(&entry.name)
            && !bases.contains(&base)
        {
            disk.remove(&join(dir, &entry.name))?;
        }
    }
    Ok(bases) // the names are sorted and their numbers padded
}

/// Base offset and last suffix in the name of a file of a segment.
fn base_and_last_suffix(name: &str) -> Option<(Offset, &str)> {
    let (base, suffixes) = segment::parse_name(name)?;
    Some((base, suffixes.rsplit('.').next().unwrap_or(suffixes)))
}

/// Puts `NAME.swap`, a file of a segment that was cleaned or joined from several, into its place.
fn complete_swap(disk: &dyn Disk, dir: &str, name: &str) -> io::Result<()> {
    let (from, to) = (join(dir, &format!("{name}.swap")), join(dir, name));
    if let Some((base, "log")) = segment::parse_name(name) {
        let file = disk.open(&from, false)?;
        let bytes = u32::try_from(file.len()?).map_err(io::Error::other)?;
        let mut last = base;
        let mut scan = super::scan::Scanner::new(file, 0, bytes, 64 * 1024);
        while let super::scan::Step::Batch(_, batch) = scan.step()? {
            last = batch.last;
        }
        for entry in disk.list(dir)? {
            if let Some((other, "log")) = segment::parse_name(&entry.name)
                && other > base
                && other <= last
            {
                remove_segment(disk, dir, other)?;
            }
        }
        // they describe the file that is replaced
        for suffix in ["index", "timeindex", "txnindex"] {
            segment::remove_if_there(disk, &segment::path(dir, base, suffix))?;
        }
    }
    disk.rename(&from, &to)
}

/// Removes the files of a segment; says how large its data was.
fn remove_segment(disk: &dyn Disk, dir: &str, base: Offset) -> io::Result<u64> {
    let bytes = disk.open(&segment::path(dir, base, "log"), false)?.len()?;
    for suffix in segment::SUFFIXES {
        segment::remove_if_there(disk, &segment::path(dir, base, suffix))?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
