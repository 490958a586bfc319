//! What is done to a batch before its partition's lock is taken.

use bytes::{Bytes, BytesMut};
use ottla_protocol::ids::{Offset, Timestamp};
use ottla_protocol::record::compression::CompressionError;
use ottla_protocol::record::{
    BatchBuilder, BatchError, BatchHeader, CheckedBatch, Compression, Compressor, Decompressor,
    HEADER_SIZE, ProducerStamp, RecordBlock, set_timestamps,
};

use super::append_error::{AppendError, RecordFault};
use crate::log::batch::{BadBatch, BatchBytes, BatchView};
use crate::log::config::{CompressionType, LogConfig, TimestampType};

/// How many times `max.message.bytes` the records of a compressed batch may take.
pub(crate) const EXPANSION_MAX: usize = 64;

/// A decompression buffer of more is not kept for the next batch.
const KEPT_BUFFER_BYTES_MAX: usize = 4 << 20;

/// Records at fault that a reply names.
const FAULTS_MAX: usize = 100;

/// What Kafka calls "no timestamp".
const NO_TIMESTAMP: i64 = -1;

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
pub(crate) struct Codecs {
    compressor: Compressor,
    decompressor: Decompressor,
}

/// A batch that only needs its place in the log.
#[derive(Clone, Debug)]
pub(crate) struct PreparedBatch {
    /// As it will be in the log, but for the place.
    header: [u8; HEADER_SIZE],
    /// Where they were received, unless they had to be written again.
    records: Bytes,
    view: BatchView,
    log_append_time: Option<Timestamp>,
}

/// What a look at all records of a batch found.
struct Looked {
    max_timestamp: i64,
    /// Offsets do not count from 0, one by one.
    renumber: bool,
}

impl PreparedBatch {
    /// Checks that `records` is one batch of magic 2: what Kafka checks before it looks for the
    /// partition.
    pub(super) fn shape(records: &Bytes, rules: &ProduceRules) -> Result<BatchHeader, AppendError> {
        if records.is_empty() {
            return Err(AppendError::NoBatch);
        }
        let header = BatchHeader::parse(records).map_err(|error| match error {
            BatchError::Magic { magic, .. } => AppendError::Magic(magic),
            BatchError::Truncated { .. } => AppendError::Invalid(error.to_string()),
            error => AppendError::Corrupt(error.to_string()),
        })?;
        let bytes = header.total_size();
        if bytes > records.len() {
            let missing = bytes - records.len();
            return Err(AppendError::Invalid(format!("{missing} bytes of the batch are missing")));
        }
        if bytes < records.len() {
            return Err(AppendError::SeveralBatches(records.len() - bytes));
        }
        if header.compression() == Some(Compression::Zstd) && rules.version < 7 {
            return Err(AppendError::ZstdTooOld);
        }
        Ok(header)
    }

    /// A batch made by this broker, with any content: only its size and checksum are checked.
    ///
    /// # Errors
    ///
    /// It is not one whole batch.
    pub(crate) fn internal(batch: Bytes) -> Result<Self, AppendError> {
        let checked =
            CheckedBatch::check(batch).map_err(|e| AppendError::Corrupt(e.to_string()))?;
        let view = BatchView::of(checked.header()).map_err(corrupt)?;
        let view = view.with_marker(checked.bytes());
        let (header, records) = split(&checked.into_bytes())?;
        Ok(Self { header, records, view, log_append_time: None })
    }

