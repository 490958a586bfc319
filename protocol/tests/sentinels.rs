//! A number below 0 that Kafka declares as a default means none, and is `None`, or is listed here.
//!
//! What means something without being a default stays a number, for the reasons named: `acks` -1 of
//! Produce (all), the timestamps of ListOffsets (which end), the epoch of a share session (-1 ends
//! it), what a broker's registration changes (-1 and 1), a token's time to live (below 0: it is over),
//! and 0 in records of groups (no state, not known). A [`Uuid`](ottla_protocol::ids::Uuid) of zeros is
//! no id.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use ottla_protocol::Message;
use ottla_protocol::ids::{LeaderEpoch, Offset, RawOffset};
use ottla_protocol::messages::offset_fetch::{
    OffsetFetchResponse, OffsetFetchResponseGroup, OffsetFetchResponsePartition,
    OffsetFetchResponsePartitions, OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use ottla_protocol::metadata_records::{LeaderChange, PartitionChangeRecord};
use ottla_protocol::schema::{DefaultValue, Field, SCHEMAS, Type};

const TABLE: &str = include_str!("data/kafka-schemas.tsv");

/// Fields with a default below 0 that is not `None` in our declaration, and what it is.
const OTHERWISE: [(&str, &str); 8] = [
    ("FetchRequest.topics.partitions.log_start_offset", "no broker looks at a consumer's"),
    ("FetchRequest.session_epoch", "a command: no session, or the end of one; 0 starts one"),
    ("OffsetForLeaderEpochRequest.replica_id", "-2, a debugging tool; a consumer, -1, is `None`"),
    ("PartitionChangeRecord.leader", "`LeaderChange` has a case for -2, and one for -1"),
    ("PartitionChangeRecord.partition_id", "what Java has before it is set; it always is"),
    ("PartitionRecord.leader_epoch", "what Java has before it is set; it always is"),
    ("PartitionRecord.partition_epoch", "what Java has before it is set; it always is"),
    ("PartitionRecord.partition_id", "what Java has before it is set; it always is"),
];

/// Kafka's default of each field that has one below 0, by message and path of the field.
fn negative_defaults() -> BTreeMap<String, i64> {
    let (mut found, mut path) = (BTreeMap::new(), Vec::new());
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split('\t').next().unwrap();
        path.truncate(name.chars().take_while(|c| *c == '.').count());
        path.push(name.trim_start_matches('.'));
        let default = line.rsplit('\t').next().unwrap();
        if let Ok(number @ ..0) = default.parse()
            && path.len() > 1
        {
            found.insert(path.join("."), number);
        }
    }
    found
}

fn declared<'a>(fields: &'a [Field], around: &str, all: &mut BTreeMap<String, &'a Field>) {
    for field in fields {
        let path = format!("{around}.{}", field.name);
        let item = if let Type::Array(item) = &field.kind { item } else { &field.kind };
        if let Type::Struct { fields, .. } = item {
            declared(fields, &path, all);
        }
        all.insert(path, field);
    }
}

#[test]
fn a_number_that_means_none_is_none() {
    let mut fields = BTreeMap::new();
    for schema in SCHEMAS {
        declared(schema.fields, schema.name, &mut fields);
    }
    let negative = negative_defaults();
    assert!(negative.len() > 100, "{}", negative.len());
    let otherwise: BTreeMap<&str, &str> = OTHERWISE.into();
    let mut found = BTreeSet::new();
    for (path, default) in &negative {
        let field = fields[path];
        match otherwise.get_key_value(&**path) {
            Some((listed, _)) => assert!(found.insert(*listed)),
            None => assert_eq!(field.sentinel, Some(*default), "{path} is neither None nor listed"),
        }
        if field.sentinel == Some(*default) {
            assert!(!otherwise.contains_key(&**path), "{path} is listed in vain");
        }
    }
    assert_eq!(found.len(), OTHERWISE.len(), "only of {found:?} Kafka has such a default");
}

