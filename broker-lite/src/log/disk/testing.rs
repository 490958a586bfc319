//! A disk for tests. It knows what has reached the device, so that it can show what a crash at any
//! point leaves, and it fails or lets syncs wait when it is told to.

mod image;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, Weak};

pub(crate) use image::Crash;
use image::{DataOp, Image, NameOp, Names, Node, Op};

use super::*;

/// A disk in memory that can be told to fail. Clones are the same disk.
#[derive(Clone, Default)]
pub(crate) struct UnrulyDisk(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    names: Names,
    contents: BTreeMap<Node, Vec<u8>>,
    /// How many things were done to each file.
    writes: BTreeMap<Node, usize>,
    last_node: Node,
    locks: BTreeMap<String, Weak<()>>,
    /// What lay on the device at first.
    origin: Image,
    trace: Vec<Op>,
    fail_writes: bool,
    fault: Option<(usize, Fault)>,
    /// The call that was made to fail.
    failed: Option<String>,
    calls: Vec<&'static str>,
    /// Syncs that were started while they are to wait.
    held: Option<Vec<(Op, SyncDone, io::Result<()>)>>,
    /// Files that are open, and whether a sync has failed since: then every later one does.
    open: BTreeMap<Node, Weak<AtomicBool>>,
    done: Operations,
}

/// How a call fails.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// An error of the device. Of a write nobody knows what has arrived: here it is all.
    Device,
    /// No space is left, and nothing is written.
    NoSpace,
    /// No space is left after half of the bytes.
    Short,
}

impl Fault {
    pub(crate) const ALL: [Self; 3] = [Self::Device, Self::NoSpace, Self::Short];

    fn error(self) -> io::Error {
        match self {
            Self::Device => io::Error::from_raw_os_error(5), // EIO
            Self::NoSpace | Self::Short => io::ErrorKind::StorageFull.into(),
        }
    }
}

/// How often what was done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Operations {
    pub(crate) reads: usize,
    pub(crate) appends: usize,
    pub(crate) file_syncs: usize,
    pub(crate) dir_syncs: usize,
}

impl fmt::Debug for UnrulyDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UnrulyDisk")
    }
}

impl UnrulyDisk {
    /// Lets every write fail from now on, or succeed again.
    pub(crate) fn fail_writes(&self, fail: bool) {
        self.state().fail_writes = fail;
    }

    /// Lets one call fail, counted from the first ever, which is 0.
    pub(crate) fn fail_call(&self, call: usize, fault: Fault) {
        self.state().fault = Some((call, fault));
    }

    /// The call that was made to fail, if it was made already.
    pub(crate) fn failed(&self) -> Option<String> {
        self.state().failed.clone()
    }

    /// The calls that could have failed.
    pub(crate) fn calls(&self) -> Vec<&'static str> {
        self.state().calls.clone()
    }

    /// What was done so far.
    pub(crate) fn operations(&self) -> Operations {
        self.state().done
    }

    /// Lets every sync wait that is started from now on.
    pub(crate) fn hold_syncs(&self) {
        self.state().held = Some(Vec::new());
    }

    /// Ends those that wait, in this way, and holds no more.
    pub(crate) fn end_syncs(&self, ends: fn() -> io::Result<()>) {
        let held = self.state().held.take();
        for (op, done, ended) in held.into_iter().flatten() {
            let ended = ended.and_then(|()| ends());
            if ended.is_ok() {
                self.state().trace.push(op);
            }
            done(ended);
        }
    }

    /// How many syncs wait.
    pub(crate) fn held(&self) -> usize {
        self.state().held.as_ref().map_or(0, Vec::len)
    }

    /// Whether syncs wait that are started now.
    pub(crate) fn is_holding(&self) -> bool {
        self.state().held.is_some()
    }

    /// The process has ended: syncs that wait never end, as nobody is there to be told, and no
    /// file is open.
    pub(crate) fn end_process(&self) {
        let held = {
            let mut state = self.state();
            state.open.clear();
            state.held.take()
        };
        drop(held); // what it holds may use the disk
    }

    /// Whether a sync has failed: what is read may not be on the device, and never will be.
    pub(crate) fn has_lost(&self) -> bool {
        let trace = &self.state().trace;
        let since = trace.iter().rev().take_while(|op| !matches!(op, Op::PowerFailure));
        since.into_iter().any(|op| matches!(op, Op::Lost(_)))
    }

    /// Lets everything be gone that is not on the device. Nobody may use the disk meanwhile.
    pub(crate) fn fail_power(&self) {
        let mut replay = self.replay();
        while replay.step() {}
        let mut state = self.state();
        (state.names, state.contents) = replay.image.after(Crash::Power);
        state.trace.push(Op::PowerFailure);
    }

    /// How many changes were made so far: between each two the machine may crash.
    pub(crate) fn changes(&self) -> usize {
        self.state().trace.len()
    }

    /// Goes through the changes again, from the first.
    pub(crate) fn replay(&self) -> Replay {
        let state = self.state();
        Replay { image: state.origin.clone(), trace: state.trace.clone(), at: 0 }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

/// The changes of a disk, one after the other.
pub(crate) struct Replay {
    image: Image,
    trace: Vec<Op>,
    at: usize,
}

impl Replay {
    /// How many changes were made up to here.
    pub(crate) const fn at(&self) -> usize {
        self.at
    }

    /// Makes the next change; false if there is none.
    pub(crate) fn step(&mut self) -> bool {
        let Some(op) = self.trace.get(self.at) else { return false };
        self.image.apply(op);
        self.at += 1;
        true
    }

    /// The disk that is found when the machine ends here in this way.
    pub(crate) fn crash(&self, crash: Crash) -> UnrulyDisk {
        let (names, contents) = self.image.after(crash);
        let last_node = names.values().map(|(node, _)| *node).max();
        let last_node = last_node.max(contents.keys().next_back().copied()).unwrap_or(0);
        let origin = Image::of(names.clone(), contents.clone());
        let state = State { names, contents, last_node, origin, ..State::default() };
        UnrulyDisk(Arc::new(Mutex::new(state)))
    }
}

fn absent(path: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("{path}: not found on the test's disk"))
}

