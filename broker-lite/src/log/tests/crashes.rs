//! The machine ends after any change to the disk: what was promised is there, once and in order,
//! and nothing is there that nobody wrote.

use std::sync::Arc;

use super::expected::{
    Between, Expected, Found, INDEX, config, open_manager, open_partition, prepare, rules,
};
use super::script::{Mark, Script};
use crate::log::disk::testing::{Crash, UnrulyDisk};
use crate::log::manager::LogManager;
use crate::log::testing::Spec;
use crate::replica::partition::Partition;

/// Ways to end at one point; the seeds make each a different accident.
fn crashes(at: usize) -> impl Iterator<Item = Crash> {
    let seeds = (0..3).map(move |n| (at * 3 + n) as u64);
    let some = seeds.flat_map(|seed| [Crash::Torn(seed), Crash::Reordered(seed)]);
    [Crash::Process, Crash::Power].into_iter().chain(some)
}

/// What was expected before and after a change.
fn around(marks: &[Mark], at: usize) -> (&[Expected], &[Expected]) {
    let next = marks.partition_point(|mark| mark.changes <= at);
    let before = &marks[next - 1]; // the first is at the start
    let after = if before.changes == at { before } else { &marks[next] }; // the last is at the end
    (&before.expected, &after.expected)
}

/// Opened partitions, each with what was expected of it.
type Opened<'a> = (LogManager, Vec<(Arc<Partition>, &'a Expected)>);

/// Starts after a crash that came between two marks, and looks at what is found.
fn look<'a>(
    disk: &UnrulyDisk,
    (before, after): (&[Expected], &'a [Expected]),
    all: bool,
) -> Result<Opened<'a>, String> {
    let manager = open_manager(disk)?;
    let dirs = manager.partitions().map_err(|error| error.to_string())?;
    let known = |id| before.iter().chain(after).any(|expected| expected.id == id);
    if let Some(dir) = dirs.iter().find(|dir| dir.topic_id.is_some_and(|id| !known(id))) {
        return Err(format!("{dir:?} came back"));
    }
    // while a topic is made anew, the old one may still be there
    let ids = || after.iter().map(|expected| expected.id);
    let gone = before.iter().map(|expected| expected.id).filter(|id| ids().all(|it| it != *id));
    let id_of = |name: &str, _| after.iter().find(|it| it.topic == name).map(|it| it.id);
    manager.clear_strays(id_of, &gone.collect()).map_err(|error| error.to_string())?;
    let mut partitions = Vec::new();
    for expected in after {
        let before = before.iter().find(|before| before.id == expected.id);
        let partition = open_partition(&manager, (expected.topic, expected.id), 1_000)?;
        let name = |error: String| format!("{}: {error}", expected.topic);
        let found = Found::of(&partition).map_err(name)?;
        Between { before, after: Some(expected), all }.check(&found).map_err(name)?;
        partition.sync().map_err(|error| name(error.to_string()))?;
        partitions.push((partition, expected));
    }
    let open = partitions.iter().map(|(partition, _)| &**partition);
    manager.checkpoint(open).map_err(|error| error.to_string())?;
    Ok((manager, partitions))
}

/// The same, and sees that each log takes batches, which a clean stop keeps.
pub(super) fn check(
    disk: &UnrulyDisk,
    sides: (&[Expected], &[Expected]),
    all: bool,
) -> Result<(), String> {
    let (manager, partitions) = look(disk, sides, all)?;
    let batch = Spec { records: 2, timestamp: 5_000, ..Spec::default() }.bytes();
    let mut ends = Vec::new();
    for (partition, _) in &partitions {
        let appended = partition.append(&prepare(&batch), &rules(5_000));
        ends.push(appended.map_err(|error| error.to_string())?.committed_at);
    }
    let open: Vec<_> = partitions.iter().map(|(partition, _)| Arc::clone(partition)).collect();
    manager.close(&open).map_err(|error| error.to_string())?;
    drop(manager);
    let manager = open_manager(disk)?;
    for ((_, expected), end) in partitions.iter().zip(ends) {
        let place = (expected.topic, INDEX, expected.id);
        let opened = manager.open_partition(place, config(expected.topic), 0);
        let (partition, repaired) = opened.map_err(|error| error.to_string())?;
        if repaired.segments_scanned > 0 || partition.offsets().log_end != end {
            return Err(format!("{} after a clean stop: {repaired:?}", expected.topic));
        }
    }
    Ok(())
}

/// Crashes at every change of some runs; says at how many, with all ways to crash.
fn sweep_all(seeds: std::ops::Range<u64>) -> usize {
    let (mut points, mut saved, mut retained) = (0, 0, 0);
    for seed in seeds {
        let script = Script::run(&UnrulyDisk::default(), seed, 80);
        points += sweep(&script, seed);
        saved += script.saved;
        retained += script.retained;
    }
    assert!(saved > 0, "nothing was compacted");
    assert!(retained > 0, "nothing was ever too old");
    points
}

/// Crashes at every change of a run.
fn sweep(script: &Script, seed: u64) -> usize {
    let mut replay = script.disk.replay();
    let mut points = 0_usize;
    loop {
        let sides = around(&script.marks, replay.at());
        for crash in crashes(replay.at()) {
            points += 1;
            let disk = replay.crash(crash);
            let checked = check(&disk, sides, crash == Crash::Process);
            let at = replay.at();
            assert_eq!(checked, Ok(()), "seed {seed}, change {at}, {crash:?}");
            if at.is_multiple_of(16) && points.is_multiple_of(3) {
                points += crash_again(&replay.crash(crash), sides, (seed, at, crash));
            }
        }
        if !replay.step() {
            return points;
        }
    }
}

/// The machine ends once more while it recovers: the first promises stand.
fn crash_again(
    disk: &UnrulyDisk,
    sides: (&[Expected], &[Expected]),
    first: (u64, usize, Crash),
) -> usize {
    look(disk, sides, false).expect("it was found to be in order");
    let mut replay = disk.replay();
    let mut points = 0;
    while replay.step() {
        let at = replay.at();
        for crash in [Crash::Power, Crash::Torn(at as u64), Crash::Reordered(at as u64)] {
            points += 1;
            let checked = check(&replay.crash(crash), sides, false);
            assert_eq!(checked, Ok(()), "{first:?}, then change {at}, {crash:?}");
        }
    }
    points
}

#[test]
fn what_was_promised_survives_a_crash_at_any_point() {
    let points = sweep_all(0..4);
    assert!(points >= 10_000, "only {points} points");
}

/// Looks further: `OTTLA_SEEDS=1000..1040`.
#[test]
fn more_crashes() {
    let Some(seeds) = super::seeds() else { return };
    let points = sweep_all(seeds);
    println!("{points} points");
}
