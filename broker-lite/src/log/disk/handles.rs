//! Which files of a disk are open: no more than a bound, the least recently used closed first.
//!
//! A [`Handle`] outlives the descriptor behind it, which is opened again by the path that the file
//! has then. So every rename and removal goes through here: a file that somebody else reads is
//! opened before its name goes, and stays open until the last reader lets go of it.
//!
//! A file that was written to may be closed before it was synced. The kernel then tells an error of
//! writing it back to whoever opens the file next (since Linux 4.16), unless it has forgotten the
//! file meanwhile. So the sync of such a file is followed by one of the whole file system, whose
//! errors are kept for a descriptor that stays open (since Linux 5.8).

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::SyncDone;
use super::file::Syncer;

/// Handles kept where the process may open as many files as it likes.
const OPEN_MAX: usize = 65_536;

/// So few that nothing works.
const OPEN_MIN: usize = 8;

/// When one has to be closed, so large a part of all is: finding the oldest means a look at all.
const CLOSED_AT_ONCE: usize = 8;

/// How many handles a disk keeps open unless it is told: half of what the process may open, the
/// rest is for connections.
pub(super) fn open_max() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    (limit / 2).clamp(OPEN_MIN, OPEN_MAX)
}

/// The files of a disk that somebody holds, open or not.
#[derive(Debug)]
pub(super) struct Handles {
    root: PathBuf,
    max: usize,
    /// Moves whenever a file is opened: what was used since the same opening is equally young.
    openings: AtomicU64,
    /// How often files were closed unsynced, and how many of these times a sync of the file system
    /// has covered.
    closings: AtomicU64,
    covered: AtomicU64,
    /// A file closed unsynced could not be written back, and nobody knows which.
    lost: AtomicBool,
    syncer: Arc<Syncer>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By path; also those that nobody holds any more, until they are swept.
    named: BTreeMap<Arc<str>, Weak<Handle>>,
    /// How many were left of them last time.
    swept: usize,
    /// Those with a descriptor, or that had one.
    open: Vec<Weak<Handle>>,
    /// Knows of errors on the file system; there once a file was closed unsynced.
    witness: Option<Arc<fs::File>>,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} files, {} of them open or closed lately", self.named.len(), self.open.len())
    }
}

/// A file, whether it has a descriptor at the moment or not.
#[derive(Debug)]
pub(super) struct Handle {
    this: Weak<Self>,
    handles: Arc<Handles>,
    place: Mutex<Place>,
    used: AtomicU64,
    /// Changes made, and how many of them are known to be on the device.
    changes: AtomicU64,
    synced: AtomicU64,
    /// One sync at a time, and none after one that has failed: the system tells an error once, so
    /// that of two who ask side by side the other would hear of a success. True once one has.
    sync_failed: Mutex<bool>,
    /// At which of all closings it was last closed unsynced; 0 if never.
    closed_unsynced: AtomicU64,
}

#[derive(Debug)]
struct Place {
    /// `None` once it was removed.
    path: Option<Arc<str>>,
    file: Option<Arc<fs::File>>,
}

impl Handles {
    pub(super) fn new(root: PathBuf, max: usize) -> Arc<Self> {
        Arc::new(Self {
            root,
            max: max.max(OPEN_MIN),
            openings: AtomicU64::new(0),
            closings: AtomicU64::new(0),
            covered: AtomicU64::new(0),
            syncer: Arc::default(),
            lost: AtomicBool::new(false),
            state: Mutex::default(),
        })
    }

    pub(super) const fn syncer(&self) -> &Arc<Syncer> {
        &self.syncer
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn at(&self, path: &str) -> PathBuf {
        if path.is_empty() { self.root.clone() } else { self.root.join(path) }
    }

    /// Opens a file; who has it open already shares it.
    pub(super) fn open(this: &Arc<Self>, path: &str, create: bool) -> io::Result<Arc<Handle>> {
        let mut state = this.state();
        if let Some(handle) = state.named.get(path).and_then(Weak::upgrade) {
            return Ok(handle);
        }
        let file = this.open_file(&mut state, path, create)?;
        let path: Arc<str> = path.into();
        let place = Place { path: Some(Arc::clone(&path)), file: Some(Arc::new(file)) };
        let handle = Arc::new_cyclic(|handle| Handle {
            this: Weak::clone(handle),
            handles: Arc::clone(this),
            place: Mutex::new(place),
            used: AtomicU64::new(this.openings.load(Ordering::Relaxed)),
            changes: AtomicU64::new(0),
            synced: AtomicU64::new(0),
            sync_failed: Mutex::default(),
            closed_unsynced: AtomicU64::new(0),
        });
        state.open.push(Arc::downgrade(&handle));
        state.named.insert(path, Arc::downgrade(&handle));
        if state.named.len() > state.swept + state.swept / 4 + 64 {
            state.named.retain(|_, handle| handle.strong_count() > 0);
            state.swept = state.named.len();
        }
        Ok(handle)
    }

    pub(super) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        self.keep_for_readers(&mut state, to);
        fs::rename(self.at(from), self.at(to))?;
        Self::forget(&mut state, to);
        for path in state.at_or_below(from) {
            let Some(handle) = state.named.remove(&path) else { continue };
            let Some(held) = handle.upgrade() else { continue };
            let path: Arc<str> = format!("{to}{}", &path[from.len()..]).into();
            held.place().path = Some(Arc::clone(&path));
            state.named.insert(path, handle);
        }
        Ok(())
    }

