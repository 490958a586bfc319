//! Why the broker closes a connection.

use std::io;

use ottla_protocol::error::{DecodeError, EncodeError};
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::frame::FrameError;

/// Why a connection is closed, for the log. The peer sees only the end of the stream, as with Kafka.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Close {
    #[error("the peer closed the connection")]
    Peer,
    #[error("the connection broke")]
    Broken(#[source] io::Error),
    #[error("no request for longer than connections.max.idle.ms")]
    Idle,
    #[error("what came is no Kafka request")]
    Frame(#[from] FrameError),
    #[error("malformed request")]
    Malformed(#[source] DecodeError),
    #[error("api key {0} is not served")]
    UnknownApi(i16),
    #[error("{0} version {1} is not served")]
    UnsupportedVersion(&'static str, i16),
    #[error(
        "a Produce without acknowledgement failed with {0}: the client is to refresh its metadata"
    )]
    Unacknowledged(ErrorCode),
    #[error("the reply cannot be written; this is a defect of the broker")]
    Reply(#[source] EncodeError),
    #[error("a fault rule says so")]
    Fault,
    #[error("the broker stops, and every request that had come was answered")]
    Stopping,
}

impl Close {
    /// Whether it is worth a warning: somebody sent what Kafka does not take.
    pub(crate) const fn is_odd(&self) -> bool {
        !matches!(self, Self::Peer | Self::Broken(_) | Self::Idle | Self::Fault | Self::Stopping)
    }
}
