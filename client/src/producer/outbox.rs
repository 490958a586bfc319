//! From batches to requests, and from replies to fates: which batch goes to which broker when.
//!
//! A machine: the driver tells it of replies, metadata and time, and does what `poll` says.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use ottla_protocol::Str;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{NodeId, PartitionIndex, Uuid};
use ottla_runtime::Instant;

use super::accumulator::{Place, Topic};
use super::batch::{BatchId, Identity};
use super::config::Settings;
use super::error::EnqueueError;
use super::gate::Gate;
use super::lane::{Lane, LaneKey, Leader};
use super::partitioner::partition_index;
use super::sealer::Sealer;
use crate::backoff::Backoff;

/// How long a record waits for company while a request to its broker is out.
pub(crate) const GATHER_MAX: Duration = Duration::from_millis(1);

/// Matches a reply with its request.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct RequestId(pub(crate) u64);

/// What the driver is to do.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Ask any broker for a producer id; the answer goes to [`Outbox::on_producer_id`].
    AskProducerId,
    /// Send a Produce request; the answer goes to [`Outbox::on_reply`].
    Send(Outgoing),
    /// Ask for metadata soon.
    Refresh,
}

/// A Produce request.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) request: RequestId,
    pub(crate) node: NodeId,
    pub(crate) topics: Vec<OutgoingTopic>,
}

/// The batches of one topic in a request.
#[derive(Clone, Debug)]
pub(crate) struct OutgoingTopic {
    pub(crate) name: Str,
    pub(crate) id: Uuid,
    pub(crate) batches: Vec<(PartitionIndex, Bytes)>,
}

/// What metadata say of a topic.
#[derive(Clone, Debug)]
pub(crate) enum Route {
    /// Its id, and who leads each partition.
    Known(Uuid, Vec<Option<Leader>>),
    /// Only why nothing is known.
    Refused(ErrorCode),
}

/// What the outbox has of a topic.
#[derive(Debug)]
pub(super) struct Lanes {
    pub(super) topic: Arc<Topic>,
    pub(super) id: Uuid,
    pub(super) lanes: Vec<Lane>,
}

/// One broker, as seen from here.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) gate: Arc<Gate>,
    /// Requests without a reply.
    pub(super) out: usize,
    /// Since when records have been waiting.
    since: Option<Instant>,
    /// Whether a reply arrived since the last request.
    pub(super) replied: bool,
    /// Partitions that have something for it.
    active: BTreeSet<LaneKey>,
    /// Where the last request ended, so that the next begins behind.
    cursor: LaneKey,
}

/// A request without a reply.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) node: NodeId,
    /// The topics, to find them by name and by id in the response.
    pub(super) topics: Vec<(usize, Str, Uuid)>,
    pub(super) batches: BTreeMap<LaneKey, BatchId>,
}

/// Where the producer id comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Registration {
    /// Not asked for before this.
    Wanted(Instant),
    Asked,
    Have(Identity),
    /// None will come.
    Failed(ErrorCode),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Outbox {
    pub(super) settings: Settings,
    pub(super) topics: Vec<Lanes>,
    pub(super) nodes: BTreeMap<NodeId, Node>,
    nowhere: Arc<Gate>,
    /// Partitions that have something to send and no leader.
    homeless: BTreeSet<LaneKey>,
    refresh_at: Instant,
    /// Partitions with a hole in their numbers.
    pub(super) holed: BTreeSet<LaneKey>,
    pub(super) registration: Registration,
    pub(super) id_backoff: Backoff,
    pub(super) requests: BTreeMap<RequestId, Sent>,
    pub(super) sealer: Sealer,
    /// Seeds the backoff of each partition.
    seeds: fastrand::Rng,
    next_batch: u64,
    next_request: u64,
    pub(super) effects: VecDeque<Effect>,
    /// When partitions end their backoff.
    pub(super) alarms: BTreeSet<(Instant, LaneKey)>,
    pub(super) sweep_at: Instant,
    polled_at: Instant,
    hurry: bool,
    active: Vec<u32>,
}

