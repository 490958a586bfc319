//! Each anomaly, planted in a sound history.
//!
//! All of them strike one partition, of which nothing is ever deleted. What must be found is
//! chosen without the judge.

use std::collections::{BTreeMap, BTreeSet};

use crate::judge::history::{
    Act, Found, History, Key, Mark, Moment, Op, Outcome, Process, Run, Sent, Topic,
};
use crate::judge::report::Anomaly;

const KEY: Key = Key { topic: Topic(0), partition: 0 };
/// Somebody who has done nothing yet.
const STRANGER: Process = Process(1_000);
/// A value that nobody has sent yet.
const FRESH: u64 = 1_000_000_000;

/// A record, by operation, run and place.
type At = (usize, usize, usize);

struct Planter {
    history: History,
    rng: fastrand::Rng,
    /// The whole log in the end.
    log: Vec<Found>,
    /// Where each value was sent: operation and place.
    sent: BTreeMap<u64, (usize, usize)>,
    polled: BTreeMap<u64, Vec<At>>,
}

/// Gives the history with the anomaly in it, and nothing else wrong.
pub(super) fn plant(anomaly: Anomaly, history: History, seed: u64) -> Option<History> {
    let mut planter = Planter::new(history, seed);
    planter.plant(anomaly)?;
    Some(planter.history)
}

impl Planter {
    fn new(history: History, seed: u64) -> Self {
        let (mut log, mut sent) = (BTreeMap::new(), BTreeMap::new());
        let mut polled = BTreeMap::<_, Vec<_>>::new();
        for (number, op) in history.ops.iter().enumerate() {
            match &op.act {
                Act::Send(all) => {
                    sent.extend(all.iter().zip(0..).map(|(sent, at)| (sent.value, (number, at))));
                }
                Act::Poll { runs, .. } => {
                    for (run, of) in runs.iter().zip(0..).filter(|(run, _)| run.key == KEY) {
                        for (found, at) in run.records.iter().zip(0..) {
                            log.insert(found.offset, *found);
                            polled.entry(found.value).or_default().push((number, of, at));
                        }
                    }
                }
                _ => {}
            }
        }
        let log = log.into_values().collect();
        Self { history, rng: fastrand::Rng::with_seed(seed), log, sent, polled }
    }

    fn plant(&mut self, anomaly: Anomaly) -> Option<()> {
        match anomaly {
            Anomaly::InconsistentOffsets => self.inconsistent_offsets(),
            Anomaly::Duplicate => {
                let offset = self.log.last()?.offset + 1;
                let found = Found { offset, ..self.any()? };
                self.strange(polled(vec![found]));
            }
            Anomaly::UnknownValue => {
                let value = self.any()?.value;
                let (op, at) = self.sent[&value];
                self.sends(op).remove(at);
            }
            Anomaly::Misplaced => {
                let key = Key { partition: 1, ..KEY };
                let value = self.any()?.value;
                let sent = self.sent(value);
                *sent = Sent { key, outcome: Outcome::Info, offset: None, ..*sent };
            }
            Anomaly::Altered => {
                let at = self.any_poll()?;
                self.found(at).digest ^= 1;
            }
            Anomaly::AbortedRead => {
                let value = self.any()?.value;
                let sent = self.sent(value);
                *sent = Sent { outcome: Outcome::Fail, offset: None, ..*sent };
            }
            Anomaly::LostWrite => {
                let last = self.log.pop()?;
                let told = self.told();
                let lost = self.rng.choice(told)?;
                assert!(lost.offset < last.offset, "somebody passes");
                self.forget(&[lost.value], 0);
            }
            Anomaly::Unseen => {
                let told = self.told().last()?.offset;
                let behind = self.log.iter().filter(|found| found.offset >= told);
                let behind: Vec<_> = behind.map(|found| found.value).collect();
                self.forget(&behind, 0);
            }
            Anomaly::Vanished => self.vanished()?,
            _ => self.plant_order(anomaly)?,
        }
        Some(())
    }

