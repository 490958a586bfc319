//! Real clients that do what a [`Workload`] says, and write down for the judge what they are told.
//!
//! Here stands how results of our client map to [`Outcome`]s; the judge does not know them.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::future::{BoxFuture, join_all};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use ottla::ids::{Offset, PartitionIndex};
use ottla::producer::SendError;
use ottla::{
    Client, Consumer, DeleteRecords, OffsetReset, Producer, Record, RecordMetadata, Records,
    TopicPartition,
};
use ottla_runtime::{Clock, Instant, watch};

use crate::judge::history::{
    Act, Found, History, Key, Mark, Outcome, Place, Process, Recorder, Run, Sent, Topic, TopicFacts,
};
use crate::workload::{Do, Step, Workload};

/// How long the reading at the end waits for records that are said to be there.
const PATIENCE: Duration = Duration::from_secs(30);
const HEADER: &str = "digest";
/// How long a poll waits in which progress is to show.
const PROOF_POLL: Duration = Duration::from_millis(200);
/// How long a client rests before it asks once more for progress.
const PROOF_REST: Duration = Duration::from_millis(50);

/// Makes a client as the run wants it, for whom.
pub type Connect<'a> = &'a dyn Fn(Process) -> (Client, Producer);

/// When clients end that worked while much went wrong, and what they show then.
#[derive(Debug)]
pub struct Finale {
    /// Nobody takes a further step then.
    pub until: Instant,
    /// Since when everything is whole again, once it is.
    pub whole: watch::Receiver<Option<Instant>>,
    /// From then on every client must get a record into each partition and out again within this.
    pub within: Duration,
}

/// How many sends there were, and are.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pulse {
    /// Those whose outcome is not known yet.
    pub in_flight: u64,
    /// Those that were acknowledged.
    pub acknowledged: u64,
}

/// One run of a workload.
#[derive(Debug)]
pub struct Session<'a> {
    workload: &'a Workload,
    clock: &'a Clock,
    /// What the topics are called, up to their number.
    prefix: String,
    /// What stands in front of what a record carries besides its value.
    mark: &'static [u8],
    finale: Option<Finale>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    recorder: Recorder,
    pulse: Pulse,
    /// The last offsets that a client was told; -1 if it was told that it knows.
    taken: BTreeMap<(Process, Key), i64>,
    stuck: Vec<String>,
}

impl<'a> Session<'a> {
    /// Nothing has happened yet; the topics are `prefix-0` and so on.
    #[must_use]
    pub fn new(workload: &'a Workload, clock: &'a Clock, prefix: &str) -> Self {
        let mut recorder = Recorder::default();
        for topic in workload.topics() {
            recorder.topic(TopicFacts { name: topic_name(prefix, topic), ..TopicFacts::default() });
        }
        let state = Mutex::new(State { recorder, ..State::default() });
        Self { workload, clock, prefix: prefix.into(), mark: b"", finale: None, state }
    }

    /// What each record carries begins like this.
    #[must_use]
    pub const fn marked(mut self, mark: &'static [u8]) -> Self {
        self.mark = mark;
        self
    }

    /// Clients end so.
    #[must_use]
    pub fn ending(mut self, finale: Finale) -> Self {
        self.finale = Some(finale);
        self
    }

    /// How many sends there are at this moment.
    pub fn pulse(&self) -> Pulse {
        self.state().pulse
    }

    /// Who made no progress though everything was whole, where and how.
    pub fn stuck(&self) -> Vec<String> {
        self.state().stuck.clone()
    }

    /// All clients do what they are to do; ends when each send has its outcome.
    pub async fn carry_out(&self, connect: Connect<'_>) {
        let clients = self.workload.clients.iter().zip(0..).map(|(steps, number)| async move {
            Actor::new(self, Process(number), connect).carry_out(steps).await;
        });
        join_all(clients).await;
    }

