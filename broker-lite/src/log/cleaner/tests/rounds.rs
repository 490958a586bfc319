//! Rounds that end early: the partition goes, the disk fails, or something is too large.

use ottla_protocol::ids::PartitionIndex;

use super::*;
use crate::log::disk::testing::{Fault, UnrulyDisk};
use crate::replica::partition::Partition;

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

/// One round, as the driver does it; false if nothing was wanted, or the log has changed.
fn clean_once(partition: &Partition) -> io::Result<bool> {
    let Some(mut round) = partition.start_cleaning(Wanted::All, 2_000, 1 << 20)? else {
        return Ok(false);
    };
    let done = loop {
        let synced = match round.step() {
            Ok(Step::Read(_)) => continue,
            Ok(Step::Written(cleaned)) => {
                let synced = cleaned.files.iter().try_for_each(|file| file.sync());
                round.wrote(synced).and_then(|()| partition.replace_cleaned(&cleaned, 2_000))
            }
            Ok(Step::Done(end)) => {
                partition.is_cleaned(end);
                return Ok(true);
            }
            Err(error) => Err(error),
        };
        match synced {
            Ok(true) => {}
            done => break done,
        }
    };
    done.inspect_err(|error| partition.round_failed(error, round.has_failed_to_write()))
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
    assert!(!partition.replace_cleaned(&cleaned, 2_000).unwrap());
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
                _ if result.is_ok() => continue,
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
                Fault::NoSpace | Fault::Short => {}
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
fn no_batch_takes_more_memory_than_one_that_may_be_appended() {
    let bound = 64 * LogConfig::default().message_bytes_max as usize;
    let mut log = inflated(&[10, bound + 1, 10]);
    let error = clean(&mut log, Wanted::All, 2_000, 1 << 20).unwrap_err();
    let expected = format!("gzip data is larger than {bound} bytes once decompressed");
    assert!(error.to_string().ends_with(&expected), "{error}");
    assert!(error.to_string().contains("00000000000000000001.log: byte 0: "), "{error}");
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
