//! What was fetched and not yet handed out, and how many bytes it pins.
//!
//! Every batch is a slice of the response it came in, so that memory is free again only when the
//! last batch of a response has left: bytes are counted per response, not per batch.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use ottla_protocol::ids::Offset;

use crate::consumer::decode::{BatchFault, Block};

/// One fetch response that something still pins.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct FrameId(u64);

/// A batch's hold on the response it came in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pin {
    pub(super) frame: FrameId,
    /// Size of the batch as it came.
    pub(super) bytes: usize,
}

impl Pin {
    /// Size of the batch as it came.
    pub(crate) const fn bytes(self) -> usize {
        self.bytes
    }
}

#[derive(Debug)]
struct Frame {
    bytes: usize,
    batches: usize,
}

/// Counts the bytes of the responses that batches pin, and of decompressed batches.
#[derive(Debug, Default)]
pub(super) struct Frames {
    live: BTreeMap<FrameId, Frame>,
    next: u64,
    bytes: usize,
    decompressed: usize,
}

impl Frames {
    /// A response with `bytes` of records, of which no batch is kept yet.
    pub(super) fn open(&mut self, bytes: usize) -> FrameId {
        let id = FrameId(self.next);
        self.next += 1;
        self.live.insert(id, Frame { bytes, batches: 0 });
        self.bytes += bytes;
        id
    }

    /// One more batch of a response is kept.
    fn pin(&mut self, pin: Pin) {
        if let Some(frame) = self.live.get_mut(&pin.frame) {
            frame.batches += 1;
        }
    }

    /// One batch of a response has gone.
    pub(super) fn release(&mut self, pin: Pin) {
        let Some(frame) = self.live.get_mut(&pin.frame) else { return };
        frame.batches = frame.batches.saturating_sub(1);
        self.close(pin.frame);
    }

    /// Forgets the response if no batch of it is kept.
    pub(super) fn close(&mut self, id: FrameId) {
        if self.live.get(&id).is_some_and(|frame| frame.batches == 0)
            && let Some(frame) = self.live.remove(&id)
        {
            self.bytes -= frame.bytes;
        }
    }

    fn decoded(&mut self, block: &Block) {
        self.decompressed += block.decompressed_bytes();
    }

    fn handed_out(&mut self, block: &Block) {
        self.decompressed -= block.decompressed_bytes();
    }

    /// How many bytes are pinned, decompressed ones included.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes + self.decompressed
    }

    /// How many bytes of decompressed batches wait to be handed out.
    #[cfg(test)]
    pub(super) const fn decompressed(&self) -> usize {
        self.decompressed
    }
}

/// A batch as it came, known by its header only.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub(crate) bytes: Bytes,
    /// Records below this offset are not wanted.
    pub(crate) from: Offset,
    /// The offset behind its last record; above `from`.
    pub(crate) next: Offset,
    /// Its records are not for the application: control records, an aborted transaction.
    pub(crate) hidden: bool,
    pub(crate) pin: Pin,
}

/// What a response had for a partition, in the order of offsets.
#[derive(Clone, Debug)]
pub(crate) enum Fetched {
    /// A batch that looks whole.
    Batch(Batch),
    /// Bytes that are no batch; nothing follows.
    Broken { offset: Offset, fault: BatchFault },
}

/// What can be handed out.
#[derive(Debug)]
pub(crate) enum Ready {
    Block(Block),
    /// Reading ends here: this offset cannot be had.
    Broken {
        offset: Offset,
        next: Option<Offset>,
        fault: BatchFault,
        /// The batch's, if there is one.
        pin: Option<Pin>,
    },
}

impl Ready {
    pub(super) fn pin(&self) -> Option<Pin> {
        match self {
            Self::Block(block) => Some(block.pin()),
            Self::Broken { pin, .. } => *pin,
        }
    }
}

/// What one partition has, fetched and decoded.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    fetched: VecDeque<Fetched>,
    ready: VecDeque<Ready>,
    /// Of all its batches: fetched, being decoded, ready.
    bytes: usize,
    /// Something in it cannot be read: what is fetched behind it would be thrown away.
    broken: bool,
}

impl Shelf {
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.fetched.is_empty() && self.ready.is_empty() && self.bytes == 0
    }

    pub(super) const fn is_broken(&self) -> bool {
        self.broken
    }

    pub(super) fn push(&mut self, fetched: Fetched, frames: &mut Frames) {
        match &fetched {
            Fetched::Batch(batch) => {
                frames.pin(batch.pin);
                self.bytes += batch.pin.bytes;
            }
            Fetched::Broken { .. } => self.broken = true,
        }
        self.fetched.push_back(fetched);
    }

    /// The next piece to decode. Its bytes go on counting until it comes back and is handed out.
    pub(super) fn pop_fetched(&mut self) -> Option<Fetched> {
        self.fetched.pop_front()
    }

    /// Takes back what was not decoded after all, the last piece first.
    pub(super) fn unpop_fetched(&mut self, fetched: Fetched) {
        self.fetched.push_front(fetched);
    }

    /// Takes back what was decoded.
    pub(super) fn push_ready(&mut self, ready: Ready, frames: &mut Frames) {
        match &ready {
            Ready::Block(block) => frames.decoded(block),
            Ready::Broken { .. } => self.broken = true,
        }
        self.ready.push_back(ready);
    }

    pub(super) fn front(&self) -> Option<&Ready> {
        self.ready.front()
    }

    pub(super) fn front_mut(&mut self) -> Option<&mut Ready> {
        self.ready.front_mut()
    }

    /// Hands out the front; its bytes no longer count.
    pub(super) fn pop_ready(&mut self, frames: &mut Frames) -> Option<Ready> {
        let ready = self.ready.pop_front()?;
        if let Some(pin) = ready.pin() {
            self.bytes -= pin.bytes;
            frames.release(pin);
        }
        if let Ready::Block(block) = &ready {
            frames.handed_out(block);
        }
        Some(ready)
    }

    /// Drops everything. What is being decoded is released when it comes back.
    pub(super) fn clear(&mut self, frames: &mut Frames) {
        while self.pop_ready(frames).is_some() {}
        for fetched in self.fetched.drain(..) {
            if let Fetched::Batch(batch) = fetched {
                frames.release(batch.pin);
            }
        }
        self.bytes = 0;
        self.broken = false;
    }
}
