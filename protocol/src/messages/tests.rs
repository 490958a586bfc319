//! Bytes written out by hand from Kafka's schemas, so that encoder and decoder cannot agree on a
//! mistake.

use bytes::Bytes;

use super::produce::*;
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::schema::Message;

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
