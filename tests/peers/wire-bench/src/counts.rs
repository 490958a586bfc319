//! One count: the difference of two runs of one job, which differ in the number of turns. What a
//! process does before and after its turns, and what the first turns do once, is in both.

use std::env;
use std::process::Command;

use wire_bench::{Job, Side};

pub(crate) type Outcome<T> = Result<T, Box<dyn core::error::Error>>;

/// Turns of the shorter run.
const TURNS_FEW: u32 = 4;
/// Turns of the longer run.
const TURNS_MANY: u32 = 24;

/// What a job costs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count {
    pub(crate) job: &'static str,
    /// Instructions.
    pub(crate) per_item: f64,
}

/// Counts; `None` if that side does no such job.
pub(crate) fn of(job: &Job, side: Side) -> Outcome<Option<Count>> {
    if job.prepare(side).is_none() {
        return Ok(None);
    }
    let more =
        instructions(job, side, TURNS_MANY)?.checked_sub(instructions(job, side, TURNS_FEW)?);
    let more = more.ok_or("more turns took fewer instructions")?;
    let items = u64::from(TURNS_MANY - TURNS_FEW) * job.items as u64;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let per_item = more as f64 / items as f64;
    Ok(Some(Count { job: job.name, per_item }))
}

/// Instructions of a whole process, as callgrind tells when it ends.
fn instructions(job: &Job, side: Side, turns: u32) -> Outcome<u64> {
    let side = if side == Side::Ours { "ours" } else { "theirs" };
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe()?)
        .args(["turns", job.name, side, &turns.to_string()])
        .output()
        .map_err(|error| format!("valgrind: {error}"))?;
    let text = String::from_utf8_lossy(&run.stderr);
    if !run.status.success() {
        return Err(format!("{} of {side}: {}\n{text}", job.name, run.status).into());
    }
    let line = text.lines().find(|line| line.contains("Collected"));
    let count = line.and_then(|line| line.rsplit(' ').next());
    let count = count.ok_or_else(|| format!("no count in what valgrind said:\n{text}"))?;
    Ok(count.parse()?)
}
