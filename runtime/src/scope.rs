//! The spawn seam: every task of a node or client belongs to one [`Scope`], which can pause and
//! kill them all. No other code spawns.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

/// There is no tokio runtime here to spawn on.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no tokio runtime here: call from inside one, or enter its handle first")]
pub struct NoRuntime;

/// The tasks of one node or client. Clones share them.
#[derive(Clone)]
pub struct Scope(Arc<Shared>);

struct Shared {
    runtime: Handle,
    tasks: Mutex<Tasks>,
    empty: Notify,
}

#[derive(Default)]
struct Tasks {
    running: BTreeMap<u64, AbortHandle>,
    next_id: u64,
    killed: bool,
    paused: bool,
    resume: Vec<Waker>,
}

impl Scope {
    /// A scope whose tasks run on the current runtime.
    ///
    /// # Errors
    ///
    /// [`NoRuntime`] outside of one.
    pub fn current() -> Result<Self, NoRuntime> {
        let runtime = Handle::try_current().map_err(|_| NoRuntime)?;
        Ok(Self(Arc::new(Shared { runtime, tasks: Mutex::default(), empty: Notify::new() })))
    }

    /// Runs `work` until it is done or the scope is killed. After [`Scope::kill`] it never starts.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks();
        if tasks.killed {
            return;
        }
        let id = tasks.next_id;
        tasks.next_id += 1;
        let guard = Guard { scope: self.clone(), id };
        let handle = self.0.runtime.spawn(Scoped { guard, work: Box::pin(work) });
        tasks.running.insert(id, handle.abort_handle());
    }

    /// Runs `wait` on a thread that may block, for what a thread outside of the runtime brings about:
    /// the end of a sync, for example. `None` if it panicked. The time of a paused runtime stands
    /// still meanwhile; it would run off to the next timer otherwise. Cancel safe, but a `wait` that
    /// was begun goes on.
    pub async fn outside<T: Send + 'static>(
        &self,
        wait: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        self.0.runtime.spawn_blocking(wait).await.ok()
    }

    /// Stops polling every task until [`Scope::resume`]: what SIGSTOP does to a process.
    pub fn pause(&self) {
        self.tasks().paused = true;
    }

    /// Ends a [`Scope::pause`].
    pub fn resume(&self) {
        let wakers = {
            let mut tasks = self.tasks();
            tasks.paused = false;
            core::mem::take(&mut tasks.resume)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Drops every task where it stands: what SIGKILL does to a process.
    pub fn kill(&self) {
        let handles: Vec<_> = {
            let mut tasks = self.tasks();
            tasks.killed = true;
            tasks.running.values().cloned().collect()
        };
        handles.iter().for_each(AbortHandle::abort);
    }

    /// Waits until no task is left. Cancel safe.
    pub async fn ended(&self) {
        loop {
            let empty = self.0.empty.notified();
            tokio::pin!(empty);
            empty.as_mut().enable();
            if self.tasks().running.is_empty() {
                return;
            }
            empty.await;
        }
    }

    /// How many tasks have not ended.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tasks().running.len()
    }

    /// Whether every task has ended.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn tasks(&self) -> MutexGuard<'_, Tasks> {
        // nothing panics while holding it
        self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scope({} tasks)", self.len())
    }
}

struct Guard {
    scope: Scope,
    id: u64,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let empty = {
            let mut tasks = self.scope.tasks();
            tasks.running.remove(&self.id);
            tasks.running.is_empty()
        };
        if empty {
            self.scope.0.empty.notify_waiters();
        }
    }
}

struct Scoped {
    // dropped after the work it guards
    work: Pin<Box<dyn Future<Output = ()> + Send>>,
    guard: Guard,
}

impl Future for Scoped {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        {
            let mut tasks = self.guard.scope.tasks();
            if tasks.killed {
                return Poll::Ready(());
            }
            if tasks.paused {
                tasks.resume.push(cx.waker().clone());
                return Poll::Pending;
            }
        }
        self.work.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Clock;
    use core::sync::atomic::{AtomicU32, Ordering};
    use core::time::Duration;

    fn ticker(scope: &Scope, clock: &Clock) -> Arc<AtomicU32> {
        let (ticks, clock) = (Arc::new(AtomicU32::new(0)), clock.clone());
        let count = Arc::clone(&ticks);
        scope.spawn(async move {
            loop {
                clock.sleep(Duration::from_secs(1)).await;
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        ticks
    }

    #[tokio::test(start_paused = true)]
    async fn a_paused_scope_does_nothing_until_it_resumes() {
        let (scope, clock) = (Scope::current().unwrap(), Clock::system());
        let ticks = ticker(&scope, &clock);
        clock.sleep(Duration::from_millis(2_500)).await;
        scope.pause();
        clock.sleep(Duration::from_secs(10)).await;
        assert_eq!(ticks.load(Ordering::Relaxed), 2);
        scope.resume();
        clock.sleep(Duration::from_millis(1_500)).await;
        assert_eq!(ticks.load(Ordering::Relaxed), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_killed_scope_drops_its_tasks_and_starts_no_more() {
        let (scope, clock) = (Scope::current().unwrap(), Clock::system());
        let ticks = ticker(&scope, &clock);
        clock.sleep(Duration::from_millis(1_500)).await;
        scope.kill();
        scope.ended().await;
        scope.spawn(async { unreachable!("the scope is dead") });
        clock.sleep(Duration::from_secs(5)).await;
        assert_eq!(ticks.load(Ordering::Relaxed), 1);
        assert!(scope.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn paused_time_stands_still_while_something_outside_is_waited_for() {
        let (scope, clock) = (Scope::current().unwrap(), Clock::system());
        let ticks = ticker(&scope, &clock);
        let (outside, done) = std::sync::mpsc::channel();
        let waiting = scope.outside(move || done.recv());
        let brought = std::thread::spawn(move || {
            for _ in 0..1_000 {
                std::thread::yield_now(); // the runtime has nothing to do meanwhile
            }
            outside.send(7)
        });
        assert_eq!(waiting.await, Some(Ok(7)));
        assert_eq!((ticks.load(Ordering::Relaxed), clock.now()), (0, crate::Instant::ZERO));
        brought.join().unwrap().unwrap();
    }

    #[test]
    fn there_is_no_scope_without_a_runtime() {
        assert_eq!(Scope::current().unwrap_err(), NoRuntime);
    }
}
