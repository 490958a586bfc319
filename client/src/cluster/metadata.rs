//! What the client knows of the cluster: brokers, topics, partitions and who leads them.
//!
//! A [`Metadata`] never changes; [`Metadata::updated`] and [`Metadata::hinted`] make the next one.
//! A partition's leader epoch never goes back within one topic id, whatever a lagging broker says.
//! Epochs of two topic ids say nothing about each other: a recreated topic starts again at 0.

use std::collections::BTreeMap;
use std::sync::Arc;

use ottla_protocol::ids::{LeaderEpoch, NodeId, PartitionIndex, Uuid};
use ottla_protocol::messages::metadata::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use ottla_protocol::{ErrorCode, Str};

use crate::net::address::BrokerAddress;

/// One state of knowledge.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metadata {
    /// Grows with every change.
    pub(crate) generation: u64,
    pub(crate) cluster_id: Option<Str>,
    pub(crate) controller: Option<NodeId>,
    pub(crate) nodes: BTreeMap<NodeId, Node>,
    topics: BTreeMap<Str, Arc<Topic>>,
    names: BTreeMap<Uuid, Str>,
}

/// A broker.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(crate) address: BrokerAddress,
    pub(crate) rack: Option<Str>,
}

/// A topic somebody asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Topic {
    pub(crate) name: Str,
    /// `None` from brokers that have none (before Kafka 2.8).
    pub(crate) id: Option<Uuid>,
    pub(crate) is_internal: bool,
    /// What was wrong with it in the last answer. The partitions are then those last known.
    pub(crate) error: Option<ErrorCode>,
    /// By index, from 0, without gaps.
    pub(crate) partitions: Vec<Partition>,
    /// The ids it had before it was recreated, the latest last. Ids never come back, so an answer
    /// with one of these is stale, unless brokers insist.
    past_ids: Vec<Uuid>,
    /// How many answers in a row were stale.
    stale_answers: u32,
}

/// How many past ids of a topic are remembered: brokers do not lag by more recreations.
const PAST_IDS_MAX: usize = 8;
/// After so many stale answers in a row it is we who are wrong: a cluster restored from a copy, a
/// damaged answer. Without this no answer would ever be right again.
const STALE_ANSWERS_MAX: u32 = 10;

/// A partition.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Partition {
    pub(crate) index: PartitionIndex,
    /// `None` while nobody leads it.
    pub(crate) leader: Option<NodeId>,
    /// `None` from brokers that have none (before Kafka 2.1).
    pub(crate) leader_epoch: Option<LeaderEpoch>,
    pub(crate) error: Option<ErrorCode>,
    pub(crate) replicas: Vec<NodeId>,
    pub(crate) isr: Vec<NodeId>,
}

/// What a Produce or Fetch answer says about a partition's new leader (KIP-951).
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct LeaderHint {
    pub(crate) topic: TopicRef,
    pub(crate) partition: PartitionIndex,
    pub(crate) leader: NodeId,
    pub(crate) leader_epoch: LeaderEpoch,
}

/// A topic as a response names it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum TopicRef {
    Name(Str),
    Id(Uuid),
}

impl Metadata {
    /// The topic of that name, if it was asked for and answered.
    pub(crate) fn topic(&self, name: &str) -> Option<&Arc<Topic>> {
        self.topics.get(name)
    }

    /// The topic of that id.
    #[cfg(test)]
    pub(crate) fn topic_by_id(&self, id: Uuid) -> Option<&Arc<Topic>> {
        self.topics.get(self.names.get(&id)?)
    }

    /// All topics, by name.
    pub(crate) fn topics(&self) -> impl Iterator<Item = &Arc<Topic>> {
        self.topics.values()
    }

    /// One partition of a topic.
    #[cfg(test)]
    pub(crate) fn partition(&self, topic: &str, index: PartitionIndex) -> Option<&Partition> {
        self.topic(topic)?.partition(index)
    }

