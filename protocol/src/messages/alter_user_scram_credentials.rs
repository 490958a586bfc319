//! AlterUserScramCredentials (51): sets or removes users' SCRAM passwords (KIP-554).

use bytes::Bytes;

use crate::Str;
use crate::error_code::ErrorCode;
use crate::schema::messages;

messages! {
    /// Sets and removes passwords. A user may stand in one of the two lists only.
    /// `AlterUserScramCredentialsRequest.json`.
    struct AlterUserScramCredentialsRequest(
        ALTER_USER_SCRAM_CREDENTIALS -> AlterUserScramCredentialsResponse, 0..=0, flexible 0..
    ) {
        /// Those to remove.
        deletions: Vec<ScramCredentialDeletion> = 0..;
        /// Those to set.
        upsertions: Vec<ScramCredentialUpsertion> = 0..;
    }

    /// A password to remove.
    struct ScramCredentialDeletion {
        /// The user.
        name: Str = 0..;
        /// What it is for: one of DescribeUserScramCredentials' `MECHANISM_` constants.
        mechanism: i8 = 0..;
    }

    /// A password to set.
    struct ScramCredentialUpsertion {
        /// The user.
        name: Str = 0..;
        /// What it is for: one of DescribeUserScramCredentials' `MECHANISM_` constants.
        mechanism: i8 = 0..;
        /// How often it is hashed; 4,096 to 16,384.
        iterations: i32 = 0..;
        /// Random bytes that it is hashed with.
        salt: Bytes = 0..;
        /// What hashing gave (`SaltedPassword` in RFC 5802).
        salted_password: Bytes = 0..;
    }

    /// How it went for each user. `AlterUserScramCredentialsResponse.json`.
    struct AlterUserScramCredentialsResponse(0..=0, flexible 0..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Each user.
        results: Vec<AlterUserScramCredentialsResult> = 0..;
    }

    /// How it went for one user.
    struct AlterUserScramCredentialsResult {
        /// The user's name.
        user: Str = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// Why, for people.
        error_message: Option<Str> = 0..;
    }
}
