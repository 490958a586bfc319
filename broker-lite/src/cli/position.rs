//! A place in each partition of a topic, by offset or by time.

use core::time::Duration;
use std::collections::BTreeMap;

use ottla::ids::{Offset, Timestamp};
use ottla::{Consumer, OffsetsError, TopicPartition};
use ottla_runtime::Clock;

/// What the options say about it.
pub(super) const FORMS: &str = "beginning|end|OFFSET|-COUNT|TIME";

/// A place in each partition.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Position {
    /// `beginning`: at the first record that is there.
    Beginning,
    /// `end`: behind the last.
    End,
    /// `42`: at this offset.
    At(Offset),
    /// `-10`: so many before the end.
    Last(i64),
    /// `2026-01-31T12:00:00Z` or `@1769860800000`: at the first record that is not older.
    Time(Timestamp),
    /// `-90s`: the same, so long ago.
    Ago(Duration),
}

/// An offset in each partition.
pub(super) type Offsets = BTreeMap<TopicPartition, Offset>;

/// Between which offsets partitions have records.
#[derive(Default)]
pub(super) struct Bounds {
    pub(super) beginnings: Offsets,
    pub(super) ends: Offsets,
}

impl Bounds {
    pub(super) async fn of(
        consumer: &Consumer,
        partitions: &[TopicPartition],
    ) -> Result<Self, OffsetsError> {
        let beginnings = consumer.beginning_offsets(partitions).await?;
        Ok(Self { beginnings, ends: consumer.end_offsets(partitions).await? })
    }

    /// The offset, or the first or next one of a log that does not have it.
    pub(super) fn nearest(&self, partition: &TopicPartition, offset: Offset) -> Offset {
        let below = self.ends.get(partition).map_or(offset, |end| offset.min(*end));
        self.beginnings.get(partition).map_or(below, |first| below.max(*first))
    }
}

impl Position {
    /// Reads any of its forms; else what was expected.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "beginning" => return Ok(Self::Beginning),
            "end" => return Ok(Self::End),
            _ => {}
        }
        let read = if let Some(ms) = text.strip_prefix('@') {
            ms.parse().ok().filter(|ms| *ms >= 0).map(|ms| Self::Time(Timestamp(ms)))
        } else if let Some(span) = text.strip_prefix('-') {
            let count = digits(span).map(Self::Last);
            count.or_else(|| ago(span).map(Self::Ago))
        } else if text.contains('-') {
            return time(text).map(|ms| Self::Time(Timestamp(ms)));
        } else {
            digits(text).and_then(Offset::new).map(Self::At)
        };
        read.ok_or_else(|| {
            "expected beginning, end, an offset (42), so many from the end (-10), a time \
             (2026-01-31T12:00:00Z, or milliseconds since 1970: @1769860800000), or so long ago \
             (-90s, -5m, -1h, -2d)"
                .to_owned()
        })
    }

    /// Where it is in each partition; behind the last record if none is that new. A count or a time
    /// leads to a place that is there, an offset stays as it was given.
    pub(super) async fn offsets(
        self,
        consumer: &Consumer,
        bounds: &Bounds,
    ) -> Result<Offsets, OffsetsError> {
        let time = match self {
            Self::Beginning => return Ok(bounds.beginnings.clone()),
            Self::End => return Ok(bounds.ends.clone()),
            Self::At(offset) => {
                return Ok(bounds.ends.keys().map(|p| (p.clone(), offset)).collect());
            }
            Self::Last(count) => {
                let each = bounds.ends.iter().map(|(partition, end)| {
                    let first = bounds.beginnings.get(partition).map_or(0, |first| first.get());
                    let place = end.get().saturating_sub(count).max(first);
                    (partition.clone(), Offset::new(place).unwrap_or(*end))
                });
                return Ok(each.collect());
            }
            Self::Time(time) => time,
            Self::Ago(span) => {
                let span = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
                Timestamp(Clock::system().wall_ms().saturating_sub(span))
            }
        };
        let times = bounds.ends.keys().map(|partition| (partition, time));
        let found = consumer.offsets_for_times(times).await?;
        let place = |(partition, end): (&TopicPartition, &Offset)| {
            let found = found.get(partition).copied().flatten();
            (partition.clone(), found.map_or(*end, |found| found.offset))
        };
        Ok(bounds.ends.iter().map(place).collect())
    }
}

fn digits(text: &str) -> Option<i64> {
    let all = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| all)
}

fn ago(text: &str) -> Option<Duration> {
    let unit = text.find(|c: char| !c.is_ascii_digit())?;
    let (count, unit) = text.split_at(unit);
    let ms: u64 = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    count.parse::<u64>().ok()?.checked_mul(ms).map(Duration::from_millis)
}

