//! What the checkpoints of a data directory say of each log.

use std::io;
use std::sync::{MutexGuard, PoisonError};

use ottla_protocol::ids::{Offset, PartitionIndex};

use super::LogManager;
use crate::log::checkpoints::{
    self, CLEANED, HIGH_WATERMARKS, LOG_STARTS, PartitionOffsets, RECOVERY_POINTS,
};
use crate::log::disk::Disk;
use crate::replica::partition::Partition;

/// What the checkpoints say; changed only once they do.
#[derive(Clone, Debug, Default)]
pub(super) struct Written {
    pub(super) recovery_points: PartitionOffsets,
    pub(super) log_starts: PartitionOffsets,
    /// A write has failed half way: the files may say something else.
    pub(super) unsure: bool,
    pub(super) cleaned: PartitionOffsets,
}

impl LogManager {
    /// Writes down how far each log is on the device, where it starts and what is committed, so
    /// that a start after a crash reads less. Partitions that have failed keep what is written.
    ///
    /// # Errors
    ///
    /// What the operating system says; what was written before is still there.
    pub(crate) fn checkpoint<'a>(
        &self,
        partitions: impl IntoIterator<Item = &'a Partition>,
    ) -> io::Result<()> {
        let mut written = self.written();
        // who made the list may not have seen the newest partitions, whose starts are written already
        let mut next =
            Written { recovery_points: PartitionOffsets::new(), unsure: false, ..written.clone() };
        let starts_unsure = core::mem::replace(&mut written.unsure, true);
        let mut high_watermarks = PartitionOffsets::new();
        let mut moved = Vec::new();
        // a partition given up is forgotten or will be, once the lock is free: never written back
        for partition in partitions.into_iter().filter(|partition| !partition.is_given_up()) {
            let key = (partition.topic().to_owned(), partition.index());
            let (synced, start, high_watermark) = partition.checkpoint().unwrap_or_else(|_| {
                let (synced, start) = written.of(&key);
                (synced, start, synced)
            });
            if start > Offset::ZERO {
                next.log_starts.insert(key.clone(), start);
            } else {
                next.log_starts.remove(&key);
            }
            moved.push((partition, start));
            next.cleaned.extend(partition.cleaned_to().map(|to| (key.clone(), to)));
            next.recovery_points.insert(key.clone(), synced);
            high_watermarks.insert(key, high_watermark);
        }
        // without these a start cuts off what was on the device, for damage that a reader would be told of
        let disk = &*self.disk;
        checkpoints::write_offsets(disk, RECOVERY_POINTS, &next.recovery_points)?;
        if starts_unsure || next.log_starts != written.log_starts {
            checkpoints::write_offsets(disk, LOG_STARTS, &next.log_starts)?;
        }
        if next.cleaned != written.cleaned {
            checkpoints::write_offsets(disk, CLEANED, &next.cleaned)?;
        }
        *written = next;
        moved.into_iter().for_each(|(partition, start)| partition.start_is_kept(start));
        // what a power failure makes of this costs nothing: nobody waits for the device
        checkpoints::write_offsets_unsynced(disk, HIGH_WATERMARKS, &high_watermarks)
    }

    /// Writes down where these logs start now, so that what was deleted does not come back, and
    /// removes what lies before.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub(crate) fn checkpoint_starts<'a>(
        &self,
        partitions: impl IntoIterator<Item = &'a Partition>,
    ) -> io::Result<()> {
        let mut written = self.written();
        let mut starts = written.log_starts.clone();
        let mut moved = Vec::new();
        for partition in partitions.into_iter().filter(|partition| !partition.is_given_up()) {
            let start = partition.start_due();
            if start > Offset::ZERO {
                let key = (partition.topic().to_owned(), partition.index());
                starts.insert(key, start);
                moved.push((partition, start));
            }
        }
        let unsure = core::mem::replace(&mut written.unsure, true);
        // the next try is a new file, and so a new sync: this one's failure cannot hide behind it
        checkpoints::write_offsets(&*self.disk, LOG_STARTS, &starts)?;
        written.unsure = unsure; // the recovery points may still be
        written.log_starts = starts;
        moved.into_iter().for_each(|(partition, start)| partition.start_is_kept(start));
        Ok(())
    }

    /// Cuts off `offset` and everything behind it. The recovery point goes back first: what comes
    /// in the place of what was cut is not on the device, and must not be taken for it.
    ///
    /// # Errors
    ///
    /// What the operating system says. If the log could not be cut, the replica is failed.
    #[cfg_attr(not(test), expect(dead_code, reason = "followers truncate; there are none yet"))]
    pub(crate) fn truncate(
        &self,
        partition: &Partition,
        offset: Offset,
        now_ms: i64,
    ) -> io::Result<()> {
        let mut written = self.written();
        let key = (partition.topic().to_owned(), partition.index());
        self.put_back(&mut written, &key, partition.segment_base(offset))?;
        partition.truncate_to(offset, now_ms)
    }

    /// Puts a recovery point back to `certain` if it is behind it.
    pub(super) fn put_back(
        &self,
        written: &mut Written,
        key: &(String, PartitionIndex),
        certain: Offset,
    ) -> io::Result<()> {
        if written.unsure || written.of(key).0 > certain {
            let mut points = written.recovery_points.clone();
            points.entry(key.clone()).and_modify(|point| *point = certain.min(*point));
            checkpoints::write_offsets(&*self.disk, RECOVERY_POINTS, &points)?;
            written.recovery_points = points;
        }
        Ok(())
    }

    /// Forgets how far a log was on the device whose files somebody has taken away.
    pub(super) fn forget_absent(
        &self,
        written: &mut Written,
        key: &(String, PartitionIndex),
        dir: &str,
    ) -> io::Result<()> {
        if written.of(key).0 == Offset::ZERO {
            return Ok(());
        }
        let files = self.disk.list(dir)?;
        if files.iter().any(|file| file.name.ends_with(".log")) {
            return Ok(());
        }
        self.put_back(written, key, Offset::ZERO)
    }

    /// Writes down up to where these logs were compacted: where a recovery accepts gaps.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub(crate) fn checkpoint_cleaned<'a>(
        &self,
        partitions: impl IntoIterator<Item = &'a Partition>,
    ) -> io::Result<()> {
        let mut written = self.written();
        let mut cleaned = written.cleaned.clone();
        for partition in partitions.into_iter().filter(|partition| !partition.is_given_up()) {
            let key = (partition.topic().to_owned(), partition.index());
            cleaned.extend(partition.cleaned_to().map(|to| (key, to)));
        }
        checkpoints::write_offsets(&*self.disk, CLEANED, &cleaned)?;
        written.cleaned = cleaned;
        Ok(())
    }

    /// Topics of the same names may come: they start at 0 and are nowhere on the device.
    pub(super) fn forget<'a>(
        &self,
        gone: impl Iterator<Item = (&'a str, PartitionIndex)>,
    ) -> io::Result<()> {
        let mut written = self.written();
        let mut next = written.clone();
        let mut known = next.unsure;
        for (topic, index) in gone {
            let key = (topic.to_owned(), index);
            known |= next.recovery_points.remove(&key).is_some();
            known |= next.log_starts.remove(&key).is_some();
            next.cleaned.remove(&key);
        }
        if next.cleaned != written.cleaned {
            checkpoints::write_offsets(&*self.disk, CLEANED, &next.cleaned)?;
        }
        if known {
            written.unsure = true;
            next.write(&*self.disk)?;
            next.unsure = false;
        }
        *written = next;
        Ok(())
    }

    pub(super) fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Written {
    /// How far a log is on the device, and where it starts.
    pub(super) fn of(&self, key: &(String, PartitionIndex)) -> (Offset, Offset) {
        let of = |offsets: &PartitionOffsets| offsets.get(key).copied().unwrap_or_default();
        (of(&self.recovery_points), of(&self.log_starts))
    }

    fn write(&self, disk: &dyn Disk) -> io::Result<()> {
        checkpoints::write_offsets(disk, RECOVERY_POINTS, &self.recovery_points)?;
        checkpoints::write_offsets(disk, LOG_STARTS, &self.log_starts)
    }
}