/// A sentinel is written for `None` and read as it: with nothing set, the default message has it.
#[test]
fn none_is_written_as_the_number_that_is_named() {
    let mut numbers = BTreeSet::new();
    for schema in SCHEMAS {
        let version = schema.versions.max;
        let in_front = |field: &&Field| field.versions.contains(version) && field.tag.is_none();
        let mut front: usize = 0;
        let bytes = schema.default_message().to_bytes(version).unwrap();
        for field in schema.fields.iter().filter(in_front) {
            let size = match field.kind {
                Type::Bool | Type::Int8 => 1,
                Type::Int16 | Type::Uint16 => 2,
                Type::Int32 | Type::Uint32 => 4,
                Type::Int64 | Type::Float64 => 8,
                Type::Uuid => 16,
                _ => break, // where the next one stands depends on the value
            };
            if let Some(sentinel) = field.sentinel
                && field.default == DefaultValue::Int(sentinel)
            {
                let written = &sentinel.to_be_bytes()[8 - size..];
                let name = (schema.name, field.name);
                assert_eq!(&bytes[front..front + size], written, "{name:?}");
                numbers.insert((size, sentinel));
            }
            front += size;
        }
    }
    assert!(numbers.len() >= 3, "{numbers:?}");
}

#[test]
fn an_odd_committed_offset_spoils_no_answer_and_is_passed_on_as_it_is() {
    for (committed, read) in [(-1, None), (-2, None), (i64::MIN, None), (5, Offset::new(5))] {
        let partition = OffsetFetchResponsePartition {
            committed_offset: RawOffset(committed),
            committed_leader_epoch: Some(LeaderEpoch(3)),
            ..Default::default()
        };
        let topic = OffsetFetchResponseTopic { partitions: vec![partition], ..Default::default() };
        let old = OffsetFetchResponse { topics: vec![topic], ..Default::default() };
        let partition = OffsetFetchResponsePartitions {
            committed_offset: RawOffset(committed),
            ..Default::default()
        };
        let topic = OffsetFetchResponseTopics { partitions: vec![partition], ..Default::default() };
        let group = OffsetFetchResponseGroup { topics: vec![topic], ..Default::default() };
        let new = OffsetFetchResponse { groups: vec![group], ..Default::default() };
        for (version, response) in [(5, old), (9, new)] {
            let bytes = response.to_bytes(version).unwrap();
            let decoded = OffsetFetchResponse::decode_all(bytes.clone(), version).unwrap();
            assert_eq!(decoded.to_bytes(version).unwrap(), bytes);
            let old = decoded.topics.iter().flat_map(|t| &t.partitions).map(|p| p.committed_offset);
            let groups = decoded.groups.iter().flat_map(|group| &group.topics);
            let new = groups.flat_map(|t| &t.partitions).map(|p| p.committed_offset);
            let found: Vec<_> = old.chain(new).map(RawOffset::offset).collect();
            assert_eq!(found, [read], "{committed} in version {version}");
        }
    }
}

#[test]
fn a_change_of_leader_is_told_from_none_and_from_nobody() {
    for (leader, tagged) in [
        (LeaderChange::Unchanged, &b""[..]),
        (LeaderChange::Nobody, b"\x01\x04\xff\xff\xff\xff"),
        (LeaderChange::Elected(ottla_protocol::ids::NodeId(7)), b"\x01\x04\0\0\0\x07"),
    ] {
        let change = PartitionChangeRecord { leader, ..Default::default() };
        let bytes = change.to_bytes(0).unwrap();
        let count = u8::from(!tagged.is_empty());
        assert_eq!(bytes.slice(20..), [&[count], tagged].concat());
        assert_eq!(PartitionChangeRecord::decode_all(bytes, 0).unwrap(), change);
    }
    let unchanged =
        Bytes::from([&[0xff; 4][..], &[0; 16], b"\x01\x01\x04\xff\xff\xff\xfe"].concat());
    let read = PartitionChangeRecord::decode_all(unchanged, 0).unwrap();
    assert_eq!(read, PartitionChangeRecord::default());
}
