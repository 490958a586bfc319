//! Random schedules: whatever brokers, metadata and the application do in whatever order, every
//! record from the position on is handed out once and in order, and memory stays bounded.

use std::sync::Arc;

use bytes::Bytes;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{LeaderEpoch, NodeId, PartitionIndex, Uuid};
use ottla_protocol::record::{Compression, split_batches};
use ottla_runtime::Instant;

use super::model::{Log, TOPIC, epochs_reply, fetch_reply, node, offset, offsets_reply};
use crate::consumer::config::{ConsumerConfig, OffsetReset};
use crate::consumer::decode::{Block, Decoder};
use crate::consumer::error::PollError;
use crate::consumer::inbox::{
    Effect, EpochsOrder, FetchOrder, Inbox, Leadership, OffsetsOrder, Taken, Work,
};
use crate::consumer::receive::DECODE_BYTES;
use crate::consumer::subscription::{Assignment, End, Position, Start, TopicPartition};
use crate::error::CallError;

const PARTITIONS: usize = 4;
const NODES: i32 = 3;
const BUFFER: usize = 24 * 1024;

struct World {
    rng: fastrand::Rng,
    now: Instant,
    inbox: Inbox,
    decoder: Decoder,
    /// What is being decoded at the moment.
    work: Vec<Work>,
    logs: Vec<Log>,
    leaders: Vec<NodeId>,
    fetches: Vec<Arc<FetchOrder>>,
    questions: Vec<Arc<OffsetsOrder>>,
    /// The offset that must come next, unless it was trimmed.
    expected: Vec<i64>,
    paused: Vec<bool>,
    delivered: usize,
    corrupt_reported: usize,
    faults: bool,
}

fn tp(partition: usize) -> TopicPartition {
    TopicPartition::new(TOPIC, i32::try_from(partition).unwrap())
}

fn index(partition: PartitionIndex) -> usize {
    usize::try_from(partition.0).unwrap()
}

impl World {
    fn new(seed: u64) -> Self {
        let config = ConsumerConfig {
            fetch_buffer_bytes_max: BUFFER,
            partition_fetch_bytes_max: 2 * 1024,
            reset: OffsetReset::Earliest,
            seed,
            ..ConsumerConfig::default()
        };
        let mut world = Self {
            rng: fastrand::Rng::with_seed(seed),
            now: Instant::ZERO,
            decoder: Decoder::new(&config),
            inbox: Inbox::new(config),
            work: Vec::new(),
            logs: (0..PARTITIONS).map(|_| Log::default()).collect(),
            leaders: vec![node(0); PARTITIONS],
            fetches: Vec::new(),
            questions: Vec::new(),
            expected: vec![0; PARTITIONS],
            paused: vec![false; PARTITIONS],
            delivered: 0,
            corrupt_reported: 0,
            faults: true,
        };
        let all = (0..PARTITIONS).map(|p| Assignment { partition: tp(p), start: Start::Earliest });
        world.inbox.assign(all.collect());
        world.tell_leaders();
        world
    }

    fn tell_leaders(&mut self) {
        let leaders = self.leaders.clone();
        self.inbox.on_metadata(self.now, |partition| Leadership::Known {
            leader: Some(leaders[index(partition.partition)]),
            epoch: Some(LeaderEpoch(0)), // some brokers never count
            topic_id: Some(Uuid([7; 16])),
        });
    }

    /// What the driver does.
    fn drive(&mut self) {
        if self.inbox.take_leaders_wanted() {
            self.tell_leaders();
        }
        while let Some(effect) = self.inbox.poll(self.now) {
            match effect {
                Effect::Fetch(order) => {
                    let same = self.fetches.iter().filter(|f| f.node == order.node).count();
                    assert_eq!(same, 0, "one fetch per broker");
                    assert!(!order.parts.is_empty() && order.bytes_max > 0);
                    self.fetches.push(order);
                }
                Effect::AskOffsets(order) => self.questions.push(order),
                Effect::AskEpochs(order) => self.answer_epochs(&order),
                Effect::RefreshMetadata => self.tell_leaders(),
            }
        }
        assert!(self.inbox.next_deadline().is_none_or(|at| at > self.now), "no busy loop");
        let largest = self.logs.iter().map(Log::largest_batch).max().unwrap_or(0);
        // a batch larger than its fetch's limit, once per broker
        let slack = usize::try_from(NODES).unwrap() * largest;
        let held = self.inbox.bytes() - self.inbox.frames.decompressed();
        assert!(held <= BUFFER + slack, "{held} bytes");
    }

