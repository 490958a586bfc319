//! What holds for every message at every version.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod support;

use bytes::Bytes;
use ottla_protocol::{FrameWriter, Message, Reader};
use proptest::prelude::*;
use support::{Fill, filled, for_every_message};

#[test]
fn a_message_with_every_field_set_comes_back_and_is_written_as_the_schema_says() {
    fn check<M: Message>() {
        for version in M::VERSIONS {
            for fill in [Fill::Full, Fill::Null] {
                let bytes = filled::<M>(version, fill);
                let message = M::decode_all(bytes.clone(), version).unwrap();
                assert_eq!(message.to_bytes(version).unwrap(), bytes, "{version} {message:?}");
            }
        }
    }
    for_every_message!(check);
}

#[test]
fn the_default_message_comes_back_at_every_version() {
    fn check<M: Message>() {
        for version in M::VERSIONS {
            let bytes = M::default().to_bytes(version).unwrap();
            assert_eq!(M::decode_all(bytes, version).unwrap(), M::default(), "v{version}");
        }
    }
    for_every_message!(check);
}

#[test]
fn a_message_cut_short_anywhere_is_an_error_that_names_message_version_and_field() {
    fn check<M: Message>() {
        for version in M::VERSIONS {
            let bytes = filled::<M>(version, Fill::Full);
            for length in 0..bytes.len() {
                let error = M::decode_all(bytes.slice(..length), version).unwrap_err();
                assert_eq!((error.message(), error.version()), (M::NAME, version));
                assert_ne!(error.field(), "", "{error}");
            }
        }
    }
    for_every_message!(check);
}

#[test]
fn bytes_behind_a_message_are_an_error() {
    fn check<M: Message>() {
        for version in M::VERSIONS {
            let mut bytes = filled::<M>(version, Fill::Full).to_vec();
            bytes.push(0);
            let error = M::decode_all(bytes.into(), version).unwrap_err().to_string();
            let expected = format!("{} v{version}: 1 bytes follow the end of the message", M::NAME);
            assert_eq!(error, expected);
        }
    }
    for_every_message!(check);
}

#[test]
fn a_version_that_is_not_declared_is_an_error_both_ways() {
    fn check<M: Message>() {
        for version in [M::VERSIONS.start() - 1, M::VERSIONS.end() + 1] {
            let error = M::default().encode(version, &mut FrameWriter::new()).unwrap_err();
            assert_eq!((error.message(), error.version()), (M::NAME, version));
            let error = M::decode(&mut Reader::new(Bytes::new()), version).unwrap_err();
            assert_eq!((error.message(), error.version()), (M::NAME, version));
        }
    }
    for_every_message!(check);
}

/// What decodes, encodes again, and then decodes to the same.
fn survives<M: Message>(bytes: &Bytes) {
    for version in M::VERSIONS {
        let Ok(message) = M::decode_all(bytes.clone(), version) else { continue };
        let again = message.to_bytes(version).unwrap();
        assert_eq!(M::decode_all(again, version).unwrap(), message);
    }
}

fn survives_damage<M: Message>(place: prop::sample::Index, byte: u8) {
    for version in M::VERSIONS {
        let mut bytes = filled::<M>(version, Fill::Full).to_vec();
        if !bytes.is_empty() {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        survives::<M>(&bytes.into());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(prop_oneof![
        3 => 0u8..6, // lengths and tags that may be right
        1 => any::<u8>(),
    ], 0..80)) {
        for_every_message!(survives, &Bytes::from(bytes.clone()));
    }

    #[test]
    fn a_damaged_message_never_panics(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        for_every_message!(survives_damage, place, byte);
    }
}
