//! Histories that a sound broker and sound clients could have had, from a seed.

use std::collections::{BTreeMap, VecDeque};

use crate::judge::history::{
    Act, Found, History, Key, Mark, Outcome, Place, Process, Recorder, Run, Sent, Topic, TopicFacts,
};

const WORKERS: u32 = 4;
/// How many sends of a worker are open at once.
const OPEN_MAX: usize = 4;
const POLLED_MAX: usize = 8;
/// Topics by what happens to them: the second partition of the first is trimmed on demand.
const PLAIN: Topic = Topic(0);
const COMPACTED: Topic = Topic(1);
const RETAINED: Topic = Topic(2);

/// The log of a partition.
#[derive(Debug, Default)]
struct Log {
    records: Vec<(Found, Option<u64>)>,
    start: i64,
    end: i64,
}

/// A send that is not over.
#[derive(Debug)]
struct Flight {
    op: usize,
    sent: Vec<Sent>,
    is_decided: bool,
    is_told: bool,
}

#[derive(Debug, Default)]
struct Worker {
    flights: VecDeque<Flight>,
    assigned: Vec<Key>,
    /// `None`: at the end, wherever that is when it polls.
    positions: BTreeMap<Key, Option<i64>>,
    polling: Option<usize>,
    watermarks: BTreeMap<Key, i64>,
}

struct Model {
    rng: fastrand::Rng,
    recorder: Recorder,
    ns: u64,
    value: u64,
    logs: BTreeMap<Key, Log>,
    workers: BTreeMap<Process, Worker>,
    /// What clients that died had open, each in its order.
    orphans: Vec<VecDeque<Flight>>,
    /// The name of the topic that is deleted and made anew, and its life.
    nameless: Topic,
    life: Topic,
    lives: u128,
}

/// A history of about `steps` steps and all that is read at its end.
pub(super) fn valid(seed: u64, steps: usize) -> History {
    let mut model = Model::new(seed);
    for _ in 0..steps {
        model.step();
    }
    model.finish()
}

impl Model {
    fn new(seed: u64) -> Self {
        let mut recorder = Recorder::default();
        let facts = |name: &str, id| TopicFacts { name: name.into(), id, ..Default::default() };
        recorder.topic(facts("orders", None));
        recorder.topic(TopicFacts { is_compacted: true, ..facts("squeezed", Some(7)) });
        recorder.topic(TopicFacts { is_retained: true, ..facts("kept", Some(8)) });
        let nameless = recorder.topic(facts("again", None));
        let life = recorder.topic(facts("again", Some(100)));
        let topics = [(PLAIN, 0), (PLAIN, 1), (COMPACTED, 0), (RETAINED, 0), (life, 0)];
        let keys = topics.map(|(topic, partition)| (Key { topic, partition }, Log::default()));
        Self {
            rng: fastrand::Rng::with_seed(seed),
            recorder,
            ns: 0,
            value: 0,
            logs: keys.into_iter().collect(),
            workers: (0..WORKERS).map(|number| (Process(number), Worker::default())).collect(),
            orphans: Vec::new(),
            nameless,
            life,
            lives: 100,
        }
    }

    fn step(&mut self) {
        self.ns += self.rng.u64(1..100_000);
        let process = Process(self.rng.u32(..WORKERS));
        match self.rng.u32(..200) {
            0..50 => self.send(process),
            50..95 => self.decide(process),
            95..130 => self.tell(process),
            130..165 => self.poll(process),
            165..175 => self.assign(process),
            175..183 => self.seek(process),
            183..184 => self.crash(process),
            184..192 => self.observe(process),
            192..194 => self.trim(process),
            194..196 => self.retain(),
            196..199 => self.compact(),
            _ => self.anew(process),
        }
    }

    fn any_key(&mut self) -> Key {
        let at = self.rng.usize(..self.logs.len());
        *self.logs.keys().nth(at).expect("in range")
    }

