//! Faults on purpose: rules that make the broker fail the way a test wants it to.
//!
//! A rule says which requests it is about and what happens to them; [`Faults::add`] puts it in
//! force and gives a [`FaultHandle`] that counts its hits.

mod rules;

use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ottla_protocol::api_key::ApiKey;
use ottla_protocol::error_code::ErrorCode;
use ottla_runtime::watch;

pub(crate) use rules::{Targets, Verdict};

/// What happens to a request that a [`Fault`] hits.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Action {
    /// The request fails with this code, without effect: in every place of the reply that the rule
    /// matches. Topics and partitions it does not match are served.
    Error(ErrorCode),
    /// The request waits this long before it is handled, and so do all behind it on that
    /// connection. `Duration::MAX` waits for ever.
    Delay(Duration),
    /// The connection closes and the request has no effect.
    DisconnectBefore,
    /// The request has its effect, then the connection closes instead of a reply.
    DisconnectAfter,
    /// The request has its effect and no reply leaves; since replies leave in order, nor does any
    /// later one on that connection.
    Silence,
    /// The request has its effect and one byte in the middle of its reply is inverted; in a Fetch
    /// reply that carries records, one of the last record batch that its checksum covers.
    CorruptReply,
    /// Nothing; the hit is counted.
    Observe,
}

/// A rule: which requests, and what happens to them. It does nothing until [`Faults::add`].
#[derive(Clone, Debug)]
#[must_use = "a rule does nothing until it is added"]
pub struct Fault {
    api: ApiKey,
    topic: Option<String>,
    partition: Option<i32>,
    client_id: Option<String>,
    first: u64,
    times: u64,
    action: Action,
}

impl Fault {
    /// A rule about every request of `api`, that only counts until [`Fault::then`] says more.
    pub const fn on(api: ApiKey) -> Self {
        Self {
            api,
            topic: None,
            partition: None,
            client_id: None,
            first: 1,
            times: u64::MAX,
            action: Action::Observe,
        }
    }

    /// Only requests that name this topic.
    pub fn topic(mut self, name: impl Into<String>) -> Self {
        self.topic = Some(name.into());
        self
    }

    /// Only requests that name a partition of this index.
    pub const fn partition(mut self, index: i32) -> Self {
        self.partition = Some(index);
        self
    }

    /// Only requests of clients that call themselves so (`client.id`).
    pub fn client_id(mut self, id: impl Into<String>) -> Self {
        self.client_id = Some(id.into());
        self
    }

    /// Starts with the `n`th request that matches, 1 being the first and the default.
    pub const fn nth(mut self, n: u64) -> Self {
        self.first = n;
        self
    }

    /// Ends after `n` hits. Default: only when removed.
    pub const fn times(mut self, n: u64) -> Self {
        self.times = n;
        self
    }

    /// What happens to the requests that match.
    pub fn then(mut self, action: Action) -> Self {
        self.action = action;
        self
    }
}

/// The rules in force in a cluster. Clones share them.
#[derive(Clone, Default)]
pub struct Faults(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// How many rules there are, so that a broker without any pays one load per request.
    count: AtomicUsize,
    rules: Mutex<rules::Rules>,
}

impl Faults {
    /// Puts a rule in force. Of several that match a request, all are hit.
    pub fn add(&self, fault: Fault) -> FaultHandle {
        let (hits, receiver) = watch::channel(0);
        let mut rules = self.rules();
        let id = rules.add(fault, hits);
        self.0.count.store(rules.len(), Ordering::Release);
        FaultHandle { faults: self.clone(), id, hits: receiver }
    }

    /// Removes every rule.
    pub fn clear(&self) {
        let mut rules = self.rules();
        rules.clear();
        self.0.count.store(0, Ordering::Release);
    }

    /// What is to happen to this request. Counts the hits.
    pub(crate) fn judge(
        &self,
        api: ApiKey,
        client_id: Option<&str>,
        targets: &dyn Targets,
    ) -> Verdict {
        if self.0.count.load(Ordering::Acquire) == 0 {
            return Verdict::default();
        }
        self.rules().judge(api, client_id, targets)
    }

    fn rules(&self) -> MutexGuard<'_, rules::Rules> {
        // nothing panics while holding it
        self.0.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Faults({})", self.0.count.load(Ordering::Relaxed))
    }
}

/// A rule in force. Dropping the handle leaves the rule.
#[derive(Clone, Debug)]
pub struct FaultHandle {
    faults: Faults,
    id: u64,
    hits: watch::Receiver<u64>,
}

impl FaultHandle {
    /// How many requests it has hit so far.
    #[must_use]
    pub fn hits(&self) -> u64 {
        *self.hits.borrow()
    }

    /// Waits until it has hit `n` requests, or was removed. Returns the hits. Cancel safe.
    pub async fn wait(&self, n: u64) -> u64 {
        let mut hits = self.hits.clone();
        // an error means that the rule is gone: nothing will come
        hits.wait_for(|seen| *seen >= n).await.map_or_else(|_| self.hits(), |seen| *seen)
    }

    /// Takes the rule out of force.
    pub fn remove(&self) {
        let mut rules = self.faults.rules();
        rules.remove(self.id);
        self.faults.0.count.store(rules.len(), Ordering::Release);
    }
}
