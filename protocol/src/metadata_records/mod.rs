//! What stands in the log `__cluster_metadata`: the cluster's state as a series of records.
//!
//! The value of such a record is a frame version (1), the record's type and its version, as
//! varints, and then the record.

mod brokers;
mod cluster;
mod controllers;
mod security;
mod topics;
mod transactions;

pub use brokers::{
    BrokerEndpoint, BrokerFeature, BrokerRegistrationChangeRecord, FenceBrokerRecord,
    RegisterBrokerRecord, UnfenceBrokerRecord, UnregisterBrokerRecord,
};
pub use cluster::{
    ConfigRecord, FeatureLevelRecord, NoOpRecord, ProducerIdsRecord, ZkMigrationStateRecord,
};
pub use controllers::{
    ControllerEndpoint, ControllerFeature, RegisterControllerRecord, UnregisterControllerRecord,
};
pub use security::{
    AccessControlEntryRecord, ClientQuotaRecord, DelegationTokenRecord, EntityData,
    RemoveAccessControlEntryRecord, RemoveDelegationTokenRecord, RemoveUserScramCredentialRecord,
    UserScramCredentialRecord,
};
pub use topics::{
    ClearElrRecord, LeaderChange, PartitionChangeRecord, PartitionRecord, RemoveTopicRecord,
    TopicRecord,
};
pub use transactions::{AbortTransactionRecord, BeginTransactionRecord, EndTransactionRecord};

use bytes::Bytes;

use crate::error::{DecodeError, DecodeReason, EncodeError};
use crate::schema::{Message, Schema, taken};
use crate::wire::{FrameWriter, Reader};

const FRAME: &str = "MetadataRecord";
const FRAME_VERSION: u32 = 1;

macro_rules! metadata_records {
    (
        apis $_apis:tt
        messages $_messages:tt
        metadata_records { $( $variant:ident($record:ident) = $id:literal; )* }
        $($_others:tt)*
    ) => {
        /// Any record of the metadata log.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum MetadataRecord {$(
            #[doc = concat!("A [`", stringify!($record), "`]; type ", $id, ".")]
            $variant($record),
        )*}

        $( impl From<$record> for MetadataRecord {
            fn from(record: $record) -> Self {
                Self::$variant(record)
            }
        } )*

        impl MetadataRecord {
            /// The number by which the log names this type of record.
            #[must_use]
            pub fn id(&self) -> u32 {
                match self { $( Self::$variant(_) => $id, )* }
            }

            /// The newest version that Kafka 4.4.0 declares of this type of record.
            #[must_use]
            pub fn newest_version(&self) -> i16 {
                match self { $( Self::$variant(_) => *<$record as Message>::VERSIONS.end(), )* }
            }

            fn schema(id: u32) -> Option<&'static Schema> {
                match id {
                    $( $id => Some(const { &Schema::of::<$record>() }), )*
                    _ => None,
                }
            }

            fn encode_body(&self, version: i16, out: &mut FrameWriter) -> Result<(), EncodeError> {
                match self { $( Self::$variant(record) => record.encode(version, out), )* }
            }

            fn decode_body(
                id: u32,
                version: i16,
                reader: &mut Reader,
            ) -> Result<(Self, &'static str), DecodeError> {
                match id {
                    $( $id => Ok((
                        Self::$variant(<$record as Message>::decode(reader, version)?),
                        <$record as Message>::NAME,
                    )), )*
                    _ => Err(unknown_record(id, version)),
                }
            }
        }
    };
}

crate::with_every_message!(metadata_records);

impl MetadataRecord {
    /// The record as the value of a record of the log, at `version` of its type.
    ///
    /// # Errors
    ///
    /// If `version` is not declared or cannot carry what is set.
    pub fn encode(&self, version: i16) -> Result<Bytes, EncodeError> {
        let mut out = FrameWriter::new();
        out.put_uvarint(FRAME_VERSION);
        out.put_uvarint(self.id());
        out.put_uvarint(u32::from(version.unsigned_abs())); // a negative one fails just below
        self.encode_body(version, &mut out)?;
        Ok(out.into_bytes())
    }

    /// Reads the value of a record of the log.
    ///
    /// # Errors
    ///
    /// If the bytes are not such a value, or are of a type or version that is not declared.
    pub fn decode(value: Bytes) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(value);
        let (id, version) = read_frame(&mut reader)?;
        let (record, name) = Self::decode_body(id, version, &mut reader)?;
        reader.finish().map_err(|error| error.in_message(name, version))?;
        Ok(record)
    }
}

