use super::super::disk::testing::{Crash, Fault, UnrulyDisk};
use super::super::disk::{FileDisk, MemoryDisk};
use super::super::testing::{Spec, offset};
use super::*;
use crate::replica::prepare::{PreparedBatch, ProduceRules};
use ottla_protocol::ids::{LeaderEpoch, NodeId, Offset};
use std::collections::BTreeSet;

fn identity() -> MetaProperties {
    MetaProperties {
        cluster_id: "a-cluster".to_owned(),
        node_id: NodeId(3),
        directory_id: Uuid::from_random([9; 16]),
    }
}

fn manager(disk: &MemoryDisk) -> LogManager {
    LogManager::open(Arc::new(disk.clone()), identity).unwrap()
}

const ID: Uuid = Uuid([7; 16]);
const DELETED: &str = "deleted-0.000000000000000000000000000000ff-delete";

fn open(manager: &LogManager, topic: &str) -> Arc<Partition> {
    let place = (topic, PartitionIndex(0), ID);
    let (partition, _) = manager.open_partition(place, LogConfig::default(), 0).unwrap();
    partition.make_leader(LeaderEpoch(0), 1, 1).unwrap();
    Arc::new(partition)
}

/// A partition of three records, of which the first two are deleted.
fn trimmed(manager: &LogManager, topic: &str) -> Arc<Partition> {
    let partition = open(manager, topic);
    let batch = Spec { records: 3, ..Spec::default() }.bytes();
    let rules = ProduceRules { version: 12, all_in_sync: true, now_ms: 0 };
    partition.append(&PreparedBatch::internal(batch.into()).unwrap(), &rules).unwrap();
    partition.delete_records(Offset::ZERO.after(2).into()).unwrap();
    partition
}

fn starts(disk: &dyn Disk) -> PartitionOffsets {
    checkpoints::read_offsets(disk, LOG_STARTS).unwrap()
}

fn start_of(topic: &str) -> PartitionOffsets {
    PartitionOffsets::from([((topic.to_owned(), PartitionIndex(0)), offset(2))])
}

#[test]
fn a_directory_keeps_the_identity_it_was_given_first() {
    let disk = MemoryDisk::new();
    assert_eq!(*manager(&disk).meta(), identity());
    let text = disk::read_all(&disk, META_PROPERTIES).unwrap();
    let expected = "version=1\ncluster.id=a-cluster\nnode.id=3\ndirectory.id=";
    assert!(text.starts_with(expected.as_bytes()));
    let other = || unreachable!("it has an identity");
    assert_eq!(*LogManager::open(Arc::new(disk.clone()), other).unwrap().meta(), identity());
    disk::replace(
        &disk,
        META_PROPERTIES,
        b"#comment\nversion=1\ndirectory.id=AAAAAAAAAAAAAAAAAAAAAQ\nnode.id=3\n",
    )
    .unwrap();
    let error = LogManager::open(Arc::new(disk), identity).unwrap_err().to_string();
    assert!(error.contains("cluster.id is missing"), "{error}");
}

#[test]
fn a_directory_in_use_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let open = || LogManager::open(Arc::new(FileDisk::new(dir.path())), identity);
    let first = open().unwrap();
    first.close(&[]).unwrap();
    let refused = open().unwrap_err();
    assert!(matches!(refused, OpenDirError::Lock(LockError::InUse { .. })), "{refused}");
    drop(first);
    assert!(open().unwrap().clean, "the marker is still there");
}

#[test]
fn only_a_stop_in_order_is_clean_and_only_once() {
    let disk = MemoryDisk::new();
    let first = manager(&disk);
    assert!(!first.clean);
    let partition = open(&first, "t");
    first.close(&[partition]).unwrap();
    drop(first);
    assert!(manager(&disk).clean);
    assert!(!manager(&disk).clean, "the one before was killed");
}

