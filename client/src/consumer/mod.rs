//! The consumer: reads records of assigned partitions.

mod config;
mod decode;
mod decoded;
mod driver;
mod error;
mod inbox;
mod offsets;
mod query;
mod receive;
mod record;
mod request;
mod stream;
mod subscription;

use core::fmt;
use core::future::poll_fn;
use core::time::Duration;
use std::sync::Arc;

use core::task::Poll;
use ottla_protocol::ids::{LeaderEpoch, Offset};
use ottla_protocol::topic::check_name;

pub use config::{ConsumerBuilder, Isolation, OffsetReset};
pub use decode::BatchFault;
pub use decoded::{DecodeError, Decoded, DecodedStream, Undecodable};
pub use error::{AssignError, NotAssigned, OffsetsError, PollError, PositionError};
pub use offsets::{LagError, OffsetAndTimestamp, SeekError, Watermarks};
pub use record::{
    ConsumerRecord, PartitionRecords, RecordView, Records, RecordsIntoIter, RecordsIter,
    TimestampType,
};
pub use stream::RecordStream;
pub use subscription::{Assignment, Start, TopicPartition};

use crate::cluster::Cluster;
pub(crate) use config::ConsumerConfig;
use driver::Driver;
use inbox::{Inbox, Taken};
use receive::{Shared, Waiter};
use subscription::Position;

/// Reads records of the partitions that are assigned to it.
///
/// A task in the background always has one fetch under way to each broker that leads some of them,
/// and keeps what came until it is asked for; how much is bounded by
/// [`fetch_buffer_bytes_max`](ConsumerBuilder::fetch_buffer_bytes_max). All methods take `&self`.
/// Several tasks may receive at a time: each record goes to one of them.
///
/// The position of a partition moves when its records are handed out, and only then.
///
/// Dropping the consumer, and every [`RecordStream`] of it, ends the task; nothing blocks.
///
/// # Cancel safety
///
/// Every future of this type may be dropped at any time: no record is lost, and none comes twice.
pub struct Consumer {
    handle: Arc<Handle>,
    cluster: Cluster,
    config: ConsumerConfig,
}

/// What handles and streams share. The consumer ends with the last of them.
#[derive(Debug)]
struct Handle(Arc<Shared>);

impl Handle {
    const fn shared(&self) -> &Arc<Shared> {
        &self.0
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer").field("assignment", &self.assignment()).finish_non_exhaustive()
    }
}

impl Consumer {
    fn start(cluster: Cluster, mut config: ConsumerConfig) -> Self {
        config.seed = cluster.next_seed();
        config.retry_backoff = cluster.config().retry_backoff;
        config.retry_backoff_max = cluster.config().retry_backoff_max;
        let shared = Arc::new(Shared::new(&config));
        let isolation = config.isolation.on_the_wire();
        let driver = Driver::new(Arc::clone(&shared), cluster.clone(), isolation);
        cluster.scope().spawn(driver.run());
        Self { handle: Arc::new(Handle(shared)), cluster, config }
    }

    fn shared(&self) -> &Arc<Shared> {
        self.handle.shared()
    }

    /// Replaces the assignment: these partitions, and no others, are read. A partition that was
    /// assigned already and comes without an offset goes on where it was.
    ///
    /// ```no_run
    /// # fn example(consumer: &ottla::Consumer) -> Result<(), Box<dyn std::error::Error>> {
    /// use ottla::{Start, TopicPartition};
    /// consumer.assign([("orders", 0), ("orders", 1)])?;
    /// consumer.assign([("orders", 0, Start::Earliest)])?;
    /// # Ok(()) }
    /// ```
    ///
    /// A topic that does not exist is no error here: the consumer waits for it, and
    /// [`Consumer::poll`] says so after a while.
    ///
    /// # Errors
    ///
    /// A name or an index that no partition can have, or [`AssignError::Closed`]. Then the
    /// assignment stays as it was.
    pub fn assign<I>(&self, partitions: I) -> Result<(), AssignError>
    where
        I: IntoIterator,
        I::Item: Into<Assignment>,
    {
        let wanted: Vec<Assignment> = partitions.into_iter().map(Into::into).collect();
        for Assignment { partition, .. } in &wanted {
            check(partition)?;
        }
        let mut state = self.shared().lock();
        if state.closed {
            return Err(AssignError::Closed);
        }
        state.inbox.assign(wanted);
        drop(state);
        self.shared().driver.notify_one();
        Ok(())
    }

