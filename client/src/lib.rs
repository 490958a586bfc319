//! An async Kafka client: producer, consumer, admin.
//!
//! # Features
//!
//! All are on by default, and none changes what another does.
//!
//! - `tls`: encrypted connections and client certificates, by rustls with ring; `TlsConfig`.
//! - `serde`: JSON values by `Json`, `Record::json` and `ConsumerRecord::json`; ids, `TopicPartition` and
//!   `RecordMetadata` that serde can store.
//! - `gzip`, `snappy`, `lz4`, `zstd`: codecs. A producer built for one that is off is refused with
//!   the name of the feature.

pub mod admin;
mod backoff;
mod client;
mod cluster;
mod config;
mod consumer;
pub mod error;
#[cfg(feature = "serde")]
mod json;
mod net;
pub mod producer;
mod properties;
mod serializer;

pub use admin::{
    Admin, AdminError, AlterConfigs, ConfigResource, DeleteRecords, NewPartitions, NewTopic,
};
pub use client::{Client, ClientBuilder};
pub use config::{ConfigError, MetadataRecovery};
pub use consumer::{
    AssignError, Assignment, BatchFault, Consumer, ConsumerBuilder, ConsumerRecord, DecodeError,
    Decoded, DecodedStream, Isolation, LagError, NotAssigned, OffsetAndTimestamp, OffsetReset,
    OffsetsError, PartitionRecords, PollError, PositionError, RecordStream, RecordView, Records,
    RecordsIntoIter, RecordsIter, SeekError, Start, TimestampType, TopicPartition, Undecodable,
    Watermarks,
};
pub use error::{BoxError, CallError};
#[cfg(feature = "serde")]
pub use json::{FromJsonError, Json, ToJsonError};
pub use net::connect_error::{ConnectCause, ConnectError};
pub use net::layers::{RawRequest, RawResponse, RequestService};
#[cfg(feature = "tls")]
pub use net::tls::TlsConfig;
#[cfg(feature = "tls")]
pub use net::tls_fault::TlsFault;
pub use ottla_protocol::record::{Header, HeaderRef};
pub use ottla_protocol::{ApiKey, ErrorCode, ids};
pub use producer::{
    Acks, Compression, Delivery, EnqueueError, FlushError, Partitioner, Producer, ProducerBuilder,
    Record, RecordMetadata, SendError, TryEnqueueError,
};
pub use properties::{Defaults, Origin, Properties, PropertiesError};
/// The library behind [`TlsConfig`], in the version that [`TlsConfig::from_rustls`] takes.
#[cfg(feature = "tls")]
pub use rustls;
pub use serializer::{DeserializeError, Deserializer, RecordPart, Serializer, Utf8, Utf8Error};
