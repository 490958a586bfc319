//! What the metadata log adds up to. Readers hold an `Arc` of one state; [`Image::apply`] makes the
//! next.

use std::collections::BTreeMap;
use std::sync::Arc;

use ottla_protocol::Str;
use ottla_protocol::ids::{
    BrokerEpoch, LeaderEpoch, NodeId, PartitionEpoch, PartitionIndex, ProducerId, Uuid,
};

use super::names;
use super::records::Event;

/// A topic among the types of Kafka's `ConfigResource`.
pub(crate) const TOPIC_RESOURCE: i8 = 2;
/// A broker among them; its name is the id, or empty for all brokers.
pub(crate) const BROKER_RESOURCE: i8 = 4;

/// The state of the cluster.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Image {
    brokers: BTreeMap<NodeId, Arc<Broker>>,
    topics: BTreeMap<Str, Arc<Topic>>,
    names: BTreeMap<Uuid, Str>,
    /// The topics that share a metric name, of which there is at most one.
    metric_names: BTreeMap<Str, Str>,
    configs: BTreeMap<(i8, Str), Arc<BTreeMap<String, String>>>,
    features: BTreeMap<Str, i16>,
    next_producer_id: ProducerId,
}

/// A registered broker.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Broker {
    pub(crate) id: NodeId,
    /// One start of its process.
    pub(crate) incarnation: Uuid,
    /// The offset of its registration in the metadata log.
    pub(crate) epoch: BrokerEpoch,
    pub(crate) host: Str,
    pub(crate) port: u16,
    pub(crate) rack: Option<Str>,
    /// Registered, but not yet or no longer serving.
    pub(crate) fenced: bool,
}

/// A topic.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Topic {
    pub(crate) name: Str,
    pub(crate) id: Uuid,
    /// By index: a topic's partitions are numbered from 0 without gaps.
    pub(crate) partitions: Vec<Partition>,
}

/// Where a partition is and who leads it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Partition {
    pub(crate) replicas: Vec<NodeId>,
    pub(crate) isr: Vec<NodeId>,
    pub(crate) leader: Option<NodeId>,
    /// Grows with every new leader.
    pub(crate) leader_epoch: LeaderEpoch,
    /// Grows with every change.
    pub(crate) partition_epoch: PartitionEpoch,
}

impl Topic {
    /// The partition of this index.
    pub(crate) fn partition(&self, index: PartitionIndex) -> Option<&Partition> {
        usize::try_from(index.0).ok().and_then(|i| self.partitions.get(i))
    }
}

impl Image {
    /// Every registered broker, by id.
    pub(crate) fn brokers(&self) -> impl Iterator<Item = &Broker> {
        self.brokers.values().map(AsRef::as_ref)
    }

    /// The brokers that serve, by id.
    pub(crate) fn live_brokers(&self) -> impl Iterator<Item = &Broker> {
        self.brokers().filter(|broker| !broker.fenced)
    }

    pub(crate) fn broker(&self, id: NodeId) -> Option<&Broker> {
        self.brokers.get(&id).map(AsRef::as_ref)
    }

    /// Every topic, by name.
    pub(crate) fn topics(&self) -> impl Iterator<Item = &Arc<Topic>> {
        self.topics.values()
    }

    pub(crate) fn topic(&self, name: &str) -> Option<&Arc<Topic>> {
        self.topics.get(name)
    }

    pub(crate) fn topic_by_id(&self, id: Uuid) -> Option<&Arc<Topic>> {
        self.names.get(&id).and_then(|name| self.topics.get(name))
    }

    /// The topic whose metrics could not be told from those of `name`; `name` itself is none.
    pub(crate) fn collision(&self, name: &str) -> Option<&Str> {
        self.metric_names.get(&names::metric_name(name)).filter(|other| **other != name)
    }

    /// What was set for a topic.
    pub(crate) fn topic_config(&self, name: &Str) -> Arc<BTreeMap<String, String>> {
        self.config(TOPIC_RESOURCE, name)
    }

    /// What was set for a resource.
    pub(crate) fn config(&self, kind: i8, name: &str) -> Arc<BTreeMap<String, String>> {
        self.configs.get(&(kind, Str::from(name))).cloned().unwrap_or_default()
    }

    /// Whether anything is set otherwise in `other`.
    pub(crate) fn is_configured_as(&self, other: &Self) -> bool {
        self.configs == other.configs
    }

    pub(crate) fn features(&self) -> &BTreeMap<Str, i16> {
        &self.features
    }

    /// The first producer id that no block has.
    pub(crate) const fn next_producer_id(&self) -> ProducerId {
        self.next_producer_id
    }

    /// Makes the change that `event` says was decided. An event about what is not there, which no
    /// ledger decides, changes nothing.
    pub(crate) fn apply(&mut self, event: &Event) {
        match event {
            Event::RegisterBroker(record) => {
                let endpoint = record.end_points.first();
                let broker = Broker {
                    id: record.broker_id,
                    incarnation: record.incarnation_id,
                    epoch: record.broker_epoch,
                    host: endpoint.map(|e| own(&e.host)).unwrap_or_default(),
                    port: endpoint.map_or(0, |e| e.port),
                    rack: record.rack.as_ref().map(own),
                    fenced: record.fenced,
                };
                self.brokers.insert(broker.id, Arc::new(broker));
            }
            Event::UnfenceBroker(record) => self.fence(record.id, record.epoch, false),
            Event::FenceBroker(record) => self.fence(record.id, record.epoch, true),
            Event::BrokerRegistrationChange(record) => match record.fenced {
                0 => {}
                change => self.fence(record.broker_id, record.broker_epoch, change > 0),
            },
            Event::Topic(record) => {
                let (name, id) = (own(&record.name), record.topic_id);
                self.names.insert(id, name.clone());
                self.metric_names.insert(names::metric_name(&name), name.clone());
                let topic = Topic { name: name.clone(), id, partitions: Vec::new() };
                self.topics.insert(name, Arc::new(topic));
            }
            Event::Partition(record) => self.add_partition(record),
            Event::PartitionChange(record) => self.change_partition(record),
            Event::Config(record) => self.configure(record),
            Event::RemoveTopic(record) => {
                if let Some(name) = self.names.remove(&record.topic_id) {
                    self.metric_names.remove(&names::metric_name(&name));
                    self.topics.remove(&name);
                    self.configs.remove(&(TOPIC_RESOURCE, name));
                }
            }
            Event::ProducerIds(record) => self.next_producer_id = record.next_producer_id,
            Event::FeatureLevel(record) if record.feature_level == 0 => {
                self.features.remove(&record.name);
            }
            Event::FeatureLevel(record) => {
                self.features.insert(own(&record.name), record.feature_level);
            }
            // a record type that is added to the protocol is added here before it is written
            _ => {}
        }
    }

    fn fence(&mut self, id: NodeId, epoch: BrokerEpoch, fenced: bool) {
        // a change for an earlier incarnation comes too late
        if let Some(broker) = self.brokers.get_mut(&id).filter(|b| b.epoch == epoch) {
            Arc::make_mut(broker).fenced = fenced;
        }
    }

    fn topic_mut(&mut self, id: Uuid) -> Option<&mut Topic> {
        let topic = self.names.get(&id).and_then(|name| self.topics.get_mut(name));
        topic.map(Arc::make_mut)
    }
}

/// A text of its own: one in an event may be a slice of the request that asked for it, or of the log
/// it was read from, and would keep all of that in memory for as long as the image lives.
fn own(text: &Str) -> Str {
    Str::from(&**text)
}

mod changes;

#[cfg(test)]
mod tests;