    fn send(&mut self, process: Process) {
        if self.workers[&process].flights.len() >= OPEN_MAX {
            return;
        }
        let count = if self.rng.u8(..4) == 0 { self.rng.usize(2..4) } else { 1 };
        let one_key = self.any_key();
        let sent = (0..count).map(|_| {
            let key = if self.rng.u8(..4) > 0 { one_key } else { self.any_key() };
            self.value += 1;
            let label = (key.topic == COMPACTED).then(|| self.rng.u64(..5));
            let topic = if key.topic == self.life { self.nameless } else { key.topic };
            let key = Key { topic, ..key };
            let (value, digest) = (self.value, self.value.wrapping_mul(31));
            Sent { key, value, digest, label, outcome: Outcome::Info, offset: None }
        });
        let sent = sent.collect::<Vec<_>>();
        let op = self.recorder.begin(process, self.ns, Act::Send(sent.clone()));
        let flight = Flight { op, sent, is_decided: false, is_told: false };
        self.worker(process).flights.push_back(flight);
    }

    fn worker(&mut self, process: Process) -> &mut Worker {
        self.workers.entry(process).or_default()
    }

    /// The oldest send of a worker gets into the log, or never does. Their order is kept.
    fn decide(&mut self, process: Process) {
        if self.rng.u8(..8) == 0 && !self.orphans.is_empty() {
            let at = self.rng.usize(..self.orphans.len());
            let mut flights = core::mem::take(&mut self.orphans[at]);
            self.decide_in(&mut flights);
            self.orphans[at] = flights;
        } else {
            let mut flights = core::mem::take(&mut self.worker(process).flights);
            self.decide_in(&mut flights);
            self.worker(process).flights = flights;
        }
    }

    fn decide_in(&mut self, flights: &mut VecDeque<Flight>) {
        if let Some(flight) = flights.iter_mut().find(|flight| !flight.is_decided) {
            let is_dropped = self.rng.u8(..12) == 0;
            for sent in &mut flight.sent {
                self.append(sent, is_dropped);
            }
            flight.is_decided = true;
        }
        flights.retain(|flight| !flight.is_decided || !flight.is_told);
    }

    fn append(&mut self, sent: &mut Sent, is_dropped: bool) {
        sent.outcome = if self.rng.bool() { Outcome::Fail } else { Outcome::Info };
        let topic = if sent.key.topic == self.nameless { self.life } else { sent.key.topic };
        let key = Key { topic, ..sent.key };
        let gap = if self.rng.u8(..20) == 0 { self.rng.i64(1..4) } else { 0 };
        if is_dropped {
            return;
        }
        let log = self.logs.get_mut(&key).expect("the key is alive");
        let offset = log.end + gap;
        log.end = offset + 1;
        let (value, digest) = (sent.value, sent.digest);
        log.records.push((Found { offset, value, digest }, sent.label));
        *sent = Sent { key, outcome: Outcome::Ok, offset: Some(offset), ..*sent };
    }

    /// A worker learns what came of a send, or is told that nobody knows.
    fn tell(&mut self, process: Process) {
        let mut flights = core::mem::take(&mut self.worker(process).flights);
        let open = flights.iter().filter(|flight| !flight.is_told).count();
        if open > 0 {
            let at = self.rng.usize(..open);
            let flight = flights.iter_mut().filter(|flight| !flight.is_told).nth(at);
            let flight = flight.expect("it was counted");
            let is_unknown = self.rng.u8(..12) == 0;
            if flight.is_decided || is_unknown {
                self.tell_one(flight, is_unknown);
            }
        }
        flights.retain(|flight| !flight.is_decided || !flight.is_told);
        self.worker(process).flights = flights;
    }

    fn tell_one(&mut self, flight: &mut Flight, is_unknown: bool) {
        let without_offset = self.rng.u8(..40) == 0;
        let told = flight.sent.iter().map(|sent| {
            if is_unknown || !flight.is_decided {
                let topic =
                    if sent.key.topic == self.life { self.nameless } else { sent.key.topic };
                let key = Key { topic, ..sent.key };
                Sent { key, outcome: Outcome::Info, offset: None, ..*sent }
            } else {
                Sent { offset: sent.offset.filter(|_| !without_offset), ..*sent }
            }
        });
        let act = Act::Send(told.collect());
        self.recorder.end(flight.op, self.ns, Outcome::Ok, act);
        flight.is_told = true;
    }

