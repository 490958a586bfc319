//! BrokerHeartbeat (63): a broker tells the controller that it lives (KIP-631).
//!
//! v1: directories that failed (KIP-858). v2: directories that take nothing new (KIP-1066).

use crate::error_code::ErrorCode;
use crate::ids::{BrokerEpoch, NodeId, Offset, Uuid};
use crate::schema::messages;

messages! {
    /// A sign of life. `BrokerHeartbeatRequest.json`.
    struct BrokerHeartbeatRequest(
        BROKER_HEARTBEAT -> BrokerHeartbeatResponse, 0..=2, flexible 0..
    ) {
        /// The broker.
        broker_id: NodeId = 0..;
        /// Its registration.
        broker_epoch: Option<BrokerEpoch> = 0..;
        /// How far it has read the metadata log.
        current_metadata_offset: Option<Offset> = 0..;
        /// Whether it asks to be fenced.
        want_fence: bool = 0..;
        /// Whether it asks to shut down in order.
        want_shut_down: bool = 0..;
        /// Log directories that failed.
        offline_log_dirs: Vec<Uuid> = 1.., tag 0;
        /// Log directories that take nothing new; `None` while it does not know them yet.
        cordoned_log_dirs: Option<Vec<Uuid>> = 2.., tag 1;
    }

    /// How the controller sees the broker. `BrokerHeartbeatResponse.json`.
    struct BrokerHeartbeatResponse(0..=2, flexible 0..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// Whether it has read nearly all of the metadata log.
        is_caught_up: bool = 0.., or false;
        /// Whether it may neither lead nor be in sync.
        is_fenced: bool = 0.., or true;
        /// Whether it leads nothing any more and may shut down.
        should_shut_down: bool = 0..;
    }
}
