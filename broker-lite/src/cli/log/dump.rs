//! `log dump`: what files of a log say, an item a line.

use std::fs;
use std::io::{self, BufWriter, StdoutLock, Write as _};
use std::path::{Path, PathBuf};

use broker_lite::log::format::{AbortedEntry, BadByte, SnapshotEntry};
use bytes::Bytes;
use clap::Args;
use ottla_protocol::json;
use ottla_protocol::record::{ControlRecord, Decompressor, EndTxnMarker, RecordBlock, RecordRef};
use serde_json::Value;

use super::batches::{self, Batch, Closed, Flaw};
use super::entries::{Entries, OffsetEntry, TimeEntry};
use super::place::{self, Folder, Kind, Target, file_name};
use super::problem::{ANEW, Place, Problem, RESTORE};
use super::text;
use crate::cli::base64;
use crate::cli::exit::Failure;
use crate::cli::output::{Format, Output};

/// Options of `log dump`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Dump {
    /// Data directories, folders of partitions, or single files.
    #[arg(required = true)]
    path: Vec<PathBuf>,
    #[command(flatten)]
    output: Output,
    /// The records of each batch as well. What Kafka keeps in topics of its own is decoded.
    #[arg(short, long)]
    records: bool,
}

/// Why a dump ends before all is printed.
enum Stop {
    Problem(Problem),
    Stdout(io::Error),
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Stdout(error)
    }
}

impl Dump {
    pub(super) fn run(self) -> Result<(), Failure> {
        let out = BufWriter::new(io::stdout().lock());
        let (format, file, wrong) = (self.output.format, String::new(), None);
        let mut printer = Printer { out, format, file, wrong };
        let done = self.path.iter().try_for_each(|path| self.target(path, &mut printer));
        let flushed = printer.out.flush(); // what was printed stays true
        match done.and_then(|()| Ok(flushed?)) {
            Ok(()) => printer.wrong.map_or(Ok(()), |problem| Err(problem.into())),
            Err(Stop::Problem(problem)) => Err(printer.wrong.unwrap_or(problem).into()),
            Err(Stop::Stdout(error)) => Err(Failure::stdout(&error)),
        }
    }

    fn target(&self, path: &Path, printer: &mut Printer) -> Result<(), Stop> {
        match Target::of(path)? {
            Target::File(path) => self.file(&path, printer),
            Target::Partition(dir) => self.folder(&dir, printer),
            Target::Data(dir) => {
                self.folder(&dir, printer)?;
                for entry in place::list(&dir)?.iter().filter(|entry| entry.directory) {
                    if matches!(Folder::of(&entry.name), Folder::Partition(..)) {
                        self.folder(&dir.join(&entry.name), printer)?;
                    }
                }
                Ok(())
            }
        }
    }

    /// The files in a directory whose names say what they are.
    fn folder(&self, dir: &Path, printer: &mut Printer) -> Result<(), Stop> {
        for entry in place::list(dir)?.iter().filter(|entry| !entry.directory) {
            let path = dir.join(&entry.name);
            // a running broker has removed it meanwhile
            if Kind::of(&entry.name) != Kind::Other && path.exists() {
                self.file(&path, printer)?;
            }
        }
        Ok(())
    }

    fn file(&self, path: &Path, printer: &mut Printer) -> Result<(), Stop> {
        let kind = Kind::of(&file_name(path));
        let metadata = fs::metadata(path).map_err(|error| Problem::unreadable(path, &error))?;
        printer.file(path, kind, metadata.len())?;
        match kind {
            Kind::Log(_) | Kind::MetadataSnapshot => self.batches(path, printer),
            Kind::OffsetIndex(base) => entries(path, printer, |entry| {
                let OffsetEntry { offset, position } = OffsetEntry::of(base, entry);
                [("offset", offset.into()), ("position", position.into())]
            }),
            Kind::TimeIndex(base) => entries(path, printer, |entry| {
                let TimeEntry { timestamp, offset } = TimeEntry::of(base, entry);
                [("timestamp", timestamp.into()), ("offset", offset.into())]
            }),
            Kind::TransactionIndex(_) => entries(path, printer, |entry| {
                let entry = AbortedEntry::read(entry);
                [
                    ("version", entry.version.into()),
                    ("producer_id", entry.producer.into()),
                    ("first_offset", entry.first.into()),
                    ("last_offset", entry.last.into()),
                    ("last_stable_offset", entry.stable.into()),
                ]
            }),
            Kind::Producers(_) => producers(path, printer),
            Kind::Epochs => {
                for (epoch, start) in text::epochs(path)?.unwrap_or_default() {
                    let fields = [("leader_epoch", epoch.into()), ("start_offset", start.into())];
                    printer.item("epoch", &fields)?;
                }
                Ok(())
            }
            Kind::Offsets => {
                for entry in text::offsets(path)?.unwrap_or_default() {
                    let (topic, index, offset) = entry.value;
                    let fields = [
                        ("topic", topic.into()),
                        ("partition", index.into()),
                        ("offset", offset.into()),
                    ];
                    printer.item("offset", &fields)?;
                }
                Ok(())
            }
            Kind::Properties => {
                for (name, value) in text::properties(path)?.unwrap_or_default() {
                    let fields = [("name", name.into()), ("value", value.into())];
                    printer.item("property", &fields)?;
                }
                Ok(())
            }
            Kind::Json => {
                let value = text::json(path)?.unwrap_or_default();
                Ok(printer.item("state", &[("value", value)])?)
            }
            Kind::Other => {
                let what = "by its name it is no file of a log";
                let advice = "name a data directory, or a file in it with the name it has there";
                Err(Problem::new(path, Place::Whole, what, advice).into())
            }
        }
    }

