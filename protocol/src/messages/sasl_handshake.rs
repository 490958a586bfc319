//! SaslHandshake (17): the client names a mechanism to authenticate by.
//!
//! After v0 the mechanism's own bytes follow, each with a length of four bytes; after v1 they
//! travel in [`sasl_authenticate`](super::sasl_authenticate).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::schema::messages;

messages! {
    /// Names a mechanism. `SaslHandshakeRequest.json`.
    struct SaslHandshakeRequest(SASL_HANDSHAKE -> SaslHandshakeResponse, 0..=1) {
        /// The mechanism, as `SCRAM-SHA-256`.
        mechanism: Str = 0..;
    }

    /// Whether the broker has it. `SaslHandshakeResponse.json`.
    struct SaslHandshakeResponse(0..=1) {
        /// UNSUPPORTED_SASL_MECHANISM if the broker does not have it.
        error_code: ErrorCode = 0..;
        /// The mechanisms the broker has.
        mechanisms: Vec<Str> = 0..;
    }
}
