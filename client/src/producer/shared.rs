//! What the handles of a producer and its driver share.

use core::future::ready;
use core::ops::Deref;
use core::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use ottla_protocol::Str;
use ottla_protocol::ids::{PartitionIndex, Timestamp};
use ottla_runtime::{Instant, watch};
use tokio::sync::Notify;

use super::accumulator::{Blocked, Topic};
use super::config::ProducerConfig;
use super::delivery::Delivery;
use super::error::{EnqueueError, Obstacle};
use super::memory::{Credit, Memory};
use super::record::Record;
use crate::cluster::{Cluster, TopicInterest};

/// Shared by handles and driver.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) cluster: Cluster,
    pub(super) config: ProducerConfig,
    pub(super) memory: Arc<Memory>,
    topics: Mutex<Topics>,
    /// Wakes the driver.
    pub(super) notify: Notify,
    /// Counts what the driver learnt of topics; tells who waits for metadata.
    pub(super) learnt: watch::Sender<u64>,
    /// Whether the driver has ended.
    pub(super) ended: watch::Sender<bool>,
    closing: AtomicBool,
    /// How many calls want that nothing waits for company.
    hurried: AtomicUsize,
    /// A recent wall time in milliseconds, so that a record costs no clock.
    coarse: AtomicI64,
}

#[derive(Debug, Default)]
struct Topics {
    by_name: BTreeMap<Str, Arc<Topic>>,
    /// Those the driver does not know yet.
    new: Vec<Arc<Topic>>,
    interests: Vec<TopicInterest>,
    closed: bool,
}

impl Shared {
    pub(super) fn new(cluster: Cluster, config: ProducerConfig) -> Self {
        Self {
            memory: Arc::new(Memory::new(config.buffer_memory)),
            coarse: AtomicI64::new(cluster.clock().wall_ms()),
            cluster,
            config,
            topics: Mutex::default(),
            notify: Notify::new(),
            learnt: watch::Sender::new(0),
            ended: watch::Sender::new(false),
            closing: AtomicBool::new(false),
            hurried: AtomicUsize::new(0),
        }
    }

    fn topics(&self) -> MutexGuard<'_, Topics> {
        // nothing panics while holding it
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The topic of that name; a new one is asked for at once.
    pub(super) fn topic(&self, name: &str) -> Arc<Topic> {
        let mut topics = self.topics();
        if let Some(topic) = topics.by_name.get(name) {
            return Arc::clone(topic);
        }
        let config = &self.config;
        let topic = Arc::new(Topic::new(
            Str::from(name),
            config.partitioner.clone(),
            config.bounds.clone(),
            Arc::clone(&self.memory),
            self.cluster.next_seed(),
        ));
        if topics.closed {
            topic.close(EnqueueError::Closed);
        }
        topics.by_name.insert(topic.name().clone(), Arc::clone(&topic));
        topics.new.push(Arc::clone(&topic));
        topics.interests.push(self.cluster.register_topic(name));
        drop(topics);
        self.notify.notify_one();
        topic
    }

    /// The topics that came since the last look.
    pub(super) fn take_new_topics(&self) -> Vec<Arc<Topic>> {
        core::mem::take(&mut self.topics().new)
    }

    pub(super) fn all_topics(&self) -> Vec<Arc<Topic>> {
        self.topics().by_name.values().cloned().collect()
    }

    /// Encodes a record into its batch; the one point at which it is committed.
    pub(super) fn append(
        &self,
        topic: &Topic,
        record: &Record<'_>,
        credit: Option<&mut Credit<'_>>,
    ) -> Result<Delivery, Blocked> {
        let coarse = Timestamp(self.coarse.load(Ordering::Relaxed));
        let appended = topic.append(record, coarse, credit, || self.tick())?;
        if appended.wake {
            self.notify.notify_one();
        }
        Ok(appended.delivery)
    }

    /// Reads the clock, for all records until the next tick.
    pub(super) fn tick(&self) -> (Instant, Timestamp) {
        let clock = self.cluster.clock();
        let wall = clock.wall_ms();
        self.coarse.store(wall, Ordering::Relaxed);
        (clock.now(), Timestamp(wall))
    }

