//! DescribeUserScramCredentials (50): which users log in with SCRAM (KIP-554).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::schema::messages;

/// `mechanism`: SCRAM-SHA-256.
pub const MECHANISM_SHA_256: i8 = 1;
/// `mechanism`: SCRAM-SHA-512.
pub const MECHANISM_SHA_512: i8 = 2;

messages! {
    /// Asks for users. `DescribeUserScramCredentialsRequest.json`.
    struct DescribeUserScramCredentialsRequest(
        DESCRIBE_USER_SCRAM_CREDENTIALS -> DescribeUserScramCredentialsResponse, 0..=0, flexible 0..
    ) {
        /// Each user; `None` or none: all of them.
        users: Option<Vec<UserName>> = 0..;
    }

    /// A user asked about.
    struct UserName {
        /// Its name.
        name: Str = 0..;
    }

    /// The users. `DescribeUserScramCredentialsResponse.json`.
    struct DescribeUserScramCredentialsResponse(0..=0, flexible 0..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Whether the request failed as a whole.
        error_code: ErrorCode = 0..;
        /// Why, for people.
        error_message: Option<Str> = 0..;
        /// Each user.
        results: Vec<DescribeUserScramCredentialsResult> = 0..;
    }

    /// How one user logs in.
    struct DescribeUserScramCredentialsResult {
        /// The user's name.
        user: Str = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// Why, for people.
        error_message: Option<Str> = 0..;
        /// Each mechanism the user has a password for.
        credential_infos: Vec<CredentialInfo> = 0..;
    }

    /// A password, of which only this is told.
    struct CredentialInfo {
        /// What it is for: one of the `MECHANISM_` constants.
        mechanism: i8 = 0..;
        /// How often it is hashed.
        iterations: i32 = 0..;
    }
}