#[test]
fn partitions_are_found_with_their_topic_ids() {
    let disk = MemoryDisk::new();
    let first = manager(&disk);
    for topic in ["a-b.c", "__cluster_metadata", "x"] {
        open(&first, topic);
    }
    for noise in ["lost+found", "x-y", "-3", DELETED, "keep-not-delete", "x-1.0-future"] {
        disk.create_dir(noise).unwrap();
    }
    let found = first.partitions().unwrap();
    let topics: Vec<_> = found.iter().map(|dir| dir.topic.as_str()).collect();
    assert_eq!(topics, ["__cluster_metadata", "a-b.c", "x"]);
    assert!(found.iter().all(|dir| dir.topic_id == Some(ID) && dir.index.0 == 0));
    let text = disk::read_all(&disk, "x-0/partition.metadata").unwrap();
    assert_eq!(String::from_utf8(text).unwrap(), format!("version: 0\ntopic_id: {ID}"));
    assert!(disk.list(DELETED).is_err(), "what a crash left of it is gone");
    assert!(disk.list("keep-not-delete").is_ok(), "somebody else's");
}

#[test]
fn a_directory_of_a_deleted_topic_is_not_taken_for_the_new_one() {
    let disk = MemoryDisk::new();
    let first = manager(&disk);
    open(&first, "t");
    let place = ("t", PartitionIndex(0), Uuid([8; 16]));
    let refused = first.open_partition(place, LogConfig::default(), 0).unwrap_err().to_string();
    assert!(refused.contains("t-0") && refused.contains("deleted topic"), "{refused}");
}

#[test]
fn a_deleted_partition_leaves_nothing_and_its_name_is_free() {
    let disk = MemoryDisk::new();
    let first = manager(&disk);
    let long = "t".repeat(249);
    for topic in ["t", &long] {
        let partition = open(&first, topic);
        first.delete(&[(Arc::clone(&partition), Uuid([5; 16]))]).unwrap();
        assert!(first.partitions().unwrap().is_empty());
        let code = partition.check_epoch(None).unwrap_err();
        assert_eq!(code, ottla_protocol::error_code::ErrorCode::NOT_LEADER_OR_FOLLOWER);
        open(&first, topic);
        first.delete_dirs(&first.partitions().unwrap()).unwrap();
    }
    assert!(disk.list("").unwrap().iter().all(|entry| !entry.directory));
}

#[test]
fn a_closed_directory_says_how_far_each_log_is_on_the_device() {
    let disk = MemoryDisk::new();
    let first = manager(&disk);
    let partitions = [open(&first, "a"), open(&first, "b")];
    first.close(&partitions).unwrap();
    let points = checkpoints::read_offsets(&disk, RECOVERY_POINTS).unwrap();
    let key = |topic: &str| (topic.to_owned(), PartitionIndex(0));
    assert_eq!(points, PartitionOffsets::from([(key("a"), offset(0)), (key("b"), offset(0))]));
    let marker = disk::read_all(&disk, CLEAN_SHUTDOWN).unwrap();
    assert_eq!(marker, b"{\"version\":0,\"brokerEpoch\":-1}");
}

#[test]
fn a_topic_made_again_inherits_nothing_from_the_checkpoints() {
    let disk = MemoryDisk::new();
    let first = manager(&disk);
    open(&first, "t");
    drop(first);
    let old = PartitionOffsets::from([(("t".to_owned(), PartitionIndex(0)), offset(500))]);
    checkpoints::write_offsets(&disk, RECOVERY_POINTS, &old).unwrap();
    checkpoints::write_offsets(&disk, LOG_STARTS, &old).unwrap();
    let second = manager(&disk);
    let partition = open(&second, "t");
    second.delete(&[(Arc::clone(&partition), Uuid([5; 16]))]).unwrap();
    // who asked saw it before it was deleted
    second.checkpoint([&*partition]).unwrap();
    second.checkpoint_starts([&*partition]).unwrap();
    for checkpoint in [RECOVERY_POINTS, LOG_STARTS] {
        let offsets = checkpoints::read_offsets(&disk, checkpoint).unwrap();
        assert_eq!(offsets, PartitionOffsets::new(), "{checkpoint}");
    }
    assert_eq!(open(&second, "t").offsets().log_start, offset(0));
    drop(second);
    let third = manager(&disk); // after a crash
    assert_eq!(open(&third, "t").offsets().log_start, offset(0));
}

