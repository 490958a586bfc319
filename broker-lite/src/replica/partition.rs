//! A replica of a partition: its log, its role, and up to where consumers may read.
//!
//! One short lock guards it all. What can be done without it is done before ([`Partition::prepare`])
//! or after (reading the bytes that a plan names). An append that moves the high watermark wakes
//! the waiting fetches once the lock is free.

mod cleaning;
mod lookup;
mod read;
mod syncing;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{LeaderEpoch, Offset, PartitionIndex, Timestamp};

pub(crate) use cleaning::Next;
pub(crate) use lookup::{FoundOffset, OffsetQuery};
use syncing::Syncing;

use super::append_error::AppendError;
use super::prepare::{Codecs, PreparedBatch, ProduceRules};
use super::waiters::Waiters;
use crate::log::config::{Durability, LogConfig, TimestampType};
use crate::log::disk::Disk;
use crate::log::log::Log;
use crate::log::producers::Decision;
use crate::log::recovery::{OpenArgs, OpenError, Repaired};

/// A replica of a partition.
#[derive(Debug)]
pub(crate) struct Partition {
    topic: String,
    index: PartitionIndex,
    waiters: Waiters,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: Arc<LogConfig>,
    log: Log,
    role: Role,
    high_watermark: Offset,
    syncing: Syncing,
    /// It is being deleted.
    given_up: bool,
    /// Its log could not be compacted: not before this time, milliseconds since 1970.
    uncleanable_until_ms: i64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Role {
    /// Takes appends. With one replica in sync, itself, what counts as its own is committed.
    Leader { epoch: LeaderEpoch, in_sync: u32, replicas: u32 },
    /// Takes neither appends nor fetches.
    Idle,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Appended {
    /// The offset its first record has in the log.
    pub(crate) base_offset: Offset,
    /// When the broker stamped it, on a topic with `LogAppendTime`.
    pub(crate) log_append_time: Option<Timestamp>,
    /// The first offset of the log.
    pub(crate) log_start: Offset,
    /// It was in the log already.
    pub(crate) duplicate: bool,
    /// The high watermark that says it is committed.
    pub(crate) committed_at: Offset,
    /// Nobody is told before it is on the device: see [`Partition::is_durable`].
    pub(crate) unsynced: bool,
}

/// The offsets that clients are told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct PartitionOffsets {
    /// The first offset of the log.
    pub(crate) log_start: Offset,
    /// Consumers read below it.
    pub(crate) high_watermark: Offset,
    /// Consumers of committed transactions read below it.
    pub(crate) last_stable: Offset,
    /// The offset the next record gets.
    pub(crate) log_end: Offset,
    /// The epoch of the newest batch or of the leader.
    pub(crate) leader_epoch: Option<LeaderEpoch>,
}

impl Partition {
    /// Opens the log in `dir`, or makes it. The replica does nothing before it is made leader.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        dir: &str,
        (topic, index): (&str, PartitionIndex),
        config: LogConfig,
        args: &OpenArgs,
    ) -> Result<(Self, Repaired), OpenError> {
        let config = Arc::new(config);
        let (log, repaired) = Log::open(disk, dir, Arc::clone(&config), args)?;
        let high_watermark = log.start();
        let durable = log.synced().unwrap_or_default().max(log.start());
        let syncing = Syncing::new(durable, args.now_ms);
        let inner = Inner {
            config,
            log,
            role: Role::Idle,
            high_watermark,
            syncing,
            given_up: false,
            uncleanable_until_ms: i64::MIN,
        };
        let partition = Self {
            topic: topic.to_owned(),
            index,
            waiters: Waiters::default(),
            inner: Mutex::new(inner),
        };
        Ok((partition, repaired))
    }

    /// Name of the topic.
    pub(crate) fn topic(&self) -> &str {
        &self.topic
    }

    /// Index in the topic.
    pub(crate) const fn index(&self) -> PartitionIndex {
        self.index
    }

    /// Makes this replica the leader of `epoch`, with so many replicas of which so many are in
    /// sync. While it is the only one in sync, what counts as its own is committed. Where that has
    /// to be on the device it is brought there first, which blocks.
    ///
    /// # Errors
    ///
    /// The log could not be synced.
    pub(crate) fn make_leader(
        &self,
        epoch: LeaderEpoch,
        in_sync: u32,
        replicas: u32,
    ) -> io::Result<()> {
        let moved = {
            let mut inner = self.lock();
            let before = inner.high_watermark;
            let end = inner.log.end();
            inner.log.begin_epoch(epoch);
            if inner.config.durability == Durability::Commit && end > inner.log.start() {
                inner.sync()?;
            }
            inner.role = Role::Leader { epoch, in_sync, replicas };
            inner.advance_high_watermark();
            before != inner.high_watermark
        };
        if moved {
            self.waiters.wake_all();
        }
        Ok(())
    }

