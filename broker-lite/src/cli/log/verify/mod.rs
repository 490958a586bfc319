//! `log verify`: reads everything, and says what is wrong.

mod indexes;
mod partition;
mod segment;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use clap::Args;
use ottla_protocol::ids::Uuid;
use ottla_protocol::record::Decompressor;

use self::partition::{Checkpoints, Verified};
use self::segment::{Counts, Walk};
use super::place::{self, Folder, Kind, META_PROPERTIES, PARTITION_METADATA, Target, file_name};
use super::problem::{Place, Problem};
use super::text;
use crate::cli::exit::Failure;
use crate::cli::output::{self, Cell, Column, Format, Output, Shown};

/// Options of `log verify`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Verify {
    /// Data directories, folders of partitions, or single files. An index is compared with the
    /// `.log` beside it. Folders of partitions that are being deleted or moved are left out.
    #[arg(required = true)]
    path: Vec<PathBuf>,
    #[command(flatten)]
    output: Output,
    /// Offsets may be missing anywhere: compaction took the records out. Without it they may where
    /// `cleaner-offset-checkpoint` says that a log was compacted.
    #[arg(long)]
    compacted: bool,
    /// Goes on behind the first thing that is wrong, with the next partition.
    #[arg(long)]
    all: bool,
}

const COLUMNS: [Column; 9] = [
    ("topic", Shown::Left("TOPIC")),
    ("partition", Shown::Right("PARTITION")),
    ("start_offset", Shown::Right("START")),
    ("end_offset", Shown::Right("END")),
    ("segments", Shown::Right("SEGMENTS")),
    ("batches", Shown::Right("BATCHES")),
    ("records", Shown::Right("RECORDS")),
    ("index_entries", Shown::Right("INDEX_ENTRIES")),
    ("size_bytes", Shown::Right("SIZE")),
];

const PROBLEM: [Column; 5] = [
    ("problem", Shown::No),
    ("file", Shown::No),
    ("byte", Shown::No),
    ("line", Shown::No),
    ("advice", Shown::No),
];

/// What was found.
#[derive(Debug, Default)]
struct Findings {
    verified: Vec<Verified>,
    problems: Vec<Problem>,
    unopened: u64,
}

impl Verify {
    pub(super) fn run(self) -> Result<(), Failure> {
        let mut findings = Findings::default();
        for path in &self.path {
            self.check(path, &mut findings);
            if findings.full(self.all) {
                break;
            }
        }
        let rows: Vec<_> = findings.verified.iter().map(row).collect();
        output::print(self.output.format, &COLUMNS, &rows)?;
        if findings.unopened > 0 {
            let count = findings.unopened;
            eprintln!("broker-lite: {count} batches have the right checksum, but were not opened");
        }
        if self.output.format == Format::Json {
            let rows: Vec<_> = findings.problems.iter().map(problem_row).collect();
            output::print(Format::Json, &PROBLEM, &rows)?;
        }
        match &*findings.problems {
            [] => Ok(()),
            [problem] => Err(problem.clone().into()),
            several => {
                let lines: Vec<_> = several.iter().map(ToString::to_string).collect();
                Err(Failure::say(format!("{} problems\n{}", lines.len(), lines.join("\n"))))
            }
        }
    }

    fn check(&self, path: &Path, findings: &mut Findings) {
        let mut decompressor = Decompressor::default();
        match Target::of(path) {
            Ok(Target::Data(dir)) => self.data(&dir, findings, &mut decompressor),
            Ok(Target::Partition(dir)) => {
                let done = Checkpoints::read(dir.parent().unwrap_or(&dir));
                let done = done.and_then(|known| self.folder(&dir, &known, &mut decompressor));
                findings.note(done);
            }
            Ok(Target::File(path)) => {
                findings.note_file(self.file(&path, &mut decompressor));
            }
            Err(problem) => findings.problems.push(problem),
        }
    }

    fn data(&self, dir: &Path, findings: &mut Findings, decompressor: &mut Decompressor) {
        let checked = text::check_meta(&dir.join(META_PROPERTIES));
        let checked = checked.and_then(|()| Ok((Checkpoints::read(dir)?, place::list(dir)?)));
        let (checkpoints, entries) = match checked {
            Ok(read) => read,
            Err(problem) => return findings.problems.push(problem),
        };
        let mut ids = HashMap::new();
        for entry in entries.iter().filter(|entry| entry.directory) {
            let path = dir.join(&entry.name);
            let done = match Folder::of(&entry.name) {
                Folder::Leaving => continue,
                Folder::Unknown if entry.name == "remote-log-index-cache" => continue,
                Folder::Unknown => {
                    let what = "its name is no topic and partition";
                    let advice = "move it elsewhere: Apache Kafka does not start with it";
                    Err(Problem::new(&path, Place::Whole, what, advice))
                }
                Folder::Partition(..) => self.folder(&path, &checkpoints, decompressor),
            };
            // a running broker has deleted it meanwhile
            if done.is_err() && !path.exists() {
                continue;
            }
            findings.note(done.and_then(|done| same_id(&mut ids, &path, done)));
            if findings.full(self.all) {
                return;
            }
        }
    }

