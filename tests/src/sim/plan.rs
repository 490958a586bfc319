//! What goes wrong in a run, drawn from a seed: plain data, so that a run can be repeated with some
//! of it left out.

use core::time::Duration;
use std::collections::BTreeSet;

use super::network::Way;

/// A kind of thing that goes wrong.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Class {
    /// A client and the node do not reach each other, and what was under way is lost.
    Cut,
    /// Nothing passes in one direction.
    OneWay,
    /// What a client and the node send each other comes late, all at once.
    Held,
    /// Connections of a client are reset.
    Reset,
    /// What a client sends comes after it has given up.
    Late,
    /// A bit of a record is flipped on its way.
    Flip,
    /// A client's machine is gone without a word for a while, and its connections are half open.
    Vanish,
    /// The network is slow for everybody.
    SlowNetwork,
    /// The node is killed.
    Kill,
    /// The power of the node fails.
    PowerLoss,
    /// The node stands still.
    Pause,
    /// The node is stopped in order, and started again.
    Stop,
    /// The disk takes its time.
    SlowDisk,
    /// Syncs take seconds.
    StalledSync,
    /// Syncs fail; then the node's machine is started again.
    FailedSync,
    /// Writes fail; then the node is started again.
    FailedWrite,
    /// The disk is full; then there is room again and the node is started again.
    FullDisk,
    /// Clocks are fast or slow.
    Drift,
    /// Somebody sets a clock.
    Jump,
    /// The broker itself errs, as a rule says.
    Rule,
    /// The settings of a topic are altered.
    Settings,
}

impl Class {
    /// All of them. Topics that are deleted and made anew join when a session knows their ids.
    pub const ALL: [Self; 21] = [
        Self::Cut,
        Self::OneWay,
        Self::Held,
        Self::Reset,
        Self::Late,
        Self::Flip,
        Self::Vanish,
        Self::SlowNetwork,
        Self::Kill,
        Self::PowerLoss,
        Self::Pause,
        Self::Stop,
        Self::SlowDisk,
        Self::StalledSync,
        Self::FailedSync,
        Self::FailedWrite,
        Self::FullDisk,
        Self::Drift,
        Self::Jump,
        Self::Rule,
        Self::Settings,
    ];

    /// Which events never happen side by side: those of one lane.
    pub(super) const fn lane(self) -> Lane {
        match self {
            Self::Cut | Self::OneWay | Self::Held => Lane::Links,
            Self::Reset | Self::Late | Self::Flip | Self::Vanish => Lane::Connections,
            Self::SlowNetwork => Lane::Pace,
            Self::Kill | Self::PowerLoss | Self::Pause | Self::Stop => Lane::Node,
            Self::FailedSync | Self::FailedWrite | Self::FullDisk => Lane::Node,
            Self::SlowDisk | Self::StalledSync => Lane::Disk,
            Self::Drift | Self::Jump => Lane::Clocks,
            Self::Rule => Lane::Rules,
            Self::Settings => Lane::Settings,
        }
    }

    /// Whether somebody's writes go on meanwhile.
    #[must_use]
    pub const fn is_tolerable(self) -> bool {
        matches!(self.lane(), Lane::Links | Lane::Connections | Lane::Pace | Lane::Clocks)
            || matches!(self, Self::SlowDisk | Self::Settings)
    }

    /// Whether what is acknowledged survives only if it is on the device.
    #[must_use]
    pub const fn takes_memory(self) -> bool {
        matches!(self, Self::PowerLoss | Self::FailedSync)
    }
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Lane {
    Links,
    Connections,
    Pace,
    Node,
    Disk,
    Clocks,
    Rules,
    Settings,
}

impl Lane {
    pub(super) const ALL: [Self; 8] = [
        Self::Links,
        Self::Connections,
        Self::Pace,
        Self::Node,
        Self::Disk,
        Self::Clocks,
        Self::Rules,
        Self::Settings,
    ];
}

/// Something that goes wrong, at some time, for some time.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// When it begins, since the run's start.
    pub at: Duration,
    /// How long it lasts.
    pub lasts: Duration,
    /// What it is.
    pub class: Class,
    /// Which client it meets, of those whose machines go wrong.
    pub client: u32,
    /// In which direction.
    pub way: Way,
    /// What else there is to decide.
    pub salt: u64,
}

/// All that goes wrong in a run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Whether what is acknowledged is on the device: `ottla.durability` is `commit`.
    pub commit: bool,
    /// Whether the producers number what they send.
    pub idempotence: bool,
    /// A node that has ended finds nothing of what it had: no broker may be like that.
    pub forgets: bool,
    /// What happens, by time.
    pub events: Vec<Event>,
}

/// How often a class strikes at most in a run.
const EVENTS_MAX: f64 = 20.0;
const LASTS_MS: [f64; 2] = [10.0, 8_000.0];

impl Plan {
    /// Nothing goes wrong.
    #[must_use]
    pub fn faultless(seed: u64) -> Self {
        Self::new(seed.is_multiple_of(2), Vec::new())
    }

    /// Each class is there or not, and seldom or often: a fixed mix would hide what only few bring.
    /// A crash never takes more than the durability survives.
    #[must_use]
    pub fn from_seed(seed: u64, clients: u32, time: Duration) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed.rotate_left(17) ^ 0x706c_616e);
        let commit = rng.bool();
        let mut events = Vec::new();
        for class in Class::ALL {
            let (is_on, often) = (rng.bool(), EVENTS_MAX.powf(rng.f64()));
            // each has numbers of its own: another class on or off changes nothing for this one
            let mut rng = rng.fork();
            if is_on && (commit || !class.takes_memory()) {
                let number = (0..).take_while(|at| f64::from(*at) < often).count();
                events.extend((0..number).map(|_| event(&mut rng, class, clients, time)));
            }
        }
        events.sort_by_key(|event| event.at);
        Self::new(commit, events)
    }

    const fn new(commit: bool, events: Vec<Event>) -> Self {
        Self { commit, idempotence: true, forgets: false, events }
    }

    /// Which classes are on.
    #[must_use]
    pub fn classes(&self) -> BTreeSet<Class> {
        self.events.iter().map(|event| event.class).collect()
    }
}

fn event(rng: &mut fastrand::Rng, class: Class, clients: u32, time: Duration) -> Event {
    let [least, most] = LASTS_MS;
    let lasts = Duration::from_secs_f64(least * (most / least).powf(rng.f64()) / 1e3);
    let way = if rng.bool() { Way::There } else { Way::Back };
    let (at, client) = (time.mul_f64(rng.f64()), rng.u32(..clients));
    Event { at, lasts, class, client, way, salt: rng.u64(..) }
}