    fn batches(&self, path: &Path, printer: &mut Printer) -> Result<(), Stop> {
        let topic = match Folder::of(&path.parent().map(file_name).unwrap_or_default()) {
            Folder::Partition(topic, _) => topic,
            _ => String::new(),
        };
        let mut log = batches::open(path)?;
        let mut decompressor = Decompressor::default();
        loop {
            let batch = match log.step() {
                Ok(Some(batch)) => batch,
                Ok(None) => return Ok(()),
                Err(Flaw::Io(error)) => return Err(Problem::unreadable(path, &error).into()),
                Err(flaw) => {
                    let place = Place::Byte(log.position());
                    return Err(Problem::new(path, place, flaw.to_string(), RESTORE).into());
                }
            };
            printer.item("batch", &batch_fields(&batch))?;
            if batch.found != batch.header.crc && printer.wrong.is_none() {
                let place = Place::Byte(batch.position);
                printer.wrong = Some(Problem::new(path, place, batch.checksum_words(), RESTORE));
            }
            if !self.records || batch.found != batch.header.crc {
                continue;
            }
            let wrong = |what: String| {
                Stop::from(Problem::new(path, Place::Byte(batch.position), what, RESTORE))
            };
            let block = match batch.open(&mut decompressor) {
                Ok(block) => block,
                Err(Closed::Wrong(what)) => return Err(wrong(what)),
                Err(Closed::TooLarge) => return Err(wrong("a batch of over 100 MiB".to_owned())),
                Err(Closed::NotBuiltIn) => {
                    let codec = batch.header.compression().map(|codec| codec.to_string());
                    let codec = codec.unwrap_or_default();
                    return Err(wrong(format!("this program is built without {codec}")));
                }
            };
            for record in block.records() {
                let record = record.map_err(|error| wrong(error.to_string()))?;
                printer.item("record", &record_fields(&topic, &block, &record))?;
            }
        }
    }
}

fn entries<const N: usize, const F: usize>(
    path: &Path,
    printer: &mut Printer,
    fields: impl Fn(&[u8; N]) -> [Field; F],
) -> Result<(), Stop> {
    let Some(mut entries) = Entries::open(path)? else { return Ok(()) };
    while let Some((_, entry)) = entries.step()? {
        printer.item("entry", &fields(&entry))?;
    }
    Ok(())
}

fn producers(path: &Path, printer: &mut Printer) -> Result<(), Stop> {
    let Some(bytes) = place::read_small(path)? else { return Ok(()) };
    let wrong = |BadByte { at, what }| Problem::new(path, Place::Byte(at), what, ANEW);
    let producers = SnapshotEntry::read_all(&bytes).map_err(wrong)?;
    for producer in producers {
        let known = |number: i64| if number < 0 { Value::Null } else { number.into() };
        let fields = [
            ("producer_id", producer.id.into()),
            ("producer_epoch", producer.epoch.into()),
            ("last_sequence", known(producer.last_sequence.into())),
            ("last_offset", known(producer.last_offset)),
            ("offset_delta", producer.offset_delta.into()),
            ("timestamp", known(producer.timestamp)),
            ("coordinator_epoch", known(producer.coordinator_epoch.into())),
            ("transaction_start_offset", known(producer.transaction_start)),
        ];
        printer.item("producer", &fields)?;
    }
    Ok(())
}

