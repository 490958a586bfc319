//! How far share groups are (KIP-932): the records of `__share_group_state`.

use crate::Str;
use crate::ids::{LeaderEpoch, Offset, PartitionIndex, ShareStateEpoch, Timestamp, Uuid};
use crate::schema::messages;

messages! {
    /// Names a partition of a group. `ShareSnapshotKey.json`.
    struct ShareSnapshotKey(0..=0) {
        /// The group (Kafka: `group.id`).
        group_id: Str = 0..;
        /// The topic's id.
        topic_id: Uuid = 0..;
        /// Which partition.
        partition: PartitionIndex = 0..;
    }

    /// How far a group is in a partition, all of it. `ShareSnapshotValue.json`.
    struct ShareSnapshotValue(0..=0, flexible 0..) {
        /// Counts the snapshots of this partition.
        snapshot_epoch: i32 = 0..;
        /// Counts how often the state began.
        state_epoch: ShareStateEpoch = 0..;
        /// The epoch of the partition's leader that wrote last.
        leader_epoch: Option<LeaderEpoch> = 0..;
        /// The first record that is not done; `None` if nobody knows yet.
        start_offset: Option<Offset> = 0..;
        /// How many records from there on are done already; `None`: not known (KIP-1226).
        delivery_complete_count: Option<i32> = 0.., tag 0;
        /// When the state began.
        create_timestamp: Timestamp = 0..;
        /// When this record was written.
        write_timestamp: Timestamp = 0..;
        /// How records from there on stand.
        state_batches: Vec<StateBatch> = 0..;
    }

    /// A run of records that stand alike.
    struct StateBatch {
        /// The first record.
        first_offset: Offset = 0..;
        /// The last record, included.
        last_offset: Offset = 0..;
        /// 0: to be handed out; 2: accepted; 4: given up.
        delivery_state: i8 = 0..;
        /// How often they have been handed out.
        delivery_count: i16 = 0..;
    }

    /// Names a partition of a group. `ShareUpdateKey.json`.
    struct ShareUpdateKey(0..=0) {
        /// The group (Kafka: `group.id`).
        group_id: Str = 0..;
        /// The topic's id.
        topic_id: Uuid = 0..;
        /// Which partition.
        partition: PartitionIndex = 0..;
    }

    /// What changed since the snapshot. `ShareUpdateValue.json`.
    struct ShareUpdateValue(0..=0, flexible 0..) {
        /// The snapshot it adds to.
        snapshot_epoch: i32 = 0..;
        /// The epoch of the partition's leader that wrote it.
        leader_epoch: Option<LeaderEpoch> = 0..;
        /// The first record that is not done; `None`: unchanged.
        start_offset: Option<Offset> = 0..;
        /// How many records from there on are done already; `None`: not known (KIP-1226).
        delivery_complete_count: Option<i32> = 0.., tag 0;
        /// The records that stand otherwise than before.
        state_batches: Vec<StateBatch> = 0..;
    }
}
