//! One node: what its handlers share, and how it starts and stops.

use core::time::Duration;
use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

use ottla_protocol::Str;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{LeaderEpoch, NodeId, PartitionIndex, ProducerId, Uuid};
use ottla_runtime::net::Listener;
use ottla_runtime::{Clock, Scope};
use tokio::sync::oneshot;

use crate::api::Sessions;
use crate::config::{BrokerConfig, CompactionLags, DurabilityWords};
use crate::controller::driver::{Controller, ControllerHandle};
use crate::controller::ledger::{
    CreateTopics, NewTopic, PRODUCER_ID_BLOCK, Registration, Reply, Request,
};
use crate::controller::log::MetadataLog;
use crate::controller::names::METADATA_TOPIC;
use crate::controller::records::METADATA_VERSION;
use crate::error::StartError;
use crate::fault::Faults;
use crate::log::cleaner::driver::Cleaner;
use crate::log::disk::{Disk, LockError, Volume};
use crate::log::manager::{LogManager, MetaProperties, OpenDirError, SetAside};
use crate::net::{Stopping, listener};
use crate::replica::manager::Replicas;
use crate::replica::partition::Partition;

/// How often producers that fell silent are forgotten (Kafka:
/// `producer.id.expiration.check.interval.ms`).
const HOUSEKEEPING: Duration = Duration::from_secs(60);

/// How long a stop waits for the connections to take the replies to what they have asked.
const DRAIN_WAIT: Duration = Duration::from_secs(3);

/// What the handlers of a node share.
#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) node: NodeId,
    /// The host and the port that it listens on.
    pub(crate) listens: (String, u16),
    pub(crate) cluster_id: Str,
    pub(crate) config: BrokerConfig,
    pub(crate) clock: Clock,
    pub(crate) scope: Scope,
    pub(crate) faults: Faults,
    pub(crate) stopping: Stopping,
    pub(crate) controller: ControllerHandle,
    pub(crate) replicas: Arc<Replicas>,
    /// In which this node leads the metadata log.
    pub(crate) quorum_epoch: LeaderEpoch,
    /// That log.
    metadata: Arc<Partition>,
    logs: Arc<LogManager>,
    /// Compacts.
    cleaner: Arc<Cleaner>,
    /// Fetch sessions.
    sessions: Mutex<Sessions>,
    random: Mutex<fastrand::Rng>,
    /// Producer ids of this node's block that nobody has yet.
    producer_ids: tokio::sync::Mutex<core::ops::Range<i64>>,
}

/// What a node starts from.
pub(crate) struct NodeSetup {
    pub(crate) disk: Arc<dyn Disk>,
    /// The disk ends with the process.
    pub(crate) in_memory: bool,
    pub(crate) config: BrokerConfig,
    pub(crate) clock: Clock,
    pub(crate) scope: Scope,
    pub(crate) faults: Faults,
    pub(crate) seed: Option<u64>,
    pub(crate) listener: Box<dyn Listener>,
    /// The host that it listens on, as it was given.
    pub(crate) host: String,
    pub(crate) advertised: (String, u16),
    pub(crate) topics: Vec<(String, i32)>,
}

/// A running node. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Node {
    broker: Arc<Broker>,
    /// `None` once it was used.
    stop_controller: Option<oneshot::Sender<oneshot::Sender<()>>>,
    /// Resolves when the node stops and every connection has ended. `None` once it was used.
    drained: Option<oneshot::Receiver<()>>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.broker.scope.kill();
        // syncs that run go on, and nothing follows them
        self.broker.replicas.partitions().iter().for_each(|partition| partition.resign());
    }
}

