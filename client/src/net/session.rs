//! One life of a socket, from the handshake to its end.

use core::future::poll_fn;
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use ottla_protocol::frame::FrameSplitter;
use ottla_protocol::{ApiKey, EncodedFrame, response_correlation_id};
use ottla_runtime::Instant;
use ottla_runtime::clock::Sleep;
use ottla_runtime::net::Halves;
use tokio::io::AsyncReadExt;
use tokio::sync::oneshot;
use tower::ServiceExt;

use super::connection::{Answer, Outgoing, Reply, Shared};
use super::driver::{self, Opened};
use super::handshake::ApiRanges;
use super::layers::{RawResponse, RequestService, Terms, Wire};
use super::output::Output;
use super::pipeline::{InFlight, Pipeline};
use crate::error::{BoxError, CallError, LostCause};

/// How many requests one connection has without an answer before the next waits its turn. The
/// producer and the consumer keep their own, smaller bounds.
const IN_FLIGHT_MAX: usize = 64;

/// Why a socket, or the attempt to have one, ended.
pub(super) enum End {
    /// There never was one.
    NotOpened(CallError),
    /// It is of no use any more.
    Lost(LostCause),
    /// Nobody used it.
    Idle,
    /// The client was closed.
    Closed,
}

impl End {
    /// What is told to whom nothing was sent for.
    pub(super) fn of_unsent(&self, peer: &str, api: ApiKey) -> CallError {
        match self {
            Self::NotOpened(error) => error.clone(),
            Self::Lost(cause) => lost(peer, api, false, cause),
            Self::Idle | Self::Closed => CallError::Closed { possibly_sent: false },
        }
    }
}

impl core::fmt::Display for End {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NotOpened(error) => error.fmt(f),
            Self::Lost(cause) => cause.fmt(f),
            Self::Idle => f.write_str("nobody used it"),
            Self::Closed => f.write_str("the client is closed"),
        }
    }
}

/// Who waits for an answer on the wire.
enum Waiting {
    Direct {
        api: ApiKey,
        version: i16,
        timeout: Duration,
        throttle_at: Option<usize>,
        reply: Reply,
    },
    /// A request that came through the layers; its caller waits for what they make of the answer.
    Layered { ticket: u64, terms: Terms, reply: oneshot::Sender<Result<Bytes, CallError>> },
}

/// A caller whose request is inside the layers, or whose answer is.
struct Caller {
    api: ApiKey,
    version: i16,
    timeout: Duration,
    /// Whether the layers passed it on.
    passed: bool,
    reply: Reply,
}

type Through = (u64, Option<Result<RawResponse, BoxError>>);

pub(super) struct Session {
    shared: Arc<Shared>,
    halves: Halves,
    splitter: FrameSplitter,
    ranges: ApiRanges,
    output: Output,
    pipeline: Pipeline<Waiting>,
    /// Requests without an answer, which are done when they are written up to here.
    oneway: VecDeque<(u64, Waiting)>,
    /// What is in the user's layers.
    wire: Wire,
    stack: Option<RequestService>,
    through: FuturesUnordered<BoxFuture<'static, Through>>,
    callers: BTreeMap<u64, Caller>,
    timer: Option<core::pin::Pin<Box<Sleep>>>,
    used_at: Instant,
}

impl Session {
    pub(super) fn new(shared: Arc<Shared>, opened: Opened) -> Self {
        let Opened { halves, splitter, ranges } = opened;
        let wire = Wire::new();
        let stack = shared.env.layers.stack(&wire);
        let used_at = shared.env.clock.now();
        Self {
            shared,
            halves,
            splitter,
            ranges,
            output: Output::default(),
            pipeline: Pipeline::default(),
            oneway: VecDeque::new(),
            wire,
            stack,
            through: FuturesUnordered::new(),
            callers: BTreeMap::new(),
            timer: None,
            used_at,
        }
    }

    /// Serves the queue until the socket ends.
    pub(super) async fn serve(mut self) -> End {
        let cause = loop {
            let now = self.shared.env.clock.now();
            if let Some(end) = self.turn(now) {
                return end;
            }
            if self.pipeline.next_deadline().is_some_and(|deadline| deadline <= now) {
                break LostCause::OtherTimedOut;
            }
            let deadline = self.next_deadline(now);
            if let Err(cause) = self.wait(deadline).await {
                break cause;
            }
        };
        self.fail(&cause);
        End::Lost(cause)
    }

    /// Moves requests from the queue to the output as far as they may go.
    fn turn(&mut self, now: Instant) -> Option<End> {
        driver::expire(&self.shared, now);
        while let Some(item) = self.next_item(now) {
            self.start(item);
            self.used_at = now;
        }
        while let Some((ticket, passed)) = self.wire.pop() {
            // a caller that is gone was told that its request never left
            let Some(caller) = self.callers.get_mut(&ticket) else { continue };
            caller.passed = true;
            let terms = passed.terms;
            let waiting = Waiting::Layered { ticket, terms, reply: passed.reply };
            self.send(passed.frame, terms, waiting);
        }
        self.finish_oneway();
        self.end_if_unused(now)
    }

