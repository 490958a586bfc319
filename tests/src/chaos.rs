//! A network between client and broker that breaks connections, in ways drawn from a seed.
//!
//! Each connection gets its fate when it is opened. Bytes keep their order and are never changed:
//! that is all TCP promises.

use core::time::Duration;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Buf, BytesMut};
use futures::FutureExt;
use futures::future::BoxFuture;
use ottla_runtime::net::memory::MemoryNetwork;
use ottla_runtime::net::{Connector, Halves};
use ottla_runtime::{Clock, Instant, Scope};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};

/// How a connection ends.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Break {
    /// Cut while the client sends: the broker gets a part of it.
    CutSending,
    /// Cut while the broker replies: the client gets a part of it.
    CutReplying,
    /// Nothing passes any more, in either direction; nobody is told.
    Stall,
    /// No reply passes any more; requests do, and have their effect.
    Deaf,
    /// The client is told that it is cut, and what it has sent arrives later.
    Late,
}

const BREAKS: [Break; 5] =
    [Break::CutSending, Break::CutReplying, Break::Stall, Break::Deaf, Break::Late];
/// Breaks come after so many bytes in one direction: after few requests, or after many.
const BYTES_BEFORE: [u64; 3] = [300, 3_000, 30_000];
/// How late [`Break::Late`] is at most.
const LATE_MAX_MS: u64 = 3_000;
const BUFFER_BYTES: usize = 256 * 1024;

/// A connector. Clones share everything.
#[derive(Clone, Debug)]
pub struct Chaos(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    network: MemoryNetwork,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    rng: fastrand::Rng,
    /// Holds the connections that are open.
    scope: Scope,
    /// The share of connections that break, in percent.
    percent: u8,
    latency_max_ms: u64,
    happened: BTreeMap<Break, u64>,
}

struct Plan {
    latency: Duration,
    end: Option<(Break, u64)>,
    late: Duration,
}

impl Chaos {
    /// Stands before `network`. Breaks `percent` of the connections, delays bytes by up to
    /// `latency_max_ms`.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[must_use]
    pub fn new(
        network: &MemoryNetwork,
        clock: &Clock,
        seed: u64,
        percent: u8,
        latency_max_ms: u64,
    ) -> Self {
        let state = State {
            rng: fastrand::Rng::with_seed(seed),
            scope: Scope::current().expect("a runtime"),
            percent,
            latency_max_ms,
            happened: BTreeMap::new(),
        };
        let (network, clock) = (network.clone(), clock.clone());
        Self(Arc::new(Shared { network, clock, state: Mutex::new(state) }))
    }

    /// From now on connections are fast and do not break; those that are broken stay so.
    pub fn heal(&self) {
        let mut state = self.state();
        (state.percent, state.latency_max_ms) = (0, 0);
    }