impl Broker {
    /// A random id, of a topic for example.
    pub(crate) fn random_id(&self) -> Uuid {
        random_id(&mut self.random.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A producer id that nobody has had.
    ///
    /// # Errors
    ///
    /// The controller's, if it cannot give another block.
    pub(crate) async fn producer_id(&self) -> Result<ProducerId, ErrorCode> {
        let mut block = self.producer_ids.lock().await;
        if block.is_empty() {
            match self.controller.submit(Request::AllocateProducerIds(self.node)).await {
                Reply::ProducerIds(first) => *block = first.0..first.0 + PRODUCER_ID_BLOCK,
                other => return Err(other.refusal().code),
            }
        }
        block.next().map(ProducerId).ok_or(ErrorCode::UNKNOWN_SERVER_ERROR)
    }
}

impl Broker {
    /// What holds for a topic that says nothing of them.
    pub(crate) fn compaction_lags(&self) -> CompactionLags {
        CompactionLags::of(&self.config.altered(&self.controller.image()))
    }

    /// Names the directory its data lies in.
    pub(crate) fn directory_id(&self) -> Uuid {
        self.logs.meta().directory_id
    }

    /// Its fetch sessions; not to be held across an await.
    pub(crate) fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The volume its data lies on, if that is known.
    pub(crate) fn volume(&self) -> Option<Volume> {
        self.logs.disk().volume().unwrap_or_else(|error| {
            tracing::warn!(%error, dir = self.data_dir(), "cannot say how large the volume is");
            None
        })
    }

    /// Whether a write or sync has failed in its data directory.
    pub(crate) fn storage_failed(&self) -> bool {
        self.logs.health().has_failed()
    }

    /// What has failed there.
    pub(crate) fn storage_failure(&self) -> Option<String> {
        let health = self.logs.health();
        health.has_failed().then(|| health.failure())
    }

    /// Where its data lies.
    pub(crate) fn data_dir(&self) -> String {
        self.logs.disk().name()
    }

    /// Makes sure that what was deleted from these partitions stays deleted; blocks.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub(crate) fn checkpoint_starts(&self, partitions: &[Arc<Partition>]) -> io::Result<()> {
        self.logs.checkpoint_starts(partitions.iter().map(AsRef::as_ref))
    }

    /// Writes down how far the logs are on the device, so that a start after a crash reads less of
    /// them and knows what of the metadata had been there.
    fn checkpoint(&self) {
        if let Err(error) = self.logs.checkpoint(self.partitions().iter().map(AsRef::as_ref)) {
            tracing::warn!(%error, "checkpoints not written: a crash would make the next start slower");
        }
    }

    /// Those of topics, and of the metadata.
    fn partitions(&self) -> Vec<Arc<Partition>> {
        let mut partitions = self.replicas.partitions();
        partitions.push(Arc::clone(&self.metadata));
        partitions
    }
}

fn random_id(random: &mut fastrand::Rng) -> Uuid {
    Uuid::from_random(random.u128(..).to_be_bytes())
}

impl Node {
    /// Starts a node. When this returns it serves metadata with live leaders.
    pub(crate) fn start(setup: NodeSetup) -> Result<Self, StartError> {
        let mut random = setup.seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
        let node = NodeId(setup.config.node_id);
        let logs = Arc::new(open_logs(&setup, node, &mut random)?);
        let wall_ms = setup.clock.wall_ms();
        let metadata = |error: &dyn core::fmt::Display| StartError::Metadata(error.to_string());
        let opened = MetadataLog::open(&logs, node, wall_ms);
        let (log, image, deleted) = opened.map_err(|e| metadata(&e))?;
        let (quorum_epoch, metadata_log) = (log.epoch(), Arc::clone(log.partition()));
        let (clock, config) = (setup.clock.clone(), setup.config.clone());
        let replicas = Arc::new(Replicas::new(node, Arc::clone(&logs), clock, config));
        let (mut controller, handle) = Controller::new(
            image,
            log,
            (setup.clock.clone(), setup.scope.clone()),
            replicas.clone(),
        );
        let registration = Request::Register(Registration {
            id: node,
            incarnation: random_id(&mut random),
            host: setup.advertised.0.as_str().into(),
            port: setup.advertised.1,
            log_dir: logs.meta().directory_id,
            features: vec![(Str::from_static(METADATA_VERSION.0), METADATA_VERSION.1)],
        });
        for request in [registration, Request::Unfence(node)] {
            controller.decide(&request).map_err(|e| metadata(&e))?;
        }
        // before a topic of such a name is made
        clear_strays(&logs, &controller, &deleted)?;
        make_topics(&mut controller, &setup, &mut random)?;
        let offline = controller.commit().map_err(|e| metadata(&e))?;
        if let Some(offline) = offline.into_iter().next() {
            return Err(StartError::Log {
                topic: offline.topic,
                partition: offline.partition.0,
                reason: offline.source.to_string(),
            });
        }
        let cleaner = Cleaner::new(setup.config.cleaner, &setup.clock, &replicas, &logs);
        let sessions = Mutex::new(Sessions::new(setup.config.fetch_sessions_max, random.u64(..)));
        let broker = Arc::new(Broker {
            node,
            listens: (setup.host, setup.listener.port()),
            cluster_id: logs.meta().cluster_id.as_str().into(),
            config: setup.config,
            clock: setup.clock,
            scope: setup.scope,
            faults: setup.faults,
            stopping: Stopping::default(),
            controller: handle,
            replicas,
            quorum_epoch,
            metadata: metadata_log,
            logs,
            cleaner,
            sessions,
            random: Mutex::new(random),
            producer_ids: tokio::sync::Mutex::new(0..0),
        });
        broker.checkpoint();
        let (stop_controller, stop) = oneshot::channel();
        broker.scope.spawn(controller.run(stop));
        spawn_chores(&broker);
        let (drain, drained) = oneshot::channel();
        broker.scope.spawn(listener::run(Arc::clone(&broker), setup.listener, drain));
        Ok(Self { broker, stop_controller: Some(stop_controller), drained: Some(drained) })
    }

