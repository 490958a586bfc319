//! The handle of a connection: a queue that remembers the order of calls, and a task behind it.

use core::any::Any;
use core::fmt;
use core::future::Future;
use core::marker::PhantomData;
use core::ops::RangeInclusive;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use ottla_protocol::ids::{CorrelationId, NodeId};
use ottla_protocol::messages::produce::ProduceResponse;
use ottla_protocol::schema::Struct;
use ottla_protocol::{
    ApiKey, EncodeError, EncodedFrame, Message, Request, decode_response, encode_request,
};
use ottla_runtime::net::Connector;
use ottla_runtime::{Clock, Instant, Scope};
use tokio::sync::{Notify, oneshot};

use super::address::BrokerAddress;
use super::driver;
use super::layers::Layers;
use crate::backoff::Backoff;
use crate::config::ClientConfig;
use crate::error::CallError;

/// How many requests wait for one connection before more are refused.
pub(super) const QUEUE_MAX: usize = 4096;

/// What all connections of a client share.
pub(crate) struct Env {
    pub(crate) config: ClientConfig,
    pub(crate) connector: Box<dyn Connector>,
    pub(crate) clock: Clock,
    pub(crate) scope: Scope,
    pub(crate) layers: Layers,
    pub(crate) unreached: Unreached,
}

/// Who could not be connected to, so that it is told once, however many connections lead there.
#[derive(Default)]
pub(crate) struct Unreached(Mutex<BTreeSet<String>>);

impl Unreached {
    /// Nobody answered. Gives whether that is news.
    pub(super) fn add(&self, peer: &str) -> bool {
        self.peers().insert(peer.to_owned())
    }

    /// It was reached.
    pub(super) fn remove(&self, peer: &str) {
        self.peers().remove(peer);
    }

    fn peers(&self) -> MutexGuard<'_, BTreeSet<String>> {
        // nothing panics while holding it
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection to one broker for one purpose. Opened on first use and again after a loss.
/// Clones share it.
#[derive(Clone)]
pub(crate) struct Connection(pub(super) Arc<Shared>);

pub(super) struct Shared {
    pub(super) env: Arc<Env>,
    /// Who is there, for an advertised address.
    pub(super) node: Option<NodeId>,
    queue: Mutex<Queue>,
    /// Wakes the task when the queue changed.
    pub(super) changed: Notify,
}

/// What callers and the task share; never locked across an await.
pub(super) struct Queue {
    pub(super) waiting: VecDeque<Outgoing>,
    /// `None` for a node that the metadata does not name.
    pub(super) address: Option<BrokerAddress>,
    /// The socket leads to an address that is not the broker's any more: it serves what it was
    /// asked, and another one the rest.
    pub(super) moved: bool,
    /// Whether the task runs.
    pub(super) running: bool,
    /// Nobody will use the connection any more: it closes once all is answered.
    pub(super) released: bool,
    /// The client is closed: nothing is answered any more.
    pub(super) closed: bool,
    /// Until when the broker asks for silence (KIP-219).
    pub(super) muted_until: Option<Instant>,
    pub(super) backoff: Backoff,
    /// Not before this may a connection be tried again.
    pub(super) retry_at: Instant,
}

/// A request that waits to be sent.
pub(super) struct Outgoing {
    pub(super) api: ApiKey,
    pub(super) ours: RangeInclusive<i16>,
    pub(super) deadline: Instant,
    pub(super) timeout: Duration,
    pub(super) oneway: bool,
    pub(super) encode: Box<Encode>,
    pub(super) reply: Reply,
}

type Encode = dyn FnOnce(i16, CorrelationId, &str) -> Result<Encoded, EncodeError> + Send;

/// A request in the version both sides know.
pub(super) struct Encoded {
    pub(super) frame: EncodedFrame,
    /// Behind how many header bytes the answer starts with `throttle_time_ms`, if it does.
    pub(super) throttle_at: Option<usize>,
}

/// Who waits for an answer.
pub(super) type Reply = oneshot::Sender<Result<Answer, CallError>>;

/// A whole response frame and the version to read it in.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) frame: Bytes,
    pub(super) version: i16,
}

