//! Each anomaly in a history of a few operations that shows it and nothing else, and what looks
//! like one and is none.

use std::collections::BTreeSet;

use super::report;
use crate::judge::history::{
    Act, Found, History, Key, Mark, Outcome, Place, Process, Recorder, Run, Sent, Topic, TopicFacts,
};
use crate::judge::report::Anomaly;
use crate::judge::{Malformed, judge};
use Outcome::{Fail, Info, Ok as Done};

const fn key(partition: i32) -> Key {
    Key { topic: Topic(0), partition }
}

const fn life(topic: u32) -> Key {
    Key { topic: Topic(topic), partition: 0 }
}

/// A history of topic `t`, written one operation a line. What has no time ends where it begins.
struct Script(Recorder);

impl Script {
    fn new() -> Self {
        let mut recorder = Recorder::default();
        recorder.topic(TopicFacts { name: "t".into(), ..TopicFacts::default() });
        Self(recorder)
    }

    fn topic(&mut self, facts: TopicFacts) {
        self.0.topic(facts);
    }

    fn begin(&mut self, process: u32, values: &[u64]) -> usize {
        self.0.begin(
            Process(process),
            0,
            Act::Send(values.iter().map(|v| sent(key(0), *v)).collect()),
        )
    }

    fn tell(&mut self, op: usize, told: &[Option<i64>]) {
        let Act::Send(sent) = &self.0.history().ops[op].act else { panic!("a send") };
        let told = sent.iter().zip(told);
        let told = told.map(|(sent, offset)| Sent { outcome: Done, offset: *offset, ..*sent });
        let act = Act::Send(told.collect());
        self.0.end(op, 0, Done, act);
    }

    fn send(&mut self, process: u32, value: u64, outcome: Outcome, offset: Option<i64>) {
        self.send_to(process, sent(key(0), value), outcome, offset);
    }

    fn send_to(&mut self, process: u32, sent: Sent, outcome: Outcome, offset: Option<i64>) {
        let op = self.0.begin(Process(process), 0, Act::Send(vec![sent]));
        self.0.told(op, 0, outcome, offset);
    }

    /// Values 1, 2, .. acknowledged at offsets 0, 1, ..
    fn send_all(&mut self, count: u64) {
        for value in 1..=count {
            self.send(0, value, Done, Some(i64::try_from(value).expect("few") - 1));
        }
    }

    fn poll(&mut self, process: u32, found: &[(i64, u64)]) {
        self.poll_of(process, key(0), found, &[]);
    }

    fn poll_of(&mut self, process: u32, key: Key, found: &[(i64, u64)], rebalanced: &[Key]) {
        let found = found.iter().map(|(offset, value)| (*offset, *value));
        let records = found.map(|(offset, value)| Found { offset, value, digest: 0 });
        let runs = vec![Run { key, records: records.collect() }];
        self.0.at_once(Process(process), 0, Act::Poll { runs, rebalanced: rebalanced.to_vec() });
    }

    fn act(&mut self, process: u32, act: Act) {
        self.0.at_once(Process(process), 0, act);
    }

    fn read_all(&mut self, process: u32, found: &[(i64, u64)]) {
        self.0.last_reading();
        self.act(process, Act::Assign(vec![key(0)]));
        self.act(process, Act::Seek(key(0), Place::Beginning));
        self.poll(process, found);
    }
}

const fn sent(key: Key, value: u64) -> Sent {
    Sent { key, value, digest: 0, label: None, outcome: Info, offset: None }
}

const fn mark(mark: Mark) -> Act {
    Act::Observe(key(0), Some(mark))
}

const fn trim(to: i64) -> Act {
    Act::Trim { key: key(0), before: Some(to), start: Some(to) }
}

type Write = fn(&mut Script);

fn history(write: Write) -> History {
    let mut script = Script::new();
    write(&mut script);
    script.0.finish()
}

