//! DescribeDelegationToken (41): which tokens there are (KIP-48).
//!
//! v1 is as v0. v2 is flexible. v3: who asked for a token (KIP-373).

use bytes::Bytes;

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::Timestamp;
use crate::schema::messages;

messages! {
    /// Asks for the tokens that the caller may see. `DescribeDelegationTokenRequest.json`.
    struct DescribeDelegationTokenRequest(
        DESCRIBE_DELEGATION_TOKEN -> DescribeDelegationTokenResponse, 1..=3, flexible 2..
    ) {
        /// For whom they are; `None`: for anybody.
        owners: Option<Vec<DescribeDelegationTokenOwner>> = 0..;
    }

    /// Somebody tokens are for.
    struct DescribeDelegationTokenOwner {
        /// What kind of principal, as in `User`.
        principal_type: Str = 0..;
        /// The name of that.
        principal_name: Str = 0..;
    }

    /// The tokens. `DescribeDelegationTokenResponse.json`.
    struct DescribeDelegationTokenResponse(1..=3, flexible 2..) {
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// Each token.
        tokens: Vec<DescribedDelegationToken> = 0..;
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
    }

    /// A token.
    struct DescribedDelegationToken {
        /// What kind of principal it is for.
        principal_type: Str = 0..;
        /// The name of that.
        principal_name: Str = 0..;
        /// What kind of principal asked for it.
        token_requester_principal_type: Str = 3..;
        /// The name of that.
        token_requester_principal_name: Str = 3..;
        /// When it was made.
        issue_timestamp: Timestamp = 0..;
        /// When it ends unless it is renewed.
        expiry_timestamp: Timestamp = 0..;
        /// When it ends for good.
        max_timestamp: Timestamp = 0..;
        /// Its public name.
        token_id: Str = 0..;
        /// Its secret.
        hmac: Bytes = 0..;
        /// Who may renew it besides its owner.
        renewers: Vec<DescribedDelegationTokenRenewer> = 0..;
    }

    /// Somebody who may renew it.
    struct DescribedDelegationTokenRenewer {
        /// What kind of principal, as in `User`.
        principal_type: Str = 0..;
        /// The name of that.
        principal_name: Str = 0..;
    }
}
