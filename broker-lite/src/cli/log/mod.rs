//! `log`: what lies in a data directory, and whether it is in order. Nothing is written.
//!
//! A broker that opens a log mends what it can and keeps of each file what it needs. Here nothing is
//! mended and every field counts. What the bytes of a file mean is `broker_lite::log::format` for both.

mod batches;
mod dump;
mod entries;
mod place;
mod problem;
mod snapshot;
mod text;
mod verify;

use clap::Subcommand;

use super::exit::Failure;

/// What to do with files of a log.
#[derive(Debug, Subcommand)]
pub(super) enum Log {
    /// Prints what files of a log say: batches, indexes, checkpoints, snapshots of producers.
    ///
    /// A batch whose checksum is wrong is printed and marked so, and what follows it, too; bytes that
    /// are no batch end the command. Exit code 1 in both cases, with the first thing that is wrong;
    /// `log verify` sees more.
    Dump(dump::Dump),
    /// Reads everything and names the first thing that is wrong: the file, the place in it, and
    /// what to do about it.
    ///
    /// Nothing is written, and a broker may be running on the directory. Exit code 0: all is in
    /// order; 1: something is not.
    Verify(verify::Verify),
}

impl Log {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Dump(dump) => dump.run(),
            Self::Verify(verify) => verify.run(),
        }
    }
}
