//! Every message as JSON: by the decoder's own judgement of bytes, and as Kafka prints it.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod support;

use bytes::Bytes;
use ottla_protocol::json::Printer;
use ottla_protocol::schema::Schema;
use ottla_protocol::{ApiKey, Message};
use proptest::prelude::*;
use serde_json::Value;
use support::{Fill, filled, for_every_message};

/// What Kafka's own `JsonConverter`s make of bytes; `data/ToJson.java` wrote it.
const KAFKA: &str = include_str!("data/kafka-json.tsv");

fn json<M: Message>(version: i16, bytes: Bytes) -> Result<String, String> {
    let text = Printer::default().message(&Schema::of::<M>(), version, bytes);
    text.map_err(|error| error.to_string())
}

#[test]
fn a_message_reads_as_kafkas_own_json() {
    fn check<M: Message>(seen: &mut usize) {
        for line in KAFKA.lines().filter(|line| !line.starts_with('#')) {
            let [name, version, hex, kafka] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("{line}");
            };
            if name == M::NAME {
                let pairs = hex.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap());
                let bytes = pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect();
                let ours = json::<M>(version.parse().unwrap(), bytes).unwrap();
                let [ours, kafka] =
                    [&ours, kafka].map(|t| serde_json::from_str::<Value>(t).unwrap());
                assert_eq!(ours, kafka, "{name} v{version}");
                *seen += 1;
            }
        }
    }
    let mut seen = 0;
    for_every_message!(check, &mut seen);
    assert_eq!(seen, KAFKA.lines().filter(|line| !line.starts_with('#')).count());
}

#[test]
fn bytes_cut_short_are_the_same_error_as_when_they_are_decoded() {
    fn check<M: Message>() {
        for version in M::VERSIONS {
            for fill in [Fill::Full, Fill::Null] {
                let bytes = filled::<M>(version, fill);
                let text = json::<M>(version, bytes.clone()).unwrap();
                assert!(serde_json::from_str::<Value>(&text).unwrap().is_object(), "{text}");
                for length in 0..bytes.len() {
                    let error = M::decode_all(bytes.slice(..length), version).unwrap_err();
                    let printed = json::<M>(version, bytes.slice(..length)).unwrap_err();
                    assert_eq!(printed, error.to_string());
                }
            }
        }
    }
    for_every_message!(check);
}

/// What decodes can be printed; what cannot be printed does not decode.
fn judged_alike<M: Message>(bytes: &Bytes) {
    for version in M::VERSIONS {
        let printed = json::<M>(version, bytes.clone());
        match M::decode_all(bytes.clone(), version) {
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
        for_every_message!(judged_alike, &Bytes::from(bytes.clone()));
        for key in -1..100 {
            drop(Printer::default().response(bytes.clone().into(), ApiKey(key), 0));
        }
        drop(Printer::default().request(bytes.clone().into()));
        drop(Printer::default().metadata_record(bytes.into()));
    }
}
