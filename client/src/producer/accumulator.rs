//! Where records gather. A sender encodes its record straight into the open batch of a partition,
//! under the topic's lock; the driver takes batches out. Plain synchronous code.

use core::time::Duration;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ottla_protocol::Str;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{PartitionIndex, Timestamp};
use ottla_protocol::record::{AppendError, HEADER_SIZE, record_size_max};
use ottla_runtime::Instant;

use super::batch::OpenBatch;
use super::delivery::{BatchCompletion, Delivery};
use super::error::EnqueueError;
use super::gate::Gate;
use super::memory::{Credit, Memory};
use super::partitioner::{Partitioner, Sticky, partition_index};
use super::record::Record;

/// The bounds that the accumulator keeps; see [`super::ProducerBuilder`] for their meaning.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    pub(crate) batch_bytes_max: usize,
    pub(crate) gather_bytes: usize,
    pub(crate) request_bytes_max: usize,
}

/// A record is in a batch.
#[derive(Debug)]
pub(crate) struct Appended {
    pub(crate) delivery: Delivery,
    /// Whether the driver must be woken.
    pub(crate) wake: bool,
}

/// Why a record is not in a batch yet.
#[derive(Debug)]
pub(crate) enum Blocked {
    /// The topic's partitions are not known.
    Metadata,
    /// That many bytes of the budget are needed.
    Memory(usize),
    /// It never will be.
    Refused(EnqueueError),
}

/// What is known of a partition.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) has_leader: bool,
    /// Of the leader's broker.
    pub(crate) gate: Arc<Gate>,
}

/// One topic that a producer writes to.
#[derive(Debug)]
pub(crate) struct Topic {
    name: Str,
    partitioner: Partitioner,
    bounds: Bounds,
    memory: Arc<Memory>,
    queue: Mutex<Queue>,
}

#[derive(Debug)]
struct Queue {
    slots: Vec<Slot>,
    /// How many partitions the topic has; less than there are slots if it was made anew, smaller.
    partitions: u32,
    refused: Option<ErrorCode>,
    closed: Option<EnqueueError>,
    sticky: Sticky,
    /// Partitions that got their first record since the driver last looked.
    active: Vec<u32>,
    /// Batches whose records do not all have their fate, and some that do.
    unsettled: Vec<Arc<BatchCompletion>>,
    unsettled_max: usize,
    /// No batch grows beyond it: half of what a broker once found too large.
    batch_bytes_max: usize,
}

#[derive(Debug)]
struct Slot {
    open: Option<OpenBatch>,
    full: VecDeque<OpenBatch>,
    place: Place,
    /// About how large the next batch will be.
    expected_bytes: usize,
}

impl Slot {
    fn is_empty(&self) -> bool {
        self.open.is_none() && self.full.is_empty()
    }
}

/// The least that a batch takes from the budget at once, and the most beyond what it needs.
const STEP_MIN: usize = 512;
const STEP_MAX: usize = 16 * 1024;

impl Topic {
    pub(crate) fn new(
        name: Str,
        partitioner: Partitioner,
        bounds: Bounds,
        memory: Arc<Memory>,
        seed: u64,
    ) -> Self {
        let queue = Queue {
            slots: Vec::new(),
            partitions: 0,
            refused: None,
            closed: None,
            sticky: Sticky::new(seed),
            active: Vec::new(),
            unsettled: Vec::new(),
            unsettled_max: 16,
            batch_bytes_max: bounds.batch_bytes_max,
        };
        Self { name, partitioner, bounds, memory, queue: Mutex::new(queue) }
    }

