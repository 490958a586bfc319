//! What is asked first on a connection: which versions of which requests the broker knows.

use core::ops::RangeInclusive;
use std::collections::BTreeMap;

use bytes::Bytes;
use ottla_protocol::messages::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use ottla_protocol::{ApiKey, DecodeError, ErrorCode, Message, Str, decode_response, version};

/// The newest version we ask with. Version 5 would check a node id we do not know yet.
pub(crate) const VERSION_MAX: i16 = 4;

/// The versions a broker knows, by API.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct ApiRanges(BTreeMap<i16, (i16, i16)>);

impl ApiRanges {
    /// The versions of `api` that the broker knows.
    pub(crate) fn of(&self, api: ApiKey) -> Option<RangeInclusive<i16>> {
        self.0.get(&api.0).map(|&(first, last)| first..=last)
    }

    /// The newest version of `api` that the broker and `ours` have in common.
    pub(crate) fn choose(&self, api: ApiKey, ours: RangeInclusive<i16>) -> Option<i16> {
        version::choose(ours, self.of(api)?)
    }
}

/// Asks with the newest version, and again with what the broker offers (KIP-511).
#[derive(Debug)]
pub(crate) struct Handshake {
    version: i16,
}

/// What follows an answer.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Step {
    /// Ask again, in the version that [`Handshake::request`] now gives.
    AskAgain,
    /// The broker knows these.
    Done(ApiRanges),
}

/// Why the versions of a broker stay unknown.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum HandshakeError {
    #[error("it does not answer like a Kafka broker: {0}")]
    Decode(#[from] DecodeError),
    #[error("{0}")]
    Refused(ErrorCode),
    #[error("it offers no version of ApiVersions below {0} and refuses that")]
    NoVersion(i16),
}

impl Handshake {
    pub(crate) const fn new() -> Self {
        Self { version: VERSION_MAX }
    }

    /// What to ask now, and in which version.
    pub(crate) fn request(&self) -> (i16, ApiVersionsRequest) {
        (self.version, request(self.version))
    }

    /// Reads the answer to [`request`](Self::request); `frame` has no length prefix.
    pub(crate) fn on_answer(&mut self, frame: Bytes) -> Result<Step, HandshakeError> {
        let (_, answer) = decode_response::<ApiVersionsRequest>(frame, self.version)?;
        if answer.error_code == ErrorCode::UNSUPPORTED_VERSION {
            self.version = Self::next_version(self.version, &answer)?;
            return Ok(Step::AskAgain);
        }
        if answer.error_code != ErrorCode::NONE {
            return Err(HandshakeError::Refused(answer.error_code));
        }
        let keys = answer.api_keys.iter();
        let ranges = keys.map(|k| (k.api_key, (k.min_version, k.max_version))).collect();
        Ok(Step::Done(ApiRanges(ranges)))
    }

    /// The newest version below `asked` that the broker offers; 0 if it offers nothing.
    fn next_version(asked: i16, answer: &ApiVersionsResponse) -> Result<i16, HandshakeError> {
        let none = HandshakeError::NoVersion(asked);
        if asked == 0 {
            return Err(none); // every broker knows version 0
        }
        let offered = answer.api_keys.iter().find(|k| k.api_key == ApiKey::API_VERSIONS.0);
        let Some(offered) = offered else { return Ok(0) };
        let ours = *ApiVersionsRequest::VERSIONS.start()..=asked - 1;
        version::choose(ours, offered.min_version..=offered.max_version).ok_or(none)
    }
}

/// What is asked in a version.
pub(crate) fn request(version: i16) -> ApiVersionsRequest {
    let mut request = ApiVersionsRequest::default();
    if version >= 3 {
        request.client_software_name = Str::from_static("ottla");
        request.client_software_version = Str::from_static(env!("CARGO_PKG_VERSION"));
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;
    use ottla_protocol::encode_response;
    use ottla_protocol::ids::CorrelationId;
    use ottla_protocol::messages::api_versions::ApiVersion;

    fn answer(version: i16, error_code: ErrorCode, keys: &[(i16, i16, i16)]) -> Bytes {
        let api_keys = keys
            .iter()
            .map(|&(api_key, min_version, max_version)| ApiVersion {
                api_key,
                min_version,
                max_version,
                ..ApiVersion::default()
            })
            .collect();
        let response = ApiVersionsResponse { error_code, api_keys, ..Default::default() };
        let id = CorrelationId(0);
        let frame = encode_response(&response, version, ApiKey::API_VERSIONS, id).unwrap();
        frame.into_bytes().slice(4..)
    }

    #[test]
    fn a_modern_broker_is_asked_once() {
        let mut handshake = Handshake::new();
        assert_eq!(handshake.request().0, 4);
        let step = handshake.on_answer(answer(4, ErrorCode::NONE, &[(0, 3, 13), (18, 0, 4)]));
        let Ok(Step::Done(ranges)) = step else { panic!("{step:?}") };
        assert_eq!(ranges.choose(ApiKey::PRODUCE, 3..=12), Some(12));
        assert_eq!(ranges.choose(ApiKey::PRODUCE, 0..=2), None);
        assert_eq!(ranges.of(ApiKey::FETCH), None);
    }

    #[test]
    fn an_older_broker_is_asked_again_with_what_it_offers() {
        let refusal = ErrorCode::UNSUPPORTED_VERSION;
        for (rule, offer, next) in [
            ("its highest", vec![(18, 0, 2)], Ok(2)),
            ("an empty list means version 0", vec![], Ok(0)),
            ("another list without the key means version 0", vec![(3, 0, 9)], Ok(0)),
            ("strictly below what it refused", vec![(18, 0, 4)], Ok(3)),
            ("nothing below", vec![(18, 4, 9)], Err(HandshakeError::NoVersion(4))),
        ] {
            let mut handshake = Handshake::new();
            let step = handshake.on_answer(answer(0, refusal, &offer));
            match next {
                Ok(version) => {
                    assert_eq!(step, Ok(Step::AskAgain), "{rule}");
                    assert_eq!(handshake.request().0, version, "{rule}");
                }
                Err(error) => assert_eq!(step, Err(error), "{rule}"),
            }
        }
    }

    #[test]
    fn asking_again_ends() {
        let mut handshake = Handshake::new();
        for _ in 0..4 {
            let step =
                handshake.on_answer(answer(0, ErrorCode::UNSUPPORTED_VERSION, &[(18, 0, 9)]));
            assert_eq!(step, Ok(Step::AskAgain));
        }
        let step = handshake.on_answer(answer(0, ErrorCode::UNSUPPORTED_VERSION, &[]));
        assert_eq!(step, Err(HandshakeError::NoVersion(0)));
    }

    #[test]
    fn errors_and_garbage_are_named() {
        let mut handshake = Handshake::new();
        let step = handshake.on_answer(answer(4, ErrorCode::INVALID_REQUEST, &[]));
        assert_eq!(step, Err(HandshakeError::Refused(ErrorCode::INVALID_REQUEST)));
        let whole = answer(4, ErrorCode::NONE, &[(0, 3, 13)]);
        for end in 0..whole.len() {
            let step = handshake.on_answer(whole.slice(..end));
            assert!(matches!(step, Err(HandshakeError::Decode(_))), "cut at {end}: {step:?}");
        }
    }
}
