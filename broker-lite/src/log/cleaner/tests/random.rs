//! Logs to which random things happen, transactions among them.

use std::collections::BTreeSet;

use ottla_protocol::record::{ControlRecord, ControlType};

use super::*;

/// So many producers are idempotent, and as many more write in transactions; others are neither.
const IDEMPOTENT: usize = 3;

/// A producer: its epoch, its next sequence, the end of its last batch of that epoch.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    epoch: i16,
    sequence: i32,
    last: Option<Offset>,
    /// Index of its open transaction.
    open: Option<usize>,
    /// It was heard of.
    seen: bool,
}

/// A transaction: where it begins, and whether it was committed once it has ended.
#[derive(Clone, Copy, Debug)]
struct Transaction {
    first: Offset,
    committed: Option<bool>,
}

/// A log, and what was written to it.
struct Sim {
    seed: u64,
    rng: fastrand::Rng,
    disk: MemoryDisk,
    log: Log,
    /// Each with its transaction.
    records: Vec<(Record, Option<usize>)>,
    transactions: Vec<Transaction>,
    now_ms: i64,
    producers: [Known; 2 * IDEMPOTENT],
}

/// What a reader of committed records sees, as a client makes it from what it is told.
fn read_committed(log: &mut Log) -> Vec<Record> {
    let (mut next, below) = (log.start(), log.last_stable(log.end()));
    let mut records = Vec::new();
    while next < below {
        let limit = ReadLimit { below, bytes_max: 1_000, at_least_one: true };
        let Some(plan) = log.plan(next, limit).unwrap() else { break };
        let mut aborted = log.aborted(&plan, next).unwrap();
        aborted.sort_by_key(|aborted| aborted.first);
        let (mut aborted, mut ignored) = (aborted.into_iter().peekable(), BTreeSet::new());
        for batch in batches_of(&plan) {
            let header = batch.header();
            let last = header.last_offset().unwrap();
            while let Some(begun) = aborted.next_if(|aborted| aborted.first <= last) {
                ignored.insert(begun.id);
            }
            let producer = header.producer_id;
            if header.is_control() {
                if kind(&batch) == Some(ControlType::Abort) {
                    ignored.remove(&producer.unwrap());
                }
            } else if !header.is_transactional() || !ignored.contains(&producer.unwrap()) {
                records_of(&batch, &mut records);
            }
            next = last.next();
        }
    }
    records
}

fn kind(batch: &CheckedBatch) -> Option<ControlType> {
    let block = RecordBlock::open(batch, &mut Decompressor::default(), 1 << 10).unwrap();
    let record = block.records().next()?.unwrap();
    Some(ControlRecord::parse(&record).unwrap().kind)
}

impl Sim {
    fn new(seed: u64) -> Self {
        let disk = MemoryDisk::new();
        Self::on(seed, disk.clone(), Arc::new(disk))
    }

    /// A log that is written through `through`, and opened again on `disk`.
    fn on(seed: u64, disk: MemoryDisk, through: Arc<dyn Disk>) -> Self {
        Self {
            seed,
            rng: fastrand::Rng::with_seed(seed),
            log: open(through, &OpenArgs::default()),
            disk,
            records: Vec::new(),
            transactions: Vec::new(),
            now_ms: 1_000,
            producers: <[Known; 2 * IDEMPOTENT]>::default(),
        }
    }

    fn append(&mut self) {
        let rng = &mut self.rng;
        let keys: Vec<_> = (0..rng.usize(1..5)).map(|_| rng.u32(0..9).to_string()).collect();
        let value = "v".repeat(rng.usize(0..40));
        let mut pair = |key| (key, (rng.u32(0..4) > 0).then_some(value.as_str()));
        let batch: Vec<_> = keys.iter().map(|key| pair(key.as_str())).collect();
        let codecs: Vec<_> = Compression::ALL.into_iter().filter(|c| c.is_built_in()).collect();
        let codec = codecs[self.rng.usize(0..codecs.len())];
        let (i, base) = (self.rng.usize(0..3 * IDEMPOTENT), self.log.end());
        let mut transaction = None;
        let stamp = self.producers.get_mut(i).map(|known| {
            let first = Sequence::new(known.sequence).unwrap();
            known.sequence += i32::try_from(batch.len()).unwrap();
            known.seen = true;
            if i >= IDEMPOTENT {
                transaction = Some(*known.open.get_or_insert(self.transactions.len()));
            }
            let (id, epoch) = (ProducerId(i64::try_from(i).unwrap()), ProducerEpoch(known.epoch));
            ProducerStamp { id, epoch, first, transactional: i >= IDEMPOTENT }
        });
        if transaction == Some(self.transactions.len()) {
            self.transactions.push(Transaction { first: base, committed: None });
        }
        let records = append_as(&mut self.log, &batch, codec, stamp, self.now_ms);
        self.records.extend(records.into_iter().map(|record| (record, transaction)));
        if let Some(known) = self.producers.get_mut(i) {
            known.last = Some(self.log.end());
        }
    }