    pub(crate) fn name(&self) -> &Str {
        &self.name
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // a custom partitioner may panic while it is held: nothing has changed by then
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Encodes `record` into the open batch of its partition: the one point at which it is
    /// committed. `coarse` is a recent wall time; `now` is asked only when a batch is opened.
    pub(crate) fn append(
        &self,
        record: &Record<'_>,
        coarse: Timestamp,
        credit: Option<&mut Credit<'_>>,
        now: impl FnOnce() -> (Instant, Timestamp),
    ) -> Result<Appended, Blocked> {
        let size = record_size_max(
            record.key_bytes().map_or(0, <[u8]>::len),
            record.value_bytes().map_or(0, <[u8]>::len),
            record.header_list(),
        );
        let limit = self.bounds.request_bytes_max;
        if size.saturating_add(HEADER_SIZE) > limit {
            return Err(Blocked::Refused(EnqueueError::RecordTooLarge { size, limit }));
        }
        let mut queue = self.queue();
        let queue = &mut *queue;
        let (partition, sticky) = self.pick(queue, record)?;
        let place = usize::try_from(partition).unwrap_or(usize::MAX);
        if let Some(open) = queue.slots.get_mut(place).and_then(|slot| slot.open.as_mut())
            && open.len() + size <= open.reserved()
            && let Ok(delivery) = open.append(record, record.chosen_timestamp().unwrap_or(coarse))
        {
            queue.on_filled(sticky, size);
            return Ok(Appended { delivery, wake: false });
        }
        let asked = Asked { size, credit, topic: self, partition, sticky };
        asked.append(queue, record, coarse, now)
    }

    /// The record's partition, and whether it was left to the sticky rule.
    fn pick(&self, queue: &mut Queue, record: &Record<'_>) -> Result<(u32, bool), Blocked> {
        if let Some(why) = &queue.closed {
            return Err(Blocked::Refused(why.clone()));
        }
        let partitions = queue.partitions;
        if partitions == 0 {
            // just created, or about to be: worth waiting for
            let for_good = queue.refused.filter(|code| !code.is_retriable());
            let Some(code) = for_good else { return Err(Blocked::Metadata) };
            let topic = self.name.clone();
            return Err(Blocked::Refused(EnqueueError::TopicRefused { topic, code }));
        }
        let chosen = match record.chosen_partition() {
            Some(partition) => Some(u32::try_from(partition.0).unwrap_or(u32::MAX)),
            None => self.partitioner.by_key(&self.name, record.key_bytes(), partitions),
        };
        let Some(chosen) = chosen else {
            let scattered = self.partitioner.scatters() && record.key_bytes().is_some();
            return Ok((self.spread(queue, scattered), !scattered));
        };
        if chosen < partitions {
            return Ok((chosen, false));
        }
        let partition = record.chosen_partition().unwrap_or_else(|| partition_index(chosen));
        let topic = self.name.clone();
        Err(Blocked::Refused(EnqueueError::NoSuchPartition { topic, partition, partitions }))
    }

    /// A partition for a record whose key has no say.
    fn spread(&self, queue: &mut Queue, scattered: bool) -> u32 {
        let (slots, partitions) = (&queue.slots, queue.partitions);
        let slot = |p: u32| usize::try_from(p).ok().and_then(|p| slots.get(p));
        let available = |p: u32| slot(p).is_some_and(|slot| slot.place.has_leader);
        if scattered {
            return queue.sticky.pick(partitions, available);
        }
        if self.partitioner.rotates() {
            return queue.sticky.rotate(partitions, available);
        }
        if let Some(current) = queue.sticky.going(partitions) {
            // a turn ends with a batch, so that none is cut short (KIP-794), or when it is too long
            let batch_goes_on = slot(current).is_some_and(|slot| slot.open.is_some());
            let bounds = &self.bounds;
            let enough = if batch_goes_on { bounds.batch_bytes_max } else { bounds.gather_bytes };
            if queue.sticky.filled() < enough {
                return current;
            }
            queue.sticky.leave();
        }
        queue.sticky.current(partitions, available)
    }

    /// Whether the topic has this partition, as far as is known.
    pub(crate) fn has(&self, index: PartitionIndex) -> bool {
        u32::try_from(index.0).is_ok_and(|index| index < self.queue().partitions)
    }

    /// Takes what metadata say: how many partitions there are, and a place for each of them, and
    /// for those there once were.
    pub(crate) fn set_places(&self, partitions: u32, places: Vec<Place>) {
        let mut queue = self.queue();
        let queue = &mut *queue;
        queue.refused = None;
        queue.partitions = partitions;
        for (i, place) in places.into_iter().enumerate() {
            match queue.slots.get_mut(i) {
                Some(slot) => slot.move_to(place),
                None => queue.slots.push(Slot {
                    open: None,
                    full: VecDeque::new(),
                    place,
                    expected_bytes: 0,
                }),
            }
        }
    }

    /// Notes that the cluster says nothing of the topic but a code. Partitions that were known stay
    /// so: their numbers must outlive a topic's absence.
    pub(crate) fn set_refused(&self, code: ErrorCode) {
        self.queue().refused = Some(code);
    }

    /// Lets no batch grow beyond half of what a broker found too large.
    pub(crate) fn on_too_large(&self, bytes: usize) {
        let mut queue = self.queue();
        queue.batch_bytes_max = queue.batch_bytes_max.min(bytes / 2).max(STEP_MIN);
    }

    /// Moves the partitions that got their first record since the last look into `active`, but for
    /// those whose records are gone again.
    pub(crate) fn take_active(&self, active: &mut Vec<u32>) {
        let mut queue = self.queue();
        let Queue { slots, active: fresh, .. } = &mut *queue;
        let slot = |p: u32| usize::try_from(p).ok().and_then(|p| slots.get(p));
        active.extend(fresh.drain(..).filter(|p| slot(*p).is_some_and(|slot| !slot.is_empty())));
    }

    /// How many bytes the oldest batch of a partition has.
    pub(crate) fn next_len(&self, partition: u32) -> Option<usize> {
        let queue = self.queue();
        let slot = queue.slots.get(usize::try_from(partition).ok()?)?;
        slot.full.front().or(slot.open.as_ref()).map(OpenBatch::len)
    }

    /// Takes the oldest batch of a partition.
    pub(crate) fn take(&self, partition: u32) -> Option<OpenBatch> {
        let mut queue = self.queue();
        let slot = queue.slots.get_mut(usize::try_from(partition).ok()?)?;
        let batch = slot.full.pop_front().or_else(|| slot.open.take())?;
        slot.place.gate.sub(batch.reserved());
        slot.expected_bytes = batch.len().max(slot.expected_bytes - slot.expected_bytes / 8);
        Some(batch)
    }

    /// Takes the batches that were opened at least `timeout` before `now`.
    pub(crate) fn expire(&self, now: Instant, timeout: Duration) -> Vec<OpenBatch> {
        let due = |batch: &OpenBatch| batch.opened_at() + timeout <= now;
        let mut expired = Vec::new();
        for slot in &mut self.queue().slots {
            while let Some(batch) = slot.full.pop_front_if(|batch| due(batch)) {
                slot.place.gate.sub(batch.reserved());
                expired.push(batch);
            }
            if let Some(batch) = slot.open.take_if(|batch| due(batch)) {
                slot.place.gate.sub(batch.reserved());
                expired.push(batch);
            }
        }
        expired
    }

    /// When the oldest batch was opened.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        let queue = self.queue();
        let heads = queue.slots.iter().filter_map(|slot| slot.full.front().or(slot.open.as_ref()));
        heads.map(OpenBatch::opened_at).min()
    }

