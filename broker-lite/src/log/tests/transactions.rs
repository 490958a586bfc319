//! Transactions in a log: what a reader of committed records is given, whatever happened between.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::BytesMut;
use ottla_protocol::ids::{
    CoordinatorEpoch, LeaderEpoch, Offset, ProducerEpoch, ProducerId, RawOffset, Sequence,
    Timestamp,
};
use ottla_protocol::record::{
    BatchBuilder, BatchHeader, CheckedBatch, Compression, Compressor, EndTxnMarker, ProducerStamp,
    split_batches,
};

use super::expected::{config, rules};
use crate::log::disk::{Disk, FileDisk, MemoryDisk};
use crate::log::recovery::OpenArgs;
use crate::log::transactions::Marker;
use crate::log::txn_index::AbortedTxn;
use crate::replica::partition::Partition;
use crate::replica::prepare::PreparedBatch;

/// What was appended, in order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Entry {
    Data { base: i64, last: i64, producer: Option<i64>, transactional: bool },
    Marker { at: i64, producer: i64, committed: bool },
}

impl Entry {
    fn last(&self) -> i64 {
        match *self {
            Self::Data { last, .. } => last,
            Self::Marker { at, .. } => at,
        }
    }
}

struct Log {
    disk: Arc<dyn Disk>,
    partition: Arc<Partition>,
    /// Of all records, milliseconds since 1970.
    time: i64,
    entries: Vec<Entry>,
    sequences: BTreeMap<i64, i32>,
    epoch: i32,
}

fn open(disk: &Arc<dyn Disk>, args: &OpenArgs, epoch: i32) -> Arc<Partition> {
    let place = ("t", super::expected::INDEX);
    let opened = Partition::open(Arc::clone(disk), "t-0", place, config("t"), args);
    let (partition, _) = opened.unwrap();
    partition.make_leader(LeaderEpoch(epoch), 1, 1).unwrap();
    Arc::new(partition)
}

impl Log {
    fn new() -> Self {
        Self::on(Arc::new(MemoryDisk::new()), 1_000)
    }

    fn on(disk: Arc<dyn Disk>, time: i64) -> Self {
        let partition = open(&disk, &OpenArgs::default(), 0);
        let (entries, sequences) = (Vec::new(), BTreeMap::new());
        Self { disk, partition, time, entries, sequences, epoch: 0 }
    }

    fn append(&self, batch: BytesMut) -> i64 {
        let batch = PreparedBatch::internal(batch.freeze()).unwrap();
        self.partition.append(&batch, &rules(1_000)).unwrap().base_offset.get()
    }

    fn data(&mut self, producer: Option<i64>, transactional: bool, records: i32) {
        let mut batch = BatchBuilder::new(BytesMut::new());
        for _ in 0..records {
            batch.append(Timestamp(self.time), Some(b"key"), Some(&[7; 50]), &[]).unwrap();
        }
        let stamp = producer.map(|id| {
            let next = self.sequences.entry(id).or_default();
            let first = *next;
            *next += records;
            let first = Sequence::new(first).unwrap();
            ProducerStamp { id: ProducerId(id), epoch: ProducerEpoch(0), first, transactional }
        });
        let sealed = batch.seal(Compression::None, &mut Compressor::default(), stamp).unwrap();
        let base = self.append(sealed.bytes);
        let last = base + i64::from(records) - 1;
        self.entries.push(Entry::Data { base, last, producer, transactional });
    }

    fn end(&mut self, producer: i64, committed: bool) {
        let marker = EndTxnMarker { committed, coordinator_epoch: CoordinatorEpoch(3) };
        let batch = marker.batch(ProducerId(producer), ProducerEpoch(0), Timestamp(self.time));
        let at = self.append(batch.unwrap());
        self.entries.push(Entry::Marker { at, producer, committed });
    }

    fn reopen(&mut self, clean: bool, recovery_point: Option<i64>) {
        if clean {
            self.partition.close().unwrap();
        }
        let recovery_point = recovery_point.and_then(Offset::new).unwrap_or_default();
        let args = OpenArgs { clean, recovery_point, ..OpenArgs::default() };
        self.epoch += 1;
        self.partition = open(&self.disk, &args, self.epoch);
    }

    /// Where each open transaction begins.
    fn open_transactions(&self) -> BTreeMap<i64, i64> {
        let mut open = BTreeMap::new();
        for entry in &self.entries {
            match *entry {
                Entry::Data { base, producer: Some(id), transactional: true, .. } => {
                    open.entry(id).or_insert(base);
                }
                Entry::Data { .. } => {}
                Entry::Marker { producer, .. } => {
                    open.remove(&producer);
                }
            }
        }
        open
    }

    fn log_end(&self) -> i64 {
        self.entries.last().map_or(0, |entry| entry.last() + 1)
    }

    fn stable(&self) -> i64 {
        self.open_transactions().into_values().min().unwrap_or_else(|| self.log_end())
    }

