use std::sync::Arc;

use super::super::batch::BatchBytes;
use super::super::config::{Cleanup, LogConfig};
use super::super::disk::{Disk, MemoryDisk};
use super::super::log::ReadLimit;
use super::super::recovery::OpenArgs;
use super::super::testing::{Spec, offset};
use super::*;

const BOTH: Cleanup = Cleanup { delete: true, compact: true };
const COMPACT: Cleanup = Cleanup { delete: false, compact: true };

/// Four segments of two batches each, 100 bytes a batch; of the batch with offset n the time is
/// 10 n. The last segment holds the offsets 6 and 7.
fn filled(change: impl FnOnce(&mut LogConfig)) -> (MemoryDisk, Log) {
    let disk = MemoryDisk::new();
    let mut config = LogConfig { segment_bytes: 200, retention_ms: None, ..LogConfig::default() };
    change(&mut config);
    let disk_of = Arc::new(disk.clone());
    let (mut log, _) = Log::open(disk_of, "t-0", Arc::new(config), &OpenArgs::default()).unwrap();
    for n in 0..8 {
        let spec = Spec { base: n, timestamp: 10 * n, payload: 39, ..Spec::default() };
        assert_eq!(spec.bytes().len(), 100);
        log.append(&spec.view(), BatchBytes::of(&spec.bytes()).unwrap(), 0).unwrap();
    }
    assert_eq!(log.segments.len(), 4);
    (disk, log)
}

#[test]
fn segments_go_when_they_are_too_old_or_too_many() {
    type Change = fn(&mut LogConfig);
    let rules: [(&str, Change, i64, i64, i64); 14] = [
        ("no bound", |_| (), 1_000_000, 8, 0),
        ("younger than the bound", |c| c.retention_ms = Some(100), 110, 8, 0),
        ("by the youngest record", |c| c.retention_ms = Some(100), 111, 8, 2),
        ("several", |c| c.retention_ms = Some(100), 151, 8, 6),
        ("the last one, too", |c| c.retention_ms = Some(100), 171, 8, 8),
        ("nothing above the high watermark", |c| c.retention_ms = Some(100), 171, 5, 4),
        ("nothing with time going back", |c| c.retention_ms = Some(100), -500, 8, 0),
        ("not below the bound", |c| c.retention_bytes = Some(601), 0, 8, 0),
        ("down to the bound", |c| c.retention_bytes = Some(600), 0, 8, 2),
        ("never below it", |c| c.retention_bytes = Some(399), 0, 8, 4),
        ("all of it", |c| c.retention_bytes = Some(0), 0, 8, 8),
        (
            "size before time",
            |c| (c.retention_bytes, c.retention_ms) = (Some(600), Some(100)),
            131,
            8,
            4,
        ),
        (
            "a compacted topic keeps what is old",
            |c| (c.retention_ms, c.cleanup) = (Some(0), COMPACT),
            1_000,
            8,
            0,
        ),
        ("unless it also deletes", |c| (c.retention_ms, c.cleanup) = (Some(0), BOTH), 1_000, 8, 8),
    ];
    for (rule, change, now_ms, high_watermark, start) in rules {
        let (_, mut log) = filled(change);
        let moved = log.retain(offset(high_watermark), now_ms).unwrap();
        assert_eq!((log.start(), moved), (offset(start), start > 0), "{rule}");
        assert_eq!(log.end(), offset(8), "{rule}");
        assert!(!log.retain(offset(high_watermark), now_ms).unwrap(), "{rule}: again");
    }
}

#[test]
fn files_go_once_the_start_is_kept_and_never_under_a_reader() {
    let (disk, mut log) = filled(|config| config.retention_ms = Some(100));
    let limit = ReadLimit { below: offset(8), bytes_max: 200, at_least_one: true };
    let plan = log.plan(offset(0), limit).unwrap().unwrap();
    log.retain(offset(8), 171).unwrap();
    let files = || disk.list("t-0").unwrap().iter().filter(|e| e.name.ends_with(".log")).count();
    assert_eq!(files(), 5, "a power failure now brings all of it back");
    log.start_is_kept(log.start()).unwrap();
    assert_eq!(files(), 1);
    let mut bytes = [0; 200];
    assert_eq!(plan.file.read_at(u64::from(plan.position), &mut bytes).unwrap(), 200);
    assert_eq!(bytes[..100], Spec { timestamp: 0, payload: 39, ..Spec::default() }.bytes());
    let spec = Spec { base: 8, ..Spec::default() };
    log.append(&spec.view(), BatchBytes::of(&spec.bytes()).unwrap(), 0).unwrap();
    assert_eq!(log.end(), offset(9), "offsets go on");
}

#[test]
fn a_segment_without_times_is_as_old_as_it_was_opened() {
    let (_, mut log) = filled(|config| config.retention_ms = Some(100));
    log.trim(offset(8));
    log.roll(500).unwrap();
    log.start_is_kept(offset(8)).unwrap();
    let spec = Spec { base: 8, timestamp: -1, ..Spec::default() };
    log.append(&spec.view(), BatchBytes::of(&spec.bytes()).unwrap(), 500).unwrap();
    for (now_ms, start) in [(600, 8), (601, 9)] {
        log.retain(offset(9), now_ms).unwrap();
        assert_eq!(log.start(), offset(start), "at {now_ms}");
    }
}

#[test]
fn jitter_ends_segments_early_and_not_all_at_once() {
    let ends = |dir: &str, jitter| {
        let config =
            LogConfig { segment_ms: 1_000, segment_jitter_ms: jitter, ..LogConfig::default() };
        let disk = Arc::new(MemoryDisk::new());
        let (mut log, _) = Log::open(disk, dir, Arc::new(config), &OpenArgs::default()).unwrap();
        for n in 0..1_200 {
            let spec = Spec { base: n, timestamp: n, ..Spec::default() };
            log.append(&spec.view(), BatchBytes::of(&spec.bytes()).unwrap(), n).unwrap();
        }
        log.segments[1].base().get()
    };
    assert_eq!(ends("t-0", 0), 1_001);
    let early: Vec<i64> = (0..20).map(|index| ends(&format!("t-{index}"), 500)).collect();
    assert!(early.iter().all(|end| (502..=1_001).contains(end)), "{early:?}");
    let spread = early.iter().max().unwrap() - early.iter().min().unwrap();
    assert!(spread > 200, "{early:?}");
    assert!(ends("t-0", 1_000_000) <= 1_001, "never more than all of the time");
}
