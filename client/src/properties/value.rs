//! Values as Kafka writes them. Each error is the rule that the value breaks.

use core::time::Duration;

use crate::config::DURATION_MAX;

pub(super) fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("must be true or false".to_owned()),
    }
}

pub(super) fn millis(text: &str) -> Result<Duration, String> {
    let rule = |_| "must be a whole number of milliseconds, as in 500".to_owned();
    text.parse().map(Duration::from_millis).map_err(rule)
}

/// librdkafka's 0 and Java's -1 mean never; a year is the longest that this client has.
pub(super) fn idle(text: &str) -> Result<Duration, String> {
    if text == "-1" { Ok(DURATION_MAX) } else { endless(text) }
}

/// librdkafka's 0 means for ever.
pub(super) fn endless(text: &str) -> Result<Duration, String> {
    if text == "0" { Ok(DURATION_MAX) } else { millis(text) }
}

/// librdkafka allows fractions here.
pub(super) fn fine_millis(text: &str) -> Result<Duration, String> {
    let rule = || "must be a number of milliseconds, as in 5 or 0.5".to_owned();
    let seconds = text.parse::<f64>().map_err(|_| rule())? / 1000.0;
    Duration::try_from_secs_f64(seconds).map_err(|_| rule())
}

pub(super) fn bytes(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| "must be a whole number of bytes, as in 65536".to_owned())
}

pub(super) fn kilobytes(text: &str) -> Result<usize, String> {
    let rule = || "must be a whole number of KiB, as in 65536".to_owned();
    text.parse::<usize>().ok().and_then(|kib| kib.checked_mul(1024)).ok_or_else(rule)
}

pub(super) fn count(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| "must be a whole number, as in 5".to_owned())
}

/// One of `choices`, by name; case counts for nothing.
pub(super) fn choice<T: Clone>(text: &str, choices: &[(&str, T)]) -> Result<T, String> {
    let found = choices.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
    found.map(|(_, value)| value.clone()).ok_or_else(|| {
        let names: Vec<_> = choices.iter().map(|&(name, _)| name).collect();
        format!("must be one of {}", names.join(", "))
    })
}
