//! A random run of all that a broker does to its data directory, and what may be found of it.

mod held;

use std::io;
use std::sync::Arc;

use ottla_protocol::ids::{Offset, RawOffset, Uuid};

use self::held::Started;
use super::compacted::{self, placed};
use super::expected::{
    Between, COMMIT_TOPIC, Expected, Found, History, open_manager, open_partition, prepare, rules,
};
use super::transacted;
use crate::log::disk::testing::UnrulyDisk;
use crate::log::manager::LogManager;
use crate::log::testing::Spec;
use crate::replica::partition::Partition;

/// What was expected when so many changes had been made to the disk.
pub(super) struct Mark {
    pub(super) changes: usize,
    pub(super) expected: Vec<Expected>,
}

struct Topic {
    /// `None` if it could not be opened.
    partition: Option<Arc<Partition>>,
    expected: Expected,
    sequences: [i32; 3],
    /// A write has failed: it must refuse all that follows.
    failed: bool,
    /// What lies before was there when it was compacted: that is committed, and never cut.
    compacted_to: i64,
}

pub(super) struct Script {
    pub(super) disk: UnrulyDisk,
    manager: Option<LogManager>,
    topics: Vec<Topic>,
    rng: fastrand::Rng,
    now_ms: i64,
    epoch: i32,
    topics_made: u8,
    pub(super) marks: Vec<Mark>,
    /// Deleted, but that failed: they may be found.
    undeleted: Vec<Expected>,
    /// Syncs that have not ended.
    started: Vec<Started>,
    /// Bytes that compaction has saved.
    pub(super) saved: u64,
    /// How often records left because of their age or number.
    pub(super) retained: usize,
}

impl Script {
    /// Does so many things, from a seed.
    pub(super) fn run(disk: &UnrulyDisk, seed: u64, steps: usize) -> Self {
        let mut this = Self {
            disk: disk.clone(),
            manager: None,
            topics: Vec::new(),
            rng: fastrand::Rng::with_seed(seed),
            now_ms: 1_000,
            epoch: 0,
            topics_made: 0,
            marks: vec![Mark { changes: 0, expected: Vec::new() }],
            undeleted: Vec::new(),
            started: Vec::new(),
            saved: 0,
            retained: 0,
        };
        this.reopen();
        for name in [transacted::TOPIC, COMMIT_TOPIC, compacted::TOPIC] {
            this.make_topic(name);
            this.mark();
        }
        for _ in 0..steps {
            this.now_ms += this.rng.i64(0..40);
            this.step();
            this.mark();
        }
        this
    }

    /// What is expected now, of each topic.
    pub(super) fn expected(&self) -> Vec<Expected> {
        self.topics.iter().map(|topic| topic.expected.clone()).collect()
    }

    /// How many topics work as if nothing had ever failed.
    pub(super) fn working(&self) -> usize {
        let works = |topic: &&Topic| topic.partition.is_some() && !topic.failed;
        self.topics.iter().filter(works).count()
    }

    /// Whether a write or sync has failed since the last start: then every log refuses.
    pub(super) fn is_fenced(&self) -> bool {
        self.manager().health().has_failed()
    }

    /// Ends the process. What has to be found, and that with what may be found besides.
    pub(super) fn kill(mut self) -> (Vec<Expected>, Vec<Expected>) {
        let expected = self.expected();
        self.topics.clear();
        self.manager = None;
        self.forget_syncs();
        let all = expected.iter().chain(&self.undeleted).cloned().collect();
        (expected, all)
    }

    fn mark(&mut self) {
        if self.is_fenced() {
            self.topics.iter_mut().for_each(|topic| topic.failed = true);
        }
        self.note_acknowledged();
        self.marks.push(Mark { changes: self.disk.changes(), expected: self.expected() });
    }

