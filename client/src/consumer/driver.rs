//! The consumer's task: carries orders to brokers and replies back. What to do is decided in
//! [`inbox`](super::inbox).

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};
use futures::stream::{FuturesUnordered, StreamExt};
use ottla_protocol::Str;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::NodeId;
use ottla_protocol::messages::fetch::FetchResponse;
use ottla_protocol::messages::list_offsets::ListOffsetsResponse;
use ottla_protocol::messages::offset_for_leader_epoch::OffsetForLeaderEpochResponse;
use ottla_runtime::Instant;

use super::error::OffsetsError;
use super::inbox::{Effect, EpochsOrder, Leadership, OffsetsOrder};
use super::query::{Found, OffsetQuery};
use super::receive::Shared;
use super::request;
use super::subscription::TopicPartition;
use crate::backoff::Backoff;
use crate::cluster::{Attempts, Cluster, Metadata, Purpose, TopicInterest};
use crate::error::CallError;

/// What a broker answered.
enum Reply {
    Fetch(NodeId, Result<FetchResponse, CallError>),
    Offsets(Arc<OffsetsOrder>, Result<ListOffsetsResponse, CallError>),
    Epochs(Arc<EpochsOrder>, Result<OffsetForLeaderEpochResponse, CallError>),
}

/// The task. Dropping it, whether it ran or not, closes the consumer, so that no receiver waits for
/// ever when the client is killed.
pub(super) struct Driver {
    shared: Arc<Shared>,
    cluster: Cluster,
    isolation: i8,
    id: u64,
    topics: BTreeMap<Arc<str>, TopicInterest>,
}

impl Driver {
    pub(super) fn new(shared: Arc<Shared>, cluster: Cluster, isolation: i8) -> Self {
        let id = cluster.next_id();
        Self { shared, cluster, isolation, id, topics: BTreeMap::new() }
    }

    /// Runs until the consumer is closed.
    pub(super) async fn run(mut self) {
        let clock = self.cluster.clock().clone();
        let mut metadata = self.cluster.watch();
        let mut attempts = self.cluster.attempts();
        self.on_attempt(&attempts.borrow_and_update());
        let mut calls: FuturesUnordered<BoxFuture<'static, Reply>> = FuturesUnordered::new();
        let shared = Arc::clone(&self.shared);
        let mut metadata_changed = true;
        loop {
            let known = metadata_changed.then(|| Arc::clone(&metadata.borrow_and_update()));
            let Some(deadline) = self.step(clock.now(), known, &calls) else { return };
            metadata_changed = false;
            tokio::select! {
                biased;
                Some(reply) = calls.next(), if !calls.is_empty() => {
                    self.on_reply(reply, clock.now());
                }
                changed = metadata.changed() => match changed {
                    Ok(()) => metadata_changed = true,
                    Err(_) => return, // the client has gone
                },
                changed = attempts.changed() => match changed {
                    Ok(()) => self.on_attempt(&attempts.borrow_and_update()),
                    Err(_) => return, // the client has gone
                },
                () = shared.driver.notified() => {}
                () = clock.sleep_until(deadline) => {}
            }
        }
    }

    /// Lets the machine act. Gives the time of the next step, or `None` if the consumer is closed.
    fn step(
        &mut self,
        now: Instant,
        known: Option<Arc<Metadata>>,
        calls: &FuturesUnordered<BoxFuture<'static, Reply>>,
    ) -> Option<Instant> {
        self.register_topics();
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        if state.closed {
            return None;
        }
        let leaders_wanted = state.inbox.take_leaders_wanted();
        let known = known.or_else(|| leaders_wanted.then(|| self.cluster.metadata()));
        if let Some(metadata) = known {
            state.inbox.on_metadata(now, |partition| leadership(&metadata, partition));
        }
        let mut effects = Vec::new();
        while let Some(effect) = state.inbox.poll(now) {
            effects.push(effect);
        }
        let deadline = state.inbox.next_deadline().unwrap_or(Instant::MAX);
        let wake = state.take_waiting();
        drop(state);
        for effect in effects {
            self.perform(effect, calls); // the next fetch leaves before anyone decodes the last
        }
        wake.all();
        Some(deadline)
    }

    /// The client's metadata covers what is assigned, and no more.
    fn register_topics(&mut self) {
        let state = self.shared.lock();
        let topics = state.inbox.subscription();
        let same = topics.topics().count() == self.topics.len()
            && topics.topics().all(|topic| self.topics.contains_key(topic));
        if same {
            return;
        }
        let wanted: Vec<_> = topics.topics().cloned().collect();
        drop(state);
        let mut before = core::mem::take(&mut self.topics);
        for topic in wanted {
            let interest =
                before.remove(&topic).unwrap_or_else(|| self.cluster.register_topic(&topic));
            self.topics.insert(topic, interest);
        }
    }

