//! What was acknowledged or read, and is not there.

use std::collections::BTreeMap;

use super::case::{Case, Entry, Log, Writer};
use super::history::{Act, Key, Outcome};
use super::readers::Pass;
use super::report::{Anomaly, Finding, Report};

pub(super) fn check(case: &Case<'_>, passes: Vec<Pass>, report: &mut Report) {
    let finals = last_reading(case);
    let mut passes_of = BTreeMap::<Key, Vec<Pass>>::new();
    for pass in passes {
        case.cost.one();
        passes_of.entry(pass.key).or_default().push(pass);
    }
    for (key, log) in &case.logs {
        let passes = passes_of.remove(key).unwrap_or_default();
        missing_writes(case, *key, log, passes, &finals, report);
        if let Some(last) = finals.get(key) {
            vanished(case, *key, log, *last, report);
        }
    }
    for writer in &case.writers {
        case.cost.one();
        without_offset(case, writer, &finals, report);
    }
}

/// The last offset that the reading at the end gave of each partition it read, and by which
/// operation: of an empty one -1, by the assignment.
fn last_reading(case: &Case<'_>) -> BTreeMap<Key, (i64, usize)> {
    let Some(from) = case.history.last_reading else { return BTreeMap::new() };
    let mut finals = BTreeMap::new();
    for (number, op) in case.history.ops.iter().enumerate() {
        case.cost.one();
        if op.began.step <= from || op.outcome != Outcome::Ok {
            continue;
        }
        match &op.act {
            Act::Assign(keys) => {
                for key in keys.iter().filter_map(|key| case.key(*key)) {
                    if !case.deleted.contains(&key.topic) {
                        finals.entry(key).or_insert((-1, number));
                    }
                }
            }
            Act::Poll { runs, .. } => {
                for run in runs {
                    let last = run.records.iter().map(|found| found.offset).max();
                    let known = case.key(run.key).and_then(|key| finals.get_mut(&key));
                    if let (Some(last), Some(known)) = (last, known) {
                        *known = (*known).max((last, number));
                    }
                }
            }
            _ => {}
        }
    }
    finals
}

/// Acknowledged records that nobody ever read: lost where a reader passed, else unseen.
fn missing_writes(
    case: &Case<'_>,
    key: Key,
    log: &Log,
    mut passes: Vec<Pass>,
    finals: &BTreeMap<Key, (i64, usize)>,
    report: &mut Report,
) {
    case.cost.sort(&mut passes, |pass| (pass.from, pass.to, pass.op));
    let mut passes = passes.into_iter().peekable();
    let mut farthest: Option<Pass> = None;
    for entry in &log.entries {
        while let Some(pass) = passes.next_if(|pass| pass.from <= entry.offset) {
            case.cost.one();
            farthest = Some(farthest.filter(|far| far.to >= pass.to).unwrap_or(pass));
        }
        let writer = case.writer(entry.value).filter(|writer| !writer.was_polled);
        let Some((writer, told_by)) = writer.zip(entry.told_by) else { continue };
        if may_be_gone(case, key, log, entry) {
            continue;
        }
        let passed = farthest.filter(|pass| pass.to >= entry.offset);
        let (anomaly, how, by) = match (passed, finals.get(&key)) {
            (Some(pass), _) => (Anomaly::LostWrite, "was passed by a reader", pass.op),
            (None, Some((_, op))) => (Anomaly::Unseen, "was not reached at the end", *op),
            (None, None) => continue,
        };
        report.add(Finding {
            anomaly,
            key,
            what: format!("value {}, acknowledged at {}, {how}", entry.value, entry.offset),
            values: vec![entry.value],
            ops: vec![writer.op, told_by, by],
        });
    }
}

/// Records that were read once, behind the end that the log has now.
fn vanished(case: &Case<'_>, key: Key, log: &Log, last: (i64, usize), report: &mut Report) {
    for entry in log.between(&case.cost, last.0 + 1, i64::MAX) {
        case.cost.one();
        let Some(polled_by) = entry.polled_by else { continue };
        if may_be_gone(case, key, log, entry) {
            continue;
        }
        report.add(Finding {
            anomaly: Anomaly::Vanished,
            key,
            what: format!(
                "value {} was read at {}; at the end nothing is above {}",
                entry.value, entry.offset, last.0
            ),
            values: vec![entry.value],
            ops: vec![polled_by, last.1],
        });
    }
}

fn may_be_gone(case: &Case<'_>, key: Key, log: &Log, entry: &Entry) -> bool {
    entry.offset < case.starts.last(key) || case.is_superseded(log, entry.offset, entry.value)
}

/// Acknowledged without being told where: it must be somewhere, unless something may be gone.
fn without_offset(
    case: &Case<'_>,
    writer: &Writer,
    finals: &BTreeMap<Key, (i64, usize)>,
    report: &mut Report,
) {
    let is_due = writer.outcome == Outcome::Ok && writer.first.is_none() && !writer.was_polled;
    let Some(key) = writer.key.filter(|_| is_due) else { return };
    let Some((_, read_by)) = finals.get(&key) else { return };
    if case.starts.last(key) > 0 || writer.label.is_some() {
        return;
    }
    report.add(Finding {
        anomaly: Anomaly::Unseen,
        key,
        what: format!("value {} was acknowledged and is nowhere", writer.value),
        values: vec![writer.value],
        ops: vec![writer.op, *read_by],
    });
}