    /// The first offsets of batches that a reader of committed records is to see from `from` on.
    fn committed(&self, from: i64) -> Vec<i64> {
        let is_committed = |at: usize, id| {
            let markers = self.entries[at..].iter().filter_map(|entry| match entry {
                Entry::Marker { producer, committed, .. } => Some((*producer, *committed)),
                Entry::Data { .. } => None,
            });
            markers.into_iter().find(|(producer, _)| *producer == id).is_some_and(|(_, ok)| ok)
        };
        let stable = self.stable();
        let visible = self.entries.iter().enumerate().filter_map(|(at, entry)| match *entry {
            Entry::Data { base, last, producer, transactional } => {
                let ok = !transactional || producer.is_some_and(|id| is_committed(at, id));
                (ok && last >= from && base < stable).then_some(base)
            }
            Entry::Marker { .. } => None,
        });
        visible.collect()
    }

    fn consume(&self, from: i64, bytes_max: u32) -> Vec<i64> {
        consume(&self.partition, from, self.stable(), bytes_max).unwrap()
    }

    fn check(&self, rng: &mut fastrand::Rng) {
        let offsets = self.partition.offsets();
        assert_eq!(offsets.last_stable.get(), self.stable(), "{:?}", self.entries);
        for _ in 0..3 {
            let from = rng.i64(0..=self.log_end());
            let bytes_max = rng.u32(1..3_000);
            assert_eq!(self.consume(from, bytes_max), self.committed(from), "from {from}");
        }
        let open: BTreeMap<i64, i64> = {
            let known = self.partition.producers().unwrap().into_iter();
            known.filter_map(|p| Some((p.id.0, p.open_since?.get()))).collect()
        };
        assert_eq!(open, self.open_transactions());
    }
}

/// Reads as a consumer does that wants committed records only, up to what is stable.
pub(super) fn consume(
    partition: &Partition,
    from: i64,
    stable: i64,
    bytes_max: u32,
) -> Result<Vec<i64>, String> {
    let (mut next, mut seen) = (from, Vec::new());
    while next < stable {
        let failed = |code| format!("committed records at {next}: {code}");
        let found = partition.plan(RawOffset(next), bytes_max, true, true).map_err(failed)?;
        let Some(plan) = found.0 else { return Err(format!("nothing at {next}")) };
        let mut bytes = BytesMut::new();
        partition.read_plan(&plan, &mut bytes).map_err(failed)?;
        let mut aborted = plan.aborted;
        aborted.sort_by_key(|transaction| transaction.first);
        let mut filter = Filter { aborted: aborted.into(), skipped: BTreeSet::new() };
        for batch in split_batches(bytes.freeze()).map_while(Result::ok) {
            let batch = CheckedBatch::check(batch).unwrap();
            next = batch.header().last_offset().unwrap().get() + 1;
            if filter.passes(&batch) {
                seen.push(batch.header().base_offset);
            }
        }
    }
    Ok(seen)
}

/// What Kafka's consumers do with the list of aborted transactions.
struct Filter {
    aborted: std::collections::VecDeque<AbortedTxn>,
    skipped: BTreeSet<ProducerId>,
}

impl Filter {
    fn passes(&mut self, batch: &CheckedBatch) -> bool {
        let header: &BatchHeader = batch.header();
        while self.aborted.front().is_some_and(|next| Some(next.first) <= header.last_offset()) {
            self.skipped.extend(self.aborted.pop_front().map(|transaction| transaction.id));
        }
        if header.is_control() {
            if let Some(marker) = Marker::of(batch.bytes())
                && !marker.committed
            {
                self.skipped.remove(&marker.id);
            }
            return false;
        }
        let id = header.producer_id;
        !(header.is_transactional() && id.is_some_and(|id| self.skipped.contains(&id)))
    }
}

#[test]
fn a_reader_of_committed_records_stops_at_the_first_open_transaction() {
    let mut log = Log::new();
    let stable = |log: &Log| log.partition.offsets().last_stable.get();
    log.data(None, false, 2);
    assert_eq!(stable(&log), 2, "no transaction is open");
    log.data(Some(1), true, 2); // 2, 3
    log.data(Some(2), true, 2); // 4, 5
    log.data(Some(1), true, 1); // 6
    assert_eq!(stable(&log), 2);
    log.end(1, false); // 7
    assert_eq!(stable(&log), 4, "of the other");
    log.data(Some(1), true, 1); // 8
    log.end(2, true); // 9
    assert_eq!(stable(&log), 8, "a new one");
    log.end(1, true); // 10
    assert_eq!(stable(&log), 11);
    assert_eq!(log.consume(0, 10_000), [0, 4, 8]);
    let plan = |from| log.partition.plan(RawOffset(from), 10_000, true, true).unwrap().0.unwrap();
    let aborted = plan(0).aborted;
    assert_eq!(aborted.len(), 1);
    assert_eq!(
        (aborted[0].id, aborted[0].first.get(), aborted[0].last.get()),
        (ProducerId(1), 2, 7)
    );
    assert_eq!(plan(8).aborted, [], "it ended before");
    let all = log.partition.plan(RawOffset(0), 10_000, true, false).unwrap().0.unwrap();
    assert_eq!(all.aborted, [], "who reads everything is told nothing");
    log.end(9, false);
    assert_eq!(stable(&log), 12, "a marker of nobody ends nothing");
}