    fn answer_fetch(&mut self) {
        if self.fetches.is_empty() {
            return;
        }
        let order = self.fetches.swap_remove(self.rng.usize(..self.fetches.len()));
        if self.faults && self.rng.u8(..) < 16 {
            let lost = CallError::Closed { possibly_sent: true };
            let full = CallError::QueueFull { peer: "x".into(), waiting: 1 };
            let error = if self.rng.bool() { lost } else { full };
            return self.inbox.on_fetch_reply(order.node, Err(error), self.now);
        }
        let mut first = true;
        let reply = fetch_reply(&order, |limit, partition, from| {
            let p = index(partition);
            let log = &self.logs[p];
            if self.leaders[p] != order.node {
                return (ErrorCode::NOT_LEADER_OR_FOLLOWER, Bytes::new());
            }
            if self.faults && self.rng.u8(..) < 16 {
                let codes = [
                    ErrorCode::UNKNOWN_LEADER_EPOCH,
                    ErrorCode::FENCED_LEADER_EPOCH,
                    ErrorCode::UNKNOWN_TOPIC_ID,
                    ErrorCode::KAFKA_STORAGE_ERROR,
                    ErrorCode::UNKNOWN_SERVER_ERROR,
                ];
                return (codes[self.rng.usize(..codes.len())], Bytes::new());
            }
            if from < log.start || from > log.end {
                return (ErrorCode::OFFSET_OUT_OF_RANGE, Bytes::new());
            }
            let mut records = log.read(from, limit, first);
            first &= records.is_empty();
            if self.faults && !records.is_empty() && self.rng.u8(..) < 12 {
                let mut bytes = records.to_vec();
                // from byte 16 on the magic and the checksum guard the batch
                let at = self.rng.usize(16..bytes.len().max(17)).min(bytes.len() - 1);
                if is_guarded(&records, at) {
                    bytes[at] ^= 1 << self.rng.u8(..8);
                }
                records = bytes.into();
            }
            (ErrorCode::NONE, records)
        });
        self.inbox.on_fetch_reply(order.node, Ok(reply), self.now);
    }

    fn answer_question(&mut self) {
        if self.questions.is_empty() {
            return;
        }
        let order = self.questions.swap_remove(self.rng.usize(..self.questions.len()));
        let fail = self.faults && self.rng.u8(..) < 32;
        let reply = offsets_reply(&order, |partition, end| {
            let p = index(partition);
            if fail || self.leaders[p] != order.node {
                return (ErrorCode::NOT_LEADER_OR_FOLLOWER, None);
            }
            let log = &self.logs[p];
            let found = if end == End::Earliest { log.start } else { log.end };
            (ErrorCode::NONE, Some(found))
        });
        let asking: Vec<usize> = (0..PARTITIONS).filter(|&p| self.position(p).is_none()).collect();
        self.inbox.on_offsets_reply(&order, Ok(reply));
        for p in asking {
            if let Some(position) = self.position(p) {
                self.expected[p] = position;
            }
        }
    }

    /// Here no leader loses records.
    fn answer_epochs(&mut self, order: &EpochsOrder) {
        let reply = epochs_reply(order, |partition, _, _| {
            let p = index(partition);
            match self.leaders[p] == order.node {
                true => (ErrorCode::NONE, Some((0, self.logs[p].end))),
                false => (ErrorCode::NOT_LEADER_OR_FOLLOWER, None),
            }
        });
        self.inbox.on_epochs_reply(order, Ok(reply));
    }

    fn position(&self, p: usize) -> Option<i64> {
        match self.inbox.position(&tp(p)).unwrap() {
            Position::At(offset) => Some(offset.get()),
            Position::Ask(_) | Position::Undefined => None,
        }
    }

