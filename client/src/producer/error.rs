//! What can go wrong with a record, one enum per operation.

use core::error::Error;
use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use ottla_protocol::Str;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::PartitionIndex;

/// The last obstacle an operation met before its time was up.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Obstacle {
    /// A broker refused, though another attempt might have succeeded.
    Broker {
        /// Kafka's code.
        code: ErrorCode,
        /// The broker's own words, if any.
        message: Option<Str>,
    },
    /// A request failed on its way.
    Network(Arc<dyn Error + Send + Sync>),
    /// The partition had no leader.
    NoLeader,
}

impl Obstacle {
    /// A broker refused with this code, and without a word.
    pub(crate) const fn broker(code: ErrorCode) -> Self {
        Self::Broker { code, message: None }
    }

    /// Whether somebody should hear of it while it is tried again: not of what went before, nor of
    /// what looking for the leader may cure. (Of broken connections the connection speaks.)
    pub(crate) fn is_worth_a_word_behind(&self, last: Option<&Self>) -> bool {
        let Self::Broker { code, .. } = self else { return false };
        let known = matches!(last, Some(Self::Broker { code: last, .. }) if last == code);
        let cured = code.invalidates_metadata() && *code != ErrorCode::KAFKA_STORAGE_ERROR;
        !known && !cured
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broker { code, message } => write!(f, "{code}{}", Words(message)),
            Self::Network(cause) => cause.fmt(f),
            Self::NoLeader => f.write_str("the partition has no leader"),
        }
    }
}

impl Error for Obstacle {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Network(cause) => cause.source(), // its own words are in ours
            Self::Broker { .. } | Self::NoLeader => None,
        }
    }
}

/// Writes "; last: CAUSE" if there is one.
struct Last<'a>(&'a Option<Obstacle>);

impl fmt::Display for Last<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(obstacle) => write!(f, "; last obstacle: {obstacle}"),
            None => Ok(()),
        }
    }
}

/// Why a record was not enqueued. It is not in the log and never will be.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnqueueError {
    /// The record alone, encoded, could exceed `max_request_size` (Kafka: `max.request.size`).
    #[error("record of up to {size} bytes exceeds max_request_size of {limit}")]
    RecordTooLarge {
        /// Its greatest encoded size in bytes, before compression.
        size: usize,
        /// The bound in bytes.
        limit: usize,
    },
    /// The record could never fit into `buffer_memory` (Kafka: `buffer.memory`).
    #[error("record of up to {size} bytes exceeds buffer_memory of {limit}")]
    LargerThanBuffer {
        /// Its greatest encoded size in bytes, before compression.
        size: usize,
        /// The bound in bytes.
        limit: usize,
    },
    /// The record names no topic: make it with [`super::Record::to`].
    #[error("the record names no topic: make it with Record::to")]
    NoTopic,
    /// The record names another topic than the handle's.
    #[error("the record is for {record}, the handle for {handle}")]
    WrongTopic {
        /// The record's topic.
        record: Str,
        /// The handle's topic.
        handle: Str,
    },
    /// The cluster refuses to say anything about the topic (does not exist and is not to be
    /// created, name not allowed, not authorized).
    #[error("topic {topic}: {code}")]
    TopicRefused {
        /// The topic.
        topic: Str,
        /// Kafka's code.
        code: ErrorCode,
    },
    /// The topic's partitions were not known within `max_block` (Kafka: `max.block.ms`).
    #[error("nothing known of topic {topic} after {waited:?}{}", Last(.last))]
    MetadataTimedOut {
        /// The topic.
        topic: Str,
        /// How long the call waited.
        waited: Duration,
        /// What stood in the way.
        #[source]
        last: Option<Obstacle>,
    },
    /// `buffer_memory` stayed full for `max_block`: brokers take records more slowly than they come.
    #[error("buffer_memory stayed full for {waited:?}")]
    BufferFull {
        /// How long the call waited.
        waited: Duration,
    },
    /// The topic has no such partition: the cluster was asked again, unless the call does not wait.
    #[error("{topic} has no partition {partition}, only {partitions} partitions")]
    NoSuchPartition {
        /// The topic.
        topic: Str,
        /// What the record or the custom partitioner chose.
        partition: PartitionIndex,
        /// How many partitions there are.
        partitions: u32,
    },
    /// The record cannot be encoded: a header key or a length that the format has no room for.
    #[error("the record cannot be encoded: {0}")]
    NotEncodable(Str),
    /// The producer cannot go on; see [`SendError::Fatal`].
    #[error("the producer has failed: {0}")]
    Fatal(ErrorCode),
    /// The producer is closed.
    #[error("the producer is closed")]
    Closed,
}

