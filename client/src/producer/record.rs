//! What an application hands to a producer.

use core::fmt;

use bytes::Bytes;
use ottla_protocol::Str;
use ottla_protocol::ids::{PartitionIndex, Timestamp};
use ottla_protocol::record::Header;

/// Bytes of a key or a value: borrowed until the record is encoded, or shared without a copy.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Payload<'a>(Held<'a>);

#[derive(Clone, Eq, Hash, PartialEq)]
enum Held<'a> {
    Borrowed(&'a [u8]),
    Shared(Bytes),
}

impl Payload<'_> {
    /// The bytes.
    #[must_use]
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Held::Borrowed(bytes) => bytes,
            Held::Shared(bytes) => bytes,
        }
    }

    /// The same bytes, free of the borrow; copies borrowed ones.
    #[must_use]
    pub fn into_owned(self) -> Payload<'static> {
        match self.0 {
            Held::Borrowed(bytes) => Payload(Held::Shared(Bytes::copy_from_slice(bytes))),
            Held::Shared(bytes) => Payload(Held::Shared(bytes)),
        }
    }
}

impl fmt::Debug for Payload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.as_slice().escape_ascii())
    }
}

macro_rules! payload_from {
    (borrowed { $($borrowed:ty => $slice:expr,)* } shared { $($shared:ty,)* }) => {
        $(impl<'a> From<&'a $borrowed> for Payload<'a> {
            fn from(bytes: &'a $borrowed) -> Self {
                let slice: fn(&'a $borrowed) -> &'a [u8] = $slice;
                Self(Held::Borrowed(slice(bytes)))
            }
        })*
        $(impl From<$shared> for Payload<'_> {
            fn from(bytes: $shared) -> Self {
                Self(Held::Shared(Bytes::from(bytes)))
            }
        })*
    };
}

payload_from! {
    borrowed {
    [u8] => |b| b,
    str => |b| b.as_bytes(),
    String => |b| b.as_bytes(),
    Vec<u8> => |b| b,
    Bytes => |b| b,
    }
    shared {
    Bytes,
    Vec<u8>,
    String,
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Payload<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self(Held::Borrowed(bytes))
    }
}

/// The name of a topic, borrowed or shared.
#[derive(Clone, Debug)]
enum Name<'a> {
    Borrowed(&'a str),
    Shared(Str),
}

/// One record to be produced. It may borrow its topic, key and value: they are copied once, into
/// the batch that leaves for the broker.
///
/// ```
/// use ottla::producer::Record;
///
/// let record = Record::to("orders").key("customer 7").value(b"two apples");
/// assert_eq!(record.topic(), Some("orders"));
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a record does nothing until a producer gets it"]
pub struct Record<'a> {
    topic: Option<Name<'a>>,
    partition: Option<PartitionIndex>,
    timestamp: Option<Timestamp>,
    key: Option<Payload<'a>>,
    value: Option<Payload<'a>>,
    headers: Vec<Header>,
}

impl<'a> Record<'a> {
    /// A record without a topic, for a handle that has one ([`super::TopicProducer`]).
    #[inline]
    pub fn new() -> Self {
        Self::default()
    }

    /// A record for `topic`.
    #[inline]
    pub fn to(topic: &'a str) -> Self {
        Self { topic: Some(Name::Borrowed(topic)), ..Self::default() }
    }

    /// A record for `topic`, which is shared and not borrowed.
    pub fn to_shared(topic: impl Into<Str>) -> Self {
        Self { topic: Some(Name::Shared(topic.into())), ..Self::default() }
    }

