//! How much waits for one broker: senders add to it, the driver takes from it.

use core::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that wait for one broker (or for no one, while a partition has no leader).
///
/// A sender wakes the driver only when its record is the first to wait, or when enough wait for a
/// request of a good size: a wake-up costs as much as a thousand records.
#[derive(Debug)]
pub(crate) struct Gate {
    waiting: AtomicUsize,
    enough: usize,
}

impl Gate {
    pub(crate) fn new(enough: usize) -> Self {
        Self { waiting: AtomicUsize::new(0), enough }
    }

    /// Counts `bytes` more; says whether the driver must be woken.
    #[must_use]
    pub(crate) fn add(&self, bytes: usize) -> bool {
        let before = self.waiting.fetch_add(bytes, Ordering::AcqRel);
        before == 0 || (before < self.enough && before + bytes >= self.enough)
    }

    /// Counts `bytes` less.
    pub(crate) fn sub(&self, bytes: usize) {
        let before = self.waiting.fetch_sub(bytes, Ordering::AcqRel);
        debug_assert!(before >= bytes, "what leaves has waited");
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    pub(crate) fn has_enough(&self) -> bool {
        self.waiting() >= self.enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_byte_and_the_one_that_makes_it_enough_wake_the_driver() {
        let gate = Gate::new(100);
        let wakes: Vec<_> = [40, 40, 40, 40].iter().map(|bytes| gate.add(*bytes)).collect();
        assert_eq!(wakes, [true, false, true, false]);
        gate.sub(160);
        assert_eq!(gate.waiting(), 0);
        assert!(gate.add(1), "empty again: the next is the first");
        assert!(!gate.has_enough());
    }
}
