//! The segments of one partition, in order, with what is derived from them: where leader epochs
//! start and which producers wrote last.
//!
//! Synchronous and not thread-safe: it lives under its partition's lock. After an error of a
//! method that writes, what is on disk is unknown, and the log must not be used any more; opening
//! it again finds out.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use ottla_protocol::ids::{LeaderEpoch, Offset};

use super::batch::{BadBatch, BatchBytes, BatchView, Damage};
use super::config::LogConfig;
use super::disk::{self, Disk, File};
use super::epochs::{self, Epochs};
use super::producers::Producers;
use super::segment::{self, Segment};
use super::snapshot;
use super::synced::{PendingSync, Synced};
use super::txn_index::AbortedTxn;

/// The log of one partition.
#[derive(Debug)]
pub(crate) struct Log {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) dir: String,
    pub(super) config: Arc<LogConfig>,
    /// Never empty; bases ascend. The last is written to.
    pub(super) segments: Vec<Segment>,
    pub(super) start: Offset,
    /// The start that is on the device: only what lies before it may be removed.
    pub(super) start_kept: Offset,
    pub(super) next: Offset,
    pub(super) epochs: Epochs,
    pub(super) epochs_unsynced: bool,
    /// The newest of them has no batch and is not in its file.
    pub(super) epoch_unsaved: bool,
    /// Files were made whose names may not survive a power failure.
    pub(super) dir_unsynced: bool,
    /// Nor may the name of the directory itself.
    pub(super) dir_name_unsynced: bool,
    pub(super) producers: Producers,
    /// Transactions whose markers may lie above the high watermark: first offset, and marker's.
    pub(super) ended: VecDeque<(Offset, Offset)>,
    /// Up to where it was compacted, as far as known.
    pub(super) cleaned_to: Option<Offset>,
    /// There while it is cleaned.
    pub(super) cleaning: Weak<()>,
    /// Files that a start has emptied, until they are known to be empty on the device.
    pub(super) emptied: Arc<Mutex<Vec<Arc<dyn File>>>>,
    /// How often its end was cut off since it was opened.
    pub(super) cuts: u64,
    pub(super) synced: Arc<Synced>,
}

/// Bytes of a log that are to be read: whole batches, but for the last.
#[derive(Debug)]
pub(crate) struct ReadPlan {
    pub(crate) file: Arc<dyn File>,
    /// Where the segment starts.
    pub(crate) segment: Offset,
    pub(crate) position: u32,
    pub(crate) bytes: u32,
    /// The first batch.
    pub(crate) first: BatchView,
    /// Transactions with records in it that are not for readers of committed ones; empty if nobody
    /// asked.
    pub(crate) aborted: Vec<AbortedTxn>,
}

/// How much to read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadLimit {
    /// No batch that begins here or later.
    pub(crate) below: Offset,
    /// Bytes at most.
    pub(crate) bytes_max: u32,
    /// The first batch whole, however large.
    pub(crate) at_least_one: bool,
}

impl Log {
    /// The first offset it holds.
    pub(crate) const fn start(&self) -> Offset {
        self.start
    }

    /// The offset the next record gets (Kafka: log end offset).
    pub(crate) const fn end(&self) -> Offset {
        self.next
    }

    /// Acts on other settings from now on.
    pub(crate) fn configure(&mut self, config: Arc<LogConfig>) {
        self.config = config;
    }

    /// Whether nothing was written to its last segment yet.
    pub(crate) fn is_active_empty(&mut self) -> bool {
        last(&mut self.segments).bytes() == 0
    }

    /// Bytes of its segments.
    pub(crate) fn size(&self) -> u64 {
        self.segments.iter().map(|segment| u64::from(segment.bytes())).sum()
    }

    /// The first offset of the segment that holds `offset`.
    pub(crate) fn segment_base(&self, offset: Offset) -> Offset {
        let behind = self.segments.partition_point(|segment| segment.base() <= offset);
        // after a failed change there may be none
        self.segments.get(behind.saturating_sub(1)).map_or(self.start, Segment::base)
    }

    /// Where leader epochs start.
    pub(crate) const fn epochs(&self) -> &Epochs {
        &self.epochs
    }

    /// Who wrote last.
    pub(crate) const fn producers(&self) -> &Producers {
        &self.producers
    }

