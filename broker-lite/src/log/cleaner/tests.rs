use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use bytes::{Bytes, BytesMut};
use ottla_protocol::ids::{
    CoordinatorEpoch, LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp,
};
use ottla_protocol::record::{
    BatchBuilder, CheckedBatch, Compression, Compressor, Decompressor, EndTxnMarker, ProducerStamp,
    RecordBlock, assign_offsets, split_batches,
};

use super::round::Step;
use super::swap::Wanted;
use crate::log::batch::{BatchBytes, BatchView};
use crate::log::config::{Cleanup, LogConfig};
use crate::log::disk::{Disk, Entry, File, LockError, LockGuard, MemoryDisk, SyncDone, Volume};
use crate::log::log::{Log, ReadLimit, ReadPlan};
use crate::log::recovery::OpenArgs;
use crate::log::testing::offset;

mod random;
mod rounds;

const DIR: &str = "t-0";
const DAY_MS: i64 = 24 * 3_600_000;

/// Offset, key, value.
type Record = (i64, String, Option<String>);

fn config(segment_bytes: u32) -> Arc<LogConfig> {
    Arc::new(LogConfig {
        segment_bytes,
        index_interval_bytes: 100,
        cleanup: Cleanup { delete: false, compact: true },
        ..LogConfig::default()
    })
}

fn open(disk: Arc<dyn Disk>, args: &OpenArgs) -> Log {
    let (log, repaired) = Log::open(disk, DIR, config(600), args).unwrap();
    assert_eq!((repaired.reason, repaired.bytes_cut), (None, 0));
    log
}

fn append(
    log: &mut Log,
    records: &[(&str, Option<&str>)],
    codec: Compression,
    stamp: Option<(i64, i32)>,
    now_ms: i64,
) -> Vec<Record> {
    let stamp = stamp.map(|(id, first)| {
        let (id, epoch) = (ProducerId(id), ProducerEpoch(0));
        ProducerStamp { id, epoch, first: Sequence::new(first).unwrap(), transactional: false }
    });
    append_as(log, records, codec, stamp, now_ms)
}

fn append_as(
    log: &mut Log,
    records: &[(&str, Option<&str>)],
    codec: Compression,
    stamp: Option<ProducerStamp>,
    now_ms: i64,
) -> Vec<Record> {
    let mut batch = BatchBuilder::new(BytesMut::new());
    for (key, value) in records {
        let value = value.map(str::as_bytes);
        batch.append(Timestamp(now_ms), Some(key.as_bytes()), value, &[]).unwrap();
    }
    let bytes = batch.seal(codec, &mut Compressor::default(), stamp).unwrap().bytes;
    let base = put(log, bytes, now_ms);
    let owned = |(i, (key, value)): (i64, &(&str, Option<&str>))| {
        (base.get() + i, (*key).to_owned(), value.map(ToOwned::to_owned))
    };
    (0..).zip(records).map(owned).collect()
}

/// Ends the transaction of a producer.
fn end(log: &mut Log, (id, epoch): (i64, i16), committed: bool, now_ms: i64) -> Offset {
    let marker = EndTxnMarker { committed, coordinator_epoch: CoordinatorEpoch(3) };
    let batch = marker.batch(ProducerId(id), ProducerEpoch(epoch), Timestamp(now_ms)).unwrap();
    put(log, batch, now_ms)
}

fn put(log: &mut Log, mut bytes: BytesMut, now_ms: i64) -> Offset {
    let base = log.end();
    assign_offsets(&mut bytes, base, Some(LeaderEpoch(0)));
    let view = BatchView::read(&bytes).unwrap().with_marker(&bytes);
    log.append(&view, BatchBytes::of(&bytes).unwrap(), now_ms).unwrap();
    base
}

fn batches_of(plan: &ReadPlan) -> Vec<CheckedBatch> {
    let mut bytes = vec![0; plan.bytes as usize];
    assert_eq!(plan.file.read_at(plan.position.into(), &mut bytes).unwrap(), bytes.len());
    let batches = split_batches(Bytes::from(bytes));
    batches.map(|batch| CheckedBatch::check(batch.unwrap()).unwrap()).collect()
}

