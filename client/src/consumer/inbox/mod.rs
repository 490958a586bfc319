//! The machine behind a consumer: fetches per leader, bytes buffered, replies to records.
//!
//! - Per broker one fetch is in flight. It is ordered again as soon as its reply has been scanned,
//!   before anything of it is decoded.
//! - Bytes promised to fetches in flight and bytes pinned by what was fetched stay within
//!   `fetch_buffer_bytes_max` together; only a single batch larger than its fetch's limit may
//!   exceed it.
//! - A partition with enough in its shelf is left out of the next fetch.
//! - The position moves when a record is handed out, and only then.
//! - Where the leader may have another log than the one that was read, it is asked first whether
//!   it has; see [`truncation`].
//! - A reply counts for a partition only while the order that asked for it is the partition's
//!   current one: seek, assign and a new leader let go of it.

mod fetch;
mod metadata;
mod offsets;
mod scan;
mod shelf;
mod take;
mod trouble;
mod truncation;

#[cfg(test)]
mod tests;

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{LeaderEpoch, NodeId, Uuid};
use ottla_runtime::Instant;

pub(crate) use fetch::FetchOrder;
pub(crate) use metadata::Leadership;
pub(crate) use offsets::{OffsetsOrder, is_passing};
pub(crate) use shelf::{Batch, Fetched, Pin, Ready};
pub(crate) use take::{Piece, Taken, Work};
pub(crate) use truncation::EpochsOrder;

use super::config::ConsumerConfig;
use super::error::{NotAssigned, PollError};
use super::subscription::{Assignment, Position, Reached, Start, Subscription, TopicPartition};
use crate::backoff::Backoff;
use crate::error::CallError;
use shelf::{Frames, Shelf};
use trouble::Trouble;

/// What the driver must do.
#[derive(Clone, Debug)]
pub(crate) enum Effect {
    /// Send this, and report with [`Inbox::on_fetch_reply`].
    Fetch(Arc<FetchOrder>),
    /// Send this, and report with [`Inbox::on_offsets_reply`].
    AskOffsets(Arc<OffsetsOrder>),
    /// Send this, and report with [`Inbox::on_epochs_reply`].
    AskEpochs(Arc<EpochsOrder>),
    /// Ask for new metadata soon, and report with [`Inbox::on_metadata`].
    RefreshMetadata,
}

/// The machine. See the module.
#[derive(Debug)]
pub(crate) struct Inbox {
    config: ConsumerConfig,
    subscription: Subscription,
    /// By slot of the subscription.
    seats: Vec<Seat>,
    lanes: BTreeMap<NodeId, Lane>,
    /// How asking for metadata goes.
    cluster: Trouble,
    /// The cluster cannot be asked, and the application should know.
    unreachable: Option<CallError>,
    frames: Frames,
    next_order: u64,
    /// Grows with every partition served, so that the one served longest ago is asked first.
    served: u64,
    /// Where the search for records goes on, so that partitions take turns.
    turn: usize,
    refresh: bool,
    leaders_wanted: bool,
    /// A fetch was held back for lack of space.
    starved: bool,
    /// Handing out made something possible that the driver does not know of yet.
    nudge: bool,
}

/// What the machine knows of one assigned partition.
#[derive(Debug)]
struct Seat {
    shelf: Shelf,
    /// Where to fetch next; `None`: at the position.
    fetch_from: Option<Reached>,
    /// The order that has it in flight. Replies to any other order do not count.
    fetching: Option<u64>,
    asking: Option<u64>,
    leader: Option<Leader>,
    /// The leader may have another log than the one that was read.
    unchecked: bool,
    /// Id of the topic that the position belongs to, once known.
    topic_id: Option<Uuid>,
    /// The cluster says that it does not exist.
    missing: Option<ErrorCode>,
    /// When to tell the application so.
    missing_report: Option<Instant>,
    backoff: Backoff,
    retry: Retry,
    error: Option<PollError>,
    served: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Leader {
    node: NodeId,
    epoch: Option<LeaderEpoch>,
}

/// When a partition may be asked for again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Retry {
    Now,
    /// After the next backoff, counted from when the machine is next polled.
    Backoff,
    At(Instant),
}