    /// Takes no more appends and fetches; waiting fetches are woken to see it.
    pub(crate) fn resign(&self) {
        self.lock().role = Role::Idle;
        self.waiters.wake_all();
    }

    /// Lets everybody who waits look again.
    pub(crate) fn wake_all(&self) {
        self.waiters.wake_all();
    }

    /// Resigns for good: it is going to be deleted.
    pub(crate) fn give_up(&self) {
        {
            let mut inner = self.lock();
            inner.given_up = true;
            inner.log.give_up();
        }
        self.resign();
    }

    /// Whether it is being deleted or was.
    pub(crate) fn is_given_up(&self) -> bool {
        self.lock().given_up
    }

    /// Does everything to a batch that needs no lock: checks, decompression, time stamps.
    ///
    /// # Errors
    ///
    /// In the order in which Kafka checks; see [`AppendError`].
    pub(crate) fn prepare(
        &self,
        records: Bytes,
        rules: &ProduceRules,
        codecs: &mut Codecs,
    ) -> Result<PreparedBatch, AppendError> {
        let header = PreparedBatch::shape(&records, rules)?;
        let config = {
            let inner = self.lock();
            inner.check_leader(rules.all_in_sync)?;
            Arc::clone(&inner.config)
        };
        PreparedBatch::validate(records, &header, &config, rules, codecs)
    }

    /// Appends a prepared batch: judges its sequence, gives it its offsets, writes it.
    ///
    /// # Errors
    ///
    /// See [`AppendError`]. A failed write ends all replicas of the data directory.
    pub(crate) fn append(
        self: &Arc<Self>,
        batch: &PreparedBatch,
        rules: &ProduceRules,
    ) -> Result<Appended, AppendError> {
        let (appended, moved, sync) = {
            let mut inner = self.lock();
            let before = inner.high_watermark;
            let mut appended = inner.append(batch, rules)?;
            let bytes = if appended.duplicate { 0 } else { batch.len() };
            appended.unsynced = inner.wants_sync(appended.committed_at, bytes);
            (appended, inner.high_watermark > before, inner.begin_sync())
        };
        self.start_begun(sync);
        if moved && !appended.duplicate {
            self.waiters.appended(batch.len());
        }
        Ok(appended)
    }

    /// The offsets that clients are told.
    pub(crate) fn offsets(&self) -> PartitionOffsets {
        self.lock().offsets()
    }

    /// Where the log is to start: behind what clients see as its start until it is kept.
    pub(crate) fn start_due(&self) -> Offset {
        self.lock().log.start()
    }

    /// The epoch this replica leads in.
    ///
    /// # Errors
    ///
    /// `NOT_LEADER_OR_FOLLOWER`, `KAFKA_STORAGE_ERROR`; with an epoch given, an older one is
    /// `FENCED_LEADER_EPOCH`, a newer one `UNKNOWN_LEADER_EPOCH` (KIP-320).
    pub(crate) fn check_epoch(&self, given: Option<LeaderEpoch>) -> Result<LeaderEpoch, ErrorCode> {
        let current = self.lock().check_leader(false).map_err(|e| e.code())?;
        match given {
            Some(given) if given < current => Err(ErrorCode::FENCED_LEADER_EPOCH),
            Some(given) if given > current => Err(ErrorCode::UNKNOWN_LEADER_EPOCH),
            _ => Ok(current),
        }
    }

    /// Acts on other settings from now on.
    pub(crate) fn configure(self: &Arc<Self>, config: &Arc<LogConfig>) {
        let (sync, moved) = {
            let mut inner = self.lock();
            let before = inner.high_watermark;
            inner.config = Arc::clone(config);
            inner.uncleanable_until_ms = i64::MIN;
            inner.log.configure(Arc::clone(config));
            let end = inner.log.end();
            inner.wants_sync(end, 0);
            inner.advance_high_watermark();
            (inner.begin_sync(), inner.high_watermark > before)
        };
        self.start_begun(sync);
        if moved {
            self.waiters.wake_fetches();
        }
    }

