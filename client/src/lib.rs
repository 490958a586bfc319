//! An async Kafka client: producer, consumer, admin.

pub mod admin;
mod backoff;
mod client;
mod cluster;
mod config;
mod consumer;
pub mod error;
mod net;
pub mod producer;

pub use admin::{Admin, AdminError, NewPartitions, NewTopic};
pub use client::{Client, ClientBuilder};
pub use config::ConfigError;
pub use consumer::{
    AssignError, Assignment, BatchFault, Consumer, ConsumerBuilder, ConsumerRecord, Isolation,
    NotAssigned, OffsetReset, OffsetsError, PartitionRecords, PollError, PositionError,
    RecordStream, RecordView, Records, RecordsIntoIter, RecordsIter, Start, TimestampType,
    TopicPartition,
};
pub use error::{BoxError, CallError};
pub use net::connect_error::{ConnectCause, ConnectError};
pub use net::layers::{RawRequest, RawResponse, RequestService};
pub use ottla_protocol::record::{Header, HeaderRef};
pub use ottla_protocol::{ApiKey, ErrorCode, ids};
pub use producer::{
    Acks, Compression, Delivery, EnqueueError, FlushError, Partitioner, Producer, ProducerBuilder,
    Record, RecordMetadata, SendError, TryEnqueueError,
};
