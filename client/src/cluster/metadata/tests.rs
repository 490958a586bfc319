//! Tables of answers and random schedules.

use super::*;

const T: &str = "orders";

fn uuid(n: u8) -> Uuid {
    Uuid([n; 16])
}

fn partition(index: i32, leader: i32, epoch: Option<i32>) -> MetadataResponsePartition {
    MetadataResponsePartition {
        partition_index: PartitionIndex(index),
        leader_id: Some(NodeId(leader)).filter(|_| leader >= 0),
        leader_epoch: epoch.map(LeaderEpoch),
        ..Default::default()
    }
}

fn topic(id: u8, partitions: Vec<MetadataResponsePartition>) -> MetadataResponseTopic {
    MetadataResponseTopic {
        name: Some(Str::from_static(T)),
        topic_id: uuid(id),
        partitions,
        ..Default::default()
    }
}

fn failed(error_code: ErrorCode) -> MetadataResponseTopic {
    MetadataResponseTopic { error_code, ..topic(0, Vec::new()) }
}

fn answer(topics: Vec<MetadataResponseTopic>) -> MetadataResponse {
    let broker = |id: i32| MetadataResponseBroker {
        node_id: NodeId(id),
        host: Str::from(format!("node-{id}")),
        port: 9092,
        ..Default::default()
    };
    let brokers = (1..=3).map(broker).collect();
    MetadataResponse { brokers, topics, ..Default::default() }
}

fn after(answers: impl IntoIterator<Item = MetadataResponseTopic>) -> Metadata {
    let start = Metadata::default();
    answers.into_iter().fold(start, |known, topic| known.updated(answer(vec![topic]), |_| true))
}

fn leader(metadata: &Metadata) -> (Option<i32>, Option<i32>) {
    let partition = metadata.partition(T, PartitionIndex(0)).unwrap();
    (partition.leader.map(|n| n.0), partition.leader_epoch.map(|e| e.0))
}

#[test]
fn leader_epochs_decide_which_answer_is_newer() {
    for (rule, first, second, result) in [
        ("a higher epoch wins", (1, 1, Some(5)), (1, 2, Some(6)), (Some(2), Some(6))),
        ("a lower epoch is stale", (1, 1, Some(5)), (1, 2, Some(4)), (Some(1), Some(5))),
        ("the same epoch is believed", (1, 1, Some(5)), (1, 2, Some(5)), (Some(2), Some(5))),
        ("no epoch is believed", (1, 1, None), (1, 2, None), (Some(2), None)),
        ("no epoch forgets none", (1, 1, Some(5)), (1, 2, None), (Some(2), Some(5))),
        ("a recreated topic starts again", (1, 1, Some(5)), (2, 2, Some(0)), (Some(2), Some(0))),
        ("an unknown id proves nothing", (1, 1, Some(5)), (0, 2, Some(4)), (Some(1), Some(5))),
        ("nor does an unknown one before", (0, 1, Some(5)), (7, 2, Some(4)), (Some(1), Some(5))),
        ("a leader may go", (1, 1, Some(5)), (1, -1, Some(6)), (None, Some(6))),
    ] {
        let known =
            [first, second].map(|(id, leader, epoch)| topic(id, vec![partition(0, leader, epoch)]));
        assert_eq!(leader(&after(known)), result, "{rule}");
    }
}

