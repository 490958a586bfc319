//! One cleaning of one log, in steps.

use core::ops::Range;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io;
use std::sync::{Arc, Weak};

use ottla_protocol::ids::{Offset, ProducerId};

use super::choice::{Cleanable, first_with, groups};
use super::filter::{self, Codecs, LastOf, Outcome, Rules};
use super::key_map::KeyMap;
use super::transactions::{Finder, Transactions};
use super::walk::{Source, Walk, Walked, damaged};
use crate::log::batch::BatchView;
use crate::log::config::LogConfig;
use crate::log::disk::{Disk, File};
use crate::log::segment::{BYTES_MAX, Segment, SegmentFacts};

/// Bytes of batches, and of their records decompressed, that a step works on: about a millisecond.
const STEP_BYTES: u64 = 1 << 20;

/// What a step did.
#[derive(Debug)]
pub(crate) enum Step {
    /// So many bytes were read; there is more to do.
    Read(u64),
    /// A segment is whole. It is to be synced and swapped in before the next step.
    Written(Cleaned),
    /// All is done: the log is clean up to here.
    Done(Offset),
}

/// A segment that is to take the place of others.
#[derive(Debug)]
pub(crate) struct Cleaned {
    pub(crate) base: Offset,
    /// Data files of those it was made from, in order. Nobody keeps them from being closed.
    pub(crate) replaces: Vec<Weak<dyn File>>,
    /// How often the log had been cut when the round began.
    pub(crate) cuts: u64,
    /// Its files, which are yet to be synced.
    pub(crate) files: Vec<Arc<dyn File>>,
    /// Size of those it was made from.
    pub(crate) bytes_before: u64,
    pub(crate) bytes_after: u64,
    /// It has an index of aborted transactions.
    pub(crate) has_aborted: bool,
    /// It lacks markers that those had.
    pub(crate) lacks_markers: bool,
}

/// What a round starts from. The log goes on meanwhile.
#[derive(Debug)]
pub(crate) struct RoundSetup {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: String,
    pub(crate) config: Arc<LogConfig>,
    /// All segments of the log.
    pub(crate) sources: Vec<Source>,
    /// How often it was cut before.
    pub(crate) cuts: u64,
    pub(crate) part: Cleanable,
    /// What has to stay of each producer.
    pub(crate) producers: BTreeMap<ProducerId, LastOf>,
    /// Wall time in milliseconds since 1970.
    pub(crate) now_ms: i64,
    /// For the map of keys.
    pub(crate) key_bytes_max: usize,
}

/// One cleaning of one log. Dropped half way it leaves files that a start, or the next round,
/// removes.
pub(crate) struct Round {
    setup: RoundSetup,
    keys: KeyMap,
    codecs: Codecs,
    phase: Phase,
    write_failed: bool,
    /// How large a segment may become.
    pub(super) bytes_max: u32,
    /// While it is there the log removes no segment that lies before its start.
    _running: Arc<()>,
}

enum Phase {
    /// Looks for aborted transactions, behind what is cleaned, too, where it waits for their ends.
    Transactions(Walk, Finder),
    /// Notes where the newest record of each key of the dirty part is.
    Keys(Walk, Vec<super::transactions::Aborted>, Transactions),
    /// Copies.
    Copy(VecDeque<Range<usize>>, Option<Box<Copy>>, Transactions),
    Done,
}

/// A segment that is being made.
struct Copy {
    sources: Range<usize>,
    end: Offset,
    walk: Walk,
    segment: Segment,
    /// Bytes of the sources that were not looked at yet.
    left: u64,
    out: Vec<u8>,
    /// Nothing of it differs from what it is made from.
    same: bool,
    /// A marker is gone.
    lacks_markers: bool,
}

impl fmt::Debug for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Round({}, {:?})", self.setup.dir, self.setup.part)
    }
}

impl Round {
    pub(crate) fn new(setup: RoundSetup, running: Arc<()>) -> Self {
        let offsets = setup.part.until.distance_from(setup.part.from).unwrap_or(0);
        let keys = KeyMap::new(setup.key_bytes_max, offsets);
        let walk = Walk::new(0, setup.sources.len());
        let phase = Phase::Transactions(walk, Finder::default());
        let codecs = Codecs::new(&setup.config);
        Self {
            setup,
            keys,
            codecs,
            phase,
            write_failed: false,
            bytes_max: BYTES_MAX,
            _running: running,
        }
    }