    pub(super) fn remove(&self, path: &str) -> io::Result<()> {
        let mut state = self.state();
        self.keep_for_readers(&mut state, path);
        fs::remove_file(self.at(path))?;
        Self::forget(&mut state, path);
        Ok(())
    }

    pub(super) fn remove_dir(&self, dir: &str) -> io::Result<()> {
        let mut state = self.state();
        self.keep_for_readers(&mut state, dir);
        let removed = fs::remove_dir_all(self.at(dir));
        // what is left of them after an error is not theirs any more either
        Self::forget(&mut state, dir);
        removed
    }

    /// Opens what lies at `path` or below and is read by somebody else than whoever removes it. If
    /// it cannot be opened, the reader gets an error, never another file's bytes.
    fn keep_for_readers(&self, state: &mut State, path: &str) {
        for path in state.at_or_below(path) {
            let Some(handle) = state.named.get(&path) else { continue };
            if handle.strong_count() < 2 {
                continue;
            }
            let Some(held) = handle.upgrade() else { continue };
            let closed = held.place().file.is_none();
            if closed && let Ok(file) = self.open_file(state, &path, false) {
                held.place().file = Some(Arc::new(file));
            }
        }
    }

    /// What lies at `path` or below has no name any more.
    fn forget(state: &mut State, path: &str) {
        for path in state.at_or_below(path) {
            if let Some(handle) = state.named.remove(&path).and_then(|handle| handle.upgrade()) {
                handle.place().path = None;
            }
        }
    }

    /// Opens a file, and closes others if there are too many.
    fn open_file(&self, state: &mut State, path: &str, create: bool) -> io::Result<fs::File> {
        if state.open.len() >= self.max {
            state.open.retain(|handle| handle.upgrade().is_some_and(|held| held.is_open()));
        }
        if state.open.len() >= self.max - self.max / CLOSED_AT_ONCE {
            self.close_some(state);
        }
        self.openings.fetch_add(1, Ordering::Relaxed);
        let mut options = fs::OpenOptions::new();
        options.read(true).append(true).create(create);
        let full = self.at(path);
        self.with_room(state, || options.open(&full))
    }

    /// Opens a directory, which nobody keeps open.
    pub(super) fn open_dir<T>(
        &self,
        dir: &str,
        open: impl Fn(&Path) -> io::Result<T>,
    ) -> io::Result<T> {
        let full = self.at(dir);
        match open(&full) {
            Err(e) if is_exhausted(&e) => self.with_room(&mut self.state(), || open(&full)),
            opened => opened,
        }
    }

    /// Opens something; where the process may open no more, once others are closed.
    fn with_room<T>(&self, state: &mut State, open: impl Fn() -> io::Result<T>) -> io::Result<T> {
        match open() {
            Err(e) if is_exhausted(&e) => {
                self.close_some(state); // connections have taken more than their share
                open()
            }
            opened => opened,
        }
    }

    /// Closes those that were not used for longest; first such as lose nothing by it.
    fn close_some(&self, state: &mut State) {
        let held = state.open.iter().filter_map(Weak::upgrade).filter(|held| held.may_close());
        let mut held: Vec<_> =
            held.map(|held| (held.is_unsynced(), held.last_use(), held)).collect();
        let gone = (self.max / CLOSED_AT_ONCE).clamp(1, held.len().max(1));
        if held.len() > gone {
            held.select_nth_unstable_by_key(gone - 1, |(unsynced, used, _)| (*unsynced, *used));
        }
        let closing = self.closings.load(Ordering::Acquire) + 1;
        for (unsynced, _, held) in held.into_iter().take(gone) {
            if unsynced {
                if state.witness.is_none() {
                    let Ok(root) = fs::File::open(&self.root) else { continue };
                    state.witness = Some(Arc::new(root));
                }
                held.closed_unsynced.store(closing, Ordering::Release);
                self.closings.store(closing, Ordering::Release);
            }
            held.place().file = None;
        }
        state.open.retain(|handle| handle.upgrade().is_some_and(|held| held.is_open()));
    }

