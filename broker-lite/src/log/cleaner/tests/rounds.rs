//! Rounds that end early: the partition goes, the disk fails, or something is too large.

use ottla_protocol::ids::{PartitionIndex, RawOffset};

use super::*;
use crate::log::cleaner::driver::clean_blocking;
use crate::log::disk::testing::{Fault, UnrulyDisk};
use crate::replica::partition::{Next, Partition};

/// A leader of a log that may be cleaned.
fn partition(disk: &Arc<dyn Disk>) -> Partition {
    let mut log = open(Arc::clone(disk), &OpenArgs::default());
    for _ in 0..40 {
        append(&mut log, &[("a", Some("1"))], Compression::None, None, 1_000);
    }
    log.close().unwrap();
    let args = OpenArgs { clean: true, recovery_point: log.end(), ..OpenArgs::default() };
    drop(log);
    let place = ("t", PartitionIndex(0));
    let opened = Partition::open(Arc::clone(disk), DIR, place, (*config(600)).clone(), &args);
    let (partition, _) = opened.unwrap();
    partition.make_leader(LeaderEpoch(0), 1, 1).unwrap();
    partition
}

/// One round; false if nothing was wanted.
fn clean_once(partition: &Partition) -> io::Result<bool> {
    Ok(clean_blocking(partition, Wanted::All, 2_000, 1 << 20)?.is_some())
}

fn half_made(disk: &dyn Disk) -> usize {
    let half = |name: &&String| name.ends_with(".cleaned") || name.ends_with(".swap");
    names(disk).iter().filter(half).count()
}

#[test]
fn a_partition_that_is_given_up_is_not_cleaned() {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let partition = partition(&disk);
    let mut round = partition.start_cleaning(Wanted::Due, 2_000, 1 << 20).unwrap().unwrap();
    partition.give_up();
    let cleaned = loop {
        if let Step::Written(cleaned) = round.step().unwrap() {
            break cleaned;
        }
    };
    assert!(!partition.swap_in(&mut round, &cleaned, Ok(()), 2_000).unwrap());
    let before = names(&*disk);
    for wanted in [Wanted::Due, Wanted::All] {
        assert!(partition.start_cleaning(wanted, 2_000, 1 << 20).unwrap().is_none());
    }
    assert_eq!(partition.dirty_ratio(2_000), None);
    let never = Box::new(|_| panic!("nothing is synced"));
    assert!(!partition.start_sync_closed(never).unwrap());
    partition.roll_for_cleaning(2_000).unwrap();
    assert_eq!(names(&*disk), before, "the directory may be another's by now");
}

/// Every call of a round fails once.
#[test]
fn a_round_without_room_is_tried_again_and_a_device_that_fails_ends_all() {
    let (mut passing, mut fenced, mut unread) = (0, 0, 0);
    for fault in Fault::ALL {
        for at in 0.. {
            let unruly = UnrulyDisk::default();
            let disk: Arc<dyn Disk> = Arc::new(unruly.clone());
            let partition = partition(&disk);
            unruly.fail_call(unruly.calls().len() + at, fault);
            let result = clean_once(&partition);
            let Some(failed) = unruly.failed() else {
                assert!(result.unwrap());
                break;
            };
            // not all of what fails is needed
            let ended = partition.with_log(Log::has_failed);
            let own = failed.contains(".cleaned") && !failed.starts_with("rename");
            match fault {
                _ if result.is_ok() => {
                    assert!(!ended, "{failed}");
                    continue;
                }
                Fault::Device if ended => fenced += 1,
                Fault::Device => {
                    assert!(
                        !failed.starts_with("append") && !failed.starts_with("sync"),
                        "{failed}"
                    );
                    unread += 1;
                }
                Fault::NoSpace | Fault::Short if own => {
                    assert!(!ended, "{failed}");
                    passing += 1;
                }
                Fault::NoSpace | Fault::Short => {
                    let changes = ["rename", "remove", "append", "truncate", "sync"];
                    let change = changes.iter().any(|change| failed.starts_with(change));
                    assert!(ended || !change, "{failed}");
                }
            }
            if !ended {
                assert_eq!(half_made(&*disk), 0, "{failed}");
                assert!(clean_once(&partition).unwrap(), "{failed}");
            }
        }
    }
    assert!(
        passing > 5 && fenced > 5,
        "{passing} without room, {fenced} fenced, {unread} not read"
    );
}

