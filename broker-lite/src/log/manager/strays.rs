//! Directories of partitions that are none any more: of deleted topics, and of those that the
//! metadata does not know.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use ottla_protocol::ids::{Offset, PartitionIndex, Uuid};

use super::{LogManager, PartitionDir, dir_name, parse_dir};
use crate::log::checkpoints::PartitionOffsets;
use crate::log::format::EPOCHS;
use crate::log::segment;
use crate::replica::partition::Partition;

/// A name longer than this is refused by common file systems.
const NAME_BYTES_MAX: usize = 255;

/// A directory that was put out of the way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct SetAside {
    /// Its name now.
    pub(crate) name: String,
    /// Where its log started, as the checkpoints said, which say so no more.
    pub(crate) log_start: Offset,
}

impl LogManager {
    /// Brings the data directory in line with the metadata, before partitions are opened: `id_of`
    /// says of which topic a partition is, if there is one of that name. Removes what is of
    /// `deleted` topics. What the metadata never spoke of is set aside, as it may be the metadata
    /// that is lost; so is a log of a name that is free and whose id is lost, or the next topic of
    /// that name would begin with its records.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub(crate) fn clear_strays(
        &self,
        id_of: impl Fn(&str, PartitionIndex) -> Option<Uuid>,
        deleted: &BTreeSet<Uuid>,
    ) -> io::Result<Vec<SetAside>> {
        let (mut gone, mut unknown) = (Vec::new(), Vec::new());
        for dir in self.partitions()? {
            let id = id_of(&dir.topic, dir.index);
            match dir.topic_id {
                Some(found) if id == Some(found) => {}
                Some(found) if deleted.contains(&found) => gone.push(dir),
                None if id.is_some() || !self.holds_log(&dir)? => {}
                _ => unknown.push(dir),
            }
        }
        for PartitionDir { topic, index, .. } in &gone {
            tracing::info!(topic, partition = %index, "removing a deleted partition");
        }
        self.delete_dirs(&gone)?;
        let aside = self.set_aside(&unknown)?;
        self.forget_unknown(id_of)?;
        Ok(aside)
    }

    /// Whether something of a log is in it. Others may call their directories as a partition's.
    fn holds_log(&self, dir: &PartitionDir) -> io::Result<bool> {
        let entries = self.disk.list(&dir_name(&dir.topic, dir.index))?;
        let of_log = |name: &str| segment::parse_name(name).is_some() || name == EPOCHS;
        Ok(entries.iter().any(|entry| !entry.directory && of_log(&entry.name)))
    }

    /// Forgets what the checkpoints say of partitions that there are none of.
    fn forget_unknown(
        &self,
        id_of: impl Fn(&str, PartitionIndex) -> Option<Uuid>,
    ) -> io::Result<()> {
        let written = self.written().clone();
        let all = [&written.recovery_points, &written.log_starts, &written.cleaned];
        let all = all.into_iter().flat_map(PartitionOffsets::keys);
        let unknown = all.filter(|(topic, index)| id_of(topic, *index).is_none());
        let unknown: BTreeSet<_> = unknown.map(|(topic, index)| (topic.as_str(), *index)).collect();
        if unknown.is_empty() { Ok(()) } else { self.forget(unknown.into_iter()) }
    }

    /// Ends partitions and removes their files: the checkpoints are written once, and the directory
    /// is synced once, however many they are. The id of each topic keeps the names they get
    /// meanwhile apart from those of topics of the same name that were deleted before.
    ///
    /// # Errors
    ///
    /// The checkpoints cannot be written, or a directory cannot be renamed, which does not keep the
    /// others: it would be there again after a restart. What cannot be removed once it is renamed is
    /// removed at the next start.
    pub(crate) fn delete(&self, gone: &[(Arc<Partition>, Uuid)]) -> io::Result<()> {
        gone.iter().for_each(|(partition, _)| partition.give_up());
        self.forget(gone.iter().map(|(partition, _)| (partition.topic(), partition.index())))?;
        let mut renamed = Vec::new();
        let mut result = Ok(());
        for (partition, id) in gone {
            let (topic, index) = (partition.topic(), partition.index());
            let name = dir_name(topic, index);
            let to = moved_name((topic, index, *id), "delete");
            match self.disk.rename(&name, &to) {
                Ok(()) => renamed.push(to),
                Err(e) => {
                    let failed = io::Error::new(e.kind(), format!("{name}: {e}"));
                    result = result.and(Err(failed));
                }
            }
        }
        self.disk.sync_dir("")?;
        for directory in renamed {
            if let Err(error) = self.disk.remove_dir(&directory) {
                tracing::warn!(directory, %error, "cannot remove a deleted partition yet");
            }
        }
        result
    }

    /// Removes the directories of partitions that are not open, because their topics are gone.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub(crate) fn delete_dirs(&self, strays: &[PartitionDir]) -> io::Result<()> {
        if strays.is_empty() {
            return Ok(());
        }
        self.forget(strays.iter().map(|stray| (stray.topic.as_str(), stray.index)))?;
        for stray in strays {
            self.disk.remove_dir(&dir_name(&stray.topic, stray.index))?;
        }
        self.disk.sync_dir("")
    }

    /// Puts the directories of partitions whose topics nobody knows out of the way, under names
    /// such as Kafka gives them: whoever runs the broker judges what they are. What the checkpoints
    /// say of them goes first, or the next topics of their names would have it.
    fn set_aside(&self, strays: &[PartitionDir]) -> io::Result<Vec<SetAside>> {
        if strays.is_empty() {
            return Ok(Vec::new());
        }
        let starts = self.written().log_starts.clone();
        self.forget(strays.iter().map(|stray| (stray.topic.as_str(), stray.index)))?;
        let mut taken: BTreeSet<String> =
            self.disk.list("")?.into_iter().map(|entry| entry.name).collect();
        let mut aside = Vec::new();
        for PartitionDir { topic, index, topic_id } in strays {
            let mut id = u128::from_be_bytes(topic_id.unwrap_or_default().0);
            let name = loop {
                let name = moved_name((topic, *index, Uuid(id.to_be_bytes())), "stray");
                if taken.insert(name.clone()) {
                    break name;
                }
                id = id.wrapping_add(1); // it was set aside before, and put back as a copy
            };
            self.disk.rename(&dir_name(topic, *index), &name)?;
            let log_start = starts.get(&(topic.clone(), *index)).copied().unwrap_or_default();
            aside.push(SetAside { name, log_start });
        }
        self.disk.sync_dir("")?;
        Ok(aside)
    }
}

/// Name of a partition's directory once it is none any more.
fn moved_name((topic, index, id): (&str, PartitionIndex, Uuid), why: &str) -> String {
    let suffix = format!("-{index}.{:032x}-{why}", u128::from_be_bytes(id.0));
    let kept = NAME_BYTES_MAX - suffix.len();
    // a directory may be called as no topic can be
    format!("{}{suffix}", &topic[..topic.floor_char_boundary(kept)])
}

/// Whether it is what this broker or Kafka calls the directory of a deleted partition until it is
/// removed: `NAME-N.`, 32 hexadecimal digits, `-delete`.
pub(super) fn is_deleted(name: &str) -> bool {
    let parts = name.strip_suffix("-delete").and_then(|name| name.rsplit_once('.'));
    parts.is_some_and(|(dir, id)| {
        let well_formed = id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
        well_formed && parse_dir(dir).is_some()
    })
}
