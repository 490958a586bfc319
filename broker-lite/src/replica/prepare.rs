//! What is done to a batch before its partition's lock is taken.

use bytes::Bytes;
use ottla_protocol::ids::{Offset, Timestamp};

use super::append_error::AppendError;
use crate::log::batch::{BadBatch, BatchView};
use crate::log::config::{LogConfig, TimestampType};

/// What a Produce request says about all its batches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProduceRules {
    /// Version of the request.
    pub(crate) version: i16,
    /// acks=all.
    pub(crate) all_in_sync: bool,
    /// Wall time in milliseconds since 1970.
    pub(crate) now_ms: i64,
}

/// Contexts that are used again for each batch; one for each connection.
#[derive(Debug, Default)]
pub(crate) struct Codecs {}

/// A batch that only needs its place in the log.
#[derive(Clone, Debug)]
pub(crate) struct PreparedBatch {
    bytes: Bytes,
    view: BatchView,
    log_append_time: Option<Timestamp>,
}

impl PreparedBatch {
    /// Checks that `records` is one batch of magic 2: what Kafka checks before it looks for the
    /// partition.
    pub(super) fn shape(records: Bytes, _rules: &ProduceRules) -> Result<Self, AppendError> {
        if records.is_empty() {
            return Err(AppendError::NoBatch);
        }
        let view = BatchView::read(&records).map_err(|bad| match bad {
            BadBatch::Magic(magic) => AppendError::Magic(magic),
            bad => AppendError::Corrupt(bad.to_string()),
        })?;
        let bytes = view.bytes as usize;
        if bytes > records.len() {
            return Err(AppendError::Corrupt(BadBatch::Torn.to_string()));
        }
        if bytes < records.len() {
            return Err(AppendError::SeveralBatches(records.len() - bytes));
        }
        Ok(Self { bytes: records, view, log_append_time: None })
    }

    /// A batch made by this broker, with any content: no check but its checksum.
    pub(crate) fn internal(batch: Bytes) -> Result<Self, AppendError> {
        let rules = ProduceRules { version: i16::MAX, all_in_sync: false, now_ms: 0 };
        let this = Self::shape(batch, &rules)?;
        if this.view.checksum_fits(&this.bytes) {
            Ok(this)
        } else {
            Err(AppendError::Corrupt(BadBatch::Checksum.to_string()))
        }
    }

    /// The rest of the checks.
    pub(super) fn validate(
        self,
        config: &LogConfig,
        rules: &ProduceRules,
        _codecs: &mut Codecs,
    ) -> Result<Self, AppendError> {
        if self.view.base != Offset::ZERO {
            return Err(AppendError::BaseOffset(self.view.base.get()));
        }
        let bytes = self.bytes.len();
        if self.view.bytes > config.message_bytes_max {
            return Err(AppendError::TooLarge { bytes, max: config.message_bytes_max });
        }
        if !self.view.checksum_fits(&self.bytes) {
            return Err(AppendError::Corrupt(BadBatch::Checksum.to_string()));
        }
        if self.view.is_control() {
            return Err(AppendError::Control);
        }
        if self.view.is_transactional() {
            return Err(AppendError::Transactional);
        }
        if self.view.bytes > config.segment_bytes {
            return Err(AppendError::LargerThanSegment { bytes, max: config.segment_bytes });
        }
        let stamped = config.timestamp_type == TimestampType::LogAppendTime;
        let log_append_time = stamped.then_some(Timestamp(rules.now_ms));
        Ok(Self { log_append_time, ..self })
    }

    /// All of it, as it came but for the time stamp.
    pub(crate) const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    pub(crate) const fn view(&self) -> &BatchView {
        &self.view
    }

    /// When the broker stamped it.
    pub(crate) const fn log_append_time(&self) -> Option<Timestamp> {
        self.log_append_time
    }
}

/// The first record in `batch` that is as young as `timestamp`; `None` if the batch is damaged.
pub(super) fn first_record_since(
    _batch: Bytes,
    _timestamp: i64,
    _codecs: &mut Codecs,
) -> Option<(Offset, Timestamp)> {
    None
}
