//! Kafka's small text files: a version, a count, then a line an entry. Each is replaced as a whole.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;

use ottla_protocol::ids::{Offset, PartitionIndex};

use super::disk::{self, Disk};

/// How far each log is known to be on the device: a crash makes recovery read only what follows.
pub(crate) const RECOVERY_POINTS: &str = "recovery-point-offset-checkpoint";
/// Where each log starts, if later than its first segment.
pub(crate) const LOG_STARTS: &str = "log-start-offset-checkpoint";
/// The high watermark of each log.
pub(crate) const HIGH_WATERMARKS: &str = "replication-offset-checkpoint";

const VERSION: &str = "0";

/// Why a checkpoint could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckpointError {
    /// It is not in Kafka's format.
    #[error("{path}: {what}")]
    Malformed {
        /// The file.
        path: String,
        /// What is wrong.
        what: &'static str,
    },
    /// It could not be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// An offset for each partition of a data directory.
pub(crate) type PartitionOffsets = BTreeMap<(String, PartitionIndex), Offset>;

/// Reads one of the checkpoints of a data directory; empty if it is absent, or without a byte, as
/// Kafka makes it.
pub(crate) fn read_offsets(
    disk: &dyn Disk,
    path: &str,
) -> Result<PartitionOffsets, CheckpointError> {
    if disk.open(path, false).and_then(|file| file.is_empty()).is_ok_and(|empty| empty) {
        return Ok(PartitionOffsets::new());
    }
    let entries = read(disk, path, |line| {
        let mut words = line.split(' ');
        let (topic, index, offset) = (words.next()?, words.next()?, words.next()?);
        let index = PartitionIndex(index.parse().ok()?);
        let offset = Offset::new(offset.parse().ok()?)?;
        words.next().is_none().then(|| ((topic.to_owned(), index), offset))
    })?;
    Ok(entries.into_iter().collect())
}

/// Replaces one of the checkpoints of a data directory; blocks until it is on the device.
pub(crate) fn write_offsets(
    disk: &dyn Disk,
    path: &str,
    offsets: &PartitionOffsets,
) -> io::Result<()> {
    disk::replace(disk, path, text(offsets).as_bytes())
}

/// The same, but after a power failure it may be the old one or none that can be read.
pub(crate) fn write_offsets_unsynced(
    disk: &dyn Disk,
    path: &str,
    offsets: &PartitionOffsets,
) -> io::Result<()> {
    disk::replace_unsynced(disk, path, text(offsets).as_bytes())
}

fn text(offsets: &PartitionOffsets) -> String {
    let mut text = heading(offsets.len());
    for ((topic, index), offset) in offsets {
        let _ = writeln!(text, "{topic} {index} {offset}"); // a String takes everything
    }
    text
}

/// The two lines above the entries.
pub(crate) fn heading(entries: usize) -> String {
    format!("{VERSION}\n{entries}\n")
}

/// Reads the entries of a checkpoint; none if the file is absent.
pub(crate) fn read<T>(
    disk: &dyn Disk,
    path: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, CheckpointError> {
    let malformed = |what| CheckpointError::Malformed { path: path.to_owned(), what };
    let bytes = match disk::read_all(disk, path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e.into()),
    };
    let text = String::from_utf8(bytes).map_err(|_| malformed("not a text"))?;
    if !text.ends_with('\n') {
        return Err(malformed("its last line is cut short")); // and with it maybe a number
    }
    let mut lines = text.lines();
    if lines.next() != Some(VERSION) {
        return Err(malformed("not of version 0"));
    }
    let count = lines.next().and_then(|line| line.parse::<usize>().ok());
    let count = count.ok_or_else(|| malformed("its second line is no number"))?;
    let entries: Option<Vec<T>> = lines.map(parse).collect();
    let entries = entries.ok_or_else(|| malformed("a line that is no entry"))?;
    if entries.len() == count {
        Ok(entries)
    } else {
        Err(malformed("not as many lines as it says"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::disk::MemoryDisk;
    use super::*;

    #[test]
    fn offsets_are_kafkas_text_and_read_back() {
        let disk = MemoryDisk::new();
        let at = |topic: &str, index, offset| {
            ((topic.to_owned(), PartitionIndex(index)), Offset::new(offset).unwrap())
        };
        let offsets = PartitionOffsets::from([at("orders", 1, 5), at("a.b-c", 0, 123)]);
        write_offsets(&disk, RECOVERY_POINTS, &offsets).unwrap();
        let text = disk::read_all(&disk, RECOVERY_POINTS).unwrap();
        assert_eq!(text, b"0\n2\na.b-c 0 123\norders 1 5\n");
        assert_eq!(read_offsets(&disk, RECOVERY_POINTS).unwrap(), offsets);
        assert!(read_offsets(&disk, "absent").unwrap().is_empty());
        disk::replace(&disk, "made by Kafka", b"").unwrap();
        assert!(read_offsets(&disk, "made by Kafka").unwrap().is_empty());
    }

    #[test]
    fn a_checkpoint_that_is_cut_short_is_refused() {
        let disk = MemoryDisk::new();
        for text in [
            "0",
            "1\n0\n",
            "0\nx\n",
            "0\n2\nt 0 1\n",
            "0\n1\nt 0\n",
            "0\n1\nt 0 -4\n",
            "0\n1\nt 0 1",
        ] {
            disk::replace(&disk, "c", text.as_bytes()).unwrap();
            let error = read_offsets(&disk, "c").unwrap_err();
            assert!(matches!(error, CheckpointError::Malformed { .. }), "{text:?}: {error}");
        }
    }
}
