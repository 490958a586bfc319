//! What one run's producers were told, and what was read afterwards: a short form of a history for
//! the [`judge`] of all of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::judge::history::{
    self, Act, Found, Key, Outcome, Place, Process, Recorder, Run, Topic, TopicFacts,
};
use crate::judge::judge;

/// How many records a producer may number: the rest of a value says which producer it is.
const NUMBER_BITS: u32 = 40;
/// Who reads in the end.
const READER: Process = Process(u32::MAX);

/// What a producer was told about a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fate {
    /// It is in the log, at this offset; `None` if the broker took it for a duplicate.
    Acked(Option<u64>),
    /// It is certainly not in the log.
    Refused,
    /// It may be in the log, once.
    Unknown,
}

/// One record sent. Its identity is its place in the order of its producer's `send` calls.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sent {
    /// Which producer, as the test counts them.
    pub producer: u32,
    /// Which of its records, counted from 0 in the order of the calls.
    pub number: u64,
    /// The partition it was meant for.
    pub partition: i32,
    /// What came of it.
    pub fate: Fate,
}

/// One record read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Read {
    /// Where it was.
    pub partition: i32,
    /// Where it was.
    pub offset: u64,
    /// Which producer it says it is from.
    pub producer: u32,
    /// Which of that producer's records it says it is.
    pub number: u64,
}

/// What producers of one topic were told, and all that is in it afterwards.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct History {
    /// What was sent, in any order.
    pub sent: Vec<Sent>,
    /// All of the topic read once from the beginning, in the order of each partition.
    pub read: Vec<Read>,
}

impl History {
    /// A value that says which record it is; [`History::read_value`] takes it apart.
    #[must_use]
    pub fn value(producer: u32, number: u64) -> String {
        format!("{producer}/{number}")
    }

    /// Notes a record that was read.
    ///
    /// # Panics
    ///
    /// If `value` is not one of [`History::value`]: somebody else's record.
    pub fn read_value(&mut self, partition: i32, offset: u64, value: &[u8]) {
        let parsed = core::str::from_utf8(value).ok().and_then(|text| {
            let (producer, number) = text.split_once('/')?;
            Some((producer.parse().ok()?, number.parse().ok()?))
        });
        let (producer, number) = parsed.expect("only records of this history are in the topic");
        self.read.push(Read { partition, offset, producer, number });
    }

    /// Everything wrong with the history of idempotent producers, in words; empty if all is well.
    ///
    /// # Panics
    ///
    /// If a record was noted twice.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let whole = self.whole();
        judge(&whole).expect("a history that can have been").lines(&whole)
    }

    /// All records are sent, in the order of each producer; then all is told; then all is read.
    fn whole(&self) -> history::History {
        let mut recorder = Recorder::default();
        recorder.topic(TopicFacts { name: "the topic".into(), ..TopicFacts::default() });
        let mut sent: Vec<_> = self.sent.iter().collect();
        sent.sort_by_key(|sent| (sent.producer, sent.number));
        let ops = sent.iter().map(|sent| {
            let record = history::Sent {
                key: key(sent.partition),
                value: value(sent.producer, sent.number),
                digest: 0,
                label: None,
                outcome: Outcome::Info,
                offset: None,
            };
            recorder.begin(Process(sent.producer), 0, Act::Send(vec![record]))
        });
        let ops: Vec<_> = ops.collect();
        for (sent, op) in sent.iter().zip(ops) {
            let (outcome, offset) = match sent.fate {
                Fate::Acked(told) => (Outcome::Ok, told.map(offset)),
                Fate::Refused => (Outcome::Fail, None),
                Fate::Unknown => (Outcome::Info, None),
            };
            recorder.told(op, 0, outcome, offset);
        }
        self.read_whole(&mut recorder);
        recorder.finish()
    }

    fn read_whole(&self, recorder: &mut Recorder) {
        let sent_to = self.sent.iter().map(|sent| key(sent.partition));
        let read_from = self.read.iter().map(|read| key(read.partition));
        let keys: BTreeSet<_> = sent_to.chain(read_from).collect();
        let mut found = BTreeMap::<Key, Vec<Found>>::new();
        for read in &self.read {
            let (offset, value) = (offset(read.offset), value(read.producer, read.number));
            let found = found.entry(key(read.partition)).or_default();
            found.push(Found { offset, value, digest: 0 });
        }
        recorder.last_reading();
        recorder.at_once(READER, 0, Act::Assign(keys.iter().copied().collect()));
        for key in keys {
            recorder.at_once(READER, 0, Act::Seek(key, Place::Beginning));
            let runs = vec![Run { key, records: found.remove(&key).unwrap_or_default() }];
            recorder.at_once(READER, 0, Act::Poll { runs, rebalanced: Vec::new() });
        }
    }
}

const fn key(partition: i32) -> Key {
    Key { topic: Topic(0), partition }
}

fn value(producer: u32, number: u64) -> u64 {
    assert!(number < 1 << NUMBER_BITS, "a producer sends less");
    let producer = u64::from(producer) << NUMBER_BITS;
    assert_eq!(producer >> NUMBER_BITS << NUMBER_BITS, producer, "there are fewer producers");
    producer | number
}

fn offset(offset: u64) -> i64 {
    i64::try_from(offset).expect("Kafka's offsets are i64")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(fates: &[Fate], read: &[(u64, u64)]) -> History {
        let sent = fates.iter().zip(0..);
        let sent =
            sent.map(|(fate, number)| Sent { producer: 1, number, partition: 0, fate: *fate });
        let mut history = History { sent: sent.collect(), read: Vec::new() };
        for (offset, number) in read {
            history.read_value(0, *offset, History::value(1, *number).as_bytes());
        }
        history
    }

    #[test]
    fn a_sound_history_passes() {
        let fates = [Fate::Acked(Some(0)), Fate::Unknown, Fate::Refused, Fate::Acked(None)];
        for read in [&[(0, 0), (1, 3)][..], &[(0, 0), (1, 1), (2, 3)]] {
            assert_eq!(history(&fates, read).complaints(), Vec::<String>::new());
        }
    }

    #[test]
    fn what_is_wrong_has_its_name() {
        let acked = |offset| Fate::Acked(Some(offset));
        for (anomaly, fates, read) in [
            ("unseen", &[acked(0)][..], &[][..]),
            ("unseen", &[Fate::Acked(None)], &[]),
            ("lost-write", &[acked(0), acked(1)], &[(1, 1)]),
            ("duplicate", &[acked(0)], &[(1, 0)]),
            ("duplicate", &[acked(0)], &[(0, 0), (1, 0)]),
            ("unknown-value", &[acked(0)], &[(0, 0), (1, 1)]),
            ("G1a", &[Fate::Refused], &[(0, 0)]),
            ("nonmonotonic-send", &[acked(1), acked(0)], &[(0, 1), (1, 0)]),
            ("nonmonotonic-send", &[Fate::Unknown, acked(0)], &[(0, 1), (1, 0)]),
            ("int-nonmonotonic-poll", &[acked(0), acked(1)], &[(0, 0), (1, 1), (1, 1)]),
        ] {
            let history = history(fates, read);
            let complaints = history.complaints();
            assert_eq!(complaints.len(), 1, "{complaints:?}");
            assert!(complaints[0].starts_with(anomaly), "{anomaly}: {complaints:?}");
        }
        let mut elsewhere = history(&[acked(0)], &[]);
        elsewhere.read_value(1, 0, History::value(1, 0).as_bytes());
        let complaints = elsewhere.complaints();
        assert!(complaints.iter().any(|line| line.starts_with("misplaced")), "{complaints:?}");
    }
}
