//! The partitions of this node, found by the name or the id of their topic.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use ottla_protocol::Str;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{NodeId, PartitionIndex, Uuid};
use ottla_runtime::Clock;

use super::partition::Partition;
use crate::config::{BrokerConfig, log_config};
use crate::controller::image::{self, Image};
use crate::log::manager::LogManager;
use crate::log::recovery::OpenError;

/// The partitions of one topic that this node has.
#[derive(Debug)]
pub(crate) struct TopicReplicas {
    pub(crate) name: Str,
    pub(crate) id: Uuid,
    /// By index.
    partitions: Vec<Local>,
}

#[derive(Clone, Debug)]
enum Local {
    Here(Arc<Partition>),
    /// Its log could not be opened.
    Offline,
    Elsewhere,
}

impl TopicReplicas {
    /// The replica of a partition.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_TOPIC_OR_PARTITION`, `NOT_LEADER_OR_FOLLOWER`, `KAFKA_STORAGE_ERROR`.
    pub(crate) fn partition(&self, index: PartitionIndex) -> Result<&Arc<Partition>, ErrorCode> {
        match usize::try_from(index.0).ok().and_then(|i| self.partitions.get(i)) {
            Some(Local::Here(partition)) => Ok(partition),
            Some(Local::Elsewhere) => Err(ErrorCode::NOT_LEADER_OR_FOLLOWER),
            Some(Local::Offline) => Err(ErrorCode::KAFKA_STORAGE_ERROR),
            None => Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        }
    }

    fn open(&self) -> impl Iterator<Item = &Arc<Partition>> {
        self.partitions.iter().filter_map(|local| match local {
            Local::Here(partition) => Some(partition),
            Local::Offline | Local::Elsewhere => None,
        })
    }
}

/// Why a partition is offline.
#[derive(Debug, thiserror::Error)]
#[error("{topic}-{partition}: {source}")]
pub(crate) struct Offline {
    pub(crate) topic: String,
    pub(crate) partition: PartitionIndex,
    pub(crate) source: OpenError,
}

/// Every partition of this node.
#[derive(Debug)]
pub(crate) struct Replicas {
    node: NodeId,
    logs: Arc<LogManager>,
    clock: Clock,
    config: BrokerConfig,
    topics: RwLock<Topics>,
}

#[derive(Debug, Default)]
struct Topics {
    /// Looked up for each batch; nothing depends on its order.
    by_name: HashMap<Str, Arc<TopicReplicas>>,
    by_id: BTreeMap<Uuid, Arc<TopicReplicas>>,
}

impl Replicas {
    pub(crate) fn new(
        node: NodeId,
        logs: Arc<LogManager>,
        clock: Clock,
        config: BrokerConfig,
    ) -> Self {
        Self { node, logs, clock, config, topics: RwLock::default() }
    }

    pub(crate) fn topic(&self, name: &str) -> Option<Arc<TopicReplicas>> {
        self.read(|topics| topics.by_name.get(name).cloned())
    }

    pub(crate) fn topic_by_id(&self, id: Uuid) -> Option<Arc<TopicReplicas>> {
        self.read(|topics| topics.by_id.get(&id).cloned())
    }

    /// Every partition whose log is open, by topic id and index.
    pub(crate) fn partitions(&self) -> Vec<Arc<Partition>> {
        self.read(|topics| topics.by_id.values().flat_map(|topic| topic.open().cloned()).collect())
    }

    /// Opens what `image` gives to this node and is not open, and leads where it says so. Returns
    /// what could not be opened: it stays offline until the next start.
    pub(crate) fn open(&self, image: &Image) -> Vec<Offline> {
        let mut offline = Vec::new();
        for topic in image.topics() {
            let known = self.topic_by_id(topic.id);
            let same =
                |known: &Arc<TopicReplicas>| known.partitions.len() == topic.partitions.len();
            if known.as_ref().is_some_and(same) {
                continue;
            }
            let before = known.as_ref().map_or(&[][..], |known| known.partitions.as_slice());
            let partitions = (0..).map(PartitionIndex).zip(&topic.partitions).enumerate();
            let partitions = partitions.map(|(i, (index, state))| match before.get(i) {
                Some(local) => local.clone(),
                None => self.open_partition(image, topic, index, state).unwrap_or_else(|error| {
                    tracing::error!(%error, "partition is offline");
                    offline.push(error);
                    Local::Offline
                }),
            });
            let (name, id) = (topic.name.clone(), topic.id);
            let replicas = Arc::new(TopicReplicas { partitions: partitions.collect(), name, id });
            let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
            topics.by_name.insert(replicas.name.clone(), Arc::clone(&replicas));
            topics.by_id.insert(id, replicas);
        }
        offline
    }

    fn open_partition(
        &self,
        image: &Image,
        topic: &image::Topic,
        index: PartitionIndex,
        state: &image::Partition,
    ) -> Result<Local, Offline> {
        if !state.replicas.contains(&self.node) {
            return Ok(Local::Elsewhere);
        }
        let broker = self.config.altered(image);
        let config = log_config(&broker, &image.topic_config(&topic.name));
        let failed = |source| {
            let topic = topic.name.to_string();
            Offline { topic, partition: index, source }
        };
        let place = (&*topic.name, index, topic.id);
        let opened = self.logs.open_partition(place, config, self.clock.wall_ms());
        let (partition, _) = opened.map_err(failed)?;
        if state.leader == Some(self.node) {
            let count = |nodes: &[NodeId]| u32::try_from(nodes.len()).unwrap_or(u32::MAX);
            let (in_sync, replicas) = (count(&state.isr), count(&state.replicas));
            let led = partition.make_leader(state.leader_epoch, in_sync, replicas);
            let dir = topic.name.to_string();
            led.map_err(|source| failed(OpenError::Io { dir, source }))?;
        }
        Ok(Local::Here(Arc::new(partition)))
    }

    /// Gives every open partition the settings that `image` has for it.
    pub(crate) fn configure(&self, image: &Image) {
        let broker = self.config.altered(image);
        let topics: Vec<_> = self.read(|topics| topics.by_id.values().cloned().collect());
        for topic in topics {
            let config = Arc::new(log_config(&broker, &image.topic_config(&topic.name)));
            topic.open().for_each(|partition| partition.configure(&config));
        }
    }

    /// Closes and removes the partitions of topics that are not in `image` any more.
    pub(crate) fn remove_gone(&self, image: &Image) {
        let gone: Vec<_> = {
            let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
            let stays = |id: &Uuid| image.topic_by_id(*id).is_some();
            topics.by_name.retain(|_, topic| stays(&topic.id));
            let gone = topics.by_id.iter().filter(|(id, _)| !stays(id)).map(|(id, _)| *id);
            let gone: Vec<Uuid> = gone.collect();
            gone.into_iter().filter_map(|id| topics.by_id.remove(&id)).collect()
        };
        let open = gone.iter().flat_map(|t| t.open().map(|p| (Arc::clone(p), t.id)));
        let open: Vec<_> = open.collect();
        if !open.is_empty()
            && let Err(error) = self.logs.delete(&open)
        {
            tracing::error!(%error, "cannot remove deleted partitions");
        }
    }

    fn read<T>(&self, look: impl FnOnce(&Topics) -> T) -> T {
        // nothing panics while holding it
        look(&self.topics.read().unwrap_or_else(PoisonError::into_inner))
    }
}
