use std::collections::BTreeSet;

use bytes::Bytes;
use ottla_protocol::messages::fetch::{FetchableTopicResponse, ForgottenTopic};
use ottla_runtime::Clock;

use super::*;

const TOPICS: [&str; 3] = ["a", "b", "c"];

fn topic(name: &str, partitions: &[(i32, i64)]) -> FetchTopic {
    let partition = |&(index, fetch_offset): &(i32, i64)| FetchPartition {
        partition: PartitionIndex(index),
        fetch_offset: RawOffset(fetch_offset),
        ..Default::default()
    };
    let partitions = partitions.iter().map(partition).collect();
    FetchTopic { topic: name.into(), partitions, ..Default::default() }
}

fn request(session_id: i32, session_epoch: i32, topics: Vec<FetchTopic>) -> FetchRequest {
    let session_id = Some(FetchSessionId(session_id)).filter(|id| id.0 != 0);
    FetchRequest { session_id, session_epoch, topics, ..Default::default() }
}

/// The session of an answer; 0: none.
fn id_in(response: &FetchResponse) -> i32 {
    response.session_id.map_or(0, |id| id.0)
}

/// What partitions are like: high watermark, log start, error.
type World = BTreeMap<(String, i32), (i64, i64, ErrorCode)>;

/// A full answer: records where there are some behind the offset.
fn answer(topics: &[FetchTopic], world: &World) -> FetchResponse {
    let responses = topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| {
            let key = (topic.topic.to_string(), asked.partition.0);
            let state = world.get(&key).copied();
            let unknown = (0, 0, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
            let (high_watermark, start, error_code) = state.unwrap_or(unknown);
            let good = error_code == ErrorCode::NONE;
            let records = if good && asked.fetch_offset.0 < high_watermark { "x" } else { "" };
            PartitionData {
                partition_index: asked.partition,
                error_code,
                high_watermark: Offset::new(high_watermark).filter(|_| good),
                log_start_offset: Offset::new(start).filter(|_| good),
                records: Some(Bytes::from_static(records.as_bytes())),
                ..Default::default()
            }
        });
        FetchableTopicResponse {
            topic: topic.topic.clone(),
            partitions: partitions.collect(),
            ..Default::default()
        }
    });
    FetchResponse { responses: responses.collect(), ..Default::default() }
}

struct Run {
    sessions: Sessions,
    now: Instant,
}

impl Run {
    fn new(slots: usize) -> Self {
        Self { sessions: Sessions::new(slots, 1), now: Clock::starting_at(0).now() }
    }

    fn call(
        &mut self,
        mut request: FetchRequest,
        world: &World,
    ) -> Result<FetchResponse, ErrorCode> {
        let ticket = self.sessions.begin(&mut request, false, self.now)?;
        let mut response = answer(&request.topics, world);
        self.sessions.finish(ticket, &request.topics, &mut response, self.now);
        let held: usize = self.sessions.by_id.values().map(held_bytes).sum();
        assert_eq!(self.sessions.bytes, held);
        assert!(self.sessions.by_id.len() <= self.sessions.slots);
        for session in self.sessions.by_id.values() {
            assert!(session.places.iter().all(|(key, at)| session.order[at].key == *key));
            assert_eq!(session.places.len(), session.order.len());
        }
        Ok(response)
    }

    fn open(&mut self, partitions: &[(i32, i64)]) -> i32 {
        let request = request(0, FIRST, vec![topic("a", partitions)]);
        id_in(&self.call(request, &World::new()).unwrap())
    }
}

/// What a session says it holds must be what it holds.
fn held_bytes(session: &Session) -> usize {
    let names: BTreeSet<&Str> = session.places.keys().map(|(name, ..)| name).collect();
    let names = names.iter().map(|name| NAME_BYTES + name.len());
    let bytes = SESSION_BYTES + session.places.len() * PARTITION_BYTES + names.sum::<usize>();
    assert_eq!(session.bytes, bytes);
    bytes
}

fn named(response: &FetchResponse) -> Vec<(String, i32)> {
    let topics = response.responses.iter();
    let each = topics
        .flat_map(|t| t.partitions.iter().map(|p| (t.topic.to_string(), p.partition_index.0)));
    each.collect()
}

#[test]
fn only_the_request_that_is_due_is_served() {
    let mut run = Run::new(1);
    let id = run.open(&[(0, 0)]);
    assert_ne!(id, 0);
    for (rule, id, epoch, expected) in [
        ("another session", id + 1, 1, Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)),
        ("none", 0, 1, Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)),
        ("too early", id, 2, Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH)),
        ("nonsense", id, -7, Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH)),
        ("the first", id, 1, Ok(id)),
        ("again", id, 1, Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH)),
        ("the second", id, 2, Ok(id)),
        ("the end", id, NONE, Ok(0)),
        ("too late", id, 3, Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)),
    ] {
        let answer = run.call(request(id, epoch, Vec::new()), &World::new());
        assert_eq!(answer.map(|response| id_in(&response)), expected, "{rule}");
    }
}

