//! The small text files: checkpoints and properties.

use std::path::Path;

use broker_lite::log::format::{self, BadLine, Line, PartitionOffset};
use ottla_protocol::ids::Uuid;
use serde_json::Value;

use super::place;
use super::problem::{Place, Problem};

/// A checkpoint with an offset for each partition; `None` if it is absent.
pub(super) fn offsets(path: &Path) -> Result<Option<Vec<Line<PartitionOffset>>>, Problem> {
    checkpoint(path, advice(path), format::offsets)
}

/// `leader-epoch-checkpoint`: epochs and where each starts; `None` if it is absent.
pub(super) fn epochs(path: &Path) -> Result<Option<Vec<(i32, i64)>>, Problem> {
    checkpoint(path, super::problem::READ_AGAIN, format::epochs)
}

fn checkpoint<T>(
    path: &Path,
    advice: &'static str,
    read: impl Fn(&str) -> Result<Vec<T>, BadLine>,
) -> Result<Option<Vec<T>>, Problem> {
    let Some(text) = text(path, advice)? else { return Ok(None) };
    if text.is_empty() {
        return Ok(Some(Vec::new())); // Kafka makes it before it has entries
    }
    let wrong = |BadLine { line, what }| Problem::new(path, Place::Line(line), what, advice);
    read(&text).map(Some).map_err(wrong)
}

/// The lines `name=value` or `name: value` of a file; `None` if it is absent.
pub(super) fn properties(path: &Path) -> Result<Option<Vec<(String, String)>>, Problem> {
    let advice = advice(path);
    let Some(text) = text(path, advice)? else { return Ok(None) };
    let mut pairs = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        let pair = line.split_once(['=', ':']);
        let (name, value) = pair.ok_or_else(|| {
            let what = format!("{line:?} is no name and value");
            Problem::new(path, Place::Line(at.saturating_add(1)), what, advice)
        })?;
        // as Java escapes them
        pairs.push((name.trim().to_owned(), value.trim().replace('\\', "")));
    }
    Ok(Some(pairs))
}

/// What a file of JSON says; `None` if it is absent.
pub(super) fn json(path: &Path) -> Result<Option<Value>, Problem> {
    let Some(bytes) = place::read_small(path)? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| {
        let what = format!("it is no JSON: {error}");
        let advice = "stop the broker and remove the file: a start makes it anew";
        Problem::new(path, Place::Line(error.line()), what, advice)
    })
}

/// The topic id in a `partition.metadata`; `None` if that is absent.
pub(super) fn topic_id(path: &Path) -> Result<Option<Uuid>, Problem> {
    let Some(pairs) = properties(path)? else { return Ok(None) };
    let wrong = |what: &str| Problem::new(path, Place::Whole, what, advice(path));
    if value(&pairs, "version") != Some("0") {
        return Err(wrong("it is not of version 0"));
    }
    let id = value(&pairs, "topic_id").and_then(Uuid::parse).filter(|id| *id != Uuid::ZERO);
    id.map(Some).ok_or_else(|| wrong("it has no topic id"))
}

/// Looks at a `meta.properties`.
pub(super) fn check_meta(path: &Path) -> Result<(), Problem> {
    let wrong = |what: String| Problem::new(path, Place::Whole, what, advice(path));
    let pairs = properties(path)?.ok_or_else(|| wrong("it is absent".to_owned()))?;
    let number = |name: &str| {
        let value = value(&pairs, name).ok_or_else(|| wrong(format!("{name} is missing")))?;
        let number = value.parse().ok().filter(|number: &i32| *number >= 0);
        number.ok_or_else(|| wrong(format!("{name} is {value:?}, no id of a node")))
    };
    match value(&pairs, "version") {
        Some("0") => number("broker.id")?, // before KRaft
        Some("1") => number("node.id")?,
        version => return Err(wrong(format!("version {version:?} instead of 1"))),
    };
    if value(&pairs, "cluster.id").is_none_or(str::is_empty) {
        return Err(wrong("cluster.id is missing".to_owned()));
    }
    match value(&pairs, "directory.id") {
        Some(id) if Uuid::parse(id).is_none() => {
            Err(wrong(format!("directory.id is {id:?}, no id of a directory")))
        }
        _ => Ok(()), // Kafka before 3.7 has none
    }
}

fn value<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
}

fn advice(path: &Path) -> &'static str {
    format::remedy(&place::file_name(path))
}

/// A whole text; `None` if the file is absent.
fn text(path: &Path, advice: &'static str) -> Result<Option<String>, Problem> {
    let Some(bytes) = place::read_small(path)? else { return Ok(None) };
    String::from_utf8(bytes).map(Some).map_err(|error| {
        let at = u64::try_from(error.utf8_error().valid_up_to()).unwrap_or(0);
        Problem::new(path, Place::Byte(at), "it is no text", advice)
    })
}