impl Outbox {
    pub(crate) fn new(settings: Settings, sealer: Sealer, seed: u64) -> Self {
        let mut seeds = fastrand::Rng::with_seed(seed);
        Self {
            nowhere: Arc::new(Gate::new(settings.gather_bytes)),
            topics: Vec::new(),
            nodes: BTreeMap::new(),
            homeless: BTreeSet::new(),
            refresh_at: Instant::ZERO,
            holed: BTreeSet::new(),
            registration: Registration::Wanted(Instant::ZERO),
            id_backoff: settings.backoff(seeds.u64(..)),
            requests: BTreeMap::new(),
            sealer,
            seeds,
            next_batch: 0,
            next_request: 0,
            effects: VecDeque::new(),
            alarms: BTreeSet::new(),
            sweep_at: Instant::MAX,
            polled_at: Instant::ZERO,
            hurry: false,
            active: Vec::new(),
            settings,
        }
    }

    /// Adds a topic; its place is how many there were.
    pub(crate) fn add_topic(&mut self, topic: Arc<Topic>) {
        if let Registration::Failed(code) = self.registration {
            topic.close(EnqueueError::Fatal(code));
        }
        self.topics.push(Lanes { topic, id: Uuid::ZERO, lanes: Vec::new() });
    }

    pub(super) fn lane(&mut self, key: LaneKey) -> Option<&mut Lane> {
        let partition = usize::try_from(key.partition).ok()?;
        self.topics.get_mut(key.topic)?.lanes.get_mut(partition)
    }

    /// Whether records are to go without waiting for company: a flush, a close, a full buffer.
    pub(crate) fn set_hurry(&mut self, hurry: bool) {
        self.hurry = hurry;
    }

    /// Takes what metadata say of a topic.
    pub(crate) fn on_route(&mut self, place: usize, route: Route) {
        let (id, mut leaders) = match route {
            Route::Known(id, leaders) => (id, leaders),
            Route::Refused(code) => {
                if let Some(lanes) = self.topics.get(place) {
                    lanes.topic.set_refused(code);
                }
                return;
            }
        };
        let partitions = u32::try_from(leaders.len()).unwrap_or(u32::MAX);
        let known = self.topics.get(place).map_or(0, |lanes| lanes.lanes.len());
        leaders.resize(leaders.len().max(known), None); // made anew, with fewer partitions
        let places: Vec<_> = leaders.iter().map(|leader| self.place_of(*leader)).collect();
        let (settings, seeds) = (&self.settings, &mut self.seeds);
        let (idempotent, window) = (settings.idempotent, settings.in_flight_max);
        let Some(lanes) = self.topics.get_mut(place) else { return };
        lanes.id = id;
        lanes.topic.set_places(partitions, places);
        lanes.lanes.resize_with(leaders.len(), || {
            Lane::new(idempotent, window, settings.backoff(seeds.u64(..)))
        });
        for (partition, leader) in (0..).zip(leaders) {
            self.set_leader(LaneKey { topic: place, partition }, leader);
        }
    }

    fn place_of(&mut self, leader: Option<Leader>) -> Place {
        let enough = self.settings.gather_bytes;
        let Some(leader) = leader else {
            return Place { has_leader: false, gate: Arc::clone(&self.nowhere) };
        };
        let node = self.nodes.entry(leader.node).or_insert_with(|| Node {
            gate: Arc::new(Gate::new(enough)),
            out: 0,
            since: None,
            replied: false,
            active: BTreeSet::new(),
            cursor: LaneKey { topic: 0, partition: 0 },
        });
        Place { has_leader: true, gate: Arc::clone(&node.gate) }
    }

    fn set_leader(&mut self, key: LaneKey, leader: Option<Leader>) {
        let Some(lane) = self.lane(key) else { return };
        let before = core::mem::replace(&mut lane.leader, leader);
        if before == leader {
            return;
        }
        lane.not_before = None; // a new leader deserves a try at once
        if let Some(node) = before.and_then(|before| self.nodes.get_mut(&before.node)) {
            node.active.remove(&key);
        }
        self.homeless.remove(&key);
        self.activate(key);
    }

