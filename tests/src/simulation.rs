//! Runs a [`Script`] in one paused runtime: real clients, a real broker, a network in memory.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use broker_lite::{Cluster, FaultHandle, Storage};
use futures::future::join_all;
use ottla::ids::PartitionIndex;
use ottla::producer::{EnqueueError, SendError};
use ottla::{Client, Delivery, Producer, Record, RecordMetadata};
use ottla_runtime::Clock;
use ottla_runtime::net::Connector;
use ottla_runtime::net::memory::MemoryNetwork;

use crate::chaos::{Break, Chaos};
use crate::history::{Fate, History, Sent};
use crate::raw::RawClient;
use crate::readback::{Batches, read_topic};
use crate::script::{End, Event, Kind, ProducerPlan, Script};

const TOPIC: &str = "orders";
const HOST: &str = "node";
const PORT: u16 = 9092;
/// Wall time at which every run starts.
const START_MS: i64 = 1_700_000_000_000;
/// A run that takes longer is stuck.
const RUN_MAX: Duration = Duration::from_secs(900);
/// A fate may come this much after `delivery_timeout`: a tick of the producer's coarse clock.
const SLACK: Duration = Duration::from_millis(100);
/// How long a producer may still fail when nothing is wrong any more: what it had in flight
/// expires, and what it was told wrongly it must find out.
const HEALING_MAX: Duration = Duration::from_secs(60);

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What was sent, told and read.
    pub history: History,
    /// What else the log says.
    pub batches: Batches,
    /// How often each fault hit.
    pub hits: BTreeMap<Kind, u64>,
    /// How often connections broke.
    pub breaks: BTreeMap<Break, u64>,
    /// How often the broker was killed.
    pub restarts: u64,
    /// How long it took on the paused clock.
    pub simulated: Duration,
    /// What the producers were told, with the time.
    pub trace: Vec<(Duration, String)>,
    /// What is wrong.
    pub complaints: Vec<String>,
}

impl Outcome {
    /// How many lines of the trace contain `words`.
    #[must_use]
    pub fn told(&self, words: &str) -> u64 {
        self.trace.iter().map(|(_, line)| u64::from(line.contains(words))).sum()
    }
}

/// Runs a script and judges what came of it.
///
/// # Panics
///
/// If the run cannot even start.
#[must_use]
pub fn run(script: &Script) -> Outcome {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build().expect("a runtime");
    runtime.block_on(async {
        let clock = Clock::starting_at(START_MS);
        match clock.timeout(RUN_MAX, Run::new(script, &clock).run()).await {
            Ok(outcome) => outcome,
            Err(_) => Outcome {
                complaints: vec![format!("still running after {RUN_MAX:?}")],
                ..Outcome::default()
            },
        }
    })
}

struct Run<'a> {
    script: &'a Script,
    clock: &'a Clock,
    network: MemoryNetwork,
    chaos: Chaos,
    outcome: Mutex<Outcome>,
}

impl<'a> Run<'a> {
    fn new(script: &'a Script, clock: &'a Clock) -> Self {
        let network = MemoryNetwork::new();
        let (percent, latency) = (script.breaks_percent, script.latency_max_ms);
        let chaos = Chaos::new(&network, clock, script.seed, percent, latency);
        Self { script, clock, network, chaos, outcome: Mutex::default() }
    }

    async fn run(self) -> Outcome {
        let mut clients = Vec::new();
        for plan in &self.script.producers {
            let last: Option<&Client> = clients.last().filter(|_| self.script.one_client);
            let client = last.cloned().unwrap_or_else(|| self.client(clients.len(), plan));
            clients.push(client);
        }
        let plans = (0..).zip(&self.script.producers).zip(clients);
        let writers =
            plans.map(|((index, plan), client)| Writer::new(&self, index, plan, client).write());
        let (cluster, writers) = futures::join!(self.play(), join_all(writers));
        let writers = join_all(writers.into_iter().map(Writer::write_when_healed)).await;
        let halves = self.network.connect(HOST, PORT).await.expect("the broker listens");
        let mut raw = RawClient::over(halves);
        let mut history = History::default();
        for writer in writers {
            history.sent.extend(writer.sent);
        }
        let partitions = self.script.partitions;
        let batches = read_topic(&mut raw, TOPIC, partitions, &mut history).await;
        drop(cluster.kill().await);
        let mut outcome = self.outcome.into_inner().unwrap_or_else(PoisonError::into_inner);
        outcome.complaints.extend(history.complaints());
        let breaks = self.chaos.happened();
        Outcome { history, batches, breaks, simulated: since_start(self.clock), ..outcome }
    }

