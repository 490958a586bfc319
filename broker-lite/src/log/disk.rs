//! The disk seam: everything the broker keeps goes through [`Disk`] and [`File`].
//!
//! Paths are relative to the disk's root and use `/`. [`FileDisk`] is the operating system's, and
//! `log/disk/` is the only place that knows `std::fs`; [`MemoryDisk`] keeps everything in memory.
//! Both do the same, so memory storage runs the code that files run.

mod file;
mod handles;
mod memory;
#[cfg(any(test, feature = "simulation"))]
#[doc(hidden)]
pub mod testing;
#[cfg(test)]
mod tests;

pub use file::FileDisk;
pub use memory::MemoryDisk;

use std::any::Any;
use std::fmt;
use std::io;
use std::sync::Arc;

/// What is called when a sync that was started has ended. Must not block nor take locks that are
/// held while a sync is started.
pub type SyncDone = Box<dyn FnOnce(io::Result<()>) + Send>;

/// A tree of files and directories. Every path is relative to its root.
pub trait Disk: fmt::Debug + Send + Sync {
    /// Opens `path` for reading and appending; with `create` makes it, empty, if it is absent.
    ///
    /// # Errors
    ///
    /// `NotFound` if it is absent and not to be made; what the operating system says.
    fn open(&self, path: &str, create: bool) -> io::Result<Arc<dyn File>>;

    /// Names of the files and directories in `dir`, sorted. The root is the empty path.
    ///
    /// # Errors
    ///
    /// `NotFound` if there is no such directory; what the operating system says.
    fn list(&self, dir: &str) -> io::Result<Vec<Entry>>;

    /// Renames a file or a directory; a file at `to` is replaced.
    ///
    /// # Errors
    ///
    /// `NotFound` if `from` is absent; what the operating system says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file. Who has opened it, beside whoever removes it, can still read it; this holds for
    /// one that a rename replaces, too.
    ///
    /// # Errors
    ///
    /// `NotFound` if it is absent; what the operating system says.
    fn remove(&self, path: &str) -> io::Result<()>;

    /// Makes a directory and those above it; it may be there already.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    fn create_dir(&self, dir: &str) -> io::Result<()>;

    /// Removes a directory with all that is in it.
    ///
    /// # Errors
    ///
    /// `NotFound` if it is absent; what the operating system says.
    fn remove_dir(&self, dir: &str) -> io::Result<()>;

    /// Makes the names in `dir` survive a power failure: files made, renamed and removed there.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    fn sync_dir(&self, dir: &str) -> io::Result<()>;

    /// Starts what [`Disk::sync_dir`] does. `done` is called as by [`File::start_sync`].
    fn start_sync_dir(&self, dir: &str, done: SyncDone) {
        done(self.sync_dir(dir));
    }

    /// Takes `path` for this process alone, until the guard is dropped.
    ///
    /// # Errors
    ///
    /// [`LockError::InUse`] if another holds it.
    fn lock(&self, path: &str) -> Result<LockGuard, LockError>;

    /// The volume it lies on; `None` if it lies on none.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    fn volume(&self) -> io::Result<Option<Volume>>;

    /// What a person calls this disk: the path of its root, or `memory`.
    fn name(&self) -> String;
}

/// A file that grows at its end.
pub trait File: fmt::Debug + Send + Sync {
    /// Reads from `position` until `out` is full or the file ends; says how many bytes were read.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    fn read_at(&self, position: u64, out: &mut [u8]) -> io::Result<usize>;

    /// Writes `parts`, one behind the other, at the end. After an error the end is unknown: part
    /// of it may be written.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    fn append(&self, parts: &[&[u8]]) -> io::Result<()>;

    /// Length in bytes.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    fn len(&self) -> io::Result<u64>;

    /// Whether nothing is in it.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Cuts off what lies beyond `len` bytes.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    fn truncate(&self, len: u64) -> io::Result<()>;