    /// What is wrong with the order in which things are read, sent and told.
    fn plant_order(&mut self, anomaly: Anomaly) -> Option<()> {
        match anomaly {
            Anomaly::IntPollSkip => {
                let (op, run, len) = self.any_last_run(3)?;
                let at = self.rng.usize(1..len - 1);
                self.run(op, run).remove(at);
            }
            Anomaly::IntNonmonotonicPoll => {
                let (op, run, at) = self.any_poll()?;
                let again = *self.found((op, run, at));
                self.run(op, run).insert(at, again);
            }
            Anomaly::PollSkip => {
                let (op, run, _) = self.any_last_run(2)?;
                self.run(op, run).remove(0);
            }
            Anomaly::NonmonotonicPoll => {
                let (op, run, before) = self.any_second_run()?;
                self.run(op, run).insert(0, before);
            }
            Anomaly::IntNonmonotonicSend => self.overtaken(&[&[FRESH, FRESH + 1]])?,
            Anomaly::NonmonotonicSend => self.overtaken(&[&[FRESH], &[FRESH + 1]])?,
            Anomaly::StaleOffset => {
                let (told, found) = (self.told(), self.any()?);
                let found = self.rng.choice(told).unwrap_or(found);
                let (op, at) = self.sent[&found.value];
                let sent = self.sends(op).remove(at);
                let (outcome, offset) = (Outcome::Ok, Some(found.offset));
                self.strange(Act::Send(vec![Sent { outcome, offset, ..sent }]));
            }
            Anomaly::HighWatermarkBack => {
                let end = self.log.last()?.offset + 1;
                self.strange(Act::Observe(KEY, Some(Mark::HighWatermark(end))));
                self.strange(Act::Observe(KEY, Some(Mark::HighWatermark(end - 1))));
            }
            Anomaly::LogStartBack => {
                let start = self.any()?.offset + 1;
                self.strange(Act::Trim { key: KEY, before: Some(start), start: Some(start) });
                self.strange(Act::Observe(KEY, Some(Mark::Start(start - 1))));
            }
            Anomaly::LogStartUnasked => {
                let start = self.any()?.offset + 1;
                self.strange(Act::Observe(KEY, Some(Mark::Start(start))));
            }
            Anomaly::LatestBelowKnown => {
                let end = self.any()?.offset;
                self.strange(Act::Observe(KEY, Some(Mark::Latest(end))));
            }
            _ => return None,
        }
        Some(())
    }

    /// Another record, sent before all others, is read where one is.
    fn inconsistent_offsets(&mut self) {
        let found = self.any().expect("a record");
        self.first(&[&[FRESH]]);
        self.strange(polled(vec![Found { value: FRESH, digest: 0, ..found }]));
    }

    /// What was read before the last reading, and all behind it, is not there then.
    fn vanished(&mut self) -> Option<()> {
        let from = self.last_reading();
        let was_read = |found: &&Found| self.polled[&found.value].iter().any(|at| at.0 < from);
        let (at, last) = self.log.iter().enumerate().rfind(|(_, found)| was_read(found))?;
        let (value, behind) = (last.value, self.log[at + 1..].to_vec());
        let behind: Vec<_> = behind.iter().map(|found| found.value).collect();
        for value in &behind {
            let sent = self.sent(*value);
            *sent = Sent { outcome: Outcome::Info, offset: None, ..*sent };
        }
        self.forget(&behind, 0);
        self.forget(&[value], from);
        Some(())
    }

    /// Somebody sends two records, never hears of them, and they are found the wrong way round.
    fn overtaken(&mut self, sends: &[&[u64]]) -> Option<()> {
        let end = self.log.last()?.offset + 1;
        self.first(sends);
        let found = [(end, FRESH + 1), (end + 1, FRESH)];
        let found = found.map(|(offset, value)| Found { offset, value, digest: 0 });
        self.strange(polled(found.to_vec()));
        Some(())
    }

    /// Before all else somebody sends these, an operation each, and never hears of them.
    fn first(&mut self, sends: &[&[u64]]) {
        let count = u64::try_from(sends.len()).expect("few");
        for op in &mut self.history.ops {
            op.began.step += count;
            op.ended.iter_mut().for_each(|ended| ended.step += count);
        }
        *self.history.last_reading.as_mut().expect("a last reading") += count;
        let sent = |value: &u64| {
            let (outcome, offset) = (Outcome::Info, None);
            Sent { key: KEY, value: *value, digest: 0, label: None, outcome, offset }
        };
        let sends = sends.iter().zip(1..).map(|(values, step)| {
            let act = Act::Send(values.iter().map(sent).collect());
            let (began, outcome) = (Moment { step, ns: 0 }, Outcome::Info);
            Op { process: Process(STRANGER.0 + 1), began, ended: None, outcome, act }
        });
        self.history.ops.splice(..0, sends);
    }

