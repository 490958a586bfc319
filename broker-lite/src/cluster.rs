//! Embedding: a whole cluster in this process, started and stopped like a value.

mod driver;

use core::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use futures::future::BoxFuture;
use ottla_runtime::net::memory::MemoryNetwork;
use ottla_runtime::net::tcp::{Tcp, TcpListener};
use ottla_runtime::net::{Connector, Halves, Listener};
use ottla_runtime::{Clock, Scope};

use self::driver::ClusterThread;
use crate::broker::{Node, NodeSetup};
use crate::config::BrokerConfig;
use crate::error::{CompactError, StartError, StopError};
use crate::fault::Faults;
use crate::log::cleaner::driver::Cleaner;
use crate::log::disk::{Disk, FileDisk, MemoryDisk};

/// Where a cluster keeps its data. Clones share it; one cluster at a time may use it.
///
/// [`Cluster::stop`] and [`Cluster::kill`] return it, so that a test can start again on it.
#[derive(Clone, Debug)]
pub struct Storage(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Memory(MemoryDisk),
    Directory(PathBuf),
    Disk(Arc<dyn Disk>),
}

impl Storage {
    /// Empty storage that lives as long as its last clone.
    #[must_use]
    pub fn memory() -> Self {
        Self(Kind::Memory(MemoryDisk::new()))
    }

    /// A directory, made if it does not exist (Kafka: `log.dirs`).
    #[must_use]
    pub fn directory(path: impl Into<PathBuf>) -> Self {
        Self(Kind::Directory(path.into()))
    }

    /// Any disk: one that fails or loses what was not synced, for tests of what happens then.
    #[must_use]
    pub fn on(disk: Arc<dyn Disk>) -> Self {
        Self(Kind::Disk(disk))
    }

    fn disk(&self, open_files_max: Option<usize>) -> Arc<dyn Disk> {
        match (&self.0, open_files_max) {
            (Kind::Memory(disk), _) => Arc::new(disk.clone()),
            (Kind::Disk(disk), _) => Arc::clone(disk),
            (Kind::Directory(path), None) => Arc::new(FileDisk::new(path)),
            (Kind::Directory(path), Some(max)) => Arc::new(FileDisk::with_open_files(path, max)),
        }
    }
}

/// What a cluster starts from. Every setting has a default: one node, in memory, on a free port of
/// 127.0.0.1.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `start`"]
pub struct ClusterBuilder {
    storage: Storage,
    host: String,
    port: u16,
    advertised: Option<(String, u16)>,
    network: Option<MemoryNetwork>,
    clock: Option<Clock>,
    seed: Option<u64>,
    topics: Vec<(String, i32)>,
    settings: Vec<(String, String)>,
    open_files_max: Option<usize>,
    own_thread: bool,
}

impl ClusterBuilder {
    fn new() -> Self {
        Self {
            storage: Storage::memory(),
            host: "127.0.0.1".to_owned(),
            port: 0,
            advertised: None,
            network: None,
            clock: None,
            seed: None,
            topics: Vec::new(),
            settings: Vec::new(),
            open_files_max: None,
            own_thread: false,
        }
    }

    /// Makes sure that a topic of this name exists when [`ClusterBuilder::start`] returns; one that
    /// already exists is left as it is.
    pub fn topic(mut self, name: impl Into<String>, partitions: i32) -> Self {
        self.topics.push((name.into(), partitions));
        self
    }

    /// Keeps everything in memory (the default).
    pub fn memory(self) -> Self {
        self.storage(Storage::memory())
    }

    /// Keeps everything in this directory, in Kafka's format (Kafka: `log.dirs`).
    pub fn data_dir(self, path: impl Into<PathBuf>) -> Self {
        self.storage(Storage::directory(path))
    }

    /// Keeps everything where an earlier cluster did.
    pub fn storage(mut self, storage: Storage) -> Self {
        self.storage = storage;
        self
    }

