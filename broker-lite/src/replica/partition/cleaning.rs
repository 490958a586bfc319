//! Compaction of a partition's log: begun and ended under its lock, done without it.

use std::io;

use ottla_protocol::ids::Offset;

use super::Partition;
use crate::log::cleaner::round::{Cleaned, Round};
use crate::log::cleaner::swap::Wanted;
use crate::log::disk::SyncDone;

impl Partition {
    /// How much of its log is dirty, if that is due to be cleaned.
    pub(crate) fn dirty_ratio(&self, now_ms: i64) -> Option<f64> {
        let mut inner = self.lock();
        if inner.refuse_failed().is_err() || inner.given_up || inner.uncleanable {
            return None;
        }
        let stable = inner.offsets().last_stable;
        let part = inner.log.cleanable(Wanted::Due, stable, now_ms);
        drop(inner);
        match part {
            Ok(part) => part.map(|part| part.ratio()),
            Err(error) => {
                self.cleaning_failed(&error);
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
        if inner.log.is_active_empty() {
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
            if inner.log.are_closed_synced()? {
                return Ok(false);
            }
            let begun = inner.log.begin_sync();
            inner.fenced(begun)?
        };
        sync.start(done);
        Ok(true)
    }

    /// Begins to clean its log; `None` if nothing is wanted.
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
        let stable = inner.offsets().last_stable.min(inner.log.synced()?);
        let part = inner.log.cleanable(wanted, stable, now_ms)?;
        part.map(|part| inner.log.start_cleaning(part, now_ms, key_bytes_max)).transpose()
    }

    /// Puts a cleaned segment into its log; false if what it was made from is gone.
    ///
    /// # Errors
    ///
    /// What the operating system says; the replica is failed then.
    pub(crate) fn replace_cleaned(&self, cleaned: &Cleaned, now_ms: i64) -> io::Result<bool> {
        let mut inner = self.lock();
        inner.refuse_failed()?;
        if inner.given_up {
            return Ok(false); // its directory goes
        }
        let replaced = inner.log.replace(cleaned, now_ms);
        inner.fenced(replaced)
    }

    /// Its log is clean up to here.
    pub(crate) fn is_cleaned(&self, end: Offset) {
        self.lock().log.set_cleaned_to(end);
    }

    /// Up to where its log was cleaned.
    pub(crate) fn cleaned_to(&self) -> Option<Offset> {
        self.lock().log.cleaned_to()
    }

    /// Leaves it alone until the next start: another try would meet the same.
    pub(crate) fn cleaning_failed(&self, error: &dyn core::fmt::Display) {
        tracing::error!(topic = self.topic, partition = %self.index, %error, "cannot compact");
        self.lock().uncleanable = true;
    }
}
