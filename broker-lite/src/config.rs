//! Settings of the broker and of topics, by Kafka's names.

mod broker;
mod definition;
mod durability;
mod known;
mod topic;

pub(crate) use broker::{
    BrokerConfig, CONNECTIONS_MAX, check_broker_setting, is_acted_on, is_dynamic,
};
pub(crate) use definition::items;
pub(crate) use durability::DurabilityWords;
pub(crate) use known::{Known, Role};
#[cfg(test)]
use topic::TOPIC_SETTINGS;
pub(crate) use topic::{
    CompactionLags, Effect, Source, Synonym, check_topic_setting, check_topic_settings, log_config,
    shown,
};

/// A setting that cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No setting has this name.
    #[error("unknown setting {name}; did you mean {nearest}?")]
    Unknown {
        /// The name given.
        name: String,
        /// The known name most like it.
        nearest: &'static str,
    },
    /// Kafka has this setting, this broker does not act on it yet, or its builder sets it: where to
    /// listen, what to advertise, where the data lies.
    #[error("setting {0} is not supported here (addresses and directories: see the builder)")]
    Unsupported(&'static str),
    /// This broker acts on it, but reads it only when it starts.
    #[error("Cannot update these configs dynamically: [{0}]")]
    Static(&'static str),
    /// The value is malformed or out of range.
    #[error("{name}={value}: {expected} expected")]
    Invalid {
        /// The setting.
        name: &'static str,
        /// The value given.
        value: String,
        /// What would be right.
        expected: String,
    },
}

/// The name in `known` that needs the fewest edits to become `name`.
pub(crate) fn nearest(
    name: &str,
    known: impl Iterator<Item = &'static str>,
) -> Option<&'static str> {
    known.min_by_key(|candidate| edits(name.as_bytes(), candidate.as_bytes()))
}

/// Levenshtein's distance. Names are cut at 64 bytes: nobody mistypes more.
fn edits(a: &[u8], b: &[u8]) -> usize {
    let (a, b) = (a.get(..64).unwrap_or(a), b.get(..64).unwrap_or(b));
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b) {
            let here = (diagonal + usize::from(x != y)).min(left + 1).min(*cell + 1);
            diagonal = core::mem::replace(cell, here);
            left = here;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(a.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_edits() {
        for (a, b, distance) in [
            ("", "", 0),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
            ("num.partitons", "num.partitions", 1),
        ] {
            assert_eq!(edits(a.as_bytes(), b.as_bytes()), distance, "{a} -> {b}");
            assert_eq!(edits(b.as_bytes(), a.as_bytes()), distance, "{b} -> {a}");
        }
    }
}
