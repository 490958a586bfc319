//! UpdateFeatures (57): settles which levels of features the whole cluster speaks (KIP-584).
//!
//! v1: kinds of downgrades, and requests that only check (KIP-778). v2: all or nothing, with one
//! error (KIP-1022).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::schema::messages;

/// `upgrade_type`: the level may only grow.
pub const UPGRADE: i8 = 1;
/// `upgrade_type`: the level may fall, if nothing is lost by that.
pub const SAFE_DOWNGRADE: i8 = 2;
/// `upgrade_type`: the level may fall, even if metadata is lost by that.
pub const UNSAFE_DOWNGRADE: i8 = 3;

messages! {
    /// Asks the controller for other levels. `UpdateFeaturesRequest.json`.
    struct UpdateFeaturesRequest(UPDATE_FEATURES -> UpdateFeaturesResponse, 0..=2, flexible 0..) {
        /// How long the controller may take, in milliseconds.
        timeout_ms: i32 = 0.., or 60_000;
        /// Each feature; they must differ.
        feature_updates: Vec<FeatureUpdateKey> = 0..;
        /// Only check; change nothing.
        validate_only: bool = 1.., or false;
    }

    /// A feature to update.
    struct FeatureUpdateKey {
        /// Its name, as in `metadata.version`.
        feature: Str = 0..;
        /// The level it shall have; below 1 it is removed.
        max_version_level: i16 = 0..;
        /// Whether the level may fall; from v1 on in `upgrade_type`.
        allow_downgrade: bool = 0..=0;
        /// Where the level may go: [`UPGRADE`], [`SAFE_DOWNGRADE`] or [`UNSAFE_DOWNGRADE`].
        upgrade_type: i8 = 1.., or UPGRADE;
    }

    /// How the updates went. `UpdateFeaturesResponse.json`.
    struct UpdateFeaturesResponse(0..=2, flexible 0..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Whether the request failed as a whole.
        error_code: ErrorCode = 0..;
        /// Why, for people.
        error_message: Option<Str> = 0..;
        /// Each feature, up to v1.
        results: Vec<UpdatableFeatureResult> = 0..=1 ignorable;
    }

    /// How the update of one feature went.
    struct UpdatableFeatureResult {
        /// Its name.
        feature: Str = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// Why, for people.
        error_message: Option<Str> = 0..;
    }
}
