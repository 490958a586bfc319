//! Compaction of a partition's log: begun and ended under its lock, done without it.

use std::io;

use ottla_protocol::ids::Offset;

use super::Partition;
use crate::log::cleaner::round::{Cleaned, Round, Step};
use crate::log::cleaner::swap::Wanted;
use crate::log::disk::SyncDone;

/// How long a log is left alone whose compaction met what may pass, milliseconds.
const RETRY_MS: i64 = 15_000;

/// What a round needs next.
#[derive(Debug)]
pub(crate) enum Next {
    /// Another call of [`Partition::clean_on`], after the pause that so many bytes call for.
    Pause(u64),
    /// The files of this segment synced, and [`Partition::swap_in`].
    Sync(Cleaned),
    /// Nothing: all is done, or the log is being deleted, or was cut.
    Ended,
}

impl Partition {
    /// How much of its log is dirty, if that is due to be cleaned.
    pub(crate) fn dirty_ratio(&self, now_ms: i64) -> Option<f64> {
        let mut inner = self.lock();
        let not_yet = now_ms < inner.uncleanable_until_ms;
        if inner.refuse_failed().is_err() || inner.given_up || not_yet {
            return None;
        }
        let stable = inner.offsets().last_stable;
        let part = inner.log.cleanable(Wanted::Due, stable, now_ms);
        drop(inner);
        match part {
            Ok(part) => part.map(|part| part.ratio()),
            Err(error) => {
                self.cleaning_failed(&error, now_ms);
                None
            }
        }
    }

    /// Whether its topic says `compact`.
    pub(crate) fn is_compacted(&self) -> bool {
        self.lock().config.cleanup.compact
    }

    /// Starts a segment, so that all there is may be cleaned.
    ///
    /// # Errors
    ///
    /// What the operating system says; the replica is failed then.
    pub(crate) fn roll_for_cleaning(&self, now_ms: i64) -> io::Result<()> {
        let mut inner = self.lock();
        inner.refuse_failed()?;
        if inner.given_up || inner.log.is_active_empty() {
            return Ok(());
        }
        let rolled = inner.log.roll(now_ms);
        inner.fenced(rolled)
    }

    /// Starts to sync its closed segments if they are not all on the device; false if they are. What
    /// is not must not be cleaned: a power failure would take the newest record of a key that has
    /// cost the older ones.
    ///
    /// # Errors
    ///
    /// It could not be started; the replica is failed then.
    pub(crate) fn start_sync_closed(&self, done: SyncDone) -> io::Result<bool> {
        let sync = {
            let mut inner = self.lock();
            inner.refuse_failed()?;
            if inner.given_up || inner.log.are_closed_synced()? {
                return Ok(false);
            }
            let begun = inner.log.begin_sync();
            inner.fenced(begun)?
        };
        sync.start(done);
        Ok(true)
    }

    /// Begins to clean its log; `None` if nothing is wanted, or it is being deleted: its directory
    /// may be another's by now.
    ///
    /// # Errors
    ///
    /// A file cannot be read.
    pub(crate) fn start_cleaning(
        &self,
        wanted: Wanted,
        now_ms: i64,
        key_bytes_max: usize,
    ) -> io::Result<Option<Round>> {
        let mut inner = self.lock();
        inner.refuse_failed()?;
        if inner.given_up {
            return Ok(None);
        }
        let stable = inner.offsets().last_stable.min(inner.log.synced()?);
        let part = inner.log.cleanable(wanted, stable, now_ms)?;
        part.map(|part| inner.log.start_cleaning(part, now_ms, key_bytes_max)).transpose()
    }

    /// Goes on with a round of its log.
    ///
    /// # Errors
    ///
    /// A file cannot be read or written, or a batch is damaged: the round is over, and what it has
    /// half made is gone.
    pub(crate) fn clean_on(&self, round: &mut Round) -> io::Result<Next> {
        let stepped = self.step(round);
        Ok(self.judge(round, stepped)?.unwrap_or(Next::Ended))
    }