    /// The rest of the checks, in Kafka's order, and what follows from them: other time stamps,
    /// another codec.
    pub(super) fn validate(
        records: Bytes,
        header: &BatchHeader,
        config: &LogConfig,
        rules: &ProduceRules,
        codecs: &mut Codecs,
    ) -> Result<Self, AppendError> {
        let bytes = records.len();
        if header.base_offset != 0 {
            return Err(AppendError::BaseOffset(header.base_offset));
        }
        if bytes > config.message_bytes_max as usize {
            return Err(AppendError::TooLarge { bytes, max: config.message_bytes_max });
        }
        let batch =
            CheckedBatch::check(records).map_err(|e| AppendError::Corrupt(e.to_string()))?;
        check_header(header)?;
        let max = EXPANSION_MAX.saturating_mul(config.message_bytes_max as usize);
        let max = max.min(config.decompressed_bytes_max as usize);
        let block = RecordBlock::open(&batch, &mut codecs.decompressor, max);
        let block = block.map_err(|error| match error {
            CompressionError::Oversized { .. } => AppendError::TooLargeInside { max },
            CompressionError::Damaged { .. } => AppendError::Invalid(error.to_string()),
            error => AppendError::Compression(error),
        })?;
        let looked = look_at_records(&block, config, rules.now_ms)?;
        let codec = codec_in_log(header, config.compression);
        let rebuilt = looked.renumber || Some(codec) != header.compression();
        let bytes =
            if rebuilt { rebuild(&block, codec, config, codecs)? } else { batch.into_bytes() };
        refuse_large(bytes.len(), config)?;
        if block.bytes().len() > KEPT_BUFFER_BYTES_MAX {
            codecs.decompressor = Decompressor::default();
        }
        let parsed = BatchHeader::parse(&bytes).map_err(|e| AppendError::Corrupt(e.to_string()))?;
        let mut view = BatchView::of(&parsed).map_err(corrupt)?;
        let (mut header, records) = split(&bytes)?;
        let stamped = config.timestamp_type == TimestampType::LogAppendTime;
        let log_append_time = stamped.then_some(Timestamp(rules.now_ms));
        let max_timestamp = log_append_time.map_or(looked.max_timestamp, |time| time.0);
        if stamped || max_timestamp != view.max_timestamp {
            view.max_timestamp = max_timestamp;
            set_timestamps(&mut header, &records, Timestamp(max_timestamp), stamped);
        }
        Ok(Self { header, records, view, log_append_time })
    }

    /// What is to be written, but for its place.
    pub(super) fn bytes(&self) -> BatchBytes<'_> {
        BatchBytes::new(self.header, &self.records)
    }

    /// Size in bytes.
    pub(crate) const fn len(&self) -> usize {
        HEADER_SIZE + self.records.len()
    }

    /// What its header will say, but for its place.
    pub(super) const fn view(&self) -> &BatchView {
        &self.view
    }

    /// When the broker stamped it.
    pub(super) const fn log_append_time(&self) -> Option<Timestamp> {
        self.log_append_time
    }
}

fn refuse_large(bytes: usize, config: &LogConfig) -> Result<(), AppendError> {
    if bytes > config.message_bytes_max as usize {
        return Err(AppendError::TooLarge { bytes, max: config.message_bytes_max });
    }
    if bytes > config.segment_bytes as usize {
        return Err(AppendError::LargerThanSegment { bytes, max: config.segment_bytes });
    }
    Ok(())
}

/// Header and records of one batch.
fn split(batch: &Bytes) -> Result<([u8; HEADER_SIZE], Bytes), AppendError> {
    let header = batch.first_chunk().ok_or_else(|| corrupt(BadBatch::Torn))?;
    Ok((*header, batch.slice(HEADER_SIZE..)))
}

fn corrupt(bad: BadBatch) -> AppendError {
    AppendError::Corrupt(bad.to_string())
}

/// What can be judged by the header alone.
fn check_header(header: &BatchHeader) -> Result<(), AppendError> {
    let (count, delta) = (header.records_count, header.last_offset_delta);
    if count <= 0 || i64::from(delta) + 1 != i64::from(count) {
        let what = format!("batch says it has {count} records and its last offset is {delta}");
        return Err(AppendError::Invalid(what));
    }
    if header.is_control() {
        return Err(AppendError::Control);
    }
    if header.producer_id.is_some()
        && (header.base_sequence.is_none() || header.producer_epoch.is_none())
    {
        let what = "batch of an idempotent producer without an epoch and a sequence";
        return Err(AppendError::Invalid(what.to_owned()));
    }
    if header.is_log_append_time() {
        return Err(AppendError::StampedBatch);
    }
    if header.is_transactional() {
        return Err(AppendError::Transactional);
    }
    Ok(())
}

