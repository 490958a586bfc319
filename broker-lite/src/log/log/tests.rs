use std::collections::BTreeSet;

use super::super::disk::{FileDisk, MemoryDisk, read_all};
use super::super::recovery::{OpenArgs, Repaired};
use super::super::testing::{Spec, offset};
use super::*;

const DIR: &str = "t-0";

fn small() -> Arc<LogConfig> {
    let segment_bytes = 2_000;
    Arc::new(LogConfig { segment_bytes, index_interval_bytes: 200, ..LogConfig::default() })
}

fn open(disk: &dyn DynDisk, args: &OpenArgs) -> (Log, Repaired) {
    Log::open(disk.share(), DIR, small(), args).unwrap()
}

/// A disk that a test can hand out again and again.
trait DynDisk {
    fn share(&self) -> Arc<dyn Disk>;
}

impl<D: Disk + Clone + 'static> DynDisk for D {
    fn share(&self) -> Arc<dyn Disk> {
        Arc::new(self.clone())
    }
}

/// A log and what must be in it.
struct Model {
    log: Log,
    batches: Vec<Spec>,
    now_ms: i64,
}

impl Model {
    fn append(&mut self, spec: Spec) {
        let spec = Spec { base: self.log.end().get(), ..spec };
        append(&mut self.log, &spec, self.now_ms);
        self.batches.push(spec);
    }

    /// Reads the log as a consumer does and compares.
    fn check(&mut self, rng: &mut fastrand::Rng) {
        let end = self.batches.last().map_or(0, |b| b.base + i64::from(b.records));
        assert_eq!(self.log.end(), offset(end));
        let mut all = Vec::new();
        let mut next = self.log.start();
        while next < self.log.end() {
            let bytes_max = rng.u32(0..3_000);
            let bytes = read(&mut self.log, next, bytes_max);
            assert!(!bytes.is_empty(), "nothing at {next}");
            for batch in whole_batches(&bytes) {
                next = BatchView::read(&batch).unwrap().last.next();
                all.extend_from_slice(&batch);
            }
        }
        let expected: Vec<u8> = self.batches.iter().flat_map(Spec::bytes).collect();
        assert!(all == expected, "not the bytes that were appended");
        for _ in 0..10.min(self.batches.len()) {
            let batch = self.batches[rng.usize(0..self.batches.len())];
            let inside = batch.base + i64::from(rng.i32(0..batch.records));
            let bytes = read(&mut self.log, offset(inside), 1);
            assert_eq!(bytes, batch.bytes(), "the batch that holds {inside}, whole");
        }
        let mut replayed = Producers::default();
        for batch in &self.batches {
            replayed.apply(&batch.view(), 0);
        }
        assert_eq!(windows(self.log.producers()), windows(&replayed));
    }
}

fn append(log: &mut Log, spec: &Spec, now_ms: i64) {
    let bytes = spec.bytes();
    log.append(&spec.view(), BatchBytes::of(&bytes).unwrap(), now_ms).unwrap();
}

/// What decides about retries, without when a producer was last seen.
fn windows(producers: &Producers) -> Vec<String> {
    let of = |(id, entry): (_, &super::super::producers::ProducerEntry)| {
        format!("{id} {} {:?}", entry.epoch, entry.batches)
    };
    producers.iter().map(of).collect()
}

fn read(log: &mut Log, from: Offset, bytes_max: u32) -> Vec<u8> {
    let limit = ReadLimit { below: log.end(), bytes_max, at_least_one: true };
    let Some(plan) = log.plan(from, limit).unwrap() else { return Vec::new() };
    let mut bytes = vec![0; plan.bytes as usize];
    let read = plan.file.read_at(u64::from(plan.position), &mut bytes).unwrap();
    assert_eq!(read, bytes.len());
    bytes
}

fn whole_batches(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut batches = Vec::new();
    while let Ok(view) = BatchView::read(bytes) {
        let Some((batch, rest)) = bytes.split_at_checked(view.bytes as usize) else { break };
        batches.push(batch.to_vec());
        bytes = rest;
    }
    batches
}

