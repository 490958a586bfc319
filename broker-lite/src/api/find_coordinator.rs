//! FindCoordinator. There are no groups and no transactions yet, so every key is refused.
//!
//! It is served all the same: librdkafka takes a broker that does not list it for one that does not
//! know lz4, and silently sends such batches uncompressed.

use ottla_protocol::Str;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::find_coordinator::{
    Coordinator, FindCoordinatorRequest, FindCoordinatorResponse,
};

use super::{Context, Handler};
use crate::net::Close;

/// From this version on, a request has several keys.
const SEVERAL_KEYS_SINCE: i16 = 4;

impl Handler for FindCoordinatorRequest {
    async fn handle(self, context: &Context) -> Result<Option<FindCoordinatorResponse>, Close> {
        // a code that makes clients try again would hide it
        let code = context.verdict.error().unwrap_or(ErrorCode::UNSUPPORTED_VERSION);
        let message = Some(Str::from_static("broker-lite has no groups and no transactions yet"));
        if context.version < SEVERAL_KEYS_SINCE {
            return Ok(Some(FindCoordinatorResponse {
                error_code: code,
                error_message: message,
                ..Default::default()
            }));
        }
        let refused = |key| Coordinator {
            key,
            error_code: code,
            error_message: message.clone(),
            ..Default::default()
        };
        let coordinators = self.coordinator_keys.into_iter().map(refused).collect();
        Ok(Some(FindCoordinatorResponse { coordinators, ..Default::default() }))
    }
}
