//! What a partition remembers of idempotent producers: a ledger, written by the batches themselves.
//!
//! [`Producers::decide`] tells a new batch from a retry, [`Producers::apply`] takes note of one
//! that was appended; recovery applies what it finds in the log.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ottla_protocol::ids::{CoordinatorEpoch, Offset, ProducerEpoch, ProducerId, Sequence};

use super::batch::{BatchStamp, BatchView};
use super::transactions::{Ended, Marker};

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
    /// The newest is the last. None since the end of a transaction has raised the epoch.
    pub(crate) batches: VecDeque<Remembered>,
    /// Of the coordinator that ended its last transaction.
    pub(crate) coordinator_epoch: Option<CoordinatorEpoch>,
    /// The first offset of its open transaction.
    pub(crate) open_since: Option<Offset>,
    /// Largest time in its last batch, or of the marker that came after it, milliseconds since
    /// 1970; -1 for none.
    pub(crate) last_timestamp: i64,
    /// Wall time of its last append. Not the time in the records, as in Kafka, where a producer
    /// of old records is forgotten at once.
    pub(crate) last_seen_ms: i64,
}

impl ProducerEntry {
    fn new(epoch: ProducerEpoch, now_ms: i64) -> Self {
        Self {
            epoch,
            batches: VecDeque::with_capacity(REMEMBERED_MAX),
            coordinator_epoch: None,
            open_since: None,
            last_timestamp: -1,
            last_seen_ms: now_ms,
        }
    }
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
pub(crate) struct Producers {
    by_id: BTreeMap<ProducerId, ProducerEntry>,
    /// Where open transactions begin.
    open: BTreeSet<Offset>,
}

impl Producers {
    /// Tells a new batch from a retry.
    pub(crate) fn decide(&self, stamp: &BatchStamp) -> Result<Decision, SequenceError> {
        let Some(known) = self.by_id.get(&stamp.id) else {
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

    /// Takes note of a batch that was appended at wall time `now_ms`; says which transaction it
    /// ends.
    pub(crate) fn apply(&mut self, batch: &BatchView, now_ms: i64) -> Option<Ended> {
        if let Some(marker) = &batch.marker {
            return self.end(marker, batch, now_ms);
        }
        let stamp = batch.stamp?;
        let remembered = Remembered {
            first: stamp.first,
            last: stamp.last,
            base_offset: batch.base,
            last_offset: batch.last,
            max_timestamp: batch.max_timestamp,
        };
        let entry = self.by_id.entry(stamp.id);
        let entry = entry.or_insert_with(|| ProducerEntry::new(stamp.epoch, now_ms));
        if entry.epoch != stamp.epoch {
            entry.epoch = stamp.epoch;
            entry.batches.clear();
        }
        if entry.batches.len() == REMEMBERED_MAX {
            entry.batches.pop_front();
        }
        entry.batches.push_back(remembered);
        entry.last_timestamp = batch.max_timestamp;
        entry.last_seen_ms = now_ms;
        assert!(entry.batches.len() <= REMEMBERED_MAX);
        if batch.transactional && entry.open_since.is_none() {
            entry.open_since = Some(batch.base);
            self.open.insert(batch.base);
        }
        None
    }

    /// `batch` is a marker. Nothing has ended where the producer had written nothing.
    fn end(&mut self, marker: &Marker, batch: &BatchView, now_ms: i64) -> Option<Ended> {
        let last = batch.last;
        let Marker { id, epoch, committed, coordinator_epoch } = *marker;
        let entry = self.by_id.entry(id).or_insert_with(|| ProducerEntry::new(epoch, now_ms));
        if entry.epoch < epoch {
            entry.epoch = epoch;
            entry.batches.clear();
        }
        entry.coordinator_epoch = Some(coordinator_epoch);
        entry.last_timestamp = batch.max_timestamp;
        entry.last_seen_ms = now_ms;
        let first = entry.open_since.take()?;
        self.open.remove(&first);
        let stable = self.first_open().unwrap_or_else(|| last.next());
        Some(Ended { id, first, last, committed, stable })
    }

    /// The first offset of all open transactions.
    pub(crate) fn first_open(&self) -> Option<Offset> {
        self.open.first().copied()
    }

    /// Forgets the producers that have appended nothing for `expiration_ms`, and have no transaction
    /// open.
    pub(crate) fn expire(&mut self, now_ms: i64, expiration_ms: i64) {
        self.by_id.retain(|_, entry| {
            entry.open_since.is_some() || now_ms.saturating_sub(entry.last_seen_ms) < expiration_ms
        });
    }

    /// Puts in what a snapshot says of a producer.
    pub(crate) fn insert(&mut self, id: ProducerId, entry: ProducerEntry) {
        self.open.extend(entry.open_since);
        self.by_id.insert(id, entry);
    }

    /// Each producer, in the order of their ids.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ProducerId, &ProducerEntry)> {
        self.by_id.iter().map(|(id, entry)| (*id, entry))
    }

    /// Whether no producer is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Gives each producer back its older batches, which a snapshot leaves out, where `earlier`,
    /// made from the log, has seen the same last batch.
    pub(crate) fn complete_from(&mut self, earlier: &Self) {
        for (id, entry) in &mut self.by_id {
            let Some(seen) = earlier.by_id.get(id) else { continue };
            // the time is that of a marker, if one came after the batch, and compaction may have taken
            // its youngest record
            let place = |entry: &ProducerEntry| {
                let last = entry.batches.back()?;
                Some((last.first, last.last, last.base_offset, last.last_offset))
            };
            if seen.epoch == entry.epoch && place(seen) == place(entry) {
                entry.batches.clone_from(&seen.batches);
            }
        }
    }
}

#[cfg(test)]
mod tests;
