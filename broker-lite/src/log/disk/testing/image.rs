//! What lies on a device and what is on its way there, so that a crash can be shown at any point.

use std::collections::BTreeMap;

/// Number of a file or a directory. The root is 0.
pub(super) type Node = usize;

/// What the directories say: name in a directory, what it names, and whether that is a directory.
pub(super) type Names = BTreeMap<(Node, String), (Node, bool)>;

/// Bytes of a file that reach the device together or not at all. Real devices write 512 and more;
/// the batches of tests are small, and shall be torn too.
const SECTOR_BYTES: usize = 128;

/// What was done to the disk.
#[derive(Clone, Debug)]
pub(super) enum Op {
    /// To a directory: until that is synced, a power failure may undo it.
    Name(NameOp),
    /// To a file: until that is synced, a power failure may undo it.
    Data(Node, DataOp),
    /// The first `writes` things ever done to this file are on the device.
    Sync(Node, usize),
    /// A sync has failed: nothing will bring the file's bytes to the device any more.
    Lost(Node),
    /// What was done to the names in this directory is on the device.
    SyncDir(Node),
    /// What was not on the device is gone.
    PowerFailure,
}

#[derive(Clone, Debug)]
pub(super) enum NameOp {
    Link(Node, String, Node, bool),
    Unlink(Node, String),
    /// Directory and name before, directory and name after, what it is.
    Move((Node, String), (Node, String), (Node, bool)),
}

#[derive(Clone, Debug)]
pub(super) enum DataOp {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

impl NameOp {
    pub(super) fn apply(&self, names: &mut Names) {
        match self {
            Self::Link(dir, name, node, directory) => {
                names.insert((*dir, name.clone()), (*node, *directory));
            }
            Self::Unlink(dir, name) => {
                names.remove(&(*dir, name.clone()));
            }
            Self::Move(from, to, node) => {
                names.retain(|place, named| place != from || named != node);
                names.insert(to.clone(), *node);
            }
        }
    }

    /// The directory; nothing is moved into another.
    const fn dir(&self) -> Node {
        match self {
            Self::Link(dir, ..) | Self::Unlink(dir, _) | Self::Move((dir, _), ..) => *dir,
        }
    }
}

impl DataOp {
    pub(super) fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write(at, bytes) => write(content, *at, bytes),
            Self::Truncate(len) => content.resize(*len, 0),
        }
    }
}

fn write(content: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = at + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[at..end].copy_from_slice(bytes);
}

/// How the machine ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Crash {
    /// The process was killed: what was written stays.
    Process,
    /// The power failed, and nothing has reached the device that was not synced.
    Power,
    /// The power failed. Of each file and each directory some of what was not synced has reached
    /// the device, in the order in which it was written, the last of it in part.
    Torn(u64),
    /// The power failed. Any of what was not synced in files has reached the device. Names of one
    /// directory are in order all the same: file systems write them to a journal.
    Reordered(u64),
}

/// A file on the device and the writes that are on their way, numbered from the first ever.
#[derive(Clone, Debug, Default)]
struct FileImage {
    durable: Vec<u8>,
    /// What a process reads, be it on the device or not.
    cached: Vec<u8>,
    pending: Vec<(usize, DataOp)>,
    writes: usize,
}

/// A device and what is on its way there.
#[derive(Clone, Debug, Default)]
pub(super) struct Image {
    names: Names,
    pending: Vec<NameOp>,
    files: BTreeMap<Node, FileImage>,
}

impl Image {
    /// A device on which exactly this lies.
    pub(super) fn of(names: Names, contents: BTreeMap<Node, Vec<u8>>) -> Self {
        let file = |durable: Vec<u8>| FileImage {
            cached: durable.clone(),
            durable,
            ..FileImage::default()
        };
        let files = contents.into_iter().map(|(node, content)| (node, file(content))).collect();
        Self { names, pending: Vec::new(), files }
    }

