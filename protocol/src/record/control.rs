//! Control records: what brokers write into the log for each other.

use core::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use super::assign;
use super::builder::BatchBuilder;
use super::iter::RecordRef;
use super::{AppendError, CompressionError};
use crate::ids::{CoordinatorEpoch, ProducerEpoch, ProducerId, Timestamp};

/// What a control record says. It occupies an offset, and applications never see it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ControlType {
    /// A transaction was aborted.
    Abort,
    /// A transaction was committed.
    Commit,
    /// A KRaft leader took over.
    LeaderChange,
    /// A KRaft snapshot begins.
    SnapshotHeader,
    /// A KRaft snapshot ends.
    SnapshotFooter,
    /// The version of the KRaft protocol changed.
    KRaftVersion,
    /// The voters of a KRaft quorum changed.
    KRaftVoters,
    /// Something newer: to be skipped.
    Unknown(i16),
}

impl ControlType {
    /// Its number in the record's key.
    #[must_use]
    pub const fn number(self) -> i16 {
        match self {
            Self::Abort => 0,
            Self::Commit => 1,
            Self::LeaderChange => 2,
            Self::SnapshotHeader => 3,
            Self::SnapshotFooter => 4,
            Self::KRaftVersion => 5,
            Self::KRaftVoters => 6,
            Self::Unknown(number) => number,
        }
    }

    const fn from_number(number: i16) -> Self {
        match number {
            0 => Self::Abort,
            1 => Self::Commit,
            2 => Self::LeaderChange,
            3 => Self::SnapshotHeader,
            4 => Self::SnapshotFooter,
            5 => Self::KRaftVersion,
            6 => Self::KRaftVoters,
            other => Self::Unknown(other),
        }
    }
}

/// A control record's key, and its value as bytes: a message of its own, such as
/// `LeaderChangeMessage`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ControlRecord<'a> {
    /// What it says.
    pub kind: ControlType,
    /// The message that says more.
    pub value: &'a [u8],
}

impl<'a> ControlRecord<'a> {
    /// Reads a record of a control batch; `None` if its key is no control key.
    #[must_use]
    pub fn parse(record: &RecordRef<'a>) -> Option<Self> {
        let (version, rest) = record.key?.split_first_chunk::<2>()?;
        if i16::from_be_bytes(*version) < 0 {
            return None;
        }
        let kind = ControlType::from_number(i16::from_be_bytes(*rest.first_chunk::<2>()?));
        Some(Self { kind, value: record.value.unwrap_or_default() })
    }
}

/// The end of a transaction, as its marker carries it (`EndTxnMarker.json`, v0).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct EndTxnMarker {
    /// Whether it was committed, else aborted.
    pub committed: bool,
    /// The epoch of the coordinator that decided it.
    pub coordinator_epoch: CoordinatorEpoch,
}

impl EndTxnMarker {
    /// Reads a marker; `None` if the record is another one.
    #[must_use]
    pub fn parse(record: &ControlRecord<'_>) -> Option<Self> {
        let committed = match record.kind {
            ControlType::Commit => true,
            ControlType::Abort => false,
            _ => return None,
        };
        let (_version, rest) = record.value.split_first_chunk::<2>()?;
        let coordinator_epoch = CoordinatorEpoch(i32::from_be_bytes(*rest.first_chunk::<4>()?));
        Some(Self { committed, coordinator_epoch })
    }

    /// The value of its record.
    #[must_use]
    pub fn value(&self) -> Bytes {
        let mut value = BytesMut::with_capacity(6);
        value.put_i16(0);
        value.put_i32(self.coordinator_epoch.0);
        value.freeze()
    }

    /// The batch that ends the transaction of one producer in one partition. It carries no number
    /// of the producer's.
    ///
    /// # Errors
    ///
    /// None that a record as small as this can give.
    pub fn batch(
        &self,
        id: ProducerId,
        epoch: ProducerEpoch,
        timestamp: Timestamp,
    ) -> Result<BytesMut, ControlBatchError> {
        let mut bytes = control_batch(timestamp, &[(self.kind(), &self.value())])?;
        assign::mark(&mut bytes, id, epoch);
        Ok(bytes)
    }

    /// What its record's key says.
    #[must_use]
    pub const fn kind(&self) -> ControlType {
        if self.committed { ControlType::Commit } else { ControlType::Abort }
    }
}

/// Why a control batch could not be built.
#[derive(Debug)]
#[non_exhaustive]
pub enum ControlBatchError {
    /// A record does not fit.
    Append(AppendError),
    /// Sealing failed.
    Seal(CompressionError),
}

impl fmt::Display for ControlBatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Append(error) => fmt::Display::fmt(error, f),
            Self::Seal(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl core::error::Error for ControlBatchError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Append(error) => error.source(),
            Self::Seal(error) => error.source(),
        }
    }
}

impl From<AppendError> for ControlBatchError {
    fn from(error: AppendError) -> Self {
        Self::Append(error)
    }
}

impl From<CompressionError> for ControlBatchError {
    fn from(error: CompressionError) -> Self {
        Self::Seal(error)
    }
}

/// A batch of control records, not yet numbered or placed.
///
/// # Errors
///
/// If a value is larger than a batch can be.
pub fn control_batch(
    timestamp: Timestamp,
    records: &[(ControlType, &[u8])],
) -> Result<BytesMut, ControlBatchError> {
    let bytes: usize = records.iter().map(|(_, value)| value.len().saturating_add(64)).sum();
    let mut batch = BatchBuilder::control(BytesMut::with_capacity(bytes.saturating_add(64)));
    for (kind, value) in records {
        let mut key = [0; 4]; // version 0, then the type
        key[2..].copy_from_slice(&kind.number().to_be_bytes());
        batch.append(timestamp, Some(&key), Some(value), &[])?;
    }
    let sealed = batch.seal(super::Compression::None, &mut super::Compressor::default(), None)?;
    Ok(sealed.bytes)
}