    /// Takes no more records; the first reason given stands.
    pub(crate) fn close(&self, why: EnqueueError) {
        self.queue().closed.get_or_insert(why);
    }

    /// What the cluster says of the topic in place of its partitions.
    pub(crate) fn refused(&self) -> Option<ErrorCode> {
        self.queue().refused
    }

    /// The batches whose records do not all have their fate.
    pub(crate) fn unsettled(&self) -> Vec<Arc<BatchCompletion>> {
        let mut queue = self.queue();
        queue.unsettled.retain(|batch| !batch.is_settled());
        queue.unsettled.clone()
    }

    /// How many records have no fate yet.
    pub(crate) fn undelivered(&self) -> u64 {
        let queue = self.queue();
        let open = queue.slots.iter().filter_map(|slot| slot.open.as_ref());
        let full = queue.slots.iter().flat_map(|slot| &slot.full);
        let here: u64 = open.chain(full).map(|batch| u64::from(batch.records())).sum();
        let away: u64 = queue.unsettled.iter().map(|batch| u64::from(batch.unsettled())).sum();
        here + away
    }
}

impl Slot {
    /// The partition has another leader: what waits, waits for another broker.
    fn move_to(&mut self, place: Place) {
        if !Arc::ptr_eq(&self.place.gate, &place.gate) {
            let batches = self.full.iter().chain(&self.open);
            let waiting: usize = batches.map(OpenBatch::reserved).sum();
            if waiting > 0 {
                self.place.gate.sub(waiting);
                let _wake = place.gate.add(waiting); // it is the driver that moves them
            }
        }
        self.place = place;
    }
}

/// A record that needs room.
struct Asked<'a, 'c, 'm> {
    size: usize,
    credit: Option<&'c mut Credit<'m>>,
    topic: &'a Topic,
    partition: u32,
    sticky: bool,
}