fn read_batches(log: &mut Log) -> Vec<CheckedBatch> {
    let (mut next, mut batches) = (log.start(), Vec::new());
    while next < log.end() {
        let limit = ReadLimit { below: log.end(), bytes_max: 1_000, at_least_one: true };
        let Some(plan) = log.plan(next, limit).unwrap() else { break };
        for batch in batches_of(&plan) {
            let last = batch.header().last_offset().unwrap();
            assert!(last >= next, "offsets ascend");
            next = last.next();
            batches.push(batch);
        }
    }
    batches
}

fn records_of(batch: &CheckedBatch, out: &mut Vec<Record>) {
    let block = RecordBlock::open(batch, &mut Decompressor::default(), 1 << 20).unwrap();
    for record in block.records() {
        let record = record.unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        out.push((record.offset.get(), text(record.key.unwrap()), record.value.map(text)));
    }
}

fn read(log: &mut Log) -> Vec<Record> {
    let mut records = Vec::new();
    for batch in read_batches(log).iter().filter(|batch| !batch.header().is_control()) {
        records_of(batch, &mut records);
    }
    records
}

/// Cleans as the driver does.
fn clean(log: &mut Log, wanted: Wanted, now_ms: i64, key_bytes_max: usize) -> io::Result<bool> {
    let Some(part) = log.cleanable(wanted, log.last_stable(log.end()), now_ms)? else {
        return Ok(false);
    };
    let mut round = log.start_cleaning(part, now_ms, key_bytes_max)?;
    loop {
        match round.step()? {
            Step::Read(_) => {}
            Step::Written(cleaned) => {
                cleaned.files.iter().try_for_each(|file| file.sync())?;
                if !log.replace(&cleaned, now_ms)? {
                    return Ok(false);
                }
            }
            Step::Done(end) => {
                log.set_cleaned_to(end, round.cuts());
                log.end_cleaning()?;
                return Ok(true);
            }
        }
    }
}

/// What must be there: everything from `end` on, and before it the newest of each key.
fn newest(records: &[Record], end: i64) -> Vec<Record> {
    let (before, after) = records.split_at(records.partition_point(|record| record.0 < end));
    let last: BTreeMap<_, _> = before.iter().map(|record| (&record.1, record)).collect();
    let mut kept: Vec<Record> = last.into_values().cloned().collect();
    kept.sort();
    kept.extend_from_slice(after);
    kept
}

fn names(disk: &dyn Disk) -> Vec<String> {
    disk.list(DIR).unwrap().into_iter().map(|entry| entry.name).collect()
}

fn logs(disk: &dyn Disk) -> usize {
    names(disk).iter().filter(|name| name.ends_with(".log")).count()
}

#[test]
fn of_each_key_the_newest_record_stays_at_its_offset() {
    let disk = MemoryDisk::new();
    let mut log = open(Arc::new(disk.clone()), &OpenArgs::default());
    let mut records = Vec::new();
    for n in 0..60 {
        let (key, value) = ((n % 7).to_string(), n.to_string());
        let pair = [(key.as_str(), Some(value.as_str())), ("x", Some("y"))];
        records.extend(append(&mut log, &pair, Compression::None, None, 1_000));
    }
    let before = (log.end(), logs(&disk));
    assert!(before.1 > 5, "{}", before.1);
    assert!(clean(&mut log, Wanted::Due, 2_000, 1 << 20).unwrap());
    let end = log.cleaned_to().unwrap();
    assert!(end > offset(100) && end < log.end(), "all but the last segment");
    assert_eq!(read(&mut log), newest(&records, end.get()));
    assert_eq!(log.end(), before.0);
    assert!(!clean(&mut log, Wanted::Due, 2_000, 1 << 20).unwrap(), "nothing is dirty now");
    assert!(clean(&mut log, Wanted::All, 2_000, 1 << 20).unwrap());
    assert!(logs(&disk) < before.1, "what has become small becomes one");
    assert_eq!(read(&mut log), newest(&records, end.get()));
    let mut again = open(Arc::new(disk), &OpenArgs::default());
    assert_eq!(read(&mut again), newest(&records, end.get()));
}

