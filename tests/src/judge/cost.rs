//! What judging costs, counted: every record looked at and every comparison of a sort or search.

use core::cell::Cell;
use core::cmp::Ordering;

/// A counter that all checks share.
#[derive(Debug, Default)]
pub(super) struct Cost(Cell<u64>);

impl Cost {
    pub(super) fn one(&self) {
        self.0.set(self.0.get() + 1);
    }

    pub(super) const fn total(&self) -> u64 {
        self.0.get()
    }

    /// Sorts by `key`.
    pub(super) fn sort<T, K: Ord>(&self, all: &mut [T], key: impl Fn(&T) -> K) {
        all.sort_by(|a, b| {
            self.one();
            key(a).cmp(&key(b))
        });
    }

    /// The first place in the sorted `all` whose key is not below `bound`.
    pub(super) fn lower<T, K: Ord>(&self, all: &[T], bound: &K, key: impl Fn(&T) -> K) -> usize {
        all.partition_point(|item| {
            self.one();
            key(item).cmp(bound) == Ordering::Less
        })
    }
}
