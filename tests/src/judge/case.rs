//! A history, sorted for judging: who wrote which value, and what is known of each log.

use std::collections::{BTreeMap, BTreeSet};

use super::cost::Cost;
use super::history::{Act, History, Key, Outcome, Topic};
use super::starts::Starts;

/// Who sent a value, and where it was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Writer {
    pub(super) value: u64,
    /// `None` if the topic has had several lives and nothing says which was meant.
    pub(super) key: Option<Key>,
    pub(super) op: usize,
    pub(super) digest: u64,
    pub(super) label: Option<u64>,
    pub(super) outcome: Outcome,
    /// Its lowest known offset, told or found.
    pub(super) first: Option<i64>,
    pub(super) was_polled: bool,
}

/// A value at an offset, and the first operations that say so.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) offset: i64,
    pub(super) value: u64,
    pub(super) told_by: Option<usize>,
    pub(super) polled_by: Option<usize>,
}

/// All that is known of one log, by offset.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) entries: Vec<Entry>,
    /// The offsets that some poll gave and that must stay, rising: the dense index by which a
    /// reader's steps are measured. What no poll gave is lost or unseen, and judged as such once.
    pub(super) seen: Vec<i64>,
    /// With compaction: the last offset of each label.
    last_of: BTreeMap<u64, i64>,
}

/// What all checks look at.
#[derive(Debug)]
pub(super) struct Case<'a> {
    pub(super) history: &'a History,
    pub(super) cost: Cost,
    /// By value.
    pub(super) writers: Vec<Writer>,
    pub(super) logs: BTreeMap<Key, Log>,
    pub(super) starts: Starts,
    pub(super) deleted: BTreeSet<Topic>,
    pub(super) unjudged: u64,
    lives: Lives,
}

impl<'a> Case<'a> {
    pub(super) fn new(history: &'a History) -> Self {
        let (cost, lives) = (Cost::default(), Lives::new(history));
        let starts = Starts::new(history, &lives);
        let deleted = history.ops.iter().filter_map(|op| match op.act {
            Act::Delete(topic) if op.outcome != Outcome::Fail => Some(topic),
            _ => None,
        });
        let deleted = deleted.flat_map(|topic| lives.all_of(topic)).collect();
        let (writers, logs) = (Vec::new(), BTreeMap::new());
        let mut case = Self { history, cost, writers, logs, starts, deleted, unjudged: 0, lives };
        let mut mentions = case.polled();
        case.writers = case.find_writers(&mentions);
        mentions.extend(case.told());
        case.cost.sort(&mut mentions, |m| (m.key, m.offset, m.value, m.op));
        case.fill_logs(&mentions);
        case
    }

    /// The key that stands for all that mean the same life of a topic; `None` if nobody knows.
    pub(super) fn key(&self, key: Key) -> Option<Key> {
        self.lives.key(key)
    }

    pub(super) fn writer(&self, value: u64) -> Option<&Writer> {
        let at = self.cost.lower(&self.writers, &value, |writer| writer.value);
        self.writers.get(at).filter(|writer| writer.value == value)
    }

    /// Whether compaction may have removed what is at this offset.
    pub(super) fn is_superseded(&self, log: &Log, offset: i64, value: u64) -> bool {
        let label = self.writer(value).and_then(|writer| writer.label);
        label.and_then(|label| log.last_of.get(&label)).is_some_and(|last| *last > offset)
    }

    fn polled(&mut self) -> Vec<Mention> {
        let mut mentions = Vec::new();
        for (number, op) in self.history.ops.iter().enumerate() {
            let Act::Poll { runs, .. } = &op.act else { continue };
            for run in runs {
                let Some(key) = self.lives.key(run.key) else {
                    self.unjudged += 1;
                    continue;
                };
                mentions.extend(run.records.iter().map(|found| {
                    self.cost.one();
                    let (offset, value) = (found.offset, found.value);
                    Mention { key, offset, value, op: number, is_poll: true }
                }));
            }
        }
        mentions
    }

    fn find_writers(&mut self, polled: &[Mention]) -> Vec<Writer> {
        let mut by_value = polled.iter().map(|m| (m.value, m.key)).collect::<Vec<_>>();
        self.cost.sort(&mut by_value, |found| *found);
        let mut writers = Vec::new();
        for (op, sent) in sends(self.history) {
            let from = self.cost.lower(&by_value, &sent.value, |found| found.0);
            let found = by_value[from..].iter().take_while(|found| found.0 == sent.value);
            let mut found = found.map(|found| found.1);
            let key = match self.lives.key(sent.key) {
                Some(key) => Some(key),
                None => found.find(|key| self.lives.may_be(sent.key, *key)),
            };
            self.unjudged += u64::from(key.is_none());
            writers.push(Writer {
                value: sent.value,
                key,
                op,
                digest: sent.digest,
                label: sent.label,
                outcome: sent.outcome,
                first: None,
                was_polled: false,
            });
        }
        self.cost.sort(&mut writers, |writer| writer.value);
        writers
    }

    fn told(&self) -> Vec<Mention> {
        let told = sends(self.history).filter_map(|(op, sent)| {
            let offset = sent.offset.filter(|_| sent.outcome == Outcome::Ok)?;
            let key = self.writer(sent.value)?.key?;
            Some(Mention { key, offset, value: sent.value, op, is_poll: false })
        });
        told.collect()
    }