    /// Waits for what keeps `record` out of its batch, then puts it there. Cancel safe: until it
    /// returns, the record is in no batch. Boxed, so that the future of the common case is small.
    #[cold]
    pub(super) fn enqueue_later<'a>(
        &'a self,
        topic: &'a Topic,
        record: &'a Record<'_>,
        blocked: Blocked,
    ) -> BoxFuture<'a, Result<Delivery, EnqueueError>> {
        match blocked {
            Blocked::Refused(why) if missing(record, &why).is_none() => ready(Err(why)).boxed(),
            blocked => self.enqueue_within_max_block(topic, record, blocked).boxed(),
        }
    }

    async fn enqueue_within_max_block(
        &self,
        topic: &Topic,
        record: &Record<'_>,
        blocked: Blocked,
    ) -> Result<Delivery, EnqueueError> {
        let max_block = self.config.max_block;
        let mut waits_for = WaitsFor::Metadata;
        let waiting = self.enqueue_when_possible(topic, record, blocked, &mut waits_for);
        match self.cluster.clock().timeout(max_block, waiting).await {
            Ok(done) => done,
            Err(_) => Err(match waits_for {
                WaitsFor::Memory => EnqueueError::BufferFull { waited: max_block },
                WaitsFor::Partition(why) => why,
                WaitsFor::Metadata => EnqueueError::MetadataTimedOut {
                    topic: topic.name().clone(),
                    waited: max_block,
                    last: self.last_metadata_obstacle(topic),
                },
            }),
        }
    }

    fn last_metadata_obstacle(&self, topic: &Topic) -> Option<Obstacle> {
        let refused = topic.refused().map(Obstacle::broker);
        let failed = || self.cluster.attempts().borrow().error.clone();
        refused.or_else(|| failed().map(|why| Obstacle::Network(Arc::new(why))))
    }

    async fn enqueue_when_possible(
        &self,
        topic: &Topic,
        record: &Record<'_>,
        mut blocked: Blocked,
        waits_for: &mut WaitsFor,
    ) -> Result<Delivery, EnqueueError> {
        let mut learnt = self.learnt.subscribe();
        loop {
            let mut credit = None;
            match blocked {
                Blocked::Refused(why) => match missing(record, &why) {
                    Some(index) if !matches!(waits_for, WaitsFor::Partition(_)) => {
                        *waits_for = WaitsFor::Partition(why.clone());
                        self.await_partition(topic, index).await.ok_or(why)?;
                    }
                    _ => return Err(why),
                },
                Blocked::Metadata => {
                    *waits_for = WaitsFor::Metadata;
                    let again = self.append(topic, record, None);
                    match again {
                        Ok(delivery) => return Ok(delivery),
                        Err(Blocked::Metadata) => {
                            learnt.changed().await.map_err(|_| EnqueueError::Closed)?;
                        }
                        Err(other) => {
                            blocked = other;
                            continue;
                        }
                    }
                }
                Blocked::Memory(bytes) => {
                    *waits_for = WaitsFor::Memory;
                    let _hurry = self.hurry();
                    match self.memory.reserve(bytes).await {
                        Ok(granted) => credit = Some(granted),
                        Err(EnqueueError::Closed) => {} // the topic knows why
                        Err(why) => return Err(why),
                    }
                    if credit.is_none() && self.is_closing() {
                        return Err(EnqueueError::Closed);
                    }
                }
            }
            match self.append(topic, record, credit.as_mut()) {
                Ok(delivery) => return Ok(delivery),
                Err(next) => blocked = next,
            }
        }
    }

    /// A partition may have been added since the cluster was last asked: asks again. `None`: it has
    /// not been.
    async fn await_partition(&self, topic: &Topic, index: PartitionIndex) -> Option<()> {
        let (mut learnt, mut attempts) = (self.learnt.subscribe(), self.cluster.attempts());
        let enough = self.cluster.request_news();
        while attempts.borrow_and_update().answered < enough {
            attempts.changed().await.ok()?;
        }
        self.cluster.metadata().topic(topic.name())?.partition(index)?;
        while !topic.has(index) {
            learnt.changed().await.ok()?; // the driver is about to look
        }
        Some(())
    }

    /// While the guard lives, nothing waits for company.
    pub(super) fn hurry(&self) -> Hurry<&Self> {
        Hurry::new(self)
    }

    pub(super) fn is_hurried(&self) -> bool {
        self.hurried.load(Ordering::Acquire) > 0 || self.is_closing()
    }

    /// Takes no more records; the driver ends when those it has are delivered.
    pub(super) fn close(&self, why: &EnqueueError) {
        self.topics().closed = true;
        for topic in self.all_topics() {
            topic.close(why.clone());
        }
        self.memory.close();
        self.closing.store(true, Ordering::Release);
        self.learnt.send_modify(|count| *count += 1);
        self.notify.notify_one();
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    pub(super) fn undelivered(&self) -> u64 {
        self.all_topics().iter().map(|topic| topic.undelivered()).sum()
    }
}

/// What a record waits for on its way into a batch.
enum WaitsFor {
    Metadata,
    Memory,
    /// The cluster's word that there is none: until then, what we knew.
    Partition(EnqueueError),
}

/// The partition that `record` names and the topic, as far as is known, has not.
fn missing(record: &Record<'_>, why: &EnqueueError) -> Option<PartitionIndex> {
    let named = record.chosen_partition();
    named.filter(|_| matches!(why, EnqueueError::NoSuchPartition { .. }))
}

/// See [`Shared::hurry`].
pub(super) struct Hurry<S: Deref<Target = Shared>>(S);

impl<S: Deref<Target = Shared>> Hurry<S> {
    pub(super) fn new(shared: S) -> Self {
        shared.hurried.fetch_add(1, Ordering::AcqRel);
        shared.notify.notify_one();
        Self(shared)
    }
}

impl<S: Deref<Target = Shared>> Drop for Hurry<S> {
    fn drop(&mut self) {
        self.0.hurried.fetch_sub(1, Ordering::AcqRel);
    }
}