    /// Puts a partition that has something to send where it will be found.
    pub(super) fn activate(&mut self, key: LaneKey) {
        let Some(lane) = self.lane(key) else { return };
        if !lane.has_work() {
            self.homeless.remove(&key);
            return;
        }
        match lane.leader {
            Some(leader) => {
                let node = self.nodes.get_mut(&leader.node);
                node.map(|node| node.active.insert(key));
            }
            None => drop(self.homeless.insert(key)),
        }
    }

    /// Looks which partitions got records, which takes a lock for each topic: once for each round
    /// of [`Outbox::poll`]s, before it.
    pub(crate) fn collect(&mut self, now: Instant) {
        for topic in 0..self.topics.len() {
            let mut active = core::mem::take(&mut self.active);
            if let Some(lanes) = self.topics.get(topic) {
                lanes.topic.take_active(&mut active);
            }
            for partition in active.drain(..) {
                let key = LaneKey { topic, partition };
                if let Some(lane) = self.lane(key) {
                    lane.waiting = true;
                }
                self.activate(key);
                self.sweep_at = self.sweep_at.min(now + self.settings.delivery_timeout);
            }
            self.active = active;
        }
        for node in self.nodes.values_mut() {
            if node.gate.waiting() > 0 {
                node.since.get_or_insert(now);
            } else {
                (node.since, node.replied) = (None, false);
            }
        }
    }

    /// The next thing to do; `None` when all is done that is due at `now`. Of records it knows those
    /// that were there at the last [`Outbox::collect`].
    pub(crate) fn poll(&mut self, now: Instant) -> Option<Effect> {
        self.polled_at = now;
        if now >= self.sweep_at {
            self.sweep(now);
        }
        self.alarms = self.alarms.split_off(&(now, LaneKey { topic: usize::MAX, partition: 0 }));
        if let Some(effect) = self.effects.pop_front() {
            return Some(effect);
        }
        if !self.homeless.is_empty() && now >= self.refresh_at {
            self.refresh_at = now + self.settings.retry_backoff;
            return Some(Effect::Refresh);
        }
        if self.settings.idempotent
            && !self.topics.is_empty()
            && let Registration::Wanted(at) = self.registration
            && at <= now
        {
            self.registration = Registration::Asked;
            return Some(Effect::AskProducerId);
        }
        let nodes: Vec<_> = self.nodes.keys().copied().collect();
        nodes.into_iter().find_map(|node| self.request_for(node, now)).map(Effect::Send)
    }

    /// When [`Outbox::poll`] has something to do though nothing happens.
    pub(crate) fn next_deadline(&self) -> Instant {
        let gather = if self.settings.linger.is_zero() { GATHER_MAX } else { self.settings.linger };
        let gathered = self.nodes.values().filter_map(|node| node.since).map(|at| at + gather);
        let alarm = self.alarms.first().map(|(at, _)| *at);
        let refresh = (!self.homeless.is_empty()).then_some(self.refresh_at);
        let register = match self.registration {
            Registration::Wanted(at) if self.settings.idempotent => Some(at),
            _ => None,
        };
        let all = gathered.chain(alarm).chain(refresh).chain(register).chain([self.sweep_at]);
        // what was due at the last poll was done, or waits for something else
        all.filter(|at| *at > self.polled_at).min().unwrap_or(Instant::MAX)
    }

    /// Whether records wait to be sent.
    pub(crate) fn is_gathering(&self) -> bool {
        self.nowhere.waiting() > 0 || self.nodes.values().any(|node| node.gate.waiting() > 0)
    }

    /// Whether nothing waits and no request is out.
    pub(crate) fn is_idle(&self) -> bool {
        let lanes = self.topics.iter().flat_map(|topic| &topic.lanes);
        self.requests.is_empty() && !self.is_gathering() && lanes.into_iter().all(Lane::is_idle)
    }

    /// Whether new records may leave for `node` now: the rule of natural batching.
    fn may_leave(&self, node: &Node, now: Instant) -> bool {
        let linger = self.settings.linger;
        let waited = |wait| node.since.is_some_and(|since| now >= since + wait);
        if self.hurry || node.gate.has_enough() {
            return true;
        }
        if linger.is_zero() {
            node.out == 0 || node.replied || waited(GATHER_MAX)
        } else {
            waited(linger)
        }
    }

