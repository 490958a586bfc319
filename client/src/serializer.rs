//! Values of programs as bytes of records, and back.

use core::error::Error;
use std::sync::Arc;

use ottla_protocol::ids::Offset;

use crate::consumer::{ConsumerRecord, RecordView, TopicPartition};
use crate::producer::Record;

/// Writes values of type `T` as bytes. Kafka: `Serializer`.
///
/// It writes bytes, and never Kafka's null: a tombstone is a record that is given no value, as
/// `Record::to("users").key("ann")`. [`Record::value_with`] and [`Record::key_with`] use it. Who
/// sends many records may keep one buffer for all of them:
///
/// ```
/// use ottla::{Record, Serializer, Utf8};
///
/// # fn main() -> Result<(), core::convert::Infallible> {
/// let mut buffer = Vec::new();
/// for line in ["one", "two"] {
///     buffer.clear();
///     Utf8.serialize(line, &mut buffer)?;
///     let record = Record::to("lines").value(&buffer);
/// #   let _ = record;
/// }
/// # Ok(())
/// # }
/// ```
pub trait Serializer<T: ?Sized> {
    /// Why a value cannot be written.
    type Error: Error + Send + Sync + 'static;

    /// Appends the bytes of `value` to `out`.
    ///
    /// # Errors
    ///
    /// The value cannot be written; what was appended so far means nothing.
    fn serialize(&self, value: &T, out: &mut Vec<u8>) -> Result<(), Self::Error>;
}

/// Reads values of type `T` from bytes, from which they may borrow. Kafka: `Deserializer`.
///
/// [`ConsumerRecord::value_as`], [`RecordView::value_as`] and
/// [`RecordStream::decode`](crate::RecordStream::decode) use it, and add the record's position to
/// what is wrong.
pub trait Deserializer<'a, T> {
    /// What is wrong with the bytes.
    type Error: Error + Send + Sync + 'static;

    /// Reads a value; `None` is Kafka's null.
    ///
    /// # Errors
    ///
    /// The bytes are no `T`.
    fn deserialize(&self, bytes: Option<&'a [u8]>) -> Result<T, Self::Error>;
}

/// Text, in UTF-8. Kafka: `StringSerializer`, `StringDeserializer`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Utf8;

impl<T: AsRef<str> + ?Sized> Serializer<T> for Utf8 {
    type Error = core::convert::Infallible;

    fn serialize(&self, value: &T, out: &mut Vec<u8>) -> Result<(), Self::Error> {
        out.extend_from_slice(value.as_ref().as_bytes());
        Ok(())
    }
}

/// Why bytes are no text.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Utf8Error {
    /// They are not UTF-8.
    #[error("it is not UTF-8: {0}")]
    NotUtf8(#[from] core::str::Utf8Error),
    /// Kafka's null; read it as an `Option`.
    #[error("it is null, which no text is")]
    Null,
}

impl<'a> Deserializer<'a, Option<&'a str>> for Utf8 {
    type Error = Utf8Error;

    fn deserialize(&self, bytes: Option<&'a [u8]>) -> Result<Option<&'a str>, Utf8Error> {
        Ok(bytes.map(core::str::from_utf8).transpose()?)
    }
}

impl<'a> Deserializer<'a, &'a str> for Utf8 {
    type Error = Utf8Error;

    fn deserialize(&self, bytes: Option<&'a [u8]>) -> Result<&'a str, Utf8Error> {
        let text: Option<&str> = self.deserialize(bytes)?;
        text.ok_or(Utf8Error::Null)
    }
}

impl Deserializer<'_, String> for Utf8 {
    type Error = Utf8Error;

    fn deserialize(&self, bytes: Option<&[u8]>) -> Result<String, Utf8Error> {
        let text: &str = self.deserialize(bytes)?;
        Ok(text.to_owned())
    }
}

/// Which part of a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RecordPart {
    /// Its key.
    Key,
    /// Its value.
    Value,
}

impl core::fmt::Display for RecordPart {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Key => "key",
            Self::Value => "value",
        })
    }
}

/// Why the key or the value of a record is not what it was to be read as. The source says what is
/// wrong with it.
///
/// It concerns this record only: the consumer goes on, and the record's bytes are still there.
#[derive(Debug, thiserror::Error)]
#[error("the {part} of {topic_partition} at offset {offset} {}", self.what())]
pub struct DeserializeError {
    part: RecordPart,
    topic_partition: TopicPartition,
    offset: Offset,
    is_null: bool,
    source: Box<dyn Error + Send + Sync>,
}

impl DeserializeError {
    /// Which part of the record it is.
    #[must_use]
    pub const fn part(&self) -> RecordPart {
        self.part
    }

    /// Where the record was read from.
    #[must_use]
    pub const fn topic_partition(&self) -> &TopicPartition {
        &self.topic_partition
    }

    /// The record's position in the partition.
    #[must_use]
    pub const fn offset(&self) -> Offset {
        self.offset
    }

    /// Whether the part is Kafka's null: in a compacted topic a value that is deletes its key.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        self.is_null
    }

    const fn what(&self) -> &'static str {
        if self.is_null { "is null, which the type has no place for" } else { "cannot be decoded" }
    }
}