    pub(super) fn apply(&mut self, op: &Op) {
        match op {
            Op::Name(op) => self.pending.push(op.clone()),
            Op::Data(node, op) => {
                let file = self.files.entry(*node).or_default();
                file.writes += 1;
                op.apply(&mut file.cached);
                file.pending.push((file.writes, op.clone()));
            }
            Op::Sync(node, writes) => {
                let file = self.files.entry(*node).or_default();
                let synced = file.pending.partition_point(|(number, _)| number <= writes);
                for (_, op) in file.pending.drain(..synced) {
                    op.apply(&mut file.durable);
                }
            }
            Op::Lost(node) => self.files.entry(*node).or_default().pending.clear(),
            Op::SyncDir(dir) => {
                let pending = std::mem::take(&mut self.pending);
                let here = |op: &NameOp| op.dir() == *dir;
                let (synced, pending): (Vec<_>, _) = pending.into_iter().partition(here);
                self.pending = pending;
                synced.iter().for_each(|op| op.apply(&mut self.names));
            }
            Op::PowerFailure => {
                self.pending.clear();
                for file in self.files.values_mut() {
                    file.pending.clear();
                    file.cached.clone_from(&file.durable);
                }
            }
        }
    }

    /// What is found after a crash.
    pub(super) fn after(&self, crash: Crash) -> (Names, BTreeMap<Node, Vec<u8>>) {
        let mut rng = match crash {
            Crash::Torn(seed) | Crash::Reordered(seed) => fastrand::Rng::with_seed(seed),
            Crash::Process | Crash::Power => fastrand::Rng::with_seed(0),
        };
        let mut names = self.names.clone();
        let mut arrive = BTreeMap::new();
        for op in &self.pending {
            let left = arrive.entry(op.dir()).or_insert_with(|| match crash {
                Crash::Process => usize::MAX,
                Crash::Power => 0,
                Crash::Torn(_) | Crash::Reordered(_) => rng.usize(0..=self.pending.len()),
            });
            if *left > 0 {
                *left -= 1;
                op.apply(&mut names);
            }
        }
        let file = |(node, file): (&Node, &FileImage)| (*node, file.after(crash, &mut rng));
        (names, self.files.iter().map(file).collect())
    }
}

impl FileImage {
    fn after(&self, crash: Crash, rng: &mut fastrand::Rng) -> Vec<u8> {
        let mut content = self.durable.clone();
        match crash {
            Crash::Power => {}
            Crash::Process => content.clone_from(&self.cached),
            Crash::Torn(_) => {
                let whole = rng.usize(0..=self.pending.len());
                self.pending[..whole].iter().for_each(|(_, op)| op.apply(&mut content));
                if let Some((_, DataOp::Write(at, bytes))) = self.pending.get(whole) {
                    write(&mut content, *at, &bytes[..rng.usize(0..=bytes.len())]);
                }
            }
            Crash::Reordered(_) => {
                self.pending.iter().for_each(|(_, op)| op.apply(&mut content));
                self.lose_sectors(&mut content, rng);
            }
        }
        content
    }

    /// Puts what lay there before, or zeros, where a sector has not reached the device.
    fn lose_sectors(&self, content: &mut Vec<u8>, rng: &mut fastrand::Rng) {
        let (before, full) = (self.durable.len(), content.len());
        let len = match rng.u8(0..3) {
            0 => full,
            1 => before,
            _ => rng.usize(before.min(full)..=before.max(full)),
        };
        content.resize(len, 0);
        for at in (0..len).step_by(SECTOR_BYTES) {
            let end = len.min(at + SECTOR_BYTES);
            let (at, end) = (at.min(full), end);
            let lost = rng.bool();
            for (i, byte) in content[at..end].iter_mut().enumerate() {
                if lost || at + i >= full {
                    *byte = self.durable.get(at + i).copied().unwrap_or(0);
                }
            }
        }
    }
}
