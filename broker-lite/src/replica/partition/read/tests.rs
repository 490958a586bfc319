use std::sync::Arc;

use ottla_protocol::ids::{LeaderEpoch, PartitionIndex, Timestamp};
use ottla_protocol::record::{CheckedBatch, split_batches};

use super::super::OffsetQuery;
use super::*;
use crate::log::config::LogConfig;
use crate::log::disk::{Disk, MemoryDisk};
use crate::log::log::Log;
use crate::log::recovery::OpenArgs;
use crate::log::testing::Spec;
use crate::replica::prepare::{Codecs, PreparedBatch, ProduceRules};

const DIR: &str = "t-0";

const FILE: &str = "t-0/00000000000000000000.log";

/// Batches of three records, whose offsets follow each other, or have gaps of four between them.
fn batches(gaps: bool) -> Vec<Spec> {
    let step = if gaps { 7 } else { 3 };
    let spec =
        |n: i64| Spec { base: n * step, records: 3, timestamp: 1_000 + n, ..Spec::default() };
    (0..6).map(spec).collect()
}

/// Every second batch has an entry in the index, so that it is found in both ways.
fn config() -> LogConfig {
    LogConfig { index_interval_bytes: 80, ..LogConfig::default() }
}

/// A data directory whose log holds `specs` and was closed in order.
fn written(specs: &[Spec]) -> MemoryDisk {
    let disk = MemoryDisk::new();
    disk.create_dir(DIR).unwrap();
    let bytes: Vec<u8> = specs.iter().flat_map(Spec::bytes).collect();
    disk.open(FILE, true).unwrap().append(&[&bytes]).unwrap();
    let of_disk = Arc::new(disk.clone());
    let (mut log, _) = Log::open(of_disk, DIR, Arc::new(config()), &OpenArgs::default()).unwrap();
    log.close().unwrap();
    disk
}

fn open(disk: &MemoryDisk) -> Partition {
    let args = OpenArgs { clean: true, ..OpenArgs::default() };
    let place = ("t", PartitionIndex(0));
    let (partition, _) =
        Partition::open(Arc::new(disk.clone()), DIR, place, config(), &args).unwrap();
    partition.make_leader(LeaderEpoch(0), 1, 1).unwrap();
    partition
}

fn flip(disk: &MemoryDisk, at: usize, bit: u8) {
    flip_in(disk, FILE, at, bit);
}

fn flip_in(disk: &MemoryDisk, file: &str, at: usize, bit: u8) {
    let mut bytes = crate::log::disk::read_all(disk, file).unwrap();
    bytes[at] ^= 1 << bit;
    let file = disk.open(file, false).unwrap();
    file.truncate(0).unwrap();
    file.append(&[&bytes]).unwrap();
}

/// The bases of the batches that a Fetch at `from` gives, all of them checked, or its error.
fn fetch(partition: &Partition, from: i64) -> Result<Vec<i64>, ErrorCode> {
    let mut out = BytesMut::new();
    partition.read(from, u32::MAX, true, &mut out)?;
    let batches = split_batches(out.freeze()).map(|batch| {
        let batch = CheckedBatch::check(batch.expect("a whole batch")).expect("as it was written");
        batch.header().base_offset
    });
    Ok(batches.collect())
}

/// The bases of all that is given until nothing is.
fn fetch_all(partition: &Partition) -> Vec<i64> {
    let mut all: Vec<i64> = Vec::new();
    while let Ok(batches) = fetch(partition, all.last().map_or(0, |base| base + 3))
        && !batches.is_empty()
    {
        all.extend(batches);
    }
    all
}

#[test]
fn a_flipped_bit_is_never_served_and_what_lies_before_it_is() {
    for gaps in [false, true] {
        let specs = batches(gaps);
        let bases: Vec<_> = specs.iter().map(|spec| spec.base).collect();
        let size = specs[0].bytes().len();
        let (mut undetected, mut detected) = (Vec::new(), 0);
        for (n, spec) in specs.iter().enumerate() {
            for (at, bit) in (0..size).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
                let disk = written(&specs);
                let partition = open(&disk);
                flip(&disk, n * size + at, bit);
                let what = format!("gaps {gaps}, batch {n}, byte {at}, bit {bit}");
                // the epoch of a batch alone is covered by nothing that could tell
                if (12..16).contains(&at) {
                    continue;
                }
                let at_it = fetch(&partition, spec.base);
                if at_it.is_ok() && gaps && at < 8 {
                    undetected.push((at, bit)); // it moved within the gap
                    continue;
                }
                assert_eq!(at_it, Err(ErrorCode::CORRUPT_MESSAGE), "{what}");
                let served = fetch_all(&partition);
                // two that overlap, each behind a gap: which of them is wrong nobody can tell
                let doubtful = gaps && at < 8 && n > 0 && served == bases[..n - 1];
                assert!(doubtful || served == bases[..n], "{what}: {served:?}");
                assert!(gaps || n == 0 || fetch(&partition, 0).unwrap() == bases[..n], "at once");
                detected += 1;
            }
        }
        assert!(detected > 3_000);
        // 0, 7, 14 and so on, each followed by four that are missing
        assert!(undetected.iter().all(|(at, bit)| *at == 7 && *bit < 3), "{undetected:?}");
    }
}

