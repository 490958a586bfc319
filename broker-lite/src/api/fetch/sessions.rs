//! Fetch sessions (KIP-227): a client names its partitions once, then only what changes, and is
//! told only of partitions that have something to say. A machine: it knows no partition's log.

use core::time::Duration;
use std::collections::BTreeMap;

use ottla_protocol::Str;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{Offset, PartitionIndex, Uuid};
use ottla_protocol::messages::fetch::{
    EpochEndOffset, FetchPartition, FetchRequest, FetchResponse, FetchTopic, PartitionData,
};
use ottla_runtime::Instant;

/// After so long without a request any other client may have the slot (Kafka:
/// `FetchSession.EVICTION_MS`).
const IDLE: Duration = Duration::from_secs(120);
/// How many partitions all sessions have at most: about 200 MB. Kafka has no such bound.
const PARTITIONS_MAX: usize = 1_000_000;

/// `session_epoch` of a request that starts a session, and of one without.
const FIRST: i32 = 0;
const NONE: i32 = -1;

/// All sessions of a broker.
#[derive(Debug)]
pub(crate) struct Sessions {
    slots: usize,
    random: fastrand::Rng,
    by_id: BTreeMap<i32, Session>,
    partitions: usize,
}

/// What is to be done with the reply of a request that has begun.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ticket {
    /// Nothing.
    Sessionless,
    /// Its partitions make a session, if there is room.
    New { by_id: bool },
    /// Partitions with nothing new are left out.
    Incremental { id: i32, epoch: i32 },
}

/// Names a partition: by the topic's name or by its id, the other is empty.
type Key = (Str, Uuid, PartitionIndex);

#[derive(Debug)]
struct Session {
    by_id: bool,
    /// Of the next request.
    epoch: i32,
    created: Instant,
    used: Instant,
    places: BTreeMap<Key, u64>,
    /// In the order in which they are read; who had records goes to the end.
    order: BTreeMap<u64, Cached>,
    next_place: u64,
}

#[derive(Debug)]
struct Cached {
    key: Key,
    request: FetchPartition,
    /// What the client knows; `None` after an error.
    high_watermark: Option<Offset>,
    log_start: Option<Offset>,
}

impl Sessions {
    /// With room for so many sessions (Kafka: `max.incremental.fetch.session.cache.slots`).
    pub(crate) fn new(slots: usize, seed: u64) -> Self {
        let random = fastrand::Rng::with_seed(seed);
        Self { slots, random, by_id: BTreeMap::new(), partitions: 0 }
    }

    /// Takes a request in; afterwards its topics are all that is to be read. `by_id`: topics have
    /// ids instead of names.
    ///
    /// # Errors
    ///
    /// `FETCH_SESSION_ID_NOT_FOUND`, `INVALID_FETCH_SESSION_EPOCH`, `FETCH_SESSION_TOPIC_ID_ERROR`:
    /// the client starts again in full.
    pub(crate) fn begin(
        &mut self,
        request: &mut FetchRequest,
        by_id: bool,
        now: Instant,
    ) -> Result<Ticket, ErrorCode> {
        let id = request.session_id;
        if request.session_epoch == NONE || request.session_epoch == FIRST {
            self.remove(id);
            let new = request.session_epoch == FIRST;
            return Ok(if new { Ticket::New { by_id } } else { Ticket::Sessionless });
        }
        let session = self.by_id.get_mut(&id).ok_or(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)?;
        if session.epoch != request.session_epoch {
            return Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        }
        if session.by_id != by_id {
            return Err(ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR);
        }
        let before = session.places.len();
        session.update(request);
        let after = session.places.len();
        self.partitions = self.partitions - before + after;
        if after == 0 {
            self.remove(id);
            return Ok(Ticket::Sessionless);
        }
        session.used = now;
        session.epoch = next_epoch(session.epoch);
        request.topics = session.topics();
        let epoch = session.epoch;
        if self.partitions > PARTITIONS_MAX {
            self.remove(id);
            return Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
        }
        Ok(Ticket::Incremental { id, epoch })
    }

    /// Makes of what all partitions say the reply that the client is to get. `request` holds the
    /// topics that [`Sessions::begin`] left there.
    pub(crate) fn finish(
        &mut self,
        ticket: Ticket,
        asked: &[FetchTopic],
        response: &mut FetchResponse,
        now: Instant,
    ) {
        match ticket {
            Ticket::Sessionless => {}
            Ticket::New { by_id } => {
                response.session_id = self.create(by_id, asked, response, now);
            }
            Ticket::Incremental { id, epoch } => {
                let session = self.by_id.get_mut(&id).filter(|session| session.epoch == epoch);
                response.session_id = id;
                match session {
                    Some(session) => session.leave_out(response),
                    // another request of the session came in between
                    None => {
                        response.responses.clear();
                        response.node_endpoints.clear();
                        response.error_code = ErrorCode::INVALID_FETCH_SESSION_EPOCH;
                    }
                }
            }
        }
    }

    /// Whether `is` holds for a topic and partition of this session.
    pub(crate) fn any(&self, id: i32, is: impl Fn(&str, Uuid, i32) -> bool) -> bool {
        let session = self.by_id.get(&id);
        session.is_some_and(|s| s.places.keys().any(|(name, id, index)| is(name, *id, index.0)))
    }