    /// The key: records with equal keys go to the same partition, and compaction keeps the last of
    /// them. Default: none.
    #[inline]
    pub fn key(mut self, key: impl Into<Payload<'a>>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// The value. Default: none, which in a compacted topic deletes the key.
    #[inline]
    pub fn value(mut self, value: impl Into<Payload<'a>>) -> Self {
        self.value = Some(value.into());
        self
    }

    /// The partition. Default: the partitioner picks it.
    #[inline]
    pub fn partition(mut self, partition: PartitionIndex) -> Self {
        self.partition = Some(partition);
        self
    }

    /// When it happened. Default: when it is enqueued. A topic with
    /// `message.timestamp.type=LogAppendTime` puts the broker's time in its place.
    #[inline]
    pub fn timestamp(mut self, timestamp: Timestamp) -> Self {
        self.timestamp = Some(timestamp);
        self
    }

    /// Adds a header. Order and repeated keys are kept. The value is owned (`String`, `Vec<u8>`,
    /// `Bytes`) or static; of a borrowed one give a copy: `value.to_owned()`.
    pub fn header(mut self, key: impl Into<Str>, value: impl Into<Bytes>) -> Self {
        self.headers.push(Header { key: key.into(), value: Some(value.into()) });
        self
    }

    /// Adds headers, whose values may be null.
    pub fn headers(mut self, headers: impl IntoIterator<Item = Header>) -> Self {
        self.headers.extend(headers);
        self
    }

    /// The topic, if it has one.
    #[must_use]
    #[inline]
    pub fn topic(&self) -> Option<&str> {
        self.topic.as_ref().map(|name| match name {
            Name::Borrowed(name) => name,
            Name::Shared(name) => &**name,
        })
    }

    #[inline]
    pub(crate) fn chosen_partition(&self) -> Option<PartitionIndex> {
        self.partition
    }

    #[inline]
    pub(crate) fn chosen_timestamp(&self) -> Option<Timestamp> {
        self.timestamp
    }

    #[inline]
    pub(crate) fn key_bytes(&self) -> Option<&[u8]> {
        self.key.as_ref().map(Payload::as_slice)
    }

    #[inline]
    pub(crate) fn value_bytes(&self) -> Option<&[u8]> {
        self.value.as_ref().map(Payload::as_slice)
    }

    #[inline]
    pub(crate) fn header_list(&self) -> &[Header] {
        &self.headers
    }

    /// The same record, free of all borrows; copies what was borrowed.
    pub fn into_owned(self) -> Record<'static> {
        let topic = self.topic.map(|name| match name {
            Name::Borrowed(name) => Name::Shared(Str::from(name)),
            Name::Shared(name) => Name::Shared(name),
        });
        Record {
            topic,
            partition: self.partition,
            timestamp: self.timestamp,
            key: self.key.map(Payload::into_owned),
            value: self.value.map(Payload::into_owned),
            headers: self.headers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_borrow_or_share_and_never_copy_shared_bytes() {
        let shared = Bytes::from_static(b"shared");
        let at = shared.as_ptr();
        let owned = Payload::from(shared).into_owned();
        assert_eq!(owned.as_slice().as_ptr(), at);
        let text = String::from("text");
        for payload in [Payload::from(&text), Payload::from("text"), Payload::from(b"text")] {
            assert_eq!(payload.as_slice(), b"text");
        }
        assert_eq!(format!("{:?}", Payload::from(b"a\n")), r#"b"a\n""#);
    }

    #[test]
    fn an_owned_record_keeps_every_part() {
        let (topic, value) = (String::from("t"), vec![1, 2]);
        let record = Record::to(&topic)
            .key("k")
            .value(&value)
            .partition(PartitionIndex(3))
            .timestamp(Timestamp(9))
            .header("h", "1")
            .header("h", "2");
        let owned: Record<'static> = record.into_owned();
        drop((topic, value));
        assert_eq!(owned.topic(), Some("t"));
        assert_eq!(owned.key_bytes(), Some(&b"k"[..]));
        assert_eq!(owned.value_bytes(), Some(&[1, 2][..]));
        assert_eq!(owned.chosen_partition(), Some(PartitionIndex(3)));
        assert_eq!(owned.chosen_timestamp(), Some(Timestamp(9)));
        let values: Vec<_> = owned.header_list().iter().map(|h| h.value.clone()).collect();
        assert_eq!(values, [Some(Bytes::from_static(b"1")), Some(Bytes::from_static(b"2"))]);
    }
}