    fn client(&self, index: usize, plan: &ProducerPlan) -> Client {
        Client::builder(&format!("{HOST}:{PORT}"))
            .client_id(&format!("client-{index}"))
            .request_timeout(plan.request_timeout)
            .connection_setup_timeout(Duration::from_secs(1))
            .reconnect_backoff(plan.backoff.0, plan.backoff.1)
            .retry_backoff(plan.backoff.0, plan.backoff.1)
            .connector(self.chaos.clone())
            .clock(self.clock.clone())
            .seed(self.script.seed)
            .build()
            .expect("a sound client")
    }

    async fn start(&self, storage: Storage) -> Cluster {
        let builder = Cluster::builder().storage(storage).topic(TOPIC, self.script.partitions);
        let builder = builder.memory_network(&self.network).listen(HOST, PORT);
        let builder = builder.clock(self.clock.clone()).seed(self.script.seed);
        builder.start().await.expect("the broker starts")
    }

    /// Does to the broker what the script says, then makes everything whole.
    async fn play(&self) -> Cluster {
        let mut cluster = self.start(Storage::memory()).await;
        let mut handles: Vec<(Kind, FaultHandle)> = Vec::new();
        for (at, event) in &self.script.events {
            let now = since_start(self.clock);
            self.clock.sleep(at.saturating_sub(now)).await;
            match event {
                Event::Fault(fault, kind) => {
                    handles.push((*kind, cluster.faults().add(fault.clone())));
                }
                Event::CutAll => self.chaos.cut_all(),
                Event::Restart(down) => {
                    let storage = cluster.kill().await;
                    self.clock.sleep(*down).await;
                    cluster = self.start(storage).await;
                    self.with(|outcome| outcome.restarts += 1);
                }
            }
        }
        cluster.faults().clear();
        self.chaos.heal();
        self.with(|outcome| {
            for (kind, handle) in handles {
                *outcome.hits.entry(kind).or_default() += handle.hits();
            }
        });
        cluster
    }

    fn with(&self, change: impl FnOnce(&mut Outcome)) {
        change(&mut self.outcome.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn note(&self, line: String) {
        let now = since_start(self.clock);
        self.with(|outcome| outcome.trace.push((now, line)));
    }

    fn complain(&self, line: String) {
        let now = since_start(self.clock);
        self.with(|outcome| outcome.complaints.push(format!("{now:?}: {line}")));
    }
}

fn since_start(clock: &Clock) -> Duration {
    clock.now().since_start()
}

/// One producer, and what it was told.
struct Writer<'a> {
    run: &'a Run<'a>,
    index: u32,
    plan: &'a ProducerPlan,
    rng: fastrand::Rng,
    client: Client,
    producer: Option<Producer>,
    sent: Vec<Sent>,
}

impl<'a> Writer<'a> {
    fn new(run: &'a Run<'a>, index: u32, plan: &'a ProducerPlan, client: Client) -> Self {
        let rng = fastrand::Rng::with_seed(run.script.seed ^ (u64::from(index) + 1) << 32);
        let producer = client
            .producer()
            .request_timeout(plan.request_timeout)
            .retry_backoff(plan.backoff.0, plan.backoff.1)
            .gather_bytes(plan.batch_bytes_max)
            .batch_bytes_max(plan.batch_bytes_max)
            .buffer_memory(plan.buffer_memory)
            .linger(plan.linger)
            .delivery_timeout(plan.delivery_timeout)
            .max_block(plan.max_block)
            .max_in_flight(plan.max_in_flight)
            .compression(plan.compression)
            .build()
            .expect("a sound producer");
        let producer = Some(producer);
        Self { run, index, plan, rng, client, producer, sent: Vec::new() }
    }

