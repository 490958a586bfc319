//! How long to wait before the next attempt: twice as long each time, never in step with others.

use core::time::Duration;

/// Grows from `first` to `max`, with 20 % of jitter either way, as Kafka's clients do (KIP-580).
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    max: Duration,
    attempts: u32,
    rng: fastrand::Rng,
}

/// Beyond this power of two any sensible first wait has reached its maximum.
const DOUBLINGS_MAX: u32 = 20;

impl Backoff {
    /// `seed` decides the jitter.
    pub(crate) fn new(first: Duration, max: Duration, seed: u64) -> Self {
        Self { first: first.min(max), max, attempts: 0, rng: fastrand::Rng::with_seed(seed) }
    }

    /// The wait before the next attempt; at most `max`.
    pub(crate) fn next_wait(&mut self) -> Duration {
        let doubled = self.first.saturating_mul(1 << self.attempts.min(DOUBLINGS_MAX));
        self.attempts = self.attempts.saturating_add(1);
        let jitter = 0.8 + 0.4 * self.rng.f64();
        doubled.min(self.max).mul_f64(jitter).min(self.max)
    }

    /// How many waits were handed out since the last success.
    pub(crate) const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// It worked: the next wait is the first again.
    pub(crate) const fn reset(&mut self) {
        self.attempts = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_within_the_jitter_and_never_exceed_the_maximum() {
        let (first, max) = (Duration::from_millis(50), Duration::from_secs(1));
        for seed in 0..200 {
            let mut backoff = Backoff::new(first, max, seed);
            for attempt in 0..100_u32 {
                let plain = first.saturating_mul(1 << attempt.min(10)).min(max);
                let wait = backoff.next_wait();
                assert!(wait <= max, "attempt {attempt}: {wait:?}");
                assert!(wait >= plain.mul_f64(0.79), "attempt {attempt}: {wait:?}");
                assert!(wait <= plain.mul_f64(1.21), "attempt {attempt}: {wait:?}");
            }
            assert_eq!(backoff.attempts(), 100);
            backoff.reset();
            assert!(backoff.next_wait() <= first.mul_f64(1.21), "a success starts over");
        }
    }

    #[test]
    fn two_seeds_do_not_wait_in_step() {
        let waits = |seed| {
            let mut b = Backoff::new(Duration::from_millis(50), Duration::from_secs(1), seed);
            (0..8).map(|_| b.next_wait()).collect::<Vec<_>>()
        };
        assert_ne!(waits(1), waits(2));
        assert_eq!(waits(3), waits(3), "a run replays");
    }

    #[test]
    fn a_first_wait_above_the_maximum_is_the_maximum() {
        let mut b = Backoff::new(Duration::from_secs(9), Duration::from_secs(1), 7);
        assert!((0..50).all(|_| b.next_wait() <= Duration::from_secs(1)));
    }
}