    /// Starts to make what was written so far survive a power failure. `done` is called once, when
    /// that has ended, maybe on another thread, maybe before this returns.
    fn start_sync(&self, done: SyncDone);

    /// Makes what was written so far survive a power failure; blocks until it does.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    fn sync(&self) -> io::Result<()>;
}

/// A name in a directory.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Entry {
    /// Without the path that leads to it.
    pub name: String,
    /// Whether it is a directory.
    pub directory: bool,
}

/// A volume, shared with whoever else has files there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Volume {
    /// Its size.
    pub total_bytes: u64,
    /// How much more this process may write there.
    pub usable_bytes: u64,
}

/// Holds a lock of [`Disk::lock`] until it is dropped.
pub struct LockGuard {
    _held: Box<dyn Any + Send + Sync>,
}

impl LockGuard {
    /// `held` lets go of the lock when it is dropped.
    #[must_use]
    pub fn new(held: Box<dyn Any + Send + Sync>) -> Self {
        Self { _held: held }
    }
}

impl fmt::Debug for LockGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LockGuard")
    }
}

/// Why a lock was not given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another process, or another broker in this one, holds it.
    #[error("{path} is held by {}: stop that broker or choose another directory",
        .holder.map_or_else(|| "another broker".to_owned(), |id| format!("process {id}")))]
    InUse {
        /// What was to be locked.
        path: String,
        /// Id of the process that holds it, as far as known.
        holder: Option<u32>,
    },
    /// The lock file could not be opened or written.
    #[error("cannot lock {path}")]
    Io {
        /// What was to be locked.
        path: String,
        /// What the operating system says.
        source: io::Error,
    },
}

/// Reads all of a file.
///
/// # Errors
///
/// `NotFound` if it is absent; what the operating system says.
pub(crate) fn read_all(disk: &dyn Disk, path: &str) -> io::Result<Vec<u8>> {
    let file = disk.open(path, false)?;
    let len = usize::try_from(file.len()?).map_err(io::Error::other)?;
    let mut bytes = vec![0; len];
    let read = file.read_at(0, &mut bytes)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Replaces a whole file so that a crash leaves the old or the new one: written beside it, synced,
/// renamed.
///
/// # Errors
///
/// What the operating system says; the old file is still there then.
pub(crate) fn replace(disk: &dyn Disk, path: &str, bytes: &[u8]) -> io::Result<()> {
    let beside = write_beside(disk, path, bytes)?;
    disk.open(&beside, false)?.sync()?;
    disk.rename(&beside, path)?;
    disk.sync_dir(parent(path))
}

/// Like [`replace`], but only a crash of the process leaves one or the other: after a power failure
/// the file may be empty or the old one.
///
/// # Errors
///
/// What the operating system says; the old file is still there then.
pub(crate) fn replace_unsynced(disk: &dyn Disk, path: &str, bytes: &[u8]) -> io::Result<()> {
    let beside = write_beside(disk, path, bytes)?;
    disk.rename(&beside, path)
}

fn write_beside(disk: &dyn Disk, path: &str, bytes: &[u8]) -> io::Result<String> {
    let beside = format!("{path}.tmp");
    let file = disk.open(&beside, true)?;
    file.truncate(0)?; // left by a crash
    file.append(&[bytes])?;
    Ok(beside)
}

/// Starts to sync `files` one after the other; `done` is called once, when all are synced or one
/// could not be.
pub(crate) fn start_sync_all(mut files: Vec<Arc<dyn File>>, done: SyncDone) {
    let Some(file) = files.pop() else { return done(Ok(())) };
    file.start_sync(Box::new(move |result| match result {
        Ok(()) => start_sync_all(files, done),
        failed => done(failed),
    }));
}

/// The directory a path lies in; the root is the empty path.
pub(crate) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

/// `name` in `dir`; the root is the empty path.
pub(crate) fn join(dir: &str, name: &str) -> String {
    if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") }
}
