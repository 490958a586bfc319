//! Fetch (1): reads record batches from partitions; consumers and followers alike.
//!
//! v5: followers say where their log starts. v7: sessions, in which only changes are named
//! (KIP-227). v9: the leader epoch is checked (KIP-320). v10: zstd. v11: racks (KIP-392). v12 is
//! flexible; divergence is answered (KIP-595). v13: topics by id (KIP-516). v15: followers in a
//! tagged field (KIP-903). v16: new leaders come with their endpoints (KIP-951). v17: directory ids
//! (KIP-853). v18: followers say which high watermark they know (KIP-1166).

use bytes::Bytes;

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{
    BrokerEpoch, FetchSessionId, LeaderEpoch, NodeId, Offset, PartitionIndex, ProducerId,
    RawOffset, Uuid,
};
use crate::schema::messages;

messages! { hot;
    /// Asks leaders for batches. `FetchRequest.json`.
    struct FetchRequest(FETCH -> FetchResponse, 4..=18, flexible 12..) {
        /// The cluster the caller means, if it knows; only followers say so.
        cluster_id: Option<Str> = 12.. ignorable, tag 0;
        /// The follower that asks; `None`: a consumer. From v15 on in `replica_state`.
        replica_id: Option<NodeId> = 0..=14;
        /// The follower that asks.
        replica_state: ReplicaState = 15.., tag 1;
        /// How long to wait for `min_bytes`, in milliseconds.
        max_wait_ms: i32 = 0..;
        /// Answer as soon as there are so many bytes.
        min_bytes: i32 = 0..;
        /// Stop at so many bytes; the first batch comes even if it is larger (KIP-74).
        max_bytes: i32 = 3.. ignorable, or i32::MAX;
        /// 0: all records; 1: only committed ones (Kafka: `isolation.level`).
        isolation_level: i8 = 4.. ignorable, or 0;
        /// The session; `None`: none, or a new one.
        session_id: Option<FetchSessionId> = 7.. ignorable;
        /// The number of this request in its session: 0 starts one, -1 is a request without.
        session_epoch: i32 = 7.. ignorable, or -1;
        /// Each topic; in a session only those that changed.
        topics: Vec<FetchTopic> = 0..;
        /// Partitions that leave the session.
        forgotten_topics_data: Vec<ForgottenTopic> = 7..;
        /// The caller's rack, or empty.
        rack_id: Str = 11.. ignorable, or Str::new();
    }

    /// The follower that asks.
    struct ReplicaState {
        /// Its id; `None`: a consumer asks.
        replica_id: Option<NodeId> = 15..;
        /// Its registration, if it has one.
        replica_epoch: Option<BrokerEpoch> = 15..;
    }

    /// A topic to read.
    struct FetchTopic {
        /// Its name, up to v12.
        topic: Str = 0..=12 ignorable;
        /// Its id, from v13 on.
        topic_id: Uuid = 13.. ignorable;
        /// Each partition.
        partitions: Vec<FetchPartition> = 0..;
    }

    /// A partition to read.
    struct FetchPartition {
        /// Which partition.
        partition: PartitionIndex = 0..;
        /// The leader epoch the caller knows, to be fenced by.
        current_leader_epoch: Option<LeaderEpoch> = 9.. ignorable;
        /// Where to read from.
        fetch_offset: RawOffset = 0..;
        /// The epoch of the last record the caller has, so that divergence is noticed.
        last_fetched_epoch: Option<LeaderEpoch> = 12..;
        /// Where a follower's log starts; no broker looks at a consumer's.
        log_start_offset: RawOffset = 5.. ignorable, or RawOffset::NONE;
        /// Stop at so many bytes of this partition; see `max_bytes`.
        partition_max_bytes: i32 = 0..;
        /// The directory in which a follower keeps the partition.
        replica_directory_id: Uuid = 17.. ignorable, tag 0;
        /// The high watermark a follower knows; `Offset::MAX`: it does not say.
        high_watermark: Option<Offset> = 18.. ignorable, tag 1, or Some(Offset::MAX);
    }

    /// Partitions that leave the session.
    struct ForgottenTopic {
        /// The topic's name, up to v12.
        topic: Str = 7..=12 ignorable;
        /// The topic's id, from v13 on.
        topic_id: Uuid = 13.. ignorable;
        /// Which partitions.
        partitions: Vec<PartitionIndex> = 7..;
    }

    /// Batches. `FetchResponse.json`.
    struct FetchResponse(4..=18, flexible 12..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 1.. ignorable;
        /// Whether the request failed as a whole.
        error_code: ErrorCode = 7.. ignorable;
        /// The session, if there is one.
        session_id: Option<FetchSessionId> = 7..;
        /// Each topic; in a session only those with something to say.
        responses: Vec<FetchableTopicResponse> = 0..;
        /// Where the new leaders are that `current_leader` names.
        node_endpoints: Vec<NodeEndpoint> = 16.., tag 0;
    }

    /// What was read of one topic.
    struct FetchableTopicResponse {
        /// Its name, up to v12.
        topic: Str = 0..=12 ignorable;
        /// Its id, from v13 on.
        topic_id: Uuid = 13.. ignorable;
        /// Each partition.
        partitions: Vec<PartitionData> = 0..;
    }

    /// What was read of one partition.
    struct PartitionData {
        /// Which partition.
        partition_index: PartitionIndex = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// Consumers see what lies before this offset.
        high_watermark: Option<Offset> = 0..;
        /// Before this offset every transaction is decided.
        last_stable_offset: Option<Offset> = 4.. ignorable;
        /// The first offset in the partition's log.
        log_start_offset: Option<Offset> = 5.. ignorable;
        /// From where on the caller's log differs from the leader's.
        diverging_epoch: EpochEndOffset = 12.., tag 0;
        /// Who leads now, with NOT_LEADER_OR_FOLLOWER and the like.
        current_leader: LeaderIdAndEpoch = 12.., tag 1;
        /// The snapshot to fetch instead, if the offset lies before the log's start.
        snapshot_id: SnapshotId = 12.., tag 2;
        /// Transactions that were aborted in what was read; `None` unless committed records only
        /// were asked for.
        aborted_transactions: Option<Vec<AbortedTransaction>> = 4.. ignorable;
        /// Where the consumer should read from next time (KIP-392).
        preferred_read_replica: Option<NodeId> = 11..;
        /// Whole batches; the last one may be cut short.
        records: Option<Bytes> = 0..;
    }

    /// Where an epoch ends.
    struct EpochEndOffset {
        /// The largest epoch that both logs have.
        epoch: Option<LeaderEpoch> = 12..;
        /// The offset behind its last record.
        end_offset: Option<Offset> = 12..;
    }

    /// A partition's leader.
    struct LeaderIdAndEpoch {
        /// Who leads; `None` if it is not known.
        leader_id: Option<NodeId> = 12..;
        /// Since which epoch.
        leader_epoch: Option<LeaderEpoch> = 12..;
    }

    /// Names a snapshot.
    struct SnapshotId {
        /// The offset behind the last record in it.
        end_offset: Option<Offset> = 0..;
        /// The epoch of that record.
        epoch: Option<LeaderEpoch> = 0..;
    }

    /// A transaction that was aborted.
    struct AbortedTransaction {
        /// Whose it was.
        producer_id: ProducerId = 4..;
        /// Where its first record is.
        first_offset: Option<Offset> = 4..;
    }

    /// Where a broker listens.
    struct NodeEndpoint {
        /// Its id.
        node_id: NodeId = 16..;
        /// Its host.
        host: Str = 16..;
        /// Its port.
        port: i32 = 16..;
        /// Its rack, if it has one.
        rack: Option<Str> = 16..;
    }
}
