//! What stands in front of a message, and whole frames.
//!
//! A request of a flexible version has header version 2 (with tagged fields), else 1; a response
//! has 1 or 0 likewise. Only ApiVersions always answers with header version 0, because the client
//! does not know yet what the broker speaks. The client id never has a compact length.

use core::ops::RangeInclusive;

use bytes::Bytes;

use crate::Str;
use crate::api_key::ApiKey;
use crate::error::{DecodeError, DecodeReason, EncodeError};
use crate::error_code::ErrorCode;
use crate::ids::CorrelationId;
use crate::schema::{
    DefaultValue, Field, Message, Request, Struct, Type, Versions, messages, not_in_version, taken,
    written,
};
use crate::wire::{
    EncodedFrame, FrameWriter, Reader, TagWriter, UnknownTags, Version, Wire, read_tags,
};

/// What a request starts with. Nothing is judged yet: key and version may be unknown.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RequestHeader {
    /// Which API; see [`ApiKey`].
    pub api_key: i16,
    /// Which version of it.
    pub api_version: i16,
    /// Comes back in the response.
    pub correlation_id: CorrelationId,
    /// What the client calls itself (Kafka: `client.id`).
    pub client_id: Option<Str>,
    /// Tagged fields that this version of Ottla does not know; they are written back.
    pub unknown_tags: UnknownTags,
}

impl Message for RequestHeader {
    const NAME: &'static str = "RequestHeader";
    const VERSIONS: RangeInclusive<i16> = 1..=2;
    const FLEXIBLE_FROM: Option<i16> = Some(2);
}

/// Declared by hand: the client id has no compact length, which the DSL cannot say.
impl Struct for RequestHeader {
    const FIELDS: &'static [Field] = &[
        field("request_api_key", i16::TYPE, i16::DEFAULT),
        field("request_api_version", i16::TYPE, i16::DEFAULT),
        field("correlation_id", CorrelationId::TYPE, CorrelationId::DEFAULT),
        Field {
            nullable: Some(Versions::from(1)),
            ..field("client_id", Type::PlainString, DefaultValue::Null)
        },
    ];
}

const fn field(name: &'static str, kind: Type, default: DefaultValue) -> Field {
    let (versions, nullable, tag, sentinel) = (Versions::from(0), None, None, None);
    Field { name, kind, versions, nullable, tag, default, sentinel, ignorable: false }
}

const PLAIN: Version = Version { number: 1, flexible: false };

impl Wire for RequestHeader {
    const TYPE: Type = Type::Struct { name: Self::NAME, fields: Self::FIELDS };
    const DEFAULT: DefaultValue = DefaultValue::Struct;

    fn size_min(version: Version) -> usize {
        10 + usize::from(version.flexible)
    }

    fn write(&self, out: &mut FrameWriter, version: Version) -> Result<(), EncodeError> {
        let (key, client_id) = (ApiKey(self.api_key), self.client_id.as_deref());
        write_request_header(out, key, self.api_version, self.correlation_id, client_id)?;
        if version.flexible {
            TagWriter::new(out, &self.unknown_tags).finish(out)
        } else if self.unknown_tags.is_empty() {
            Ok(())
        } else {
            Err(not_in_version("unknown_tags"))
        }
    }

    fn read(reader: &mut Reader, version: Version) -> Result<Self, DecodeError> {
        let (api_key, api_version) = read_asked(reader)?;
        read_behind_asked(reader, api_key, api_version, version.flexible)
    }
}

messages! { hot;
    /// What a response starts with. `ResponseHeader.json`.
    struct ResponseHeader(0..=1, flexible 1..) {
        /// That of the request.
        correlation_id: CorrelationId = 0..;
    }
}

/// Reads the header of a request; `reader` then stands at its body.
///
/// The header of an unknown version of a known API is read as that of the newest version. The
/// header of an unknown API is read as version 1.
///
/// # Errors
///
/// If the bytes are not a request header. Where it says of which request it is, the error has the
/// name and version of that, and a field as in `header.client_id`.
pub fn decode_request_header(reader: &mut Reader) -> Result<RequestHeader, DecodeError> {
    let asked = read_asked(reader);
    let (key, version) = asked.map_err(|error| error.in_message(RequestHeader::NAME, -1))?;
    let header = read_behind_asked(reader, key, version, ApiKey(key).is_flexible(version));
    header.map_err(|error| match ApiKey(key).request_schema() {
        Some(schema) => in_header(error, schema.name, version),
        None => error.in_message(RequestHeader::NAME, 1),
    })
}

/// `error`, found in the header of a message.
#[cold]
pub(crate) fn in_header(error: DecodeError, message: &'static str, version: i16) -> DecodeError {
    error.in_field("header").in_message(message, version)
}

/// API key and version.
fn read_asked(reader: &mut Reader) -> Result<(i16, i16), DecodeError> {
    let key = taken(i16::read(reader, PLAIN), "request_api_key")?;
    Ok((key, taken(i16::read(reader, PLAIN), "request_api_version")?))
}

