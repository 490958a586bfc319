//! Bytes written out by hand from Kafka's schemas, so that encoder and decoder cannot agree on a
//! mistake.

use bytes::Bytes;

use super::describe_topic_partitions::{Cursor, DescribeTopicPartitionsRequest};
use super::produce::*;
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::schema::Message;
use crate::wire::{Reader, Version, Wire};

fn produce_request() -> ProduceRequest {
    let partition = PartitionProduceData {
        index: PartitionIndex(7),
        records: Some(Bytes::from_static(b"abc")),
        ..Default::default()
    };
    ProduceRequest {
        acks: -1,
        timeout_ms: 30_000,
        topic_data: vec![TopicProduceData {
            name: "t".into(),
            partition_data: vec![partition],
            ..Default::default()
        }],
        ..Default::default()
    }
}

#[test]
fn a_produce_request_is_the_bytes_kafka_writes() {
    let request = produce_request();
    let plain: &[u8] = b"\xff\xff\xff\xff\0\0\x75\x30\0\0\0\x01\0\x01t\
        \0\0\0\x01\0\0\0\x07\0\0\0\x03abc";
    let flexible: &[u8] = b"\0\xff\xff\0\0\x75\x30\x02\x02t\x02\0\0\0\x07\x04abc\0\0\0";
    assert_eq!(request.to_bytes(3).unwrap(), plain);
    assert_eq!(request.to_bytes(9).unwrap(), flexible);
    assert_eq!(ProduceRequest::decode_all(Bytes::from_static(plain), 3).unwrap(), request);
    assert_eq!(ProduceRequest::decode_all(Bytes::from_static(flexible), 9).unwrap(), request);
}

#[test]
fn a_produce_response_carries_the_new_leader_in_a_tag() {
    let partition = PartitionProduceResponse {
        index: PartitionIndex(7),
        error_code: ErrorCode::NOT_LEADER_OR_FOLLOWER,
        current_leader: LeaderIdAndEpoch {
            leader_id: Some(NodeId(2)),
            leader_epoch: Some(LeaderEpoch(9)),
            ..Default::default()
        },
        ..Default::default()
    };
    let response = ProduceResponse {
        responses: vec![TopicProduceResponse {
            name: "t".into(),
            partition_responses: vec![partition],
            ..Default::default()
        }],
        throttle_time_ms: 1,
        ..Default::default()
    };
    let bytes: &[u8] = b"\x02\x02t\x02\0\0\0\x07\0\x06\
        \xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\
        \xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\
        \x01\0\
        \x01\0\x09\0\0\0\x02\0\0\0\x09\0\
        \0\
        \0\0\0\x01\0";
    assert_eq!(response.to_bytes(10).unwrap(), bytes);
    assert_eq!(ProduceResponse::decode_all(Bytes::from_static(bytes), 10).unwrap(), response);
}

#[test]
fn a_byte_in_front_of_a_struct_says_whether_it_is_there() {
    let mut request = DescribeTopicPartitionsRequest::default();
    let none: &[u8] = b"\x01\0\0\x07\xd0\xff\0";
    assert_eq!(request.to_bytes(0).unwrap(), none);
    assert_eq!(request, DescribeTopicPartitionsRequest::decode_all(none.into(), 0).unwrap());

    let cursor =
        Cursor { topic_name: "t".into(), partition_index: PartitionIndex(3), ..Default::default() };
    request.cursor = Some(cursor);
    let some: &[u8] = b"\x01\0\0\x07\xd0\x01\x02t\0\0\0\x03\0\0";
    assert_eq!(request.to_bytes(0).unwrap(), some);
    assert_eq!(request, DescribeTopicPartitionsRequest::decode_all(some.into(), 0).unwrap());
}

#[test]
fn a_sequence_is_a_number_minus_one_or_an_error() {
    let decode = |bytes: [u8; 4]| {
        let version = Version { number: 0, flexible: true };
        Option::<Sequence>::read(&mut Reader::new(Bytes::copy_from_slice(&bytes)), version)
    };
    assert_eq!(decode([0, 0, 1, 0]).unwrap(), Sequence::new(256));
    assert_eq!(decode([0xff; 4]).unwrap(), None);
    assert!(decode([0xff, 0xff, 0xff, 0xfe]).is_err());
}
