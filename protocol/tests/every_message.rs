//! What holds for every message at every version.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod support;

use bytes::Bytes;
use ottla_protocol::error::{DecodeReason, EncodeReason};
use ottla_protocol::schema::{DefaultValue, Field, SCHEMAS, Schema, Type};
use ottla_protocol::{FrameWriter, Reader};
use proptest::prelude::*;
use support::{Fill, Writer, filled, is_flexible, versions};

/// Every message at every version of it.
fn every() -> impl Iterator<Item = (&'static Schema, i16)> {
    SCHEMAS.iter().flat_map(|schema| versions(schema).map(move |version| (schema, version)))
}

#[test]
fn a_message_with_every_field_set_comes_back_and_is_written_as_the_schema_says() {
    for (schema, version) in every() {
        for fill in [Fill::Full, Fill::Null] {
            let bytes = filled(schema, version, fill);
            let message = schema.decode_all(bytes.clone(), version).unwrap();
            assert_eq!(message.to_bytes(version).unwrap(), bytes, "{version} {message:?}");
            assert_eq!(schema.decode_all(bytes.clone(), version).unwrap(), message);
            let default = schema.default_message();
            let same = default.to_bytes(version).is_ok_and(|default| default == bytes);
            assert!(message != default || same, "{version} {message:?}");
        }
    }
}

#[test]
fn the_default_message_comes_back_at_every_version() {
    for (schema, version) in every() {
        let default = schema.default_message();
        let bytes = default.to_bytes(version).unwrap();
        assert_eq!(schema.decode_all(bytes, version).unwrap(), default, "v{version}");
    }
}

#[test]
fn a_message_cut_short_anywhere_is_an_error_that_names_message_version_and_field() {
    for (schema, version) in every() {
        let bytes = filled(schema, version, Fill::Full);
        for length in 0..bytes.len() {
            let error = schema.decode_all(bytes.slice(..length), version).unwrap_err();
            assert_eq!((error.message(), error.version()), (schema.name, version));
            assert_ne!(error.field(), "", "{error}");
        }
    }
}

#[test]
fn bytes_behind_a_message_are_an_error() {
    for (schema, version) in every() {
        let mut bytes = filled(schema, version, Fill::Full).to_vec();
        bytes.push(0);
        let error = schema.decode_all(bytes.into(), version).unwrap_err().to_string();
        let name = schema.name;
        assert_eq!(error, format!("{name} v{version}: 1 bytes follow the end of the message"));
    }
}

#[test]
fn a_version_that_is_not_declared_is_an_error_both_ways() {
    for schema in SCHEMAS {
        for version in [schema.versions.min - 1, schema.versions.max + 1] {
            let message = schema.default_message();
            let error = message.encode(version, &mut FrameWriter::new()).unwrap_err();
            assert_eq!((error.message(), error.version()), (schema.name, version));
            let error = schema.decode(&mut Reader::new(Bytes::new()), version).unwrap_err();
            assert_eq!((error.message(), error.version()), (schema.name, version));
        }
    }
}

#[test]
fn a_tagged_field_that_is_not_declared_is_kept_in_every_struct_and_written_back() {
    let mut seen = 0;
    for (schema, version) in every().filter(|(schema, version)| is_flexible(schema, *version)) {
        let mut writer = Writer::new(schema, version, Fill::Full);
        writer.unknown = true;
        writer.fields(schema.fields);
        let bytes = Bytes::from(writer.out);
        let message = schema.decode_all(bytes.clone(), version).unwrap();
        assert!(format!("{message:?}").contains("unknown_tags"), "{message:?}");
        assert_eq!(message.to_bytes(version).unwrap(), bytes, "{version} {message:?}");
        if !is_flexible(schema, schema.versions.min) {
            let error = message.encode(schema.versions.min, &mut FrameWriter::new()).unwrap_err();
            assert_ne!(error.field(), "", "{error}");
        }
        seen += 1;
    }
    assert!(seen > 400, "{seen}");
}

/// The first field in wire order for which version `to` cannot say what was set by version `from`,
/// which set everything.
fn refused(schema: &Schema, from: i16, to: i16) -> Option<(String, EncodeReason)> {
    fn inside(field: &Field, from: i16, to: i16, flexible: bool) -> Option<(String, EncodeReason)> {
        let (item, index) = match field.kind {
            Type::Array(item) => (item, "[0]"),
            ref kind => (kind, ""),
        };
        let Type::Struct { fields, .. } = item else { return None };
        let (path, reason) = of(fields, from, to, flexible)?;
        Some((format!("{}{index}.{path}", field.name), reason))
    }
    fn of(fields: &[Field], from: i16, to: i16, flexible: bool) -> Option<(String, EncodeReason)> {
        for field in fields {
            let (before, now) = (field.versions.contains(from), field.versions.contains(to));
            let name = field.name.to_owned();
            if before && !now && !field.ignorable {
                return Some((name, EncodeReason::NotInVersion));
            }
            let may_be_null = field.nullable.is_some_and(|null| null.contains(to));
            if now && !before && field.default == DefaultValue::Null && !may_be_null {
                return Some((name, EncodeReason::Null));
            }
            if before && now && field.tag.is_none() {
                let refused = inside(field, from, to, flexible);
                if refused.is_some() {
                    return refused;
                }
            }
        }
        let both = |field: &&Field| field.versions.contains(from) && field.versions.contains(to);
        let mut tagged = fields.iter().filter(|field| flexible && field.tag.is_some()).filter(both);
        tagged.find_map(|field| inside(field, from, to, flexible))
    }
    of(schema.fields, from, to, is_flexible(schema, to))
}

#[test]
fn what_a_version_cannot_carry_is_an_error_that_names_the_field_unless_it_is_ignorable() {
    let (mut errors, mut fine) = (0, 0);
    for (schema, from) in every() {
        let message = schema.decode_all(filled(schema, from, Fill::Full), from).unwrap();
        for to in versions(schema) {
            let expected = refused(schema, from, to);
            match message.to_bytes(to) {
                Ok(bytes) => {
                    assert_eq!(expected, None, "{} from v{from} to v{to}", schema.name);
                    schema.decode_all(bytes, to).unwrap();
                    fine += 1;
                }
                Err(error) => {
                    let found = Some((error.field(), error.reason().clone()));
                    assert_eq!(found, expected, "from v{from}: {error}");
                    assert_eq!((error.message(), error.version()), (schema.name, to));
                    errors += 1;
                }
            }
        }
    }
    assert!(errors > 500 && fine > 2000, "{errors} {fine}");
}

/// What decodes, encodes again, and then decodes to the same.
fn survives(schema: &'static Schema, version: i16, bytes: &Bytes) {
    match schema.decode_all(bytes.clone(), version) {
        Ok(message) => {
            let again = message.to_bytes(version).unwrap();
            assert_eq!(schema.decode_all(again, version).unwrap(), message);
        }
        Err(error) => assert_ne!(*error.reason(), DecodeReason::UnknownVersion),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(prop_oneof![
        3 => 0u8..6, // lengths and tags that may be right
        1 => any::<u8>(),
    ], 0..80)) {
        let bytes = Bytes::from(bytes);
        for (schema, version) in every() {
            survives(schema, version, &bytes);
        }
    }

    #[test]
    fn a_damaged_message_never_panics(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        for (schema, version) in every() {
            let mut bytes = filled(schema, version, Fill::Full).to_vec();
            if !bytes.is_empty() {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            survives(schema, version, &bytes.into());
        }
    }
}
