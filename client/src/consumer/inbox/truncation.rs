//! Whether the leader's log still is the one that was read (KIP-320).
//!
//! A leader that was elected although it lacked records (`unclean.leader.election.enable`), or that
//! lost them, may have other records below the place where we read on. Every batch carries the
//! epoch of the leader that appended it, and two logs that have a batch of one epoch at one offset
//! are the same before it. So a new leader is asked first where its records of the epoch end that
//! we read last: if that is below, or if it does not have that epoch, its log was cut.
//!
//! What is asked about is the place to fetch next, which may lie ahead of the position. If the
//! leader's log differs there, what was fetched ahead is dropped, which nobody has seen, and the
//! position itself is asked about. Only that says what the application has to know.

use std::collections::BTreeMap;
use std::sync::Arc;

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{LeaderEpoch, NodeId, Offset, PartitionIndex};
use ottla_protocol::messages::fetch::EpochEndOffset;
use ottla_protocol::messages::offset_for_leader_epoch::OffsetForLeaderEpochResponse;

use super::{Inbox, Retry, Seat};
use crate::consumer::error::PollError;
use crate::consumer::subscription::{Assigned, Claim, Position, Reached};
use crate::error::CallError;

/// Asks one broker where epochs end in the logs it leads.
#[derive(Debug)]
pub(crate) struct EpochsOrder {
    id: u64,
    pub(crate) node: NodeId,
    pub(crate) parts: Vec<EpochsPart>,
}

/// A partition and what was read of it.
#[derive(Debug)]
pub(crate) struct EpochsPart {
    claim: Claim,
    pub(crate) topic: Arc<str>,
    pub(crate) partition: PartitionIndex,
    pub(crate) leader_epoch: LeaderEpoch,
    /// The epoch whose end is asked for: that of `reached`.
    pub(crate) epoch: LeaderEpoch,
    reached: Reached,
}

/// The largest epoch, up to one asked for, that a leader has records of, and where they end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct EpochEnd {
    epoch: LeaderEpoch,
    offset: Offset,
}

impl EpochEnd {
    fn new(epoch: Option<LeaderEpoch>, offset: Option<Offset>) -> Option<Self> {
        Some(Self { epoch: epoch?, offset: offset? })
    }

    /// What a fetch was answered in place of records, if it was.
    pub(super) fn of_fetch(diverging: &EpochEndOffset) -> Option<Self> {
        Self::new(diverging.epoch, diverging.end_offset)
    }

    /// Whether a log of which this is true lacks the record before `reached`.
    fn lacks(self, reached: Reached) -> bool {
        self.offset < reached.offset || reached.epoch.is_some_and(|epoch| self.epoch < epoch)
    }
}

impl Seat {
    /// How far the log was read, fetched and not yet handed out included.
    pub(super) fn frontier(&self, assigned: &Assigned) -> Option<Reached> {
        let position = assigned.reached()?;
        Some(self.fetch_from.unwrap_or(position))
    }

    /// What the leader must be asked before anything is fetched from it: its own epoch, the epoch
    /// whose end is of interest, and why. Without epochs there is nothing to ask.
    pub(super) fn question(
        &self,
        assigned: &Assigned,
    ) -> Option<(LeaderEpoch, LeaderEpoch, Reached)> {
        let reached = self.frontier(assigned).filter(|_| self.unchecked)?;
        Some((self.leader?.epoch?, reached.epoch?, reached))
    }
}

impl Inbox {
    /// One order for everything that one broker must be asked; `None` if nothing is to be asked.
    pub(super) fn order_epochs(&mut self) -> Option<EpochsOrder> {
        let id = self.next_order;
        let mut node = None;
        let mut parts = Vec::new();
        for (slot, assigned) in self.subscription.iter() {
            let seat = &mut self.seats[slot];
            let Some((leader_epoch, epoch, reached)) = seat.question(assigned) else { continue };
            let Some(leader) = seat.leader else { continue };
            let same_node = node.is_none_or(|n| n == leader.node);
            if seat.asking.is_some() || !seat.may_ask() || !same_node {
                continue;
            }
            let Some(claim) = self.subscription.claim(slot) else { continue };
            node = Some(leader.node);
            seat.asking = Some(id);
            let topic = Arc::clone(&assigned.partition.topic);
            let partition = assigned.partition.partition;
            parts.push(EpochsPart { claim, topic, partition, leader_epoch, epoch, reached });
        }
        self.next_order += 1;
        Some(EpochsOrder { id, node: node?, parts })
    }