impl Connection {
    /// A connection to `address`, which is that of `node` unless it is of the bootstrap list.
    pub(crate) fn new(
        env: Arc<Env>,
        node: Option<NodeId>,
        address: Option<BrokerAddress>,
        seed: u64,
    ) -> Self {
        let (first, max) = (env.config.reconnect_backoff, env.config.reconnect_backoff_max);
        let queue = Queue {
            waiting: VecDeque::new(),
            address,
            moved: false,
            running: false,
            released: false,
            closed: false,
            muted_until: None,
            backoff: Backoff::new(first, max, seed),
            retry_at: Instant::ZERO,
        };
        let changed = Notify::new();
        Self(Arc::new(Shared { env, node, queue: Mutex::new(queue), changed }))
    }

    /// Sends `request` in the newest version both sides know and gives its answer.
    ///
    /// The request is queued before this returns: call order is wire order. Dropping the future
    /// drops interest in the answer only; the request is sent all the same. Cancel safe.
    pub(crate) fn call<R>(&self, request: R, timeout: Duration) -> Call<R>
    where
        R: Request + Send + 'static,
    {
        self.call_versioned(R::VERSIONS, timeout, move |_| request)
    }

    /// Like [`call`](Self::call), where the content depends on the version: `make` gets the
    /// newest version that `versions` and the broker have in common.
    pub(crate) fn call_versioned<R>(
        &self,
        versions: RangeInclusive<i16>,
        timeout: Duration,
        make: impl FnOnce(i16) -> R + Send + 'static,
    ) -> Call<R>
    where
        R: Request + Send + 'static,
    {
        let reply = self.0.enqueue(versions, timeout, false, make);
        Call { reply, shared: Arc::clone(&self.0), request: PhantomData }
    }

    /// Sends what is never answered (Produce with acks=0). The future ends when the transport has
    /// taken the last byte. Queued before this returns; cancel safe.
    pub(crate) fn send_oneway<R>(
        &self,
        versions: RangeInclusive<i16>,
        timeout: Duration,
        make: impl FnOnce(i16) -> R + Send + 'static,
    ) -> Sent
    where
        R: Request + Send + 'static,
    {
        Sent(self.0.enqueue(versions, timeout, true, make))
    }

    /// Whether the last attempt to open it failed, or the attempts since.
    pub(crate) fn is_failing(&self) -> bool {
        self.0.queue().backoff.attempts() > 0
    }

    /// Where it leads from now on, except for what was sent already.
    pub(crate) fn set_address(&self, address: Option<BrokerAddress>) {
        let mut queue = self.0.queue();
        if queue.address != address {
            queue.address = address;
            queue.moved = true;
            queue.backoff.reset();
            queue.retry_at = Instant::ZERO;
            drop(queue);
            self.0.changed.notify_one();
        }
    }

    /// Lets it close once all that was asked is answered. A later call opens it again.
    pub(crate) fn release(&self) {
        self.0.queue().released = true;
        self.0.changed.notify_one();
    }

    /// Answers nothing any more: what waits fails, and so does every later call.
    pub(crate) fn close(&self) {
        let waiting = {
            let mut queue = self.0.queue();
            queue.closed = true;
            core::mem::take(&mut queue.waiting)
        };
        fail_all(waiting, |_| CallError::Closed { possibly_sent: false });
        self.0.changed.notify_one();
    }

    /// How many requests wait to be sent; for tests.
    #[cfg(test)]
    pub(crate) fn queued(&self) -> usize {
        self.0.queue().waiting.len()
    }
}

impl Shared {
    pub(super) fn queue(&self) -> MutexGuard<'_, Queue> {
        // nothing panics while holding it
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What errors call the peer.
    pub(super) fn peer(&self) -> String {
        let address = self.queue().address.as_ref().map(ToString::to_string);
        let address = address.unwrap_or_else(|| "an unknown address".to_owned());
        match self.node {
            Some(node) => format!("broker {node} at {address}"),
            None => format!("bootstrap {address}"),
        }
    }