fn look_at_records(
    block: &RecordBlock,
    config: &LogConfig,
    now_ms: i64,
) -> Result<Looked, AppendError> {
    let judge_time = config.timestamp_type == TimestampType::CreateTime;
    let (before, after) = (config.timestamp_before_max_ms, config.timestamp_after_max_ms);
    let (mut keyless, mut untimely) = (Vec::new(), Vec::new());
    let mut looked = Looked { max_timestamp: NO_TIMESTAMP, renumber: false };
    for (index, record) in (0_i32..).zip(block.records()) {
        let record = record.map_err(|error| {
            AppendError::Records(vec![RecordFault { index, message: error.reason.to_string() }])
        })?;
        looked.renumber |= record.offset_delta != index;
        let time = record.timestamp.0;
        looked.max_timestamp = looked.max_timestamp.max(time);
        if config.cleanup.compact && record.key.is_none() && keyless.len() < FAULTS_MAX {
            let message = "a compacted topic takes no record without a key".to_owned();
            keyless.push(RecordFault { index, message });
        }
        let too_old = now_ms.saturating_sub(time) > before;
        let too_new = time.saturating_sub(now_ms) > after;
        if judge_time && time != NO_TIMESTAMP && (too_old || too_new) && untimely.len() < FAULTS_MAX
        {
            let message = format!("timestamp {time} is too far from the broker's {now_ms}");
            untimely.push(RecordFault { index, message });
        }
    }
    if !keyless.is_empty() {
        return Err(AppendError::Records(keyless));
    }
    if !untimely.is_empty() {
        return Err(AppendError::Timestamps(untimely));
    }
    Ok(looked)
}

/// The codec that the batch has in the log.
fn codec_in_log(header: &BatchHeader, wanted: CompressionType) -> Compression {
    match wanted {
        CompressionType::Producer => header.compression().unwrap_or_default(),
        CompressionType::Uncompressed => Compression::None,
        CompressionType::Gzip => Compression::Gzip,
        CompressionType::Snappy => Compression::Snappy,
        CompressionType::Lz4 => Compression::Lz4,
        CompressionType::Zstd => Compression::Zstd,
    }
}

/// Writes the records again, numbered one by one, in another codec.
fn rebuild(
    block: &RecordBlock,
    codec: Compression,
    config: &LogConfig,
    codecs: &mut Codecs,
) -> Result<Bytes, AppendError> {
    let invalid = |error: &dyn core::fmt::Display| AppendError::Invalid(error.to_string());
    let mut batch = BatchBuilder::new(BytesMut::new());
    for record in block.records() {
        let record = record.map_err(|error| invalid(&error))?;
        batch.append_ref(&record).map_err(|error| invalid(&error))?;
    }
    let header = block.header();
    let stamp = match (header.producer_id, header.producer_epoch, header.base_sequence) {
        (Some(id), Some(epoch), Some(first)) => {
            Some(ProducerStamp { id, epoch, first, transactional: false })
        }
        _ => None,
    };
    let level = match codec {
        Compression::Gzip => config.gzip_level,
        Compression::Zstd => Some(config.zstd_level),
        _ => None,
    };
    // another topic of this connection may have had another
    let level = level.or_else(|| codec.levels().map(|(_, default)| default));
    if let Some(level) = level {
        codecs.compressor.set_level(codec, level).map_err(|error| invalid(&error))?;
    }
    let sealed = batch.seal(codec, &mut codecs.compressor, stamp);
    let sealed = sealed.map_err(AppendError::Compression)?;
    if let Some(spare) = sealed.spare {
        codecs.compressor.recycle(spare);
    }
    Ok(sealed.bytes.freeze())
}

/// The first record in `batch`, one of the log, that is as young as `timestamp`.
///
/// # Errors
///
/// The batch is damaged, or nobody here has its codec: what is in it is not known.
pub(super) fn first_record_since(
    batch: Bytes,
    (timestamp, from): (i64, Offset),
    codecs: &mut Codecs,
) -> Result<Option<(Offset, Timestamp)>, AppendError> {
    let damaged = |error: &dyn core::fmt::Display| AppendError::Corrupt(error.to_string());
    let batch = CheckedBatch::check(batch).map_err(|error| damaged(&error))?;
    let block = RecordBlock::open(&batch, &mut codecs.decompressor, usize::MAX);
    let block = block.map_err(|error| match error {
        CompressionError::Damaged { .. } => damaged(&error),
        error => AppendError::Compression(error),
    })?;
    for record in block.records() {
        let record = record.map_err(|error| damaged(&error))?;
        if record.timestamp.0 >= timestamp && record.offset >= from {
            return Ok(Some((record.offset, record.timestamp)));
        }
    }
    Ok(None)
}
