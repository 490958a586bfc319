//! A data directory: whose it is, which partitions it holds, and whether it was left in order.

use std::io;
use std::sync::{Arc, Mutex};

use ottla_protocol::ids::{PartitionIndex, Uuid};

use super::checkpoints::{
    self, CLEANED, CheckpointError, LOG_STARTS, PartitionOffsets, RECOVERY_POINTS,
};
use super::config::LogConfig;
use super::disk::{self, Disk, LockError, LockGuard, join};
use super::format::{META_PROPERTIES, PARTITION_METADATA, remedy};
use super::health::Health;
pub(crate) use super::meta::MetaProperties;
use super::meta::{format_meta, parse_meta};
use super::recovery::{OpenArgs, OpenError, Repaired};
use crate::replica::partition::Partition;

mod strays;
mod written;

pub(crate) use strays::SetAside;
use written::Written;

const LOCK: &str = ".lock";
const CLEAN_SHUTDOWN: &str = ".kafka_cleanshutdown";

/// What `partition.metadata` says before the 22 characters of the id.
const TOPIC_ID: &str = "version: 0\ntopic_id: ";

/// A directory of a partition.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct PartitionDir {
    pub(crate) topic: String,
    pub(crate) index: PartitionIndex,
    /// What its `partition.metadata` says; `None` if there is none.
    pub(crate) topic_id: Option<Uuid>,
}

/// Why a data directory could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenDirError {
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error("{path}: {what}; {}", remedy(META_PROPERTIES))]
    Malformed { path: String, what: String },
    #[error("{dir}: {source}")]
    Io { dir: String, source: io::Error },
}

/// A data directory that this broker has to itself until it is dropped.
#[derive(Debug)]
pub(crate) struct LogManager {
    disk: Arc<dyn Disk>,
    meta: MetaProperties,
    clean: bool,
    health: Arc<Health>,
    /// Held while the checkpoints are written, so that two writers do not mix.
    written: Mutex<Written>,
    _lock: LockGuard,
}

