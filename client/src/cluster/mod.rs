//! What producer, consumer and admin share: the metadata and the connections of one client.

pub(crate) mod driver;
pub(crate) mod metadata;
pub(crate) mod pool;
pub(crate) mod refresh;

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ottla_protocol::ids::NodeId;
use ottla_protocol::{ApiKey, Str};
use ottla_runtime::{Clock, Scope, watch};
use tokio::sync::Notify;

pub(crate) use metadata::{LeaderHint, Metadata, Node, Topic, TopicRef};
pub(crate) use pool::Purpose;

use crate::backoff::Backoff;
use crate::config::ClientConfig;
use crate::error::CallError;
use crate::net::connection::{Connection, Env};
use pool::Pool;
use refresh::{Refresh, Target};

/// The cluster as one client sees it. Clones share it; dropping the last ends the client's tasks.
///
/// A task that holds a clone keeps the client alive, which is how a dropped producer still
/// delivers.
#[derive(Clone)]
pub(crate) struct Cluster(Arc<Handle>);

struct Handle(Arc<Inner>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.shut_down();
    }
}

/// What the client's own tasks hold: it does not keep the client alive.
struct Inner {
    env: Arc<Env>,
    pool: Pool,
    refresh: Mutex<Refresh>,
    /// Wakes the metadata task.
    refresh_changed: Notify,
    metadata: watch::Sender<Arc<Metadata>>,
    attempts: watch::Sender<Attempts>,
    next_id: AtomicU64,
    seeds: Mutex<fastrand::Rng>,
}

/// How the questions for metadata went.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attempts {
    /// How many were answered.
    pub(crate) answered: u64,
    /// How many have failed since the last was answered.
    pub(crate) failed: u64,
    /// Why the last failed; `None` if it was answered.
    pub(crate) error: Option<CallError>,
}

impl Cluster {
    /// Starts the metadata task, which asks nothing before somebody wants to know.
    pub(crate) fn new(env: Env, seed: u64) -> Self {
        let env = Arc::new(env);
        let mut seeds = fastrand::Rng::with_seed(seed);
        let config = &env.config;
        let backoff = Backoff::new(config.retry_backoff, config.retry_backoff_max, seeds.u64(..));
        let entries = config.bootstrap.len();
        let refresh = Refresh::new(
            entries,
            config.metadata_max_age,
            config.patience(),
            backoff,
            seeds.u64(..),
        );
        let inner = Arc::new(Inner {
            pool: Pool::new(Arc::clone(&env), seeds.u64(..)),
            refresh: Mutex::new(refresh),
            refresh_changed: Notify::new(),
            metadata: watch::Sender::new(Arc::default()),
            attempts: watch::Sender::new(Attempts::default()),
            next_id: AtomicU64::new(0),
            seeds: Mutex::new(seeds),
            env,
        });
        inner.env.scope.spawn(driver::run(Arc::clone(&inner)));
        Self(Arc::new(Handle(inner)))
    }

    fn inner(&self) -> &Arc<Inner> {
        &self.0.0
    }

    /// The client's clock.
    pub(crate) fn clock(&self) -> &Clock {
        &self.inner().env.clock
    }

    /// Where the client's tasks run.
    pub(crate) fn scope(&self) -> &Scope {
        &self.inner().env.scope
    }

    /// The client's settings.
    pub(crate) fn config(&self) -> &ClientConfig {
        &self.inner().env.config
    }

    /// What the client calls itself (Kafka: `client.id`).
    pub(crate) fn client_id(&self) -> &str {
        &self.config().client_id
    }

