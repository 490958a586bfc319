//! Who leads: what the machine makes of metadata.

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{LeaderEpoch, NodeId, Uuid};
use ottla_runtime::Instant;

use super::{Inbox, Leader, MISSING_GRACE, Retry};
use crate::consumer::config::OffsetReset;
use crate::consumer::error::PollError;
use crate::consumer::subscription::{End, Position, TopicPartition};

/// What the metadata says of one partition.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Leadership {
    /// Nothing yet.
    Unknown,
    /// The topic or the partition is not there.
    Missing(ErrorCode),
    /// It is there.
    Known { leader: Option<NodeId>, epoch: Option<LeaderEpoch>, topic_id: Option<Uuid> },
}

impl Inbox {
    /// Takes over what `look_up` knows. A partition whose leader moved is fetched from the new one
    /// at once: a reply of the old one no longer counts.
    pub(crate) fn on_metadata(
        &mut self,
        now: Instant,
        look_up: impl Fn(&TopicPartition) -> Leadership,
    ) {
        for slot in 0..self.subscription.slots() {
            let Some(assigned) = self.subscription.get(slot) else { continue };
            match look_up(&assigned.partition) {
                Leadership::Unknown => {}
                Leadership::Missing(code) => self.on_missing(slot, code, now),
                Leadership::Known { leader, epoch, topic_id } => {
                    self.on_topic_id(slot, topic_id);
                    self.on_leader(slot, leader.map(|node| Leader { node, epoch }));
                }
            }
        }
    }

    fn on_missing(&mut self, slot: usize, code: ErrorCode, now: Instant) {
        let seat = &mut self.seats[slot];
        seat.leader = None;
        seat.missing = Some(code);
        if seat.missing_report.is_none() {
            seat.missing_report = Some(now + MISSING_GRACE);
        }
        if seat.retry == Retry::Now {
            seat.retry = Retry::Backoff;
        }
    }

    fn on_leader(&mut self, slot: usize, leader: Option<Leader>) {
        let seat = &mut self.seats[slot];
        if seat.missing.take().is_some() {
            seat.missing_report = None;
            seat.succeeded();
        }
        if seat.leader == leader {
            return;
        }
        seat.leader = leader;
        seat.unchecked = true;
        seat.fetching = None;
        seat.asking = None;
        match leader {
            Some(_) => seat.succeeded(),
            None => seat.retry = Retry::Backoff, // no leader at the moment: ask again soon
        }
    }

    /// A recreated topic is another log, in which the position means nothing. All of it is newer
    /// than the position, so that reading goes on at its start even if the policy is `Latest`.
    fn on_topic_id(&mut self, slot: usize, topic_id: Option<Uuid>) {
        let seat = &mut self.seats[slot];
        let old = seat.topic_id;
        seat.topic_id = topic_id.or(old);
        if old.is_none() || topic_id.is_none() || old == topic_id {
            return;
        }
        let Some(assigned) = self.subscription.get(slot) else { return };
        let partition = assigned.partition.clone();
        let (position, error) = match (assigned.position, self.config.reset) {
            (Position::At(_), OffsetReset::Error) => {
                (Position::Undefined, Some(PollError::TopicRecreated { partition }))
            }
            (Position::At(_), _) => (Position::Ask(End::Earliest), None),
            (other, _) => (other, None),
        };
        tracing::warn!(topic = %assigned.partition.topic, "the topic was deleted and made again");
        self.subscription.move_to(slot, position);
        let seat = &mut self.seats[slot];
        seat.restart(&mut self.frames);
        seat.succeeded();
        seat.error = error;
        if seat.error.is_none() {
            self.report_undefined(slot);
        }
    }
}
