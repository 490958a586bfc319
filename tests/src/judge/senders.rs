//! What one process sends to a partition stands there in the order in which it was sent.

use std::collections::BTreeMap;

use super::case::Case;
use super::history::{Act, Key, Outcome, Process};
use super::report::{Anomaly, Finding, Report};

/// The last record of a process whose offset is known.
#[derive(Clone, Copy, Debug)]
struct Last {
    offset: i64,
    value: u64,
    op: usize,
}

pub(super) fn check(case: &Case<'_>, report: &mut Report) {
    let mut senders = BTreeMap::<Process, BTreeMap<Key, Last>>::new();
    for (number, op) in case.history.ops.iter().enumerate() {
        case.cost.one();
        let sent = match &op.act {
            Act::Send(sent) => sent,
            Act::Crash => {
                senders.remove(&op.process); // what it had in flight may come after
                continue;
            }
            _ => continue,
        };
        let last = senders.entry(op.process).or_default();
        for sent in sent.iter().filter(|sent| sent.outcome != Outcome::Fail) {
            case.cost.one();
            let writer = case.writer(sent.value);
            let place = writer.and_then(|writer| writer.key.zip(writer.first));
            let Some((key, offset)) = place else { continue };
            let now = Last { offset, value: sent.value, op: number };
            let before = last.insert(key, now);
            let Some(before) = before.filter(|before| before.offset >= offset) else { continue };
            let anomaly = if before.op == number {
                Anomaly::IntNonmonotonicSend
            } else {
                Anomaly::NonmonotonicSend
            };
            let readers = [before, now].map(|at| seen_by(case, key, at));
            report.add(Finding {
                anomaly,
                key,
                what: format!(
                    "value {}, sent after {}, is at {offset}, before {}",
                    now.value, before.value, before.offset
                ),
                values: vec![before.value, now.value],
                ops: [before.op, number].into_iter().chain(readers.into_iter().flatten()).collect(),
            });
        }
    }
}

/// Who read it there.
fn seen_by(case: &Case<'_>, key: Key, at: Last) -> Option<usize> {
    let entries = case.logs.get(&key)?.between(&case.cost, at.offset, at.offset + 1);
    entries.iter().find(|entry| entry.value == at.value)?.polled_by
}
