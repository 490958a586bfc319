//! What Produce and InitProducerId refuse, and what they take only once.

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::Offset;
use ottla_protocol::messages::init_producer_id::InitProducerIdRequest;
use ottla_protocol::messages::produce::{PartitionProduceResponse, ProduceRequest};

use crate::raw::{Raw, batch, cluster, fetch, produce, produce_batch, stamp, values};

async fn produced(
    raw: &mut Raw,
    request: &ProduceRequest,
    version: i16,
) -> PartitionProduceResponse {
    raw.call(request, version).await.responses.remove(0).partition_responses.remove(0)
}

#[tokio::test(start_paused = true)]
async fn every_version_of_produce_is_served() {
    let cluster = cluster().topic("t", 1).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    for version in 3..=12 {
        let answer = produced(&mut raw, &produce("t", 0, &["x"]), version).await;
        assert_eq!(answer.error_code, ErrorCode::NONE);
        assert_eq!(answer.base_offset, Offset::new(i64::from(version) - 3));
    }
    let mut by_id = produce("", 0, &["x"]);
    by_id.topic_data[0].topic_id = raw.topic_id("t").await;
    assert_eq!(produced(&mut raw, &by_id, 13).await.base_offset, Offset::new(10));
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_named_and_not_in_the_log() {
    let cluster = cluster().topic("t", 1).topic("__consumer_offsets", 1).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    let good = || produce("t", 0, &["x"]);
    let mut damaged = batch(&["x"], None).to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    let two = [batch(&["x"], None), batch(&["y"], None)].concat();
    for (rule, request, version, code) in [
        ("acks=2", ProduceRequest { acks: 2, ..good() }, 9, ErrorCode::INVALID_REQUIRED_ACKS),
        (
            "a transactional id",
            ProduceRequest { transactional_id: Some("x".into()), ..good() },
            9,
            ErrorCode::INVALID_TXN_STATE,
        ),
        ("no topic", produce("u", 0, &["x"]), 9, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        ("no partition", produce("t", 1, &["x"]), 9, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        ("below zero", produce("t", -1, &["x"]), 9, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        ("no topic id", produce("", 0, &["x"]), 13, ErrorCode::UNKNOWN_TOPIC_ID),
        (
            "internal",
            produce("__consumer_offsets", 0, &["x"]),
            9,
            ErrorCode::INVALID_TOPIC_EXCEPTION,
        ),
        ("nothing", produce_batch("t", 0, vec![].into()), 9, ErrorCode::INVALID_RECORD),
        ("two batches", produce_batch("t", 0, two.into()), 9, ErrorCode::INVALID_RECORD),
        ("damaged", produce_batch("t", 0, damaged.into()), 9, ErrorCode::CORRUPT_MESSAGE),
    ] {
        let answer = produced(&mut raw, &request, version).await;
        assert_eq!((answer.error_code, answer.base_offset), (code, None), "{rule}");
    }
    let response = raw.call(&fetch("t", 0, 0, 0), 12).await;
    assert_eq!(response.responses[0].partitions[0].high_watermark, Offset::new(0));
}

#[tokio::test(start_paused = true)]
async fn without_acks_nothing_is_answered_and_an_error_ends_the_connection() {
    let cluster = cluster().topic("t", 1).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    raw.send(&ProduceRequest { acks: 0, ..produce("t", 0, &["x"]) }, 9).await;
    let response = raw.call(&fetch("t", 0, 0, 0), 12).await; // the next reply is the fetch's
    let records = response.responses[0].partitions[0].records.as_ref().unwrap();
    assert_eq!(values(records), [(0, "x".to_owned())]);
    raw.send(&ProduceRequest { acks: 0, ..produce("u", 0, &["x"]) }, 9).await;
    assert!(raw.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn an_idempotent_batch_is_appended_once() {
    let cluster = cluster().topic("t", 1).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    let from = |epoch, first| produce_batch("t", 0, batch(&["a", "b"], stamp(5, epoch, first)));
    for (rule, request, code, offset) in [
        ("the first", from(0, 0), ErrorCode::NONE, Some(0)),
        ("again", from(0, 0), ErrorCode::NONE, Some(0)),
        ("the next", from(0, 2), ErrorCode::NONE, Some(2)),
        ("the first once more", from(0, 0), ErrorCode::NONE, Some(0)),
        ("a gap", from(0, 6), ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, None),
        (
            "a new epoch that does not start at 0",
            from(1, 4),
            ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER,
            None,
        ),
        ("a new epoch", from(1, 0), ErrorCode::NONE, Some(4)),
        ("the old epoch", from(0, 4), ErrorCode::INVALID_PRODUCER_EPOCH, None),
    ] {
        let answer = produced(&mut raw, &request, 9).await;
        let expected = (code, offset.and_then(Offset::new));
        assert_eq!((answer.error_code, answer.base_offset), expected, "{rule}");
    }
}

#[tokio::test(start_paused = true)]
async fn producer_ids_are_given_out_once() {
    let cluster = cluster().start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    let mut ids = Vec::new();
    for i in 0..1_005 {
        let response = raw.call(&InitProducerIdRequest::default(), i % 6).await;
        assert_eq!(response.error_code, ErrorCode::NONE);
        assert_eq!(response.producer_epoch.unwrap().0, 0);
        ids.push(response.producer_id.unwrap());
    }
    assert!(ids.is_sorted_by(|a, b| a < b), "over the end of a block too");
    for (id, code) in [("", ErrorCode::INVALID_REQUEST), ("x", ErrorCode::UNSUPPORTED_VERSION)] {
        let transactional =
            InitProducerIdRequest { transactional_id: Some(id.into()), ..Default::default() };
        assert_eq!(raw.call(&transactional, 4).await.error_code, code);
    }
}
