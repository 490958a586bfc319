//! Why a batch was not appended, and what the producer is told.

use std::io;

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::record::compression::CompressionError;

use crate::log::producers::SequenceError;

/// A record for which its whole batch was refused.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct RecordFault {
    /// Its place in the batch, from 0.
    pub(crate) index: i32,
    /// What is wrong with it.
    pub(crate) message: String,
}

/// Why a batch was not appended. Nothing of it is in the log, unless the variant says so.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AppendError {
    #[error("no batch in the request")]
    NoBatch,
    #[error("batch of magic {0}: since 4.0 Kafka takes magic 2 only")]
    Magic(i8),
    #[error("{0} bytes behind the first batch: a request carries one batch for each partition")]
    SeveralBatches(usize),
    #[error("zstd needs Produce 7 or later")]
    ZstdTooOld,
    #[error("this broker does not lead the partition")]
    NotLeader,
    #[error("{in_sync} replicas in sync, min.insync.replicas is {min}")]
    NotEnoughReplicas { in_sync: u32, min: u32 },
    #[error("base offset {0} instead of 0")]
    BaseOffset(i64),
    #[error("batch of {bytes} bytes, max.message.bytes is {max}")]
    TooLarge { bytes: usize, max: u32 },
    #[error("batch of more than {max} bytes once decompressed, 64 times max.message.bytes")]
    TooLargeInside { max: usize },
    #[error(
        "batch of {bytes} bytes does not fit a segment of {max} bytes, as segment.bytes or \
         internal.segment.bytes says"
    )]
    LargerThanSegment { bytes: usize, max: u32 },
    #[error("damaged batch: {0}")]
    Corrupt(String),
    #[error("{0}")]
    Invalid(String),
    #[error("clients must not write control batches")]
    Control,
    #[error("transactions are not supported yet")]
    Transactional,
    #[error(transparent)]
    Compression(CompressionError),
    #[error("{} of the records are not valid", .0.len())]
    Records(Vec<RecordFault>),
    #[error("{} of the records have a timestamp that the topic does not take", .0.len())]
    Timestamps(Vec<RecordFault>),
    #[error("a producer must not set the timestamp type LogAppendTime")]
    StampedBatch,
    #[error(transparent)]
    Sequence(#[from] SequenceError),
    /// The batch may be in the log, in part or as a whole.
    #[error("cannot write the log: {0}")]
    Storage(#[from] io::Error),
    /// An earlier write or sync has failed.
    #[error("{0}")]
    Failed(String),
}

impl AppendError {
    /// Kafka's code for it.
    pub(crate) const fn code(&self) -> ErrorCode {
        match self {
            Self::NoBatch
            | Self::Magic(_)
            | Self::SeveralBatches(_)
            | Self::BaseOffset(_)
            | Self::Invalid(_)
            | Self::Control
            | Self::Records(_) => ErrorCode::INVALID_RECORD,
            Self::ZstdTooOld | Self::Compression(_) => ErrorCode::UNSUPPORTED_COMPRESSION_TYPE,
            Self::NotLeader => ErrorCode::NOT_LEADER_OR_FOLLOWER,
            Self::NotEnoughReplicas { .. } => ErrorCode::NOT_ENOUGH_REPLICAS,
            Self::TooLarge { .. } | Self::TooLargeInside { .. } => ErrorCode::MESSAGE_TOO_LARGE,
            Self::LargerThanSegment { .. } => ErrorCode::RECORD_LIST_TOO_LARGE,
            Self::Corrupt(_) => ErrorCode::CORRUPT_MESSAGE,
            Self::Transactional => ErrorCode::INVALID_TXN_STATE,
            Self::Timestamps(_) | Self::StampedBatch => ErrorCode::INVALID_TIMESTAMP,
            Self::Sequence(SequenceError::OldEpoch { .. }) => ErrorCode::INVALID_PRODUCER_EPOCH,
            Self::Sequence(SequenceError::OutOfOrder { .. }) => {
                ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER
            }
            Self::Storage(_) | Self::Failed(_) => ErrorCode::KAFKA_STORAGE_ERROR,
        }
    }

    /// The records at fault, for `record_errors`.
    pub(crate) fn record_faults(&self) -> &[RecordFault] {
        match self {
            Self::Records(faults) | Self::Timestamps(faults) => faults,
            _ => &[],
        }
    }
}
