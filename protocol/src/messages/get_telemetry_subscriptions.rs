//! GetTelemetrySubscriptions (71): which metrics a broker wants from a client (KIP-714).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{SubscriptionId, Uuid};
use crate::schema::messages;

messages! {
    /// Asks what to report. `GetTelemetrySubscriptionsRequest.json`.
    struct GetTelemetrySubscriptionsRequest(
        GET_TELEMETRY_SUBSCRIPTIONS -> GetTelemetrySubscriptionsResponse, 0..=0, flexible 0..
    ) {
        /// Identifies the client; zero: to be given an id.
        client_instance_id: Uuid = 0..;
    }

    /// What to report. `GetTelemetrySubscriptionsResponse.json`.
    struct GetTelemetrySubscriptionsResponse(0..=0, flexible 0..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// The id given to the client; zero if it had one.
        client_instance_id: Uuid = 0..;
        /// Identifies this answer; reports must name it.
        subscription_id: SubscriptionId = 0..;
        /// The compressions the broker can read, the best first; numbered as in a batch's
        /// attributes.
        accepted_compression_types: Vec<i8> = 0..;
        /// How often to report, in milliseconds.
        push_interval_ms: i32 = 0..;
        /// How many bytes a report may have.
        telemetry_max_bytes: i32 = 0..;
        /// Whether counters say what was added since the last report, not their sum.
        delta_temporality: bool = 0..;
        /// How names of wanted metrics begin; empty: none is wanted; an empty name: all are.
        requested_metrics: Vec<Str> = 0..;
    }
}
