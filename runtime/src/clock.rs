//! The clock seam: one [`Clock`] per node or client, which a test can move.
//!
//! It runs on tokio's time, so that a paused runtime pauses it. It can be ahead of that, and run
//! faster or slower, but never back.

use core::fmt;
use core::future::Future;
use core::ops::{Add, Sub};
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// A moment on one [`Clock`]: the time since that clock was made. Never goes back.
#[derive(Clone, Copy, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Instant(Duration);

impl Instant {
    /// When the clock was made.
    pub const ZERO: Self = Self(Duration::ZERO);
    /// Later than anything that happens.
    pub const MAX: Self = Self(Duration::MAX);

    /// The moment `ms` milliseconds after the clock was made; for tests of machines.
    #[must_use]
    pub const fn from_millis(ms: u64) -> Self {
        Self(Duration::from_millis(ms))
    }

    /// Time since the clock was made.
    #[must_use]
    pub const fn since_start(self) -> Duration {
        self.0
    }

    /// Time from `earlier` to this moment, zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;
    /// Stops at [`Instant::MAX`], so that an endless wait can be written as one.
    fn add(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(wait))
    }
}

impl Sub for Instant {
    type Output = Duration;
    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{:?}", self.0)
    }
}

/// The wait was longer than allowed; see [`Clock::timeout`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("timed out")]
pub struct Elapsed;

/// Monotonic and wall time of one node or client. Clones share it.
#[derive(Clone)]
pub struct Clock(Arc<Shared>);

struct Shared {
    started: tokio::time::Instant,
    /// Wall time at `started` in milliseconds since 1970, or `None` to ask the system each time.
    wall_base_ms: Option<i64>,
    moved: Mutex<Moved>,
}

struct Moved {
    tuning: Tuning,
    /// By how much its wall time is wrong.
    wall_error_ms: i64,
    sleeping: BTreeMap<(Instant, u64), Option<Waker>>,
    next_id: u64,
}

/// How this clock's time follows from tokio's.
#[derive(Clone, Copy, Eq, PartialEq)]
struct Tuning {
    /// A moment by tokio's clock, since this one was made, ...
    real: Duration,
    /// ... and what this one showed then.
    shown: Duration,
    /// How much faster it runs than tokio's.
    drift_ppm: i32,
}

const MILLION: u128 = 1_000_000;

impl Tuning {
    fn rate(self) -> u128 {
        u128::try_from(1_000_000 + i64::from(self.drift_ppm)).unwrap_or(1).max(1)
    }

    fn shows(self, real: Duration) -> Duration {
        let since = real.saturating_sub(self.real);
        let passed = if self.drift_ppm == 0 { since } else { scale(since, self.rate(), MILLION) };
        self.shown.saturating_add(passed)
    }

    /// How long it takes, by tokio's clock, until this one has gone on by `left`.
    fn takes(self, left: Duration) -> Duration {
        let step = Duration::from_nanos(1); // never short of it
        if self.drift_ppm == 0 { left } else { scale(left, MILLION, self.rate()) + step }
    }
}

