//! Orders fetches and takes in what comes back.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{LeaderEpoch, NodeId, Offset, PartitionIndex, Uuid};
use ottla_protocol::messages::fetch::{FetchResponse, PartitionData};
use ottla_runtime::Instant;

use super::offsets::is_passing;
use super::scan::{AbortFilter, scan};
use super::shelf::FrameId;
use super::trouble::Trouble;
use super::truncation::EpochEnd;
use super::{Inbox, Lane, Retry, backoff};
use crate::consumer::decode::BatchFault;
use crate::consumer::error::PollError;
use crate::consumer::subscription::{Claim, Position, Reached};
use crate::error::CallError;

/// A fetch for one broker.
#[derive(Debug)]
pub(crate) struct FetchOrder {
    id: u64,
    pub(crate) node: NodeId,
    pub(crate) max_wait: Duration,
    pub(crate) bytes_min: usize,
    pub(crate) bytes_max: usize,
    /// The broker serves them in this order.
    pub(crate) parts: Vec<FetchPart>,
    /// Whether a partition of this broker was left out because its shelf is full.
    left_out: bool,
}

/// A partition to read.
#[derive(Debug)]
pub(crate) struct FetchPart {
    claim: Claim,
    pub(crate) topic: Arc<str>,
    pub(crate) topic_id: Option<Uuid>,
    pub(crate) partition: PartitionIndex,
    pub(crate) from: Reached,
    pub(crate) leader_epoch: Option<LeaderEpoch>,
    pub(crate) bytes_max: usize,
}

/// While a partition is left out, the broker may keep a fetch for no longer than this at first, so
/// that the partition is asked for soon after its shelf has room; doubled with every fetch that
/// brings nothing, up to `fetch_max_wait`, so that a slow application does not make us poll.
const LEFT_OUT_WAIT: Duration = Duration::from_millis(10);
const LEFT_OUT_DOUBLINGS_MAX: u32 = 10;

/// What a broker has for us now.
#[derive(Default)]
struct Candidates {
    /// Age of the last service, and slot.
    slots: Vec<(u64, usize)>,
    left_out: bool,
}

impl Inbox {
    pub(super) fn lane(&mut self, node: NodeId) -> &mut Lane {
        let config = &self.config;
        self.lanes.entry(node).or_insert_with(|| Lane {
            in_flight: None,
            backoff: backoff(config, usize::try_from(node.0).unwrap_or(0)),
            retry_at: None,
            error: None,
            trouble: Trouble::default(),
            idle: 0,
        })
    }

    /// The next fetch, for any broker that has none in flight and something to be asked for.
    pub(super) fn order_fetch(&mut self) -> Option<Arc<FetchOrder>> {
        let (nodes, candidates) = self.candidates();
        self.starved = false;
        for (node, found) in candidates {
            let lane = self.lane(node);
            if lane.in_flight.is_some() || lane.retry_at.is_some() || found.slots.is_empty() {
                continue;
            }
            if let Some(order) = self.order(node, nodes, found) {
                let order = Arc::new(order);
                self.lane(node).in_flight = Some(Arc::clone(&order));
                assert!(
                    self.promised() <= self.config.fetch_buffer_bytes_max,
                    "no more is promised than the buffer holds"
                );
                return Some(order);
            }
        }
        None
    }

    /// How many brokers lead something, and what each could be asked for.
    fn candidates(&self) -> (usize, BTreeMap<NodeId, Candidates>) {
        let mut by_node: BTreeMap<NodeId, Candidates> = BTreeMap::new();
        let full = self.config.partition_fetch_bytes_max;
        for (slot, assigned) in self.subscription.iter() {
            let seat = &self.seats[slot];
            let Some(leader) = seat.leader else { continue };
            let found = by_node.entry(leader.node).or_default();
            let reading = matches!(assigned.position, Position::At(_)) && !assigned.paused;
            let busy = seat.fetching.is_some() || !seat.may_ask();
            if !reading || busy || seat.question(assigned).is_some() {
                continue;
            }
            if seat.shelf.bytes() >= full {
                found.left_out = true;
            } else if !seat.shelf.is_broken() {
                found.slots.push((seat.served, slot));
            }
        }
        (by_node.len(), by_node)
    }

