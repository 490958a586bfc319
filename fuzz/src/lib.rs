//! What must hold for any bytes at all. Each function here is one fuzz target: it takes whatever
//! bytes there are and panics if a promise of `ottla-protocol` is broken.
//!
//! `run.sh` builds the targets with coverage counters and runs them.

#![expect(clippy::missing_panics_doc, reason = "a panic is what a target is for")]

mod batch;
mod blobs;
mod codec;
mod frame;
mod message;

pub use batch::batch;
pub use blobs::{group, internal_records, metadata_records};
pub use codec::codec;
pub use frame::frame;
pub use message::{request, response};

use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Does `work`, and says how many bytes more than before it had at any one time.
fn peak_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let done = work();
    (done, MEMORY.peak_usage() - before)
}

/// Takes a byte that says how to test; 0 if there is none.
fn choice(data: &mut &[u8]) -> u8 {
    match data.split_first() {
        Some((first, rest)) => {
            *data = rest;
            *first
        }
        None => 0,
    }
}