    /// A number nobody else of this client has: for [`Purpose::Fetch`].
    pub(crate) fn next_id(&self) -> u64 {
        self.inner().next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// A seed for a machine's own generator, from the client's.
    pub(crate) fn next_seed(&self) -> u64 {
        // nothing panics while holding it
        self.inner().seeds.lock().unwrap_or_else(PoisonError::into_inner).u64(..)
    }

    /// What is known now. Empty before the first answer.
    pub(crate) fn metadata(&self) -> Arc<Metadata> {
        Arc::clone(&self.inner().metadata.borrow())
    }

    /// Tells of every change of the metadata.
    pub(crate) fn watch(&self) -> watch::Receiver<Arc<Metadata>> {
        self.inner().metadata.subscribe()
    }

    /// Tells of every question for metadata that was answered or failed: for errors that say why
    /// a topic stays unknown.
    pub(crate) fn attempts(&self) -> watch::Receiver<Attempts> {
        self.inner().attempts.subscribe()
    }

    /// Keeps `topic` in all refreshes while the guard lives; asks for it at once if it is new.
    pub(crate) fn register_topic(&self, topic: &str) -> TopicInterest {
        let topic = Str::from(topic);
        if self.inner().refresh().on_interest(&topic) {
            self.inner().refresh_changed.notify_one();
        }
        TopicInterest { inner: Arc::clone(self.inner()), topic }
    }

    /// The metadata is stale: asks again, after the retry backoff if it was just asked.
    pub(crate) fn request_refresh(&self) {
        self.inner().refresh().on_request();
        self.inner().refresh_changed.notify_one();
    }

    /// As [`request_refresh`](Self::request_refresh). Gives how large [`Attempts::answered`] is once
    /// a question that was asked after this call has been answered.
    pub(crate) fn request_news(&self) -> u64 {
        let mut refresh = self.inner().refresh();
        let answered = self.inner().attempts.borrow().answered;
        let stale = u64::from(refresh.is_asking());
        refresh.on_request();
        self.inner().refresh_changed.notify_one();
        answered + stale + 1
    }

    /// Whether what is known of the brokers is older than anything should be that is relied on.
    pub(crate) fn is_aged(&self) -> bool {
        self.inner().refresh().is_aged(self.clock().now())
    }

    /// Why nobody has answered a question for metadata within `timeout`.
    pub(crate) fn unanswered(&self, timeout: Duration) -> CallError {
        let last = self.inner().attempts.borrow().error.clone();
        let peer = format!("bootstrap {}", self.config().bootstrap_text);
        let (api, possibly_sent) = (ApiKey::METADATA, true);
        last.unwrap_or(CallError::TimedOut { peer, api, timeout, possibly_sent })
    }

    /// Takes over what a response says about new leaders (KIP-951). Gives whether it was news.
    pub(crate) fn apply_leader_hints(&self, hints: &[LeaderHint], endpoints: &[Node]) -> bool {
        let mut changed = false;
        self.inner().metadata.send_if_modified(|metadata| {
            if let Some(next) = metadata.hinted(hints, endpoints) {
                self.inner().pool.on_metadata(&next);
                *metadata = Arc::new(next);
                changed = true;
            }
            changed
        });
        changed
    }

    /// The connection to a broker for one purpose: a cheap handle, opened on first use.
    pub(crate) fn connection(&self, node: NodeId, purpose: Purpose) -> Connection {
        self.inner().pool.get(Target::Node(node), purpose, &self.metadata())
    }

    /// A connection for what any broker can answer: one of the bootstrap list before the brokers
    /// are known. Ask for another after a failure.
    pub(crate) fn any_node(&self) -> Connection {
        let metadata = self.metadata();
        let mut picked = None;
        for _ in 0..ANY_NODE_TRIES {
            let target = self.inner().refresh().choose();
            let connection = self.inner().pool.get(target, Purpose::General, &metadata);
            if !connection.is_failing() {
                return connection;
            }
            picked = Some(connection);
        }
        let first = || self.inner().pool.get(Target::Bootstrap(0), Purpose::General, &metadata);
        picked.unwrap_or_else(first)
    }

    /// The broker that takes changes to the cluster, if it is known; else any.
    pub(crate) fn controller(&self) -> Connection {
        let metadata = self.metadata();
        match metadata.controller.filter(|id| metadata.nodes.contains_key(id)) {
            Some(id) => self.connection(id, Purpose::General),
            None => self.any_node(),
        }
    }

    /// Closes all connections for `purpose` once they have answered what was asked.
    pub(crate) fn release(&self, purpose: Purpose) {
        self.inner().pool.release(purpose);
    }

    /// Ends all tasks; every call that waits, and every later one, gets [`CallError::Closed`].
    /// Cancel safe.
    pub(crate) async fn close(&self) {
        self.inner().shut_down();
        self.scope().ended().await;
    }
}

/// How often [`Cluster::any_node`] looks for a broker that did not just fail.
const ANY_NODE_TRIES: u32 = 4;

impl Inner {
    fn refresh(&self) -> MutexGuard<'_, Refresh> {
        // its assertions guard against a bug of ours, and leave it consistent
        self.refresh.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops every task where it stands. Neither blocks nor sends anything.
    fn shut_down(&self) {
        self.pool.close();
        self.env.scope.kill();
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cluster({})", self.config().bootstrap_text)
    }
}

/// Keeps a topic in the metadata while it lives.
pub(crate) struct TopicInterest {
    inner: Arc<Inner>,
    topic: Str,
}

impl Drop for TopicInterest {
    fn drop(&mut self) {
        self.inner.refresh().on_disinterest(&self.topic);
    }
}

impl fmt::Debug for TopicInterest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TopicInterest({})", self.topic)
    }
}

#[cfg(test)]
mod tests;
