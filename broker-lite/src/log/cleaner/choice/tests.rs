use super::*;
use crate::log::testing::offset;

fn segment(base: i64, bytes: u32, newest: i64) -> SegmentFacts {
    SegmentFacts { base: offset(base), bytes, newest, index_bytes: 8 }
}

/// Three closed segments of 100 bytes, one that is written to.
fn log() -> LogFacts {
    LogFacts {
        segments: vec![
            segment(0, 100, 1_000),
            segment(10, 100, 2_000),
            segment(20, 100, 3_000),
            segment(30, 100, 4_000),
        ],
        start: offset(0),
        end: offset(40),
        last_stable: offset(40),
        cleaned_to: None,
    }
}

fn part(log: &LogFacts, config: &LogConfig) -> Option<(i64, i64, u64, u64)> {
    let part = cleanable(log, config, 10_000)?;
    Some((part.from.get(), part.until.get(), part.clean_bytes, part.dirty_bytes))
}

#[test]
fn the_dirty_part_ends_where_something_may_still_change() {
    let lag = |compaction_lag_min_ms| LogConfig { compaction_lag_min_ms, ..LogConfig::default() };
    let all = LogConfig::default();
    let cleaned = |to: i64| LogFacts { cleaned_to: Some(offset(to)), ..log() };
    for (rule, log, config, expected) in [
        ("never the last segment", log(), &all, Some((0, 30, 0, 300))),
        ("from where it was cleaned", cleaned(10), &all, Some((10, 30, 100, 200))),
        ("a segment cleaned in part is dirty", cleaned(15), &all, Some((15, 30, 100, 200))),
        ("nothing if all is clean", cleaned(30), &all, None),
        ("all again if the log was cut", cleaned(41), &all, Some((0, 30, 0, 300))),
        (
            "from the start if records were deleted",
            LogFacts { start: offset(12), cleaned_to: Some(offset(5)), ..log() },
            &all,
            Some((12, 30, 100, 200)),
        ),
        (
            "not what a transaction may decide",
            LogFacts { last_stable: offset(25), ..log() },
            &all,
            Some((0, 25, 0, 300)),
        ),
        ("not what is too young", log(), &lag(7_500), Some((0, 20, 0, 200))),
        ("nor what lies behind it", log(), &lag(9_500), None),
        ("as old as it must be", log(), &lag(7_000), Some((0, 30, 0, 300))),
        (
            "nothing of one segment",
            LogFacts { segments: log().segments.split_off(3), start: offset(30), ..log() },
            &all,
            None,
        ),
    ] {
        assert_eq!(part(&log, config), expected, "{rule}");
    }
}

#[test]
fn it_is_time_when_enough_is_dirty_or_it_is_old_enough() {
    let ratio = |cleanable_ratio_min| LogConfig { cleanable_ratio_min, ..LogConfig::default() };
    let old = |compaction_lag_max_ms| LogConfig {
        compaction_lag_max_ms,
        cleanable_ratio_min: 1.0,
        ..LogConfig::default()
    };
    let half = Cleanable { from: offset(0), until: offset(9), clean_bytes: 50, dirty_bytes: 50 };
    let empty = Cleanable { dirty_bytes: 0, ..half };
    for (rule, part, config, due) in [
        ("more than the ratio", half, ratio(0.4), true),
        ("not as much", half, ratio(0.5), false),
        ("nothing is dirty", empty, ratio(0.0), false),
        ("too old", half, old(8_999), true),
        ("not yet", half, old(9_000), false),
        ("old, but nothing is dirty", empty, old(1), false),
    ] {
        assert_eq!(is_due(&part, [-1, 2_000, 1_000].into_iter(), &config, 10_000), due, "{rule}");
    }
    assert!(!is_due(&half, [-1].into_iter(), &old(1), 10_000), "without a timestamp it has no age");
}

#[test]
fn neighbours_become_one_while_that_is_within_the_bounds() {
    let config = LogConfig { segment_bytes: 250, segment_index_bytes: 16, ..LogConfig::default() };
    let of = |segments: &[SegmentFacts], end, config: &LogConfig| {
        let groups = groups(segments, offset(end), config);
        groups.into_iter().map(|group| (group.start, group.end)).collect::<Vec<_>>()
    };
    let segments = log().segments;
    assert_eq!(of(&segments, 40, &config), [(0, 2), (2, 4)]);
    let small = LogConfig { segment_bytes: 199, ..config.clone() };
    assert_eq!(of(&segments, 40, &small), [(0, 1), (1, 2), (2, 3), (3, 4)]);
    let index = LogConfig { segment_bytes: 1_000, segment_index_bytes: 24, ..config.clone() };
    assert_eq!(of(&segments, 40, &index), [(0, 3), (3, 4)]);
    let far = [segment(0, 1, 0), segment(5, 1, 0), segment(i64::from(i32::MAX), 1, 0)];
    assert_eq!(of(&far, i64::from(i32::MAX) + 9, &config), [(0, 2), (2, 3)], "offsets of 31 bits");
    assert!(of(&[], 0, &config).is_empty());
}