    /// The next request that may be sent now.
    fn next_item(&self, now: Instant) -> Option<Outgoing> {
        let inside = usize::try_from(self.wire.pending()).unwrap_or(usize::MAX);
        let in_flight = self.pipeline.len() + self.oneway.len() + inside;
        let mut queue = self.shared.queue();
        let muted = queue.muted_until.is_some_and(|until| until > now);
        if muted || queue.moved || in_flight >= IN_FLIGHT_MAX {
            return None;
        }
        queue.muted_until = None;
        queue.waiting.pop_front()
    }

    /// Encodes a request and sends it, or gives it to the layers.
    fn start(&mut self, item: Outgoing) {
        let Outgoing { api, ours, deadline, timeout, oneway, encode, reply } = item;
        let Some(version) = self.ranges.choose(api, ours.clone()) else {
            let (peer, theirs) = (self.shared.peer(), self.ranges.of(api));
            let error = CallError::UnsupportedVersion { peer, api, ours, theirs };
            drop(reply.send(Err(error))); // who does not wait needs no answer
            return;
        };
        let correlation = self.pipeline.next_correlation();
        let encoded = match encode(version, correlation, &self.shared.env.config.client_id) {
            Ok(encoded) => encoded,
            Err(source) => {
                drop(reply.send(Err(CallError::Encode { api, source })));
                return;
            }
        };
        let throttle_at = encoded.throttle_at;
        let terms = Terms { api, correlation, deadline, timeout, oneway, throttle_at };
        let Some(stack) = self.stack.clone() else {
            let waiting = Waiting::Direct { api, version, timeout, throttle_at, reply };
            self.send(encoded.frame, terms, waiting);
            return;
        };
        let (ticket, request) = self.wire.issue(self.shared.node, version, encoded.frame, terms);
        self.callers.insert(ticket, Caller { api, version, timeout, passed: false, reply });
        let clock = self.shared.env.clock.clone();
        self.through.push(Box::pin(async move {
            let left = deadline.since(clock.now());
            (ticket, clock.timeout(left, stack.oneshot(request)).await.ok())
        }));
    }

    fn send(&mut self, frame: EncodedFrame, terms: Terms, waiting: Waiting) {
        tracing::trace!(api = %terms.api, id = terms.correlation.0, bytes = frame.len(), "request");
        let end = self.output.push(frame.into_chunks());
        if terms.oneway {
            self.oneway.push_back((end, waiting));
        } else {
            self.pipeline.sent(terms.correlation, terms.deadline, end, waiting);
        }
    }

    fn finish_oneway(&mut self) {
        let written = self.output.written();
        while self.oneway.front().is_some_and(|(end, _)| *end <= written) {
            if let Some((_, waiting)) = self.oneway.pop_front() {
                waiting.answer(Bytes::new());
            }
        }
    }

    fn is_quiet(&self) -> bool {
        self.pipeline.is_empty()
            && self.oneway.is_empty()
            && self.output.is_empty()
            && self.callers.is_empty()
    }

    fn end_if_unused(&self, now: Instant) -> Option<End> {
        let queue = self.shared.queue();
        if queue.closed {
            return Some(End::Closed);
        }
        let idle = now.since(self.used_at) >= self.shared.env.config.connections_idle_max;
        let unused = queue.waiting.is_empty() && (queue.released || idle);
        (self.is_quiet() && (unused || queue.moved)).then_some(End::Idle)
    }

    /// When [`turn`](Self::turn) has something to do even if nothing happens.
    fn next_deadline(&self, now: Instant) -> Instant {
        let idle_max = self.shared.env.config.connections_idle_max;
        let idle = self.is_quiet().then(|| self.used_at + idle_max);
        let queue = self.shared.queue();
        let muted = queue.muted_until.filter(|&until| until > now);
        let queued = queue.waiting.iter().map(|item| item.deadline).min();
        let all = [idle, muted, queued, self.pipeline.next_deadline()];
        all.into_iter().flatten().min().unwrap_or(Instant::MAX)
    }

    /// Waits until anything happens, and takes it in.
    async fn wait(&mut self, deadline: Instant) -> Result<(), LostCause> {
        let Halves { read, write, .. } = &mut self.halves;
        let output = &mut self.output;
        if self.timer.as_ref().is_none_or(|timer| timer.deadline() > deadline) {
            self.timer = Some(Box::pin(self.shared.env.clock.sleep_until(deadline)));
        }
        let Some(timer) = self.timer.as_mut() else { return Ok(()) };
        let writing = !output.is_empty();
        let layered = !self.callers.is_empty();
        tokio::select! {
            biased;
            written = poll_fn(|cx| output.poll_write(cx, write)), if writing => written.map_err(io),
            () = self.shared.changed.notified() => Ok(()),
            Some(done) = self.through.next(), if layered => {
                self.on_through(done);
                Ok(())
            }
            () = self.wire.arrived(), if layered => Ok(()),
            read = read.read_buf(self.splitter.buffer()) => match read {
                Ok(0) => Err(LostCause::Closed),
                Ok(_) => self.on_bytes(),
                Err(error) => Err(io(error)),
            },
            () = timer => {
                self.timer = None;
                Ok(())
            }
        }
    }