impl Asked<'_, '_, '_> {
    /// Appends to a batch that must be grown, opened, or exchanged first.
    #[cold]
    fn append(
        self,
        queue: &mut Queue,
        record: &Record<'_>,
        coarse: Timestamp,
        now: impl FnOnce() -> (Instant, Timestamp),
    ) -> Result<Appended, Blocked> {
        let (size, sticky, chosen) = (self.size, self.sticky, record.chosen_timestamp());
        let place = usize::try_from(self.partition).unwrap_or(usize::MAX);
        let Some(slot) = queue.slots.get_mut(place) else { return Err(Blocked::Metadata) };
        if slot.open.as_ref().is_some_and(|open| open.is_far_from(chosen.unwrap_or(coarse))) {
            slot.full.extend(slot.open.take()); // the next has a first timestamp of its own
        }
        let has_room = |open: &OpenBatch| open.len() + size <= open.reserved();
        let (wake, timestamp) = if slot.open.as_ref().is_some_and(has_room) {
            (false, chosen.unwrap_or(coarse))
        } else {
            self.make_room(queue, chosen, coarse, now)?
        };
        let open = queue.slots.get_mut(place).and_then(|slot| slot.open.as_mut());
        match open.map(|open| open.append(record, timestamp)) {
            Some(Ok(delivery)) => {
                queue.on_filled(sticky, size);
                Ok(Appended { delivery, wake })
            }
            Some(Err(why)) => Err(queue.refuse(place, &why)),
            None => Err(Blocked::Metadata), // unreachable: room was made in it
        }
    }

    /// Makes room in the open batch: grows what it may hold, or opens another. Says whether to wake
    /// the driver, and what the record's time is.
    fn make_room(
        mut self,
        queue: &mut Queue,
        chosen: Option<Timestamp>,
        coarse: Timestamp,
        now: impl FnOnce() -> (Instant, Timestamp),
    ) -> Result<(bool, Timestamp), Blocked> {
        let topic = self.topic;
        let place = usize::try_from(self.partition).unwrap_or(usize::MAX);
        let max = queue.batch_bytes_max;
        let Some(slot) = queue.slots.get_mut(place) else { return Err(Blocked::Metadata) };
        let fits = |open: &OpenBatch| open.len() + self.size <= max;
        if let Some(open) = slot.open.as_mut().filter(|open| fits(open)) {
            let needed = open.len() + self.size - open.reserved();
            let wished = open.reserved().clamp(STEP_MIN, STEP_MAX).min(max - open.reserved());
            let step = self.reserve(needed, wished)?;
            open.add_reserved(step);
            return Ok((slot.place.gate.add(step), chosen.unwrap_or(coarse)));
        }
        let needed = HEADER_SIZE + self.size;
        let step = self.reserve(needed, STEP_MIN.min(max))?;
        let (opened_at, wall) = now();
        let timestamp = chosen.unwrap_or(wall);
        let mut open = OpenBatch::new(
            &topic.memory,
            topic.name.clone(),
            partition_index(self.partition),
            timestamp,
            opened_at,
            slot.expected_bytes.max(needed),
        );
        open.add_reserved(step);
        let was_empty = slot.is_empty();
        slot.full.extend(slot.open.take());
        let completion = Arc::clone(open.completion());
        slot.open = Some(open);
        let wake = slot.place.gate.add(step);
        if was_empty {
            queue.active.push(self.partition);
        }
        queue.track(completion);
        Ok((wake, timestamp))
    }

    /// Takes `wished` bytes of the budget, or at least the `needed` ones.
    fn reserve(&mut self, needed: usize, wished: usize) -> Result<usize, Blocked> {
        if let Some(credit) = &mut self.credit
            && credit.spend(needed)
        {
            return Ok(needed);
        }
        let steps = [wished.max(needed), needed];
        let granted = steps.into_iter().find(|step| self.topic.memory.try_reserve(*step));
        granted.ok_or(Blocked::Memory(HEADER_SIZE + self.size))
    }
}

impl Queue {
    /// Says why a record cannot be encoded; leaves no empty batch behind.
    fn refuse(&mut self, place: usize, why: &AppendError) -> Blocked {
        if let Some(slot) = self.slots.get_mut(place)
            && let Some(empty) = slot.open.take_if(|open| open.records() == 0)
        {
            slot.place.gate.sub(empty.reserved());
            self.unsettled.retain(|batch| !Arc::ptr_eq(batch, empty.completion()));
        }
        Blocked::Refused(EnqueueError::NotEncodable(Str::from(why.to_string())))
    }

    /// A turn is made of what the sticky rule placed: records with a place of their own do not
    /// shorten it.
    fn on_filled(&mut self, sticky: bool, bytes: usize) {
        if sticky {
            self.sticky.on_filled(bytes);
        }
    }

    /// Remembers the batch for `flush`; forgets settled ones now and then.
    fn track(&mut self, completion: Arc<BatchCompletion>) {
        if self.unsettled.len() >= self.unsettled_max {
            self.unsettled.retain(|batch| !batch.is_settled());
            self.unsettled_max = (2 * self.unsettled.len()).max(16);
        }
        self.unsettled.push(completion);
    }
}

#[cfg(test)]
#[path = "accumulator_tests.rs"]
mod tests;
