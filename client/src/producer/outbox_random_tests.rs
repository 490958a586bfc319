//! Random schedules against a model of the brokers: whatever is lost, cut, refused or late, each
//! record that was acknowledged is in the log once, none that was certainly refused is there, and
//! each partition keeps the order in which its records were enqueued.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{NodeId, PartitionIndex, ProducerEpoch, ProducerId, Timestamp, Uuid};
use ottla_protocol::record::{BatchHeader, CheckedBatch, Decompressor, RecordBlock};

use super::model::{Brokers, Log, Mishap, Wire, values_of};
use super::outbox_kit::{Kit, settings};
use super::*;
use crate::producer::batch::Identity;
use crate::producer::delivery::Delivery;
use crate::producer::error::Obstacle;
use crate::producer::replies::Reply;

const PARTITIONS: i32 = 3;
const NODES: i32 = 2;

struct World {
    rng: fastrand::Rng,
    kit: Kit,
    brokers: Brokers,
    wires: BTreeMap<NodeId, Wire>,
    /// Requests of connections that were cut, which a broker may still read.
    zombies: VecDeque<(NodeId, Vec<OutgoingTopic>)>,
    next_value: u64,
    /// How many producer ids were given out.
    ids: i64,
    asked_id: bool,
    sent: Vec<(i32, u64, Delivery)>,
    totals: Totals,
    /// By the partition and first value of each batch sent: its records, its id and its epoch.
    batches: BTreeMap<(i32, u64), (usize, Option<ProducerId>, i16)>,
}

/// How often each thing happened that the rules are for.
#[derive(Debug, Default)]
struct Totals(BTreeMap<String, u64>);

impl Totals {
    fn count(&mut self, what: &str) {
        *self.0.entry(what.to_owned()).or_default() += 1;
    }

    fn add(&mut self, other: Self) {
        for (what, times) in other.0 {
            *self.0.entry(what).or_default() += times;
        }
    }

