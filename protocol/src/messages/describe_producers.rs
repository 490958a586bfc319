//! DescribeProducers (61): what a leader knows of the producers that write to it (KIP-664).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{CoordinatorEpoch, Offset, PartitionIndex, ProducerId, Sequence, Timestamp};
use crate::schema::messages;

messages! {
    /// Asks leaders for producers. `DescribeProducersRequest.json`.
    struct DescribeProducersRequest(
        DESCRIBE_PRODUCERS -> DescribeProducersResponse, 0..=0, flexible 0..
    ) {
        /// Each topic.
        topics: Vec<TopicRequest> = 0..;
    }

    /// A topic asked about.
    struct TopicRequest {
        /// Its name.
        name: Str = 0..;
        /// Which partitions.
        partition_indexes: Vec<PartitionIndex> = 0..;
    }

    /// Producers. `DescribeProducersResponse.json`.
    struct DescribeProducersResponse(0..=0, flexible 0..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Each topic.
        topics: Vec<TopicResponse> = 0..;
    }

    /// The answer for one topic.
    struct TopicResponse {
        /// Its name.
        name: Str = 0..;
        /// Each partition.
        partitions: Vec<PartitionResponse> = 0..;
    }

    /// The answer for one partition.
    struct PartitionResponse {
        /// Which partition.
        partition_index: PartitionIndex = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// Why, for people.
        error_message: Option<Str> = 0.., or None;
        /// Each producer that wrote to it and is not forgotten yet.
        active_producers: Vec<ProducerState> = 0..;
    }

    /// A producer.
    struct ProducerState {
        /// Its id.
        producer_id: ProducerId = 0..;
        /// Its epoch; here the wire has room for more than an epoch can be.
        producer_epoch: i32 = 0..;
        /// The number of the last record it wrote.
        last_sequence: Option<Sequence> = 0..;
        /// When it wrote last.
        last_timestamp: Option<Timestamp> = 0..;
        /// The epoch of its transaction coordinator, if it has one.
        coordinator_epoch: Option<CoordinatorEpoch> = 0..;
        /// Where its open transaction starts; `None` if it has none.
        current_txn_start_offset: Option<Offset> = 0..;
    }
}
