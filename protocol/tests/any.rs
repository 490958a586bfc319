//! Every request and response by its key and version alone, as a proxy meets them.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod support;

use bytes::Bytes;
use ottla_protocol::api_key::APIS;
use ottla_protocol::header::{RequestHeader, ResponseHeader};
use ottla_protocol::ids::CorrelationId;
use ottla_protocol::json::Printer;
use ottla_protocol::wire::UnknownTags;
use ottla_protocol::{AnyRequest, AnyResponse, ApiKey, ErrorCode, Message, Reader};
use ottla_protocol::{decode_request_header, decode_response, encode_request, encode_response};
use support::{Fill, filled, versions};

macro_rules! keys {
    (apis { $( $name:ident: $module:ident($request:ident, $response:ident); )* } $($_others:tt)*) => {
        vec![$( {
            use ottla_protocol::{Request, messages::$module::{$request, $response}};
            fn same<T: Request<Response = R>, R>(name: &str) -> (ApiKey, String) {
                assert_eq!(T::NAME, format!("{name}Request"));
                (T::KEY, name.to_owned())
            }
            same::<$request, $response>(stringify!($name))
        } ),*]
    };
}

#[test]
fn the_list_and_the_table_of_apis_agree() {
    let listed: Vec<(ApiKey, String)> = ottla_protocol::with_every_message!(keys);
    assert!(listed.is_sorted());
    for (key, name) in &listed {
        let api = key.api().unwrap();
        assert_eq!(api.name, name);
        for schema in [key.request_schema().unwrap(), key.response_schema().unwrap()] {
            assert_eq!(api.versions, schema.versions.min..=schema.versions.max, "{name}");
            let flexible = schema.flexible_from.filter(|from| *from <= schema.versions.max);
            assert_eq!(api.flexible_from, flexible, "{name}");
        }
    }
    for api in APIS {
        let listed = listed.iter().any(|(key, _)| *key == api.key);
        assert_eq!(api.key.request_schema().is_some(), listed);
    }
}

#[test]
fn a_request_of_any_api_and_version_comes_back_as_it_was() {
    let mut unknown_tags = UnknownTags::NONE;
    unknown_tags.push(7, Bytes::from_static(b"seven"));
    for api in APIS {
        let Some(schema) = api.key.request_schema() else { continue };
        for version in versions(schema) {
            let body = filled(schema, version, Fill::Full);
            let request = AnyRequest::decode(api.key, version, &mut Reader::new(body)).unwrap();
            assert_eq!(request.key(), api.key);
            let header = RequestHeader {
                api_key: api.key.0,
                api_version: version,
                correlation_id: CorrelationId(-5),
                client_id: Some("proxy".into()),
                unknown_tags: match api.key.is_flexible(version) {
                    true => unknown_tags.clone(),
                    false => UnknownTags::NONE,
                },
            };
            let frame = request.encode_frame(&header).unwrap().into_bytes().slice(4..);
            let back = AnyRequest::decode_frame(frame.clone()).unwrap();
            assert_eq!(back, (header, request), "{} v{version}", api.name);
            let mut longer = frame.to_vec();
            longer.push(0);
            let error = AnyRequest::decode_frame(longer.into()).unwrap_err().to_string();
            assert!(error.ends_with("1 bytes follow the end of the message"), "{error}");
        }
    }
}

#[test]
fn a_response_of_any_api_and_version_comes_back_as_it_was() {
    for api in APIS {
        let Some(schema) = api.key.response_schema() else { continue };
        for version in versions(schema) {
            let body = filled(schema, version, Fill::Full);
            let response = AnyResponse::decode(api.key, version, &mut Reader::new(body)).unwrap();
            assert_eq!(response.key(), api.key);
            let header = ResponseHeader { correlation_id: CorrelationId(9), ..Default::default() };
            let frame = response.encode_frame(version, &header).unwrap().into_bytes().slice(4..);
            let back = AnyResponse::decode_frame(frame, api.key, version).unwrap();
            assert_eq!(back, (header, response), "{} v{version}", api.name);
        }
    }
}

#[test]
fn frames_are_those_of_the_typed_functions() {
    use ottla_protocol::messages::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
    use ottla_protocol::messages::metadata::MetadataRequest;
    let (id, header) = (CorrelationId(3), ResponseHeader::default());
    for version in MetadataRequest::VERSIONS {
        let request = MetadataRequest::default();
        let typed = encode_request(&request, version, id, None).unwrap().into_bytes();
        let header = decode_request_header(&mut Reader::new(typed.slice(4..))).unwrap();
        assert_eq!(AnyRequest::from(request).encode_frame(&header).unwrap().into_bytes(), typed);
    }
    for version in ApiVersionsRequest::VERSIONS {
        let response = ApiVersionsResponse::default();
        let typed = encode_response(&response, version, ApiKey::API_VERSIONS, CorrelationId(0));
        let any = AnyResponse::from(response).encode_frame(version, &header);
        assert_eq!(any.unwrap().into_bytes(), typed.unwrap().into_bytes(), "v{version}");
    }
}

