//! Fetch sessions (KIP-227): a client names its partitions once, then only what changes, and is
//! told only of partitions that have something to say. A machine: it knows no partition's log.

use core::time::Duration;
use std::collections::BTreeMap;

use ottla_protocol::Str;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{FetchSessionId, LeaderEpoch, Offset, PartitionIndex, RawOffset, Uuid};
use ottla_protocol::messages::fetch::{
    EpochEndOffset, FetchPartition, FetchRequest, FetchResponse, FetchTopic, PartitionData,
};
use ottla_protocol::topic::check_name;
use ottla_runtime::Instant;

/// After so long without a request any other client may have the slot (Kafka:
/// `FetchSession.EVICTION_MS`).
const IDLE: Duration = Duration::from_secs(120);
/// What all sessions hold at most, about half a million partitions. Kafka has no such bound.
const BYTES_MAX: usize = 200 << 20;
/// What a session costs, and what a partition of it costs besides the name of its topic, which its
/// partitions share: what is kept, twice, since nodes of the maps may be half empty.
const SESSION_BYTES: usize = 2 * (size_of::<(FetchSessionId, Session)>() + NODES_BYTES);
const PARTITION_BYTES: usize = 2 * size_of::<(Key, u64, u64, Cached)>();
/// The first node of each of the two maps has room for so many entries from the start.
const NODES_BYTES: usize = 11 * size_of::<(Key, u64, u64, Cached)>();
/// What a name costs besides its bytes.
const NAME_BYTES: usize = 64;

/// `session_epoch` of a request that starts a session, and of one without.
const FIRST: i32 = 0;
const NONE: i32 = -1;

/// All sessions of a broker.
#[derive(Debug)]
pub(crate) struct Sessions {
    slots: usize,
    random: fastrand::Rng,
    by_id: BTreeMap<FetchSessionId, Session>,
    /// What they hold, and may hold, in bytes.
    bytes: usize,
    bytes_max: usize,
}

/// What is to be done with the reply of a request that has begun.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ticket {
    /// Nothing.
    Sessionless,
    /// Its partitions make a session, if there is room.
    New { by_id: bool },
    /// Partitions with nothing new are left out.
    Incremental { id: FetchSessionId, epoch: i32 },
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
    /// What it holds, about.
    bytes: usize,
}

/// What is read of a [`FetchPartition`]: the whole would keep the frame it came in.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    current_leader_epoch: Option<LeaderEpoch>,
    fetch_offset: RawOffset,
    last_fetched_epoch: Option<LeaderEpoch>,
    partition_max_bytes: i32,
}

#[derive(Debug)]
struct Cached {
    key: Key,
    wanted: Wanted,
    /// What the client knows; `None` after an error.
    high_watermark: Option<Offset>,
    log_start: Option<Offset>,
}

impl Sessions {
    /// With room for so many sessions (Kafka: `max.incremental.fetch.session.cache.slots`).
    pub(crate) fn new(slots: usize, seed: u64) -> Self {
        let random = fastrand::Rng::with_seed(seed);
        Self { slots, random, by_id: BTreeMap::new(), bytes: 0, bytes_max: BYTES_MAX }
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
            if let Some(id) = id {
                self.remove(id);
            }
            let new = request.session_epoch == FIRST;
            return Ok(if new { Ticket::New { by_id } } else { Ticket::Sessionless });
        }
        let id = id.ok_or(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)?;
        let session = self.by_id.get_mut(&id).ok_or(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)?;
        if session.epoch != request.session_epoch {
            return Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        }
        if session.by_id != by_id {
            return Err(ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR);
        }
        self.bytes -= session.bytes;
        session.update(request);
        self.bytes += session.bytes;
        if session.places.is_empty() {
            self.remove(id);
            return Ok(Ticket::Sessionless);
        }
        session.used = now;
        session.epoch = next_epoch(session.epoch);
        // what is not kept is answered this once
        let mut topics = session.topics();
        topics.extend(request.topics.drain(..).filter(|topic| !session.keeps(topic)));
        request.topics = topics;
        let epoch = session.epoch;
        if self.bytes > self.bytes_max {
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
                response.session_id = Some(id);
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
    pub(crate) fn any(&self, id: FetchSessionId, is: impl Fn(&str, Uuid, i32) -> bool) -> bool {
        let session = self.by_id.get(&id);
        session.is_some_and(|s| s.places.keys().any(|(name, id, index)| is(name, *id, index.0)))
    }

    /// The id of a new session; `None` if there is no room for one.
    fn create(
        &mut self,
        by_id: bool,
        asked: &[FetchTopic],
        response: &FetchResponse,
        now: Instant,
    ) -> Option<FetchSessionId> {
        let mut session = Session {
            by_id,
            epoch: next_epoch(FIRST),
            created: now,
            used: now,
            places: BTreeMap::new(),
            order: BTreeMap::new(),
            next_place: 0,
            bytes: SESSION_BYTES,
        };
        for (topic, answer) in asked.iter().zip(&response.responses) {
            let name = session.keeps(topic).then(|| session.name(&topic.topic));
            for (request, data) in topic.partitions.iter().zip(&answer.partitions) {
                let Some(name) = &name else { break };
                session.add((name, topic.topic_id), request).answered(data);
            }
        }
        if session.places.is_empty() || !self.make_room(&session, now) {
            return None;
        }
        let id = loop {
            let id = FetchSessionId(self.random.i32(1..));
            if !self.by_id.contains_key(&id) {
                break id;
            }
        };
        self.bytes += session.bytes;
        self.by_id.insert(id, session);
        Some(id)
    }

    /// Whether there is room for `new`, once another session has gone if need be.
    fn make_room(&mut self, new: &Session, now: Instant) -> bool {
        let fits = |bytes: usize| bytes + new.bytes <= self.bytes_max;
        if self.by_id.len() < self.slots && fits(self.bytes) {
            return true;
        }
        let Some(id) = self.dispensable(new.places.len(), now) else { return false };
        let gone = self.by_id.get(&id).map_or(0, |session| session.bytes);
        let room = fits(self.bytes - gone);
        if room {
            self.remove(id);
        }
        room
    }

    /// Which session may go for one of this size: an idle one, or else an old one that is smaller,
    /// since a large session saves more.
    fn dispensable(&self, size: usize, now: Instant) -> Option<FetchSessionId> {
        let past = |then: Instant| now - then > IDLE;
        let idle = self.by_id.iter().min_by_key(|(_, session)| session.used);
        let idle = idle.filter(|(_, session)| past(session.used)).map(|(id, _)| *id);
        let old = self.by_id.iter().filter(|(_, session)| past(session.created));
        let smallest = old.min_by_key(|(_, session)| session.places.len());
        let smaller = smallest.filter(|(_, session)| session.places.len() < size);
        idle.or_else(|| smaller.map(|(id, _)| *id))
    }

    fn remove(&mut self, id: FetchSessionId) {
        if let Some(session) = self.by_id.remove(&id) {
            self.bytes -= session.bytes;
        }
    }
}

impl Session {
    /// Whether it remembers a topic. No topic can have a name that is refused, of megabytes for
    /// example.
    fn keeps(&self, topic: &FetchTopic) -> bool {
        self.by_id || check_name(&topic.topic).is_ok()
    }