impl EnqueueError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::MetadataTimedOut { .. } | Self::BufferFull { .. } => true,
            Self::TopicRefused { code, .. } => code.is_retriable(),
            _ => false,
        }
    }

    /// Whether no further record can be produced with this producer.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::Fatal(_) | Self::Closed)
    }
}

/// Why a record was not enqueued at once.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TryEnqueueError {
    /// `buffer_memory` is full: try later, or use `enqueue`, which waits.
    #[error("buffer_memory is full")]
    Full,
    /// The topic's partitions are not known yet; they have been asked for.
    #[error("the partitions of the topic are not known yet")]
    MetadataPending,
    /// Waiting would not help.
    #[error(transparent)]
    Refused(#[from] EnqueueError),
}

/// Why a record was not acknowledged. [`SendError::possibly_written`] says whether it may be in
/// the log all the same.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The record never left: not in the log.
    #[error(transparent)]
    Enqueue(#[from] EnqueueError),
    /// A broker refused it for good: not in the log.
    #[error("refused with {code}{}", Words(.message))]
    Refused {
        /// Kafka's code.
        code: ErrorCode,
        /// The broker's own words, if any.
        message: Option<Str>,
    },
    /// A broker refused another record of the same batch, and with it this one: not in the log.
    /// The record itself may be fine.
    #[error("the broker refused another record of the batch with {code}; send this one again")]
    InBadCompany {
        /// Kafka's code.
        code: ErrorCode,
    },
    /// It could not be delivered within `delivery_timeout` (Kafka: `delivery.timeout.ms`).
    #[error("not delivered within {waited:?}{}{}", Doubt(*.possibly_written), Last(.last))]
    TimedOut {
        /// The bound.
        waited: Duration,
        /// Whether a broker may have appended it.
        possibly_written: bool,
        /// What stood in the way.
        #[source]
        last: Option<Obstacle>,
    },
    /// The request that carried it got no answer and must not be repeated: repeating could append
    /// the record twice or out of order.
    #[error("not answered, and not to be repeated; it may be in the log{}", Last(.last))]
    Unanswered {
        /// What stood in the way.
        #[source]
        last: Option<Obstacle>,
    },
    /// Its batch could not be compressed or sealed: not in the log.
    #[error("the batch could not be sealed: {0}")]
    Sealing(Str),
    /// The cluster gives this producer no id, so that nothing can be sent idempotently: not in the
    /// log, and no further record will be.
    #[error("no producer id: {0}")]
    Fatal(ErrorCode),
    /// The client or the producer ended before the record was acknowledged.
    #[error("the producer ended first{}", Doubt(*.possibly_written))]
    Closed {
        /// Whether a broker may have appended it.
        possibly_written: bool,
    },
}

/// Writes ": WORDS" if there are any.
struct Words<'a>(&'a Option<Str>);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(words) => write!(f, ": {words}"),
            None => Ok(()),
        }
    }
}

struct Doubt(bool);

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0 { "; it may be in the log" } else { "; it is not in the log" })
    }
}

