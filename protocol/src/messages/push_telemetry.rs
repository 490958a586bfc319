//! PushTelemetry (72): a client reports its metrics (KIP-714).

use bytes::Bytes;

use crate::error_code::ErrorCode;
use crate::ids::{SubscriptionId, Uuid};
use crate::schema::messages;

messages! {
    /// A report. `PushTelemetryRequest.json`.
    struct PushTelemetryRequest(PUSH_TELEMETRY -> PushTelemetryResponse, 0..=0, flexible 0..) {
        /// Identifies the client.
        client_instance_id: Uuid = 0..;
        /// Which answer of GetTelemetrySubscriptions it follows.
        subscription_id: SubscriptionId = 0..;
        /// Whether this is the client's last report.
        terminating: bool = 0..;
        /// How `metrics` is compressed; numbered as in a batch's attributes.
        compression_type: i8 = 0..;
        /// `MetricsData` of OpenTelemetry v1, in protobuf.
        metrics: Bytes = 0..;
    }

    /// Whether it was taken. `PushTelemetryResponse.json`.
    struct PushTelemetryResponse(0..=0, flexible 0..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
    }
}
