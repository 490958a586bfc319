//! One record as one line of JSON, so that `consume` pipes back into `produce` unchanged.
//!
//! Bytes that are not UTF-8 go to `key_b64` and `value_b64`; `"value":null` is a tombstone; headers
//! are pairs, in order, repetitions kept. Read as well: the names of kcat's `-J` (`payload`, `ts`,
//! headers in one flat list).

use core::fmt;

use ottla::HeaderRef;
use serde_json::{Map, Value};

use super::base64;

/// What a consumer knows of a record, borrowed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Received<'a, H> {
    pub(super) topic: &'a str,
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) timestamp_ms: i64,
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    pub(super) headers: H,
}

impl<'a, H: Iterator<Item = HeaderRef<'a>>> Received<'a, H> {
    /// Appends the line, with its line feed.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"topic\":");
        text(out, self.topic);
        for (name, number) in [
            ("partition", &self.partition as &dyn fmt::Display),
            ("offset", &self.offset),
            ("timestamp", &self.timestamp_ms),
        ] {
            out.extend_from_slice(format!(",\"{name}\":{number}").as_bytes());
        }
        named(out, "key", self.key);
        named(out, "value", self.value);
        out.extend_from_slice(b",\"headers\":[");
        for (at, header) in self.headers.enumerate() {
            out.extend_from_slice(if at == 0 { b"[" } else { b",[" });
            text(out, &header.key);
            out.push(b',');
            match header.value.map(|bytes| core::str::from_utf8(bytes).map_err(|_| bytes)) {
                None => out.extend_from_slice(b"null"),
                Some(Ok(value)) => text(out, value),
                Some(Err(bytes)) => {
                    out.extend_from_slice(b"{\"b64\":");
                    text(out, &base64::encode(bytes));
                    out.push(b'}');
                }
            }
            out.push(b']');
        }
        out.extend_from_slice(b"]}\n");
    }
}

fn named(out: &mut Vec<u8>, name: &str, bytes: Option<&[u8]>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    match bytes.map(|bytes| core::str::from_utf8(bytes).map_err(|_| bytes)) {
        None => out.extend_from_slice(b"\":null"),
        Some(Ok(value)) => {
            out.extend_from_slice(b"\":");
            text(out, value);
        }
        Some(Err(bytes)) => {
            out.extend_from_slice(b"_b64\":");
            text(out, &base64::encode(bytes));
        }
    }
}

fn text(out: &mut Vec<u8>, value: &str) {
    // a string always has a JSON form, and a Vec takes all of it
    out.extend_from_slice(Value::from(value).to_string().as_bytes());
}

/// What `produce` sends, read from a line.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct ToSend {
    pub(super) partition: Option<i32>,
    pub(super) timestamp_ms: Option<i64>,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) headers: Vec<(String, Option<Vec<u8>>)>,
}

