//! `.txnindex`: the aborted transactions whose markers lie in a segment.
//!
//! An entry is 34 bytes: version 0, producer id, offset of the first record, offset of the marker,
//! and the offset below which every transaction was decided then. There is no file where nothing
//! was aborted. Entries are written at once: they are few. After a crash they are made anew.

use std::io;
use std::sync::Arc;

use ottla_protocol::ids::{Offset, ProducerId};

use super::disk::{self, Disk, File};
use super::format::AbortedEntry;
use super::offset_index::{IndexError, truncate_if_there};
use super::transactions::Ended;

const ENTRY_BYTES: usize = AbortedEntry::BYTES;

/// A transaction whose records are not for readers of committed ones.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct AbortedTxn {
    pub(crate) id: ProducerId,
    pub(crate) first: Offset,
    pub(crate) last: Offset,
    stable: Offset,
}

/// The aborted transactions of one segment, in the order of their markers.
#[derive(Debug)]
pub(crate) struct TxnIndex {
    path: String,
    entries: Vec<AbortedTxn>,
    /// Its file was emptied: on the device there may still be what was in it.
    emptied: bool,
}

impl TxnIndex {
    /// An index without entries; its file, if there is one, is emptied.
    pub(crate) fn create(disk: &dyn Disk, path: String) -> io::Result<Self> {
        let emptied = truncate_if_there(disk, &path)?;
        Ok(Self { path, entries: Vec::new(), emptied })
    }

    /// What is in the file; nothing if there is none.
    pub(crate) fn open(disk: &dyn Disk, path: String) -> Result<Self, IndexError> {
        let bytes = match disk::read_all(disk, &path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(e.into()),
        };
        let (chunks, rest) = bytes.as_chunks::<ENTRY_BYTES>();
        let entries: Option<Vec<AbortedTxn>> = chunks.iter().map(decode).collect();
        let entries = entries.filter(|_| rest.is_empty());
        let entries = entries.ok_or(IndexError::Insane("no entries of 34 bytes and version 0"))?;
        if !entries.is_sorted_by_key(|entry| entry.last) {
            return Err(IndexError::Insane("markers that do not ascend"));
        }
        Ok(Self { path, entries, emptied: false })
    }

    /// Takes note of a transaction that was aborted; of each once.
    pub(crate) fn append(&mut self, disk: &dyn Disk, ended: &Ended) -> io::Result<()> {
        if self.entries.last().is_some_and(|known| known.last >= ended.last) {
            return Ok(());
        }
        let Ended { id, first, last, stable, .. } = *ended;
        self.take_over(disk, AbortedTxn { id, first, last, stable })
    }

    /// Takes an entry of another index, whose marker lies behind those that are known.
    pub(crate) fn take_over(&mut self, disk: &dyn Disk, entry: AbortedTxn) -> io::Result<()> {
        disk.open(&self.path, true)?.append(&[&encode(&entry)])?;
        self.entries.push(entry);
        Ok(())
    }

    /// Those whose markers lie at `from` or behind it.
    pub(crate) fn since(&self, from: Offset) -> &[AbortedTxn] {
        &self.entries[self.entries.partition_point(|entry| entry.last < from)..]
    }

    /// Its file, if a power failure could leave something else to be read.
    pub(crate) fn file(&self, disk: &dyn Disk) -> io::Result<Option<Arc<dyn File>>> {
        let must_sync = self.emptied || !self.entries.is_empty();
        if must_sync { disk.open(&self.path, false).map(Some) } else { Ok(None) }
    }

    /// Puts those into `out` that have records from `from` on and below `upper`. True if there
    /// can be none in later segments.
    pub(crate) fn collect(&self, from: Offset, upper: Offset, out: &mut Vec<AbortedTxn>) -> bool {
        for entry in &self.entries {
            if entry.last >= from && entry.first < upper {
                out.push(*entry);
            }
            if entry.stable >= upper {
                return true;
            }
        }
        false
    }
}

fn encode(entry: &AbortedTxn) -> [u8; ENTRY_BYTES] {
    let AbortedTxn { id, first, last, stable } = *entry;
    let (version, producer) = (AbortedEntry::VERSION, id.0);
    let (first, last, stable) = (first.get(), last.get(), stable.get());
    AbortedEntry { version, producer, first, last, stable }.bytes()
}

fn decode(bytes: &[u8; ENTRY_BYTES]) -> Option<AbortedTxn> {
    let AbortedEntry { version, producer, first, last, stable } = AbortedEntry::read(bytes);
    let (first, last) = (Offset::new(first)?, Offset::new(last)?);
    let (id, stable) = (ProducerId(producer), Offset::new(stable)?);
    (version == AbortedEntry::VERSION).then_some(AbortedTxn { id, first, last, stable })
}

#[cfg(test)]
mod tests;
