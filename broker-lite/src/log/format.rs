//! The bytes of the files beside the batches, as Kafka has them.
//!
//! The log reads and writes by these, and so does `log dump|verify`, which looks for what is wrong:
//! here a number may be any, and an error says where it stands.

use bytes::{Buf, BufMut};

/// `cleaner-offset-checkpoint`: up to where each log was compacted.
pub const CLEANER: &str = "cleaner-offset-checkpoint";
/// `leader-epoch-checkpoint`, in the folder of a partition.
pub const EPOCHS: &str = "leader-epoch-checkpoint";
/// `replication-offset-checkpoint`: the high watermark of each log.
pub const HIGH_WATERMARKS: &str = "replication-offset-checkpoint";
/// `log-start-offset-checkpoint`: where each log starts, if later than its first segment.
pub const LOG_STARTS: &str = "log-start-offset-checkpoint";
/// `meta.properties`: whose data directory it is.
pub const META_PROPERTIES: &str = "meta.properties";
/// `partition.metadata`, in the folder of a partition: the id of its topic.
pub const PARTITION_METADATA: &str = "partition.metadata";
/// `recovery-point-offset-checkpoint`: how far each log is known to be on the device.
pub const RECOVERY_POINTS: &str = "recovery-point-offset-checkpoint";

/// What to do about the damaged file of this name, with the broker stopped.
#[must_use]
pub fn remedy(name: &str) -> &'static str {
    match name {
        LOG_STARTS => {
            "stop the broker and remove the file: deleted records that are still in segments come back"
        }
        PARTITION_METADATA => {
            "stop the broker and remove the file: a start writes it anew, from the metadata log"
        }
        RECOVERY_POINTS => {
            "stop the broker and remove the file: the next start reads everything, and cuts each log at \
             its first damaged batch"
        }
        META_PROPERTIES => "write it anew with the cluster.id and node.id that this broker had",
        _ => "stop the broker and remove the file: the next start only takes longer",
    }
}

/// An entry of `.index`: a batch and where it begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OffsetEntry {
    /// Last offset of the batch less the base of its segment.
    pub delta: i32,
    /// Of its first byte in the `.log`.
    pub position: i32,
}

impl OffsetEntry {
    /// Length in bytes.
    pub const BYTES: usize = 8;

    /// What the bytes say.
    #[must_use]
    pub fn read(bytes: &[u8; Self::BYTES]) -> Self {
        let mut bytes = &bytes[..];
        Self { delta: bytes.get_i32(), position: bytes.get_i32() }
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let mut out = &mut bytes[..];
        out.put_i32(self.delta);
        out.put_i32(self.position);
        bytes
    }
}

/// An entry of `.timeindex`: no record up to that offset is younger.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TimeEntry {
    /// Milliseconds since 1970.
    pub timestamp: i64,
    /// An offset less the base of its segment.
    pub delta: i32,
}

impl TimeEntry {
    /// Length in bytes.
    pub const BYTES: usize = 12;

    /// What the bytes say.
    #[must_use]
    pub fn read(bytes: &[u8; Self::BYTES]) -> Self {
        let mut bytes = &bytes[..];
        Self { timestamp: bytes.get_i64(), delta: bytes.get_i32() }
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let mut out = &mut bytes[..];
        out.put_i64(self.timestamp);
        out.put_i32(self.delta);
        bytes
    }
}

/// An entry of `.txnindex`: an aborted transaction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AbortedEntry {
    /// Of the entry: [`AbortedEntry::VERSION`].
    pub version: i16,
    /// Id of the producer.
    pub producer: i64,
    /// Offset of the first record.
    pub first: i64,
    /// Offset of the marker.
    pub last: i64,
    /// Below this offset every transaction was decided then.
    pub stable: i64,
}

impl AbortedEntry {
    /// Length in bytes.
    pub const BYTES: usize = 34;
    /// The only version there is.
    pub const VERSION: i16 = 0;