    fn step(&mut self) {
        let at = self.rng.usize(0..self.topics.len());
        match self.rng.u32(0..56) {
            40..44 => self.compact(),
            44..47 => self.retain(at),
            47..50 => self.hold_or_end_syncs(),
            50..55 => self.end_transaction(),
            55 => self.end_syncs(),
            0 => self.stop(),
            1 => self.reopen(),
            2 | 16 => self.replace_topic(at),
            17 => {
                self.stop();
                self.replace_topic(at);
            }
            15 => self.fail_power(),
            3..5 => self.checkpoint(),
            5..8 => self.delete_records(at),
            8..10 => self.truncate(at),
            10..14 => self.sync(at),
            14 => self.start_sync(at),
            _ => self.append(at),
        }
    }

    fn end_process(&mut self) {
        for topic in &mut self.topics {
            topic.partition = None;
            topic.failed = false;
        }
        self.manager = None;
        self.forget_syncs();
    }

    fn fail_power(&mut self) {
        self.end_process();
        self.disk.fail_power();
        self.restart(false);
    }

    fn fail_power_and_start(&mut self) {
        self.end_process();
        self.disk.fail_power();
        self.start(false);
    }

    /// Ends the process, unless it was stopped, and starts it again.
    fn reopen(&mut self) {
        self.end_process();
        if self.disk.has_lost() {
            // what is read is not what is on the device: only a machine that starts anew can know
            self.disk.fail_power();
            self.restart(false);
        } else {
            self.restart(true);
        }
    }

    /// Starts the process, which finds all that was written, or only what is on the device. A start
    /// that fails is tried once more, as a person would.
    fn restart(&mut self, all: bool) {
        self.start(all);
        if self.disk.has_lost() {
            self.fail_power_and_start();
        } else if self.is_fenced() {
            self.end_process();
            self.start(all);
        }
    }

    fn start(&mut self, all: bool) {
        self.epoch += 1;
        let opened = open_manager(&self.disk);
        let manager = opened.or_else(|_| open_manager(&self.disk)).expect("only one call fails");
        let ids = || self.topics.iter().map(|topic| topic.expected.id);
        let made = (1..=self.topics_made).map(|n| Uuid([n; 16]));
        let deleted = made.filter(|made| ids().all(|id| id != *made)).collect();
        let id_of = |name: &str, _| {
            let of_name = |topic: &&Topic| topic.expected.topic == name;
            self.topics.iter().find(of_name).map(|topic| topic.expected.id)
        };
        let cleared = manager.clear_strays(id_of, &deleted);
        let cleared = cleared.or_else(|_| manager.clear_strays(id_of, &deleted));
        cleared.expect("only one call fails");
        for topic in &mut self.topics {
            let Expected { topic: name, id, .. } = topic.expected;
            let open = || open_partition(&manager, (name, id), self.epoch);
            let opened = open().or_else(|_| open());
            if manager.health().has_failed() || (opened.is_err() && self.disk.has_lost()) {
                break;
            }
            let partition = opened.expect("only one call fails");
            let found = Found::of(&partition);
            // a read may be the call that fails
            let found = found.or_else(|_| Found::of(&partition)).expect("only one call fails");
            let known = Some(&topic.expected);
            let checked = Between { before: known, after: known, all }.check(&found);
            assert_eq!(checked, Ok(()), "{name} after a restart; {:?}", self.disk.failed());
            topic.settle(&found, all);
            topic.partition = Some(partition);
        }
        self.manager = Some(manager);
    }

    fn manager(&self) -> &LogManager {
        self.manager.as_ref().expect("it is open between two steps")
    }

    fn make_topic(&mut self, name: &'static str) {
        self.topics_made += 1;
        let id = Uuid([self.topics_made; 16]);
        let open = || open_partition(self.manager(), (name, id), self.epoch);
        let partition = open().or_else(|_| open()).ok();
        let may_fail = self.is_fenced() || self.disk.has_lost();
        assert!(partition.is_some() || may_fail, "only one call fails");
        let expected = Expected::new(name, id);
        self.topics.push(Topic {
            partition,
            expected,
            sequences: [0; 3],
            failed: false,
            compacted_to: 0,
        });
        if name == compacted::TOPIC {
            self.checkpoint(); // before it the log may be Kafka's, with gaps
        }
    }