#[test]
fn a_damaged_batch_is_not_passed_over_by_a_look_for_a_time() {
    let specs = batches(false);
    let size = specs[0].bytes().len();
    for at in [30, 61, size - 1] {
        let disk = written(&specs);
        let partition = open(&disk);
        flip(&disk, 2 * size + at, 5);
        let mut codecs = Codecs::default();
        let query = OffsetQuery::AtOrAfter(Timestamp(1_002));
        let found = partition.list_offset(query, false, &mut codecs);
        assert_eq!(found, Err(ErrorCode::CORRUPT_MESSAGE), "byte {at}");
    }
}

#[test]
fn damage_is_named_by_file_position_and_offset() {
    let specs = batches(false);
    let size = specs[0].bytes().len();
    let disk = written(&specs);
    flip(&disk, 2 * size + 65, 0);
    let partition = open(&disk);
    let (plan, _) = partition.plan(RawOffset(7), u32::MAX, true, false).unwrap();
    let plan = plan.unwrap();
    let mut bytes = BytesMut::new();
    read_bytes(&plan, &mut bytes).unwrap();
    assert_eq!(whole_batches(&plan, &bytes), Err(BadBatch::Checksum));
    let (file, position, first) = (FILE.to_owned(), plan.position, plan.first.base);
    let damage = Damage { file, position, offset: first, what: BadBatch::Checksum };
    let text =
        format!("{FILE}: the batch at byte {}, offset 6: the checksum does not fit", 2 * size);
    assert_eq!(damage.to_string(), text);
}

#[test]
fn a_batch_that_is_cut_short_is_not_sent() {
    let specs = batches(false);
    let size = u32::try_from(specs[0].bytes().len()).unwrap();
    let partition = open(&written(&specs));
    for (most, first, sent) in [
        (0, true, 1),
        (1, true, 1),
        (size - 1, true, 1),
        (size, false, 1),
        (size - 1, false, 0),
        (2 * size - 1, false, 1),
        (3 * size + 60, true, 3),
    ] {
        let mut out = BytesMut::new();
        let read = partition.read(0, most, first, &mut out).unwrap();
        assert_eq!(read.bytes, sent * size as usize, "{most} bytes");
        assert_eq!(out.len(), read.bytes);
    }
}

#[test]
fn batches_with_gaps_between_them_are_all_served() {
    let specs = batches(true);
    let partition = open(&written(&specs));
    assert_eq!(fetch_all(&partition), specs.iter().map(|spec| spec.base).collect::<Vec<_>>());
    for spec in &specs {
        assert_eq!(fetch(&partition, spec.base + 1).unwrap()[0], spec.base);
    }
}

/// Two batches of an idempotent producer in each of three segments, closed in order.
fn three_segments() -> (MemoryDisk, LogConfig) {
    let disk = MemoryDisk::new();
    let config = LogConfig { segment_bytes: 300, ..config() };
    let place = ("t", PartitionIndex(0));
    let of_disk = Arc::new(disk.clone());
    let opened = Partition::open(of_disk, DIR, place, config.clone(), &OpenArgs::default());
    let partition = Arc::new(opened.unwrap().0);
    partition.make_leader(LeaderEpoch(0), 1, 1).unwrap();
    let rules = ProduceRules { version: 9, all_in_sync: true, now_ms: 1_000 };
    for n in 0..6 {
        let stamp = Some((1, 0, n * 3));
        let spec = Spec { records: 3, timestamp: 1_000, stamp, payload: 60, ..Spec::default() };
        let batch = PreparedBatch::internal(spec.bytes().into()).unwrap();
        partition.append(&batch, &rules).unwrap();
    }
    partition.close().unwrap();
    (disk, config)
}

/// No damage in what was brought to the device keeps a broker from starting, or takes away what was
/// acknowledged behind it, whether the indexes are there or have to be made anew.
#[test]
fn damage_is_found_on_read_and_takes_no_other_segment_with_it() {
    let names = ["00000000000000000000", "00000000000000000006", "00000000000000000012"];
    let size = {
        let (disk, _) = three_segments();
        names.map(|name| disk.open(&format!("{DIR}/{name}.log"), false).unwrap().len().unwrap())
    };
    assert!(size.iter().all(|bytes| *bytes > 200), "two batches in each: {size:?}");
    for (n, name) in names.iter().enumerate() {
        for at in 0..usize::try_from(size[n]).unwrap() {
            for keep_index in [true, false] {
                let (disk, config) = three_segments();
                flip_in(&disk, &format!("{DIR}/{name}.log"), at, 0);
                if !keep_index {
                    disk.remove(&format!("{DIR}/{name}.index")).unwrap();
                }
                let args = OpenArgs { clean: true, ..OpenArgs::default() };
                let place = ("t", PartitionIndex(0));
                let opened = Partition::open(Arc::new(disk), DIR, place, config, &args);
                let (partition, _) = opened.unwrap();
                partition.make_leader(LeaderEpoch(0), 1, 1).unwrap();
                for (segment, first) in [0, 6, 12].into_iter().enumerate() {
                    if segment != n {
                        let found = fetch(&partition, first);
                        let case = format!("{name} byte {at}, index {keep_index}: {first}");
                        assert_eq!(found, Ok(vec![first, first + 3]), "{case}");
                    }
                }
                let _ = fetch_all(&partition); // which checks each batch
            }
        }
    }
}