    fn perform(&self, effect: Effect, calls: &FuturesUnordered<BoxFuture<'static, Reply>>) {
        let request_timeout = self.cluster.config().request_timeout;
        match effect {
            Effect::RefreshMetadata => self.cluster.request_refresh(),
            Effect::Fetch(order) => {
                let node = order.node;
                let connection = self.cluster.connection(node, Purpose::Fetch(self.id));
                let timeout = order.max_wait + request_timeout;
                let (versions, isolation) = (request::fetch_versions(&order), self.isolation);
                let make = move |version| request::fetch(&order, isolation, version);
                let call = connection.call_versioned(versions, timeout, make);
                calls.push(call.map(move |reply| Reply::Fetch(node, reply)).boxed());
            }
            Effect::AskOffsets(order) => {
                // not on the connection for fetches, where it would wait behind a long poll
                let connection = self.cluster.connection(order.node, Purpose::General);
                let parts = order.parts.iter();
                let parts = parts
                    .map(|p| (&*p.topic, p.partition, p.leader_epoch, request::timestamp(p.end)));
                let request = request::list_offsets(parts, self.isolation, request_timeout);
                let call = connection.call(request, request_timeout);
                calls.push(call.map(move |reply| Reply::Offsets(order, reply)).boxed());
            }
            Effect::AskEpochs(order) => {
                let connection = self.cluster.connection(order.node, Purpose::General);
                let request = request::offsets_for_epochs(&order);
                let versions = request::EPOCHS_VERSIONS;
                let call = connection.call_versioned(versions, request_timeout, move |_| request);
                calls.push(call.map(move |reply| Reply::Epochs(order, reply)).boxed());
            }
        }
    }

    fn on_attempt(&self, attempts: &Attempts) {
        if attempts.error.is_some() || attempts.answered > 0 {
            self.shared.lock().inbox.on_metadata_asked(attempts.error.clone());
        }
    }

    fn on_reply(&self, reply: Reply, now: Instant) {
        if let Reply::Fetch(_, Ok(response)) = &reply {
            let (hints, nodes) = request::hints(response);
            if !hints.is_empty() {
                self.cluster.apply_leader_hints(&hints, &nodes);
            }
        }
        let mut state = self.shared.lock();
        match reply {
            Reply::Fetch(node, reply) => state.inbox.on_fetch_reply(node, reply, now),
            Reply::Offsets(order, reply) => state.inbox.on_offsets_reply(&order, reply),
            Reply::Epochs(order, reply) => state.inbox.on_epochs_reply(&order, reply),
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.cluster.release(Purpose::Fetch(self.id));
        self.shared.on_driver_gone();
    }
}

/// What the metadata says of a partition.
pub(super) fn leadership(metadata: &Metadata, partition: &TopicPartition) -> Leadership {
    let Some(topic) = metadata.topic(&partition.topic) else { return Leadership::Unknown };
    let gone = topic
        .error
        .filter(|&e| topic.partitions.is_empty() || e == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    if let Some(code) = gone {
        return Leadership::Missing(code);
    }
    match topic.partition(partition.partition) {
        None => Leadership::Missing(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        Some(found) => Leadership::Known {
            leader: found.leader,
            epoch: found.leader_epoch,
            topic_id: topic.id,
        },
    }
}

/// Asks leaders for offsets by timestamp, or by what stands for one, until all have answered.
pub(super) async fn list_offsets(
    cluster: &Cluster,
    partitions: Vec<(TopicPartition, i64)>,
    isolation: i8,
    timeout: Duration,
) -> Result<BTreeMap<TopicPartition, Found>, OffsetsError> {
    let mut query = OffsetQuery::new(partitions);
    let topics: BTreeSet<Str> = query.topics().map(Str::from).collect();
    let _interests: Vec<_> = topics.iter().map(|t| cluster.register_topic(t)).collect();
    let asked = ask_until_done(cluster, &mut query, isolation);
    if let Ok(asked) = cluster.clock().timeout(timeout, asked).await {
        asked?;
    }
    let late = |(partition, reason)| {
        let unreachable = cluster.attempts().borrow().error.as_ref().map(ToString::to_string);
        let reason = unreachable.unwrap_or(reason);
        OffsetsError::TimedOut { partition, timeout, reason }
    };
    query.finish().map_err(late)
}

async fn ask_until_done(
    cluster: &Cluster,
    query: &mut OffsetQuery,
    isolation: i8,
) -> Result<(), OffsetsError> {
    let (config, clock) = (cluster.config(), cluster.clock());
    let timeout = config.request_timeout;
    let seed = cluster.next_seed();
    let mut backoff = Backoff::new(config.retry_backoff, config.retry_backoff_max, seed);
    let mut watch = cluster.watch();
    while !query.is_done() {
        let metadata = Arc::clone(&watch.borrow_and_update());
        let questions = query.questions(|partition| leadership(&metadata, partition));
        let calls = questions.into_iter().map(|(node, question)| {
            let parts = question.iter();
            let parts = parts.map(|(p, epoch, time)| (&*p.topic, p.partition, *epoch, *time));
            let request = request::list_offsets(parts, isolation, timeout);
            let call = cluster.connection(node, Purpose::General).call(request, timeout);
            call.map(move |reply| (node, question, reply))
        });
        let mut calls: FuturesUnordered<_> = calls.collect();
        let asked = !calls.is_empty();
        while let Some((node, question, reply)) = calls.next().await {
            query.on_reply(node, &question, reply)?;
        }
        if query.is_done() {
            break;
        }
        if asked {
            cluster.request_refresh();
        }
        tokio::select! {
            biased;
            changed = watch.changed() => changed.map_err(|_| OffsetsError::Closed)?,
            () = clock.sleep(backoff.next_wait()) => {}
        }
    }
    Ok(())
}
