//! How far a log's start can have moved by when: what lies below need not be there.

use std::collections::BTreeMap;

use super::case::{Lives, index};
use super::history::{Act, History, Key, Mark, Outcome};

/// Of all partitions.
#[derive(Debug, Default)]
pub(super) struct Starts(BTreeMap<Key, Start>);

#[derive(Debug, Default)]
struct Start {
    is_retained: bool,
    /// From which step on the start can be how high, by what was asked; both rise.
    asked: Vec<(u64, i64)>,
    /// When a question began, and what start it was told.
    observed: Vec<(u64, i64)>,
}

impl Starts {
    pub(super) fn new(history: &History, lives: &Lives) -> Self {
        let mut starts = BTreeMap::<Key, Start>::new();
        for op in &history.ops {
            let (key, asked, told) = match op.act {
                Act::Trim { key, before, start } if op.outcome != Outcome::Fail => {
                    (key, before.or(start).unwrap_or(i64::MAX), start)
                }
                Act::Observe(key, Some(Mark::Start(start))) => (key, 0, Some(start)),
                _ => continue,
            };
            let Some(key) = lives.key(key) else { continue };
            let start = starts.entry(key).or_default();
            let before = start.asked.last().map_or(0, |last| last.1);
            start.asked.push((op.began.step, before.max(asked)));
            start.observed.extend(told.map(|told| (op.began.step, told)));
        }
        for (key, start) in &mut starts {
            start.is_retained = history.topics[index(key.topic)].is_retained;
        }
        let retained = history.topics.iter().any(|facts| facts.is_retained);
        let keys = history.ops.iter().filter(|_| retained).flat_map(|op| match &op.act {
            Act::Poll { runs, .. } => runs.iter().map(|run| run.key).collect(),
            Act::Send(sent) => sent.iter().map(|sent| sent.key).collect(),
            _ => Vec::new(),
        });
        for key in keys.filter_map(|key| lives.key(key)) {
            if history.topics[index(key.topic)].is_retained {
                starts.entry(key).or_default().is_retained = true;
            }
        }
        Self(starts)
    }

    /// The highest that the log's start can have been at a step.
    pub(super) fn ceiling(&self, key: Key, step: u64) -> i64 {
        let Some(start) = self.0.get(&key) else { return 0 };
        if start.is_retained {
            // a start never goes back: what was told later bounds what was before
            let later = start.observed.partition_point(|observed| observed.0 < step);
            return start.observed.get(later).map_or(i64::MAX, |observed| observed.1);
        }
        let asked = start.asked.partition_point(|asked| asked.0 <= step);
        asked.checked_sub(1).map_or(0, |last| start.asked[last].1)
    }

    /// The highest that it has been in the whole run.
    pub(super) fn last(&self, key: Key) -> i64 {
        let Some(start) = self.0.get(&key) else { return 0 };
        if start.is_retained {
            let told = start.observed.iter().map(|observed| observed.1).max();
            return told.unwrap_or(i64::MAX);
        }
        start.asked.last().map_or(0, |asked| asked.1)
    }

    /// What has been asked for by a step; `None` if the start may move without being asked.
    pub(super) fn asked(&self, key: Key, step: u64) -> Option<i64> {
        let is_retained = self.0.get(&key).is_some_and(|start| start.is_retained);
        (!is_retained).then(|| self.ceiling(key, step))
    }
}
