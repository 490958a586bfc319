//! All of one partition's folder, and what the data directory says of it.

use std::collections::BTreeMap;
use std::path::Path;

use broker_lite::log::format::SnapshotEntry;
use ottla_protocol::ids::Uuid;
use ottla_protocol::record::Decompressor;

use super::super::place::{
    self, CLEANER, EPOCHS, Entry, HIGH_WATERMARKS, Kind, LOG_STARTS, PARTITION_METADATA,
    RECOVERY_POINTS,
};
use super::super::problem::{ANEW, Place, Problem, READ_AGAIN};
use super::super::{snapshot, text};
use super::segment::{Counts, Walk, orphan};

/// A line of a checkpoint and the offset in it.
type Line = (usize, i64);

/// What the checkpoints of a data directory say of all partitions.
#[derive(Debug, Default)]
pub(super) struct Checkpoints {
    offsets: BTreeMap<&'static str, BTreeMap<(String, i32), Line>>,
}

impl Checkpoints {
    pub(super) fn read(data: &Path) -> Result<Self, Problem> {
        let mut offsets = BTreeMap::new();
        for name in [CLEANER, HIGH_WATERMARKS, LOG_STARTS, RECOVERY_POINTS] {
            let entries = text::offsets(&data.join(name))?.unwrap_or_default();
            let entries = entries.into_iter().map(|entry| {
                let (topic, index, offset) = entry.value;
                ((topic, index), (entry.line, offset))
            });
            offsets.insert(name, entries.collect());
        }
        Ok(Self { offsets })
    }

    fn of(&self, name: &str, key: &(String, i32)) -> Option<Line> {
        self.offsets.get(name)?.get(key).copied()
    }
}

/// A partition that is in order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Verified {
    pub(super) topic: String,
    pub(super) index: i32,
    pub(super) topic_id: Option<Uuid>,
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) counts: Counts,
}

/// Looks at everything in the folder `dir` of a partition.
pub(super) fn verify(
    dir: &Path,
    key: &(String, i32),
    checkpoints: &Checkpoints,
    compacted: bool,
    decompressor: &mut Decompressor,
) -> Result<Verified, Problem> {
    let topic_id = text::topic_id(&dir.join(PARTITION_METADATA))?;
    let entries = place::list(dir)?;
    let bases: Vec<i64> = entries.iter().filter_map(segment_base).collect();
    let compacted = compacted || checkpoints.of(CLEANER, key).is_some();
    let mut walk = Walk::new(dir, compacted, decompressor);
    walk.compare_epochs()?;
    for (at, base) in bases.iter().enumerate() {
        let last = at + 1 == bases.len();
        match walk.segment(*base, last, None) {
            // too old: a running broker has removed it meanwhile
            Err(problem) if gone(dir, *base) && walk.end().is_none() => drop(problem),
            done => done?,
        }
    }
    let first = bases.first().copied().unwrap_or_default();
    let end = walk.end().unwrap_or(first);
    for Entry { name, .. } in entries.iter().filter(|entry| !entry.directory) {
        let path = dir.join(name);
        match Kind::of(name) {
            Kind::OffsetIndex(base) | Kind::TimeIndex(base) | Kind::TransactionIndex(base)
                if !bases.contains(&base) && path.exists() && gone(dir, base) =>
            {
                return Err(orphan(&path));
            }
            Kind::Producers(at) => producers(&path, at)?,
            Kind::Json => drop(text::json(&path)?),
            Kind::MetadataSnapshot => {
                Walk::new(dir, true, walk.decompressor()).metadata_snapshot(&path)?;
            }
            _ => {}
        }
    }
    epochs_end(dir, &walk, end)?;
    let start = within(dir, key, checkpoints, first, end)?;
    let (topic, index) = key.clone();
    Ok(Verified { topic, index, topic_id, start, end, counts: walk.counts })
}

fn segment_base(entry: &Entry) -> Option<i64> {
    match Kind::of(&entry.name) {
        Kind::Log(base) if !entry.directory => Some(base),
        _ => None,
    }
}

fn gone(dir: &Path, base: i64) -> bool {
    !dir.join(format!("{base:020}.log")).exists()
}

/// Looks at a snapshot of producers as of the offset `end`.
pub(super) fn producers(path: &Path, end: i64) -> Result<(), Problem> {
    // a running broker removes old ones
    let Some(bytes) = place::read_small(path)? else { return Ok(()) };
    let wrong = |at, what: String| Problem::new(path, Place::Byte(at), what, ANEW);
    let producers = SnapshotEntry::read_all(&bytes).map_err(|bad| wrong(bad.at, bad.what))?;
    for (at, producer) in producers.iter().enumerate() {
        if let Some(what) = snapshot::wrong(producer, end) {
            return Err(wrong(SnapshotEntry::position(at), what));
        }
    }
    Ok(())
}

fn epochs_end(dir: &Path, walk: &Walk<'_>, end: i64) -> Result<(), Problem> {
    match walk.epochs().last() {
        Some((epoch, start)) if *start > end => {
            let what = format!("epoch {epoch} from {start} on, but the log ends at {end}");
            Err(Problem::new(&dir.join(EPOCHS), Place::Whole, what, READ_AGAIN))
        }
        _ => Ok(()),
    }
}

/// Checks that what the data directory says of the partition lies within its log, and says where
/// the log starts.
fn within(
    dir: &Path,
    key: &(String, i32),
    checkpoints: &Checkpoints,
    first: i64,
    end: i64,
) -> Result<i64, Problem> {
    for (name, advice) in [
        (RECOVERY_POINTS, "records are gone that were on the device: compare with a replica"),
        (HIGH_WATERMARKS, "committed records are gone: compare with a replica"),
        (LOG_STARTS, "the next start begins an empty log there"),
        (CLEANER, "stop the broker and remove the file: logs are cleaned from the start again"),
    ] {
        if let Some((line, offset)) = checkpoints.of(name, key).filter(|(_, offset)| *offset > end)
        {
            let path = dir.parent().unwrap_or(dir).join(name);
            let (topic, index) = key;
            let what = format!("{topic}-{index} is at {offset}, but its log ends at {end}");
            return Err(Problem::new(&path, Place::Line(line), what, advice));
        }
    }
    let start = checkpoints.of(LOG_STARTS, key).map_or(first, |(_, start)| start);
    Ok(start.max(first))
}