    /// Takes over what the leader answered. Whatever went wrong, the position stays, and the
    /// question too until it is answered; a broker that does not know it is not asked.
    pub(crate) fn on_epochs_reply(
        &mut self,
        order: &EpochsOrder,
        reply: Result<OffsetForLeaderEpochResponse, CallError>,
    ) {
        let mut answers = BTreeMap::new();
        let unknown = matches!(reply, Err(CallError::UnsupportedVersion { .. }));
        match &reply {
            Ok(response) => {
                self.lane(order.node).trouble.succeeded();
                for topic in &response.topics {
                    for p in &topic.partitions {
                        let end = EpochEnd::new(p.leader_epoch, p.end_offset);
                        answers.insert((&*topic.topic, p.partition), (p.error_code, end));
                    }
                }
            }
            Err(_) if unknown => {
                tracing::debug!(node = %order.node, "cannot say if it lost records")
            }
            Err(failure) => self.on_question_failed(order.node, failure.clone()),
        }
        for part in &order.parts {
            let slot = part.claim.slot;
            if self.subscription.claimed(part.claim).is_none()
                || self.seats[slot].asking != Some(order.id)
            {
                continue; // moved, unassigned, or led by another since
            }
            self.seats[slot].asking = None;
            let answer = answers.get(&(&*part.topic, part.partition)).copied();
            match answer {
                _ if unknown => self.seats[slot].unchecked = false,
                Some((ErrorCode::NONE, Some(end))) if !end.lacks(part.reached) => {
                    self.seats[slot].unchecked = false;
                    self.seats[slot].succeeded();
                }
                Some((ErrorCode::NONE, end)) => self.on_divergence(slot, part.reached, end),
                Some((code, _)) => self.on_question_refused(slot, code),
                None => self.on_question_refused(slot, ErrorCode::NONE),
            }
        }
    }

    /// The leader's log differs from what was read up to `reached`; `end` is what both may share.
    pub(super) fn on_divergence(&mut self, slot: usize, reached: Reached, end: Option<EpochEnd>) {
        let Some(assigned) = self.subscription.get(slot) else { return };
        let (partition, position) = (assigned.partition.clone(), reached.offset);
        let ahead = assigned.reached() != Some(reached) || !self.seats[slot].shelf.is_empty();
        let seat = &mut self.seats[slot];
        seat.restart(&mut self.frames);
        if end.is_some_and(|end| !end.lacks(reached)) {
            tracing::warn!(%partition, ?end, "the leader says that its log differs, with no place");
            seat.retry = Retry::Backoff;
            return self.subscription.renew(slot);
        }
        if ahead {
            seat.unchecked = true;
            return self.subscription.renew(slot);
        }
        let below = end.filter(|end| end.offset < position);
        let (diverging, leader_epoch) = (below.map(|end| end.offset), below.map(|end| end.epoch));
        tracing::warn!(%partition, %position, ?diverging, "the log lost records that were read");
        match (self.subscription.policy(), end) {
            (Position::Undefined, _) => {
                self.subscription.move_to(slot, Position::Undefined);
                seat.error =
                    Some(PollError::LogTruncated { partition, position, diverging, leader_epoch });
            }
            (_, Some(EpochEnd { epoch, offset })) => {
                let (offset, epoch) = (offset.min(position), Some(epoch));
                self.subscription.move_to_reached(slot, Reached { offset, epoch });
                seat.unchecked = false;
            }
            (policy, None) => self.subscription.move_to(slot, policy),
        }
    }
}
