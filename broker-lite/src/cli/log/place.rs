//! What the names in a data directory mean.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use ottla_protocol::topic;

use super::problem::{Place, Problem};

pub(super) use broker_lite::log::format::{
    CLEANER, EPOCHS, HIGH_WATERMARKS, LOG_STARTS, META_PROPERTIES, PARTITION_METADATA,
    RECOVERY_POINTS,
};

/// What is read as a whole, text or snapshot, is refused beyond this: over a million entries.
const WHOLE_BYTES_MAX: u64 = 64 << 20;

/// What a file is, by its name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// `.log`: the batches of a segment that starts at this offset.
    Log(i64),
    /// `.index` of such a segment.
    OffsetIndex(i64),
    /// `.timeindex` of such a segment.
    TimeIndex(i64),
    /// `.txnindex` of such a segment.
    TransactionIndex(i64),
    /// `.snapshot`: the producers before this offset.
    Producers(i64),
    /// `OFFSET-EPOCH.checkpoint`: a snapshot of the metadata, in batches.
    MetadataSnapshot,
    /// `leader-epoch-checkpoint`.
    Epochs,
    /// A checkpoint with an offset for each partition.
    Offsets,
    /// `partition.metadata` or `meta.properties`.
    Properties,
    /// One JSON object.
    Json,
    /// Anything else: what a crash left, or nothing of a broker's.
    Other,
}

impl Kind {
    pub(super) fn of(name: &str) -> Self {
        match name {
            EPOCHS => return Self::Epochs,
            CLEANER | HIGH_WATERMARKS | LOG_STARTS | RECOVERY_POINTS => return Self::Offsets,
            META_PROPERTIES | PARTITION_METADATA => return Self::Properties,
            ".kafka_cleanshutdown" | "quorum-state" => return Self::Json,
            _ => {}
        }
        let Some((stem, suffix)) = name.split_once('.') else { return Self::Other };
        if suffix == "checkpoint" {
            let parts = stem.split_once('-');
            let named = parts.is_some_and(|(offset, epoch)| {
                number(offset, 20).is_some() && number(epoch, 10).is_some()
            });
            return if named { Self::MetadataSnapshot } else { Self::Other };
        }
        match (number(stem, 20), suffix) {
            (Some(base), "log") => Self::Log(base),
            (Some(base), "index") => Self::OffsetIndex(base),
            (Some(base), "timeindex") => Self::TimeIndex(base),
            (Some(base), "txnindex") => Self::TransactionIndex(base),
            (Some(end), "snapshot") => Self::Producers(end),
            _ => Self::Other,
        }
    }

    /// What a person calls it.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Log(_) => "batches",
            Self::OffsetIndex(_) => "offset index",
            Self::TimeIndex(_) => "time index",
            Self::TransactionIndex(_) => "transaction index",
            Self::Producers(_) => "producers",
            Self::MetadataSnapshot => "metadata snapshot",
            Self::Epochs => "leader epochs",
            Self::Offsets => "offsets",
            Self::Properties => "properties",
            Self::Json => "state",
            Self::Other => "other",
        }
    }
}

fn number(text: &str, digits: usize) -> Option<i64> {
    let plain = text.len() == digits && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

/// What a directory in a data directory is, by its name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Folder {
    /// Of this partition.
    Partition(String, i32),
    /// Of a partition that is being deleted or moved, or that nobody claims.
    Leaving,
    /// Of nothing that a broker makes.
    Unknown,
}

impl Folder {
    pub(super) fn of(name: &str) -> Self {
        // a partition ends in its number
        if ["-delete", "-future", "-stray"].iter().any(|end| name.ends_with(end)) {
            return Self::Leaving;
        }
        let parts = name.rsplit_once('-').filter(|(topic, _)| topic::check_name(topic).is_ok());
        let digits = |index: &&str| index.bytes().all(|b| b.is_ascii_digit());
        match parts.map(|(topic, index)| (topic, Some(index).filter(digits))) {
            Some((topic, Some(index))) => index
                .parse()
                .map_or(Self::Unknown, |index| Self::Partition(topic.to_owned(), index)),
            _ => Self::Unknown,
        }
    }
}

/// A name in a directory.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) directory: bool,
}