    fn got(&mut self, p: usize, offset: i64, value: &[u8]) {
        assert!(!self.paused[p], "a paused partition is silent");
        let log = &self.logs[p];
        let expected = log.records.iter().copied().find(|o| *o >= self.expected[p]);
        let skipped = log.records.iter().filter(|o| (self.expected[p]..offset).contains(*o));
        let skipped: Vec<_> = skipped.filter(|o| **o >= log.start).collect();
        assert!(offset >= self.expected[p], "{offset} again, {} was due", self.expected[p]);
        assert!(skipped.is_empty(), "{skipped:?} skipped, {expected:?} was due");
        assert_eq!(value[..8], offset.to_be_bytes(), "the record of that offset");
        self.expected[p] = offset + 1;
        self.delivered += 1;
    }

    fn on_error(&mut self, error: &PollError) {
        if let PollError::Corrupt { partition, offset, .. } = error {
            let p = index(partition.partition);
            assert!(offset.get() >= self.expected[p], "what lies before was handed out");
            self.corrupt_reported += 1;
            let between = self.expected[p]..offset.get();
            let log = &self.logs[p];
            let skipped = log.records.iter().any(|o| between.contains(o) && *o >= log.start);
            assert!(!skipped, "nothing before it is skipped");
            return;
        }
        assert!(matches!(error, PollError::Node { .. }), "{error}");
    }

    fn take_record(&mut self) -> bool {
        match self.inbox.take_record() {
            Taken::Some(record) => {
                let p = index(record.partition);
                self.got(p, record.offset.get(), &record.value.unwrap());
                assert_eq!(self.position(p), Some(record.offset.get() + 1));
            }
            Taken::Error(error) => self.on_error(&error),
            Taken::Nothing => return false,
        }
        true
    }

    fn take_blocks(&mut self) -> bool {
        match self.inbox.take_blocks() {
            Taken::Some(blocks) => {
                assert!(blocks.iter().all(|b| b.len() > 0));
                for block in &blocks {
                    let p = index(block.partition().partition);
                    assert_eq!(block.iter().count(), block.len(), "counted right");
                    for view in block.iter() {
                        self.got(p, view.offset().get(), view.value().unwrap());
                    }
                }
                let next = |b: &Block| (index(b.partition().partition), b.next().get());
                for (p, next) in blocks.iter().map(next) {
                    assert!(self.position(p) >= Some(next));
                }
            }
            Taken::Error(error) => self.on_error(&error),
            Taken::Nothing => return false,
        }
        true
    }

    fn start_decoding(&mut self) {
        if self.work.is_empty() {
            let mut work = Vec::new();
            self.inbox.start_decoding(self.rng.usize(1..16 * 1024), &mut work);
            self.work = work;
        }
    }

    fn finish_decoding(&mut self) {
        self.decoder.run(&mut self.work, self.rng.usize(1..DECODE_BYTES));
        self.inbox.finish_decoding(&mut self.work);
        assert!(self.work.is_empty());
    }

    fn seek(&mut self) {
        let p = self.rng.usize(..PARTITIONS);
        let log = &self.logs[p];
        if self.rng.bool() {
            self.inbox.seek(&tp(p), Start::Earliest).unwrap();
        } else {
            let to = self.rng.i64(log.start..=log.end);
            self.inbox.seek(&tp(p), Start::At(offset(to))).unwrap();
            self.expected[p] = to;
        }
    }

    fn reassign(&mut self) {
        let gone = self.rng.usize(..PARTITIONS);
        let others = (0..PARTITIONS).filter(|p| *p != gone).map(|p| tp(p).into());
        self.inbox.assign(others.collect());
        let to = self.rng.i64(self.logs[gone].start..=self.logs[gone].end);
        let all = (0..PARTITIONS).map(|p| match p == gone {
            true => Assignment { partition: tp(p), start: Start::At(offset(to)) },
            false => tp(p).into(),
        });
        self.inbox.assign(all.collect());
        self.expected[gone] = to;
        self.paused[gone] = false;
    }

