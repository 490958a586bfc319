//! FetchSnapshot (59): a node of a KRaft quorum reads a snapshot from the leader (KIP-630).
//!
//! v1: directories, and where leaders listen (KIP-853).

use bytes::Bytes;

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{LeaderEpoch, NodeId, Offset, PartitionIndex, Uuid};
use crate::schema::messages;

messages! {
    /// Asks for parts of snapshots. `FetchSnapshotRequest.json`.
    struct FetchSnapshotRequest(FETCH_SNAPSHOT -> FetchSnapshotResponse, 0..=1, flexible 0..) {
        /// The node that asks; `None`: nobody that counts.
        replica_id: Option<NodeId> = 0..;
        /// How many bytes the answer may have.
        max_bytes: i32 = 0.., or i32::MAX;
        /// Each topic.
        topics: Vec<TopicSnapshot> = 0..;
        /// The cluster's id, to be checked if it is known.
        cluster_id: Option<Str> = 0.., tag 0;
    }

    /// A topic.
    struct TopicSnapshot {
        /// Its name.
        name: Str = 0..;
        /// Each partition.
        partitions: Vec<PartitionSnapshot> = 0..;
    }

    /// What is asked for of one partition.
    struct PartitionSnapshot {
        /// Which partition.
        partition: PartitionIndex = 0..;
        /// The epoch the asker knows, to be fenced by.
        current_leader_epoch: Option<LeaderEpoch> = 0..;
        /// Which snapshot.
        snapshot_id: SnapshotId = 0..;
        /// Where in the snapshot to begin, in bytes.
        position: i64 = 0..;
        /// The directory of the node that asks.
        replica_directory_id: Uuid = 1.. ignorable, tag 0;
    }

    /// What a snapshot goes by.
    struct SnapshotId {
        /// The offset behind the last record in it.
        end_offset: Offset = 0..;
        /// The epoch of that record.
        epoch: LeaderEpoch = 0..;
    }

    /// Parts of snapshots. `FetchSnapshotResponse.json`.
    struct FetchSnapshotResponse(0..=1, flexible 0..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0.. ignorable;
        /// Whether the request failed as a whole.
        error_code: ErrorCode = 0..;
        /// Each topic.
        topics: Vec<FetchedTopic> = 0..;
        /// Where the leaders named above listen.
        node_endpoints: Vec<NodeEndpoint> = 1.., tag 0;
    }

    /// The parts of one topic. Kafka calls it `TopicSnapshot`, as in the request.
    struct FetchedTopic {
        /// Its name.
        name: Str = 0..;
        /// Each partition.
        partitions: Vec<FetchedPartition> = 0..;
    }

    /// The part of one partition. Kafka calls it `PartitionSnapshot`, as in the request.
    struct FetchedPartition {
        /// Which partition.
        index: PartitionIndex = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// Which snapshot.
        snapshot_id: FetchedSnapshotId = 0..;
        /// How long the whole snapshot is, in bytes.
        size: i64 = 0..;
        /// Where in the snapshot this part begins, in bytes.
        position: i64 = 0..;
        /// The part; it may begin and end amid a batch.
        unaligned_records: Bytes = 0..;
        /// Who leads the partition.
        current_leader: LeaderIdAndEpoch = 0.., tag 0;
    }

    /// What a snapshot goes by. Kafka calls it `SnapshotId`, as in the request.
    struct FetchedSnapshotId {
        /// The offset behind the last record in it.
        end_offset: Option<Offset> = 0..;
        /// The epoch of that record.
        epoch: LeaderEpoch = 0..;
    }

    /// A leader. What is left out on the wire is node 0 in epoch 0.
    struct LeaderIdAndEpoch {
        /// Its id; `None` if it is not known.
        leader_id: Option<NodeId> = 0.., or Some(NodeId(0));
        /// Its epoch.
        leader_epoch: LeaderEpoch = 0..;
    }

    /// Where a leader listens.
    struct NodeEndpoint {
        /// Its id.
        node_id: NodeId = 1..;
        /// Its host.
        host: Str = 1..;
        /// Its port.
        port: u16 = 1..;
    }
}
