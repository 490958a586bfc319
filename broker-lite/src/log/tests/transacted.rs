//! A topic with transactions: what readers of committed records are given after a restart.

use std::collections::BTreeMap;

use ottla_protocol::ids::{CoordinatorEpoch, ProducerEpoch, ProducerId, Timestamp};
use ottla_protocol::record::EndTxnMarker;

use super::expected::{Found, History};
use super::transactions::consume;
use crate::log::transactions::Marker;
use crate::replica::partition::Partition;

/// The topic that has transactions.
pub(super) const TOPIC: &str = "a";

/// Producers of transactions; the others write without.
pub(super) const PRODUCERS: std::ops::Range<usize> = 1..3;

/// Makes a batch one of a transaction.
pub(super) fn transactional(mut batch: Vec<u8>) -> Vec<u8> {
    batch[22] |= 0x10; // attributes
    let checksum = crc32c::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&checksum.to_be_bytes());
    batch
}

/// The end of a transaction.
pub(super) fn marker(producer: usize, committed: bool, now_ms: i64) -> Vec<u8> {
    let marker = EndTxnMarker { committed, coordinator_epoch: CoordinatorEpoch(3) };
    let id = ProducerId(i64::try_from(producer).unwrap());
    marker.batch(id, ProducerEpoch(0), Timestamp(now_ms)).unwrap().to_vec()
}

/// What a reader of committed records sees.
#[derive(Debug)]
pub(super) struct Committed {
    /// The last stable offset.
    stable: i64,
    /// First offsets of the batches.
    bases: Vec<i64>,
}

impl Committed {
    pub(super) fn of(partition: &Partition) -> Result<Self, String> {
        let offsets = partition.offsets();
        let (start, stable) = (offsets.log_start.get(), offsets.last_stable.get());
        Ok(Self { stable, bases: consume(partition, start, stable, 2_000)? })
    }
}

/// Whether a reader of committed records of `found` sees what it has to, if that is how `history`
/// begins. An open transaction may be forgotten as far as it lies before the start.
pub(super) fn fits(found: &Found, history: &History) -> bool {
    let Some(seen) = &found.committed else { return true };
    let known = || history.iter().take_while(|batch| batch.end() <= found.end);
    let mut open = BTreeMap::new();
    // first offsets of those that are open: as they are, and as far as they are not deleted
    for batch in known() {
        if let Some(marker) = Marker::of(&batch.bytes) {
            open.remove(&marker.id);
        } else if let Some(stamp) = batch.view.stamp.filter(|_| batch.view.transactional) {
            let base = batch.view.base.get();
            let (_, left) = open.entry(stamp.id).or_insert((base, None));
            if batch.end() > found.start {
                left.get_or_insert(base);
            }
        }
    }
    let stable = |first: Option<i64>| first.map_or(found.end, |first| first.max(found.start));
    let all = stable(open.values().map(|(first, _)| *first).min());
    let left = stable(open.values().filter_map(|(_, left)| *left).min());
    if seen.stable != all && seen.stable != left {
        return false;
    }
    // backwards, so that the end of a transaction comes first
    let (mut ends, mut bases) = (BTreeMap::new(), Vec::new());
    for batch in known().collect::<Vec<_>>().into_iter().rev() {
        let (view, base) = (&batch.view, batch.view.base.get());
        if let Some(marker) = Marker::of(&batch.bytes) {
            ends.insert(marker.id, marker.committed);
            continue;
        }
        let committed = match view.stamp.filter(|_| view.transactional) {
            Some(stamp) => ends.get(&stamp.id) == Some(&true),
            None => true,
        };
        let in_reach = batch.end() > found.start && base < seen.stable;
        if committed && in_reach && found.start < seen.stable {
            bases.push(base);
        }
    }
    bases.reverse();
    bases == seen.bases
}