impl State {
    /// Counts a call; its error, if this is the one to fail.
    fn call(&mut self, what: &'static str, path: &str) -> Result<(), Fault> {
        self.calls.push(what);
        match self.fault {
            Some((at, fault)) if at + 1 == self.calls.len() => {
                self.failed = Some(format!("{what} {path}: {fault:?}"));
                Err(fault)
            }
            _ => Ok(()),
        }
    }

    fn fallible(&mut self, what: &'static str, path: &str) -> io::Result<()> {
        self.call(what, path).map_err(Fault::error)
    }

    fn find(&self, path: &str) -> Option<(Node, bool)> {
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        parts.try_fold((0, true), |(dir, _), name| self.names.get(&(dir, name.to_owned())).copied())
    }

    fn dir(&self, path: &str) -> io::Result<Node> {
        let found = self.find(path).filter(|(_, directory)| *directory);
        found.map(|(node, _)| node).ok_or_else(|| absent(path))
    }

    /// The directory that `path` lies in, and its name there.
    fn place(&self, path: &str) -> io::Result<(Node, String)> {
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        Ok((self.dir(parent(path))?, name))
    }

    fn rename_op(&mut self, op: NameOp) {
        op.apply(&mut self.names);
        self.trace.push(Op::Name(op));
    }

    fn make(&mut self, (dir, name): (Node, String), directory: bool) -> Node {
        self.last_node += 1;
        self.rename_op(NameOp::Link(dir, name, self.last_node, directory));
        self.last_node
    }

    fn change(&mut self, node: Node, op: DataOp) {
        op.apply(self.contents.entry(node).or_default());
        *self.writes.entry(node).or_default() += 1;
        self.trace.push(Op::Data(node, op));
    }

    fn sync_op(&self, node: Node) -> Op {
        Op::Sync(node, self.writes.get(&node).copied().unwrap_or(0))
    }

    fn remove_all(&mut self, dir: Node) {
        let inside = self.names.range((dir, String::new())..(dir + 1, String::new()));
        let inside: Vec<_> = inside.map(|(place, node)| (place.clone(), *node)).collect();
        for ((dir, name), (node, directory)) in inside {
            if directory {
                self.remove_all(node);
            }
            self.rename_op(NameOp::Unlink(dir, name));
        }
    }
}

impl Disk for UnrulyDisk {
    fn open(&self, path: &str, create: bool) -> io::Result<Arc<dyn File>> {
        let mut state = self.state();
        state.fallible("open", path)?;
        let node = match state.find(path) {
            Some((node, _)) => node,
            None if create => {
                let place = state.place(path)?;
                state.make(place, false)
            }
            None => return Err(absent(path)),
        };
        let lost = state.open.get(&node).and_then(Weak::upgrade).unwrap_or_default();
        state.open.insert(node, Arc::downgrade(&lost));
        Ok(Arc::new(UnrulyFile { disk: self.clone(), node, path: path.to_owned(), lost }))
    }

    fn list(&self, dir: &str) -> io::Result<Vec<Entry>> {
        let mut state = self.state();
        state.fallible("list", dir)?;
        let node = state.dir(dir)?;
        let inside = state.names.range((node, String::new())..(node + 1, String::new()));
        let entry = |((_, name), (_, directory)): (&(Node, String), &(Node, bool))| Entry {
            name: name.clone(),
            directory: *directory,
        };
        Ok(inside.map(entry).collect())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        state.fallible("rename", from)?;
        let node = state.find(from).ok_or_else(|| absent(from))?;
        let (from, to) = (state.place(from)?, state.place(to)?);
        state.rename_op(NameOp::Move(from, to, node));
        Ok(())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let mut state = self.state();
        state.fallible("remove", path)?;
        state.find(path).ok_or_else(|| absent(path))?;
        let (dir, name) = state.place(path)?;
        state.rename_op(NameOp::Unlink(dir, name));
        Ok(())
    }

