//! Every message as JSON, by the decoder's own judgement of bytes; `golden` has it as Kafka prints it.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod support;

use bytes::Bytes;
use ottla_protocol::ApiKey;
use ottla_protocol::json::Printer;
use ottla_protocol::schema::{SCHEMAS, Schema};
use proptest::prelude::*;
use serde_json::Value;
use support::{Fill, filled, versions};

fn json(schema: &Schema, version: i16, bytes: Bytes) -> Result<String, String> {
    let text = Printer::default().message(schema, version, bytes);
    text.map_err(|error| error.to_string())
}

#[test]
fn bytes_cut_short_are_the_same_error_as_when_they_are_decoded() {
    for schema in SCHEMAS {
        for version in versions(schema) {
            for fill in [Fill::Full, Fill::Null] {
                let bytes = filled(schema, version, fill);
                let text = json(schema, version, bytes.clone()).unwrap();
                assert!(serde_json::from_str::<Value>(&text).unwrap().is_object(), "{text}");
                for length in 0..bytes.len() {
                    let error = schema.decode_all(bytes.slice(..length), version).unwrap_err();
                    let printed = json(schema, version, bytes.slice(..length)).unwrap_err();
                    assert_eq!(printed, error.to_string());
                }
            }
        }
    }
}

/// What decodes can be printed; what cannot be printed does not decode.
fn judged_alike(schema: &'static Schema, bytes: &Bytes) {
    for version in versions(schema) {
        let printed = json(schema, version, bytes.clone());
        match schema.decode_all(bytes.clone(), version) {
            Ok(_) => assert!(serde_json::from_str::<Value>(&printed.unwrap()).is_ok()),
            Err(_) => drop(printed), // the decoder also refuses what fields cannot mean
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(prop_oneof![
        3 => 0u8..6, // lengths and tags that may be right
        1 => any::<u8>(),
    ], 0..80)) {
        let shared = Bytes::from(bytes.clone());
        for schema in SCHEMAS {
            judged_alike(schema, &shared);
        }
        for key in -1..100 {
            drop(Printer::default().response(bytes.clone().into(), ApiKey(key), 0));
        }
        drop(Printer::default().request(bytes.clone().into()));
        drop(Printer::default().metadata_record(bytes.into()));
    }
}
