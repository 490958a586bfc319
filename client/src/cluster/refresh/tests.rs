//! Tables of events, and random schedules.

use super::*;

const BACKOFF: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(1);
const MAX_AGE: Duration = Duration::from_secs(300);

fn machine(bootstrap: usize, seed: u64) -> Refresh {
    impatient(bootstrap, seed, Some(MAX_AGE))
}

fn impatient(bootstrap: usize, seed: u64, patience: Option<Duration>) -> Refresh {
    let backoff = Backoff::new(BACKOFF, BACKOFF_MAX, seed);
    Refresh::new(bootstrap, MAX_AGE, patience, backoff, seed)
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

/// A machine that knows brokers 1, 2 and 3, and when it may ask again.
fn knowing(bootstrap: usize, patience: Option<Duration>) -> (Refresh, Instant) {
    let mut refresh = impatient(bootstrap, 5, patience);
    refresh.on_request();
    refresh.poll(at(0)).unwrap();
    refresh.on_answer(at(0), nodes(&[1, 2, 3]), false);
    (refresh, at(5_000))
}

fn is_node(ask: &Ask) -> bool {
    matches!(ask.target, Target::Node(_))
}

#[test]
fn without_recovery_only_brokers_that_are_known_are_asked() {
    let (mut refresh, mut now) = knowing(2, None);
    refresh.on_request();
    for n in 0..30 {
        let ask = refresh.poll(now).unwrap();
        assert!(is_node(&ask), "{ask:?}");
        let turns = if n % 2 == 0 { refresh.on_failure(now) } else { refresh.on_rebootstrap(now) };
        assert!(!turns);
        now = now.max(refresh.next_deadline().unwrap());
    }
}

#[test]
fn brokers_that_keep_us_waiting_are_left_for_the_bootstrap_list_but_not_for_good() {
    let second = Duration::from_secs(1);
    let (mut refresh, mut now) = knowing(1, Some(15 * second));
    refresh.on_request();
    for round in 0..4 {
        let mut turned = Vec::new();
        for _ in 0..2 {
            assert!(is_node(&refresh.poll(now).unwrap()), "round {round} at {now:?}");
            now = now + 10 * second;
            turned.push(refresh.on_failure(now));
        }
        assert_eq!(turned, [false, true], "round {round}: the third was not waited for");
        let ask = refresh.poll(now).expect("at once");
        assert_eq!(ask.target, Target::Bootstrap(0));
        assert!(!refresh.on_failure(now), "round {round}");
        assert_eq!(refresh.poll(now), None, "round {round}: no loop");
        now = refresh.next_deadline().unwrap();
        // the brokers get as long as before: it was not their fault this time
    }
    assert!(is_node(&refresh.poll(now).unwrap()));
    refresh.on_answer(now, nodes(&[1, 2, 3]), false);
    now = now + 1_000 * second;
    refresh.on_request();
    assert!(refresh.poll(now).is_some());
    assert!(!refresh.on_failure(now), "time in which nobody asked does not count");
    assert!(is_node(&refresh.poll(now).unwrap()));
}

#[test]
fn an_entry_of_the_list_that_sends_us_to_the_list_is_passed_over() {
    let (mut refresh, now) = knowing(3, Some(MAX_AGE));
    refresh.on_request();
    refresh.poll(now).unwrap();
    assert!(refresh.on_rebootstrap(now));
    let now = refresh.next_deadline().unwrap();
    let mut asked = BTreeSet::new();
    for _ in 0..3 {
        asked.insert(refresh.poll(now).expect("the next one at once").target);
        assert!(!refresh.on_rebootstrap(now), "we are there already");
    }
    let list = (0..3).map(Target::Bootstrap);
    assert_eq!(asked, list.collect());
    assert_eq!(refresh.poll(now), None, "then it waits");
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
