//! ListConfigResources: what has settings.

use ottla_protocol::Str;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::describe_configs::{
    RESOURCE_TYPE_BROKER, RESOURCE_TYPE_BROKER_LOGGER, RESOURCE_TYPE_CLIENT_METRICS,
    RESOURCE_TYPE_GROUP, RESOURCE_TYPE_TOPIC,
};
use ottla_protocol::messages::list_config_resources::{
    ConfigResource, ListConfigResourcesRequest, ListConfigResourcesResponse,
};

use super::{Context, Handler};
use crate::net::Close;

/// The types there are.
const TYPES: [i8; 5] = [
    RESOURCE_TYPE_TOPIC,
    RESOURCE_TYPE_BROKER,
    RESOURCE_TYPE_BROKER_LOGGER,
    RESOURCE_TYPE_CLIENT_METRICS,
    RESOURCE_TYPE_GROUP,
];

impl Handler for ListConfigResourcesRequest {
    async fn handle(self, context: &Context) -> Result<Option<ListConfigResourcesResponse>, Close> {
        if let Some(error_code) = context.verdict.error() {
            return Ok(Some(ListConfigResourcesResponse { error_code, ..Default::default() }));
        }
        let asked = match self.resource_types {
            // all there was then
            _ if context.version == 0 => vec![RESOURCE_TYPE_CLIENT_METRICS],
            types if types.is_empty() => TYPES.to_vec(),
            types => types,
        };
        if asked.iter().any(|kind| !TYPES.contains(kind)) {
            let error_code = ErrorCode::UNSUPPORTED_VERSION;
            return Ok(Some(ListConfigResourcesResponse { error_code, ..Default::default() }));
        }
        let image = context.broker.controller.image();
        let mut config_resources = Vec::new();
        for kind in TYPES.into_iter().filter(|kind| asked.contains(kind)) {
            let names: Vec<Str> = match kind {
                RESOURCE_TYPE_TOPIC => image.topics().map(|topic| topic.name.clone()).collect(),
                RESOURCE_TYPE_BROKER | RESOURCE_TYPE_BROKER_LOGGER => {
                    image.live_brokers().map(|broker| broker.id.to_string().into()).collect()
                }
                // neither telemetry subscriptions nor groups can be configured here
                _ => Vec::new(),
            };
            config_resources.extend(names.into_iter().map(|resource_name| ConfigResource {
                resource_name,
                resource_type: kind,
                ..Default::default()
            }));
        }
        Ok(Some(ListConfigResourcesResponse { config_resources, ..Default::default() }))
    }
}