    /// Hands out every answer that is complete.
    fn on_bytes(&mut self) -> Result<(), LostCause> {
        let misbehaved = |what: String| LostCause::Misbehaved(what);
        while let Some(frame) = self.splitter.next().map_err(|e| misbehaved(e.to_string()))? {
            let id = response_correlation_id(&frame).map_err(|e| misbehaved(e.to_string()))?;
            let waiting = self.pipeline.on_answer(id).map_err(|e| misbehaved(e.to_string()))?;
            tracing::trace!(id = id.0, bytes = frame.len(), "response");
            if let Some(silence) = waiting.throttle(&frame) {
                self.shared.mute(silence);
            }
            waiting.answer(frame);
        }
        self.shared.succeeded();
        self.used_at = self.shared.env.clock.now();
        Ok(())
    }

    /// A request came back from the layers, one way or the other.
    fn on_through(&mut self, (ticket, outcome): Through) {
        self.wire.give_up(ticket); // nothing, if it was passed on
        let Some(caller) = self.callers.remove(&ticket) else { return };
        let Caller { api, version, timeout, passed, reply } = caller;
        let answer = match outcome {
            Some(Ok(response)) => Ok(Answer { frame: response.into_frame(), version }),
            Some(Err(error)) => Err(of_layer(error, api, passed)),
            None => {
                let peer = self.shared.peer();
                Err(CallError::TimedOut { peer, api, timeout, possibly_sent: passed })
            }
        };
        drop(reply.send(answer)); // who does not wait needs no answer
    }

    /// Ends all that wait for an answer.
    fn fail(self, cause: &LostCause) {
        let peer = self.shared.peer();
        let written = self.output.written();
        let now = self.shared.env.clock.now();
        let mut passed_on = BTreeMap::new();
        let oneway = self.oneway.into_iter().map(|(end, waiting)| (end, Instant::MAX, waiting));
        let answered = self.pipeline.into_unanswered();
        let answered =
            answered.map(|InFlight { end, deadline, waiting, .. }| (end, deadline, waiting));
        for (end, deadline, waiting) in answered.chain(oneway) {
            let possibly_sent = end <= written;
            let (api, timeout) = waiting.what();
            let error = if deadline <= now {
                CallError::TimedOut { peer: peer.clone(), api, timeout, possibly_sent }
            } else {
                lost(&peer, api, possibly_sent, cause)
            };
            match waiting {
                Waiting::Direct { reply, .. } => drop(reply.send(Err(error))),
                Waiting::Layered { ticket, .. } => drop(passed_on.insert(ticket, error)),
            }
        }
        drop(self.through); // what the layers still hold will not be sent
        for (ticket, caller) in self.callers {
            // passed on, and not without an answer: the layers still hold that
            let held = || lost(&peer, caller.api, caller.passed, cause);
            let error = passed_on.remove(&ticket).unwrap_or_else(held);
            drop(caller.reply.send(Err(error)));
        }
    }
}

impl Waiting {
    fn answer(self, frame: Bytes) {
        match self {
            Self::Direct { version, reply, .. } => drop(reply.send(Ok(Answer { frame, version }))),
            Self::Layered { reply, .. } => drop(reply.send(Ok(frame))),
        }
    }

    const fn what(&self) -> (ApiKey, Duration) {
        match self {
            Self::Direct { api, timeout, .. } => (*api, *timeout),
            Self::Layered { terms, .. } => (terms.api, terms.timeout),
        }
    }

    /// How long the broker asks for silence (KIP-219).
    fn throttle(&self, frame: &[u8]) -> Option<Duration> {
        let at = match self {
            Self::Direct { throttle_at, .. } => (*throttle_at)?,
            Self::Layered { terms, .. } => terms.throttle_at?,
        };
        // behind the correlation id of a flexible answer stands its count of tags, nearly always 0
        if at > 4 && frame.get(4) != Some(&0) {
            return None;
        }
        let ms = i32::from_be_bytes(frame.get(at..at + 4)?.try_into().ok()?);
        u64::try_from(ms).ok().filter(|&ms| ms > 0).map(Duration::from_millis)
    }
}

fn io(error: std::io::Error) -> LostCause {
    LostCause::Io(Arc::new(error))
}

fn lost(peer: &str, api: ApiKey, possibly_sent: bool, cause: &LostCause) -> CallError {
    CallError::Disconnected { peer: peer.to_owned(), api, possibly_sent, cause: cause.clone() }
}

/// What a caller is told of an error that came out of the layers.
fn of_layer(error: BoxError, api: ApiKey, possibly_sent: bool) -> CallError {
    match error.downcast::<CallError>() {
        Ok(ours) => *ours,
        Err(theirs) => CallError::Layer { api, source: theirs.into(), possibly_sent },
    }
}