#[test]
fn names_and_ids_do_not_mix_and_epochs_wrap_to_one() {
    let mut run = Run::new(1);
    let id = run.open(&[(0, 0)]);
    let begun = run.sessions.begin(&mut request(id, 1, Vec::new()), true, run.now);
    assert_eq!(begun, Err(ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR));
    run.sessions.by_id.get_mut(&FetchSessionId(id)).unwrap().epoch = i32::MAX;
    assert!(run.call(request(id, i32::MAX, Vec::new()), &World::new()).is_ok());
    assert!(run.call(request(id, 1, Vec::new()), &World::new()).is_ok());
}

#[test]
fn a_reply_that_was_overtaken_tells_nothing() {
    let mut run = Run::new(1);
    let id = run.open(&[(0, 0)]);
    let mut first = request(id, 1, Vec::new());
    let overtaken = run.sessions.begin(&mut first, false, run.now).unwrap();
    run.call(request(id, 2, Vec::new()), &World::new()).unwrap();
    let mut response = answer(&first.topics, &World::new());
    run.sessions.finish(overtaken, &first.topics, &mut response, run.now);
    assert_eq!(response.error_code, ErrorCode::INVALID_FETCH_SESSION_EPOCH);
    assert!(response.responses.is_empty());
}

#[test]
fn slots_go_to_who_needs_them_most() {
    let mut run = Run::new(2);
    let small = run.open(&[(0, 0)]);
    let large = run.open(&[(0, 0), (1, 0), (2, 0)]);
    assert_eq!(run.open(&[(0, 0), (1, 0)]), 0, "all are new");
    run.now = run.now + IDLE / 2 + Duration::from_secs(1);
    for id in [small, large] {
        run.call(request(id, 1, Vec::new()), &World::new()).unwrap();
    }
    run.now = run.now + IDLE / 2;
    assert_eq!(run.open(&[(0, 0)]), 0, "none is smaller");
    let middle = run.open(&[(0, 0), (1, 0)]);
    assert_ne!(middle, 0);
    let gone = run.call(request(small, 2, Vec::new()), &World::new());
    assert_eq!(gone, Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND), "the smaller one went");
    run.now = run.now + IDLE / 2 + Duration::from_secs(1);
    run.call(request(middle, 1, Vec::new()), &World::new()).unwrap();
    assert_ne!(run.open(&[(0, 0)]), 0);
    let gone = run.call(request(large, 2, Vec::new()), &World::new());
    assert_eq!(gone, Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND), "the idle one went");
    let mut none = Run::new(0);
    assert_eq!(none.open(&[(0, 0)]), 0);
    let empty = Run::new(1).call(request(0, FIRST, Vec::new()), &World::new()).unwrap();
    assert_eq!(empty.session_id, None);
}

#[test]
fn nobody_goes_for_a_session_that_is_not_made() {
    let mut run = Run::new(1);
    let id = run.open(&[(0, 0)]);
    run.sessions.bytes_max = 2 * run.sessions.bytes;
    run.now = run.now + IDLE + Duration::from_secs(1);
    assert_eq!(run.open(&[]), 0, "it has nothing to keep");
    let many: Vec<(i32, i64)> = (0..100).map(|i| (i, 0)).collect();
    assert_eq!(run.open(&many), 0, "it is too large");
    let still = run.call(request(id, 1, Vec::new()), &World::new()).unwrap();
    assert_eq!(id_in(&still), id);
}

#[test]
fn sessions_hold_no_more_than_they_may() {
    let mut run = Run::new(10);
    let first = run.open(&[(0, 0)]);
    run.sessions.bytes_max = run.sessions.bytes;
    assert_eq!(run.open(&[(0, 0)]), 0, "the other is in use");
    run.now = run.now + IDLE + Duration::from_secs(1);
    let second = run.open(&[(0, 0)]);
    assert_ne!(second, 0, "the other was idle");
    let gone = run.call(request(first, 1, Vec::new()), &World::new());
    assert_eq!(gone, Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND));
    let more = request(second, 1, vec![topic("b", &[(0, 0)])]);
    let gone = run.call(more, &World::new());
    assert_eq!(gone, Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND), "it grew too large");
    assert_eq!(run.sessions.bytes, 0);
}

#[test]
fn partitions_of_a_topic_share_one_copy_of_its_name() {
    let mut run = Run::new(1);
    let id = run.open(&[(0, 0), (1, 0)]);
    run.call(request(id, 1, vec![topic("a", &[(2, 0)])]), &World::new()).unwrap();
    let session = &run.sessions.by_id[&FetchSessionId(id)];
    let keys = session.places.keys().chain(session.order.values().map(|cached| &cached.key));
    let places: BTreeSet<_> = keys.map(|(name, ..)| name.as_ptr()).collect();
    assert_eq!(places.len(), 1);
    let mut rest = request(id, 2, Vec::new());
    rest.forgotten_topics_data = [0, 1].map(|i| forget(&("a".to_owned(), i))).to_vec();
    run.call(rest, &World::new()).unwrap();
}

