//! The producer: encodes records straight into batches, and sees to it that each is appended once,
//! in order, or its fate told.
//!
//! A record's way: [`Producer::enqueue`] -> `partitioner` -> `accumulator` (bytes go into the open
//! batch, under the topic's lock) -> `outbox` (which batch goes where, when) -> `sequencer`
//! (numbers) -> `driver` (connection) -> `delivery` (one completion for all records of a batch).

mod accumulator;
mod batch;
mod config;
mod delivery;
mod driver;
mod error;
mod gate;
mod lane;
mod memory;
mod outbox;
mod partitioner;
mod record;
mod recovery;
mod replies;
mod sealer;
mod sequencer;
mod shared;
mod stream;
mod verdict;

use core::fmt;
use core::future::Future;
use std::sync::Arc;

use futures::Stream;
use ottla_protocol::Str;

pub use config::{Acks, ProducerBuilder};
pub use delivery::{Delivery, RecordMetadata};
pub use error::{EnqueueError, FlushError, Obstacle, SendError, TryEnqueueError};
pub use ottla_protocol::record::{Compression, Header};
pub use partitioner::{CustomPartitioner, Partitioner};
pub use record::{Payload, Record};
pub use stream::{ProducerSink, SendAllError};

use accumulator::{Blocked, Topic};
use config::ProducerConfig;
use driver::Driver;
use outbox::Outbox;
use sealer::Sealer;
use shared::Shared;

use crate::cluster::Cluster;

/// Writes records to topics. Cheap to clone; clones share buffers, connections and numbering.
///
/// Dropping the last clone takes no more records but delivers in the background those it has, as
/// long as the runtime lives, and warns if there are any: [`close`](Self::close) it instead.
#[derive(Clone)]
pub struct Producer {
    handle: Arc<Handle>,
}

/// Dropped with the last clone.
struct Handle {
    shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        let undelivered = self.shared.undelivered();
        self.shared.close(&EnqueueError::Closed);
        if undelivered > 0 {
            tracing::warn!(
                undelivered,
                "a producer was dropped before all its records were delivered; await its close, or \
                 flush"
            );
        }
    }
}

/// Makes the machines and starts the task.
fn start(cluster: Cluster, config: ProducerConfig) -> Producer {
    let sealer = Sealer::new(config.compression);
    let outbox = Outbox::new(config.settings.clone(), sealer, cluster.next_seed());
    let shared = Arc::new(Shared::new(cluster, config));
    let driver = Driver::new(Arc::clone(&shared), outbox);
    shared.cluster.scope().spawn(driver.run());
    Producer { handle: Arc::new(Handle { shared }) }
}

impl Producer {
    fn shared(&self) -> &Shared {
        &self.handle.shared
    }

    /// A handle for one topic, which spares each record the search for it.
    #[must_use]
    pub fn topic(&self, name: &str) -> TopicProducer {
        TopicProducer { topic: self.shared().topic(name), producer: self.clone() }
    }

    fn topic_of(&self, record: &Record<'_>) -> Result<Arc<Topic>, EnqueueError> {
        record.topic().map(|name| self.shared().topic(name)).ok_or(EnqueueError::NoTopic)
    }

    /// Puts a record in its batch and waits until it is acknowledged. To have many in flight, use
    /// [`enqueue`](Self::enqueue): a loop that awaits each `send` waits a round trip for each.
    ///
    /// Cancel safe in this sense: dropped before the record is in its batch, it is not sent; after
    /// that it is sent, and no one learns how it went.
    ///
    /// # Errors
    ///
    /// [`SendError`]; see [`SendError::possibly_written`].
    pub async fn send(&self, record: Record<'_>) -> Result<RecordMetadata, SendError> {
        self.enqueue(record).await?.await
    }

    /// Puts a record in its batch; waits, at most `max_block`, for its topic's metadata and for
    /// room in the buffer. The [`Delivery`] tells of its fate, and may be dropped.
    ///
    /// Cancel safe: the record is either in its batch, or nowhere.
    ///
    /// # Errors
    ///
    /// [`EnqueueError`]; the record is not in the log then.
    #[expect(clippy::manual_async_fn, reason = "an async fn moves the record once more")]
    pub fn enqueue(
        &self,
        record: Record<'_>,
    ) -> impl Future<Output = Result<Delivery, EnqueueError>> + Send {
        async move {
            let topic = self.topic_of(&record)?;
            match self.shared().append(&topic, &record, None) {
                Ok(delivery) => Ok(delivery),
                Err(blocked) => self.shared().enqueue_later(&topic, &record, blocked).await,
            }
        }
    }

    /// Puts a record in its batch if that needs no waiting. The record stays the caller's.
    ///
    /// # Errors
    ///
    /// [`TryEnqueueError`], which says what it would wait for.
    pub fn try_enqueue(&self, record: &Record<'_>) -> Result<Delivery, TryEnqueueError> {
        let topic = self.topic_of(record)?;
        try_enqueue(self.shared(), &topic, record)
    }