fn random_spec(rng: &mut fastrand::Rng, sequences: &mut [i32; 3], now_ms: i64) -> Spec {
    let producer = rng.usize(0..4);
    let records = rng.i32(1..20);
    let stamp = sequences.get_mut(producer).map(|next| {
        let first = *next;
        *next += records;
        (i64::try_from(producer).unwrap(), 0, first)
    });
    Spec {
        records,
        timestamp: now_ms - rng.i64(0..50),
        leader_epoch: i32::try_from(now_ms / 300).unwrap(),
        stamp,
        payload: rng.usize(0..600),
        fill: rng.u8(..),
        ..Spec::default()
    }
}

/// Appends, clean stops and crashes at random bytes of the tail; the log must always hold the
/// batches that were whole, in order.
fn random_run(disk: &dyn DynDisk, seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let (log, _) = open(disk, &OpenArgs::default());
    let mut model = Model { log, batches: Vec::new(), now_ms: 100 };
    let mut sequences = [0; 3];
    for _ in 0..60 {
        model.now_ms += rng.i64(0..40);
        match rng.u32(0..10) {
            0 => model.log.roll(model.now_ms).unwrap(),
            1 => {
                model.log.close().unwrap();
                let recovery_point = model.log.synced().unwrap();
                let args = OpenArgs { clean: true, recovery_point, ..OpenArgs::default() };
                let (log, repaired) = open(disk, &args);
                assert_eq!(repaired, Repaired::default(), "a clean start repairs nothing");
                model.log = log;
                model.check(&mut rng);
            }
            2 => {
                crash(disk, &mut model, &mut rng);
                sequences = next_sequences(&model.batches);
                model.check(&mut rng);
            }
            3 => {
                model.log.sync().unwrap();
                model.check(&mut rng);
            }
            _ => {
                for _ in 0..rng.u32(1..8) {
                    model.append(random_spec(&mut rng, &mut sequences, model.now_ms));
                }
            }
        }
    }
    model.check(&mut rng);
}

fn next_sequences(batches: &[Spec]) -> [i32; 3] {
    let mut next = [0; 3];
    for batch in batches {
        if let Some((id, _, first)) = batch.stamp {
            next[usize::try_from(id).unwrap()] = first + batch.records;
        }
    }
    next
}

/// Cuts the last data file somewhere and opens the log again.
fn crash(disk: &dyn DynDisk, model: &mut Model, rng: &mut fastrand::Rng) {
    let synced = model.log.synced().unwrap();
    let active = model.log.segments.last().unwrap();
    let cut = rng.u32(0..=active.bytes());
    let mut position = 0;
    let base = active.base();
    let kept = |spec: &Spec| {
        position += if spec.base < base.get() { 0 } else { spec.view().bytes };
        position <= cut
    };
    let whole = model.batches.iter().copied().take_while(kept).count();
    let recovery_point = synced.min(offset(model.batches.get(whole).map_or(i64::MAX, |b| b.base)));
    active.file().truncate(u64::from(cut)).unwrap();
    model.batches.truncate(whole);
    let (log, repaired) = open(disk, &OpenArgs { recovery_point, ..OpenArgs::default() });
    assert!(repaired.segments_scanned > 0);
    model.log = log;
}

#[test]
fn random_schedules_keep_every_whole_batch_in_memory() {
    for seed in 0..60 {
        random_run(&MemoryDisk::new(), seed);
    }
}

#[test]
fn random_schedules_keep_every_whole_batch_on_disk() {
    for seed in 100..106 {
        let dir = tempfile::tempdir().unwrap();
        random_run(&FileDisk::new(dir.path()), seed);
    }
}

/// A log of several segments with three producers, stopped in no way.
fn filled(disk: &MemoryDisk, batches: usize) -> Model {
    let mut rng = fastrand::Rng::with_seed(1);
    let (log, _) = open(disk, &OpenArgs::default());
    let mut model = Model { log, batches: Vec::new(), now_ms: 100 };
    let mut sequences = [0; 3];
    for n in 0..batches {
        model.now_ms = 100 + i64::try_from(n).unwrap() * 10;
        model.append(random_spec(&mut rng, &mut sequences, model.now_ms));
    }
    model
}

/// Every file, so that a test can damage one and put it back.
fn files(disk: &MemoryDisk) -> Vec<(String, Vec<u8>)> {
    let names = disk.list(DIR).unwrap().into_iter().map(|entry| format!("{DIR}/{}", entry.name));
    names.map(|path| (path.clone(), read_all(disk, &path).unwrap())).collect()
}

