//! Tables of events, and random schedules.

use super::*;

const BACKOFF: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(1);
const MAX_AGE: Duration = Duration::from_secs(300);

fn machine(bootstrap: usize, seed: u64) -> Refresh {
    Refresh::new(bootstrap, MAX_AGE, Backoff::new(BACKOFF, BACKOFF_MAX, seed), seed)
}

fn at(ms: u64) -> Instant {
    Instant::from_millis(ms)
}

fn nodes(ids: &[i32]) -> Vec<NodeId> {
    ids.iter().copied().map(NodeId).collect()
}

fn name(topic: &'static str) -> Str {
    Str::from_static(topic)
}

#[test]
fn nothing_is_asked_before_somebody_wants_to_know() {
    let mut refresh = machine(1, 1);
    assert_eq!(refresh.next_deadline(), None);
    assert_eq!(refresh.poll(at(1_000_000)), None);
    refresh.on_request();
    let ask = Ask { target: Target::Bootstrap(0), topics: Vec::new() };
    assert_eq!(refresh.poll(at(1_000_000)), Some(ask));
}

#[test]
fn one_question_at_a_time_and_what_came_meanwhile_follows() {
    let mut refresh = machine(1, 1);
    assert!(refresh.on_interest(&name("a")));
    let first = refresh.poll(at(0)).unwrap();
    assert_eq!(first.topics, ["a"]);
    assert!(refresh.on_interest(&name("b")));
    assert!(!refresh.on_interest(&name("b")), "one topic, two handles");
    assert_eq!((refresh.poll(at(5)), refresh.next_deadline()), (None, None));
    refresh.on_answer(at(10), nodes(&[1, 2]), false);
    let second = refresh.poll(at(10)).expect("a new topic waits for no backoff");
    assert_eq!(second.topics, ["a", "b"]);
    assert!(matches!(second.target, Target::Node(_)), "{second:?}");
    refresh.on_answer(at(20), nodes(&[1, 2]), false);
    refresh.on_disinterest("b");
    assert!(refresh.is_wanted("b"));
    refresh.on_disinterest("b");
    assert!(!refresh.is_wanted("b"));
}

#[test]
fn a_handle_that_disagrees_with_the_cluster_does_not_make_a_loop() {
    let mut refresh = machine(1, 1);
    refresh.on_interest(&name("a"));
    refresh.poll(at(0)).unwrap();
    refresh.on_answer(at(0), nodes(&[1]), false);
    refresh.on_request();
    assert_eq!(refresh.poll(at(50)), None);
    let due = refresh.next_deadline().unwrap();
    assert!(due >= at(80) && due <= at(120), "{due:?}");
    assert!(refresh.poll(due).is_some());
}

#[test]
fn a_state_that_passes_is_looked_at_again_ever_less_often() {
    let mut refresh = machine(1, 1);
    refresh.on_interest(&name("a"));
    let (mut now, mut waits) = (at(0), Vec::new());
    for _ in 0..8 {
        refresh.poll(now).unwrap();
        refresh.on_answer(now, nodes(&[1]), true);
        let due = refresh.next_deadline().unwrap();
        waits.push(due.since(now));
        now = due;
    }
    assert!(waits[0] <= Duration::from_millis(120), "{waits:?}");
    assert!(waits[7] >= Duration::from_millis(800) && waits[7] <= BACKOFF_MAX, "{waits:?}");
    refresh.poll(now).unwrap();
    refresh.on_answer(now, nodes(&[1]), false);
    assert_eq!(refresh.next_deadline(), Some(now + MAX_AGE));
}

#[test]
fn old_metadata_is_renewed_only_while_somebody_uses_it() {
    let mut refresh = machine(1, 1);
    refresh.on_interest(&name("a"));
    refresh.poll(at(0)).unwrap();
    refresh.on_answer(at(7), nodes(&[1]), false);
    assert_eq!(refresh.next_deadline(), Some(at(7) + MAX_AGE));
    refresh.on_disinterest("a");
    assert_eq!(refresh.next_deadline(), None);
}

