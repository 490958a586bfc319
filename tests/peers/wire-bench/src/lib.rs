//! The wire format of Ottla and of the crate `kafka-protocol`: the same jobs, once with each.
//!
//! A job is prepared once; then each turn of it handles the same number of items. What a turn
//! returns hangs on everything it did and is the same for both, which a test checks.

pub mod ours;
pub mod shape;
#[cfg(feature = "theirs")]
pub mod theirs;

use shape::{GROUP_PARTITIONS, METADATA_PARTITIONS, PARTITIONS, RECORDS, Size};

/// Does the job once.
pub type Turn = Box<dyn FnMut() -> u64>;

/// Whose code does a job.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// `ottla-protocol`.
    Ours,
    /// `kafka-protocol`.
    Theirs,
}

/// Something to do with both.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    /// What it is, for people and for the file of counts.
    pub name: &'static str,
    /// What is counted.
    pub item: &'static str,
    /// How many of them a turn handles.
    pub items: usize,
    ours: fn() -> Turn,
    theirs: Option<fn() -> Turn>,
}

impl Job {
    /// Makes what its turns need; `None` if that side does no such job.
    #[must_use]
    pub fn prepare(&self, side: Side) -> Option<Turn> {
        match side {
            Side::Ours => Some((self.ours)()),
            Side::Theirs => self.theirs.map(|theirs| theirs()),
        }
    }
}

/// A line a job: its name, how many items of what, the function of that name on both sides, or, in
/// front of `alone`, only on ours.
macro_rules! jobs {
    ($($name:literal: $items:expr, $item:literal, $job:ident($($size:ident)?) $($alone:ident)?;)*) => {
        &[$( Job {
            name: $name,
            item: $item,
            items: $items,
            ours: || ours::$job($(Size::$size)?),
            theirs: jobs!(@theirs $job($($size)?) $($alone)?),
        }, )*]
    };
    (@theirs $job:ident($($size:ident)?)) => {{
        #[cfg(feature = "theirs")]
        let theirs: Option<fn() -> Turn> = Some(|| theirs::$job($(Size::$size)?));
        #[cfg(not(feature = "theirs"))]
        let theirs = None;
        theirs
    }};
    (@theirs $job:ident($($size:ident)?) alone) => { None };
}

/// Everything that is counted.
pub const JOBS: &[Job] = jobs! {
    "Produce encode, records of 100 B built": PARTITIONS * RECORDS, "record", produce_build(Small);
    "Produce encode, records of 1 KiB built": PARTITIONS * RECORDS, "record", produce_build(Large);
    "Produce decode, records of 100 B read": PARTITIONS * RECORDS, "record", produce_read(Small);
    "Produce decode, records of 1 KiB read": PARTITIONS * RECORDS, "record", produce_read(Large);
    "Fetch encode, records of 100 B built": PARTITIONS * RECORDS, "record", fetch_build(Small);
    "Fetch encode, records of 1 KiB built": PARTITIONS * RECORDS, "record", fetch_build(Large);
    "Fetch decode, records of 100 B read": PARTITIONS * RECORDS, "record", fetch_read(Small);
    "Fetch decode, records of 1 KiB read": PARTITIONS * RECORDS, "record", fetch_read(Large);
    "Produce encode, batches as they are": PARTITIONS, "partition", produce_encode();
    "Produce decode, batches as they are": PARTITIONS, "partition", produce_decode();
    "Fetch encode, batches as they are": PARTITIONS, "partition", fetch_encode();
    "Fetch decode, batches as they are": PARTITIONS, "partition", fetch_decode();
    "Metadata encode": METADATA_PARTITIONS, "partition", metadata_encode();
    "Metadata decode": METADATA_PARTITIONS, "partition", metadata_decode();
    "OffsetCommit encode": GROUP_PARTITIONS, "partition", offset_commit_encode();
    "OffsetCommit decode": GROUP_PARTITIONS, "partition", offset_commit_decode();
    "build a batch, 100 B": RECORDS, "record", build(Small);
    "build a batch, 1 KiB": RECORDS, "record", build(Large);
    "read a batch, 100 B": RECORDS, "record", read(Small);
    "read a batch, 1 KiB": RECORDS, "record", read(Large);
    "checksum, 100 B": RECORDS, "record", checksum(Small) alone;
    "checksum, 1 KiB": RECORDS, "record", checksum(Large) alone;
    "copy, 100 B": RECORDS, "record", copy(Small) alone;
    "copy, 1 KiB": RECORDS, "record", copy(Large) alone;
};
