//! WriteTxnMarkers (27): a transaction's coordinator has leaders write that it ended.
//!
//! v1 is flexible. v2: which protocol the producer follows (KIP-1228).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{CoordinatorEpoch, PartitionIndex, ProducerEpoch, ProducerId};
use crate::schema::messages;

messages! {
    /// Asks leaders to write markers. `WriteTxnMarkersRequest.json`.
    struct WriteTxnMarkersRequest(
        WRITE_TXN_MARKERS -> WriteTxnMarkersResponse, 1..=2, flexible 1..
    ) {
        /// Each transaction that ended.
        markers: Vec<WritableTxnMarker> = 0..;
    }

    /// A transaction that ended.
    struct WritableTxnMarker {
        /// Whose it was.
        producer_id: ProducerId = 0..;
        /// The epoch to write with.
        producer_epoch: ProducerEpoch = 0..;
        /// Whether it was committed, else aborted.
        transaction_result: bool = 0..;
        /// Each topic it wrote to.
        topics: Vec<WritableTxnMarkerTopic> = 0..;
        /// The epoch of the coordinator that decided; an older one is fenced.
        coordinator_epoch: CoordinatorEpoch = 0..;
        /// The producer's protocol: 2 with an epoch for each transaction (KIP-890), 0 or 1 without.
        transaction_version: i8 = 2.. ignorable;
    }

    /// A topic to mark.
    struct WritableTxnMarkerTopic {
        /// Its name.
        name: Str = 0..;
        /// Which partitions.
        partition_indexes: Vec<PartitionIndex> = 0..;
    }

    /// What became of it. `WriteTxnMarkersResponse.json`.
    struct WriteTxnMarkersResponse(1..=2, flexible 1..) {
        /// Each transaction that ended.
        markers: Vec<WritableTxnMarkerResult> = 0..;
    }

    /// The answer for one transaction.
    struct WritableTxnMarkerResult {
        /// Whose it was.
        producer_id: ProducerId = 0..;
        /// Each topic.
        topics: Vec<WritableTxnMarkerTopicResult> = 0..;
    }

    /// The answer for one topic.
    struct WritableTxnMarkerTopicResult {
        /// Its name.
        name: Str = 0..;
        /// Each partition.
        partitions: Vec<WritableTxnMarkerPartitionResult> = 0..;
    }

    /// The answer for one partition.
    struct WritableTxnMarkerPartitionResult {
        /// Which partition.
        partition_index: PartitionIndex = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
    }
}
