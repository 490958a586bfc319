//! SaslAuthenticate (36): one step of authentication (KIP-152).
//!
//! v1: the session ends (KIP-368). v2 is flexible.

use bytes::Bytes;

use crate::Str;
use crate::error_code::ErrorCode;
use crate::schema::messages;

messages! {
    /// The client's bytes. `SaslAuthenticateRequest.json`.
    struct SaslAuthenticateRequest(
        SASL_AUTHENTICATE -> SaslAuthenticateResponse, 0..=2, flexible 2..
    ) {
        /// What the mechanism makes the client say.
        auth_bytes: Bytes = 0..;
    }

    /// The broker's bytes. `SaslAuthenticateResponse.json`.
    struct SaslAuthenticateResponse(0..=2, flexible 2..) {
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// What went wrong, in words.
        error_message: Option<Str> = 0..;
        /// What the mechanism makes the broker say.
        auth_bytes: Bytes = 0..;
        /// After how long the client must authenticate anew, in milliseconds; 0: never.
        session_lifetime_ms: i64 = 1.. ignorable;
    }
}
