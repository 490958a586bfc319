//! A topic that is compacted: batches of records with keys, and what may be missing of them.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use ottla_protocol::ids::{
    LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp, Uuid,
};
use ottla_protocol::record::{
    BatchBuilder, CheckedBatch, Compression, Compressor, Decompressor, ProducerStamp, RecordBlock,
    assign_offsets,
};

use super::expected::{Batch, Found, History, INDEX, open_manager, open_partition, prepare, rules};
use crate::log::batch::BatchView;
use crate::log::cleaner::driver;
use crate::log::cleaner::swap::Wanted;
use crate::log::disk::Disk;
use crate::log::disk::testing::UnrulyDisk;
use crate::log::log::Log;
use crate::replica::partition::Partition;

/// The topic that is compacted.
pub(super) const TOPIC: &str = "compacted";

/// Bytes for keys: a round does not always have room for all.
const KEY_BYTES: [usize; 2] = [1 << 12, 120];

/// A batch of some producer, or of none, at its sequence.
pub(super) fn batch(
    rng: &mut fastrand::Rng,
    stamp: Option<(i64, i16, i32)>,
    (records, now_ms): (i32, i64),
) -> Bytes {
    let mut batch = BatchBuilder::new(BytesMut::new());
    for _ in 0..records {
        let key = [rng.u8(0..12)];
        let value: Vec<u8> = (0..rng.usize(0..60)).map(|_| rng.u8(..)).collect();
        let value = (rng.u8(0..4) > 0).then_some(value.as_slice());
        batch.append(Timestamp(now_ms - rng.i64(0..50)), Some(&key), value, &[]).unwrap();
    }
    let stamp = stamp.map(|(id, epoch, first)| {
        let (id, epoch) = (ProducerId(id), ProducerEpoch(epoch));
        ProducerStamp { id, epoch, first: Sequence::new(first).unwrap(), transactional: false }
    });
    let sealed = batch.seal(Compression::None, &mut Compressor::default(), stamp).unwrap();
    sealed.bytes.freeze()
}

/// The batch as it lies in the log.
pub(super) fn placed(batch: &[u8], base: Offset, epoch: i32) -> Arc<Batch> {
    let mut bytes = batch.to_vec();
    assign_offsets(&mut bytes, base, Some(LeaderEpoch(epoch)));
    Arc::new(Batch { view: BatchView::read(&bytes).unwrap(), bytes })
}

/// Compacts all that may be, as the driver does; says how many bytes that has saved.
pub(super) fn clean(partition: &Partition, now_ms: i64) -> io::Result<u64> {
    partition.roll_for_cleaning(now_ms)?;
    let (mut saved, mut wanted) = (0, Wanted::All);
    for key_bytes in KEY_BYTES {
        let removed = driver::clean_blocking(partition, wanted, now_ms, key_bytes)?;
        let Some(removed) = removed else { break };
        // the time of its tombstones makes a batch longer
        saved += removed.bytes_before.saturating_sub(removed.bytes_after);
        wanted = Wanted::Due;
    }
    Ok(saved)
}

/// Offset, time, key, value.
type Record = (i64, i64, Vec<u8>, Option<Vec<u8>>);

fn records(batch: &Batch) -> Vec<Record> {
    let checked = CheckedBatch::check(Bytes::copy_from_slice(&batch.bytes)).unwrap();
    let block = RecordBlock::open(&checked, &mut Decompressor::default(), usize::MAX).unwrap();
    let mut records = Vec::new();
    for record in block.records() {
        let record = record.unwrap();
        let (key, value) = (record.key.unwrap().to_vec(), record.value.map(<[u8]>::to_vec));
        records.push((record.offset.get(), record.timestamp.0, key, value));
    }
    records
}

/// Whether `found` is how `history` begins, compacted or not: nothing else is there, in the same
/// batches, and of each key the newest is. If that is a tombstone it may be gone, but only with all
/// that it is about.
pub(super) fn is_of(found: &Found, history: &History) -> bool {
    let known = |batch: &Arc<Batch>| {
        let at = history.partition_point(|other| other.view.base < batch.view.base);
        let place = |view: &BatchView| (view.base, view.last, view.leader_epoch, view.stamp);
        history.get(at).is_some_and(|other| place(&other.view) == place(&batch.view))
    };
    if !found.batches.iter().all(known) {
        return false;
    }
    let in_reach = |(at, ..): &Record| (found.start..found.end).contains(at);
    let written: Vec<Record> =
        history.iter().flat_map(|batch| records(batch)).filter(in_reach).collect();
    let left: Vec<Record> =
        found.batches.iter().flat_map(|batch| records(batch)).filter(in_reach).collect();
    let mut rest = written.iter();
    let all_written = left.iter().all(|record| rest.any(|other| other == record));
    let newest: BTreeMap<_, _> = written.iter().map(|record| (&record.2, record)).collect();
    let newest_left: BTreeMap<_, _> = left.iter().map(|record| (&record.2, record)).collect();
    all_written
        && newest.iter().all(|(key, record)| match newest_left.get(key) {
            Some(left) => left == record,
            None => record.3.is_none(),
        })
}

fn written(disk: &UnrulyDisk) -> Arc<Partition> {
    let manager = open_manager(disk).unwrap();
    let partition = open_partition(&manager, (TOPIC, Uuid([7; 16])), 0).unwrap();
    let mut rng = fastrand::Rng::with_seed(3);
    disk.hold_syncs();
    for _ in 0..20 {
        let batch = batch(&mut rng, None, (5, 1_000));
        partition.append(&prepare(&batch), &rules(1_000)).unwrap();
    }
    partition
}

#[test]
fn what_is_not_on_the_device_is_not_compacted() {
    let disk = UnrulyDisk::default();
    let partition = written(&disk);
    let start = || partition.start_cleaning(Wanted::All, 2_000, 1 << 12).unwrap();
    assert!(start().is_none(), "a newer record may be lost that would cost an older one");
    disk.end_syncs(|| Ok(()));
    assert!(start().is_some());
}

/// Whoever is killed before the first checkpoint leaves one.
#[test]
fn a_log_in_which_there_is_nothing_has_no_gaps() {
    let disk = UnrulyDisk::default();
    let cleaned_to = || {
        let manager = open_manager(&disk).unwrap();
        open_partition(&manager, (TOPIC, Uuid([7; 16])), 0).unwrap().with_log(Log::cleaned_to)
    };
    assert_eq!(cleaned_to(), Some(Offset::ZERO));
    assert_eq!(cleaned_to(), Some(Offset::ZERO));
}

#[test]
fn a_round_that_was_given_up_leaves_nothing_to_the_next() {
    let disk = UnrulyDisk::default();
    let partition = written(&disk);
    disk.end_syncs(|| Ok(()));
    let start = || partition.start_cleaning(Wanted::All, 2_000, 1 << 12).unwrap().unwrap();
    let half_made = || {
        let names = disk.list(&format!("{TOPIC}-{INDEX}")).unwrap();
        names.iter().filter(|entry| entry.name.ends_with(".cleaned")).count()
    };
    let mut round = start();
    while half_made() == 0 {
        round.step().unwrap();
    }
    drop(round);
    // or a crash in the middle of the next swap would take its segment for one that is not whole
    drop(start());
    assert_eq!(half_made(), 0);
}
