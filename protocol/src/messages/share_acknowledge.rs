//! ShareAcknowledge (79): says what became of acquired records without fetching more (KIP-932).
//!
//! v2: locks may be renewed (KIP-1222).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{LeaderEpoch, NodeId, PartitionIndex, RawOffset, Uuid};
use crate::schema::messages;

messages! {
    /// Says what became of records. `ShareAcknowledgeRequest.json`.
    struct ShareAcknowledgeRequest(
        SHARE_ACKNOWLEDGE -> ShareAcknowledgeResponse, 1..=2, flexible 0..
    ) {
        /// The group (Kafka: `group.id`); never `None` from a client.
        group_id: Option<Str> = 0..;
        /// The member; never `None` from a client.
        member_id: Option<Str> = 0..;
        /// The number of this request in its session; -1 closes it.
        share_session_epoch: i32 = 0..;
        /// Whether locks are renewed in `acknowledgement_batches`.
        is_renew_ack: bool = 2..;
        /// Each topic.
        topics: Vec<AcknowledgeTopic> = 0..;
    }

    /// A topic.
    struct AcknowledgeTopic {
        /// Its id.
        topic_id: Uuid = 0..;
        /// Each partition.
        partitions: Vec<AcknowledgePartition> = 0..;
    }

    /// A partition.
    struct AcknowledgePartition {
        /// Which partition.
        partition_index: PartitionIndex = 0..;
        /// What became of records that were acquired.
        acknowledgement_batches: Vec<AcknowledgementBatch> = 0..;
    }

    /// What became of a run of records.
    struct AcknowledgementBatch {
        /// The first record.
        first_offset: RawOffset = 0..;
        /// The last record, included.
        last_offset: RawOffset = 0..;
        /// 0: a gap in the log; 1: accepted; 2: released, for another try; 3: rejected; 4: lock
        /// renewed (v2). One for all, or one for each record.
        acknowledge_types: Vec<i8> = 0..;
    }

    /// Whether that counts. `ShareAcknowledgeResponse.json`.
    struct ShareAcknowledgeResponse(1..=2, flexible 0..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Whether the request failed as a whole.
        error_code: ErrorCode = 0..;
        /// What went wrong, in words.
        error_message: Option<Str> = 0..;
        /// For how long renewed locks hold, in milliseconds.
        acquisition_lock_timeout_ms: i32 = 2.. ignorable;
        /// Each topic.
        responses: Vec<ShareAcknowledgeTopicResponse> = 0..;
        /// Where the new leaders are that `current_leader` names.
        node_endpoints: Vec<NodeEndpoint> = 0..;
    }

    /// The answer for one topic.
    struct ShareAcknowledgeTopicResponse {
        /// Its id.
        topic_id: Uuid = 0..;
        /// Each partition.
        partitions: Vec<PartitionData> = 0..;
    }

    /// The answer for one partition.
    struct PartitionData {
        /// Which partition.
        partition_index: PartitionIndex = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// What went wrong, in words.
        error_message: Option<Str> = 0..;
        /// Who leads now, with NOT_LEADER_OR_FOLLOWER and the like.
        current_leader: LeaderIdAndEpoch = 0..;
    }

    /// A partition's leader.
    struct LeaderIdAndEpoch {
        /// Who leads; `None` if it is not known.
        leader_id: Option<NodeId> = 0..;
        /// Since which epoch.
        leader_epoch: Option<LeaderEpoch> = 0..;
    }

    /// Where a broker listens.
    struct NodeEndpoint {
        /// Its id.
        node_id: NodeId = 0..;
        /// Its host.
        host: Str = 0..;
        /// Its port.
        port: i32 = 0..;
        /// Its rack, if it has one.
        rack: Option<Str> = 0..;
    }
}
