//! Finds offsets: of leader epochs, of timestamps, and the ends of the log.

use bytes::BytesMut;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{LeaderEpoch, Offset, Timestamp};

use super::{Partition, PartitionOffsets, read_plan};
use crate::replica::prepare::{Codecs, first_record_since};

/// Which offset is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum OffsetQuery {
    /// The first of the log.
    Earliest,
    /// The high watermark.
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

impl Partition {
    /// The largest epoch up to `epoch` and the offset at which it ends; `None` if unknown.
    pub(crate) fn end_offset_for(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        let inner = self.lock();
        inner.log.epochs().end_offset_for(epoch, inner.log.end())
    }

    /// Finds an offset.
    ///
    /// # Errors
    ///
    /// `NOT_LEADER_OR_FOLLOWER`, `KAFKA_STORAGE_ERROR`.
    pub(crate) fn list_offset(
        &self,
        query: OffsetQuery,
        codecs: &mut Codecs,
    ) -> Result<FoundOffset, ErrorCode> {
        let mut inner = self.lock();
        inner.check_leader(false).map_err(|e| e.code())?;
        let PartitionOffsets { log_start, high_watermark, leader_epoch, .. } = inner.offsets();
        let end = |offset| FoundOffset { offset: Some(offset), timestamp: None, leader_epoch };
        let found = match query {
            OffsetQuery::Earliest => {
                return Ok(FoundOffset {
                    leader_epoch: inner.log.epochs().covering(log_start).or(leader_epoch),
                    ..end(log_start)
                });
            }
            OffsetQuery::Latest => return Ok(end(high_watermark)),
            OffsetQuery::MaxTimestamp => inner.log.newest(),
            OffsetQuery::AtOrAfter(timestamp) => inner.log.find_time(timestamp.0),
        };
        drop(inner);
        let Some((plan, batch)) = found.map_err(|e| self.read_failed(&e))? else {
            return Ok(FoundOffset::default());
        };
        let mut bytes = BytesMut::new();
        read_plan(&plan, &mut bytes).map_err(|e| self.read_failed(&e))?;
        let wanted = match query {
            OffsetQuery::AtOrAfter(timestamp) => timestamp.0,
            _ => batch.max_timestamp,
        };
        let record = first_record_since(bytes.freeze(), wanted, codecs);
        let found = record.filter(|(offset, _)| (log_start..high_watermark).contains(offset));
        Ok(found.map_or_else(FoundOffset::default, |(offset, timestamp)| FoundOffset {
            offset: Some(offset),
            timestamp: Some(timestamp),
            leader_epoch: batch.leader_epoch,
        }))
    }
}
