//! Idempotent producers, whatever goes wrong: every record that was acknowledged is in the log once
//! and where the producer was told, no record is there that was refused, none twice, each partition
//! in the order of the calls. Shown by 1,000 random scripts of faults.
//!
//! `OTTLA_SEED=7 cargo test -p ottla-tests --test fault_scripts replay -- --nocapture` runs one
//! script alone and says what happened in it.

use std::collections::BTreeMap;

use ottla_tests::script::Script;
use ottla_tests::simulation::{Outcome, run};

/// Seeds that once failed, and what they found.
const ONCE_FAILED: &[(u64, &str)] = &[
    (583, "a past id of a topic was never believed again, though every broker named it"),
    (1860, "the same, with two producers"),
    (915, "an answer without the topic that was asked for: nobody asked again for 5 minutes"),
    (1404, "the same"),
    (1476, "the same"),
];
/// Seeds whose runs are compared with themselves.
const COMPARED: core::ops::Range<u64> = 0..100;

fn judge(seed: u64, outcome: &Outcome) {
    assert!(
        outcome.complaints.is_empty(),
        "{:#?}\nOTTLA_SEED={seed} cargo test -p ottla-tests --test fault_scripts replay -- \
         --nocapture",
        outcome.complaints
    );
}

/// What happened in many runs, so that no test passes because nothing did.
#[derive(Debug, Default)]
struct Totals(BTreeMap<String, u64>);

impl Totals {
    fn add(&mut self, outcome: &Outcome) {
        let mut count = |what: String, n: u64| *self.0.entry(what).or_default() += n;
        for ((api, fault), hits) in &outcome.hits {
            count(format!("fault: {api} {fault}"), *hits);
        }
        for (kind, times) in &outcome.breaks {
            count(format!("connection: {kind:?}"), *times);
        }
        for words in ["Acked", "Refused", "Unknown", "not delivered within", "it may be in the log"]
        {
            count(format!("told: {words}"), outcome.told(words));
        }
        count("log: batches".to_owned(), outcome.batches.count);
        count("log: batches under a newer epoch".to_owned(), outcome.batches.bumped);
        count("broker killed".to_owned(), outcome.restarts);
        count("simulated seconds".to_owned(), outcome.simulated.as_secs());
    }

    fn of(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or(0)
    }

    /// Every fault, break and fate that scripts are made of really happened.
    fn check(&self) {
        for (what, times) in &self.0 {
            assert!(*times > 0, "{what} never happened: {self:#?}");
        }
        let kinds = |what: &str| self.0.keys().filter(|key| key.starts_with(what)).count();
        // 9 codes and 4 actions on Produce; 1 code and 5 actions on 3 other APIs; 5 ways to break
        assert_eq!((kinds("fault: "), kinds("connection: ")), (13 + 3 * 6, 5), "{self:#?}");
        let (acked, refused) = (self.of("told: Acked"), self.of("told: Refused"));
        assert!(acked > 2 * refused, "most records get through: {self:#?}");
    }
}

fn run_all(seeds: core::ops::Range<u64>) {
    let mut totals = Totals::default();
    for seed in seeds {
        let outcome = run(&Script::new(seed));
        judge(seed, &outcome);
        totals.add(&outcome);
    }
    totals.check();
    println!("{totals:#?}");
}

#[test]
fn scripts_0_to_249() {
    run_all(0..250);
}

#[test]
fn scripts_250_to_499() {
    run_all(250..500);
}

#[test]
fn scripts_500_to_749() {
    run_all(500..750);
}

#[test]
fn scripts_750_to_999() {
    run_all(750..1000);
}

#[test]
fn scripts_that_once_failed() {
    for (seed, _) in ONCE_FAILED {
        judge(*seed, &run(&Script::new(*seed)));
    }
}

#[test]
fn equal_seeds_make_equal_runs() {
    for seed in COMPARED {
        let script = Script::new(seed);
        let (first, second) = (run(&script), run(&script));
        assert_eq!(first.trace, second.trace, "seed {seed}");
        assert_eq!(first.history, second.history, "seed {seed}");
        assert_eq!((first.hits, first.breaks), (second.hits, second.breaks), "seed {seed}");
    }
}

#[test]
fn replay() {
    let Ok(seed) = std::env::var("OTTLA_SEED") else { return };
    let script = Script::new(seed.parse().expect("a number"));
    let outcome = run(&script);
    println!("{script:#?}");
    for (at, line) in &outcome.trace {
        println!("{at:?} {line}");
    }
    judge(script.seed, &outcome);
}

/// Looks further than CI does: `OTTLA_SEEDS=1000..9000`.
#[test]
fn more_scripts() {
    let Ok(seeds) = std::env::var("OTTLA_SEEDS") else { return };
    let (from, to) = seeds.split_once("..").expect("as in 1000..9000");
    let mut failed = Vec::new();
    for seed in from.parse().expect("a number")..to.parse().expect("a number") {
        let outcome = run(&Script::new(seed));
        if !outcome.complaints.is_empty() {
            failed.push((seed, outcome.complaints));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}
