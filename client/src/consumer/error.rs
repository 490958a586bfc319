//! Why the consumer could not do what it was asked. One enum per operation.

use core::time::Duration;
use std::sync::Arc;

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{LeaderEpoch, NodeId, Offset};

use super::decode::BatchFault;
use super::subscription::TopicPartition;
use crate::error::CallError;

/// Why no records came. Other partitions are not concerned: the next call goes on with them.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PollError {
    /// A batch cannot be read. Reading of this partition stays before it, and it is fetched and
    /// reported again after a while. To skip it, seek to `next`.
    #[error("{partition} cannot be read at offset {offset}: {fault}; {}", skip(.next))]
    Corrupt {
        /// Where it is.
        partition: TopicPartition,
        /// The first record that cannot be had.
        offset: Offset,
        /// The first offset behind the batch, if its header can be trusted that far.
        next: Option<Offset>,
        /// What is wrong with it.
        fault: BatchFault,
    },
    /// The log does not have the position, and the policy is
    /// [`OffsetReset::Error`](super::OffsetReset::Error). Nothing is read from this partition
    /// before a seek.
    #[error(
        "{partition} has no offset {position}: its log was cut at one of its ends; seek to go on"
    )]
    OffsetOutOfRange {
        /// Which partition.
        partition: TopicPartition,
        /// Where the consumer wanted to read.
        position: Offset,
    },
    /// Records that were read are not in the log any more, and the policy is
    /// [`OffsetReset::Error`](super::OffsetReset::Error): a leader was elected that did not have
    /// them, or lost them. Nothing is read from this partition before a seek. (With another policy
    /// reading goes on at `diverging`, or if that is not known, where the policy says.) Kafka:
    /// `LogTruncationException`.
    #[error(
        "{partition} was read up to offset {position}, but its log is another one now{}; \
         seek to go on", from(.diverging)
    )]
    LogTruncated {
        /// Which partition.
        partition: TopicPartition,
        /// Up to where records were handed out.
        position: Offset,
        /// The first offset that may hold another record than the one that was read, if the
        /// leader knows.
        diverging: Option<Offset>,
        /// The epoch of the record before it, for
        /// [`Consumer::seek_with_epoch`](super::Consumer::seek_with_epoch).
        leader_epoch: Option<LeaderEpoch>,
    },
    /// The partition was assigned without an offset, and the policy is
    /// [`OffsetReset::Error`](super::OffsetReset::Error). Nothing is read from it before a seek.
    #[error("{partition} has no position and the reset policy forbids to guess one; seek to go on")]
    NoPosition {
        /// Which partition.
        partition: TopicPartition,
    },
    /// The topic was deleted and made again, so that offsets mean something else, and the policy is
    /// [`OffsetReset::Error`](super::OffsetReset::Error). Nothing is read from this partition
    /// before a seek. (With another policy reading goes on at the start of the new topic.)
    #[error("the topic of {partition} was deleted and created again; seek to go on")]
    TopicRecreated {
        /// Which partition.
        partition: TopicPartition,
    },
    /// The cluster does not have this partition. The consumer goes on asking for it.
    #[error("{partition} does not exist: {code}; still looking for it")]
    UnknownPartition {
        /// Which partition.
        partition: TopicPartition,
        /// What the cluster said.
        code: ErrorCode,
    },
    /// The leader refuses this partition. The consumer goes on asking.
    #[error("the leader of {partition} answered {code}: {}", .code.meaning())]
    Broker {
        /// Which partition.
        partition: TopicPartition,
        /// What the leader said.
        code: ErrorCode,
    },
    /// A broker cannot be read from in a way that waiting will not cure, or was never reached in
    /// 3 s. The consumer goes on trying.
    #[error("cannot fetch from node {node}: {source}")]
    Node {
        /// Which broker.
        node: NodeId,
        /// Why.
        source: CallError,
    },
    /// No broker tells who leads what, and none ever did, for 3 s. The consumer goes on trying. (Of
    /// a cluster that was there and went away nothing is said: it is waited for.)
    #[error("the cluster cannot be asked: {source}")]
    Unreachable {
        /// What came of the last attempt.
        source: CallError,
    },
    /// The consumer, or its client, was closed.
    #[error("the consumer is closed")]
    Closed,
}

