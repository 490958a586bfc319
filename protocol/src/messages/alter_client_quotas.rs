//! AlterClientQuotas (49): sets or removes what clients may use of the cluster (KIP-546).
//!
//! v1 is flexible.

use crate::Str;
use crate::error_code::ErrorCode;
use crate::schema::messages;

messages! {
    /// Changes quotas. `AlterClientQuotasRequest.json`.
    struct AlterClientQuotasRequest(
        ALTER_CLIENT_QUOTAS -> AlterClientQuotasResponse, 0..=1, flexible 1..
    ) {
        /// Each entity.
        entries: Vec<EntryData> = 0..;
        /// Whether to check only and change nothing.
        validate_only: bool = 0..;
    }

    /// The changes of one entity.
    struct EntryData {
        /// Each part of its name.
        entity: Vec<EntityData> = 0..;
        /// Each change.
        ops: Vec<OpData> = 0..;
    }

    /// A part of an entity's name.
    struct EntityData {
        /// Which part: `user`, `client-id` or `ip`.
        entity_type: Str = 0..;
        /// Its name; `None`: the default of that type.
        entity_name: Option<Str> = 0..;
    }

    /// A change of one quota.
    struct OpData {
        /// Kafka's name of it, as in `producer_byte_rate`.
        key: Str = 0..;
        /// What it becomes, unless it is removed.
        value: f64 = 0..;
        /// Whether it is removed.
        remove: bool = 0..;
    }

    /// How each change went. `AlterClientQuotasResponse.json`.
    struct AlterClientQuotasResponse(0..=1, flexible 1..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Each entity.
        entries: Vec<EntryResult> = 0..;
    }

    /// How the change of one entity went. Kafka calls it `EntryData`, as in the request.
    struct EntryResult {
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// Why, for people.
        error_message: Option<Str> = 0..;
        /// Each part of its name.
        entity: Vec<EntityResult> = 0..;
    }

    /// A part of an entity's name. Kafka calls it `EntityData`, as in the request.
    struct EntityResult {
        /// Which part: `user`, `client-id` or `ip`.
        entity_type: Str = 0..;
        /// Its name; `None`: the default of that type.
        entity_name: Option<Str> = 0..;
    }
}
