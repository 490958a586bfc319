#![expect(unreachable_pub, reason = "the macro declares public structs")]

use bytes::Bytes;

use super::value::ViewMut;
use super::*;
use crate::Str;
use crate::ids::Offset;
use crate::wire::UnknownTags;

messages! {
    /// For these tests; flexible from version 2 on.
    struct Sample(0..=3, flexible 2..) {
        /// Nullable from version 1 on.
        name: Option<Str> = 0.., nullable 1.., or Some(Str::new());
        /// Matters.
        strict: i32 = 1..;
        /// Does not matter.
        loose: i32 = 1.. ignorable, or 5;
        /// Gone in version 2.
        old: Option<Offset> = 0..=1;
        /// Tagged, with a declared default.
        low: i16 = 2.., tag 1, or -1;
        /// Tagged, one version later.
        high: Vec<Part> = 3.., tag 4;
    }

    /// Part of it.
    struct Part {
        /// A name.
        name: Str = 3..;
    }
}

fn decode(bytes: &'static [u8], version: i16) -> Result<Sample, String> {
    Sample::decode_all(Bytes::from_static(bytes), version).map_err(|error| error.to_string())
}

fn encode(sample: &Sample, version: i16) -> Result<Bytes, String> {
    sample.to_bytes(version).map_err(|error| error.to_string())
}

#[test]
fn tags_leave_in_ascending_order_unknown_ones_among_them_and_defaults_stay_away() {
    let mut unknown_tags = UnknownTags::NONE;
    for (tag, bytes) in [(0, "zero"), (2, ""), (9, "nine")] {
        unknown_tags.push(tag, bytes.into());
    }
    let part = Part { name: "p".into(), ..Default::default() };
    let sample = Sample { low: 0, high: vec![part], unknown_tags, ..Default::default() };
    let bytes: &[u8] = b"\x01\0\0\0\0\0\0\0\x05\
        \x05\x00\x04zero\x01\x02\0\0\x02\x00\x04\x04\x02\x02p\x00\x09\x04nine";
    assert_eq!(encode(&sample, 3).unwrap(), bytes);
    assert_eq!(decode(bytes, 3).unwrap(), sample);
    assert_eq!(encode(&Sample::default(), 3).unwrap(), &b"\x01\0\0\0\0\0\0\0\x05\0"[..]);
}

#[test]
fn tags_that_a_peer_may_not_send_are_refused() {
    for (rule, tags, error) in [
        ("doubled", &b"\x02\x01\x02\0\0\x01\x02\0\0"[..], "unknown_tags: tag 1 follows tag 1"),
        ("descending", b"\x02\x09\x00\x01\x02\0\0", "unknown_tags: tag 1 follows tag 9"),
        ("doubled unknown", b"\x02\x09\x00\x09\x00", "unknown_tags: tag 9 follows tag 9"),
        ("longer than the field", b"\x01\x01\x03\0\0\0", "low: 1 bytes are left over in tag"),
        ("shorter than the field", b"\x01\x01\x01\0", "low: the bytes end 1 bytes too early"),
        ("past the end", b"\x01\x09\x05\0", "unknown_tags: the bytes end 4 bytes too early"),
        ("more than there are", b"\x02\x09\x00", "unknown_tags: the bytes end 1 bytes too early"),
        ("nested", b"\x01\x04\x05\x02\x02p\x01\x00", "high[0].unknown_tags: the bytes end"),
    ] {
        let mut bytes = b"\x01\0\0\0\0\0\0\0\x05".to_vec();
        bytes.extend_from_slice(tags);
        let got = Sample::decode_all(bytes.into(), 3).unwrap_err().to_string();
        let expected = format!("Sample v3, {error}");
        assert!(got.starts_with(&expected), "{rule}: {got}");
    }
}