    /// Listens on this address; port 0 takes a free one. Default: 127.0.0.1, port 0.
    pub fn listen(mut self, host: impl Into<String>, port: u16) -> Self {
        (self.host, self.port) = (without_brackets(host.into()), port);
        self
    }

    /// The address clients are told to use (Kafka: `advertised.listeners`); port 0 stands for the
    /// port listened on. Default: the address listened on, `localhost` for an unspecified one.
    pub fn advertised(mut self, host: impl Into<String>, port: u16) -> Self {
        self.advertised = Some((without_brackets(host.into()), port));
        self
    }

    /// Listens on this network inside the process instead of TCP.
    pub fn memory_network(mut self, network: &MemoryNetwork) -> Self {
        self.network = Some(network.clone());
        self
    }

    /// The clock the nodes go by. Default: the system's.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// What ids are drawn from, so that a run can be repeated. Default: random.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Sets a broker setting by Kafka's name, such as `num.partitions`. Checked by `start`. Addresses
    /// and directories have methods of their own; `log.retention.*` are only stored and shown.
    pub fn config(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// How many files of a data directory are open at a time, 8 or more (Kafka has no such bound);
    /// those not used for longest are closed. Default: half of what the process may open.
    pub const fn open_files_max(mut self, max: usize) -> Self {
        self.open_files_max = Some(max);
        self
    }

    /// Runs on a thread of its own with a runtime of its own, for tests whose client blocks its
    /// thread. The other methods of [`Cluster`] then need no tokio runtime either.
    pub const fn own_thread(mut self) -> Self {
        self.own_thread = true;
        self
    }

    /// Starts the cluster. It is ready when this returns: metadata is served with live leaders.
    ///
    /// # Errors
    ///
    /// See [`StartError`]. Not cancel safe: a dropped start leaves its data directory as a crash
    /// would.
    pub async fn start(self) -> Result<Cluster, StartError> {
        let storage = self.storage.clone();
        let connector = ClusterConnector(self.network.clone());
        let (running, facts) = if self.own_thread {
            let (thread, facts) = ClusterThread::start(self).await?;
            (Running::Thread(thread), facts)
        } else {
            let (node, facts) = self.start_here().await?;
            (Running::Here(node), facts)
        };
        Ok(Cluster { running, storage, connector, facts })
    }

    /// Starts the cluster on this runtime.
    async fn start_here(self) -> Result<(Node, Facts), StartError> {
        let config = BrokerConfig::new(&self.settings)?;
        let scope = Scope::current()?;
        let listener = self.bind().await.map_err(|source| StartError::Listen {
            host: self.host.clone(),
            port: self.port,
            source,
        })?;
        let port = listener.port();
        let (host, advertised) = self.advertised.unwrap_or_else(|| (reachable(&self.host), 0));
        let advertised = (host, if advertised == 0 { port } else { advertised });
        let clock = self.clock.unwrap_or_else(Clock::system);
        let faults = Faults::default();
        let in_memory = matches!(self.storage.0, Kind::Memory(_));
        let setup = NodeSetup {
            disk: self.storage.disk(self.open_files_max),
            in_memory,
            config,
            clock: clock.clone(),
            scope: scope.clone(),
            faults: faults.clone(),
            seed: self.seed,
            listener,
            host: self.host,
            advertised: advertised.clone(),
            topics: self.topics,
        };
        let node = Node::start(setup)?;
        node.tell_durability(in_memory);
        let cleaner = node.cleaner();
        Ok((node, Facts { advertised, port, clock, faults, cleaner, scope }))
    }

    async fn bind(&self) -> io::Result<Box<dyn Listener>> {
        Ok(match &self.network {
            Some(network) => Box::new(network.bind(&self.host, self.port)?),
            None => Box::new(TcpListener::bind(&self.host, self.port).await?),
        })
    }
}

/// A host that clients on this machine reach a broker by that listens on `host`.
fn reachable(host: &str) -> String {
    let any = matches!(host, "0.0.0.0" | "::" | "");
    if any { "localhost".to_owned() } else { host.to_owned() }
}

/// An IPv6 address as it goes over the wire and to the system, `::1` for `[::1]`.
fn without_brackets(host: String) -> String {
    let inside = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inside.map_or_else(|| host.clone(), ToOwned::to_owned)
}

/// A running cluster. Dropping it kills it.
#[derive(Debug)]
pub struct Cluster {
    running: Running,
    storage: Storage,
    connector: ClusterConnector,
    facts: Facts,
}

#[derive(Debug)]
enum Running {
    Here(Node),
    Thread(ClusterThread),
}

/// What is known of a cluster once it has started.
#[derive(Debug)]
struct Facts {
    advertised: (String, u16),
    port: u16,
    clock: Clock,
    faults: Faults,
    cleaner: Arc<Cleaner>,
    scope: Scope,
}

/// What [`Cluster::compact`] did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Compaction {
    /// Size of the segments that were written anew, before.
    pub bytes_before: u64,
    /// Their size afterwards.
    pub bytes_after: u64,
}

