//! Every message at every version against bytes that Apache Kafka's own classes made.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod codec;
mod fixture;
mod values;

use std::alloc::System;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use codec::{Api, Codec};
use fixture::Golden;
use ottla_protocol::header::{RequestHeader, ResponseHeader};
use ottla_protocol::ids::CorrelationId;
use ottla_protocol::json::Printer;
use ottla_protocol::schema::SCHEMAS;
use ottla_protocol::{AnyRequest, AnyResponse, DecodeError, Message};
use serde_json::Value;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The counters are the whole process's: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Calls `check` with each message of the file, at each version; tells all it complains of.
fn each(mut check: impl FnMut(&Golden, &Codec, i16) -> Result<(), String>) {
    let _alone = alone();
    let codecs = codec::all();
    let (mut checked, mut complaints) = (0, Vec::new());
    for golden in fixture::all() {
        let codec = codecs.get(golden.name).unwrap_or_else(|| panic!("no message {}", golden.name));
        for version in golden.versions.clone() {
            checked += 1;
            if let Err(complaint) = check(&golden, codec, version) {
                complaints
                    .push(format!("{} v{version}, {}: {complaint}", golden.name, golden.values));
            }
        }
    }
    assert!(checked > 3000, "{checked}");
    assert!(complaints.is_empty(), "{} of {checked}:\n{}", complaints.len(), complaints.join("\n"));
}

/// An error unless both are the same.
fn same<T: PartialEq + Debug>(ours: T, kafkas: T) -> Result<(), String> {
    if ours == kafkas { Ok(()) } else { Err(format!("ours: {ours:?}\n  Kafka's: {kafkas:?}")) }
}

/// The message as it stands where it is used: a request or response alone, a record as a whole.
fn whole(golden: &Golden, codec: &Codec) -> (Bytes, usize) {
    let prefix = if codec.api.is_some() { Bytes::new() } else { golden.prefix() };
    let whole = [&*prefix, &golden.bytes].concat();
    (whole.into(), prefix.len())
}

/// An error unless the bytes are refused, in the header of that message and version.
fn named<T>(result: Result<T, DecodeError>, name: &str, version: i16) -> Result<(), String> {
    let Err(error) = result else { return Err("a part of the header is enough".to_owned()) };
    same((error.message(), error.version()), (name, version))?;
    same(error.field().starts_with("header"), true)
}

#[test]
fn every_version_of_every_message_is_in_the_file() {
    let _alone = alone();
    let mut missing: BTreeMap<(&str, &str), Vec<i16>> = BTreeMap::new();
    for codec in codec::all().into_values() {
        let schema = codec.schema;
        for version in schema.versions.min..=schema.versions.max {
            for values in ["full", "defaults", "nulls", "empties"] {
                missing.entry((schema.name, values)).or_default().push(version);
            }
            if schema.flexible_from.is_some_and(|from| from <= version) {
                missing.entry((schema.name, "tags")).or_default().push(version);
            }
        }
    }
    for golden in fixture::all() {
        for version in golden.versions {
            if let Some(versions) = missing.get_mut(&(golden.name, golden.values)) {
                versions.retain(|missing| *missing != version);
            }
        }
    }
    missing.retain(|_, versions| !versions.is_empty());
    assert!(missing.is_empty(), "not in the file: {missing:?}");
}

#[test]
fn what_kafka_writes_is_decoded_and_encoded_to_the_same_bytes() {
    each(|golden, codec, version| {
        let (whole, _) = whole(golden, codec);
        let (_, again) = (codec.again)(version, whole.clone()).map_err(|e| e.to_string())?;
        same(again, whole)
    });
}

#[test]
fn what_kafka_writes_has_the_values_that_kafka_shows() {
    each(|golden, codec, version| {
        let text = Printer::default().message(&codec.schema, version, golden.bytes.clone());
        let text = text.map_err(|error| error.to_string())?;
        let mut ours: Value = serde_json::from_str(&text).unwrap();
        let unknown = values::take_unknown_tags(&mut ours);
        same(&ours, &golden.json)?;
        same(unknown > 0, golden.values == "tags")?;
        if golden.values == "full" {
            let value =
                (codec.again)(version, whole(golden, codec).0).map_err(|e| e.to_string())?;
            same(values::missing(codec.schema.fields, version, &ours, &value.0), Vec::new())?;
        }
        Ok(())
    });
}