#[test]
fn what_may_pass_is_tried_again_later() {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let partition = partition(&disk);
    assert!(partition.dirty_ratio(2_000).is_some());
    partition.cleaning_failed(&io::ErrorKind::StorageFull.into(), 2_000);
    assert_eq!(partition.dirty_ratio(2_001), None);
    assert!(partition.dirty_ratio(60_000).is_some());
    partition.cleaning_failed(&io::ErrorKind::InvalidData.into(), 2_000);
    assert_eq!(partition.dirty_ratio(i64::MAX - 1), None, "another try would meet the same");
}

/// A log with a batch per entry of so many bytes, which is small once it is compressed.
fn inflated(sizes: &[usize]) -> Log {
    let mut log = open(Arc::new(MemoryDisk::new()), &OpenArgs::default());
    for size in sizes {
        let value = "v".repeat(*size);
        append(&mut log, &[("a", Some(value.as_str()))], Compression::Gzip, None, 1_000);
    }
    log.roll(1_000).unwrap();
    log
}

#[test]
fn a_batch_that_was_taken_once_is_compacted_whatever_may_be_written_now() {
    let bound = 64 * LogConfig::default().message_bytes_max as usize;
    let mut log = inflated(&[10, bound + 1, 10]);
    log.configure(Arc::new(LogConfig { decompressed_bytes_max: 10, ..(*config(600)).clone() }));
    let error = clean(&mut log, Wanted::All, 2_000, 1 << 20).unwrap_err();
    let expected = format!(
        "00000000000000000001.log: byte 0: more than {bound} bytes once decompressed: with a larger \
         max.decompressed.message.bytes of its topic it can be compacted"
    );
    assert!(error.to_string().ends_with(&expected), "{error}");
    log.configure(config(600));
    assert!(clean(&mut log, Wanted::All, 2_000, 1 << 20).unwrap(), "it may be larger by default");
    log.configure(Arc::new(LogConfig { message_bytes_max: 1, ..(*config(600)).clone() }));
    assert!(clean(&mut log, Wanted::All, 2_000, 1 << 20).unwrap(), "this is about what comes");
}

/// What is compacted may be longer than before: its tombstones get a time.
#[test]
fn a_segment_that_would_become_too_large_keeps_what_it_has() {
    let round = |bytes_max: Option<u32>| {
        let disk = MemoryDisk::new();
        let mut log = open(Arc::new(disk.clone()), &OpenArgs::default());
        let mut records = Vec::new();
        for n in 0..6 {
            let keys: Vec<_> = (0..3).map(|k| format!("{n}-{k}")).collect();
            let dead: Vec<_> = keys.iter().map(|key| (key.as_str(), None)).collect();
            records.extend(append(&mut log, &dead, Compression::None, None, 1_000));
        }
        log.roll(1_000).unwrap();
        let before = log.size();
        let part = log.cleanable(Wanted::All, log.end(), 2_000).unwrap().unwrap();
        let mut round = log.start_cleaning(part, 2_000, 1 << 20).unwrap();
        let fits = u32::try_from(before).unwrap();
        round.bytes_max = bytes_max.map_or(round.bytes_max, |more| fits + more);
        loop {
            match round.step().unwrap() {
                Step::Read(_) => {}
                Step::Written(cleaned) => assert!(log.replace(&cleaned, 2_000).unwrap()),
                Step::Done(_) => break,
            }
        }
        assert!(!round.has_failed_to_write());
        assert_eq!(read(&mut log), records);
        let dated = read_batches(&mut log).into_iter().map(|b| b.header().delete_horizon());
        (log.size() - before, dated.flatten().count())
    };
    let (more, dated) = round(None);
    assert_eq!(dated, 6);
    let one = u32::try_from(more / 6).unwrap();
    assert!(one > 0);
    for (bound, dated) in [(0, 0), (one, 1), (one * 4 + one / 2, 4), (one * 6, 6)] {
        let bytes = u64::from(one) * dated;
        assert_eq!(round(Some(bound)), (bytes, usize::try_from(dated).unwrap()), "{bound}");
    }
}

