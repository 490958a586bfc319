//! A partition under random operations, beside a list of all records that were ever written.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::BytesMut;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{LeaderEpoch, NodeId, Offset, RawOffset, Timestamp, Uuid};
use ottla_protocol::record::{
    BatchBuilder, BatchHeader, CheckedBatch, Compression, Compressor, Decompressor, RecordBlock,
    split_batches,
};

use super::compacted;
use super::expected::INDEX;
use crate::log::config::{Cleanup, LogConfig};
use crate::log::disk::{Disk, FileDisk, MemoryDisk};
use crate::log::manager::{LogManager, MetaProperties};
use crate::replica::partition::{FoundOffset, OffsetQuery, Partition};
use crate::replica::prepare::{Codecs, ProduceRules};

const PLACE: (&str, ottla_protocol::ids::PartitionIndex, Uuid) = ("t", INDEX, Uuid([7; 16]));

#[derive(Clone, Debug, Eq, PartialEq)]
struct Written {
    offset: i64,
    time: i64,
    key: u8,
    value: Vec<u8>,
    epoch: i32,
    /// The first and the last offset of its batch.
    batch: (i64, i64),
}

/// A batch, be there records left of it or not.
struct WrittenBatch {
    base: i64,
    last: i64,
    /// The youngest.
    time: i64,
    bytes: usize,
}

struct Model {
    disk: Arc<dyn Disk>,
    manager: Option<LogManager>,
    partition: Arc<Partition>,
    config: LogConfig,
    rng: fastrand::Rng,
    codecs: Codecs,
    now_ms: i64,
    epoch: i32,
    start: i64,
    records: Vec<Written>,
    batches: Vec<WrittenBatch>,
}

fn manager(disk: &Arc<dyn Disk>) -> LogManager {
    let identity = || MetaProperties {
        cluster_id: "a-cluster".to_owned(),
        node_id: NodeId(1),
        directory_id: Uuid::from_random([9; 16]),
    };
    LogManager::open(Arc::clone(disk), identity).unwrap()
}

impl Model {
    fn run(disk: Arc<dyn Disk>, seed: u64, steps: usize) {
        let config = LogConfig {
            segment_bytes: 2_000,
            index_interval_bytes: 300,
            retention_ms: None,
            cleanup: Cleanup { delete: true, compact: seed % 2 == 1 },
            ..LogConfig::default()
        };
        let first = manager(&disk);
        let (partition, _) = first.open_partition(PLACE, config.clone(), 0).unwrap();
        partition.make_leader(LeaderEpoch(0), 1, 1).unwrap();
        let mut this = Self {
            disk,
            manager: Some(first),
            partition: Arc::new(partition),
            config,
            rng: fastrand::Rng::with_seed(seed),
            codecs: Codecs::default(),
            now_ms: 10_000,
            epoch: 0,
            start: 0,
            records: Vec::new(),
            batches: Vec::new(),
        };
        for _ in 0..steps {
            this.now_ms += this.rng.i64(0..30);
            this.step();
            this.check();
        }
    }

    fn end(&self) -> i64 {
        self.batches.last().map_or(0, |batch| batch.last + 1).max(self.start)
    }

    fn step(&mut self) {
        match self.rng.u32(0..20) {
            0 => self.reopen(),
            1 => self.delete_records(),
            2 => self.truncate(),
            3..6 => self.retain(),
            6 => self.configure(),
            7 if self.config.cleanup.compact => self.compact(),
            _ => self.append(),
        }
    }

    fn append(&mut self) {
        let mut batch = BatchBuilder::new(BytesMut::new());
        let base = self.end();
        let count = self.rng.i64(1..9);
        let mut added = Vec::new();
        for offset in base..base + count {
            let time = self.now_ms - self.rng.i64(0..60);
            let value: Vec<u8> = (0..self.rng.usize(0..80)).map(|_| self.rng.u8(..)).collect();
            let key = self.rng.u8(0..30);
            batch.append(Timestamp(time), Some(&[key]), Some(&value), &[]).unwrap();
            let (epoch, batch) = (self.epoch, (base, base + count - 1));
            added.push(Written { offset, time, key, value, epoch, batch });
        }
        let codec = self.rng.choice([Compression::None, Compression::Gzip]).unwrap();
        let sealed = batch.seal(codec, &mut Compressor::default(), None).unwrap();
        let rules = ProduceRules { version: 12, all_in_sync: true, now_ms: self.now_ms };
        let batch = self.partition.prepare(sealed.bytes.freeze(), &rules, &mut self.codecs);
        let batch = batch.unwrap();
        let appended = self.partition.append(&batch, &rules).unwrap();
        assert_eq!(appended.base_offset.get(), base);
        let time = added.iter().map(|record| record.time).max().unwrap();
        let (last, bytes) = (base + count - 1, batch.len());
        self.batches.push(WrittenBatch { base, last, time, bytes });
        self.records.extend(added);
    }

