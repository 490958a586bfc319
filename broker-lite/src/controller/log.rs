//! `__cluster_metadata`: the ledger's events as records of one partition, written by the same
//! append path as any other and synced before they count.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use ottla_protocol::error::{DecodeError, EncodeError};
use ottla_protocol::ids::{LeaderEpoch, NodeId, Offset, PartitionIndex, Uuid};
use ottla_protocol::messages::leader_change::{LeaderChangeMessage, Voter};
use ottla_protocol::schema::Message;
use ottla_protocol::wire::FrameWriter;

use super::image::Image;
use super::names::METADATA_TOPIC;
use super::records::{self, Event};
use crate::log::batch::Damage;
use crate::log::checkpoints::RECOVERY_POINTS;
use crate::log::config::LogConfig;
use crate::log::disk::SyncDone;
use crate::log::manager::LogManager;
use crate::log::recovery::OpenError;
use crate::quorum::{self, ElectionError};
use crate::replica::append_error::AppendError;
use crate::replica::partition::Partition;
use crate::replica::prepare::{PreparedBatch, ProduceRules};

mod batches;
#[cfg(test)]
mod tests;

/// The only partition there is.
const PARTITION: PartitionIndex = PartitionIndex(0);
/// The largest batch: the ledger bounds what one decision changes, and this is far above.
const BATCH_BYTES_MAX: u32 = 64 * 1024 * 1024;
/// How much of the log is read at a time when it is replayed.
const REPLAY_BYTES: u32 = 1024 * 1024;

