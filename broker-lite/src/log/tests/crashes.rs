//! The machine ends after any change to the disk: what was promised is there, once and in order,
//! and nothing is there that nobody wrote.

use super::expected::Expected;
use super::script::{Mark, Script, check, look};
use crate::log::disk::testing::{Crash, UnrulyDisk};

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

/// Crashes at every change of some runs; says at how many, with all ways to crash.
fn sweep_all(seeds: std::ops::Range<u64>) -> usize {
    let (mut points, mut saved) = (0, 0);
    for seed in seeds {
        let script = Script::run(&UnrulyDisk::default(), seed, 80);
        points += sweep(&script, seed);
        saved += script.saved;
    }
    assert!(saved > 0, "nothing was compacted");
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