    /// Everything is whole again: somebody reads all of it. Gives what the judge needs.
    ///
    /// # Panics
    ///
    /// With more than `u32::MAX` clients.
    pub async fn read_all(self, connect: Connect<'_>) -> History {
        self.write(|recorder, _| recorder.last_reading());
        let reader = u32::try_from(self.workload.clients.len()).expect("few clients");
        let mut reader = Actor::new(&self, Process(reader), connect);
        let keys = self.workload.keys();
        reader.act(&Do::Assign(keys.clone())).await;
        for key in &keys {
            reader.act(&Do::SeekToBeginning(*key)).await;
            reader.act(&Do::AskLatest(*key)).await;
        }
        let latest = self.clock.now() + PATIENCE;
        while reader.is_behind(&keys) && self.clock.now() < latest {
            reader.act(&Do::Poll(Duration::from_secs(1))).await;
        }
        drop(reader);
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner).recorder.finish()
    }

    fn write<T>(&self, write: impl FnOnce(&mut Recorder, u64) -> T) -> T {
        let ns = u64::try_from(self.clock.now().since_start().as_nanos()).unwrap_or(u64::MAX);
        write(&mut self.state().recorder, ns)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, process: Process, act: Act) -> usize {
        self.write(|recorder, ns| recorder.begin(process, ns, act))
    }

    fn end(&self, op: usize, outcome: Outcome, act: Act) {
        self.write(|recorder, ns| recorder.end(op, ns, outcome, act));
    }

    /// What came of a send.
    fn told(&self, op: usize, told: &Result<RecordMetadata, SendError>) {
        let (outcome, offset) = match told {
            Ok(told) => (Outcome::Ok, told.offset.map(Offset::get)),
            Err(error) if error.possibly_written() => (Outcome::Info, None),
            Err(_) => (Outcome::Fail, None),
        };
        self.write(|recorder, ns| recorder.told(op, ns, outcome, offset));
        let mut state = self.state();
        state.pulse.in_flight -= 1;
        if outcome == Outcome::Ok {
            state.pulse.acknowledged += 1;
            let op = &state.recorder.history().ops[op];
            if let (process, Act::Send(sent)) = (op.process, &op.act) {
                let place = (process, sent[0].key);
                state.taken.insert(place, offset.unwrap_or(-1));
            }
        }
    }
}

type Delivered = BoxFuture<'static, (usize, Result<RecordMetadata, SendError>)>;

/// One client.
struct Actor<'a> {
    session: &'a Session<'a>,
    process: Process,
    connect: Connect<'a>,
    client: Client,
    producer: Producer,
    consumer: Consumer,
    open: FuturesUnordered<Delivered>,
    sent: u64,
    /// The offset behind the last record polled.
    next: BTreeMap<Key, i64>,
    /// The ends that were told last.
    ends: BTreeMap<Key, i64>,
}

impl<'a> Actor<'a> {
    fn new(session: &'a Session<'a>, process: Process, connect: Connect<'a>) -> Self {
        let (client, producer) = connect(process);
        let consumer = client.consumer().reset(OffsetReset::Earliest).build();
        let consumer = consumer.expect("a sound consumer");
        let (open, next, ends) = (FuturesUnordered::new(), BTreeMap::new(), BTreeMap::new());
        let sent = 0;
        Self { session, process, connect, client, producer, consumer, open, sent, next, ends }
    }

    async fn carry_out(mut self, steps: &[Step]) {
        let until = self.session.finale.as_ref().map_or(Instant::MAX, |finale| finale.until);
        for step in steps {
            let at = (self.session.clock.now() + step.rest).min(until);
            let rest = self.session.clock.sleep_until(at);
            settling(self.session, &mut self.open, rest).await;
            if self.session.clock.now() >= until {
                break;
            }
            self.act(&step.what).await;
        }
        if let Some(finale) = &self.session.finale {
            let mut whole = finale.whole.clone();
            let since = whole.wait_for(Option::is_some);
            let since = settling(self.session, &mut self.open, since).await;
            let since = since.ok().and_then(|since| *since).expect("it is whole in the end");
            self.prove_progress(since + finale.within).await;
        }
        while let Some((op, told)) = self.open.next().await {
            self.session.told(op, &told);
        }
    }

