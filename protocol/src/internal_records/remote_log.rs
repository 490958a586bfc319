//! Segments in tiered storage (KIP-405): the records of `__remote_log_metadata`.
//!
//! The value of such a record is a frame version (1), the record's type and its version, as
//! varints, and then the record. The types are 0 to 3 in the order below; the snapshot record
//! stands in a broker's own file.

use bytes::Bytes;

use crate::Str;
use crate::ids::{LeaderEpoch, NodeId, Offset, PartitionIndex, Timestamp, Uuid};
use crate::schema::messages;

messages! {
    /// A segment is being copied. `RemoteLogSegmentMetadataRecord.json`.
    struct RemoteLogSegmentMetadataRecord(0..=0, flexible 0..) {
        /// Which segment.
        remote_log_segment_id: RemoteLogSegmentIdEntry = 0..;
        /// Its first offset.
        start_offset: Offset = 0..;
        /// Its last offset, included.
        end_offset: Offset = 0..;
        /// The broker that copies it.
        broker_id: NodeId = 0..;
        /// The largest timestamp in it.
        max_timestamp_ms: Timestamp = 0..;
        /// When this happened.
        event_timestamp_ms: Timestamp = 0..;
        /// Where leader epochs begin in it.
        segment_leader_epochs: Vec<SegmentLeaderEpochEntry> = 0..;
        /// Its size in bytes.
        segment_size_in_bytes: i32 = 0..;
        /// What the storage wants back.
        custom_metadata: Option<Bytes> = 0..;
        /// 0: being copied; 1: copied; 2: being deleted; 3: deleted.
        remote_log_segment_state: i8 = 0..;
        /// Whether no transaction was aborted in it.
        txn_index_empty: bool = 0.., tag 0;
    }

    /// Names a segment.
    struct RemoteLogSegmentIdEntry {
        /// Of which partition.
        topic_id_partition: TopicIdPartitionEntry = 0..;
        /// Its id.
        id: Uuid = 0..;
    }

    /// Names a partition.
    struct TopicIdPartitionEntry {
        /// The topic's name.
        name: Str = 0..;
        /// The topic's id.
        id: Uuid = 0..;
        /// Which partition.
        partition: PartitionIndex = 0..;
    }

    /// Where a leader epoch begins.
    struct SegmentLeaderEpochEntry {
        /// The epoch.
        leader_epoch: LeaderEpoch = 0..;
        /// Its first offset in the segment.
        offset: Offset = 0..;
    }

    /// A segment's state changed. `RemoteLogSegmentMetadataUpdateRecord.json`.
    struct RemoteLogSegmentMetadataUpdateRecord(0..=0, flexible 0..) {
        /// Which segment.
        remote_log_segment_id: RemoteLogSegmentIdEntry = 0..;
        /// The broker that changed it.
        broker_id: NodeId = 0..;
        /// When this happened.
        event_timestamp_ms: Timestamp = 0..;
        /// What the storage wants back.
        custom_metadata: Option<Bytes> = 0..;
        /// 0: being copied; 1: copied; 2: being deleted; 3: deleted.
        remote_log_segment_state: i8 = 0..;
    }

    /// A partition is being deleted. `RemotePartitionDeleteMetadataRecord.json`.
    struct RemotePartitionDeleteMetadataRecord(0..=0, flexible 0..) {
        /// Which partition.
        topic_id_partition: TopicIdPartitionEntry = 0..;
        /// The broker that deletes it.
        broker_id: NodeId = 0..;
        /// When this happened.
        event_timestamp_ms: Timestamp = 0..;
        /// 0: marked; 1: being deleted; 2: deleted.
        remote_partition_delete_state: i8 = 0..;
    }

    /// A segment that is copied; the partition is that of the file.
    /// `RemoteLogSegmentMetadataSnapshotRecord.json`.
    struct RemoteLogSegmentMetadataSnapshotRecord(0..=0, flexible 0..) {
        /// Its id.
        segment_id: Uuid = 0..;
        /// Its first offset.
        start_offset: Offset = 0..;
        /// Its last offset, included.
        end_offset: Offset = 0..;
        /// The broker that copied it.
        broker_id: NodeId = 0..;
        /// The largest timestamp in it.
        max_timestamp_ms: Timestamp = 0..;
        /// When that happened.
        event_timestamp_ms: Timestamp = 0..;
        /// Where leader epochs begin in it.
        segment_leader_epochs: Vec<SegmentLeaderEpochEntry> = 0..;
        /// Its size in bytes.
        segment_size_in_bytes: i32 = 0..;
        /// What the storage wants back.
        custom_metadata: Option<Bytes> = 0..;
        /// 0: being copied; 1: copied; 2: being deleted; 3: deleted.
        remote_log_segment_state: i8 = 0..;
        /// Whether no transaction was aborted in it.
        txn_index_empty: bool = 0.., tag 0;
    }
}