#[test]
fn what_could_not_be_written_is_written_the_next_time() {
    let disk = UnrulyDisk::default();
    let first = LogManager::open(Arc::new(disk.clone()), identity).unwrap();
    let partition = trimmed(&first, "t");
    disk.fail_writes(true);
    first.checkpoint_starts([&*partition]).unwrap_err();
    disk.fail_writes(false);
    first.checkpoint([&*partition]).unwrap();
    assert_eq!(starts(&disk), start_of("t"));
    let strays = first.partitions().unwrap();
    disk.fail_writes(true);
    first.delete_dirs(&strays).unwrap_err();
    disk.fail_writes(false);
    first.delete_dirs(&strays).unwrap();
    assert_eq!(starts(&disk), PartitionOffsets::new());
}

#[test]
fn checkpoints_keep_the_start_of_a_topic_made_meanwhile() {
    let disk = MemoryDisk::new();
    let first = manager(&disk);
    let listed = [open(&first, "a")];
    let new = trimmed(&first, "t");
    first.checkpoint_starts([&*new]).unwrap();
    first.checkpoint(listed.iter().map(|partition| &**partition)).unwrap();
    assert_eq!(starts(&disk), start_of("t"));
    first.delete(&[(new, ID)]).unwrap();
    first.checkpoint(listed.iter().map(|partition| &**partition)).unwrap();
    assert_eq!(starts(&disk), PartitionOffsets::new());
}

#[test]
fn a_topic_with_many_partitions_is_deleted_by_one_write_and_one_sync() {
    let disk = UnrulyDisk::default();
    let first = LogManager::open(Arc::new(disk.clone()), identity).unwrap();
    let long = "t".repeat(249); // their names are cut short to make room for the id
    let partitions: Vec<_> = (0..100)
        .map(|index| {
            let place = (long.as_str(), PartitionIndex(index), ID);
            Arc::new(first.open_partition(place, LogConfig::default(), 0).unwrap().0)
        })
        .collect();
    first.checkpoint(partitions.iter().map(|partition| &**partition)).unwrap();
    let gone: Vec<_> = partitions.into_iter().map(|partition| (partition, ID)).collect();
    let before = disk.operations();
    first.delete(&gone).unwrap();
    let after = disk.operations();
    // of two checkpoints, and of the directory
    assert_eq!(after.file_syncs - before.file_syncs, 2);
    assert_eq!(after.dir_syncs - before.dir_syncs, 3);
    assert_eq!(after.appends - before.appends, 2);
    assert!(disk.list("").unwrap().iter().all(|entry| !entry.directory));
}

#[test]
fn a_start_writes_nothing_to_partitions_that_nobody_writes_to() {
    let disk = UnrulyDisk::default();
    let manager = || LogManager::open(Arc::new(disk.clone()), identity).unwrap();
    let epochs_of = |epochs: &[(i32, i64)]| {
        let mut text = checkpoints::heading(epochs.len());
        epochs.iter().for_each(|(epoch, start)| text += &format!("{epoch} {start}\n"));
        text
    };
    let read = || String::from_utf8(disk::read_all(&disk, "t-0/leader-epoch-checkpoint").unwrap());
    let first = manager();
    let partition = trimmed(&first, "t");
    first.close(&[partition]).unwrap();
    drop(first);
    assert_eq!(read().unwrap(), epochs_of(&[(0, 2)]));
    for epoch in 1..3 {
        let next = manager();
        let before = disk.changes();
        let place = ("t", PartitionIndex(0), ID);
        let (partition, _) = next.open_partition(place, LogConfig::default(), 0).unwrap();
        partition.make_leader(LeaderEpoch(epoch), 1, 1).unwrap();
        assert_eq!(disk.changes(), before);
        assert_eq!(partition.offsets().leader_epoch, Some(LeaderEpoch(epoch)));
        if epoch == 2 {
            let batch = PreparedBatch::internal(Spec::default().bytes().into()).unwrap();
            let rules = ProduceRules { version: 12, all_in_sync: true, now_ms: 0 };
            Arc::new(partition).append(&batch, &rules).unwrap();
            // and then it was killed
        } else {
            next.close(&[Arc::new(partition)]).unwrap();
        }
    }
    assert_eq!(read().unwrap(), epochs_of(&[(0, 2), (2, 3)]));
}

