//! One direction of a connection: bytes that arrive in order, later, or never.

use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Buf, BytesMut};
use ottla_runtime::clock::Sleep;
use ottla_runtime::{Clock, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How many bytes are on their way before the writer waits.
const WINDOW_BYTES: usize = 256 * 1024;

/// Stands in every value that a workload sends, so that a flipped bit hits a record and nothing
/// else: only records have a checksum of their own.
pub const FLIP_HERE: &[u8] = b"#flip-here#";

/// How fast bytes pass.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pace {
    /// From one end to the other.
    pub latency: Duration,
    /// How many pass per second.
    pub bytes_per_second: u64,
}

impl Pace {
    fn time_of(&self, bytes: usize) -> Duration {
        let nanos = bytes as u128 * 1_000_000_000 / u128::from(self.bytes_per_second.max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// One direction. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Pipe(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    pace: Pace,
    /// When each piece arrives.
    under_way: VecDeque<(Instant, BytesMut)>,
    bytes: usize,
    /// When the last piece has left the writer's end.
    free: Instant,
    /// Nothing passes as long as this is so; nobody is told.
    stopped: bool,
    /// The writer has closed; the reader learns it then.
    closed: Option<Instant>,
    /// Both ends are told that the connection is no more.
    reset: bool,
    /// The machine at one end is gone without a word.
    vanished: bool,
    /// It is back, and knows nothing of this connection: who writes learns it.
    back: bool,
    reader_gone: bool,
    flips: u32,
    flipped: u64,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Pipe {
    pub(super) fn new(clock: &Clock, pace: Pace) -> Self {
        let state = State {
            pace,
            under_way: VecDeque::new(),
            bytes: 0,
            free: clock.now(),
            stopped: false,
            closed: None,
            reset: false,
            vanished: false,
            back: false,
            reader_gone: false,
            flips: 0,
            flipped: 0,
            reader: None,
            writer: None,
        };
        Self(Arc::new(Shared { clock: clock.clone(), state: Mutex::new(state) }))
    }

    /// Its two ends.
    pub(super) fn ends(&self) -> (WriteEnd, ReadEnd) {
        let sleep = self.0.clock.sleep(Duration::ZERO);
        (WriteEnd(self.clone()), ReadEnd { pipe: self.clone(), sleep })
    }

    pub(super) fn set_pace(&self, pace: Pace) {
        self.state().pace = pace;
    }

    /// From now on nothing passes, or everything again.
    pub(super) fn stop(&self, stopped: bool) {
        self.change(|state| state.stopped = stopped);
    }

    /// What is under way, and what follows, comes so much later.
    pub(super) fn delay(&self, late: Duration) {
        let now = self.0.clock.now();
        self.change(|state| {
            state.under_way.iter_mut().for_each(|(due, _)| *due = *due + late);
            state.closed = state.closed.map(|at| at + late);
            state.free = state.free.max(now) + late;
        });
    }

    /// Tells both ends that the connection is no more. What is under way is lost.
    pub(super) fn reset(&self) {
        self.change(|state| {
            state.reset = true;
            state.under_way.clear();
            state.bytes = 0;
        });
    }

    /// The machine at one end is gone: the other hears nothing any more.
    pub(super) fn vanish(&self) {
        self.change(|state| state.vanished = true);
    }

    /// The machine that was gone is there again.
    pub(super) fn come_back(&self) {
        self.change(|state| state.back = true);
    }

    /// Flips a bit of the next record that passes.
    pub(super) fn flip(&self) {
        self.state().flips += 1;
    }

    /// How many bits were flipped since this was asked last.
    pub(super) fn take_flipped(&self) -> u64 {
        core::mem::take(&mut self.state().flipped)
    }

    /// Whether bytes are on their way.
    pub(super) fn is_busy(&self) -> bool {
        self.state().bytes > 0
    }

    pub(super) fn is_vanished(&self) -> bool {
        self.state().vanished
    }

    /// Whether both ends are done with it.
    pub(super) fn is_over(&self) -> bool {
        let state = self.state();
        state.reader_gone && (state.reset || state.closed.is_some())
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let wakers = {
            let mut state = self.state();
            change(&mut state);
            [state.reader.take(), state.writer.take()]
        };
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn reset() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

/// Where bytes go in. Dropping it closes.
#[derive(Debug)]
pub(super) struct WriteEnd(Pipe);

impl AsyncWrite for WriteEnd {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let now = self.0.0.clock.now();
        let mut state = self.0.state();
        if state.reset || state.closed.is_some() || (state.back && !state.stopped) {
            return Poll::Ready(Err(reset()));
        }
        if state.reader_gone && !state.stopped && !state.vanished {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = WINDOW_BYTES.saturating_sub(state.bytes).min(bytes.len());
        if room == 0 && !bytes.is_empty() {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let mut piece = BytesMut::from(&bytes[..room]);
        state.flip_in(&mut piece);
        state.free = state.free.max(now) + state.pace.time_of(room);
        let due = state.free + state.pace.latency;
        // what was slower before is not overtaken
        let due = state.under_way.back().map_or(due, |(last, _)| due.max(*last));
        state.bytes += room;
        state.under_way.push_back((due, piece));
        let reader = state.reader.take();
        drop(state);
        reader.into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(room))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.close();
        Poll::Ready(Ok(()))
    }
}

impl Pipe {
    fn close(&self) {
        let now = self.0.clock.now();
        self.change(|state| {
            if state.closed.is_none() {
                let last = state.under_way.back().map_or(now, |(due, _)| *due);
                state.closed = Some(last.max(state.free.max(now) + state.pace.latency));
            }
        });
    }
}

impl Drop for WriteEnd {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl State {
    fn flip_in(&mut self, piece: &mut BytesMut) {
        if self.flips == 0 {
            return;
        }
        let at = piece.windows(FLIP_HERE.len()).position(|window| window == FLIP_HERE);
        if let Some(at) = at {
            piece[at] ^= 1;
            self.flips -= 1;
            self.flipped += 1;
        }
    }
}

/// Where bytes come out. Dropping it lets the writer fail.
#[derive(Debug)]
pub(super) struct ReadEnd {
    pipe: Pipe,
    sleep: Sleep,
}

impl AsyncRead for ReadEnd {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            let now = this.pipe.0.clock.now();
            let next = {
                let mut state = this.pipe.state();
                if state.reset {
                    return Poll::Ready(Err(reset()));
                }
                state.reader = Some(cx.waker().clone());
                if state.stopped || state.vanished {
                    return Poll::Pending;
                }
                if state.take_due(now, out) {
                    let writer = state.writer.take();
                    drop(state);
                    writer.into_iter().for_each(Waker::wake);
                    return Poll::Ready(Ok(()));
                }
                match (state.under_way.front(), state.closed) {
                    (Some((due, _)), _) => *due,
                    (None, Some(at)) if at <= now => return Poll::Ready(Ok(())),
                    (None, Some(at)) => at,
                    (None, None) => return Poll::Pending,
                }
            };
            if this.sleep.deadline() != next {
                this.sleep = this.pipe.0.clock.sleep_until(next);
            }
            if Pin::new(&mut this.sleep).poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

impl State {
    /// Moves what has arrived to `out`; whether there was something.
    fn take_due(&mut self, now: Instant, out: &mut ReadBuf<'_>) -> bool {
        let mut some = false;
        while let Some((due, piece)) = self.under_way.front_mut() {
            let most = out.remaining().min(piece.len());
            if *due > now || (most == 0 && !piece.is_empty()) {
                break;
            }
            out.put_slice(&piece[..most]);
            piece.advance(most);
            self.bytes -= most;
            some |= most > 0;
            if piece.is_empty() {
                self.under_way.pop_front();
            }
        }
        some
    }
}

impl Drop for ReadEnd {
    fn drop(&mut self) {
        self.pipe.change(|state| state.reader_gone = true);
    }
}
