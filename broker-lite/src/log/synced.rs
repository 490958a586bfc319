//! How far a log is on the device, and the way there.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ottla_protocol::ids::Offset;

use super::disk::{self, Disk, File, SyncDone};
use super::health::Health;

/// How far a log is known to be on the device; written by syncs as they end.
#[derive(Debug)]
pub(crate) struct Synced {
    state: Mutex<State>,
    /// Of whose data directory.
    health: Arc<Health>,
    dir: String,
    /// It is being deleted, so that nothing of it can fail any more.
    given_up: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    end: Offset,
    /// Segments that are on the device while one before them is not yet.
    ahead: BTreeMap<Offset, Offset>,
    /// Syncs of names that have not ended.
    names: usize,
}

impl Synced {
    /// Of the log in `dir`, which is on the device up to `end`.
    pub(super) fn up_to(end: Offset, dir: &str, health: &Arc<Health>) -> Arc<Self> {
        let state = Mutex::new(State { end, ..State::default() });
        let given_up = AtomicBool::new(false);
        Arc::new(Self { state, health: Arc::clone(health), dir: dir.to_owned(), given_up })
    }

    /// From `end` on it counts anew.
    pub(super) fn back_to(&self, end: Offset) -> Arc<Self> {
        Self::up_to(end, &self.dir, &self.health)
    }

    /// Its directory is about to go.
    pub(super) fn give_up(&self) {
        self.given_up.store(true, Ordering::Release);
    }

    /// A change or a sync of the log has failed.
    pub(super) fn fail(&self, error: &dyn core::fmt::Display) {
        if !self.given_up.load(Ordering::Acquire) {
            self.health.fail(&self.dir, error);
        }
    }

    /// Whose data directory it is in.
    pub(super) const fn health(&self) -> &Arc<Health> {
        &self.health
    }

    /// A sync of what lies from `from` to `to` has ended.
    pub(super) fn ended(&self, from: Offset, to: Offset, result: &io::Result<()>) {
        if let Err(error) = result {
            self.fail(error);
            return;
        }
        let mut state = self.state();
        state.ahead.insert(from, to);
        while let Some((from, to)) = state.ahead.pop_first() {
            if from > state.end {
                state.ahead.insert(from, to);
                break;
            }
            state.end = state.end.max(to);
        }
    }

    pub(super) fn end(&self) -> io::Result<Offset> {
        self.health.check()?;
        Ok(self.state().end)
    }

    /// Whether a sync of names has begun and not ended.
    pub(super) fn is_at_names(&self) -> bool {
        self.state().names > 0
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // nothing panics while holding it
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What has to be synced so that all of a log up to its end is on the device, names and all.
#[derive(Debug)]
pub(crate) struct PendingSync {
    disk: Arc<dyn Disk>,
    files: Vec<Arc<dyn File>>,
    /// Directories in which files were made.
    dirs: Vec<String>,
    /// There were some.
    names: bool,
    to: Offset,
    synced: Arc<Synced>,
}

impl PendingSync {
    pub(super) fn new(
        disk: &Arc<dyn Disk>,
        (files, dirs): (Vec<Arc<dyn File>>, Vec<String>),
        to: Offset,
        synced: &Arc<Synced>,
    ) -> Self {
        let names = !dirs.is_empty();
        synced.state().names += usize::from(names);
        Self { disk: Arc::clone(disk), files, dirs, names, to, synced: Arc::clone(synced) }
    }

    /// Starts it and does not wait: `done` is called once all is on the device, or could not be
    /// brought there.
    pub(crate) fn start(mut self, done: SyncDone) {
        let files = core::mem::take(&mut self.files);
        disk::start_sync_all(files, Box::new(move |result| self.start_dirs(result, done)));
    }

    fn start_dirs(mut self, before: io::Result<()>, done: SyncDone) {
        let next = if before.is_ok() { self.dirs.pop() } else { None };
        let Some(dir) = next else {
            self.ended(&before);
            return done(before);
        };
        let disk = Arc::clone(&self.disk);
        disk.start_sync_dir(&dir, Box::new(move |result| self.start_dirs(result, done)));
    }

    /// Does it; blocks.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub(crate) fn wait(self) -> io::Result<()> {
        let files = self.files.iter().try_for_each(|file| file.sync());
        let all = files.and_then(|()| self.dirs.iter().try_for_each(|dir| self.disk.sync_dir(dir)));
        self.ended(&all);
        all
    }

    fn ended(&self, result: &io::Result<()>) {
        if result.is_ok() {
            self.synced.state().names -= usize::from(self.names);
        }
        self.synced.ended(Offset::ZERO, self.to, result);
    }
}
