//! ExpireDelegationToken (40): ends a token, now or soon (KIP-48).
//!
//! v1 is as v0. v2 is flexible.

use bytes::Bytes;

use crate::error_code::ErrorCode;
use crate::ids::Timestamp;
use crate::schema::messages;

messages! {
    /// Asks to end a token. `ExpireDelegationTokenRequest.json`.
    struct ExpireDelegationTokenRequest(
        EXPIRE_DELEGATION_TOKEN -> ExpireDelegationTokenResponse, 1..=2, flexible 2..
    ) {
        /// Its secret.
        hmac: Bytes = 0..;
        /// When, in milliseconds from now; negative: at once.
        expiry_time_period_ms: i64 = 0..;
    }

    /// When it ends. `ExpireDelegationTokenResponse.json`.
    struct ExpireDelegationTokenResponse(1..=2, flexible 2..) {
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// When it ends; `None` if it failed.
        expiry_timestamp_ms: Option<Timestamp> = 0..;
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
    }
}
