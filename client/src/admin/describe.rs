//! Looking: the cluster, configurations.

use ottla_protocol::ids::NodeId;
use ottla_protocol::messages::describe_cluster::{DescribeClusterRequest, DescribeClusterResponse};
use ottla_protocol::messages::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
    DescribeConfigsResponse, RESOURCE_TYPE_BROKER, RESOURCE_TYPE_BROKER_LOGGER,
    RESOURCE_TYPE_CLIENT_METRICS, RESOURCE_TYPE_GROUP, RESOURCE_TYPE_TOPIC,
};
use ottla_protocol::{Message, Str};

use super::error::AdminError;
use super::retry::{Operation, Refusal, Reply, Whom};
use super::{Admin, only};
use crate::net::connection::Connection;

/// The first version of DescribeConfigs in which configurations have documentation.
const DOCUMENTATION_SINCE: i16 = 3;

/// The cluster.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ClusterDescription {
    /// Its id.
    pub cluster_id: Option<String>,
    /// Who takes changes to it; with KRaft any live broker.
    pub controller: Option<NodeId>,
    /// Its live brokers, by id.
    pub brokers: Vec<BrokerDescription>,
}

/// A broker.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct BrokerDescription {
    /// Its id.
    pub id: NodeId,
    /// Its host, as it advertises itself.
    pub host: String,
    /// Its port.
    pub port: i32,
    /// Its rack, if it has one.
    pub rack: Option<String>,
}

/// What can be configured.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ConfigResource {
    /// A topic, by name.
    Topic(String),
    /// A broker.
    Broker(NodeId),
    /// What counts for all brokers that have nothing of their own.
    AllBrokers,
    /// The loggers of a broker.
    BrokerLogger(NodeId),
    /// A subscription to the metrics of clients, by name (KIP-714).
    ClientMetrics(String),
    /// A group, by name (KIP-848).
    Group(String),
}

/// What kind of thing can be configured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ConfigResourceType {
    /// Topics.
    Topic,
    /// Brokers.
    Broker,
    /// Loggers of brokers.
    BrokerLogger,
    /// Subscriptions to the metrics of clients.
    ClientMetrics,
    /// Groups.
    Group,
}

impl ConfigResourceType {
    pub(super) const fn wire(self) -> i8 {
        match self {
            Self::Topic => RESOURCE_TYPE_TOPIC,
            Self::Broker => RESOURCE_TYPE_BROKER,
            Self::BrokerLogger => RESOURCE_TYPE_BROKER_LOGGER,
            Self::ClientMetrics => RESOURCE_TYPE_CLIENT_METRICS,
            Self::Group => RESOURCE_TYPE_GROUP,
        }
    }
}

impl ConfigResource {
    /// Its type and name on the wire.
    pub(super) fn wire(&self) -> (i8, Str) {
        match self {
            Self::Topic(name) => (RESOURCE_TYPE_TOPIC, Str::from(name.as_str())),
            Self::Broker(id) => (RESOURCE_TYPE_BROKER, Str::from(id.to_string())),
            Self::AllBrokers => (RESOURCE_TYPE_BROKER, Str::new()),
            Self::BrokerLogger(id) => (RESOURCE_TYPE_BROKER_LOGGER, Str::from(id.to_string())),
            Self::ClientMetrics(name) => (RESOURCE_TYPE_CLIENT_METRICS, Str::from(name.as_str())),
            Self::Group(name) => (RESOURCE_TYPE_GROUP, Str::from(name.as_str())),
        }
    }

    /// What has this type and name on the wire; `None` if we know no such type.
    pub(super) fn from_wire(kind: i8, name: &str) -> Option<Self> {
        let node = || name.parse().ok().map(NodeId);
        match kind {
            RESOURCE_TYPE_TOPIC => Some(Self::Topic(name.to_owned())),
            RESOURCE_TYPE_BROKER if name.is_empty() => Some(Self::AllBrokers),
            RESOURCE_TYPE_BROKER => node().map(Self::Broker),
            RESOURCE_TYPE_BROKER_LOGGER => node().map(Self::BrokerLogger),
            RESOURCE_TYPE_CLIENT_METRICS => Some(Self::ClientMetrics(name.to_owned())),
            RESOURCE_TYPE_GROUP => Some(Self::Group(name.to_owned())),
            _ => None,
        }
    }