    /// Deletes a topic and makes one of the same name.
    fn replace_topic(&mut self, at: usize) {
        let topic = self.topics.remove(at);
        let name = topic.expected.topic;
        if let Some(partition) = &topic.partition {
            let gone = [(Arc::clone(partition), topic.expected.id)];
            if self.manager().delete(&gone).is_err() {
                // the next start finds out: before it, no topic of that name can be made safely
                self.undeleted.push(topic.expected.clone());
                self.mark();
                self.reopen();
            }
        }
        self.mark();
        self.make_topic(name);
    }

    fn append(&mut self, at: usize) {
        let producer = self.rng.usize(0..4);
        let records = self.rng.i32(1..20);
        let (payload, fill) = (self.rng.usize(0..400), self.rng.u8(..));
        let topic = &mut self.topics[at];
        let stamp = topic.sequences.get(producer);
        let stamp = stamp.map(|first| (i64::try_from(producer).unwrap(), 0, *first));
        let bytes = if topic.expected.topic == compacted::TOPIC {
            compacted::batch(&mut self.rng, stamp, (records, self.now_ms)).to_vec()
        } else {
            let timestamp = self.now_ms;
            Spec { records, timestamp, stamp, payload, fill, ..Spec::default() }.bytes()
        };
        let of_transaction = transacted::PRODUCERS.contains(&producer);
        if topic.expected.topic == transacted::TOPIC && of_transaction {
            self.append_batch(at, &transacted::transactional(bytes), Some((producer, records)));
        } else {
            self.append_batch(at, &bytes, Some((producer, records)));
        }
    }

    /// Appends; of a batch with records, who made it and how many they are.
    fn append_batch(&mut self, at: usize, bytes: &[u8], of: Option<(usize, i32)>) {
        let topic = &mut self.topics[at];
        let Some(partition) = &topic.partition else { return };
        let end = partition.offsets().log_end;
        let appended = partition.append(&prepare(bytes), &rules(self.now_ms));
        let batch = placed(bytes, end, self.epoch);
        assert!(appended.is_err() || !topic.failed, "a failed log took a batch");
        match appended {
            Ok(appended) => {
                assert_eq!(appended.base_offset, end);
                topic.expected.current().push(batch);
                if let Some((producer, records)) = of
                    && let Some(next) = topic.sequences.get_mut(producer)
                {
                    *next += records;
                }
            }
            Err(_) if topic.failed => {}
            Err(_) => topic.maybe(|history| history.push(batch)),
        }
    }

    fn sync(&mut self, at: usize) {
        let topic = &mut self.topics[at];
        let Some(partition) = &topic.partition else { return };
        let result = partition.sync();
        topic.ended(result);
    }

    fn checkpoint(&self) {
        let partitions = self.topics.iter().filter_map(|topic| topic.partition.as_deref());
        // one that is not written only costs time
        self.manager().checkpoint(partitions).ok();
    }

    fn delete_records(&mut self, at: usize) {
        let topic = &mut self.topics[at];
        let Some(partition) = topic.partition.clone() else { return };
        let offsets = partition.offsets();
        let to = self.rng.i64(partition.start_due().get()..=offsets.high_watermark.get());
        let deleted = partition.delete_records(RawOffset(to));
        assert!(deleted.is_err() || !topic.failed, "a failed log was trimmed");
        if !topic.failed {
            topic.failed = deleted.is_err();
            topic.expected.starts.1 = topic.expected.starts.1.max(to);
        }
        self.keep_start(at, &partition, deleted.ok());
    }

    /// The log has moved its start, if all went well.
    fn keep_start(&mut self, at: usize, partition: &Partition, moved: Option<Offset>) {
        self.mark();
        let saved = self.manager().checkpoint_starts([partition]);
        let topic = &mut self.topics[at];
        if let (Some(start), Ok(())) = (moved, saved) {
            topic.expected.starts.0 = start.get();
            topic.expected.durable = topic.expected.durable.max(start.get());
        }
        topic.failed |= partition.checkpoint().is_err();
    }

