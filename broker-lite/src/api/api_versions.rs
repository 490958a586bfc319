//! ApiVersions: which APIs and versions the broker speaks.

use core::ops::RangeInclusive;

use bytes::Bytes;
use ottla_protocol::Str;
use ottla_protocol::api_key::ApiKey;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::header::encode_response;
use ottla_protocol::ids::CorrelationId;
use ottla_protocol::messages::api_versions::{
    ApiVersion, ApiVersionsRequest, ApiVersionsResponse, FinalizedFeatureKey, SupportedFeatureKey,
};

use super::{Context, Handler, TABLE};
use crate::controller::records::METADATA_VERSION;
use crate::net::Close;

/// The oldest `metadata.version` that Kafka 4 reads: 3.3-IV3.
const METADATA_VERSION_MIN: i16 = 7;
/// From here on clients say what they are.
const NAMES_SOFTWARE: i16 = 3;

impl Handler for ApiVersionsRequest {
    const SERVED: RangeInclusive<i16> = 0..=4;

    async fn handle(self, context: &Context) -> Result<Option<ApiVersionsResponse>, Close> {
        let software = [&self.client_software_name, &self.client_software_version];
        let named = context.version < NAMES_SOFTWARE || software.into_iter().all(is_software_name);
        let fault = context.verdict.error();
        let refused = (!named).then_some(ErrorCode::INVALID_REQUEST);
        if let Some(code) = fault.or(refused) {
            let response = ApiVersionsResponse { error_code: code, ..Default::default() };
            return Ok(Some(response));
        }
        let image = context.broker.controller.image();
        let features = image.features().iter();
        let finalized = features.map(|(name, level)| FinalizedFeatureKey {
            name: name.clone(),
            max_version_level: *level,
            min_version_level: *level,
            ..Default::default()
        });
        Ok(Some(ApiVersionsResponse {
            api_keys: advertised(),
            supported_features: vec![SupportedFeatureKey {
                name: Str::from_static(METADATA_VERSION.0),
                min_version: METADATA_VERSION_MIN,
                max_version: METADATA_VERSION.1,
                ..Default::default()
            }],
            finalized_features_epoch: Some(context.broker.controller.last_offset()),
            finalized_features: finalized.collect(),
            ..Default::default()
        }))
    }
}

/// Kafka's ranges for what is served.
fn advertised() -> Vec<ApiVersion> {
    let rows = TABLE.iter().map(|row| {
        let kafka = row.key.api().and_then(|api| api.advertised.clone());
        let range = kafka.unwrap_or_else(|| row.served.clone());
        version(row.key, &range)
    });
    rows.collect()
}

fn version(key: ApiKey, range: &RangeInclusive<i16>) -> ApiVersion {
    ApiVersion {
        api_key: key.0,
        min_version: *range.start(),
        max_version: *range.end(),
        ..Default::default()
    }
}

/// The answer to a version that is not served, in the one version that every client reads.
pub(super) fn unsupported(correlation_id: CorrelationId) -> Result<Option<Vec<Bytes>>, Close> {
    let response = ApiVersionsResponse {
        error_code: ErrorCode::UNSUPPORTED_VERSION,
        api_keys: vec![version(ApiKey::API_VERSIONS, &ApiVersionsRequest::SERVED)],
        ..Default::default()
    };
    let frame = encode_response(&response, 0, ApiKey::API_VERSIONS, correlation_id);
    frame.map(|frame| Some(frame.into_chunks())).map_err(Close::Reply)
}

/// `[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?`
fn is_software_name(name: &Str) -> bool {
    let bytes = name.as_bytes();
    let ends = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let inside = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.');
    ends(bytes.first()) && ends(bytes.last()) && bytes.iter().all(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn software_names_follow_kafkas_pattern() {
        for (name, good) in [
            ("ottla", true),
            ("a", true),
            ("a-1.0", true),
            ("", false),
            ("-a", false),
            ("a.", false),
            ("a b", false),
        ] {
            assert_eq!(is_software_name(&Str::from(name)), good, "{name}");
        }
    }
}