    /// Puts a segment that the round has made into the log, if its files were `synced`; false if the
    /// round is over, because the log is being deleted or was cut.
    ///
    /// # Errors
    ///
    /// As of [`Partition::clean_on`].
    pub(crate) fn swap_in(
        &self,
        round: &mut Round,
        cleaned: &Cleaned,
        synced: io::Result<()>,
        now_ms: i64,
    ) -> io::Result<bool> {
        let swapped = round.wrote(synced).and_then(|()| self.replace_cleaned(cleaned, now_ms));
        Ok(self.judge(round, swapped)?.unwrap_or(false))
    }

    fn step(&self, round: &mut Round) -> io::Result<Next> {
        {
            let inner = self.lock();
            inner.refuse_failed()?;
            if inner.given_up {
                return Ok(Next::Ended);
            }
            round.begin_next()?; // makes files: its directory may be another's once it is given up
        }
        match round.step()? {
            Step::Read(bytes) => Ok(Next::Pause(bytes)),
            Step::Written(cleaned) => Ok(Next::Sync(cleaned)),
            Step::Done(end) => {
                let mut inner = self.lock();
                if !inner.given_up {
                    inner.log.set_cleaned_to(end, round.cuts());
                    let ended = inner.log.end_cleaning();
                    inner.fenced(ended)?;
                }
                Ok(Next::Ended)
            }
        }
    }

    fn replace_cleaned(&self, cleaned: &Cleaned, now_ms: i64) -> io::Result<bool> {
        let mut inner = self.lock();
        inner.refuse_failed()?;
        if inner.given_up {
            return Ok(false); // its directory goes
        }
        let replaced = inner.log.replace(cleaned, now_ms);
        inner.fenced(replaced)
    }

    /// Up to where its log was cleaned.
    pub(crate) fn cleaned_to(&self) -> Option<Offset> {
        self.lock().log.cleaned_to()
    }

    /// What a part of a round came to. After an error the round is over, and what is half made goes;
    /// it is `None` where the error says no more than that the log is another by now. After a failed
    /// write or sync nothing of the directory can be trusted; but where only room was short, or
    /// descriptors, the log is as it was, for the files were the round's own.
    fn judge<T>(&self, round: &Round, result: io::Result<T>) -> io::Result<Option<T>> {
        let error = match result {
            Ok(done) => return Ok(Some(done)),
            Err(error) => error,
        };
        let mut inner = self.lock();
        if inner.given_up {
            return Ok(None);
        }
        if inner.log.has_failed() {
            return Err(error); // a half-made swap is for the next start to judge
        }
        if round.has_failed_to_write() && !may_pass(&error) {
            inner.log.fail(&error);
            return Err(error);
        }
        if let Err(error) = inner.log.remove_unfinished() {
            tracing::warn!(topic = self.topic, partition = %self.index, %error,
                "what compaction has left stays until the next try");
        }
        let ended = inner.log.end_cleaning();
        inner.fenced(ended)?;
        if inner.log.has_cuts(round.cuts()) { Err(error) } else { Ok(None) }
    }

    /// Leaves it alone: for a while if what was met may pass, else until the topic's settings are
    /// others or the next start, as another try would meet the same.
    pub(crate) fn cleaning_failed(&self, error: &io::Error, now_ms: i64) {
        let again = may_pass(error);
        let topic = self.topic();
        tracing::error!(topic, partition = %self.index, %error, again, "cannot compact");
        let until = if again { now_ms.saturating_add(RETRY_MS) } else { i64::MAX };
        self.lock().uncleanable_until_ms = until;
    }
}

/// Whether room or file descriptors were short.
fn may_pass(error: &io::Error) -> bool {
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
        || matches!(error.raw_os_error(), Some(ENFILE | EMFILE))
}