#[test]
fn what_comes_in_the_place_of_what_was_cut_is_not_taken_for_synced() {
    let disk = MemoryDisk::new();
    let manager = manager(&disk);
    let config = LogConfig { segment_bytes: 100, ..LogConfig::default() };
    let (partition, _) = manager.open_partition(("t", PartitionIndex(0), ID), config, 0).unwrap();
    partition.make_leader(LeaderEpoch(0), 1, 1).unwrap();
    let partition = Arc::new(partition);
    let rules = ProduceRules { version: 12, all_in_sync: true, now_ms: 0 };
    for _ in 0..5 {
        let batch = PreparedBatch::internal(Spec::default().bytes().into()).unwrap();
        partition.append(&batch, &rules).unwrap();
    }
    partition.sync().unwrap();
    manager.checkpoint([&*partition]).unwrap();
    let point = || {
        let points = checkpoints::read_offsets(&disk, RECOVERY_POINTS).unwrap();
        points[&("t".to_owned(), PartitionIndex(0))]
    };
    assert_eq!(point(), offset(5));
    manager.truncate(&partition, offset(2), 0).unwrap();
    assert_eq!(point(), offset(2));
}

#[test]
fn a_start_that_may_have_been_written_is_not_that_of_the_next_topic_of_the_name() {
    let mut written = 0;
    for call in 0.. {
        let disk = UnrulyDisk::default();
        let manager = LogManager::open(Arc::new(disk.clone()), identity).unwrap();
        let partition = trimmed(&manager, "t");
        disk.fail_call(disk.calls().len() + call, Fault::Device);
        if manager.checkpoint_starts([&*partition]).is_ok() {
            break;
        }
        written += usize::from(!starts(&disk).is_empty());
        manager.delete(&[(partition, ID)]).unwrap();
        assert_eq!(starts(&disk), PartitionOffsets::new(), "{:?}", disk.failed());
    }
    assert!(written > 0, "it never was");
}

/// A topic of the same name as an earlier one: where its log starts and ends.
fn of_another_t(manager: &LogManager) -> (Offset, Offset) {
    manager.clear_strays(|_, _| None, &BTreeSet::new()).unwrap();
    let place = ("t", PartitionIndex(0), Uuid([8; 16]));
    let (partition, _) = manager.open_partition(place, LogConfig::default(), 0).unwrap();
    let offsets = partition.offsets();
    (offsets.log_start, offsets.log_end)
}

fn open_unruly(disk: &UnrulyDisk) -> LogManager {
    LogManager::open(Arc::new(disk.clone()), identity).unwrap()
}