impl Cluster {
    /// A cluster yet to be started.
    pub fn builder() -> ClusterBuilder {
        ClusterBuilder::new()
    }

    /// What a client's `bootstrap.servers` should be: the advertised addresses.
    #[must_use]
    pub fn bootstrap(&self) -> String {
        let (host, port) = &self.facts.advertised;
        // an IPv6 address, which has brackets here but not on the wire
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }

    /// The port listened on.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.facts.port
    }

    /// Reaches the cluster over the network it listens on, TCP or memory.
    #[must_use]
    pub fn connector(&self) -> ClusterConnector {
        self.connector.clone()
    }

    /// The clock the nodes go by.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.facts.clock
    }

    /// The fault rules in force, to add to.
    #[must_use]
    pub const fn faults(&self) -> &Faults {
        &self.facts.faults
    }

    /// Compacts a topic now, whatever its `min.cleanable.dirty.ratio`: starts a segment in each
    /// partition, so that all before may be compacted, and leaves of each key the newest record.
    /// What `min.compaction.lag.ms` protects stays, and tombstones stay for `delete.retention.ms`.
    ///
    /// # Errors
    ///
    /// See [`CompactError`]. A dropped call leaves some partitions as they were.
    pub async fn compact(&self, topic: &str) -> Result<Compaction, CompactError> {
        let removed = self.facts.cleaner.clean_topic(topic).await?;
        let (bytes_before, bytes_after) = (removed.bytes_before, removed.bytes_after);
        Ok(Compaction { bytes_before, bytes_after })
    }

    /// Lets nothing of it run until [`Cluster::resume`]: what SIGSTOP does to a process. Connections
    /// stay open, and what is sent to it waits.
    pub fn pause(&self) {
        self.facts.scope.pause();
    }

    /// Ends a [`Cluster::pause`].
    pub fn resume(&self) {
        self.facts.scope.resume();
    }

    /// Stops in order: requests that have come are answered, which takes at most a few seconds of
    /// the cluster's clock, then logs are synced and clean-shutdown markers written.
    ///
    /// # Errors
    ///
    /// See [`StopError`].
    pub async fn stop(self) -> Result<Storage, StopError> {
        match self.running {
            Running::Here(node) => {
                node.stop().await.map_err(|error| StopError::Flush(error.to_string()))?;
            }
            Running::Thread(thread) => thread.stop().await?,
        }
        Ok(self.storage)
    }

    /// Ends every task where it stands and writes nothing more: what SIGKILL does to a process.
    pub async fn kill(self) -> Storage {
        match self.running {
            Running::Here(node) => node.kill().await,
            Running::Thread(thread) => thread.kill().await,
        }
        self.storage
    }
}

/// Opens connections to a [`Cluster`].
#[derive(Clone, Debug)]
pub struct ClusterConnector(Option<MemoryNetwork>);

impl Connector for ClusterConnector {
    fn connect(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<Halves>> {
        match &self.0 {
            Some(network) => network.connect(host, port),
            None => Tcp.connect(host, port),
        }
    }
}

impl fmt::Display for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.bootstrap())
    }
}
