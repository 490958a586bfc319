//! Random schedules of elections that lose records: whenever it is quiet, what the application was
//! handed is what the log has, and nothing is handed out twice that is still there.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{LeaderEpoch, NodeId, PartitionIndex, Uuid};
use ottla_protocol::messages::fetch::{EpochEndOffset, FetchResponse};
use ottla_protocol::messages::offset_for_leader_epoch::OffsetForLeaderEpochResponse;
use ottla_protocol::record::Compression;
use ottla_runtime::Instant;

use super::model::{TOPIC, batch_of, epochs_reply, fetch_reply, node, offset};
use crate::consumer::config::{ConsumerConfig, OffsetReset};
use crate::consumer::decode::Decoder;
use crate::consumer::error::PollError;
use crate::consumer::inbox::{Effect, EpochsOrder, FetchOrder, Inbox, Leadership, Taken, Work};
use crate::consumer::subscription::{Assignment, Position, Start, TopicPartition};
use crate::error::CallError;

const PARTITIONS: usize = 2;

/// The log of whoever leads, which a new leader may cut.
struct Log {
    leader: NodeId,
    epoch: i32,
    /// Base, end, bytes.
    batches: Vec<(i64, i64, Bytes)>,
    /// Epochs and where they start.
    epochs: Vec<(i32, i64)>,
    /// What each record holds, by offset: a number that no other record has.
    ids: Vec<u64>,
}

impl Log {
    fn end(&self) -> i64 {
        i64::try_from(self.ids.len()).unwrap()
    }

    fn append(&mut self, ids: &[u64]) {
        let base = self.end();
        let values: Vec<_> = ids.iter().map(|id| id.to_be_bytes()).collect();
        let slices: Vec<&[u8]> = values.iter().map(<[u8; 8]>::as_slice).collect();
        let bytes = batch_of(self.epoch, base, &slices, Compression::None);
        self.ids.extend(ids);
        self.batches.push((base, self.end(), bytes));
    }

    /// Another leader, whose log has only the first `batches`.
    fn elect(&mut self, leader: NodeId, batches: usize) {
        self.batches.truncate(batches);
        let end = self.batches.last().map_or(0, |batch| batch.1);
        self.ids.truncate(usize::try_from(end).unwrap());
        (self.leader, self.epoch) = (leader, self.epoch + 1);
        self.epochs.retain(|(_, start)| *start < end); // an epoch without records leaves no trace
        self.epochs.push((self.epoch, end));
    }

    /// As Kafka answers: the largest epoch up to this one, and where it ends.
    fn end_of(&self, epoch: i32) -> Option<(i32, i64)> {
        let higher = self.epochs.partition_point(|(known, _)| *known <= epoch);
        let next = self.epochs.get(higher).map(|(_, start)| *start);
        match (higher.checked_sub(1), next) {
            (Some(at), next) => Some((self.epochs[at].0, next.unwrap_or_else(|| self.end()))),
            (None, next) => next.map(|start| (epoch, start)),
        }
    }

    fn read(&self, from: i64, limit: usize) -> Bytes {
        let mut out = BytesMut::new();
        for (_, _, bytes) in self.batches.iter().filter(|batch| batch.1 > from) {
            if !out.is_empty() && out.len() + bytes.len() > limit {
                break;
            }
            out.extend_from_slice(bytes);
        }
        out.freeze()
    }

    fn judge(&self, asked: NodeId, epoch: Option<LeaderEpoch>) -> ErrorCode {
        match epoch.map(|e| e.0) {
            _ if asked != self.leader => ErrorCode::NOT_LEADER_OR_FOLLOWER,
            Some(epoch) if epoch < self.epoch => ErrorCode::FENCED_LEADER_EPOCH,
            Some(epoch) if epoch > self.epoch => ErrorCode::UNKNOWN_LEADER_EPOCH,
            _ => ErrorCode::NONE,
        }
    }
}

