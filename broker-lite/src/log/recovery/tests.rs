use super::super::batch::BatchBytes;
use super::super::config::Cleanup;
use super::super::disk::MemoryDisk;
use super::super::disk::testing::{Crash, UnrulyDisk};
use super::super::log::ReadLimit;
use super::super::testing::{Spec, offset};
use super::*;

const DIR: &str = "t-0";

/// Where batches of one record begin, of two segments that do not join.
type Bases<'a> = (&'a [i64], &'a [i64]);

/// Two segments, opened after a crash; says where the log ends.
fn end_of((first, second): Bases<'_>, compact: bool, cleaned_to: Option<i64>) -> i64 {
    let disk = MemoryDisk::new();
    disk.create_dir(DIR).unwrap();
    for bases in [first, second] {
        let file = disk.open(&segment::path(DIR, offset(bases[0]), "log"), true).unwrap();
        for base in bases {
            file.append(&[&Spec { base: *base, ..Spec::default() }.bytes()]).unwrap();
        }
    }
    let cleanup = Cleanup { delete: !compact, compact };
    let config = Arc::new(LogConfig { cleanup, ..LogConfig::default() });
    let args = OpenArgs { cleaned_to: cleaned_to.map(offset), ..OpenArgs::default() };
    let (log, repaired) = Log::open(Arc::new(disk), DIR, config, &args).unwrap();
    assert_eq!(repaired.bytes_cut == 0, log.end() == offset(second[second.len() - 1] + 1));
    log.end().get()
}

#[test]
fn a_gap_between_segments_is_a_loss_unless_compaction_may_have_left_it() {
    const WHOLE: Bases<'_> = (&[0, 1, 2], &[10, 11]);
    const THINNED: Bases<'_> = (&[0, 2], &[10, 11]);
    for (why, bases, compact, cleaned_to, end) in [
        ("nothing was ever compacted", WHOLE, false, None, 3),
        ("Kafka may have compacted it", WHOLE, true, None, 12),
        ("nor is it now, but it was, and somebody wrote down how far", WHOLE, false, Some(10), 12),
        ("what is compacted ends before the gap", WHOLE, true, Some(9), 3),
        ("the segment before it was compacted, as one sees", THINNED, false, None, 12),
    ] {
        assert_eq!(end_of(bases, compact, cleaned_to), end, "{why}");
    }
}

/// A kill after the cut leaves the end of the file to the system, and a stop has nothing to sync.
#[test]
fn what_a_cut_has_emptied_stays_empty_after_a_kill_a_clean_stop_and_a_power_failure() {
    let disk = UnrulyDisk::default();
    let config = Arc::new(LogConfig::default());
    let open = |args: &OpenArgs| {
        let (log, _) = Log::open(Arc::new(disk.clone()), DIR, Arc::clone(&config), args).unwrap();
        log
    };
    let mut log = open(&OpenArgs::default());
    let spec = Spec::default();
    log.append(&spec.view(), BatchBytes::of(&spec.bytes()).unwrap(), 0).unwrap();
    log.sync().unwrap();
    let path = segment::path(DIR, Offset::ZERO, "log");
    disk.open(&path, false).unwrap().truncate(0).unwrap(); // and then the process was killed
    open(&OpenArgs::default()).close().unwrap();
    disk.fail_power();
    let clean = OpenArgs { clean: true, ..OpenArgs::default() };
    assert_eq!(open(&clean).end(), Offset::ZERO);
    assert_eq!(disk.open(&path, false).unwrap().len().unwrap(), 0);
}

#[test]
fn damage_below_the_recovery_point_takes_nothing_with_it_while_batches_can_be_told_apart() {
    let specs = [0, 1, 2].map(|base| Spec { base, ..Spec::default() });
    for (recovery_point, end, cut) in [(0, 1, true), (1, 1, true), (2, 3, false), (3, 3, false)] {
        let disk = MemoryDisk::new();
        disk.create_dir(DIR).unwrap();
        let path = segment::path(DIR, Offset::ZERO, "log");
        let mut bytes = specs.map(|spec| spec.bytes());
        bytes[1][65] ^= 1;
        disk.open(&path, true).unwrap().append(&[&bytes.concat()]).unwrap();
        let args = OpenArgs { recovery_point: offset(recovery_point), ..OpenArgs::default() };
        let config = Arc::new(LogConfig::default());
        let (log, repaired) = Log::open(Arc::new(disk), DIR, config, &args).unwrap();
        assert_eq!(log.end(), offset(end), "recovery point {recovery_point}");
        let left = u64::try_from(bytes[1].len() + bytes[2].len()).unwrap();
        let says = format!(
            "cut off {left} bytes, offset 1 and what follows: {path}: the batch at byte {}, offset \
             1: the checksum does not fit",
            bytes[0].len()
        );
        assert_eq!(repaired.bytes_cut > 0, cut);
        assert!(!cut || repaired.to_string() == says, "{repaired}");
    }
}