    /// Below this offset everything is on the device.
    ///
    /// # Errors
    ///
    /// A sync has failed: nobody knows what of the log is on the device.
    pub(crate) fn synced(&self) -> io::Result<Offset> {
        self.synced.end()
    }

    /// Whether a write or sync has failed in its data directory, maybe in the background: what is on
    /// the device will never be known again, and what is read may be gone after a crash.
    pub(crate) fn has_failed(&self) -> bool {
        self.synced.health().has_failed()
    }

    /// What has failed there.
    pub(crate) fn failure(&self) -> String {
        self.synced.health().failure()
    }

    /// A change of its files has failed.
    pub(crate) fn fail(&self, error: &dyn core::fmt::Display) {
        self.synced.fail(error);
    }

    /// It is about to be deleted, maybe while a sync of it runs, which is to do no harm then.
    pub(crate) fn give_up(&self) {
        self.synced.give_up();
    }

    /// Appends `bytes`, a batch whose place is in `batch`: its base offset must be the log's end.
    pub(crate) fn append(
        &mut self,
        batch: &BatchView,
        bytes: BatchBytes<'_>,
        now_ms: i64,
    ) -> io::Result<()> {
        assert_eq!(batch.base, self.next);
        if last(&mut self.segments).must_roll(batch, &self.config, now_ms)? {
            self.roll(now_ms)?;
        }
        last(&mut self.segments).append(&*self.disk, batch, bytes, &self.config)?;
        self.next = batch.last.next();
        if let Some(ended) = self.producers.apply(batch, now_ms) {
            self.ended.push_back((ended.first, ended.last));
            if !ended.committed {
                last(&mut self.segments).note_aborted(&*self.disk, &ended)?;
            }
        }
        let is_news = batch.leader_epoch.is_some_and(|epoch| self.epochs.assign(epoch, batch.base));
        if is_news || self.epoch_unsaved {
            // after a power failure the batches behind the recovery point tell the epochs again
            self.epochs.save(&*self.disk, &self.dir, false)?;
            (self.epoch_unsaved, self.epochs_unsynced) = (false, true);
        }
        Ok(())
    }

    /// A leader begins `epoch` at the end. The file says so with its first batch: one in which
    /// nothing was appended leaves no trace, and every start begins one in each partition.
    pub(crate) fn begin_epoch(&mut self, epoch: LeaderEpoch) {
        self.epoch_unsaved |= self.epochs.assign(epoch, self.next);
    }

    /// Where the bytes from `from` on lie; `None` if there are none. All are of one segment.
    pub(crate) fn plan(&mut self, from: Offset, limit: ReadLimit) -> io::Result<Option<ReadPlan>> {
        if from >= limit.below || (limit.bytes_max == 0 && !limit.at_least_one) {
            return Ok(None);
        }
        let disk = Arc::clone(&self.disk);
        let mut i = self.segments.partition_point(|segment| segment.base() <= from);
        i = i.saturating_sub(1);
        while i < self.segments.len() {
            let behind = self.segments.get(i + 1).map_or(self.next, Segment::base);
            let segment = &mut self.segments[i];
            i += 1;
            let Some((position, batch)) = segment.find(&*disk, from)? else { continue };
            if batch.last >= behind {
                let what = BadBatch::Order(batch.base, from);
                return Err(segment.damaged(position, Some(from), what));
            }
            if batch.base >= limit.below {
                return Ok(None);
            }
            let end = if limit.below >= self.next {
                segment.bytes()
            } else {
                match segment.position_of(&*disk, limit.below) {
                    Ok(end) => end,
                    // up to there it can be read
                    Err(e) => match Damage::of(&e) {
                        Some(damage) if damage.position > position => damage.position,
                        _ => return Err(e),
                    },
                }
            };
            let mut bytes = (end - position).min(limit.bytes_max);
            if limit.at_least_one {
                bytes = bytes.max(batch.bytes);
            }
            return Ok(Some(ReadPlan {
                file: Arc::clone(segment.file()),
                segment: segment.base(),
                position,
                bytes,
                first: batch,
                aborted: Vec::new(),
            }));
        }
        Ok(None)
    }

    /// Below this offset every transaction is decided, and its end committed (Kafka: last stable
    /// offset).
    pub(crate) fn last_stable(&self, high_watermark: Offset) -> Offset {
        let uncommitted = self.ended.iter().filter(|(_, marker)| *marker >= high_watermark);
        let firsts = uncommitted.map(|(first, _)| *first).chain(self.producers.first_open());
        // the records of one that is open may be deleted before it ends
        let first = firsts.min().map(|first| first.max(self.start));
        first.map_or(high_watermark, |first| first.min(high_watermark))
    }