#[test]
fn an_unknown_tag_that_another_version_knows_is_refused_not_doubled() {
    let bytes = b"\x01\0\0\0\0\0\0\0\x05\x01\x04\x01x"; // tag 4 is not known before version 3
    let sample = decode(bytes, 2).unwrap();
    assert_eq!(encode(&sample, 2).unwrap(), &bytes[..]);
    let sample = Sample { high: vec![Part::default()], ..sample };
    assert_eq!(
        encode(&sample, 3).unwrap_err(),
        "Sample v3: tag 4 is written twice or out of order"
    );
}

#[test]
fn what_a_version_cannot_carry_is_an_error_unless_it_does_not_matter() {
    let mut tagged = Sample::default();
    tagged.unknown_tags.push(7, Bytes::new());
    let set = "this version cannot carry the field, which is set";
    for (sample, version, error) in [
        (Sample { loose: 6, ..Default::default() }, 0, None),
        (Sample { strict: 1, ..Default::default() }, 0, Some(format!("strict: {set}"))),
        (Sample { old: Offset::new(1), ..Default::default() }, 2, Some(format!("old: {set}"))),
        (Sample { low: 1, ..Default::default() }, 1, Some(format!("low: {set}"))),
        (
            Sample { high: vec![Part::default()], ..Default::default() },
            2,
            Some(format!("high: {set}")),
        ),
        (tagged, 1, Some(format!("unknown_tags: {set}"))),
        (Sample { name: None, ..Default::default() }, 1, None),
        (Sample { name: None, ..Default::default() }, 0, Some("name: null is not allowed".into())),
    ] {
        let error = error.map(|error| format!("Sample v{version}, {error}"));
        assert_eq!(encode(&sample, version).err(), error);
    }
}

#[test]
fn a_name_too_long_for_its_length_prefix_is_an_error_at_every_version() {
    let part = Part { name: "x".repeat(40_000).into(), ..Default::default() };
    let long = Sample { high: vec![Part::default(), part], ..Default::default() };
    let error = "Sample v3, high[1].name: length 40000 exceeds 32767";
    assert_eq!(encode(&long, 3).unwrap_err(), error);
    let long = Sample { name: Some("x".repeat(40_000).into()), ..Default::default() };
    assert_eq!(encode(&long, 0).unwrap_err(), "Sample v0, name: length 40000 exceeds 32767");
    let fits = Sample { name: Some("x".repeat(32_767).into()), ..Default::default() };
    assert_eq!(Sample::decode_all(encode(&fits, 0).unwrap(), 0).unwrap(), fits);
}

#[test]
fn lengths_and_numbers_that_cannot_be_are_refused() {
    for (rule, bytes, version, error) in [
        ("null, not yet allowed", &b"\xff\xff"[..], 0, "name: null is not allowed"),
        ("length -2", b"\xff\xfe", 0, "name: length -2 is not allowed"),
        ("more than is there", b"\0\x03ab", 0, "name: the bytes end 1 bytes too early"),
        ("not UTF-8", b"\0\x01\xff", 0, "name: not UTF-8"),
        ("offset -2", b"\0\0\xff\xff\xff\xff\xff\xff\xff\xfe", 0, "old: -2 is out of range"),
        ("varint of 6 bytes", b"\x80\x80\x80\x80\x80\x01", 2, "name: varint too long"),
        ("varint of 33 bits", b"\x80\x80\x80\x80\x10", 2, "name: varint too long"),
        ("a string too long", b"\x81\x80\x02", 2, "name: length 32768 is not allowed"),
        (
            "an array of too many",
            b"\x01\0\0\0\0\0\0\0\x05\x01\x04\x05\xff\xff\xff\xff\x07",
            3,
            "high: 2147483646 items cannot stand in the 0 bytes that follow",
        ),
    ] {
        assert_eq!(
            decode(bytes, version).unwrap_err(),
            format!("Sample v{version}, {error}"),
            "{rule}"
        );
    }
}

