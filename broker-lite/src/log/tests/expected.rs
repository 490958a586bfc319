//! What must be found of a partition, whatever happened.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use ottla_protocol::ids::{LeaderEpoch, NodeId, PartitionIndex, Uuid};

use super::compacted;
use super::transacted::{self, Committed};
use crate::log::batch::{BatchStamp, BatchView};
use crate::log::config::{Cleanup, Durability, LogConfig};
use crate::log::disk::testing::UnrulyDisk;
use crate::log::manager::{LogManager, MetaProperties};
use crate::log::producers::Decision;
use crate::replica::partition::Partition;
use crate::replica::prepare::{PreparedBatch, ProduceRules};

/// Each topic has one partition.
pub(super) const INDEX: PartitionIndex = PartitionIndex(0);

/// The topic of which only what is on the device is acknowledged.
pub(super) const COMMIT_TOPIC: &str = "b-c";

/// A batch in a log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Batch {
    pub(super) view: BatchView,
    pub(super) bytes: Vec<u8>,
}

impl Batch {
    pub(super) fn end(&self) -> i64 {
        self.view.last.next().get()
    }
}

/// The batches of a log, in order.
pub(super) type History = Vec<Arc<Batch>>;

/// What is known of a partition from outside.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    pub(super) topic: &'static str,
    pub(super) id: Uuid,
    /// The last is what was written. A power failure may bring back what was cut off and not yet
    /// synced, so that the others may be found, too; but no mixture of them.
    pub(super) histories: Vec<History>,
    /// What lies below is on the device.
    pub(super) durable: i64,
    /// The start of the log that was promised, and the one that was asked for.
    pub(super) starts: (i64, i64),
}

impl Expected {
    pub(super) fn new(topic: &'static str, id: Uuid) -> Self {
        Self { topic, id, histories: vec![Vec::new()], durable: 0, starts: (0, 0) }
    }

    pub(super) fn current(&mut self) -> &mut History {
        self.histories.last_mut().unwrap()
    }

    pub(super) fn end(&self) -> i64 {
        let last = self.histories.last().and_then(|history| history.last());
        last.map_or(0, |batch| batch.end()).max(self.starts.1)
    }

    /// Everything is on the device, and nothing else will ever be found.
    pub(super) fn synced(&mut self) {
        self.histories.drain(..self.histories.len() - 1);
        self.durable = self.end();
    }

    /// What was written lies on the device up to `end`, and what was cut off before is gone.
    pub(super) fn synced_to(&mut self, end: i64) {
        self.histories.drain(..self.histories.len() - 1);
        self.durable = self.durable.max(end);
    }
}

/// What was found of a partition.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) batches: History,
    /// Of the topic with transactions.
    pub(super) committed: Option<Committed>,
}

impl Found {
    /// Reads all of it as a consumer would, and looks whether lookups agree.
    pub(super) fn of(partition: &Partition) -> Result<Self, String> {
        let offsets = partition.offsets();
        let (start, end) = (offsets.log_start.get(), offsets.log_end.get());
        let mut batches = History::new();
        let mut next = start;
        while next < end {
            let mut bytes = BytesMut::new();
            let read = partition.read(next, 700, true, &mut bytes);
            read.map_err(|code| format!("cannot read at {next}: {code}"))?;
            let before = next;
            while let Ok(view) = BatchView::read(&bytes) {
                if view.bytes as usize > bytes.len() {
                    break;
                }
                let bytes = bytes.split_to(view.bytes as usize).to_vec();
                if !view.checksum_fits(&bytes) {
                    return Err(format!("the batch at {} is damaged", view.base));
                }
                next = view.last.next().get();
                batches.push(Arc::new(Batch { view, bytes }));
            }
            if next == before {
                return Err(format!("nothing at {next}, the log ends at {end}"));
            }
        }
        let transactions = partition.topic() == transacted::TOPIC;
        let committed = transactions.then(|| Committed::of(partition)).transpose()?;
        let this = Self { start, end, batches, committed };
        this.traces(partition).map(|()| this)
    }

    /// What is derived from the batches must say what they say.
    fn traces(&self, partition: &Partition) -> Result<(), String> {
        for batch in &self.batches {
            let (base, epoch) = (batch.view.base, batch.view.leader_epoch);
            let known = partition.with_log(|log| log.epochs().covering(base));
            if batch.view.base.get() >= self.start && known != epoch {
                return Err(format!("batch {base} is of {epoch:?}, the epochs say {known:?}"));
            }
            self.is_remembered(partition, &batch.view)?;
        }
        Ok(())
    }