/// What the machine knows of one broker.
#[derive(Debug)]
struct Lane {
    in_flight: Option<Arc<FetchOrder>>,
    backoff: Backoff,
    retry_at: Option<Instant>,
    error: Option<CallError>,
    trouble: Trouble,
    /// Fetches in a row that brought nothing while a partition was left out.
    idle: u32,
}

impl Seat {
    fn new(config: &ConsumerConfig, slot: usize) -> Self {
        Self {
            shelf: Shelf::default(),
            fetch_from: None,
            fetching: None,
            asking: None,
            leader: None,
            unchecked: true,
            topic_id: None,
            missing: None,
            missing_report: None,
            backoff: backoff(config, slot),
            retry: Retry::Now,
            error: None,
            served: 0,
        }
    }

    /// Forgets all that was fetched or asked for the old position.
    fn restart(&mut self, frames: &mut Frames) {
        self.shelf.clear(frames);
        self.fetch_from = None;
        self.fetching = None;
        self.asking = None;
        self.error = None;
    }

    /// Whether it is time to ask the leader.
    fn may_ask(&self) -> bool {
        self.retry == Retry::Now
    }

    /// Tells the application that the partition has been missing for a while, again and again.
    fn report_missing(&mut self, partition: &TopicPartition, now: Instant, again: Duration) {
        if let (Some(at), Some(code)) = (self.missing_report, self.missing)
            && at <= now
        {
            let partition = partition.clone();
            self.error = Some(PollError::UnknownPartition { partition, code });
            self.missing_report = Some(now + again);
        }
    }

    fn succeeded(&mut self) {
        self.backoff.reset();
        self.retry = Retry::Now;
    }
}

fn backoff(config: &ConsumerConfig, salt: usize) -> Backoff {
    let salt = u64::try_from(salt).unwrap_or(u64::MAX);
    let seed = config.seed ^ salt.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Backoff::new(config.retry_backoff, config.retry_backoff_max, seed)
}

/// For so long a topic may be missing before the application is told: it may be just being created.
const MISSING_GRACE: Duration = Duration::from_secs(3);

impl Inbox {
    pub(crate) fn new(config: ConsumerConfig) -> Self {
        Self {
            subscription: Subscription::new(config.reset),
            config,
            seats: Vec::new(),
            lanes: BTreeMap::new(),
            cluster: Trouble::default(),
            unreachable: None,
            frames: Frames::default(),
            next_order: 0,
            served: 0,
            turn: 0,
            refresh: false,
            leaders_wanted: false,
            starved: false,
            nudge: false,
        }
    }

    /// What is assigned.
    pub(crate) const fn subscription(&self) -> &Subscription {
        &self.subscription
    }

    /// Replaces the assignment; see [`Subscription::assign`].
    pub(crate) fn assign(&mut self, wanted: Vec<Assignment>) {
        for slot in self.subscription.assign(wanted) {
            let fresh = Seat::new(&self.config, slot);
            match self.seats.get_mut(slot) {
                Some(seat) => {
                    seat.restart(&mut self.frames);
                    *seat = fresh;
                }
                None => self.seats.push(fresh), // slots are given out in order
            }
            self.report_undefined(slot);
        }
        assert_eq!(self.seats.len(), self.subscription.slots(), "a seat for every slot");
        self.leaders_wanted = true;
    }

    fn report_undefined(&mut self, slot: usize) {
        if let Some(assigned) = self.subscription.get(slot)
            && assigned.position == Position::Undefined
        {
            let partition = assigned.partition.clone();
            self.seats[slot].error = Some(PollError::NoPosition { partition });
        }
    }