    /// The state after `response`, which answers a question for `asked`. Topics nobody is
    /// interested in any more are forgotten: those for which `keep` is false.
    pub(crate) fn updated(&self, response: MetadataResponse, keep: impl Fn(&str) -> bool) -> Self {
        let mut topics = BTreeMap::new();
        for (name, topic) in self.topics.iter().filter(|(name, _)| keep(name)) {
            topics.insert(name.clone(), Arc::clone(topic)); // a topic left out stays as it was
        }
        for answer in response.topics {
            let Some(name) = answer.name.as_ref().filter(|name| keep(name)) else { continue };
            let known = topics.get(name);
            let name = known.map_or_else(|| own(name), |known| known.name.clone());
            let topic = Topic::merged(known.map(AsRef::as_ref), name.clone(), answer);
            if known.is_none_or(|known| **known != topic) {
                topics.insert(name, Arc::new(topic));
            }
        }
        let names = topics.values().filter_map(|t| Some((t.id?, t.name.clone()))).collect();
        Self {
            generation: self.generation + 1,
            cluster_id: response.cluster_id.as_ref().map(own).or_else(|| self.cluster_id.clone()),
            controller: response.controller_id,
            nodes: response.brokers.into_iter().filter_map(Node::from_wire).collect(),
            topics,
            names,
        }
    }

    /// The state after the hints of one response; `None` if they say nothing new. A hint counts
    /// only if its epoch is above the known one and its broker's address is known.
    pub(crate) fn hinted(&self, hints: &[LeaderHint], endpoints: &[Node]) -> Option<Self> {
        let mut next = self.clone();
        let mut changed = false;
        for hint in hints {
            let name = match &hint.topic {
                TopicRef::Name(name) => name,
                TopicRef::Id(id) => match self.names.get(id) {
                    Some(name) => name,
                    None => continue,
                },
            };
            let endpoint = endpoints.iter().find(|node| node.id == hint.leader);
            if endpoint.is_none() && !next.nodes.contains_key(&hint.leader) {
                continue;
            }
            let Some(topic) = next.topics.get_mut(name) else { continue };
            let Some(partition) = topic.partition(hint.partition) else { continue };
            if partition.leader_epoch.is_some_and(|known| known >= hint.leader_epoch) {
                continue;
            }
            Arc::make_mut(topic).apply(hint);
            if let Some(endpoint) = endpoint {
                next.nodes.insert(endpoint.id, endpoint.clone());
            }
            changed = true;
        }
        next.generation += 1;
        changed.then_some(next)
    }

    /// Whether an answer said anything of the topic: its partitions, or what is wrong with it.
    pub(crate) fn tells_of(&self, topic: &str) -> bool {
        self.topic(topic).is_some_and(|topic| topic.error.is_some() || !topic.partitions.is_empty())
    }

    /// Whether somebody should ask again soon: a topic or a partition is in a state that passes.
    pub(crate) fn is_unsettled(&self) -> bool {
        self.topics().any(|topic| {
            let passing = |error: Option<ErrorCode>| error.is_some_and(|e| e.is_retriable());
            let leaderless = |p: &Partition| p.leader.is_none() || passing(p.error);
            passing(topic.error) || topic.partitions.iter().any(leaderless)
        })
    }
}

impl Topic {
    /// One of its partitions.
    pub(crate) fn partition(&self, index: PartitionIndex) -> Option<&Partition> {
        self.partitions.get(usize::try_from(index.0).ok()?)
    }

    /// What `answer` makes of what was known.
    fn merged(known: Option<&Self>, name: Str, answer: MetadataResponseTopic) -> Self {
        let id = Some(answer.topic_id).filter(|&id| id != Uuid::ZERO);
        let is_internal = answer.is_internal;
        if answer.error_code != ErrorCode::NONE {
            // its id, epochs and partitions may be back in the next answer
            let error = Some(answer.error_code);
            let new = || Self::unknown(name, id, is_internal);
            return Self { error, ..known.cloned().unwrap_or_else(new) };
        }
        if let Some(known) = known
            && id.is_some_and(|id| known.past_ids.contains(&id))
            && known.stale_answers < STALE_ANSWERS_MAX
        {
            return Self { stale_answers: known.stale_answers + 1, ..known.clone() };
        }
        // an unknown id on either side proves nothing, so epochs still count
        let same = known.filter(|known| known.id.is_none() || id.is_none() || known.id == id);
        let mut past_ids = known.map(|known| known.past_ids.clone()).unwrap_or_default();
        if same.is_none() {
            past_ids.extend(known.and_then(|known| known.id));
            past_ids.retain(|past| Some(*past) != id);
            let surplus = past_ids.len().saturating_sub(PAST_IDS_MAX);
            past_ids.drain(..surplus);
        }
        let (partitions, error) = Self::merged_partitions(same, answer.partitions);
        // an answer of an old version must not make us forget the id
        let id = id.or_else(|| same.and_then(|topic| topic.id));
        Self { error, partitions, past_ids, ..Self::unknown(name, id, is_internal) }
    }

