//! Which part of a log is to be cleaned, whether it is time, and which segments become one.

use core::ops::Range;

use ottla_protocol::ids::Offset;

use crate::log::config::LogConfig;
use crate::log::segment::SegmentFacts;

/// What is known of a log.
#[derive(Clone, Debug)]
pub(crate) struct LogFacts {
    /// In order; the last is written to and never cleaned.
    pub(crate) segments: Vec<SegmentFacts>,
    pub(crate) start: Offset,
    pub(crate) end: Offset,
    /// No transaction is open below it.
    pub(crate) last_stable: Offset,
    /// Up to where it was cleaned before.
    pub(crate) cleaned_to: Option<Offset>,
}

/// The dirty part of a log that may be cleaned.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Cleanable {
    /// Where the dirty part begins.
    pub(crate) from: Offset,
    /// Where it ends.
    pub(crate) until: Offset,
    /// Bytes of segments before it.
    pub(crate) clean_bytes: u64,
    /// Bytes of segments in it.
    pub(crate) dirty_bytes: u64,
}

impl Cleanable {
    /// How much of what would be copied is dirty.
    pub(crate) fn ratio(&self) -> f64 {
        let total = self.clean_bytes + self.dirty_bytes;
        // sizes are far below 2^53
        if total == 0 { 0.0 } else { self.dirty_bytes as f64 / total as f64 }
    }
}

/// The dirty part of `log`; `None` if there is nothing in it.
///
/// It begins where the last cleaning ended, and at the start of the log if that lies ahead or the
/// log was cut. It ends before the last segment, before what a transaction may still decide, and
/// before the first segment with a record younger than `min.compaction.lag.ms`. Records without a
/// timestamp count as old.
pub(crate) fn cleanable(log: &LogFacts, config: &LogConfig, now_ms: i64) -> Option<Cleanable> {
    let (active, closed) = log.segments.split_last()?;
    let known = log.cleaned_to.filter(|to| (log.start..=log.end).contains(to));
    let from = known.unwrap_or(log.start);
    let lag = config.compaction_lag_min_ms;
    let young = |s: &&SegmentFacts| lag > 0 && s.newest > now_ms.saturating_sub(lag);
    let split = log.segments.iter().skip(1).take_while(|next| next.base <= from).count();
    let first_young = closed[split..].iter().find(young).map_or(active.base, |s| s.base);
    let until = first_young.min(active.base).min(log.last_stable).max(from);
    let bytes = |segments: &[SegmentFacts]| segments.iter().map(|s| u64::from(s.bytes)).sum();
    let ends = closed.partition_point(|segment| segment.base < until);
    let clean_bytes = bytes(&closed[..split]);
    let dirty_bytes = bytes(&closed[split..ends.max(split)]);
    (until > from).then_some(Cleanable { from, until, clean_bytes, dirty_bytes })
}

/// Whether the dirty part, whose oldest segments begin at these times, is to be cleaned now: it is
/// more than `min.cleanable.dirty.ratio`, or older than `max.compaction.lag.ms`.
pub(crate) fn is_due(
    part: &Cleanable,
    first_timestamps: impl Iterator<Item = i64>,
    config: &LogConfig,
    now_ms: i64,
) -> bool {
    let oldest = first_timestamps.filter(|timestamp| *timestamp > 0).min();
    let since = now_ms.saturating_sub(config.compaction_lag_max_ms.max(0));
    part.ratio() > config.cleanable_ratio_min
        || (part.dirty_bytes > 0 && oldest.is_some_and(|oldest| oldest < since))
}

/// Index of the segment that holds `offset`, or of the last before it.
pub(crate) fn first_with(segments: &[SegmentFacts], offset: Offset) -> usize {
    segments.partition_point(|segment| segment.base <= offset).saturating_sub(1)
}

/// Which of `segments`, of which the last that is cleaned ends at `end`, become one: neighbours that
/// together are within `segment.bytes` and `segment.index.bytes`, and whose offsets an index entry
/// can say.
pub(crate) fn groups(
    segments: &[SegmentFacts],
    end: Offset,
    config: &LogConfig,
) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    let (mut bytes, mut index_bytes) = (0_u64, 0_u64);
    for (i, segment) in segments.iter().enumerate() {
        let next = segments.get(i + 1).map_or(end, |next| next.base);
        bytes += u64::from(segment.bytes);
        index_bytes += u64::from(segment.index_bytes);
        let joins = groups.last().is_some_and(|group| {
            let span = next.distance_from(segments[group.start].base);
            bytes <= u64::from(config.segment_bytes)
                && index_bytes <= u64::from(config.segment_index_bytes)
                && span.is_some_and(|span| i32::try_from(span).is_ok())
        });
        match groups.last_mut() {
            Some(group) if joins => group.end = i + 1,
            _ => {
                groups.push(i..i + 1);
                (bytes, index_bytes) = (segment.bytes.into(), segment.index_bytes.into());
            }
        }
    }
    groups
}

#[cfg(test)]
mod tests;
