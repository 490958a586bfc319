//! Produce (0): appends record batches to partitions.
//!
//! v3: transactions (KIP-98). v7: zstd. v8: which records were refused (KIP-467). v9 is flexible.
//! v10: the new leader comes with NOT_LEADER_OR_FOLLOWER (KIP-951). v12: a transaction's partitions
//! need no AddPartitionsToTxn (KIP-890). v13: topics by id, not by name (KIP-516).

use bytes::Bytes;

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{LeaderEpoch, NodeId, Offset, PartitionIndex, Timestamp, Uuid};
use crate::schema::messages;

messages! { hot;
    /// Asks leaders to append batches. `ProduceRequest.json`.
    struct ProduceRequest(PRODUCE -> ProduceResponse, 3..=13, flexible 9..) {
        /// `None` unless the producer is transactional.
        transactional_id: Option<Str> = 3..;
        /// Who must have a batch before it is answered: -1 all in-sync replicas, 1 the leader, 0
        /// nobody, and then there is no response.
        acks: i16 = 0..;
        /// How long the leader may wait for replicas, in milliseconds.
        timeout_ms: i32 = 0..;
        /// Each topic.
        topic_data: Vec<TopicProduceData> = 0..;
    }

    /// Batches for one topic.
    struct TopicProduceData {
        /// Its name, up to v12.
        name: Str = 0..=12 ignorable;
        /// Its id, from v13 on.
        topic_id: Uuid = 13.. ignorable;
        /// Each partition.
        partition_data: Vec<PartitionProduceData> = 0..;
    }

    /// Batches for one partition.
    struct PartitionProduceData {
        /// Which partition.
        index: PartitionIndex = 0..;
        /// Exactly one record batch.
        records: Option<Bytes> = 0..;
    }

    /// How each append went. `ProduceResponse.json`.
    struct ProduceResponse(3..=13, flexible 9..) {
        /// Each topic.
        responses: Vec<TopicProduceResponse> = 0..;
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 1.. ignorable, or 0;
        /// Where the new leaders are that `current_leader` names.
        node_endpoints: Vec<NodeEndpoint> = 10.., tag 0;
    }

    /// How the appends to one topic went.
    struct TopicProduceResponse {
        /// Its name, up to v12.
        name: Str = 0..=12 ignorable;
        /// Its id, from v13 on.
        topic_id: Uuid = 13.. ignorable;
        /// Each partition.
        partition_responses: Vec<PartitionProduceResponse> = 0..;
    }

    /// How the append to one partition went.
    struct PartitionProduceResponse {
        /// Which partition.
        index: PartitionIndex = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// The offset of the batch's first record.
        base_offset: Option<Offset> = 0..;
        /// When the broker appended it; `None` if records keep their own time.
        log_append_time_ms: Option<Timestamp> = 2.. ignorable;
        /// The first offset in the partition's log.
        log_start_offset: Option<Offset> = 5.. ignorable;
        /// Which records were the reason that the batch was refused.
        record_errors: Vec<BatchIndexAndErrorMessage> = 8.. ignorable;
        /// Why the batch was refused, for people.
        error_message: Option<Str> = 8.. ignorable;
        /// Who leads now, with NOT_LEADER_OR_FOLLOWER and the like.
        current_leader: LeaderIdAndEpoch = 10.., tag 0;
    }

    /// A record that was refused.
    struct BatchIndexAndErrorMessage {
        /// The record's number in the batch, from 0.
        batch_index: i32 = 8..;
        /// Why, for people.
        batch_index_error_message: Option<Str> = 8..;
    }

    /// A partition's leader.
    struct LeaderIdAndEpoch {
        /// Who leads; `None` if it is not known.
        leader_id: Option<NodeId> = 10..;
        /// Since which epoch.
        leader_epoch: Option<LeaderEpoch> = 10..;
    }

    /// Where a broker listens.
    struct NodeEndpoint {
        /// Its id.
        node_id: NodeId = 10..;
        /// Its host.
        host: Str = 10..;
        /// Its port.
        port: i32 = 10..;
        /// Its rack, if it has one.
        rack: Option<Str> = 10..;
    }
}
