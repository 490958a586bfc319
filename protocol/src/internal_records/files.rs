//! Two files that Kafka keeps beside its logs.

use crate::Str;
use crate::ids::{
    CoordinatorEpoch, LeaderEpoch, NodeId, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp,
    Uuid,
};
use crate::schema::messages;

messages! {
    /// What a partition knows of its producers up to an offset: the file `*.snapshot`, behind its
    /// version (int16). `ProducerSnapshot.json`.
    struct ProducerSnapshot(1..=1) {
        /// CRC-32C of what follows it.
        crc: u32 = 1..;
        /// Each producer.
        producer_entries: Vec<ProducerEntry> = 1..;
    }

    /// A producer.
    struct ProducerEntry {
        /// Its id.
        producer_id: ProducerId = 1..;
        /// Its epoch.
        epoch: ProducerEpoch = 1..;
        /// The number of the last record it wrote; `None` if it wrote none in this epoch.
        last_sequence: Option<Sequence> = 1..;
        /// Where that record is.
        last_offset: Option<Offset> = 1..;
        /// How many records lie between the first and the last one of its last batch.
        offset_delta: i32 = 1..;
        /// The largest timestamp of its last batch.
        timestamp: Option<Timestamp> = 1..;
        /// The epoch of the coordinator that ended its last transaction; `None`: it had none.
        coordinator_epoch: Option<CoordinatorEpoch> = 1..;
        /// Where its open transaction begins; `None` if none is open.
        current_txn_first_offset: Option<Offset> = 1..;
    }

    /// Whom a KRaft voter follows or voted for: the file `quorum-state`, as JSON. v1: directories
    /// (KIP-853). `QuorumStateData.json`.
    struct QuorumStateData(0..=1, flexible 0..) {
        /// The cluster's id, in v0.
        cluster_id: Str = 0..=0;
        /// The leader; `None` if it is not known.
        leader_id: Option<NodeId> = 0..;
        /// The epoch it leads or is elected for.
        leader_epoch: Option<LeaderEpoch> = 0..;
        /// Who got the vote; `None`: nobody.
        voted_id: Option<NodeId> = 0..;
        /// The directory of the one who got it.
        voted_directory_id: Uuid = 1..;
        /// Always 0, in v0.
        applied_offset: Offset = 0..=0;
        /// Who votes, in v0.
        current_voters: Option<Vec<Voter>> = 0..=0;
    }

    /// A voter.
    struct Voter {
        /// Its id.
        voter_id: NodeId = 0..=0;
    }
}