    fn folder(
        &self,
        dir: &Path,
        checkpoints: &Checkpoints,
        decompressor: &mut Decompressor,
    ) -> Result<Verified, Problem> {
        let Folder::Partition(topic, index) = Folder::of(&file_name(dir)) else {
            let what = "its name is no topic and partition";
            let advice = "give it the name that it had in its data directory";
            return Err(Problem::new(dir, Place::Whole, what, advice));
        };
        let key = (topic, index);
        partition::verify(dir, &key, checkpoints, self.compacted, decompressor)
    }

    fn file(&self, path: &Path, decompressor: &mut Decompressor) -> Result<Counts, Problem> {
        let dir = path.parent().unwrap_or(path);
        let mut walk = Walk::new(dir, self.compacted, decompressor);
        let newer = |base: i64| {
            let entries =
                place::list(if dir.as_os_str().is_empty() { Path::new(".") } else { dir });
            let kinds = entries.unwrap_or_default().into_iter().map(|entry| Kind::of(&entry.name));
            kinds.into_iter().any(|kind| matches!(kind, Kind::Log(other) if other > base))
        };
        let name = file_name(path);
        match Kind::of(&name) {
            Kind::Log(base) => walk.segment(base, !newer(base), Some("log"))?,
            kind @ (Kind::OffsetIndex(base)
            | Kind::TimeIndex(base)
            | Kind::TransactionIndex(base)) => {
                let suffix = match kind {
                    Kind::OffsetIndex(_) => "index",
                    Kind::TimeIndex(_) => "timeindex",
                    _ => "txnindex",
                };
                if !dir.join(format!("{base:020}.log")).exists() {
                    return Err(segment::orphan(path));
                }
                walk.segment(base, !newer(base), Some(suffix))?;
            }
            Kind::MetadataSnapshot => walk.metadata_snapshot(path)?,
            Kind::Producers(end) => partition::producers(path, end)?,
            Kind::Epochs => drop(text::epochs(path)?),
            Kind::Offsets => drop(text::offsets(path)?),
            Kind::Properties if name == PARTITION_METADATA => drop(text::topic_id(path)?),
            Kind::Properties => text::check_meta(path)?,
            Kind::Json => drop(text::json(path)?),
            Kind::Other => {
                let what = "by its name it is no file that can be checked";
                let advice = "name a data directory, or a file in it with the name it has there";
                return Err(Problem::new(path, Place::Whole, what, advice));
            }
        }
        Ok(walk.counts)
    }
}

/// Partitions of one topic have one id.
fn same_id(
    ids: &mut HashMap<String, Uuid>,
    dir: &Path,
    done: Verified,
) -> Result<Verified, Problem> {
    let Some(id) = done.topic_id else { return Ok(done) };
    let known = *ids.entry(done.topic.clone()).or_insert(id);
    if known == id {
        return Ok(done);
    }
    let what = format!("topic id {id}, but another partition of {} has {known}", done.topic);
    let advice = "one of the two was left by a deleted topic: move it elsewhere";
    Err(Problem::new(&dir.join(PARTITION_METADATA), Place::Whole, what, advice))
}

impl Findings {
    fn note(&mut self, done: Result<Verified, Problem>) {
        match done {
            Ok(done) => {
                self.unopened = self.unopened.saturating_add(done.counts.unopened);
                self.verified.push(done);
            }
            Err(problem) => self.problems.push(problem),
        }
    }

    fn note_file(&mut self, done: Result<Counts, Problem>) {
        match done {
            Ok(counts) => self.unopened = self.unopened.saturating_add(counts.unopened),
            Err(problem) => self.problems.push(problem),
        }
    }

    /// Whether no more is asked for.
    const fn full(&self, all: bool) -> bool {
        !all && !self.problems.is_empty()
    }
}

fn row(done: &Verified) -> [Cell; 9] {
    let counts = &done.counts;
    [
        Cell::new(&*done.topic),
        Cell::new(done.index),
        Cell::new(done.start),
        Cell::new(done.end),
        Cell::new(counts.segments),
        Cell::new(counts.batches),
        Cell::new(counts.records),
        Cell::new(counts.entries),
        Cell::shown(counts.bytes, output::bytes(counts.bytes)),
    ]
}

fn problem_row(problem: &Problem) -> [Cell; 5] {
    let (byte, line) = match problem.place {
        Place::Whole => (None, None),
        Place::Byte(at) => (Some(at), None),
        Place::Line(at) => (None, Some(at)),
    };
    [
        Cell::new(&*problem.what),
        Cell::new(problem.path.to_string_lossy()),
        Cell::new(byte),
        Cell::new(line),
        Cell::new(problem.advice),
    ]
}
