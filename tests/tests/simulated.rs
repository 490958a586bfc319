//! Whole runs from a seed: while all that a real system meets goes wrong, clients see nothing that a
//! log may not show, and when it is whole again everybody goes on.

use std::collections::{BTreeMap, BTreeSet};

use ottla_tests::judge::report::Anomaly;
use ottla_tests::sim::plan::{Class, Plan};
use ottla_tests::sim::world::{Ran, run, run_changed, run_faultless};

/// What a set of seeds met.
#[derive(Debug, Default)]
struct Met {
    seeds: u64,
    struck: BTreeMap<Class, u64>,
    connections: BTreeMap<ottla_tests::sim::network::Struck, u64>,
    misdeeds: BTreeMap<ottla_tests::sim::disk::Misdeed, u64>,
    /// Seeds with a fault that lets writes go on, and those of them in which some did.
    tolerable: u64,
    wrote_through: u64,
    ops: usize,
    simulated_s: u64,
}

impl Met {
    fn add(&mut self, ran: &Ran) {
        fn sum<K: Copy + Ord>(all: &mut BTreeMap<K, u64>, more: &BTreeMap<K, u64>) {
            more.iter().for_each(|(what, times)| *all.entry(*what).or_default() += times);
        }
        self.seeds += 1;
        sum(&mut self.struck, &ran.struck);
        sum(&mut self.connections, &ran.connections);
        sum(&mut self.misdeeds, &ran.misdeeds);
        self.tolerable += u64::from(ran.wrote_through.is_some());
        self.wrote_through += u64::from(ran.wrote_through == Some(true));
        self.ops += ran.history.ops.len();
        self.simulated_s += ran.simulated.as_secs();
    }
}

fn must_be_sound(seeds: impl Iterator<Item = u64>, run: impl Fn(u64) -> Ran) -> Met {
    let (mut met, mut complaints) = (Met::default(), Vec::new());
    for seed in seeds {
        let ran = run(seed);
        if !ran.is_sound() {
            println!("{}\n", ran.complaint()); // a long search may be ended before its end
            complaints.push(ran.complaint());
        }
        met.add(&ran);
    }
    assert!(complaints.is_empty(), "{} seeds:\n{}", complaints.len(), complaints.join("\n\n"));
    met
}

#[test]
fn where_nothing_goes_wrong_nothing_is_wrong() {
    let met = must_be_sound(0..100, run_faultless);
    assert!(met.ops > 20_000, "{met:?}");
}

#[test]
fn whatever_goes_wrong_clients_see_a_log_and_go_on_when_it_is_over() {
    let met = must_be_sound(0..120, run);
    for class in Class::ALL {
        assert!(met.struck.contains_key(&class), "no {class:?} with writes in flight: {met:?}");
    }
    let struck = met.connections.values().filter(|times| **times > 0).count();
    assert_eq!((struck, met.misdeeds.len()), (7, 5), "{met:?}");
    assert!(met.wrote_through * 100 >= met.tolerable * 95, "{met:?}");
}

#[test]
fn a_seed_gives_the_same_trace_again() {
    for seed in 0..50 {
        assert_eq!(run(seed).trace(), run(seed).trace(), "seed {seed}");
    }
}

/// Everything that is said of some runs.
fn found(seeds: core::ops::Range<u64>, change: impl Fn(&mut Plan)) -> BTreeSet<&'static str> {
    let all = seeds.map(|seed| run_changed(seed, &change));
    all.flat_map(|ran| ran.report.anomalies()).map(Anomaly::name).collect()
}

#[test]
fn without_idempotence_the_judge_sees_what_the_faults_do() {
    let names = found(0..30, |plan| plan.idempotence = false);
    assert!(names.contains("duplicate"), "{names:?}");
}

#[test]
fn a_broker_that_forgets_is_found_out() {
    let names = found(0..30, |plan| plan.forgets = true);
    for name in ["unseen", "inconsistent-offsets", "stale-offset"] {
        assert!(names.contains(name), "no {name}: {names:?}");
    }
}

#[test]
fn power_failures_take_what_is_in_memory_only() {
    let names = found(0..30, |plan| plan.commit = false);
    assert!(names.contains("inconsistent-offsets"), "{names:?}");
    assert!(names.contains("unseen") || names.contains("vanished"), "{names:?}");
}

/// Looks further: `OTTLA_SEEDS=1000..9000`.
#[test]
fn more_of_it() {
    let Ok(seeds) = std::env::var("OTTLA_SEEDS") else { return };
    let (from, to) = seeds.split_once("..").expect("FROM..TO");
    let seeds = from.parse().expect("a seed")..to.parse().expect("a seed");
    println!("{:?}", must_be_sound(seeds, run));
}

/// Shows one seed: `OTTLA_TRACE=SEED`.
#[test]
fn a_seed_with_its_trace() {
    let Ok(seed) = std::env::var("OTTLA_TRACE") else { return };
    let ran = run(seed.parse().expect("a seed"));
    println!("{}", ran.trace());
    assert!(ran.is_sound(), "{}", ran.complaint());
}
