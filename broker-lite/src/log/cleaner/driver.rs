//! Cleans the logs of a node: in the background what is due, and at once what a test asks for.

use core::time::Duration;
use std::io;
use std::sync::Arc;

use ottla_runtime::Clock;
use tokio::sync::{Mutex, oneshot};

use super::round::{Cleaned, Round};
use super::swap::Wanted;
use crate::error::CompactError;
use crate::log::disk::{self, SyncDone};
use crate::log::manager::LogManager;
use crate::replica::manager::Replicas;
use crate::replica::partition::{Next, Partition};

/// Settings of all cleaning of a node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CleanerConfig {
    /// `log.cleaner.backoff.ms`: how long it waits when nothing is due.
    pub(crate) backoff: Duration,
    /// `log.cleaner.dedupe.buffer.size`: for the keys of one log.
    pub(crate) key_bytes_max: usize,
    /// `log.cleaner.io.max.bytes.per.second`, of what is read and written.
    pub(crate) bytes_per_second_max: f64,
}

/// Cleans the logs of a node, one at a time.
#[derive(Debug)]
pub(crate) struct Cleaner {
    /// Held while a log is cleaned.
    turn: Mutex<()>,
    config: CleanerConfig,
    clock: Clock,
    replicas: Arc<Replicas>,
    logs: Arc<LogManager>,
}

/// What cleaning did.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Removed {
    /// Size of the segments that were replaced.
    pub(crate) bytes_before: u64,
    /// Size of those that took their places.
    pub(crate) bytes_after: u64,
}

impl Cleaner {
    pub(crate) fn new(
        config: CleanerConfig,
        clock: &Clock,
        replicas: &Arc<Replicas>,
        logs: &Arc<LogManager>,
    ) -> Arc<Self> {
        let (clock, replicas, logs) = (clock.clone(), Arc::clone(replicas), Arc::clone(logs));
        Arc::new(Self { turn: Mutex::new(()), config, clock, replicas, logs })
    }

    /// Cleans what is due, the dirtiest first, for as long as the node runs.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            let partitions = self.replicas.partitions();
            let now_ms = self.clock.wall_ms();
            let due = partitions.iter().filter_map(|p| Some((p, p.dirty_ratio(now_ms)?)));
            let dirtiest = due.max_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(p, _)| Arc::clone(p));
            let Some(partition) = dirtiest else {
                self.clock.sleep(self.config.backoff).await;
                continue;
            };
            let rate = self.config.bytes_per_second_max;
            if let Err(error) = self.clean(&partition, Wanted::Due, rate).await {
                // by now: a round may take longer than it is left alone
                partition.cleaning_failed(&error, self.clock.wall_ms());
                self.clock.sleep(self.config.backoff).await;
            }
        }
    }

    /// Cleans all of a topic that may be cleaned, now.
    ///
    /// # Errors
    ///
    /// The topic is not one to compact, or a log could not be; the others before it were.
    pub(crate) async fn clean_topic(&self, topic: &str) -> Result<Removed, CompactError> {
        let mut partitions = self.replicas.partitions();
        partitions.retain(|partition| partition.topic() == topic);
        if partitions.is_empty() {
            return Err(CompactError::NoSuchTopic(topic.to_owned()));
        }
        if !partitions.iter().all(|partition| partition.is_compacted()) {
            return Err(CompactError::Policy(topic.to_owned()));
        }
        let mut removed = Removed::default();
        for partition in &partitions {
            partition.roll_for_cleaning(self.clock.wall_ms())?;
            let one = self.clean(partition, Wanted::All, f64::MAX).await?;
            removed.bytes_before += one.bytes_before;
            removed.bytes_after += one.bytes_after;
        }
        Ok(removed)
    }

    /// Cleans a log until nothing is wanted any more, and writes down how far. One that is deleted
    /// meanwhile is done.
    async fn clean(&self, partition: &Partition, wanted: Wanted, rate: f64) -> io::Result<Removed> {
        let _turn = self.turn.lock().await;
        let mut wanted = wanted;
        let mut removed = Removed::default();
        loop {
            sync_closed(partition).await?;
            let (now_ms, bytes) = (self.clock.wall_ms(), self.config.key_bytes_max);
            let Some(mut round) = partition.start_cleaning(wanted, now_ms, bytes)? else { break };
            self.finish(partition, &mut round, rate, &mut removed).await?;
            wanted = Wanted::Due; // what a full map of keys has left
        }
        let partitions = self.replicas.partitions();
        self.logs.checkpoint_cleaned(partitions.iter().map(|partition| &**partition))?;
        Ok(removed)
    }

    async fn finish(
        &self,
        partition: &Partition,
        round: &mut Round,
        rate: f64,
        removed: &mut Removed,
    ) -> io::Result<()> {
        loop {
            let bytes = match partition.clean_on(round)? {
                Next::Pause(bytes) => bytes,
                Next::Sync(cleaned) => {
                    let synced = sync(&cleaned).await;
                    if !partition.swap_in(round, &cleaned, synced, self.clock.wall_ms())? {
                        return Ok(()); // the next round sees what is left
                    }
                    removed.count(&cleaned);
                    cleaned.bytes_after
                }
                Next::Ended => return Ok(()),
            };
            let pause = Duration::try_from_secs_f64(bytes as f64 / rate).unwrap_or_default();
            if pause.is_zero() {
                tokio::task::yield_now().await;
            } else {
                self.clock.sleep(pause).await;
            }
        }
    }
}

impl Removed {
    const fn count(&mut self, cleaned: &Cleaned) {
        self.bytes_before += cleaned.bytes_before;
        self.bytes_after += cleaned.bytes_after;
    }
}

/// One round of a log, by the caller's thread; `None` if nothing was wanted.
#[cfg(test)]
pub(crate) fn clean_blocking(
    partition: &Partition,
    wanted: Wanted,
    now_ms: i64,
    key_bytes_max: usize,
) -> io::Result<Option<Removed>> {
    let (done, ended) = std::sync::mpsc::channel();
    if partition.start_sync_closed(Box::new(move |result| done.send(result).unwrap()))? {
        ended.recv().unwrap()?;
    }
    let mut removed = Removed::default();
    let Some(mut round) = partition.start_cleaning(wanted, now_ms, key_bytes_max)? else {
        return Ok(None);
    };
    loop {
        match partition.clean_on(&mut round)? {
            Next::Pause(_) => {}
            Next::Sync(cleaned) => {
                let synced = cleaned.files.iter().try_for_each(|file| file.sync());
                if !partition.swap_in(&mut round, &cleaned, synced, now_ms)? {
                    return Ok(Some(removed));
                }
                removed.count(&cleaned);
            }
            Next::Ended => return Ok(Some(removed)),
        }
    }
}

async fn sync(cleaned: &Cleaned) -> io::Result<()> {
    let (done, ended) = waited_for();
    disk::start_sync_all(cleaned.files.clone(), done);
    outcome(ended).await
}

async fn sync_closed(partition: &Partition) -> io::Result<()> {
    let (done, ended) = waited_for();
    if partition.start_sync_closed(done)? { outcome(ended).await } else { Ok(()) }
}

fn waited_for() -> (SyncDone, oneshot::Receiver<io::Result<()>>) {
    let (done, ended) = oneshot::channel();
    (Box::new(move |result| drop(done.send(result))), ended) // nobody may wait for it any more
}

async fn outcome(ended: oneshot::Receiver<io::Result<()>>) -> io::Result<()> {
    ended.await.unwrap_or_else(|_| Err(io::Error::other("the sync was given up")))
}

#[cfg(test)]
mod tests;
