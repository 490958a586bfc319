//! Which version two peers speak.

use core::ops::RangeInclusive;

/// The newest version that both ranges hold; `None` if they do not meet.
#[must_use]
pub fn choose(ours: RangeInclusive<i16>, theirs: RangeInclusive<i16>) -> Option<i16> {
    let first = *ours.start().max(theirs.start());
    let last = *ours.end().min(theirs.end());
    (first <= last).then_some(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_common_version_is_chosen() {
        for (rule, ours, theirs, chosen) in [
            ("same ranges", 0..=3, 0..=3, Some(3)),
            ("theirs is newer", 0..=3, 2..=9, Some(3)),
            ("ours is newer", 4..=13, 0..=5, Some(5)),
            ("one version in common", 3..=13, 0..=3, Some(3)),
            ("they are too old", 3..=13, 0..=2, None),
            ("they are too new", 0..=2, 3..=13, None),
        ] {
            assert_eq!(choose(ours, theirs), chosen, "{rule}");
        }
    }
}