    /// What the bytes say.
    #[must_use]
    pub fn read(bytes: &[u8; Self::BYTES]) -> Self {
        let mut bytes = &bytes[..];
        Self {
            version: bytes.get_i16(),
            producer: bytes.get_i64(),
            first: bytes.get_i64(),
            last: bytes.get_i64(),
            stable: bytes.get_i64(),
        }
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let mut out = &mut bytes[..];
        out.put_i16(self.version);
        [self.producer, self.first, self.last, self.stable].iter().for_each(|n| out.put_i64(*n));
        bytes
    }
}

/// A producer as a `.snapshot` has it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SnapshotEntry {
    /// Id of the producer.
    pub id: i64,
    /// Its epoch.
    pub epoch: i16,
    /// Of its last batch; -1 if it has none in this epoch, as the next two.
    pub last_sequence: i32,
    /// Of its last batch.
    pub last_offset: i64,
    /// Last offset of its last batch less the first; 0 if it has none.
    pub offset_delta: i32,
    /// Of its last batch or the marker behind it, milliseconds since 1970; -1 for none.
    pub timestamp: i64,
    /// -1 if it never ended a transaction.
    pub coordinator_epoch: i32,
    /// Where its open transaction begins; -1 if none is open.
    pub transaction_start: i64,
}

/// What is wrong with a file of bytes.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("byte {at}: {what}")]
pub struct BadByte {
    /// Where it stands.
    pub at: u64,
    /// What it is.
    pub what: String,
}

/// Version and checksum of a snapshot.
const HEADING_BYTES: usize = 6;
const COUNT_BYTES: usize = 4;
const SNAPSHOT_VERSION: i16 = 1;

impl SnapshotEntry {
    const BYTES: usize = 46;

    /// Where the entry number `index` lies in its file.
    #[must_use]
    pub const fn position(index: usize) -> u64 {
        (HEADING_BYTES + COUNT_BYTES + index * Self::BYTES) as u64
    }

    /// All producers of a snapshot, in its order.
    ///
    /// # Errors
    ///
    /// It is cut short, of another version, or its checksum does not fit.
    pub fn read_all(bytes: &[u8]) -> Result<Vec<Self>, BadByte> {
        let bad = |at: usize, what| BadByte { at: at as u64, what };
        let Some((mut heading, mut body)) = bytes.split_at_checked(HEADING_BYTES) else {
            return Err(bad(0, format!("it has {} bytes: too few for its heading", bytes.len())));
        };
        let version = heading.get_i16();
        if version != SNAPSHOT_VERSION {
            return Err(bad(0, format!("version {version} instead of {SNAPSHOT_VERSION}")));
        }
        let (stored, found) = (heading.get_u32(), crc32c::crc32c(body));
        if stored != found {
            return Err(bad(2, format!("its checksum is {found:08x}, not {stored:08x}")));
        }
        let Ok(count) = body.try_get_i32() else {
            return Err(bad(HEADING_BYTES, "it ends before its count".to_owned()));
        };
        let expected = usize::try_from(count).ok().and_then(|n| n.checked_mul(Self::BYTES));
        if expected != Some(body.len()) {
            let size = Self::BYTES;
            let what = format!("{count} producers in {} bytes: each has {size}", body.len());
            return Err(bad(HEADING_BYTES, what));
        }
        Ok(body.chunks_exact(Self::BYTES).map(Self::read).collect())
    }

    fn read(mut bytes: &[u8]) -> Self {
        Self {
            id: bytes.get_i64(),
            epoch: bytes.get_i16(),
            last_sequence: bytes.get_i32(),
            last_offset: bytes.get_i64(),
            offset_delta: bytes.get_i32(),
            timestamp: bytes.get_i64(),
            coordinator_epoch: bytes.get_i32(),
            transaction_start: bytes.get_i64(),
        }
    }