#[test]
fn brokers_are_tried_then_the_bootstrap_list_then_all_over_again() {
    let mut refresh = machine(2, 3);
    refresh.on_interest(&name("a"));
    refresh.poll(at(0)).unwrap();
    refresh.on_answer(at(0), nodes(&[1, 2, 3]), false);
    refresh.on_request();
    let mut now = refresh.next_deadline().unwrap();
    for round in 0..3 {
        let mut asked = BTreeSet::new();
        for _ in 0..5 {
            let ask = refresh.poll(now).unwrap_or_else(|| panic!("round {round} at {now:?}"));
            assert!(asked.insert(ask.target), "round {round}: {:?} twice", ask.target);
            refresh.on_failure(now);
        }
        let brokers = asked.iter().filter(|t| matches!(t, Target::Node(_))).count();
        assert_eq!(brokers, 3, "and both entries of the list");
        assert_eq!(refresh.poll(now), None, "then it waits");
        now = refresh.next_deadline().unwrap();
    }
    // an answer of the bootstrap list replaces what was known
    while !matches!(refresh.poll(now).unwrap().target, Target::Bootstrap(_)) {
        refresh.on_failure(now);
    }
    refresh.on_answer(now, nodes(&[7]), false);
    assert_eq!(refresh.choose(), Target::Node(NodeId(7)));
}

#[test]
fn a_broker_may_send_us_back_to_the_bootstrap_list() {
    let mut refresh = machine(1, 1);
    refresh.on_request();
    refresh.poll(at(0)).unwrap();
    refresh.on_answer(at(0), nodes(&[1]), false);
    refresh.on_request();
    let due = refresh.next_deadline().unwrap();
    refresh.poll(due).unwrap();
    refresh.on_rebootstrap(due);
    assert_eq!(refresh.poll(due), None, "not at once: it may be the one that answers again");
    let due = refresh.next_deadline().unwrap();
    assert_eq!(refresh.poll(due).unwrap().target, Target::Bootstrap(0));
}

#[test]
fn every_want_is_served_and_never_twice_at_a_time_under_any_schedule() {
    for seed in 0..300 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut refresh = machine(rng.usize(1..4), seed);
        let topics = ["a", "b", "c", "d"].map(name);
        let mut held: Vec<&Str> = Vec::new();
        let (mut now, mut asked) = (at(0), None::<Ask>);
        let mut covered: BTreeSet<Str> = BTreeSet::new();
        for _ in 0..300 {
            now = now + Duration::from_millis(rng.u64(0..200));
            match rng.u8(0..8) {
                0 => {
                    let topic = rng.choice(&topics).unwrap();
                    refresh.on_interest(topic);
                    held.push(topic);
                }
                1 if !held.is_empty() => {
                    let topic = held.swap_remove(rng.usize(0..held.len()));
                    refresh.on_disinterest(topic);
                    if !held.contains(&topic) {
                        covered.remove(topic);
                    }
                }
                2 => refresh.on_request(),
                3 | 4 => {
                    if let Some(ask) = asked.take() {
                        if rng.bool() {
                            let ids = (0..rng.i32(1..4)).map(NodeId).collect();
                            refresh.on_answer(now, ids, rng.bool());
                            covered.extend(ask.topics);
                        } else {
                            refresh.on_failure(now);
                        }
                    }
                }
                _ => {
                    if let Some(ask) = refresh.poll(now) {
                        assert!(asked.is_none(), "seed {seed}: two questions at a time");
                        assert!(held.iter().all(|t| ask.topics.contains(t)), "seed {seed}");
                        asked = Some(ask);
                    }
                }
            }
            let unserved = held.iter().any(|topic| !covered.contains(*topic));
            if unserved && asked.is_none() {
                let due = refresh.next_deadline().expect("somebody waits");
                assert!(due <= now + BACKOFF_MAX, "seed {seed}: {due:?} at {now:?}");
            }
        }
    }
}
