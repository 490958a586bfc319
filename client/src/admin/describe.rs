//! Looking: topics, the cluster, configurations.

use ottla_protocol::ids::{LeaderEpoch, NodeId, PartitionIndex, Uuid};
use ottla_protocol::messages::describe_cluster::{DescribeClusterRequest, DescribeClusterResponse};
use ottla_protocol::messages::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
    DescribeConfigsResponse, RESOURCE_TYPE_BROKER, RESOURCE_TYPE_BROKER_LOGGER,
    RESOURCE_TYPE_CLIENT_METRICS, RESOURCE_TYPE_GROUP, RESOURCE_TYPE_TOPIC,
};
use ottla_protocol::messages::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseTopic,
};
use ottla_protocol::{Message, Str};

use super::error::AdminError;
use super::retry::{Operation, Refusal, Reply, Whom};
use super::{Admin, only};
use crate::cluster::Purpose;
use crate::net::connection::Connection;

/// The first version of Metadata in which null asks for all topics.
const ALL_TOPICS_SINCE: i16 = 1;
/// The first version of Metadata that can be told not to create topics.
const NO_AUTO_CREATE_SINCE: i16 = 4;

/// A topic in a list.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct TopicListing {
    /// Its name.
    pub name: String,
    /// Its id; `None` from brokers before Kafka 2.8.
    pub id: Option<Uuid>,
    /// Whether it belongs to Kafka itself, as `__consumer_offsets` does.
    pub is_internal: bool,
    /// How many partitions it has.
    pub partitions: usize,
}

/// A topic in detail.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct TopicDescription {
    /// Its name.
    pub name: String,
    /// Its id; `None` from brokers before Kafka 2.8.
    pub id: Option<Uuid>,
    /// Whether it belongs to Kafka itself.
    pub is_internal: bool,
    /// Its partitions, by index.
    pub partitions: Vec<PartitionDescription>,
}

