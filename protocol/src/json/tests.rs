use super::*;
use crate::ids::{CorrelationId, PartitionIndex, ProducerEpoch, ProducerId, Sequence, Timestamp};
use crate::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use crate::metadata_records::{MetadataRecord, TopicRecord};
use crate::record::{BatchBuilder, Compression, Compressor, ProducerStamp};
use crate::{Message, encode_request};

fn written(put: impl FnOnce(&mut Text)) -> String {
    let mut out = Text::new(JSON_BYTES_MAX);
    put(&mut out);
    out.finish("", 0).unwrap()
}

#[test]
fn any_text_is_a_json_string_that_reads_as_it() {
    for text in
        ["", "plain", "a\"b\\c", "tab\t line\n feed\r", "\0\u{1f}\u{7f}", "gr\u{fc}n \u{1f600}"]
    {
        let json = written(|out| out.string(text));
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        assert!(!json.contains(char::is_control), "{json}");
    }
}

#[test]
fn bytes_are_base64_as_in_rfc_4648() {
    for (bytes, text) in [
        ("", "\"\""),
        ("f", "\"Zg==\""),
        ("fo", "\"Zm8=\""),
        ("foo", "\"Zm9v\""),
        ("foobar", "\"Zm9vYmFy\""),
    ] {
        assert_eq!(written(|out| out.base64(bytes.as_bytes())), text);
    }
    assert_eq!(written(|out| out.base64(&[0xfb, 0xff, 0xbf])), "\"+/+/\"");
}

#[test]
fn numbers_json_does_not_have_are_text() {
    for (value, text) in [
        (0.0, "0.0"),
        (-1.5, "-1.5"),
        (1e300, "1e300"),
        (f64::NAN, "\"NaN\""),
        (f64::INFINITY, "\"Infinity\""),
        (f64::NEG_INFINITY, "\"-Infinity\""),
    ] {
        assert_eq!(written(|out| out.float(value)), text);
    }
}

#[test]
fn names_are_spelt_as_kafka_spells_them() {
    for (snake, kafka) in [
        ("name", "name"),
        ("throttle_time_ms", "throttleTimeMs"),
        ("last_known_elr", "lastKnownElr"),
        ("kraft_version_feature", "kRaftVersionFeature"),
        ("match_", "match"),
    ] {
        assert_eq!(text::camel(snake), kafka);
    }
    assert_eq!(text::screaming("AlterReplicaLogDirs"), "ALTER_REPLICA_LOG_DIRS");
}

fn batch() -> Bytes {
    let mut batch = BatchBuilder::new(bytes::BytesMut::new());
    for value in ["one", "two"] {
        batch.append(Timestamp(1000), None, Some(value.as_bytes()), &[]).unwrap();
    }
    let stamp = ProducerStamp {
        id: ProducerId(4),
        epoch: ProducerEpoch(1),
        first: Sequence::ZERO.after(7),
        transactional: true,
    };
    let sealed = batch.seal(Compression::None, &mut Compressor::default(), Some(stamp));
    sealed.unwrap().bytes.freeze()
}

