//! Configurations: alter them, list what has some.

use ottla_protocol::Message;
use ottla_protocol::Str;
use ottla_protocol::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse, OPERATION_APPEND, OPERATION_DELETE, OPERATION_SET,
    OPERATION_SUBTRACT,
};
use ottla_protocol::messages::list_config_resources::{
    ListConfigResourcesRequest, ListConfigResourcesResponse,
};

use super::describe::{ConfigResource, ConfigResourceType};
use super::error::AdminError;
use super::retry::{Operation, Refusal, Reply, Whom};
use super::{Admin, only};
use crate::net::connection::Connection;

/// The first version of ListConfigResources that has other types than client metrics.
const TYPES_SINCE: i16 = 1;

/// Changes to the configuration of one resource; what they do not name stays as it is.
#[derive(Clone, Debug)]
#[must_use = "does nothing before `Admin::alter_configs`"]
pub struct AlterConfigs {
    resource: ConfigResource,
    changes: Vec<AlterableConfig>,
}

impl AlterConfigs {
    /// No changes yet.
    pub const fn new(resource: ConfigResource) -> Self {
        Self { resource, changes: Vec::new() }
    }

    /// Of a topic.
    pub fn topic(name: &str) -> Self {
        Self::new(ConfigResource::Topic(name.to_owned()))
    }

    /// Sets a configuration by Kafka's name, as in `retention.ms`.
    pub fn set(self, name: &str, value: &str) -> Self {
        self.change(name, OPERATION_SET, Some(value))
    }

    /// Takes a configuration back to its default.
    pub fn delete(self, name: &str) -> Self {
        self.change(name, OPERATION_DELETE, None)
    }

    /// Adds to a configuration that is a list; several values are separated by commas.
    pub fn append(self, name: &str, value: &str) -> Self {
        self.change(name, OPERATION_APPEND, Some(value))
    }

    /// Takes from a configuration that is a list; several values are separated by commas.
    pub fn subtract(self, name: &str, value: &str) -> Self {
        self.change(name, OPERATION_SUBTRACT, Some(value))
    }

    fn change(mut self, name: &str, config_operation: i8, value: Option<&str>) -> Self {
        let (name, value) = (Str::from(name), value.map(Str::from));
        self.changes.push(AlterableConfig { name, config_operation, value, ..Default::default() });
        self
    }
}

impl Admin {
    /// Alters the configurations of resources; gives the result of each, in the same order.
    /// Each resource is altered as a whole or not at all. A broker is asked itself; one that the
    /// cluster does not name is [`CallError::UnknownNode`](crate::CallError).
    ///
    /// `INVALID_CONFIG`: a name or value that the resource cannot have. Retries as
    /// [`create_topics`](Self::create_topics) does; [`AlterConfigs::append`] and
    /// [`AlterConfigs::subtract`] done twice do no more than once. Heeds
    /// [`validate_only`](Self::validate_only). Cancel safe in the same way.
    pub async fn alter_configs(
        &self,
        changes: impl IntoIterator<Item = AlterConfigs>,
    ) -> Vec<Result<(), AdminError>> {
        // one request each: a broker refuses a request that names resources of another's
        let each = changes.into_iter().map(|change| self.alter_config(change));
        futures::future::join_all(each).await
    }

    async fn alter_config(&self, change: AlterConfigs) -> Result<(), AdminError> {
        let cluster = &self.cluster;
        let whom = change.resource.node().map_or(Whom::Controller, Whom::Broker);
        let (resource_type, resource_name) = change.resource.wire();
        let configs = change.changes;
        let item =
            AlterConfigsResource { resource_type, resource_name, configs, ..Default::default() };
        let operation =
            Operation { cluster, whom, name: |item: &AlterConfigsResource| &item.resource_name };
        let validate_only = self.validate_only;
        let ask = |connection: &Connection, resources, timeout| {
            let request =
                IncrementalAlterConfigsRequest { resources, validate_only, ..Default::default() };
            connection.call(request, timeout)
        };
        let read = |response: IncrementalAlterConfigsResponse| {
            let each = response.responses.into_iter().map(|resource| {
                let result = Refusal::check(resource.error_code, resource.error_message);
                Reply { name: resource.resource_name, result }
            });
            each.collect()
        };
        only(operation.run::<IncrementalAlterConfigsRequest, _>(vec![item], ask, read).await)
    }

    /// What has a configuration: resources of these types, or of all types if none is given.
    /// Brokers before Kafka 4.1 know [`ConfigResourceType::ClientMetrics`] only, and others are
    /// then an error. Cancel safe.
    ///
    /// # Errors
    ///
    /// If no broker answers in time, or the broker refuses.
    pub async fn list_config_resources(
        &self,
        types: impl IntoIterator<Item = ConfigResourceType>,
    ) -> Result<Vec<ConfigResource>, AdminError> {
        let cluster = &self.cluster;
        let types: Vec<i8> = types.into_iter().map(ConfigResourceType::wire).collect();
        let operation = Operation { cluster, whom: Whom::Any, name: |()| "the list of resources" };
        let metrics_only = types == [ConfigResourceType::ClientMetrics.wire()];
        let ask = |connection: &Connection, _, timeout| {
            let ours = ListConfigResourcesRequest::VERSIONS;
            let first = if metrics_only { *ours.start() } else { TYPES_SINCE };
            let resource_types = types.clone();
            connection.call_versioned(first..=*ours.end(), timeout, move |version| {
                let resource_types =
                    if version < TYPES_SINCE { Vec::new() } else { resource_types };
                ListConfigResourcesRequest { resource_types, ..Default::default() }
            })
        };
        let read = |response: ListConfigResourcesResponse| {
            let listed = response.config_resources.into_iter();
            let listed =
                listed.filter_map(|r| ConfigResource::from_wire(r.resource_type, &r.resource_name));
            let result =
                Refusal::check(response.error_code, None).map(|()| listed.collect::<Vec<_>>());
            vec![Reply { name: Str::from_static("the list of resources"), result }]
        };
        only(operation.run::<ListConfigResourcesRequest, _>(vec![()], ask, read).await)
    }
}
