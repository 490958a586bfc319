//! Random messages: written by their schemas from a random source, they come back as they were.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

#[expect(dead_code, reason = "messages are not filled here")]
mod support;

use std::collections::BTreeSet;

use bytes::Bytes;
use ottla_protocol::error::DecodeReason;
use ottla_protocol::json::{Printer, Records};
use ottla_protocol::schema::{DefaultValue, Field, SCHEMAS, Schema, Type};
use proptest::prelude::*;
use support::{is_flexible, put_length, put_uvarint, versions};

/// Decisions, from bytes that proptest makes and shrinks; zeros, the plainest choice, when they end.
struct Source<'a>(&'a [u8]);

impl Source<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn below(&mut self, bound: u8) -> u8 {
        self.byte() % bound
    }
}

/// Writes a random message of one version by its schema.
struct Random<'a> {
    source: Source<'a>,
    version: i16,
    flexible: bool,
    /// Fields whose type has no negative numbers, by name; the schema does not tell.
    unsigned: &'a BTreeSet<String>,
    out: Vec<u8>,
}

impl Random<'_> {
    /// `set`: not what a field has by default.
    fn number(&mut self, size: usize, set: bool, unsigned: bool) {
        let mut bytes = [0; 8];
        match self.source.below(4) {
            _ if set => bytes[7] = 20 + self.source.below(100), // no default is such a number
            0 => bytes[7] = self.source.byte(),
            1 if !unsigned => bytes = (-1i64 - i64::from(self.source.below(3))).to_be_bytes(),
            _ => bytes.fill_with(|| self.source.byte()),
        }
        let number = &mut bytes[8 - size..];
        if unsigned {
            number[0] &= 0x7f;
        }
        self.out.extend_from_slice(number);
    }

    fn length(&mut self, wide: bool, length: Option<usize>) {
        put_length(&mut self.out, self.flexible, wide, length);
    }

    /// Letters of one to four bytes.
    fn text(&mut self, set: bool) -> String {
        let letters = match self.source.below(16) {
            15 => 150, // its length takes two bytes as a varint
            letters => usize::from(letters.max(u8::from(set))),
        };
        let letter = |byte| ['a', '\u{fc}', '\u{20ac}', '\u{1f600}'][usize::from(byte % 4)];
        (0..letters).map(|_| letter(self.source.byte())).collect()
    }

    fn bytes(&mut self, set: bool) -> Vec<u8> {
        let length = match self.source.below(16) {
            15 => 1500, // is spliced in, not copied
            length => usize::from(length.max(u8::from(set))),
        };
        (0..length).map(|_| self.source.byte()).collect()
    }

    fn value(&mut self, kind: &Type, set: bool, unsigned: bool) {
        match kind {
            Type::Bool => {
                let value = self.source.below(2);
                self.out.push(value);
            }
            Type::Int8 => self.number(1, set, unsigned),
            Type::Int16 | Type::Uint16 => self.number(2, set, unsigned),
            Type::Int32 | Type::Uint32 => self.number(4, set, unsigned),
            Type::Int64 => self.number(8, set, unsigned),
            Type::Float64 => {
                let value = f64::from(self.source.byte()) + if set { 0.5 } else { 0.0 };
                self.out.extend_from_slice(&value.to_be_bytes());
            }
            Type::Uuid => {
                self.number(8, set, false);
                self.number(8, false, false);
            }
            Type::String | Type::PlainString => {
                let flexible = self.flexible;
                self.flexible &= matches!(kind, Type::String);
                let text = self.text(set);
                self.length(false, Some(text.len()));
                self.flexible = flexible;
                self.out.extend_from_slice(text.as_bytes());
            }
            Type::Bytes => {
                let bytes = self.bytes(set);
                self.length(true, Some(bytes.len()));
                self.out.extend(bytes);
            }
            Type::Array(item) => {
                let count = self.source.below(4).max(u8::from(set));
                self.length(true, Some(count.into()));
                for _ in 0..count {
                    self.value(item, false, unsigned);
                }
            }
            Type::Struct { fields, .. } => self.fields(fields, set),
        }
    }

    fn null(&mut self, field: &Field) {
        match field.kind {
            Type::Struct { .. } => self.out.push(0xff),
            Type::PlainString => put_length(&mut self.out, false, false, None),
            Type::String => self.length(false, None),
            _ => self.length(true, None),
        }
    }

    fn field(&mut self, field: &Field, set: bool) {
        let nullable = field.nullable.is_some_and(|null| null.contains(self.version));
        if nullable && !set && self.source.below(4) == 0 {
            return self.null(field);
        }
        if field.nullable.is_some() && matches!(field.kind, Type::Struct { .. }) {
            self.out.push(1);
        }
        if set && matches!(field.kind, Type::Bool) {
            return self.out.push(u8::from(field.default != DefaultValue::Bool(true)));
        }
        self.value(&field.kind, set, self.unsigned.contains(field.name));
    }

    fn fields(&mut self, fields: &[Field], set: bool) {
        let present = |field: &&Field| field.versions.contains(self.version);
        let present: Vec<&Field> = fields.iter().filter(present).collect();
        for field in present.iter().filter(|field| field.tag.is_none()) {
            self.field(field, set);
        }
        if !self.flexible {
            return;
        }
        let mut tagged: Vec<(u32, Option<&Field>)> =
            present.iter().filter_map(|field| Some((field.tag?, Some(*field)))).collect();
        tagged.sort_by_key(|(tag, _)| *tag);
        // what equals the default is not written
        tagged.retain(|_| set || self.source.below(2) == 1);
        let first_unknown = present.iter().filter_map(|field| field.tag).max().map_or(0, |t| t + 1);
        for at in 0..u32::from(self.source.below(8).saturating_sub(5)) {
            tagged.push((first_unknown + at * 200, None));
        }
        put_uvarint(&mut self.out, tagged.len().try_into().unwrap());
        for (tag, field) in tagged {
            put_uvarint(&mut self.out, tag);
            let outer = std::mem::take(&mut self.out);
            match field {
                Some(field) => self.field(field, true),
                None => self.out = self.bytes(false),
            }
            let body = std::mem::replace(&mut self.out, outer);
            put_uvarint(&mut self.out, body.len().try_into().unwrap());
            self.out.extend(body);
        }
    }
}