/// Random transactions, restarts, crashes and damaged indexes.
#[test]
fn committed_records_and_no_others_are_read_whatever_happened() {
    for seed in 0..40 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut log = Log::new();
        for _ in 0..120 {
            let producer = rng.i64(0..4);
            match rng.u32(0..20) {
                0 => log.reopen(true, None),
                1 => log.reopen(false, None),
                2 => {
                    let end = log.partition.offsets().log_end.get();
                    let synced = rng.i64(0..=end);
                    log.partition.sync().unwrap();
                    log.reopen(false, Some(synced));
                }
                3 => damage(&mut log, &mut rng),
                4..8 => log.end(producer, rng.bool()),
                8..10 => log.data(None, false, rng.i32(1..4)),
                10 => log.data(Some(producer + 10), false, 1),
                _ => log.data(Some(producer), true, rng.i32(1..4)),
            }
            log.check(&mut rng);
        }
    }
}

/// An index of aborted transactions is not what it was.
fn damage(log: &mut Log, rng: &mut fastrand::Rng) {
    log.partition.close().unwrap();
    let names = log.disk.list("t-0").unwrap().into_iter().map(|entry| entry.name);
    let indexes: Vec<String> = names.filter(|name| name.ends_with(".txnindex")).collect();
    if let Some(name) = rng.choice(&indexes) {
        let file = log.disk.open(&format!("t-0/{name}"), false).unwrap();
        let len = file.len().unwrap();
        file.truncate(len.saturating_sub(rng.u64(1..20))).unwrap();
    }
    let args = OpenArgs { clean: true, ..OpenArgs::default() };
    log.epoch += 1;
    log.partition = open(&log.disk, &args, log.epoch);
}

/// Writes such a log where `OTTLA_LOG_DIR` says, for programs that are not ours to read.
#[test]
#[ignore = "it is a step of tests/peers/log_exchange.sh, which has Apache Kafka read what it writes"]
fn a_log_with_transactions_is_written_for_other_programs() {
    let dir = std::env::var_os("OTTLA_LOG_DIR").expect("OTTLA_LOG_DIR names a directory");
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
    let mut log = Log::on(Arc::new(FileDisk::new(dir)), i64::try_from(now).unwrap());
    let mut rng = fastrand::Rng::with_seed(6);
    for step in 0..300 {
        let producer = rng.i64(0..4);
        match rng.u32(0..20) {
            _ if step == 100 => log.reopen(true, None),
            _ if step == 200 => log.reopen(false, None),
            0..6 => log.end(producer, rng.bool()),
            6..8 => log.data(None, false, rng.i32(1..4)),
            8 => log.data(Some(producer + 10), false, 1),
            _ => log.data(Some(producer), true, rng.i32(1..4)),
        }
        log.check(&mut rng);
    }
    (0..4).for_each(|producer| log.end(producer, producer % 2 == 0));
    log.data(Some(1), true, 3);
    log.data(None, false, 2);
    log.end(2, false);
    assert!(log.stable() < log.log_end(), "one is left open");
    log.partition.close().unwrap();
}

#[test]
fn a_producer_with_an_open_transaction_is_not_forgotten() {
    let mut log = Log::new();
    log.data(Some(1), true, 1);
    log.data(Some(2), false, 1);
    log.partition.expire_producers(i64::MAX);
    let known = log.partition.producers().unwrap();
    assert_eq!(known.iter().map(|producer| producer.id.0).collect::<Vec<_>>(), [1]);
    log.end(1, true);
    assert_eq!(log.partition.producers().unwrap()[0].coordinator_epoch, Some(CoordinatorEpoch(3)));
    log.partition.expire_producers(i64::MAX);
    assert!(log.partition.producers().unwrap().is_empty());
}

#[test]
fn what_is_stable_never_lies_before_the_start() {
    let mut log = Log::new();
    log.data(Some(1), true, 3);
    log.data(None, false, 3);
    assert_eq!(log.partition.offsets().last_stable, Offset::ZERO);
    let start = log.partition.delete_records(RawOffset(5)).unwrap();
    let told = log.partition.offsets();
    assert_eq!(told.log_start, Offset::ZERO, "it may come back as long as it is not on the device");
    log.partition.start_is_kept(start);
    let offsets = log.partition.offsets();
    assert_eq!((offsets.log_start.get(), offsets.last_stable.get()), (5, 5));
    log.end(1, false);
    assert_eq!(log.partition.offsets().last_stable.get(), 7);
}
