//! AllocateProducerIds (67): a broker asks the controller for a block of producer ids (KIP-730).

use crate::error_code::ErrorCode;
use crate::ids::{BrokerEpoch, NodeId, ProducerId};
use crate::schema::messages;

messages! {
    /// Asks for a block. `AllocateProducerIdsRequest.json`.
    struct AllocateProducerIdsRequest(
        ALLOCATE_PRODUCER_IDS -> AllocateProducerIdsResponse, 0..=0, flexible 0..
    ) {
        /// The broker.
        broker_id: NodeId = 0..;
        /// Its registration.
        broker_epoch: Option<BrokerEpoch> = 0..;
    }

    /// The block. `AllocateProducerIdsResponse.json`.
    struct AllocateProducerIdsResponse(0..=0, flexible 0..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// The first id in it.
        producer_id_start: ProducerId = 0..;
        /// How many ids it has.
        producer_id_len: i32 = 0..;
    }
}