    /// Starts again, after a stop or a crash.
    fn reopen(&mut self) {
        let old = self.manager.take().expect("it is open between two steps");
        if self.rng.bool() {
            old.close(&[Arc::clone(&self.partition)]).unwrap();
        } else if self.rng.bool() {
            old.checkpoint([&*self.partition]).unwrap();
        }
        drop(old);
        let new = manager(&self.disk);
        let (partition, _) = new.open_partition(PLACE, self.config.clone(), self.now_ms).unwrap();
        self.epoch += 1;
        partition.make_leader(LeaderEpoch(self.epoch), 1, 1).unwrap();
        (self.partition, self.manager) = (Arc::new(partition), Some(new));
    }

    fn delete_records(&mut self) {
        let to = self.rng.i64(self.start..=self.end());
        assert_eq!(self.partition.delete_records(RawOffset(to)), Ok(Offset::new(to).unwrap()));
        self.start = to;
        self.keep_start();
    }

    fn keep_start(&self) {
        let manager = self.manager.as_ref().expect("it is open between two steps");
        manager.checkpoint_starts([&*self.partition]).unwrap();
    }

    /// Of each key only the newest record stays. Batches get smaller, which the log has to say.
    fn compact(&mut self) {
        compacted::clean(&self.partition, self.now_ms).unwrap();
        let newest: BTreeMap<u8, i64> = self.records.iter().map(|r| (r.key, r.offset)).collect();
        // what lies before the start is nobody's business
        self.records.retain(|r| r.offset >= self.start && newest[&r.key] == r.offset);
        self.batches.clear();
        let mut next = self.start;
        while next < self.partition.offsets().log_end.get() {
            let mut bytes = BytesMut::new();
            self.partition.read(next, 1, true, &mut bytes).unwrap();
            let header = BatchHeader::parse(&bytes).unwrap();
            let (base, last) = (header.base_offset, header.last_offset().unwrap().get());
            let (time, bytes) = (header.max_timestamp.0, bytes.len());
            self.batches.push(WrittenBatch { base, last, time, bytes });
            next = last + 1;
        }
    }

    fn truncate(&mut self) {
        // what was compacted is committed, and never cut
        let cleaned_to = self.partition.cleaned_to().map_or(0, Offset::get);
        let least = self.start.max(self.end() - 30).max(cleaned_to.min(self.end()));
        let to = self.rng.i64(least..=self.end());
        self.partition.truncate_to(Offset::new(to).unwrap(), self.now_ms).unwrap();
        self.records.retain(|record| record.batch.1 < to);
        self.batches.retain(|batch| batch.last < to);
        // a follower would be told; here the leader goes on
        self.epoch += 1;
        self.partition.make_leader(LeaderEpoch(self.epoch), 1, 1).unwrap();
    }

    fn configure(&mut self) {
        self.config.retention_ms = self.rng.bool().then(|| self.rng.i64(0..2_000));
        self.config.retention_bytes = self.rng.bool().then(|| self.rng.u64(0..20_000));
        self.config.segment_bytes = self.rng.u32(1_000..4_000);
        self.partition.configure(&Arc::new(self.config.clone()));
    }

    /// Lets old records go, and works out from the rules which.
    fn retain(&mut self) {
        let bases: Vec<i64> = self
            .partition
            .with_log(|log| log.segments.iter().map(|segment| segment.base().get()).collect());
        let ends: Vec<i64> = bases.iter().skip(1).copied().chain([self.end()]).collect();
        let inside = |i: usize| {
            let inside = |batch: &&WrittenBatch| (bases[i]..ends[i]).contains(&batch.base);
            self.batches.iter().filter(inside).collect::<Vec<_>>()
        };
        let size =
            |i: usize| -> u64 { inside(i).into_iter().map(|batch| batch.bytes as u64).sum() };
        let filled = (0..bases.len()).take_while(|i| !inside(*i).is_empty()).count();
        let mut total: u64 = (0..bases.len()).map(size).sum();
        let mut gone = 0;
        while let Some(kept) = self.config.retention_bytes
            && gone < filled
            && total - size(gone) >= kept
        {
            total -= size(gone);
            gone += 1;
        }
        while let Some(kept) = self.config.retention_ms
            && gone < filled
            && self.now_ms - inside(gone).iter().map(|r| r.time).max().unwrap() > kept
        {
            gone += 1;
        }
        let start = if gone == 0 { self.start } else { ends[gone - 1].max(self.start) };
        assert_eq!(self.partition.retain(self.now_ms), start > self.start);
        self.start = start;
        self.keep_start();
    }

