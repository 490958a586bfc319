//! IncrementalAlterConfigs: single settings of topics and brokers change, the others stay.

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::describe_configs::RESOURCE_TYPE_TOPIC;
use ottla_protocol::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterConfigsResourceResponse, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse, OPERATION_APPEND, OPERATION_DELETE, OPERATION_SET,
    OPERATION_SUBTRACT,
};

use super::alter_configs::{Asked, alter};
use super::{Context, Handler};
use crate::broker::Broker;
use crate::controller::ledger::{ConfigChange, Operation, Refusal, ResourceChange};
use crate::net::Close;

impl Handler for IncrementalAlterConfigsRequest {
    fn names(&self, _: &Broker, topic: Option<&str>, partition: Option<i32>) -> bool {
        let named = |asked: &AlterConfigsResource| {
            asked.resource_type == RESOURCE_TYPE_TOPIC
                && topic.is_none_or(|topic| asked.resource_name == topic)
        };
        partition.is_none() && self.resources.iter().any(named)
    }

    async fn handle(
        self,
        context: &Context,
    ) -> Result<Option<IncrementalAlterConfigsResponse>, Close> {
        let asked = self.resources.into_iter().map(change).collect();
        let results = alter(context, asked, self.validate_only).await;
        let responses = results.into_iter().map(|result| AlterConfigsResourceResponse {
            error_code: result.code(),
            error_message: result.message(),
            resource_type: result.kind,
            resource_name: result.name,
            ..Default::default()
        });
        let responses = responses.collect();
        Ok(Some(IncrementalAlterConfigsResponse { responses, ..Default::default() }))
    }
}

fn change(resource: AlterConfigsResource) -> Asked {
    let (kind, name) = (resource.resource_type, resource.resource_name);
    let mut edits = Vec::with_capacity(resource.configs.len());
    for config in resource.configs {
        let operation = match config.config_operation {
            OPERATION_SET => Operation::Set,
            OPERATION_DELETE => Operation::Delete,
            OPERATION_APPEND => Operation::Append,
            OPERATION_SUBTRACT => Operation::Subtract,
            other => {
                let message = format!("Unknown operation type {other} for {}.", config.name);
                let code = ErrorCode::INVALID_REQUEST;
                return Err((kind, name, Refusal { code, message }));
            }
        };
        edits.push((config.name, operation, config.value));
    }
    Ok(ResourceChange { kind, name, change: ConfigChange::Edit(edits) })
}