    /// Empties the assignment. Nothing that was fetched is handed out any more.
    pub fn unassign(&self) {
        self.shared().lock().inbox.assign(Vec::new());
        self.shared().driver.notify_one();
    }

    /// What is assigned, in order.
    #[must_use]
    pub fn assignment(&self) -> Vec<TopicPartition> {
        let state = self.shared().lock();
        let assigned = state.inbox.subscription().iter();
        let mut all: Vec<_> = assigned.map(|(_, a)| a.partition.clone()).collect();
        all.sort_unstable();
        all
    }

    /// Moves the position: the next record of this partition that is handed out is the one at
    /// `offset`, or the first behind it. No record that was fetched before comes after this.
    ///
    /// If the log does not have the offset, the [reset policy](ConsumerBuilder::reset) decides
    /// where reading goes on.
    ///
    /// # Errors
    ///
    /// [`NotAssigned`]; nothing was changed.
    pub fn seek(
        &self,
        partition: impl Into<TopicPartition>,
        offset: Offset,
    ) -> Result<(), NotAssigned> {
        self.seek_start(&partition.into(), Start::At(offset))
    }

    /// Like [`Consumer::seek`], but the leader is asked first whether its log still is the one that
    /// `offset` was taken from. `leader_epoch` is that of the record before it, as
    /// [`ConsumerRecord::leader_epoch`] or [`PartitionRecords::leader_epoch`] had it. If the leader
    /// lacks that record, reading goes on where its log begins to differ, or with
    /// [`OffsetReset::Error`] the application gets [`PollError::LogTruncated`]. Kafka: `seek` with
    /// an `OffsetAndMetadata`.
    ///
    /// Whoever stores positions outside of Kafka should store this epoch with them.
    ///
    /// # Errors
    ///
    /// [`NotAssigned`]; nothing was changed.
    pub fn seek_with_epoch(
        &self,
        partition: impl Into<TopicPartition>,
        offset: Offset,
        leader_epoch: LeaderEpoch,
    ) -> Result<(), NotAssigned> {
        self.seek_start(&partition.into(), Start::AtEpoch { offset, leader_epoch })
    }

    /// Moves the position to the first record that the partition still has; see
    /// [`Consumer::seek`].
    ///
    /// # Errors
    ///
    /// [`NotAssigned`]; nothing was changed.
    pub fn seek_to_beginning(
        &self,
        partition: impl Into<TopicPartition>,
    ) -> Result<(), NotAssigned> {
        self.seek_start(&partition.into(), Start::Earliest)
    }

    /// Moves the position behind the last record, as the leader sees it when it is asked, which is
    /// soon but not now; [`Consumer::position`] waits for that. See [`Consumer::seek`].
    ///
    /// # Errors
    ///
    /// [`NotAssigned`]; nothing was changed.
    pub fn seek_to_end(&self, partition: impl Into<TopicPartition>) -> Result<(), NotAssigned> {
        self.seek_start(&partition.into(), Start::Latest)
    }

    fn seek_start(&self, partition: &TopicPartition, start: Start) -> Result<(), NotAssigned> {
        self.shared().lock().inbox.seek(partition, start)?;
        self.shared().driver.notify_one();
        Ok(())
    }

    /// Stops handing out records of this partition, until [`Consumer::resume`]. The position
    /// stays, and what was fetched is kept as long as others do not need the memory.
    ///
    /// # Errors
    ///
    /// [`NotAssigned`]; nothing was changed.
    pub fn pause(&self, partition: impl Into<TopicPartition>) -> Result<(), NotAssigned> {
        self.set_paused(&partition.into(), true)
    }

    /// Ends a [`Consumer::pause`]; otherwise does nothing, and never moves the position.
    ///
    /// # Errors
    ///
    /// [`NotAssigned`]; nothing was changed.
    pub fn resume(&self, partition: impl Into<TopicPartition>) -> Result<(), NotAssigned> {
        self.set_paused(&partition.into(), false)
    }

    fn set_paused(&self, partition: &TopicPartition, paused: bool) -> Result<(), NotAssigned> {
        let wake = {
            let mut state = self.shared().lock();
            state.inbox.pause(partition, paused)?;
            state.take_waiting() // a resumed partition may have records at hand
        };
        wake.all();
        self.shared().driver.notify_one();
        Ok(())
    }