    /// Cuts all connections at once, for both ends.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn cut_all(&self) {
        let scope = Scope::current().expect("a runtime");
        core::mem::replace(&mut self.state().scope, scope).kill();
    }

    /// How many connections ended in each way.
    #[must_use]
    pub fn happened(&self) -> BTreeMap<Break, u64> {
        self.state().happened.clone()
    }

    fn plan(&self) -> Plan {
        let state = &mut *self.state();
        let rng = &mut state.rng;
        let latency = Duration::from_millis(rng.u64(0..=state.latency_max_ms));
        let (kind, bytes) = (rng.usize(..BREAKS.len()), rng.usize(..BYTES_BEFORE.len()));
        let late = Duration::from_millis(rng.u64(0..=LATE_MAX_MS));
        let bytes = rng.u64(1..BYTES_BEFORE[bytes]);
        let end = (rng.u8(..100) < state.percent).then_some((BREAKS[kind], bytes));
        Plan { latency, end, late }
    }

    /// Whether a break that is due may happen.
    fn may(&self, kind: Break) -> bool {
        let mut state = self.state();
        let may = state.percent > 0;
        if may {
            *state.happened.entry(kind).or_default() += 1;
        }
        may
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn carry(self, near: DuplexStream, far: Halves, plan: Plan) {
        let (read, write) = tokio::io::split(near);
        let clock = self.0.clock.clone();
        let mut up = Direction::new(read, far.write, plan.latency);
        let mut down = Direction::new(far.read, write, plan.latency);
        match plan.end {
            Some((Break::CutSending | Break::Stall, bytes)) => up.left = bytes,
            Some((_, bytes)) => down.left = bytes,
            None => {}
        }
        let kind = loop {
            let stop = tokio::select! {
                biased;
                stop = up.run(&clock) => stop,
                stop = down.run(&clock) => stop,
            };
            match (stop, plan.end) {
                (Stop::Limit, Some((kind, _))) if self.may(kind) => break kind,
                (Stop::Limit, _) => (up.left, down.left) = (u64::MAX, u64::MAX),
                (Stop::End, _) => return,
            }
        };
        match kind {
            Break::CutSending | Break::CutReplying => {}
            Break::Stall => drain(&mut up.from).await,
            Break::Deaf => tokio::select! {
                biased;
                _ = up.run(&clock) => {}
                () = drain(&mut down.from) => {}
            },
            Break::Late => {
                let _told = down.to.shutdown().await;
                up.latency = plan.late;
                up.due = up.due + plan.late;
                up.run(&clock).await;
            }
        }
    }
}

impl Connector for Chaos {
    fn connect(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<Halves>> {
        let (this, plan) = (self.clone(), self.plan());
        let dial = this.0.network.connect(host, port);
        let peer = format!("{host}:{port}");
        async move {
            this.0.clock.sleep(plan.latency).await;
            let far = dial.await?;
            let (client, near) = tokio::io::duplex(BUFFER_BYTES);
            let scope = this.state().scope.clone();
            scope.spawn(this.carry(near, far, plan));
            let (read, write) = tokio::io::split(client);
            Ok(Halves { read: Box::new(read), write: Box::new(write), peer })
        }
        .boxed()
    }
}

#[derive(Clone, Copy, Debug)]
enum Stop {
    /// The one side has closed, or the other takes nothing more.
    End,
    /// As many bytes have passed as were to.
    Limit,
}

struct Direction<R, W> {
    from: R,
    to: W,
    latency: Duration,
    buffer: BytesMut,
    /// When what is in the buffer arrives.
    due: Instant,
    left: u64,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Direction<R, W> {
    fn new(from: R, to: W, latency: Duration) -> Self {
        let (buffer, due) = (BytesMut::new(), Instant::ZERO);
        Self { from, to, latency, buffer, due, left: u64::MAX }
    }

    /// Carries bytes. Cancel safe.
    async fn run(&mut self, clock: &Clock) -> Stop {
        loop {
            if self.left == 0 {
                return Stop::Limit;
            }
            if self.buffer.is_empty() {
                match self.from.read_buf(&mut self.buffer).await {
                    Ok(0) | Err(_) => return Stop::End,
                    Ok(_) => self.due = clock.now() + self.latency,
                }
            }
            clock.sleep_until(self.due).await;
            while !self.buffer.is_empty() && self.left > 0 {
                let most = usize::try_from(self.left).unwrap_or(usize::MAX);
                match self.to.write_buf(&mut (&mut self.buffer).take(most)).await {
                    Ok(0) | Err(_) => return Stop::End,
                    Ok(sent) => self.left -= u64::try_from(sent).expect("it fits"),
                }
            }
        }
    }
}

/// Takes what comes until the end, and throws it away.
async fn drain(from: &mut (impl AsyncRead + Unpin)) {
    let mut waste = BytesMut::new();
    while from.read_buf(&mut waste).await.is_ok_and(|n| n > 0) {
        waste.clear();
    }
}