    /// How often the log had been cut when it began.
    pub(crate) const fn cuts(&self) -> u64 {
        self.setup.cuts
    }

    /// Whether it has ended because something could not be written or synced.
    pub(crate) const fn has_failed_to_write(&self) -> bool {
        self.write_failed
    }

    /// What a write or sync of its files came to.
    pub(crate) fn wrote<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        self.write_failed |= result.is_err();
        result
    }

    /// Makes the files that the next step writes to, if it needs new ones.
    ///
    /// # Errors
    ///
    /// They cannot be made. The round is over.
    pub(crate) fn begin_next(&mut self) -> io::Result<()> {
        let group = match &mut self.phase {
            Phase::Copy(groups, None, _) => groups.pop_front(),
            _ => None,
        };
        let Some(group) = group else { return Ok(()) };
        let begun = self.begin(group);
        let begun = Box::new(self.wrote(begun)?);
        if let Phase::Copy(_, copy, _) = &mut self.phase {
            *copy = Some(begun);
        }
        Ok(())
    }

    /// Does a part of the work.
    ///
    /// # Errors
    ///
    /// A file cannot be read or written, or a batch is damaged. The log is as it was; the round is
    /// over.
    pub(crate) fn step(&mut self) -> io::Result<Step> {
        self.begin_next()?;
        match core::mem::replace(&mut self.phase, Phase::Done) {
            Phase::Transactions(walk, finder) => self.find_transactions(walk, finder),
            Phase::Keys(walk, aborted, transactions) => self.map_keys(walk, aborted, transactions),
            Phase::Copy(groups, copy, transactions) => self.copy(groups, copy, transactions),
            Phase::Done => Ok(Step::Done(self.end())),
        }
    }

    /// Up to where the log is clean when the round is done.
    fn end(&self) -> Offset {
        self.keys.end().unwrap_or(self.setup.part.from)
    }

    fn find_transactions(&mut self, mut walk: Walk, mut finder: Finder) -> io::Result<Step> {
        let (dir, sources) = (&self.setup.dir, &self.setup.sources);
        let until = self.setup.part.until;
        let (mut read, mut opened) = (0, 0);
        let done = loop {
            match walk.step(dir, sources)? {
                Walked::Batch(_, batch) if batch.base >= until && !finder.is_waiting() => {
                    break true;
                }
                Walked::Batch(at, batch) => {
                    let header = walk.header(dir, sources, at)?;
                    if header.is_control() {
                        let whole = walk.whole(dir, sources, at, &batch)?;
                        let kind = filter::control_type(&whole, &mut self.codecs);
                        let source = &sources[walk.source()];
                        let kind = kind.map_err(|error| damaged(dir, source, at, &error))?;
                        finder.on_control(&header, kind, batch.last);
                    } else {
                        finder.on_data(&header, batch.base);
                    }
                    read += u64::from(batch.bytes);
                }
                Walked::SegmentEnd(end) if end >= until && !finder.is_waiting() => break true,
                Walked::SegmentEnd(_) => {}
                Walked::End => break true,
            }
            opened += self.codecs.take_opened();
            if read + opened >= STEP_BYTES {
                break false;
            }
        };
        self.phase = if done {
            let aborted = finder.finish();
            let from = self.setup.part.from;
            let facts: Vec<SegmentFacts> = self.setup.sources.iter().map(|s| s.facts).collect();
            let walk = Walk::new(first_with(&facts, from), self.setup.sources.len());
            let transactions = Transactions::new(&aborted, from);
            Phase::Keys(walk, aborted, transactions)
        } else {
            Phase::Transactions(walk, finder)
        };
        Ok(Step::Read(read))
    }

    fn map_keys(
        &mut self,
        mut walk: Walk,
        aborted: Vec<super::transactions::Aborted>,
        mut transactions: Transactions,
    ) -> io::Result<Step> {
        let (dir, sources) = (&self.setup.dir, &self.setup.sources);
        let Cleanable { from, until, .. } = self.setup.part;
        let (mut read, mut opened) = (0, 0);
        let done = loop {
            match walk.step(dir, sources)? {
                Walked::Batch(_, batch) if batch.base >= until => break true,
                Walked::Batch(_, batch) if batch.last < from => {}
                Walked::Batch(at, batch) => {
                    let whole = walk.whole(dir, sources, at, &batch)?;
                    let (keys, codecs) = (&mut self.keys, &mut self.codecs);
                    let source = &sources[walk.source()];
                    let full = put_keys(&whole, from, keys, &mut transactions, codecs);
                    if full.map_err(|error| damaged(dir, source, at, &error))? {
                        break true; // the next round goes on from here
                    }
                    self.keys.reach(batch.last.next());
                    read += u64::from(batch.bytes);
                }
                Walked::SegmentEnd(end) => {
                    if end > from {
                        self.keys.reach(end.min(until));
                    }
                    if end >= until {
                        break true;
                    }
                }
                Walked::End => break true,
            }
            opened += self.codecs.take_opened();
            if read + opened >= STEP_BYTES {
                break false;
            }
        };
        self.phase = if done {
            self.plan_copies(&aborted)
        } else {
            Phase::Keys(walk, aborted, transactions)
        };
        Ok(Step::Read(read))
    }

    fn plan_copies(&self, aborted: &[super::transactions::Aborted]) -> Phase {
        let end = self.end();
        let sources = self.setup.sources.iter().take_while(|source| source.facts.base < end);
        let facts: Vec<SegmentFacts> = sources.map(|source| source.facts).collect();
        let last = self.setup.sources.get(facts.len().saturating_sub(1));
        let groups = groups(&facts, last.map_or(end, |last| last.end), &self.setup.config);
        let transactions = Transactions::new(aborted, Offset::ZERO);
        Phase::Copy(groups.into(), None, transactions)
    }

    fn copy(
        &mut self,
        groups: VecDeque<Range<usize>>,
        copy: Option<Box<Copy>>,
        mut transactions: Transactions,
    ) -> io::Result<Step> {
        let Some(mut copy) = copy else { return Ok(Step::Done(self.end())) };
        let (mut read, mut opened) = (0, 0);
        let done = loop {
            match copy.walk.step(&self.setup.dir, &self.setup.sources)? {
                Walked::Batch(at, batch) => {
                    read += u64::from(batch.bytes);
                    self.copy_batch(&mut copy, at, &batch, &mut transactions)?;
                }
                Walked::SegmentEnd(_) => {}
                Walked::End => break true,
            }
            opened += self.codecs.take_opened();
            if read + opened >= STEP_BYTES {
                break false;
            }
        };
        self.wrote(copy.segment.append_bytes(&copy.out))?;
        copy.out.clear();
        let step = if !done {
            self.phase = Phase::Copy(groups, Some(copy), transactions);
            return Ok(Step::Read(read));
        } else if copy.same && copy.sources.len() == 1 {
            super::swap::remove_cleaned(&*self.setup.disk, &self.setup.dir, copy.segment.base())?;
            Step::Read(read)
        } else {
            let finished = self.finish(*copy);
            Step::Written(self.wrote(finished)?)
        };
        self.phase = Phase::Copy(groups, None, transactions);
        Ok(step)
    }

    fn begin(&self, sources: Range<usize>) -> io::Result<Copy> {
        let RoundSetup { disk, dir, now_ms, .. } = &self.setup;
        let first = &self.setup.sources[sources.start];
        Ok(Copy {
            end: self.setup.sources[sources.end - 1].end,
            left: bytes_of(&self.setup.sources[sources.clone()]),
            walk: Walk::new(sources.start, sources.end),
            sources,
            segment: Segment::create_cleaned(&**disk, dir, first.facts.base, *now_ms)?,
            out: Vec::new(),
            same: true,
            lacks_markers: false,
        })
    }

    fn copy_batch(
        &mut self,
        copy: &mut Copy,
        at: u32,
        batch: &BatchView,
        transactions: &mut Transactions,
    ) -> io::Result<()> {
        let RoundSetup { dir, sources, config, producers, now_ms, .. } = &self.setup;
        let rules = Rules {
            keys: &self.keys,
            producers,
            end: copy.end,
            now_ms: *now_ms,
            delete_retention_ms: config.delete_retention_ms,
        };
        let whole = copy.walk.whole(dir, sources, at, batch)?;
        let source = &sources[copy.walk.source()];
        let outcome = if batch.base < self.end() {
            filter::clean(&whole, &rules, transactions, &mut self.codecs)
                .map_err(|error| damaged(dir, source, at, &error))?
        } else {
            Outcome::Keep // nobody has looked at it, nor at what became of its transaction
        };
        let (disk, config) = (&*self.setup.disk, Arc::clone(config));
        let is_marker = whole.header().is_control();
        copy.left = copy.left.saturating_sub(u64::from(batch.bytes));
        let outcome = match outcome {
            Outcome::Write(bytes) if copy.outgrows(self.bytes_max, batch, bytes.len()) => {
                Outcome::Keep
            }
            outcome => outcome,
        };
        // not the disk's fault
        let no_room = || damaged(dir, source, at, &"there is no room for it in a segment");
        let counted = match outcome {
            Outcome::Keep => {
                if !copy.segment.has_room(batch) {
                    return Err(no_room());
                }
                copy.out.extend_from_slice(whole.bytes());
                copy.segment.count(disk, batch, &config)
            }
            Outcome::Write(bytes) => {
                let view = BatchView::read(&bytes).map_err(io::Error::other)?;
                if !copy.segment.has_room(&view) {
                    return Err(no_room());
                }
                copy.same &= bytes == *whole.bytes();
                copy.lacks_markers |= is_marker && bytes.len() < whole.bytes().len();
                copy.out.extend_from_slice(&bytes);
                copy.segment.count(disk, &view, &config)
            }
            Outcome::Drop => {
                copy.same = false;
                copy.lacks_markers |= is_marker;
                Ok(())
            }
        };
        self.wrote(counted)
    }

    fn finish(&self, mut copy: Copy) -> io::Result<Cleaned> {
        let (disk, end) = (&*self.setup.disk, self.end());
        let replaced = &self.setup.sources[copy.sources];
        // the data of those that ended before is gone
        let aborted = replaced.iter().flat_map(|source| &source.aborted);
        let aborted: Vec<_> = aborted.filter(|aborted| aborted.last >= end).collect();
        for aborted in &aborted {
            copy.segment.take_over_aborted(disk, **aborted)?;
        }
        Ok(Cleaned {
            base: copy.segment.base(),
            replaces: replaced.iter().map(|source| Weak::clone(&source.file)).collect(),
            cuts: self.setup.cuts,
            files: copy.segment.close(disk)?,
            bytes_before: bytes_of(replaced),
            bytes_after: copy.segment.bytes().into(),
            has_aborted: !aborted.is_empty(),
            lacks_markers: copy.lacks_markers,
        })
    }
}