    fn check(&mut self) {
        let offsets = self.partition.offsets();
        let seen = (offsets.log_start.get(), offsets.log_end.get(), offsets.high_watermark.get());
        assert_eq!(seen, (self.start, self.end(), self.end()));
        for _ in 0..3 {
            let from = self.rng.i64(self.start..=self.end());
            self.check_read(from);
            let time = self.now_ms - self.rng.i64(-10..700);
            self.check_time(time);
        }
        for outside in [self.start - 1, self.end() + 1] {
            let read = self.partition.read(outside, 100, true, &mut BytesMut::new());
            assert_eq!(read.unwrap_err(), ErrorCode::OFFSET_OUT_OF_RANGE, "{outside}");
        }
        let newest = self.visible().map(|record| record.time).max();
        let found = self.ask(OffsetQuery::MaxTimestamp);
        // the youngest may be hidden in a batch that begins before the start
        let newest_found = found.timestamp.map(|time| time.0);
        assert!(newest_found.is_none() || newest_found == newest, "{newest_found:?} {newest:?}");
    }

    fn visible(&self) -> impl Iterator<Item = &Written> {
        self.records.iter().filter(|record| record.offset >= self.start)
    }

    fn ask(&mut self, query: OffsetQuery) -> FoundOffset {
        self.partition.list_offset(query, false, &mut self.codecs).unwrap()
    }

    fn check_time(&mut self, time: i64) {
        let found = self.ask(OffsetQuery::AtOrAfter(Timestamp(time)));
        let expected = self.visible().find(|record| record.time >= time);
        let place = |offset, time, epoch| (offset, time, Some(LeaderEpoch(epoch)));
        let expected = expected.map(|r| place(r.offset, r.time, r.epoch));
        let found = found
            .offset
            .map(|offset| (offset.get(), found.timestamp.unwrap().0, found.leader_epoch));
        assert_eq!(found, expected, "the first at {time} or later");
    }

    fn check_read(&mut self, from: i64) {
        let (mut read, mut next) = (Vec::new(), Some(from));
        while let Some(offset) = next.filter(|_| read.is_empty()) {
            next = self.read_at(offset, &mut read);
        }
        let behind = self.records.iter().filter(|record| record.batch.1 >= from);
        let mut expected: Vec<_> = behind.map(|r| (r.offset, r.time, r.value.clone())).collect();
        if self.config.cleanup.compact {
            // before the start nobody says what is compacted
            read.retain(|(offset, ..)| *offset >= self.start);
            expected.retain(|(offset, ..)| *offset >= self.start);
        }
        assert!(!read.is_empty() || expected.is_empty() || next.is_some(), "nothing from {from}");
        assert_eq!(read[..], expected[..read.len()], "from {from} on");
    }

    /// Reads once; says where the next read begins, if there was anything.
    fn read_at(&mut self, from: i64, read: &mut Vec<(i64, i64, Vec<u8>)>) -> Option<i64> {
        let mut bytes = BytesMut::new();
        let bytes_max = self.rng.u32(0..3_000);
        self.partition.read(from, bytes_max, true, &mut bytes).unwrap();
        let (mut decompressor, mut next) = (Decompressor::default(), None);
        for batch in split_batches(bytes.freeze()).map_while(Result::ok) {
            let batch = CheckedBatch::check(batch).unwrap();
            next = Some(batch.header().last_offset().unwrap().get() + 1);
            let block = RecordBlock::open(&batch, &mut decompressor, usize::MAX).unwrap();
            for record in block.records() {
                let record = record.unwrap();
                let value = record.value.unwrap_or_default().to_vec();
                read.push((record.offset.get(), record.timestamp.0, value));
            }
        }
        next
    }
}

#[test]
fn a_partition_is_a_list_of_records_in_memory() {
    for seed in 0..40 {
        Model::run(Arc::new(MemoryDisk::new()), seed, 150);
    }
}

#[test]
fn a_partition_is_a_list_of_records_on_disk() {
    for seed in 100..104 {
        let dir = tempfile::tempdir().unwrap();
        Model::run(Arc::new(FileDisk::new(dir.path())), seed, 100);
    }
}

/// Looks further: `OTTLA_SEEDS=1000..9000`.
#[test]
fn more_lists_of_records() {
    for seed in super::seeds().into_iter().flatten() {
        Model::run(Arc::new(MemoryDisk::new()), seed, 150);
    }
}