#[test]
fn tombstones_go_in_the_round_after_their_time() {
    let disk = MemoryDisk::new();
    let mut log = open(Arc::new(disk), &OpenArgs::default());
    let dead = [("a", Some("1")), ("b", Some("2")), ("a", None)];
    append(&mut log, &dead, Compression::None, None, 1_000);
    log.roll(1_000).unwrap();
    for (rule, now_ms, expected) in [
        ("it says to all readers that the key is gone", 2_000, [1, 2].as_slice()),
        ("for a day", 2_000 + DAY_MS - 1, &[1, 2]),
        ("then it goes", 2_000 + DAY_MS, &[1]),
    ] {
        assert!(clean(&mut log, Wanted::All, now_ms, 1 << 20).unwrap(), "{rule}");
        let left: Vec<i64> = read(&mut log).into_iter().map(|record| record.0).collect();
        assert_eq!(left, expected, "{rule}");
    }
}

#[test]
fn who_reads_keeps_what_it_reads() {
    let disk = MemoryDisk::new();
    let mut log = open(Arc::new(disk), &OpenArgs::default());
    for _ in 0..40 {
        append(&mut log, &[("a", Some("1"))], Compression::None, None, 1_000);
    }
    let limit = ReadLimit { below: log.end(), bytes_max: 400, at_least_one: true };
    let plan = log.plan(offset(0), limit).unwrap().unwrap();
    let mut before = vec![0; plan.bytes as usize];
    plan.file.read_at(plan.position.into(), &mut before).unwrap();
    assert!(clean(&mut log, Wanted::All, 2_000, 1 << 20).unwrap());
    assert!(read(&mut log)[0].0 > 10, "they are gone for others");
    let mut after = vec![0; plan.bytes as usize];
    assert_eq!(plan.file.read_at(plan.position.into(), &mut after).unwrap(), after.len());
    assert!(before == after);
}

#[test]
fn a_segment_is_not_swapped_in_if_the_log_was_cut_meanwhile() {
    let disk = MemoryDisk::new();
    let mut log = open(Arc::new(disk.clone()), &OpenArgs::default());
    let mut records = Vec::new();
    for _ in 0..40 {
        records.extend(append(&mut log, &[("a", Some("1"))], Compression::None, None, 1_000));
    }
    let part = log.cleanable(Wanted::All, log.end(), 2_000).unwrap().unwrap();
    let mut round = log.start_cleaning(part, 2_000, 1 << 20).unwrap();
    let cleaned = loop {
        if let Step::Written(cleaned) = round.step().unwrap() {
            break cleaned;
        }
    };
    log.truncate_to(offset(3), 2_000).unwrap();
    records.truncate(3);
    assert!(!log.replace(&cleaned, 2_000).unwrap());
    records.extend(append(&mut log, &[("b", Some("2"))], Compression::None, None, 1_000));
    assert_eq!(read(&mut log), records);
    assert!(!names(&disk).iter().any(|name| name.ends_with(".cleaned")));
}

#[test]
fn a_damaged_batch_is_named_and_nothing_is_changed() {
    let disk = MemoryDisk::new();
    let mut log = open(Arc::new(disk.clone()), &OpenArgs::default());
    for _ in 0..40 {
        append(&mut log, &[("a", Some("value"))], Compression::None, None, 1_000);
    }
    let path = format!("{DIR}/{:020}.log", 0);
    let mut bytes = crate::log::disk::read_all(&disk, &path).unwrap();
    bytes[70] ^= 1;
    let file = disk.open(&path, false).unwrap();
    file.truncate(0).unwrap();
    file.append(&[&bytes]).unwrap();
    let error = clean(&mut log, Wanted::All, 2_000, 1 << 20).unwrap_err();
    assert!(error.to_string().contains("00000000000000000000.log: byte 0: "), "{error}");
    assert_eq!(crate::log::disk::read_all(&disk, &path).unwrap(), bytes);
}

/// A disk on which nothing can be changed any more after so many changes: a process that is killed.
#[derive(Clone, Debug)]
struct MortalDisk {
    disk: MemoryDisk,
    left: Arc<Mutex<usize>>,
}

#[derive(Debug)]
struct MortalFile(Arc<dyn File>, Arc<Mutex<usize>>);

fn spend(left: &Mutex<usize>) -> io::Result<()> {
    let mut left = left.lock().unwrap();
    *left = left.checked_sub(1).ok_or_else(|| io::Error::other("killed"))?;
    Ok(())
}

