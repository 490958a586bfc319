//! What stands in the topics that coordinators keep their state in, and in files beside the logs.
//!
//! The key of such a record is its type (int16) and then the key itself; the value is its version
//! (int16) and then the value itself. A record without value takes away what its key names.

pub mod consumer_groups;
pub mod files;
pub mod offsets;
pub mod remote_log;
pub mod share_groups;
pub mod share_state;
pub mod streams_groups;
pub mod streams_topologies;
pub mod transactions;

use bytes::Bytes;

use crate::error::{DecodeError, DecodeReason, EncodeError};
use crate::schema::{Message, Schema, taken};
use crate::wire::{FrameWriter, Reader};

/// The only version there is of any key.
pub(crate) const KEY_VERSION: i16 = 0;

macro_rules! coordinator_records {
    (
        apis $_apis:tt
        messages $_messages:tt
        metadata_records $_metadata_records:tt
        coordinator_records { $( $keys:ident, $values:ident of $topic:literal {
            $( $variant:ident: $module:ident($key:ident, $value:ident) = $id:literal; )*
        } )* }
        $($_others:tt)*
    ) => {
        $(
        #[doc = concat!("The key of a record of `", $topic, "`: what it is about.")]
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum $keys {$(
            #[doc = concat!("Of type ", $id, ".")]
            $variant($module::$key),
        )*}

        impl $keys {
            /// The number by which the topic names this type of record.
            #[must_use]
            pub fn id(&self) -> i16 {
                match self { $( Self::$variant(_) => $id, )* }
            }

            /// The key of a record of the topic.
            ///
            /// # Errors
            ///
            /// If a string is too long.
            pub fn encode(&self) -> Result<Bytes, EncodeError> {
                let mut out = FrameWriter::new();
                out.put_slice(&self.id().to_be_bytes());
                match self { $( Self::$variant(key) => key.encode(KEY_VERSION, &mut out)?, )* }
                Ok(out.into_bytes())
            }

            /// Reads the key of a record of the topic.
            ///
            /// # Errors
            ///
            /// If the bytes are not such a key, or are of a type that is not declared.
            pub fn decode(key: Bytes) -> Result<Self, DecodeError> {
                let (id, mut reader) = number(key, stringify!($keys), "type")?;
                match id {
                    $( $id => {
                        let key = <$module::$key as Message>::decode(&mut reader, KEY_VERSION)?;
                        end::<$module::$key>(&reader, KEY_VERSION)?;
                        Ok(Self::$variant(key))
                    } )*
                    _ => Err(unknown(id, stringify!($keys))),
                }
            }
        }

        #[doc = concat!("The value of a record of `", $topic, "`: how that stands now.")]
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum $values {$(
            #[doc = concat!("Of type ", $id, ".")]
            $variant($module::$value),
        )*}

        impl $values {
            /// The number by which keys name this type of record.
            #[must_use]
            pub fn id(&self) -> i16 {
                match self { $( Self::$variant(_) => $id, )* }
            }

            /// The newest version that Kafka 4.4.0 declares of this type of record.
            #[must_use]
            pub fn newest_version(&self) -> i16 {
                match self {
                    $( Self::$variant(_) => *<$module::$value as Message>::VERSIONS.end(), )*
                }
            }

            /// The value of a record of the topic.
            ///
            /// # Errors
            ///
            /// If `version` is not declared or cannot carry what is set.
            pub fn encode(&self, version: i16) -> Result<Bytes, EncodeError> {
                let mut out = FrameWriter::new();
                out.put_slice(&version.to_be_bytes());
                match self { $( Self::$variant(value) => value.encode(version, &mut out)?, )* }
                Ok(out.into_bytes())
            }

            /// Reads the value of a record whose key is of type `id`.
            ///
            /// # Errors
            ///
            /// If the bytes are not such a value, or are of a type or version that is not
            /// declared.
            pub fn decode(id: i16, value: Bytes) -> Result<Self, DecodeError> {
                let what = match id {
                    $( $id => <$module::$value as Message>::NAME, )*
                    _ => stringify!($values),
                };
                let (version, mut reader) = number(value, what, "version")?;
                match id {
                    $( $id => {
                        let value = <$module::$value as Message>::decode(&mut reader, version)?;
                        end::<$module::$value>(&reader, version)?;
                        Ok(Self::$variant(value))
                    } )*
                    _ => Err(unknown(id, stringify!($values))),
                }
            }
        }
    )*
        /// What key and value of the records of type `id` in `topic` consist of.
        fn schemas(topic: &str, id: i16) -> Option<(&'static Schema, &'static Schema)> {
            match (topic, id) {
                $( $( ($topic, $id) => Some((
                    const { &Schema::of::<$module::$key>() },
                    const { &Schema::of::<$module::$value>() },
                )), )* )*
                _ => None,
            }
        }
    };
}

crate::with_every_message!(coordinator_records);

