use std::sync::mpsc;

use bytes::BytesMut;
use futures::FutureExt;

use super::super::tests::{NOW, Sent, open_on, produce, read_all};
use super::super::{Appended, LogConfig};
use super::*;
use crate::log::disk::Disk;
use crate::log::disk::testing::UnrulyDisk;
use crate::log::health::Health;
use crate::log::recovery::OpenArgs;
use crate::replica::waiters::{AckWaiter, FetchWaiter};
use ottla_protocol::ids::{LeaderEpoch, PartitionIndex};

fn commit() -> LogConfig {
    LogConfig { durability: Durability::Commit, ..LogConfig::default() }
}

fn partition(disk: &UnrulyDisk, config: LogConfig) -> Arc<Partition> {
    open_on(Arc::new(disk.clone()), config)
}

fn two_records(partition: &Arc<Partition>) -> Appended {
    produce(partition, Sent::default().bytes()).unwrap()
}

fn high_watermark(partition: &Partition) -> i64 {
    partition.offsets().high_watermark.get()
}

fn syncs(disk: &UnrulyDisk) -> usize {
    disk.calls().iter().filter(|what| **what == "sync").count()
}

fn lost() -> io::Result<()> {
    Err(io::Error::from_raw_os_error(5))
}

#[test]
fn with_commit_nothing_counts_before_it_is_on_the_device() {
    let disk = UnrulyDisk::default();
    let partition = partition(&disk, commit());
    disk.hold_syncs();
    let appended = two_records(&partition);
    let end = appended.committed_at;
    assert!(appended.unsynced);
    assert_eq!(partition.is_durable(end), Ok(false));
    assert_eq!((high_watermark(&partition), partition.offsets().log_end), (0, end));
    assert!(read_all(&partition, 0).is_empty());
    let bytes = Sent::default().bytes().len();
    let fetch = FetchWaiter::register(bytes, vec![Arc::clone(&partition)]);
    let ack = AckWaiter::register(end, Arc::clone(&partition));
    let later = AckWaiter::register(end.next(), Arc::clone(&partition));
    assert!(fetch.ready().now_or_never().is_none() && ack.ready().now_or_never().is_none());
    disk.end_syncs(|| Ok(()));
    assert!(fetch.ready().now_or_never().is_some() && ack.ready().now_or_never().is_some());
    assert!(later.ready().now_or_never().is_none());
    assert_eq!(partition.is_durable(end), Ok(true));
    assert_eq!((high_watermark(&partition), read_all(&partition, 0).len()), (2, 1));
}

#[test]
fn one_sync_serves_all_appends_that_came_while_another_ran() {
    let disk = UnrulyDisk::default();
    let partition = partition(&disk, commit());
    two_records(&partition); // names and epochs are synced with the first
    let before = syncs(&disk);
    disk.hold_syncs();
    for _ in 0..9 {
        two_records(&partition);
    }
    let last = two_records(&partition);
    assert_eq!(disk.held(), 1, "the others are collected");
    disk.end_syncs(|| Ok(()));
    assert_eq!(partition.is_durable(last.committed_at), Ok(true));
    assert_eq!(syncs(&disk) - before, 2, "one for the first, one for the nine behind it");
}

#[test]
fn a_retry_waits_for_the_sync_of_what_it_repeats() {
    let disk = UnrulyDisk::default();
    let partition = partition(&disk, commit());
    let batch = || Sent { stamp: Some((9, 0, 0)), ..Sent::default() }.bytes();
    disk.hold_syncs();
    let first = produce(&partition, batch()).unwrap();
    let again = produce(&partition, batch()).unwrap();
    assert_eq!(again, Appended { duplicate: true, ..first });
    assert!(again.unsynced);
    disk.end_syncs(|| Ok(()));
    assert!(!produce(&partition, batch()).unwrap().unsynced);
}

#[test]
fn a_sync_that_fails_fences_every_partition_of_the_directory_for_good() {
    let disk = UnrulyDisk::default();
    let health = Health::of("data".to_owned());
    let open = |dir: &str| {
        let (disk, health) = (Arc::new(disk.clone()), Arc::clone(&health));
        let args = OpenArgs { now_ms: NOW, health, ..OpenArgs::default() };
        let place = ("t", PartitionIndex(0));
        let (partition, _) = Partition::open(disk, dir, place, commit(), &args).unwrap();
        partition.make_leader(LeaderEpoch(5), 1, 1).unwrap();
        Arc::new(partition)
    };
    let partitions = [open("t-0"), open("t-1")];
    for partition in &partitions {
        two_records(partition);
    }
    disk.hold_syncs();
    let end = two_records(&partitions[0]).committed_at;
    let ack = AckWaiter::register(end, Arc::clone(&partitions[0]));
    disk.end_syncs(lost);
    assert!(ack.ready().now_or_never().is_some());
    for partition in &partitions {
        let refused = produce(partition, Sent::default().bytes()).unwrap_err();
        assert_eq!(refused.code(), ErrorCode::KAFKA_STORAGE_ERROR);
        let read = partition.read(0, 100, true, &mut BytesMut::new());
        assert_eq!(read.unwrap_err(), ErrorCode::KAFKA_STORAGE_ERROR);
        // also what was there before: the next sync would seem to succeed
        assert_eq!(partition.is_durable(Offset::ZERO), Err(ErrorCode::KAFKA_STORAGE_ERROR));
        assert!(partition.sync().is_err() && partition.close().is_err());
    }
    assert_eq!(high_watermark(&partitions[0]), 2);
}

