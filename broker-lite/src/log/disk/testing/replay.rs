//! Goes through the changes of a disk again, and crashes anywhere.

use super::*;

/// The changes of a disk, one after the other.
#[derive(Debug)]
pub struct Replay {
    pub(super) image: Image,
    pub(super) trace: Vec<Op>,
    pub(super) at: usize,
}

impl Replay {
    /// How many changes were made up to here.
    pub const fn at(&self) -> usize {
        self.at
    }

    /// Makes the next change; false if there is none.
    pub fn step(&mut self) -> bool {
        let Some(op) = self.trace.get(self.at) else { return false };
        self.image.apply(op);
        self.at += 1;
        true
    }

    /// The disk that is found when the machine ends here in this way.
    pub fn crash(&self, crash: Crash) -> UnrulyDisk {
        after(&self.image, crash)
    }
}

/// The disk that is found on this device after a crash.
pub(super) fn after(device: &Image, crash: Crash) -> UnrulyDisk {
    let (names, contents) = device.after(crash);
    let last_node = names.values().map(|(node, _)| *node).max();
    let last_node = last_node.max(contents.keys().next_back().copied()).unwrap_or(0);
    let device = Image::of(names.clone(), contents.clone());
    let state = State { names, contents, last_node, device, ..State::default() };
    UnrulyDisk(Arc::new(Mutex::new(state)))
}
