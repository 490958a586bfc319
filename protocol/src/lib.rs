//! The Kafka wire format. Bytes in, values out: no I/O, no clock, no runtime.
//!
//! - [`messages`], [`metadata_records`], [`internal_records`]: what is said, as plain structs;
//!   [`schema`] shows how they are declared.
//! - [`any`]: messages by key and version alone, for proxies and tools that match once;
//!   [`AnyMessage`](schema::AnyMessage): whatever has a schema; [`json`]: bytes shown as JSON.
//! - [`header`]: whole requests and responses; [`frame`]: cutting a stream into them; [`version`]:
//!   which version to speak.
//! - [`wire`]: reading and writing, with bounds ([`limits`]) and errors that say where ([`error`]).
//! - [`ids`], [`api_key`], [`error_code`]: Kafka's numbers, with names.
//!
//! Names and records are slices of the frame they came in; nothing is copied. Decoding trusts no
//! number a peer sends: it never panics, and allocates at most 16 times the frame plus 64 KiB.
//! A slice keeps its whole receive buffer alive: copy a name that outlives its request, as in
//! `Str::from(&*name)`.
//!
//! ```
//! use ottla_protocol::frame::FrameSplitter;
//! use ottla_protocol::ids::CorrelationId;
//! use ottla_protocol::messages::metadata::{MetadataRequest, MetadataRequestTopic};
//! use ottla_protocol::{Message, Reader, decode_request_header, encode_request};
//!
//! // a client asks about one topic
//! let topic = MetadataRequestTopic { name: Some("orders".into()), ..Default::default() };
//! let request = MetadataRequest { topics: Some(vec![topic]), ..Default::default() };
//! let frame = encode_request(&request, 12, CorrelationId(7), Some("shop"))?;
//!
//! // a server reads it
//! let mut splitter = FrameSplitter::new(ottla_protocol::limits::REQUEST_BYTES_MAX);
//! for chunk in frame.chunks() {
//!     splitter.buffer().extend_from_slice(chunk);
//! }
//! let frame = splitter.next()?.expect("the whole frame has arrived");
//! let mut reader = Reader::new(frame);
//! let header = decode_request_header(&mut reader)?;
//! let asked = MetadataRequest::decode(&mut reader, header.api_version)?;
//! reader.finish()?;
//! assert_eq!(header.client_id.as_deref(), Some("shop"));
//! assert_eq!(asked, request);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A proxy does not know what comes, and matches on it. Tagged fields that are not declared stay in
//! `unknown_tags` of their struct, and are written back:
//!
//! ```
//! # use ottla_protocol::ids::CorrelationId;
//! # use ottla_protocol::messages::metadata::{MetadataRequest, MetadataResponse};
//! # use ottla_protocol::{encode_request, encode_response, ApiKey};
//! use ottla_protocol::{AnyRequest, AnyResponse};
//!
//! # let frame = encode_request(&MetadataRequest::default(), 12, CorrelationId(7), None)?;
//! # let frame = frame.into_bytes().slice(4..);
//! // what a client sent
//! let (header, request) = AnyRequest::decode_frame(frame)?;
//! let to_broker = request.encode_frame(&header)?;
//! # let frame = encode_response(&MetadataResponse::default(), 12, ApiKey::METADATA, CorrelationId(7))?;
//! # let frame = frame.into_bytes().slice(4..);
//! // the answer to it says no API or version, only the correlation id of the request
//! let (answered, mut response) =
//!     AnyResponse::decode_frame(frame, request.key(), header.api_version)?;
//! if let AnyResponse::Metadata(metadata) = &mut response {
//!     for broker in &mut metadata.brokers {
//!         broker.host = "proxy.example.com".into();
//!     }
//! }
//! let to_client = response.encode_frame(header.api_version, &answered)?;
//! # assert_eq!(answered.correlation_id, CorrelationId(7));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

pub mod any;
pub mod api_key;
mod catalog;
pub mod error;
pub mod error_code;
pub mod frame;
pub mod header;
pub mod ids;
#[cfg(feature = "serde")]
mod ids_serde;
pub mod internal_records;
pub mod json;
pub mod limits;
pub mod messages;
pub mod metadata_records;
pub mod record;
pub mod schema;
pub mod topic;
pub mod version;
pub mod wire;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use any::{AnyRequest, AnyResponse};
pub use api_key::ApiKey;
pub use bytestring::ByteString as Str;
pub use error::{DecodeError, EncodeError};
pub use error_code::ErrorCode;
pub use header::{
    RequestHeader, ResponseHeader, decode_request_header, decode_response, encode_request,
    encode_response, response_correlation_id,
};
pub use schema::{Message, Request};
pub use wire::{EncodedFrame, FrameWriter, Reader};
