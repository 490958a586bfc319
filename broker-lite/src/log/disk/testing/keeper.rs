//! Decides while a disk is used what becomes of it.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

/// Decides while a disk is used what goes wrong, and when syncs end. Such a disk can be used for
/// long: it knows what lies on the device, and no longer how that came about.
pub trait Keeper: Send {
    /// How this call fails, if it does. Called with the disk's lock held.
    fn call(&mut self, what: &'static str, path: &str) -> Option<Fault>;

    /// A sync has started that does not block: it is to end later. Called with the disk's lock held.
    fn started(&mut self, sync: Started);
}

/// A sync that has started. Dropped, it never ends: the machine did before.
pub struct Started {
    pub(super) disk: UnrulyDisk,
    pub(super) op: Op,
    pub(super) node: Node,
    pub(super) lost: Arc<AtomicBool>,
    pub(super) path: String,
    pub(super) done: SyncDone,
}

impl Started {
    /// The file that is to be synced.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Ends it; with a fault what was to be synced never will be.
    pub fn end(self, fault: Option<Fault>) {
        let failed_before = self.lost.fetch_or(fault.is_some(), Ordering::Relaxed);
        match if failed_before { Some(Fault::Device) } else { fault } {
            None => {
                self.disk.state().record(self.op);
                (self.done)(Ok(()));
            }
            Some(fault) => {
                self.disk.state().record(Op::Lost(self.node));
                (self.done)(Err(fault.error()));
            }
        }
    }
}

impl fmt::Debug for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Started({:?})", self.op)
    }
}
