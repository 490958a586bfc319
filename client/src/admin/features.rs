//! Features: which levels brokers could speak, and which the whole cluster does (KIP-584).

use core::ops::RangeInclusive;
use std::collections::BTreeMap;

use ottla_protocol::messages::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use ottla_protocol::messages::update_features::{
    FeatureUpdateKey, SAFE_DOWNGRADE, UNSAFE_DOWNGRADE, UPGRADE, UpdateFeaturesRequest,
    UpdateFeaturesResponse,
};
use ottla_protocol::{ErrorCode, Message, Str};

use super::error::AdminError;
use super::retry::{Operation, Refusal, Reply, Whom};
use super::{Admin, millis, only};
use crate::net::connection::Connection;
use crate::net::handshake;

/// The first version of ApiVersions that has features.
const FEATURES_SINCE: i16 = 3;
/// The first version of UpdateFeatures that tells kinds of downgrades apart and can only check.
const UPGRADE_TYPES_SINCE: i16 = 1;
/// What errors call them.
const FEATURES: &str = "the features";

/// Which features there are, by name, as in `metadata.version`.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Features {
    /// The levels that the broker which was asked could speak.
    pub supported: BTreeMap<String, RangeInclusive<i16>>,
    /// The levels that the whole cluster speaks.
    pub finalized: BTreeMap<String, RangeInclusive<i16>>,
    /// Counts the changes of [`finalized`](Self::finalized); `None` if the broker does not know
    /// those.
    pub finalized_epoch: Option<u64>,
}

/// Another level for a feature of the cluster.
#[derive(Clone, Debug)]
#[must_use = "does nothing before `Admin::update_features`"]
pub struct UpdateFeature(FeatureUpdateKey);

impl UpdateFeature {
    /// `feature` shall have this level, which is not below the one it has.
    pub fn upgrade(feature: &str, level: i16) -> Self {
        Self::new(feature, level, UPGRADE)
    }

    /// `feature` shall have this lower level if no metadata is lost by that; 0 takes it away, where
    /// it can be missed.
    pub fn safe_downgrade(feature: &str, level: i16) -> Self {
        Self::new(feature, level, SAFE_DOWNGRADE)
    }

    /// `feature` shall have this lower level even if metadata is lost by that; 0 takes it away,
    /// where it can be missed.
    pub fn unsafe_downgrade(feature: &str, level: i16) -> Self {
        Self::new(feature, level, UNSAFE_DOWNGRADE)
    }

    fn new(feature: &str, max_version_level: i16, upgrade_type: i8) -> Self {
        let feature = Str::from(feature);
        Self(FeatureUpdateKey { feature, max_version_level, upgrade_type, ..Default::default() })
    }
}

impl Admin {
    /// Which levels of features a broker could speak, and which the whole cluster does. Cancel
    /// safe.
    ///
    /// # Errors
    ///
    /// If no broker answers in time, or the broker is older than Kafka 2.4.
    pub async fn describe_features(&self) -> Result<Features, AdminError> {
        let operation = Operation { cluster: &self.cluster, whom: Whom::Any, name: |()| FEATURES };
        let ask = |connection: &Connection, _, timeout| {
            let versions = FEATURES_SINCE..=handshake::VERSION_MAX;
            connection.call_versioned(versions, timeout, handshake::request)
        };
        let read = |response: ApiVersionsResponse| {
            let result = Refusal::check(response.error_code, None).map(|()| features(response));
            vec![Reply { name: Str::from_static(FEATURES), result }]
        };
        only(operation.run::<ApiVersionsRequest, _>(vec![()], ask, read).await)
    }

    /// Changes the levels that the whole cluster speaks; gives the result of each, in the same
    /// order. Brokers since Kafka 4.0 change all or nothing, and then each has the same error.
    ///
    /// `INVALID_UPDATE_VERSION`: a broker cannot have that level, or it is lower than the one there
    /// is and was not asked for as a downgrade, or as a safe one that is not.
    /// `FEATURE_UPDATE_FAILED`: another reason. Retries as [`create_topics`](Self::create_topics)
    /// does. Heeds [`validate_only`](Self::validate_only). Brokers before Kafka 3.3 are not asked.
    /// Cancel safe in the same way.
    pub async fn update_features(
        &self,
        updates: impl IntoIterator<Item = UpdateFeature>,
    ) -> Vec<Result<(), AdminError>> {
        let updates: Vec<_> = updates.into_iter().map(|update| update.0).collect();
        let names: Vec<Str> = updates.iter().map(|update| update.feature.clone()).collect();
        let operation = Operation {
            cluster: &self.cluster,
            whom: Whom::Controller,
            name: |update: &FeatureUpdateKey| &update.feature,
        };
        let validate_only = self.validate_only;
        let ask = |connection: &Connection, feature_updates, timeout| {
            let timeout_ms = millis(timeout);
            let versions = UPGRADE_TYPES_SINCE..=*UpdateFeaturesRequest::VERSIONS.end();
            connection.call_versioned(versions, timeout, move |_| UpdateFeaturesRequest {
                timeout_ms,
                feature_updates,
                validate_only,
                ..Default::default()
            })
        };
        let read = |response| updated(&names, response);
        operation.run::<UpdateFeaturesRequest, _>(updates, ask, read).await
    }
}

