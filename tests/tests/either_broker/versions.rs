//! What a broker says it serves, and what it does about a request for anything else.

use ottla_protocol::api_key::APIS;
use ottla_protocol::messages::api_versions::ApiVersionsRequest;
use ottla_protocol::messages::metadata::MetadataRequest;
use ottla_protocol::messages::produce::ProduceRequest;
use ottla_protocol::{ApiKey, ErrorCode};

use crate::world::{Differs, World};

fn named(name: &str) -> ApiVersionsRequest {
    ApiVersionsRequest {
        client_software_name: name.into(),
        client_software_version: "0".into(),
        ..Default::default()
    }
}

#[tokio::test]
async fn every_version_of_api_versions_tells_the_ranges_of_4_3_1() {
    let world = World::new().await;
    let (count, features) = world.on(Differs {
        kafka: (APIS.iter().filter(|api| api.advertised.is_some()).count(), 7),
        lite: (25, 1),
        why: "broker-lite names no API and no feature that it does not have yet",
    });
    for version in 0..=4 {
        let answer = world.raw().await.call(&named("test"), version).await;
        assert_eq!((answer.error_code, answer.api_keys.len()), (ErrorCode::NONE, count));
        for api in &answer.api_keys {
            let kafka = ApiKey(api.api_key).api().and_then(|api| api.advertised.clone());
            assert_eq!(kafka, Some(api.min_version..=api.max_version), "{}", api.api_key);
        }
        if version == 4 {
            assert_eq!(answer.supported_features.len(), features, "{answer:?}");
        }
        if version == 3 {
            // KAFKA-17492: clients of that time could not read them
            assert!(answer.supported_features.iter().all(|feature| feature.min_version > 0));
        }
    }
    world.end().await;
}

#[tokio::test]
async fn a_version_that_is_not_served_is_answered_in_the_oldest_or_not_at_all() {
    let world = World::new().await;
    // `frame` writes what the request is; its version is written over
    for version in [5, 99, i16::MAX, -1] {
        let mut raw = world.raw().await;
        let mut frame = raw.frame(&named("test"), 3).to_vec();
        frame[6..8].copy_from_slice(&version.to_be_bytes());
        raw.send(&frame).await;
        let reply = raw.reply().await.unwrap();
        let (_, answer) = ottla_protocol::decode_response::<ApiVersionsRequest>(reply, 0).unwrap();
        assert_eq!(answer.error_code, ErrorCode::UNSUPPORTED_VERSION, "{version}");
        let keys: Vec<_> =
            answer.api_keys.iter().map(|k| (k.api_key, k.min_version, k.max_version)).collect();
        assert_eq!(keys, [(18, 0, 4)], "{version}");
        // the connection goes on
        assert_eq!(raw.call(&named("test"), 4).await.error_code, ErrorCode::NONE);
    }
    for (key, version) in [(3, 99), (3, -1), (0, 2), (0, 99), (999, 0), (-1, 0), (52, 0), (4, 0)] {
        let mut raw = world.raw().await;
        let mut frame = match key {
            0 => raw.frame(&ProduceRequest::default(), 3),
            _ => raw.frame(&MetadataRequest::default(), 1),
        }
        .to_vec();
        frame[4..6].copy_from_slice(&i16::to_be_bytes(key));
        frame[6..8].copy_from_slice(&i16::to_be_bytes(version));
        raw.send(&frame).await;
        assert_eq!(raw.reply().await, None, "{key} {version}: hung up on");
    }
    world.end().await;
}

#[tokio::test]
async fn a_client_without_a_good_name_is_refused() {
    let world = World::new().await;
    for name in ["", "-", "white space", "ends with."] {
        let answer = world.raw().await.call(&named(name), 3).await;
        assert_eq!(answer.error_code, ErrorCode::INVALID_REQUEST, "{name:?}");
    }
    world.end().await;
}