/// Milliseconds since 1970 of a time as RFC 3339 has it.
fn time(text: &str) -> Result<i64, String> {
    let wrong = || "expected a time such as 2026-01-31T12:00:00Z".to_owned();
    let (date, rest) = text.split_once(['T', 't', ' ']).ok_or_else(wrong)?;
    let zone = rest.find(['Z', 'z', '+', '-']).ok_or_else(|| {
        format!("{text} has no zone: end it with Z for UTC, or with one such as +01:00")
    })?;
    let (clock, zone) = rest.split_at(zone);
    let [year, month, day] = parts(date, '-', [4, 2, 2]).ok_or_else(wrong)?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let [hour, minute, second] = parts(clock, ':', [2, 2, 2]).ok_or_else(wrong)?;
    let fraction = digits(fraction).map(|_| format!("{fraction:0<3}")).ok_or_else(wrong)?;
    let ms = fraction.get(..3).and_then(digits).ok_or_else(wrong)?;
    let [hours, minutes] = match zone.strip_prefix(['+', '-']) {
        Some(zone) => parts(zone, ':', [2, 2]).ok_or_else(wrong)?,
        None if zone.len() == 1 => [0, 0],
        None => return Err(wrong()),
    };
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        1..=12 => 31,
        _ => 0,
    };
    if !(1..=days).contains(&day)
        || hour > 23
        || minute > 59
        || second > 60
        || hours > 23
        || minutes > 59
    {
        return Err(format!("{text} is on no calendar or clock"));
    }
    let offset = (hours * 60 + minutes) * if zone.starts_with('-') { -1 } else { 1 };
    let minutes = (days_since_1970(year, month, day) * 24 + hour) * 60 + minute - offset;
    Ok((minutes * 60 + second) * 1000 + ms)
}

/// Numbers of so many digits each.
fn parts<const N: usize>(text: &str, between: char, widths: [usize; N]) -> Option<[i64; N]> {
    let mut each = text.split(between);
    let mut found = [0; N];
    for (slot, width) in found.iter_mut().zip(widths) {
        *slot = each.next().filter(|part| part.len() == width).and_then(digits)?;
    }
    each.next().is_none().then_some(found)
}

/// Of the Gregorian calendar; years begin in March here, so that a leap day is their last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year
        - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        for (text, position) in [
            ("beginning", Position::Beginning),
            ("end", Position::End),
            ("42", Position::At(Offset::new(42).unwrap())),
            ("-10", Position::Last(10)),
            ("@0", Position::Time(Timestamp(0))),
            ("@1769860800000", Position::Time(Timestamp(1_769_860_800_000))),
            ("2026-01-31T12:00:00Z", Position::Time(Timestamp(1_769_860_800_000))),
            ("-500ms", Position::Ago(Duration::from_millis(500))),
            ("-90s", Position::Ago(Duration::from_secs(90))),
            ("-5m", Position::Ago(Duration::from_secs(300))),
            ("-1h", Position::Ago(Duration::from_secs(3600))),
            ("-2d", Position::Ago(Duration::from_secs(172_800))),
        ] {
            assert_eq!(Position::parse(text), Ok(position), "{text}");
        }
    }

    #[test]
    fn what_is_no_position_is_refused() {
        for text in [
            "",
            "-",
            "middle",
            "1.5",
            "+1",
            "@",
            "@-1",
            "@x",
            "-1w",
            "-h",
            "--follow",
            "-1 h",
            "99999999999999999999",
            "-99999999999999999999d",
        ] {
            assert!(Position::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_are_those_of_rfc_3339() {
        for (text, ms) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01t00:00:00.5z", 500),
            ("1969-12-31 23:59:59.999Z", -1),
            ("2000-02-29T00:00:00Z", 951_782_400_000),
            ("2001-09-09T01:46:40Z", 1_000_000_000_000),
            ("2001-09-09T03:46:40.123456+02:00", 1_000_000_000_123),
            ("2001-09-08T20:16:40-05:30", 1_000_000_000_000),
            ("2100-03-01T00:00:00Z", 4_107_542_400_000),
        ] {
            assert_eq!(time(text), Ok(ms), "{text}");
        }
        for (text, reason) in [
            ("2026-01-31", "expected a time"),
            ("2026-01-31T12:00:00", "has no zone"),
            ("2026-1-31T12:00:00Z", "expected a time"),
            ("2026-01-31T12:00Z", "expected a time"),
            ("2026-01-31T12:00:00.Z", "expected a time"),
            ("2026-01-31T12:00:00Zulu", "expected a time"),
            ("2026-01-31T12:00:00+1", "expected a time"),
            ("2026-02-29T12:00:00Z", "no calendar"),
            ("2100-02-29T12:00:00Z", "no calendar"),
            ("2026-13-01T12:00:00Z", "no calendar"),
            ("2026-01-31T24:00:00Z", "no calendar"),
        ] {
            let error = time(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