fn scale(time: Duration, by: u128, of: u128) -> Duration {
    let nanos = time.as_nanos().saturating_mul(by) / of;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

impl Clock {
    /// A clock that starts now and whose wall time is the system's.
    #[must_use]
    pub fn system() -> Self {
        Self::new(None)
    }

    /// A clock that starts now and whose wall time starts at `wall_ms` milliseconds since 1970.
    #[must_use]
    pub fn starting_at(wall_ms: i64) -> Self {
        Self::new(Some(wall_ms))
    }

    fn new(wall_base_ms: Option<i64>) -> Self {
        #[expect(clippy::disallowed_methods, reason = "this is the clock the others ask")]
        let started = tokio::time::Instant::now();
        let moved = Moved {
            tuning: Tuning { real: Duration::ZERO, shown: Duration::ZERO, drift_ppm: 0 },
            wall_error_ms: 0,
            sleeping: BTreeMap::new(),
            next_id: 0,
        };
        Self(Arc::new(Shared { started, wall_base_ms, moved: Mutex::new(moved) }))
    }

    /// The current moment.
    #[must_use]
    pub fn now(&self) -> Instant {
        let tuning = self.moved().tuning;
        self.shown(tuning)
    }

    fn shown(&self, tuning: Tuning) -> Instant {
        Instant(tuning.shows(self.0.started.elapsed()))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z, moved as far as the clock was moved.
    #[must_use]
    pub fn wall_ms(&self) -> i64 {
        let ms = |d: Duration| i64::try_from(d.as_millis()).unwrap_or(i64::MAX);
        let (tuning, error) = {
            let moved = self.moved();
            (moved.tuning, moved.wall_error_ms)
        };
        let right = if let Some(base) = self.0.wall_base_ms {
            base.saturating_add(ms(self.shown(tuning).0))
        } else {
            #[expect(clippy::disallowed_methods, reason = "this is the clock the others ask")]
            let system = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            let ahead = self.shown(tuning).0.saturating_sub(self.0.started.elapsed());
            ms(system.unwrap_or_default().saturating_add(ahead))
        };
        right.saturating_add(error)
    }

    /// Moves the wall time alone, forward or back, as somebody who sets it does. Sleeps and
    /// [`Clock::now`] do not notice.
    pub fn jump_wall(&self, by_ms: i64) {
        let mut moved = self.moved();
        moved.wall_error_ms = moved.wall_error_ms.saturating_add(by_ms);
    }

    /// From now on the clock gains so many microseconds per second, or loses them if negative; at
    /// most half of its pace.
    pub fn set_drift(&self, ppm: i32) {
        let real = self.0.started.elapsed();
        let left: Vec<Waker> = {
            let mut moved = self.moved();
            let shown = moved.tuning.shows(real);
            moved.tuning = Tuning { real, shown, drift_ppm: ppm.clamp(-500_000, 500_000) };
            moved.sleeping.values().flatten().cloned().collect()
        };
        left.into_iter().for_each(Waker::wake); // their timers were set by the pace as it was
    }

    /// Waits until `deadline`. Cancel safe.
    pub fn sleep_until(&self, deadline: Instant) -> Sleep {
        Sleep { clock: self.clone(), deadline, key: None, timer: None }
    }

    /// Waits for `wait`. Cancel safe.
    pub fn sleep(&self, wait: Duration) -> Sleep {
        self.sleep_until(self.now() + wait)
    }

    /// Runs `work` for at most `wait`. Cancel safe if `work` is.
    ///
    /// # Errors
    ///
    /// [`Elapsed`] if `work` was not done in time; it is dropped then.
    pub async fn timeout<F: Future>(&self, wait: Duration, work: F) -> Result<F::Output, Elapsed> {
        tokio::select! {
            biased;
            done = work => Ok(done),
            () = self.sleep(wait) => Err(Elapsed),
        }
    }

    /// Moves the clock forward by `step`. Sleeps that fall due end in the order of their deadlines,
    /// and each gets to run before the next. The others look at the clock again.
    pub async fn advance(&self, step: Duration) {
        let target = self.now() + step;
        loop {
            let due = {
                let mut moved = self.moved();
                let now = self.shown(moved.tuning);
                let next = moved.sleeping.range(..=(target, u64::MAX)).next().map(|(k, _)| *k);
                match next {
                    Some(key) => {
                        moved.tuning.shown += key.0.since(now);
                        moved.sleeping.remove(&key).flatten()
                    }
                    None => {
                        moved.tuning.shown += target.since(now);
                        // their timers were set by the time as it was
                        let left: Vec<Waker> = moved.sleeping.values().flatten().cloned().collect();
                        drop(moved);
                        left.into_iter().for_each(Waker::wake);
                        break;
                    }
                }
            };
            if let Some(waker) = due {
                waker.wake();
                for _ in 0..TURNS_AFTER_WAKE {
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    fn moved(&self) -> MutexGuard<'_, Moved> {
        // nothing panics while holding it
        self.0.moved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many times other tasks run between two timers of [`Clock::advance`]: a woken task, the task
/// it wakes, and some slack.
const TURNS_AFTER_WAKE: u32 = 8;

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({:?})", self.now())
    }
}

/// The future of [`Clock::sleep_until`].
pub struct Sleep {
    clock: Clock,
    deadline: Instant,
    key: Option<(Instant, u64)>,
    timer: Option<Timer>,
}

struct Timer {
    inner: Pin<Box<tokio::time::Sleep>>,
    /// What it was set by; right until the clock is moved.
    tuning: Tuning,
}

impl Sleep {
    /// When it ends.
    #[must_use]
    pub const fn deadline(&self) -> Instant {
        self.deadline
    }

    fn forget(&mut self) {
        if let Some(key) = self.key.take() {
            self.clock.moved().sleeping.remove(&key);
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let (now, tuning) = {
            let mut moved = this.clock.moved();
            let now = this.clock.shown(moved.tuning);
            if now < this.deadline {
                let key = *this.key.get_or_insert_with(|| {
                    moved.next_id += 1;
                    (this.deadline, moved.next_id)
                });
                moved.sleeping.insert(key, Some(cx.waker().clone()));
            }
            (now, moved.tuning)
        };
        if now >= this.deadline {
            this.forget();
            return Poll::Ready(());
        }
        if this.deadline == Instant::MAX {
            return Poll::Pending; // an endless wait needs no timer
        }
        let left = this.deadline.since(now);
        #[expect(clippy::disallowed_methods, reason = "this is the clock the others ask")]
        let timer = {
            let takes = tuning.takes(left.min(REAL_SLEEP_MAX));
            let real = || tokio::time::Instant::now() + takes;
            let timer = this.timer.get_or_insert_with(|| Timer {
                inner: Box::pin(tokio::time::sleep_until(real())),
                tuning,
            });
            if timer.tuning != tuning {
                timer.inner.as_mut().reset(real());
                timer.tuning = tuning;
            }
            timer
        };
        if timer.inner.as_mut().poll(cx).is_ready() {
            this.timer = None; // it was as long as tokio's may be
            cx.waker().wake_by_ref(); // look at the clock again
        }
        Poll::Pending
    }
}

/// tokio's timer takes no more than about two years.
const REAL_SLEEP_MAX: Duration = Duration::from_secs(365 * 24 * 3600);

impl Drop for Sleep {
    fn drop(&mut self) {
        self.forget();
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sleep(until {:?})", self.deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn sleeping_ends_at_the_deadline_of_a_paused_runtime() {
        let clock = Clock::starting_at(1_000);
        clock.sleep(Duration::from_secs(3)).await;
        assert_eq!(clock.now(), Instant::from_millis(3_000));
        assert_eq!(clock.wall_ms(), 4_000);
    }

    #[tokio::test(start_paused = true)]
    async fn advancing_ends_sleeps_in_the_order_of_their_deadlines() {
        let clock = Clock::starting_at(0);
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for seconds in [30, 10, 20] {
            let (clock, order) = (clock.clone(), Arc::clone(&order));
            #[expect(clippy::disallowed_methods, reason = "a test needs no scope")]
            tasks.push(tokio::spawn(async move {
                clock.sleep(Duration::from_secs(seconds)).await;
                order.lock().unwrap().push((seconds, clock.now()));
            }));
        }
        tokio::task::yield_now().await;
        clock.advance(Duration::from_secs(45)).await;
        let at = |s| (s, Instant::from_millis(s * 1_000));
        assert_eq!(*order.lock().unwrap(), vec![at(10), at(20), at(30)]);
        assert_eq!(clock.now(), Instant::from_millis(45_000));
        assert!(clock.moved().sleeping.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_sleep_that_an_advance_does_not_reach_ends_no_later_for_it() {
        let clock = Clock::starting_at(0);
        let sleeping = clock.clone();
        #[expect(clippy::disallowed_methods, reason = "a test needs no scope")]
        let sleeper = tokio::spawn(async move { sleeping.sleep(Duration::from_secs(10)).await });
        tokio::task::yield_now().await;
        clock.advance(Duration::from_secs(4)).await;
        sleeper.await.unwrap();
        assert_eq!(clock.now(), Instant::from_millis(10_000));
    }

    #[tokio::test]
    async fn a_sleep_that_is_polled_again_leaves_its_timer_alone() {
        let clock = Clock::system();
        let mut sleep = clock.sleep(Duration::from_secs(60));
        let mut set = Vec::new();
        for _ in 0..2 {
            assert!(futures::poll!(&mut sleep).is_pending());
            set.push(sleep.timer.as_ref().map(|timer| timer.inner.deadline()));
            let polled = clock.now();
            while clock.now() == polled {}
        }
        assert_eq!(set[0], set[1]);
        clock.advance(Duration::from_secs(20)).await;
        assert!(futures::poll!(&mut sleep).is_pending());
        assert!(sleep.timer.as_ref().map(|timer| timer.inner.deadline()) < set[0]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_sleep_longer_than_tokios_longest_ends_at_its_deadline() {
        let clock = Clock::starting_at(0);
        let wait = REAL_SLEEP_MAX * 2 + Duration::from_secs(5);
        clock.sleep(wait).await;
        assert_eq!(clock.now(), Instant::ZERO + wait);
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_drifts_keeps_its_deadlines_by_its_own_time() {
        for (ppm, real_ms) in [(250_000, 8_000), (-200_000, 12_500), (0, 10_000)] {
            let (right, clock) = (Clock::starting_at(0), Clock::starting_at(0));
            clock.set_drift(ppm);
            clock.sleep(Duration::from_secs(10)).await;
            assert_eq!(clock.now().since_start().as_secs(), 10, "{ppm}");
            let off = right.wall_ms() - real_ms;
            assert!((0..=1).contains(&off), "{ppm}: {off} ms off");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_sleep_that_has_begun_follows_the_drift() {
        let (right, clock) = (Clock::starting_at(0), Clock::starting_at(0));
        let sleeping = clock.clone();
        #[expect(clippy::disallowed_methods, reason = "a test needs no scope")]
        let sleeper = tokio::spawn(async move { sleeping.sleep(Duration::from_secs(10)).await });
        right.sleep(Duration::from_secs(4)).await;
        clock.set_drift(500_000);
        sleeper.await.unwrap();
        assert!((0..=1).contains(&(right.wall_ms() - 8_000)), "four seconds, then six in four");
    }

    #[tokio::test(start_paused = true)]
    async fn a_jump_of_the_wall_time_moves_nothing_else() {
        let clock = Clock::starting_at(100_000);
        clock.jump_wall(-60_000);
        assert_eq!((clock.wall_ms(), clock.now()), (40_000, Instant::ZERO));
        clock.sleep(Duration::from_secs(1)).await;
        clock.jump_wall(3_000);
        assert_eq!((clock.wall_ms(), clock.now()), (44_000, Instant::from_millis(1_000)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_timeout_drops_what_takes_too_long() {
        let clock = Clock::system();
        let slow = clock.timeout(Duration::from_millis(5), core::future::pending::<()>()).await;
        assert_eq!(slow, Err(Elapsed));
        assert_eq!(clock.timeout(Duration::from_millis(5), async { 7 }).await, Ok(7));
        assert!(clock.moved().sleeping.is_empty());
    }
}
