//! Files of the operating system.

use std::collections::VecDeque;
use std::fmt;
use std::fs;
use std::io::{self, IoSlice, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{self, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Disk, Entry, File, LockError, LockGuard, SyncDone, Volume};

/// Threads that sync files side by side; more only queue up in front of one device.
const SYNC_THREADS_MAX: usize = 4;

/// A directory of the operating system.
#[derive(Clone, Debug)]
pub struct FileDisk {
    root: PathBuf,
    syncer: Arc<Syncer>,
}

impl FileDisk {
    /// The directory `root`; it is made when something is first made in it.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), syncer: Arc::new(Syncer::default()) }
    }

    /// The directory that every path is relative to.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn at(&self, path: &str) -> PathBuf {
        if path.is_empty() { self.root.clone() } else { self.root.join(path) }
    }
}

impl Disk for FileDisk {
    fn open(&self, path: &str, create: bool) -> io::Result<Arc<dyn File>> {
        let mut options = fs::OpenOptions::new();
        let file = options.read(true).append(true).create(create).open(self.at(path))?;
        Ok(Arc::new(OsFile { file: Arc::new(file), syncer: Arc::clone(&self.syncer) }))
    }

    fn list(&self, dir: &str) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(self.at(dir))? {
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
        fs::rename(self.at(from), self.at(to))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        fs::remove_file(self.at(path))
    }

    fn create_dir(&self, dir: &str) -> io::Result<()> {
        fs::create_dir_all(self.at(dir))
    }

    fn remove_dir(&self, dir: &str) -> io::Result<()> {
        fs::remove_dir_all(self.at(dir))
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        fs::File::open(self.at(dir))?.sync_all()
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
        let found = rustix::fs::statvfs(&self.root)?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        let (total_bytes, usable_bytes) = (bytes(found.f_blocks), bytes(found.f_bavail));
        Ok(Some(Volume { total_bytes, usable_bytes }))
    }

    fn name(&self) -> String {
        let root = path::absolute(&self.root);
        root.as_ref().unwrap_or(&self.root).display().to_string()
    }
}

struct OsFile {
    file: Arc<fs::File>,
    syncer: Arc<Syncer>,
}

impl fmt::Debug for OsFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.file.fmt(f)
    }
}

impl File for OsFile {
    fn read_at(&self, position: u64, out: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        while read < out.len() {
            let at = position.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
            match self.file.read_at(&mut out[read..], at) {
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
        let mut file = &*self.file;
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
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn start_sync(&self, done: SyncDone) {
        Syncer::start(&self.syncer, Arc::clone(&self.file), done);
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// Threads that wait for the device, so that nobody else does. They end when they are idle and are
/// started on demand: a broker that rolls a segment an hour keeps none.
#[derive(Debug, Default)]
struct Syncer {
    state: Mutex<SyncerState>,
}

#[derive(Default)]
struct SyncerState {
    waiting: VecDeque<(Arc<fs::File>, SyncDone)>,
    threads: usize,
}

impl fmt::Debug for SyncerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} waiting, {} threads", self.waiting.len(), self.threads)
    }
}

impl Syncer {
    fn start(this: &Arc<Self>, file: Arc<fs::File>, done: SyncDone) {
        let mut state = this.state();
        state.waiting.push_back((file, done));
        if state.threads == SYNC_THREADS_MAX {
            return;
        }
        let worker = Arc::clone(this);
        let thread = std::thread::Builder::new().name("ottla-sync".to_owned());
        if thread.spawn(move || worker.work()).is_ok() {
            state.threads += 1;
        } else if state.threads == 0 {
            // no thread to be had: the caller waits for the device itself
            while let Some((file, done)) = state.waiting.pop_front() {
                done(file.sync_data());
            }
        }
    }

    fn work(&self) {
        loop {
            let next = {
                let mut state = self.state();
                let next = state.waiting.pop_front();
                if next.is_none() {
                    state.threads -= 1;
                }
                next
            };
            let Some((file, done)) = next else { return };
            done(file.sync_data());
        }
    }

    fn state(&self) -> MutexGuard<'_, SyncerState> {
        // nothing panics while holding it
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
