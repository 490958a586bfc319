//! What the outbox knows of one partition.

use ottla_protocol::ids::{LeaderEpoch, NodeId};
use ottla_runtime::Instant;

use super::error::Obstacle;
use super::sequencer::Sequencer;
use crate::backoff::Backoff;

/// Names a partition inside the outbox: its topic's place, its index.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct LaneKey {
    pub(crate) topic: usize,
    pub(crate) partition: u32,
}

/// Who leads a partition.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Leader {
    pub(crate) node: NodeId,
    pub(crate) epoch: Option<LeaderEpoch>,
}

/// One partition: its batches without a fate, and when it may try again.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) sequencer: Sequencer,
    pub(crate) leader: Option<Leader>,
    /// Whether the accumulator has a batch for it.
    pub(crate) waiting: bool,
    /// It backs off until then.
    pub(crate) not_before: Option<Instant>,
    /// Grows with the attempts that failed since the last that did not.
    pub(crate) backoff: Backoff,
    pub(crate) last: Option<Obstacle>,
    /// Where its requests are out. Nothing goes elsewhere before they are answered.
    pub(crate) out_at: Option<NodeId>,
}

impl Lane {
    pub(crate) fn new(idempotent: bool, window: usize, backoff: Backoff) -> Self {
        Self {
            sequencer: Sequencer::new(idempotent, window),
            leader: None,
            waiting: false,
            not_before: None,
            backoff,
            last: None,
            out_at: None,
        }
    }

    /// Whether it has anything to send, now or later.
    pub(crate) fn has_work(&self) -> bool {
        self.waiting || self.sequencer.can_resend()
    }

    /// Whether it may send anything to `node` now.
    pub(crate) fn may_send(&self, node: NodeId, now: Instant) -> bool {
        self.out_at.is_none_or(|at| at == node) && self.not_before.is_none_or(|at| at <= now)
    }

    /// What stands in the way of its records, as far as is known.
    pub(crate) fn obstacle(&self) -> Option<Obstacle> {
        if self.leader.is_none() { Some(Obstacle::NoLeader) } else { self.last.clone() }
    }

    /// Nothing is left to do, and no request is out.
    pub(crate) fn is_idle(&self) -> bool {
        !self.waiting && self.sequencer.is_idle()
    }
}