#[test]
fn a_partition_that_is_deleted_while_it_is_synced_does_no_harm() {
    let disk = UnrulyDisk::default();
    let health = Health::of("data".to_owned());
    let args = OpenArgs { health: Arc::clone(&health), ..OpenArgs::default() };
    let (on, place) = (Arc::new(disk.clone()), ("t", PartitionIndex(0)));
    let (partition, _) = Partition::open(on, "t-0", place, commit(), &args).unwrap();
    partition.make_leader(LeaderEpoch(5), 1, 1).unwrap();
    let partition = Arc::new(partition);
    disk.hold_syncs();
    let end = two_records(&partition).committed_at;
    two_records(&partition); // wants another
    partition.give_up();
    disk.rename("t-0", "t-0-delete").unwrap();
    disk.end_syncs(|| Ok(())); // its directory can no more be synced
    assert_eq!(partition.is_durable(end), Err(ErrorCode::NOT_LEADER_OR_FOLLOWER));
    assert!(!health.has_failed());
}

#[test]
fn the_sync_of_a_full_segment_fences_when_it_fails_though_nobody_waits_for_it() {
    let disk = UnrulyDisk::default();
    let partition = partition(&disk, LogConfig { segment_bytes: 400, ..LogConfig::default() });
    disk.hold_syncs();
    for _ in 0..3 {
        two_records(&partition);
    }
    assert!(disk.held() > 0, "it has rolled");
    disk.end_syncs(lost);
    let refused = produce(&partition, Sent::default().bytes()).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::KAFKA_STORAGE_ERROR);
}

#[test]
fn as_many_records_as_the_topic_says_are_synced_and_the_last_waits_for_that() {
    let disk = UnrulyDisk::default();
    let partition = partition(&disk, LogConfig { flush_messages: 5, ..LogConfig::default() });
    disk.hold_syncs();
    let unsynced: Vec<bool> = (0..4).map(|_| two_records(&partition).unsynced).collect();
    assert_eq!(unsynced, [false, false, true, false]);
    assert_eq!((disk.held(), high_watermark(&partition)), (1, 8), "consumers do not wait");
    disk.end_syncs(|| Ok(()));
    let durable = |end| partition.is_durable(Offset::ZERO.after(end));
    assert_eq!((durable(6), durable(7)), (Ok(true), Ok(false)));
}

#[test]
fn what_is_old_enough_is_synced() {
    let disk = UnrulyDisk::default();
    let partition = partition(&disk, LogConfig { flush_ms: 100, ..LogConfig::default() });
    let end = two_records(&partition).committed_at;
    for (now_ms, flushed) in [(NOW + 99, false), (NOW + 100, true)] {
        let (token, ended) = mpsc::channel();
        disk.hold_syncs();
        partition.flush_if_due(now_ms, token);
        assert_eq!(ended.try_recv() == Err(mpsc::TryRecvError::Empty), flushed);
        disk.end_syncs(|| Ok(()));
        assert_eq!(ended.try_recv(), Err(mpsc::TryRecvError::Disconnected));
        assert_eq!(partition.is_durable(end), Ok(flushed), "{now_ms}");
    }
}

#[test]
fn durability_can_be_altered_while_records_wait() {
    let disk = UnrulyDisk::default();
    let partition = partition(&disk, LogConfig::default());
    two_records(&partition);
    disk.hold_syncs();
    partition.configure(&Arc::new(commit()));
    assert_eq!(disk.held(), 1, "what nobody has synced is synced now");
    assert!(two_records(&partition).unsynced);
    assert_eq!(high_watermark(&partition), 2, "what was seen stays seen");
    let fetch = FetchWaiter::register(1, vec![Arc::clone(&partition)]);
    partition.configure(&Arc::new(LogConfig::default()));
    assert_eq!(high_watermark(&partition), 4);
    assert!(fetch.ready().now_or_never().is_some());
    disk.end_syncs(|| Ok(()));
    assert_eq!(partition.is_durable(Offset::ZERO.after(4)), Ok(true));
}

#[test]
fn a_start_brings_to_the_device_what_it_shows() {
    let disk = UnrulyDisk::default();
    two_records(&partition(&disk, LogConfig::default()));
    let before = syncs(&disk);
    let partition = partition(&disk, commit());
    assert_eq!((high_watermark(&partition), partition.offsets().log_end.get()), (2, 2));
    assert!(syncs(&disk) > before);
    disk.fail_power();
    drop(partition);
    let partition = open_on(Arc::new(disk), commit());
    assert_eq!(read_all(&partition, 0).len(), 1);
}
