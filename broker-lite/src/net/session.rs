//! One task per connection: it reads frames, starts requests and writes replies.

use core::future::poll_fn;
use core::task::Poll;
use core::time::Duration;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Buf, Bytes, BytesMut};
use futures::FutureExt;
use futures::future::BoxFuture;
use ottla_protocol::frame::FrameSplitter;
use ottla_protocol::header::decode_request_header;
use ottla_protocol::wire::Reader;
use ottla_runtime::Instant;
use ottla_runtime::clock::Sleep;
use ottla_runtime::net::Halves;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Close;
use super::pipeline::{HELD_BYTES_MAX, Hold, Pipeline};
use crate::api::Call;
use crate::broker::Broker;
use crate::replica::prepare::Codecs;

/// How many pieces one vectored write takes (Linux: `IOV_MAX` is 1024; few replies are ready at
/// once).
const SLICES_MAX: usize = 64;
/// How much is read of requests whose turn has not come, to see whether the peer is still there.
const AHEAD_BYTES_MAX: usize = 64 * 1024;
/// How long the requests of a peer that has closed its end are handled, if one of them blocks.
const ENDED_WAIT: Duration = Duration::from_secs(10);
/// How long a connection that is being closed gets to take the replies that are ready.
const FLUSH_WAIT: Duration = Duration::from_secs(1);
/// The largest reply buffer kept for the next Fetch; the largest fetch would pin 55 MiB.
const RECYCLED_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How many reply buffers a connection keeps: one is written while the next is filled.
const RECYCLED_MAX: usize = 2;

/// What the requests of one connection share.
#[derive(Debug, Default)]
pub(crate) struct Local {
    /// Contexts for compressed batches, used again for each.
    pub(crate) codecs: Mutex<Codecs>,
    /// Set while a request is held back before it is handled.
    pub(crate) hold: Hold,
    buffers: Mutex<Vec<BytesMut>>,
}

impl Local {
    /// An empty buffer, used before if possible.
    pub(crate) fn take_buffer(&self) -> BytesMut {
        self.buffers.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Takes what is in `buffer` out as one slice and keeps the memory for the next reply, which
    /// gets it once the slice has been written.
    pub(crate) fn finish(&self, mut buffer: BytesMut) -> Bytes {
        let reply = buffer.split().freeze();
        let mut buffers = self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        if buffers.len() < RECYCLED_MAX && reply.len() <= RECYCLED_BYTES_MAX {
            buffers.insert(0, buffer);
        }
        reply
    }
}

/// Serves one connection until it ends.
pub(crate) async fn serve(broker: Arc<Broker>, halves: Halves) {
    let peer = halves.peer.clone();
    let mut session = Session::new(broker, halves);
    let why = session.run().await;
    session.flush().await;
    match why {
        why if why.is_odd() => tracing::warn!(%peer, why = %Chain(&why), "connection closed"),
        why => tracing::debug!(%peer, why = %Chain(&why), "connection closed"),
    }
}

/// An error with its causes, on one line.
struct Chain<'a>(&'a Close);

impl core::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = core::error::Error::source(self.0);
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

struct Session {
    broker: Arc<Broker>,
    local: Arc<Local>,
    halves: Halves,
    splitter: FrameSplitter,
    /// The next request, if its turn has not come.
    waiting: Option<Call>,
    pipeline: Pipeline,
    out: VecDeque<Bytes>,
    last_read: Instant,
    /// The peer has closed its end while requests of it were left.
    ended: bool,
    /// Resolves when the node stops. Then no more is read, and the connection ends once all that
    /// came is answered.
    stopping: BoxFuture<'static, ()>,
    draining: bool,
    idle: Sleep,
}

impl Session {
    fn new(broker: Arc<Broker>, halves: Halves) -> Self {
        let now = broker.clock.now();
        let pipeline = Pipeline::default();
        Self {
            local: Arc::new(Local { hold: pipeline.hold(), ..Local::default() }),
            splitter: FrameSplitter::new(broker.config.request_bytes_max),
            waiting: None,
            pipeline,
            out: VecDeque::new(),
            last_read: now,
            ended: false,
            stopping: begun(Arc::clone(&broker)).boxed(),
            draining: false,
            idle: broker.clock.sleep_until(now + broker.config.idle_max),
            halves,
            broker,
        }
    }

    async fn run(&mut self) -> Close {
        loop {
            match self.turn().await {
                Ok(()) => {}
                Err(why) => return why,
            }
        }
    }

