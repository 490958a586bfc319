//! The bound on what a producer holds, and the batch buffers it uses again.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use tokio::sync::{Semaphore, TryAcquireError};

use super::error::EnqueueError;

/// `buffer_memory`: a budget of bytes for records that are not acknowledged yet, and a pool of the
/// buffers of those that are.
#[derive(Debug)]
pub(crate) struct Memory {
    limit: usize,
    /// One permit a byte; first come, first served.
    budget: Semaphore,
    pool: Mutex<Pool>,
}

/// Free buffers, by the power of two that their capacity reaches.
#[derive(Debug, Default)]
struct Pool {
    shelves: [Vec<BytesMut>; SHELVES],
    bytes: usize,
}

/// Buffers of 1 KiB to 2 MiB are kept; a larger one holds a single large record.
const SHELVES: usize = 12;
const SMALLEST: usize = 1024;

/// The shelf for buffers of at least `capacity` bytes.
fn shelf_up(capacity: usize) -> usize {
    let units = capacity.div_ceil(SMALLEST).max(1);
    usize::try_from(units.next_power_of_two().trailing_zeros()).unwrap_or(SHELVES)
}

impl Memory {
    pub(crate) fn new(limit: usize) -> Self {
        let limit = limit.min(Semaphore::MAX_PERMITS);
        Self { limit, budget: Semaphore::new(limit), pool: Mutex::default() }
    }

    /// Takes `bytes` of the budget if they are free and no one waits for them.
    pub(crate) fn try_reserve(&self, bytes: usize) -> bool {
        let Ok(permits) = u32::try_from(bytes) else { return false };
        match self.budget.try_acquire_many(permits) {
            Ok(permit) => {
                permit.forget();
                true
            }
            Err(TryAcquireError::NoPermits | TryAcquireError::Closed) => false,
        }
    }

    /// Waits for `bytes` of the budget, in turn. Cancel safe: nothing is taken until it returns.
    ///
    /// # Errors
    ///
    /// [`EnqueueError::LargerThanBuffer`] if there are never so many, [`EnqueueError::Closed`].
    pub(crate) async fn reserve(&self, bytes: usize) -> Result<Credit<'_>, EnqueueError> {
        let too_large = EnqueueError::LargerThanBuffer { size: bytes, limit: self.limit };
        let permits = u32::try_from(bytes).map_err(|_| too_large.clone())?;
        if bytes > self.limit {
            return Err(too_large);
        }
        let permit = self.budget.acquire_many(permits).await.map_err(|_| EnqueueError::Closed)?;
        permit.forget();
        Ok(Credit { memory: self, bytes })
    }

    /// Ends all waiting.
    pub(crate) fn close(&self) {
        self.budget.close();
    }

    pub(crate) fn release(&self, bytes: usize) {
        self.budget.add_permits(bytes);
    }

    /// Bytes reserved now.
    pub(crate) fn reserved(&self) -> usize {
        self.limit.saturating_sub(self.budget.available_permits())
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        // nothing panics while holding it
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An empty buffer for about `capacity` bytes.
    pub(crate) fn buffer(&self, capacity: usize) -> BytesMut {
        let shelf = shelf_up(capacity);
        {
            let mut pool = self.pool();
            let pool = &mut *pool;
            // one size up is near enough; a far larger one is kept for who needs it
            for free in pool.shelves.iter_mut().skip(shelf).take(2) {
                if let Some(buffer) = free.pop() {
                    pool.bytes -= buffer.capacity();
                    return buffer;
                }
            }
        }
        BytesMut::with_capacity(SMALLEST << shelf.min(SHELVES))
    }

    /// Takes a buffer back if no one else holds it and there is room in the pool.
    pub(crate) fn recycle(&self, body: Bytes) {
        if let Ok(buffer) = body.try_into_mut() {
            self.recycle_mut(buffer);
        }
    }

    pub(crate) fn recycle_mut(&self, mut buffer: BytesMut) {
        buffer.clear();
        let capacity = buffer.capacity();
        if capacity < SMALLEST {
            return;
        }
        let shelf = usize::try_from((capacity / SMALLEST).ilog2()).unwrap_or(SHELVES);
        let held = self.reserved();
        let mut pool = self.pool();
        if pool.bytes + capacity + held > self.limit {
            return;
        }
        if let Some(free) = pool.shelves.get_mut(shelf) {
            free.push(buffer);
            pool.bytes += capacity;
        }
    }
}

/// Bytes of the budget that one call holds; what it does not spend goes back.
#[derive(Debug)]
pub(crate) struct Credit<'a> {
    memory: &'a Memory,
    bytes: usize,
}

impl Credit<'_> {
    /// Takes `bytes` out for good, as far as there are so many.
    pub(crate) fn spend(&mut self, bytes: usize) -> bool {
        let enough = self.bytes >= bytes;
        if enough {
            self.bytes -= bytes;
        }
        enough
    }
}

impl Drop for Credit<'_> {
    fn drop(&mut self) {
        self.memory.release(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back_only_when_no_one_else_holds_them() {
        let memory = Memory::new(1 << 20);
        let mut buffer = memory.buffer(4_000);
        buffer.extend_from_slice(&[7; 100]);
        let at = buffer.as_ptr();
        let body = buffer.freeze();
        let held = body.clone();
        memory.recycle(body);
        assert_eq!(memory.pool().bytes, 0, "a connection may still write from it");
        memory.recycle(held);
        assert_eq!(memory.pool().bytes, 4_096);
        let again = memory.buffer(2_500);
        assert_eq!((again.as_ptr(), again.len()), (at, 0));
    }

    #[test]
    fn pool_and_records_together_stay_within_the_bound() {
        let memory = Memory::new(10_000);
        let buffers: Vec<_> = (0..4).map(|_| memory.buffer(4_096)).collect();
        assert!(memory.try_reserve(5_000));
        for buffer in buffers {
            memory.recycle_mut(buffer);
        }
        assert_eq!(memory.pool().bytes, 4_096);
    }

    #[test]
    fn the_budget_refuses_what_it_does_not_have() {
        let memory = Memory::new(100);
        assert!(memory.try_reserve(60));
        assert!(!memory.try_reserve(41));
        assert_eq!(memory.reserved(), 60);
        memory.release(60);
        assert_eq!(memory.reserved(), 0);
    }

    #[test]
    fn each_capacity_finds_its_shelf() {
        for (capacity, shelf) in [(0, 0), (1, 0), (1_024, 0), (1_025, 1), (262_144, 8)] {
            assert_eq!(shelf_up(capacity), shelf, "{capacity}");
        }
    }
}