/// What a record of `topic` consists of, and its type: key and value, behind what is taken of the
/// key.
pub(crate) fn read_schemas(
    topic: &str,
    key: &mut Reader,
) -> Result<(i16, &'static Schema, &'static Schema), DecodeError> {
    let id = taken(key.fixed(), "type").map(i16::from_be_bytes);
    let id = id.map_err(|error| error.in_message(RECORD, -1))?;
    let (key, value) = schemas(topic, id).ok_or_else(|| unknown(id, RECORD))?;
    Ok((id, key, value))
}

/// What errors call a record of whatever topic.
const RECORD: &str = "CoordinatorRecord";

/// The number that keys and values begin with, and what follows it.
fn number(
    bytes: Bytes,
    what: &'static str,
    field: &'static str,
) -> Result<(i16, Reader), DecodeError> {
    let mut reader = Reader::new(bytes);
    let number = taken(reader.fixed(), field).map_err(|error| error.in_message(what, -1))?;
    Ok((i16::from_be_bytes(number), reader))
}

fn end<M: Message>(reader: &Reader, version: i16) -> Result<(), DecodeError> {
    reader.finish().map_err(|error| error.in_message(M::NAME, version))
}

fn unknown(id: i16, what: &'static str) -> DecodeError {
    let error = match u32::try_from(id) {
        Ok(id) => DecodeError::new(DecodeReason::UnknownRecord(id)),
        Err(_) => DecodeError::new(DecodeReason::OutOfRange(id.into())).in_field("type"),
    };
    error.in_message(what, -1)
}

#[cfg(test)]
mod tests {
    use super::offsets::{OffsetCommitKey, OffsetCommitValue};
    use super::transactions::TransactionLogValue;
    use super::*;
    use crate::ids::{LeaderEpoch, PartitionIndex, ProducerId, RawOffset, Timestamp};

    #[test]
    fn an_offset_commit_is_the_bytes_kafka_writes() {
        let key = GroupRecordKey::OffsetCommit(OffsetCommitKey {
            group: "g".into(),
            topic: "t".into(),
            partition: PartitionIndex(3),
            ..Default::default()
        });
        let bytes: &[u8] = b"\0\x01\0\x01g\0\x01t\0\0\0\x03";
        assert_eq!(key.encode().unwrap(), bytes);
        assert_eq!(GroupRecordKey::decode(bytes.into()).unwrap(), key);

        let value = GroupRecordValue::OffsetCommit(OffsetCommitValue {
            offset: RawOffset(9),
            leader_epoch: Some(LeaderEpoch(2)),
            commit_timestamp: Timestamp(5),
            ..Default::default()
        });
        let bytes: &[u8] = b"\0\x03\0\0\0\0\0\0\0\x09\0\0\0\x02\0\0\0\0\0\0\0\0\0\x05";
        assert_eq!(value.encode(3).unwrap(), bytes);
        assert_eq!(GroupRecordValue::decode(key.id(), bytes.into()).unwrap(), value);
    }

    #[test]
    fn a_transaction_is_the_bytes_kafka_writes() {
        let value = TransactionRecordValue::TransactionLog(TransactionLogValue {
            producer_id: ProducerId(7),
            previous_producer_id: Some(ProducerId(6)),
            client_transaction_version: 2,
            ..Default::default()
        });
        let mut bytes = b"\0\x01\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0\0".to_vec();
        bytes.extend_from_slice(b"\0\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff");
        bytes.extend_from_slice(b"\x02\0\x08\0\0\0\0\0\0\0\x06\x02\x02\0\x02");
        assert_eq!(value.encode(value.newest_version()).unwrap(), bytes);
        assert_eq!(TransactionRecordValue::decode(0, bytes.into()).unwrap(), value);
    }

    #[test]
    fn what_is_no_record_is_an_error_that_says_where() {
        for (key, text) in [
            (&b""[..], "GroupRecordKey, type: "),
            (b"\0\x09", "GroupRecordKey: record type 9 is not known"),
            (b"\xff\xff", "GroupRecordKey, type: -1 is out of range"),
            (b"\0\x02\0\x01g!", "GroupMetadataKey v0: 1 bytes follow the end of the message"),
        ] {
            let error = GroupRecordKey::decode(Bytes::from_static(key)).unwrap_err().to_string();
            assert!(error.starts_with(text), "{error}");
        }
        for (id, value, text) in [
            (1, &b"\0"[..], "OffsetCommitValue, version: "),
            (9, b"\0\0", "GroupRecordValue: record type 9 is not known"),
            (1, b"\0\x05", "OffsetCommitValue v5: version is not known"),
            (3, b"\0\0\0\0\0\x01\0!", "ConsumerGroupMetadataValue v0: 1 bytes follow"),
        ] {
            let value = Bytes::from_static(value);
            let error = GroupRecordValue::decode(id, value).unwrap_err().to_string();
            assert!(error.starts_with(text), "{error}");
        }
    }
}
