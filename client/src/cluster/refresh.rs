//! When to ask for metadata, whom, and for what: at most one question at a time.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use ottla_protocol::Str;
use ottla_protocol::ids::NodeId;
use ottla_runtime::Instant;

use crate::backoff::Backoff;

/// Whom to ask.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Target {
    /// A broker that the metadata names.
    Node(NodeId),
    /// An entry of the bootstrap list.
    Bootstrap(usize),
}

/// Ask `target` for `topics`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Ask {
    pub(crate) target: Target,
    pub(crate) topics: Vec<Str>,
}

/// Decides about refreshes.
#[derive(Debug)]
pub(crate) struct Refresh {
    bootstrap: usize,
    max_age: Duration,
    /// For how long brokers may be asked in vain before the bootstrap list is; `None`: for ever.
    patience: Option<Duration>,
    backoff: Backoff,
    rng: fastrand::Rng,
    /// How many handles want each topic.
    interests: BTreeMap<Str, u64>,
    nodes: Vec<NodeId>,
    /// Who did not answer since somebody last did.
    silent: BTreeSet<Target>,
    /// Use the bootstrap list although brokers are known (KIP-899, KIP-1102).
    rebootstrap: bool,
    /// Since when asking is in vain, or the bootstrap list was last turned to.
    trying_since: Option<Instant>,
    asked: Option<Target>,
    /// Somebody wants to know, and what is being asked does not cover it.
    wanted: bool,
    /// Not before this, unless a new topic is wanted.
    not_before: Instant,
    /// A topic that nobody has asked for yet.
    new_topic: bool,
    refreshed_at: Option<Instant>,
    /// Whether the last question, if there was one, was answered.
    answering: bool,
}

impl Refresh {
    /// For a list of `bootstrap` entries, at least one.
    pub(crate) fn new(
        bootstrap: usize,
        max_age: Duration,
        patience: Option<Duration>,
        backoff: Backoff,
        seed: u64,
    ) -> Self {
        assert!(bootstrap > 0); // the configuration was checked
        Self {
            bootstrap,
            max_age,
            patience,
            backoff,
            rng: fastrand::Rng::with_seed(seed),
            interests: BTreeMap::new(),
            nodes: Vec::new(),
            silent: BTreeSet::new(),
            rebootstrap: false,
            trying_since: None,
            asked: None,
            wanted: false,
            not_before: Instant::ZERO,
            new_topic: false,
            refreshed_at: None,
            answering: true,
        }
    }

    /// One more handle wants `topic`. Gives whether it is a new one.
    pub(crate) fn on_interest(&mut self, topic: &Str) -> bool {
        let handles = self.interests.entry(topic.clone()).or_insert(0);
        *handles += 1;
        let new = *handles == 1;
        self.wanted |= new;
        self.new_topic |= new;
        new
    }

    /// One handle less wants `topic`.
    pub(crate) fn on_disinterest(&mut self, topic: &str) {
        if let Some(handles) = self.interests.get_mut(topic) {
            *handles -= 1;
            if *handles == 0 {
                self.interests.remove(topic);
            }
        }
    }

    /// Whether a handle wants `topic`.
    pub(crate) fn is_wanted(&self, topic: &str) -> bool {
        self.interests.contains_key(topic)
    }

    /// The topics that handles want.
    pub(crate) fn wanted_topics(&self) -> impl Iterator<Item = &Str> {
        self.interests.keys()
    }

    /// Whether a question is on its way.
    pub(crate) const fn is_asking(&self) -> bool {
        self.asked.is_some()
    }

    /// Whether the last answer is older than `max_age`, or there is none.
    pub(crate) fn is_aged(&self, now: Instant) -> bool {
        self.refreshed_at.is_none_or(|at| now.since(at) >= self.max_age)
    }

    /// Somebody found the metadata stale.
    pub(crate) const fn on_request(&mut self) {
        self.wanted = true;
    }