    /// Enqueues all records of `records` in order, and waits until each has its fate: gives how
    /// many were acknowledged. Goes on after a record that failed.
    ///
    /// Not cancel safe: dropped, it leaves an unknown number of records enqueued.
    ///
    /// # Errors
    ///
    /// [`SendAllError`] if any failed, or if the producer cannot go on.
    pub async fn send_all<'r, S>(&self, records: S) -> Result<u64, SendAllError>
    where
        S: Stream<Item = Record<'r>>,
    {
        stream::send_all(self, records).await
    }

    /// A [`Sink`](futures::Sink) of records. Its flush waits until they are acknowledged.
    #[must_use]
    pub fn sink(&self) -> ProducerSink {
        ProducerSink::new(self.clone())
    }

    /// Sends at once what was enqueued so far, and waits until each of these records has its fate.
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// [`FlushError`] if any of them failed.
    pub async fn flush(&self) -> Result<(), FlushError> {
        let _hurry = self.shared().hurry();
        let mut failed: Option<FlushError> = None;
        for topic in self.shared().all_topics() {
            for batch in topic.unsettled() {
                let Some((records, first)) = batch.settled().await else { continue };
                let sum = failed.get_or_insert(FlushError { failed: 0, first });
                sum.failed += u64::from(records);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Takes no more records, delivers those it has, and ends; at the latest after
    /// `delivery_timeout`. Clones are closed too. Cancel safe: called again, it waits on.
    ///
    /// # Errors
    ///
    /// [`FlushError`] if records were still undelivered, and some of them failed.
    pub async fn close(&self) -> Result<(), FlushError> {
        self.shared().close(&EnqueueError::Closed);
        let flushed = self.flush().await;
        let mut ended = self.shared().ended.subscribe();
        // the sender lives in what `self` shares
        let _ = ended.wait_for(|ended| *ended).await;
        flushed
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = self.shared();
        f.debug_struct("Producer")
            .field("buffered_bytes", &shared.memory.reserved())
            .field("undelivered", &shared.undelivered())
            .finish_non_exhaustive()
    }
}

/// A [`Producer`] for one topic. Its records need none: [`Record::new`].
#[derive(Clone, Debug)]
pub struct TopicProducer {
    producer: Producer,
    topic: Arc<Topic>,
}

impl TopicProducer {
    #[inline]
    fn check(&self, record: &Record<'_>) -> Result<(), EnqueueError> {
        match record.topic() {
            None => Ok(()),
            Some(name) => self.check_name(name),
        }
    }

    fn check_name(&self, name: &str) -> Result<(), EnqueueError> {
        if *name == **self.topic.name() {
            return Ok(());
        }
        let (record, handle) = (Str::from(name), self.topic.name().clone());
        Err(EnqueueError::WrongTopic { record, handle })
    }

    /// The topic's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.topic.name()
    }

    /// As [`Producer::send`], in cancel safety, too.
    ///
    /// # Errors
    ///
    /// As [`Producer::send`], and [`EnqueueError::WrongTopic`].
    pub async fn send(&self, record: Record<'_>) -> Result<RecordMetadata, SendError> {
        self.enqueue(record).await?.await
    }

    /// As [`Producer::enqueue`], in cancel safety, too.
    ///
    /// # Errors
    ///
    /// As [`Producer::enqueue`], and [`EnqueueError::WrongTopic`].
    #[expect(clippy::manual_async_fn, reason = "an async fn moves the record once more")]
    pub fn enqueue(
        &self,
        record: Record<'_>,
    ) -> impl Future<Output = Result<Delivery, EnqueueError>> + Send {
        async move {
            self.check(&record)?;
            let shared = self.producer.shared();
            match shared.append(&self.topic, &record, None) {
                Ok(delivery) => Ok(delivery),
                Err(blocked) => shared.enqueue_later(&self.topic, &record, blocked).await,
            }
        }
    }

    /// As [`Producer::try_enqueue`].
    ///
    /// # Errors
    ///
    /// As [`Producer::try_enqueue`], and [`EnqueueError::WrongTopic`].
    pub fn try_enqueue(&self, record: &Record<'_>) -> Result<Delivery, TryEnqueueError> {
        self.check(record)?;
        try_enqueue(self.producer.shared(), &self.topic, record)
    }
}

fn try_enqueue(
    shared: &Shared,
    topic: &Topic,
    record: &Record<'_>,
) -> Result<Delivery, TryEnqueueError> {
    shared.append(topic, record, None).map_err(|blocked| match blocked {
        Blocked::Metadata => TryEnqueueError::MetadataPending,
        Blocked::Memory(_) => TryEnqueueError::Full,
        Blocked::Refused(why) => {
            if matches!(why, EnqueueError::NoSuchPartition { .. }) {
                shared.cluster.request_refresh(); // it may have been added: a later call finds it
            }
            TryEnqueueError::Refused(why)
        }
    })
}