impl LogManager {
    /// Takes the data directory for this broker. `new` says whose it becomes if it is nobody's yet;
    /// the caller judges what [`LogManager::meta`] says. Removes the marker of a clean stop: from
    /// here on, whatever ends the broker other than [`LogManager::close`] is a crash.
    ///
    /// # Errors
    ///
    /// See [`OpenDirError`].
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        new: impl FnOnce() -> MetaProperties,
    ) -> Result<Self, OpenDirError> {
        let failed = |source| OpenDirError::Io { dir: disk.name(), source };
        disk.create_dir("").map_err(failed)?;
        let lock = disk.lock(LOCK)?;
        let meta = match disk::read_all(&*disk, META_PROPERTIES) {
            Ok(bytes) => parse_meta(&bytes).map_err(|what| OpenDirError::Malformed {
                path: join(&disk.name(), META_PROPERTIES),
                what,
            })?,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let meta = new();
                let text = format_meta(&meta);
                disk::replace(&*disk, META_PROPERTIES, text.as_bytes()).map_err(failed)?;
                meta
            }
            Err(e) => return Err(failed(e)),
        };
        let clean = match disk.remove(CLEAN_SHUTDOWN) {
            Ok(()) => true,
            Err(e) if e.kind() == io::ErrorKind::NotFound => false,
            Err(e) => return Err(failed(e)),
        };
        // not only the marker: what a killed broker has renamed is acted on from here on
        disk.sync_dir("").map_err(failed)?;
        // A damaged one of these only costs time.
        let [recovery_points, cleaned] =
            [RECOVERY_POINTS, CLEANED].map(|name| match checkpoints::read_offsets(&*disk, name) {
                Err(CheckpointError::Malformed { .. }) => Ok(PartitionOffsets::new()),
                read => read,
            });
        let (recovery_points, cleaned) = (recovery_points?, cleaned?);
        let log_starts = checkpoints::read_offsets(&*disk, LOG_STARTS)?;
        let written = Mutex::new(Written { recovery_points, log_starts, cleaned, unsure: false });
        let health = Health::of(disk.name());
        Ok(Self { disk, meta, clean, health, written, _lock: lock })
    }

    /// Whose data directory it is.
    pub(crate) const fn meta(&self) -> &MetaProperties {
        &self.meta
    }

    /// The disk it lies on.
    pub(crate) const fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// Whether what is written here can be trusted.
    pub(crate) fn health(&self) -> &Health {
        &self.health
    }

    /// The partitions it holds. What was left of deleted ones is removed.
    ///
    /// # Errors
    ///
    /// The directory or a `partition.metadata` cannot be read.
    pub(crate) fn partitions(&self) -> io::Result<Vec<PartitionDir>> {
        let mut found = Vec::new();
        for entry in self.disk.list("")? {
            if !entry.directory {
                continue;
            }
            if strays::is_deleted(&entry.name) {
                self.disk.remove_dir(&entry.name)?;
            } else if let Some((topic, index)) = parse_dir(&entry.name) {
                let topic_id = self.read_topic_id(&entry.name)?;
                found.push(PartitionDir { topic: topic.to_owned(), index, topic_id });
            }
        }
        Ok(found)
    }

    /// Opens a partition's log, or makes a new one.
    ///
    /// # Errors
    ///
    /// See [`OpenError`]; a directory of another topic with this name is one.
    pub(crate) fn open_partition(
        &self,
        (topic, index, topic_id): (&str, PartitionIndex, Uuid),
        config: LogConfig,
        now_ms: i64,
    ) -> Result<(Partition, Repaired), OpenError> {
        let dir = dir_name(topic, index);
        let key = (topic.to_owned(), index);
        let failed = |source| OpenError::Io { dir: dir.clone(), source };
        // metadata says what else there is
        let indispensable = topic_id == Uuid::METADATA_TOPIC;
        let is_new = self.claim(&dir, topic_id).map_err(failed)?;
        let mut written = self.written();
        if is_new || indispensable {
            self.forget_absent(&mut written, &key, &dir).map_err(failed)?;
        }
        let (recovery_point, log_start) = written.of(&key);
        let cleaned_to = written.cleaned.get(&key).copied();
        drop(written);
        let args = OpenArgs {
            clean: self.clean,
            recovery_point,
            log_start,
            cleaned_to,
            indispensable,
            now_ms,
            health: Arc::clone(&self.health),
        };
        let disk = Arc::clone(&self.disk);
        let opened = Partition::open(disk, &dir, (topic, index), config, &args)?;
        if opened.1.bytes_cut > 0 {
            let repaired = &opened.1;
            tracing::warn!(topic, partition = %index, "recovery has {repaired}");
        }
        Ok(opened)
    }

    /// Ends all partitions in order and leaves the marker of a clean stop, unless one could not be
    /// ended so: then the next start recovers.
    ///
    /// # Errors
    ///
    /// The first thing that went wrong; the others were ended nevertheless.
    pub(crate) fn close(&self, partitions: &[Arc<Partition>]) -> io::Result<()> {
        let closed: Vec<_> = partitions.iter().map(|partition| partition.close()).collect();
        self.checkpoint(partitions.iter().map(|partition| &**partition))?;
        closed.into_iter().collect::<io::Result<()>>()?;
        let marker = b"{\"version\":0,\"brokerEpoch\":-1}";
        disk::replace(&*self.disk, CLEAN_SHUTDOWN, marker)
    }

    /// Makes sure that `dir` is of the topic with this id; true if nothing has said so before.
    fn claim(&self, dir: &str, topic_id: Uuid) -> io::Result<bool> {
        match self.read_topic_id(dir)? {
            Some(found) if found == topic_id => Ok(false),
            Some(found) => Err(io::Error::other(format!(
                "it belongs to topic id {found}, not {topic_id}: a deleted topic of that name"
            ))),
            None => {
                self.disk.create_dir(dir)?;
                let text = format!("{TOPIC_ID}{topic_id}");
                let path = join(dir, PARTITION_METADATA);
                // lost in a power failure it is written again: the metadata log knows the id, and a
                // start has set aside what it knows nothing of
                disk::replace_unsynced(&*self.disk, &path, text.as_bytes())?;
                Ok(true)
            }
        }
    }

    fn read_topic_id(&self, dir: &str) -> io::Result<Option<Uuid>> {
        let path = join(dir, PARTITION_METADATA);
        let text = match disk::read_all(&*self.disk, &path) {
            // a power failure: the metadata log knows the id, and it is written again
            Ok(bytes) if bytes.len() < TOPIC_ID.len() + 22 || bytes.contains(&0) => {
                return Ok(None);
            }
            Ok(bytes) => String::from_utf8(bytes).unwrap_or_default(),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        let id = text.lines().find_map(|line| Uuid::parse(line.strip_prefix("topic_id: ")?.trim()));
        let what = || format!("{path}: no topic id; {}", remedy(PARTITION_METADATA));
        id.map(Some).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, what()))
    }
}

/// Name of a partition's directory.
pub(crate) fn dir_name(topic: &str, index: PartitionIndex) -> String {
    format!("{topic}-{index}")
}

/// Topic and index in the name of a partition's directory.
fn parse_dir(name: &str) -> Option<(&str, PartitionIndex)> {
    let (topic, index) = name.rsplit_once('-')?;
    let digits = !index.is_empty() && index.bytes().all(|b| b.is_ascii_digit());
    let index = index.parse().ok().filter(|_| digits && !topic.is_empty())?;
    Some((topic, PartitionIndex(index)))
}

#[cfg(test)]
mod tests;
