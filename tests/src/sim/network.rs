//! A network of named machines between which anything may go wrong that a real one allows.
//!
//! Bytes keep their order inside a connection and are never lost there: what TCP promises. Between
//! connections nothing is promised.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use futures::future::BoxFuture;
use ottla_runtime::Clock;
use ottla_runtime::net::memory::MemoryNetwork;
use ottla_runtime::net::{Connector, Halves};
use ottla_runtime::watch;

use super::pipe::{Pace, Pipe};

/// What happened to connections on which something was under way.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Struck {
    /// Nothing passed, and what was under way was lost in the end.
    Cut,
    /// Nothing passed in one direction.
    OneWay,
    /// Everything was held back, and came later.
    Held,
    /// Both ends were told that the connection is no more.
    Reset,
    /// A machine was gone without a word.
    Vanished,
    /// What one end sends came late.
    Late,
    /// A bit of a record was flipped.
    Flipped,
}

/// Which directions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Way {
    /// Both.
    Both,
    /// From the one that connects.
    There,
    /// From the one that listens.
    Back,
}

impl Way {
    const fn stops(self) -> [bool; 2] {
        [matches!(self, Self::Both | Self::There), matches!(self, Self::Both | Self::Back)]
    }
}

/// A network. Clones are the same.
#[derive(Clone)]
pub struct Network(Arc<Shared>);

struct Shared {
    ports: MemoryNetwork,
    clock: Clock,
    state: Mutex<State>,
    /// Counts what ends a hold, for those who wait to connect.
    released: watch::Sender<u64>,
}

struct State {
    pace: Pace,
    /// From whom to whom nothing passes.
    held: BTreeMap<(String, String), Way>,
    connections: Vec<Connection>,
    opened: u64,
    struck: BTreeMap<Struck, u64>,
}

struct Connection {
    from: String,
    to: String,
    there: Pipe,
    back: Pipe,
}

impl Connection {
    const fn both(&self) -> [&Pipe; 2] {
        [&self.there, &self.back]
    }

    fn each(&self, change: impl Fn(&Pipe)) {
        self.both().into_iter().for_each(change);
    }

    fn hold(&self, way: Way) {
        for (pipe, stopped) in self.both().into_iter().zip(way.stops()) {
            pipe.stop(stopped);
        }
    }

    fn is_busy(&self) -> bool {
        self.both().into_iter().any(Pipe::is_busy)
    }

    fn is_between(&self, from: &str, to: &str) -> bool {
        self.from == from && self.to == to
    }

    fn touches(&self, machine: &str) -> bool {
        self.from == machine || self.to == machine
    }
}

impl Network {
    /// A network on which nothing is wrong.
    #[must_use]
    pub fn new(clock: &Clock, pace: Pace) -> Self {
        let state = State {
            pace,
            held: BTreeMap::new(),
            connections: Vec::new(),
            opened: 0,
            struck: BTreeMap::new(),
        };
        Self(Arc::new(Shared {
            ports: MemoryNetwork::new(),
            clock: clock.clone(),
            state: Mutex::new(state),
            released: watch::Sender::new(0),
        }))
    }

    /// Where those listen that others connect to.
    #[must_use]
    pub fn ports(&self) -> &MemoryNetwork {
        &self.0.ports
    }

    /// What `machine` connects by.
    #[must_use]
    pub fn link_of(&self, machine: &str) -> Link {
        Link { network: self.clone(), from: machine.to_owned() }
    }

    /// How fast bytes pass from now on, everywhere.
    pub fn set_pace(&self, pace: Pace) {
        let mut state = self.state();
        state.pace = pace;
        state.connections.iter().for_each(|it| it.each(|pipe| pipe.set_pace(pace)));
    }

    /// Nothing passes any more between `from`, which connects, and `to`; nobody is told. Who wants
    /// to connect waits. What is under way comes after [`Network::release`].
    pub fn hold(&self, from: &str, to: &str, way: Way) {
        let mut state = self.state();
        state.held.insert((from.to_owned(), to.to_owned()), way);
        let struck = if way == Way::Both { Struck::Held } else { Struck::OneWay };
        state.strike(struck, |it| it.is_between(from, to), |it| it.hold(way));
    }

    /// Ends a [`Network::hold`]: what was held back arrives, all at once.
    pub fn release(&self, from: &str, to: &str) {
        let mut state = self.state();
        state.held.remove(&(from.to_owned(), to.to_owned()));
        let between = state.connections.iter().filter(|it| it.is_between(from, to));
        between.for_each(|it| it.each(|pipe| pipe.stop(false)));
        drop(state);
        self.0.released.send_modify(|times| *times += 1);
    }

    /// Ends a [`Network::hold`] that took so long that both ends have given up: connections on
    /// which something is under way are reset, and that is lost.
    pub fn heal(&self, from: &str, to: &str) {
        let lost = |it: &Connection| it.is_between(from, to) && it.is_busy();
        self.state().strike(Struck::Cut, lost, |it| it.each(Pipe::reset));
        self.release(from, to);
    }