fn disk_with(files: &[(String, Vec<u8>)]) -> MemoryDisk {
    let disk = MemoryDisk::new();
    disk.create_dir(DIR).unwrap();
    for (path, bytes) in files {
        disk.open(path, true).unwrap().append(&[bytes]).unwrap();
    }
    disk
}

#[test]
fn every_cut_of_the_last_segment_leaves_the_batches_before_it() {
    let disk = MemoryDisk::new();
    let model = filled(&disk, 25);
    let base = model.log.segments.last().unwrap().base();
    let tail = segment::path(DIR, base, "log");
    let files = files(&disk);
    let len = files.iter().find(|(path, _)| *path == tail).unwrap().1.len();
    assert!(len > 500 && model.log.segments.len() > 2);
    let mut ends = BTreeSet::new();
    for cut in 0..=len {
        let disk = disk_with(&files);
        disk.open(&tail, false).unwrap().truncate(cut as u64).unwrap();
        let (mut log, repaired) = open(&disk, &OpenArgs::default());
        let mut position = 0;
        let whole = model.batches.iter().take_while(|spec| {
            position += if spec.base < base.get() { 0 } else { spec.bytes().len() };
            position <= cut
        });
        let expected: Vec<u8> = whole.flat_map(Spec::bytes).collect();
        let mut found = Vec::new();
        while log.end() > Offset::ZERO {
            let next = if found.is_empty() { Offset::ZERO } else { next_behind(&found) };
            let bytes = read(&mut log, next, u32::MAX);
            if bytes.is_empty() {
                break;
            }
            found.extend(bytes);
        }
        assert!(found == expected, "cut at {cut}: {repaired:?}");
        ends.insert(log.end());
    }
    assert!(ends.len() > 2, "the cuts left as many ends as there are batches");
}

fn next_behind(batches: &[u8]) -> Offset {
    let last = whole_batches(batches).pop().unwrap();
    BatchView::read(&last).unwrap().last.next()
}

#[test]
fn a_flipped_bit_cuts_its_batch_and_what_follows() {
    let disk = MemoryDisk::new();
    let model = filled(&disk, 25);
    let files = files(&disk);
    let logs: Vec<_> = files.iter().filter(|(path, _)| path.ends_with(".log")).collect();
    for (n, (path, bytes)) in logs.iter().enumerate() {
        for at in (0..bytes.len()).step_by(37) {
            // in the length, magic, or what the checksum covers
            let mut position = 0;
            let damaged = whole_batches(bytes).into_iter().find(|batch| {
                position += batch.len();
                position > at
            });
            let damaged = BatchView::read(&damaged.unwrap()).unwrap();
            let inside = at - (position - damaged.bytes as usize);
            if inside < 8 || (12..16).contains(&inside) {
                continue; // offset and leader epoch have no checksum
            }
            let disk = disk_with(&files);
            let file = disk.open(path, false).unwrap();
            let mut changed = (*bytes).clone();
            changed[at] ^= 0x40;
            file.truncate(0).unwrap();
            file.append(&[&changed]).unwrap();
            let (log, repaired) = open(&disk, &OpenArgs::default());
            assert_eq!(log.end(), damaged.base, "byte {at} of segment {n}");
            assert!(repaired.reason.is_some() && repaired.bytes_cut > 0);
            assert!(log.segments.iter().all(|segment| segment.base() <= damaged.base));
        }
    }
    assert!(model.log.end() > Offset::ZERO);
}

