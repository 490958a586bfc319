//! Fetches that wait for bytes hang off the partitions they ask for: the append that completes the
//! minimum wakes them, and no other.

use core::fmt;
use core::future::poll_fn;
use core::task::{Poll, Waker};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The waiting fetches of one partition.
#[derive(Default)]
pub(crate) struct Waiters(Mutex<Vec<Arc<Shared>>>);

impl Waiters {
    /// Counts `bytes` towards what each fetch waits for and wakes those that now have enough.
    pub(crate) fn appended(&self, bytes: usize) {
        let mut waiting = lock(&self.0);
        if !waiting.is_empty() {
            waiting.retain(|fetch| !fetch.count(bytes));
        }
    }

    /// Wakes everybody: the partition is going away or has changed hands.
    pub(crate) fn wake_all(&self) {
        for fetch in lock(&self.0).drain(..) {
            fetch.count(usize::MAX);
        }
    }

    /// How many fetches wait here.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        lock(&self.0).len()
    }
}

impl fmt::Debug for Waiters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Waiters({})", lock(&self.0).len())
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
            lock(&P::as_ref(place).0).push(Arc::clone(&shared));
        }
        Self { shared, places }
    }

    /// Resolves once the bytes are there. Cancel safe.
    pub(crate) async fn ready(&self) {
        poll_fn(|cx| {
            let mut state = lock(&self.shared.0);
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

impl<P: AsRef<Waiters>> Drop for FetchWaiter<P> {
    fn drop(&mut self) {
        for place in &self.places {
            lock(&P::as_ref(place).0).retain(|fetch| !Arc::ptr_eq(fetch, &self.shared));
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
