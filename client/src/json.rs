//! Values that are JSON.

use serde::{Deserialize, Serialize};

use crate::consumer::{ConsumerRecord, RecordView};
use crate::producer::Record;
use crate::serializer::{DeserializeError, Deserializer, Serializer};

/// JSON, by way of serde. Kafka's null is read as JSON's `null`: `Option<T>` takes it.
///
/// Not so the other way: `None` is written as the four bytes `null`, a value like any other, which
/// deletes nothing from a compacted topic. A tombstone is a record that is given no value:
///
/// ```
/// use ottla::Record;
///
/// # fn main() -> Result<(), ottla::ToJsonError> {
/// let user: Option<&str> = None;
/// let record = Record::to("users").key("ann");
/// let record = match user {
///     Some(user) => record.json(user)?,
///     None => record, // a tombstone
/// };
/// # drop(record);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Json;

/// Why a value could not be written as JSON: its `Serialize` failed, or a map has keys that are no
/// strings. The source says which.
#[derive(Debug, thiserror::Error)]
#[error("the value cannot be written as JSON")]
pub struct ToJsonError(#[source] serde_json::Error);

/// Why bytes are not the JSON asked for, and where in them.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct FromJsonError(serde_json::Error);

impl<T: Serialize + ?Sized> Serializer<T> for Json {
    type Error = ToJsonError;

    fn serialize(&self, value: &T, out: &mut Vec<u8>) -> Result<(), ToJsonError> {
        serde_json::to_writer(out, value).map_err(ToJsonError)
    }
}

impl<'a, T: Deserialize<'a>> Deserializer<'a, T> for Json {
    type Error = FromJsonError;

    fn deserialize(&self, bytes: Option<&'a [u8]>) -> Result<T, FromJsonError> {
        serde_json::from_slice(bytes.unwrap_or(b"null")).map_err(FromJsonError)
    }
}

impl Record<'_> {
    /// The value, written as [`Json`]: `None` as the text `null`, which is no tombstone.
    ///
    /// ```
    /// use ottla::Record;
    ///
    /// # fn main() -> Result<(), ottla::ToJsonError> {
    /// let record = Record::to("orders").key("ann").json(&["apple", "pear"])?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The value cannot be written as JSON; see [`ToJsonError`].
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Result<Self, ToJsonError> {
        self.value_with(&Json, value)
    }
}

impl ConsumerRecord {
    /// The value, read as [`Json`]; what it borrows lies in the record.
    ///
    /// # Errors
    ///
    /// The value is not the JSON of a `T`; the source says where in it.
    pub fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, DeserializeError> {
        self.value_as(&Json)
    }
}

impl<'a> RecordView<'a> {
    /// The value, read as [`Json`]; what it borrows lies in the fetched records.
    ///
    /// # Errors
    ///
    /// The value is not the JSON of a `T`; the source says where in it.
    pub fn json<T: Deserialize<'a>>(&self) -> Result<T, DeserializeError> {
        self.value_as(&Json)
    }
}

#[cfg(test)]
mod tests {
    use core::error::Error;
    use std::collections::BTreeMap;

    use bytes::Bytes;
    use ottla_protocol::Str;
    use ottla_protocol::ids::{Offset, PartitionIndex, Timestamp};

    use super::*;
    use crate::consumer::{TimestampType, TopicPartition};
    use crate::producer::RecordMetadata;

    #[derive(Debug, Deserialize, PartialEq, Serialize)]
    struct Order<'a> {
        who: &'a str,
        apples: u32,
    }

    fn received(value: Option<&'static str>) -> ConsumerRecord {
        ConsumerRecord {
            topic: "orders".into(),
            partition: PartitionIndex(3),
            offset: Offset::new(17).unwrap(),
            timestamp: Timestamp(0),
            timestamp_type: TimestampType::CreateTime,
            leader_epoch: None,
            key: None,
            value: value.map(|text| Bytes::from_static(text.as_bytes())),
            headers: Vec::new(),
        }
    }

    #[test]
    fn a_value_survives_json_and_borrows_from_the_record() {
        let order = Order { who: "ann", apples: 2 };
        let record = Record::to("orders").json(&order).unwrap();
        assert_eq!(record.value_bytes(), Some(&br#"{"who":"ann","apples":2}"#[..]));
        let record = received(Some(r#"{"who":"ann","apples":2}"#));
        let read: Order<'_> = record.json().unwrap();
        assert_eq!(read, order);
        assert!(record.value.as_ref().unwrap().as_ptr_range().contains(&read.who.as_ptr()));
    }

    #[test]
    fn what_is_not_the_json_asked_for_is_named_by_its_position() {
        for (value, text, reason) in [
            (
                Some(r#"{"who":"ann"}"#),
                "the value of orders-3 at offset 17 cannot be decoded",
                "missing field `apples` at line 1 column 13",
            ),
            (
                None,
                "the value of orders-3 at offset 17 is null, which the type has no place for",
                "invalid type: null, expected struct Order at line 1 column 4",
            ),
        ] {
            let record = received(value);
            let error = record.json::<Order<'_>>().unwrap_err();
            assert_eq!((error.to_string(), error.is_null()), (text.to_owned(), value.is_none()));
            assert_eq!(error.source().unwrap().to_string(), reason);
            assert_eq!(
                (error.topic_partition(), error.offset().get()),
                (&("orders", 3).into(), 17)
            );
        }
        assert_eq!(received(None).json::<Option<u32>>().unwrap(), None);
    }

    #[test]
    fn a_value_that_json_cannot_hold_is_refused_before_it_is_sent() {
        let error = Record::to("t").json(&BTreeMap::from([((1, 2), 3)])).unwrap_err();
        assert_eq!(error.source().unwrap().to_string(), "key must be a string");
    }

    #[test]
    fn positions_survive_json() {
        let position = (TopicPartition::new("orders", 3), Offset::new(17).unwrap());
        let text = serde_json::to_string(&position).unwrap();
        assert_eq!(text, r#"[{"topic":"orders","partition":3},17]"#);
        assert_eq!(serde_json::from_str::<(TopicPartition, Offset)>(&text).unwrap(), position);
        let metadata = RecordMetadata {
            topic: Str::from_static("orders"),
            partition: PartitionIndex(3),
            offset: None,
            timestamp: Timestamp(5),
        };
        let text = serde_json::to_string(&metadata).unwrap();
        assert_eq!(text, r#"{"topic":"orders","partition":3,"offset":null,"timestamp":5}"#);
        assert_eq!(serde_json::from_str::<RecordMetadata>(&text).unwrap(), metadata);
    }
}