#[test]
fn records_are_shown_as_asked() {
    let batch = batch();
    let request = |records| ProduceRequest {
        topic_data: vec![TopicProduceData {
            name: "t".into(),
            partition_data: vec![PartitionProduceData {
                index: PartitionIndex(0),
                records,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let shown = |printer: Printer, records| {
        let frame = encode_request(&request(records), 9, CorrelationId(1), None).unwrap();
        let text = printer.request(frame.into_bytes().slice(4..)).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        value["request"]["topicData"][0]["partitionData"][0].clone()
    };
    let printer = Printer::default();
    let size = shown(printer, Some(batch.clone()));
    assert_eq!(size, serde_json::json!({"index": 0, "recordsSizeInBytes": batch.len()}));
    assert_eq!(shown(printer, None), serde_json::json!({"index": 0, "records": null}));

    let mut two = batch.to_vec();
    two.extend_from_slice(&batch);
    two[batch.len() + 16] = 1; // the format of the second
    let batches = &shown(printer.records(Records::Batches), Some(two.into()))["records"];
    assert_eq!(batches[0]["recordsCount"], 2);
    assert_eq!(batches[0]["producerId"], 4);
    assert_eq!(batches[0]["baseSequence"], 7);
    assert_eq!(batches[0]["compression"], "none");
    assert_eq!(batches[0]["isTransactional"], true);
    assert_eq!(batches[1]["error"], "record batch at offset 0 has magic 1; only 2 is supported");

    // what is no whole batch is not hidden, and numbers are as on the wire
    let batches = |bytes: &[u8]| {
        shown(printer.records(Records::Batches), Some(bytes.to_vec().into()))["records"].clone()
    };
    let error = "record batch at offset 0 ends 1 bytes too early";
    assert_eq!(batches(&batch[..batch.len() - 1]), serde_json::json!([{"error": error}]));
    let error = "record batch at offset -1 ends 54 bytes too early";
    let found = batches(&[&batch, &b"garbage"[..]].concat());
    assert_eq!(
        (&found[0]["recordsCount"], &found[1]),
        (&2.into(), &serde_json::json!({"error": error}))
    );
    assert_eq!(batches(b""), serde_json::json!([]));
    let mut negative = batch.to_vec();
    for (place, end, low) in [(12, 16, 2), (43, 51, 3), (51, 53, 4), (53, 57, 5)] {
        negative[place..end].fill(0xff);
        negative[end - 1] = 0u8.wrapping_sub(low);
    }
    let found = &batches(&negative)[0];
    assert_eq!(found["partitionLeaderEpoch"], -2);
    assert_eq!(found["producerId"], -3);
    assert_eq!(found["producerEpoch"], -4);
    assert_eq!(found["baseSequence"], -5);

    let whole = &shown(printer.records(Records::Base64), Some(batch.clone()))["records"];
    let expected = written(|out| out.base64(&batch));
    assert_eq!(whole.to_string(), expected);
}

#[test]
fn text_beyond_its_bound_is_an_error_that_says_where() {
    use crate::messages::metadata::{MetadataResponse, MetadataResponseTopic};
    let topics = vec![MetadataResponseTopic::default(); 1000];
    let response = MetadataResponse { topics, ..Default::default() };
    let bytes = response.to_bytes(12).unwrap();
    let schema = Schema::of::<MetadataResponse>();
    let shown = |printer: Printer| printer.message(&schema, 12, bytes.clone());
    let text = shown(Printer::default()).unwrap();
    assert_eq!(shown(Printer::default().bytes_max(text.len())), Ok(text.clone()));
    // whatever is left out at the end, also the last bracket alone
    for bytes_max in [0, 1, 1000, text.len() / 2, text.len() - 20, text.len() - 1] {
        let error = shown(Printer::default().bytes_max(bytes_max)).unwrap_err();
        assert_eq!(error.reason(), &DecodeReason::TooMuchText(bytes_max));
        assert_eq!((error.message(), error.version()), ("MetadataResponse", 12));
    }
    let error = shown(Printer::default().bytes_max(1000)).unwrap_err().to_string();
    let expected = "MetadataResponse v12, topics[6].topic_authorized_operations: as JSON it exceeds 1000 bytes";
    assert_eq!(error, expected);

    // neither batches nor base64 go beyond it, nor a record in front of which something stands
    let batch = batch();
    let many = Bytes::from(batch.repeat(1000));
    for records in [Records::Batches, Records::Base64] {
        let mut out = Text::new(5000);
        match records {
            Records::Batches => batches::put(many.clone(), &mut out),
            _ => out.base64(&many),
        }
        assert!(out.is_full());
        assert!(out.finish("m", 0).is_err());
    }
    let topic = TopicRecord { name: "t".into(), ..Default::default() };
    let value = MetadataRecord::from(topic).encode(0).unwrap();
    let text = Printer::default().metadata_record(value.clone()).unwrap();
    let error = Printer::default().bytes_max(text.len() - 1).metadata_record(value).unwrap_err();
    assert_eq!((error.message(), error.version()), ("TopicRecord", 0));
}

#[test]
fn a_record_of_the_metadata_log_says_its_type() {
    let topic = TopicRecord { name: "t".into(), ..Default::default() };
    let value = MetadataRecord::from(topic).encode(0).unwrap();
    let text = Printer::default().metadata_record(value).unwrap();
    let expected = r#"{"type":"TOPIC_RECORD","version":0,"data":{"name":"t","topicId":"AAAAAAAAAAAAAAAAAAAAAA"}}"#;
    assert_eq!(text, expected);
    let error = Printer::default().metadata_record(Bytes::from_static(b"\x01\x63\0")).unwrap_err();
    assert_eq!(error.to_string(), "MetadataRecord v0: record type 99 is not known");
}

#[test]
fn tagged_fields_that_are_not_declared_are_shown() {
    let mut topic = TopicRecord { name: "t".into(), ..Default::default() };
    topic.unknown_tags.push(3, Bytes::from_static(b"foo"));
    let (schema, bytes) = (Schema::of::<TopicRecord>(), topic.to_bytes(0).unwrap());
    let text = Printer::default().message(&schema, 0, bytes).unwrap();
    assert!(text.ends_with(r#","unknownTaggedFields":{"3":"Zm9v"}}"#), "{text}");
}

#[test]
fn a_record_of_a_coordinator_says_its_type_and_version() {
    use crate::ids::{LeaderEpoch, RawOffset};
    use crate::internal_records::offsets::{OffsetCommitKey, OffsetCommitValue};
    use crate::internal_records::{GroupRecordKey, GroupRecordValue};
    let key = GroupRecordKey::OffsetCommit(OffsetCommitKey {
        group: "g".into(),
        topic: "t".into(),
        partition: PartitionIndex(3),
        ..Default::default()
    });
    let value = GroupRecordValue::OffsetCommit(OffsetCommitValue {
        offset: RawOffset(9),
        leader_epoch: Some(LeaderEpoch(2)),
        commit_timestamp: Timestamp(5),
        ..Default::default()
    });
    let key = key.encode().unwrap();
    let shown = |topic, key: &[u8], value| {
        let shown = Printer::default().coordinator_record(topic, key.to_vec().into(), value);
        shown.map_err(|error| error.to_string())
    };
    let shown_key = r#"{"key":{"type":1,"data":{"group":"g","topic":"t","partition":3}},"value":"#;
    let text = shown("__consumer_offsets", &key, Some(value.encode(3).unwrap())).unwrap();
    let data = r#"{"offset":9,"leaderEpoch":2,"metadata":"","commitTimestamp":5}"#;
    assert_eq!(text, format!(r#"{shown_key}{{"version":3,"data":{data}}}}}"#));
    assert_eq!(shown("__consumer_offsets", &key, None).unwrap(), format!("{shown_key}null}}"));

    for (topic, key, value, error) in [
        ("orders", &key[..], None, "CoordinatorRecord: record type 1 is not known"),
        ("__transaction_state", &key, None, "CoordinatorRecord: record type 1 is not known"),
        ("__consumer_offsets", b"\0", None, "CoordinatorRecord, type: the bytes end 1 bytes"),
        ("__consumer_offsets", b"\0\x01\0", None, "OffsetCommitKey v0, group: the bytes end"),
        ("__consumer_offsets", &key, Some(&b""[..]), "OffsetCommitValue, version: the bytes end"),
        ("__consumer_offsets", &key, Some(b"\0\x09"), "OffsetCommitValue v9: version is not"),
    ] {
        let found = shown(topic, key, value.map(Bytes::from_static)).unwrap_err();
        assert!(found.starts_with(error), "{found}");
    }
}

#[test]
fn what_consumers_tell_each_other_is_shown_as_far_as_it_is_known() {
    use crate::messages::consumer_protocol::{
        ConsumerProtocolAssignment, ConsumerProtocolSubscription,
    };
    let subscription =
        ConsumerProtocolSubscription { topics: vec!["t".into()], ..Default::default() };
    let printer = Printer::default();
    assert_eq!(
        printer.consumer_subscription(subscription.to_blob(1).unwrap()).unwrap(),
        r#"{"version":1,"data":{"topics":["t"],"userData":null,"ownedPartitions":[]}}"#
    );
    let mut newer = ConsumerProtocolAssignment::default().to_blob(3).unwrap().to_vec();
    newer[1] = 99;
    newer.extend_from_slice(b"more");
    assert_eq!(
        printer.consumer_assignment(newer.into()).unwrap(),
        r#"{"version":99,"data":{"assignedPartitions":[],"userData":null}}"#
    );
    let error = printer.consumer_assignment(Bytes::from_static(b"\0\0")).unwrap_err();
    let expected = "ConsumerProtocolAssignment v0, assigned_partitions: ";
    assert!(error.to_string().starts_with(expected), "{error}");
}

#[test]
fn the_frames_of_sasl_are_shown_as_all_others() {
    use crate::header::encode_response;
    use crate::messages::sasl_authenticate::{SaslAuthenticateRequest, SaslAuthenticateResponse};
    use crate::messages::sasl_handshake::SaslHandshakeRequest;
    let printer = Printer::default();
    let handshake = SaslHandshakeRequest { mechanism: "PLAIN".into(), ..Default::default() };
    let frame = encode_request(&handshake, 1, CorrelationId(1), None).unwrap();
    let text = printer.request(frame.into_bytes().slice(4..)).unwrap();
    assert!(text.contains(r#""requestApiKeyName":"SASL_HANDSHAKE""#), "{text}");
    assert!(text.ends_with(r#""request":{"mechanism":"PLAIN"}}"#), "{text}");

    let bytes = Bytes::from_static(b"\0me\0secret");
    let token = SaslAuthenticateRequest { auth_bytes: bytes, ..Default::default() };
    let frame = encode_request(&token, 2, CorrelationId(2), None).unwrap();
    let text = printer.request(frame.into_bytes().slice(4..)).unwrap();
    assert!(text.ends_with(r#""request":{"authBytes":"AG1lAHNlY3JldA=="}}"#), "{text}");

    let response = SaslAuthenticateResponse { session_lifetime_ms: 60_000, ..Default::default() };
    let (key, version) = (ApiKey::SASL_AUTHENTICATE, 2);
    let frame = encode_response(&response, version, key, CorrelationId(2)).unwrap();
    let text = printer.response(frame.into_bytes().slice(4..), key, version).unwrap();
    assert!(text.ends_with(r#""authBytes":"","sessionLifetimeMs":60000}}"#), "{text}");
}