/// The first digit of a poll is its process: 0 sends, and readers are 1 and 2.
const SHOWN: [(Anomaly, Write); 21] = [
    (Anomaly::InconsistentOffsets, |s| {
        s.send(3, 2, Info, None);
        s.send(0, 1, Done, Some(0));
        s.poll(1, &[(0, 1)]);
        s.poll(2, &[(0, 2)]);
    }),
    (Anomaly::Duplicate, |s| {
        s.send(0, 1, Done, Some(0));
        s.poll(1, &[(0, 1), (1, 1)]);
    }),
    (Anomaly::UnknownValue, |s| s.poll(1, &[(0, 9)])),
    (Anomaly::Misplaced, |s| {
        s.send_to(0, sent(key(1), 1), Info, None);
        s.poll(1, &[(0, 1)]);
    }),
    (Anomaly::Misplaced, |s| {
        s.topic(TopicFacts { name: "u".into(), id: Some(1), ..TopicFacts::default() });
        s.topic(TopicFacts { name: "u".into(), id: Some(2), ..TopicFacts::default() });
        s.send_to(0, sent(life(1), 1), Done, Some(0));
        s.poll_of(1, life(2), &[(0, 1)], &[]);
    }),
    (Anomaly::Altered, |s| {
        s.send_to(0, Sent { digest: 5, ..sent(key(0), 1) }, Done, Some(0));
        s.poll(1, &[(0, 1)]);
    }),
    (Anomaly::AbortedRead, |s| {
        s.send(0, 1, Fail, None);
        s.poll(1, &[(0, 1)]);
    }),
    (Anomaly::LostWrite, |s| {
        s.send_all(2);
        s.act(1, Act::Seek(key(0), Place::Beginning));
        s.poll(1, &[(1, 2)]);
    }),
    (Anomaly::Unseen, |s| {
        s.send_all(2);
        s.read_all(1, &[(0, 1)]);
    }),
    (Anomaly::Vanished, |s| {
        s.send(0, 1, Info, None);
        s.poll(1, &[(0, 1)]);
        s.read_all(2, &[]);
    }),
    (Anomaly::IntPollSkip, |s| {
        s.send_all(3);
        s.poll(1, &[(0, 1), (1, 2), (2, 3)]);
        s.poll(2, &[(0, 1), (2, 3)]);
    }),
    (Anomaly::IntNonmonotonicPoll, |s| {
        s.send_all(2);
        s.poll(1, &[(0, 1), (1, 2), (0, 1)]);
    }),
    (Anomaly::PollSkip, |s| {
        s.send_all(3);
        s.poll(1, &[(0, 1), (1, 2), (2, 3)]);
        s.poll(2, &[(0, 1)]);
        s.poll(2, &[(2, 3)]);
    }),
    (Anomaly::NonmonotonicPoll, |s| {
        s.send_all(2);
        s.poll(1, &[(0, 1), (1, 2)]);
        s.poll(1, &[(1, 2)]);
    }),
    (Anomaly::IntNonmonotonicSend, |s| {
        let op = s.begin(0, &[1, 2]);
        s.tell(op, &[Some(1), Some(0)]);
    }),
    (Anomaly::NonmonotonicSend, |s| {
        let [first, second] = [1, 2].map(|value| s.begin(0, &[value]));
        s.tell(first, &[Some(1)]);
        s.tell(second, &[Some(0)]);
    }),
    (Anomaly::StaleOffset, |s| {
        s.send(0, 1, Done, Some(5));
        s.send(3, 2, Done, Some(3));
    }),
    (Anomaly::HighWatermarkBack, |s| {
        s.act(1, mark(Mark::HighWatermark(3)));
        s.act(1, mark(Mark::HighWatermark(2)));
    }),
    (Anomaly::LogStartBack, |s| {
        s.act(1, trim(2));
        s.act(1, mark(Mark::Start(1)));
    }),
    (Anomaly::LogStartUnasked, |s| s.act(1, mark(Mark::Start(1)))),
    (Anomaly::LatestBelowKnown, |s| {
        s.send_all(1);
        s.act(1, mark(Mark::Latest(0)));
    }),
];

#[test]
fn each_anomaly_has_a_history_that_shows_it_alone() {
    for (anomaly, write) in SHOWN {
        let history = history(write);
        let report = report(&history);
        let lines = report.lines(&history).join("\n");
        assert_eq!(report.anomalies(), BTreeSet::from([anomaly]), "{anomaly}:\n{lines}");
        assert_eq!(report.findings.len(), 1, "said once:\n{lines}");
    }
    let shown: BTreeSet<_> = SHOWN.iter().map(|(anomaly, _)| *anomaly).collect();
    assert_eq!(shown, BTreeSet::from(Anomaly::ALL), "each has one");
}