    /// Ends what some producer has begun, maybe with another epoch, as KIP-890 has it.
    fn end(&mut self) {
        let i = self.rng.usize(IDEMPOTENT..2 * IDEMPOTENT);
        self.end_of(i);
    }

    fn end_of(&mut self, i: usize) {
        let (committed, raised) = (self.rng.bool(), self.rng.bool());
        let known = &mut self.producers[i];
        let Some(transaction) = known.open.take() else { return };
        if raised {
            *known = Known { epoch: known.epoch + 1, seen: true, ..Known::default() };
        }
        self.transactions[transaction].committed = Some(committed);
        let producer = (i64::try_from(i).unwrap(), known.epoch);
        end(&mut self.log, producer, committed, self.now_ms);
    }

    fn step(&mut self) {
        self.now_ms += self.rng.i64(0..DAY_MS / 10);
        match self.rng.u32(0..12) {
            0 => self.clean(),
            1 => self.reopen(),
            2 | 3 => self.end(),
            _ => self.append(),
        }
    }

    fn clean(&mut self) {
        let bytes = [48, 200, 1 << 16][self.rng.usize(0..3)];
        let wanted = [Wanted::Due, Wanted::All][self.rng.usize(0..2)];
        clean(&mut self.log, wanted, self.now_ms, bytes).unwrap();
    }

    /// Stops or kills the broker and starts it.
    fn reopen(&mut self) {
        let clean = self.rng.bool();
        if clean {
            self.log.close().unwrap();
        }
        let synced = self.rng.bool();
        let recovery_point = if synced { self.log.synced().unwrap() } else { offset(0) };
        let cleaned_to = self.log.cleaned_to().filter(|_| self.rng.bool());
        self.open(&OpenArgs { clean, recovery_point, cleaned_to, ..OpenArgs::default() });
    }

    fn open(&mut self, args: &OpenArgs) {
        let end = self.log.end();
        let args = OpenArgs { now_ms: self.now_ms, ..args.clone() };
        self.log = open(Arc::new(self.disk.clone()), &args);
        assert_eq!(self.log.end(), end, "seed {}", self.seed);
    }

    /// What a reader of committed records may see.
    fn committed(&self) -> Vec<Record> {
        let stable = self.log.last_stable(self.log.end()).get();
        let ended = |transaction: usize| self.transactions[transaction].committed == Some(true);
        let seen = self
            .records
            .iter()
            .filter(|(record, transaction)| record.0 < stable && transaction.is_none_or(ended));
        seen.map(|(record, _)| record.clone()).collect()
    }

    /// What is read is a part of what was written, with all that is newest; a tombstone may be gone.
    /// Nothing that was aborted hides a record, or is shown as committed.
    fn check(&mut self) {
        let (seed, found) = (self.seed, read_committed(&mut self.log));
        let open = self.transactions.iter().filter(|known| known.committed.is_none());
        let stable = open.map(|known| known.first).min().unwrap_or_else(|| self.log.end());
        assert_eq!(self.log.last_stable(self.log.end()), stable, "seed {seed}");
        let all: Vec<_> = self.records.iter().map(|(record, _)| record.clone()).collect();
        let committed = self.committed();
        for (found, written) in [(&read(&mut self.log), &all), (&found, &committed)] {
            let mut rest = written.iter();
            assert!(
                found.iter().all(|f| rest.any(|r| r == f)),
                "seed {seed}: in order, as written"
            );
        }
        let last: BTreeMap<_, _> = found.iter().map(|(at, key, _)| (key, *at)).collect();
        for (at, key, value) in newest(&committed, i64::MAX) {
            let newest = last.get(&key) == Some(&at);
            let gone = value.is_none() && !last.contains_key(&key);
            assert!(newest || gone, "seed {seed}: {key} at {at} is lost, or an older one is back");
        }
        self.check_producers();
    }

    /// Their last batches are known, and where none is, their epochs.
    fn check_producers(&self) {
        let known: BTreeMap<_, _> = self.log.producers().iter().collect();
        for (i, expected) in self.producers.iter().enumerate().filter(|(_, known)| known.seen) {
            let entry = known[&ProducerId(i64::try_from(i).unwrap())];
            let last = entry.batches.back().map(|batch| batch.last_offset.next());
            let expected = (ProducerEpoch(expected.epoch), expected.last);
            assert_eq!((entry.epoch, last), expected, "seed {}: producer {i}", self.seed);
        }
    }
}

