//! Envelope (58): a broker passes a client's request on to the controller (KIP-590); and the
//! principal that travels with it.

use bytes::Bytes;

use crate::Str;
use crate::error_code::ErrorCode;
use crate::schema::messages;

messages! {
    /// A client's request. `EnvelopeRequest.json`.
    struct EnvelopeRequest(ENVELOPE -> EnvelopeResponse, 0..=0, flexible 0..) {
        /// The client's request: header and body, without a length in front.
        request_data: Bytes = 0..;
        /// Who the client is: with Kafka's own principals a version (int16) and
        /// [`DefaultPrincipalData`]; `None` if it is not known.
        request_principal: Option<Bytes> = 0..;
        /// The client's address: 4 or 16 bytes.
        client_host_address: Bytes = 0..;
    }

    /// What the client is answered. `EnvelopeResponse.json`.
    struct EnvelopeResponse(0..=0, flexible 0..) {
        /// The answer: header and body, without a length in front; `None` if it failed.
        response_data: Option<Bytes> = 0..;
        /// Whether the envelope failed; an error of the request itself stands inside.
        error_code: ErrorCode = 0..;
    }

    /// Who a client is. `DefaultPrincipalData.json`.
    struct DefaultPrincipalData(0..=0, flexible 0..) {
        /// What kind of principal, as in `User`. Kafka calls it `type`.
        type_: Str = 0..;
        /// Its name.
        name: Str = 0..;
        /// Whether it logged in with a delegation token.
        token_authenticated: bool = 0..;
    }
}
