use super::super::batch::BatchBytes;
use super::super::config::{Cleanup, LogConfig};
use super::super::disk::testing::{Crash, UnrulyDisk};
use super::super::disk::{Disk, MemoryDisk};
use super::super::epochs::Epochs;
use super::super::log::ReadLimit;
use super::super::recovery::OpenArgs;
use super::super::testing::{Spec, offset};
use super::*;

const DIR: &str = "t-0";

fn open(disk: &MemoryDisk, args: &OpenArgs) -> Log {
    let config =
        LogConfig { segment_bytes: 1_000, index_interval_bytes: 200, ..Default::default() };
    Log::open(Arc::new(disk.clone()), DIR, Arc::new(config), args).unwrap().0
}

fn append(log: &mut Log, spec: Spec) -> Spec {
    let spec = Spec { base: log.end().get(), ..spec };
    let bytes = spec.bytes();
    log.append(&spec.view(), BatchBytes::of(&bytes).unwrap(), 0).unwrap();
    spec
}

fn segments_on(disk: &MemoryDisk) -> usize {
    disk.list(DIR).unwrap().iter().filter(|entry| entry.name.ends_with(".log")).count()
}

/// The log must answer as a list of all batches does.
fn check(log: &mut Log, batches: &[Spec], rng: &mut fastrand::Rng) {
    let start = log.start();
    let kept = |from: Offset| batches.iter().filter(move |b| b.view().last >= from);
    for _ in 0..5 {
        let from = offset(rng.i64(start.get()..=log.end().get()));
        let timestamp = rng.i64(0..1_000);
        let expected = kept(from).find(|b| b.timestamp >= timestamp).map(|b| b.base);
        let found = log.find_time(timestamp, from).unwrap().map(|(_, batch)| batch.base.get());
        assert_eq!(found, expected, "{timestamp} from {from}");
    }
    assert_eq!(log.newest().unwrap(), kept(start).map(|b| b.timestamp).max());
    let gone = log.segments.iter().skip(1).filter(|s| s.base() <= start).count();
    assert_eq!(gone, 0, "a segment that lies before the start as a whole");
    if start < log.end() {
        let covering = batches.iter().find(|b| b.view().last >= start).map(|b| b.leader_epoch);
        assert_eq!(log.epochs().covering(start).map(|epoch| epoch.0), covering);
    }
}

#[test]
fn a_trimmed_log_answers_as_one_that_never_had_more() {
    for seed in 0..30 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let disk = MemoryDisk::new();
        let mut log = open(&disk, &OpenArgs::default());
        let mut batches = Vec::new();
        for step in 0..80 {
            match rng.u32(0..8) {
                0 if log.end() > log.start() => {
                    let to = offset(rng.i64(log.start().get()..=log.end().get()));
                    let moves = to > log.start();
                    let segments = segments_on(&disk);
                    assert_eq!(log.trim(to), moves);
                    assert_eq!((log.start(), segments_on(&disk)), (to, segments));
                    log.start_is_kept(to).unwrap();
                    assert_eq!(segments_on(&disk), log.segments.len());
                }
                1 => {
                    let (log_start, end, clean) = (log.start(), log.end(), rng.bool());
                    if clean {
                        log.close().unwrap();
                    }
                    let recovery_point = log.synced().unwrap();
                    let args = OpenArgs { clean, recovery_point, log_start, ..OpenArgs::default() };
                    log = open(&disk, &args);
                    assert_eq!((log.start(), log.end()), (log_start, end));
                }
                _ => {
                    let spec = Spec {
                        records: rng.i32(1..6),
                        timestamp: rng.i64(0..1_000),
                        leader_epoch: step / 10,
                        payload: rng.usize(0..300),
                        ..Spec::default()
                    };
                    batches.push(append(&mut log, spec));
                }
            }
            check(&mut log, &batches, &mut rng);
        }
    }
}

#[test]
fn what_is_deleted_stays_until_the_start_is_on_the_device_though_the_log_grows() {
    let disk = MemoryDisk::new();
    let mut log = open(&disk, &OpenArgs::default());
    while segments_on(&disk) < 3 {
        append(&mut log, Spec { payload: 300, ..Spec::default() });
    }
    let end = log.end();
    log.trim(end);
    log.roll(0).unwrap();
    assert_eq!(segments_on(&disk), 4);
    log.start_is_kept(end).unwrap();
    assert_eq!(segments_on(&disk), 1);
}