    fn fill_logs(&mut self, mentions: &[Mention]) {
        for mention in mentions {
            let Mention { key, offset, value, op, is_poll } = *mention;
            let at = self.cost.lower(&self.writers, &value, |writer| writer.value);
            let writer = self.writers.get_mut(at).filter(|writer| writer.value == value);
            let log = self.logs.entry(key).or_default();
            if let Some(writer) = writer {
                if writer.key == Some(key) {
                    writer.first = Some(writer.first.map_or(offset, |first| first.min(offset)));
                }
                writer.was_polled |= is_poll;
                if let Some(label) = writer.label.filter(|_| self.lives.is_compacted(key)) {
                    log.last_of.insert(label, offset); // they come in the order of offsets
                }
            }
            if log.entries.last().is_none_or(|last| (last.offset, last.value) != (offset, value)) {
                let (told_by, polled_by) = (None, None);
                log.entries.push(Entry { offset, value, told_by, polled_by });
            }
            let entry = log.entries.last_mut().expect("pushed if there was none");
            if is_poll {
                entry.polled_by = entry.polled_by.or(Some(op));
            } else {
                entry.told_by = entry.told_by.or(Some(op));
            }
        }
        let mut logs = core::mem::take(&mut self.logs);
        for log in logs.values_mut() {
            let polled = log.entries.iter().filter(|entry| entry.polled_by.is_some());
            let kept = polled.filter(|e| !self.is_superseded(log, e.offset, e.value));
            let mut seen: Vec<_> = kept.map(|entry| entry.offset).collect();
            seen.dedup();
            log.seen = seen;
        }
        self.logs = logs;
    }
}

impl Log {
    /// The entries with offsets in `from..to`.
    pub(super) fn between(&self, cost: &Cost, from: i64, to: i64) -> &[Entry] {
        let [from, to] = [from, to].map(|at| cost.lower(&self.entries, &at, |e| e.offset));
        &self.entries[from..to.max(from)]
    }
}

/// Every record sent, with its operation.
pub(super) fn sends(history: &History) -> impl Iterator<Item = (usize, &super::history::Sent)> {
    history.ops.iter().enumerate().flat_map(|(number, op)| {
        let sent = if let Act::Send(sent) = &op.act { &sent[..] } else { &[] };
        sent.iter().map(move |sent| (number, sent))
    })
}

/// Somebody says that this value is at this offset.
struct Mention {
    key: Key,
    offset: i64,
    value: u64,
    op: usize,
    is_poll: bool,
}

/// Which topics of the history are the same life of the same topic.
#[derive(Debug)]
pub(super) struct Lives {
    /// For each topic the one that stands for its life, `None` if that may be any of several.
    stands: Vec<Option<Topic>>,
    names: Vec<u32>,
    is_compacted: Vec<bool>,
}

impl Lives {
    fn new(history: &History) -> Self {
        let mut numbers = BTreeMap::new();
        let mut known = BTreeMap::<(u32, u128), Topic>::new();
        let mut lives_of = BTreeMap::<u32, BTreeSet<Topic>>::new();
        let mut nameless = BTreeMap::<u32, Topic>::new();
        let mut names = Vec::new();
        for (facts, at) in history.topics.iter().zip(0..) {
            let fresh = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
            let name = *numbers.entry(&*facts.name).or_insert(fresh);
            names.push(name);
            match facts.id {
                Some(id) => {
                    let topic = *known.entry((name, id)).or_insert(Topic(at));
                    lives_of.entry(name).or_default().insert(topic);
                }
                None => {
                    nameless.entry(name).or_insert(Topic(at));
                }
            }
        }
        let stands = history.topics.iter().zip(&names).map(|(facts, name)| {
            let lives = lives_of.get(name);
            match (facts.id, lives.map_or(0, BTreeSet::len)) {
                (Some(id), _) => known.get(&(*name, id)).copied(),
                (None, 0) => nameless.get(name).copied(),
                (None, 1) => lives.and_then(BTreeSet::first).copied(),
                (None, _) => None,
            }
        });
        let stands = stands.collect();
        let is_compacted = history.topics.iter().map(|facts| facts.is_compacted).collect();
        Self { stands, names, is_compacted }
    }

    pub(super) fn key(&self, key: Key) -> Option<Key> {
        let topic = (*self.stands.get(index(key.topic))?)?;
        Some(Key { topic, ..key })
    }

    /// Whether `wanted`, of which only the name is known, can be `key`.
    fn may_be(&self, wanted: Key, key: Key) -> bool {
        let [wanted_name, name] = [wanted, key].map(|key| self.names.get(index(key.topic)));
        wanted_name == name && wanted.partition == key.partition
    }

    /// The lives that are meant by a topic: one, or if only the name is known, all of that name.
    fn all_of(&self, topic: Topic) -> Vec<Topic> {
        match self.stands.get(index(topic)) {
            Some(Some(topic)) => vec![*topic],
            Some(None) => {
                let name = self.names[index(topic)];
                let same = self.names.iter().zip(&self.stands).filter(|(n, _)| **n == name);
                same.filter_map(|(_, stands)| *stands).collect()
            }
            None => Vec::new(),
        }
    }

    fn is_compacted(&self, key: Key) -> bool {
        self.is_compacted.get(index(key.topic)).copied().unwrap_or_default()
    }
}

pub(super) fn index(topic: Topic) -> usize {
    usize::try_from(topic.0).expect("a usize holds 32 bits")
}
