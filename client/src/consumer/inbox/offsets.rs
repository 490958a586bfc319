//! Asks leaders where their logs start and end, for partitions that have no position.

use std::collections::BTreeMap;
use std::sync::Arc;

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{LeaderEpoch, NodeId, Offset, PartitionIndex};
use ottla_protocol::messages::list_offsets::ListOffsetsResponse;

use super::{Inbox, Retry};
use crate::consumer::error::PollError;
use crate::consumer::subscription::{Claim, End, Position, Reached};
use crate::error::CallError;

/// Asks one broker for offsets of partitions it leads.
#[derive(Debug)]
pub(crate) struct OffsetsOrder {
    id: u64,
    pub(crate) node: NodeId,
    pub(crate) parts: Vec<OffsetsPart>,
}

/// A partition and the end that is asked for.
#[derive(Debug)]
pub(crate) struct OffsetsPart {
    claim: Claim,
    pub(crate) topic: Arc<str>,
    pub(crate) partition: PartitionIndex,
    pub(crate) leader_epoch: Option<LeaderEpoch>,
    pub(crate) end: End,
}

impl Inbox {
    /// One order for everything that one broker must be asked; `None` if nothing is to be asked.
    pub(super) fn order_offsets(&mut self) -> Option<OffsetsOrder> {
        let id = self.next_order;
        let mut node = None;
        let mut parts = Vec::new();
        for (slot, assigned) in self.subscription.iter() {
            let seat = &mut self.seats[slot];
            let (Position::Ask(end), Some(leader)) = (assigned.position, seat.leader) else {
                continue;
            };
            let same_node = node.is_none_or(|n| n == leader.node);
            if seat.asking.is_some() || !seat.may_ask() || !same_node {
                continue;
            }
            let Some(claim) = self.subscription.claim(slot) else { continue };
            node = Some(leader.node);
            seat.asking = Some(id);
            parts.push(OffsetsPart {
                claim,
                topic: Arc::clone(&assigned.partition.topic),
                partition: assigned.partition.partition,
                leader_epoch: leader.epoch,
                end,
            });
        }
        self.next_order += 1;
        Some(OffsetsOrder { id, node: node?, parts })
    }

    /// Takes over what the leader answered. Whatever went wrong, the policy is not applied again:
    /// the question stays until it is answered.
    pub(crate) fn on_offsets_reply(
        &mut self,
        order: &OffsetsOrder,
        reply: Result<ListOffsetsResponse, CallError>,
    ) {
        let mut answers = BTreeMap::new();
        let failure = match reply {
            Ok(response) => {
                self.lane(order.node).trouble.succeeded();
                for topic in &response.topics {
                    for p in &topic.partitions {
                        let key = (&*topic.name, p.partition_index);
                        answers.insert(key, (p.error_code, p.offset));
                    }
                }
                return self.take_answers(order, &answers);
            }
            Err(failure) => failure,
        };
        self.on_question_failed(order.node, failure);
        self.take_answers(order, &answers);
    }

    /// A broker could not be asked.
    pub(super) fn on_question_failed(&mut self, node: NodeId, failure: CallError) {
        tracing::debug!(%node, error = %failure, "asking for offsets failed");
        let lane = self.lane(node);
        match failure.is_retriable() {
            true => lane.trouble.failed(failure),
            false => lane.error = Some(failure),
        }
    }

    /// The leader does not answer for a partition: it is asked again after a while, and the
    /// application hears of what will not pass by itself.
    pub(super) fn on_question_refused(&mut self, slot: usize, code: ErrorCode) {
        let Some(assigned) = self.subscription.get(slot) else { return };
        let seat = &mut self.seats[slot];
        seat.retry = Retry::Backoff;
        if is_passing(code) {
            self.refresh = true;
        } else {
            let partition = assigned.partition.clone();
            seat.error = Some(PollError::Broker { partition, code });
        }
    }

    fn take_answers(
        &mut self,
        order: &OffsetsOrder,
        answers: &BTreeMap<(&str, PartitionIndex), (ErrorCode, Option<Offset>)>,
    ) {
        for part in &order.parts {
            let slot = part.claim.slot;
            let Some(assigned) = self.subscription.claimed(part.claim) else { continue };
            let seat = &mut self.seats[slot];
            if seat.asking != Some(order.id) {
                continue;
            }
            seat.asking = None;
            match answers.get(&(&*part.topic, part.partition)) {
                Some((ErrorCode::NONE, Some(offset))) => {
                    assigned.advance(Reached { offset: *offset, epoch: None });
                    seat.succeeded();
                }
                Some((code, _)) => self.on_question_refused(slot, *code),
                None => self.on_question_refused(slot, ErrorCode::NONE),
            }
        }
    }
}

/// Whether the code speaks of a state that passes: the answer is to wait, look at the metadata, and
/// ask again, without a word to the application.
pub(crate) fn is_passing(code: ErrorCode) -> bool {
    code.is_retriable()
        || matches!(
            code,
            ErrorCode::NONE
                | ErrorCode::UNKNOWN_SERVER_ERROR
                | ErrorCode::FENCED_LEADER_EPOCH
                | ErrorCode::UNKNOWN_TOPIC_ID
                | ErrorCode::INCONSISTENT_TOPIC_ID
        )
}