impl SendError {
    /// Whether the record may be in the log, or may still get there: sending it again may make it
    /// appear twice. If not, it is certainly not there.
    #[must_use]
    pub fn possibly_written(&self) -> bool {
        match self {
            Self::TimedOut { possibly_written, .. } | Self::Closed { possibly_written } => {
                *possibly_written
            }
            Self::Unanswered { .. } => true,
            Self::Enqueue(_)
            | Self::Refused { .. }
            | Self::InBadCompany { .. }
            | Self::Sealing(_)
            | Self::Fatal(_) => false,
        }
    }

    /// Whether sending the record again may succeed.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Enqueue(cause) => cause.is_retriable(),
            Self::Refused { code, .. } => code.is_retriable(),
            Self::InBadCompany { .. } | Self::TimedOut { .. } | Self::Unanswered { .. } => true,
            Self::Sealing(_) | Self::Fatal(_) | Self::Closed { .. } => false,
        }
    }

    /// Whether no further record can be produced with this producer.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Enqueue(cause) => cause.is_fatal(),
            Self::Fatal(_) | Self::Closed { .. } => true,
            _ => false,
        }
    }

    /// Kafka's code, if a broker gave one.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { code, .. } | Self::InBadCompany { code } | Self::Fatal(code) => {
                Some(*code)
            }
            Self::Enqueue(EnqueueError::TopicRefused { code, .. } | EnqueueError::Fatal(code)) => {
                Some(*code)
            }
            Self::TimedOut { last: Some(Obstacle::Broker { code, .. }), .. } => Some(*code),
            _ => None,
        }
    }
}

/// Some records were not acknowledged by the end of a [`flush`](super::Producer::flush) or a
/// [`close`](super::Producer::close).
#[derive(Clone, Debug, thiserror::Error)]
#[error("{failed} records were not acknowledged; the first: {first}")]
#[non_exhaustive]
pub struct FlushError {
    /// How many.
    pub failed: u64,
    /// Why the first was not.
    #[source]
    pub first: SendError,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_whether_the_record_may_be_in_the_log() {
        let last = Some(Obstacle::broker(ErrorCode::NOT_LEADER_OR_FOLLOWER));
        let waited = Duration::from_secs(120);
        for (error, possibly_written, retriable, fatal) in [
            (SendError::TimedOut { waited, possibly_written: true, last }, true, true, false),
            (
                SendError::TimedOut { waited, possibly_written: false, last: None },
                false,
                true,
                false,
            ),
            (SendError::Unanswered { last: None }, true, true, false),
            (SendError::Closed { possibly_written: true }, true, false, true),
            (SendError::Fatal(ErrorCode::CLUSTER_AUTHORIZATION_FAILED), false, false, true),
            (EnqueueError::BufferFull { waited }.into(), false, true, false),
            (EnqueueError::Closed.into(), false, false, true),
        ] {
            assert_eq!(error.possibly_written(), possibly_written, "{error}");
            assert_eq!(error.is_retriable(), retriable, "{error}");
            assert_eq!(error.is_fatal(), fatal, "{error}");
        }
    }

    #[test]
    fn the_words_name_the_obstacle() {
        let last = Some(Obstacle::broker(ErrorCode::NOT_LEADER_OR_FOLLOWER));
        let waited = Duration::from_secs(2);
        let text = SendError::TimedOut { waited, possibly_written: true, last }.to_string();
        assert!(text.contains("NOT_LEADER_OR_FOLLOWER"), "{text}");
        assert!(text.contains("may be in the log"), "{text}");
        let (code, message) = (ErrorCode::KAFKA_STORAGE_ERROR, Some("no space".into()));
        let last = Some(Obstacle::Broker { code, message });
        let text = SendError::TimedOut { waited, possibly_written: true, last }.to_string();
        assert!(text.ends_with("last obstacle: KAFKA_STORAGE_ERROR (56): no space"), "{text}");
    }
}
