//! Real clients work against a real broker while connections break and the broker is killed; the
//! judge finds nothing wrong in what they saw. All of a run comes from its seed.

use core::time::Duration;
use std::collections::BTreeSet;

use broker_lite::{Cluster, Storage};
use ottla::{Client, Producer};
use ottla_runtime::Clock;
use ottla_runtime::net::memory::MemoryNetwork;
use ottla_tests::chaos::Chaos;
use ottla_tests::judge::history::{Act, History, Outcome, Process};
use ottla_tests::judge::judge;
use ottla_tests::judge::report::Anomaly;
use ottla_tests::session::{Session, topic_name};
use ottla_tests::workload::{PARTITIONS, Workload};

const TOPICS: &str = "topic";
const HOST: &str = "node";
const PORT: u16 = 9092;
const STEPS: usize = 60;
/// A run that takes longer is stuck.
const RUN_MAX: Duration = Duration::from_secs(900);

/// What goes wrong in a run.
#[derive(Clone, Copy)]
struct Faults {
    /// The share of connections that break.
    breaks_percent: u8,
    latency_max_ms: u64,
    kills: u32,
    /// A broker that is killed has nothing of what it had.
    forgets: bool,
    idempotence: bool,
}

const NONE: Faults =
    Faults { breaks_percent: 0, latency_max_ms: 0, kills: 0, forgets: false, idempotence: true };
const SOME: Faults = Faults { breaks_percent: 50, latency_max_ms: 20, kills: 3, ..NONE };

impl Faults {
    /// Each class is there or not, and seldom or often: a fixed mix would hide what only few bring.
    fn from_seed(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed.rotate_left(32));
        let mut rate = |most: f64| if rng.bool() { most.powf(rng.f64()) } else { 0.0 };
        let [breaks, latency, kills] = [80.0, 300.0, 6.0].map(&mut rate);
        let whole = |rate: f64| (0..).take_while(|n| f64::from(*n) < rate).count();
        Self {
            breaks_percent: u8::try_from(whole(breaks)).expect("at most 80"),
            latency_max_ms: u64::try_from(whole(latency)).expect("at most 300"),
            kills: u32::try_from(whole(kills)).expect("at most 6"),
            ..NONE
        }
    }
}

struct World {
    seed: u64,
    clock: Clock,
    network: MemoryNetwork,
    chaos: Chaos,
    workload: Workload,
    faults: Faults,
}

/// Runs a seed; gives what the clients saw.
fn run(seed: u64, faults: Faults) -> History {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build().expect("a runtime");
    runtime.block_on(async {
        let (clock, network) = (Clock::starting_at(1_700_000_000_000), MemoryNetwork::new());
        let chaos =
            Chaos::new(&network, &clock, seed, faults.breaks_percent, faults.latency_max_ms);
        let workload = Workload::from_seed(seed, STEPS);
        let limit = clock.clone();
        let world = World { seed, clock, network, chaos, workload, faults };
        limit.timeout(RUN_MAX, world.run()).await.unwrap_or_else(|_| panic!("seed {seed} is stuck"))
    })
}

impl World {
    async fn run(&self) -> History {
        let session = Session::new(&self.workload, &self.clock, TOPICS);
        let connect = |process| self.connect(process);
        let (cluster, ()) = futures::join!(self.disturb(), session.carry_out(&connect));
        self.chaos.heal();
        self.chaos.cut_all();
        let history = session.read_all(&connect).await;
        drop(cluster.kill().await);
        history
    }

    fn connect(&self, process: Process) -> (Client, Producer) {
        let client = Client::builder(&format!("{HOST}:{PORT}"))
            .request_timeout(Duration::from_secs(1))
            .connection_setup_timeout(Duration::from_secs(1))
            .connector(self.chaos.clone())
            .clock(self.clock.clone())
            .seed(self.seed ^ u64::from(process.0))
            .build()
            .expect("a sound client");
        let producer = client.producer().idempotence(self.faults.idempotence);
        let producer = producer.delivery_timeout(Duration::from_secs(5));
        let producer = producer.request_timeout(Duration::from_secs(1));
        (client, producer.build().expect("a sound producer"))
    }