    /// Gets a record into each partition and out again.
    async fn prove_progress(&mut self, latest: Instant) {
        let (session, process) = (self.session, self.process);
        let keys = session.workload.keys();
        let is_late = || session.clock.now() >= latest;
        session.state().taken.retain(|(of, _), _| *of != process);
        let taken = |key| session.state().taken.get(&(process, key)).copied();
        let untaken = || keys.iter().copied().filter(|key| taken(*key).is_none());
        while untaken().next().is_some() && !is_late() {
            for key in untaken().collect::<Vec<_>>() {
                self.send(key, 0).await;
            }
            while untaken().next().is_some() && !self.open.is_empty() && !is_late() {
                let next = session.clock.sleep_until(latest);
                tokio::select! {
                    biased;
                    Some((op, told)) = self.open.next() => session.told(op, &told),
                    () = next => {}
                }
            }
            let rest = session.clock.sleep(PROOF_REST);
            settling(session, &mut self.open, rest).await;
        }
        self.next.clear();
        self.act(&Do::Assign(keys.clone())).await;
        for key in &keys {
            self.act(&Do::SeekToBeginning(*key)).await;
        }
        let next = |this: &Self, key| this.next.get(&key).copied().unwrap_or_default();
        let ungiven = |this: &Self| -> Vec<Key> {
            let due =
                keys.iter().filter(|key| taken(**key).is_some_and(|at| at >= next(this, **key)));
            due.copied().collect()
        };
        while !ungiven(self).is_empty() && !is_late() {
            self.act(&Do::Poll(PROOF_POLL)).await;
        }
        let lines = untaken().map(|key| format!("{} takes", self.partition(key)));
        let given = ungiven(self);
        let lines = lines.chain(given.iter().map(|key| format!("{} gives", self.partition(*key))));
        let lines: Vec<_> = lines.map(|it| format!("{:?}: {it} nothing", self.process)).collect();
        session.state().stuck.extend(lines);
    }

    async fn act(&mut self, what: &Do) {
        match what {
            Do::Send { key, bytes } => self.send(*key, *bytes).await,
            Do::Poll(wait) => self.poll(*wait).await,
            Do::Assign(keys) => {
                let partitions = keys.iter().map(|key| self.partition(*key));
                let assigned = self.consumer.assign(partitions.collect::<Vec<_>>());
                self.at_once(Act::Assign(keys.clone()), assigned.is_ok());
            }
            Do::SeekToBeginning(key) => {
                let sought = self.consumer.seek_to_beginning(self.partition(*key));
                self.at_once(Act::Seek(*key, Place::Beginning), sought.is_ok());
            }
            Do::SeekToEnd(key) => {
                let sought = self.consumer.seek_to_end(self.partition(*key));
                self.at_once(Act::Seek(*key, Place::End), sought.is_ok());
            }
            Do::SeekBack(key, by) => {
                let to = self.next.get(key).map_or(0, |next| (next - by).max(0));
                let offset = Offset::new(to).expect("not negative");
                let sought = self.consumer.seek(self.partition(*key), offset);
                self.at_once(Act::Seek(*key, Place::Offset(to)), sought.is_ok());
            }
            Do::Trim(key) => match self.next.get(key).copied() {
                Some(before) => self.trim(*key, before).await,
                None => self.ask(*key, false).await,
            },
            Do::AskStart(key) => self.ask(*key, false).await,
            Do::AskLatest(key) => self.ask(*key, true).await,
            Do::Crash => self.crash(),
        }
    }

    async fn send(&mut self, key: Key, bytes: usize) {
        let value = u64::from(self.process.0) << 32 | self.sent;
        self.sent += 1;
        let padding = [self.session.mark, &vec![b'x'; bytes]].concat();
        let bytes = value.to_be_bytes();
        let digest = digest(&padding, &bytes);
        let (label, outcome, offset) = (None, Outcome::Info, None);
        let sent = Sent { key, value, digest, label, outcome, offset };
        let op = self.session.begin(self.process, Act::Send(vec![sent]));
        self.session.state().pulse.in_flight += 1;
        let topic = topic_name(&self.session.prefix, key.topic);
        let record = Record::to(&topic)
            .partition(PartitionIndex(key.partition))
            .key(&padding[..])
            .value(&bytes[..])
            .header(HEADER, bytes.to_vec());
        let enqueued = self.producer.enqueue(record);
        match settling(self.session, &mut self.open, enqueued).await {
            Ok(delivery) => self.open.push(delivery.map(move |told| (op, told)).boxed()),
            Err(error) => self.session.told(op, &Err(error.into())),
        }
    }

    async fn poll(&mut self, wait: Duration) {
        let act = Act::Poll { runs: Vec::new(), rebalanced: Vec::new() };
        let op = self.session.begin(self.process, act);
        let polled = self.consumer.poll_timeout(wait);
        let polled = settling(self.session, &mut self.open, polled).await;
        let outcome = if polled.is_ok() { Outcome::Ok } else { Outcome::Fail };
        let runs = polled.iter().flat_map(Records::partitions).map(|of| Run {
            key: key_of(of.topic_partition()),
            records: of.iter().map(|record| found(&record)).collect(),
        });
        let runs: Vec<_> = runs.collect();
        for run in &runs {
            self.next.extend(run.records.last().map(|last| (run.key, last.offset + 1)));
        }
        self.session.end(op, outcome, Act::Poll { runs, rebalanced: Vec::new() });
    }

