//! What is wrong with a file: where, what, and what to do.

use core::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::cli::exit::Failure;

/// Advice for damage in front of other records.
pub(super) const RESTORE: &str = "restore the partition from a replica or a backup: after a crash a \
    broker cuts the log here, unless it knows this to have been on the device";
/// Advice for damage in the last segment.
pub(super) const TAIL: &str = "a broker that starts after a crash cuts the log here, unless it knows \
    this to have been on the device; what follows has to come from a replica or a backup";
/// Advice for what a start makes anew if it is absent.
pub(super) const ANEW: &str =
    "stop the broker and remove the file: a start makes it anew from the log";
/// Advice for what only reading the whole log makes anew.
pub(super) const READ_AGAIN: &str = "stop the broker and remove the file, .kafka_cleanshutdown and \
    recovery-point-offset-checkpoint: a start then reads the whole log";
/// Advice for offsets that are not there.
pub(super) const GAP: &str = "restore the partition from a replica or a backup; say --compacted if \
    the topic is or was compacted: that leaves such gaps";

/// Something that is wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Problem {
    pub(super) path: PathBuf,
    pub(super) place: Place,
    pub(super) what: String,
    pub(super) advice: &'static str,
}

/// Where in a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// All of it, or its name.
    Whole,
    /// From this byte on.
    Byte(u64),
    /// In this line, the first of which is 1.
    Line(usize),
}

impl Problem {
    pub(super) fn new(
        path: &Path,
        place: Place,
        what: impl Into<String>,
        advice: &'static str,
    ) -> Self {
        Self { path: path.to_owned(), place, what: what.into(), advice }
    }

    /// A file that the operating system does not let us read.
    pub(super) fn unreadable(path: &Path, error: &io::Error) -> Self {
        let what = format!("it cannot be read: {error}");
        Self::new(path, Place::Whole, what, "look at its rights and at the device")
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, place, what, advice } = self;
        write!(f, "{}: ", path.display())?;
        match place {
            Place::Whole => {}
            Place::Byte(at) => write!(f, "byte {at}: ")?,
            Place::Line(at) => write!(f, "line {at}: ")?,
        }
        write!(f, "{what}; {advice}")
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::say(problem.to_string())
    }
}
