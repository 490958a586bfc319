//! DescribeCluster: the brokers.

use ottla_protocol::Str;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::describe_cluster::{
    DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse, ENDPOINT_TYPE_BROKER,
    ENDPOINT_TYPE_CONTROLLER,
};

use super::{CLUSTER_OPERATIONS, Context, Handler};
use crate::net::Close;

impl Handler for DescribeClusterRequest {
    async fn handle(self, context: &Context) -> Result<Option<DescribeClusterResponse>, Close> {
        let broker = &context.broker;
        let wrong = match self.endpoint_type {
            ENDPOINT_TYPE_BROKER => None,
            // controllers answer that on their own listener (KIP-919)
            ENDPOINT_TYPE_CONTROLLER => Some(ErrorCode::MISMATCHED_ENDPOINT_TYPE),
            _ => Some(ErrorCode::UNSUPPORTED_ENDPOINT_TYPE),
        };
        if let Some(code) = context.verdict.error().or(wrong) {
            return Ok(Some(DescribeClusterResponse {
                error_code: code,
                error_message: Some(Str::from_static(code.meaning())),
                ..Default::default()
            }));
        }
        let image = broker.controller.image();
        let all = image.brokers().filter(|b| self.include_fenced_brokers || !b.fenced);
        let brokers = all.map(|broker| DescribeClusterBroker {
            broker_id: broker.id,
            host: broker.host.clone(),
            port: broker.port.into(),
            rack: broker.rack.clone(),
            is_fenced: broker.fenced,
            ..Default::default()
        });
        let mut response = DescribeClusterResponse {
            cluster_id: broker.cluster_id.clone(),
            controller_id: Some(broker.node),
            brokers: brokers.collect(),
            ..Default::default()
        };
        if self.include_cluster_authorized_operations {
            response.cluster_authorized_operations = Some(CLUSTER_OPERATIONS);
        }
        Ok(Some(response))
    }
}
