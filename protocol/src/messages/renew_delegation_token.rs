//! RenewDelegationToken (39): lets a token live longer (KIP-48).
//!
//! v1 is as v0. v2 is flexible.

use bytes::Bytes;

use crate::error_code::ErrorCode;
use crate::ids::Timestamp;
use crate::schema::messages;

messages! {
    /// Asks to let a token live longer. `RenewDelegationTokenRequest.json`.
    struct RenewDelegationTokenRequest(
        RENEW_DELEGATION_TOKEN -> RenewDelegationTokenResponse, 1..=2, flexible 2..
    ) {
        /// Its secret.
        hmac: Bytes = 0..;
        /// For how long from now, in milliseconds; `None`: as the broker sees fit.
        renew_period_ms: Option<i64> = 0..;
    }

    /// Until when it lives. `RenewDelegationTokenResponse.json`.
    struct RenewDelegationTokenResponse(1..=2, flexible 2..) {
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// When it ends unless it is renewed again; `None` if it failed.
        expiry_timestamp_ms: Option<Timestamp> = 0..;
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
    }
}