#[test]
fn a_message_with_nothing_set_is_that_of_kafka_but_for_the_defaults_that_are_listed() {
    let others = fixture::other_defaults();
    let (mut alike, mut otherwise) = (0, 0);
    each(|golden, codec, version| {
        if golden.values != "defaults" {
            return Ok(());
        }
        let schema = SCHEMAS.iter().find(|schema| schema.name == codec.schema.name).unwrap();
        let bytes = schema.default_message().to_bytes(version).map_err(|e| e.to_string())?;
        let text = Printer::default().message(schema, version, bytes.clone()).unwrap();
        let mut json = serde_json::from_str(&text).unwrap();
        if values::put_defaults(schema.fields, schema.name, &others, &mut json) == 0 {
            alike += 1;
            same(&bytes, &golden.bytes)
        } else {
            otherwise += 1;
            same(&json, &golden.json)
        }
    });
    assert!(alike > 600 && otherwise > 0, "{alike} {otherwise}");
}

#[test]
fn requests_and_responses_stand_behind_the_header_that_kafka_puts_there() {
    let correlation_id = CorrelationId(0x0102_0304);
    each(|golden, codec, version| {
        let frame = |header: Bytes| Bytes::from([header, golden.bytes.clone()].concat());
        let header_version = || golden.header_version();
        match codec.api {
            Some(Api::Request(key)) => {
                let header = RequestHeader {
                    api_key: key.0,
                    api_version: version,
                    correlation_id,
                    client_id: Some("shop".into()),
                    ..Default::default()
                };
                let frame = frame(header.to_bytes(header_version()).unwrap());
                let decoded = AnyRequest::decode_frame(frame.clone());
                let (read, request) = decoded.map_err(|error| error.to_string())?;
                same((&read, request.key()), (&header, key))?;
                // a request is named once its key and version are read
                for length in 4..frame.len() - golden.bytes.len() {
                    named(AnyRequest::decode_frame(frame.slice(..length)), golden.name, version)?;
                }
                same(request.encode_frame(&read).unwrap().into_bytes().slice(4..), frame)
            }
            Some(Api::Response(key)) => {
                let header = ResponseHeader { correlation_id, ..Default::default() };
                let frame = frame(header.to_bytes(header_version()).unwrap());
                let decoded = AnyResponse::decode_frame(frame.clone(), key, version);
                let (read, response) = decoded.map_err(|error| error.to_string())?;
                same((&read, response.key()), (&header, key))?;
                for length in 0..frame.len() - golden.bytes.len() {
                    let cut = frame.slice(..length);
                    named(
                        AnyResponse::decode_frame(cut.clone(), key, version),
                        golden.name,
                        version,
                    )?;
                    let shown = Printer::default().response(cut, key, version);
                    named(shown, golden.name, version)?;
                }
                let again = response.encode_frame(version, &read).unwrap();
                same(again.into_bytes().slice(4..), frame)
            }
            None => Ok(()),
        }
    });
}

#[test]
fn every_prefix_is_an_error_that_says_where_and_takes_memory_in_proportion() {
    const SLACK: usize = 64 * 1024;
    each(|golden, codec, version| {
        let (whole, front) = whole(golden, codec);
        for length in 0..whole.len() {
            let cut = whole.slice(..length);
            let region = Region::new(ALLOCATOR);
            let result = (codec.again)(version, cut);
            let allocated = region.change().bytes_allocated;
            // in sum: never less than the peak; the frame itself makes it 16 times
            if allocated > 15 * length + SLACK {
                return Err(format!("the first {length} bytes allocated {allocated}"));
            }
            let Err(error) = result else { return Err(format!("{length} bytes are enough")) };
            let named = if length < front {
                // the version is not read yet, and less than two bytes may not tell of what it is
                (length < 2 && !error.message().is_empty()) || error.message() == golden.name
            } else {
                (error.message(), error.version()) == (golden.name, version)
            };
            if !named || error.field().is_empty() {
                return Err(format!("the first {length} bytes: {error}"));
            }
        }
        Ok(())
    });
}