#[test]
fn the_newest_record_behind_the_start_is_looked_for_once() {
    let disk = UnrulyDisk::default();
    let config = Arc::new(LogConfig::default());
    let mut log = Log::open(Arc::new(disk.clone()), DIR, config, &OpenArgs::default()).unwrap().0;
    for timestamp in 0..1_000 {
        append(&mut log, Spec { timestamp: 2_000 - timestamp, ..Spec::default() });
    }
    for (start, newest) in [(10, 1_990), (500, 1_500)] {
        log.trim(offset(start));
        log.start_is_kept(offset(start)).unwrap();
        assert_eq!(log.newest().unwrap(), Some(newest));
        let reads = disk.operations().reads;
        assert_eq!(log.newest().unwrap(), Some(newest));
        append(&mut log, Spec { timestamp: newest + 1, ..Spec::default() });
        assert_eq!(log.newest().unwrap(), Some(newest + 1));
        append(&mut log, Spec { timestamp: 7, ..Spec::default() });
        assert_eq!(log.newest().unwrap(), Some(newest + 1));
        assert_eq!(disk.operations().reads, reads);
        let end = log.end();
        log.truncate_to(offset(1_000), 0).unwrap();
        assert!(log.end() < end && log.newest().unwrap() == Some(newest), "cut off again");
    }
}

#[test]
fn offsets_of_deleted_records_are_not_used_again_if_the_records_never_reached_the_device() {
    let disk = MemoryDisk::new();
    let mut log = open(&disk, &OpenArgs::default());
    append(&mut log, Spec { records: 3, ..Spec::default() });
    drop(log);
    let args = OpenArgs { log_start: offset(10), ..OpenArgs::default() };
    let mut log = open(&disk, &args);
    assert_eq!((log.start(), log.end()), (offset(10), offset(10)));
    append(&mut log, Spec::default());
    assert_eq!(segments_on(&disk), 1);
    assert_eq!(Epochs::load(&disk, DIR).unwrap().covering(offset(10)).map(|e| e.0), Some(0));
    let log = open(&disk, &args);
    assert_eq!((log.start(), log.end()), (offset(10), offset(11)));
}

#[test]
fn names_whose_sync_has_not_ended_when_a_log_is_cut_come_to_the_device_with_the_next() {
    let disk = UnrulyDisk::default();
    let open = || Log::open(Arc::new(disk.clone()), DIR, Arc::default(), &OpenArgs::default());
    let (mut log, _) = open().unwrap();
    for _ in 0..2 {
        append(&mut log, Spec { records: 2, ..Spec::default() });
    }
    let unended = log.begin_sync().unwrap();
    log.truncate_to(offset(2), 0).unwrap();
    append(&mut log, Spec { records: 3, ..Spec::default() });
    log.sync().unwrap();
    drop((unended, log));
    disk.fail_power();
    assert_eq!(open().unwrap().0.end(), offset(5));
}

#[test]
fn a_power_failure_while_a_log_is_cut_leaves_no_hole_in_it() {
    let disk = UnrulyDisk::default();
    // Kafka may have compacted it: a start takes it as it is
    let cleanup = Cleanup { delete: true, compact: true };
    let config = Arc::new(LogConfig { cleanup, segment_bytes: 1_000, ..LogConfig::default() });
    let open = |disk: UnrulyDisk| {
        Log::open(Arc::new(disk), DIR, Arc::clone(&config), &OpenArgs::default()).unwrap().0
    };
    let mut log = open(disk.clone());
    while log.segments.len() < 4 {
        append(&mut log, Spec { payload: 300, ..Spec::default() });
    }
    log.sync().unwrap();
    let before = disk.changes();
    log.truncate_to(offset(1), 0).unwrap();
    let mut replay = disk.replay();
    while replay.at() < before {
        replay.step();
    }
    while replay.step() {
        let at = replay.at() as u64;
        for crash in [Crash::Power, Crash::Torn(at), Crash::Reordered(at)] {
            let mut log = open(replay.crash(crash));
            let limit = ReadLimit { below: log.end(), bytes_max: 1, at_least_one: true };
            for next in 0..log.end().get() {
                let found = log.plan(offset(next), limit).unwrap().map(|plan| plan.first.base);
                assert_eq!(found, Some(offset(next)), "change {at}, {crash:?}");
            }
        }
    }
}