    /// The high watermark has moved.
    pub(crate) fn committed(&mut self, high_watermark: Offset) {
        self.ended.retain(|(_, marker)| *marker >= high_watermark);
    }

    /// The aborted transactions that have records in what `plan` reads, from `from` on.
    pub(crate) fn aborted(&mut self, plan: &ReadPlan, from: Offset) -> io::Result<Vec<AbortedTxn>> {
        let disk = Arc::clone(&self.disk);
        let of_plan = |segment: &Segment| Arc::ptr_eq(segment.file(), &plan.file);
        let Some(i) = self.segments.iter().position(of_plan) else { return Ok(Vec::new()) };
        let behind = self.segments.get(i + 1).map_or(self.next, Segment::base);
        let end = plan.position.saturating_add(plan.bytes);
        let upper = self.segments[i].upper_bound(&*disk, end)?.unwrap_or(behind);
        let mut aborted = Vec::new();
        for segment in &self.segments[i..] {
            if segment.aborted(from, upper, &mut aborted) {
                break;
            }
        }
        Ok(aborted)
    }

    /// Starts the next segment. The one before gets its indexes and is synced in the background.
    pub(crate) fn roll(&mut self, now_ms: i64) -> io::Result<()> {
        let (disk, next) = (Arc::clone(&self.disk), self.next);
        let old = last(&mut self.segments);
        if old.bytes() == 0 {
            // its base is too far back, or it would get the name of the new one
            old.remove(&*disk)?;
            self.segments.pop();
        } else {
            let files = old.close(&*disk)?;
            snapshot::write(&*disk, &self.dir, next, &self.producers)?;
            self.save_epochs()?;
            let (synced, base) = (Arc::clone(&self.synced), last(&mut self.segments).base());
            let done = Box::new(move |result| synced.ended(base, next, &result));
            disk::start_sync_all(files, done);
        }
        self.segments.push(Segment::create(&*disk, &self.dir, next, now_ms)?);
        self.dir_unsynced = true;
        self.drop_before_start()
    }

    /// Forgets producers that have been silent for too long.
    pub(crate) fn expire_producers(&mut self, now_ms: i64) {
        self.producers.expire(now_ms, self.config.producer_expiration_ms);
    }

    /// Cuts off `offset` and everything behind it. A batch that holds `offset` goes as a whole.
    pub(crate) fn truncate_to(&mut self, offset: Offset, now_ms: i64) -> io::Result<()> {
        if offset >= self.next {
            return Ok(());
        }
        let disk = Arc::clone(&self.disk);
        let segments = self.segments.len();
        while self.segments.last().is_some_and(|s| s.base() >= offset && s.base() > self.start) {
            if let Some(segment) = self.segments.pop() {
                segment.remove(&*disk)?;
            }
        }
        if self.segments.len() < segments {
            // or a power failure could bring them back behind a segment that is cut: a hole
            disk.sync_dir(&self.dir)?;
        }
        let base = self.segments.last().map_or(offset, Segment::base);
        let kept = self.segments.pop().map_or_else(
            || Segment::create(&*disk, &self.dir, offset, now_ms).map(|new| (new, offset)),
            |segment| {
                let cut = segment.truncate_to(&*disk, offset, &self.config, now_ms);
                cut.map(|(segment, scanned)| (segment, scanned.next))
            },
        )?;
        self.segments.push(kept.0);
        // the batch that goes as a whole may begin before the start
        self.next = kept.1.max(base).max(self.start);
        self.cleaned_to = self.cleaned_to.map(|to| to.min(self.next));
        self.cuts += 1;
        // the next sync starts from here again, with the names of one that has not ended
        if self.synced.is_at_names() {
            (self.dir_unsynced, self.dir_name_unsynced, self.epochs_unsynced) = (true, true, true);
        }
        self.synced = self.synced.back_to(self.synced()?.min(self.next));
        if self.epochs.truncate_from_end(self.next) {
            self.epochs.save(&*disk, &self.dir, true)?;
        }
        self.reload_producers(now_ms, base)?;
        self.drop_stale_snapshots()?;
        // or what was cut off would come back, and contradict what is derived from what comes now
        last(&mut self.segments).file().sync()?;
        self.disk.sync_dir(&self.dir)
    }

