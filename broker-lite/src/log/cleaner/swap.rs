//! What cleaning does to a log: it looks at it, and puts new segments in the place of old ones.
//!
//! A crash leaves the old segments or the new one. While files end in `.cleaned`, a start removes
//! these and those in `.swap`; the rename of the last one, the data file, is the point from which on
//! a start goes on with `.swap`. Before what is replaced is touched, these names are on the device.

use std::io;
use std::sync::{Arc, Weak};

use ottla_protocol::ids::Offset;

use super::choice::{self, Cleanable, LogFacts};
use super::filter::LastOf;
use super::round::{Cleaned, Round, RoundSetup};
use super::walk::Source;
use crate::log::disk::{Disk, join};
use crate::log::log::Log;
use crate::log::segment::{self, CLEANED, Segment, remove_if_there};

/// The files of a segment that is made by cleaning, of which the transaction index is there if it
/// says something. The data file, whose rename counts, is the last. The indexes by offset and time
/// come first: where a crash falls between, a start misses one, and makes all anew.
const MADE: [&str; 4] = ["index", "timeindex", "txnindex", "log"];

/// How a part to be cleaned is chosen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Wanted {
    /// It is due by the settings of the topic.
    Due,
    /// Whatever may be cleaned, even if it was before.
    All,
}

impl Log {
    /// Up to where it was cleaned; `None` if it never was.
    pub(crate) const fn cleaned_to(&self) -> Option<Offset> {
        self.cleaned_to
    }

    /// A round has ended that cleaned it up to here, unless it was cut since the round began.
    pub(crate) const fn set_cleaned_to(&mut self, offset: Offset, cuts: u64) {
        if self.has_cuts(cuts) {
            self.cleaned_to = Some(offset);
        }
    }

    /// Whether its end was cut off so often since it was opened.
    pub(crate) const fn has_cuts(&self, cuts: u64) -> bool {
        self.cuts == cuts
    }

