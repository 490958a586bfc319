//! One run: clients and a node, each on a machine with a clock of its own, while what a [`Plan`] says
//! goes wrong; then all is made whole, everybody must make progress, and the judge has its say.

use core::fmt::Write;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use broker_lite::{Cluster, StartError};
use ottla::{Client, Producer};
use ottla_runtime::{Clock, Instant, watch};

use super::disk::{Misdeed, SimDisk};
use super::nemesis::Nemesis;
use super::network::{Network, Struck};
use super::plan::{Class, Plan};
use super::{FLIP_HERE, Pace};
use crate::judge::history::{History, Outcome, Process};
use crate::judge::judge;
use crate::judge::report::Report;
use crate::session::{Finale, Session, topic_name};
use crate::workload::{PARTITIONS, Workload};

/// How long things go wrong.
pub const TIME: Duration = Duration::from_secs(60);
/// How long everybody has to make progress when all is whole again.
const PROGRESS_WITHIN: Duration = Duration::from_secs(10);
const STEPS_MAX: usize = 1_000;
/// A run that takes longer is stuck.
const RUN_MAX: Duration = Duration::from_secs(900);
const START_MS: i64 = 1_700_000_000_000;
/// How many characters of a line of the trace are its time.
const TIME_CHARS: usize = 11;
const TOPICS: &str = "topic";
const PORT: u16 = 9092;
/// How fast the network is when nothing is wrong.
pub(super) const PACE: Pace =
    Pace { latency: Duration::from_micros(300), bytes_per_second: 100_000_000 };
/// The node's machine.
pub(super) const NODE: &str = "node";
/// The machine of somebody who alters topics.
const OPERATOR: Process = Process(u32::MAX);

/// What came of a run.
#[derive(Debug)]
pub struct Ran {
    /// What it was drawn from.
    pub seed: u64,
    /// What the clients did and were told.
    pub history: History,
    /// What the judge says to it.
    pub report: Report,
    /// Who made no progress when all was whole again, and what could not be made whole.
    pub stuck: Vec<String>,
    /// What went wrong when, one line each.
    pub trace: Vec<String>,
    /// How often each class struck while writes were in flight.
    pub struck: BTreeMap<Class, u64>,
    /// How often connections were struck on which something was under way.
    pub connections: BTreeMap<Struck, u64>,
    /// How often the disk did what.
    pub misdeeds: BTreeMap<Misdeed, u64>,
    /// Whether a write was acknowledged during a fault that lets writes go on, if there was one.
    pub wrote_through: Option<bool>,
    /// How long it took on the paused clock.
    pub simulated: Duration,
}

impl Ran {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.report.is_sound() && self.stuck.is_empty() && self.report.unjudged == 0
    }

    /// What is wrong, and how to see it again.
    #[must_use]
    pub fn complaint(&self) -> String {
        let mut text = format!(
            "seed {0} again, with its trace: OTTLA_TRACE={0} cargo test -p ottla-tests --test \
             simulated -- --nocapture a_seed_with_its_trace\n",
            self.seed
        );
        for line in &self.stuck {
            writeln!(text, "no-progress: {line}").expect("a string takes all");
        }
        text + &self.report.lines(&self.history).join("\n")
    }

    /// What went wrong and what clients did and were told, by time.
    #[must_use]
    pub fn trace(&self) -> String {
        let ops = self.report.trace(&self.history);
        let mut lines: Vec<_> = self.trace.iter().cloned().chain(ops).collect();
        lines.sort_by(|a, b| a[..TIME_CHARS].cmp(&b[..TIME_CHARS]));
        lines.join("\n")
    }
}

/// Runs a seed with all that its plan lets go wrong.
///
/// # Panics
///
/// As [`run_plan`].
#[must_use]
pub fn run(seed: u64) -> Ran {
    run_changed(seed, |_| {})
}

/// Runs a seed whose plan is changed first.
///
/// # Panics
///
/// As [`run_plan`].
#[must_use]
pub fn run_changed(seed: u64, change: impl FnOnce(&mut Plan)) -> Ran {
    let workload = Workload::lasting(seed, STEPS_MAX, TIME);
    let clients = u32::try_from(workload.clients.len()).expect("few clients");
    let mut plan = Plan::from_seed(seed, clients, TIME);
    change(&mut plan);
    run_plan(workload, plan)
}

/// Runs a seed in which nothing goes wrong.
#[must_use]
pub fn run_faultless(seed: u64) -> Ran {
    run_plan(Workload::lasting(seed, STEPS_MAX, TIME), Plan::faultless(seed))
}

/// Runs a workload while a plan is carried out.
///
/// # Panics
///
/// If the run is stuck, or is none that clients can have had.
#[must_use]
pub fn run_plan(workload: Workload, plan: Plan) -> Ran {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build().expect("a runtime");
    let seed = workload.seed;
    runtime.block_on(async {
        let world = World::new(workload, plan);
        let limit = world.clock.clone();
        let ran = limit.timeout(RUN_MAX, world.run()).await;
        ran.unwrap_or_else(|_| panic!("seed {seed} is stuck"))
    })
}