    /// The offset of the next record of this partition that will be handed out. Waits for the
    /// leader if it must be asked first. Cancel safe.
    ///
    /// # Errors
    ///
    /// [`PositionError`], among them that
    /// [`default_api_timeout`](ConsumerBuilder::default_api_timeout) has passed.
    pub async fn position(
        &self,
        partition: impl Into<TopicPartition>,
    ) -> Result<Offset, PositionError> {
        let partition = partition.into();
        let mut waiter = Waiter::new(self.shared());
        let known = poll_fn(|cx| {
            let mut state = self.shared().lock();
            if state.closed {
                return Poll::Ready(Err(PositionError::Closed));
            }
            match state.inbox.position(&partition) {
                Err(error) => Poll::Ready(Err(error.into())),
                Ok(Position::At(offset)) => Poll::Ready(Ok(offset)),
                Ok(Position::Undefined) => {
                    let partition = partition.clone();
                    Poll::Ready(Err(PositionError::Undefined { partition }))
                }
                Ok(Position::Ask(_)) => {
                    waiter.place.wait(&mut state, cx);
                    Poll::Pending
                }
            }
        });
        let timeout = self.config.default_api_timeout;
        let known = self.cluster.clock().timeout(timeout, known).await;
        known.unwrap_or_else(|_| {
            let reason = self.shared().lock().inbox.obstacle(&partition);
            Err(PositionError::TimedOut { partition, timeout, reason })
        })
    }

    /// The next records: at least one, of one or several partitions, in order within each.
    ///
    /// This is the fast way to read: a call hands over whole batches, and going through them
    /// neither copies nor allocates. Their positions are now behind them.
    ///
    /// Cancel safe: a dropped call has taken nothing.
    ///
    /// # Errors
    ///
    /// [`PollError`]. Except for [`PollError::Closed`] the next call goes on, with the same
    /// partition if the error passes, and with the others in any case.
    pub async fn poll(&self) -> Result<Records, PollError> {
        self.receive(Inbox::take_blocks).await.map(Records::new)
    }

    /// Like [`Consumer::poll`], but gives no records when `wait` has passed without any.
    ///
    /// Cancel safe: a dropped call has taken nothing.
    ///
    /// # Errors
    ///
    /// As [`Consumer::poll`].
    pub async fn poll_timeout(&self, wait: Duration) -> Result<Records, PollError> {
        let polled = self.cluster.clock().timeout(wait, self.poll()).await;
        polled.unwrap_or_else(|_| Ok(Records::default()))
    }

    /// The next record, as a value that owns its share of the fetch buffer: see
    /// [`ConsumerRecord::into_owned`] if it is to be kept for long.
    ///
    /// Cancel safe: a dropped call has taken nothing.
    ///
    /// # Errors
    ///
    /// As [`Consumer::poll`].
    pub async fn recv(&self) -> Result<ConsumerRecord, PollError> {
        self.receive(Inbox::take_record).await
    }

    async fn receive<T>(
        &self,
        mut take: impl FnMut(&mut Inbox) -> Taken<T>,
    ) -> Result<T, PollError> {
        let mut waiter = Waiter::new(self.shared());
        poll_fn(|cx| waiter.shared.poll_receive(&mut waiter.place, cx, &mut take)).await
    }

    /// The records as a stream that owns its share of the consumer. It ends when the consumer is
    /// closed, not at the end of the log: ask [`end_offsets`](Self::end_offsets) for that.
    pub fn stream(&self) -> RecordStream {
        RecordStream::new(Arc::clone(&self.handle))
    }

    /// Ends the consumer: receivers get [`PollError::Closed`], streams end, its connections close.
    /// Records that were fetched but not handed out are dropped; positions are kept nowhere.
    ///
    /// Cancel safe: it ends even if the future is dropped once it was polled.
    pub async fn close(self) {
        self.shared().close();
        let mut waiter = Waiter::new(self.shared());
        poll_fn(|cx| waiter.shared.poll_ended(&mut waiter.place, cx)).await;
    }
}

fn check(partition: &TopicPartition) -> Result<(), AssignError> {
    if check_name(&partition.topic).is_err() {
        return Err(AssignError::InvalidTopic { topic: Arc::clone(&partition.topic) });
    }
    if partition.partition.0 < 0 {
        return Err(AssignError::InvalidPartition { partition: partition.clone() });
    }
    Ok(())
}
