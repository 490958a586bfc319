//! Reads the headers of what a response has for one partition: where each batch ends, which offset
//! comes next, what the application may see. The records are left alone.

use std::collections::{BTreeSet, VecDeque};

use bytes::Bytes;
use ottla_protocol::ids::{Offset, ProducerId};
use ottla_protocol::messages::fetch::AbortedTransaction;
use ottla_protocol::record::{BatchHeader, split_batches};

use super::shelf::{Batch, Fetched, FrameId, Pin};
use crate::consumer::decode::{BatchFault, is_abort_marker};
use crate::consumer::subscription::Reached;

/// Which transactional batches belong to transactions that were aborted (KIP-98).
///
/// The leader lists the aborted transactions of what it returns by where they begin; each ends at
/// its producer's abort marker. A commit marker ends none of them: it belongs to a transaction of
/// that producer that is not in the list.
#[derive(Debug, Default)]
pub(super) struct AbortFilter {
    /// By first offset.
    coming: VecDeque<(Offset, ProducerId)>,
    open: BTreeSet<ProducerId>,
}

impl AbortFilter {
    pub(super) fn new(aborted: Option<Vec<AbortedTransaction>>) -> Self {
        let mut coming: Vec<_> = (aborted.into_iter().flatten())
            .map(|t| (t.first_offset.unwrap_or(Offset::ZERO), t.producer_id))
            .collect();
        coming.sort_unstable();
        Self { coming: coming.into(), open: BTreeSet::new() }
    }

    /// Whether the records of this batch are not for the application.
    fn hides(&mut self, header: &BatchHeader, last: Offset, bytes: &Bytes) -> bool {
        while let Some(&(first, producer)) = self.coming.front()
            && first <= last
        {
            self.coming.pop_front();
            self.open.insert(producer);
        }
        if header.is_control() {
            if let Some(producer) = header.producer_id
                && self.open.contains(&producer)
                && is_abort_marker(bytes)
            {
                self.open.remove(&producer);
            }
            return true;
        }
        header.is_transactional() && header.producer_id.is_some_and(|p| self.open.contains(&p))
    }
}

/// Cuts `records` into batches and calls `found` for each that has something at `from` or above.
/// Returns what to fetch next; `from` if nothing was found.
///
/// A tail that was cut short is not an error: the leader cuts at its limits.
pub(super) fn scan(
    records: Bytes,
    from: Reached,
    mut filter: AbortFilter,
    frame: FrameId,
    mut found: impl FnMut(Fetched),
) -> Reached {
    let Reached { offset: mut next, mut epoch } = from;
    for bytes in split_batches(records) {
        let parsed = bytes.and_then(|bytes| Ok((BatchHeader::parse(&bytes)?, bytes)));
        let (header, bytes) = match parsed {
            Ok(parsed) => parsed,
            Err(error) => {
                found(Fetched::Broken { offset: next, fault: BatchFault::from(error) });
                break;
            }
        };
        let Some((base, last)) = span(&header) else {
            found(Fetched::Broken { offset: next, fault: BatchFault::Offsets });
            break;
        };
        let hidden = filter.hides(&header, last, &bytes);
        if last < next {
            continue; // the leader may begin with batches that end before what was asked for
        }
        if base < next && next > from.offset {
            found(Fetched::Broken { offset: next, fault: BatchFault::Offsets });
            break; // two batches that overlap
        }
        let wanted = base.max(next);
        (next, epoch) = (last.next(), header.partition_leader_epoch);
        let pin = Pin { frame, bytes: bytes.len() };
        found(Fetched::Batch(Batch { bytes, from: wanted, next, hidden, pin }));
    }
    Reached { offset: next, epoch }
}

/// The first and last offset that the header says it covers; `None` if it cannot be.
fn span(header: &BatchHeader) -> Option<(Offset, Offset)> {
    let (base, last) = (Offset::new(header.base_offset)?, header.last_offset()?);
    (last < Offset::MAX).then_some((base, last))
}