    fn enqueue<R: Request + Send + 'static>(
        self: &Arc<Self>,
        ours: RangeInclusive<i16>,
        timeout: Duration,
        oneway: bool,
        make: impl FnOnce(i16) -> R + Send + 'static,
    ) -> oneshot::Receiver<Result<Answer, CallError>> {
        let (reply, answer) = oneshot::channel();
        let now = self.env.clock.now();
        let encode = Box::new(move |version, id, client_id: &str| {
            let frame = encode_request(&make(version), version, id, Some(client_id))?;
            Ok(Encoded { frame, throttle_at: throttle_at::<R>(version) })
        });
        let api = R::KEY;
        let deadline = now + timeout;
        let item = Outgoing { api, ours, deadline, timeout, oneway, encode, reply };
        self.push(item, now);
        answer
    }

    fn push(self: &Arc<Self>, mut item: Outgoing, now: Instant) {
        let mut queue = self.queue();
        let waiting = queue.waiting.len();
        if queue.closed || waiting >= QUEUE_MAX {
            let closed = queue.closed;
            drop(queue);
            let error = if closed {
                CallError::Closed { possibly_sent: false }
            } else {
                CallError::QueueFull { peer: self.peer(), waiting }
            };
            drop(item.reply.send(Err(error))); // who does not wait needs no answer
            return;
        }
        if let Some(until) = queue.muted_until {
            item.deadline = item.deadline + until.since(now); // silence on request is no delay
        }
        queue.waiting.push_back(item);
        queue.released = false;
        let start = !core::mem::replace(&mut queue.running, true);
        drop(queue);
        if start {
            self.env.scope.spawn(driver::run(Arc::clone(self)));
        } else {
            self.changed.notify_one();
        }
    }

    /// The broker answers: the next attempt to connect need not wait.
    pub(super) fn succeeded(&self) {
        self.queue().backoff.reset();
    }

    /// The broker asks for silence (KIP-219); what waits gets that much longer.
    pub(super) fn mute(&self, silence: Duration) {
        let now = self.env.clock.now();
        let mut queue = self.queue();
        let before = queue.muted_until.unwrap_or(now).max(now);
        let until = (now + silence.min(self.env.config.request_timeout)).max(before);
        let longer = until.since(before);
        queue.muted_until = Some(until);
        for item in &mut queue.waiting {
            item.deadline = item.deadline + longer;
        }
        drop(queue);
        tracing::debug!(peer = self.peer(), ?silence, "throttled by the broker");
        self.changed.notify_one();
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connection({})", self.0.peer())
    }
}

/// Tells each of them what `error` makes of what it asked.
pub(super) fn fail_all(
    waiting: impl IntoIterator<Item = Outgoing>,
    error: impl Fn(ApiKey) -> CallError,
) {
    for item in waiting {
        drop(item.reply.send(Err(error(item.api)))); // who does not wait needs no answer
    }
}

/// Nearly every response starts with the time the client must stay silent.
fn throttle_at<R: Request>(version: i16) -> Option<usize> {
    let first = R::Response::FIELDS.first()?;
    let has = first.name == "throttle_time_ms" && first.versions.contains(version);
    let flexible = R::Response::FLEXIBLE_FROM.is_some_and(|from| version >= from);
    has.then_some(if flexible { 5 } else { 4 }) // correlation id, then the count of tags: none
}

/// The future of [`Connection::call`].
pub(crate) struct Call<R: Request> {
    reply: oneshot::Receiver<Result<Answer, CallError>>,
    shared: Arc<Shared>,
    request: PhantomData<fn() -> R>,
}

impl<R: Request> Future for Call<R>
where
    R::Response: 'static,
{
    type Output = Result<R::Response, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = flatten(ready!(Pin::new(&mut self.reply).poll(cx)))?;
        // bytes behind the response are refused, where Java's client and librdkafka ignore them: a
        // broker that sends more than the version has means other fields by those before, too
        let (_, response) = decode_response::<R>(answer.frame, answer.version)
            .map_err(|source| CallError::Decode { api: R::KEY, source })?;
        // the one response that ends with it
        if let Some(produced) = as_any(&response).downcast_ref::<ProduceResponse>()
            && let Ok(ms @ 1..) = u64::try_from(produced.throttle_time_ms)
        {
            self.shared.mute(Duration::from_millis(ms));
        }
        Poll::Ready(Ok(response))
    }
}

fn as_any<T: 'static>(value: &T) -> &dyn Any {
    value
}

impl<R: Request> fmt::Debug for Call<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({})", R::KEY)
    }
}

/// The future of [`Connection::send_oneway`].
#[derive(Debug)]
pub(crate) struct Sent(oneshot::Receiver<Result<Answer, CallError>>);

impl Future for Sent {
    type Output = Result<(), CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(Pin::new(&mut self.0).poll(cx));
        Poll::Ready(flatten(answer).map(drop))
    }
}

fn flatten(
    answer: Result<Result<Answer, CallError>, oneshot::error::RecvError>,
) -> Result<Answer, CallError> {
    // only a killed task drops a request without a word; nobody knows how far it got
    answer.unwrap_or(Err(CallError::Closed { possibly_sent: true }))
}