    /// Brings everything to the device and says so in the files that a clean start reads: indexes,
    /// snapshot, synced data. The log is not to be appended to any more.
    pub(crate) fn close(&mut self) -> io::Result<()> {
        let disk = Arc::clone(&self.disk);
        snapshot::write(&*disk, &self.dir, self.next, &self.producers)?;
        self.drop_old_snapshots()?;
        let active = last(&mut self.segments);
        let files = active.close(&*disk)?;
        if active.bytes() > 0 {
            // a clean start believes the indexes
            files.iter().try_for_each(|file| file.sync())?;
        }
        let emptied = core::mem::take(&mut *lock(&self.emptied));
        emptied.iter().try_for_each(|file| file.sync())?;
        self.sync()
    }

    /// Starts to bring to the device that files were emptied. It is all the same until a clean stop,
    /// for which no later start reads them: so nobody waits for it but that.
    pub(super) fn start_sync_emptied(&self) {
        let files = lock(&self.emptied).clone();
        if !files.is_empty() {
            let (emptied, synced) = (Arc::clone(&self.emptied), Arc::clone(&self.synced));
            let done = move |result: io::Result<()>| match result {
                Ok(()) => lock(&emptied).clear(),
                Err(error) => synced.fail(&error),
            };
            disk::start_sync_all(files, Box::new(done));
        }
    }

    /// Syncs what was appended since the last time; blocks. After a crash the indexes of the last
    /// segment are made anew, so they are not synced.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.begin_sync()?.wait()
    }

    /// What has to be synced so that all that was appended is on the device. To be done without the
    /// lock that this log is under; what is appended meanwhile needs another sync.
    pub(crate) fn begin_sync(&mut self) -> io::Result<PendingSync> {
        let synced = self.synced()?;
        let (mut files, mut dirs) = (Vec::new(), Vec::new());
        // a sync of names that has begun may be no good: nobody waits for it here
        let names = self.dir_unsynced || self.synced.is_at_names();
        if synced < self.next || (names && self.start < self.next) {
            // whether the syncs of the segments before the last have ended is not known
            let first = self.segments.partition_point(|segment| segment.base() <= synced);
            let (active, before) = split_last(&mut self.segments);
            for segment in before.iter_mut().skip(first.saturating_sub(1)) {
                files.extend(segment.close(&*self.disk)?);
            }
            files.push(Arc::clone(active.file()));
            if names || self.epochs_unsynced || self.dir_name_unsynced {
                files.extend(epochs::open(&*self.disk, &self.dir)?);
                dirs = vec![disk::parent(&self.dir).to_owned(), self.dir.clone()];
            }
            self.dir_unsynced = false;
            self.dir_name_unsynced = false;
            self.epochs_unsynced = false;
        }
        Ok(PendingSync::new(&self.disk, (files, dirs), self.next, &self.synced))
    }

    /// Syncs where the epochs start, before the recovery point passes them.
    fn save_epochs(&mut self) -> io::Result<()> {
        if self.epochs_unsynced {
            self.epochs.save(&*self.disk, &self.dir, true)?;
            self.epochs_unsynced = false;
        }
        Ok(())
    }

    /// Keeps the snapshots that a recovery could start from: one at each segment's base, and the
    /// newest.
    pub(super) fn drop_old_snapshots(&self) -> io::Result<()> {
        for entry in self.disk.list(&self.dir)? {
            let Some((at, "snapshot")) = segment::parse_name(&entry.name) else { continue };
            if at != self.next && self.segments.iter().all(|segment| segment.base() != at) {
                segment::remove_if_there(&*self.disk, &segment::path(&self.dir, at, "snapshot"))?;
            }
        }
        Ok(())
    }
}

fn lock(files: &Mutex<Vec<Arc<dyn File>>>) -> MutexGuard<'_, Vec<Arc<dyn File>>> {
    // nothing panics while holding it
    files.lock().unwrap_or_else(PoisonError::into_inner)
}

fn last(segments: &mut [Segment]) -> &mut Segment {
    split_last(segments).0
}

fn split_last(segments: &mut [Segment]) -> (&mut Segment, &mut [Segment]) {
    let split = segments.split_last_mut();
    split.expect("a log has at least one segment: each of its methods leaves one")
}

#[cfg(test)]
mod tests;