fn features(response: ApiVersionsResponse) -> Features {
    let supported = response.supported_features.into_iter();
    let supported = supported.map(|f| (f.name.to_string(), f.min_version..=f.max_version));
    let finalized_epoch = response.finalized_features_epoch;
    let finalized_epoch = finalized_epoch.and_then(|epoch| u64::try_from(epoch).ok());
    // they mean something only if the epoch is known
    let finalized = response.finalized_features.into_iter().filter(|_| finalized_epoch.is_some());
    let finalized =
        finalized.map(|f| (f.name.to_string(), f.min_version_level..=f.max_version_level));
    Features { supported: supported.collect(), finalized: finalized.collect(), finalized_epoch }
}

/// What became of each: v1 says it one by one, unless all failed; v2 says it once.
fn updated(names: &[Str], response: UpdateFeaturesResponse) -> Vec<Reply<()>> {
    let UpdateFeaturesResponse { error_code, error_message, results, .. } = response;
    if error_code == ErrorCode::NONE && !results.is_empty() {
        let each = results.into_iter().map(|feature| {
            let result = Refusal::check(feature.error_code, feature.error_message);
            Reply { name: feature.feature, result }
        });
        return each.collect();
    }
    let each = names.iter().map(|name| {
        let result = Refusal::check(error_code, error_message.clone());
        Reply { name: name.clone(), result }
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ottla_protocol::encode_request;
    use ottla_protocol::ids::CorrelationId;
    use ottla_protocol::messages::api_versions::{FinalizedFeatureKey, SupportedFeatureKey};
    use ottla_protocol::messages::update_features::UpdatableFeatureResult;

    #[test]
    fn each_feature_has_its_answer_be_it_said_once_or_one_by_one() {
        let names = ["a".into(), "b".into()];
        let codes = |response| -> Vec<_> {
            let replies = updated(&names, response);
            replies.into_iter().map(|r| (r.name, r.result.err().map(|e| e.code))).collect()
        };
        let failed = ErrorCode::INVALID_UPDATE_VERSION;
        let result = |feature: &str, error_code| UpdatableFeatureResult {
            feature: feature.into(),
            error_code,
            ..Default::default()
        };
        let results = vec![result("a", ErrorCode::NONE), result("b", failed)];
        let one_by_one = UpdateFeaturesResponse { results, ..Default::default() };
        let [a, b] = names.clone();
        assert_eq!(codes(one_by_one), [(a.clone(), None), (b.clone(), Some(failed))]);
        assert_eq!(codes(Default::default()), [(a.clone(), None), (b.clone(), None)]);
        let refused = UpdateFeaturesResponse { error_code: failed, ..Default::default() };
        assert_eq!(codes(refused), [(a, Some(failed)), (b, Some(failed))]);
    }

    #[test]
    fn each_kind_of_update_has_kafkas_number() {
        let all = [
            (UpdateFeature::upgrade("f", 3), 1),
            (UpdateFeature::safe_downgrade("f", 3), 2),
            (UpdateFeature::unsafe_downgrade("f", 3), 3),
        ];
        for (update, number) in all {
            let feature_updates = vec![update.0.clone()];
            let request = UpdateFeaturesRequest { feature_updates, ..Default::default() };
            let frame = encode_request(&request, UPGRADE_TYPES_SINCE, CorrelationId(0), None);
            let bytes = frame.unwrap().into_bytes();
            // length and name, level, kind, no tags
            let expected = [2, b'f', 0, 3, number, 0];
            assert!(bytes.windows(6).any(|part| part == expected), "{update:?}: {bytes:?}");
        }
    }

    #[test]
    fn what_is_finalized_counts_only_with_its_epoch() {
        let name = || Str::from("metadata.version");
        let supported = SupportedFeatureKey {
            name: name(),
            min_version: 7,
            max_version: 30,
            ..Default::default()
        };
        let finalized = FinalizedFeatureKey {
            name: name(),
            max_version_level: 29,
            min_version_level: 29,
            ..Default::default()
        };
        let response = |finalized_features_epoch| ApiVersionsResponse {
            supported_features: vec![supported.clone()],
            finalized_features: vec![finalized.clone()],
            finalized_features_epoch,
            ..Default::default()
        };
        let known = features(response(Some(12)));
        assert_eq!(known.supported["metadata.version"], 7..=30);
        assert_eq!(
            (known.finalized["metadata.version"].clone(), known.finalized_epoch),
            (29..=29, Some(12))
        );
        let unknown = features(response(None));
        assert!(unknown.finalized.is_empty() && unknown.finalized_epoch.is_none());
    }
}
