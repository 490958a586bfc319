//! What must hold at each moment, by what was known before it.

use std::collections::BTreeMap;

use super::case::Case;
use super::history::{Act, Key, Mark, Moment, Outcome, Process};
use super::report::{Anomaly, Finding, Report};

/// The highest offset of a log that somebody knew to be taken, and the operation that told.
type Known = BTreeMap<Key, (i64, usize)>;

pub(super) fn check(case: &Case<'_>, report: &mut Report) {
    offsets_rise(case, report);
    marks(case, report);
}

/// An offset lies above every offset that was known when its send began, whether its sender was
/// told of it or not; and ListOffsets gives an end above all that was known when it was asked.
fn offsets_rise(case: &Case<'_>, report: &mut Report) {
    let mut moments = Vec::new();
    for (number, op) in case.history.ops.iter().enumerate() {
        moments.push((op.began.step, number, false));
        moments.extend(op.ended.map(|ended| (ended.step, number, true)));
    }
    case.cost.sort(&mut moments, |moment| *moment);
    let mut known = Known::new();
    for (_, number, is_end) in moments {
        if is_end {
            learn(case, number, &mut known);
        } else {
            begin(case, number, &known, report);
        }
    }
}

fn learn(case: &Case<'_>, number: usize, known: &mut Known) {
    let mut tell = |key: Key, offset: i64| {
        case.cost.one();
        if let Some(key) = case.key(key) {
            let highest = known.entry(key).or_insert((offset, number));
            *highest = if offset > highest.0 { (offset, number) } else { *highest };
        }
    };
    match &case.history.ops[number].act {
        Act::Send(sent) => {
            for sent in sent.iter().filter(|sent| sent.outcome == Outcome::Ok) {
                sent.offset.into_iter().for_each(|offset| tell(sent.key, offset));
            }
        }
        Act::Poll { runs, .. } => {
            for run in runs {
                run.records.iter().for_each(|found| tell(run.key, found.offset));
            }
        }
        Act::Observe(key, Some(Mark::Latest(end) | Mark::HighWatermark(end))) if *end > 0 => {
            tell(*key, end - 1);
        }
        _ => {}
    }
}

fn begin(case: &Case<'_>, number: usize, known: &Known, report: &mut Report) {
    let above = |key: Key, offset: i64| known.get(&key).copied().filter(|(at, _)| *at >= offset);
    match &case.history.ops[number].act {
        Act::Send(sent) => {
            for sent in sent.iter().filter(|sent| sent.outcome != Outcome::Fail) {
                case.cost.one();
                let writer = case.writer(sent.value);
                let place = writer.and_then(|writer| writer.key.zip(writer.first));
                let Some((key, offset)) = place else { continue };
                let Some((taken, by)) = above(key, offset) else { continue };
                report.add(Finding {
                    anomaly: Anomaly::StaleOffset,
                    key,
                    what: format!(
                        "value {} is at {offset}, though {taken} was taken when it was sent",
                        sent.value
                    ),
                    values: vec![sent.value],
                    ops: vec![by, number],
                });
            }
        }
        Act::Observe(key, Some(Mark::Latest(end))) => {
            let Some(key) = case.key(*key) else { return };
            let Some((taken, by)) = above(key, *end) else { return };
            report.add(Finding {
                anomaly: Anomaly::LatestBelowKnown,
                key,
                what: format!("the end is told as {end}, though {taken} was taken before"),
                values: Vec::new(),
                ops: vec![by, number],
            });
        }
        _ => {}
    }
}

/// What an observer was told last of a log, when and by which operation.
#[derive(Clone, Copy, Debug)]
struct Told {
    at: i64,
    ended: Moment,
    op: usize,
}

/// High watermark and log start never go back for an observer, and no start moves unasked.
fn marks(case: &Case<'_>, report: &mut Report) {
    let mut observers = BTreeMap::<Process, BTreeMap<(Key, bool), Told>>::new();
    for (number, op) in case.history.ops.iter().enumerate() {
        case.cost.one();
        let (key, at, is_start) = match op.act {
            Act::Observe(key, Some(Mark::Start(at))) => (key, at, true),
            Act::Trim { key, start: Some(at), .. } => (key, at, true),
            Act::Observe(key, Some(Mark::HighWatermark(at))) => (key, at, false),
            Act::Crash => {
                observers.remove(&op.process); // it may ask another replica from now on
                continue;
            }
            _ => continue,
        };
        let (Some(key), Some(ended)) = (case.key(key), op.ended) else { continue };
        if is_start {
            unasked(case, key, at, number, report);
        }
        let told = observers.entry(op.process).or_default();
        let before = told.get(&(key, is_start)).copied();
        let before = before.filter(|before| before.at > at);
        if let Some(before) = before.filter(|before| before.ended < op.began) {
            let (anomaly, of) = if is_start {
                (Anomaly::LogStartBack, "the log's start")
            } else {
                (Anomaly::HighWatermarkBack, "the high watermark")
            };
            let what = format!("{of} is told as {at}, after {}", before.at);
            let ops = vec![before.op, number];
            report.add(Finding { anomaly, key, what, values: Vec::new(), ops });
        }
        if before.is_none() {
            told.insert((key, is_start), Told { at, ended, op: number });
        }
    }
}

fn unasked(case: &Case<'_>, key: Key, at: i64, number: usize, report: &mut Report) {
    let ended = case.history.ops[number].ended.map_or(u64::MAX, |ended| ended.step);
    let Some(asked) = case.starts.asked(key, ended).filter(|asked| *asked < at) else { return };
    report.add(Finding {
        anomaly: Anomaly::LogStartUnasked,
        key,
        what: format!("the log's start is told as {at}, though no more than {asked} was asked for"),
        values: Vec::new(),
        ops: vec![number],
    });
}
