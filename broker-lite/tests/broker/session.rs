//! What a connection does before it carries records.

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::header::decode_response;
use ottla_protocol::ids::NodeId;
use ottla_protocol::messages::api_versions::ApiVersionsRequest;
use ottla_protocol::messages::find_coordinator::FindCoordinatorRequest;
use ottla_protocol::messages::metadata::MetadataRequest;

use crate::raw::{Raw, cluster, metadata};

fn hello() -> ApiVersionsRequest {
    ApiVersionsRequest {
        client_software_name: "raw".into(),
        client_software_version: "1.0".into(),
        ..Default::default()
    }
}

#[tokio::test(start_paused = true)]
async fn api_versions_are_kafkas() {
    let cluster = cluster().start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    for version in 0..=4 {
        let response = raw.call(&hello(), version).await;
        assert_eq!(response.error_code, ErrorCode::NONE);
        let produce = &response.api_keys[0];
        assert_eq!((produce.api_key, produce.min_version, produce.max_version), (0, 0, 13));
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_api_versions_is_answered_in_version_0() {
    let cluster = cluster().start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    // key 18, version 99, correlation id 5, client id "x", a body nobody knows
    raw.send_bytes(b"\0\0\0\x0f\0\x12\0\x63\0\0\0\x05\0\x01x\0\xde\xad\xbe").await;
    let frame = raw.frame().await.unwrap();
    let (id, response) = decode_response::<ApiVersionsRequest>(frame, 0).unwrap();
    assert_eq!((id.0, response.error_code), (5, ErrorCode::UNSUPPORTED_VERSION));
    let keys: Vec<_> =
        response.api_keys.iter().map(|k| (k.api_key, k.min_version, k.max_version)).collect();
    assert_eq!(keys, [(18, 0, 4)]);
    assert_eq!(raw.call(&hello(), 4).await.error_code, ErrorCode::NONE, "and the client goes on");
}

#[tokio::test(start_paused = true)]
async fn a_software_name_out_of_pattern_is_refused() {
    let cluster = cluster().start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    let odd = ApiVersionsRequest { client_software_name: "a b".into(), ..hello() };
    assert_eq!(raw.call(&odd, 3).await.error_code, ErrorCode::INVALID_REQUEST);
    assert_eq!(raw.call(&hello(), 3).await.error_code, ErrorCode::NONE);
}

#[tokio::test(start_paused = true)]
async fn it_coordinates_every_group_and_no_transaction() {
    let cluster = cluster().start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    for version in 0..=6 {
        let asked = FindCoordinatorRequest {
            key: if version < 4 { "g".into() } else { "".into() },
            coordinator_keys: if version < 4 { Vec::new() } else { vec!["g".into()] },
            ..Default::default()
        };
        let found = raw.call(&asked, version).await;
        let (code, node, host, port) = match found.coordinators.first() {
            Some(first) => (first.error_code, first.node_id, &first.host, first.port),
            None => (found.error_code, found.node_id, &found.host, found.port),
        };
        let expected = (ErrorCode::NONE, Some(NodeId(1)), "node", 9092);
        assert_eq!((code, node, &host[..], port), expected, "version {version}");
    }
    let asked = FindCoordinatorRequest {
        key_type: 1,
        coordinator_keys: vec!["t".into()],
        ..Default::default()
    };
    let refused = &raw.call(&asked, 6).await.coordinators[0];
    assert_eq!(refused.error_code, ErrorCode::UNSUPPORTED_VERSION);
}

#[tokio::test(start_paused = true)]
async fn bytes_behind_a_request_are_skipped() {
    let cluster = cluster().topic("t", 1).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    // as librdkafka 2.16 asks for all topics: Metadata 13, no client id, three bytes too many
    raw.send_bytes(b"\0\0\0\x12\0\x03\0\x0d\0\0\0\x05\xff\xff\0\0\0\0\0\x01\0\0").await;
    let (id, response) = raw.receive::<MetadataRequest>(13).await;
    assert_eq!((id, response.topics.len()), (5, 1));
    assert_eq!(raw.call(&metadata(&["t"]), 12).await.topics.len(), 1, "and the client goes on");
}

#[tokio::test(start_paused = true)]
async fn what_kafka_does_not_take_closes_the_connection() {
    let cluster = cluster().start().await.unwrap();
    for (what, bytes) in [
        ("HTTP", &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..]),
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        ("a negative length", b"\xff\xff\xff\xff"),
        ("2 GB", b"\x7f\xff\xff\xff"),
        ("an unknown key", b"\0\0\0\x0b\x03\xe7\0\0\0\0\0\x05\0\x01x"),
        ("an unknown version", b"\0\0\0\x0b\0\x03\0\x63\0\0\0\x05\0\x01x"),
        ("a body that ends early", b"\0\0\0\x0c\0\x03\0\x01\0\0\0\x05\0\x01x\0"),
        ("no header", b"\0\0\0\x02\0\x03"),
        ("an empty frame", b"\0\0\0\0"),
    ] {
        let mut raw = Raw::connect(&cluster).await;
        raw.send_bytes(bytes).await;
        assert!(raw.is_closed().await, "{what}");
    }
    let mut raw = Raw::connect(&cluster).await;
    let response = raw.call(&metadata(&[]), 12).await;
    assert_eq!(response.brokers.len(), 1, "others are served on");
}
