//! What consumers tell each other inside JoinGroup and SyncGroup of a classic group.
//!
//! On the wire each stands behind its version (int16); a newer version than the reader's own is
//! read as the newest it knows, and what follows is left alone. v1: partitions one has (KIP-429).
//! v2: since which generation. v3: racks (KIP-881).

use bytes::Bytes;

use crate::Str;
use crate::error::{DecodeError, EncodeError};
use crate::ids::{GroupEpoch, PartitionIndex};
use crate::schema::{Message, messages, taken};
use crate::wire::{FrameWriter, Reader};

messages! {
    /// What a member wants. `ConsumerProtocolSubscription.json`.
    struct ConsumerProtocolSubscription(0..=3) {
        /// The topics it wants to read.
        topics: Vec<Str> = 0..;
        /// What its way to assign adds, such as what it had before.
        user_data: Option<Bytes> = 0..;
        /// The partitions it has, which may stay with it.
        owned_partitions: Vec<TopicPartition> = 1.. ignorable;
        /// The generation in which it got them; `None` if it has none.
        generation_id: Option<GroupEpoch> = 2.. ignorable;
        /// Where it runs (Kafka: `client.rack`).
        rack_id: Option<Str> = 3.. ignorable;
    }

    /// Partitions of a topic.
    struct TopicPartition {
        /// The topic's name.
        topic: Str = 0..;
        /// Which partitions.
        partitions: Vec<PartitionIndex> = 0..;
    }

    /// What a member gets. `ConsumerProtocolAssignment.json`.
    struct ConsumerProtocolAssignment(0..=3) {
        /// The partitions it may read from now on.
        assigned_partitions: Vec<TopicPartition> = 0..;
        /// What the way to assign adds.
        user_data: Option<Bytes> = 0..;
    }
}

macro_rules! blobs {
    ($($blob:ident)*) => {$(
        impl $blob {
            /// The message behind its version, as it stands in a request or response.
            ///
            /// # Errors
            ///
            /// If `version` is not declared or cannot carry what is set.
            pub fn to_blob(&self, version: i16) -> Result<Bytes, EncodeError> {
                let mut out = FrameWriter::new();
                out.put_slice(&version.to_be_bytes());
                self.encode(version, &mut out)?;
                Ok(out.into_bytes())
            }

            /// Reads what [`to_blob`](Self::to_blob) wrote, in whatever version.
            ///
            /// # Errors
            ///
            /// If the bytes are no such message.
            pub fn from_blob(blob: Bytes) -> Result<Self, DecodeError> {
                let mut reader = Reader::new(blob);
                let version = taken(reader.fixed(), "version").map(i16::from_be_bytes);
                let version = version.map_err(|error| error.in_message(Self::NAME, -1))?;
                Self::decode(&mut reader, version.min(*Self::VERSIONS.end()))
            }
        }
    )*};
}

blobs! { ConsumerProtocolSubscription ConsumerProtocolAssignment }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_the_bytes_kafka_writes() {
        let owned = TopicPartition {
            topic: "t".into(),
            partitions: vec![PartitionIndex(7)],
            ..Default::default()
        };
        let subscription = ConsumerProtocolSubscription {
            topics: vec!["t".into()],
            owned_partitions: vec![owned],
            generation_id: Some(GroupEpoch(5)),
            ..Default::default()
        };
        let bytes: &[u8] = b"\0\x03\0\0\0\x01\0\x01t\xff\xff\xff\xff\
            \0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\x07\0\0\0\x05\xff\xff";
        assert_eq!(subscription.to_blob(3).unwrap(), bytes);
        assert_eq!(ConsumerProtocolSubscription::from_blob(bytes.into()).unwrap(), subscription);
    }

    #[test]
    fn a_newer_blob_is_read_as_far_as_it_is_known() {
        let newer: &[u8] = b"\0\x63\0\0\0\0\xff\xff\xff\xffmore";
        let assignment = ConsumerProtocolAssignment::from_blob(newer.into()).unwrap();
        assert_eq!(assignment, ConsumerProtocolAssignment::default());
        for (blob, text) in [
            (&b"\0"[..], "ConsumerProtocolAssignment, version: the bytes end 1 bytes too early"),
            (b"\xff\xff\0\0\0\0", "ConsumerProtocolAssignment: version is not known"),
        ] {
            let error = ConsumerProtocolAssignment::from_blob(blob.into()).unwrap_err();
            assert!(error.to_string().starts_with(text), "{error}");
        }
    }
}
