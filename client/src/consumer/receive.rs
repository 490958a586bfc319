//! What the handles and the driver share, and how a receiver gets records out of it.
//!
//! A record is handed out in one step under the lock, within one poll of the receiver's future: a
//! future that is dropped has taken either nothing or what it returned.

use core::task::{Context, Poll, Waker};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::config::ConsumerConfig;
use super::decode::Decoder;
use super::error::PollError;
use super::inbox::{Inbox, Taken, Work};

/// How many bytes of batches are decoded at once, so that one call takes not too long and what it
/// decoded is still in the processor's cache when the application reads it.
pub(super) const DECODE_BYTES: usize = 1024 * 1024;

/// Between the handles and the driver of one consumer.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// Wakes the driver.
    pub(super) driver: Notify,
}

/// What the lock protects.
#[derive(Debug)]
pub(super) struct State {
    pub(super) inbox: Inbox,
    pub(super) closed: bool,
    driver_gone: bool,
    waiting: BTreeMap<u64, Waker>,
    next_waiter: u64,
    /// Out while a receiver decodes, so that it does so without the lock.
    bench: Option<Box<Bench>>,
}

#[derive(Debug)]
struct Bench {
    decoder: Decoder,
    work: Vec<Work>,
}

/// A receiver's place among those that wait.
#[derive(Debug, Default)]
pub(super) struct Place(Option<u64>);

impl Place {
    pub(super) fn wait(&mut self, state: &mut State, cx: &Context<'_>) {
        let key = *self.0.get_or_insert_with(|| {
            state.next_waiter += 1;
            state.next_waiter
        });
        match state.waiting.get_mut(&key) {
            Some(waker) => waker.clone_from(cx.waker()),
            None => drop(state.waiting.insert(key, cx.waker().clone())),
        }
    }

    /// Nobody waits there any more.
    pub(super) fn give_up(&mut self, shared: &Shared) {
        if let Some(key) = self.0.take() {
            shared.lock().waiting.remove(&key);
        }
    }
}

/// A [`Place`] that is given up when the future it belongs to is dropped.
#[derive(Debug)]
pub(super) struct Waiter<'a> {
    pub(super) shared: &'a Shared,
    pub(super) place: Place,
}

impl<'a> Waiter<'a> {
    pub(super) const fn new(shared: &'a Shared) -> Self {
        Self { shared, place: Place(None) }
    }
}

impl Drop for Waiter<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.place.0.is_some() {
            self.place.give_up(self.shared);
        }
    }
}

/// Wakes those that waited. Done without the lock: a waker may run anything.
#[must_use = "someone waits"]
pub(super) struct Wake(BTreeMap<u64, Waker>);

impl Wake {
    pub(super) fn all(self) {
        self.0.into_values().for_each(Waker::wake);
    }
}

impl State {
    pub(super) fn take_waiting(&mut self) -> Wake {
        Wake(core::mem::take(&mut self.waiting))
    }
}

impl Shared {
    pub(super) fn new(config: &ConsumerConfig) -> Self {
        let bench = Bench { decoder: Decoder::new(config), work: Vec::new() };
        Self {
            state: Mutex::new(State {
                inbox: Inbox::new(config.clone()),
                closed: false,
                driver_gone: false,
                waiting: BTreeMap::new(),
                next_waiter: 0,
                bench: Some(Box::new(bench)),
            }),
            driver: Notify::new(),
        }
    }

    #[inline]
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // what panics while holding it is a broken assertion: what it guards may be broken, too,
        // but the other partitions are better served by going on
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends everything: receivers get [`PollError::Closed`], the driver returns.
    pub(super) fn close(&self) {
        let wake = {
            let mut state = self.lock();
            state.closed = true;
            state.inbox.assign(Vec::new());
            state.take_waiting()
        };
        wake.all();
        self.driver.notify_one();
    }

    /// The driver has ended: nothing will come any more.
    pub(super) fn on_driver_gone(&self) {
        self.lock().driver_gone = true;
        self.close();
    }

    /// Waits for the end of the driver.
    pub(super) fn poll_ended(&self, place: &mut Place, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.driver_gone {
            return Poll::Ready(());
        }
        place.wait(&mut state, cx);
        Poll::Pending
    }

    /// One poll of a receiver: hands out with `take`, decoding first if nothing is decoded.
    #[inline]
    pub(super) fn poll_receive<T>(
        &self,
        place: &mut Place,
        cx: &Context<'_>,
        mut take: impl FnMut(&mut Inbox) -> Taken<T>,
    ) -> Poll<Result<T, PollError>> {
        loop {
            let mut state = self.lock();
            if state.closed {
                return Poll::Ready(Err(PollError::Closed));
            }
            let taken = take(&mut state.inbox);
            if state.inbox.take_nudge() {
                self.driver.notify_one();
            }
            match taken {
                Taken::Some(records) => return Poll::Ready(Ok(records)),
                Taken::Error(error) => return Poll::Ready(Err(error)),
                Taken::Nothing => {}
            }
            if let Err(mut state) = self.decode(state) {
                place.wait(&mut state, cx);
                return Poll::Pending;
            }
        }
    }

    /// Decodes what waits for it, without the lock. Gives the lock back if there is nothing to
    /// decode, or if another receiver is at it: that one will wake us.
    #[cold]
    fn decode<'a>(&'a self, mut state: MutexGuard<'a, State>) -> Result<(), MutexGuard<'a, State>> {
        let Some(mut bench) = state.bench.take() else { return Err(state) };
        state.inbox.start_decoding(DECODE_BYTES, &mut bench.work);
        if bench.work.is_empty() {
            state.bench = Some(bench);
            return Err(state);
        }
        drop(state);
        bench.decoder.run(&mut bench.work, DECODE_BYTES);
        let mut state = self.lock();
        state.inbox.finish_decoding(&mut bench.work);
        state.bench = Some(bench);
        let wake = state.take_waiting();
        drop(state);
        wake.all();
        Ok(())
    }
}