/// A partition in detail.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct PartitionDescription {
    /// Its index.
    pub index: PartitionIndex,
    /// Who leads it; `None` if nobody does.
    pub leader: Option<NodeId>,
    /// How many leaders it had before, if the broker counts.
    pub leader_epoch: Option<LeaderEpoch>,
    /// All replicas, the preferred leader first.
    pub replicas: Vec<NodeId>,
    /// The replicas in sync.
    pub isr: Vec<NodeId>,
    /// The replicas offline.
    pub offline: Vec<NodeId>,
}

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
    /// All topics the broker shows us, by name.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// If no broker answers in time.
    pub async fn list_topics(&self) -> Result<Vec<TopicListing>, AdminError> {
        let cluster = &self.cluster;
        let operation = Operation { cluster, whom: Whom::Any, name: |()| "the list of topics" };
        let ask = |connection: &Connection, _, timeout| {
            let versions = ALL_TOPICS_SINCE..=*MetadataRequest::VERSIONS.end();
            connection.call_versioned(versions, timeout, |version| metadata_request(version, None))
        };
        let read = |response: MetadataResponse| {
            let listed = response.topics.into_iter().filter_map(|topic| {
                Some(TopicListing {
                    name: topic.name?.to_string(),
                    id: some_id(topic.topic_id),
                    is_internal: topic.is_internal,
                    partitions: topic.partitions.len(),
                })
            });
            let mut topics: Vec<_> = listed.collect();
            topics.sort_by(|a, b| a.name.cmp(&b.name));
            let checked = Refusal::check(response.error_code, None);
            vec![Reply { name: "the list of topics".into(), result: checked.map(|()| topics) }]
        };
        only(operation.run::<MetadataRequest, _>(vec![()], ask, read).await)
    }

    /// A topic in detail. See [`describe_topics`](Self::describe_topics).
    ///
    /// # Errors
    ///
    /// `UNKNOWN_TOPIC_OR_PARTITION`, or that no broker answers in time.
    ///
    /// Cancel safe.
    pub async fn describe_topic(&self, topic: &str) -> Result<TopicDescription, AdminError> {
        only(self.describe_topics([topic]).await)
    }

    /// Topics in detail; gives the result of each, in the same order. Creates none. Cancel safe.
    pub async fn describe_topics<S: AsRef<str>>(
        &self,
        topics: impl IntoIterator<Item = S>,
    ) -> Vec<Result<TopicDescription, AdminError>> {
        let cluster = &self.cluster;
        let operation = Operation { cluster, whom: Whom::Any, name: |name: &Str| name };
        let topics = topics.into_iter().map(|name| Str::from(name.as_ref())).collect();
        let ask = |connection: &Connection, names, timeout| {
            let versions = NO_AUTO_CREATE_SINCE..=*MetadataRequest::VERSIONS.end();
            connection.call_versioned(versions, timeout, move |version| {
                metadata_request(version, Some(names))
            })
        };
        let read = |r: MetadataResponse| r.topics.into_iter().filter_map(described).collect();
        operation.run::<MetadataRequest, _>(topics, ask, read).await
    }

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

    /// How a topic or a broker is configured, by name. Cancel safe.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_TOPIC_OR_PARTITION`, or that no broker answers in time.
    pub async fn describe_configs(
        &self,
        resource: ConfigResource,
    ) -> Result<Vec<ConfigEntry>, AdminError> {
        let cluster = &self.cluster;
        let asked = resource.wire();
        let operation = Operation { cluster, whom: Whom::Any, name: |asked: &(i8, Str)| &asked.1 };
        let broker = resource.node();
        let ask = |connection: &Connection, asked: Vec<(i8, Str)>, timeout| {
            let resource = |(resource_type, resource_name)| DescribeConfigsResource {
                resource_type,
                resource_name,
                ..Default::default()
            };
            let resources = asked.into_iter().map(resource).collect();
            let request = DescribeConfigsRequest { resources, ..Default::default() };
            match broker {
                Some(id) => cluster.connection(id, Purpose::General).call(request, timeout),
                None => connection.call(request, timeout),
            }
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

fn metadata_request(version: i16, names: Option<Vec<Str>>) -> MetadataRequest {
    let topic = |name| MetadataRequestTopic { name: Some(name), ..Default::default() };
    MetadataRequest {
        topics: names.map(|names| names.into_iter().map(topic).collect()),
        allow_auto_topic_creation: version < NO_AUTO_CREATE_SINCE,
        ..MetadataRequest::default()
    }
}

fn some_id(id: Uuid) -> Option<Uuid> {
    Some(id).filter(|&id| id != Uuid::ZERO)
}

fn described(topic: MetadataResponseTopic) -> Option<Reply<TopicDescription>> {
    let name = topic.name?;
    let partitions = topic.partitions.into_iter().map(|p| PartitionDescription {
        index: p.partition_index,
        leader: p.leader_id,
        leader_epoch: p.leader_epoch,
        replicas: p.replica_nodes,
        isr: p.isr_nodes,
        offline: p.offline_replicas,
    });
    let mut partitions: Vec<_> = partitions.collect();
    partitions.sort_by_key(|p| p.index);
    let description = TopicDescription {
        name: name.to_string(),
        id: some_id(topic.topic_id),
        is_internal: topic.is_internal,
        partitions,
    };
    let result = Refusal::check(topic.error_code, None).map(|()| description);
    Some(Reply { name, result })
}

fn entry(config: DescribeConfigsResourceResult) -> ConfigEntry {
    let source = CONFIG_SOURCES.iter().find(|(wire, ..)| *wire == config.config_source);
    let source = source.map_or(ConfigSource::Unknown, |(_, source, _)| *source);
    ConfigEntry {
        name: config.name.to_string(),
        value: config.value.map(|value| value.to_string()),
        read_only: config.read_only,
        is_default: source == ConfigSource::Default,
        source,
        is_sensitive: config.is_sensitive,
    }
}