#[test]
fn the_declaration_can_be_read_back() {
    let [name, .., low, _] = Sample::FIELDS else { panic!("{:?}", Sample::FIELDS) };
    assert_eq!((name.name, name.nullable), ("name", Some(Versions::from(1))));
    let expected = (Some(1), DefaultValue::Int(-1), Versions::from(2));
    assert_eq!((low.tag, low.default, low.versions), expected);
    assert_eq!((Sample::NAME, Sample::FLEXIBLE_FROM), ("Sample", Some(2)));
}

#[test]
fn debug_shows_what_is_set_and_no_secret() {
    use crate::messages::alter_user_scram_credentials::ScramCredentialUpsertion;
    let credentials = ScramCredentialUpsertion {
        name: "alice".into(),
        salted_password: Bytes::from_static(b"hunter2"),
        ..Default::default()
    };
    let shown = format!("{credentials:?}");
    assert!(shown.starts_with("ScramCredentialUpsertion { name: \"alice\", "), "{shown}");
    assert!(shown.ends_with("salt: <0 bytes>, salted_password: <7 bytes> }"), "{shown}");
    let mut part = Part { name: "p".into(), ..Default::default() };
    assert_eq!(format!("{part:?}"), r#"Part { name: "p" }"#);
    part.unknown_tags.push(7, Bytes::new());
    assert!(format!("{part:?}").contains(r#"name: "p", unknown_tags: "#), "{part:?}");
}

/// Every struct with nothing set, also those inside of others: reflection tells the same.
#[test]
fn the_defaults_of_a_declaration_are_those_of_its_struct() {
    fn check(fields: &[Field], it: &mut dyn Fields, at: &str, seen: &mut usize) {
        it.fill(&mut |values, unknown| {
            assert!(unknown.is_empty() && values.len() == fields.len(), "{at}");
            for (field, value) in fields.iter().zip(values) {
                let at = format!("{at}.{}", field.name);
                assert!(field.holds_default(&**value), "{at}: {:?}", field.default);
                *seen += 1;
                inside(&field.kind, &mut **value, &at, seen);
            }
        });
    }
    fn inside(kind: &Type, value: &mut dyn Value, at: &str, seen: &mut usize) {
        match (kind, value.view_mut()) {
            (_, ViewMut::Leaf(_)) => {}
            (Type::Array(item), ViewMut::Array(items)) => {
                inside(item, items.grow().unwrap(), at, seen);
            }
            (Type::Struct { fields, .. }, ViewMut::Struct(it)) => check(fields, it, at, seen),
            (_, ViewMut::Optional(value)) => inside(kind, value.set_value(), at, seen),
            _ => panic!("{at}: {kind:?}"),
        }
    }
    macro_rules! check_every {
        (
            apis { $( $_api:ident: $api:ident($request:ident, $response:ident); )* }
            messages { $( $module:ident::$message:ident; )* }
            metadata_records { $( $_record:ident($record:ident) = $_id:literal; )* }
            coordinator_records { $( $_keys:ident, $_values:ident of $_topic:literal {
                $( $_variant:ident: $at:ident($key:ident, $value:ident) = $_type:literal; )*
            } )* }
            internal_records { $( $internal:ident::$other:ident; )* }
        ) => {
            check_every!(
                $( messages::$api::$request, messages::$api::$response, )*
                $( messages::$module::$message, )*
                $( metadata_records::$record, )*
                $( $( internal_records::$at::$key, internal_records::$at::$value, )* )*
                $( internal_records::$internal::$other, )*
            )
        };
        ($( $message:ty, )*) => {{
            let mut seen = 0;
            $( check(<$message>::FIELDS, &mut <$message>::default(), <$message>::NAME, &mut seen); )*
            seen
        }};
    }
    use crate::{internal_records, messages, metadata_records};
    let seen: usize = crate::with_every_message!(check_every);
    assert!(seen > 1900, "{seen}");
}
