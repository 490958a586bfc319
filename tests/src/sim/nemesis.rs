//! Carries out what a plan says goes wrong, and makes everything whole again.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use broker_lite::{Action, Cluster, Fault};
use futures::future::join_all;
use ottla::{AlterConfigs, Client};
use ottla_protocol::{ApiKey, ErrorCode};
use ottla_runtime::Instant;

use super::Pace;
use super::disk::{Manners, Misdeed};
use super::network::Way;
use super::plan::{Class, Event, Lane};
use super::world::{NODE, PACE, World};
use crate::session::Session;

/// How often a node is started that does not start.
const STARTS_MAX: u32 = 4;
/// How long somebody rests who tries again.
const REST: Duration = Duration::from_millis(100);
/// By how much a clock is wrong at most: what brokers accept as a record's time.
const WALL_ERROR_MAX_MS: i64 = 20 * 60 * 1_000;

/// What the nemesis did, and what it leaves.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) cluster: Option<Cluster>,
    /// How often each class struck while writes were in flight.
    pub(super) struck: BTreeMap<Class, u64>,
    /// When something was wrong that lets writes go on.
    pub(super) tolerable: Vec<(Duration, Duration)>,
    /// What could not be made whole.
    pub(super) complaints: Vec<String>,
}

pub(super) struct Nemesis<'a> {
    world: &'a World,
    session: &'a Session<'a>,
    operator: Client,
    state: Mutex<State>,
}

struct State {
    done: Done,
    manners: Manners,
    /// By how much each clock is wrong, the node's first.
    wall_errors_ms: Vec<i64>,
}

impl<'a> Nemesis<'a> {
    pub(super) fn new(world: &'a World, session: &'a Session<'a>, cluster: Cluster) -> Self {
        let done = Done {
            cluster: Some(cluster),
            struck: BTreeMap::new(),
            tolerable: Vec::new(),
            complaints: Vec::new(),
        };
        let wall_errors_ms = vec![0; world.client_clocks.len() + 1];
        let state = Mutex::new(State { done, manners: Manners::GOOD, wall_errors_ms });
        Self { world, session, operator: world.operator(), state }
    }

    /// Ends once all that began before `until` has ended.
    pub(super) async fn carry_out(&self, events: &[Event], until: Instant) {
        let lanes = Lane::ALL.map(|lane| async move {
            for event in events.iter().filter(|event| event.class.lane() == lane) {
                self.world.clock.sleep_until(Instant::ZERO + event.at).await;
                let left = until.since(self.world.clock.now());
                if left > Duration::ZERO {
                    let lasts = event.lasts.min(left);
                    self.strike(Event { lasts, ..*event }).await;
                }
            }
        });
        join_all(lanes).await;
    }

    async fn strike(&self, event: Event) {
        let busy = self.session.pulse().in_flight > 0;
        let from = self.world.clock.now().since_start();
        let struck = match event.class.lane() {
            Lane::Links => self.hold(event).await,
            Lane::Connections => self.strike_connections(event).await,
            Lane::Pace => self.slow_down(event).await,
            Lane::Node => self.strike_node(event).await,
            Lane::Disk => self.slow_disk(event).await,
            Lane::Clocks => self.mislead(event).await,
            Lane::Rules => self.rule(event).await,
            Lane::Settings => self.alter(event).await,
        };
        let to = self.world.clock.now().since_start();
        let done = &mut self.state().done;
        if event.class.is_tolerable() {
            done.tolerable.push((from, to));
        }
        *done.struck.entry(event.class).or_default() += u64::from(busy && struck);
    }

    async fn hold(&self, event: Event) -> bool {
        let (network, machine) = (&self.world.network, World::machine(event.client));
        let way = if event.class == Class::OneWay { event.way } else { Way::Both };
        self.world.say(&machine, &format!("{:?} {way:?} for {:?}", event.class, event.lasts));
        network.hold(&machine, NODE, way);
        self.world.clock.sleep(event.lasts).await;
        let lost = match event.class {
            Class::Cut => true,
            Class::OneWay => event.salt.is_multiple_of(2),
            _ => false,
        };
        self.world.say(&machine, if lost { "heals" } else { "is released" });
        if lost {
            network.heal(&machine, NODE);
        } else {
            network.release(&machine, NODE);
        }
        true
    }