    /// Each broker may be promised half of its share of the buffer: the other half is for what it
    /// sent before, so that one fetch is under way while the application reads the last one.
    fn order(&mut self, node: NodeId, nodes: usize, mut found: Candidates) -> Option<FetchOrder> {
        found.slots.sort_unstable();
        let per_partition = self.config.partition_fetch_bytes_max;
        let share = (self.config.fetch_buffer_bytes_max / (2 * nodes.max(1))).max(1);
        let wanted = per_partition.saturating_mul(found.slots.len());
        let bytes_max = wanted.min(share).min(self.config.fetch_max_bytes);
        if self.config.fetch_buffer_bytes_max.saturating_sub(self.bytes()) < bytes_max {
            self.starved = true;
            if !self.evict_paused() {
                return None; // until the application has taken something
            }
            if self.config.fetch_buffer_bytes_max.saturating_sub(self.bytes()) < bytes_max {
                return None;
            }
        }
        let id = self.next_order;
        self.next_order += 1;
        let parts: Vec<_> = (found.slots.iter())
            .filter_map(|&(_, slot)| self.part(slot, id, per_partition.min(bytes_max)))
            .collect();
        let idle = self.lane(node).idle.min(LEFT_OUT_DOUBLINGS_MAX);
        let max_wait = match found.left_out {
            true => (LEFT_OUT_WAIT * (1 << idle)).min(self.config.fetch_max_wait),
            false => self.config.fetch_max_wait,
        };
        let bytes_min = self.config.fetch_min_bytes.min(bytes_max);
        let left_out = found.left_out;
        Some(FetchOrder { id, node, max_wait, bytes_min, bytes_max, parts, left_out })
    }

    fn part(&mut self, slot: usize, order: u64, bytes_max: usize) -> Option<FetchPart> {
        let assigned = self.subscription.get(slot)?;
        let seat = &mut self.seats[slot];
        let from = seat.frontier(assigned)?;
        seat.fetching = Some(order);
        seat.unchecked = false; // what comes is of this leader's log
        Some(FetchPart {
            claim: self.subscription.claim(slot)?,
            topic: Arc::clone(&assigned.partition.topic),
            topic_id: seat.topic_id,
            partition: assigned.partition.partition,
            from,
            leader_epoch: seat.leader.and_then(|l| l.epoch),
            bytes_max,
        })
    }

    /// Drops what paused partitions have, so that they do not starve the others; it is fetched
    /// again when they resume. Says whether there was anything.
    fn evict_paused(&mut self) -> bool {
        let mut any = false;
        for slot in 0..self.subscription.slots() {
            let Some(assigned) = self.subscription.get(slot) else { continue };
            if assigned.paused && !self.seats[slot].shelf.is_empty() {
                self.subscription.renew(slot); // what is being decoded goes, too
                self.seats[slot].restart(&mut self.frames);
                any = true;
            }
        }
        any
    }

    /// Takes in the reply to the fetch that `node` had in flight.
    pub(crate) fn on_fetch_reply(
        &mut self,
        node: NodeId,
        reply: Result<FetchResponse, CallError>,
        now: Instant,
    ) {
        let lane = self.lane(node);
        let Some(order) = lane.in_flight.take() else { return };
        let response = match reply {
            Ok(response) if response.error_code == ErrorCode::NONE => response,
            Ok(response) => {
                tracing::warn!(%node, code = %response.error_code, "the broker refuses to be read");
                return self.on_failure(&order, None, now);
            }
            Err(failure) => return self.on_failure(&order, Some(failure), now),
        };
        lane.backoff.reset();
        lane.trouble.succeeded();
        let bytes: usize = (response.responses.iter().flat_map(|t| &t.partitions))
            .map(|p| p.records.as_ref().map_or(0, bytes::Bytes::len))
            .sum();
        let frame = self.frames.open(bytes);
        self.match_parts(&order, response, frame);
        self.frames.close(frame); // in case nothing of it was kept
        for part in &order.parts {
            self.let_go(part, &order);
        }
        let lane = self.lane(node);
        let brought_nothing = bytes == 0 && order.left_out;
        lane.idle = if brought_nothing { lane.idle.saturating_add(1) } else { 0 };
    }

    fn on_failure(&mut self, order: &FetchOrder, failure: Option<CallError>, now: Instant) {
        let lane = self.lane(order.node);
        lane.retry_at = Some(now + lane.backoff.next_wait());
        if let Some(failure) = failure {
            tracing::debug!(node = %order.node, error = %failure, "a fetch failed");
            match failure.is_retriable() {
                true => lane.trouble.failed(failure),
                false => lane.error = Some(failure),
            }
        }
        self.refresh = true;
        for part in &order.parts {
            self.let_go(part, order);
        }
    }