impl Disk for MortalDisk {
    fn open(&self, path: &str, create: bool) -> io::Result<Arc<dyn File>> {
        if create {
            spend(&self.left)?;
        }
        Ok(Arc::new(MortalFile(self.disk.open(path, create)?, Arc::clone(&self.left))))
    }
    fn list(&self, dir: &str) -> io::Result<Vec<Entry>> {
        self.disk.list(dir)
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        spend(&self.left)?;
        self.disk.rename(from, to)
    }
    fn remove(&self, path: &str) -> io::Result<()> {
        spend(&self.left)?;
        self.disk.remove(path)
    }
    fn create_dir(&self, dir: &str) -> io::Result<()> {
        self.disk.create_dir(dir)
    }
    fn remove_dir(&self, dir: &str) -> io::Result<()> {
        self.disk.remove_dir(dir)
    }
    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        spend(&self.left)?;
        self.disk.sync_dir(dir)
    }
    fn lock(&self, path: &str) -> Result<LockGuard, LockError> {
        self.disk.lock(path)
    }
    fn volume(&self) -> io::Result<Option<Volume>> {
        self.disk.volume()
    }
    fn name(&self) -> String {
        self.disk.name()
    }
}

impl File for MortalFile {
    fn read_at(&self, position: u64, out: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(position, out)
    }
    fn append(&self, parts: &[&[u8]]) -> io::Result<()> {
        spend(&self.1)?;
        self.0.append(parts)
    }
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn truncate(&self, len: u64) -> io::Result<()> {
        spend(&self.1)?;
        self.0.truncate(len)
    }
    fn start_sync(&self, done: SyncDone) {
        done(self.sync());
    }
    fn sync(&self) -> io::Result<()> {
        spend(&self.1)?;
        self.0.sync()
    }
}

#[test]
fn a_crash_anywhere_leaves_a_log_with_every_newest_record() {
    let (mut killed, mut changed) = (0, 0);
    for left in 0.. {
        let disk = MemoryDisk::new();
        let budget = Arc::new(Mutex::new(usize::MAX));
        let mortal = MortalDisk { disk: disk.clone(), left: Arc::clone(&budget) };
        let mut log = open(Arc::new(mortal), &OpenArgs::default());
        let mut records = Vec::new();
        for n in 0..45 {
            let (key, value) = ((n % 5).to_string(), "v".repeat(20));
            let batch = [(key.as_str(), (n % 4 > 0).then_some(value.as_str()))];
            records.extend(append(&mut log, &batch, Compression::None, Some((1, n)), 1_000));
        }
        let (before, segments) = (read(&mut log), logs(&disk));
        *budget.lock().unwrap() = left;
        // the second time those become one that are small by then
        let cleaned = clean(&mut log, Wanted::All, 2_000, 1 << 16)
            .and_then(|_| clean(&mut log, Wanted::All, 2_000, 1 << 16));
        let end = log.end();
        drop(log);
        for clean_stop in [false, true] {
            let args = OpenArgs { clean: clean_stop, recovery_point: end, ..OpenArgs::default() };
            let mut log = open(Arc::new(disk.clone()), &args);
            assert_eq!(log.end(), end, "after {left} changes");
            let found = read(&mut log);
            let mut rest = before.iter();
            assert!(found.iter().all(|f| rest.any(|r| r == f)), "after {left} changes");
            assert!(newest(&records, i64::MAX).iter().all(|r| found.contains(r)), "{left}");
            changed += usize::from(found != before);
            let leftover = |name: &String| name.ends_with(".cleaned") || name.ends_with(".swap");
            assert!(!names(&disk).iter().any(leftover), "after {left} changes: {:?}", names(&disk));
            if clean_stop {
                for _ in 0..2 {
                    assert!(clean(&mut log, Wanted::All, 2_000, 1 << 16).unwrap());
                }
                let to = log.cleaned_to().unwrap();
                assert_eq!(read(&mut log), newest(&records, to.get()), "after {left} changes");
                assert!(logs(&disk) < segments);
            }
        }
        if cleaned.is_ok() {
            break;
        }
        killed += 1;
    }
    assert!(killed > 20 && changed > 10, "{killed} crashes, {changed} with a segment swapped in");
}
