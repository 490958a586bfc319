//! Files of the operating system.

use std::collections::VecDeque;
use std::fmt;
use std::fs;
use std::io::{self, IoSlice, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{self, Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::handles::{self, Handle, Handles};
use super::{Disk, Entry, File, LockError, LockGuard, SyncDone, Volume};

/// Threads that sync files side by side; more only queue up in front of one device.
const SYNC_THREADS_MAX: usize = 4;

/// A directory of the operating system. Clones share the files that are open.
#[derive(Clone, Debug)]
pub struct FileDisk {
    handles: Arc<Handles>,
}

impl FileDisk {
    /// The directory `root`; it is made when something is first made in it.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self::with_open_files(root, handles::open_max())
    }

    /// The same, with at most so many files open at a time, but for those that are read after they
    /// were removed.
    #[must_use]
    pub fn with_open_files(root: impl Into<PathBuf>, max: usize) -> Self {
        Self { handles: Handles::new(root.into(), max) }
    }

    /// The directory that every path is relative to.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.handles.root()
    }

    fn at(&self, path: &str) -> PathBuf {
        self.handles.at(path)
    }
}

impl Disk for FileDisk {
    fn open(&self, path: &str, create: bool) -> io::Result<Arc<dyn File>> {
        let handle = Handles::open(&self.handles, path, create)?;
        Ok(handle)
    }

    fn list(&self, dir: &str) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in self.handles.open_dir(dir, |dir| fs::read_dir(dir))? {
            let entry = entry?;
            // a name that is no UTF-8 is none of ours
            if let Ok(name) = entry.file_name().into_string() {
                entries.push(Entry { name, directory: entry.file_type()?.is_dir() });
            }
        }
        entries.sort();
        Ok(entries)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.handles.rename(from, to)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.handles.remove(path)
    }

    fn create_dir(&self, dir: &str) -> io::Result<()> {
        fs::create_dir_all(self.at(dir))
    }

    fn remove_dir(&self, dir: &str) -> io::Result<()> {
        self.handles.remove_dir(dir)
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        self.handles.open_dir(dir, |dir| fs::File::open(dir))?.sync_all()
    }

    fn start_sync_dir(&self, dir: &str, done: SyncDone) {
        let (this, dir) = (self.clone(), dir.to_owned());
        Syncer::start(self.handles.syncer(), move || this.sync_dir(&dir), done);
    }

    fn lock(&self, path: &str) -> Result<LockGuard, LockError> {
        let full = self.at(path);
        let failed = |source| LockError::Io { path: full.display().to_string(), source };
        let mut options = fs::OpenOptions::new();
        let opened = options.read(true).write(true).create(true).truncate(false).open(&full);
        let mut file = opened.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                let mut text = String::new();
                let holder = file.read_to_string(&mut text).ok();
                return Err(LockError::InUse {
                    path: full.display().to_string(),
                    holder: holder.and_then(|_| text.trim().parse().ok()),
                });
            }
            Err(fs::TryLockError::Error(source)) => return Err(failed(source)),
        }
        // so that whoever is refused can say by whom; only a hint, so not synced
        file.set_len(0).map_err(failed)?;
        write!(file, "{}", std::process::id()).map_err(failed)?;
        Ok(LockGuard::new(Box::new(file))) // closing the file lets go of the lock
    }

    fn volume(&self) -> io::Result<Option<Volume>> {
        let found = rustix::fs::statvfs(self.root())?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        let (total_bytes, usable_bytes) = (bytes(found.f_blocks), bytes(found.f_bavail));
        Ok(Some(Volume { total_bytes, usable_bytes }))
    }

    fn name(&self) -> String {
        let root = path::absolute(self.root());
        root.as_deref().unwrap_or_else(|_| self.root()).display().to_string()
    }
}

impl File for Handle {
    fn read_at(&self, position: u64, out: &mut [u8]) -> io::Result<usize> {
        let file = self.file()?;
        let mut read = 0;
        while read < out.len() {
            let at = position.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
            match file.read_at(&mut out[read..], at) {
                Ok(0) => break,
                Ok(n) => read += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(read)
    }

    fn append(&self, parts: &[&[u8]]) -> io::Result<()> {
        // opened for appending: the position is always the end
        self.change(|mut file| {
            let [first, second] = parts else {
                return parts.iter().try_for_each(|part| file.write_all(part));
            };
            let mut slices = [IoSlice::new(first), IoSlice::new(second)];
            let mut left = &mut slices[..];
            while !left.is_empty() {
                match file.write_vectored(left) {
                    Ok(0) if left.iter().all(|slice| slice.is_empty()) => break,
                    Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                    Ok(n) => IoSlice::advance_slices(&mut left, n),
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    Err(e) => return Err(e),
                }
            }
            Ok(())
        })
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file()?.metadata()?.len())
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.change(|file| file.set_len(len))
    }

    fn start_sync(&self, done: SyncDone) {
        self.start_sync(done);
    }

    fn sync(&self) -> io::Result<()> {
        self.sync()
    }
}

/// How long a thread waits for the next sync before it ends.
const IDLE_MAX: Duration = Duration::from_secs(1);

/// Threads that wait for the device, so that nobody else does. They end once they have been idle
/// for a while and are started on demand: a broker that rolls a segment an hour keeps none.
#[derive(Debug, Default)]
pub(super) struct Syncer {
    state: Mutex<SyncerState>,
    more: Condvar,
}

/// A wait for the device.
type Job = Box<dyn FnOnce() -> io::Result<()> + Send>;

#[derive(Default)]
struct SyncerState {
    waiting: VecDeque<(Job, SyncDone)>,
    threads: usize,
    /// How many of them do not wait for the device.
    idle: usize,
}

impl fmt::Debug for SyncerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} waiting, {} threads", self.waiting.len(), self.threads)
    }
}

impl Syncer {
    pub(super) fn start(
        this: &Arc<Self>,
        job: impl FnOnce() -> io::Result<()> + Send + 'static,
        done: SyncDone,
    ) {
        let mut state = this.state();
        state.waiting.push_back((Box::new(job), done));
        if state.waiting.len() <= state.idle {
            drop(state);
            this.more.notify_one();
            return;
        }
        if state.threads == SYNC_THREADS_MAX {
            return;
        }
        let worker = Arc::clone(this);
        let thread = std::thread::Builder::new().name("ottla-sync".to_owned());
        if thread.spawn(move || worker.work()).is_ok() {
            state.threads += 1;
            state.idle += 1;
        } else if state.threads == 0 {
            // no thread to be had: the caller waits for the device itself
            let waiting = core::mem::take(&mut state.waiting);
            drop(state);
            waiting.into_iter().for_each(|(job, done)| done(job()));
        }
    }

    fn work(&self) {
        while let Some((job, done)) = self.next() {
            let ended = job();
            // what `done` starts is for this thread, as far as nobody is there earlier
            self.state().idle += 1;
            done(ended);
        }
    }

    /// The next to wait for, by a thread that counts as idle; `None` if it is to end.
    fn next(&self) -> Option<(Job, SyncDone)> {
        let mut state = self.state();
        if state.waiting.is_empty() {
            let waited = self.more.wait_timeout_while(state, IDLE_MAX, |s| s.waiting.is_empty());
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.idle -= 1;
        let next = state.waiting.pop_front();
        state.threads -= usize::from(next.is_none());
        next
    }

    fn state(&self) -> MutexGuard<'_, SyncerState> {
        // nothing panics while holding it
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