/// The header whose first fields were read.
fn read_behind_asked(
    reader: &mut Reader,
    api_key: i16,
    api_version: i16,
    flexible: bool,
) -> Result<RequestHeader, DecodeError> {
    Ok(RequestHeader {
        api_key,
        api_version,
        correlation_id: taken(CorrelationId::read(reader, PLAIN), "correlation_id")?,
        client_id: taken(Option::read(reader, PLAIN), "client_id")?,
        unknown_tags: match flexible {
            true => read_tags(reader, |_, _| Ok(false))?,
            false => UnknownTags::NONE,
        },
    })
}

/// A whole request frame: length prefix, header, body.
///
/// # Errors
///
/// If `version` is not declared or cannot carry what is set, or a length does not fit.
pub fn encode_request<R: Request>(
    request: &R,
    version: i16,
    correlation_id: CorrelationId,
    client_id: Option<&str>,
) -> Result<EncodedFrame, EncodeError> {
    let flexible = is_flexible::<R>(version);
    let mut out = FrameWriter::new();
    out.begin_frame();
    let header = write_request_header(&mut out, R::KEY, version, correlation_id, client_id);
    let header_version = if flexible { 2 } else { 1 };
    header.map_err(|error| error.in_message(RequestHeader::NAME, header_version))?;
    if flexible {
        out.put_uvarint(0); // no tagged fields
    }
    request.encode(version, &mut out)?;
    out.end_frame().map_err(|error| error.in_message(R::NAME, version))
}

fn write_request_header(
    out: &mut FrameWriter,
    key: ApiKey,
    version: i16,
    correlation_id: CorrelationId,
    client_id: Option<&str>,
) -> Result<(), EncodeError> {
    key.0.write(out, PLAIN)?;
    version.write(out, PLAIN)?;
    correlation_id.write(out, PLAIN)?;
    written(out.put_length(PLAIN, false, client_id.map(str::len)), "client_id")?;
    out.put_slice(client_id.unwrap_or_default().as_bytes());
    Ok(())
}

/// A whole response frame: length prefix, header, body. `version` and `key` are those of the
/// request. An ApiVersions with the error UNSUPPORTED_VERSION is written in version 0 whatever was
/// asked, as [`answered_version`] expects it.
///
/// # Errors
///
/// If `version` is not declared or cannot carry what is set, or a length does not fit.
pub fn encode_response<M: Message>(
    response: &M,
    version: i16,
    key: ApiKey,
    correlation_id: CorrelationId,
) -> Result<EncodedFrame, EncodeError> {
    let version = match key {
        ApiKey::API_VERSIONS => written_version(response, version),
        _ => version,
    };
    let mut out = FrameWriter::new();
    out.begin_frame();
    out.put_slice(&correlation_id.0.to_be_bytes());
    if response_header_version(key, is_flexible::<M>(version)) > 0 {
        out.put_uvarint(0); // no tagged fields
    }
    response.encode(version, &mut out)?;
    out.end_frame().map_err(|error| error.in_message(M::NAME, version))
}

/// In which version the answer to an ApiVersions of version `asked` is to be written: the one in
/// which it will be read.
#[cold]
pub(crate) fn written_version<M: Message>(response: &M, asked: i16) -> i16 {
    let mut out = FrameWriter::new();
    out.put_slice(&[0; 4]); // a correlation id
    // what version 0 cannot carry stands behind the error code, and fails once more where it counts
    drop(response.encode(0, &mut out));
    answered_version(&out.into_bytes(), ApiKey::API_VERSIONS, asked)
}

/// Reads a whole response: `frame` is what follows the length prefix. It is read in the version
/// that [`answered_version`] tells.
///
/// # Errors
///
/// If the bytes are not such a response of that version, or bytes follow it.
pub fn decode_response<R: Request>(
    frame: Bytes,
    version: i16,
) -> Result<(CorrelationId, R::Response), DecodeError> {
    let version = answered_version(&frame, R::KEY, version);
    let mut reader = Reader::new(frame);
    let header_version = response_header_version(R::KEY, is_flexible::<R::Response>(version));
    let header = ResponseHeader::decode(&mut reader, header_version)
        .map_err(|error| in_header(error, R::Response::NAME, version))?;
    let response = R::Response::decode(&mut reader, version)?;
    let end = reader.finish();
    end.map_err(|error| error.in_message(R::Response::NAME, version))?;
    Ok((header.correlation_id, response))
}

/// In which version a response to a request of version `asked` is written; `frame` is what follows
/// the length prefix.
///
/// It is `asked`, but for ApiVersions: a broker that does not know the version answers with
/// UNSUPPORTED_VERSION in version 0 (KIP-511).
#[must_use]
pub fn answered_version(frame: &[u8], key: ApiKey, asked: i16) -> i16 {
    // the code is the first field of the body in all versions, behind the correlation id
    const REFUSED: [u8; 2] = ErrorCode::UNSUPPORTED_VERSION.0.to_be_bytes();
    if key == ApiKey::API_VERSIONS && frame.get(4..6) == Some(&REFUSED) { 0 } else { asked }
}