    async fn strike_connections(&self, event: Event) -> bool {
        let (network, machine) = (&self.world.network, World::machine(event.client));
        self.world.say(&machine, &format!("{:?} for {:?}", event.class, event.lasts));
        match event.class {
            Class::Reset => network.reset(&machine, NODE),
            Class::Late => network.delay(&machine, NODE, event.lasts),
            Class::Flip => network.flip(&machine),
            _ => network.vanish(&machine),
        }
        self.world.clock.sleep(event.lasts).await;
        if event.class == Class::Vanish {
            self.world.say(&machine, "comes back");
            network.come_back(&machine);
        }
        true
    }

    async fn slow_down(&self, event: Event) -> bool {
        let mut rng = fastrand::Rng::with_seed(event.salt);
        let pace = Pace {
            latency: Duration::from_secs_f64(300.0_f64.powf(rng.f64()) / 1e3),
            bytes_per_second: 10_000 << rng.u32(0..10),
        };
        self.world.say("network", &format!("{pace:?} for {:?}", event.lasts));
        self.world.network.set_pace(pace);
        self.world.clock.sleep(event.lasts).await;
        self.world.say("network", "is fast again");
        self.world.network.set_pace(PACE);
        true
    }

    async fn slow_disk(&self, event: Event) -> bool {
        self.world.say(NODE, &format!("{:?} for {:?}", event.class, event.lasts));
        self.change_manners(|manners| match event.class {
            Class::SlowDisk => manners.sync_max = Duration::from_millis(5 << (event.salt % 7)),
            _ => (manners.stalls_permille, manners.stall) = (300, event.lasts),
        });
        self.world.clock.sleep(event.lasts).await;
        self.world.say(NODE, "its disk is fast again");
        self.change_manners(|manners| {
            (manners.sync_max, manners.stalls_permille) = (Manners::GOOD.sync_max, 0);
        });
        if event.class == Class::StalledSync {
            self.world.clock.sleep(event.lasts).await; // the last that stalled has ended then
        }
        true
    }

    async fn mislead(&self, event: Event) -> bool {
        let mut rng = fastrand::Rng::with_seed(event.salt);
        let which = rng.usize(..=self.world.client_clocks.len());
        let (clock, whose) = match which.checked_sub(1) {
            None => (&self.world.node_clock, NODE.to_owned()),
            Some(at) => (&self.world.client_clocks[at], format!("client-{at}")),
        };
        if event.class == Class::Drift {
            let ppm = 1_000 << rng.i32(0..8);
            let ppm = if rng.bool() { ppm } else { -ppm };
            self.world.say(&whose, &format!("its clock gains {ppm} ppm for {:?}", event.lasts));
            clock.set_drift(ppm);
            self.world.clock.sleep(event.lasts).await;
            self.world.say(&whose, "its clock runs well");
            clock.set_drift(0);
        } else {
            let error = rng.i64(-WALL_ERROR_MAX_MS..=WALL_ERROR_MAX_MS);
            self.set_wall(which, error);
            self.world.say(&whose, &format!("its clock is wrong by {error} ms"));
        }
        true
    }

    fn set_wall(&self, which: usize, error_ms: i64) {
        let before = core::mem::replace(&mut self.state().wall_errors_ms[which], error_ms);
        let clock = match which.checked_sub(1) {
            None => &self.world.node_clock,
            Some(at) => &self.world.client_clocks[at],
        };
        clock.jump_wall(error_ms - before);
    }

    async fn rule(&self, event: Event) -> bool {
        let (fault, what) = fault(&mut fastrand::Rng::with_seed(event.salt));
        let added = self.state().done.cluster.as_ref().map(|it| it.faults().add(fault));
        let Some(added) = added else { return false };
        self.world.say(NODE, &format!("{what} for {:?}", event.lasts));
        self.world.clock.sleep(event.lasts).await;
        self.world.say(NODE, &format!("{what} hit {} times", added.hits()));
        added.remove();
        added.hits() > 0
    }

    async fn alter(&self, event: Event) -> bool {
        let mut rng = fastrand::Rng::with_seed(event.salt);
        let topics = self.world.topics();
        let topic = &topics[rng.usize(..topics.len())];
        let (name, value) = setting(&mut rng);
        let change = AlterConfigs::topic(topic).set(name, &value);
        let told = self.operator.admin().alter_configs([change]).await;
        let told = told.into_iter().all(|told| told.is_ok());
        self.world.say("operator", &format!("sets {name} of {topic} to {value}: {told}"));
        told
    }

