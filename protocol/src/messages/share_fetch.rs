//! ShareFetch (78): acquires records for a member of a share group, and says what became of earlier
//! ones (KIP-932).
//!
//! v1 asks by number of records. v2: how strictly (KIP-1206); locks may be renewed (KIP-1222).

use bytes::Bytes;

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{LeaderEpoch, NodeId, Offset, PartitionIndex, RawOffset, Uuid};
use crate::schema::messages;

messages! {
    /// Asks leaders for records. `ShareFetchRequest.json`.
    struct ShareFetchRequest(SHARE_FETCH -> ShareFetchResponse, 1..=2, flexible 0..) {
        /// The group (Kafka: `group.id`); never `None` from a client.
        group_id: Option<Str> = 0..;
        /// The member; never `None` from a client.
        member_id: Option<Str> = 0..;
        /// The number of this request in its session: 0 opens one, -1 closes it.
        share_session_epoch: i32 = 0..;
        /// How long to wait for `min_bytes`, in milliseconds.
        max_wait_ms: i32 = 0..;
        /// Answer as soon as there are so many bytes.
        min_bytes: i32 = 0..;
        /// Stop at so many bytes; the first batch comes even if it is larger (KIP-74).
        max_bytes: i32 = 0.., or i32::MAX;
        /// Stop at so many records, at the end of a batch.
        max_records: i32 = 1..;
        /// How many records to acquire as one, at best.
        batch_size: i32 = 1..;
        /// 0: whole batches, so that `max_records` may be passed; 1: never more than that.
        share_acquire_mode: i8 = 2.. ignorable;
        /// Whether locks are renewed in `acknowledgement_batches`; then nothing is fetched.
        is_renew_ack: bool = 2..;
        /// Each topic; in a session only those that changed or have acknowledgements.
        topics: Vec<FetchTopic> = 0..;
        /// Partitions that leave the session.
        forgotten_topics_data: Vec<ForgottenTopic> = 0..;
    }

    /// A topic to read.
    struct FetchTopic {
        /// Its id.
        topic_id: Uuid = 0..;
        /// Each partition.
        partitions: Vec<FetchPartition> = 0..;
    }

    /// A partition to read.
    struct FetchPartition {
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

    /// Partitions that leave the session.
    struct ForgottenTopic {
        /// The topic's id.
        topic_id: Uuid = 0..;
        /// Which partitions.
        partitions: Vec<PartitionIndex> = 0..;
    }

    /// Records. `ShareFetchResponse.json`.
    struct ShareFetchResponse(1..=2, flexible 0..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Whether the request failed as a whole.
        error_code: ErrorCode = 0..;
        /// What went wrong, in words.
        error_message: Option<Str> = 0..;
        /// For how long the records belong to the member, in milliseconds.
        acquisition_lock_timeout_ms: i32 = 1..;
        /// Each topic; in a session only those with something to say.
        responses: Vec<ShareFetchableTopicResponse> = 0..;
        /// Where the new leaders are that `current_leader` names.
        node_endpoints: Vec<NodeEndpoint> = 0..;
    }

    /// What was read of one topic.
    struct ShareFetchableTopicResponse {
        /// Its id.
        topic_id: Uuid = 0..;
        /// Each partition.
        partitions: Vec<PartitionData> = 0..;
    }

    /// What was read of one partition.
    struct PartitionData {
        /// Which partition.
        partition_index: PartitionIndex = 0..;
        /// Whether reading failed.
        error_code: ErrorCode = 0..;
        /// What went wrong with it, in words.
        error_message: Option<Str> = 0..;
        /// Whether the acknowledgements failed.
        acknowledge_error_code: ErrorCode = 0..;
        /// What went wrong with them, in words.
        acknowledge_error_message: Option<Str> = 0..;
        /// Who leads now, with NOT_LEADER_OR_FOLLOWER and the like.
        current_leader: LeaderIdAndEpoch = 0..;
        /// Whole batches; they may hold records that were not acquired.
        records: Bytes = 0..;
        /// The records that were acquired.
        acquired_records: Vec<AcquiredRecords> = 0..;
    }

    /// A partition's leader.
    struct LeaderIdAndEpoch {
        /// Who leads; `None` if it is not known.
        leader_id: Option<NodeId> = 0..;
        /// Since which epoch.
        leader_epoch: Option<LeaderEpoch> = 0..;
    }

    /// A run of records that were acquired.
    struct AcquiredRecords {
        /// The first record.
        first_offset: Offset = 0..;
        /// The last record, included.
        last_offset: Offset = 0..;
        /// How often they have been handed out, this time included.
        delivery_count: i16 = 0..;
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