/// A round holds neither descriptors nor files of what it has replaced.
#[test]
fn a_round_needs_few_descriptors_for_many_segments() {
    let dir = tempfile::tempdir().unwrap();
    let disk = crate::log::disk::FileDisk::with_open_files(dir.path(), 16);
    let mut log = open(Arc::new(disk), &OpenArgs::default());
    for _ in 0..800 {
        append(&mut log, &[("a", Some("1"))], Compression::None, None, 1_000);
    }
    log.sync().unwrap();
    let open_files = || {
        let all = std::fs::read_dir("/proc/self/fd").unwrap();
        let at = all.filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok());
        at.filter(|path| path.starts_with(dir.path())).count()
    };
    let mut most = 0;
    // the second time all become one
    for segment_bytes in [600, 1 << 20] {
        log.configure(config(segment_bytes));
        let part = log.cleanable(Wanted::All, log.end(), 2_000).unwrap().unwrap();
        let mut round = log.start_cleaning(part, 2_000, 1 << 20).unwrap();
        while let step = round.step().unwrap()
            && !matches!(step, Step::Done(_))
        {
            if let Step::Written(cleaned) = step {
                cleaned.files.iter().try_for_each(|file| file.sync()).unwrap();
                assert!(log.replace(&cleaned, 2_000).unwrap());
            }
            most = most.max(open_files());
        }
    }
    assert!(most <= 20, "{most} files are open");
}

/// Or nothing would be compacted where segments leave faster than a round goes on.
#[test]
fn what_a_round_reads_stays_until_it_has_ended() {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let partition = Arc::new(partition(&disk));
    let cleanup = Cleanup { delete: true, compact: true };
    partition.configure(&Arc::new(LogConfig { cleanup, ..(*config(600)).clone() }));
    let mut round = partition.start_cleaning(Wanted::All, 2_000, 1 << 20).unwrap().unwrap();
    let segments = logs(&*disk);
    partition.delete_records(RawOffset(20)).unwrap();
    partition.start_is_kept(offset(20));
    assert_eq!(partition.offsets().log_start, offset(20));
    assert_eq!(logs(&*disk), segments);
    let mut swapped = 0;
    loop {
        match partition.clean_on(&mut round).unwrap() {
            Next::Pause(_) => {}
            Next::Sync(cleaned) => {
                assert!(partition.swap_in(&mut round, &cleaned, Ok(()), 2_000).unwrap());
                swapped += 1;
            }
            Next::Ended => break,
        }
    }
    assert!(swapped > 2 && partition.cleaned_to().is_some(), "{swapped}");
    assert!(logs(&*disk) < segments, "then they go");
}

/// Its directory may be another's by then.
#[test]
fn a_round_makes_no_file_once_its_partition_is_given_up() {
    for calls in 0.. {
        let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
        let partition = partition(&disk);
        let mut round = partition.start_cleaning(Wanted::All, 2_000, 1 << 20).unwrap().unwrap();
        for _ in 0..calls {
            match partition.clean_on(&mut round).unwrap() {
                Next::Pause(_) => {}
                Next::Sync(cleaned) => {
                    assert!(partition.swap_in(&mut round, &cleaned, Ok(()), 2_000).unwrap());
                }
                Next::Ended => {
                    assert!(calls > 4);
                    return;
                }
            }
        }
        partition.give_up();
        let before = names(&*disk);
        assert!(matches!(partition.clean_on(&mut round), Ok(Next::Ended)), "{calls}");
        assert_eq!(names(&*disk), before, "{calls}");
    }
}

/// What was cut off is not clean when it comes again.
#[test]
fn a_round_of_a_log_that_was_cut_cleans_nothing_behind_the_cut() {
    for cut_at in 0.. {
        let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
        let partition = partition(&disk);
        let mut round = partition.start_cleaning(Wanted::All, 2_000, 1 << 20).unwrap().unwrap();
        let mut calls = 0;
        loop {
            if calls == cut_at {
                partition.truncate_to(offset(3), 2_000).unwrap();
            }
            calls += 1;
            match partition.clean_on(&mut round).unwrap() {
                Next::Pause(_) => {}
                Next::Sync(cleaned) => {
                    if !partition.swap_in(&mut round, &cleaned, Ok(()), 2_000).unwrap() {
                        break;
                    }
                }
                Next::Ended => break,
            }
        }
        if calls <= cut_at {
            assert!(cut_at > 4 && partition.cleaned_to().is_some());
            break;
        }
        assert!(partition.cleaned_to().is_none_or(|to| to <= offset(3)), "{cut_at}");
        assert_eq!(half_made(&*disk), 0);
        assert!(!partition.with_log(Log::has_failed));
    }
}

#[test]
fn a_step_is_as_long_as_what_it_decompresses() {
    let mut log = inflated(&[1 << 20; 8]);
    let part = log.cleanable(Wanted::All, log.end(), 2_000).unwrap().unwrap();
    let mut round = log.start_cleaning(part, 2_000, 1 << 20).unwrap();
    let mut steps = 0;
    while !matches!(round.step().unwrap(), Step::Done(_)) {
        steps += 1;
    }
    assert!(steps >= 16, "{steps}");
}