    async fn strike_node(&self, event: Event) -> bool {
        self.world.say(NODE, &format!("{:?} for {:?}", event.class, event.lasts));
        match event.class {
            Class::Pause => {
                self.state().done.cluster.iter().for_each(Cluster::pause);
                self.world.clock.sleep(event.lasts).await;
                self.state().done.cluster.iter().for_each(Cluster::resume);
                self.world.say(NODE, "goes on");
                return true;
            }
            Class::Kill | Class::PowerLoss => self.end_node(event.class == Class::PowerLoss).await,
            Class::Stop => self.stop_node().await,
            _ => return self.spoil_disk(event).await,
        }
        self.world.clock.sleep(event.lasts).await;
        self.start_node().await;
        true
    }

    /// The disk fails for a while. If it has, somebody starts the node again.
    async fn spoil_disk(&self, event: Event) -> bool {
        let before = self.faults_of_disk();
        let permille = [50, 300, 1_000][usize::try_from(event.salt % 3).expect("a small number")];
        self.change_manners(|manners| match event.class {
            Class::FailedSync => manners.failed_syncs_permille = permille,
            Class::FailedWrite => manners.failed_writes_permille = permille,
            _ => manners.is_full = true,
        });
        self.world.clock.sleep(event.lasts).await;
        let good = |manners: &mut Manners| {
            manners.failed_syncs_permille = 0;
            manners.failed_writes_permille = 0;
            manners.is_full = false;
        };
        let is_hasty = (event.salt / 3).is_multiple_of(4);
        if !is_hasty {
            self.change_manners(good);
        }
        let [writes, syncs] = self.faults_of_disk();
        let has_failed = [writes, syncs] != before;
        if has_failed {
            self.end_node(syncs != before[1]).await;
            if is_hasty && self.try_to_start(0).await {
                // it may be fenced already: the disk is as bad as it was
                let [_, lost] = self.faults_of_disk();
                self.end_node(lost != syncs).await;
            }
            self.change_manners(good);
            self.start_node().await;
        }
        self.change_manners(good);
        has_failed
    }

    /// How many writes have failed, and how many syncs.
    fn faults_of_disk(&self) -> [u64; 2] {
        let misdeeds = self.world.disk.misdeeds();
        let count = |what| misdeeds.get(&what).copied().unwrap_or_default();
        [count(Misdeed::FailedWrite) + count(Misdeed::Full), count(Misdeed::FailedSync)]
    }

    async fn stop_node(&self) {
        let cluster = self.state().done.cluster.take();
        if let Some(cluster) = cluster {
            let stopped = cluster.stop().await;
            let how = stopped.as_ref().map_or_else(ToString::to_string, |_| "in order".into());
            self.world.say(NODE, &format!("has stopped: {how}"));
            self.world.disk.end_process();
        }
    }

    /// The node is killed, or its power fails.
    async fn end_node(&self, power: bool) {
        let cluster = self.state().done.cluster.take();
        if power {
            self.world.network.vanish(NODE);
        }
        if let Some(cluster) = cluster {
            cluster.kill().await;
        }
        if self.world.plan.forgets {
            self.world.disk.replace();
        } else if power {
            self.world.disk.fail_power();
        } else {
            self.world.disk.end_process();
        }
        self.world.say(NODE, if power { "has lost its power" } else { "is killed" });
    }

    async fn start_node(&self) {
        for attempt in 1..=STARTS_MAX {
            if self.try_to_start(attempt).await {
                return;
            }
            self.world.clock.sleep(REST).await;
        }
        self.state().done.complaints.push("the node does not start".into());
    }

    async fn try_to_start(&self, attempt: u32) -> bool {
        let [_, before] = self.faults_of_disk();
        let started = self.world.start().await;
        self.world.network.come_back(NODE);
        match started {
            Ok(cluster) => {
                self.world.say(NODE, "has started");
                self.state().done.cluster = Some(cluster);
                true
            }
            Err(error) => {
                self.world.say(NODE, &format!("does not start, attempt {attempt}: {error}"));
                let [_, now] = self.faults_of_disk();
                self.end_node(now != before).await;
                false
            }
        }
    }