    /// A batch of a producer must be known as one that is there already.
    fn is_remembered(&self, partition: &Partition, batch: &BatchView) -> Result<(), String> {
        let Some(stamp) = batch.stamp else { return Ok(()) };
        let of_same = |later: &&Arc<Batch>| {
            let same = |other: BatchStamp| other.id == stamp.id;
            later.view.base > batch.base && later.view.stamp.is_some_and(same)
        };
        if self.batches.iter().filter(of_same).count() >= 5 {
            return Ok(()); // forgotten
        }
        match partition.with_log(|log| log.producers().decide(&stamp)) {
            Ok(Decision::Duplicate(known)) if known.base_offset == batch.base => Ok(()),
            other => Err(format!("a retry of batch {} would be {other:?}", batch.base)),
        }
    }

    /// Whether it is how `history` of this topic begins.
    pub(super) fn is_of(&self, topic: &str, history: &History) -> bool {
        let mut expected = history.iter().skip_while(|batch| batch.end() <= self.start);
        self.batches.iter().all(|batch| expected.next() == Some(batch))
            || (topic == compacted::TOPIC && compacted::is_of(self, history))
    }
}

/// When the machine ended, as far as the test knows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Between<'a> {
    pub(super) before: Option<&'a Expected>,
    pub(super) after: Option<&'a Expected>,
    /// Only the process has ended: what was written is there.
    pub(super) all: bool,
}

impl Between<'_> {
    /// Whether this may be found.
    pub(super) fn check(&self, found: &Found) -> Result<(), String> {
        let sides = [self.before, self.after];
        let sides: Vec<&Expected> = sides.into_iter().flatten().collect();
        let Found { start, end, .. } = *found;
        let least = |of: fn(&Expected) -> i64| sides.iter().map(|side| of(side)).min().unwrap();
        let promised = if self.before.is_none() { 0 } else { least(|side| side.starts.0) };
        let asked = sides.iter().map(|side| side.starts.1).max().unwrap();
        if !(promised..=asked).contains(&start) {
            return Err(format!("it starts at {start}, not from {promised} to {asked}"));
        }
        let durable = least(if self.all { Expected::end } else { |side| side.durable });
        if end < durable && self.before.is_some() {
            return Err(format!("it ends at {end}, and {durable} was promised"));
        }
        if end != found.batches.last().map_or(start, |batch| batch.end()) {
            return Err(format!("it ends at {end}, but not its last batch"));
        }
        let fits = |side: &&Expected| {
            let fits = |history: &&History| found.is_of(side.topic, history);
            side.histories.iter().filter(fits).any(|history| transacted::fits(found, history))
        };
        if sides.iter().any(fits) {
            Ok(())
        } else {
            let bases = |batches: &History| -> Vec<String> {
                let place = |b: &Arc<Batch>| format!("{}-{}", b.view.base, b.view.last);
                batches.iter().map(place).collect()
            };
            let known = sides.iter().flat_map(|side| &side.histories).map(bases);
            let known: Vec<_> = known.collect();
            let committed = &found.committed;
            let found = bases(&found.batches);
            Err(format!("nobody wrote this from {start} on: {found:?} {committed:?}\nof {known:?}"))
        }
    }
}

pub(super) fn config(topic: &str) -> LogConfig {
    let compact = topic == compacted::TOPIC;
    LogConfig {
        segment_bytes: if compact { 700 } else { 1_500 },
        index_interval_bytes: 200,
        cleanup: Cleanup { delete: true, compact },
        cleanable_ratio_min: 0.0,
        delete_retention_ms: 200,
        retention_bytes: (topic == transacted::TOPIC).then_some(1_500),
        retention_ms: (topic == COMMIT_TOPIC).then_some(250),
        segment_ms: if topic == COMMIT_TOPIC { 150 } else { i64::MAX },
        ..LogConfig::default()
    }
}

pub(super) fn rules(now_ms: i64) -> ProduceRules {
    ProduceRules { version: 12, all_in_sync: true, now_ms }
}

pub(super) fn open_manager(disk: &UnrulyDisk) -> Result<LogManager, String> {
    let identity = || MetaProperties {
        cluster_id: "a-cluster".to_owned(),
        node_id: NodeId(1),
        directory_id: Uuid::from_random([9; 16]),
    };
    LogManager::open(Arc::new(disk.clone()), identity).map_err(|error| error.to_string())
}

/// Opens a partition and makes it the leader of `epoch`.
pub(super) fn open_partition(
    manager: &LogManager,
    (topic, id): (&str, Uuid),
    epoch: i32,
) -> Result<Arc<Partition>, String> {
    // of one topic, what is acknowledged is on the device
    let durability = if topic == COMMIT_TOPIC { Durability::Commit } else { Durability::Os };
    let config = LogConfig { durability, ..config(topic) };
    let opened = manager.open_partition((topic, INDEX, id), config, 0);
    let (partition, _) = opened.map_err(|error| error.to_string())?;
    let led = partition.make_leader(LeaderEpoch(epoch), 1, 1);
    led.map_err(|error| error.to_string())?;
    Ok(Arc::new(partition))
}

pub(super) fn prepare(batch: &[u8]) -> PreparedBatch {
    PreparedBatch::internal(Bytes::copy_from_slice(batch)).unwrap()
}