    fn slot(&self, partition: &TopicPartition) -> Result<usize, NotAssigned> {
        let missing = || NotAssigned { partition: partition.clone() };
        self.subscription.find(partition).ok_or_else(missing)
    }

    /// Moves the position. Nothing fetched before is handed out any more.
    pub(crate) fn seek(
        &mut self,
        partition: &TopicPartition,
        start: Start,
    ) -> Result<(), NotAssigned> {
        let slot = self.slot(partition)?;
        self.subscription.start(slot, start);
        self.seats[slot].restart(&mut self.frames);
        self.seats[slot].unchecked = true;
        self.seats[slot].succeeded();
        self.report_undefined(slot);
        Ok(())
    }

    /// Stops or resumes handing out; what was fetched is kept.
    pub(crate) fn pause(
        &mut self,
        partition: &TopicPartition,
        paused: bool,
    ) -> Result<(), NotAssigned> {
        let slot = self.slot(partition)?;
        if let Some(assigned) = self.subscription.get_mut(slot) {
            assigned.paused = paused;
        }
        Ok(())
    }

    /// The position of a partition.
    pub(crate) fn position(&self, partition: &TopicPartition) -> Result<Position, NotAssigned> {
        let slot = self.slot(partition)?;
        Ok(self.subscription.get(slot).map_or(Position::Undefined, |a| a.position))
    }

    /// Bytes promised to fetches in flight and pinned by what was fetched.
    pub(crate) fn bytes(&self) -> usize {
        self.frames.bytes() + self.promised()
    }

    fn promised(&self) -> usize {
        self.lanes.values().filter_map(|l| l.in_flight.as_ref()).map(|o| o.bytes_max).sum()
    }

    /// Whether the leaders of some partition should be looked up, though the metadata is the same.
    pub(crate) fn take_leaders_wanted(&mut self) -> bool {
        core::mem::take(&mut self.leaders_wanted)
    }

    /// Whether the driver should poll again because of what was handed out.
    pub(crate) fn take_nudge(&mut self) -> bool {
        core::mem::take(&mut self.nudge)
    }

    /// The next thing to do; call until `None`.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<Effect> {
        self.on_time(now);
        if core::mem::take(&mut self.refresh) {
            return Some(Effect::RefreshMetadata);
        }
        if let Some(order) = self.order_offsets() {
            return Some(Effect::AskOffsets(Arc::new(order)));
        }
        if let Some(order) = self.order_epochs() {
            return Some(Effect::AskEpochs(Arc::new(order)));
        }
        self.order_fetch().map(Effect::Fetch)
    }

    /// Waits that are over end, so that every deadline that is left lies in the future.
    fn on_time(&mut self, now: Instant) {
        for (slot, assigned) in self.subscription.iter() {
            let seat = &mut self.seats[slot];
            seat.report_missing(&assigned.partition, now, self.config.default_api_timeout);
            match seat.retry {
                Retry::At(at) if at <= now => {
                    seat.retry = Retry::Now;
                    if seat.leader.is_none() {
                        self.refresh = true;
                        seat.retry = Retry::At(now + seat.backoff.next_wait());
                    }
                }
                Retry::Backoff => seat.retry = Retry::At(now + seat.backoff.next_wait()),
                Retry::At(_) | Retry::Now => {}
            }
        }
        for lane in self.lanes.values_mut() {
            lane.retry_at = lane.retry_at.filter(|at| *at > now);
        }
        self.tell_troubles(now);
    }

    /// When to poll next, if nothing happens before. Later than the last poll.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let seats = self.subscription.iter().flat_map(|(slot, _)| {
            let seat = &self.seats[slot];
            let retry = match seat.retry {
                Retry::At(at) => Some(at),
                Retry::Now | Retry::Backoff => None,
            };
            [retry, seat.missing_report]
        });
        let lanes = self.lanes.values();
        let lanes = lanes.flat_map(|lane| [lane.retry_at, lane.trouble.next_deadline()]);
        seats.chain(lanes).chain([self.cluster.next_deadline()]).flatten().min()
    }
}
