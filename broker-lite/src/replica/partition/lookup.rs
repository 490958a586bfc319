//! Finds offsets: of leader epochs, of timestamps, and the ends of the log; and moves the start.

use std::io;

use bytes::BytesMut;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{
    CoordinatorEpoch, LeaderEpoch, Offset, ProducerEpoch, ProducerId, RawOffset, Sequence,
    Timestamp,
};
use ottla_protocol::messages::delete_records::OFFSET_HIGH_WATERMARK;

use super::{Partition, PartitionOffsets};
use crate::replica::prepare::{Codecs, first_record_since};

/// Which offset is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum OffsetQuery {
    /// The first of the log.
    Earliest,
    /// The high watermark, or where the first undecided transaction begins.
    Latest,
    /// Of the record with the largest timestamp.
    MaxTimestamp,
    /// Of the first record as young as this.
    AtOrAfter(Timestamp),
}

/// The answer to an [`OffsetQuery`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct FoundOffset {
    /// `None` if no record is like that.
    pub(crate) offset: Option<Offset>,
    /// Of that record; `None` for the ends of the log.
    pub(crate) timestamp: Option<Timestamp>,
    pub(crate) leader_epoch: Option<LeaderEpoch>,
}

/// A producer that wrote to a partition.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ActiveProducer {
    pub(crate) id: ProducerId,
    pub(crate) epoch: ProducerEpoch,
    /// Of its last record.
    pub(crate) last_sequence: Option<Sequence>,
    /// Of its last batch.
    pub(crate) last_timestamp: Option<Timestamp>,
    /// Of who ended its last transaction.
    pub(crate) coordinator_epoch: Option<CoordinatorEpoch>,
    /// The first offset of its open transaction.
    pub(crate) open_since: Option<Offset>,
}

impl Partition {
    /// The largest epoch up to `epoch` and the offset at which it ends; `None` if unknown.
    pub(crate) fn end_offset_for(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        let inner = self.lock();
        inner.log.epochs().end_offset_for(epoch, inner.log.end())
    }

    /// Finds an offset; with `committed_only` below the first undecided transaction.
    ///
    /// # Errors
    ///
    /// `NOT_LEADER_OR_FOLLOWER`; `KAFKA_STORAGE_ERROR`; `CORRUPT_MESSAGE` where a batch that may hold
    /// the record is damaged; `UNSUPPORTED_COMPRESSION_TYPE`, where its codec is not compiled in.
    pub(crate) fn list_offset(
        &self,
        query: OffsetQuery,
        committed_only: bool,
        codecs: &mut Codecs,
    ) -> Result<FoundOffset, ErrorCode> {
        let mut inner = self.lock();
        inner.check_leader(false).map_err(|e| e.code())?;
        let PartitionOffsets { log_start, high_watermark, last_stable, leader_epoch, .. } =
            inner.offsets();
        let visible_end = if committed_only { last_stable } else { high_watermark };
        let end = |offset| FoundOffset { offset: Some(offset), timestamp: None, leader_epoch };
        let wanted = match query {
            OffsetQuery::Earliest => {
                return Ok(FoundOffset {
                    leader_epoch: inner.log.epochs().covering(log_start).or(leader_epoch),
                    ..end(log_start)
                });
            }
            OffsetQuery::Latest => return Ok(end(visible_end)),
            OffsetQuery::MaxTimestamp => inner.log.newest().map_err(|e| self.read_failed(&e))?,
            OffsetQuery::AtOrAfter(timestamp) => Some(timestamp.0),
        };
        drop(inner);
        let Some(wanted) = wanted else { return Ok(FoundOffset::default()) };
        let found = self.first_since(wanted, log_start, codecs)?;
        Ok(found.filter(|found| found.offset < Some(visible_end)).unwrap_or_default())
    }

