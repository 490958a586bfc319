//! Topics and partitions.

use crate::Str;
use crate::error::{DecodeError, EncodeError};
use crate::ids::{LeaderEpoch, NodeId, PartitionEpoch, PartitionIndex, Uuid};
use crate::schema::{DefaultValue, Literal, Type, messages};
use crate::wire::{FrameWriter, Reader, Version, Wire};

/// Who leads a partition after a change of it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum LeaderChange {
    /// Who led before, in the same epoch (-2 on the wire).
    #[default]
    Unchanged,
    /// Nobody (-1).
    Nobody,
    /// This broker, in a new epoch; the ids -1 and -2 stand for the two above.
    Elected(NodeId),
}

impl LeaderChange {
    /// As on the wire.
    pub(crate) const fn number(self) -> i32 {
        match self {
            Self::Unchanged => -2,
            Self::Nobody => -1,
            Self::Elected(NodeId(id)) => id,
        }
    }
}

impl Wire for LeaderChange {
    const TYPE: Type = Type::Int32;
    const DEFAULT: DefaultValue = Literal(Self::Unchanged).value();

    fn size_min(version: Version) -> usize {
        NodeId::size_min(version)
    }

    fn as_default(&self) -> Option<DefaultValue> {
        Some(Literal(*self).value())
    }

    fn write(&self, out: &mut FrameWriter, version: Version) -> Result<(), EncodeError> {
        self.number().write(out, version)
    }

    fn read(reader: &mut Reader, version: Version) -> Result<Self, DecodeError> {
        Ok(match i32::read(reader, version)? {
            -2 => Self::Unchanged,
            -1 => Self::Nobody,
            id => Self::Elected(NodeId(id)),
        })
    }
}

messages! {
    /// A topic was created. `TopicRecord.json`.
    struct TopicRecord(0..=0, flexible 0..) {
        /// Its name.
        name: Str = 0..;
        /// Its id.
        topic_id: Uuid = 0..;
    }

    /// A topic was deleted, with all its partitions. `RemoveTopicRecord.json`.
    struct RemoveTopicRecord(0..=0, flexible 0..) {
        /// Its id.
        topic_id: Uuid = 0..;
    }

    /// A partition was created. `PartitionRecord.json`; v1: directories (KIP-858); v2: replicas
    /// that may lead though they are out of sync (KIP-966).
    struct PartitionRecord(0..=2, flexible 0..) {
        /// Its index.
        partition_id: PartitionIndex = 0.., or PartitionIndex(-1);
        /// Its topic.
        topic_id: Uuid = 0..;
        /// All its replicas, the preferred leader first.
        replicas: Vec<NodeId> = 0..;
        /// The replicas that are in sync.
        isr: Vec<NodeId> = 0..;
        /// Replicas that are on their way out.
        removing_replicas: Vec<NodeId> = 0..;
        /// Replicas that are on their way in.
        adding_replicas: Vec<NodeId> = 0..;
        /// Who leads it; `None` if nobody does.
        leader: Option<NodeId> = 0..;
        /// 1 after an unclean election that is not yet recovered from, else 0.
        leader_recovery_state: i8 = 0.., tag 0, or 0;
        /// Counts its leaders.
        leader_epoch: LeaderEpoch = 0.., or LeaderEpoch(-1);
        /// Counts its changes.
        partition_epoch: PartitionEpoch = 0.., or PartitionEpoch(-1);
        /// In which directory each of `replicas` keeps it.
        directories: Vec<Uuid> = 1..;
        /// Replicas that may lead though they are not in sync.
        eligible_leader_replicas: Option<Vec<NodeId>> = 2.., tag 1;
        /// Who might have led when the last of those was lost.
        last_known_elr: Option<Vec<NodeId>> = 2.., tag 2;
    }

    /// A partition changed; what is not said stays. `PartitionChangeRecord.json`; v1: directories
    /// (KIP-858); v2: eligible leaders (KIP-966).
    struct PartitionChangeRecord(0..=2, flexible 0..) {
        /// Its index.
        partition_id: PartitionIndex = 0.., or PartitionIndex(-1);
        /// Its topic.
        topic_id: Uuid = 0..;
        /// The replicas that are in sync now.
        isr: Option<Vec<NodeId>> = 0.., tag 0;
        /// Who leads now.
        leader: LeaderChange = 0.., tag 1;
        /// All replicas now.
        replicas: Option<Vec<NodeId>> = 0.., tag 2;
        /// Replicas on their way out now.
        removing_replicas: Option<Vec<NodeId>> = 0.., tag 3;
        /// Replicas on their way in now.
        adding_replicas: Option<Vec<NodeId>> = 0.., tag 4;
        /// 1 after an unclean election that is not yet recovered from, 0 if it is; `None`: unchanged.
        leader_recovery_state: Option<i8> = 0.., tag 5;
        /// Replicas that may lead now though they are not in sync.
        eligible_leader_replicas: Option<Vec<NodeId>> = 2.., tag 6;
        /// Who might have led when the last of those was lost.
        last_known_elr: Option<Vec<NodeId>> = 2.., tag 7;
        /// In which directory each replica keeps it now.
        directories: Option<Vec<Uuid>> = 1.., tag 8;
    }

    /// Eligible leaders (KIP-966) are forgotten. `ClearElrRecord.json`.
    struct ClearElrRecord(0..=0, flexible 0..) {
        /// Of which topic; empty: of all topics.
        topic_name: Str = 0..;
    }
}
