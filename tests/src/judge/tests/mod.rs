//! The judge is judged: sound histories pass, and each anomaly is found under its own name.

mod hand;
mod model;
mod plant;

use std::collections::BTreeSet;

use super::history::{Act, History};
use super::judge;
use super::report::{Anomaly, Report};

fn report(history: &History) -> Report {
    judge(history).expect("a history that can have been")
}

#[test]
fn sound_histories_raise_nothing() {
    let mut unjudged = 0;
    for seed in 0..1_000 {
        let history = model::valid(seed, 400);
        let report = report(&history);
        assert!(report.is_sound(), "seed {seed}:\n{}", report.lines(&history).join("\n"));
        unjudged += report.unjudged;
    }
    assert!(unjudged > 0, "some records are in no known life of their topic");
}

#[test]
fn each_anomaly_planted_in_a_sound_history_is_found_and_nothing_else() {
    for seed in 0..200 {
        let sound = model::valid(seed, 800);
        for anomaly in Anomaly::ALL {
            let planted = plant::plant(anomaly, sound.clone(), seed);
            let history = planted.unwrap_or_else(|| panic!("seed {seed}: no place for {anomaly}"));
            let report = report(&history);
            let lines = report.lines(&history).join("\n");
            assert_eq!(report.anomalies(), BTreeSet::from([anomaly]), "seed {seed}:\n{lines}");
        }
    }
}

#[test]
fn the_same_history_gives_the_same_report() {
    let sound = model::valid(1, 800);
    let history = plant::plant(Anomaly::LostWrite, sound, 1).expect("a place");
    let [one, other] = [report(&history), report(&history)];
    assert_eq!(one, other);
    assert_eq!(one.lines(&history), other.lines(&history));
}

/// Work grows as `n log n`: with a hundred times the operations, not with their square.
#[test]
fn judging_costs_n_log_n() {
    for steps in [2_000, 20_000, 200_000] {
        let history = model::valid(1, steps);
        let read = history.ops.iter().map(|op| match &op.act {
            Act::Poll { runs, .. } => runs.iter().map(|run| run.records.len()).sum(),
            Act::Send(sent) => sent.len(),
            _ => 0,
        });
        let size: usize = history.ops.len() + read.sum::<usize>();
        let cost = report(&history).cost;
        let bound = u64::try_from(size).expect("it fits") * u64::from(size.ilog2() + 1);
        println!("{} operations, {size} records: {cost} of {bound}", history.ops.len());
        assert!(cost < 6 * bound, "{size}: {cost}");
    }
}