/// Why the metadata log cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    #[error("cannot open: {0}")]
    Open(#[source] OpenError),
    /// Nothing that follows counts without it.
    #[error(
        "{dir}/{damage}; it was on the device as it was written, so nothing is cut off unasked: \
         `broker-lite log verify {dir}` says what else is damaged; restore the file from a copy, or \
         give up that batch and all metadata behind it: write 0 for the last number of the line \
         `{METADATA_TOPIC} 0 ...` in {dir}/{RECOVERY_POINTS}"
    )]
    Damaged { dir: String, damage: Damage },
    /// It is neither trimmed nor compacted: each batch follows on the one before.
    #[error(
        "{dir}/{METADATA_TOPIC}-0 holds no batch that begins at offset {due}: a segment is gone, or cut \
         short, and what follows is not the whole without it; `broker-lite log verify {dir}` says \
         more; restore the folder from a copy"
    )]
    Gap { dir: String, due: Offset },
    #[error(transparent)]
    Election(#[from] ElectionError),
    #[error("cannot read: {0}")]
    Read(#[source] io::Error),
    #[error("a damaged batch: {0}")]
    Batch(String),
    #[error("a record at offset {offset} that this broker cannot read: {source}")]
    Record { offset: Offset, source: DecodeError },
    #[error("a record cannot be written: {0}")]
    Encode(#[from] EncodeError),
    #[error("cannot append: {0}")]
    Append(#[from] AppendError),
    #[error("cannot sync: {0}")]
    Sync(#[source] io::Error),
}

/// The log of the cluster's metadata, led by this node.
#[derive(Debug)]
pub(crate) struct MetadataLog {
    partition: Arc<Partition>,
    next: Offset,
}

impl MetadataLog {
    /// The epoch in which this node leads it.
    pub(crate) fn epoch(&self) -> LeaderEpoch {
        self.partition.offsets().leader_epoch.unwrap_or_default()
    }

    /// Opens the log, replays it and starts a new epoch in it. The log, what it adds up to, and the
    /// topics that were deleted.
    ///
    /// # Errors
    ///
    /// See [`LogError`].
    pub(crate) fn open(
        logs: &LogManager,
        node: NodeId,
        now_ms: i64,
    ) -> Result<(Self, Image, BTreeSet<Uuid>), LogError> {
        let config = LogConfig { message_bytes_max: BATCH_BYTES_MAX, ..LogConfig::default() };
        let place = (METADATA_TOPIC, PARTITION, Uuid::METADATA_TOPIC);
        let damaged = |damage| LogError::Damaged { dir: logs.disk().name(), damage };
        let opened = logs.open_partition(place, config, now_ms);
        let (partition, _) = opened.map_err(|error| match error {
            OpenError::Damaged(damage) => damaged(damage),
            other => LogError::Open(other),
        })?;
        let dir = crate::log::manager::dir_name(METADATA_TOPIC, PARTITION);
        let epoch = quorum::elect(logs.disk(), &dir, node)?;
        partition.make_leader(epoch, 1, 1).map_err(LogError::Sync)?;
        let next = partition.offsets().log_end;
        let mut log = Self { next, partition: Arc::new(partition) };
        let gap = |due| LogError::Gap { dir: logs.disk().name(), due };
        let (mut image, mut deleted) = (Image::default(), BTreeSet::new());
        log.replay(gap, &mut |event| {
            if let Event::RemoveTopic(record) = &event {
                deleted.insert(record.topic_id);
            }
            image.apply(&event);
        })
        .map_err(|error| match error {
            LogError::Read(source) => match Damage::of(&source) {
                Some(damage) => damaged(damage.clone()),
                None => LogError::Read(source),
            },
            other => other,
        })?;
        log.append_batch(batches::leader_change(&leader_change(node)?, now_ms)?, now_ms)?;
        Ok((log, image, deleted))
    }

    /// Every event from the first on; `gap` is the error where one is missing.
    fn replay(
        &self,
        gap: impl Fn(Offset) -> LogError,
        apply: &mut dyn FnMut(Event),
    ) -> Result<(), LogError> {
        if self.partition.offsets().log_start > Offset::ZERO {
            return Err(gap(Offset::ZERO));
        }
        let mut due = Offset::ZERO;
        while due < self.next {
            let read = self.partition.read_own(due, REPLAY_BYTES);
            let after = batches::events(read.map_err(LogError::Read)?, due, &gap, apply)?;
            if after == due {
                return Err(gap(due));
            }
            due = after;
        }
        Ok(())
    }

    /// Whether a write or sync has failed in the data directory, here or elsewhere.
    pub(crate) fn has_failed(&self) -> bool {
        self.partition.checkpoint().is_err()
    }

    /// What has failed there.
    pub(crate) fn failure(&self) -> Option<String> {
        self.partition.checkpoint().err().map(|error| error.to_string())
    }

    /// The offset the next event gets.
    pub(crate) const fn next_offset(&self) -> Offset {
        self.next
    }

    /// Appends `events` in one batch: all of them are replayed or none.
    pub(crate) fn append(&mut self, events: &[Event], now_ms: i64) -> Result<(), LogError> {
        let values = events.iter().map(records::encode).collect::<Result<Vec<_>, _>>()?;
        self.append_batch(batches::build(&values, now_ms)?, now_ms)
    }

    fn append_batch(&mut self, batch: Bytes, now_ms: i64) -> Result<(), LogError> {
        let batch = PreparedBatch::internal(batch)?;
        let rules = ProduceRules { version: i16::MAX, all_in_sync: true, now_ms };
        let appended = self.partition.append(&batch, &rules)?;
        self.next = appended.committed_at;
        Ok(())
    }

    /// Starts to bring what was appended to the device; `done` is called once it is there.
    pub(crate) fn start_sync(&self, done: SyncDone) -> Result<(), LogError> {
        self.partition.start_sync(done).map_err(LogError::Sync)
    }

    /// Brings what was appended to the device; blocks until it is there.
    pub(crate) fn sync(&self) -> Result<(), LogError> {
        self.partition.sync().map_err(LogError::Sync)
    }

    /// What it is written to.
    pub(crate) const fn partition(&self) -> &Arc<Partition> {
        &self.partition
    }
}

fn leader_change(node: NodeId) -> Result<Bytes, EncodeError> {
    let voter = Voter { voter_id: node, ..Default::default() };
    let message = LeaderChangeMessage {
        version: 0,
        leader_id: node,
        voters: vec![voter.clone()],
        granting_voters: vec![voter],
        ..Default::default()
    };
    let mut out = FrameWriter::new();
    message.encode(0, &mut out)?;
    Ok(out.into_bytes())
}