    fn create_dir(&self, dir: &str) -> io::Result<()> {
        let mut state = self.state();
        state.fallible("create_dir", dir)?;
        let ends = dir.match_indices('/').map(|(at, _)| at).chain([dir.len()]);
        for path in ends.map(|end| &dir[..end]) {
            if state.find(path).is_none() {
                let place = state.place(path)?;
                state.make(place, true);
            }
        }
        Ok(())
    }

    fn remove_dir(&self, dir: &str) -> io::Result<()> {
        let mut state = self.state();
        state.fallible("remove_dir", dir)?;
        let node = state.dir(dir)?;
        state.remove_all(node);
        let (parent, name) = state.place(dir)?;
        state.rename_op(NameOp::Unlink(parent, name));
        Ok(())
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        let mut state = self.state();
        state.done.dir_syncs += 1;
        state.fallible("sync_dir", dir)?;
        let node = state.dir(dir)?;
        state.trace.push(Op::SyncDir(node));
        Ok(())
    }

    fn lock(&self, path: &str) -> Result<LockGuard, LockError> {
        let mut state = self.state();
        let failed = |source| LockError::Io { path: path.to_owned(), source };
        state.fallible("lock", path).map_err(failed)?;
        if state.locks.get(path).is_some_and(|holder| holder.strong_count() > 0) {
            return Err(LockError::InUse { path: path.to_owned(), holder: None });
        }
        let held = Arc::new(());
        state.locks.insert(path.to_owned(), Arc::downgrade(&held));
        Ok(LockGuard::new(Box::new(held)))
    }

    fn volume(&self) -> io::Result<Option<Volume>> {
        Ok(None)
    }

    fn name(&self) -> String {
        "the test's disk".to_owned()
    }
}

struct UnrulyFile {
    disk: UnrulyDisk,
    node: Node,
    path: String,
    /// Shared by all who have the file open.
    lost: Arc<AtomicBool>,
}

impl fmt::Debug for UnrulyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

impl UnrulyFile {
    /// Counts a sync; the error, if it is to fail. Then what was written stays where it is for ever.
    fn sync_call(&self, state: &mut State) -> io::Result<()> {
        let failed_before = self.lost.load(Ordering::Relaxed);
        state.call("sync", &self.path).map_err(|fault| {
            state.trace.push(Op::Lost(self.node));
            self.lost.store(true, Ordering::Relaxed);
            fault.error()
        })?;
        if failed_before { Err(Fault::Device.error()) } else { Ok(()) }
    }
}

impl File for UnrulyFile {
    fn read_at(&self, position: u64, out: &mut [u8]) -> io::Result<usize> {
        let mut state = self.disk.state();
        state.done.reads += 1;
        state.fallible("read", &self.path)?;
        let content = state.contents.get(&self.node).map_or(&[][..], Vec::as_slice);
        let from = usize::try_from(position).unwrap().min(content.len());
        let read = out.len().min(content.len() - from);
        out[..read].copy_from_slice(&content[from..from + read]);
        Ok(read)
    }

    fn append(&self, parts: &[&[u8]]) -> io::Result<()> {
        let mut state = self.disk.state();
        state.done.appends += 1;
        let fault = match state.call("append to", &self.path) {
            Ok(()) if state.fail_writes => Err(Fault::Short),
            called => called,
        };
        let mut bytes = parts.concat();
        match fault {
            Err(Fault::NoSpace) => bytes.clear(),
            Err(Fault::Short) => bytes.truncate(bytes.len() / 2),
            Err(Fault::Device) | Ok(()) => {}
        }
        if !bytes.is_empty() {
            let end = state.contents.get(&self.node).map_or(0, Vec::len);
            state.change(self.node, DataOp::Write(end, bytes));
        }
        fault.map_err(Fault::error)
    }

    fn len(&self) -> io::Result<u64> {
        let mut state = self.disk.state();
        state.fallible("len", &self.path)?;
        Ok(state.contents.get(&self.node).map_or(0, Vec::len) as u64)
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.fallible("truncate", &self.path)?;
        let len = usize::try_from(len).unwrap();
        if state.contents.get(&self.node).map_or(0, Vec::len) != len {
            state.change(self.node, DataOp::Truncate(len));
        }
        Ok(())
    }

    fn start_sync(&self, done: SyncDone) {
        let mut state = self.disk.state();
        let result = self.sync_call(&mut state);
        let op = state.sync_op(self.node);
        if let Some(held) = &mut state.held {
            held.push((op, done, result));
            return;
        }
        if result.is_ok() {
            state.trace.push(op);
        }
        drop(state);
        done(result);
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        state.done.file_syncs += 1;
        self.sync_call(&mut state)?;
        let op = state.sync_op(self.node);
        state.trace.push(op);
        Ok(())
    }
}
