//! Says to everything that waits that the node goes down in order.

use ottla_runtime::watch;

/// Whether the node goes down. Never back.
#[derive(Debug)]
pub(crate) struct Stopping(watch::Sender<bool>);

impl Default for Stopping {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Stopping {
    /// From now on nothing new is begun, and what waits for something to happen gives up.
    pub(crate) fn begin(&self) {
        self.0.send_replace(true);
    }

    pub(crate) fn has_begun(&self) -> bool {
        *self.0.borrow()
    }

    /// Resolves once it has begun. Cancel safe.
    pub(crate) async fn begun(&self) {
        let mut seen = self.0.subscribe();
        while !*seen.borrow_and_update() {
            if seen.changed().await.is_err() {
                return; // not reached: the sender is borrowed
            }
        }
    }
}