    /// Sends all records of the plan, ends as planned, and waits for their fates.
    async fn write(mut self) -> Self {
        let clock = self.run.clock;
        clock.sleep(self.plan.start).await;
        let (rest, every) = self.plan.rest;
        let mut deliveries = Vec::new();
        for number in 0..self.plan.records {
            if number % every == 0 {
                clock.sleep(rest.mul_f64(self.rng.f64())).await;
            }
            let partition = self.rng.i32(0..self.run.script.partitions);
            match self.enqueue(number, partition).await {
                Ok(delivery) => deliveries.push((number, partition, delivery)),
                Err(error) => self.told(number, partition, Err(error.into())),
            }
        }
        match self.plan.end {
            End::Stays => {}
            End::Closed => {
                let producer = self.producer.take().expect("not ended yet");
                let closed = producer.close().await;
                self.run.note(format!("{}: close: {}", self.index, words(closed.err().as_ref())));
            }
            End::Dropped => drop(self.producer.take()),
            End::ClientClosed => {
                self.client.close().await;
                self.producer = None;
            }
        }
        self.settle(deliveries).await;
        self
    }

    async fn enqueue(&mut self, number: u64, partition: i32) -> Result<Delivery, EnqueueError> {
        let padding = "x".repeat(self.rng.usize(..self.plan.record_bytes_max));
        let record = Record::to(TOPIC)
            .key(padding)
            .value(History::value(self.index, number))
            .partition(PartitionIndex(partition));
        let producer = self.producer.as_ref().expect("not ended yet");
        producer.enqueue(record).await
    }

    /// Waits until each record has its fate, which takes no longer than was promised.
    async fn settle(&mut self, deliveries: Vec<(u64, i32, Delivery)>) {
        let clock = self.run.clock;
        let latest = clock.now() + self.plan.delivery_timeout + SLACK;
        let waits = deliveries.into_iter().map(|(number, partition, delivery)| async move {
            let outcome = clock.timeout(latest.since(clock.now()), delivery).await;
            (number, partition, outcome)
        });
        for (number, partition, outcome) in join_all(waits).await {
            match outcome {
                Ok(outcome) => self.told(number, partition, outcome),
                Err(_) => {
                    self.run.complain(format!("{}/{number} has no fate", self.index));
                    self.note_fate(number, partition, Fate::Unknown);
                }
            }
        }
    }

    /// Nothing is wrong any more: each partition takes a record.
    async fn write_when_healed(mut self) -> Self {
        if self.producer.is_none() {
            return self;
        }
        let mut number = self.plan.records;
        for partition in 0..self.run.script.partitions {
            let latest = self.run.clock.now() + HEALING_MAX;
            loop {
                let outcome = match self.enqueue(number, partition).await {
                    Ok(delivery) => delivery.await,
                    Err(error) => Err(error.into()),
                };
                let (done, last) = (outcome.is_ok(), words(outcome.as_ref().err()));
                self.told(number, partition, outcome);
                number += 1;
                if done {
                    break;
                }
                if self.run.clock.now() > latest {
                    let index = self.index;
                    self.run.complain(format!("{index}: partition {partition}: {last}"));
                    break;
                }
            }
        }
        self
    }

    fn told(&mut self, number: u64, partition: i32, outcome: Result<RecordMetadata, SendError>) {
        let name = format!("{}/{number} for {partition}", self.index);
        let fate = match &outcome {
            Ok(told) => {
                assert_eq!(told.partition, PartitionIndex(partition));
                Fate::Acked(told.offset.map(|o| u64::try_from(o.get()).expect("an offset")))
            }
            Err(error) if error.possibly_written() => Fate::Unknown,
            Err(_) => Fate::Refused,
        };
        self.run.note(format!("{name}: {fate:?} {}", words(outcome.as_ref().err())));
        self.note_fate(number, partition, fate);
    }

    fn note_fate(&mut self, number: u64, partition: i32, fate: Fate) {
        self.sent.push(Sent { producer: self.index, number, partition, fate });
    }
}

fn words(error: Option<&impl core::fmt::Display>) -> String {
    error.map_or_else(String::new, ToString::to_string)
}