    /// Everything is as on a good day.
    pub(super) async fn heal(&self) {
        let (world, topics) = (self.world, self.world.topics());
        world.network.release_all();
        world.network.set_pace(PACE);
        self.change_manners(|manners| *manners = Manners::GOOD);
        for clock in world.client_clocks.iter().chain([&world.node_clock]) {
            clock.set_drift(0);
        }
        for which in 0..=world.client_clocks.len() {
            self.set_wall(which, 0);
        }
        self.state().done.cluster.iter().for_each(|it| it.faults().clear());
        let change = |topic: &String| AlterConfigs::topic(topic).delete(BATCH_MAX);
        let mut told = Vec::new();
        for _ in 0..10 {
            told = self.operator.admin().alter_configs(topics.iter().map(change)).await;
            if told.iter().all(Result::is_ok) {
                return;
            }
            world.clock.sleep(REST).await;
        }
        self.state().done.complaints.push(format!("the settings are not taken back: {told:?}"));
    }

    pub(super) async fn end(self) -> Done {
        self.operator.close().await;
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner).done
    }

    fn change_manners(&self, change: impl FnOnce(&mut Manners)) {
        let mut state = self.state();
        change(&mut state.manners);
        self.world.disk.set_manners(state.manners);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const BATCH_MAX: &str = "max.message.bytes";

fn setting(rng: &mut fastrand::Rng) -> (&'static str, String) {
    match rng.u8(..7) {
        0 => ("internal.segment.bytes", rng.u32(200..20_000).to_string()),
        1 => ("segment.ms", rng.u32(1_000..60_000).to_string()),
        2 => {
            let codecs = ["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"];
            ("compression.type", codecs[rng.usize(..codecs.len())].into())
        }
        3 => {
            let types = ["CreateTime", "LogAppendTime"];
            ("message.timestamp.type", types[rng.usize(..types.len())].into())
        }
        4 => ("segment.index.bytes", rng.u32(12..2_000).to_string()),
        5 => ("index.interval.bytes", rng.u32(0..4_096).to_string()),
        _ => (BATCH_MAX, rng.u32(300..5_000).to_string()),
    }
}

/// Codes by which a broker says that nothing was done, or leaves it open.
const CODES: [(ApiKey, &[ErrorCode]); 5] = [
    (
        ApiKey::PRODUCE,
        &[
            ErrorCode::NOT_LEADER_OR_FOLLOWER,
            ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER,
            ErrorCode::UNKNOWN_PRODUCER_ID,
            ErrorCode::INVALID_PRODUCER_EPOCH,
            ErrorCode::REQUEST_TIMED_OUT,
            ErrorCode::NOT_ENOUGH_REPLICAS,
            ErrorCode::KAFKA_STORAGE_ERROR,
            ErrorCode::MESSAGE_TOO_LARGE,
            ErrorCode::UNKNOWN_SERVER_ERROR,
        ],
    ),
    (
        ApiKey::FETCH,
        &[
            ErrorCode::NOT_LEADER_OR_FOLLOWER,
            ErrorCode::KAFKA_STORAGE_ERROR,
            ErrorCode::UNKNOWN_SERVER_ERROR,
            ErrorCode::OFFSET_NOT_AVAILABLE,
        ],
    ),
    (ApiKey::METADATA, &[ErrorCode::LEADER_NOT_AVAILABLE]),
    (ApiKey::INIT_PRODUCER_ID, &[ErrorCode::COORDINATOR_LOAD_IN_PROGRESS]),
    (ApiKey::LIST_OFFSETS, &[ErrorCode::NOT_LEADER_OR_FOLLOWER, ErrorCode::OFFSET_NOT_AVAILABLE]),
];

fn fault(rng: &mut fastrand::Rng) -> (Fault, String) {
    let (api, codes) = CODES[if rng.bool() { 0 } else { rng.usize(..CODES.len()) }];
    let action = match rng.u8(..8) {
        0..3 => Action::Error(codes[rng.usize(..codes.len())]),
        3 => Action::Delay(Duration::from_millis(rng.u64(1..3_000))),
        4 => Action::DisconnectBefore,
        5 | 6 => Action::DisconnectAfter,
        _ => Action::Silence,
    };
    let what = format!("{api:?} {action:?}");
    (Fault::on(api).times(rng.u64(1..=4)).then(action), what)
}
