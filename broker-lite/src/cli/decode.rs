//! `decode`: bytes of Kafka's protocol, and of what Kafka keeps in its own topics, as JSON.

use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;

use bytes::Bytes;
use clap::{Args, ValueEnum};
use ottla_protocol::ApiKey;
use ottla_protocol::api_key::APIS;
use ottla_protocol::json::{Printer, Records};

use super::exit::Failure;

/// Options of `decode`.
#[derive(Args, Debug)]
pub(super) struct Decode {
    /// Frames in hex, with or without their length in front (see `--framed`); blanks, colons and
    /// `0x` do not matter. Without it and `--file`: standard input, in hex as well. With `--as`
    /// something else than frames.
    #[arg(conflicts_with = "file")]
    hex: Vec<String>,
    /// Takes the frames from this file, as they are: not hex.
    #[arg(short, long, value_name = "PATH")]
    file: Option<PathBuf>,
    /// The frames are responses of this API: its key, or its name as in `ApiVersions`. A request
    /// says that itself.
    #[arg(short, long, requires = "version", value_parser = api)]
    api: Option<ApiKey>,
    /// The version of the responses.
    #[arg(short, long, requires = "api")]
    version: Option<i16>,
    /// Each frame has its length in front. Without this and `--bare`, that is so if the first can
    /// be read behind a length; else the bytes are one frame without its length. What cannot be
    /// read is said frame by frame, and the others are shown.
    #[arg(long, conflicts_with = "bare")]
    framed: bool,
    /// The bytes are one frame without its length.
    #[arg(long)]
    bare: bool,
    /// What the bytes are.
    #[arg(long = "as", value_name = "KIND", value_enum, default_value_t = Kind::Frames)]
    kind: Kind,
    /// The key of a coordinator's record, in hex; the bytes are its value. An empty one, `""`, is
    /// that of a record that takes away what its key names.
    #[arg(short, long, value_name = "HEX", required_if_eq("kind", "coordinator-record"))]
    key: Option<String>,
    /// The topic of that record.
    #[arg(short, long, default_value = "__consumer_offsets", requires = "key")]
    topic: String,
    /// How the records in frames are shown: their size (the default), what the headers of batches
    /// say, or base64.
    #[arg(short, long, value_enum)]
    records: Option<Shown>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Kind {
    /// Requests, or responses if `--api` says of what.
    Frames,
    /// The value of a record of the metadata log, `__cluster_metadata`.
    MetadataRecord,
    /// A record of a topic in which coordinators keep their state; see `--key` and `--topic`.
    CoordinatorRecord,
    /// The metadata of a consumer in JoinGroup.
    Subscription,
    /// What a consumer gets in SyncGroup.
    Assignment,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shown {
    Size,
    Batches,
    Base64,
}

fn api(text: &str) -> Result<ApiKey, String> {
    let number = text.parse().ok().map(ApiKey);
    let found = APIS.iter().find(|api| Some(api.key) == number || is_name(api.name, text));
    found.map(|api| api.key).ok_or_else(|| "no API of Kafka 4.4.0 has this key or name".to_owned())
}

/// Whether `text` is the name, whatever its case, with or without underscores.
fn is_name(name: &str, text: &str) -> bool {
    let letters = text.chars().filter(|c| !matches!(c, '_' | '-'));
    letters.map(|c| c.to_ascii_lowercase()).eq(name.chars().map(|c| c.to_ascii_lowercase()))
}

impl Decode {
    pub(super) fn run(self) -> Result<(), Failure> {
        self.refuse_what_would_be_ignored()?;
        let bytes = match &self.file {
            Some(path) => std::fs::read(path)
                .map_err(|error| Failure::new(format!("reading {}", path.display()), &error))?,
            None if self.hex.is_empty() => {
                let mut text = String::new();
                let read = io::stdin().read_to_string(&mut text);
                read.map_err(|error| Failure::new("reading standard input", &error))?;
                unhex(&text).map_err(|error| Failure::usage("standard input", &error))?
            }
            None => unhex(&self.hex.join(" "))
                .map_err(|error| Failure::usage("the bytes to decode", &error))?,
        };
        let key = unhex(self.key.as_deref().unwrap_or_default());
        let key = Bytes::from(key.map_err(|error| Failure::usage("the key", &error))?);
        match self.kind {
            Kind::Frames => self.show_frames(bytes.into()),
            _ => {
                let line = self.line(&key, bytes.into());
                let line = line.map_err(|error| Failure::new("decoding", &error))?;
                writeln!(io::stdout(), "{line}").map_err(|error| Failure::stdout(&error))
            }
        }
    }

    /// Prints every frame that can be read, and says of each other one why not. The last of these
    /// is what the command fails with.
    fn show_frames(&self, bytes: Bytes) -> Result<(), Failure> {
        if bytes.is_empty() {
            return Err(Failure::say("decoding: there are no frames, not one byte"));
        }
        let (frames, rest) = self.frames(bytes);
        let (whole, mut out, mut failed) = (frames.len(), io::stdout().lock(), None);
        let mut fail = |failure| {
            if let Some(earlier) = failed.replace(failure) {
                Failure::report(&earlier);
            }
        };
        for (index, frame) in frames.into_iter().enumerate() {
            match self.line(&Bytes::new(), frame) {
                Ok(line) => {
                    let shown = writeln!(out, "{line}").and_then(|()| out.flush());
                    if let Err(error) = shown {
                        fail(Failure::stdout(&error));
                        return failed.map_or(Ok(()), Err);
                    }
                }
                Err(error) => {
                    let what = format!("decoding frame {}", index.saturating_add(1));
                    fail(Failure::new(what, &error));
                }
            }
        }
        if !rest.is_empty() {
            let what = format!("decoding frame {}: {}", whole.saturating_add(1), cut(&rest));
            let bare = self.line(&Bytes::new(), rest).err().filter(|_| whole == 0 && !self.framed);
            fail(match bare {
                Some(error) => Failure::new(format!("{what}; as one without length"), &error),
                None => Failure::say(what),
            });
        }
        failed.map_or(Ok(()), Err)
    }

    /// An option that has no meaning for such bytes is a mistake.
    fn refuse_what_would_be_ignored(&self) -> Result<(), Failure> {
        let of_frames = self.api.is_some() || self.framed || self.bare;
        if of_frames && self.kind != Kind::Frames {
            let options = "--api, --version, --framed and --bare";
            return Err(Failure::misused(format!("{options} are for frames only")));
        }
        if self.records.is_some() && self.kind != Kind::Frames {
            return Err(Failure::misused("--records is for frames only"));
        }
        if self.key.is_some() && self.kind != Kind::CoordinatorRecord {
            return Err(Failure::misused("--key is for --as coordinator-record only"));
        }
        Ok(())
    }

    /// The frames, and the bytes that follow the last whole one.
    fn frames(&self, bytes: Bytes) -> (Vec<Bytes>, Bytes) {
        let (frames, rest) = split(bytes.clone());
        let reads = |frame: &Bytes| self.line(&Bytes::new(), frame.clone()).is_ok();
        let framed = match frames.first() {
            _ if self.framed || self.bare => self.framed,
            // if neither way reads, lengths that come out even or lead to what reads are no
            // coincidence
            Some(first) => {
                reads(first) || (!reads(&bytes) && (rest.is_empty() || frames.iter().any(reads)))
            }
            None => claimed(&bytes).is_some() && !reads(&bytes),
        };
        if framed { (frames, rest) } else { (vec![bytes], Bytes::new()) }
    }

    fn line(&self, key: &Bytes, bytes: Bytes) -> Result<String, ottla_protocol::DecodeError> {
        let printer = Printer::default().records(match self.records {
            None | Some(Shown::Size) => Records::Size,
            Some(Shown::Batches) => Records::Batches,
            Some(Shown::Base64) => Records::Base64,
        });
        match (self.kind, self.api.zip(self.version)) {
            (Kind::Frames, Some((api, version))) => printer.response(bytes, api, version),
            (Kind::Frames, None) => printer.request(bytes),
            (Kind::MetadataRecord, _) => printer.metadata_record(bytes),
            (Kind::Subscription, _) => printer.consumer_subscription(bytes),
            (Kind::Assignment, _) => printer.consumer_assignment(bytes),
            (Kind::CoordinatorRecord, _) => {
                let value = (!bytes.is_empty()).then_some(bytes);
                printer.coordinator_record(&self.topic, key.clone(), value)
            }
        }
    }
}

/// Why a text is no bytes.
#[derive(Debug, thiserror::Error, PartialEq)]
enum NotHex {
    #[error("{0:?} is no hex digit; bytes that are not hex are read with --file")]
    Digit(char),
    #[error("{0:?} has an odd number of hex digits")]
    Odd(String),
}

/// The bytes of words of hex digits.
fn unhex(text: &str) -> Result<Vec<u8>, NotHex> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let blank = |c: char| c.is_whitespace() || matches!(c, ':' | ',');
    for word in text.split(blank).filter(|word| !word.is_empty()) {
        let digits = word.strip_prefix("0x").unwrap_or(word);
        let mut high = None;
        for c in digits.chars() {
            let digit = c.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            let digit = digit.ok_or(NotHex::Digit(c))?;
            match high.take() {
                None => high = Some(digit),
                Some(first) => bytes.push(first << 4 | digit),
            }
        }
        if high.is_some() {
            return Err(NotHex::Odd(word.to_owned()));
        }
    }
    Ok(bytes)
}

/// The whole frames behind their lengths, and the bytes that follow the last of them.
fn split(mut rest: Bytes) -> (Vec<Bytes>, Bytes) {
    let mut frames = Vec::new();
    while let Some(length) = claimed(&rest) {
        let Some(end) = length.checked_add(4).filter(|end| *end <= rest.len()) else { break };
        frames.push(rest.split_to(end).slice(4..));
    }
    (frames, rest)
}

/// How long the first frame is by the length in front of it; `None` if that is none.
fn claimed(bytes: &[u8]) -> Option<usize> {
    usize::try_from(i32::from_be_bytes(*bytes.first_chunk()?)).ok()
}

/// Why bytes behind the last whole frame are not another.
fn cut(rest: &[u8]) -> String {
    let there = rest.len();
    match (rest.first_chunk().copied().map(i32::from_be_bytes), claimed(rest)) {
        (_, Some(length)) => {
            let there = there.saturating_sub(4);
            format!("it is cut: its length says {length} bytes, {there} are there")
        }
        (Some(negative), None) => {
            format!("its length says {negative}, in front of the last {there} bytes")
        }
        (None, None) => format!("it is cut: the last {there} bytes are not even its length"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_however_tools_print_them() {
        for text in ["00ff12", "00 FF 12\n", "00:ff:12", "0x00, 0xff, 0x12", " 0x00ff 12"] {
            assert_eq!(unhex(text).unwrap(), [0, 0xff, 0x12], "{text}");
        }
        assert_eq!(unhex("0g"), Err(NotHex::Digit('g')));
        assert_eq!(unhex("00 1"), Err(NotHex::Odd("1".to_owned())));
    }

    #[test]
    fn lengths_in_front_are_taken_off_and_a_cut_frame_hides_none_before_it() {
        let cut = |bytes: &'static [u8]| split(Bytes::from_static(bytes));
        let two = vec![Bytes::from("ab"), Bytes::from("c")];
        assert_eq!(cut(b"\0\0\0\x02ab\0\0\0\x01c"), (two.clone(), Bytes::new()));
        assert_eq!(cut(b"\0\0\0\x02ab\0\0\0\x01c\0\0\0\x02d"), (two, Bytes::from("\0\0\0\x02d")));
        for none in [&b"\0\0\0\x02a"[..], b"\xff\xff\xff\xff", b""] {
            assert_eq!(cut(none), (Vec::new(), Bytes::from(none)));
        }
    }

    #[test]
    fn an_api_goes_by_key_or_name() {
        for text in ["18", "ApiVersions", "apiversions", "API_VERSIONS", "api-versions"] {
            assert_eq!(api(text), Ok(ApiKey::API_VERSIONS), "{text}");
        }
        assert!(api("4").is_err());
        assert!(api("Nothing").is_err());
    }
}