/// As Kafka 4.3 answers ApiVersions v5, which it does not know (KIP-511).
#[test]
fn a_refused_api_versions_is_read_in_version_0_whatever_was_asked() {
    use ottla_protocol::header::answered_version;
    use ottla_protocol::messages::api_versions::ApiVersionsRequest;
    let frame = Bytes::from_static(b"\0\0\0\x07\0\x23\0\0\0\x01\0\x12\0\0\0\x04");
    let key = ApiKey::API_VERSIONS;
    for asked in [0, 1, 3, 4, 5, 6, 99] {
        let (id, typed) = decode_response::<ApiVersionsRequest>(frame.clone(), asked).unwrap();
        assert_eq!(id, CorrelationId(7), "v{asked}");
        assert_eq!((typed.error_code, typed.api_keys.len()), (ErrorCode::UNSUPPORTED_VERSION, 1));
        assert_eq!((typed.api_keys[0].api_key, typed.api_keys[0].max_version), (18, 4));
        let (header, any) = AnyResponse::decode_frame(frame.clone(), key, asked).unwrap();
        assert_eq!(any, typed.into(), "v{asked}");
        assert_eq!(answered_version(&frame, key, asked), 0);
        assert_eq!(any.encode_frame(asked, &header).unwrap().into_bytes().slice(4..), frame);
        let shown = Printer::default().response(frame.clone(), key, asked).unwrap();
        let said = if asked == 0 { "" } else { "\"responseVersion\":0," };
        let text = format!(
            "{{\"responseHeader\":{{\"correlationId\":7}},{said}\"response\":{{\"errorCode\":35,\
             \"apiKeys\":[{{\"apiKey\":18,\"minVersion\":0,\"maxVersion\":4}}]}}}}"
        );
        assert_eq!(shown, text);
    }
    assert_eq!(answered_version(&frame, ApiKey::METADATA, 5), 5, "this is so of ApiVersions only");
    assert_eq!(answered_version(&frame[..5], key, 5), 5);
}

#[test]
fn a_refused_api_versions_is_written_as_it_will_be_read() {
    use ottla_protocol::messages::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
    let (key, id) = (ApiKey::API_VERSIONS, CorrelationId(7));
    let header = ResponseHeader { correlation_id: id, ..Default::default() };
    let refused = ErrorCode::UNSUPPORTED_VERSION;
    for error_code in [refused, ErrorCode::NONE, ErrorCode::INVALID_REQUEST] {
        let response = ApiVersionsResponse { error_code, ..Default::default() };
        for asked in [0, 1, 2, 3, 4, 5, 99] {
            let any = AnyResponse::from(response.clone());
            let typed = encode_response(&response, asked, key, id);
            let untyped = any.encode_frame(asked, &header);
            if error_code != refused && !ApiVersionsRequest::VERSIONS.contains(&asked) {
                assert_eq!(typed.unwrap_err(), untyped.unwrap_err(), "v{asked}");
                continue;
            }
            let frame = typed.unwrap().into_bytes();
            assert_eq!(untyped.unwrap().into_bytes(), frame, "v{asked}, {error_code:?}");
            let frame = frame.slice(4..);
            if error_code == refused {
                assert_eq!(frame, &b"\0\0\0\x07\0\x23\0\0\0\0"[..], "v{asked}");
            }
            let back = decode_response::<ApiVersionsRequest>(frame.clone(), asked).unwrap();
            assert_eq!(back, (id, response.clone()), "v{asked}");
            let back = AnyResponse::decode_frame(frame, key, asked).unwrap();
            assert_eq!(back, (header.clone(), any), "v{asked}");
        }
    }
    // what version 0 cannot carry is an error, not another version
    let mut response = ApiVersionsResponse { error_code: refused, ..Default::default() };
    response.unknown_tags.push(77, Bytes::from_static(b"tag"));
    let error = encode_response(&response, 3, key, id).unwrap_err();
    assert!(error.to_string().starts_with("ApiVersionsResponse v0, unknown_tags"), "{error}");
    assert_eq!(AnyResponse::from(response).encode_frame(3, &header).unwrap_err(), error);
}

#[test]
fn an_api_or_version_that_is_not_declared_is_named() {
    let request = |frame: &'static [u8]| {
        AnyRequest::decode_frame(Bytes::from_static(frame)).unwrap_err().to_string()
    };
    assert_eq!(request(b"\0\x04\0\x01\0\0\0\x07\0\0"), "message v1: API key 4 is not known");
    let future = request(b"\0\x03\0\x63\0\0\0\x07\0\0\0");
    assert_eq!(future, "MetadataRequest v99: version is not known");
    let response = AnyResponse::decode_frame(Bytes::from_static(b"\0\0\0\x01"), ApiKey(-1), 0);
    assert_eq!(response.unwrap_err().to_string(), "message v0: API key -1 is not known");
}
