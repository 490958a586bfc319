//! The task of a connection: opens the socket, asks for the versions, then serves the queue.
//!
//! It ends when the socket does. The next call starts it again, after the reconnect backoff
//! (Kafka: `reconnect.backoff.ms`) if the last attempt failed.

use core::future::Future;
use std::collections::VecDeque;
use std::sync::Arc;

use ottla_protocol::frame::{FrameError, FrameSplitter};
use ottla_protocol::ids::CorrelationId;
use ottla_protocol::{encode_request, response_correlation_id};
use ottla_runtime::Instant;
use ottla_runtime::net::Halves;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::address::BrokerAddress;
use super::connect_error::{self, ConnectCause};
use super::connection::{Outgoing, Shared, fail_all};
use super::handshake::{ApiRanges, Handshake, HandshakeError, Step};
use super::session::{End, Session};
use crate::error::CallError;

/// An open socket whose peer said what it speaks.
pub(super) struct Opened {
    pub(super) halves: Halves,
    pub(super) splitter: FrameSplitter,
    pub(super) ranges: ApiRanges,
}

/// Runs from a first request to the end of the socket.
pub(super) async fn run(shared: Arc<Shared>) {
    loop {
        let end = match open(&shared).await {
            Ok(opened) => {
                shared.env.unreached.remove(&shared.peer());
                let session = Session::new(Arc::clone(&shared), opened);
                session.serve().await
            }
            Err(error) => End::NotOpened(error),
        };
        if finish(&shared, end) {
            return;
        }
    }
}

/// Answers who still waits. Gives whether the task ends; if not, new requests came meanwhile.
fn finish(shared: &Shared, end: End) -> bool {
    let peer = shared.peer();
    let now = shared.env.clock.now();
    let mut queue = shared.queue();
    if matches!(end, End::Idle) {
        // nothing was lost: whatever came since the decision to close is served by a new socket
        queue.running = !queue.waiting.is_empty();
        return !queue.running;
    }
    let wait = queue.backoff.next_wait();
    queue.retry_at = now + wait;
    queue.muted_until = None; // a new connection starts without it
    queue.running = false;
    let waiting = core::mem::take(&mut queue.waiting);
    drop(queue);
    let news = matches!(end, End::NotOpened(_)) && shared.env.unreached.add(&peer);
    match (news, shared.node) {
        // once for each peer, until a connection to it is opened
        (true, Some(_)) => tracing::warn!(%end, "no connection; trying again"),
        // apart, because the list has others and who builds a client often asks it at once
        (true, None) => {
            tracing::warn!(target: "ottla::bootstrap", %end, "no connection; trying again");
        }
        (false, _) => tracing::debug!(peer, %end, waiting = waiting.len(), "connection ended"),
    }
    fail_all(waiting, |api| end.of_unsent(&peer, api));
    true
}

/// Connects and asks for the versions; what waits in the queue may expire meanwhile. A new address
/// is tried at once, not when the old one has had its time.
async fn open(shared: &Shared) -> Result<Opened, CallError> {
    const CLOSED: CallError = CallError::Closed { possibly_sent: false };
    let limit = shared.env.config.connection_setup_timeout;
    loop {
        until_retry(shared).await;
        let address = {
            let mut queue = shared.queue();
            queue.moved = false;
            queue.address.clone()
        };
        let Some(address) = address else {
            let node = shared.node.ok_or(CLOSED)?;
            return Err(CallError::UnknownNode(node));
        };
        let attempt = shared.env.clock.timeout(limit, connect(shared, &address));
        let opened = match expiring(shared, attempt).await {
            Ok(opened) => opened.unwrap_or(Err(ConnectCause::TimedOut(limit))),
            Err(Stopped::Moved) => continue,
            Err(Stopped::Closed) => return Err(CLOSED),
        };
        let bootstrap = &shared.env.config.bootstrap_text;
        let error = |cause| connect_error::failed(bootstrap, &address, shared.node, cause);
        return opened.map_err(|cause| error(cause).into());
    }
}

/// Why what is under way is of no use any more.
enum Stopped {
    Closed,
    Moved,
}

/// Waits for the end of the backoff; a new address ends it at once.
async fn until_retry(shared: &Shared) {
    loop {
        let now = shared.env.clock.now();
        let next = expire(shared, now).unwrap_or(Instant::MAX);
        let (retry_at, closed) = {
            let queue = shared.queue();
            (queue.retry_at, queue.closed)
        };
        if closed || retry_at <= now {
            return;
        }
        tokio::select! {
            biased;
            () = shared.changed.notified() => {}
            () = shared.env.clock.sleep_until(retry_at.min(next)) => {}
        }
    }
}

