//! The judge of a run: it sees what clients did and were told, and nothing else.
//!
//! It shares no code with client or broker. Whoever runs them writes a [`history::History`] with a
//! [`history::Recorder`]; [`judge`] finds every [`report::Anomaly`] in it in `n log n`, and says
//! which operations prove it. What is acknowledged is taken as promised: with acks=all, and with
//! no more power cuts than the durability mode survives.
//!
//! # What an outcome means
//!
//! The adapter that calls the client maps its results, and only so:
//!
//! - *ok*: the client said so. With acks=0 nobody said anything: *info*. An acknowledgement without
//!   an offset (a retry that the broker took for a duplicate) is ok with offset `None`.
//! - *fail*: the record is surely in no log, now and later: refused for what it is or who asks
//!   (authorization, size, an unknown or invalid topic, a fenced producer, an invalid epoch,
//!   NOT_CONTROLLER), or it never left the client. A number out of order fails if it was the first
//!   attempt; after one with an unknown outcome it is info.
//! - *info*: all else: time-outs, disconnects, cancelled calls, NOT_LEADER_OR_FOLLOWER,
//!   UNKNOWN_SERVER_ERROR, and whatever never ended.
//!
//! What fails moves no position, and a poll that fails gives no records. A client that dies in a
//! call leaves the call without an end, and a [`history::Act::Crash`] behind it.
//!
//! # Where more goes
//!
//! `subscribe` is an `Assign` whose changes a poll reports as `rebalanced`; transactions are an act
//! that holds sends and polls and one outcome, a rule in `loss.rs` that makes all its sends due
//! when one is visible, and a file beside these for cycles. A new anomaly is a variant of
//! [`report::Anomaly`], a check in the file of its subject, a history in `tests/hand.rs` that shows
//! it and a way to plant it in `tests/plant.rs`.

pub mod history;
pub mod report;

mod case;
mod cost;
mod loss;
mod online;
mod readers;
mod records;
mod senders;
mod starts;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use case::{Case, index, sends};
use history::{Act, History, Key};
use report::Report;

/// Finds all that is wrong with a history.
///
/// # Errors
///
/// If it is none that a run can have had: then whoever wrote it down is to blame.
pub fn judge(history: &History) -> Result<Report, Malformed> {
    check(history)?;
    let case = Case::new(history);
    let mut report = Report::default();
    records::check(&case, &mut report);
    let passes = readers::check(&case, &mut report);
    loss::check(&case, passes, &mut report);
    senders::check(&case, &mut report);
    online::check(&case, &mut report);
    report.findings.sort_by(|a, b| (a.anomaly, a.key, &a.ops).cmp(&(b.anomaly, b.key, &b.ops)));
    report.unjudged = case.unjudged;
    report.cost = case.cost.total();
    Ok(report)
}

/// Why a history cannot be judged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Malformed {
    /// A value was sent twice: nobody could tell a duplicate.
    SentTwice(u64),
    /// An operation began before the one in front of it, or ended before it began.
    OutOfOrder(usize),
    /// A process polled, sought or assigned while it was in another of these.
    Overlapping(usize),
    /// An operation names a topic that the history does not have.
    NoSuchTopic(usize),
    /// An offset is negative: unknown is `None`.
    NegativeOffset(usize),
}

impl core::fmt::Display for Malformed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::SentTwice(value) => write!(f, "value {value} was sent twice"),
            Self::OutOfOrder(op) => write!(f, "operation {op} is out of order"),
            Self::Overlapping(op) => write!(f, "operation {op} began within another of its reader"),
            Self::NoSuchTopic(op) => write!(f, "operation {op} is about an unknown topic"),
            Self::NegativeOffset(op) => write!(f, "operation {op} has a negative offset"),
        }
    }
}

impl core::error::Error for Malformed {}

fn check(history: &History) -> Result<(), Malformed> {
    let mut values: Vec<_> = sends(history).map(|(_, sent)| sent.value).collect();
    values.sort_unstable();
    if let Some(twice) = values.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Malformed::SentTwice(twice[0]));
    }
    let mut last = 0;
    let mut busy = BTreeMap::new();
    for (number, op) in history.ops.iter().enumerate() {
        let ended = op.ended.map(|ended| ended.step);
        if op.began.step <= last || ended.is_some_and(|ended| ended <= op.began.step) {
            return Err(Malformed::OutOfOrder(number));
        }
        last = op.began.step;
        match op.act {
            Act::Poll { .. } | Act::Assign(_) | Act::Seek(..) => {
                let until = busy.insert(op.process, ended.unwrap_or(u64::MAX));
                if until.is_some_and(|until| until > op.began.step) {
                    return Err(Malformed::Overlapping(number));
                }
            }
            Act::Crash => {
                busy.remove(&op.process);
            }
            _ => {}
        }
        let (keys, offsets) = mentioned(&op.act);
        if keys.iter().any(|key| index(key.topic) >= history.topics.len()) {
            return Err(Malformed::NoSuchTopic(number));
        }
        if offsets.iter().any(|offset| *offset < 0) {
            return Err(Malformed::NegativeOffset(number));
        }
    }
    Ok(())
}

fn mentioned(act: &Act) -> (Vec<Key>, Vec<i64>) {
    use history::{Mark, Place};
    match act {
        Act::Send(sent) => {
            (sent.iter().map(|s| s.key).collect(), sent.iter().filter_map(|s| s.offset).collect())
        }
        Act::Poll { runs, rebalanced } => {
            let keys = runs.iter().map(|run| run.key).chain(rebalanced.iter().copied());
            let found = runs.iter().flat_map(|run| &run.records);
            (keys.collect(), found.map(|found| found.offset).collect())
        }
        Act::Assign(keys) => (keys.clone(), Vec::new()),
        Act::Seek(key, Place::Offset(offset)) => (vec![*key], vec![*offset]),
        Act::Seek(key, _) | Act::Observe(key, None) => (vec![*key], Vec::new()),
        Act::Crash => (Vec::new(), Vec::new()),
        Act::Observe(key, Some(Mark::Start(at) | Mark::Latest(at) | Mark::HighWatermark(at))) => {
            (vec![*key], vec![*at])
        }
        Act::Trim { key, before, start } => {
            (vec![*key], before.iter().chain(start).copied().collect())
        }
        Act::Delete(topic) => (vec![Key { topic: *topic, partition: 0 }], Vec::new()),
    }
}
