//! Any one call to the disk fails: nobody is told that something is there which is not. If it was
//! a change or a sync, every log refuses until the next start; else all go on.

use super::crashes::check;
use super::script::Script;
use crate::log::disk::testing::{Crash, Fault, UnrulyDisk};

const STEPS: usize = 40;
const SEEDS: u64 = 1;

#[test]
fn no_failure_of_a_call_makes_a_false_promise() {
    (0..SEEDS).for_each(sweep);
}

/// Looks further: `OTTLA_SEEDS=1000..1040`.
#[test]
fn more_failures() {
    super::seeds().into_iter().flatten().for_each(sweep);
}

/// Fails every call of a run.
fn sweep(seed: u64) {
    let calls = Script::run(&UnrulyDisk::default(), seed, STEPS).disk.calls();
    let (mut hit, mut tried) = (0, 0);
    for (at, what) in calls.iter().enumerate() {
        // only what takes space can run out of it
        let faults = if *what == "append to" { &Fault::ALL[..] } else { &[Fault::Device] };
        for fault in faults {
            let disk = UnrulyDisk::default();
            disk.fail_call(at, *fault);
            tried += 1;
            hit += usize::from(fails_cleanly(&disk, seed));
        }
    }
    assert_eq!(hit, tried, "not every call has failed in every way");
}

/// Whether the call was made.
fn fails_cleanly(disk: &UnrulyDisk, seed: u64) -> bool {
    let script = Script::run(disk, seed, STEPS);
    let Some(failed) = disk.failed() else { return false };
    assert!(script.is_fenced() || script.working() > 0, "{failed}: all logs have failed");
    let mut replay = disk.replay();
    while replay.step() {}
    let (expected, all) = script.kill();
    for crash in [Crash::Process, Crash::Power, Crash::Reordered(8)] {
        let found = replay.crash(crash);
        let checked = check(&found, (&all, &expected), crash == Crash::Process);
        assert_eq!(checked, Ok(()), "seed {seed}: {failed}; then {crash:?}");
    }
    true
}