    /// The partition is free for another order, unless it has one already.
    fn let_go(&mut self, part: &FetchPart, order: &FetchOrder) {
        if self.subscription.claimed(part.claim).is_some() {
            let seat = &mut self.seats[part.claim.slot];
            if seat.fetching == Some(order.id) {
                seat.fetching = None;
            }
        }
    }

    /// Finds the order's part for each partition of the response: by topic id where there is one
    /// (from v13 on), else by name.
    fn match_parts(&mut self, order: &FetchOrder, response: FetchResponse, frame: FrameId) {
        let mut by_id = BTreeMap::new();
        let mut by_name = BTreeMap::new();
        for part in &order.parts {
            if let Some(id) = part.topic_id {
                by_id.insert((id.0, part.partition), part);
            }
            by_name.insert((&*part.topic, part.partition), part);
        }
        for topic in response.responses {
            for data in topic.partitions {
                let index = data.partition_index;
                let part = if topic.topic_id == Uuid::ZERO {
                    by_name.get(&(&*topic.topic, index))
                } else {
                    by_id.get(&(topic.topic_id.0, index))
                };
                if let Some(part) = part {
                    self.on_partition(order, part, data, frame);
                }
            }
        }
    }

    fn on_partition(
        &mut self,
        order: &FetchOrder,
        part: &FetchPart,
        data: PartitionData,
        frame: FrameId,
    ) {
        let slot = part.claim.slot;
        let current = self.subscription.claimed(part.claim).is_some();
        if !current || self.seats[slot].fetching != Some(order.id) {
            return; // moved, unassigned, or asked of another leader since
        }
        self.seats[slot].fetching = None;
        match data.error_code {
            ErrorCode::NONE => match EpochEnd::of_fetch(&data.diverging_epoch) {
                Some(end) => self.on_divergence(slot, part.from, Some(end)),
                None => self.on_records(part, data, frame),
            },
            ErrorCode::OFFSET_OUT_OF_RANGE => self.on_out_of_range(part),
            code => self.on_error(slot, part.from.offset, code),
        }
    }

    fn on_records(&mut self, part: &FetchPart, data: PartitionData, frame: FrameId) {
        let seat = &mut self.seats[part.claim.slot];
        seat.succeeded();
        let Some(records) = data.records.filter(|r| !r.is_empty()) else { return };
        self.served += 1;
        seat.served = self.served;
        let filter = AbortFilter::new(data.aborted_transactions);
        let (shelf, frames) = (&mut seat.shelf, &mut self.frames);
        let next = scan(records, part.from, filter, frame, |fetched| shelf.push(fetched, frames));
        seat.fetch_from = Some(next);
    }

    /// The log lacks the offset we asked for. If records before it still wait to be handed out,
    /// they come first, and the leader is asked again after them.
    fn on_out_of_range(&mut self, part: &FetchPart) {
        let slot = part.claim.slot;
        let policy = self.subscription.policy();
        let Some(assigned) = self.subscription.get(slot) else { return };
        let seat = &mut self.seats[slot];
        if assigned.position != Position::At(part.from.offset) || !seat.shelf.is_empty() {
            seat.retry = Retry::Backoff;
            return;
        }
        let (partition, position) = (assigned.partition.clone(), part.from.offset);
        tracing::info!(%partition, %position, "the log does not have this offset");
        self.subscription.move_to(slot, policy);
        seat.restart(&mut self.frames);
        if policy == Position::Undefined {
            seat.error = Some(PollError::OffsetOutOfRange { partition, position });
        }
    }

    /// The leader does not give what lies at `offset`.
    fn on_error(&mut self, slot: usize, offset: Offset, code: ErrorCode) {
        let Some(assigned) = self.subscription.get(slot) else { return };
        let seat = &mut self.seats[slot];
        seat.retry = Retry::Backoff;
        self.refresh = true;
        let partition = assigned.partition.clone();
        if code == ErrorCode::CORRUPT_MESSAGE {
            let fault = BatchFault::AtLeader { code };
            seat.error = Some(PollError::Corrupt { partition, offset, next: None, fault });
        } else if !is_passing(code) {
            seat.error = Some(PollError::Broker { partition, code });
        }
    }
}