/// What a broker has answered and the consumer not yet heard.
enum Answer {
    Fetch(NodeId, Result<FetchResponse, CallError>),
    Epochs(Arc<EpochsOrder>, Result<OffsetForLeaderEpochResponse, CallError>),
}

struct World {
    rng: fastrand::Rng,
    now: Instant,
    inbox: Inbox,
    decoder: Decoder,
    work: Vec<Work>,
    logs: Vec<Log>,
    fetches: Vec<Arc<FetchOrder>>,
    questions: Vec<Arc<EpochsOrder>>,
    answers: Vec<Answer>,
    /// What the application was handed last for each offset: the record, and its epoch.
    seen: Vec<BTreeMap<i64, (u64, i32)>>,
    /// The record that was where an error said that the log differs.
    lost: Vec<Option<(i64, u64)>>,
    next_id: u64,
    cuts_found: usize,
    faults: bool,
    /// Whether brokers look at the epoch that fetches carry (Kafka 2.7).
    fetches_diverge: bool,
}

fn tp(partition: usize) -> TopicPartition {
    TopicPartition::new(TOPIC, i32::try_from(partition).unwrap())
}

fn index(partition: PartitionIndex) -> usize {
    usize::try_from(partition.0).unwrap()
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let reset = if rng.bool() { OffsetReset::Earliest } else { OffsetReset::Error };
        let partition_fetch_bytes_max = rng.usize(100..2_000);
        let config =
            ConsumerConfig { reset, partition_fetch_bytes_max, seed, ..Default::default() };
        let log = || Log {
            leader: node(0),
            epoch: 0,
            batches: Vec::new(),
            epochs: vec![(0, 0)],
            ids: Vec::new(),
        };
        let mut world = Self {
            now: Instant::ZERO,
            decoder: Decoder::new(&config),
            inbox: Inbox::new(config),
            work: Vec::new(),
            logs: (0..PARTITIONS).map(|_| log()).collect(),
            fetches: Vec::new(),
            questions: Vec::new(),
            answers: Vec::new(),
            seen: vec![BTreeMap::new(); PARTITIONS],
            lost: vec![None; PARTITIONS],
            next_id: 0,
            cuts_found: 0,
            faults: true,
            fetches_diverge: rng.bool(),
            rng,
        };
        let zero = Start::At(offset(0));
        let all = (0..PARTITIONS).map(|p| Assignment { partition: tp(p), start: zero });
        world.inbox.assign(all.collect());
        world.tell_leaders();
        world
    }

    fn tell_leaders(&mut self) {
        let logs = &self.logs;
        self.inbox.on_metadata(self.now, |partition| {
            let log = &logs[index(partition.partition)];
            Leadership::Known {
                leader: Some(log.leader),
                epoch: Some(LeaderEpoch(log.epoch)),
                topic_id: Some(Uuid([7; 16])),
            }
        });
    }

    fn drive(&mut self) {
        while let Some(effect) = self.inbox.poll(self.now) {
            match effect {
                Effect::Fetch(order) => self.fetches.push(order),
                Effect::AskEpochs(order) => self.questions.push(order),
                Effect::RefreshMetadata if self.faults && self.rng.bool() => {} // it takes a while
                Effect::RefreshMetadata => self.tell_leaders(),
                Effect::AskOffsets(order) => panic!("the position is never unknown: {order:?}"),
            }
        }
        assert!(self.inbox.next_deadline().is_none_or(|at| at > self.now), "no busy loop");
    }

    /// A broker answers what it was asked; the answer travels.
    fn answer(&mut self) {
        let lost = self.faults && self.rng.u8(..) < 12;
        let failure = || CallError::Closed { possibly_sent: true };
        let (logs, diverge) = (&self.logs, self.fetches_diverge);
        if !self.fetches.is_empty() && self.rng.bool() {
            let order = self.fetches.swap_remove(self.rng.usize(..self.fetches.len()));
            let reply = fetch_answer(logs, &order, diverge);
            let reply = if lost { Err(failure()) } else { Ok(reply) };
            self.answers.push(Answer::Fetch(order.node, reply));
        } else if !self.questions.is_empty() {
            let order = self.questions.swap_remove(self.rng.usize(..self.questions.len()));
            let reply = epochs_reply(&order, |partition, leader_epoch, epoch| {
                let log = &logs[index(partition)];
                match log.judge(order.node, Some(leader_epoch)) {
                    ErrorCode::NONE => (ErrorCode::NONE, log.end_of(epoch.0)),
                    code => (code, None),
                }
            });
            let reply = if lost { Err(failure()) } else { Ok(reply) };
            self.answers.push(Answer::Epochs(order, reply));
        }
    }

    fn deliver(&mut self) {
        if self.answers.is_empty() {
            return;
        }
        match self.answers.swap_remove(self.rng.usize(..self.answers.len())) {
            Answer::Fetch(node, reply) => self.inbox.on_fetch_reply(node, reply, self.now),
            Answer::Epochs(order, reply) => self.inbox.on_epochs_reply(&order, reply),
        }
    }

    fn next(&self, p: usize) -> i64 {
        self.seen[p].last_key_value().map_or(0, |(offset, _)| offset + 1)
    }

    fn got(&mut self, p: usize, offset: i64, id: u64, epoch: i32) {
        let next = self.next(p);
        assert!(offset <= next, "{offset} without {next}");
        let again = self.seen[p].get(&offset).map(|seen| seen.0);
        assert!(again != Some(id), "{offset} again, though nothing was cut there");
        self.cuts_found += usize::from(again.is_some());
        if let Some((at, lost)) = self.lost[p].take() {
            assert!(offset != at || id != lost, "{offset} was said to differ");
        }
        self.seen[p].split_off(&offset);
        self.seen[p].insert(offset, (id, epoch));
    }

    fn take(&mut self) -> bool {
        match self.inbox.take_record() {
            Taken::Some(record) => {
                let id = u64::from_be_bytes(record.value.as_deref().unwrap().try_into().unwrap());
                let (p, epoch) = (index(record.partition), record.leader_epoch.unwrap());
                self.got(p, record.offset.get(), id, epoch.0);
            }
            Taken::Error(PollError::LogTruncated {
                partition,
                position,
                diverging,
                leader_epoch,
            }) => {
                let (p, at) = (index(partition.partition), diverging.unwrap());
                assert_eq!(position.get(), self.next(p), "behind what was handed out");
                assert!(at < position);
                let gone = self.seen[p].split_off(&at.get());
                self.lost[p] = gone.first_key_value().map(|(offset, seen)| (*offset, seen.0));
                let (offset, leader_epoch) = (at, leader_epoch.unwrap());
                self.inbox.seek(&partition, Start::AtEpoch { offset, leader_epoch }).unwrap();
                self.cuts_found += 1;
            }
            Taken::Error(error) => assert!(matches!(error, PollError::Node { .. }), "{error}"),
            Taken::Nothing => return false,
        }
        true
    }

    /// What an application does that kept a position and its epoch.
    fn seek(&mut self) {
        let p = self.rng.usize(..PARTITIONS);
        if self.next(p) > 0 {
            let at = self.rng.i64(0..self.next(p));
            let (_, epoch) = self.seen[p][&at];
            let (offset, leader_epoch) = (offset(at + 1), LeaderEpoch(epoch));
            self.inbox.seek(&tp(p), Start::AtEpoch { offset, leader_epoch }).unwrap();
            self.seen[p].split_off(&(at + 1));
            self.lost[p] = None;
        }
    }

    fn elect(&mut self) {
        let log = &mut self.logs[self.rng.usize(..PARTITIONS)];
        let all = log.batches.len();
        let cut = if self.rng.bool() { all } else { self.rng.usize(..=all) };
        log.elect(node(self.rng.i32(0..3)), cut);
    }

    fn append(&mut self) {
        let ids: Vec<u64> = (self.next_id..).take(self.rng.usize(1..5)).collect();
        self.next_id += 5;
        self.logs[self.rng.usize(..PARTITIONS)].append(&ids);
    }

    fn decode(&mut self) {
        self.inbox.start_decoding(self.rng.usize(1..1_000), &mut self.work);
    }

    fn finish_decoding(&mut self) {
        self.decoder.run(&mut self.work, usize::MAX);
        self.inbox.finish_decoding(&mut self.work);
    }

    fn step(&mut self) {
        match self.rng.u8(..100) {
            0..15 => self.append(),
            15..38 => self.answer(),
            38..62 => self.deliver(),
            62..70 if self.work.is_empty() => self.decode(),
            70..78 => self.finish_decoding(),
            78..90 => (0..self.rng.u8(1..8)).for_each(|_| _ = self.take()),
            90..93 => self.elect(),
            93 => self.tell_leaders(),
            94 => self.seek(),
            _ => self.now = self.now + Duration::from_millis(self.rng.u64(1..300)),
        }
        self.drive();
    }

    /// The network is well, the leaders stay, and the application reads on.
    fn drain(&mut self) {
        self.faults = false;
        self.tell_leaders();
        self.finish_decoding();
        for _ in 0..5_000 {
            while !self.fetches.is_empty() || !self.questions.is_empty() {
                self.answer();
            }
            while !self.answers.is_empty() {
                self.deliver();
            }
            self.decode();
            self.finish_decoding();
            while self.take() {}
            let right = |p: usize| {
                // what was cut off and has nothing in its place yet cannot be handed out again
                let Position::At(position) = self.inbox.position(&tp(p)).unwrap() else {
                    return false;
                };
                let seen = self.seen[p].range(..position.get()).map(|(_, seen)| seen.0);
                seen.eq(self.logs[p].ids.iter().copied())
            };
            if (0..PARTITIONS).all(right) {
                return;
            }
            self.now = self.inbox.next_deadline().map_or(self.now, |at| at.max(self.now));
            self.drive();
        }
        panic!("the application does not have what the log has: {:?}", self.seen);
    }
}

