//! AlterConfigs: all that is set for a topic or a broker is replaced. What it shares with
//! IncrementalAlterConfigs is here too.

use ottla_protocol::Str;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::alter_configs::{
    AlterConfigsRequest, AlterConfigsResource, AlterConfigsResourceResponse, AlterConfigsResponse,
};
use ottla_protocol::messages::describe_configs::RESOURCE_TYPE_TOPIC;

use super::{Context, Handler};
use crate::broker::Broker;
use crate::controller::ledger::{
    AlterConfigs, ConfigChange, Refusal, Reply, Request, ResourceChange,
};
use crate::net::Close;

impl Handler for AlterConfigsRequest {
    fn names(&self, _: &Broker, topic: Option<&str>, partition: Option<i32>) -> bool {
        let named = |asked: &AlterConfigsResource| {
            asked.resource_type == RESOURCE_TYPE_TOPIC
                && topic.is_none_or(|topic| asked.resource_name == topic)
        };
        partition.is_none() && self.resources.iter().any(named)
    }

    async fn handle(self, context: &Context) -> Result<Option<AlterConfigsResponse>, Close> {
        let resources = self.resources.into_iter().map(|resource| {
            let settings = resource.configs.into_iter().map(|config| (config.name, config.value));
            let change = ConfigChange::Replace(settings.collect());
            Ok(ResourceChange {
                kind: resource.resource_type,
                name: resource.resource_name,
                change,
            })
        });
        let results = alter(context, resources.collect(), self.validate_only).await;
        let responses = results.into_iter().map(|result| AlterConfigsResourceResponse {
            error_code: result.code(),
            error_message: result.message(),
            resource_type: result.kind,
            resource_name: result.name,
            ..Default::default()
        });
        let responses = responses.collect();
        Ok(Some(AlterConfigsResponse { responses, ..Default::default() }))
    }
}

/// What came of one resource.
pub(super) struct Altered {
    pub(super) kind: i8,
    pub(super) name: Str,
    result: Result<(), Refusal>,
}

impl Altered {
    pub(super) fn code(&self) -> ErrorCode {
        self.result.as_ref().err().map_or(ErrorCode::NONE, |refusal| refusal.code)
    }

    pub(super) fn message(&self) -> Option<Str> {
        self.result.as_ref().err().map(|refusal| refusal.message.as_str().into())
    }
}

/// A change, or why it is none, with the resource it would be one of.
pub(super) type Asked = Result<ResourceChange, (i8, Str, Refusal)>;

/// Has the controller do what can be done, and puts the results in the order of the request.
pub(super) async fn alter(
    context: &Context,
    asked: Vec<Asked>,
    validate_only: bool,
) -> Vec<Altered> {
    let mut changes = Vec::new();
    let mut results: Vec<Altered> = Vec::with_capacity(asked.len());
    let mut places = Vec::new();
    for asked in asked {
        let (kind, name, result) = match asked {
            Ok(change) => {
                let (kind, name) = (change.kind, change.name.clone());
                match context.verdict.error_for(&name, None) {
                    Some(code) => {
                        let message = code.meaning().to_owned();
                        (kind, name, Err(Refusal { code, message }))
                    }
                    None => {
                        places.push(results.len());
                        changes.push(change);
                        (kind, name, Ok(()))
                    }
                }
            }
            Err((kind, name, refusal)) => (kind, name, Err(refusal)),
        };
        results.push(Altered { kind, name, result });
    }
    let request =
        AlterConfigs { resources: changes, validate_only, lags: context.broker.compaction_lags() };
    let decided = match context.broker.controller.submit(Request::AlterConfigs(request)).await {
        Reply::Altered(decided) => decided,
        other => {
            let refusal = other.refusal();
            places.iter().map(|_| Err(refusal.clone())).collect()
        }
    };
    for (place, decided) in places.into_iter().zip(decided) {
        if let Some(result) = results.get_mut(place) {
            result.result = decided;
        }
    }
    results
}