impl Record<'_> {
    /// The value, written by `serializer`. Whatever it writes is a value: for a tombstone, which
    /// deletes the key in a compacted topic, give the record none.
    ///
    /// # Errors
    ///
    /// What the serializer says.
    pub fn value_with<T: ?Sized, S: Serializer<T>>(
        self,
        serializer: &S,
        value: &T,
    ) -> Result<Self, S::Error> {
        Ok(self.value(written(serializer, value)?))
    }

    /// The key, written by `serializer`.
    ///
    /// # Errors
    ///
    /// What the serializer says.
    pub fn key_with<T: ?Sized, S: Serializer<T>>(
        self,
        serializer: &S,
        key: &T,
    ) -> Result<Self, S::Error> {
        Ok(self.key(written(serializer, key)?))
    }
}

fn written<T: ?Sized, S: Serializer<T>>(serializer: &S, value: &T) -> Result<Vec<u8>, S::Error> {
    let mut bytes = Vec::new();
    serializer.serialize(value, &mut bytes)?;
    Ok(bytes)
}

impl ConsumerRecord {
    /// The value, read by `deserializer`; what it borrows lies in the record.
    ///
    /// # Errors
    ///
    /// The value is no `T`.
    pub fn value_as<'a, T, D: Deserializer<'a, T>>(
        &'a self,
        deserializer: &D,
    ) -> Result<T, DeserializeError> {
        let place = || (self.topic_partition(), self.offset);
        read(deserializer, RecordPart::Value, self.value.as_deref(), place)
    }

    /// The key, read by `deserializer`; what it borrows lies in the record.
    ///
    /// # Errors
    ///
    /// The key is no `T`.
    pub fn key_as<'a, T, D: Deserializer<'a, T>>(
        &'a self,
        deserializer: &D,
    ) -> Result<T, DeserializeError> {
        let place = || (self.topic_partition(), self.offset);
        read(deserializer, RecordPart::Key, self.key.as_deref(), place)
    }
}

impl<'a> RecordView<'a> {
    /// The value, read by `deserializer`; what it borrows lies in the fetched records.
    ///
    /// # Errors
    ///
    /// The value is no `T`.
    pub fn value_as<T, D: Deserializer<'a, T>>(
        &self,
        deserializer: &D,
    ) -> Result<T, DeserializeError> {
        read(deserializer, RecordPart::Value, self.value(), || self.place())
    }

    /// The key, read by `deserializer`; what it borrows lies in the fetched records.
    ///
    /// # Errors
    ///
    /// The key is no `T`.
    pub fn key_as<T, D: Deserializer<'a, T>>(
        &self,
        deserializer: &D,
    ) -> Result<T, DeserializeError> {
        read(deserializer, RecordPart::Key, self.key(), || self.place())
    }

    fn place(&self) -> (TopicPartition, Offset) {
        let (topic, partition) = (Arc::from(self.topic()), self.partition());
        (TopicPartition { topic, partition }, self.offset())
    }
}

fn read<'a, T, D: Deserializer<'a, T>>(
    deserializer: &D,
    part: RecordPart,
    bytes: Option<&'a [u8]>,
    place: impl Fn() -> (TopicPartition, Offset),
) -> Result<T, DeserializeError> {
    deserializer.deserialize(bytes).map_err(|source| {
        let (topic_partition, offset) = place();
        let (is_null, source) = (bytes.is_none(), source.into());
        DeserializeError { part, topic_partition, offset, is_null, source }
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use ottla_protocol::ids::{PartitionIndex, Timestamp};

    use super::*;
    use crate::consumer::TimestampType;

    #[test]
    fn text_survives_and_what_is_no_text_is_named_by_its_position() {
        let record = Record::to("t").key_with(&Utf8, "ann").unwrap();
        let record = record.value_with(&Utf8, &String::from("two apples")).unwrap();
        let mut received = ConsumerRecord {
            topic: "t".into(),
            partition: PartitionIndex(3),
            offset: Offset::new(17).unwrap(),
            timestamp: Timestamp(0),
            timestamp_type: TimestampType::CreateTime,
            leader_epoch: None,
            key: record.key_bytes().map(Bytes::copy_from_slice),
            value: record.value_bytes().map(Bytes::copy_from_slice),
            headers: Vec::new(),
        };
        assert_eq!(received.key_as::<&str, _>(&Utf8).unwrap(), "ann");
        assert_eq!(received.value_as::<String, _>(&Utf8).unwrap(), "two apples");
        received.key = Some(Bytes::from_static(b"\xff"));
        received.value = None;
        let key = received.key_as::<&str, _>(&Utf8).unwrap_err();
        let value = received.value_as::<String, _>(&Utf8).unwrap_err();
        assert_eq!(key.to_string(), "the key of t-3 at offset 17 cannot be decoded");
        assert!(key.source().unwrap().to_string().starts_with("it is not UTF-8: invalid utf-8"));
        let null = "the value of t-3 at offset 17 is null, which the type has no place for";
        assert_eq!((value.to_string(), value.is_null()), (null.to_owned(), true));
        assert_eq!(received.value_as::<Option<&str>, _>(&Utf8).unwrap(), None);
    }
}