    /// A round of it is over: removes what was left for its sake.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub(crate) fn end_cleaning(&mut self) -> io::Result<()> {
        self.cleaning = Weak::new();
        self.drop_before_start()
    }

    /// What of it is to be cleaned; `None` if nothing is.
    ///
    /// # Errors
    ///
    /// A file cannot be read.
    pub(crate) fn cleanable(
        &mut self,
        wanted: Wanted,
        last_stable: Offset,
        now_ms: i64,
    ) -> io::Result<Option<Cleanable>> {
        if !self.config.cleanup.compact {
            return Ok(None);
        }
        let mut facts = LogFacts {
            segments: self.segments.iter().map(Segment::facts).collect(),
            start: self.start,
            end: self.next,
            last_stable,
            cleaned_to: self.cleaned_to,
        };
        let part = choice::cleanable(&facts, &self.config, now_ms);
        if wanted == Wanted::All {
            facts.cleaned_to = None;
            return Ok(part.or_else(|| choice::cleanable(&facts, &self.config, now_ms)));
        }
        let Some(part) = part else { return Ok(None) };
        let mut first = Vec::new();
        if self.config.compaction_lag_max_ms < i64::MAX {
            for segment in &mut self.segments {
                if (part.from..part.until).contains(&segment.base()) {
                    first.push(segment.first_timestamp()?);
                }
            }
        }
        let due = choice::is_due(&part, first.into_iter(), &self.config, now_ms);
        Ok(due.then_some(part))
    }

    /// Whether all but the last segment is on the device.
    ///
    /// # Errors
    ///
    /// A sync has failed.
    pub(crate) fn are_closed_synced(&self) -> io::Result<bool> {
        let active = self.segments.last().map_or(self.start, Segment::base);
        Ok(self.synced()? >= active)
    }

    /// Begins a round that cleans `part`.
    pub(crate) fn start_cleaning(
        &mut self,
        part: Cleanable,
        now_ms: i64,
        key_bytes_max: usize,
    ) -> io::Result<Round> {
        self.remove_unfinished()?;
        let ends = self.segments.iter().skip(1).map(Segment::base).chain([self.next]);
        let source = |(segment, end): (&Segment, Offset)| Source {
            facts: segment.facts(),
            file: Arc::downgrade(segment.file()),
            end,
            aborted: segment.aborted_since(part.from).to_vec(),
        };
        let producers = self.producers.iter().map(|(id, entry)| {
            let newest = entry.batches.back();
            (id, newest.map_or(LastOf::Marker(entry.epoch), |it| LastOf::Batch(it.last_offset)))
        });
        let running = Arc::new(());
        self.cleaning = Arc::downgrade(&running);
        let setup = RoundSetup {
            disk: Arc::clone(&self.disk),
            dir: self.dir.clone(),
            config: Arc::clone(&self.config),
            sources: self.segments.iter().zip(ends).map(source).collect(),
            cuts: self.cuts,
            part,
            producers: producers.collect(),
            now_ms,
            key_bytes_max,
        };
        Ok(Round::new(setup, running))
    }

    /// Who started from one of them would take a transaction for open for ever whose marker, behind
    /// it, is gone with its data. The log itself tells all.
    fn drop_snapshots_before(&self, end: Offset) -> io::Result<()> {
        for entry in self.disk.list(&self.dir)? {
            if let Some((at, "snapshot")) = segment::parse_name(&entry.name)
                && at < end
            {
                self.disk.remove(&join(&self.dir, &entry.name))?;
            }
        }
        Ok(())
    }

    /// Removes what an earlier round has left that was given up: a start would take it for a sign
    /// that what is swapped in by then is not whole.
    pub(crate) fn remove_unfinished(&self) -> io::Result<()> {
        for entry in self.disk.list(&self.dir)? {
            if entry.name.strip_suffix(CLEANED).is_some_and(|name| name.ends_with('.')) {
                self.disk.remove(&join(&self.dir, &entry.name))?;
            }
        }
        Ok(())
    }

    /// Puts `cleaned`, which is synced, in the place of what it was made from. False if that is not
    /// all there any more, because the log was cut: then nothing changes. Who reads an
    /// old segment has it open.
    pub(crate) fn replace(&mut self, cleaned: &Cleaned, now_ms: i64) -> io::Result<bool> {
        let disk = Arc::clone(&self.disk);
        let first = self.segments.partition_point(|segment| segment.base() < cleaned.base);
        let count = cleaned.replaces.len();
        let old =
            self.segments.get(first..first + count).filter(|_| first + count < self.segments.len());
        let same = |old: &[Segment]| old.iter().zip(&cleaned.replaces).all(|(s, f)| s.is_file(f));
        if cleaned.cuts != self.cuts || !old.is_some_and(same) {
            remove_cleaned(&*disk, &self.dir, cleaned.base)?;
            return Ok(false);
        }
        let name = |suffix| segment::path(&self.dir, cleaned.base, suffix);
        let made = || MADE.iter().filter(|name| **name != "txnindex" || cleaned.has_aborted);
        let had_aborted = !self.segments[first].aborted_since(Offset::ZERO).is_empty();
        for suffix in made() {
            let name = name(suffix);
            disk.rename(&format!("{name}.{CLEANED}"), &format!("{name}.swap"))?;
        }
        if cleaned.lacks_markers {
            self.drop_snapshots_before(self.segments[first + count].base())?;
        }
        disk.sync_dir(&self.dir)?; // from here on a start ends what is begun
        for segment in &self.segments[first + 1..first + count] {
            segment.remove(&*disk)?;
        }
        if !cleaned.has_aborted {
            remove_if_there(&*disk, &name("txnindex"))?;
        }
        if count > 1 || had_aborted {
            // or one of them would be there beside the one that has its records, or tell of aborted
            // transactions whose markers are gone
            disk.sync_dir(&self.dir)?;
        }
        for suffix in made() {
            let name = name(suffix);
            disk.rename(&format!("{name}.swap"), &name)?;
        }
        let segment = Segment::open(&*disk, &self.dir, cleaned.base, now_ms);
        let segment = segment.map_err(io::Error::other)?;
        self.segments.splice(first..first + count, [segment]);
        self.dir_unsynced = true;
        if count > 1 {
            self.drop_old_snapshots()?;
        }
        Ok(true)
    }
}

/// Removes the files of a segment that is not swapped in.
pub(super) fn remove_cleaned(disk: &dyn Disk, dir: &str, base: Offset) -> io::Result<()> {
    for suffix in MADE {
        remove_if_there(disk, &format!("{}.{CLEANED}", segment::path(dir, base, suffix)))?;
    }
    Ok(())
}
