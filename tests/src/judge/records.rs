//! What is wrong with records themselves, whoever reads them when.

use super::case::{Case, Entry, Log};
use super::history::{Key, Outcome};
use super::report::{Anomaly, Finding, Report};

pub(super) fn check(case: &Case<'_>, report: &mut Report) {
    for (key, log) in &case.logs {
        inconsistent_offsets(case, *key, log, report);
        duplicates(case, *key, log, report);
        for entry in &log.entries {
            case.cost.one();
            origin(case, *key, entry, report);
        }
    }
    altered(case, report);
}

fn inconsistent_offsets(case: &Case<'_>, key: Key, log: &Log, report: &mut Report) {
    for same in log.entries.chunk_by(|a, b| a.offset == b.offset) {
        case.cost.one();
        if same.len() > 1 {
            report.add(Finding {
                anomaly: Anomaly::InconsistentOffsets,
                key,
                what: format!("offset {} holds {} values", same[0].offset, same.len()),
                values: same.iter().map(|entry| entry.value).collect(),
                ops: same.iter().flat_map(proof).collect(),
            });
        }
    }
}

fn duplicates(case: &Case<'_>, key: Key, log: &Log, report: &mut Report) {
    let mut by_value: Vec<_> = log.entries.iter().collect();
    case.cost.sort(&mut by_value, |entry| (entry.value, entry.offset));
    for same in by_value.chunk_by(|a, b| a.value == b.value).filter(|same| same.len() > 1) {
        let offsets: Vec<_> = same.iter().map(|entry| entry.offset).collect();
        report.add(Finding {
            anomaly: Anomaly::Duplicate,
            key,
            what: format!("value {} is at offsets {offsets:?}", same[0].value),
            values: vec![same[0].value],
            ops: same.iter().flat_map(|entry| proof(entry)).collect(),
        });
    }
}

/// Where a record that was read comes from.
fn origin(case: &Case<'_>, key: Key, entry: &Entry, report: &mut Report) {
    let Some(polled_by) = entry.polled_by else { return };
    let (value, offset) = (entry.value, entry.offset);
    let writer = case.writer(value);
    let (anomaly, what) = match writer {
        None => (Anomaly::UnknownValue, format!("nobody sent value {value}, read at {offset}")),
        Some(writer) if writer.key.is_some_and(|sent_to| sent_to != key) => {
            (Anomaly::Misplaced, format!("value {value}, read at {offset}, was sent elsewhere"))
        }
        Some(writer) if writer.outcome == Outcome::Fail => {
            (Anomaly::AbortedRead, format!("value {value}, read at {offset}, had failed"))
        }
        Some(_) => return,
    };
    let ops = writer.map(|writer| writer.op).into_iter().chain([polled_by]).collect();
    report.add(Finding { anomaly, key, what, values: vec![value], ops });
}

/// Every reader must get a record as it was sent, not only the first.
fn altered(case: &Case<'_>, report: &mut Report) {
    for (number, op) in case.history.ops.iter().enumerate() {
        let super::history::Act::Poll { runs, .. } = &op.act else { continue };
        for run in runs {
            for found in &run.records {
                let writer = case.writer(found.value).filter(|w| w.digest != found.digest);
                let Some(writer) = writer else { continue };
                report.add(Finding {
                    anomaly: Anomaly::Altered,
                    key: case.key(run.key).unwrap_or(run.key),
                    what: format!("value {} came with other bytes around it", found.value),
                    values: vec![found.value],
                    ops: vec![writer.op, number],
                });
            }
        }
    }
}

fn proof(entry: &Entry) -> impl Iterator<Item = usize> {
    [entry.told_by, entry.polled_by].into_iter().flatten()
}