#[test]
fn random_logs_keep_what_they_must_and_nothing_else() {
    for seed in 0..60 {
        let mut sim = Sim::new(seed);
        for _ in 0..140 {
            sim.step();
            sim.check();
        }
        (IDEMPOTENT..2 * IDEMPOTENT).for_each(|i| sim.end_of(i));
        for _ in 0..3 {
            sim.log.roll(sim.now_ms).unwrap();
            sim.now_ms += 2 * DAY_MS;
            assert!(clean(&mut sim.log, Wanted::All, sim.now_ms, 1 << 16).unwrap());
            sim.check();
        }
        let mut live = newest(&sim.committed(), i64::MAX);
        live.retain(|record| record.2.is_some());
        assert_eq!(read(&mut sim.log), live, "seed {seed}");
        assert_eq!(read_committed(&mut sim.log), live, "seed {seed}");
        let aborts = read_batches(&mut sim.log)
            .into_iter()
            .filter(|batch| batch.header().is_control() && kind(batch) == Some(ControlType::Abort));
        assert!(aborts.count() <= IDEMPOTENT + logs(&sim.disk), "seed {seed}: they mark nothing");
        for name in names(&sim.disk).iter().filter(|name| name.ends_with(".snapshot")) {
            sim.disk.remove(&format!("{DIR}/{name}")).unwrap();
        }
        sim.open(&OpenArgs::default());
        sim.check(); // from the log alone
    }
}

#[test]
fn a_crash_anywhere_leaves_what_is_known_of_transactions() {
    let (mut killed, mut kept) = (0, 0);
    for seed in 0..8 {
        for left in 0.. {
            let disk = MemoryDisk::new();
            let budget = Arc::new(Mutex::new(usize::MAX));
            let mortal = MortalDisk { disk: disk.clone(), left: Arc::clone(&budget) };
            let mut sim = Sim::on(seed, disk, Arc::new(mortal));
            for n in 0..40 {
                // most are ended early, the last ones not
                if n % 3 == 1 && n < 30 { sim.end() } else { sim.append() }
            }
            sim.log.roll(sim.now_ms).unwrap();
            let end = sim.log.end();
            *budget.lock().unwrap() = left;
            let mut cleaned = Ok(true);
            for _ in 0..3 {
                sim.now_ms += 2 * DAY_MS;
                cleaned =
                    cleaned.and_then(|_| clean(&mut sim.log, Wanted::All, sim.now_ms, 1 << 16));
            }
            for clean in [false, true] {
                sim.open(&OpenArgs { clean, recovery_point: end, ..OpenArgs::default() });
                sim.check();
            }
            if cleaned.is_ok() {
                kept += names(&sim.disk).iter().filter(|name| name.ends_with(".txnindex")).count();
                break;
            }
            killed += 1;
        }
    }
    assert!(killed > 100 && kept > 0, "{killed} crashes, {kept} indexes of aborted ones");
}

#[test]
fn what_was_aborted_behind_an_open_transaction_stays_known() {
    let mut log = open(Arc::new(MemoryDisk::new()), &OpenArgs::default());
    let data = |log: &mut Log, id: i64, key: &str| {
        let (id, epoch, first) = (ProducerId(id), ProducerEpoch(0), Sequence::ZERO);
        let stamp = ProducerStamp { id, epoch, first, transactional: true };
        append_as(log, &[(key, Some("v"))], Compression::None, Some(stamp), 1_000)
    };
    for _ in 0..2 {
        append(&mut log, &[("a", Some("1"))], Compression::None, None, 1_000);
    }
    let open = data(&mut log, 1, "u");
    data(&mut log, 2, "t");
    end(&mut log, (2, 0), false, 1_000);
    log.roll(1_000).unwrap();
    assert_eq!(log.last_stable(log.end()), offset(2));
    for n in 1..4 {
        // were its marker without a use, it would be gone in the end
        assert!(clean(&mut log, Wanted::All, n * 2 * DAY_MS, 1 << 20).unwrap());
    }
    end(&mut log, (1, 0), true, 1_000);
    let mut visible = vec![(1, "a".to_owned(), Some("1".to_owned()))];
    visible.extend(open);
    assert_eq!(read_committed(&mut log), visible);
    assert_eq!(read(&mut log).len(), 3, "what was aborted is there still");
}