    async fn ask(&mut self, key: Key, is_end: bool) {
        let op = self.session.begin(self.process, Act::Observe(key, None));
        let asked = [self.partition(key)];
        let told = if is_end {
            settling(self.session, &mut self.open, self.consumer.end_offsets(asked)).await
        } else {
            settling(self.session, &mut self.open, self.consumer.beginning_offsets(asked)).await
        };
        let told = told.ok().and_then(|told| told.values().next().map(|offset| offset.get()));
        if is_end {
            self.ends.extend(told.map(|end| (key, end)));
        }
        let mark = told.map(if is_end { Mark::Latest } else { Mark::Start });
        let outcome = if mark.is_some() { Outcome::Ok } else { Outcome::Fail };
        self.session.end(op, outcome, Act::Observe(key, mark));
    }

    async fn trim(&mut self, key: Key, before: i64) {
        let act = |start| Act::Trim { key, before: Some(before), start };
        let op = self.session.begin(self.process, act(None));
        let offset = Offset::new(before).expect("not negative");
        let asked = [DeleteRecords::before(self.partition(key), offset)];
        let admin = self.client.admin();
        let told = settling(self.session, &mut self.open, admin.delete_records(asked)).await;
        let (outcome, start) = match told.into_iter().next().expect("a result for each") {
            Ok(start) => (Outcome::Ok, Some(start.get())),
            Err(error) if error.possibly_done() => (Outcome::Info, None),
            Err(_) => (Outcome::Fail, None),
        };
        self.session.end(op, outcome, act(start));
    }

    /// What it has under way has no outcome any more; its client is gone, and another comes.
    fn crash(&mut self) {
        self.at_once(Act::Crash, true);
        self.session.state().pulse.in_flight -= u64::try_from(self.open.len()).expect("it fits");
        let sent = self.sent;
        *self = Self { sent, ..Self::new(self.session, self.process, self.connect) };
    }

    fn partition(&self, key: Key) -> TopicPartition {
        TopicPartition::new(topic_name(&self.session.prefix, key.topic), key.partition)
    }

    fn at_once(&self, act: Act, is_ok: bool) {
        let op = self.session.begin(self.process, act.clone());
        self.session.end(op, if is_ok { Outcome::Ok } else { Outcome::Fail }, act);
    }

    /// Whether it has not polled all that the ends it was told promise.
    fn is_behind(&self, keys: &[Key]) -> bool {
        keys.iter().any(|key| {
            let end = self.ends.get(key).copied();
            end.is_none_or(|end| self.next.get(key).copied().unwrap_or_default() < end)
        })
    }
}

/// Waits for `what`, and writes down meanwhile what came of sends.
async fn settling<T>(
    session: &Session<'_>,
    open: &mut FuturesUnordered<Delivered>,
    what: impl Future<Output = T>,
) -> T {
    let mut what = core::pin::pin!(what);
    loop {
        tokio::select! {
            biased;
            done = &mut what => return done,
            Some((op, told)) = open.next(), if !open.is_empty() => session.told(op, &told),
        }
    }
}

/// What a topic of a workload is called.
#[must_use]
pub fn topic_name(prefix: &str, topic: Topic) -> String {
    format!("{prefix}-{}", topic.0)
}

fn key_of(partition: &TopicPartition) -> Key {
    let number = partition.topic.rsplit('-').next().and_then(|number| number.parse().ok());
    let topic = Topic(number.expect("a topic of the workload"));
    Key { topic, partition: partition.partition.0 }
}

/// What a record says; one whose value is no number of ours has one that nobody sent.
fn found(record: &ottla::RecordView<'_>) -> Found {
    let value = record.value().and_then(|value| value.try_into().ok()).map(u64::from_be_bytes);
    let header = record.headers().next();
    let header = header.and_then(|header| header.value).unwrap_or_default();
    let digest = digest(record.key().unwrap_or_default(), header);
    Found { offset: record.offset().get(), value: value.unwrap_or(u64::MAX), digest }
}

/// FNV-1a of a record's key and header.
fn digest(key: &[u8], header: &[u8]) -> u64 {
    let bytes = key.iter().chain([&0]).chain(header);
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