    /// Ends every hold as [`Network::release`] does.
    pub fn release_all(&self) {
        let held: Vec<_> = self.state().held.keys().cloned().collect();
        held.iter().for_each(|(from, to)| self.release(from, to));
    }

    /// Ends every connection from one machine to another; both are told.
    pub fn reset(&self, from: &str, to: &str) {
        let between = |it: &Connection| it.is_between(from, to);
        self.state().strike(Struck::Reset, between, |it| it.each(Pipe::reset));
    }

    /// What `from` has sent and will send over the connections that it has comes later by that
    /// much. What it gets is not slower.
    pub fn delay(&self, from: &str, to: &str, late: Duration) {
        let between = |it: &Connection| it.is_between(from, to);
        self.state().strike(Struck::Late, between, |it| it.there.delay(late));
    }

    /// The next record in each direction of each connection of `machine` has a bit flipped.
    pub fn flip(&self, machine: &str) {
        let state = self.state();
        let its = state.connections.iter().filter(|it| it.touches(machine));
        its.for_each(|it| it.each(Pipe::flip));
    }

    /// `machine` is gone without a word, as when its power fails. To be called before it is killed.
    pub fn vanish(&self, machine: &str) {
        let touches = |it: &Connection| it.touches(machine);
        self.state().strike(Struck::Vanished, touches, |it| it.each(Pipe::vanish));
    }

    /// `machine` is there again, and knows nothing of the connections that it had.
    pub fn come_back(&self, machine: &str) {
        let state = self.state();
        let lost = |it: &&Connection| it.touches(machine) && it.there.is_vanished();
        for it in state.connections.iter().filter(lost) {
            // who is sending still is told; who waits is not
            it.each(if it.is_busy() { Pipe::reset } else { Pipe::come_back });
        }
    }

    /// How often each thing happened to a connection on which something was under way.
    #[must_use]
    pub fn struck(&self) -> BTreeMap<Struck, u64> {
        let mut state = self.state();
        state.forget_all();
        state.struck.clone()
    }

    fn open(&self, from: &str, to: &str) -> (Halves, Halves) {
        let mut state = self.state();
        state.forget_ended();
        state.opened += 1;
        let clock = &self.0.clock;
        let (there, back) = (Pipe::new(clock, state.pace), Pipe::new(clock, state.pace));
        let ((out, far_in), (far_out, incoming)) = (there.ends(), back.ends());
        let near = Halves { read: Box::new(incoming), write: Box::new(out), peer: to.to_owned() };
        let peer = format!("{from}:{}", state.opened);
        let far = Halves { read: Box::new(far_in), write: Box::new(far_out), peer };
        let connection = Connection { from: from.to_owned(), to: to.to_owned(), there, back };
        if let Some(way) = state.held.get(&(from.to_owned(), to.to_owned())) {
            connection.hold(*way);
        }
        state.connections.push(connection);
        (near, far)
    }

    /// Waits as long as nothing passes. Cancel safe.
    async fn passable(&self, from: &str, to: &str) {
        let mut released = self.0.released.subscribe();
        let place = (from.to_owned(), to.to_owned());
        while self.state().held.contains_key(&place) {
            let _sender_is_ours = released.changed().await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Does something to the connections that `which` names, and counts those on which something
    /// was under way.
    fn strike(
        &mut self,
        what: Struck,
        which: impl Fn(&Connection) -> bool,
        how: impl Fn(&Connection),
    ) {
        for it in self.connections.iter().filter(|it| which(it)) {
            *self.struck.entry(what).or_default() += u64::from(it.is_busy());
            how(it);
        }
    }

    fn forget_ended(&mut self) {
        let ended = self.connections.extract_if(.., |it| it.both().into_iter().all(Pipe::is_over));
        for it in ended {
            count_flips(&mut self.struck, &it);
        }
    }

    fn forget_all(&mut self) {
        self.connections.iter().for_each(|it| count_flips(&mut self.struck, it));
    }
}

fn count_flips(struck: &mut BTreeMap<Struck, u64>, it: &Connection) {
    let flipped: u64 = it.both().into_iter().map(Pipe::take_flipped).sum();
    *struck.entry(Struck::Flipped).or_default() += flipped;
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Network({} connections)", self.state().connections.len())
    }
}

/// Opens connections for one machine.
#[derive(Clone, Debug)]
pub struct Link {
    network: Network,
    from: String,
}

impl Connector for Link {
    fn connect(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<Halves>> {
        let (this, host) = (self.clone(), host.to_owned());
        async move {
            let network = &this.network;
            network.passable(&this.from, &host).await;
            let latency = network.state().pace.latency;
            network.0.clock.sleep(latency * 2).await; // there and back
            network.passable(&this.from, &host).await;
            let (near, far) = network.open(&this.from, &host);
            network.0.ports.offer(&host, port, far).await?;
            Ok(near)
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests;
