//! CreateDelegationToken (38): a secret by which others log in for a user (KIP-48).
//!
//! v1 is as v0. v2 is flexible. v3: for another user than the caller (KIP-373).

use bytes::Bytes;

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::Timestamp;
use crate::schema::messages;

messages! {
    /// Asks for a token. `CreateDelegationTokenRequest.json`.
    struct CreateDelegationTokenRequest(
        CREATE_DELEGATION_TOKEN -> CreateDelegationTokenResponse, 1..=3, flexible 2..
    ) {
        /// What kind of principal it is for, as in `User`; `None`: the caller.
        owner_principal_type: Option<Str> = 3..;
        /// The name of that; `None`: the caller.
        owner_principal_name: Option<Str> = 3..;
        /// Who may renew it besides its owner.
        renewers: Vec<CreatableRenewers> = 0..;
        /// For how long it can be renewed at most, in milliseconds; `None`: as the broker sees fit.
        max_lifetime_ms: Option<i64> = 0..;
    }

    /// Somebody who may renew it.
    struct CreatableRenewers {
        /// What kind of principal, as in `User`.
        principal_type: Str = 0..;
        /// The name of that.
        principal_name: Str = 0..;
    }

    /// The token. `CreateDelegationTokenResponse.json`.
    struct CreateDelegationTokenResponse(1..=3, flexible 2..) {
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// What kind of principal it is for.
        principal_type: Str = 0..;
        /// The name of that.
        principal_name: Str = 0..;
        /// What kind of principal asked for it.
        token_requester_principal_type: Str = 3..;
        /// The name of that.
        token_requester_principal_name: Str = 3..;
        /// When it was made; `None` if it was not.
        issue_timestamp_ms: Option<Timestamp> = 0..;
        /// When it ends unless it is renewed.
        expiry_timestamp_ms: Option<Timestamp> = 0..;
        /// When it ends for good.
        max_timestamp_ms: Option<Timestamp> = 0..;
        /// Its public name; the user name with SCRAM.
        token_id: Str = 0..;
        /// The secret itself; in base64 it is the password with SCRAM.
        hmac: Bytes = 0..;
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
    }
}