    /// The broker that has to be asked, if no other knows.
    pub(super) const fn node(&self) -> Option<NodeId> {
        match self {
            Self::Broker(id) | Self::BrokerLogger(id) => Some(*id),
            Self::Topic(_) | Self::AllBrokers | Self::ClientMetrics(_) | Self::Group(_) => None,
        }
    }
}

/// One configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ConfigEntry {
    /// Kafka's name, as in `retention.ms`.
    pub name: String,
    /// Its value; `None` if it is secret or not set.
    pub value: Option<String>,
    /// Whether it cannot be changed.
    pub read_only: bool,
    /// Whether it is a default, not set for the resource, the broker or the cluster.
    pub is_default: bool,
    /// Where the value comes from.
    pub source: ConfigSource,
    /// Whether its value is secret.
    pub is_sensitive: bool,
    /// What its value is; [`ConfigType::Unknown`] from brokers before Kafka 2.6.
    pub config_type: ConfigType,
    /// What the broker says that it does; `None` from brokers before Kafka 2.6, and from those that
    /// have nothing to say.
    pub documentation: Option<String>,
}

/// What the value of a configuration is. Printed in Kafka's words, as in `BOOLEAN`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ConfigType {
    /// `true` or `false`.
    Boolean,
    /// Text.
    String,
    /// A number of 32 bits.
    Int,
    /// A number of 16 bits.
    Short,
    /// A number of 64 bits.
    Long,
    /// A number with a fraction.
    Double,
    /// Texts with commas between them.
    List,
    /// The name of a Java class.
    Class,
    /// Text that is not shown.
    Password,
    /// The broker does not say, or says something that we do not know.
    Unknown,
}

/// `config_type` on the wire, and Kafka's name of it.
const CONFIG_TYPES: [(i8, ConfigType, &str); 9] = [
    (1, ConfigType::Boolean, "BOOLEAN"),
    (2, ConfigType::String, "STRING"),
    (3, ConfigType::Int, "INT"),
    (4, ConfigType::Short, "SHORT"),
    (5, ConfigType::Long, "LONG"),
    (6, ConfigType::Double, "DOUBLE"),
    (7, ConfigType::List, "LIST"),
    (8, ConfigType::Class, "CLASS"),
    (9, ConfigType::Password, "PASSWORD"),
];

impl core::fmt::Display for ConfigType {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let named = CONFIG_TYPES.iter().find(|(_, kind, _)| kind == self);
        f.write_str(named.map_or("UNKNOWN", |(_, _, name)| name))
    }
}

/// Where the value of a configuration comes from. Printed in Kafka's words, as in
/// `DYNAMIC_TOPIC_CONFIG`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ConfigSource {
    /// Set for the topic.
    DynamicTopic,
    /// Set for the broker while it ran.
    DynamicBroker,
    /// Set for all brokers while they ran.
    DynamicDefaultBroker,
    /// Set when the broker was started.
    StaticBroker,
    /// Not set: Kafka's default.
    Default,
    /// Set for a logger of the broker.
    DynamicBrokerLogger,
    /// Set for a subscription to the metrics of clients.
    ClientMetrics,
    /// Set for the group.
    Group,
    /// The broker does not say, or says something that we do not know.
    Unknown,
}

/// `config_source` on the wire, and Kafka's name of it.
const CONFIG_SOURCES: [(i8, ConfigSource, &str); 8] = [
    (1, ConfigSource::DynamicTopic, "DYNAMIC_TOPIC_CONFIG"),
    (2, ConfigSource::DynamicBroker, "DYNAMIC_BROKER_CONFIG"),
    (3, ConfigSource::DynamicDefaultBroker, "DYNAMIC_DEFAULT_BROKER_CONFIG"),
    (4, ConfigSource::StaticBroker, "STATIC_BROKER_CONFIG"),
    (5, ConfigSource::Default, "DEFAULT_CONFIG"),
    (6, ConfigSource::DynamicBrokerLogger, "DYNAMIC_BROKER_LOGGER_CONFIG"),
    (7, ConfigSource::ClientMetrics, "DYNAMIC_CLIENT_METRICS_CONFIG"),
    (8, ConfigSource::Group, "DYNAMIC_GROUP_CONFIG"),
];

