//! What the jobs work on.

use bytes::Bytes;

/// Partitions of a Produce or Fetch, one topic.
pub const PARTITIONS: usize = 10;
/// Records of a batch.
pub const RECORDS: usize = 100;
/// Partitions of a Metadata response, ten topics.
pub const METADATA_PARTITIONS: usize = 1000;
/// Partitions of an OffsetCommit, ten topics.
pub const GROUP_PARTITIONS: usize = 100;
/// Topics of a Metadata response and of an OffsetCommit.
pub const TOPICS: usize = 10;

/// The version of each message: the newest that both crates know.
pub const PRODUCE: i16 = 13;
/// See [`PRODUCE`].
pub const FETCH: i16 = 18;
/// See [`PRODUCE`].
pub const METADATA: i16 = 13;
/// See [`PRODUCE`].
pub const OFFSET_COMMIT: i16 = 9;

/// The topic of a Produce or Fetch.
pub const TOPIC_ID: [u8; 16] = *b"topic by its id.";

/// Of a record: a key of 8 bytes and a value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Size {
    /// 100 bytes.
    Small,
    /// 1 KiB.
    Large,
}

impl Size {
    const fn value_bytes(self) -> usize {
        match self {
            Self::Small => 92,
            Self::Large => 1016,
        }
    }
}

/// What an application hands over.
#[derive(Clone, Debug)]
pub struct Payload {
    /// 8 bytes.
    pub key: Bytes,
    /// The rest.
    pub value: Bytes,
    /// A millisecond or less behind the one before.
    pub timestamp: i64,
}

/// The records of one batch, the same each time.
#[must_use]
pub fn payloads(size: Size) -> Vec<Payload> {
    let mut random = fastrand::Rng::with_seed(7);
    let mut timestamp = 1_700_000_000_000;
    let mut bytes = |count: usize| Bytes::from_iter((0..count).map(|_| random.u8(..)));
    let payload = |index: usize| {
        timestamp += i64::from(index.is_multiple_of(3));
        Payload { key: bytes(8), value: bytes(size.value_bytes()), timestamp }
    };
    (0..RECORDS).map(payload).collect()
}

/// What a reader sees of a key and a value.
#[must_use]
pub fn witness(key: Option<&[u8]>, value: Option<&[u8]>) -> u64 {
    let of = |bytes: Option<&[u8]>| bytes.map_or(0, |bytes| bytes.len() as u64);
    of(key) + of(value)
}

/// A broker's name.
#[must_use]
pub fn host(id: i32) -> String {
    format!("broker-{id}.kafka.example")
}

/// A topic's name.
#[must_use]
pub fn topic(index: usize) -> String {
    format!("orders-of-region-{index}")
}

/// Bytes that a batch of records of one size fits in.
#[must_use]
pub fn batch_bytes_max(payloads: &[Payload]) -> usize {
    let record = |payload: &Payload| payload.key.len() + payload.value.len() + 31;
    61 + payloads.len() * payloads.first().map_or(0, record) + 8
}
