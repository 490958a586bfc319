//! How the records of one batch learn their fate: they share one [`BatchCompletion`], so that an
//! acknowledgement costs one store and one wake-up for each task that waits, not for each record.

use core::fmt;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::sync::atomic::{AtomicU32, Ordering};
use core::task::{Context, Poll, Waker};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use ottla_protocol::Str;
use ottla_protocol::ids::{Offset, PartitionIndex, Timestamp};

use super::error::SendError;

/// Where a record is in the log.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[non_exhaustive]
pub struct RecordMetadata {
    /// The topic.
    pub topic: Str,
    /// The partition.
    pub partition: PartitionIndex,
    /// The record's offset; `None` if the broker did not say: with [`super::Acks::None`], and for a
    /// retry of a batch so old that the broker only remembers having it.
    pub offset: Option<Offset>,
    /// The record's timestamp: the broker's with `message.timestamp.type=LogAppendTime`, else its
    /// own.
    pub timestamp: Timestamp,
}

/// What a broker said of the records that one request carried for a partition.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Receipt {
    /// Offset of the first of them.
    pub(crate) base_offset: Option<Offset>,
    /// The broker's time, if it put it in place of theirs.
    pub(crate) log_append_time: Option<Timestamp>,
}

/// Why records that travelled together were not acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) error: SendError,
    /// If the broker named culprits (KIP-467): their places in the batch and its words. The error
    /// is theirs then; the others shared their fate ([`SendError::InBadCompany`]).
    pub(crate) culprits: Vec<(u32, Option<Str>)>,
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        Self { error, culprits: Vec::new() }
    }
}

/// What becomes of one record.
type Outcome = Result<RecordMetadata, SendError>;

/// The fate of records.
pub(crate) type Fate = Result<Receipt, Arc<Failure>>;

/// A run of records of one batch, and their fate.
#[derive(Debug)]
struct Part {
    first: u32,
    records: u32,
    fate: Fate,
}

impl Part {
    fn holds(&self, index: u32) -> bool {
        index >= self.first && index - self.first < self.records
    }
}

/// What the records of one batch share.
#[derive(Debug)]
pub(crate) struct BatchCompletion {
    topic: Str,
    partition: PartitionIndex,
    /// Timestamp of the first record.
    base_timestamp: Timestamp,
    /// How many records the batch has; 0 while it may still grow.
    records: AtomicU32,
    /// Set once if all of them share one fate, which is the rule.
    whole: OnceLock<Part>,
    rest: Mutex<Rest>,
}

#[derive(Debug, Default)]
struct Rest {
    /// Fates of runs of records: a batch too large for the broker was split.
    parts: Vec<Part>,
    /// Who waits for the record at an index.
    waiting: BTreeMap<u32, Waker>,
    /// Who waits for all of them.
    waiting_for_all: Vec<Waker>,
    /// Timestamps too far from the first to fit in a [`Delivery`].
    far_timestamps: Vec<(u32, Timestamp)>,
}

/// In place of a distance from the first timestamp: look in `far_timestamps`.
const FAR: i32 = i32::MIN;

impl BatchCompletion {
    pub(crate) fn new(topic: Str, partition: PartitionIndex, base_timestamp: Timestamp) -> Self {
        Self {
            topic,
            partition,
            base_timestamp,
            records: AtomicU32::new(0),
            whole: OnceLock::new(),
            rest: Mutex::default(),
        }
    }

    fn rest(&self) -> MutexGuard<'_, Rest> {
        // nothing panics while holding it
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The handle of the record at `index`.
    #[inline]
    pub(crate) fn delivery(self: &Arc<Self>, index: u32, timestamp: Timestamp) -> Delivery {
        let distance = timestamp.0.wrapping_sub(self.base_timestamp.0);
        let timestamp_delta = match i32::try_from(distance) {
            Ok(delta) if delta != FAR => delta,
            _ => self.note_far(index, timestamp),
        };
        Delivery { completion: Arc::clone(self), index, timestamp_delta }
    }

    #[cold]
    fn note_far(&self, index: u32, timestamp: Timestamp) -> i32 {
        self.rest().far_timestamps.push((index, timestamp));
        FAR
    }

    /// Says how many records there are. Comes before the first [`BatchCompletion::resolve`].
    pub(crate) fn close(&self, records: u32) {
        debug_assert!(records > 0, "an empty batch goes nowhere");
        self.records.store(records, Ordering::Release);
    }

    /// How many records there are; 0 while the batch may still grow.
    pub(crate) fn records(&self) -> u32 {
        self.records.load(Ordering::Acquire)
    }

    /// Decides the fate of `records` records from `first` on, and wakes who waits for them.
    pub(crate) fn resolve(&self, first: u32, records: u32, fate: Fate) {
        let all = self.records();
        debug_assert!(all > 0 && records > 0 && first + records <= all, "part of a closed batch");
        let part = Part { first, records, fate };
        let mut wakers = Vec::new();
        {
            let mut rest = self.rest();
            if records == all {
                let set = self.whole.set(part);
                debug_assert!(set.is_ok(), "a fate is decided once");
                wakers.extend(core::mem::take(&mut rest.waiting).into_values());
            } else {
                let later = rest.waiting.split_off(&first);
                let (mine, others): (BTreeMap<_, _>, _) =
                    later.into_iter().partition(|(index, _)| part.holds(*index));
                rest.waiting.extend(others);
                wakers.extend(mine.into_values());
                debug_assert!(!rest.parts.iter().any(|p| p.holds(first)), "decided once");
                rest.parts.push(part);
            }
            if self.unresolved(&rest) == 0 {
                wakers.append(&mut rest.waiting_for_all);
            }
        }
        wakers.into_iter().for_each(Waker::wake);
    }

