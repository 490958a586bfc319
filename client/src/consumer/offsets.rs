//! Where logs start and end, which offset a time has, and how far behind the consumer is.

use std::collections::BTreeMap;

use ottla_protocol::ids::{LeaderEpoch, Offset, Timestamp};

use super::error::{NotAssigned, OffsetsError, PositionError};
use super::query::Found;
use super::subscription::{End, TopicPartition};
use super::{Consumer, Isolation, driver, request};

/// A record found by its time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct OffsetAndTimestamp {
    /// Its offset.
    pub offset: Offset,
    /// Its timestamp, in milliseconds since 1970.
    pub timestamp: Timestamp,
    /// The epoch of the leader that appended it, if the broker knows.
    pub leader_epoch: Option<LeaderEpoch>,
}

/// Between which offsets a partition has records.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Watermarks {
    /// The first offset it still has (Kafka: log start offset).
    pub low: Offset,
    /// The offset behind its last record that all in-sync replicas have (Kafka: high watermark),
    /// whatever the isolation.
    pub high: Offset,
}

/// Why [`Consumer::seek_to_timestamp`] did not move the position.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SeekError {
    /// The partition is not assigned, or no longer.
    #[error(transparent)]
    NotAssigned(#[from] NotAssigned),
    /// The offset for the time could not be found out.
    #[error(transparent)]
    Offsets(#[from] OffsetsError),
}

/// Why [`Consumer::lag`] is not known.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LagError {
    /// The position is not known.
    #[error(transparent)]
    Position(#[from] PositionError),
    /// The end could not be found out.
    #[error(transparent)]
    Offsets(#[from] OffsetsError),
}

impl Consumer {
    /// The first offset that each partition still has. They need not be assigned. Cancel safe.
    ///
    /// # Errors
    ///
    /// [`OffsetsError`], among them that
    /// [`default_api_timeout`](super::ConsumerBuilder::default_api_timeout) has passed.
    pub async fn beginning_offsets<I>(
        &self,
        partitions: I,
    ) -> Result<BTreeMap<TopicPartition, Offset>, OffsetsError>
    where
        I: IntoIterator,
        I::Item: Into<TopicPartition>,
    {
        self.ends(partitions.into_iter().map(Into::into).collect(), End::Earliest).await
    }

    /// The offset behind the last record of each partition: the high watermark, or with
    /// [`Isolation::ReadCommitted`] where the first open transaction starts. They need not be
    /// assigned. Cancel safe.
    ///
    /// # Errors
    ///
    /// [`OffsetsError`], among them that
    /// [`default_api_timeout`](super::ConsumerBuilder::default_api_timeout) has passed.
    pub async fn end_offsets<I>(
        &self,
        partitions: I,
    ) -> Result<BTreeMap<TopicPartition, Offset>, OffsetsError>
    where
        I: IntoIterator,
        I::Item: Into<TopicPartition>,
    {
        self.ends(partitions.into_iter().map(Into::into).collect(), End::Latest).await
    }

    /// For each partition the first record whose timestamp is not before the one given; `None` if
    /// there is none. They need not be assigned. Times before 1970 mean 1970. Kafka:
    /// `offsetsForTimes`.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// [`OffsetsError`], among them that
    /// [`default_api_timeout`](super::ConsumerBuilder::default_api_timeout) has passed.
    pub async fn offsets_for_times<P: Into<TopicPartition>>(
        &self,
        times: impl IntoIterator<Item = (P, Timestamp)>,
    ) -> Result<BTreeMap<TopicPartition, Option<OffsetAndTimestamp>>, OffsetsError> {
        // below zero the wire has no times, but the ends of the log
        let wanted = times.into_iter().map(|(p, time)| (p.into(), time.0.max(0))).collect();
        self.look_up(wanted, self.config.isolation).await
    }

    /// Moves the position to the first record whose timestamp is not before `time`, or behind the
    /// last record if there is none; gives the offset. A record that is appended while the leader
    /// is asked is not passed over.
    ///
    /// Cancel safe: the position moves at the end or not at all.
    ///
    /// # Errors
    ///
    /// [`SeekError`]; the position was not moved.
    pub async fn seek_to_timestamp(
        &self,
        partition: impl Into<TopicPartition>,
        time: Timestamp,
    ) -> Result<Offset, SeekError> {
        let partition = partition.into();
        if !self.assignment().contains(&partition) {
            return Err(NotAssigned { partition }.into());
        }
        // the end comes first: what is appended between the questions then lies behind it
        let end = self.one_end(&partition, End::Latest, self.config.isolation).await?;
        let found = self.offsets_for_times([(partition.clone(), time)]).await?;
        let found = found.get(&partition).copied().flatten();
        let offset = found.map_or(end, |found| found.offset);
        self.seek(partition, offset)?;
        Ok(offset)
    }

    /// Between which offsets a partition has records, as its leader says now. It need not be
    /// assigned. Cancel safe.
    ///
    /// # Errors
    ///
    /// As [`Consumer::end_offsets`].
    pub async fn watermarks(
        &self,
        partition: impl Into<TopicPartition>,
    ) -> Result<Watermarks, OffsetsError> {
        let partition = partition.into();
        let all = Isolation::ReadUncommitted;
        let low = self.one_end(&partition, End::Earliest, all).await?;
        let high = self.one_end(&partition, End::Latest, all).await?;
        Ok(Watermarks { low, high })
    }

    /// How many offsets the position is behind the end that this consumer can read to: see
    /// [`Consumer::end_offsets`]. Asks the leader. Cancel safe.
    ///
    /// # Errors
    ///
    /// [`LagError`].
    pub async fn lag(&self, partition: impl Into<TopicPartition>) -> Result<u64, LagError> {
        let partition = partition.into();
        let position = self.position(partition.clone()).await?;
        let end = self.one_end(&partition, End::Latest, self.config.isolation).await?;
        Ok(u64::try_from(end.get().saturating_sub(position.get())).unwrap_or(0))
    }

    async fn one_end(
        &self,
        partition: &TopicPartition,
        end: End,
        isolation: Isolation,
    ) -> Result<Offset, OffsetsError> {
        let wanted = vec![(partition.clone(), request::timestamp(end))];
        let found = self.look_up(wanted, isolation).await?;
        let found = found.get(partition).copied().flatten();
        found.map(|found| found.offset).ok_or(OffsetsError::Closed) // an end is never missing
    }

    async fn ends(
        &self,
        partitions: Vec<TopicPartition>,
        end: End,
    ) -> Result<BTreeMap<TopicPartition, Offset>, OffsetsError> {
        let wanted = partitions.into_iter().map(|p| (p, request::timestamp(end))).collect();
        let found = self.look_up(wanted, self.config.isolation).await?;
        Ok(found.into_iter().filter_map(|(p, found)| Some((p, found?.offset))).collect())
    }

    async fn look_up(
        &self,
        wanted: Vec<(TopicPartition, i64)>,
        isolation: Isolation,
    ) -> Result<BTreeMap<TopicPartition, Found>, OffsetsError> {
        if self.shared().lock().closed {
            return Err(OffsetsError::Closed);
        }
        let timeout = self.config.default_api_timeout;
        driver::list_offsets(&self.cluster, wanted, isolation.on_the_wire(), timeout).await
    }
}
