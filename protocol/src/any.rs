//! Any request and any response, so that a proxy, a broker or a tool matches once.
//!
//! ```
//! use ottla_protocol::ids::CorrelationId;
//! use ottla_protocol::messages::metadata::MetadataRequest;
//! use ottla_protocol::{AnyRequest, encode_request};
//!
//! let frame = encode_request(&MetadataRequest::default(), 12, CorrelationId(7), Some("shop"))?;
//! let frame = frame.into_bytes().slice(4..); // without the length in front
//! let (header, request) = AnyRequest::decode_frame(frame.clone())?;
//! match &request {
//!     AnyRequest::Metadata(metadata) => assert!(metadata.allow_auto_topic_creation),
//!     other => panic!("{other:?}"),
//! }
//! assert_eq!(request.encode_frame(&header)?.into_bytes().slice(4..), frame);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use bytes::Bytes;

use crate::api_key::ApiKey;
use crate::error::{DecodeError, DecodeReason, EncodeError};
use crate::header::{self, RequestHeader, ResponseHeader, decode_request_header};
use crate::messages;
use crate::schema::{Message, Request, Schema};
use crate::wire::{EncodedFrame, FrameWriter, Reader};

macro_rules! any {
    (
        apis { $( $api:ident: $module:ident($request:ident, $response:ident); )* }
        $($_others:tt)*
    ) => {
        /// A request of any API.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        #[expect(missing_docs, reason = "named as Kafka names the APIs")]
        pub enum AnyRequest {
            $( $api(messages::$module::$request), )*
        }

        /// A response of any API.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        #[expect(missing_docs, reason = "named as Kafka names the APIs")]
        pub enum AnyResponse {
            $( $api(messages::$module::$response), )*
        }

        $(
            impl From<messages::$module::$request> for AnyRequest {
                fn from(request: messages::$module::$request) -> Self {
                    Self::$api(request)
                }
            }

            impl From<messages::$module::$response> for AnyResponse {
                fn from(response: messages::$module::$response) -> Self {
                    Self::$api(response)
                }
            }
        )*

        impl AnyRequest {
            /// Which API it asks for.
            #[must_use]
            pub fn key(&self) -> ApiKey {
                match self { $( Self::$api(_) => messages::$module::$request::KEY, )* }
            }

            /// Takes a request from `reader`, which stands behind the header.
            ///
            /// # Errors
            ///
            /// If Kafka 4.4.0 has no such API, and as [`Message::decode`].
            pub fn decode(
                key: ApiKey,
                version: i16,
                reader: &mut Reader,
            ) -> Result<Self, DecodeError> {
                match key {
                    $( messages::$module::$request::KEY => {
                        messages::$module::$request::decode(reader, version).map(Self::$api)
                    } )*
                    _ => Err(unknown_api(key, version)),
                }
            }

            /// Appends the request, without any header, to `out`.
            ///
            /// # Errors
            ///
            /// As [`Message::encode`].
            pub fn encode(&self, version: i16, out: &mut FrameWriter) -> Result<(), EncodeError> {
                match self { $( Self::$api(request) => request.encode(version, out), )* }
            }
        }

        impl AnyResponse {
            /// Which API it answers.
            #[must_use]
            pub fn key(&self) -> ApiKey {
                match self { $( Self::$api(_) => messages::$module::$request::KEY, )* }
            }

            /// Takes a response from `reader`, which stands behind the header.
            ///
            /// # Errors
            ///
            /// If Kafka 4.4.0 has no such API, and as [`Message::decode`].
            pub fn decode(
                key: ApiKey,
                version: i16,
                reader: &mut Reader,
            ) -> Result<Self, DecodeError> {
                match key {
                    $( messages::$module::$request::KEY => {
                        messages::$module::$response::decode(reader, version).map(Self::$api)
                    } )*
                    _ => Err(unknown_api(key, version)),
                }
            }

            /// Appends the response, without any header, to `out`.
            ///
            /// # Errors
            ///
            /// As [`Message::encode`].
            pub fn encode(&self, version: i16, out: &mut FrameWriter) -> Result<(), EncodeError> {
                match self { $( Self::$api(response) => response.encode(version, out), )* }
            }
        }

        impl ApiKey {
            /// What a request of this API consists of; `None` if Kafka 4.4.0 has no such API.
            #[must_use]
            pub fn request_schema(self) -> Option<&'static Schema> {
                match self {
                    $( messages::$module::$request::KEY => {
                        Some(const { &Schema::of::<messages::$module::$request>() })
                    } )*
                    _ => None,
                }
            }

            /// What a response of this API consists of; `None` if Kafka 4.4.0 has no such API.
            #[must_use]
            pub fn response_schema(self) -> Option<&'static Schema> {
                match self {
                    $( messages::$module::$request::KEY => {
                        Some(const { &Schema::of::<messages::$module::$response>() })
                    } )*
                    _ => None,
                }
            }
        }
    };
}

