//! Judges of a [`History`]. They know Kafka's promises and nothing of how they are kept.

use std::collections::BTreeMap;

use crate::history::{Fate, History, Read};

/// Everything wrong with the history of idempotent producers, in words; empty if all is well.
#[must_use]
pub fn exactly_once(history: &History) -> Vec<String> {
    [no_loss, no_duplicate, no_phantom, order, offsets]
        .iter()
        .flat_map(|rule| rule(history))
        .collect()
}

/// What was acknowledged is there, at the offset that was told.
#[must_use]
pub fn no_loss(history: &History) -> Vec<String> {
    let places = history.places();
    let acked = history.sent.iter().filter_map(|sent| match sent.fate {
        Fate::Acked(offset) => Some((sent, offset)),
        Fate::Refused | Fate::Unknown => None,
    });
    let judge = |(sent, offset): (&crate::history::Sent, Option<u64>)| {
        let name = format!("record {} of producer {}", sent.number, sent.producer);
        match (places.get(&(sent.producer, sent.number)), offset) {
            (None, _) => Some(format!("{name} was acknowledged and is lost")),
            (Some(at), Some(told)) if !at.contains(&(sent.partition, told)) => {
                Some(format!("{name}: told {}-{told}, found at {at:?}", sent.partition))
            }
            (Some(_), _) => None,
        }
    };
    acked.filter_map(judge).collect()
}

/// No record is there twice.
#[must_use]
pub fn no_duplicate(history: &History) -> Vec<String> {
    let twice = history.places().into_iter().filter(|(_, at)| at.len() > 1);
    twice.map(|((p, n), at)| format!("record {n} of producer {p} is at {at:?}")).collect()
}

/// Nothing is there that was never sent, or of which a producer was told that it is not.
#[must_use]
pub fn no_phantom(history: &History) -> Vec<String> {
    let sent: BTreeMap<_, _> =
        history.sent.iter().map(|sent| ((sent.producer, sent.number), sent)).collect();
    let judge = |read: &Read| {
        let name = format!("record {} of producer {}", read.number, read.producer);
        match sent.get(&(read.producer, read.number)) {
            None => Some(format!("{name} was never sent")),
            Some(sent) if sent.fate == Fate::Refused => {
                Some(format!("{name} was refused and is there"))
            }
            Some(sent) if sent.partition != read.partition => {
                Some(format!("{name} is in partition {}", read.partition))
            }
            Some(_) => None,
        }
    };
    history.read.iter().filter_map(judge).collect()
}

/// In a partition, records of one producer stand in the order in which it sent them.
#[must_use]
pub fn order(history: &History) -> Vec<String> {
    let mut last = BTreeMap::new();
    let mut wrong = Vec::new();
    for read in &history.read {
        let before = last.insert((read.partition, read.producer), read.number);
        if let Some(before) = before.filter(|before| *before > read.number) {
            let Read { partition, producer, number, .. } = read;
            wrong.push(format!(
                "{partition}: record {number} of producer {producer} after {before}"
            ));
        }
    }
    wrong
}

/// Offsets of a partition rise.
#[must_use]
pub fn offsets(history: &History) -> Vec<String> {
    let mut last = BTreeMap::new();
    let mut wrong = Vec::new();
    for read in &history.read {
        let before = last.insert(read.partition, read.offset);
        if let Some(before) = before.filter(|before| *before >= read.offset) {
            wrong.push(format!("{}: offset {} after {before}", read.partition, read.offset));
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Sent;

    fn history(fates: &[Fate], read: &[(u64, u64)]) -> History {
        let sent = fates.iter().zip(0..);
        let sent =
            sent.map(|(fate, number)| Sent { producer: 1, number, partition: 0, fate: *fate });
        let mut history = History { sent: sent.collect(), read: Vec::new() };
        for (offset, number) in read {
            history.read_value(0, *offset, History::value(1, *number).as_bytes());
        }
        history
    }

    #[test]
    fn a_sound_history_passes() {
        let fates = [Fate::Acked(Some(0)), Fate::Unknown, Fate::Refused, Fate::Acked(None)];
        assert!(exactly_once(&history(&fates, &[(0, 0), (1, 3)])).is_empty());
        assert!(exactly_once(&history(&fates, &[(0, 0), (1, 1), (2, 3)])).is_empty());
    }

    #[test]
    fn each_rule_finds_what_it_is_for() {
        let acked = |offset| Fate::Acked(Some(offset));
        for (rule, fates, read) in [
            (no_loss as fn(&History) -> Vec<String>, &[acked(0)][..], &[][..]),
            (no_loss, &[acked(0)], &[(1, 0)]),
            (no_duplicate, &[acked(0)], &[(0, 0), (1, 0)]),
            (no_phantom, &[acked(0)], &[(0, 0), (1, 1)]),
            (no_phantom, &[Fate::Refused], &[(0, 0)]),
            (order, &[acked(1), acked(0)], &[(0, 1), (1, 0)]),
            (offsets, &[acked(0), acked(0)], &[(0, 0), (0, 1)]),
        ] {
            let history = history(fates, read);
            assert_eq!(rule(&history).len(), 1, "{history:?}");
            assert!(!exactly_once(&history).is_empty());
        }
    }
}
