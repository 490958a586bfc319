//! Files in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::{Disk, Entry, File, LockError, LockGuard, SyncDone, Volume};

/// Size of a chunk that is full. First touch of fresh memory costs several times the copy, so
/// chunks of removed files are used again.
const CHUNK_BYTES: usize = 64 * 1024;

/// Chunks kept for the next file: 16 MiB.
const FREE_CHUNKS_MAX: usize = 256;

/// A disk in memory. Clones share it, so that what is on it survives the broker that used it.
#[derive(Clone, Debug, Default)]
pub struct MemoryDisk {
    tree: Arc<Mutex<Tree>>,
    free: Arc<FreeChunks>,
}

#[derive(Debug, Default)]
struct Tree {
    files: BTreeMap<String, Arc<MemoryFile>>,
    directories: BTreeSet<String>,
    locks: BTreeMap<String, Weak<()>>,
}

impl MemoryDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn tree(&self) -> MutexGuard<'_, Tree> {
        // nothing panics while holding it
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn absent(path: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("{path}: not found on the memory disk"))
}

/// What a path inside `dir` starts with.
fn inside(dir: &str) -> String {
    if dir.is_empty() { String::new() } else { format!("{dir}/") }
}

impl Tree {
    fn has_directory(&self, dir: &str) -> bool {
        dir.is_empty() || self.directories.contains(dir)
    }
}

impl Disk for MemoryDisk {
    fn open(&self, path: &str, create: bool) -> io::Result<Arc<dyn File>> {
        let mut tree = self.tree();
        if let Some(file) = tree.files.get(path) {
            return Ok(Arc::<MemoryFile>::clone(file));
        }
        if !create || !tree.has_directory(super::parent(path)) {
            return Err(absent(path));
        }
        let content = Mutex::default();
        let file = Arc::new(MemoryFile { content, free: Arc::clone(&self.free) });
        tree.files.insert(path.to_owned(), Arc::clone(&file));
        Ok(file)
    }

    fn list(&self, dir: &str) -> io::Result<Vec<Entry>> {
        let tree = self.tree();
        if !tree.has_directory(dir) {
            return Err(absent(dir));
        }
        let prefix = inside(dir);
        let named = |path: &String, directory| {
            let name = path.strip_prefix(&prefix)?;
            let direct = !name.is_empty() && !name.contains('/');
            direct.then(|| Entry { name: name.to_owned(), directory })
        };
        let files = tree.files.keys().filter_map(|path| named(path, false));
        let directories = tree.directories.iter().filter_map(|path| named(path, true));
        let mut entries: Vec<_> = files.chain(directories).collect();
        entries.sort();
        Ok(entries)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut tree = self.tree();
        if let Some(file) = tree.files.remove(from) {
            tree.files.insert(to.to_owned(), file);
            return Ok(());
        }
        if !tree.directories.remove(from) {
            return Err(absent(from));
        }
        let moved = inside(from);
        let rest = |path: &String| path.strip_prefix(&moved).map(|rest| format!("{to}/{rest}"));
        let Tree { files, directories, .. } = &mut *tree;
        let old = std::mem::take(files);
        *files = old.into_iter().map(|(path, f)| (rest(&path).unwrap_or(path), f)).collect();
        let old = std::mem::take(directories);
        *directories = old.into_iter().map(|path| rest(&path).unwrap_or(path)).collect();
        directories.insert(to.to_owned());
        Ok(())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.tree().files.remove(path).map(drop).ok_or_else(|| absent(path))
    }

    fn create_dir(&self, dir: &str) -> io::Result<()> {
        let mut tree = self.tree();
        let mut path = dir;
        while !path.is_empty() && tree.directories.insert(path.to_owned()) {
            path = super::parent(path);
        }
        Ok(())
    }

    fn remove_dir(&self, dir: &str) -> io::Result<()> {
        let mut tree = self.tree();
        if !tree.directories.remove(dir) {
            return Err(absent(dir));
        }
        let prefix = inside(dir);
        tree.files.retain(|path, _| !path.starts_with(&prefix));
        tree.directories.retain(|path| !path.starts_with(&prefix));
        Ok(())
    }