    /// Kills the broker from time to time, and starts it again with what it had.
    async fn disturb(&self) -> Cluster {
        let mut rng = fastrand::Rng::with_seed(!self.seed);
        let mut cluster = self.start(Storage::memory()).await;
        for _ in 0..self.faults.kills {
            self.clock.sleep(Duration::from_millis(rng.u64(1..2_000))).await;
            let storage = cluster.kill().await;
            self.clock.sleep(Duration::from_millis(rng.u64(1..2_000))).await;
            let storage = if self.faults.forgets { Storage::memory() } else { storage };
            cluster = self.start(storage).await;
        }
        cluster
    }

    async fn start(&self, storage: Storage) -> Cluster {
        let mut builder = Cluster::builder().storage(storage).memory_network(&self.network);
        for topic in self.workload.topics() {
            builder = builder.topic(topic_name(TOPICS, topic), PARTITIONS);
        }
        let builder = builder.listen(HOST, PORT).clock(self.clock.clone()).seed(self.seed);
        builder.start().await.expect("the broker starts")
    }
}

/// How many records had which outcome, and how many were polled.
#[derive(Debug, Default)]
struct Tally {
    acknowledged: u64,
    failed: u64,
    unknown: u64,
    polled: usize,
}

impl Tally {
    fn add(&mut self, history: &History) {
        for op in &history.ops {
            match &op.act {
                Act::Send(sent) => {
                    for sent in sent {
                        match sent.outcome {
                            Outcome::Ok => self.acknowledged += 1,
                            Outcome::Fail => self.failed += 1,
                            Outcome::Info => self.unknown += 1,
                        }
                    }
                }
                Act::Poll { runs, .. } => {
                    self.polled += runs.iter().map(|run| run.records.len()).sum::<usize>();
                }
                _ => {}
            }
        }
    }
}

fn must_be_sound(seeds: impl Iterator<Item = u64>, faults: impl Fn(u64) -> Faults) -> Tally {
    let mut tally = Tally::default();
    for seed in seeds {
        let history = run(seed, faults(seed));
        let report = judge(&history).expect("a history that can have been");
        assert!(
            report.is_sound(),
            "OTTLA_SEEDS={seed}..{} finds again:\n{}",
            seed + 1,
            report.lines(&history).join("\n")
        );
        assert_eq!(report.unjudged, 0);
        tally.add(&history);
    }
    tally
}

/// Everything that the judge says of some runs.
fn found(seeds: core::ops::Range<u64>, faults: Faults) -> BTreeSet<&'static str> {
    let reports = seeds.map(|seed| judge(&run(seed, faults)).expect("it can have been"));
    reports.flat_map(|report| report.anomalies()).map(Anomaly::name).collect()
}

#[test]
fn where_nothing_goes_wrong_nothing_is_wrong_and_nothing_unknown() {
    let tally = must_be_sound(0..20, |_| NONE);
    assert!(tally.acknowledged > 500 && tally.polled > 500, "{tally:?}");
    assert_eq!(tally.failed, 0, "{tally:?}");
}

#[test]
fn while_connections_break_and_the_broker_is_killed_nothing_is_wrong() {
    let tally = must_be_sound(0..60, Faults::from_seed);
    assert!(tally.acknowledged > 1_000 && tally.polled > 1_000, "{tally:?}");
    assert!(tally.unknown > 20, "the faults struck sends under way: {tally:?}");
}

/// Looks further: `OTTLA_SEEDS=1000..9000`.
#[test]
fn more_of_it() {
    let Ok(seeds) = std::env::var("OTTLA_SEEDS") else { return };
    let (from, to) = seeds.split_once("..").expect("FROM..TO");
    let seeds = from.parse().expect("a seed")..to.parse().expect("a seed");
    println!("{:?}", must_be_sound(seeds, Faults::from_seed));
}

#[test]
fn without_idempotence_the_judge_sees_what_the_faults_do() {
    let names = found(0..30, Faults { idempotence: false, ..SOME });
    assert!(names.contains("duplicate"), "{names:?}");
}

#[test]
fn a_broker_that_forgets_is_found_out() {
    let names = found(0..10, Faults { forgets: true, kills: 1, ..NONE });
    for name in ["unseen", "inconsistent-offsets", "stale-offset"] {
        assert!(names.contains(name), "no {name}: {names:?}");
    }
}

#[test]
fn a_seed_gives_the_same_history_again() {
    for seed in 0..5 {
        assert_eq!(run(seed, SOME), run(seed, SOME), "seed {seed}");
    }
}
