//! Cleans the logs of a node: in the background what is due, and at once what a test asks for.

use core::time::Duration;
use std::io;
use std::sync::Arc;

use ottla_runtime::Clock;
use tokio::sync::{Mutex, oneshot};

use super::round::{Cleaned, Round, Step};
use super::swap::Wanted;
use crate::error::CompactError;
use crate::log::disk::{self, SyncDone};
use crate::log::manager::LogManager;
use crate::replica::manager::Replicas;
use crate::replica::partition::Partition;

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
                partition.cleaning_failed(&error, now_ms);
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
        match self.clean_in_turn(partition, wanted, rate).await {
            Err(_) if partition.is_given_up() => Ok(Removed::default()),
            done => done,
        }
    }

    async fn clean_in_turn(
        &self,
        partition: &Partition,
        mut wanted: Wanted,
        rate: f64,
    ) -> io::Result<Removed> {
        let mut removed = Removed::default();
        loop {
            sync_closed(partition).await?;
            let (now_ms, bytes) = (self.clock.wall_ms(), self.config.key_bytes_max);
            let Some(mut round) = partition.start_cleaning(wanted, now_ms, bytes)? else { break };
            if let Err(error) = self.finish(partition, &mut round, rate, &mut removed).await {
                partition.round_failed(&error, round.has_failed_to_write());
                return Err(error);
            }
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
            if partition.is_given_up() {
                return Ok(()); // its directory goes, and may be another's soon
            }
            let bytes = match round.step()? {
                Step::Read(bytes) => bytes,
                Step::Written(cleaned) => {
                    round.wrote(sync(&cleaned).await)?;
                    if !partition.replace_cleaned(&cleaned, self.clock.wall_ms())? {
                        return Ok(()); // the log was trimmed or cut: the next round sees what is left
                    }
                    removed.bytes_before += cleaned.bytes_before;
                    removed.bytes_after += cleaned.bytes_after;
                    cleaned.bytes_after
                }
                Step::Done(end) => {
                    partition.is_cleaned(end);
                    return Ok(());
                }
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