#[test]
fn indexes_that_are_gone_or_garbage_are_made_anew() {
    let disk = MemoryDisk::new();
    let mut model = filled(&disk, 40);
    model.log.close().unwrap();
    let files = files(&disk);
    let is_index = |path: &str| path.ends_with(".index") || path.ends_with(".timeindex");
    let index_files = |disk: &MemoryDisk| {
        let all = self::files(disk);
        all.into_iter().filter(|(path, _)| is_index(path)).collect::<Vec<_>>()
    };
    let good = index_files(&disk);
    assert!(good.len() > 4 && good.iter().any(|(_, bytes)| !bytes.is_empty()));
    for (what, damage) in [
        ("gone", None),
        ("cut inside an entry", Some(vec![0, 0, 0])),
        ("ones", Some(vec![0xff; 48])),
        ("zeros", Some(vec![0; 240])),
    ] {
        for (path, _) in &good {
            let disk = disk_with(&files);
            disk.remove(path).unwrap();
            if let Some(bytes) = &damage {
                disk.open(path, true).unwrap().append(&[bytes]).unwrap();
            }
            let args = OpenArgs { clean: true, ..OpenArgs::default() };
            let (log, repaired) = open(&disk, &args);
            assert_eq!((repaired.segments_scanned, repaired.bytes_cut), (1, 0), "{what} {path}");
            model.log = log;
            model.check(&mut fastrand::Rng::with_seed(3));
            assert!(index_files(&disk) == good, "{what} {path}: not as it was");
        }
    }
}

#[test]
fn index_entries_are_what_kafkas_dump_tool_wants() {
    let disk = MemoryDisk::new();
    let mut model = filled(&disk, 200);
    model.log.close().unwrap();
    let (mut offsets, mut times) = (0, 0);
    for segment in &model.log.segments {
        let base = segment.base();
        let log = read_all(&disk, &segment::path(DIR, base, "log")).unwrap();
        let views: Vec<_> =
            whole_batches(&log).iter().map(|b| BatchView::read(b).unwrap()).collect();
        let numbers = |suffix, size| {
            let bytes = read_all(&disk, &segment::path(DIR, base, suffix)).unwrap();
            let entries = bytes.chunks_exact(size);
            assert!(entries.remainder().is_empty());
            entries.map(<[u8]>::to_vec).collect::<Vec<_>>()
        };
        let mut last = (-1, -1);
        for entry in numbers("index", 8) {
            let delta = i32::from_be_bytes(entry[..4].try_into().unwrap());
            let position = i32::from_be_bytes(entry[4..].try_into().unwrap());
            assert!(delta > last.0 && position > last.1, "entries ascend");
            let at = BatchView::read(&log[usize::try_from(position).unwrap()..]).unwrap();
            assert_eq!(at.last.get() - base.get(), i64::from(delta), "its last offset");
            last = (delta, position);
            offsets += 1;
        }
        let mut last = (-1, -1);
        for entry in numbers("timeindex", 12) {
            let time = i64::from_be_bytes(entry[..8].try_into().unwrap());
            let delta = i32::from_be_bytes(entry[8..].try_into().unwrap());
            assert!(time > last.0 && delta > last.1, "entries ascend");
            let found = views.iter().find(|v| v.last.get() - base.get() == i64::from(delta));
            assert_eq!(found.unwrap().max_timestamp, time);
            last = (time, delta);
            times += 1;
        }
        let newest = views.iter().map(|v| v.max_timestamp).max().unwrap();
        assert_eq!(last.0, newest, "the last entry is the youngest record");
    }
    assert!(offsets > 50 && times > 50);
}

#[test]
fn a_restart_remembers_five_batches_of_each_producer() {
    for clean in [true, false] {
        let disk = MemoryDisk::new();
        let mut model = filled(&disk, 60);
        let before = windows(model.log.producers());
        assert_eq!(before.len(), 3);
        assert!(model.log.producers().iter().all(|(_, entry)| entry.batches.len() == 5));
        if clean {
            model.log.close().unwrap();
        }
        let (log, _) = open(&disk, &OpenArgs { clean, ..OpenArgs::default() });
        assert_eq!(windows(log.producers()), before, "clean: {clean}");
    }
}

#[test]
fn a_damaged_snapshot_is_replaced_by_the_one_before_it() {
    let disk = MemoryDisk::new();
    let mut model = filled(&disk, 60);
    model.log.close().unwrap();
    let before = windows(model.log.producers());
    let newest = segment::path(DIR, model.log.end(), "snapshot");
    disk.open(&newest, false).unwrap().truncate(20).unwrap();
    let (log, _) = open(&disk, &OpenArgs { clean: true, ..OpenArgs::default() });
    assert_eq!(windows(log.producers()), before);
    let mut others = disk.list(DIR).unwrap();
    others.retain(|entry| entry.name.ends_with(".snapshot"));
    for entry in others {
        disk.remove(&format!("{DIR}/{}", entry.name)).unwrap();
    }
    let (log, _) = open(&disk, &OpenArgs { clean: true, ..OpenArgs::default() });
    assert_eq!(windows(log.producers()), before, "all of it from the batches");
}