    /// Everything really happened, and often.
    fn check(&self) {
        for what in [
            "answer: NONE",
            "answer: NOT_ENOUGH_REPLICAS",
            "answer: NOT_ENOUGH_REPLICAS_AFTER_APPEND",
            "answer: REQUEST_TIMED_OUT",
            "answer: INVALID_RECORD",
            "answer: UNKNOWN_TOPIC_OR_PARTITION",
            "answer: UNKNOWN_SERVER_ERROR",
            "answer: NOT_LEADER_OR_FOLLOWER",
            "answer: MESSAGE_TOO_LARGE",
            "answer: OUT_OF_ORDER_SEQUENCE_NUMBER",
            "cut: answer lost",
            "cut: request lost",
            "cut: request unsent",
            "read after the cut",
            "id refused",
            "id given",
            "batch: sent again",
            "batch: renumbered under a newer epoch",
            "batch: renumbered under another id",
            "batch: split",
            "told: acknowledged",
            "told: not in the log",
            "told: perhaps in the log",
        ] {
            let times = self.0.get(what).copied().unwrap_or(0);
            assert!(times > SEEDS / 100, "{what}: {times} times: {self:#?}");
        }
    }
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut brokers = Brokers::default();
        for partition in 0..PARTITIONS {
            let log = Log { leader: rng.i32(0..NODES), ..Log::default() };
            brokers.logs.insert(("t".into(), partition), log);
        }
        let mut settings = settings();
        settings.linger = Duration::from_millis([0, 0, 5][rng.usize(..3)]);
        let mut world = Self {
            kit: Kit::new(settings, seed),
            rng,
            brokers,
            wires: BTreeMap::new(),
            zombies: VecDeque::new(),
            next_value: 0,
            ids: 0,
            asked_id: false,
            sent: Vec::new(),
            totals: Totals::default(),
            batches: BTreeMap::new(),
        };
        world.refresh();
        world
    }

    fn refresh(&mut self) {
        let leaders = (0..PARTITIONS).map(|partition| {
            let log = &self.brokers.logs[&("t".to_owned(), partition)];
            Some(Leader { node: NodeId(log.leader), epoch: None })
        });
        let route = Route::Known(Uuid::ZERO, leaders.collect());
        self.kit.outbox.on_route(0, route);
    }

    fn drive(&mut self) {
        self.kit.outbox.collect(self.kit.now);
        while let Some(effect) = self.kit.outbox.poll(self.kit.now) {
            match effect {
                Effect::AskProducerId => self.asked_id = true,
                Effect::Send(outgoing) => {
                    self.note(&outgoing);
                    self.wires.entry(outgoing.node).or_default().push(outgoing);
                }
                Effect::Refresh if self.rng.u8(..4) > 0 => self.refresh(),
                Effect::Refresh => {}
            }
        }
    }

    /// Counts what is special in a request.
    fn note(&mut self, outgoing: &Outgoing) {
        for (partition, body) in outgoing.topics.iter().flat_map(|topic| &topic.batches) {
            let (header, values) = (BatchHeader::parse(body).unwrap(), values_of(body));
            let epoch = header.producer_epoch.map_or(-1, |epoch| epoch.0);
            let now = (values.len(), header.producer_id, epoch);
            let Some(before) = self.batches.insert((partition.0, values[0]), now) else { continue };
            self.totals.count("batch: sent again");
            if now.0 < before.0 {
                self.totals.count("batch: split");
            }
            if now.1 != before.1 {
                self.totals.count("batch: renumbered under another id");
            } else if now.2 > before.2 {
                self.totals.count("batch: renumbered under a newer epoch");
            }
        }
    }

    fn append(&mut self) {
        let partition = self.rng.i32(0..PARTITIONS);
        let value = self.next_value;
        if let Some(delivery) = self.kit.append(partition, value) {
            self.sent.push((partition, value, delivery));
            self.next_value += 1;
        }
    }

    fn some_node(&mut self) -> NodeId {
        NodeId(self.rng.i32(0..NODES))
    }

    /// A broker reads the next request of a connection.
    fn process(&mut self, node: NodeId) {
        let Some(wire) = self.wires.get_mut(&node) else { return };
        let Some((id, topics)) = wire.requests.pop_front() else { return };
        let response = self.brokers.process(node, &topics);
        wire.replies.push_back((id, response));
    }

    fn deliver(&mut self, node: NodeId) {
        let Some(wire) = self.wires.get_mut(&node) else { return };
        let Some((id, response)) = wire.replies.pop_front() else { return };
        for answer in response.responses.iter().flat_map(|topic| &topic.partition_responses) {
            self.totals.count(&format!("answer: {}", answer.error_code.name()));
        }
        self.kit.outbox.on_reply(id, Reply::Answered(response), self.kit.now);
    }

    /// A connection is cut. What the broker has not read it may still read, later.
    fn cut(&mut self, node: NodeId) {
        let Some(wire) = self.wires.remove(&node) else { return };
        let lost = || Obstacle::broker(ErrorCode::NETWORK_EXCEPTION);
        for (id, _) in wire.replies {
            self.totals.count("cut: answer lost");
            self.kit.outbox.on_reply(id, Reply::Lost(lost()), self.kit.now);
        }
        let mut unsent = false;
        for (id, topics) in wire.requests {
            unsent |= self.rng.u8(..4) == 0;
            if unsent {
                self.totals.count("cut: request unsent");
                self.kit.outbox.on_reply(id, Reply::Unsent(lost()), self.kit.now);
                continue;
            }
            self.totals.count("cut: request lost");
            self.zombies.push_back((node, topics));
            self.kit.outbox.on_reply(id, Reply::Lost(lost()), self.kit.now);
        }
    }

    fn zombie(&mut self) {
        if let Some((node, topics)) = self.zombies.pop_front() {
            self.totals.count("read after the cut");
            self.brokers.process(node, &topics);
        }
    }

    fn mishap(&mut self) {
        let mishap = match self.rng.u8(..8) {
            0..=2 => Mishap::Refuse(ErrorCode::NOT_ENOUGH_REPLICAS),
            3 => Mishap::Refuse(ErrorCode::INVALID_RECORD),
            4 => Mishap::Refuse(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
            5 => Mishap::AppendThen(ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND),
            6 => Mishap::AppendThen(ErrorCode::REQUEST_TIMED_OUT),
            _ => Mishap::Refuse(ErrorCode::UNKNOWN_SERVER_ERROR),
        };
        let partition = self.rng.i32(0..PARTITIONS);
        self.brokers.mishaps.insert(("t".into(), partition), mishap);
    }

    fn move_leader(&mut self) {
        let (partition, node) = (self.rng.i32(0..PARTITIONS), self.rng.i32(0..NODES));
        self.brokers.logs.get_mut(&("t".to_owned(), partition)).unwrap().leader = node;
    }

    fn answer_id(&mut self) {
        if core::mem::take(&mut self.asked_id) {
            let answer = if self.rng.u8(..4) == 0 {
                self.totals.count("id refused");
                Err(Obstacle::broker(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS))
            } else {
                self.totals.count("id given");
                self.ids += 1;
                let epoch = [0, i16::MAX - 1][self.rng.usize(..2)];
                Ok(Identity { id: ProducerId(self.ids), epoch: ProducerEpoch(epoch) })
            };
            self.kit.outbox.on_producer_id(answer, self.kit.now);
        }
    }

    fn step(&mut self) {
        let node = self.some_node();
        match self.rng.u8(..100) {
            0..=29 => self.append(),
            30..=54 => self.process(node),
            55..=76 => self.deliver(node),
            77..=79 => self.cut(node),
            80..=82 => self.zombie(),
            83..=85 => self.mishap(),
            86 => self.move_leader(),
            87..=88 => self.refresh(),
            89..=90 => self.answer_id(),
            91..=97 => self.kit.pass(self.rng.u64(1..300)),
            98 => self.kit.pass(self.rng.u64(1..4_000)),
            _ => self.brokers.batch_bytes_max = [None, Some(150)][self.rng.usize(..2)],
        }
        self.drive();
    }

    /// All that hinders ends; everything must get its fate.
    fn heal(&mut self) {
        self.brokers.mishaps.clear();
        for _ in 0..2_000 {
            self.refresh();
            self.answer_id();
            for node in (0..NODES).map(NodeId) {
                self.process(node);
                self.deliver(node);
            }
            self.zombie();
            self.kit.pass(20);
            self.drive();
            if self.kit.outbox.is_idle() && self.zombies.is_empty() {
                return;
            }
        }
        panic!("not idle in the end");
    }

    fn count_fates(&mut self) {
        for (_, _, delivery) in &self.sent {
            self.totals.count(match delivery.outcome().expect("each record has a fate") {
                Ok(_) => "told: acknowledged",
                Err(why) if why.possibly_written() => "told: perhaps in the log",
                Err(_) => "told: not in the log",
            });
        }
    }

    fn check(&self) {
        let mut in_log = BTreeMap::<u64, usize>::new();
        let acked = |(_, value, delivery): &(i32, u64, Delivery)| {
            delivery.outcome().is_some_and(|outcome| outcome.is_ok()).then_some(*value)
        };
        let acked: BTreeSet<_> = self.sent.iter().filter_map(acked).collect();
        for log in self.brokers.logs.values() {
            // a new id does not keep brokers from appending, late, what was sent under the old one
            let counts = |value: &&u64| self.ids == 1 || acked.contains(value);
            let values: Vec<_> = log.values.iter().filter(counts).collect();
            assert!(values.is_sorted(), "a partition keeps the order: {values:?}");
            for value in &log.values {
                *in_log.entry(*value).or_default() += 1;
            }
        }
        for (value, count) in &in_log {
            assert_eq!(*count, 1, "record {value} is in the log {count} times");
        }
        for (partition, value, delivery) in &self.sent {
            let written = in_log.contains_key(value);
            match delivery.outcome().expect("each record has a fate") {
                Ok(metadata) => {
                    assert!(written, "record {value} was acknowledged and is lost");
                    assert_eq!(metadata.partition, PartitionIndex(*partition));
                    let offset = usize::try_from(metadata.offset.unwrap().get()).unwrap();
                    let log = &self.brokers.logs[&("t".to_owned(), *partition)];
                    assert_eq!(log.values[offset], *value, "its offset is its own");
                }
                Err(why) => {
                    let allowed = why.possibly_written() || !written;
                    assert!(allowed, "record {value} is in the log in spite of: {why}");
                }
            }
        }
        assert_eq!(self.kit.memory.reserved(), 0, "all bytes came back");
        for node in self.kit.outbox.nodes.values() {
            assert_eq!((node.gate.waiting(), node.out), (0, 0));
        }
    }
}