    fn poll(&mut self, process: Process) {
        match self.worker(process).polling.take() {
            Some(op) => self.end_poll(process, op),
            None if self.workers[&process].assigned.is_empty() => {}
            None => {
                let act = Act::Poll { runs: Vec::new(), rebalanced: Vec::new() };
                let op = self.recorder.begin(process, self.ns, act);
                self.worker(process).polling = Some(op);
            }
        }
    }

    fn end_poll(&mut self, process: Process, op: usize) {
        let worker = self.workers.entry(process).or_default();
        let mut runs = Vec::new();
        for key in &worker.assigned {
            let Some(log) = self.logs.get(key) else { continue };
            let reset = if self.rng.bool() { log.start } else { log.end };
            let position = worker.positions.get(key).copied();
            let from = position.map_or(reset, |at| at.unwrap_or(log.end)).max(log.start);
            let most = self.rng.usize(..=POLLED_MAX);
            let first = log.records.partition_point(|record| record.0.offset < from);
            let records = log.records[first..].iter().map(|record| record.0);
            let records: Vec<_> = records.take(most).collect();
            let next = records.last().map_or(from, |last| last.offset + 1);
            worker.positions.insert(*key, Some(next));
            if !records.is_empty() {
                runs.push(Run { key: *key, records });
            }
        }
        self.rng.shuffle(&mut runs);
        let act = Act::Poll { runs, rebalanced: Vec::new() };
        self.recorder.end(op, self.ns, Outcome::Ok, act);
    }

    fn assign(&mut self, process: Process) {
        let keys: Vec<_> = self.logs.keys().copied().filter(|_| self.rng.u8(..3) > 0).collect();
        self.end_polling(process);
        let worker = self.worker(process);
        worker.positions.retain(|key, _| keys.contains(key));
        worker.assigned.clone_from(&keys);
        self.recorder.at_once(process, self.ns, Act::Assign(keys));
    }

    fn end_polling(&mut self, process: Process) {
        if let Some(op) = self.worker(process).polling.take() {
            self.end_poll(process, op);
        }
    }

    fn seek(&mut self, process: Process) {
        self.end_polling(process);
        let assigned = self.workers[&process].assigned.clone();
        let Some(key) = self.rng.choice(assigned) else { return };
        let Some(log) = self.logs.get(&key) else { return };
        let (place, position) = match self.rng.u8(..3) {
            0 => (Place::Beginning, Some(0)),
            1 => (Place::End, None),
            _ => {
                let to = self.rng.i64(log.start..=log.end);
                (Place::Offset(to), Some(to))
            }
        };
        self.worker(process).positions.insert(key, position);
        self.recorder.at_once(process, self.ns, Act::Seek(key, place));
    }

    fn crash(&mut self, process: Process) {
        let mut worker = core::mem::take(self.worker(process));
        worker.flights.iter_mut().for_each(|flight| flight.is_told = true);
        self.orphans.push(worker.flights);
        self.recorder.at_once(process, self.ns, Act::Crash);
    }

    fn observe(&mut self, process: Process) {
        let key = self.any_key();
        let (start, end) = (self.logs[&key].start, self.logs[&key].end);
        let mark = match self.rng.u8(..3) {
            0 => Mark::Start(start),
            1 => Mark::Latest(end),
            _ => {
                let lag = self.rng.i64(0..3);
                let told = self.worker(process).watermarks.entry(key).or_default();
                *told = (*told).max(end - lag);
                Mark::HighWatermark(*told)
            }
        };
        self.recorder.at_once(process, self.ns, Act::Observe(key, Some(mark)));
    }

