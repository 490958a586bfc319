//! Where each leader epoch of a partition starts (KIP-101); `leader-epoch-checkpoint`.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use ottla_protocol::ids::{LeaderEpoch, Offset};

use super::checkpoints::{self, CheckpointError};
use super::disk::{self, Disk, File, join};
use super::format::{self, EPOCHS};

/// The file in `dir` that says it, to be synced; `None` if there is none.
pub(super) fn open(disk: &dyn Disk, dir: &str) -> io::Result<Option<Arc<dyn File>>> {
    match disk.open(&join(dir, EPOCHS), false) {
        Ok(file) => Ok(Some(file)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// The epochs of one log and the offset at which each starts; both strictly ascend.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Epochs(Vec<(LeaderEpoch, Offset)>);

impl Epochs {
    /// What the checkpoint in `dir` says; nothing if there is none.
    pub(crate) fn load(disk: &dyn Disk, dir: &str) -> Result<Self, CheckpointError> {
        let path = join(dir, EPOCHS);
        let Some(text) = checkpoints::read(disk, &path)? else { return Ok(Self::default()) };
        let entries = format::epochs(&text).map_err(|bad| checkpoints::malformed(&path, bad))?;
        let entries = entries.into_iter().filter_map(|(epoch, start)| {
            Some((LeaderEpoch(epoch), Offset::new(start)?)) // none is below zero
        });
        Ok(Self(entries.collect()))
    }

    /// Writes the checkpoint in `dir`; with `sync` it survives a power failure.
    pub(crate) fn save(&self, disk: &dyn Disk, dir: &str, sync: bool) -> io::Result<()> {
        let mut text = checkpoints::heading(self.0.len());
        for (epoch, start) in &self.0 {
            let _ = writeln!(text, "{epoch} {start}"); // a String takes everything
        }
        let write = if sync { disk::replace } else { disk::replace_unsynced };
        write(disk, &join(dir, EPOCHS), text.as_bytes())
    }

    /// The epoch of the newest batch, or of the leader that has yet to append one.
    pub(crate) fn latest(&self) -> Option<LeaderEpoch> {
        self.0.last().map(|(epoch, _)| *epoch)
    }

    /// The epoch of the batch at `offset`.
    pub(crate) fn covering(&self, offset: Offset) -> Option<LeaderEpoch> {
        let after = self.0.partition_point(|(_, start)| *start <= offset);
        after.checked_sub(1).map(|i| self.0[i].0)
    }

    /// A batch of `epoch` lies at `start`; true if that is news.
    pub(crate) fn assign(&mut self, epoch: LeaderEpoch, start: Offset) -> bool {
        if self.latest().is_some_and(|latest| latest >= epoch) {
            return false;
        }
        // an epoch in which nothing was appended leaves no trace
        while self.0.last().is_some_and(|(_, last)| *last >= start) {
            self.0.pop();
        }
        self.0.push((epoch, start));
        true
    }

    /// The largest epoch up to `epoch` and the offset at which it ends; `None` if unknown.
    pub(crate) fn end_offset_for(
        &self,
        epoch: LeaderEpoch,
        log_end: Offset,
    ) -> Option<(LeaderEpoch, Offset)> {
        let higher = self.0.partition_point(|(known, _)| *known <= epoch);
        match (higher.checked_sub(1), self.0.get(higher)) {
            (Some(i), Some((_, end))) => Some((self.0[i].0, *end)),
            (Some(i), None) => (self.0[i].0 == epoch).then_some((epoch, log_end)),
            (None, Some((_, end))) => Some((epoch, *end)),
            (None, None) => None,
        }
    }

    /// The log now ends at `end`; true if an epoch was forgotten.
    pub(crate) fn truncate_from_end(&mut self, end: Offset) -> bool {
        let keep = self.0.partition_point(|(_, start)| *start < end);
        let changed = keep < self.0.len();
        self.0.truncate(keep);
        changed
    }

    /// The log now starts at `start`; true if something changed.
    pub(crate) fn truncate_from_start(&mut self, start: Offset) -> bool {
        let after = self.0.partition_point(|(_, first)| *first <= start);
        let Some(covering) = after.checked_sub(1) else { return false };
        let changed = covering > 0 || self.0[covering].1 < start;
        self.0.drain(..covering);
        self.0[0].1 = start;
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::super::disk::MemoryDisk;
    use super::*;

    fn of(entries: &[(i32, i64)]) -> Epochs {
        Epochs(entries.iter().map(|(e, o)| (LeaderEpoch(*e), Offset::new(*o).unwrap())).collect())
    }

    #[test]
    fn the_end_of_an_epoch_is_where_the_next_starts() {
        let epochs = of(&[(2, 10), (4, 20), (5, 25)]);
        for (rule, asked, found) in [
            ("the latest ends with the log", 5, Some((5, 40))),
            ("an older one ends where the next starts", 2, Some((2, 20))),
            ("a missing one falls back to the one below", 3, Some((2, 20))),
            ("one before the first ends where that starts", 1, Some((1, 10))),
            ("one yet to come is unknown", 6, None),
        ] {
            let end = epochs.end_offset_for(LeaderEpoch(asked), Offset::new(40).unwrap());
            assert_eq!(end.map(|(e, o)| (e.0, o.get())), found, "{rule}");
        }
        assert_eq!(Epochs::default().end_offset_for(LeaderEpoch(0), Offset::ZERO), None);
    }

    #[test]
    fn epochs_and_offsets_always_ascend() {
        let mut epochs = of(&[(2, 10), (4, 20)]);
        assert!(!epochs.assign(LeaderEpoch(4), Offset::new(30).unwrap()));
        assert!(!epochs.assign(LeaderEpoch(3), Offset::new(30).unwrap()));
        assert!(epochs.assign(LeaderEpoch(6), Offset::new(20).unwrap()));
        assert_eq!(epochs, of(&[(2, 10), (6, 20)]));
        assert!(epochs.truncate_from_end(Offset::new(20).unwrap()));
        assert_eq!(epochs, of(&[(2, 10)]));
        assert!(epochs.truncate_from_start(Offset::new(15).unwrap()));
        assert_eq!(epochs, of(&[(2, 15)]));
    }

    #[test]
    fn the_checkpoint_is_kafkas_text_and_reads_back() {
        let disk = MemoryDisk::new();
        assert_eq!(Epochs::load(&disk, "").unwrap(), Epochs::default());
        let epochs = of(&[(0, 0), (7, 120)]);
        epochs.save(&disk, "", true).unwrap();
        assert_eq!(disk::read_all(&disk, EPOCHS).unwrap(), b"0\n2\n0 0\n7 120\n");
        assert_eq!(Epochs::load(&disk, "").unwrap(), epochs);
        disk::replace(&disk, EPOCHS, b"0\n2\n7 120\n0 0\n").unwrap();
        assert!(Epochs::load(&disk, "").is_err());
    }
}