    /// What may be found before may be found afterwards.
    fn compact(&mut self) {
        self.end_syncs(); // it waits for its own
        let compacted = |topic: &&mut Topic| topic.expected.topic == compacted::TOPIC;
        let topic = self.topics.iter_mut().find(compacted).expect("it is always there");
        let Some(partition) = topic.partition.clone() else { return };
        topic.compacted_to = partition.offsets().high_watermark.get(); // it may fail half way
        let cleaned = compacted::clean(&partition, self.now_ms);
        assert!(cleaned.is_err() || !topic.failed, "a failed log was compacted");
        topic.failed |= partition.checkpoint().is_err();
        self.saved += cleaned.unwrap_or(0);
        // one that is not written only costs time
        self.manager().checkpoint_cleaned([&*partition]).ok();
    }

    fn truncate(&mut self, at: usize) {
        let topic = &mut self.topics[at];
        let Some(partition) = topic.partition.clone() else { return };
        let (start, end) = (partition.start_due().get(), partition.offsets().log_end.get());
        let to = self.rng.i64(start.max(end - 40).max(topic.compacted_to.min(end))..=end);
        let manager = self.manager.as_ref().expect("it is open between two steps");
        let cut = manager.truncate(&partition, Offset::new(to).unwrap(), self.now_ms);
        assert!(cut.is_err() || !topic.failed, "a failed log was cut");
        let failed_before = topic.failed;
        topic.failed = partition.checkpoint().is_err();
        self.disregard_syncs(at);
        let topic = &mut self.topics[at];
        if failed_before || (cut.is_err() && !topic.failed) {
            return;
        }
        let mut history = topic.expected.current().clone();
        history.retain(|batch| batch.view.last.get() < to);
        if history.len() < topic.expected.current().len() {
            topic.expected.durable = topic.expected.durable.min(to);
            topic.expected.histories.push(history);
            topic.number_anew();
        }
        topic.expected.durable = topic.expected.durable.min(topic.expected.end());
    }

    /// Ends the process in order and starts it again.
    fn stop(&mut self) {
        let partitions = self.topics.iter().filter_map(|topic| topic.partition.clone());
        let partitions: Vec<_> = partitions.collect();
        if self.manager().close(&partitions).is_ok() {
            for topic in &mut self.topics {
                assert!(!topic.failed, "a stop with a failed log was called clean");
                topic.expected.synced();
            }
        }
        self.mark();
        self.reopen();
    }
}

impl Topic {
    /// A sync has ended.
    fn ended(&mut self, result: io::Result<()>) {
        assert!(result.is_err() || !self.failed, "a failed log was synced");
        match result {
            Ok(()) => self.expected.synced(),
            Err(_) => self.failed = true,
        }
    }

    /// A change that failed may be there or not.
    fn maybe(&mut self, change: impl FnOnce(&mut History)) {
        let without = self.expected.current().clone();
        change(self.expected.current());
        self.expected.histories.push(without);
        self.failed = true;
    }

    /// From now on this is what was written: what a failed append left is there or not, and a power
    /// failure has left what is on the device.
    fn settle(&mut self, found: &Found, all: bool) {
        let known = self
            .expected
            .histories
            .iter()
            .rev()
            .find(|history| found.is_of(self.expected.topic, history));
        let mut history = known.expect("it was checked").clone();
        history.retain(|batch| batch.view.last.get() < found.end);
        self.expected.histories.push(history);
        self.expected.starts.1 = found.start; // another that was asked for has come to nothing
        if !all {
            self.expected.starts = (found.start, found.start);
            self.expected.synced();
        }
        self.number_anew();
    }

    /// Producers go on behind what is in the log.
    fn number_anew(&mut self) {
        self.sequences = [0; 3];
        for batch in self.expected.current().clone() {
            if let Some(stamp) = batch.view.stamp {
                let next = stamp.last.after(1).get();
                self.sequences[usize::try_from(stamp.id.0).unwrap()] = next;
            }
        }
    }
}