impl Copy {
    /// Whether the segment could become too large if `batch` grew to so many bytes: the time of its
    /// tombstones makes it longer, and a codec may have packed it better before. What is left is
    /// taken as it is.
    fn outgrows(&self, bytes_max: u32, batch: &BatchView, bytes: usize) -> bool {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let all = u64::from(self.segment.bytes()).saturating_add(bytes).saturating_add(self.left);
        bytes > u64::from(batch.bytes) && all > u64::from(bytes_max)
    }
}

fn bytes_of(sources: &[Source]) -> u64 {
    sources.iter().map(|source| u64::from(source.facts.bytes)).sum()
}

/// Notes the keys of a batch, but for what was aborted; true if there is no room for one of them.
fn put_keys(
    batch: &ottla_protocol::record::CheckedBatch,
    from: Offset,
    keys: &mut KeyMap,
    transactions: &mut Transactions,
    codecs: &mut Codecs,
) -> Result<bool, filter::FilterError> {
    let header = batch.header();
    if header.is_control() {
        let kind = filter::control_type(batch, codecs)?;
        transactions.on_control(header, kind);
        return Ok(false);
    }
    if transactions.on_data(header) {
        return Ok(false);
    }
    let block = codecs.records(batch)?;
    for record in block.records() {
        let record = record?;
        let Some(key) = record.key.filter(|_| record.offset >= from) else { continue };
        if keys.put(key, record.offset).is_err() {
            return Ok(true);
        }
    }
    Ok(false)
}
