//! However a peer lies, decoding allocates at most 16 times the frame plus 64 KiB, frame included.
//!
//! One test function: the counters are the whole process's.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod support;

use std::alloc::System;

use bytes::Bytes;
use ottla_protocol::error::DecodeReason;
use ottla_protocol::ids::{CorrelationId, PartitionIndex};
use ottla_protocol::messages::delete_topics::DeleteTopicsRequest;
use ottla_protocol::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use ottla_protocol::schema::{Field, SCHEMAS, Schema, Type};
use ottla_protocol::{Message, encode_request};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use support::{Fill, Writer, filled, versions};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const SLACK: usize = 64 * 1024;

/// Decodes, and checks what was allocated in sum: never less than the peak.
fn bounded(schema: &'static Schema, frame: Vec<u8>, version: i16, lie: &str) -> bool {
    let bytes = frame.len();
    let frame = Bytes::from(frame);
    let region = Region::new(ALLOCATOR);
    let result = schema.decode_all(frame, version);
    let allocated = region.change().bytes_allocated;
    let bound = 15 * bytes + SLACK; // the frame itself makes it 16
    assert!(
        allocated <= bound,
        "{} v{version}, {lie}: a frame of {bytes} bytes allocated {allocated}",
        schema.name
    );
    result.is_err()
}

/// Every number in a real message is replaced by the largest one.
fn lying_numbers(schema: &'static Schema) {
    for version in versions(schema) {
        let real = filled(schema, version, Fill::Full);
        for at in 0..real.len() {
            for lie in [&b"\x7f\xff\xff\xff"[..], b"\xff\xff\xff\xff\x07", b"\x00\x00\xff\xff"] {
                let mut frame = real.to_vec();
                frame.truncate(at);
                frame.extend_from_slice(lie);
                frame.extend_from_slice(real.get(at + lie.len()..).unwrap_or_default());
                bounded(schema, frame, version, "a number is a lie");
            }
        }
    }
}

/// What stands behind the length of an array that claims too much.
const FILLING: u32 = 40_000;

/// A message up to an array, and the length of that.
struct ArrayBomb {
    writer: Writer,
    /// How many arrays come before it.
    skip: u32,
    /// How many items it claims to have.
    items: u32,
}

impl ArrayBomb {
    /// Whether the array is in one of the fields.
    fn fields(&mut self, fields: &[Field]) -> bool {
        let version = self.writer.version;
        let present = |field: &&Field| field.versions.contains(version);
        let (tagged, plain): (Vec<&Field>, Vec<&Field>) =
            fields.iter().filter(present).partition(|field| field.tag.is_some());
        if plain.into_iter().any(|field| self.field(field)) {
            return true;
        }
        if self.writer.flexible {
            self.writer.uvarint(tagged.len().try_into().unwrap());
        }
        tagged.into_iter().any(|field| {
            self.writer.uvarint(field.tag.unwrap());
            let outer = std::mem::take(&mut self.writer.out);
            let found = self.field(field);
            let body = std::mem::replace(&mut self.writer.out, outer);
            let size: u32 = body.len().try_into().unwrap();
            self.writer.uvarint(if found { size + FILLING } else { size });
            self.writer.out.extend(body);
            found
        })
    }

    fn field(&mut self, field: &Field) -> bool {
        if field.nullable.is_some() && matches!(field.kind, Type::Struct { .. }) {
            self.writer.out.push(1); // it is there
        }
        self.value(&field.kind)
    }

    fn value(&mut self, kind: &Type) -> bool {
        match kind {
            Type::Struct { fields, .. } => return self.fields(fields),
            Type::Array(_) if self.skip == 0 => {
                self.writer.length(true, Some(self.items));
                return true;
            }
            Type::Array(item) => {
                self.skip -= 1;
                self.writer.length(true, Some(1));
                return self.value(item);
            }
            simple => self.writer.value(simple, false),
        }
        false
    }
}

