//! A megabyte of records stays where it is: decoding gives slices of the frame, encoding refers to
//! what the caller has.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::alloc::System;
use std::ops::Range;

use bytes::{Bytes, BytesMut};
use ottla_protocol::ids::{CorrelationId, Timestamp};
use ottla_protocol::messages::fetch::{
    FetchRequest, FetchResponse, FetchableTopicResponse, PartitionData,
};
use ottla_protocol::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use ottla_protocol::record::{
    BatchBuilder, CheckedBatch, Compression, Compressor, Decompressor, RecordBlock, split_batches,
};
use ottla_protocol::{
    ApiKey, EncodedFrame, Message, Reader, decode_request_header, decode_response, encode_request,
    encode_response,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const RECORDS: usize = 1024;
const VALUE_BYTES: usize = 1024;
/// More than the names and numbers of the message take, and far less than its records.
const ALLOCATED_BYTES_MAX: usize = 4096;

fn batch() -> Bytes {
    let mut batch = BatchBuilder::new(BytesMut::new());
    for _ in 0..RECORDS {
        batch.append(Timestamp(7), Some(b"key"), Some(&[7; VALUE_BYTES]), &[]).unwrap();
    }
    let sealed = batch.seal(Compression::None, &mut Compressor::default(), None).unwrap();
    sealed.bytes.freeze()
}

fn addresses(bytes: &[u8]) -> Range<usize> {
    let range = bytes.as_ptr_range();
    range.start as usize..range.end as usize
}

fn lies_in(part: &[u8], whole: &[u8]) -> bool {
    let (part, whole) = (addresses(part), addresses(whole));
    whole.start <= part.start && part.end <= whole.end
}

/// Checks that the frame refers to `batch`, and gives it as it arrives elsewhere.
fn sent(frame: EncodedFrame, batch: &Bytes) -> Bytes {
    let referred = frame.chunks().iter().any(|chunk| addresses(chunk) == addresses(batch));
    assert!(referred, "the records were copied");
    frame.into_bytes().slice(4..)
}

/// Checks that every record of `batch` lies in the frame that it came in.
fn records_lie_in(frame: &Bytes, batch: Bytes) {
    let mut records = 0;
    for batch in split_batches(batch) {
        let batch = CheckedBatch::check(batch.unwrap()).unwrap();
        let block = RecordBlock::open(&batch, &mut Decompressor::default(), 1 << 24).unwrap();
        for record in block.records() {
            let value = record.unwrap().value.unwrap();
            assert_eq!(value.len(), VALUE_BYTES);
            assert!(lies_in(value, frame));
            assert_eq!(addresses(&block.slice_of(value)), addresses(value));
            records += 1;
        }
    }
    assert_eq!(records, RECORDS);
}

fn a_produce_request_moves_no_record(batch: &Bytes) {
    for version in ProduceRequest::VERSIONS {
        let partition = PartitionProduceData { records: Some(batch.clone()), ..Default::default() };
        let name = if version < 13 { "orders" } else { "" };
        let topic = TopicProduceData {
            name: name.into(),
            partition_data: vec![partition],
            ..Default::default()
        };
        let request = ProduceRequest { topic_data: vec![topic], ..Default::default() };

        let region = Region::new(ALLOCATOR);
        let frame = encode_request(&request, version, CorrelationId(1), Some("shop")).unwrap();
        assert!(region.change().bytes_allocated < ALLOCATED_BYTES_MAX, "v{version}");
        let frame = sent(frame, batch);

        let region = Region::new(ALLOCATOR);
        let mut reader = Reader::new(frame.clone());
        decode_request_header(&mut reader).unwrap();
        let request = ProduceRequest::decode(&mut reader, version).unwrap();
        assert!(region.change().bytes_allocated < ALLOCATED_BYTES_MAX, "v{version}");
        let topic = &request.topic_data[0];
        let records = topic.partition_data[0].records.clone().unwrap();
        assert!(records.len() == batch.len() && lies_in(&records, &frame), "v{version}");
        assert!(name.is_empty() || lies_in(topic.name.as_bytes(), &frame), "v{version}");
        records_lie_in(&frame, records);
    }
}

fn a_fetch_response_moves_no_record(batch: &Bytes) {
    for version in FetchResponse::VERSIONS {
        let partition = PartitionData { records: Some(batch.clone()), ..Default::default() };
        let name = if version < 13 { "orders" } else { "" };
        let topic = FetchableTopicResponse {
            topic: name.into(),
            partitions: vec![partition],
            ..Default::default()
        };
        let response = FetchResponse { responses: vec![topic], ..Default::default() };

        let region = Region::new(ALLOCATOR);
        let frame = encode_response(&response, version, ApiKey::FETCH, CorrelationId(1)).unwrap();
        assert!(region.change().bytes_allocated < ALLOCATED_BYTES_MAX, "v{version}");
        let frame = sent(frame, batch);

        let region = Region::new(ALLOCATOR);
        let (_, response) = decode_response::<FetchRequest>(frame.clone(), version).unwrap();
        assert!(region.change().bytes_allocated < ALLOCATED_BYTES_MAX, "v{version}");
        let topic = &response.responses[0];
        let records = topic.partitions[0].records.clone().unwrap();
        assert!(records.len() == batch.len() && lies_in(&records, &frame), "v{version}");
        assert!(name.is_empty() || lies_in(topic.topic.as_bytes(), &frame), "v{version}");
        records_lie_in(&frame, records);
    }
}

/// One test function: the counters are the whole process's.
#[test]
fn a_megabyte_of_records_stays_where_it_is() {
    let batch = batch();
    assert!(batch.len() > 1 << 20);
    a_produce_request_moves_no_record(&batch);
    a_fetch_response_moves_no_record(&batch);
}
