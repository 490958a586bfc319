//! What each reader gets: all that others get, once, in order.

use std::collections::BTreeMap;

use super::case::Case;
use super::history::{Act, Key, Op, Outcome, Place, Process, Run};
use super::report::{Anomaly, Finding, Report};

/// How many skipped values a finding names.
const SKIPPED_SHOWN: usize = 5;

/// A poll went over these offsets of a log without a gap: what was there, it gave.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pass {
    pub(super) key: Key,
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) op: usize,
}

/// Where a reader is: the next record is the first behind `after`. `op` brought it there.
#[derive(Clone, Copy, Debug)]
struct Position {
    after: i64,
    op: usize,
}

type Positions = BTreeMap<Key, Position>;

/// Judges all polls, and gives what they passed.
pub(super) fn check(case: &Case<'_>, report: &mut Report) -> Vec<Pass> {
    let mut readers = BTreeMap::<Process, Positions>::new();
    let mut passes = Vec::new();
    for (number, op) in case.history.ops.iter().enumerate() {
        case.cost.one();
        let positions = readers.entry(op.process).or_default();
        match &op.act {
            Act::Crash => positions.clear(),
            Act::Assign(_) if op.outcome == Outcome::Fail => {}
            Act::Assign(_) if op.outcome == Outcome::Info => positions.clear(),
            Act::Assign(keys) => {
                let keys = keys.iter().filter_map(|key| case.key(*key));
                let keys = keys.collect::<std::collections::BTreeSet<_>>();
                positions.retain(|key, _| keys.contains(key));
            }
            Act::Seek(key, place) => {
                let moved = op.outcome != Outcome::Fail;
                let Some(key) = case.key(*key).filter(|_| moved) else { continue };
                let after = match place {
                    Place::Beginning => Some(-1),
                    Place::Offset(offset) => Some(offset - 1),
                    Place::End => None, // where that is turns out with the next poll
                };
                positions.remove(&key);
                if let Some(after) = after.filter(|_| op.outcome == Outcome::Ok) {
                    positions.insert(key, Position { after, op: number });
                }
            }
            Act::Poll { runs, rebalanced } => {
                for key in rebalanced.iter().filter_map(|key| case.key(*key)) {
                    positions.remove(&key);
                }
                let mut scratch = Positions::new(); // what did not go well moves nothing
                let is_ok = op.outcome == Outcome::Ok;
                let positions = if is_ok { positions } else { &mut scratch };
                for run in runs {
                    let Some(key) = case.key(run.key) else { continue };
                    let is_new = rebalanced.iter().any(|r| case.key(*r) == Some(key));
                    let reading = Reading { case, key, number, op, is_new };
                    passes.extend(reading.over(run, positions, report));
                }
            }
            _ => {}
        }
    }
    passes
}

/// One poll's reading of one partition.
struct Reading<'a> {
    case: &'a Case<'a>,
    key: Key,
    number: usize,
    op: &'a Op,
    /// The partition was given or taken during the poll: it may have begun anew within.
    is_new: bool,
}

impl Reading<'_> {
    fn over(&self, run: &Run, positions: &mut Positions, report: &mut Report) -> Option<Pass> {
        let mut position = positions.get(&self.key).copied();
        let first = run.records.first()?.offset;
        let from = position.map_or(first, |position| position.after + 1);
        let mut to = from;
        for found in &run.records {
            self.case.cost.one();
            if let Some(before) = position.filter(|_| !self.is_new) {
                self.step(before, found.offset, found.value, report);
            }
            position = Some(Position { after: found.offset, op: self.number });
            to = to.max(found.offset);
        }
        positions.extend(position.map(|position| (self.key, position)));
        let op = self.number;
        (!self.is_new).then_some(Pass { key: self.key, from, to, op })
    }

    /// From one record to the next.
    fn step(&self, before: Position, offset: i64, value: u64, report: &mut Report) {
        let is_inside = before.op == self.number;
        let ops = vec![before.op, self.number];
        if offset <= before.after {
            let [inside, between] = [Anomaly::IntNonmonotonicPoll, Anomaly::NonmonotonicPoll];
            let what = match before.after - offset {
                0 => format!("offset {offset} again"),
                _ => format!("offset {offset} after {}", before.after),
            };
            let anomaly = if is_inside { inside } else { between };
            report.add(Finding { anomaly, key: self.key, what, values: vec![value], ops });
            return;
        }
        let case = self.case;
        let ended = self.op.ended.map_or(u64::MAX, |ended| ended.step);
        let start = case.starts.ceiling(self.key, ended);
        let from = start.max(before.after + 1);
        let Some(log) = case.logs.get(&self.key).filter(|_| from < offset) else { return };
        let [first, last] = [from, offset].map(|at| case.cost.lower(&log.seen, &at, |seen| *seen));
        if first >= last {
            return;
        }
        let skipped = &log.seen[first..last];
        let shown = skipped.iter().take(SKIPPED_SHOWN);
        let entries = shown.flat_map(|at| log.between(&case.cost, *at, at + 1));
        let entries = entries.filter(|entry| entry.polled_by.is_some()).collect::<Vec<_>>();
        let anomaly = if is_inside { Anomaly::IntPollSkip } else { Anomaly::PollSkip };
        report.add(Finding {
            anomaly,
            key: self.key,
            what: format!(
                "offset {offset} where {} was next, though others read {} between, the first at {}",
                before.after + 1,
                skipped.len(),
                skipped[0]
            ),
            values: entries.iter().map(|entry| entry.value).chain([value]).collect(),
            ops: ops.into_iter().chain(entries.iter().filter_map(|e| e.polled_by)).collect(),
        });
    }
}