    fn any(&mut self) -> Option<Found> {
        self.rng.choice(self.log.clone())
    }

    fn any_poll(&mut self) -> Option<At> {
        let all: Vec<_> = self.polled.values().flatten().copied().collect();
        self.rng.choice(all)
    }

    /// The records whose senders know where they are.
    fn told(&self) -> Vec<Found> {
        let told = self.log.iter().filter(|found| {
            let (op, at) = self.sent[&found.value];
            let Act::Send(sent) = &self.history.ops[op].act else { return false };
            sent[at].outcome == Outcome::Ok && sent[at].offset.is_some()
        });
        told.copied().collect()
    }

    /// The first operation of the last reading.
    fn last_reading(&self) -> usize {
        let from = self.history.last_reading.expect("a last reading");
        self.history.ops.partition_point(|op| op.began.step <= from)
    }

    /// The runs of the last reading, with their lengths: what they give somebody else gives too.
    fn last_runs(&self) -> BTreeSet<(usize, usize, usize)> {
        let from = self.last_reading();
        let polled = self.polled.values().flatten().filter(|at| at.0 >= from);
        let runs = polled.map(|(op, run, _)| {
            let Act::Poll { runs, .. } = &self.history.ops[*op].act else { panic!("a poll") };
            (*op, *run, runs[*run].records.len())
        });
        runs.collect()
    }

    fn any_last_run(&mut self, least: usize) -> Option<(usize, usize, usize)> {
        let runs: Vec<_> = self.last_runs().into_iter().filter(|run| run.2 >= least).collect();
        self.rng.choice(runs)
    }

    /// A run of the last reading that follows another of its reader, and that one's last record.
    fn any_second_run(&mut self) -> Option<(usize, usize, Found)> {
        let runs: Vec<_> = self.last_runs().into_iter().collect();
        let of = |op: usize| self.history.ops[op].process;
        let pairs = runs.windows(2).filter(|pair| of(pair[0].0) == of(pair[1].0));
        let pairs: Vec<_> = pairs.map(|pair| (pair[0], pair[1])).collect();
        let (before, after) = self.rng.choice(pairs)?;
        let last = *self.run(before.0, before.1).last()?;
        Some((after.0, after.1, last))
    }

    /// From an operation on nobody has read these.
    fn forget(&mut self, values: &[u64], from: usize) {
        for op in &mut self.history.ops[from..] {
            let Act::Poll { runs, .. } = &mut op.act else { continue };
            for run in runs {
                run.records.retain(|found| !values.contains(&found.value));
            }
        }
    }

    fn run(&mut self, op: usize, run: usize) -> &mut Vec<Found> {
        let Act::Poll { runs, .. } = &mut self.history.ops[op].act else { panic!("a poll") };
        &mut runs[run].records
    }

    fn found(&mut self, (op, run, at): At) -> &mut Found {
        &mut self.run(op, run)[at]
    }

    fn sends(&mut self, op: usize) -> &mut Vec<Sent> {
        let Act::Send(sent) = &mut self.history.ops[op].act else { panic!("a send") };
        sent
    }

    fn sent(&mut self, value: u64) -> &mut Sent {
        let (op, at) = self.sent[&value];
        &mut self.sends(op)[at]
    }

    /// Somebody who has done nothing yet does this in the end.
    fn strange(&mut self, act: Act) {
        let ends = self.history.ops.iter().map(|op| op.ended.unwrap_or(op.began));
        let last = ends.max().unwrap_or_default();
        let [began, ended] = [1, 2].map(|more| Moment { step: last.step + more, ns: last.ns });
        let (process, ended, outcome) = (STRANGER, Some(ended), Outcome::Ok);
        self.history.ops.push(Op { process, began, ended, outcome, act });
    }
}

fn polled(records: Vec<Found>) -> Act {
    Act::Poll { runs: vec![Run { key: KEY, records }], rebalanced: Vec::new() }
}
