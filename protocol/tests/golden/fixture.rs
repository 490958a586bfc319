//! Reads `data/golden.tsv`; its head says what stands in it.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use bytes::Bytes;
use serde_json::Value;

const GOLDEN: &str = include_str!("../data/golden.tsv");
const DEFAULTS: &str = include_str!("../data/defaults.tsv");

/// Where our default is not Kafka's: Kafka's as JSON, by message and field.
pub(crate) fn other_defaults() -> BTreeMap<&'static str, Value> {
    let lines = DEFAULTS.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| match line.split('\t').collect::<Vec<_>>()[..] {
            [path, _, "Int(0)"] => (path, Value::from(0)),
            [path, "Null", "Empty"] => (path, Value::Null),
            _ => panic!("{line}"),
        })
        .collect()
}

/// A message with one set of values, the same for some versions.
#[derive(Clone, Debug)]
pub(crate) struct Golden {
    /// Kafka's name of the message.
    pub(crate) name: &'static str,
    /// Those in which it is the same.
    pub(crate) versions: RangeInclusive<i16>,
    /// What stands in front of it; see [`header_version`](Self::header_version) and
    /// [`prefix`](Self::prefix).
    front: &'static str,
    /// Which set of values.
    pub(crate) values: &'static str,
    /// As Kafka writes it.
    pub(crate) bytes: Bytes,
    /// As Kafka shows it.
    pub(crate) json: Value,
}

impl Golden {
    /// Of a request or response: that of its header.
    pub(crate) fn header_version(&self) -> i16 {
        self.front.parse().unwrap()
    }

    /// Of the key or value of a record and of a blob: the bytes in front of the message.
    pub(crate) fn prefix(&self) -> Bytes {
        if self.front.len() < 4 { Bytes::new() } else { unhex(self.front) }
    }
}

/// Everything in the file.
pub(crate) fn all() -> Vec<Golden> {
    let mut all: Vec<Golden> = Vec::new();
    let mut head = ["", "", ""];
    for line in GOLDEN.lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<&'static str> = line.split('\t').collect();
        let [name, versions, front] = head;
        match columns[..] {
            [name, versions, front] if !name.is_empty() => head = [name, versions, front],
            ["", values, bytes, ref json @ ..] => {
                let (first, last) = versions.split_once('-').unwrap();
                let before = |values| {
                    let mut behind = all.iter().rev().take_while(|golden| golden.name == name);
                    behind.find(|golden| golden.values == values).unwrap().json.clone()
                };
                let json = match json {
                    [] => before("full"),
                    ["="] => before(values),
                    [json] => serde_json::from_str(json).unwrap(),
                    _ => panic!("{line}"),
                };
                let versions = first.parse().unwrap()..=last.parse().unwrap();
                all.push(Golden { name, versions, front, values, bytes: unhex(bytes), json });
            }
            _ => panic!("{line}"),
        }
    }
    all
}

fn unhex(text: &str) -> Bytes {
    let pairs = text.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}