/// Why a line is not a record.
#[derive(Debug, thiserror::Error)]
pub(super) enum LineError {
    /// Not JSON, or not UTF-8.
    #[error("not JSON: {0}")]
    NotJson(#[from] serde_json::Error),
    /// JSON, but a number or a list.
    #[error("not a JSON object")]
    NotAnObject,
    /// Neither `value` nor one of its other names.
    #[error("no value: write \"value\":null for a tombstone")]
    NoValue,
    /// A field given under two names.
    #[error("both {0} and {1}: give one")]
    Twice(&'static str, &'static str),
    /// Its content has the wrong form.
    #[error("{field}: {expected} expected")]
    Malformed {
        /// The field.
        field: &'static str,
        /// What it should hold.
        expected: &'static str,
    },
    /// Ignoring it might lose data.
    #[error("unknown field {0:?}; known: {known}", known = KNOWN.join(", "))]
    UnknownField(String),
}

/// Fields that are read, then fields of `consume`, kcat and others that say nothing to a producer.
const KNOWN: [&str; 16] = [
    "key",
    "key_b64",
    "value",
    "value_b64",
    "payload",
    "headers",
    "partition",
    "timestamp",
    "ts",
    "topic",
    "offset",
    "timestamp_type",
    "tstype",
    "broker",
    "leader_epoch",
    "error",
];

impl ToSend {
    /// Reads one line, with or without its line feed.
    pub(super) fn parse(line: &[u8]) -> Result<Self, LineError> {
        let Value::Object(fields) = serde_json::from_slice(line)? else {
            return Err(LineError::NotAnObject);
        };
        if let Some(name) = fields.keys().find(|name| !KNOWN.contains(&name.as_str())) {
            return Err(LineError::UnknownField(name.clone()));
        }
        let key = bytes(&fields, "key", "key_b64")?.flatten();
        let value = match (bytes(&fields, "value", "value_b64")?, fields.get("payload")) {
            (Some(_), Some(_)) => return Err(LineError::Twice("value", "payload")),
            (Some(value), None) => value,
            (None, Some(payload)) => plain(payload, "payload")?,
            (None, None) => return Err(LineError::NoValue),
        };
        let timestamp_ms = match (fields.get("timestamp"), fields.get("ts")) {
            (Some(_), Some(_)) => return Err(LineError::Twice("timestamp", "ts")),
            (Some(ms), None) | (None, Some(ms)) => Some(integer(ms, "timestamp")?),
            (None, None) => None,
        };
        let malformed = |_| LineError::Malformed { field: "partition", expected: "a partition" };
        let partition = fields.get("partition").map(|p| integer(p, "partition")).transpose()?;
        let partition = partition.map(i32::try_from).transpose().map_err(malformed)?;
        Ok(Self { partition, timestamp_ms, key, value, headers: headers(fields.get("headers"))? })
    }
}

/// The outer `Option` says whether the field is there, the inner one whether it is null.
fn bytes(
    fields: &Map<String, Value>,
    name: &'static str,
    name_b64: &'static str,
) -> Result<Option<Option<Vec<u8>>>, LineError> {
    match (fields.get(name), fields.get(name_b64)) {
        (Some(_), Some(_)) => Err(LineError::Twice(name, name_b64)),
        (Some(value), None) => plain(value, name).map(Some),
        (None, Some(value)) => coded(value, name_b64).map(|bytes| Some(Some(bytes))),
        (None, None) => Ok(None),
    }
}

fn plain(value: &Value, field: &'static str) -> Result<Option<Vec<u8>>, LineError> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone().into_bytes())),
        _ => Err(LineError::Malformed { field, expected: "a string or null" }),
    }
}

fn coded(value: &Value, field: &'static str) -> Result<Vec<u8>, LineError> {
    let decoded = value.as_str().and_then(base64::decode);
    decoded.ok_or(LineError::Malformed { field, expected: "base64 with padding" })
}

fn integer(value: &Value, field: &'static str) -> Result<i64, LineError> {
    value.as_i64().ok_or(LineError::Malformed { field, expected: "a whole number" })
}

type Headers = Vec<(String, Option<Vec<u8>>)>;

