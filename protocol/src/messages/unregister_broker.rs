//! UnregisterBroker (64): forgets a broker that will not come back (KIP-631).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::NodeId;
use crate::schema::messages;

messages! {
    /// Asks to forget a broker. `UnregisterBrokerRequest.json`.
    struct UnregisterBrokerRequest(
        UNREGISTER_BROKER -> UnregisterBrokerResponse, 0..=0, flexible 0..
    ) {
        /// The broker.
        broker_id: NodeId = 0..;
    }

    /// Whether it is forgotten. `UnregisterBrokerResponse.json`.
    struct UnregisterBrokerResponse(0..=0, flexible 0..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// Why, for people.
        error_message: Option<Str> = 0..;
    }
}
