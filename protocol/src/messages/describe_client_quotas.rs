//! DescribeClientQuotas (48): what clients may use of the cluster (KIP-546).
//!
//! v1 is flexible.

use crate::Str;
use crate::error_code::ErrorCode;
use crate::schema::messages;

/// `match_type`: the entity has the name in `match`.
pub const MATCH_EXACT: i8 = 0;
/// `match_type`: the entity is the default of its type.
pub const MATCH_DEFAULT: i8 = 1;
/// `match_type`: the entity has any name, or is the default.
pub const MATCH_ANY: i8 = 2;

messages! {
    /// Asks for quotas. `DescribeClientQuotasRequest.json`.
    struct DescribeClientQuotasRequest(
        DESCRIBE_CLIENT_QUOTAS -> DescribeClientQuotasResponse, 0..=1, flexible 1..
    ) {
        /// What entities must be like; all of these hold.
        components: Vec<ComponentData> = 0..;
        /// Whether entities with further types are left out.
        strict: bool = 0..;
    }

    /// What an entity must be like.
    struct ComponentData {
        /// Which part of it: `user`, `client-id` or `ip`.
        entity_type: Str = 0..;
        /// How to compare: one of the `MATCH_` constants.
        match_type: i8 = 0..;
        /// The name to compare with; `None` where none is needed. Kafka calls it `match`.
        match_: Option<Str> = 0..;
    }

    /// Quotas. `DescribeClientQuotasResponse.json`.
    struct DescribeClientQuotasResponse(0..=1, flexible 1..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Whether the request failed.
        error_code: ErrorCode = 0..;
        /// Why, for people.
        error_message: Option<Str> = 0..;
        /// Each entity that has quotas; `None` if the request failed.
        entries: Option<Vec<EntryData>> = 0..;
    }

    /// An entity and its quotas.
    struct EntryData {
        /// Each part of the entity's name.
        entity: Vec<EntityData> = 0..;
        /// Each quota.
        values: Vec<ValueData> = 0..;
    }

    /// A part of an entity's name.
    struct EntityData {
        /// Which part: `user`, `client-id` or `ip`.
        entity_type: Str = 0..;
        /// Its name; `None`: the default of that type.
        entity_name: Option<Str> = 0..;
    }

    /// A quota.
    struct ValueData {
        /// Kafka's name of it, as in `producer_byte_rate`.
        key: Str = 0..;
        /// Its value.
        value: f64 = 0..;
    }
}
