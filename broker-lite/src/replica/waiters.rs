//! Fetches that wait for bytes hang off the partitions they ask for: the append that completes the
//! minimum wakes them, and no other. So do acknowledgements that wait for a sync.

use core::fmt;
use core::future::poll_fn;
use core::task::{Poll, Waker};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ottla_protocol::ids::Offset;

/// Who waits at one partition.
#[derive(Default)]
pub(crate) struct Waiters {
    fetches: Mutex<Vec<Arc<Shared>>>,
    /// Each until what lies before the offset is on the device.
    acks: Mutex<Vec<(Offset, Arc<Shared>)>>,
}

impl Waiters {
    /// Counts `bytes` towards what each fetch waits for and wakes those that now have enough.
    pub(crate) fn appended(&self, bytes: usize) {
        let mut waiting = lock(&self.fetches);
        if !waiting.is_empty() {
            waiting.retain(|fetch| !fetch.count(bytes));
        }
    }

    /// What lies before `to` is on the device, with so many bytes that readers did not see before.
    pub(crate) fn synced(&self, to: Offset, bytes: usize) {
        lock(&self.acks).retain(|(end, ack)| *end > to || !ack.count(usize::MAX));
        self.appended(bytes);
    }

    /// Wakes everybody: the partition is going away, has changed hands or has failed.
    pub(crate) fn wake_all(&self) {
        for (_, ack) in lock(&self.acks).drain(..) {
            ack.count(usize::MAX);
        }
        self.wake_fetches();
    }

    /// Wakes every fetch, to look again.
    pub(crate) fn wake_fetches(&self) {
        for fetch in lock(&self.fetches).drain(..) {
            fetch.count(usize::MAX);
        }
    }

    /// How many fetches wait here.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        lock(&self.fetches).len()
    }
}

impl fmt::Debug for Waiters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Waiters({}, {})", lock(&self.fetches).len(), lock(&self.acks).len())
    }
}

struct Shared(Mutex<State>);

struct State {
    missing: usize,
    waker: Option<Waker>,
}

impl Shared {
    /// Returns whether nothing is missing any more.
    fn count(&self, bytes: usize) -> bool {
        let mut state = lock(&self.0);
        state.missing = state.missing.saturating_sub(bytes);
        let done = state.missing == 0;
        if let Some(waker) = state.waker.take_if(|_| done) {
            waker.wake();
        }
        done
    }

    /// Resolves once nothing is missing. Cancel safe.
    async fn ready(&self) {
        poll_fn(|cx| {
            let mut state = lock(&self.0);
            if state.missing == 0 {
                return Poll::Ready(());
            }
            match &mut state.waker {
                Some(waker) => waker.clone_from(cx.waker()),
                none => *none = Some(cx.waker().clone()),
            }
            Poll::Pending
        })
        .await;
    }
}

/// One acknowledgement that waits. It leaves its partition when it is dropped.
pub(crate) struct AckWaiter<P: AsRef<Waiters>> {
    shared: Arc<Shared>,
    place: Arc<P>,
}

impl<P: AsRef<Waiters>> AckWaiter<P> {
    /// Starts to wait for what lies before `end` to be on the device. What is synced from now on
    /// counts, so the caller looks once more before it waits.
    pub(crate) fn register(end: Offset, place: Arc<P>) -> Self {
        let shared = Arc::new(Shared(Mutex::new(State { missing: 1, waker: None })));
        lock(&P::as_ref(&place).acks).push((end, Arc::clone(&shared)));
        Self { shared, place }
    }

    /// Resolves once it is there, or will not be: the caller looks. Cancel safe.
    pub(crate) async fn ready(&self) {
        self.shared.ready().await;
    }
}

impl<P: AsRef<Waiters>> Drop for AckWaiter<P> {
    fn drop(&mut self) {
        let mut acks = lock(&P::as_ref(&self.place).acks);
        acks.retain(|(_, ack)| !Arc::ptr_eq(ack, &self.shared));
    }
}

/// One waiting fetch. It leaves every partition it waits on when it is dropped.
pub(crate) struct FetchWaiter<P: AsRef<Waiters>> {
    shared: Arc<Shared>,
    places: Vec<Arc<P>>,
}

impl<P: AsRef<Waiters>> FetchWaiter<P> {
    /// Starts to wait for `missing` bytes in `places` together. What is appended from now on
    /// counts, so the caller looks once more at what is there before it waits.
    pub(crate) fn register(missing: usize, places: Vec<Arc<P>>) -> Self {
        let shared = Arc::new(Shared(Mutex::new(State { missing, waker: None })));
        for place in &places {
            lock(&P::as_ref(place).fetches).push(Arc::clone(&shared));
        }
        Self { shared, places }
    }

    /// Resolves once the bytes are there. Cancel safe.
    pub(crate) async fn ready(&self) {
        self.shared.ready().await;
    }
}

impl<P: AsRef<Waiters>> Drop for FetchWaiter<P> {
    fn drop(&mut self) {
        for place in &self.places {
            lock(&P::as_ref(place).fetches).retain(|fetch| !Arc::ptr_eq(fetch, &self.shared));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // nothing panics while holding it
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    impl AsRef<Self> for Waiters {
        fn as_ref(&self) -> &Self {
            self
        }
    }

    fn two() -> (Arc<Waiters>, Arc<Waiters>) {
        (Arc::default(), Arc::default())
    }

    #[test]
    fn the_append_that_completes_the_minimum_wakes() {
        let (a, b) = two();
        let fetch = FetchWaiter::register(100, vec![Arc::clone(&a), Arc::clone(&b)]);
        for (bytes, place, ready) in [(40, &a, false), (59, &b, false), (1, &a, true)] {
            place.appended(bytes);
            assert_eq!(fetch.ready().now_or_never().is_some(), ready, "after {bytes} more");
        }
    }

    #[test]
    fn a_dropped_fetch_leaves_nothing_behind() {
        let (a, b) = two();
        let fetch = FetchWaiter::register(100, vec![Arc::clone(&a), Arc::clone(&b)]);
        let other = FetchWaiter::register(7, vec![Arc::clone(&a)]);
        assert_eq!((a.len(), b.len()), (2, 1));
        drop(fetch);
        assert_eq!((a.len(), b.len()), (1, 0));
        drop(other);
        assert_eq!(a.len(), 0);
    }

    #[test]
    fn a_partition_that_goes_away_wakes_everybody() {
        let (a, _) = two();
        let fetch = FetchWaiter::register(usize::MAX, vec![Arc::clone(&a)]);
        a.wake_all();
        assert!(fetch.ready().now_or_never().is_some());
    }
}