fn skip(next: &Option<Offset>) -> String {
    match next {
        Some(next) => format!("seek to {next} to skip it"),
        None => "seek past it to skip it".to_owned(),
    }
}

fn from(diverging: &Option<Offset>) -> String {
    diverging.map(|offset| format!(" from {offset} on")).unwrap_or_default()
}

impl PollError {
    /// Whether the same call may succeed later with no change by the application.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Node { source, .. } | Self::Unreachable { source } => source.is_retriable(),
            Self::UnknownPartition { .. } | Self::Broker { .. } | Self::Corrupt { .. } => true,
            Self::OffsetOutOfRange { .. }
            | Self::LogTruncated { .. }
            | Self::NoPosition { .. }
            | Self::TopicRecreated { .. }
            | Self::Closed => false,
        }
    }

    /// The partition that is concerned, if it is one.
    #[must_use]
    pub const fn partition(&self) -> Option<&TopicPartition> {
        match self {
            Self::Corrupt { partition, .. }
            | Self::OffsetOutOfRange { partition, .. }
            | Self::LogTruncated { partition, .. }
            | Self::NoPosition { partition }
            | Self::TopicRecreated { partition }
            | Self::UnknownPartition { partition, .. }
            | Self::Broker { partition, .. } => Some(partition),
            Self::Node { .. } | Self::Unreachable { .. } | Self::Closed => None,
        }
    }
}

/// Why nothing was assigned; the assignment is as it was.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AssignError {
    /// No topic can have this name.
    #[error("{topic:?} cannot be a topic: a name has 1 to 249 of the characters a-z A-Z 0-9 . _ -")]
    InvalidTopic {
        /// The name.
        topic: Arc<str>,
    },
    /// No partition can have this index.
    #[error("{partition} cannot be a partition: the first is 0")]
    InvalidPartition {
        /// The partition.
        partition: TopicPartition,
    },
    /// The consumer, or its client, was closed.
    #[error("the consumer is closed")]
    Closed,
}

/// The partition is not assigned to this consumer; nothing was changed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{partition} is not assigned to this consumer")]
pub struct NotAssigned {
    /// Which partition.
    pub partition: TopicPartition,
}

/// Why the position of a partition is not known.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PositionError {
    /// It is not assigned to this consumer.
    #[error(transparent)]
    NotAssigned(#[from] NotAssigned),
    /// It has none, and the policy is [`OffsetReset::Error`](super::OffsetReset::Error).
    #[error("{partition} has no position and the reset policy forbids to guess one; seek to go on")]
    Undefined {
        /// Which partition.
        partition: TopicPartition,
    },
    /// The leader did not say where its log starts or ends in time (Kafka:
    /// `default.api.timeout.ms`).
    #[error("the position of {partition} was not known within {timeout:?}: {reason}")]
    TimedOut {
        /// Which partition.
        partition: TopicPartition,
        /// How long that is.
        timeout: Duration,
        /// What stood in the way last.
        reason: String,
    },
    /// The consumer, or its client, was closed.
    #[error("the consumer is closed")]
    Closed,
}

/// Why the offsets of a partition could not be had.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OffsetsError {
    /// Not answered in time (Kafka: `default.api.timeout.ms`).
    #[error("the offsets of {partition} were not known within {timeout:?}: {reason}")]
    TimedOut {
        /// The first partition that is missing.
        partition: TopicPartition,
        /// How long that is.
        timeout: Duration,
        /// What stood in the way last.
        reason: String,
    },
    /// The leader refuses.
    #[error("the leader of {partition} answered {code}: {}", .code.meaning())]
    Broker {
        /// Which partition.
        partition: TopicPartition,
        /// What the leader said.
        code: ErrorCode,
    },
    /// A broker cannot be asked.
    #[error("node {node} cannot be asked for offsets: {source}")]
    Node {
        /// Which broker.
        node: NodeId,
        /// Why.
        source: CallError,
    },
    /// The consumer, or its client, was closed.
    #[error("the consumer is closed")]
    Closed,
}
