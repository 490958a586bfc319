//! What the judge found, and how it says so.

use core::fmt::{self, Write};
use std::collections::{BTreeMap, BTreeSet};

use super::history::{Act, History, Key, Mark, Op, Outcome, Place, Run, Topic};

/// How many findings of one kind are kept; all are counted.
const KEPT_MAX: usize = 20;
/// How many records of an operation a report shows.
const RECORDS_SHOWN: usize = 12;

/// What no log of Kafka's may show its clients. Names are Jepsen's where it has one.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Anomaly {
    /// Two values at one offset.
    InconsistentOffsets,
    /// One value at two offsets.
    Duplicate,
    /// A value was read that nobody sent.
    UnknownValue,
    /// A value was read from another partition, or another life of the topic, than it was sent to.
    Misplaced,
    /// A record was read with another key, header or timestamp than it was sent with.
    Altered,
    /// G1a: a value was read of which its sender was told that it is not in the log.
    AbortedRead,
    /// Readers passed the offset of an acknowledged record, and none ever got it.
    LostWrite,
    /// An acknowledged record that nobody had read when all was read at the end.
    Unseen,
    /// A record was read once, and the log ended before it when all was read at the end.
    Vanished,
    /// Within one poll a record is left out.
    IntPollSkip,
    /// Within one poll offsets do not rise.
    IntNonmonotonicPoll,
    /// A record between two polls is left out.
    PollSkip,
    /// A poll goes back behind what the one before has given.
    NonmonotonicPoll,
    /// Within one operation, records sent later have lower offsets.
    IntNonmonotonicSend,
    /// A record sent in a later operation of a process has a lower offset.
    NonmonotonicSend,
    /// A record has an offset that was known to be taken before it was sent.
    StaleOffset,
    /// An observer was told a lower high watermark than before.
    HighWatermarkBack,
    /// An observer was told a lower log start than before.
    LogStartBack,
    /// The log's start lies above all that anybody asked to delete, and nothing else may delete.
    LogStartUnasked,
    /// ListOffsets gives an end at or below an offset that was known before it was asked.
    LatestBelowKnown,
}

impl Anomaly {
    /// Every anomaly.
    pub const ALL: [Self; 20] = [
        Self::InconsistentOffsets,
        Self::Duplicate,
        Self::UnknownValue,
        Self::Misplaced,
        Self::Altered,
        Self::AbortedRead,
        Self::LostWrite,
        Self::Unseen,
        Self::Vanished,
        Self::IntPollSkip,
        Self::IntNonmonotonicPoll,
        Self::PollSkip,
        Self::NonmonotonicPoll,
        Self::IntNonmonotonicSend,
        Self::NonmonotonicSend,
        Self::StaleOffset,
        Self::HighWatermarkBack,
        Self::LogStartBack,
        Self::LogStartUnasked,
        Self::LatestBelowKnown,
    ];

    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InconsistentOffsets => "inconsistent-offsets",
            Self::Duplicate => "duplicate",
            Self::UnknownValue => "unknown-value",
            Self::Misplaced => "misplaced",
            Self::Altered => "altered",
            Self::AbortedRead => "G1a",
            Self::LostWrite => "lost-write",
            Self::Unseen => "unseen",
            Self::Vanished => "vanished",
            Self::IntPollSkip => "int-poll-skip",
            Self::IntNonmonotonicPoll => "int-nonmonotonic-poll",
            Self::PollSkip => "poll-skip",
            Self::NonmonotonicPoll => "nonmonotonic-poll",
            Self::IntNonmonotonicSend => "int-nonmonotonic-send",
            Self::NonmonotonicSend => "nonmonotonic-send",
            Self::StaleOffset => "stale-offset",
            Self::HighWatermarkBack => "high-watermark-back",
            Self::LogStartBack => "log-start-back",
            Self::LogStartUnasked => "log-start-unasked",
            Self::LatestBelowKnown => "latest-below-known",
        }
    }
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// What kind of thing.
    pub anomaly: Anomaly,
    /// Where.
    pub key: Key,
    /// What happened, in words.
    pub what: String,
    /// The values that it is about.
    pub values: Vec<u64>,
    /// The operations that prove it, by their place in the history.
    pub ops: Vec<usize>,
}

/// All that is wrong with a history.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Report {
    /// How often each anomaly was found.
    pub counts: BTreeMap<Anomaly, u64>,
    /// The first of each kind.
    pub findings: Vec<Finding>,
    /// Records and polls left out, because nobody can say which life of a topic they belong to.
    pub unjudged: u64,
    /// What the judging cost: records looked at and comparisons made.
    pub cost: u64,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.counts.is_empty()
    }

    /// The kinds of things that are wrong.
    #[must_use]
    pub fn anomalies(&self) -> BTreeSet<Anomaly> {
        self.counts.keys().copied().collect()
    }

    /// Each finding with the operations that prove it, for a reader.
    #[must_use]
    pub fn lines(&self, history: &History) -> Vec<String> {
        self.findings.iter().map(|finding| finding.lines(history)).collect()
    }

    /// All operations on a line each that begins with when they began, for a reader.
    #[must_use]
    pub fn trace(&self, history: &History) -> Vec<String> {
        let all = history.ops.iter().enumerate();
        let lines = all.map(|(number, op)| {
            let (seconds, micros) = (op.began.ns / 1_000_000_000, op.began.ns / 1_000 % 1_000_000);
            let text = match &op.act {
                Act::Poll { runs, .. } => {
                    let told = runs.iter().map(|run| told_of(history, run));
                    format!("{} poll: {:?} {}", head(op, number), op.outcome, shown(told))
                }
                _ => describe(history, number, &Finding::ABOUT_NOTHING),
            };
            format!("{seconds:>4}.{micros:06} {text}")
        });
        lines.collect()
    }

    pub(super) fn add(&mut self, finding: Finding) {
        let count = self.counts.entry(finding.anomaly).or_default();
        *count += 1;
        if usize::try_from(*count).is_ok_and(|count| count <= KEPT_MAX) {
            self.findings.push(finding);
        }
    }
}