    /// The id of a new session; 0 if there is no room for one.
    fn create(
        &mut self,
        by_id: bool,
        asked: &[FetchTopic],
        response: &FetchResponse,
        now: Instant,
    ) -> i32 {
        let mut session = Session {
            by_id,
            epoch: next_epoch(FIRST),
            created: now,
            used: now,
            places: BTreeMap::new(),
            order: BTreeMap::new(),
            next_place: 0,
        };
        for (topic, answer) in asked.iter().zip(&response.responses) {
            for (request, data) in topic.partitions.iter().zip(&answer.partitions) {
                session.add(topic, request).answered(data);
            }
        }
        let size = session.places.len();
        let room = self.by_id.len() < self.slots || self.evict(size, now);
        if size == 0 || !room || self.partitions + size > PARTITIONS_MAX {
            return 0;
        }
        let id = loop {
            let id = self.random.i32(1..);
            if !self.by_id.contains_key(&id) {
                break id;
            }
        };
        self.partitions += size;
        self.by_id.insert(id, session);
        id
    }

    /// Makes room for a session of this size: an idle session goes, or else an old one that is
    /// smaller, since a large session saves more.
    fn evict(&mut self, size: usize, now: Instant) -> bool {
        let past = |then: Instant| now - then > IDLE;
        let idle = self.by_id.iter().min_by_key(|(_, session)| session.used);
        let idle = idle.filter(|(_, session)| past(session.used)).map(|(id, _)| *id);
        let old = self.by_id.iter().filter(|(_, session)| past(session.created));
        let smallest = old.min_by_key(|(_, session)| session.places.len());
        let smaller = smallest.filter(|(_, session)| session.places.len() < size);
        let Some(id) = idle.or_else(|| smaller.map(|(id, _)| *id)) else { return false };
        self.remove(id);
        true
    }

    fn remove(&mut self, id: i32) {
        if let Some(session) = self.by_id.remove(&id) {
            self.partitions -= session.places.len();
        }
    }
}

impl Session {
    fn key(&self, (name, id): (&Str, Uuid), index: PartitionIndex) -> Key {
        // a name from a request would keep the whole request in memory
        if self.by_id { (Str::new(), id, index) } else { (Str::from(&**name), Uuid::ZERO, index) }
    }

    /// What a request names is new or read otherwise from now on, or it is forgotten.
    fn update(&mut self, request: &FetchRequest) {
        for topic in &request.topics {
            for partition in &topic.partitions {
                self.add(topic, partition);
            }
        }
        for topic in &request.forgotten_topics_data {
            for index in &topic.partitions {
                let key = self.key((&topic.topic, topic.topic_id), *index);
                if let Some(place) = self.places.remove(&key) {
                    self.order.remove(&place);
                }
            }
        }
    }

    fn add(&mut self, topic: &FetchTopic, request: &FetchPartition) -> &mut Cached {
        let key = self.key((&topic.topic, topic.topic_id), request.partition);
        let place = *self.places.entry(key.clone()).or_insert_with(|| {
            self.next_place += 1;
            self.next_place
        });
        let new =
            || Cached { key, request: request.clone(), high_watermark: None, log_start: None };
        let cached = self.order.entry(place).or_insert_with(new);
        cached.request = request.clone();
        cached
    }

    /// All that is to be read, in order.
    fn topics(&self) -> Vec<FetchTopic> {
        let mut topics: Vec<FetchTopic> = Vec::new();
        for cached in self.order.values() {
            let (topic, topic_id, _) = &cached.key;
            match topics.last_mut() {
                Some(last) if last.topic == *topic && last.topic_id == *topic_id => {
                    last.partitions.push(cached.request.clone());
                }
                _ => topics.push(FetchTopic {
                    topic: topic.clone(),
                    topic_id: *topic_id,
                    partitions: vec![cached.request.clone()],
                    ..Default::default()
                }),
            }
        }
        topics
    }

    /// Leaves out what the client knows.
    fn leave_out(&mut self, response: &mut FetchResponse) {
        for topic in &mut response.responses {
            let (name, id) = (&topic.topic, topic.topic_id);
            topic.partitions.retain(|data| self.is_news((name, id), data));
        }
        response.responses.retain(|topic| !topic.partitions.is_empty());
    }

    fn is_news(&mut self, topic: (&Str, Uuid), data: &PartitionData) -> bool {
        let (name, id) = topic;
        let key = (name.clone(), id, data.partition_index);
        let Some(place) = self.places.get(&key).copied() else { return true };
        let news = self.order.get_mut(&place).is_none_or(|cached| cached.answered(data));
        if has_records(data)
            && let Some(cached) = self.order.remove(&place)
        {
            self.next_place += 1;
            self.places.insert(cached.key.clone(), self.next_place);
            self.order.insert(self.next_place, cached);
        }
        news
    }
}

impl Cached {
    /// Notes what the client is told; whether it is worth telling.
    fn answered(&mut self, data: &PartitionData) -> bool {
        let failed = data.error_code != ErrorCode::NONE;
        let moved =
            self.high_watermark != data.high_watermark || self.log_start != data.log_start_offset;
        // once an error is over, the client hears of it
        self.high_watermark = data.high_watermark.filter(|_| !failed);
        self.log_start = data.log_start_offset;
        moved
            || failed
            || has_records(data)
            || data.preferred_read_replica.is_some()
            || data.diverging_epoch != EpochEndOffset::default()
    }
}

fn has_records(data: &PartitionData) -> bool {
    data.records.as_ref().is_some_and(|records| !records.is_empty())
}

/// 1 follows the largest.
const fn next_epoch(epoch: i32) -> i32 {
    if epoch == i32::MAX { 1 } else { epoch + 1 }
}

#[cfg(test)]
mod tests;