#[test]
fn a_topic_that_fails_keeps_its_partitions_and_epochs() {
    let good = || topic(1, vec![partition(0, 1, Some(5))]);
    let gone = failed(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let known = after([good(), gone.clone()]);
    assert_eq!(known.topic(T).unwrap().error, Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
    assert_eq!(leader(&known), (Some(1), Some(5)));
    assert!(known.topic_by_id(uuid(1)).is_some(), "its id is kept");
    assert!(known.is_unsettled());
    let stale = topic(1, vec![partition(0, 2, Some(4))]);
    let known = after([good(), gone.clone(), stale]);
    assert_eq!(leader(&known), (Some(1), Some(5)), "a lagging broker after the gap");
    assert_eq!(known.topic(T).unwrap().error, None);
    assert!(!known.is_unsettled());
    let never = after([gone]);
    assert!(never.topic(T).unwrap().partitions.is_empty());
    let denied = after([failed(ErrorCode::TOPIC_AUTHORIZATION_FAILED)]);
    assert!(!denied.is_unsettled(), "asking again does not help");
}

#[test]
fn partitions_are_in_order_and_cannot_have_gaps() {
    for (rule, indexes, kept) in [
        ("any order", &[2, 0, 1][..], 3),
        ("a gap ends them", &[0, 1, 3], 2),
        ("twice the same ends them", &[0, 0, 1], 1),
        ("negative", &[-1, 0], 0),
    ] {
        let partitions = indexes.iter().map(|&i| partition(i, 1, Some(0))).collect();
        let known = after([topic(1, partitions)]);
        let got = &known.topic(T).unwrap().partitions;
        assert_eq!(got.len(), kept, "{rule}");
        assert!((0..).zip(got).all(|(i, p)| p.index.0 == i), "{rule}");
    }
}

#[test]
fn only_wanted_topics_are_kept() {
    let known = after([topic(1, vec![partition(0, 1, Some(5))])]);
    let silent = known.updated(answer(Vec::new()), |_| true);
    assert_eq!(leader(&silent), (Some(1), Some(5)), "an answer that leaves it out");
    let dropped = known.updated(answer(vec![topic(1, Vec::new())]), |_| false);
    assert!(dropped.topic(T).is_none() && dropped.topic_by_id(uuid(1)).is_none());
}

fn hint(topic: TopicRef, leader: i32, epoch: i32) -> LeaderHint {
    let (partition, leader) = (PartitionIndex(0), NodeId(leader));
    LeaderHint { topic, partition, leader, leader_epoch: LeaderEpoch(epoch) }
}

#[test]
fn hints_count_only_above_the_known_epoch_and_with_a_known_address() {
    let known = after([topic(1, vec![partition(0, 1, Some(5))])]);
    let name = || TopicRef::Name(Str::from_static(T));
    let endpoint = Node::new(NodeId(9), Str::from_static("new"), 1, None).unwrap();
    for (rule, hint, result) in [
        ("by name", hint(name(), 2, 6), Some((Some(2), Some(6)))),
        ("by id", hint(TopicRef::Id(uuid(1)), 2, 6), Some((Some(2), Some(6)))),
        ("the same epoch is no news", hint(name(), 2, 5), None),
        ("a lower epoch is stale", hint(name(), 2, 4), None),
        ("another topic id", hint(TopicRef::Id(uuid(2)), 2, 6), None),
        ("a broker nobody knows", hint(name(), 8, 6), None),
        ("a broker that comes with it", hint(name(), 9, 6), Some((Some(9), Some(6)))),
    ] {
        let next = known.hinted(&[hint], core::slice::from_ref(&endpoint));
        assert_eq!(next.as_ref().map(leader), result, "{rule}");
        if let Some(next) = next {
            let id = next.partition(T, PartitionIndex(0)).unwrap().leader.unwrap();
            assert!(next.nodes.contains_key(&id) && next.generation > known.generation);
        }
    }
}

/// A cluster whose brokers answer from states of different age.
struct World {
    rng: fastrand::Rng,
    /// Every state there ever was: id, leader, epoch.
    history: Vec<(u8, i32, i32)>,
}

impl World {
    fn step(&mut self) {
        let &(id, _, epoch) = self.history.last().unwrap();
        let leader = self.rng.i32(1..=3);
        let next = if self.rng.u8(..) < 20 { (id + 1, leader, 0) } else { (id, leader, epoch + 1) };
        self.history.push(next);
    }

    /// A state at most a few steps old.
    fn seen_by_some_broker(&mut self) -> (u8, i32, i32) {
        let newest = self.history.len() - 1;
        self.history[self.rng.usize(newest.saturating_sub(4)..=newest)]
    }
}

#[test]
fn neither_ids_nor_epochs_within_an_id_go_back_whatever_lags() {
    for seed in 0..300 {
        let rng = fastrand::Rng::with_seed(seed);
        let mut world = World { rng, history: vec![(1, 1, 0)] };
        let mut known = Metadata::default();
        // per id the highest epoch, and the ids in the order in which they were learned
        let (mut reached, mut ids) = (BTreeMap::new(), Vec::new());
        for _ in 0..100 {
            world.step();
            let (id, leader, epoch) = world.seen_by_some_broker();
            let before = known.generation;
            match world.rng.u8(0..10) {
                0 => {
                    let gone = failed(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
                    known = known.updated(answer(vec![gone]), |_| true);
                }
                1..=3 => {
                    let hints = [hint(TopicRef::Id(uuid(id)), leader, epoch)];
                    known = known.hinted(&hints, &[]).unwrap_or(known);
                }
                _ => {
                    let id = if world.rng.u8(..) < 20 { 0 } else { id }; // an old answer version
                    let epoch = Some(epoch).filter(|_| id != 0);
                    let now = topic(id, vec![partition(0, leader, epoch)]);
                    known = known.updated(answer(vec![now]), |_| true);
                }
            }
            assert!(known.generation >= before);
            let topic = known.topic(T);
            let Some(partition) = topic.and_then(|t| t.partition(PartitionIndex(0))) else {
                continue;
            };
            let id = topic.unwrap().id.map_or(0, |id| id.0[0]);
            if let Some(last) = ids.last().filter(|last| **last != id) {
                // who met the newer one first comes back to it
                assert!(!ids.contains(&id) || id > *last, "seed {seed}: {id} again after {ids:?}");
            }
            ids.push(id);
            let epoch = partition.leader_epoch;
            let highest = reached.entry(id).or_insert(epoch);
            assert!(epoch >= *highest, "seed {seed}: {epoch:?} after {highest:?}");
            *highest = epoch;
        }
        assert!(reached.values().any(Option::is_some), "seed {seed}: something was learned");
    }
}

#[test]
fn a_past_id_does_not_come_back() {
    let known = after([
        topic(1, vec![partition(0, 1, Some(5))]),
        topic(2, vec![partition(0, 2, Some(0))]),
        topic(1, vec![partition(0, 1, Some(6))]),
    ]);
    assert_eq!(leader(&known), (Some(2), Some(0)));
    assert!(known.topic_by_id(uuid(1)).is_none());
    let many: Vec<_> = (1..=20).map(|id| topic(id, vec![partition(0, 1, Some(0))])).collect();
    assert_eq!(after(many).topic(T).unwrap().past_ids.len(), PAST_IDS_MAX, "bounded");
}

#[test]
fn brokers_that_insist_on_a_past_id_are_right() {
    let insist = |times| {
        let damaged = [topic(1, vec![partition(0, 1, Some(5))]), topic(2, Vec::new())];
        let stale = (0..times).map(|_| topic(1, vec![partition(0, 3, Some(5))]));
        after(damaged.into_iter().chain(stale)).topic(T).unwrap().id
    };
    assert_eq!(insist(STALE_ANSWERS_MAX), Some(uuid(2)), "one may be late, or ten");
    assert_eq!(insist(STALE_ANSWERS_MAX + 1), Some(uuid(1)));
    assert_eq!(insist(3 * STALE_ANSWERS_MAX), Some(uuid(1)), "and then it stays");
    let newer_first = [2, 1].into_iter().chain(core::iter::repeat_n(2, 11));
    let known = after(newer_first.map(|id| topic(id, vec![partition(0, 1, Some(0))])));
    assert_eq!(known.topic(T).unwrap().id, Some(uuid(2)), "the first answer was the newest");
}

#[test]
fn partitions_that_cannot_be_addressed_are_asked_for_again() {
    let good = || topic(1, (0..3).map(|index| partition(index, 1, Some(5))).collect());
    for broken in [vec![0, 2], vec![-1, 0, 1], vec![0, 0, 1], vec![1]] {
        let answer = topic(1, broken.iter().map(|index| partition(*index, 2, Some(6))).collect());
        let known = after([good(), answer.clone()]);
        assert_eq!(known.topic(T).unwrap().partitions.len(), 3, "{broken:?}: none is forgotten");
        assert!(known.is_unsettled(), "{broken:?}");
        let known = after([answer]);
        assert!(known.is_unsettled() && known.tells_of(T), "{broken:?}");
    }
    assert!(!after([good()]).is_unsettled());
    assert!(!after([topic(1, Vec::new())]).tells_of(T), "no partition, no error: no answer");
}

#[test]
fn nothing_of_a_response_stays_in_memory() {
    let frame = bytes::Bytes::from(b"orders and much more".to_vec());
    let text = || Str::try_from(frame.slice(..T.len())).unwrap();
    let one = |epoch| {
        let topics = vec![MetadataResponseTopic {
            name: Some(text()),
            ..topic(1, vec![partition(0, 1, Some(epoch))])
        }];
        let broker = MetadataResponseBroker {
            node_id: NodeId(1),
            host: text(),
            port: 9092,
            rack: Some(text()),
            ..Default::default()
        };
        let cluster_id = Some(text());
        MetadataResponse { brokers: vec![broker], topics, cluster_id, ..Default::default() }
    };
    let first = Metadata::default().updated(one(0), |_| true);
    assert!(frame.is_unique(), "a new topic and a new broker");
    let second = first.updated(one(1), |_| true);
    assert!(frame.is_unique(), "a topic that is known");
    let endpoint = Node::new(NodeId(9), text(), 1, Some(text())).unwrap();
    let hinted = second.hinted(&[hint(TopicRef::Name(text()), 9, 2)], &[endpoint]).unwrap();
    assert!(frame.is_unique(), "a leader that a reply named");
    assert_eq!(leader(&hinted), (Some(9), Some(2)));
}