fn headers(value: Option<&Value>) -> Result<Headers, LineError> {
    let expected = "a list of [name, value] pairs";
    let malformed = || LineError::Malformed { field: "headers", expected };
    let list = match value {
        None | Some(Value::Null) => return Ok(Headers::new()),
        Some(value) => value.as_array().ok_or_else(malformed)?,
    };
    let flat = list.first().is_some_and(|first| first.is_string());
    let header = |name: &Value, value: &Value| {
        let name = name.as_str().ok_or_else(malformed)?.to_owned();
        let value = match value.get("b64") {
            Some(value) => Some(coded(value, "headers")?),
            None => plain(value, "headers")?,
        };
        Ok((name, value))
    };
    let pair = |pair: &[Value]| match pair {
        [name, value] => header(name, value),
        _ => Err(malformed()),
    };
    if flat {
        return list.chunks(2).map(pair).collect();
    }
    list.iter().map(|entry| pair(entry.as_array().ok_or_else(malformed)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Pair<'a> = (&'a str, Option<&'a [u8]>);

    fn header<'a>((key, value): &Pair<'a>) -> HeaderRef<'a> {
        HeaderRef { key: (*key).into(), value: *value }
    }

    fn line(key: Option<&[u8]>, value: Option<&[u8]>, headers: &[Pair<'_>]) -> String {
        let mut out = Vec::new();
        let headers = headers.iter().map(header);
        let received =
            Received { topic: "t", partition: 1, offset: 7, timestamp_ms: 9, key, value, headers };
        received.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_record_looks_like_this() {
        assert_eq!(
            line(Some(b"k"), Some(b"v\"\n"), &[("a", Some(b"1")), ("a", None)]),
            "{\"topic\":\"t\",\"partition\":1,\"offset\":7,\"timestamp\":9,\"key\":\"k\",\
             \"value\":\"v\\\"\\n\",\"headers\":[[\"a\",\"1\"],[\"a\",null]]}\n"
        );
    }

    #[test]
    fn bytes_tombstones_and_repeated_headers_survive_the_round_trip() {
        let keys: [Option<&[u8]>; 4] = [None, Some(b""), Some(b"k"), Some(&[0xff, 0, 0xc3])];
        let headers: [Pair<'_>; 4] =
            [("b", Some(b"2")), ("a", Some(&[0x80])), ("b", None), ("", Some(b""))];
        for key in keys {
            for value in keys {
                let sent = ToSend::parse(line(key, value, &headers).as_bytes()).unwrap();
                let owned =
                    |(name, value): &Pair<'_>| ((*name).to_owned(), value.map(<[u8]>::to_vec));
                let expected = ToSend {
                    partition: Some(1),
                    timestamp_ms: Some(9),
                    key: key.map(<[u8]>::to_vec),
                    value: value.map(<[u8]>::to_vec),
                    headers: headers.iter().map(owned).collect(),
                };
                assert_eq!(sent, expected);
            }
        }
    }

    #[test]
    fn kcats_names_are_read() {
        let line = br#"{"topic":"t","partition":0,"offset":3,"tstype":"create","ts":5,"broker":1,
            "headers":["a","1","a","2"],"key":null,"payload":"v"}"#;
        let sent = ToSend::parse(line).unwrap();
        assert_eq!((sent.timestamp_ms, sent.value), (Some(5), Some(b"v".to_vec())));
        let header = |value: &[u8]| ("a".to_owned(), Some(value.to_vec()));
        assert_eq!(sent.headers, [header(b"1"), header(b"2")]);
    }

    #[test]
    fn a_line_that_is_not_a_record_is_refused_by_name() {
        for (line, part) in [
            (&b"hello"[..], "not JSON"),
            (b"[1]", "not a JSON object"),
            (b"\xff", "not JSON"),
            (br#"{"key":"k"}"#, "no value"),
            (br#"{"value":"v","value_b64":"dg=="}"#, "both value and value_b64"),
            (br#"{"value":"v","payload":"v"}"#, "both value and payload"),
            (br#"{"value":1}"#, "value: a string or null"),
            (br#"{"value_b64":"?"}"#, "value_b64: base64"),
            (br#"{"value":"v","partition":4294967296}"#, "partition: a partition"),
            (br#"{"value":"v","timestamp":"now"}"#, "timestamp: a whole number"),
            (br#"{"value":"v","headers":{"a":"1"}}"#, "headers: a list"),
            (br#"{"value":"v","headers":[["a"]]}"#, "headers: a list"),
            (br#"{"value":"v","header":[]}"#, "unknown field \"header\""),
        ] {
            let error = ToSend::parse(line).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
