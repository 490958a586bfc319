//! Requests and responses: what is read is written, and nothing is lost on the way.

use std::fmt::Debug;

use bytes::Bytes;
use ottla_protocol::error::DecodeReason;
use ottla_protocol::header::RequestHeader;
use ottla_protocol::json::{Printer, Records};
use ottla_protocol::{AnyRequest, AnyResponse, ApiKey, DecodeError};

use crate::{choice, peak_of};

/// Bytes of JSON that a byte of a message may become: a null whose field has a long name.
const JSON_BYTES_MAX: usize = 64;

/// A request as it follows the length prefix.
pub fn request(data: &[u8]) {
    let frame = Bytes::copy_from_slice(data);
    let print = |frame| printer().request(frame);
    let decoded = judged(&frame, AnyRequest::decode_frame, print);
    if let Some(decoded) = decoded {
        let encode = |(header, request): &(RequestHeader, AnyRequest)| {
            let whole = request.encode_frame(header).expect("what was read can be written");
            whole.into_bytes().slice(4..)
        };
        survives(&frame, &decoded, encode, AnyRequest::decode_frame, print);
    }
}

/// API key and version, a byte each, and a response as it follows the length prefix.
pub fn response(mut data: &[u8]) {
    let key = ApiKey(choice(&mut data).into());
    let version = choice(&mut data).into();
    let frame = Bytes::copy_from_slice(data);
    if key.response_schema().is_none() {
        AnyResponse::decode_frame(frame, key, version).expect_err("there is no such API");
        return;
    }
    let decode = |frame| AnyResponse::decode_frame(frame, key, version);
    let print = |frame| printer().response(frame, key, version);
    if let Some(decoded) = judged(&frame, decode, print) {
        let encode = |(header, response): &_| {
            let response: &AnyResponse = response;
            let whole = response.encode_frame(version, header);
            whole.expect("what was read can be written").into_bytes().slice(4..)
        };
        survives(&frame, &decoded, encode, decode, print);
    }
}

fn printer() -> Printer {
    Printer::default().records(Records::Batches)
}

/// Decodes within the bound of memory. An error says where; the printer, which walks over the
/// declarations and not over decoded values, is of the same opinion.
pub(crate) fn judged<T>(
    bytes: &Bytes,
    decode: impl Fn(Bytes) -> Result<T, DecodeError>,
    print: impl Fn(Bytes) -> Result<String, DecodeError>,
) -> Option<T> {
    let (decoded, peak) = peak_of(|| decode(bytes.clone()));
    let most = 16 * bytes.len() + 64 * 1024;
    assert!(bytes.len() + peak <= most, "{peak} bytes for a frame of {}", bytes.len());
    let printed = print(bytes.clone());
    match decoded {
        Ok(value) => {
            check_json(&printed.expect("what can be read can be printed"), bytes.len());
            Some(value)
        }
        Err(error) => {
            check_error(&error);
            match printed {
                // the decoder alone knows what a number means and what decoded values take
                Ok(text) => {
                    check_json(&text, bytes.len());
                    assert!(only_decoders_know(&error), "printed {text}, decoded {error}");
                }
                Err(other) => assert!(only_decoders_know(&error) || other == error),
            }
            None
        }
    }
}

fn only_decoders_know(error: &DecodeError) -> bool {
    matches!(error.reason(), DecodeReason::OutOfRange(_) | DecodeReason::TooMuchMemory { .. })
}

fn check_json(text: &str, bytes: usize) {
    let most = JSON_BYTES_MAX * bytes + 1024;
    assert!(text.len() <= most, "{} bytes of JSON for {bytes}: {text}", text.len());
    let parsed: Result<serde::de::IgnoredAny, _> = serde_json::from_str(text);
    assert!(parsed.is_ok(), "no JSON: {text}");
}

/// An error names the message, and the field unless it is about the message as a whole.
fn check_error(error: &DecodeError) {
    let whole = matches!(
        error.reason(),
        DecodeReason::UnknownVersion
            | DecodeReason::UnknownApi(_)
            | DecodeReason::UnknownRecord(_)
            | DecodeReason::TrailingBytes(_)
    );
    assert!(whole || !error.field().is_empty(), "{error}");
    let nameless = matches!(error.reason(), DecodeReason::UnknownApi(_));
    assert!(nameless || !error.message().is_empty(), "{error}");
    assert!(!error.to_string().is_empty());
}

/// What was read is written in the one canonical way. It is never longer than what was read, says
/// the same, and is the very bytes that were read if these were canonical.
pub(crate) fn survives<T: PartialEq + Debug>(
    bytes: &Bytes,
    value: &T,
    encode: impl Fn(&T) -> Bytes,
    decode: impl Fn(Bytes) -> Result<T, DecodeError>,
    print: impl Fn(Bytes) -> Result<String, DecodeError>,
) {
    let again = encode(value);
    let back = decode(again.clone()).expect("what was written can be read");
    assert!(back == *value || has_nan(value), "{back:?} is not {value:?}");
    assert_eq!(encode(&back), again);
    assert!(again.len() <= bytes.len(), "{again:x?} is longer than {bytes:x?}");
    if again.len() == bytes.len() {
        // no varint was too long, and no tagged field held its default
        for (theirs, ours) in bytes.iter().zip(&again) {
            // a bool is true by any byte but 0, and a struct is null by any negative one
            assert!(theirs == ours || matches!(ours, 1 | 0xff), "{again:x?} is not {bytes:x?}");
        }
        let printed = [bytes.clone(), again].map(|bytes| print(bytes).ok());
        assert!(printed[0].is_some() && printed[0] == printed[1], "{printed:?}");
    }
}

/// Whether it holds a number that equals nothing, not even itself.
fn has_nan(value: &impl Debug) -> bool {
    format!("{value:?}").contains("NaN")
}
