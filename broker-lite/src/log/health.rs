//! Whether what is written to a data directory can be trusted.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// What is done when a data directory fails. Must not block nor take a partition's lock.
type Tell = Box<dyn FnOnce() + Send>;

/// What the logs of one data directory know of it: once a write or a sync has failed there, nobody
/// knows what is on the device, so that none of them is written or read until the next start. A
/// sync that fails is never tried again: the system may have dropped what it could not write, and
/// would call the next one a success. A process that starts again on the same machine cannot tell
/// what it reads from memory alone: who runs the broker is told to restart the machine.
/// That a cleaner finds no room for a file of its own is no such failure: the file goes, and nobody
/// has counted on it.
#[derive(Default)]
pub(crate) struct Health {
    dir: String,
    /// Set once, for ever; looked at for each batch.
    failed: AtomicBool,
    /// What failed first, and how.
    cause: OnceLock<String>,
    tell: Mutex<Option<Tell>>,
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Health({}, failed: {})", self.dir, self.has_failed())
    }
}

impl Health {
    /// Of the data directory of this name.
    pub(crate) fn of(dir: String) -> Arc<Self> {
        Arc::new(Self { dir, ..Self::default() })
    }

    /// Whether a write or a sync has failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Refuses what needs a directory in which nothing has failed.
    ///
    /// # Errors
    ///
    /// A write or a sync has failed.
    pub(crate) fn check(&self) -> io::Result<()> {
        if self.has_failed() { Err(io::Error::other(self.failure())) } else { Ok(()) }
    }

    /// What has failed, and what to do, for whom it concerns.
    pub(crate) fn failure(&self) -> String {
        let cause = self.cause.get().map_or("of which nobody knows", String::as_str);
        format!(
            "a write to the data directory has failed ({cause}): restart the broker when the disk \
             is repaired"
        )
    }

    /// A write to `path` or its sync has failed. Says so, the first time.
    pub(crate) fn fail(&self, path: &str, error: &dyn fmt::Display) {
        let first = self.cause.set(format!("{path}: {error}")).is_ok();
        self.failed.store(true, Ordering::Release);
        if !first {
            return;
        }
        tracing::error!(
            dir = self.dir, path, %error,
            "a write or sync failed: no partition of this directory is served until the broker is \
             started again; if it was a sync, restart the machine first, whose memory may hold what \
             its device lacks"
        );
        let tell = self.tell.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(tell) = tell {
            tell();
        }
    }

    /// Has `tell` called when it fails; at once if it has.
    pub(crate) fn when_failed(&self, tell: Tell) {
        let mut place = self.tell.lock().unwrap_or_else(PoisonError::into_inner);
        if self.has_failed() {
            tell();
        } else {
            *place = Some(tell);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_once_however_late_one_asks() {
        let health = Health::of("data".to_owned());
        let told = Arc::new(Mutex::new(Vec::new()));
        let tell = |n| {
            let told = Arc::clone(&told);
            Box::new(move || told.lock().unwrap().push(n))
        };
        health.when_failed(tell(1));
        assert!(health.check().is_ok() && told.lock().unwrap().is_empty());
        for _ in 0..2 {
            health.fail("t-0", &"no disk");
        }
        assert_eq!(*told.lock().unwrap(), [1]);
        health.when_failed(tell(2));
        assert_eq!(*told.lock().unwrap(), [1, 2]);
        let cause = health.check().unwrap_err().to_string();
        assert!(cause.contains("(t-0: no disk)"), "{cause}");
    }
}