    /// The bytes of a snapshot.
    pub(super) fn write_all(count: i32, entries: impl Iterator<Item = Self>) -> Vec<u8> {
        let mut body = Vec::new();
        body.put_i32(count);
        for entry in entries {
            body.put_i64(entry.id);
            body.put_i16(entry.epoch);
            body.put_i32(entry.last_sequence);
            body.put_i64(entry.last_offset);
            body.put_i32(entry.offset_delta);
            body.put_i64(entry.timestamp);
            body.put_i32(entry.coordinator_epoch);
            body.put_i64(entry.transaction_start);
        }
        let mut bytes = Vec::with_capacity(HEADING_BYTES + body.len());
        bytes.put_i16(SNAPSHOT_VERSION);
        bytes.put_u32(crc32c::crc32c(&body));
        bytes.extend_from_slice(&body);
        bytes
    }
}

/// What is wrong with a checkpoint.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct BadLine {
    /// The first is 1.
    pub line: usize,
    /// What it is.
    pub what: String,
}

/// An entry of a checkpoint and the line it stands in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Line<T> {
    /// The first of the file is 1.
    pub line: usize,
    /// What it says.
    pub value: T,
}

/// `topic partition offset`.
pub type PartitionOffset = (String, i32, i64);

/// Version of every checkpoint, its first line.
pub(super) const CHECKPOINT_VERSION: &str = "0";

/// A checkpoint with an offset for each partition.
///
/// # Errors
///
/// Another version, another number of lines than it says, or a line that is none.
pub fn offsets(text: &str) -> Result<Vec<Line<PartitionOffset>>, BadLine> {
    checkpoint(text, "topic, partition and offset", |words| match words {
        [topic, index, offset] => {
            Some(((*topic).to_owned(), not_negative(index)?, not_negative(offset)?))
        }
        _ => None,
    })
}

/// `leader-epoch-checkpoint`: epochs and where each starts, both of which ascend.
///
/// # Errors
///
/// As of [`offsets`], or they do not ascend.
pub fn epochs(text: &str) -> Result<Vec<(i32, i64)>, BadLine> {
    let entries = checkpoint(text, "epoch and offset", |words| match words {
        [epoch, start] => Some((not_negative(epoch)?, not_negative(start)?)),
        _ => None,
    })?;
    for pair in entries.windows(2) {
        let (before, Line { line, value: (epoch, start) }) = (pair[0].value, &pair[1]);
        if *epoch <= before.0 || *start <= before.1 {
            let what = format!(
                "epoch {epoch} from {start} on behind epoch {} from {} on: both must ascend",
                before.0, before.1
            );
            return Err(BadLine { line: *line, what });
        }
    }
    Ok(entries.into_iter().map(|entry| entry.value).collect())
}

fn not_negative<T: core::str::FromStr + PartialOrd + Default>(word: &str) -> Option<T> {
    word.parse().ok().filter(|number| *number >= T::default())
}

fn checkpoint<T>(
    text: &str,
    form: &str,
    parse: impl Fn(&[&str]) -> Option<T>,
) -> Result<Vec<Line<T>>, BadLine> {
    let bad = |line, what| Err(BadLine { line, what });
    let mut lines = text.lines();
    let version = lines.next().unwrap_or_default();
    if version != CHECKPOINT_VERSION {
        return bad(1, format!("version {version:?} instead of {CHECKPOINT_VERSION:?}"));
    }
    let count = lines.next().unwrap_or_default();
    let Ok(count) = count.parse::<usize>() else {
        return bad(2, format!("{count:?} is no number of entries"));
    };
    let mut entries = Vec::new();
    for (at, text) in lines.enumerate() {
        let line = at.saturating_add(3);
        let words: Vec<_> = text.split_whitespace().collect();
        match parse(&words) {
            Some(value) => entries.push(Line { line, value }),
            None => return bad(line, format!("{text:?} is no {form}")),
        }
    }
    if entries.len() != count {
        return bad(2, format!("it says {count} entries, but has {}", entries.len()));
    }
    if !text.ends_with('\n') {
        // and with it maybe a number
        return bad(text.lines().count(), "it ends within a line".to_owned());
    }
    Ok(entries)
}
