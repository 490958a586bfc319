//! FindCoordinator (10): which broker looks after a group or a transactional id.
//!
//! v1: transactions, error messages. v3 is flexible. v4: several keys at once (KIP-699). v5:
//! TRANSACTION_ABORTABLE (KIP-890). v6: share groups (KIP-932).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::NodeId;
use crate::schema::messages;

messages! {
    /// Asks who coordinates. `FindCoordinatorRequest.json`.
    struct FindCoordinatorRequest(
        FIND_COORDINATOR -> FindCoordinatorResponse, 0..=6, flexible 3..
    ) {
        /// The group or transactional id.
        key: Str = 0..=3;
        /// What the keys are: 0 groups, 1 transactional ids, 2 partitions of share groups.
        key_type: i8 = 1.., or 0;
        /// The groups or ids.
        coordinator_keys: Vec<Str> = 4..;
    }

    /// Who coordinates. `FindCoordinatorResponse.json`.
    struct FindCoordinatorResponse(0..=6, flexible 3..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 1.. ignorable;
        /// Whether the look-up failed.
        error_code: ErrorCode = 0..=3;
        /// What went wrong, in words.
        error_message: Option<Str> = 1..=3 ignorable;
        /// The coordinator; `None` if the look-up failed.
        node_id: Option<NodeId> = 0..=3;
        /// Its host.
        host: Str = 0..=3;
        /// Its port.
        port: i32 = 0..=3;
        /// One answer for each key.
        coordinators: Vec<Coordinator> = 4..;
    }

    /// Who coordinates one key.
    struct Coordinator {
        /// The key.
        key: Str = 4..;
        /// The coordinator; `None` if the look-up failed.
        node_id: Option<NodeId> = 4..;
        /// Its host.
        host: Str = 4..;
        /// Its port.
        port: i32 = 4..;
        /// Whether the look-up failed.
        error_code: ErrorCode = 4..;
        /// What went wrong, in words.
        error_message: Option<Str> = 4.. ignorable;
    }
}