pub(super) struct World {
    seed: u64,
    pub(super) workload: Workload,
    pub(super) plan: Plan,
    /// The right time.
    pub(super) clock: Clock,
    pub(super) node_clock: Clock,
    pub(super) client_clocks: Vec<Clock>,
    pub(super) network: Network,
    pub(super) disk: SimDisk,
    trace: Mutex<Vec<String>>,
}

impl World {
    fn new(workload: Workload, plan: Plan) -> Self {
        let clock = Clock::starting_at(START_MS);
        let network = Network::new(&clock, PACE);
        let disk = SimDisk::new(&clock, workload.seed);
        Self {
            seed: workload.seed,
            plan,
            node_clock: Clock::starting_at(START_MS),
            client_clocks: workload.clients.iter().map(|_| Clock::starting_at(START_MS)).collect(),
            workload,
            clock,
            network,
            disk,
            trace: Mutex::default(),
        }
    }

    async fn run(self) -> Ran {
        let (healed, whole) = watch::channel(None);
        let until = Instant::ZERO + TIME;
        let finale = Finale { until, whole, within: PROGRESS_WITHIN };
        let session = Session::new(&self.workload, &self.clock, TOPICS);
        let session = session.marked(FLIP_HERE).ending(finale);
        let cluster = self.start().await.expect("a node starts on a good disk");
        let nemesis = Nemesis::new(&self, &session, cluster);
        let strike = async {
            nemesis.carry_out(&self.plan.events, until).await;
            self.clock.sleep_until(until).await;
            nemesis.heal().await;
            self.say("all", "is whole");
            healed.send_replace(Some(self.clock.now()));
        };
        let connect = |process| self.connect(process);
        let ((), ()) = futures::join!(strike, session.carry_out(&connect));
        let mut stuck = session.stuck();
        let nemesis = nemesis.end().await;
        stuck.extend(nemesis.complaints);
        let history = session.read_all(&connect).await;
        drop(nemesis.cluster);
        let report = judge(&history).expect("a history that can have been");
        let simulated = self.clock.now().since_start();
        Ran {
            seed: self.seed,
            wrote_through: wrote_through(&history, &nemesis.tolerable),
            history,
            report,
            stuck,
            struck: nemesis.struck,
            connections: self.network.struck(),
            misdeeds: self.disk.misdeeds(),
            trace: core::mem::take(&mut *self.lines()),
            simulated,
        }
    }

    /// Starts the node on what its disk holds.
    pub(super) async fn start(&self) -> Result<Cluster, StartError> {
        let mut builder = Cluster::builder()
            .storage(self.disk.storage())
            .memory_network(self.network.ports())
            .config("ottla.durability", if self.plan.commit { "commit" } else { "os" });
        for topic in self.workload.topics() {
            builder = builder.topic(topic_name(TOPICS, topic), PARTITIONS);
        }
        builder.listen(NODE, PORT).clock(self.node_clock.clone()).seed(self.seed).start().await
    }

    /// What a client's machine is called.
    pub(super) fn machine(number: u32) -> String {
        format!("client-{number}")
    }

    fn connect(&self, process: Process) -> (Client, Producer) {
        let client = self.client(process);
        let producer = client
            .producer()
            .idempotence(self.plan.idempotence)
            .delivery_timeout(Duration::from_secs(5))
            .request_timeout(Duration::from_secs(1))
            .max_block(Duration::from_secs(2));
        let producer = producer.build().expect("a sound producer");
        (client, producer)
    }

    fn client(&self, process: Process) -> Client {
        let clock = usize::try_from(process.0).ok().and_then(|at| self.client_clocks.get(at));
        Client::builder(&format!("{NODE}:{PORT}"))
            .request_timeout(Duration::from_secs(1))
            .api_timeout(Duration::from_secs(3))
            .connection_setup_timeout(Duration::from_secs(1))
            .connector(self.network.link_of(&Self::machine(process.0)))
            .clock(clock.unwrap_or(&self.clock).clone())
            .seed(self.seed ^ u64::from(process.0))
            .build()
            .expect("a sound client")
    }

    /// The client of somebody whose machine nothing happens to.
    pub(super) fn operator(&self) -> Client {
        self.client(OPERATOR)
    }

    /// All topics by name.
    pub(super) fn topics(&self) -> Vec<String> {
        self.workload.topics().map(|topic| topic_name(TOPICS, topic)).collect()
    }

    /// A line for the trace.
    pub(super) fn say(&self, who: &str, what: &str) {
        let at = self.clock.now().since_start();
        let line = format!("{:>4}.{:06} {who} {what}", at.as_secs(), at.subsec_micros());
        self.lines().push(line);
    }

    fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        self.trace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a write was acknowledged in one of these times.
fn wrote_through(history: &History, times: &[(Duration, Duration)]) -> Option<bool> {
    let ended = history.ops.iter().filter(|op| {
        matches!(&op.act, crate::judge::history::Act::Send(sent) if sent[0].outcome == Outcome::Ok)
    });
    let ended: Vec<_> = ended.filter_map(|op| op.ended).map(|ended| ended.ns).collect();
    let within = |(from, to): &(Duration, Duration)| {
        ended.iter().any(|ns| (from.as_nanos()..=to.as_nanos()).contains(&u128::from(*ns)))
    };
    (!times.is_empty()).then(|| times.iter().any(within))
}
