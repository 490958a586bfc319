//! InitProducerId, for idempotent producers.

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{ProducerEpoch, ProducerId};
use ottla_protocol::messages::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};

use core::ops::RangeInclusive;

use super::{Context, Handler};
use crate::net::Close;

impl Handler for InitProducerIdRequest {
    const SERVED: RangeInclusive<i16> = 0..=5;

    async fn handle(self, context: &Context) -> Result<Option<InitProducerIdResponse>, Close> {
        let code = match (&self.transactional_id, context.verdict.error()) {
            (_, Some(code)) => code,
            (Some(id), None) if id.is_empty() => ErrorCode::INVALID_REQUEST,
            _ if self.producer_id.is_some() != self.producer_epoch.is_some() => {
                ErrorCode::INVALID_REQUEST
            }
            // there are no transactions yet; a code that makes clients try again would hide it
            (Some(_), None) => ErrorCode::UNSUPPORTED_VERSION,
            // without a transactional id there is nothing to continue: a fresh id, as Kafka does
            (None, None) => match context.broker.producer_id().await {
                Ok(id) => return Ok(Some(granted(id))),
                Err(code) => code,
            },
        };
        Ok(Some(InitProducerIdResponse { error_code: code, ..Default::default() }))
    }
}

fn granted(id: ProducerId) -> InitProducerIdResponse {
    InitProducerIdResponse {
        producer_id: Some(id),
        producer_epoch: Some(ProducerEpoch(0)),
        ..Default::default()
    }
}