    /// Starts what may start, then waits for the first thing to happen.
    async fn turn(&mut self) -> Result<(), Close> {
        // seen here, too: a busy connection never gets as far as to wait for it
        self.draining |= self.broker.stopping.has_begun();
        self.start_requests().await?;
        if self.draining && self.pipeline.is_empty() && self.out.is_empty() {
            return Err(Close::Stopping);
        }
        let blocked = self.waiting.is_some() || self.pipeline.is_full() || self.is_heavy();
        if self.ended && !blocked {
            return Err(Close::Peer); // all that came was started
        }
        let ahead = self.splitter.pending() < AHEAD_BYTES_MAX;
        let may_read = !self.ended && !self.draining && (!blocked || ahead);
        let unwritten = self.unwritten();
        let (pipeline, out) = (&mut self.pipeline, &mut self.out);
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let used = fill(&mut slices, out);
        let ready = slices.get(..used).unwrap_or_default();
        let written = tokio::select! {
            biased;
            written = self.halves.write.write_vectored(ready), if used > 0 => {
                written.and_then(some_bytes).map_err(Close::Broken)?
            }
            done = poll_fn(|cx| pipeline.poll(cx, unwritten)), if !pipeline.is_empty() => {
                done?;
                0
            }
            read = self.halves.read.read_buf(self.splitter.buffer()), if may_read => {
                let read = read.map_err(Close::Broken)?;
                return self.on_read(read, blocked);
            }
            () = &mut self.idle, if pipeline.is_empty() || !may_read => return self.on_idle(),
            () = &mut self.stopping, if !self.draining => return Ok(()),
        };
        advance(&mut self.out, written);
        self.pipeline.take_ready(&mut self.out);
        Ok(())
    }

    /// Starts the requests that have arrived, as far as their turn has come.
    async fn start_requests(&mut self) -> Result<(), Close> {
        while !self.is_heavy() {
            let Some(call) = self.next_call()? else { break };
            let (parks, size) = (call.parks(), call.size());
            let mut request = Some(call.start());
            let pipeline = &mut self.pipeline;
            poll_fn(|cx| match request.take() {
                Some(request) => Poll::Ready(pipeline.start(cx, request, size, parks)),
                None => Poll::Ready(Ok(())), // not polled again after it was ready
            })
            .await?;
            self.pipeline.take_ready(&mut self.out);
        }
        Ok(())
    }

    /// The next request that may start now.
    fn next_call(&mut self) -> Result<Option<Call>, Close> {
        if self.waiting.is_none() {
            if self.pipeline.is_full() {
                return Ok(None);
            }
            let Some(frame) = self.splitter.next()? else { return Ok(None) };
            let mut reader = Reader::new(frame);
            let header = decode_request_header(&mut reader).map_err(Close::Malformed)?;
            let (broker, local) = (Arc::clone(&self.broker), Arc::clone(&self.local));
            self.waiting = Some(Call::new(broker, local, header, reader)?);
        }
        let pipeline = &self.pipeline;
        Ok(self.waiting.take_if(|call| pipeline.may_start(call.parks())))
    }

    /// `blocked`: requests are left that may not start yet.
    fn on_read(&mut self, read: usize, blocked: bool) -> Result<(), Close> {
        let now = self.broker.clock.now();
        if read > 0 {
            self.last_read = now;
        } else if blocked {
            self.ended = true;
            self.idle = self.broker.clock.sleep_until(now + ENDED_WAIT);
        } else {
            return Err(Close::Peer);
        }
        Ok(())
    }

    fn is_heavy(&self) -> bool {
        self.unwritten() + self.pipeline.held_bytes() > HELD_BYTES_MAX
    }

    /// How many bytes of replies wait to be written.
    fn unwritten(&self) -> usize {
        self.out.iter().map(Bytes::len).sum()
    }

    /// Requests that came in time move the end of the wait.
    fn on_idle(&mut self) -> Result<(), Close> {
        if self.ended {
            return Err(Close::Peer);
        }
        let deadline = self.last_read + self.broker.config.idle_max;
        if deadline <= self.broker.clock.now() {
            return Err(Close::Idle);
        }
        self.idle = self.broker.clock.sleep_until(deadline);
        Ok(())
    }

    /// Writes what is ready, as far as the peer takes it within [`FLUSH_WAIT`].
    async fn flush(&mut self) {
        let (out, write) = (&mut self.out, &mut self.halves.write);
        let work = async {
            for mut chunk in out.drain(..) {
                write.write_all_buf(&mut chunk).await?;
            }
            write.shutdown().await
        };
        // the connection ends in any case
        drop(self.broker.clock.timeout(FLUSH_WAIT, work).await);
    }
}

async fn begun(broker: Arc<Broker>) {
    broker.stopping.begun().await;
}

fn fill<'a>(slices: &mut [IoSlice<'a>], out: &'a VecDeque<Bytes>) -> usize {
    for (slice, chunk) in slices.iter_mut().zip(out) {
        *slice = IoSlice::new(chunk);
    }
    out.len().min(slices.len())
}

/// Nothing written to a socket that was ready means that it takes nothing more.
fn some_bytes(written: usize) -> io::Result<usize> {
    if written == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(written) }
}

fn advance(out: &mut VecDeque<Bytes>, mut written: usize) {
    while let Some(chunk) = out.front_mut() {
        if chunk.len() > written {
            chunk.advance(written);
            return;
        }
        written -= chunk.len();
        out.pop_front();
    }
}
