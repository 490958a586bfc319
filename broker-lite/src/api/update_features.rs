//! UpdateFeatures: the levels are those this broker writes, and there is only one of each.

use std::collections::BTreeMap;

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::update_features::{
    FeatureUpdateKey, SAFE_DOWNGRADE, UNSAFE_DOWNGRADE, UPGRADE, UpdatableFeatureResult,
    UpdateFeaturesRequest, UpdateFeaturesResponse,
};

use super::{Context, Handler};
use crate::controller::image::Image;
use crate::controller::ledger::Refusal;
use crate::net::Close;

impl Handler for UpdateFeaturesRequest {
    async fn handle(self, context: &Context) -> Result<Option<UpdateFeaturesResponse>, Close> {
        let mut response = UpdateFeaturesResponse::default();
        let image = context.broker.controller.image();
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for update in &self.feature_updates {
            *seen.entry(&update.feature).or_default() += 1;
        }
        let fault = context.verdict.error().map(|code| {
            let message = code.meaning().to_owned();
            Refusal { code, message }
        });
        let twice = seen.values().any(|n| *n > 1).then(|| Refusal {
            code: ErrorCode::INVALID_REQUEST,
            message: "A feature is named more than once.".to_owned(),
        });
        if let Some(refusal) = fault.or(twice) {
            response.error_code = refusal.code;
            response.error_message = Some(refusal.message.into());
            return Ok(Some(response));
        }
        // in every version: all or nothing
        let checked = self.feature_updates.iter();
        let checked = checked.map(|update| check(&image, update, context.version));
        if let Err(refusal) = checked.collect::<Result<(), Refusal>>() {
            response.error_code = refusal.code;
            let message = format!(
                "The update failed for all features since the following feature had an error: {}",
                refusal.message
            );
            response.error_message = Some(message.into());
            return Ok(Some(response));
        }
        let done = self.feature_updates.into_iter();
        let done = done
            .map(|update| UpdatableFeatureResult { feature: update.feature, ..Default::default() });
        response.results = done.collect();
        Ok(Some(response))
    }
}

/// Only what is so already can be asked for: what this broker writes fits one level.
fn check(image: &Image, update: &FeatureUpdateKey, version: i16) -> Result<(), Refusal> {
    let refuse =
        |message: String| Err(Refusal { code: ErrorCode::INVALID_UPDATE_VERSION, message });
    let (feature, level) = (&update.feature, update.max_version_level);
    let Some(current) = image.features().get(feature).copied() else {
        return refuse(format!(
            "Invalid update version {level} for feature {feature}. This broker does not support \
             this feature."
        ));
    };
    let downgrade = match update.upgrade_type {
        _ if version == 0 => update.allow_downgrade,
        UPGRADE => false,
        SAFE_DOWNGRADE | UNSAFE_DOWNGRADE => true,
        other => return refuse(format!("The upgrade type {other} is not supported.")),
    };
    if level > current {
        return refuse(format!(
            "Invalid update version {level} for feature {feature}. This broker only supports \
             versions up to {current}."
        ));
    }
    if level < current && !downgrade {
        return refuse(format!(
            "Can't downgrade the version of feature {feature} without setting the upgrade type to \
             either safe or unsafe downgrade."
        ));
    }
    if level < current {
        return refuse(format!(
            "Refusing to downgrade feature {feature}: this broker writes version {current} only."
        ));
    }
    Ok(())
}