fn fetch_answer(logs: &[Log], order: &FetchOrder, diverge: bool) -> FetchResponse {
    let mut parts = order.parts.iter();
    let mut ends = Vec::new();
    let mut response = fetch_reply(order, |limit, partition, from| {
        let (log, part) = (&logs[index(partition)], parts.next().unwrap());
        let code = log.judge(order.node, part.leader_epoch);
        let end = part.from.epoch.filter(|_| diverge && code == ErrorCode::NONE);
        let end = end.map(|epoch| (epoch.0, log.end_of(epoch.0).unwrap()));
        let end = end.filter(|(epoch, (found, end))| found < epoch || *end < from);
        ends.push(end.map(|(_, end)| end));
        match code {
            ErrorCode::NONE if end.is_some() => (code, Bytes::new()),
            ErrorCode::NONE if from > log.end() => (ErrorCode::OFFSET_OUT_OF_RANGE, Bytes::new()),
            ErrorCode::NONE => (code, log.read(from, limit)),
            code => (code, Bytes::new()),
        }
    });
    for (data, end) in response.responses[0].partitions.iter_mut().zip(ends) {
        if let Some((epoch, end)) = end {
            let (epoch, end_offset) = (Some(LeaderEpoch(epoch)), Some(offset(end)));
            data.diverging_epoch = EpochEndOffset { epoch, end_offset, ..Default::default() };
        }
    }
    response
}

#[test]
fn what_was_handed_out_is_what_the_log_has_whoever_loses_records() {
    let mut cuts_found = 0;
    for seed in 0..400 {
        let mut world = World::new(seed);
        for _ in 0..1_000 {
            world.step();
        }
        world.drain();
        cuts_found += world.cuts_found;
    }
    assert!(cuts_found > 1_000, "the schedules lose records that were read: {cuts_found}");
}