    fn append(&mut self) {
        let p = self.rng.usize(..PARTITIONS);
        let gap = if self.rng.u8(..) < 40 { self.rng.i64(1..20) } else { 0 };
        let size = if self.rng.u8(..) < 8 { 9_000 } else { self.rng.usize(8..200) };
        let codecs = [Compression::None, Compression::None, Compression::Lz4];
        let with = codecs[self.rng.usize(..codecs.len())];
        self.logs[p].append(gap, self.rng.usize(1..8), size, with);
    }

    fn trim(&mut self) {
        let log = &mut self.logs[self.rng.usize(..PARTITIONS)];
        log.start = self.rng.i64(log.start..=log.end);
    }

    fn step(&mut self) {
        match self.rng.u8(..100) {
            0..16 => self.append(),
            16..40 => self.answer_fetch(),
            40..48 => self.answer_question(),
            48..60 => self.start_decoding(),
            60..70 => self.finish_decoding(),
            70..82 => (0..self.rng.u8(1..12)).for_each(|_| _ = self.take_record()),
            82..88 => _ = self.take_blocks(),
            88..90 => self.seek(),
            90..92 => {
                let p = self.rng.usize(..PARTITIONS);
                self.paused[p] = self.rng.bool();
                self.inbox.pause(&tp(p), self.paused[p]).unwrap();
            }
            92..94 => {
                let p = self.rng.usize(..PARTITIONS);
                self.leaders[p] = node(self.rng.i32(0..NODES));
                if self.rng.bool() {
                    self.tell_leaders(); // else brokers have to say so
                }
            }
            94 => self.trim(),
            95 => self.reassign(),
            _ => self.now = self.now + core::time::Duration::from_millis(self.rng.u64(1..300)),
        }
        self.drive();
    }

    /// Without further faults everything arrives.
    fn drain(&mut self) {
        self.faults = false;
        for p in 0..PARTITIONS {
            self.paused[p] = false;
            self.inbox.pause(&tp(p), false).unwrap();
        }
        self.finish_decoding();
        for _ in 0..20_000 {
            let due = |p: usize| self.position(p).is_none_or(|o| o < self.logs[p].end);
            if !(0..PARTITIONS).any(due) {
                break;
            }
            self.answer_question();
            self.answer_fetch();
            while self.take_blocks() {}
            self.start_decoding();
            self.finish_decoding();
            self.now = self.inbox.next_deadline().map_or(self.now, |at| at.max(self.now));
            self.drive();
        }
        for p in 0..PARTITIONS {
            assert_eq!(
                self.position(p),
                Some(self.logs[p].end),
                "partition {p} is read to the end"
            );
            let left = self.logs[p].records.iter().any(|o| *o >= self.expected[p]);
            assert!(!left, "every record of partition {p} was handed out");
        }
        while let Some(order) = self.fetches.pop() {
            let reply = fetch_reply(&order, |_, _, _| (ErrorCode::NONE, Bytes::new()));
            self.inbox.on_fetch_reply(order.node, Ok(reply), self.now);
        }
        assert_eq!(self.inbox.bytes(), 0, "nothing is pinned when all is handed out");
    }
}

/// Whether magic or checksum guard the byte: the offset, length and epoch before them have none.
fn is_guarded(records: &Bytes, at: usize) -> bool {
    let mut from = 0;
    for batch in split_batches(records.clone()) {
        let size = batch.unwrap().len();
        if at < from + size {
            return at >= from + 16;
        }
        from += size;
    }
    false
}

fn run(seed: u64) -> (usize, usize) {
    let mut world = World::new(seed);
    for _ in 0..1_500 {
        world.step();
    }
    world.drain();
    (world.delivered, world.corrupt_reported)
}

#[test]
fn every_record_is_handed_out_once_and_in_order_whatever_happens() {
    let (mut delivered, mut corrupt) = (0, 0);
    for seed in 0..300 {
        let (records, faults) = run(seed);
        delivered += records;
        corrupt += faults;
    }
    assert!(delivered > 100_000, "the schedules reach the records: {delivered}");
    assert!(corrupt > 100, "and the faults: {corrupt}");
}