    /// Says which durability holds where.
    pub(crate) fn tell_durability(&self, in_memory: bool) {
        let image = self.broker.controller.image();
        DurabilityWords::of(&self.broker.config.altered(&image), &image, in_memory).tell();
    }

    /// What compacts its logs.
    pub(crate) fn cleaner(&self) -> Arc<Cleaner> {
        Arc::clone(&self.broker.cleaner)
    }

    /// Ends the node in order: requests that have come are answered, then everything is written.
    pub(crate) async fn stop(mut self) -> io::Result<()> {
        self.broker.stopping.begin();
        if let Some(drained) = self.drained.take()
            && self.broker.clock.timeout(DRAIN_WAIT, drained).await.is_err()
        {
            tracing::warn!("connections are cut: their peers do not take what they asked for");
        }
        let (done, closed) = oneshot::channel();
        let asked = self.stop_controller.take().is_some_and(|stop| stop.send(done).is_ok());
        let stopped = asked && closed.await.is_ok();
        self.broker.scope.kill();
        self.broker.scope.ended().await;
        if !stopped {
            return Err(io::Error::other("the controller had stopped before"));
        }
        self.broker.logs.close(&self.broker.partitions())
    }

    /// Ends the node where it stands.
    pub(crate) async fn kill(self) {
        self.broker.scope.kill();
        self.broker.scope.ended().await;
    }
}

fn open_logs(
    setup: &NodeSetup,
    node: NodeId,
    random: &mut fastrand::Rng,
) -> Result<LogManager, StartError> {
    let new = || MetaProperties {
        cluster_id: random_id(random).to_string(),
        node_id: node,
        directory_id: random_id(random),
    };
    let path: PathBuf = setup.disk.name().into();
    if !setup.in_memory && path.is_file() {
        let source = io::Error::new(io::ErrorKind::NotADirectory, "it is a file, no directory");
        return Err(StartError::DataDir { path, source });
    }
    let logs = LogManager::open(Arc::clone(&setup.disk), new).map_err(|error| match error {
        OpenDirError::Lock(LockError::InUse { .. }) => StartError::DataDirInUse(path),
        OpenDirError::Lock(LockError::Io { source, .. }) | OpenDirError::Io { source, .. } => {
            StartError::DataDir { path, source }
        }
        other => StartError::DataDir { path, source: io::Error::other(other) },
    })?;
    if logs.meta().node_id != node {
        return Err(StartError::Identity {
            what: "node.id",
            found: logs.meta().node_id.to_string(),
            expected: node.to_string(),
        });
    }
    Ok(logs)
}

/// Makes the topics that the builder names and that are not there.
fn make_topics(
    controller: &mut Controller,
    setup: &NodeSetup,
    random: &mut fastrand::Rng,
) -> Result<(), StartError> {
    let absent = setup.topics.iter().filter(|(name, _)| controller.image().topic(name).is_none());
    let topics = absent.map(|(name, partitions)| NewTopic {
        name: name.as_str().into(),
        id: random_id(random),
        partitions: Some(*partitions),
        ..Default::default()
    });
    let topics: Vec<NewTopic> = topics.collect();
    let names: Vec<String> = topics.iter().map(|topic| topic.name.to_string()).collect();
    let defaults = setup.config.topic_defaults();
    let lags = CompactionLags::of(&setup.config.altered(controller.image()));
    let request = CreateTopics { topics, validate_only: false, defaults, lags };
    let request = Request::CreateTopics(request);
    let reply = controller.decide(&request).map_err(|e| StartError::Metadata(e.to_string()))?;
    let Reply::Created(results) = reply else {
        return Err(StartError::Metadata(reply.refusal().to_string()));
    };
    for (topic, result) in names.into_iter().zip(results) {
        if let Err(refusal) = result {
            return Err(StartError::Topic { topic, reason: refusal.to_string() });
        }
    }
    Ok(())
}

/// Removes partitions whose topic was deleted while their directories could not be, and says what
/// was set aside because the metadata does not know it.
fn clear_strays(
    logs: &LogManager,
    controller: &Controller,
    deleted: &BTreeSet<Uuid>,
) -> Result<(), StartError> {
    let id_of = |topic: &str, index: PartitionIndex| {
        if topic == METADATA_TOPIC {
            return Some(Uuid::METADATA_TOPIC);
        }
        let topic = controller.image().topic(topic)?;
        let index = usize::try_from(index.0).ok()?;
        (index < topic.partitions.len()).then_some(topic.id)
    };
    let failed = |source| StartError::DataDir { path: logs.disk().name().into(), source };
    for SetAside { name, log_start } in logs.clear_strays(id_of, deleted).map_err(failed)? {
        tracing::warn!(
            directory = name,
            %log_start,
            "set aside a partition that the metadata does not know: remove it if it is not needed; \
             if metadata was lost, restore __cluster_metadata-0 and the old name, and delete the \
             records before log_start again, which is forgotten"
        );
    }
    Ok(())
}

/// Starts what a node does unasked.
fn spawn_chores(broker: &Arc<Broker>) {
    broker.scope.spawn(housekeeping(Arc::clone(broker)));
    broker.scope.spawn(retention(Arc::clone(broker)));
    broker.scope.spawn(checkpoints(Arc::clone(broker)));
    broker.scope.spawn(flush(Arc::clone(broker)));
    broker.scope.spawn(fence(Arc::clone(broker)));
    broker.scope.spawn(Arc::clone(&broker.cleaner).run());
}

/// Lets old records go, as the topics say.
async fn retention(broker: Arc<Broker>) {
    loop {
        broker.clock.sleep(broker.config.retention_interval).await;
        let now_ms = broker.clock.wall_ms();
        let mut moved = broker.replicas.partitions();
        moved.retain(|partition| partition.retain(now_ms));
        if !moved.is_empty()
            && let Err(error) = broker.checkpoint_starts(&moved)
        {
            tracing::warn!(%error, "old records are hidden, but their files are not removed yet");
        }
    }
}

async fn housekeeping(broker: Arc<Broker>) {
    loop {
        broker.clock.sleep(HOUSEKEEPING).await;
        let now_ms = broker.clock.wall_ms();
        for partition in broker.replicas.partitions() {
            partition.expire_producers(now_ms);
        }
    }
}

/// Writes down how far the logs are on the device.
async fn checkpoints(broker: Arc<Broker>) {
    let Some(interval) = broker.config.checkpoint_interval else { return };
    while !broker.storage_failed() {
        broker.clock.sleep(interval).await;
        broker.checkpoint();
    }
}

/// Brings to the device what was left to the system for as long as the topics say.
async fn flush(broker: Arc<Broker>) {
    let Some(interval) = broker.config.flush_interval else { return };
    while !broker.storage_failed() {
        broker.clock.sleep(interval).await;
        let now_ms = broker.clock.wall_ms();
        let (token, running) = mpsc::channel();
        for partition in broker.replicas.partitions() {
            partition.flush_if_due(now_ms, token.clone());
        }
        drop(token);
        // tokens are only dropped: then none is left
        if running.try_recv() == Err(mpsc::TryRecvError::Empty) {
            broker.scope.outside(move || running.recv().is_ok()).await;
        }
    }
}

/// Tells everybody who waits when the data directory fails.
async fn fence(broker: Arc<Broker>) {
    let (tell, told) = oneshot::channel();
    broker.logs.health().when_failed(Box::new(move || {
        tell.send(()).ok(); // the node may be gone
    }));
    if told.await.is_ok() {
        broker.replicas.partitions().iter().for_each(|partition| partition.wake_all());
    }
}