/// Which request a response answers; `frame` is what follows the length prefix.
///
/// # Errors
///
/// If there are fewer than 4 bytes.
pub fn response_correlation_id(frame: &[u8]) -> Result<CorrelationId, DecodeError> {
    match frame.first_chunk::<4>() {
        Some(bytes) => Ok(CorrelationId(i32::from_be_bytes(*bytes))),
        None => Err(DecodeError::new(DecodeReason::Truncated { missing: 4 - frame.len() })
            .in_field("correlation_id")
            .in_message(ResponseHeader::NAME, 0)), // as much of it as version 0 has
    }
}

fn is_flexible<M: Message>(version: i16) -> bool {
    M::FLEXIBLE_FROM.is_some_and(|from| version >= from)
}

/// Which version of [`ResponseHeader`] stands in front of a response.
pub(crate) fn response_header_version(key: ApiKey, flexible: bool) -> i16 {
    i16::from(flexible && key != ApiKey::API_VERSIONS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
    use crate::messages::metadata::{MetadataRequest, MetadataResponse};

    fn header(frame: &EncodedFrame) -> Result<(RequestHeader, usize), DecodeError> {
        let mut reader = Reader::new(frame.clone().into_bytes().slice(4..));
        let header = decode_request_header(&mut reader)?;
        Ok((header, reader.remaining()))
    }

    #[test]
    fn the_header_has_tags_exactly_when_the_version_is_flexible() {
        let request = MetadataRequest::default();
        for version in MetadataRequest::VERSIONS {
            for client_id in [None, Some("me")] {
                let frame = encode_request(&request, version, CorrelationId(9), client_id).unwrap();
                let (header, rest) = header(&frame).unwrap();
                assert_eq!((header.api_key, header.api_version), (3, version));
                assert_eq!(
                    (header.correlation_id, header.client_id.as_deref()),
                    (CorrelationId(9), client_id)
                );
                assert_eq!(rest, request.to_bytes(version).unwrap().len());
            }
        }
    }

    #[test]
    fn an_api_versions_response_has_header_version_0_at_every_version() {
        let response =
            ApiVersionsResponse { error_code: ErrorCode::INVALID_REQUEST, ..Default::default() };
        let key = ApiKey::API_VERSIONS;
        for (version, bytes) in [
            (0, &b"\0\0\0\x0a\0\0\0\x09\0\x2a\0\0\0\0"[..]),
            (3, b"\0\0\0\x0c\0\0\0\x09\0\x2a\x01\0\0\0\0\0"),
        ] {
            let frame = encode_response(&response, version, key, CorrelationId(9)).unwrap();
            let frame = frame.into_bytes();
            assert_eq!(frame, bytes);
            let body = frame.slice(4..);
            assert_eq!(response_correlation_id(&body).unwrap(), CorrelationId(9));
            let decoded = decode_response::<ApiVersionsRequest>(body, version).unwrap();
            assert_eq!(decoded, (CorrelationId(9), response.clone()));
        }
    }

    #[test]
    fn a_response_comes_back_with_its_correlation_id() {
        let response = MetadataResponse::default();
        for version in MetadataRequest::VERSIONS {
            let frame =
                encode_response(&response, version, ApiKey::METADATA, CorrelationId(-3)).unwrap();
            let body = frame.into_bytes().slice(4..);
            let decoded = decode_response::<MetadataRequest>(body, version).unwrap();
            assert_eq!(decoded, (CorrelationId(-3), response.clone()));
        }
    }

    #[test]
    fn a_client_id_too_long_is_an_error() {
        let long = "x".repeat(40_000);
        let request = MetadataRequest::default();
        let error = encode_request(&request, 12, CorrelationId(1), Some(&long)).unwrap_err();
        assert_eq!(error.to_string(), "RequestHeader v2, client_id: length 40000 exceeds 32767");
    }

    #[test]
    fn an_unknown_version_or_api_still_has_a_header() {
        for (rule, bytes, key, version) in [
            (
                "newer than we know, so flexible",
                &b"\0\x12\0\x63\0\0\0\x01\0\x01c\0rest"[..],
                18,
                99,
            ),
            ("an API we do not know, so plain", b"\x03\xe7\0\0\0\0\0\x01\0\x01crest", 999, 0),
        ] {
            let mut reader = Reader::new(Bytes::from_static(bytes));
            let header = decode_request_header(&mut reader).unwrap();
            assert_eq!((header.api_key, header.api_version), (key, version), "{rule}");
            assert_eq!(reader.take_rest(), "rest", "{rule}");
        }
        let error = response_correlation_id(b"abc").unwrap_err().to_string();
        assert_eq!(error, "ResponseHeader v0, correlation_id: the bytes end 1 bytes too early");
    }
}