#[test]
fn a_log_whose_id_is_lost_is_no_part_of_the_next_topic_of_its_name() {
    let disk = MemoryDisk::new();
    let first = manager(&disk);
    trimmed(&first, "t");
    drop(first);
    // the topic was deleted, and power failed before the directory had another name
    disk.open("t-0/partition.metadata", false).unwrap().truncate(0).unwrap();
    disk.create_dir("backup-0").unwrap();
    let second = manager(&disk);
    assert_eq!(of_another_t(&second), (offset(0), offset(0)));
    let names: Vec<_> = disk.list("").unwrap().into_iter().map(|entry| entry.name).collect();
    let aside = format!("t-0.{:032x}-stray", 0);
    assert!(names.contains(&aside) && names.contains(&"backup-0".to_owned()), "{names:?}");
    drop(second);
    // that of a topic that there is, is its own
    disk.open("t-0/partition.metadata", false).unwrap().truncate(0).unwrap();
    let third = manager(&disk);
    let id = Uuid([8; 16]);
    assert_eq!(third.clear_strays(|_, _| Some(id), &BTreeSet::new()).unwrap(), []);
    assert_eq!(open_with(&third, id).offsets().log_end, offset(0));
}

fn open_with(manager: &LogManager, id: Uuid) -> Partition {
    let place = ("t", PartitionIndex(0), id);
    manager.open_partition(place, LogConfig::default(), 0).unwrap().0
}

#[test]
fn a_topic_that_follows_one_set_aside_inherits_nothing_wherever_that_was_killed() {
    let disk = UnrulyDisk::default();
    let first = open_unruly(&disk);
    let partition = trimmed(&first, "t");
    first.checkpoint([&*partition]).unwrap();
    drop((first, partition));
    let before = disk.changes();
    let second = open_unruly(&disk);
    let aside = second.clear_strays(|_, _| None, &BTreeSet::new()).unwrap();
    assert_eq!(aside.iter().map(|aside| aside.log_start).collect::<Vec<_>>(), [offset(2)]);
    let mut replay = disk.replay();
    while replay.step() {
        if replay.at() >= before {
            for crash in [Crash::Process, Crash::Reordered(1), Crash::Reordered(2)] {
                let after = open_unruly(&replay.crash(crash));
                assert_eq!(of_another_t(&after), (offset(0), offset(0)), "{crash:?}");
            }
        }
    }
}

#[test]
fn checkpoints_forget_partitions_that_nobody_knows_and_whose_files_somebody_took() {
    let disk = MemoryDisk::new();
    let first = manager(&disk);
    let partition = trimmed(&first, "t");
    first.checkpoint_starts([&*partition]).unwrap();
    drop(first);
    disk.rename("t-0", "elsewhere").unwrap();
    let second = manager(&disk);
    second.clear_strays(|_, _| Some(ID), &BTreeSet::new()).unwrap();
    assert_eq!(starts(&disk), start_of("t"), "it is known");
    second.clear_strays(|_, _| None, &BTreeSet::new()).unwrap();
    assert_eq!(starts(&disk), PartitionOffsets::new());
}

#[test]
fn what_is_set_aside_twice_or_has_a_name_that_no_topic_has_keeps_no_broker_from_starting() {
    let disk = MemoryDisk::new();
    let manager = manager(&disk);
    let odd = format!("{}\u{e9}{}-0", "t".repeat(212 - 20), "t".repeat(60));
    let odd_cut = format!("{}\u{e9}-0", "t".repeat(211));
    let mut expected = Vec::new();
    for (name, n) in [("t-0", 7), ("t-0", 8), (&odd, 7), (&odd_cut, 7)] {
        disk.create_dir(name).unwrap();
        let text = format!("{TOPIC_ID}{}", Uuid(7_u128.to_be_bytes()));
        let path = join(name, PARTITION_METADATA);
        disk::replace(&disk, &path, text.as_bytes()).unwrap();
        expected.push(n);
        let aside = manager.clear_strays(|_, _| None, &BTreeSet::new()).unwrap();
        let name = &aside[0].name;
        assert!(name.ends_with(&format!("-0.{n:032x}-stray")) && name.len() <= 255, "{name}");
    }
    let mut entries = disk.list("").unwrap();
    entries.retain(|entry| entry.name.ends_with("-stray"));
    assert_eq!(entries.len(), expected.len());
}