/// A name and what it has.
type Field = (&'static str, Value);

fn batch_fields(batch: &Batch) -> [Field; 18] {
    let header = &batch.header;
    let codec = header.compression().map(|codec| codec.to_string());
    [
        ("position", batch.position.into()),
        ("base_offset", header.base_offset.into()),
        ("last_offset", batch.last().into()),
        ("records", header.records_count.into()),
        ("size_bytes", header.total_size().into()),
        ("leader_epoch", header.partition_leader_epoch.map(|epoch| epoch.0).into()),
        ("compression", codec.unwrap_or_else(|| "unknown".to_owned()).into()),
        ("base_timestamp", header.base_timestamp.0.into()),
        ("max_timestamp", header.max_timestamp.0.into()),
        ("log_append_time", header.is_log_append_time().into()),
        ("producer_id", header.producer_id.map(|id| id.0).into()),
        ("producer_epoch", header.producer_epoch.map(|epoch| epoch.0).into()),
        ("base_sequence", header.base_sequence.map(|first| first.get()).into()),
        ("transactional", header.is_transactional().into()),
        ("control", header.is_control().into()),
        ("delete_horizon", header.delete_horizon().map(|time| time.0).into()),
        ("crc", format!("{:08x}", header.crc).into()),
        ("damaged", (batch.found != header.crc).into()),
    ]
}

fn record_fields(topic: &str, block: &RecordBlock, record: &RecordRef<'_>) -> Vec<Field> {
    let mut fields = vec![
        ("offset", Value::from(record.offset.get())),
        ("timestamp", record.timestamp.0.into()),
    ];
    let control = block.header().is_control().then(|| ControlRecord::parse(record)).flatten();
    if let Some(control) = control {
        fields.push(("control_type", format!("{:?}", control.kind).into()));
        let epoch = EndTxnMarker::parse(&control).map(|marker| marker.coordinator_epoch.0);
        fields.push(("coordinator_epoch", epoch.into()));
        return fields;
    }
    if let Some(decoded) = decoded(topic, block, record) {
        fields.push(("decoded", decoded));
        return fields;
    }
    fields.push(named("key", "key_b64", record.key));
    fields.push(named("value", "value_b64", record.value));
    let headers = record.headers().map(|header| {
        let value = match header.value.map(|bytes| core::str::from_utf8(bytes).map_err(|_| bytes)) {
            None => Value::Null,
            Some(Ok(text)) => text.into(),
            Some(Err(bytes)) => serde_json::json!({ "b64": base64::encode(bytes) }),
        };
        Value::from(vec![Value::from(&*header.key), value])
    });
    let headers: Vec<_> = headers.collect();
    if !headers.is_empty() {
        fields.push(("headers", headers.into()));
    }
    fields
}

/// As `consume` prints it: text, or base64 under another name.
fn named(text: &'static str, b64: &'static str, bytes: Option<&[u8]>) -> Field {
    match bytes.map(|bytes| core::str::from_utf8(bytes).map_err(|_| bytes)) {
        None => (text, Value::Null),
        Some(Ok(value)) => (text, value.into()),
        Some(Err(bytes)) => (b64, base64::encode(bytes).into()),
    }
}

/// What a record of Kafka's own topics says; `None` for other topics, and for what is not as it
/// should be.
fn decoded(topic: &str, block: &RecordBlock, record: &RecordRef<'_>) -> Option<Value> {
    let slice = |bytes: Option<&[u8]>| bytes.map(|bytes| block.slice_of(bytes));
    let printer = json::Printer::default();
    let text = match topic {
        "__cluster_metadata" => printer.metadata_record(slice(record.value)?).ok()?,
        "__consumer_offsets" | "__transaction_state" | "__share_group_state" => {
            let key: Bytes = slice(record.key)?;
            printer.coordinator_record(topic, key, slice(record.value)).ok()?
        }
        _ => return None,
    };
    serde_json::from_str(&text).ok()
}

/// Prints items below the name of their file, or with it in each line of JSON.
struct Printer {
    out: BufWriter<StdoutLock<'static>>,
    format: Format,
    /// The file of the items, as JSON.
    file: String,
    /// The first thing that is wrong of what was printed all the same.
    wrong: Option<Problem>,
}

impl Printer {
    fn file(&mut self, path: &Path, kind: Kind, bytes: u64) -> io::Result<()> {
        self.file = Value::from(path.to_string_lossy()).to_string();
        match self.format {
            Format::Text => {
                writeln!(self.out, "{} ({}, {bytes} bytes)", path.display(), kind.words())
            }
            Format::Json => {
                let fields = [("content", kind.words().into()), ("size_bytes", bytes.into())];
                self.item("file", &fields)
            }
        }
    }

    fn item(&mut self, kind: &str, fields: &[Field]) -> io::Result<()> {
        match self.format {
            Format::Text => {
                let depth = if kind == "record" { "    " } else { "  " };
                let words = fields.iter().filter_map(|(name, value)| match value {
                    Value::Null | Value::Bool(false) if !matches!(*name, "key" | "value") => None,
                    Value::Bool(_) => Some((*name).to_owned()),
                    Value::String(text) if !matches!(*name, "key" | "value") => {
                        Some(format!("{name}={text}"))
                    }
                    value => Some(format!("{name}={value}")),
                });
                writeln!(self.out, "{depth}{}", words.collect::<Vec<_>>().join(" "))
            }
            Format::Json => {
                write!(self.out, "{{\"file\":{},\"kind\":\"{kind}\"", self.file)?;
                for (name, value) in fields {
                    write!(self.out, ",\"{name}\":{value}")?;
                }
                writeln!(self.out, "}}")
            }
        }
    }
}