#[test]
fn epochs_come_back_from_the_batches_when_their_file_is_damaged() {
    let disk = MemoryDisk::new();
    let mut model = filled(&disk, 120);
    model.log.close().unwrap();
    let epochs = model.log.epochs().clone();
    assert!(epochs.latest().unwrap().0 >= 3);
    let path = format!("{DIR}/leader-epoch-checkpoint");
    disk.open(&path, false).unwrap().truncate(3).unwrap();
    let (log, _) = open(&disk, &OpenArgs { clean: true, ..OpenArgs::default() });
    assert_eq!(*log.epochs(), epochs);
}

#[test]
fn truncating_drops_whole_batches_and_their_traces() {
    let mut rng = fastrand::Rng::with_seed(9);
    for at in [180, 100, 1, 0] {
        let mut model = filled(&MemoryDisk::new(), 40);
        let cut = model.log.end().get().min(at);
        model.log.truncate_to(offset(cut), 0).unwrap();
        model.batches.retain(|b| b.base + i64::from(b.records) <= cut);
        model.check(&mut rng);
        model.append(Spec::default());
        model.check(&mut rng);
    }
}

#[test]
fn a_segment_ends_when_it_is_full_old_or_its_index_is_full() {
    type Change = fn(&mut LogConfig);
    let rules: [(&str, Change, [i64; 3], usize); 5] = [
        ("nothing is full", |_| (), [0, 10, 20], 1),
        ("its bytes", |c| c.segment_bytes = 150, [0, 10, 20], 2),
        ("its first record's age", |c| c.segment_ms = 15, [0, 10, 20], 2),
        ("timestamps that go back", |c| c.segment_ms = 15, [20, 10, 0], 1),
        ("its index", |c| (c.segment_index_bytes, c.index_interval_bytes) = (12, 0), [0, 1, 2], 2),
    ];
    for (rule, change, times, segments) in rules {
        let mut config = LogConfig::default();
        change(&mut config);
        let disk = Arc::new(MemoryDisk::new());
        let (mut log, _) = Log::open(disk, DIR, Arc::new(config), &OpenArgs::default()).unwrap();
        for (base, timestamp) in times.into_iter().enumerate() {
            let base = i64::try_from(base).unwrap();
            let spec = Spec { base, timestamp, ..Spec::default() };
            append(&mut log, &spec, 0);
        }
        assert_eq!(log.segments.len(), segments, "{rule}");
    }
}

#[test]
fn what_a_crash_left_behind_is_tidied() {
    let disk = MemoryDisk::new();
    let mut model = filled(&disk, 60);
    model.log.close().unwrap();
    let bases: Vec<_> = model.log.segments.iter().map(Segment::base).collect();
    let log = |base, suffix: &str| format!("{}{suffix}", segment::path(DIR, base, "log"));
    // segments 0 and 1 were joined into one; the crash came before the old ones were removed
    let mut joined = read_all(&disk, &log(bases[0], "")).unwrap();
    joined.extend(read_all(&disk, &log(bases[1], "")).unwrap());
    disk.open(&log(bases[0], ".swap"), true).unwrap().append(&[&joined]).unwrap();
    disk.open(&log(bases[2], ".cleaned"), true).unwrap().append(&[b"half"]).unwrap();
    disk.open(&log(offset(9_999), ".deleted"), true).unwrap().append(&[b"old"]).unwrap();
    disk.open(&segment::path(DIR, offset(9_998), "index"), true).unwrap();
    let (log, _) = open(&disk, &OpenArgs { clean: true, ..OpenArgs::default() });
    model.log = log;
    model.check(&mut fastrand::Rng::with_seed(4));
    assert_eq!(model.log.segments.len(), bases.len() - 1);
    let names = disk.list(DIR).unwrap().into_iter().map(|entry| entry.name);
    assert_eq!(names.filter(|name| name.contains("99") || name.contains(".log.")).count(), 0);
}