    /// Forgets producers that have been silent for too long.
    pub(crate) fn expire_producers(&self, now_ms: i64) {
        self.lock().log.expire_producers(now_ms);
    }

    /// Up to where the log is on the device, its start, and the high watermark, for checkpoints.
    ///
    /// # Errors
    ///
    /// A write or sync has failed.
    pub(crate) fn checkpoint(&self) -> io::Result<(Offset, Offset, Offset)> {
        let inner = self.lock();
        inner.refuse_failed()?;
        Ok((inner.log.synced()?, inner.log.start(), inner.high_watermark))
    }

    /// Ends it in order: no more appends, and all that a clean start needs is on the device.
    ///
    /// # Errors
    ///
    /// Then the stop is not clean, and the next start recovers.
    pub(crate) fn close(&self) -> io::Result<()> {
        self.resign();
        let mut inner = self.lock();
        inner.refuse_failed()?;
        let closed = inner.log.close();
        inner.fenced(closed)
    }

    /// Looks at the log.
    #[cfg(test)]
    pub(crate) fn with_log<T>(&self, look: impl FnOnce(&Log) -> T) -> T {
        look(&self.lock().log)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(|poisoned| {
            let inner = poisoned.into_inner();
            inner.log.fail(&"somebody panicked half way through a change");
            inner
        })
    }
}

impl AsRef<Waiters> for Partition {
    fn as_ref(&self) -> &Waiters {
        &self.waiters
    }
}

impl Inner {
    /// The epoch this replica leads in.
    fn check_leader(&self, all_in_sync: bool) -> Result<LeaderEpoch, AppendError> {
        if self.log.has_failed() {
            return Err(AppendError::Failed(self.log.failure()));
        }
        let Role::Leader { epoch, in_sync, replicas } = self.role else {
            return Err(AppendError::NotLeader);
        };
        let min = self.config.replicas_in_sync_min.min(replicas);
        if all_in_sync && in_sync < min {
            return Err(AppendError::NotEnoughReplicas { in_sync, min });
        }
        Ok(epoch)
    }

    fn refuse_failed(&self) -> io::Result<()> {
        if self.log.has_failed() { Err(io::Error::other(self.log.failure())) } else { Ok(()) }
    }

    /// What a change of the log's files came to: after an error nobody knows what is there.
    fn fenced<T>(&self, changed: io::Result<T>) -> io::Result<T> {
        changed.inspect_err(|error| self.log.fail(error))
    }

    fn append(
        &mut self,
        batch: &PreparedBatch,
        rules: &ProduceRules,
    ) -> Result<Appended, AppendError> {
        let epoch = self.check_leader(rules.all_in_sync)?;
        let log_start = self.log.start_kept();
        if let Some(stamp) = &batch.view().stamp
            && let Decision::Duplicate(known) = self.log.producers().decide(stamp)?
        {
            let stamped = self.config.timestamp_type == TimestampType::LogAppendTime;
            return Ok(Appended {
                base_offset: known.base_offset,
                log_append_time: stamped.then_some(Timestamp(known.max_timestamp)),
                log_start,
                duplicate: true,
                committed_at: known.last_offset.next(),
                unsynced: false,
            });
        }
        let placed = batch.view().placed(self.log.end(), epoch);
        let written = self.log.append(&placed, batch.bytes(), rules.now_ms);
        self.fenced(written)?;
        self.advance_high_watermark();
        assert!(self.high_watermark <= self.log.end());
        Ok(Appended {
            base_offset: placed.base,
            log_append_time: batch.log_append_time(),
            log_start,
            duplicate: false,
            committed_at: placed.last.next(),
            unsynced: false,
        })
    }

    /// Never back: what a consumer has seen stays seen.
    fn advance_high_watermark(&mut self) {
        if let Role::Leader { in_sync: 1, .. } = self.role {
            self.high_watermark = self.high_watermark.max(self.own_end());
            self.log.committed(self.high_watermark);
        }
    }

    fn offsets(&self) -> PartitionOffsets {
        PartitionOffsets {
            log_start: self.log.start_kept(),
            high_watermark: self.high_watermark,
            last_stable: self.log.last_stable(self.high_watermark),
            log_end: self.log.end(),
            leader_epoch: self.log.epochs().latest(),
        }
    }
}

#[cfg(test)]
mod tests;