#[test]
fn a_report_names_the_operations_that_prove_it() {
    let history = history(|s| {
        s.send_all(3);
        s.poll(1, &[(0, 1), (1, 2), (2, 3)]);
        s.poll(2, &[(0, 1), (2, 3)]);
    });
    let lines = report(&history).lines(&history);
    let told = "\
int-poll-skip in t-0: offset 2 where 1 was next, though others read 1 between, the first at 1
    #3 process 1 0.000 ms .. 0.000 ms poll of t-0: 1@0, 2@1, 3@2: Ok
    #4 process 2 0.000 ms .. 0.000 ms poll of t-0: 1@0, 3@2: Ok";
    assert_eq!(lines, [told]);
}

/// Each row says why it is sound.
const SOUND: [(&str, Write); 17] = [
    ("nobody was there", |_| {}),
    ("a partition that is given during a poll begins anywhere", |s| {
        s.send_all(3);
        s.poll(1, &[(0, 1), (1, 2), (2, 3)]);
        s.poll_of(2, key(0), &[(0, 1), (2, 3), (0, 1)], &[key(0)]);
    }),
    ("a client that came back may go back", |s| {
        s.send_all(2);
        s.poll(1, &[(0, 1), (1, 2)]);
        s.act(1, Act::Crash);
        s.poll(1, &[(0, 1), (1, 2)]);
    }),
    ("and what it had in flight may come behind what it sends now", |s| {
        s.begin(0, &[1]);
        s.act(0, Act::Crash);
        s.send(0, 2, Done, Some(0));
        s.poll(1, &[(0, 2), (1, 1)]);
    }),
    ("a partition no longer assigned is forgotten", |s| {
        s.send_all(2);
        s.poll(1, &[(0, 1), (1, 2)]);
        s.act(1, Act::Assign(vec![]));
        s.act(1, Act::Assign(vec![key(0)]));
        s.poll(1, &[(0, 1), (1, 2)]);
    }),
    ("who seeks skips, and goes back", |s| {
        s.send_all(3);
        s.poll(1, &[(0, 1), (1, 2), (2, 3)]);
        s.act(1, Act::Seek(key(0), Place::Offset(2)));
        s.poll(1, &[(2, 3)]);
        s.act(1, Act::Seek(key(0), Place::End));
        s.act(1, Act::Seek(key(0), Place::Beginning));
        s.poll(1, &[(0, 1), (1, 2)]);
    }),
    ("offsets have gaps", |s| {
        s.send(0, 1, Done, Some(3));
        s.send(0, 2, Done, Some(7));
        s.read_all(1, &[(3, 1), (7, 2)]);
    }),
    ("unknown records are there or not", |s| {
        s.send(0, 1, Info, None);
        s.send(0, 2, Info, None);
        s.begin(0, &[3]);
        s.read_all(1, &[(0, 1), (1, 3)]);
    }),
    ("an acknowledgement need not tell the offset", |s| {
        s.send(0, 1, Done, None);
        s.read_all(1, &[(0, 1)]);
    }),
    ("what was deleted on demand is not there", |s| {
        s.send_all(3);
        s.act(3, trim(2));
        s.read_all(1, &[(2, 3)]);
    }),
    ("nor what a reader was about to read", |s| {
        s.send_all(3);
        s.poll(2, &[(0, 1), (1, 2), (2, 3)]);
        s.poll(1, &[(0, 1)]);
        s.act(3, trim(2));
        s.poll(1, &[(2, 3)]);
        s.act(3, mark(Mark::Start(2)));
    }),
    ("nor what retention took, as far as the start was told later", |s| {
        let facts = TopicFacts { name: "u".into(), is_retained: true, ..TopicFacts::default() };
        s.topic(facts);
        s.send_to(0, sent(life(1), 1), Done, Some(0));
        s.send_to(0, sent(life(1), 2), Done, Some(1));
        s.act(1, Act::Seek(life(1), Place::Beginning));
        s.poll_of(1, life(1), &[(1, 2)], &[]);
        s.act(1, Act::Observe(life(1), Some(Mark::Start(1))));
    }),
    ("nor what has a successor in a compacted topic", |s| {
        s.topic(TopicFacts { name: "u".into(), is_compacted: true, ..TopicFacts::default() });
        let labelled = |value| Sent { label: Some(1), ..sent(life(1), value) };
        s.send_to(0, labelled(1), Done, Some(0));
        s.send_to(0, labelled(2), Done, Some(1));
        s.act(1, Act::Seek(life(1), Place::Beginning));
        s.poll_of(1, life(1), &[(1, 2)], &[]);
    }),
    ("a topic made anew begins anew", |s| {
        s.topic(TopicFacts { name: "u".into(), id: Some(1), ..TopicFacts::default() });
        s.topic(TopicFacts { name: "u".into(), id: Some(2), ..TopicFacts::default() });
        s.send_to(0, sent(life(1), 1), Done, Some(0));
        s.poll_of(1, life(1), &[(0, 1)], &[]);
        s.act(0, Act::Delete(Topic(1)));
        s.send_to(0, sent(life(2), 2), Done, Some(0));
        s.poll_of(1, life(2), &[(0, 2)], &[]);
    }),
    ("a name stands for the life in which its record is found", |s| {
        s.topic(TopicFacts { name: "u".into(), id: Some(1), ..TopicFacts::default() });
        s.topic(TopicFacts { name: "u".into(), id: Some(2), ..TopicFacts::default() });
        s.topic(TopicFacts { name: "u".into(), id: None, ..TopicFacts::default() });
        s.send_to(0, sent(life(3), 1), Info, None);
        s.poll_of(1, life(2), &[(0, 1)], &[]);
    }),
    ("what came while one asked for the end is in it or not", |s| {
        let open = s.begin(0, &[1]);
        s.act(1, mark(Mark::Latest(0)));
        s.tell(open, &[Some(0)]);
    }),
    ("another observer may lag", |s| {
        s.act(1, mark(Mark::HighWatermark(3)));
        s.act(2, mark(Mark::HighWatermark(2)));
    }),
];