    fn sync_dir(&self, _dir: &str) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, path: &str) -> Result<LockGuard, LockError> {
        let mut tree = self.tree();
        if tree.locks.get(path).is_some_and(|holder| holder.strong_count() > 0) {
            let holder = Some(std::process::id());
            return Err(LockError::InUse { path: path.to_owned(), holder });
        }
        let held = Arc::new(());
        tree.locks.insert(path.to_owned(), Arc::downgrade(&held));
        Ok(LockGuard::new(Box::new(held)))
    }

    fn volume(&self) -> io::Result<Option<Volume>> {
        Ok(None)
    }

    fn name(&self) -> String {
        "memory".to_owned()
    }
}

struct MemoryFile {
    content: Mutex<Content>,
    free: Arc<FreeChunks>,
}

/// Every chunk but the last is full.
#[derive(Default)]
struct Content {
    chunks: Vec<Vec<u8>>,
    len: usize,
}

impl MemoryFile {
    fn content(&self) -> MutexGuard<'_, Content> {
        // nothing panics while holding it
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryFile({} bytes)", self.content().len)
    }
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        let chunks = std::mem::take(&mut self.content().chunks);
        self.free.give(chunks);
    }
}

impl File for MemoryFile {
    fn read_at(&self, position: u64, out: &mut [u8]) -> io::Result<usize> {
        let content = self.content();
        let mut at = usize::try_from(position).unwrap_or(usize::MAX);
        let mut read = 0;
        while at < content.len && read < out.len() {
            let from = &content.chunks[at / CHUNK_BYTES][at % CHUNK_BYTES..];
            let n = from.len().min(out.len() - read);
            out[read..read + n].copy_from_slice(&from[..n]);
            read += n;
            at += n;
        }
        Ok(read)
    }

    fn append(&self, parts: &[&[u8]]) -> io::Result<()> {
        let mut content = self.content();
        let Content { chunks, len } = &mut *content;
        for part in parts {
            let mut left = *part;
            while !left.is_empty() {
                if *len == chunks.len() * CHUNK_BYTES {
                    // a small file takes little memory: its only chunk grows
                    chunks.push(if *len == 0 { Vec::new() } else { self.free.take() });
                }
                let Some(chunk) = chunks.last_mut() else { break };
                let (now, later) = left.split_at(left.len().min(CHUNK_BYTES - chunk.len()));
                chunk.extend_from_slice(now);
                *len += now.len();
                left = later;
            }
        }
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        u64::try_from(self.content().len).map_err(io::Error::other)
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        let mut content = self.content();
        let len = usize::try_from(len).map_err(io::Error::other)?;
        if len > content.len {
            return Err(io::Error::other("a memory file grows by appends only"));
        }
        let chunks = len.div_ceil(CHUNK_BYTES);
        self.free.give(content.chunks.split_off(chunks));
        if let Some(last) = content.chunks.last_mut() {
            last.truncate(len - (chunks - 1) * CHUNK_BYTES);
        }
        content.len = len;
        Ok(())
    }

    fn start_sync(&self, done: SyncDone) {
        done(Ok(()));
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Default)]
struct FreeChunks(Mutex<Vec<Vec<u8>>>);

impl FreeChunks {
    fn chunks(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Vec<u8> {
        let free = self.chunks().pop();
        free.unwrap_or_else(|| Vec::with_capacity(CHUNK_BYTES))
    }

    fn give(&self, chunks: Vec<Vec<u8>>) {
        let mut free = self.chunks();
        for mut chunk in chunks {
            if chunk.capacity() == CHUNK_BYTES && free.len() < FREE_CHUNKS_MAX {
                chunk.clear();
                free.push(chunk);
            }
        }
    }
}

impl fmt::Debug for FreeChunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FreeChunks({})", self.chunks().len())
    }
}
