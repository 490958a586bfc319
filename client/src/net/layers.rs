//! Room for a user's tower layers around every request of a client.
//!
//! A layer sees one request to one broker, encoded, and may delay it, fail it or look at it and
//! its answer. It cannot repeat it: a request is passed on by value. Retries belong to producer,
//! consumer and admin, who know what a repetition means.

use core::fmt;
use core::task::{Context, Poll};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use ottla_protocol::ids::{CorrelationId, NodeId};
use ottla_protocol::{ApiKey, EncodedFrame};
use ottla_runtime::Instant;
use tokio::sync::{Notify, oneshot};
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;
use tower_layer::Layer;
use tower_service::Service;

use super::gate::OrderGate;
use crate::error::{BoxError, CallError};

/// One request on its way to a broker, encoded. Dropping it fails the request.
#[derive(Debug)]
pub struct RawRequest {
    node: Option<NodeId>,
    api: ApiKey,
    version: i16,
    frame: EncodedFrame,
    ticket: Ticket,
}

impl RawRequest {
    /// The broker it goes to; `None` for an entry of the bootstrap list, whose id is not known.
    #[must_use]
    pub const fn node(&self) -> Option<NodeId> {
        self.node
    }

    /// What it asks for.
    #[must_use]
    pub const fn api_key(&self) -> ApiKey {
        self.api
    }

    /// In which version.
    #[must_use]
    pub const fn api_version(&self) -> i16 {
        self.version
    }

    /// The bytes that go out, in order: length prefix, header, body. Records are not copied.
    #[must_use]
    pub fn chunks(&self) -> &[Bytes] {
        self.frame.chunks()
    }
}

/// The answer to a [`RawRequest`].
#[derive(Clone, Debug)]
pub struct RawResponse {
    frame: Bytes,
}

impl RawResponse {
    /// Header and body, without the length prefix; empty for a request that has no answer
    /// (Produce with acks=0).
    #[must_use]
    pub const fn frame(&self) -> &Bytes {
        &self.frame
    }

    pub(super) fn into_frame(self) -> Bytes {
        self.frame
    }
}

/// The service that a layer wraps: sends one request to one broker and gives its answer.
#[derive(Clone)]
pub struct RequestService(BoxCloneSyncService<RawRequest, RawResponse, BoxError>);

impl Service<RawRequest> for RequestService {
    type Response = RawResponse;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<RawResponse, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: RawRequest) -> Self::Future {
        self.0.call(request)
    }
}

impl fmt::Debug for RequestService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequestService")
    }
}

type Wrap = dyn Fn(RequestService) -> RequestService + Send + Sync;

/// The layers of a client, if it has any.
#[derive(Clone, Default)]
pub(crate) struct Layers(Option<Arc<Wrap>>);

impl Layers {
    /// Puts `layer` around those there are.
    pub(crate) fn with<L>(self, layer: L) -> Self
    where
        L: Layer<RequestService> + Send + Sync + 'static,
        L::Service: Service<RawRequest, Response = RawResponse> + Clone + Send + Sync + 'static,
        <L::Service as Service<RawRequest>>::Error: Into<BoxError>,
        <L::Service as Service<RawRequest>>::Future: Send + 'static,
    {
        let inner = self.0;
        Self(Some(Arc::new(move |service| {
            let service = match &inner {
                Some(wrap) => wrap(service),
                None => service,
            };
            let outer = layer.layer(service).map_err(Into::<BoxError>::into);
            RequestService(BoxCloneSyncService::new(outer))
        })))
    }

    /// The stack for one connection; `None` if the client has no layers.
    pub(super) fn stack(&self, wire: &Wire) -> Option<RequestService> {
        let bottom = RequestService(BoxCloneSyncService::new(wire.clone()));
        self.0.as_ref().map(|wrap| wrap(bottom))
    }
}

impl fmt::Debug for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Layers" } else { "no layers" })
    }
}

/// The bottom of the stack: hands requests to the connection's task, in call order.
#[derive(Clone, Debug)]
pub(super) struct Wire(Arc<WireShared>);

#[derive(Debug)]
struct WireShared {
    gate: Mutex<OrderGate<Passed>>,
    /// Wakes the connection's task.
    arrived: Notify,
}

/// A request that came through all layers.
#[derive(Debug)]
pub(super) struct Passed {
    pub(super) frame: EncodedFrame,
    pub(super) terms: Terms,
    pub(super) reply: oneshot::Sender<Result<Bytes, CallError>>,
}

/// What the connection needs to know about a request besides its bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) api: ApiKey,
    pub(super) correlation: CorrelationId,
    pub(super) deadline: Instant,
    pub(super) timeout: core::time::Duration,
    pub(super) oneway: bool,
    /// Whether the answer starts with `throttle_time_ms`, behind how many header bytes.
    pub(super) throttle_at: Option<usize>,
}

impl Wire {
    pub(super) fn new() -> Self {
        Self(Arc::new(WireShared { gate: Mutex::default(), arrived: Notify::new() }))
    }

    /// A request with its place in the order.
    pub(super) fn issue(
        &self,
        node: Option<NodeId>,
        version: i16,
        frame: EncodedFrame,
        terms: Terms,
    ) -> (u64, RawRequest) {
        let number = self.gate().issue();
        let ticket = Ticket { wire: self.clone(), number, terms, open: true };
        (number, RawRequest { node, api: terms.api, version, frame, ticket })
    }

    /// The next request that may be written.
    pub(super) fn pop(&self) -> Option<(u64, Passed)> {
        self.gate().pop()
    }

    /// Lets those behind `number` go, whatever its layers still do with it.
    pub(super) fn give_up(&self, number: u64) {
        drop(self.gate().arrive(number, None));
        self.0.arrived.notify_one();
    }

    /// How many requests are inside the layers.
    pub(super) fn pending(&self) -> u64 {
        self.gate().pending()
    }

    /// Waits until a request came through or was given up. Cancel safe.
    pub(super) async fn arrived(&self) {
        self.0.arrived.notified().await;
    }

    fn gate(&self) -> MutexGuard<'_, OrderGate<Passed>> {
        // its assertions guard against a bug of ours, and leave it consistent
        self.0.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service<RawRequest> for Wire {
    type Response = RawResponse;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<RawResponse, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: RawRequest) -> Self::Future {
        let RawRequest { frame, mut ticket, .. } = request;
        let (reply, answer) = oneshot::channel();
        ticket.open = false;
        let passed = Passed { frame, terms: ticket.terms, reply };
        drop(ticket.wire.gate().arrive(ticket.number, Some(passed)));
        ticket.wire.0.arrived.notify_one();
        async move {
            // the connection answers all it took, unless it was given up or killed
            match answer.await {
                Ok(answer) => Ok(RawResponse { frame: answer? }),
                Err(_) => Err(CallError::Closed { possibly_sent: true }.into()),
            }
        }
        .boxed()
    }
}

/// A request's place in the order.
#[derive(Debug)]
struct Ticket {
    wire: Wire,
    number: u64,
    terms: Terms,
    open: bool,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.open {
            self.wire.give_up(self.number);
        }
    }
}
