//! What a partition remembers of idempotent producers: a ledger, written by the batches themselves.
//!
//! [`Producers::decide`] tells a new batch from a retry, [`Producers::apply`] takes note of one
//! that was appended; recovery applies what it finds in the log.

use std::collections::{BTreeMap, VecDeque};

use ottla_protocol::ids::{Offset, ProducerEpoch, ProducerId, Sequence};

use super::batch::{BatchStamp, BatchView};

/// Batches remembered of each producer: as many as a client may have in flight (KIP-98).
pub(crate) const REMEMBERED_MAX: usize = 5;

/// A batch in the log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Remembered {
    pub(crate) first: Sequence,
    pub(crate) last: Sequence,
    pub(crate) base_offset: Offset,
    pub(crate) last_offset: Offset,
    /// Largest timestamp in it, milliseconds since 1970; -1 for none.
    pub(crate) max_timestamp: i64,
}

/// What is known of one producer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ProducerEntry {
    pub(crate) epoch: ProducerEpoch,
    /// Never empty; the newest is the last.
    pub(crate) batches: VecDeque<Remembered>,
    /// Wall time of its last append. Not the time in the records, as in Kafka, where a producer
    /// of old records is forgotten at once.
    pub(crate) last_seen_ms: i64,
}

/// What to do with a batch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Decision {
    /// It is new.
    Append,
    /// It is in the log, here.
    Duplicate(Remembered),
}

/// Why a batch of an idempotent producer is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum SequenceError {
    #[error("producer {id} has epoch {current}, the batch has {given}")]
    OldEpoch { id: ProducerId, current: ProducerEpoch, given: ProducerEpoch },
    #[error("producer {id}: sequence {given} came where {due} was due")]
    OutOfOrder { id: ProducerId, due: Sequence, given: Sequence },
}

/// The producers of one partition.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Producers(BTreeMap<ProducerId, ProducerEntry>);

impl Producers {
    /// Tells a new batch from a retry.
    pub(crate) fn decide(&self, stamp: &BatchStamp) -> Result<Decision, SequenceError> {
        let Some(known) = self.0.get(&stamp.id) else {
            return Ok(Decision::Append); // forgotten or new: any sequence starts it
        };
        let BatchStamp { id, epoch, first, last } = *stamp;
        if epoch < known.epoch {
            return Err(SequenceError::OldEpoch { id, current: known.epoch, given: epoch });
        }
        if epoch == known.epoch {
            let same = |batch: &&Remembered| batch.first == first && batch.last == last;
            if let Some(batch) = known.batches.iter().find(same) {
                return Ok(Decision::Duplicate(*batch));
            }
        }
        let due = match known.batches.back() {
            Some(newest) if epoch == known.epoch => newest.last.after(1),
            _ => Sequence::ZERO,
        };
        if first == due {
            Ok(Decision::Append)
        } else {
            Err(SequenceError::OutOfOrder { id, due, given: first })
        }
    }

    /// Takes note of a batch that was appended at wall time `now_ms`.
    pub(crate) fn apply(&mut self, batch: &BatchView, now_ms: i64) {
        let Some(stamp) = batch.stamp else { return };
        let remembered = Remembered {
            first: stamp.first,
            last: stamp.last,
            base_offset: batch.base,
            last_offset: batch.last,
            max_timestamp: batch.max_timestamp,
        };
        let entry = self.0.entry(stamp.id).or_insert_with(|| ProducerEntry {
            epoch: stamp.epoch,
            batches: VecDeque::with_capacity(REMEMBERED_MAX),
            last_seen_ms: now_ms,
        });
        if entry.epoch != stamp.epoch {
            entry.epoch = stamp.epoch;
            entry.batches.clear();
        }
        if entry.batches.len() == REMEMBERED_MAX {
            entry.batches.pop_front();
        }
        entry.batches.push_back(remembered);
        entry.last_seen_ms = now_ms;
        assert!(entry.batches.len() <= REMEMBERED_MAX);
    }

    /// Forgets the producers that have appended nothing for `expiration_ms`.
    pub(crate) fn expire(&mut self, now_ms: i64, expiration_ms: i64) {
        self.0.retain(|_, entry| now_ms.saturating_sub(entry.last_seen_ms) < expiration_ms);
    }

    /// Puts in what a snapshot says of a producer.
    pub(crate) fn insert(&mut self, id: ProducerId, entry: ProducerEntry) {
        assert!(!entry.batches.is_empty());
        self.0.insert(id, entry);
    }

    /// Each producer, in the order of their ids.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ProducerId, &ProducerEntry)> {
        self.0.iter().map(|(id, entry)| (*id, entry))
    }

    /// Whether no producer is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives each producer back its older batches, which a snapshot leaves out, where `earlier`,
    /// made from the log, has seen the same last batch.
    pub(crate) fn complete_from(&mut self, earlier: &Self) {
        for (id, entry) in &mut self.0 {
            let Some(seen) = earlier.0.get(id) else { continue };
            if seen.epoch == entry.epoch && seen.batches.back() == entry.batches.back() {
                entry.batches.clone_from(&seen.batches);
            }
        }
    }
}

#[cfg(test)]
mod tests;