#[test]
fn segments_behind_a_hole_are_named_by_what_is_missing() {
    let disk = MemoryDisk::new();
    disk.create_dir(DIR).unwrap();
    for base in [0, 5] {
        let file = disk.open(&segment::path(DIR, offset(base), "log"), true).unwrap();
        file.append(&[&Spec { base, ..Spec::default() }.bytes()]).unwrap();
    }
    let config = Arc::new(LogConfig::default());
    let (_, repaired) = Log::open(Arc::new(disk), DIR, config, &OpenArgs::default()).unwrap();
    let says = "cut off 71 bytes, offset 1 and what follows: t-0/00000000000000000005.log: the batch \
                at byte 0, offset 1: the segment begins with offset 5: the batches before it are \
                missing";
    assert_eq!(repaired.to_string(), says);
}

/// A log of `disk`, whose index has an entry for about every third batch.
fn of_disk(disk: &UnrulyDisk, clean: bool, recovery_point: i64) -> Log {
    let config = LogConfig { index_interval_bytes: 200, ..LogConfig::default() };
    let args = OpenArgs { clean, recovery_point: offset(recovery_point), ..OpenArgs::default() };
    Log::open(Arc::new(disk.clone()), DIR, Arc::new(config), &args).unwrap().0
}

fn put(log: &mut Log, records: i32, payload: usize) {
    let spec = Spec { base: log.end().get(), records, payload, ..Spec::default() };
    log.append(&spec.view(), BatchBytes::of(&spec.bytes()).unwrap(), 0).unwrap();
}

/// An index is synced before its data: then power fails, and a start empties the index.
#[test]
fn an_index_that_a_start_has_emptied_stays_empty_once_its_segment_is_done() {
    let disk = UnrulyDisk::default();
    let mut log = of_disk(&disk, false, 0);
    put(&mut log, 1, 50);
    log.close().unwrap();
    let mut log = of_disk(&disk, true, 1);
    (0..12).for_each(|_| put(&mut log, 1, 50));
    let before = disk.changes();
    log.roll(0).unwrap();
    let mut replay = disk.replay();
    while replay.at() < before {
        replay.step();
    }
    let index = segment::path(DIR, Offset::ZERO, "index");
    let size = |disk: &UnrulyDisk| disk.open(&index, false).map_or(0, |file| file.len().unwrap());
    let found = loop {
        let found = replay.crash(Crash::Power);
        if size(&found) > 0 {
            break found;
        }
        assert!(replay.step());
    };
    let mut log = of_disk(&found, false, 1);
    assert_eq!(log.end(), offset(1), "the data had not reached the device");
    put(&mut log, 10, 2_000);
    log.roll(0).unwrap();
    put(&mut log, 1, 50);
    log.close().unwrap();
    found.fail_power();
    assert_eq!(size(&found), 0);
    let mut log = of_disk(&found, true, 12);
    let limit = ReadLimit { below: log.end(), bytes_max: 10_000, at_least_one: true };
    for at in [1, 7, 11] {
        let read = log.plan(offset(at), limit).unwrap();
        assert!(read.unwrap().first.last >= offset(at));
    }
}

/// There may be ten thousand of them.
#[test]
fn a_start_after_a_kill_waits_for_no_sync_of_a_log_that_is_empty_but_a_clean_stop_does() {
    let disk = UnrulyDisk::default();
    drop(of_disk(&disk, false, 0));
    disk.hold_syncs();
    let before = disk.operations().file_syncs;
    let mut log = of_disk(&disk, false, 0);
    assert_eq!((disk.operations().file_syncs, disk.held()), (before, 1));
    log.close().unwrap();
    assert_eq!(disk.operations().file_syncs, before + 1);
    let mut log = of_disk(&disk, false, 0);
    disk.end_syncs(|| Ok(()));
    let before = disk.operations().file_syncs;
    log.close().unwrap();
    assert_eq!(disk.operations().file_syncs, before, "it has ended");
}