fn random(schema: &Schema, version: i16, source: &[u8], unsigned: &BTreeSet<String>) -> Bytes {
    let flexible = is_flexible(schema, version);
    let mut random = Random { source: Source(source), version, flexible, unsigned, out: vec![] };
    random.fields(schema.fields, false);
    random.out.into()
}

/// The bytes of a message, and the paths of fields that cannot be negative: that is found out.
fn valid(schema: &'static Schema, version: i16, source: &[u8]) -> (Bytes, BTreeSet<String>) {
    let (mut unsigned, mut paths) = (BTreeSet::new(), BTreeSet::new());
    loop {
        let bytes = random(schema, version, source, &unsigned);
        let Err(error) = schema.decode_all(bytes.clone(), version) else { return (bytes, paths) };
        assert!(matches!(error.reason(), DecodeReason::OutOfRange(_)), "{error}");
        let path = error.field();
        let names: Vec<&str> =
            path.split('.').map(|name| name.split('[').next().unwrap()).collect();
        paths.insert(format!("{}.{}", schema.name, names.join(".")));
        assert!(unsigned.insert(names.last().unwrap().to_string()), "{error}");
    }
}

/// A field that refuses what Kafka takes spoils the message it stands in.
#[test]
fn no_field_refuses_negative_numbers_but_those_that_only_a_log_has_made() {
    let lowest = [5; 100_000]; // makes each number -3, and each array one item
    let mut found = BTreeSet::new();
    for schema in SCHEMAS {
        for version in versions(schema) {
            found.extend(valid(schema, version, &lowest).1);
        }
    }
    let listed = include_str!("data/never-negative.txt").lines();
    let listed: BTreeSet<String> =
        listed.filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
    let unlisted: Vec<_> = found.difference(&listed).collect();
    let in_vain: Vec<_> = listed.difference(&found).collect();
    assert!(unlisted.is_empty() && in_vain.is_empty(), "{unlisted:#?}\n{in_vain:#?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_random_message_of_every_type_and_version_comes_back_as_it_was(
        source in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let printer = Printer::default().records(Records::Base64);
        for schema in SCHEMAS {
            for version in versions(schema) {
                let (bytes, _) = valid(schema, version, &source);
                let message = schema.decode_all(bytes.clone(), version).unwrap();
                let again = message.to_bytes(version).unwrap();
                prop_assert_eq!(&again, &bytes, "v{} {:?}", version, message);
                prop_assert_eq!(schema.decode_all(again.clone(), version).unwrap(), message);
                let text = printer.message(schema, version, bytes).unwrap();
                prop_assert_eq!(&text, &printer.message(schema, version, again).unwrap());
                prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
            }
        }
    }
}