crate::with_every_message!(any);

#[cold]
pub(crate) fn unknown_api(key: ApiKey, version: i16) -> DecodeError {
    DecodeError::new(DecodeReason::UnknownApi(key.0)).in_message("", version)
}

impl AnyRequest {
    /// Reads a whole request: `frame` is what follows the length prefix.
    ///
    /// # Errors
    ///
    /// If the bytes are not a request that Kafka 4.4.0 declares, or bytes follow it.
    pub fn decode_frame(frame: Bytes) -> Result<(RequestHeader, Self), DecodeError> {
        let mut reader = Reader::new(frame);
        let header = decode_request_header(&mut reader)?;
        let (key, version) = (ApiKey(header.api_key), header.api_version);
        let request = Self::decode(key, version, &mut reader)?;
        let name = key.request_schema().map_or("", |schema| schema.name);
        reader.finish().map_err(|error| error.in_message(name, version))?;
        Ok((header, request))
    }

    /// A whole request frame: length prefix, header, body. The version, the correlation id, the
    /// client id and unknown tagged fields are the header's; the key is the request's.
    ///
    /// # Errors
    ///
    /// If the version is not declared or cannot carry what is set, or a length does not fit.
    pub fn encode_frame(&self, header: &RequestHeader) -> Result<EncodedFrame, EncodeError> {
        let (key, version) = (self.key(), header.api_version);
        let header = RequestHeader { api_key: key.0, ..header.clone() };
        let mut out = FrameWriter::new();
        out.begin_frame();
        header.encode(if key.is_flexible(version) { 2 } else { 1 }, &mut out)?;
        self.encode(version, &mut out)?;
        let name = key.request_schema().map_or("", |schema| schema.name);
        out.end_frame().map_err(|error| error.in_message(name, version))
    }
}

impl AnyResponse {
    /// Reads a whole response: `frame` is what follows the length prefix, `key` and `version` are
    /// those of the request. A refused ApiVersions is in version 0 whatever was asked
    /// (see [`header::answered_version`]).
    ///
    /// # Errors
    ///
    /// If the bytes are not a response that Kafka 4.4.0 declares, or bytes follow it.
    pub fn decode_frame(
        frame: Bytes,
        key: ApiKey,
        version: i16,
    ) -> Result<(ResponseHeader, Self), DecodeError> {
        let version = header::answered_version(&frame, key, version);
        let mut reader = Reader::new(frame);
        let header_version = header::response_header_version(key, key.is_flexible(version));
        let name = key.response_schema().map_or("", |schema| schema.name);
        let header = ResponseHeader::decode(&mut reader, header_version)
            .map_err(|error| header::in_header(error, name, version))?;
        let response = Self::decode(key, version, &mut reader)?;
        reader.finish().map_err(|error| error.in_message(name, version))?;
        Ok((header, response))
    }

    /// A whole response frame: length prefix, header, body; `version` is that of the request. An
    /// ApiVersions with the error UNSUPPORTED_VERSION is written in version 0 whatever was asked.
    ///
    /// # Errors
    ///
    /// If `version` is not declared or cannot carry what is set, or a length does not fit.
    pub fn encode_frame(
        &self,
        version: i16,
        header: &ResponseHeader,
    ) -> Result<EncodedFrame, EncodeError> {
        let version = match self {
            Self::ApiVersions(response) => header::written_version(response, version),
            _ => version,
        };
        let key = self.key();
        let header_version = header::response_header_version(key, key.is_flexible(version));
        let mut out = FrameWriter::new();
        out.begin_frame();
        header.encode(header_version, &mut out)?;
        self.encode(version, &mut out)?;
        let name = key.response_schema().map_or("", |schema| schema.name);
        out.end_frame().map_err(|error| error.in_message(name, version))
    }
}