    fn trim(&mut self, process: Process) {
        let key = Key { topic: PLAIN, partition: 1 };
        let log = self.logs.get_mut(&key).expect("it is never deleted");
        let before = (log.start + self.rng.i64(1..4)).min(log.end);
        let before = (self.rng.u8(..10) > 0).then_some(before);
        let act = Act::Trim { key, before, start: None };
        let op = self.recorder.begin(process, self.ns, act);
        log.trim(before.unwrap_or(log.end));
        let (before, start) = (before, Some(log.start));
        self.recorder.end(op, self.ns, Outcome::Ok, Act::Trim { key, before, start });
    }

    fn retain(&mut self) {
        let log = self.logs.get_mut(&Key { topic: RETAINED, partition: 0 }).expect("it stays");
        let to = (log.start + self.rng.i64(0..6)).min(log.end);
        log.trim(to);
    }

    /// Some records go of which a later one has the label.
    fn compact(&mut self) {
        let log = self.logs.get_mut(&Key { topic: COMPACTED, partition: 0 }).expect("it stays");
        let mut last = BTreeMap::new();
        for (found, label) in &log.records {
            last.insert(*label, found.offset);
        }
        let rng = &mut self.rng;
        log.records.retain(|(found, label)| last[label] == found.offset || rng.bool());
    }

    /// The topic is deleted and made anew: what was open to the old one gets nowhere.
    fn anew(&mut self, process: Process) {
        if self.rng.u8(..4) > 0 {
            return;
        }
        let (old, partition) = (self.life, 0);
        self.recorder.at_once(process, self.ns, Act::Delete(old));
        self.logs.remove(&Key { topic: old, partition });
        self.lives += 1;
        let facts = TopicFacts { name: "again".into(), id: Some(self.lives), ..Default::default() };
        self.life = self.recorder.topic(facts);
        self.logs.insert(Key { topic: self.life, partition }, Log::default());
        for worker in self.workers.values_mut() {
            worker.positions.retain(|key, _| key.topic != old);
        }
    }

    /// All is whole: what is open is decided, and two readers read everything.
    fn finish(mut self) -> History {
        let all: Vec<_> = self.workers.keys().copied().collect();
        for process in &all {
            self.end_polling(*process);
            let mut flights = core::mem::take(&mut self.worker(*process).flights);
            while !flights.is_empty() {
                self.decide_in(&mut flights);
                for flight in flights.iter_mut().filter(|flight| flight.is_decided) {
                    self.tell_one(flight, false);
                }
                flights.retain(|flight| !flight.is_decided || !flight.is_told);
            }
        }
        self.recorder.last_reading();
        for process in [Process(WORKERS), Process(WORKERS + 1)] {
            let keys: Vec<_> = self.logs.keys().copied().collect();
            self.recorder.at_once(process, self.ns, Act::Crash);
            self.recorder.at_once(process, self.ns, Act::Assign(keys.clone()));
            for key in &keys {
                self.recorder.at_once(process, self.ns, Act::Seek(*key, Place::Beginning));
            }
            let positions = keys.iter().map(|key| (*key, Some(0))).collect();
            *self.worker(process) = Worker { assigned: keys, positions, ..Worker::default() };
            while !self.is_at_end(process) {
                self.poll(process);
                self.poll(process);
            }
            for (key, log) in &self.logs {
                let mark = Some(Mark::Start(log.start));
                self.recorder.at_once(process, self.ns, Act::Observe(*key, mark));
            }
        }
        self.recorder.finish()
    }

    fn is_at_end(&self, process: Process) -> bool {
        self.logs.iter().all(|(key, log)| {
            let last = log.records.last().map_or(0, |last| last.0.offset + 1);
            self.workers[&process].positions.get(key).is_some_and(|at| *at >= Some(last))
        })
    }
}

impl Log {
    fn trim(&mut self, start: i64) {
        self.start = self.start.max(start);
        let gone = self.records.partition_point(|record| record.0.offset < self.start);
        self.records.drain(..gone);
    }
}