    /// Makes sure that what was closed unsynced up to `closing` is on the device.
    fn sync_closed(&self, closing: u64) -> io::Result<()> {
        if self.covered.load(Ordering::Acquire) >= closing {
            return Ok(());
        }
        let closings = self.closings.load(Ordering::Acquire);
        let witness = self.state().witness.clone();
        let synced = witness.map_or(Ok(()), |witness| sync_file_system(&witness));
        if synced.is_err() {
            self.lost.store(true, Ordering::Release); // nobody will be told again
        }
        if self.lost.load(Ordering::Acquire) {
            return Err(io::Error::other("the system could not write to the device what it held"));
        }
        self.covered.fetch_max(closings, Ordering::AcqRel);
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // nothing panics while holding it
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(target_os = "linux")]
fn sync_file_system(on_it: &fs::File) -> io::Result<()> {
    Ok(rustix::fs::syncfs(on_it)?)
}

/// Elsewhere nobody can be asked.
#[cfg(not(target_os = "linux"))]
fn sync_file_system(_: &fs::File) -> io::Result<()> {
    Ok(())
}

/// Whether the process, or the system, may open no more files.
fn is_exhausted(error: &io::Error) -> bool {
    let code = rustix::io::Errno::from_io_error(error);
    code.is_some_and(|code| code == rustix::io::Errno::MFILE || code == rustix::io::Errno::NFILE)
}

impl State {
    fn at_or_below(&self, path: &str) -> Vec<Arc<str>> {
        let below = |name: &str| {
            name.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        // what begins with the path, of which other names may lie in between: `a-1` in front of `a/b`
        let from = self.named.range::<str, _>((Bound::Included(path), Bound::Unbounded));
        let names = from.map(|(name, _)| name).take_while(|name| name.starts_with(path));
        names.filter(|name| below(name)).cloned().collect()
    }
}

impl Handle {
    /// Its descriptor, opened again if it was closed.
    pub(super) fn file(&self) -> io::Result<Arc<fs::File>> {
        self.used.store(self.handles.openings.load(Ordering::Relaxed), Ordering::Relaxed);
        if let Some(file) = &self.place().file {
            return Ok(Arc::clone(file));
        }
        let mut state = self.handles.state();
        let path = {
            let place = self.place();
            if let Some(file) = &place.file {
                return Ok(Arc::clone(file));
            }
            let removed = || io::Error::new(io::ErrorKind::NotFound, "the file was removed");
            place.path.clone().ok_or_else(removed)?
        };
        let file = Arc::new(self.handles.open_file(&mut state, &path, false)?);
        self.place().file = Some(Arc::clone(&file));
        state.open.push(Weak::clone(&self.this));
        Ok(file)
    }

    /// Changes it. Who closes it or syncs it meanwhile must not take it for synced: so it counts as
    /// changed before, and once more when it is.
    pub(super) fn change(
        &self,
        change: impl FnOnce(&fs::File) -> io::Result<()>,
    ) -> io::Result<()> {
        self.changes.fetch_add(1, Ordering::AcqRel);
        let changed = change(&*self.file()?);
        self.changes.fetch_add(1, Ordering::AcqRel);
        changed
    }

    /// Makes what was written to it so far survive a power failure; blocks.
    pub(super) fn sync(&self) -> io::Result<()> {
        let mut failed = self.sync_failed.lock().unwrap_or_else(PoisonError::into_inner);
        if *failed {
            return Err(io::Error::other("an earlier sync of the file has failed"));
        }
        *failed = true; // until it is known better
        let changes = self.changes.load(Ordering::Acquire);
        self.file()?.sync_data()?;
        self.handles.sync_closed(self.closed_unsynced.load(Ordering::Acquire))?;
        self.synced.fetch_max(changes, Ordering::AcqRel);
        *failed = false;
        Ok(())
    }

    /// The same, by another thread.
    pub(super) fn start_sync(&self, done: SyncDone) {
        match self.this.upgrade() {
            Some(this) => Syncer::start(&self.handles.syncer, move || this.sync(), done),
            None => done(self.sync()), // there is always somebody who holds it
        }
    }

    fn is_unsynced(&self) -> bool {
        self.changes.load(Ordering::Acquire) != self.synced.load(Ordering::Acquire)
    }

    fn is_open(&self) -> bool {
        self.place().file.is_some()
    }

    /// Whether it can be opened again.
    fn may_close(&self) -> bool {
        let place = self.place();
        place.file.is_some() && place.path.is_some()
    }

    fn last_use(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