#[cold]
fn unknown_record(id: u32, version: i16) -> DecodeError {
    DecodeError::new(DecodeReason::UnknownRecord(id)).in_message(FRAME, version)
}

/// What the value of a record of the log consists of, behind what is taken: type and version.
pub(crate) fn read_schema(reader: &mut Reader) -> Result<(&'static Schema, i16), DecodeError> {
    let (id, version) = read_frame(reader)?;
    let schema = MetadataRecord::schema(id).ok_or_else(|| unknown_record(id, version))?;
    Ok((schema, version))
}

fn read_frame(reader: &mut Reader) -> Result<(u32, i16), DecodeError> {
    let id = read_type(reader).map_err(|error| error.in_message(FRAME, -1))?;
    let version = read_version(reader).map_err(|error| {
        error.in_message(MetadataRecord::schema(id).map_or(FRAME, |schema| schema.name), -1)
    })?;
    Ok((id, version))
}

fn read_type(reader: &mut Reader) -> Result<u32, DecodeError> {
    let frame_version = taken(reader.uvarint(), "frame_version")?;
    if frame_version != FRAME_VERSION {
        let reason = DecodeReason::OutOfRange(i64::from(frame_version));
        return Err(DecodeError::new(reason).in_field("frame_version"));
    }
    taken(reader.uvarint(), "api_key")
}

fn read_version(reader: &mut Reader) -> Result<i16, DecodeError> {
    let version = taken(reader.uvarint(), "version")?;
    i16::try_from(version).map_err(|_| {
        DecodeError::new(DecodeReason::OutOfRange(i64::from(version))).in_field("version")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{LeaderEpoch, NodeId, PartitionEpoch, PartitionIndex, Uuid};

    #[test]
    fn a_topic_record_is_the_bytes_kafka_writes() {
        let record =
            TopicRecord { name: "foo".into(), topic_id: Uuid([7; 16]), ..Default::default() };
        let mut expected = b"\x01\x02\x00\x04foo".to_vec();
        expected.extend_from_slice(&[7; 16]);
        expected.push(0);
        let value = MetadataRecord::from(record.clone()).encode(0).unwrap();
        assert_eq!(value, expected);
        assert_eq!(MetadataRecord::decode(value).unwrap(), MetadataRecord::Topic(record));
    }

    #[test]
    fn a_change_says_only_what_changed() {
        let change = PartitionChangeRecord {
            partition_id: PartitionIndex(1),
            isr: Some(vec![NodeId(3)]),
            leader: LeaderChange::Nobody,
            ..Default::default()
        };
        let mut expected = b"\x01\x05\x00\0\0\0\x01".to_vec();
        expected.extend_from_slice(&[0; 16]);
        expected.extend_from_slice(b"\x02\x00\x05\x02\0\0\0\x03\x01\x04\xff\xff\xff\xff");
        let value = MetadataRecord::from(change.clone()).encode(0).unwrap();
        assert_eq!(value, expected);
        assert_eq!(MetadataRecord::decode(value).unwrap(), MetadataRecord::PartitionChange(change));
    }

    #[test]
    fn a_partition_record_at_the_newest_version_round_trips() {
        let record = MetadataRecord::from(PartitionRecord {
            partition_id: PartitionIndex(0),
            replicas: vec![NodeId(0)],
            isr: vec![NodeId(0)],
            leader: Some(NodeId(0)),
            leader_epoch: LeaderEpoch(0),
            partition_epoch: PartitionEpoch(0),
            directories: vec![Uuid([1; 16])],
            eligible_leader_replicas: Some(vec![]),
            ..Default::default()
        });
        let value = record.encode(record.newest_version()).unwrap();
        assert_eq!(MetadataRecord::decode(value).unwrap(), record);
        let error = record.encode(0).unwrap_err().to_string();
        assert!(error.starts_with("PartitionRecord v0, directories: "), "{error}");
    }

    #[test]
    fn what_is_no_record_is_an_error_that_says_where() {
        for (value, text) in [
            (&b""[..], "MetadataRecord, frame_version: "),
            (b"\x02\x02\x00", "MetadataRecord, frame_version: 2 is out of range"),
            (b"\x01\x63\x00", "MetadataRecord v0: record type 99 is not known"),
            (b"\x01\x02\x01", "TopicRecord v1: version is not known"),
            (b"\x01\x02\x80\x80\x02", "TopicRecord, version: 32768 is out of range"),
            (b"\x01\x14\x00\x00\x00", "NoOpRecord v0: 1 bytes follow the end of the message"),
        ] {
            let error = MetadataRecord::decode(Bytes::from_static(value)).unwrap_err().to_string();
            assert!(error.starts_with(text), "{error}");
        }
    }
}