impl Finding {
    const ABOUT_NOTHING: Self = Self {
        anomaly: Anomaly::Unseen,
        key: Key { topic: Topic(0), partition: 0 },
        what: String::new(),
        values: Vec::new(),
        ops: Vec::new(),
    };

    fn lines(&self, history: &History) -> String {
        let mut text = format!("{} in {}: {}", self.anomaly, name(history, self.key), self.what);
        let mut ops = self.ops.clone();
        ops.sort_unstable();
        ops.dedup();
        for op in ops {
            let line = describe(history, op, self);
            write!(text, "\n    {line}").expect("a string takes all");
        }
        text
    }
}

fn told_of(history: &History, run: &Run) -> String {
    let told = run.records.iter().map(|found| format!("{}@{}", found.value, found.offset));
    format!("{} [{}]", name(history, run.key), shown(told))
}

fn name(history: &History, key: Key) -> String {
    let topic = usize::try_from(key.topic.0).ok().and_then(|at| history.topics.get(at));
    let name = topic.map_or("?", |facts| &*facts.name);
    let life = topic.and_then(|facts| facts.id).map(|id| format!("({id:x})"));
    format!("{name}{}-{}", life.unwrap_or_default(), key.partition)
}

/// An operation on one line: number, process, from when to when, what, and what came of it. Of
/// many records those that the finding is about come first.
fn describe(history: &History, number: usize, about: &Finding) -> String {
    let Some(op) = history.ops.get(number) else { return format!("#{number} is missing") };
    let key = |key: Key| name(history, key);
    let act = match &op.act {
        Act::Send(sent) => {
            let told = |sent: &super::history::Sent| match (sent.outcome, sent.offset) {
                (Outcome::Ok, Some(offset)) => {
                    format!("{} to {}: ok at {offset}", sent.value, key(sent.key))
                }
                (outcome, _) => format!("{} to {}: {outcome:?}", sent.value, key(sent.key)),
            };
            let (about, rest) =
                sent.iter().partition::<Vec<_>, _>(|s| about.values.contains(&s.value));
            let all = about.into_iter().chain(rest).map(told);
            return format!("{} send {}", head(op, number), shown(all));
        }
        Act::Poll { runs, .. } => {
            let of_key = runs.iter().filter(|run| run.key.partition == about.key.partition);
            let records = of_key.flat_map(|run| &run.records).collect::<Vec<_>>();
            let first = records.iter().position(|found| about.values.contains(&found.value));
            let from = first.unwrap_or_default().saturating_sub(RECORDS_SHOWN / 2);
            let told =
                records[from..].iter().map(|found| format!("{}@{}", found.value, found.offset));
            format!("poll of {}: {}", key(about.key), shown(told))
        }
        Act::Assign(keys) => format!("assign {}", shown(keys.iter().map(|k| key(*k)))),
        Act::Seek(to, place) => match place {
            Place::Offset(offset) => format!("seek {} to {offset}", key(*to)),
            Place::Beginning => format!("seek {} to its beginning", key(*to)),
            Place::End => format!("seek {} to its end", key(*to)),
        },
        Act::Crash => "crash".into(),
        Act::Observe(of, mark) => match mark {
            Some(Mark::Start(at)) => format!("start of {} is {at}", key(*of)),
            Some(Mark::Latest(at)) => format!("latest of {} is {at}", key(*of)),
            Some(Mark::HighWatermark(at)) => format!("high watermark of {} is {at}", key(*of)),
            None => format!("look at {}", key(*of)),
        },
        Act::Trim { key: of, before, start } => {
            format!("delete records of {} below {before:?}: start {start:?}", key(*of))
        }
        Act::Delete(topic) => {
            format!("delete topic {}", key(Key { topic: *topic, partition: 0 }))
        }
    };
    format!("{} {act}: {:?}", head(op, number), op.outcome)
}

fn head(op: &Op, number: usize) -> String {
    let ms = |ns: u64| format!("{}.{:03} ms", ns / 1_000_000, ns / 1_000 % 1_000);
    let ended = op.ended.map_or_else(|| "never".into(), |ended| ms(ended.ns));
    format!("#{number} process {} {} .. {ended}", op.process.0, ms(op.began.ns))
}

fn shown(all: impl Iterator<Item = String>) -> String {
    let mut all = all.collect::<Vec<_>>();
    if all.len() > RECORDS_SHOWN {
        let more = format!("... {} more", all.len() - RECORDS_SHOWN);
        all.truncate(RECORDS_SHOWN);
        all.push(more);
    }
    all.join(", ")
}