impl core::fmt::Display for ConfigSource {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let named = CONFIG_SOURCES.iter().find(|(_, source, _)| source == self);
        f.write_str(named.map_or("UNKNOWN", |(_, _, name)| name))
    }
}

impl Admin {
    /// Who makes up the cluster. Cancel safe.
    ///
    /// # Errors
    ///
    /// If no broker answers in time, or the broker refuses.
    pub async fn describe_cluster(&self) -> Result<ClusterDescription, AdminError> {
        let cluster = &self.cluster;
        let operation = Operation { cluster, whom: Whom::Any, name: |()| "the cluster" };
        let ask = |connection: &Connection, _, timeout| {
            connection.call(DescribeClusterRequest::default(), timeout)
        };
        let read = |response: DescribeClusterResponse| {
            let checked = Refusal::check(response.error_code, response.error_message);
            let brokers = response.brokers.into_iter().map(|broker| BrokerDescription {
                id: broker.broker_id,
                host: broker.host.to_string(),
                port: broker.port,
                rack: broker.rack.map(|rack| rack.to_string()),
            });
            let mut brokers: Vec<_> = brokers.collect();
            brokers.sort_by_key(|broker| broker.id);
            let description = ClusterDescription {
                cluster_id: Some(response.cluster_id.to_string()).filter(|id| !id.is_empty()),
                controller: response.controller_id,
                brokers,
            };
            vec![Reply { name: "the cluster".into(), result: checked.map(|()| description) }]
        };
        only(operation.run::<DescribeClusterRequest, _>(vec![()], ask, read).await)
    }

    /// How a topic or a broker is configured, by name. A broker is asked itself. Cancel safe.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_TOPIC_OR_PARTITION`, [`CallError::UnknownNode`](crate::CallError) for a broker that
    /// the cluster does not name, or that no broker answers in time.
    pub async fn describe_configs(
        &self,
        resource: ConfigResource,
    ) -> Result<Vec<ConfigEntry>, AdminError> {
        let cluster = &self.cluster;
        let asked = resource.wire();
        let whom = resource.node().map_or(Whom::Any, Whom::Broker);
        let operation = Operation { cluster, whom, name: |asked: &(i8, Str)| &asked.1 };
        let ask = |connection: &Connection, asked: Vec<(i8, Str)>, timeout| {
            let resource = |(resource_type, resource_name)| DescribeConfigsResource {
                resource_type,
                resource_name,
                ..Default::default()
            };
            let resources = asked.into_iter().map(resource).collect();
            let request = |version| DescribeConfigsRequest {
                resources,
                include_documentation: version >= DOCUMENTATION_SINCE,
                ..Default::default()
            };
            connection.call_versioned(DescribeConfigsRequest::VERSIONS, timeout, request)
        };
        let read = |response: DescribeConfigsResponse| {
            let each = response.results.into_iter().map(|resource| {
                let checked = Refusal::check(resource.error_code, resource.error_message);
                let mut entries: Vec<_> = resource.configs.into_iter().map(entry).collect();
                entries.sort_by(|a, b| a.name.cmp(&b.name));
                Reply { name: resource.resource_name, result: checked.map(|()| entries) }
            });
            each.collect()
        };
        only(operation.run::<DescribeConfigsRequest, _>(vec![asked], ask, read).await)
    }
}

fn entry(config: DescribeConfigsResourceResult) -> ConfigEntry {
    let source = CONFIG_SOURCES.iter().find(|(wire, ..)| Some(*wire) == config.config_source);
    let source = source.map_or(ConfigSource::Unknown, |(_, source, _)| *source);
    let config_type = CONFIG_TYPES.iter().find(|(wire, ..)| *wire == config.config_type);
    ConfigEntry {
        name: config.name.to_string(),
        value: config.value.map(|value| value.to_string()),
        read_only: config.read_only,
        is_default: source == ConfigSource::Default,
        source,
        is_sensitive: config.is_sensitive,
        config_type: config_type.map_or(ConfigType::Unknown, |(_, known, _)| *known),
        documentation: config.documentation.map(|text| text.to_string()),
    }
}
