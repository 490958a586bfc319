//! What became of each transaction, so that what was aborted goes and a marker stays as long as
//! there is something that it marks.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ottla_protocol::ids::{Offset, ProducerId};
use ottla_protocol::record::{BatchHeader, ControlType};

/// A transaction that was aborted, and that has data in the log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Aborted {
    pub(crate) producer: ProducerId,
    /// Where its first batch begins.
    pub(crate) first: Offset,
    /// Where its marker is.
    pub(crate) marker: Offset,
}

/// Finds the aborted transactions; is shown the batches of data and the markers, in order.
#[derive(Debug, Default)]
pub(crate) struct Finder {
    open: BTreeMap<ProducerId, Offset>,
    found: Vec<Aborted>,
}

impl Finder {
    /// A batch of records for applications.
    pub(crate) fn on_data(&mut self, header: &BatchHeader, base: Offset) {
        if let (true, Some(id)) = (header.is_transactional(), header.producer_id) {
            self.open.entry(id).or_insert(base);
        }
    }

    /// A control batch; `kind` is what its record says.
    pub(crate) fn on_control(
        &mut self,
        header: &BatchHeader,
        kind: Option<ControlType>,
        marker: Offset,
    ) {
        let (Some(producer), Some(ControlType::Abort | ControlType::Commit)) =
            (header.producer_id, kind)
        else {
            return;
        };
        let first = self.open.remove(&producer);
        if let (Some(first), Some(ControlType::Abort)) = (first, kind) {
            self.found.push(Aborted { producer, first, marker });
        }
    }

    /// Whether a transaction of what was shown has not ended yet.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.open.is_empty()
    }

    /// Those that were aborted, by their first batch.
    pub(crate) fn finish(mut self) -> Vec<Aborted> {
        self.found.sort_by_key(|aborted| aborted.first);
        self.found
    }
}

/// Tells, batch by batch, what is of no use any more.
#[derive(Debug)]
pub(crate) struct Transactions {
    /// Those that begin later, by their first batch.
    coming: VecDeque<Aborted>,
    /// The aborted ones that have begun; whether data of theirs was met.
    aborted: BTreeMap<ProducerId, bool>,
    /// Who has data that is not of an aborted transaction, and no marker yet.
    committed: BTreeSet<ProducerId>,
}

impl Transactions {
    /// For a walk over batches from `from` on.
    pub(crate) fn new(aborted: &[Aborted], from: Offset) -> Self {
        let coming = aborted.iter().filter(|aborted| aborted.marker >= from).copied().collect();
        Self { coming, aborted: BTreeMap::new(), committed: BTreeSet::new() }
    }

    /// A batch of records for applications; true if they were aborted.
    pub(crate) fn on_data(&mut self, header: &BatchHeader) -> bool {
        self.begin(header);
        let (true, Some(id)) = (header.is_transactional(), header.producer_id) else {
            return false;
        };
        if let Some(met) = self.aborted.get_mut(&id) {
            *met = true;
            return true;
        }
        self.committed.insert(id);
        false
    }

    /// A control batch, and what its record says; true if nothing in the log needs it any more.
    pub(crate) fn on_control(&mut self, header: &BatchHeader, kind: Option<ControlType>) -> bool {
        self.begin(header);
        let Some(kind) = kind else { return true }; // it was emptied before
        let Some(id) = header.producer_id else { return false };
        match kind {
            // what was met goes now, the marker at the next time
            ControlType::Abort => !self.aborted.remove(&id).unwrap_or(false),
            ControlType::Commit => !self.committed.remove(&id),
            _ => false,
        }
    }

    fn begin(&mut self, header: &BatchHeader) {
        let Some(last) = header.last_offset() else { return };
        while let Some(next) = self.coming.front().filter(|next| next.first <= last) {
            self.aborted.entry(next.producer).or_insert(false);
            self.coming.pop_front();
        }
    }
}
