//! How what was appended gets to the device, and who waits for that.
//!
//! One sync of a partition runs at a time and serves every append that came before it; those that
//! come meanwhile are collected for the next, which starts as it ends.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::Offset;

use super::{Inner, Partition, Role};
use crate::log::config::Durability;
use crate::log::disk::SyncDone;
use crate::log::synced::PendingSync;

/// How far a partition is on the device.
#[derive(Debug)]
pub(super) struct Syncing {
    /// All below is, names of files and all: no power failure takes it away.
    durable: Offset,
    /// All below is to be.
    wanted: Offset,
    /// A sync has begun and not ended.
    running: bool,
    /// How often the log was cut: a sync that began before says nothing of what came since.
    cuts: u64,
    /// Bytes appended since the last one began that readers wait for.
    bytes: usize,
    /// When the last one began that looked at the clock.
    last_ms: i64,
}

/// A sync that is to be started once the lock is free.
pub(super) struct Begun {
    sync: PendingSync,
    to: Offset,
    cuts: u64,
    bytes: usize,
    /// Dropped once it has ended.
    token: Option<Sender<()>>,
}

impl Syncing {
    pub(super) const fn new(durable: Offset, now_ms: i64) -> Self {
        Self { durable, wanted: durable, running: false, cuts: 0, bytes: 0, last_ms: now_ms }
    }

    /// The log was cut off at `end`.
    pub(super) fn cut(&mut self, end: Offset) {
        self.cuts += 1;
        self.durable = self.durable.min(end);
        self.wanted = self.wanted.min(end);
    }
}

impl Inner {
    /// Up to where records count as this replica's, towards the high watermark.
    pub(super) fn own_end(&self) -> Offset {
        match self.config.durability {
            Durability::Os => self.log.end(),
            Durability::Commit => self.syncing.durable,
        }
    }

    /// A batch that ends at `end` was appended, or is there already: whether it is told only once it
    /// is on the device.
    pub(super) fn wants_sync(&mut self, end: Offset, bytes: usize) -> bool {
        let syncing = &mut self.syncing;
        let commit = self.config.durability == Durability::Commit;
        let asked = syncing.durable.max(syncing.wanted);
        let unasked = u64::try_from(self.log.end().get() - asked.get()).unwrap_or(0);
        if commit || unasked >= self.config.flush_messages {
            syncing.wanted = syncing.wanted.max(end);
        }
        if commit {
            syncing.bytes += bytes;
        }
        syncing.durable < end && end <= syncing.wanted
    }

    /// Begins a sync if one is wanted and none runs. None is begun by a replica that has resigned:
    /// the next may have its files already.
    pub(super) fn begin_sync(&mut self) -> Option<Begun> {
        let Syncing { durable, wanted, running, .. } = self.syncing;
        let idle = self.role == Role::Idle || self.log.has_failed();
        if running || wanted <= durable || idle {
            return None;
        }
        let begun = self.log.begin_sync();
        let sync = self.fenced(begun).ok()?;
        self.syncing.running = true;
        let (to, bytes) = (self.log.end(), core::mem::take(&mut self.syncing.bytes));
        Some(Begun { sync, to, cuts: self.syncing.cuts, bytes, token: None })
    }

    /// Syncs; blocks.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.refuse_failed()?;
        let synced = self.log.sync();
        self.fenced(synced)?;
        self.is_durable_to(self.log.end());
        Ok(())
    }

    fn is_durable_to(&mut self, end: Offset) {
        self.syncing.durable = self.syncing.durable.max(end.min(self.log.end()));
        self.advance_high_watermark();
    }
}

impl Partition {
    /// Starts what was begun.
    pub(super) fn start_begun(self: &Arc<Self>, begun: Option<Begun>) {
        let Some(Begun { sync, to, cuts, bytes, token }) = begun else { return };
        let this = Arc::clone(self);
        sync.start(Box::new(move |result| {
            this.sync_ended(result.is_ok(), (to, cuts), bytes);
            drop(token);
        }));
    }

    /// The sync of what lies before `to` has ended; if it has failed, the log knows.
    fn sync_ended(self: &Arc<Self>, on_device: bool, (to, cuts): (Offset, u64), bytes: usize) {
        let (next, failed) = {
            let mut inner = self.lock();
            inner.syncing.running = false;
            if on_device && inner.syncing.cuts == cuts {
                inner.is_durable_to(to);
            }
            (inner.begin_sync(), inner.log.has_failed())
        };
        self.start_begun(next);
        if failed {
            self.waiters.wake_all();
        } else {
            self.waiters.synced(to, bytes);
        }
    }

    /// Whether all below `end` is on the device.
    ///
    /// # Errors
    ///
    /// It will not be known: `KAFKA_STORAGE_ERROR`, or `NOT_LEADER_OR_FOLLOWER` if the replica
    /// resigned.
    pub(crate) fn is_durable(&self, end: Offset) -> Result<bool, ErrorCode> {
        let inner = self.lock();
        inner.check_leader(false).map_err(|e| e.code())?;
        Ok(end <= inner.syncing.durable)
    }

    /// Starts a sync if the last one is longer ago than the topic says; `token` is dropped once it
    /// has ended.
    pub(crate) fn flush_if_due(self: &Arc<Self>, now_ms: i64, token: Sender<()>) {
        let begun = {
            let mut inner = self.lock();
            let end = inner.log.end();
            let due = now_ms.saturating_sub(inner.syncing.last_ms) >= inner.config.flush_ms;
            if !due || inner.role == Role::Idle {
                return;
            }
            inner.syncing.last_ms = now_ms;
            inner.syncing.wanted = end;
            inner.begin_sync().map(|begun| Begun { token: Some(token), ..begun })
        };
        self.start_begun(begun);
    }

    /// Syncs what was written; blocks until it is on the device.
    ///
    /// # Errors
    ///
    /// Nobody knows then what is on the device.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.lock().sync()
    }

    /// Starts to sync what was written, off the lock: `done` is called once it is on the device, or
    /// could not be brought there. Then nobody knows what is, and every later sync fails.
    ///
    /// # Errors
    ///
    /// It could not be started.
    pub(crate) fn start_sync(&self, done: SyncDone) -> io::Result<()> {
        let sync = {
            let mut inner = self.lock();
            inner.refuse_failed()?;
            let begun = inner.log.begin_sync();
            inner.fenced(begun)?
        };
        sync.start(done);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