    fn request_for(&mut self, id: NodeId, now: Instant) -> Option<Outgoing> {
        let node = self.nodes.get(&id)?;
        if node.active.is_empty() || node.out >= self.settings.in_flight_max {
            return None;
        }
        let fresh = self.may_leave(node, now);
        let cursor = node.cursor;
        let behind = node.active.range(cursor..).chain(node.active.range(..cursor));
        let keys: Vec<_> = behind.copied().collect();
        let mut request = Request::default();
        for key in keys {
            if !self.add_to(&mut request, key, id, fresh, now) {
                let node = self.nodes.get_mut(&id)?;
                node.cursor = key;
                break;
            }
        }
        if request.batches.is_empty() {
            return None;
        }
        let node = self.nodes.get_mut(&id)?;
        node.out += 1;
        if fresh {
            node.replied = false;
            node.since = (node.gate.waiting() > 0).then_some(now);
        }
        self.next_request += 1;
        let request_id = RequestId(self.next_request);
        let topics = request.outgoing.into_iter();
        let (places, topics): (Vec<_>, Vec<_>) =
            topics.map(|(place, topic)| ((place, topic.name.clone(), topic.id), topic)).unzip();
        let sent = Sent { node: id, topics: places, batches: request.batches };
        self.requests.insert(request_id, sent);
        Some(Outgoing { request: request_id, node: id, topics })
    }

    /// Adds the partition's next batch, if it may leave. `false`: the request is full.
    fn add_to(
        &mut self,
        request: &mut Request,
        key: LaneKey,
        node: NodeId,
        fresh: bool,
        now: Instant,
    ) -> bool {
        let identity = self.identity();
        let limit = self.settings.request_bytes_max;
        let partition = usize::try_from(key.partition).unwrap_or(usize::MAX);
        let Some(lanes) = self.topics.get_mut(key.topic) else { return true };
        let Some(lane) = lanes.lanes.get_mut(partition) else { return true };
        if !lane.may_send(node, now) {
            return true;
        }
        let fits = |len: usize| request.bytes == 0 || request.bytes + len <= limit;
        let batch = if let Some(len) = lane.sequencer.resend_len() {
            if !fits(len) {
                return false;
            }
            lane.sequencer.resend()
        } else if fresh && lane.waiting && lane.sequencer.can_seal(identity) {
            if !lanes.topic.next_len(key.partition).is_none_or(fits) {
                return false;
            }
            let open = lanes.topic.take(key.partition); // what is gone has expired
            self.next_batch += 1;
            let (batch, sealer) = (BatchId(self.next_batch), &mut self.sealer);
            open.and_then(|open| lane.sequencer.seal(open, batch, identity, sealer))
        } else {
            return true;
        };
        if let Some(batch) = batch {
            request.bytes += batch.body().len();
            request.batches.insert(key, batch.id());
            let body = (partition_index(key.partition), batch.body().clone());
            let topic = request.outgoing.entry(key.topic).or_insert_with(|| OutgoingTopic {
                name: lanes.topic.name().clone(),
                id: lanes.id,
                batches: Vec::new(),
            });
            topic.batches.push(body);
            lane.out_at = Some(node);
        }
        lane.waiting = lanes.topic.next_len(key.partition).is_some();
        if !lane.has_work()
            && let Some(node) = self.nodes.get_mut(&node)
        {
            node.active.remove(&key);
        }
        true
    }

    pub(super) fn identity(&self) -> Option<Identity> {
        match self.registration {
            Registration::Have(identity) => Some(identity),
            _ => None,
        }
    }

    /// Names for the halves of a batch that may be split.
    pub(super) fn next_batches(&mut self) -> [BatchId; 2] {
        self.next_batch += 2;
        [BatchId(self.next_batch - 1), BatchId(self.next_batch)]
    }
}

/// A request that is being put together.
#[derive(Default)]
struct Request {
    bytes: usize,
    outgoing: BTreeMap<usize, OutgoingTopic>,
    batches: BTreeMap<LaneKey, BatchId>,
}

#[cfg(test)]
#[path = "model.rs"]
mod model;
#[cfg(test)]
#[path = "outbox_kit.rs"]
mod outbox_kit;
#[cfg(test)]
#[path = "outbox_random_tests.rs"]
mod random_tests;
#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
