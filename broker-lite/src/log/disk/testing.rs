//! A disk for tests. It knows what has reached the device, so that it can show what a crash at any
//! point leaves, and it fails or lets syncs wait when it is told to.

mod image;
mod keeper;
mod replay;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};

pub use image::Crash;
pub use keeper::{Keeper, Started};
pub use replay::Replay;

use image::{DataOp, Image, NameOp, Names, Node, Op};
use replay::after;

use super::*;

/// A disk in memory that can be told to fail. Clones are the same disk.
#[derive(Clone, Default)]
pub struct UnrulyDisk(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    names: Names,
    contents: BTreeMap<Node, Vec<u8>>,
    /// How many things were done to each file.
    writes: BTreeMap<Node, usize>,
    last_node: Node,
    locks: BTreeMap<String, Weak<()>>,
    /// What lay on the device at first, or with a keeper what lies there now.
    device: Image,
    /// What was done since; with a keeper nothing, as `device` has it.
    trace: Vec<Op>,
    keeper: Option<Box<dyn Keeper>>,
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
pub enum Fault {
    /// An error of the device. Of a write nobody knows what has arrived: here it is all.
    Device,
    /// No space is left, and nothing is written.
    NoSpace,
    /// No space is left after half of the bytes.
    Short,
}

impl Fault {
    pub const ALL: [Self; 3] = [Self::Device, Self::NoSpace, Self::Short];

    fn error(self) -> io::Error {
        match self {
            Self::Device => io::Error::from_raw_os_error(5), // EIO
            Self::NoSpace | Self::Short => io::ErrorKind::StorageFull.into(),
        }
    }
}

/// How often what was done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Operations {
    pub reads: usize,
    pub appends: usize,
    pub file_syncs: usize,
    pub dir_syncs: usize,
}

impl fmt::Debug for UnrulyDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UnrulyDisk")
    }
}

impl UnrulyDisk {
    /// An empty disk that `keeper` watches.
    pub fn kept_by(keeper: impl Keeper + 'static) -> Self {
        let keeper: Option<Box<dyn Keeper>> = Some(Box::new(keeper));
        Self(Arc::new(Mutex::new(State { keeper, ..State::default() })))
    }

    /// What is found when the machine ends now in this way, watched by `keeper`. Who uses this disk
    /// still is of the past, and changes nothing there.
    pub fn found_after(&self, crash: Crash, keeper: impl Keeper + 'static) -> Self {
        let found = after(&self.state().device, crash);
        found.state().keeper = Some(Box::new(keeper));
        found
    }

    /// Lets every write fail from now on, or succeed again.
    pub fn fail_writes(&self, fail: bool) {
        self.state().fail_writes = fail;
    }

    /// Lets one call fail, counted from the first ever, which is 0.
    pub fn fail_call(&self, call: usize, fault: Fault) {
        self.state().fault = Some((call, fault));
    }

    /// The call that was made to fail, if it was made already.
    pub fn failed(&self) -> Option<String> {
        self.state().failed.clone()
    }

    /// The calls that could have failed.
    pub fn calls(&self) -> Vec<&'static str> {
        self.state().calls.clone()
    }

    /// What was done so far.
    pub fn operations(&self) -> Operations {
        self.state().done
    }

    /// Lets every sync wait that is started from now on.
    pub fn hold_syncs(&self) {
        self.state().held = Some(Vec::new());
    }

    /// Ends those that wait, in this way, and holds no more.
    pub fn end_syncs(&self, ends: fn() -> io::Result<()>) {
        let held = self.state().held.take();
        for (op, done, ended) in held.into_iter().flatten() {
            let ended = ended.and_then(|()| ends());
            if ended.is_ok() {
                self.state().record(op);
            }
            done(ended);
        }
    }

    /// How many syncs wait.
    pub fn held(&self) -> usize {
        self.state().held.as_ref().map_or(0, Vec::len)
    }

    /// Whether syncs wait that are started now.
    pub fn is_holding(&self) -> bool {
        self.state().held.is_some()
    }

    /// The process has ended: syncs that wait never end, as nobody is there to be told, and no
    /// file is open.
    pub fn end_process(&self) {
        let held = {
            let mut state = self.state();
            state.open.clear();
            state.held.take()
        };
        drop(held); // what it holds may use the disk
    }

    /// Whether a sync has failed: what is read may not be on the device, and never will be.
    pub fn has_lost(&self) -> bool {
        let trace = &self.state().trace;
        let since = trace.iter().rev().take_while(|op| !matches!(op, Op::PowerFailure));
        since.into_iter().any(|op| matches!(op, Op::Lost(_)))
    }

    /// Lets everything be gone that is not on the device. Nobody may use the disk meanwhile.
    pub fn fail_power(&self) {
        let mut replay = self.replay();
        while replay.step() {}
        let mut state = self.state();
        (state.names, state.contents) = replay.image.after(Crash::Power);
        state.record(Op::PowerFailure);
    }

    /// How many changes were made so far: between each two the machine may crash.
    pub fn changes(&self) -> usize {
        self.state().trace.len()
    }

    /// Goes through the changes again, from the first.
    pub fn replay(&self) -> Replay {
        let state = self.state();
        Replay { image: state.device.clone(), trace: state.trace.clone(), at: 0 }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn absent(path: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("{path}: not found on the test's disk"))
}

impl State {
    fn record(&mut self, op: Op) {
        match self.keeper {
            Some(_) => self.device.apply(&op),
            None => self.trace.push(op),
        }
    }

    /// Counts a call; its error, if this is the one to fail.
    fn call(&mut self, what: &'static str, path: &str) -> Result<(), Fault> {
        if let Some(keeper) = &mut self.keeper {
            return keeper.call(what, path).map_or(Ok(()), Err);
        }
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
        self.record(Op::Name(op));
    }

    fn make(&mut self, (dir, name): (Node, String), directory: bool) -> Node {
        self.last_node += 1;
        self.rename_op(NameOp::Link(dir, name, self.last_node, directory));
        self.last_node
    }

    fn change(&mut self, node: Node, op: DataOp) {
        op.apply(self.contents.entry(node).or_default());
        *self.writes.entry(node).or_default() += 1;
        self.record(Op::Data(node, op));
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
        state.record(Op::SyncDir(node));
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
            state.record(Op::Lost(self.node));
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
        let from = usize::try_from(position).unwrap_or(usize::MAX).min(content.len());
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
        let len = usize::try_from(len).map_err(io::Error::other)?;
        if state.contents.get(&self.node).map_or(0, Vec::len) != len {
            state.change(self.node, DataOp::Truncate(len));
        }
        Ok(())
    }

    fn start_sync(&self, done: SyncDone) {
        let mut state = self.disk.state();
        let op = state.sync_op(self.node);
        if let Some(keeper) = &mut state.keeper {
            let (disk, lost) = (self.disk.clone(), Arc::clone(&self.lost));
            let (node, path) = (self.node, self.path.clone());
            keeper.started(Started { disk, op, node, lost, path, done });
            return;
        }
        let result = self.sync_call(&mut state);
        if let Some(held) = &mut state.held {
            held.push((op, done, result));
            return;
        }
        if result.is_ok() {
            state.record(op);
        }
        drop(state);
        done(result);
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        state.done.file_syncs += 1;
        self.sync_call(&mut state)?;
        let op = state.sync_op(self.node);
        state.record(op);
        Ok(())
    }
}
