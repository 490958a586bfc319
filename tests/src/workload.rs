//! What the clients of a run do, drawn from a seed: plain data, so that a run can be repeated with
//! some of it left out.

use core::time::Duration;
use std::collections::BTreeSet;

use crate::judge::history::{Key, Topic};

/// Partitions of each topic.
pub const PARTITIONS: i32 = 2;
const TOPICS_MAX: u32 = 2;
const CLIENTS: core::ops::RangeInclusive<u32> = 2..=4;
/// A client rests up to this long between steps; the bound is drawn log-uniform for each.
const REST_MS: [f64; 2] = [1.0, 500.0];
const POLL_MS_MAX: u64 = 200;
const BYTES_MAX: usize = 200;
const BACK_MAX: i64 = 20;

/// The steps of all clients. Equal seeds give equal workloads.
#[derive(Clone, Debug)]
pub struct Workload {
    /// What it was drawn from.
    pub seed: u64,
    /// How many topics there are.
    pub topics: u32,
    /// What each client does, one step after the other.
    pub clients: Vec<Vec<Step>>,
}

/// Something that a client does.
#[derive(Clone, Debug)]
pub struct Step {
    /// How long it rests before.
    pub rest: Duration,
    /// What it does.
    pub what: Do,
}

/// What clients do. Groups bring `subscribe`, transactions several of these in one.
#[derive(Clone, Debug)]
pub enum Do {
    /// Sends a record, and goes on while it is under way.
    Send {
        /// Where to.
        key: Key,
        /// How much it carries besides its value.
        bytes: usize,
    },
    /// Polls, and waits this long for records.
    Poll(Duration),
    /// Reads these partitions and no others.
    Assign(Vec<Key>),
    /// Goes to the log's start.
    SeekToBeginning(Key),
    /// Goes to the log's end.
    SeekToEnd(Key),
    /// Goes back by so many offsets.
    SeekBack(Key, i64),
    /// Deletes the records that it has read, or if it knows none asks for the log's start.
    Trim(Key),
    /// Asks for the log's start.
    AskStart(Key),
    /// Asks for the log's end.
    AskLatest(Key),
    /// Dies with all that it has under way, and comes back knowing nothing.
    Crash,
}

impl Workload {
    /// Some clients with `steps` steps each.
    #[must_use]
    pub fn from_seed(seed: u64, steps: usize) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let topics = rng.u32(1..=TOPICS_MAX);
        let clients = rng.u32(CLIENTS);
        let mut draw = Draw { rng, keys: keys(topics), sent_to: BTreeSet::new() };
        let clients = (0..clients).map(|_| draw.client(steps)).collect();
        Self { seed, topics, clients }
    }

    /// Some clients, each with its own number of steps up to `steps_max`, in about this time: one
    /// works evenly, another in bursts.
    #[must_use]
    pub fn lasting(seed: u64, steps_max: usize, time: Duration) -> Self {
        let mut workload = Self::from_seed(seed, steps_max);
        let mut rng = fastrand::Rng::with_seed(seed ^ 0x6c61_7374);
        for client in &mut workload.clients {
            let share = 0.1_f64.powf(rng.f64());
            let steps = (0..client.len()).take_while(|at| (*at as f64) < share * steps_max as f64);
            client.truncate(steps.count() + 1);
            let burst = 8.0_f64.powf(rng.f64());
            let rests: Vec<_> = client.iter().map(|_| rng.f64().powf(burst)).collect();
            let unit = time.as_secs_f64() / rests.iter().sum::<f64>().max(1e-9);
            for (step, rest) in client.iter_mut().zip(rests) {
                step.rest = Duration::from_secs_f64(rest * unit);
            }
        }
        workload
    }

    /// The same steps with shorter rests, for brokers that no test can move the clock of.
    #[must_use]
    pub fn hastened(mut self, by: u32) -> Self {
        self.clients.iter_mut().flatten().for_each(|step| step.rest /= by);
        self
    }

    /// All topics.
    pub fn topics(&self) -> impl Iterator<Item = Topic> {
        (0..self.topics).map(Topic)
    }

    /// All partitions.
    #[must_use]
    pub fn keys(&self) -> Vec<Key> {
        keys(self.topics)
    }
}

fn keys(topics: u32) -> Vec<Key> {
    let all = (0..topics).map(Topic);
    all.flat_map(|topic| (0..PARTITIONS).map(move |partition| Key { topic, partition })).collect()
}

struct Draw {
    rng: fastrand::Rng,
    keys: Vec<Key>,
    /// Partitions that somebody sends to and nobody has read since.
    sent_to: BTreeSet<Key>,
}

impl Draw {
    /// A client has its own mix of steps and its own pace, so that seeds differ much.
    fn client(&mut self, steps: usize) -> Vec<Step> {
        let [least, most] = REST_MS;
        let rest_ms = least * (most / least).powf(self.rng.f64());
        let [sends, polls] = [(); 2].map(|()| self.rng.u32(1..=8));
        let seldom = self.rng.u32(1..=3);
        let mut client = vec![Step { rest: Duration::ZERO, what: self.assign() }];
        for _ in 0..steps {
            let what = match self.rng.u32(..10 * (sends + polls) + 7 * seldom) {
                at if at < 10 * sends => self.send(),
                at if at < 10 * (sends + polls) => {
                    Do::Poll(Duration::from_millis(self.rng.u64(1..=POLL_MS_MAX)))
                }
                _ => self.seldom(),
            };
            let rest = Duration::from_secs_f64(rest_ms * self.rng.f64() / 1e3);
            client.push(Step { rest, what });
        }
        client
    }

    fn send(&mut self) -> Do {
        let key = self.key();
        self.sent_to.insert(key);
        Do::Send { key, bytes: self.rng.usize(..BYTES_MAX) }
    }

    fn seldom(&mut self) -> Do {
        let key = self.key();
        match self.rng.u8(..15) {
            0..4 => self.assign(),
            4 | 5 => Do::SeekToBeginning(key),
            6 => Do::SeekToEnd(key),
            7 | 8 => Do::SeekBack(key, self.rng.i64(1..=BACK_MAX)),
            9 | 10 => Do::AskStart(key),
            11 | 12 => Do::AskLatest(key),
            13 => Do::Trim(key),
            _ => Do::Crash,
        }
    }

    /// Some partitions; one time in three also those that were sent to and not read since.
    fn assign(&mut self) -> Do {
        let mut keys: BTreeSet<_> = (0..self.keys.len()).map(|_| self.key()).collect();
        if self.rng.u8(..3) == 0 {
            keys.append(&mut self.sent_to);
        }
        self.sent_to.retain(|key| !keys.contains(key));
        Do::Assign(keys.into_iter().collect())
    }

    fn key(&mut self) -> Key {
        self.keys[self.rng.usize(..self.keys.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_workload_and_others_give_others() {
        let words = |seed| format!("{:?}", Workload::from_seed(seed, 50));
        assert_eq!(words(1), words(1));
        assert_ne!(words(1), words(2));
    }

    #[test]
    fn every_step_comes_up() {
        let all = (0..20).flat_map(|seed| Workload::from_seed(seed, 50).clients);
        let kinds = all.flatten().map(|step| core::mem::discriminant(&step.what));
        let kinds: std::collections::HashSet<_> = kinds.collect();
        assert_eq!(kinds.len(), 10);
    }
}
