//! Syncs that take their time, transactions that end, and records that leave by age and by size.

use std::io;
use std::sync::{Arc, Mutex};

use ottla_protocol::ids::{Offset, Uuid};

use super::super::expected::COMMIT_TOPIC;
use super::super::transacted;
use super::Script;

/// A sync that was started.
pub(super) struct Started {
    topic: Uuid,
    /// Where the log ended then.
    end: i64,
    ended: Arc<Mutex<Option<io::Result<()>>>>,
}

impl Script {
    /// Lets syncs wait that are started from now on, or ends those that do.
    pub(super) fn hold_or_end_syncs(&mut self) {
        if self.disk.is_holding() {
            self.end_syncs();
        } else {
            self.disk.hold_syncs();
        }
    }

    pub(super) fn end_syncs(&mut self) {
        self.disk.end_syncs(|| Ok(()));
        self.note_ended();
    }

    /// The process is gone, and with it who waits for a sync.
    pub(super) fn forget_syncs(&mut self) {
        self.disk.end_process();
        self.started.clear();
    }

    pub(super) fn start_sync(&mut self, at: usize) {
        let topic = &mut self.topics[at];
        let Some(partition) = &topic.partition else { return };
        let end = partition.offsets().log_end.get();
        let ended = Arc::new(Mutex::new(None));
        let told = Arc::clone(&ended);
        let started = partition.start_sync(Box::new(move |result: io::Result<()>| {
            *told.lock().unwrap() = Some(result);
        }));
        assert!(started.is_err() || !topic.failed, "a failed log is synced");
        topic.failed |= started.is_err();
        if started.is_ok() {
            self.started.push(Started { topic: topic.expected.id, end, ended });
        }
        self.note_ended();
    }

    /// What is on the device since syncs have ended.
    fn note_ended(&mut self) {
        self.started.retain(|started| {
            let Some(result) = started.ended.lock().unwrap().take() else { return true };
            let mut topics = self.topics.iter_mut();
            let topic = topics.find(|topic| topic.expected.id == started.topic);
            if let Some(topic) = topic.filter(|topic| !topic.failed) {
                topic.failed = result.is_err();
                if result.is_ok() {
                    topic.expected.synced_to(started.end);
                }
            }
            false
        });
    }

    /// The log was cut: what a sync that began before has brought to the device may be something
    /// else.
    pub(super) fn disregard_syncs(&mut self, at: usize) {
        let id = self.topics[at].expected.id;
        self.started.retain(|started| started.topic != id);
    }

    /// What is acknowledged where that is asked for is on the device.
    pub(super) fn note_acknowledged(&mut self) {
        let working = self.topics.iter_mut().filter(|topic| !topic.failed);
        for topic in working.filter(|topic| topic.expected.topic == COMMIT_TOPIC) {
            let Some(partition) = &topic.partition else { continue };
            let ends = topic.expected.current().iter().map(|batch| batch.view.last.next());
            let told = |end: &Offset| partition.is_durable(*end) == Ok(true);
            if let Some(end) = ends.rev().find(told) {
                topic.expected.synced_to(end.get());
            }
        }
    }

    /// Lets old records go, and large logs get smaller.
    pub(super) fn retain(&mut self, at: usize) {
        let topic = &mut self.topics[at];
        let Some(partition) = topic.partition.clone() else { return };
        let moved = partition.retain(self.now_ms);
        assert!(!(moved && topic.failed), "a failed log was trimmed");
        topic.failed |= partition.checkpoint().is_err();
        let start = partition.start_due();
        topic.expected.starts.1 = topic.expected.starts.1.max(start.get());
        self.retained += usize::from(moved);
        self.keep_start(at, &partition, Some(start).filter(|_| moved));
    }

    /// Ends a transaction, be one open or not.
    pub(super) fn end_transaction(&mut self) {
        let has_some = |topic: &super::Topic| topic.expected.topic == transacted::TOPIC;
        let at = self.topics.iter().position(has_some).expect("it is always there");
        let producer = self.rng.usize(transacted::PRODUCERS);
        let marker = transacted::marker(producer, self.rng.bool(), self.now_ms);
        self.append_batch(at, &marker, None);
    }
}