#[test]
fn names_that_no_topic_can_have_are_answered_and_not_kept() {
    let mut run = Run::new(1);
    let long = "x".repeat(250);
    let only = request(0, FIRST, vec![topic(&long, &[(0, 0)])]);
    assert_eq!(run.call(only, &World::new()).unwrap().session_id, None);
    let both = vec![topic(&long, &[(0, 0)]), topic("a", &[(0, 0)])];
    let first = run.call(request(0, FIRST, both.clone()), &World::new()).unwrap();
    let (a, x) = (("a".to_owned(), 0), (long.clone(), 0));
    assert_eq!(named(&first), [x.clone(), a.clone()]);
    let id = id_in(&first);
    let second = run.call(request(id, 1, Vec::new()), &World::new()).unwrap();
    assert_eq!(named(&second), std::slice::from_ref(&a));
    let third = run.call(request(id, 2, both), &World::new()).unwrap();
    assert_eq!(named(&third), [a, x]);
}

#[test]
fn who_had_records_comes_last_the_next_time() {
    let mut run = Run::new(1);
    let id = run.open(&[(0, 0), (1, 0), (2, 0)]);
    let world: World =
        (0..3).map(|i| (("a".to_owned(), i), (i64::from(i == 0), 0, ErrorCode::NONE))).collect();
    let first = run.call(request(id, 1, Vec::new()), &world).unwrap();
    assert_eq!(named(&first).len(), 3, "the errors are over");
    let mut next = request(id, 2, Vec::new());
    run.sessions.begin(&mut next, false, run.now).unwrap();
    let order: Vec<i32> = next.topics[0].partitions.iter().map(|p| p.partition.0).collect();
    assert_eq!(order, [1, 2, 0]);
}

/// What a client with a session believes must be what one without a session is told.
#[test]
fn a_client_with_a_session_knows_what_one_without_knows() {
    for seed in 0..40 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut run = Run::new(4);
        let mut world = World::new();
        // as the client sees it: what it asks for, and what it was told last
        let mut asked: BTreeMap<(String, i32), i64> = BTreeMap::new();
        let mut told: World = World::new();
        let (mut id, mut epoch) = (0, FIRST);
        for _ in 0..200 {
            for _ in 0..rng.usize(0..4) {
                let state = world.entry(key(&mut rng)).or_default();
                match rng.u32(0..8) {
                    0 => state.1 = rng.i64(0..=state.0),
                    1 => state.2 = ErrorCode::NOT_LEADER_OR_FOLLOWER,
                    2 => state.2 = ErrorCode::NONE,
                    _ => state.0 += rng.i64(0..3),
                }
            }
            let mut edits = BTreeMap::new();
            let mut forgotten = Vec::new();
            for _ in 0..rng.usize(0..4) {
                let key = key(&mut rng);
                if rng.u32(0..4) == 0 && epoch != FIRST && !edits.contains_key(&key) {
                    told.remove(&key);
                    if asked.remove(&key).is_some() {
                        forgotten.push(key);
                    }
                } else if !forgotten.contains(&key) {
                    edits.insert(key, rng.i64(0..20));
                }
            }
            asked.extend(edits.clone());
            let full = epoch == FIRST;
            let topics = if full { asked.clone() } else { edits };
            let topics = topics.iter().map(|((name, index), at)| topic(name, &[(*index, *at)]));
            let mut request = request(id, epoch, topics.collect());
            request.forgotten_topics_data = forgotten.iter().map(forget).collect();
            let response = run.call(request, &world).unwrap();
            let topics = asked.iter().map(|((name, index), at)| topic(name, &[(*index, *at)]));
            let model = answer(&topics.collect::<Vec<_>>(), &world);
            for (name, index) in named(&response) {
                let state = world.get(&(name.clone(), index)).copied();
                let unknown = (0, 0, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
                assert!(asked.contains_key(&(name.clone(), index)), "not forgotten");
                told.insert((name, index), state.unwrap_or(unknown));
            }
            for (topic, data) in model.responses.iter().map(|t| (&t.topic, &t.partitions[0])) {
                let key = (topic.to_string(), data.partition_index.0);
                let must = has_records(data) || data.error_code != ErrorCode::NONE;
                assert!(!must || named(&response).contains(&key), "{key:?} has news");
                let truth = world.get(&key).copied();
                let unknown = (0, 0, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
                assert_eq!(told.get(&key).copied(), Some(truth.unwrap_or(unknown)), "{key:?}");
            }
            if asked.is_empty() {
                (id, epoch) = (0, FIRST); // there is nothing to keep a session for
                continue;
            }
            assert_ne!(response.session_id, None);
            (id, epoch) = (id_in(&response), next_epoch(epoch));
            if rng.u32(0..20) == 0 {
                epoch = FIRST; // starts again in full
                told.clear();
            }
        }
    }
}

fn key(rng: &mut fastrand::Rng) -> (String, i32) {
    (TOPICS[rng.usize(0..TOPICS.len())].to_owned(), rng.i32(0..3))
}

fn forget((name, index): &(String, i32)) -> ForgottenTopic {
    let partitions = vec![PartitionIndex(*index)];
    ForgottenTopic { topic: name.as_str().into(), partitions, ..Default::default() }
}