    /// How many records still wait for their fate, of a batch that is closed.
    fn unresolved(&self, rest: &Rest) -> u32 {
        let decided: u32 = match self.whole.get() {
            Some(part) => part.records,
            None => rest.parts.iter().map(|part| part.records).sum(),
        };
        self.records().saturating_sub(decided)
    }

    /// The timestamp of one of its records.
    fn timestamp_of(&self, delivery: &Delivery) -> Timestamp {
        if delivery.timestamp_delta != FAR {
            let delta = i64::from(delivery.timestamp_delta);
            return Timestamp(self.base_timestamp.0.wrapping_add(delta));
        }
        let rest = self.rest();
        let far = rest.far_timestamps.iter().find(|(index, _)| *index == delivery.index);
        far.map_or(self.base_timestamp, |(_, timestamp)| *timestamp)
    }

    /// How many records still wait for their fate; none of a batch that may still grow.
    pub(crate) fn unsettled(&self) -> u32 {
        self.unresolved(&self.rest())
    }

    /// Whether each record has its fate.
    pub(crate) fn is_settled(&self) -> bool {
        self.records() > 0 && self.unsettled() == 0
    }

    pub(crate) fn partition(&self) -> PartitionIndex {
        self.partition
    }

    /// Waits until each record has its fate: how many failed, and why the first did. Cancel safe.
    pub(crate) async fn settled(&self) -> Option<(u32, SendError)> {
        poll_fn(|cx| {
            let mut rest = self.rest();
            if self.records() == 0 || self.unresolved(&rest) > 0 {
                if !rest.waiting_for_all.iter().any(|waker| waker.will_wake(cx.waker())) {
                    rest.waiting_for_all.push(cx.waker().clone());
                }
                return Poll::Pending;
            }
            let parts = self.whole.get().into_iter().chain(&rest.parts);
            let failed = parts.filter_map(|p| p.fate.as_ref().err().map(|why| (p.records, why)));
            Poll::Ready(failed.fold(None, |sum, (records, why)| {
                let (before, first) = sum.unwrap_or_else(|| (0, why.error.clone()));
                Some((before + records, first))
            }))
        })
        .await
    }
}

impl BatchCompletion {
    /// What `fate` means for one of the records from `first` on.
    fn outcome(&self, delivery: &Delivery, first: u32, fate: Fate) -> Outcome {
        let place = delivery.index - first;
        let receipt = fate.map_err(|failure| failure.of(place))?;
        Ok(RecordMetadata {
            topic: self.topic.clone(),
            partition: self.partition,
            offset: receipt.base_offset.map(|base| base.after(place)),
            timestamp: receipt.log_append_time.unwrap_or_else(|| self.timestamp_of(delivery)),
        })
    }
}

impl Failure {
    fn of(&self, place: u32) -> SendError {
        if self.culprits.is_empty() {
            return self.error.clone();
        }
        match (self.culprits.iter().find(|(index, _)| *index == place), &self.error) {
            (Some((_, Some(words))), SendError::Refused { code, .. }) => {
                SendError::Refused { code: *code, message: Some(words.clone()) }
            }
            (None, SendError::Refused { code, .. }) => SendError::InBadCompany { code: *code },
            _ => self.error.clone(),
        }
    }
}

/// The receipt of one enqueued record: a future of where it is in the log.
///
/// Sixteen bytes. Dropping it changes nothing: the record is on its way. Cancel safe.
pub struct Delivery {
    completion: Arc<BatchCompletion>,
    index: u32,
    timestamp_delta: i32,
}

impl Delivery {
    /// What became of the record, if that is known already.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        if let Some(part) = self.completion.whole.get() {
            return Some(self.completion.outcome(self, part.first, part.fate.clone()));
        }
        if self.completion.records() == 0 {
            return None; // still open: no need for the lock
        }
        let (first, fate) = {
            let rest = self.completion.rest();
            let part = rest.parts.iter().find(|part| part.holds(self.index))?;
            (part.first, part.fate.clone())
        };
        Some(self.completion.outcome(self, first, fate))
    }

    /// Whether all records of its batch were acknowledged, as far as they share one fate.
    pub(super) fn is_batch_acknowledged(&self) -> bool {
        self.completion.whole.get().is_some_and(|part| part.fate.is_ok())
    }

    /// Whether `other` is of the same batch, `distance` records behind this one.
    pub(super) fn is_followed_by(&self, other: &Self, distance: u32) -> bool {
        let same = Arc::ptr_eq(&self.completion, &other.completion);
        same && other.index == self.index + distance
    }

    /// Goes on to the next record of the batch, of whose timestamp it knows nothing.
    pub(super) fn advance(&mut self) {
        self.index += 1;
    }

    /// The partition the record went to.
    #[must_use]
    pub fn partition(&self) -> PartitionIndex {
        self.completion.partition
    }
}

impl Future for Delivery {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(outcome) = self.outcome() {
            return Poll::Ready(outcome);
        }
        let batch = &self.completion;
        let mut rest = batch.rest();
        if batch.whole.get().is_some() || rest.parts.iter().any(|part| part.holds(self.index)) {
            drop(rest);
            return self.poll(cx); // decided between the two looks
        }
        match rest.waiting.get_mut(&self.index) {
            Some(waker) => waker.clone_from(cx.waker()),
            None => drop(rest.waiting.insert(self.index, cx.waker().clone())),
        }
        Poll::Pending
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let batch = &self.completion;
        write!(f, "Delivery({}-{}: {:?})", batch.topic, batch.partition, self.outcome())
    }
}

#[cfg(test)]
#[path = "delivery_tests.rs"]
mod tests;