    /// The name as this session holds it: all partitions of a topic share one.
    fn name(&self, name: &Str) -> Str {
        if self.by_id {
            return Str::new();
        }
        // the request's own would keep the whole request in memory
        self.held(name).unwrap_or_else(|| Str::from(&**name))
    }

    fn held(&self, name: &Str) -> Option<Str> {
        let first = (name.clone(), Uuid::ZERO, PartitionIndex(i32::MIN));
        let (key, _) = self.places.range(first..).next()?;
        (key.0 == *name).then(|| key.0.clone())
    }

    fn key(&self, (name, id): (&Str, Uuid), index: PartitionIndex) -> Key {
        let id = if self.by_id { id } else { Uuid::ZERO };
        (name.clone(), id, index)
    }

    /// What the name of a topic costs that has no partition in the session.
    fn name_bytes(&self, name: &Str) -> usize {
        let held = self.by_id || self.held(name).is_some();
        if held { 0 } else { NAME_BYTES + name.len() }
    }

    /// What a request names is new or read otherwise from now on, or it is forgotten.
    fn update(&mut self, request: &FetchRequest) {
        for topic in &request.topics {
            if self.keeps(topic) {
                let name = self.name(&topic.topic);
                for partition in &topic.partitions {
                    self.add((&name, topic.topic_id), partition);
                }
            }
        }
        for topic in &request.forgotten_topics_data {
            let name = self.name(&topic.topic);
            for index in &topic.partitions {
                self.forget(&self.key((&name, topic.topic_id), *index));
            }
        }
    }

    fn add(&mut self, (name, id): (&Str, Uuid), request: &FetchPartition) -> &mut Cached {
        let key = self.key((name, id), request.partition);
        let held = self.places.get(&key).copied();
        let place = held.unwrap_or_else(|| {
            self.bytes += PARTITION_BYTES + self.name_bytes(name);
            self.next_place += 1;
            self.places.insert(key.clone(), self.next_place);
            self.next_place
        });
        let wanted = Wanted::of(request);
        let new = || Cached { key, wanted, high_watermark: None, log_start: None };
        let cached = self.order.entry(place).or_insert_with(new);
        cached.wanted = wanted;
        cached
    }

    fn forget(&mut self, key: &Key) {
        if let Some(place) = self.places.remove(key) {
            self.order.remove(&place);
            self.bytes -= PARTITION_BYTES + self.name_bytes(&key.0);
        }
    }

    /// All that is to be read, in order.
    fn topics(&self) -> Vec<FetchTopic> {
        let mut topics: Vec<FetchTopic> = Vec::new();
        for cached in self.order.values() {
            let (topic, topic_id, _) = &cached.key;
            match topics.last_mut() {
                Some(last) if last.topic == *topic && last.topic_id == *topic_id => {
                    last.partitions.push(cached.request());
                }
                _ => topics.push(FetchTopic {
                    topic: topic.clone(),
                    topic_id: *topic_id,
                    partitions: vec![cached.request()],
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

impl Wanted {
    const fn of(request: &FetchPartition) -> Self {
        Self {
            current_leader_epoch: request.current_leader_epoch,
            fetch_offset: request.fetch_offset,
            last_fetched_epoch: request.last_fetched_epoch,
            partition_max_bytes: request.partition_max_bytes,
        }
    }
}

impl Cached {
    fn request(&self) -> FetchPartition {
        FetchPartition {
            partition: self.key.2,
            current_leader_epoch: self.wanted.current_leader_epoch,
            fetch_offset: self.wanted.fetch_offset,
            last_fetched_epoch: self.wanted.last_fetched_epoch,
            partition_max_bytes: self.wanted.partition_max_bytes,
            ..Default::default()
        }
    }

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