    /// The first record at `from` or later that is as young as `timestamp`.
    fn first_since(
        &self,
        timestamp: i64,
        mut from: Offset,
        codecs: &mut Codecs,
    ) -> Result<Option<FoundOffset>, ErrorCode> {
        loop {
            let found = self.lock().log.find_time(timestamp, from);
            let Some((plan, batch)) = found.map_err(|e| self.read_failed(&e))? else {
                return Ok(None);
            };
            let mut bytes = BytesMut::new();
            self.read_plan(&plan, &mut bytes)?;
            let found = first_record_since(bytes.freeze(), (timestamp, from), codecs);
            let found = found.map_err(|error| {
                let (topic, offset) = (&self.topic, batch.base);
                tracing::error!(topic, partition = %self.index, %offset, %error, "cannot read a batch");
                error.code()
            })?;
            if let Some((offset, time)) = found {
                return Ok(Some(FoundOffset {
                    offset: Some(offset),
                    timestamp: Some(time),
                    leader_epoch: batch.leader_epoch,
                }));
            }
            // only records before the start of the log are as young
            from = batch.last.next();
        }
    }

    /// Bytes of its segments.
    pub(crate) fn size(&self) -> u64 {
        self.lock().log.size()
    }

    /// Who wrote to it, by id.
    ///
    /// # Errors
    ///
    /// `NOT_LEADER_OR_FOLLOWER`, `KAFKA_STORAGE_ERROR`.
    pub(crate) fn producers(&self) -> Result<Vec<ActiveProducer>, ErrorCode> {
        let inner = self.lock();
        inner.check_leader(false).map_err(|e| e.code())?;
        let producers = inner.log.producers().iter().map(|(id, entry)| {
            let last_timestamp = Timestamp(entry.last_timestamp);
            ActiveProducer {
                id,
                epoch: entry.epoch,
                last_sequence: entry.batches.back().map(|batch| batch.last),
                last_timestamp: Some(last_timestamp).filter(|timestamp| timestamp.0 >= 0),
                coordinator_epoch: entry.coordinator_epoch,
                open_since: entry.open_since,
            }
        });
        Ok(producers.collect())
    }

    /// Moves the start of the log forward to `offset`, or with [`OFFSET_HIGH_WATERMARK`] to the high watermark; says where
    /// the log starts then. It has to be checkpointed before anybody is told.
    ///
    /// # Errors
    ///
    /// `OFFSET_OUT_OF_RANGE` above the high watermark, `POLICY_VIOLATION` where nothing may be
    /// deleted, `NOT_LEADER_OR_FOLLOWER`, `KAFKA_STORAGE_ERROR`.
    pub(crate) fn delete_records(&self, offset: RawOffset) -> Result<Offset, ErrorCode> {
        let mut inner = self.lock();
        inner.check_leader(false).map_err(|e| e.code())?;
        let cleanup = inner.config.cleanup;
        if cleanup.compact && !cleanup.delete {
            return Err(ErrorCode::POLICY_VIOLATION);
        }
        let asked = match offset {
            OFFSET_HIGH_WATERMARK => Some(inner.high_watermark),
            offset => offset.offset().filter(|offset| *offset <= inner.high_watermark),
        };
        let start = asked.ok_or(ErrorCode::OFFSET_OUT_OF_RANGE)?;
        inner.log.trim(start);
        Ok(inner.log.start())
    }

    /// Moves the start of the log behind what the topic's rules do not keep any more; true if it
    /// moved. It has to be checkpointed, which removes the files.
    pub(crate) fn retain(&self, now_ms: i64) -> bool {
        let mut inner = self.lock();
        if inner.refuse_failed().is_err() || inner.given_up {
            return false;
        }
        let committed = inner.high_watermark;
        let retained = inner.log.retain(committed, now_ms);
        inner.fenced(retained).unwrap_or(false)
    }

    /// It is on the device that the log starts at `start` or later: what lies before goes.
    pub(crate) fn start_is_kept(&self, start: Offset) {
        let mut inner = self.lock();
        let removed = inner.log.start_is_kept(start);
        // who comes next finds out
        drop(inner.fenced(removed));
    }

    /// The first offset of the segment that holds `offset`.
    pub(crate) fn segment_base(&self, offset: Offset) -> Offset {
        self.lock().log.segment_base(offset)
    }

    /// Cuts off `offset` and everything behind it, as a follower does whose log has diverged.
    ///
    /// # Errors
    ///
    /// The replica is failed then.
    pub(crate) fn truncate_to(&self, offset: Offset, now_ms: i64) -> io::Result<()> {
        let mut inner = self.lock();
        inner.refuse_failed()?;
        let cut = inner.log.truncate_to(offset, now_ms);
        let end = inner.log.end();
        inner.high_watermark = inner.high_watermark.min(end);
        inner.syncing.cut(end);
        inner.fenced(cut)
    }
}