/// What is in a directory, sorted by name.
pub(super) fn list(dir: &Path) -> Result<Vec<Entry>, Problem> {
    let unreadable = |error: io::Error| Problem::unreadable(dir, &error);
    let mut entries = Vec::new();
    for entry in fs::read_dir(dir).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        entries.push(Entry { name, directory: entry.path().is_dir() });
    }
    entries.sort();
    Ok(entries)
}

/// What a user pointed at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Target {
    /// A data directory.
    Data(PathBuf),
    /// The folder of one partition.
    Partition(PathBuf),
    /// A file.
    File(PathBuf),
}

impl Target {
    /// # Errors
    ///
    /// There is nothing, or a directory that is neither.
    pub(super) fn of(path: &Path) -> Result<Self, Problem> {
        let unreadable = |error: io::Error| Problem::unreadable(path, &error);
        if !fs::metadata(path).map_err(unreadable)?.is_dir() {
            return Ok(Self::File(path.to_owned()));
        }
        // `.` has no name
        let path = match path.file_name() {
            Some(_) => path.to_owned(),
            None => fs::canonicalize(path).map_err(unreadable)?,
        };
        let entries = list(&path)?;
        let has = |wanted: &dyn Fn(&Entry) -> bool| entries.iter().any(wanted);
        let partition = matches!(Folder::of(&file_name(&path)), Folder::Partition(..));
        if has(&|entry| !entry.directory && matches!(Kind::of(&entry.name), Kind::Log(_))) {
            Ok(Self::Partition(path))
        } else if has(&|entry| entry.name == META_PROPERTIES) {
            Ok(Self::Data(path))
        } else if partition {
            Ok(Self::Partition(path))
        } else if has(&|entry| matches!(Folder::of(&entry.name), Folder::Partition(..))) {
            Ok(Self::Data(path))
        } else {
            let what = "it is no data directory and no folder of a partition";
            let advice = "name a directory with meta.properties, or what is in it";
            Err(Problem::new(&path, Place::Whole, what, advice))
        }
    }
}

/// The last part of a path.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// All of a small file; `None` if it is absent.
pub(super) fn read_small(path: &Path) -> Result<Option<Vec<u8>>, Problem> {
    let unreadable = |error: io::Error| Problem::unreadable(path, &error);
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let mut bytes = Vec::new();
    file.take(WHOLE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len > WHOLE_BYTES_MAX) {
        let what = format!("it is larger than {WHOLE_BYTES_MAX} bytes");
        return Err(Problem::new(path, Place::Whole, what, "no broker writes such a file"));
    }
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_what_its_name_says() {
        for (name, kind) in [
            ("00000000000000000000.log", Kind::Log(0)),
            ("00000000000000000170.index", Kind::OffsetIndex(170)),
            ("00000000000000000170.timeindex", Kind::TimeIndex(170)),
            ("00000000000000000170.txnindex", Kind::TransactionIndex(170)),
            ("00000000000000000170.snapshot", Kind::Producers(170)),
            ("00000000000000000170-0000000003.checkpoint", Kind::MetadataSnapshot),
            ("bootstrap.checkpoint", Kind::Other),
            ("170.log", Kind::Other),
            ("99999999999999999999.log", Kind::Other),
            ("0000000000000000017x.log", Kind::Other),
            ("00000000000000000170.log.deleted", Kind::Other),
            ("00000000000000000170.index.swap", Kind::Other),
            ("leader-epoch-checkpoint", Kind::Epochs),
            ("leader-epoch-checkpoint.tmp", Kind::Other),
            ("cleaner-offset-checkpoint", Kind::Offsets),
        ] {
            assert_eq!(Kind::of(name), kind, "{name}");
        }
    }

    #[test]
    fn a_folder_is_what_its_name_says() {
        let partition = |topic: &str, index| Folder::Partition(topic.to_owned(), index);
        for (name, folder) in [
            ("orders-0", partition("orders", 0)),
            ("a-b-17", partition("a-b", 17)),
            ("orders-0.0123456789abcdef0123456789abcdef-delete", Folder::Leaving),
            ("orders-0.0123456789abcdef0123456789abcdef-future", Folder::Leaving),
            ("orders", Folder::Unknown),
            ("orders-", Folder::Unknown),
            ("-0", Folder::Unknown),
            ("or ders-0", Folder::Unknown),
            ("orders-99999999999", Folder::Unknown),
            ("lost+found", Folder::Unknown),
        ] {
            assert_eq!(Folder::of(name), folder, "{name}");
        }
    }
}
