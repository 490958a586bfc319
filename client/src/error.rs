//! Why a request got no answer, and whether the broker may have acted on it all the same.

use core::fmt;
use core::ops::RangeInclusive;
use core::time::Duration;
use std::io;
use std::sync::Arc;

use ottla_protocol::api_key::ApiKey;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::NodeId;
use ottla_protocol::{DecodeError, EncodeError};

use crate::net::connect_error::ConnectError;

/// What a user's layer may fail with.
pub type BoxError = Box<dyn core::error::Error + Send + Sync + 'static>;

/// Why a request got no answer.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// No connection could be opened; nothing was sent.
    #[error(transparent)]
    Connect(#[from] Arc<ConnectError>),
    /// The connection ended before the answer came.
    #[error("connection to {peer} was lost before {api} was answered: {cause}")]
    Disconnected {
        /// Where the connection led.
        peer: String,
        /// What was asked.
        api: ApiKey,
        /// Whether every byte of the request had been written.
        possibly_sent: bool,
        /// What ended the connection.
        cause: LostCause,
    },
    /// No answer came in time (Kafka: `request.timeout.ms`).
    #[error("{api} was not answered by {peer} within {timeout:?}")]
    TimedOut {
        /// Whom we asked.
        peer: String,
        /// What was asked.
        api: ApiKey,
        /// How long the caller was willing to wait.
        timeout: Duration,
        /// Whether every byte of the request had been written.
        possibly_sent: bool,
    },
    /// The broker and this client share no version of the request; nothing was sent.
    #[error(
        "{peer} does not know {api} in any version this client can use here: it has {}, we have \
         {}-{}", Versions(theirs), ours.start(), ours.end()
    )]
    UnsupportedVersion {
        /// Whom we asked.
        peer: String,
        /// What was asked.
        api: ApiKey,
        /// The versions this client could use for this request.
        ours: RangeInclusive<i16>,
        /// The versions the broker has; `None` if it does not know the request at all.
        theirs: Option<RangeInclusive<i16>>,
    },
    /// The request cannot be written in the version both sides know; nothing was sent.
    #[error("{api} cannot be encoded")]
    Encode {
        /// What was asked.
        api: ApiKey,
        /// Which field.
        source: EncodeError,
    },
    /// An answer came that is none; the broker acted on the request.
    #[error("the answer to {api} cannot be decoded")]
    Decode {
        /// What was asked.
        api: ApiKey,
        /// Which field.
        source: DecodeError,
    },
    /// The cluster's metadata names no such broker, or no more; nothing was sent.
    #[error("broker {0} is unknown: the cluster's metadata does not name it")]
    UnknownNode(NodeId),
    /// A layer given to [`ClientBuilder::layer`](crate::ClientBuilder::layer) failed the request.
    #[error("a request layer failed {api}: {source}")]
    Layer {
        /// What was asked.
        api: ApiKey,
        /// What the layer said.
        source: Arc<dyn core::error::Error + Send + Sync>,
        /// Whether the layer had passed the request on before it failed it.
        possibly_sent: bool,
    },
    /// The broker answered with an error for the request as a whole.
    #[error("the broker answered {api} with {code}: {}", .code.meaning())]
    Refused {
        /// What was asked.
        api: ApiKey,
        /// Kafka's error.
        code: ErrorCode,
    },
    /// The broker knows no broker of its cluster, not even itself: it has just started.
    #[error("the broker knows no broker of its cluster yet")]
    NoBrokers,
    /// More requests wait for one broker than a client holds; nothing was sent.
    #[error("{waiting} requests already wait for {peer}")]
    QueueFull {
        /// Whom we asked.
        peer: String,
        /// How many requests wait.
        waiting: usize,
    },
    /// The client was closed, or its runtime is gone. An answer that was awaited is lost.
    #[error("the client is closed")]
    Closed {
        /// Whether the request may have been written before.
        possibly_sent: bool,
    },
}

impl CallError {
    /// Whether the broker may have received the request, and so may have acted on it.
    #[must_use]
    pub const fn possibly_sent(&self) -> bool {
        match self {
            Self::Disconnected { possibly_sent, .. }
            | Self::TimedOut { possibly_sent, .. }
            | Self::Layer { possibly_sent, .. }
            | Self::Closed { possibly_sent } => *possibly_sent,
            Self::Decode { .. } | Self::Refused { .. } | Self::NoBrokers => true,
            Self::Connect(_)
            | Self::UnknownNode(_)
            | Self::UnsupportedVersion { .. }
            | Self::Encode { .. }
            | Self::QueueFull { .. } => false,
        }
    }

    /// Whether asking again, the same broker or another, may succeed with no change by the user.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Connect(error) => error.is_retriable(),
            Self::Disconnected { .. }
            | Self::TimedOut { .. }
            | Self::Layer { .. }
            | Self::UnknownNode(_)
            | Self::NoBrokers
            | Self::QueueFull { .. } => true,
            // another broker of the list may still belong to the cluster
            Self::Refused { code, .. } => {
                code.is_retriable() || *code == ErrorCode::REBOOTSTRAP_REQUIRED
            }
            Self::UnsupportedVersion { .. }
            | Self::Encode { .. }
            | Self::Decode { .. }
            | Self::Closed { .. } => false,
        }
    }
}

/// What ended a connection.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LostCause {
    /// The peer closed it.
    Closed,
    /// The transport failed.
    Io(Arc<io::Error>),
    /// Another request on it was not answered in time, so that it counts as dead.
    OtherTimedOut,
    /// The peer sent what no Kafka broker sends; the text says what.
    Misbehaved(String),
}

impl fmt::Display for LostCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the peer closed it"),
            Self::Io(error) => error.fmt(f),
            Self::OtherTimedOut => f.write_str("an earlier request on it timed out"),
            Self::Misbehaved(what) => f.write_str(what),
        }
    }
}

struct Versions<'a>(&'a Option<RangeInclusive<i16>>);

impl fmt::Display for Versions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(range) => write!(f, "{}-{}", range.start(), range.end()),
            None => f.write_str("none"),
        }
    }
}