    /// The answer came. `unsettled`: it describes a state that passes, so ask again soon.
    pub(crate) fn on_answer(&mut self, now: Instant, nodes: Vec<NodeId>, unsettled: bool) {
        self.asked = None;
        self.answering = true;
        self.silent.clear();
        self.rebootstrap = false;
        self.trying_since = None;
        self.nodes = nodes;
        self.refreshed_at = Some(now);
        if !unsettled {
            self.backoff.reset();
        }
        // even a settled cluster is not asked in a loop by handles that disagree with it
        self.not_before = now + self.backoff.next_wait();
        if !unsettled {
            self.backoff.reset();
        }
        self.wanted |= unsettled;
    }

    /// No answer came. The next in line is asked at once, unless all have failed. Gives whether the
    /// bootstrap list is turned to.
    pub(crate) fn on_failure(&mut self, now: Instant) -> bool {
        if let Some(target) = self.asked.take() {
            self.silent.insert(target);
        }
        self.wanted = true;
        self.answering = false;
        let all_failed = self.candidates().is_empty();
        if !all_failed && !self.is_out_of_patience(now) {
            return false;
        }
        // brokers first, then the bootstrap list, then all over again
        let turn = self.asks_brokers() && self.patience.is_some();
        self.silent.clear();
        if turn {
            self.turn_to_bootstrap(now);
        } else {
            self.rebootstrap = false;
            self.not_before = now + self.backoff.next_wait();
        }
        turn
    }

    /// A broker says that the brokers we know are not the cluster's any more (KIP-1102). Gives
    /// whether the bootstrap list is turned to.
    pub(crate) fn on_rebootstrap(&mut self, now: Instant) -> bool {
        if !self.asks_brokers() || self.patience.is_none() {
            return self.on_failure(now); // one of the list may know better
        }
        self.asked = None;
        self.silent.clear();
        self.wanted = true;
        self.not_before = now + self.backoff.next_wait();
        self.turn_to_bootstrap(now);
        true
    }

    const fn turn_to_bootstrap(&mut self, now: Instant) {
        self.rebootstrap = true;
        self.trying_since = Some(now); // the brokers get as long again, should the list be in vain
    }

    /// Whether those who are asked are brokers that the metadata names.
    fn asks_brokers(&self) -> bool {
        !self.rebootstrap && !self.nodes.is_empty()
    }

    fn is_out_of_patience(&self, now: Instant) -> bool {
        let Some((since, patience)) = self.trying_since.zip(self.patience) else { return false };
        self.asks_brokers() && now.since(since) >= patience
    }

    /// What to ask now, if anything.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<Ask> {
        if self.asked.is_some() || self.next_deadline().is_none_or(|due| due > now) {
            return None;
        }
        let target = self.choose();
        self.trying_since.get_or_insert(now);
        self.asked = Some(target);
        self.wanted = false;
        self.new_topic = false;
        Some(Ask { target, topics: self.interests.keys().cloned().collect() })
    }

    /// When [`poll`](Self::poll) has something to ask, if nothing else happens.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        if self.asked.is_some() {
            return None;
        }
        let aged = self.refreshed_at.map(|at| at + self.max_age);
        let aged = aged.filter(|_| !self.interests.is_empty());
        let wanted = self.wanted.then_some(self.not_before);
        // one question about a new topic does not wait behind the backoff of the old ones, but a
        // cluster that does not answer is left alone
        let new = (self.new_topic && self.answering).then_some(Instant::ZERO);
        [aged, wanted, new].into_iter().flatten().min()
    }

    /// Whom a request that any broker can answer goes to.
    pub(crate) fn choose(&mut self) -> Target {
        let candidates = self.candidates();
        let picked = self.rng.usize(0..candidates.len().max(1));
        candidates.get(picked).copied().unwrap_or(Target::Bootstrap(0))
    }

    fn candidates(&self) -> Vec<Target> {
        let nodes = self.nodes.iter().copied().map(Target::Node);
        let bootstrap = (0..self.bootstrap).map(Target::Bootstrap);
        let all: Vec<_> = if self.asks_brokers() { nodes.collect() } else { bootstrap.collect() };
        all.into_iter().filter(|target| !self.silent.contains(target)).collect()
    }
}

#[cfg(test)]
mod tests;