/// Each array in turn claims as many items as bytes follow; all of them repeat `filling`. Tells how
/// many arrays there are, in versions and all.
fn array_bombs(schema: &'static Schema, filling: &[u8]) -> u32 {
    let mut arrays = 0;
    for version in versions(schema) {
        for array in 0.. {
            let mut found = true;
            for per_item in [1, 2, 4, 8, 16, 32, 64] {
                let writer = Writer::new(schema, version, Fill::Full);
                let mut bomb = ArrayBomb { writer, skip: array, items: FILLING / per_item };
                found = bomb.fields(schema.fields);
                if !found {
                    break;
                }
                let mut frame = bomb.writer.out;
                frame.extend(filling.iter().cycle().take(usize::try_from(FILLING).unwrap()));
                bounded(schema, frame, version, "an array of tiny items");
            }
            if !found {
                break;
            }
            arrays += 1;
        }
    }
    arrays
}

/// A struct ends with as many unknown tagged fields as fit.
fn tag_bomb(schema: &'static Schema, count: u32) {
    for version in versions(schema) {
        let mut writer = Writer::new(schema, version, Fill::Full);
        if !writer.flexible {
            continue;
        }
        let message = schema.default_message().to_bytes(version).unwrap();
        writer.out.extend_from_slice(&message[..message.len() - 1]);
        writer.uvarint(count);
        for tag in 0..count {
            writer.uvarint(100 + tag);
            writer.uvarint(0);
        }
        let refused = bounded(schema, writer.out, version, "tagged fields without end");
        assert_eq!(refused, count > 4096, "{count} tags");
    }
}

/// 3 MB of empty names would become 96 MB of strings.
fn what_would_need_more_is_refused() {
    let mut frame = vec![0x80, 0x80, 0xb7, 0x01]; // 3,000,000 as a varint, less one
    frame.resize(3_000_000, 0x01);
    let error = DeleteTopicsRequest::decode_all(frame.into(), 5).unwrap_err();
    assert_eq!(error.field(), "topic_names");
    assert!(matches!(error.reason(), DecodeReason::TooMuchMemory { .. }), "{error}");
}

/// A produce request of many partitions costs a few growing buffers, and no copy of records.
fn encoding_allocates_nothing_for_each_field() {
    let records = Bytes::from(vec![7; 16 * 1024]);
    let request = |partitions| ProduceRequest {
        acks: -1,
        topic_data: vec![TopicProduceData {
            name: "orders".into(),
            partition_data: (0..partitions)
                .map(|index| PartitionProduceData {
                    index: PartitionIndex(index),
                    records: Some(records.clone()),
                    ..Default::default()
                })
                .collect(),
            ..Default::default()
        }],
        ..Default::default()
    };
    for (partitions, allocations_max) in [(1, 6), (10, 10), (1000, 24)] {
        let request = request(partitions);
        let region = Region::new(ALLOCATOR);
        let frame = encode_request(&request, 9, CorrelationId(1), Some("test")).unwrap();
        let change = region.change();
        assert!(frame.len() > usize::try_from(partitions).unwrap() * records.len());
        let allocations = change.allocations + change.reallocations;
        assert!(allocations <= allocations_max, "{partitions}: {allocations}");
        assert!(change.bytes_allocated < 200_000, "{}", change.bytes_allocated);
    }
}

#[test]
fn memory_stays_in_proportion_to_bytes() {
    let mut arrays = 0;
    for schema in SCHEMAS {
        lying_numbers(schema);
        // null, empty, one: also of what is nested, in compact lengths and in old ones
        for filling in [&[0][..], &[1], &[2], &[0, 0, 0, 1], &[0, 0, 0, 0, 0, 1]] {
            arrays += array_bombs(schema, filling);
        }
        tag_bomb(schema, 100);
        tag_bomb(schema, 100_000);
    }
    assert!(arrays > 5 * 900, "{arrays}");
    what_would_need_more_is_refused();
    encoding_allocates_nothing_for_each_field();
}
