//! ListPartitionReassignments: with one node no partition is on its way to another.

use ottla_protocol::Str;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::list_partition_reassignments::{
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
};

use super::{Context, Handler};
use crate::net::Close;

impl Handler for ListPartitionReassignmentsRequest {
    async fn handle(
        self,
        context: &Context,
    ) -> Result<Option<ListPartitionReassignmentsResponse>, Close> {
        let fault = context.verdict.error();
        Ok(Some(ListPartitionReassignmentsResponse {
            error_code: fault.unwrap_or(ErrorCode::NONE),
            error_message: fault.map(|code| Str::from_static(code.meaning())),
            ..Default::default()
        }))
    }
}
