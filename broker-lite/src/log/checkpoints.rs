//! Kafka's small text files: a version, a count, then a line an entry. Each is replaced as a whole.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;

use ottla_protocol::ids::{Offset, PartitionIndex};

use super::disk::{self, Disk};
use super::format::{self, BadLine, Line};

pub(crate) use super::format::{CLEANER as CLEANED, HIGH_WATERMARKS, LOG_STARTS, RECOVERY_POINTS};

/// Why a checkpoint could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckpointError {
    /// It is not in Kafka's format.
    #[error("{path}: {bad}; {}", format::remedy(.path.rsplit('/').next().unwrap_or_default()))]
    Malformed {
        /// The file.
        path: String,
        /// What is wrong.
        bad: BadLine,
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
    let Some(text) = read(disk, path)?.filter(|text| !text.is_empty()) else {
        return Ok(PartitionOffsets::new());
    };
    let entries = format::offsets(&text).map_err(|bad| malformed(path, bad))?;
    let entries =
        entries.into_iter().filter_map(|Line { value: (topic, index, offset), .. }| {
            Some(((topic, PartitionIndex(index)), Offset::new(offset)?)) // none is below zero
        });
    Ok(entries.collect())
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
    format!("{}\n{entries}\n", format::CHECKPOINT_VERSION)
}

/// A checkpoint that is not in Kafka's format.
pub(crate) fn malformed(path: &str, bad: BadLine) -> CheckpointError {
    CheckpointError::Malformed { path: path.to_owned(), bad }
}

/// The text of a checkpoint; `None` if it is absent.
pub(crate) fn read(disk: &dyn Disk, path: &str) -> Result<Option<String>, CheckpointError> {
    let bytes = match disk::read_all(disk, path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e.into()),
    };
    let text = String::from_utf8(bytes);
    let bad = |_| malformed(path, BadLine { line: 1, what: "it is no text".to_owned() });
    text.map(Some).map_err(bad)
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