fn run(seed: u64) -> Totals {
    let mut world = World::new(seed);
    let steps = world.rng.usize(50..600);
    for _ in 0..steps {
        world.step();
    }
    world.heal();
    world.check();
    world.count_fates();
    world.totals
}

#[test]
fn nothing_is_lost_doubled_or_reordered_over_random_schedules() {
    let mut totals = Totals::default();
    for seed in 0..SEEDS {
        match std::panic::catch_unwind(|| run(seed)) {
            Ok(of_one) => totals.add(of_one),
            Err(_) => panic!("seed {seed} failed: see above"),
        }
    }
    totals.check();
    println!("{totals:#?}");
}

/// A second of work; ten times as many were run when the rules were written.
const SEEDS: u64 = 3_000;

#[test]
fn a_timestamp_of_the_past_travels_with_its_record() {
    let mut kit = Kit::routed(settings(), &[0]);
    let (now, wall) = (kit.now, Timestamp(1_700_000_000_000));
    // none: the wall clock's. The third is further from the first than 32 bits reach.
    let chosen = [None, Some(Timestamp(1_699_999_999_000)), Some(Timestamp(5)), None];
    let expected = chosen.map(|timestamp| timestamp.unwrap_or(wall));
    let deliveries = chosen.map(|timestamp| {
        let mut record = crate::producer::Record::new().value("x").partition(PartitionIndex(0));
        if let Some(timestamp) = timestamp {
            record = record.timestamp(timestamp);
        }
        kit.topic.append(&record, wall, None, || (now, wall)).unwrap().delivery
    });
    kit.outbox.collect(now);
    let Some(Effect::Send(outgoing)) = kit.outbox.poll(now) else { panic!("one request") };
    let (_, body) = &outgoing.topics[0].batches[0];
    let batch = CheckedBatch::check(body.clone()).unwrap();
    let block = RecordBlock::open(&batch, &mut Decompressor::default(), 1_000).unwrap();
    let sent: Vec<_> = block.records().map(|record| record.unwrap().timestamp).collect();
    assert_eq!(sent, expected);
    assert_eq!((batch.header().base_timestamp, batch.header().max_timestamp), (wall, wall));
    kit.answer(outgoing.request, ErrorCode::NONE);
    let told = deliveries.map(|delivery| delivery.outcome().unwrap().unwrap().timestamp);
    assert_eq!(told, expected);
}
