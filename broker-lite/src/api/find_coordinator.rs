//! FindCoordinator. This broker is the coordinator of every group, though it serves none yet: a
//! client that joins one learns from the APIs it does not find. Transactions and share groups are
//! refused here.
//!
//! Groups are not refused, because librdkafka looks for the coordinator of its `group.id` even if
//! partitions are assigned by hand, and hands an error on as one of the consumer. And an API that is
//! not listed makes librdkafka believe that the broker does not know lz4.

use ottla_protocol::Str;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::find_coordinator::{
    Coordinator, FindCoordinatorRequest, FindCoordinatorResponse,
};

use super::{Context, Handler};
use crate::net::Close;

/// From this version on, a request has several keys.
const SEVERAL_KEYS_SINCE: i16 = 4;
/// `key_type` of groups.
const GROUP: i8 = 0;

impl Handler for FindCoordinatorRequest {
    async fn handle(self, context: &Context) -> Result<Option<FindCoordinatorResponse>, Close> {
        let of = |key| coordinator(context, self.key_type, key);
        if context.version < SEVERAL_KEYS_SINCE {
            let found = of(self.key);
            return Ok(Some(FindCoordinatorResponse {
                error_code: found.error_code,
                error_message: found.error_message,
                node_id: found.node_id,
                host: found.host,
                port: found.port,
                ..Default::default()
            }));
        }
        let coordinators = self.coordinator_keys.into_iter().map(of).collect();
        Ok(Some(FindCoordinatorResponse { coordinators, ..Default::default() }))
    }
}

fn coordinator(context: &Context, key_type: i8, key: Str) -> Coordinator {
    let refused = |code, message| Coordinator {
        key: key.clone(),
        error_code: code,
        error_message: Some(Str::from_static(message)),
        ..Default::default()
    };
    if let Some(code) = context.verdict.error() {
        return refused(code, code.meaning());
    }
    if key_type != GROUP {
        // a code that makes clients try again would hide it
        let message = "broker-lite has no transactions and no share groups yet";
        return refused(ErrorCode::UNSUPPORTED_VERSION, message);
    }
    let image = context.broker.controller.image();
    let Some(node) = image.brokers().find(|node| node.id == context.broker.node) else {
        let code = ErrorCode::COORDINATOR_NOT_AVAILABLE; // not registered yet
        return refused(code, code.meaning());
    };
    Coordinator {
        key,
        node_id: Some(node.id),
        host: node.host.clone(),
        port: node.port.into(),
        ..Default::default()
    }
}
