//! The Kafka wire format. Bytes in, values out: no I/O, no clock, no runtime.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

pub mod api_key;
pub mod error;
pub mod error_code;
pub mod frame;
pub mod header;
pub mod ids;
pub mod limits;
pub mod messages;
pub mod metadata_records;
pub mod schema;
pub mod version;
pub mod wire;

pub use api_key::ApiKey;
pub use bytestring::ByteString as Str;
pub use error::{DecodeError, EncodeError};
pub use error_code::ErrorCode;
pub use header::{
    RequestHeader, decode_request_header, decode_response, encode_request, encode_response,
    response_correlation_id,
};
pub use schema::{Message, Request};
pub use wire::{EncodedFrame, FrameWriter, Reader};
