//! A disk for tests, on which writes fail and syncs wait when they are told to.

use std::sync::Mutex;

use super::*;

/// Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct UnrulyDisk {
    disk: MemoryDisk,
    orders: Arc<Mutex<Orders>>,
}

#[derive(Default)]
struct Orders {
    fail_writes: bool,
    /// Those that were started, while they are to wait.
    held: Option<Vec<SyncDone>>,
    done: Operations,
}

/// How often what was done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Operations {
    pub(crate) reads: usize,
    pub(crate) appends: usize,
    pub(crate) file_syncs: usize,
    pub(crate) dir_syncs: usize,
}

impl fmt::Debug for Orders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Orders(fail_writes: {})", self.fail_writes)
    }
}

impl UnrulyDisk {
    /// Lets every write fail from now on, or succeed again.
    pub(crate) fn fail_writes(&self, fail: bool) {
        self.orders.lock().unwrap().fail_writes = fail;
    }

    /// What was done so far.
    pub(crate) fn operations(&self) -> Operations {
        self.orders.lock().unwrap().done
    }

    /// Lets every sync wait that is started from now on.
    pub(crate) fn hold_syncs(&self) {
        self.orders.lock().unwrap().held = Some(Vec::new());
    }

    /// Ends those that wait, in this way, and holds no more.
    pub(crate) fn end_syncs(&self, ends: fn() -> io::Result<()>) {
        let held = self.orders.lock().unwrap().held.take();
        held.into_iter().flatten().for_each(|done| done(ends()));
    }
}

#[derive(Debug)]
struct UnrulyFile(Arc<dyn File>, Arc<Mutex<Orders>>);

impl Disk for UnrulyDisk {
    fn open(&self, path: &str, create: bool) -> io::Result<Arc<dyn File>> {
        let file = self.disk.open(path, create)?;
        Ok(Arc::new(UnrulyFile(file, Arc::clone(&self.orders))))
    }
    fn list(&self, dir: &str) -> io::Result<Vec<Entry>> {
        self.disk.list(dir)
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, path: &str) -> io::Result<()> {
        self.disk.remove(path)
    }
    fn create_dir(&self, dir: &str) -> io::Result<()> {
        self.disk.create_dir(dir)
    }
    fn remove_dir(&self, dir: &str) -> io::Result<()> {
        self.disk.remove_dir(dir)
    }
    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        self.orders.lock().unwrap().done.dir_syncs += 1;
        self.disk.sync_dir(dir)
    }
    fn lock(&self, path: &str) -> Result<LockGuard, LockError> {
        self.disk.lock(path)
    }
    fn volume(&self) -> io::Result<Option<Volume>> {
        self.disk.volume()
    }
    fn name(&self) -> String {
        self.disk.name()
    }
}

impl File for UnrulyFile {
    fn read_at(&self, position: u64, out: &mut [u8]) -> io::Result<usize> {
        self.1.lock().unwrap().done.reads += 1;
        self.0.read_at(position, out)
    }
    fn append(&self, parts: &[&[u8]]) -> io::Result<()> {
        self.1.lock().unwrap().done.appends += 1;
        if self.1.lock().unwrap().fail_writes {
            self.0.append(&parts[..1])?; // some of it arrives
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0.append(parts)
    }
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn truncate(&self, len: u64) -> io::Result<()> {
        self.0.truncate(len)
    }
    fn start_sync(&self, done: SyncDone) {
        match &mut self.1.lock().unwrap().held {
            Some(held) => held.push(done),
            None => done(Ok(())),
        }
    }
    fn sync(&self) -> io::Result<()> {
        self.1.lock().unwrap().done.file_syncs += 1;
        self.0.sync()
    }
}