    fn unknown(name: Str, id: Option<Uuid>, is_internal: bool) -> Self {
        let (partitions, past_ids) = (Vec::new(), Vec::new());
        Self { name, id, is_internal, error: None, partitions, past_ids, stale_answers: 0 }
    }

    /// The partitions up to the first that cannot be addressed: twice the same, negative, a gap.
    /// Those known behind it stay; with an error that has us ask again.
    fn merged_partitions(
        known: Option<&Self>,
        mut answers: Vec<MetadataResponsePartition>,
    ) -> (Vec<Partition>, Option<ErrorCode>) {
        answers.sort_by_key(|p| p.partition_index);
        let answered = answers.len();
        let in_order = (0..).zip(answers).take_while(|(index, p)| p.partition_index.0 == *index);
        let merge = |(_, answer): (i32, MetadataResponsePartition)| {
            let before = known.and_then(|topic| topic.partition(answer.partition_index));
            Partition::merged(before, answer)
        };
        let mut partitions: Vec<_> = in_order.map(merge).collect();
        if partitions.len() == answered {
            return (partitions, None);
        }
        let rest = known.and_then(|topic| topic.partitions.get(partitions.len()..));
        partitions.extend_from_slice(rest.unwrap_or_default());
        (partitions, Some(ErrorCode::CORRUPT_MESSAGE))
    }

    fn apply(&mut self, hint: &LeaderHint) {
        let index = usize::try_from(hint.partition.0).ok();
        if let Some(partition) = index.and_then(|index| self.partitions.get_mut(index)) {
            partition.leader = Some(hint.leader);
            partition.leader_epoch = Some(hint.leader_epoch);
            partition.error = None;
        }
    }
}

impl Partition {
    /// An answer from before the known epoch is stale. One without an epoch, or with the same one
    /// again, is believed: some brokers never count (librdkafka 2.8.0).
    fn merged(known: Option<&Self>, answer: MetadataResponsePartition) -> Self {
        if let Some(known) = known
            && let (Some(before), Some(now)) = (known.leader_epoch, answer.leader_epoch)
            && now < before
        {
            return known.clone();
        }
        Self {
            index: answer.partition_index,
            leader: answer.leader_id,
            // an answer of an old version must not make us forget what was reached
            leader_epoch: answer.leader_epoch.or_else(|| known.and_then(|k| k.leader_epoch)),
            error: Some(answer.error_code).filter(|&e| e != ErrorCode::NONE),
            replicas: answer.replica_nodes,
            isr: answer.isr_nodes,
        }
    }
}

impl Node {
    fn from_wire(broker: MetadataResponseBroker) -> Option<(NodeId, Self)> {
        let MetadataResponseBroker { node_id, host, port, rack, .. } = broker;
        let node = Self::new(node_id, host, port, rack)?;
        Some((node_id, node))
    }

    /// `None` if nobody can listen at that port.
    pub(crate) fn new(id: NodeId, host: Str, port: i32, rack: Option<Str>) -> Option<Self> {
        let port = u16::try_from(port).ok().filter(|&port| port != 0)?;
        let address = BrokerAddress { host: own(&host), port };
        Some(Self { id, address, rack: rack.as_ref().map(own) })
    }
}

/// A text of its own: one in a response is a slice of it, and would keep all of it in memory.
fn own(text: &Str) -> Str {
    Str::from(&**text)
}

#[cfg(test)]
mod tests;
