//! Who may do what and how much, and how users log in.

use bytes::Bytes;

use crate::Str;
use crate::ids::{Timestamp, Uuid};
use crate::schema::messages;

messages! {
    /// A rule of who may do what was added. The numbers in it are constants of
    /// [`describe_acls`](crate::messages::describe_acls). `AccessControlEntryRecord.json`.
    struct AccessControlEntryRecord(0..=0, flexible 0..) {
        /// Identifies the rule.
        id: Uuid = 0..;
        /// What it is about.
        resource_type: i8 = 0..;
        /// The name of that, or a pattern of names.
        resource_name: Str = 0..;
        /// How the name is a pattern.
        pattern_type: i8 = 0..;
        /// Whom it is for, as in `User:alice`; `User:*`: anybody.
        principal: Str = 0..;
        /// Where from: an address; `*`: anywhere.
        host: Str = 0..;
        /// What.
        operation: i8 = 0..;
        /// Whether that is allowed.
        permission_type: i8 = 0..;
    }

    /// A rule of who may do what was removed. `RemoveAccessControlEntryRecord.json`.
    struct RemoveAccessControlEntryRecord(0..=0, flexible 0..) {
        /// Identifies the rule.
        id: Uuid = 0..;
    }

    /// A user's SCRAM password was set. `UserScramCredentialRecord.json`.
    struct UserScramCredentialRecord(0..=0, flexible 0..) {
        /// The user.
        name: Str = 0..;
        /// What it is for: 1 SCRAM-SHA-256, 2 SCRAM-SHA-512.
        mechanism: i8 = 0..;
        /// Random bytes that it is hashed with.
        salt: Bytes = 0..;
        /// What the server checks a client by (`StoredKey` in RFC 5802).
        stored_key: Bytes = 0..;
        /// What the client checks the server by (`ServerKey` in RFC 5802).
        server_key: Bytes = 0..;
        /// How often it is hashed.
        iterations: i32 = 0..;
    }

    /// A user's SCRAM password was removed. `RemoveUserScramCredentialRecord.json`.
    struct RemoveUserScramCredentialRecord(0..=0, flexible 0..) {
        /// The user.
        name: Str = 0..;
        /// What it was for: 1 SCRAM-SHA-256, 2 SCRAM-SHA-512.
        mechanism: i8 = 0..;
    }

    /// A delegation token was made or renewed. `DelegationTokenRecord.json`.
    struct DelegationTokenRecord(0..=0, flexible 0..) {
        /// Whom it is for, as in `User:alice`.
        owner: Str = 0..;
        /// Who asked for it.
        requester: Str = 0..;
        /// Who may renew it besides its owner.
        renewers: Vec<Str> = 0..;
        /// When it was made.
        issue_timestamp: Timestamp = 0..;
        /// When it ends for good.
        max_timestamp: Timestamp = 0..;
        /// When it ends unless it is renewed.
        expiration_timestamp: Timestamp = 0..;
        /// Its public name.
        token_id: Str = 0..;
    }

    /// A delegation token ended. `RemoveDelegationTokenRecord.json`.
    struct RemoveDelegationTokenRecord(0..=0, flexible 0..) {
        /// Its public name.
        token_id: Str = 0..;
    }

    /// What a client may use was set or removed. `ClientQuotaRecord.json`.
    struct ClientQuotaRecord(0..=0, flexible 0..) {
        /// Each part of the client's name.
        entity: Vec<EntityData> = 0..;
        /// Kafka's name of the quota, as in `producer_byte_rate`.
        key: Str = 0..;
        /// What it becomes, unless it is removed.
        value: f64 = 0..;
        /// Whether it is removed.
        remove: bool = 0..;
    }

    /// A part of the name of a client with a quota.
    struct EntityData {
        /// Which part: `user`, `client-id` or `ip`.
        entity_type: Str = 0..;
        /// Its name; `None`: the default of that type.
        entity_name: Option<Str> = 0..;
    }
}
