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

/// The first array claims as many items as bytes follow; all of them repeat `filling`.
fn array_bomb(schema: &'static Schema, size: u32, filling: &[u8]) {
    fn first_array(writer: &mut Writer, fields: &[Field]) -> bool {
        for field in fields {
            if field.tag.is_none() && field.versions.contains(writer.version) {
                if matches!(field.kind, Type::Array(_)) {
                    return true;
                }
                writer.value(&field.kind, false);
            }
        }
        false
    }
    for version in versions(schema) {
        for per_item in [1, 2, 4, 8, 16, 32, 64] {
            let mut writer = Writer::new(schema, version, Fill::Full);
            if !first_array(&mut writer, schema.fields) {
                return;
            }
            writer.length(true, Some(size / per_item));
            let mut frame = writer.out;
            frame.extend(filling.iter().cycle().take(usize::try_from(size).unwrap()));
            bounded(schema, frame, version, "an array of tiny items");
        }
    }
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
    for schema in SCHEMAS {
        lying_numbers(schema);
        // null, empty, one: also of what is nested, in compact lengths and in old ones
        for filling in [&[0][..], &[1], &[2], &[0, 0, 0, 1], &[0, 0, 0, 0, 0, 1]] {
            array_bomb(schema, 100_000, filling);
        }
        tag_bomb(schema, 100);
        tag_bomb(schema, 100_000);
    }
    what_would_need_more_is_refused();
    encoding_allocates_nothing_for_each_field();
}