/// Runs `work` while the requests in the queue expire as they fall due. Ends early if the client is
/// closed meanwhile, or the peer is elsewhere.
async fn expiring<F: Future>(shared: &Shared, work: F) -> Result<F::Output, Stopped> {
    tokio::pin!(work);
    loop {
        let next = expire(shared, shared.env.clock.now()).unwrap_or(Instant::MAX);
        let (closed, moved) = {
            let queue = shared.queue();
            (queue.closed, queue.moved)
        };
        if closed {
            return Err(Stopped::Closed);
        }
        if moved {
            return Err(Stopped::Moved);
        }
        tokio::select! {
            biased;
            done = &mut work => return Ok(done),
            () = shared.changed.notified() => {}
            () = shared.env.clock.sleep_until(next), if next < Instant::MAX => {}
        }
    }
}

/// Fails what waited too long; gives when the next will have.
pub(super) fn expire(shared: &Shared, now: Instant) -> Option<Instant> {
    let (expired, next) = {
        let mut queue = shared.queue();
        let next = queue.waiting.iter().map(|item| item.deadline).min();
        if next.is_none_or(|next| next > now) {
            return next;
        }
        let all = core::mem::take(&mut queue.waiting);
        let (expired, kept): (VecDeque<_>, VecDeque<_>) =
            all.into_iter().partition(|item| item.deadline <= now);
        let next = kept.iter().map(|item| item.deadline).min();
        queue.waiting = kept;
        (expired, next)
    };
    let peer = shared.peer();
    for Outgoing { api, timeout, reply, .. } in expired {
        let peer = peer.clone();
        let error = CallError::TimedOut { peer, api, timeout, possibly_sent: false };
        drop(reply.send(Err(error))); // who does not wait needs no answer
    }
    next
}

async fn connect(shared: &Shared, address: &BrokerAddress) -> Result<Opened, ConnectCause> {
    let connecting = shared.env.connector.connect(&address.host, address.port);
    let halves = connecting.await.map_err(|e| ConnectCause::of_io(&e))?;
    let splitter = FrameSplitter::new(shared.env.config.response_bytes_max);
    let mut opened = Opened { halves, splitter, ranges: ApiRanges::default() };
    let mut handshake = Handshake::new();
    for number in 0.. {
        let (version, request) = handshake.request();
        let id = CorrelationId(number);
        let client_id = Some(&*shared.env.config.client_id);
        let frame = encode_request(&request, version, id, client_id)
            .map_err(|e| ConnectCause::Misbehaved(e.to_string()))?;
        for chunk in frame.chunks() {
            let written = opened.halves.write.write_all(chunk).await;
            written.map_err(|e| ConnectCause::in_handshake(&e))?;
        }
        opened.halves.write.flush().await.map_err(|e| ConnectCause::in_handshake(&e))?;
        let answer = opened.next_frame().await?;
        let answered = response_correlation_id(&answer).map_err(HandshakeError::Decode)?;
        if answered != id {
            let what = format!("it answers request {answered}, but was asked request {id}");
            return Err(ConnectCause::Misbehaved(what));
        }
        match handshake.on_answer(answer)? {
            Step::AskAgain => {}
            Step::Done(ranges) => {
                opened.ranges = ranges;
                break;
            }
        }
    }
    tracing::debug!(peer = opened.halves.peer, node = ?shared.node, "connected");
    Ok(opened)
}

impl Opened {
    async fn next_frame(&mut self) -> Result<bytes::Bytes, ConnectCause> {
        loop {
            if let Some(frame) = self.splitter.next()? {
                return Ok(frame);
            }
            match self.halves.read.read_buf(self.splitter.buffer()).await {
                Ok(0) => return Err(ConnectCause::ClosedInHandshake),
                Ok(_) => {}
                Err(e) => return Err(ConnectCause::in_handshake(&e)),
            }
        }
    }
}

impl From<HandshakeError> for ConnectCause {
    fn from(error: HandshakeError) -> Self {
        match error {
            HandshakeError::Refused(_) | HandshakeError::NoVersion(_) => {
                Self::Refuses(error.to_string())
            }
            HandshakeError::Decode(error) => Self::Misbehaved(error.to_string()),
        }
    }
}

impl From<FrameError> for ConnectCause {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::Tls => Self::SpeaksTls,
            FrameError::Http => Self::SpeaksHttp,
            other => Self::Misbehaved(other.to_string()),
        }
    }
}