#[test]
fn what_only_looks_wrong_raises_nothing() {
    for (why, write) in SOUND {
        let history = history(write);
        let report = report(&history);
        assert!(report.is_sound(), "{why}:\n{}", report.lines(&history).join("\n"));
    }
}

#[test]
fn without_what_excuses_it_the_same_is_wrong() {
    for (write, anomaly) in [
        (
            (|s| {
                s.send_all(3);
                s.act(3, trim(1));
                s.read_all(1, &[(2, 3)]);
            }) as Write,
            Anomaly::LostWrite,
        ),
        (
            |s| {
                s.topic(TopicFacts { name: "u".into(), is_compacted: true, ..Default::default() });
                s.send_to(0, Sent { label: Some(1), ..sent(life(1), 1) }, Done, Some(0));
                s.send_to(0, Sent { label: Some(2), ..sent(life(1), 2) }, Done, Some(1));
                s.act(1, Act::Seek(life(1), Place::Beginning));
                s.poll_of(1, life(1), &[(1, 2)], &[]);
            },
            Anomaly::LostWrite,
        ),
        (
            |s| {
                s.send(0, 1, Done, None);
                s.read_all(1, &[]);
            },
            Anomaly::Unseen,
        ),
    ] {
        let history = history(write);
        assert_eq!(report(&history).anomalies(), BTreeSet::from([anomaly]));
    }
}

#[test]
fn what_cannot_have_been_is_not_judged() {
    let poll = || Act::Poll { runs: Vec::new(), rebalanced: Vec::new() };
    for (write, wrong) in [
        (
            (|s| {
                s.send(0, 1, Info, None);
                s.send(1, 1, Info, None);
            }) as Write,
            Malformed::SentTwice(1),
        ),
        (|s| s.send(0, 1, Done, Some(-1)), Malformed::NegativeOffset(0)),
        (|s| s.poll_of(0, life(7), &[], &[]), Malformed::NoSuchTopic(0)),
    ] {
        assert_eq!(judge(&history(write)), Err(wrong));
    }
    let mut twice = Script::new();
    let first = twice.0.begin(Process(1), 0, poll());
    twice.act(1, poll());
    twice.0.end(first, 0, Done, poll());
    assert_eq!(judge(twice.0.history()), Err(Malformed::Overlapping(1)));
    let mut back = twice.0.finish();
    back.ops.reverse();
    assert_eq!(judge(&back), Err(Malformed::OutOfOrder(1)));
}
