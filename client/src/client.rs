//! The handle of a client and its builder.

use core::fmt;
use core::time::Duration;

use ottla_protocol::Str;
use ottla_runtime::net::Connector;
use ottla_runtime::net::tcp::Tcp;
use ottla_runtime::{Clock, Scope};
use tower_layer::Layer;
use tower_service::Service;

use crate::cluster::Cluster;
use crate::config::{ClientConfig, ConfigError, MetadataRecovery};
use crate::consumer::ConsumerBuilder;
use crate::error::{BoxError, CallError};
use crate::net::connection::{Env, Unreached};
use crate::net::layers::{Layers, RawRequest, RawResponse, RequestService};
#[cfg(feature = "tls")]
use crate::net::tls::TlsConfig;
use crate::producer::ProducerBuilder;
use crate::properties::Properties;

/// A client of one Kafka cluster: its connections and what it knows of brokers and topics.
///
/// Cheap to clone; clones share everything. Producers, consumers and admins made from it share it
/// too. When the last of them is dropped, its tasks and connections end.
#[derive(Clone)]
pub struct Client {
    cluster: Cluster,
}

impl Client {
    /// Starts a client of the cluster that `bootstrap` leads to: `host:port`, several separated
    /// by commas, an IPv6 address in brackets (Kafka: `bootstrap.servers`).
    pub fn builder(bootstrap: &str) -> ClientBuilder {
        ClientBuilder::new(bootstrap)
    }

    /// Checks that a broker can be reached and knows its cluster. Not needed, the first use
    /// connects; but it tells of a wrong address at once, where a send goes on trying for
    /// `max_block`. Cancel safe.
    ///
    /// # Errors
    ///
    /// What the last broker of the list met, when every one of them was tried in vain, or after
    /// [`api_timeout`](ClientBuilder::api_timeout).
    pub async fn connect(&self) -> Result<(), CallError> {
        let cluster = &self.cluster;
        let timeout = cluster.config().api_timeout;
        let checked = cluster.clock().timeout(timeout, self.answered()).await;
        checked.unwrap_or_else(|_| Err(cluster.unanswered(timeout)))
    }

    /// Waits until a question for metadata is answered or all who can be asked have failed.
    async fn answered(&self) -> Result<(), CallError> {
        let mut attempts = self.cluster.attempts();
        let entries = self.cluster.config().bootstrap.len();
        let tries = u64::try_from(entries + self.cluster.metadata().nodes.len());
        let tries = tries.unwrap_or(u64::MAX);
        let before = attempts.borrow_and_update().clone();
        self.cluster.request_refresh();
        loop {
            let closed = attempts.changed().await.is_err();
            let now = attempts.borrow_and_update().clone();
            if now.answered > before.answered {
                return Ok(());
            }
            match now.error {
                Some(error) if now.failed >= before.failed.saturating_add(tries) => {
                    return Err(error);
                }
                _ if closed => return Err(CallError::Closed { possibly_sent: false }),
                _ => {}
            }
        }
    }

    /// Ends the client: closes all connections, drops all tasks. Whatever its producers have not
    /// delivered is lost, so flush or close them before. Cancel safe; call again to wait on.
    pub async fn close(&self) {
        self.cluster.close().await;
    }

    /// A consumer of this cluster's records; see [`ConsumerBuilder`].
    pub fn consumer(&self) -> ConsumerBuilder {
        ConsumerBuilder::new(self.cluster.clone())
    }

    /// What the client calls itself (Kafka: `client.id`).
    #[must_use]
    pub fn client_id(&self) -> &str {
        self.cluster.client_id()
    }

    /// Builds a producer.
    pub fn producer(&self) -> ProducerBuilder {
        ProducerBuilder::new(self.cluster.clone())
    }

    pub(crate) const fn cluster(&self) -> &Cluster {
        &self.cluster
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.cluster.config().bootstrap_text)
    }
}

/// The settings of a [`Client`]. Nothing is checked, opened or sent before
/// [`build`](ClientBuilder::build).
#[must_use = "does nothing before `build`"]
pub struct ClientBuilder {
    pub(crate) config: ClientConfig,
    connector: Option<Box<dyn Connector>>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<TlsConfig>,
    /// Whether `tls` comes from `given`.
    #[cfg(feature = "tls")]
    pub(crate) tls_is_given: bool,
    /// The properties it was made from, to name them in errors.
    pub(crate) given: Properties,
    clock: Option<Clock>,
    layers: Layers,
    seed: Option<u64>,
}

impl ClientBuilder {
    pub(crate) fn new(bootstrap: &str) -> Self {
        Self {
            config: ClientConfig::with_bootstrap(bootstrap),
            connector: None,
            #[cfg(feature = "tls")]
            tls: None,
            #[cfg(feature = "tls")]
            tls_is_given: false,
            given: Properties::new(),
            clock: None,
            layers: Layers::default(),
            seed: None,
        }
    }

    /// What the client calls itself in requests, and so in the broker's logs and quotas (Kafka:
    /// `client.id`). Default: `ottla`.
    pub fn client_id(mut self, id: &str) -> Self {
        self.config.client_id = Str::from(id);
        self
    }

    /// How long one request may take until its answer, its wait in the queue included (Kafka:
    /// `request.timeout.ms`). A request without answer costs its connection. Default: 30 s.
    pub const fn request_timeout(mut self, timeout: Duration) -> Self {
        self.config.request_timeout = timeout;
        self
    }

    /// How long one operation of [`Admin`](crate::Admin) may take, its retries included (Kafka:
    /// `default.api.timeout.ms`). Default: 60 s.
    pub const fn api_timeout(mut self, timeout: Duration) -> Self {
        self.config.api_timeout = timeout;
        self
    }

    /// How long it may take to open a connection, up to and including the broker's answer about
    /// its versions (Kafka: `socket.connection.setup.timeout.ms`). Default: 10 s.
    pub const fn connection_setup_timeout(mut self, timeout: Duration) -> Self {
        self.config.connection_setup_timeout = timeout;
        self
    }

    /// How long to wait after a connection failed before it is tried again: `first`, then twice
    /// as long each time up to `max`, with 20 % of jitter (Kafka: `reconnect.backoff.ms`,
    /// `reconnect.backoff.max.ms`). Default: 50 ms, 1 s.
    pub const fn reconnect_backoff(mut self, first: Duration, max: Duration) -> Self {
        self.config.reconnect_backoff = first;
        self.config.reconnect_backoff_max = max;
        self
    }

    /// How long to wait before a failed request is tried again: `first`, then twice as long each
    /// time up to `max`, with 20 % of jitter (Kafka: `retry.backoff.ms`, `retry.backoff.max.ms`).
    /// Default: 100 ms, 1 s.
    pub const fn retry_backoff(mut self, first: Duration, max: Duration) -> Self {
        self.config.retry_backoff = first;
        self.config.retry_backoff_max = max;
        self
    }

    /// After how long topics in use are looked up again although nothing failed (Kafka:
    /// `metadata.max.age.ms`). Default: 5 min.
    pub const fn metadata_max_age(mut self, age: Duration) -> Self {
        self.config.metadata_max_age = age;
        self
    }

    /// What to do when all brokers that are known have failed, or one says that they are not the
    /// cluster's any more (Kafka: `metadata.recovery.strategy`). Default:
    /// [`MetadataRecovery::Rebootstrap`].
    pub const fn metadata_recovery(mut self, strategy: MetadataRecovery) -> Self {
        self.config.metadata_recovery = strategy;
        self
    }

    /// After how long the client starts again from the bootstrap list although it has not yet asked
    /// all brokers it knows: how long asking for metadata has been in vain, judged whenever a
    /// question fails. Nothing with [`MetadataRecovery::None`] (Kafka:
    /// `metadata.recovery.rebootstrap.trigger.ms`). Default: 5 min.
    pub const fn rebootstrap_trigger(mut self, trigger: Duration) -> Self {
        self.config.rebootstrap_trigger = trigger;
        self
    }

    /// After how long an unused connection is closed (Kafka: `connections.max.idle.ms`). Default:
    /// 9 min, below the 10 min of Kafka's broker.
    pub const fn connections_idle_max(mut self, idle: Duration) -> Self {
        self.config.connections_idle_max = idle;
        self
    }

    /// How large one answer may be, in bytes; a larger one costs its connection (Kafka: none;
    /// librdkafka: `receive.message.max.bytes`). Default: 256 MiB.
    pub const fn response_bytes_max(mut self, bytes: usize) -> Self {
        self.config.response_bytes_max = bytes;
        self
    }

    /// Whether the broker may create topics that are asked for and missing, if it is configured
    /// to (Kafka: `allow.auto.create.topics`). Default: true.
    pub const fn auto_create_topics(mut self, allow: bool) -> Self {
        self.config.auto_create_topics = allow;
        self
    }

    /// How sockets are opened: through a proxy, in memory (Kafka: none). Default: TCP.
    pub fn connector(mut self, connector: impl Connector) -> Self {
        self.connector = Some(Box::new(connector));
        self
    }

    /// Encrypts connections, whoever opens them, and checks the brokers' certificates (Kafka:
    /// `security.protocol=SSL`). Default: plain text.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: impl Into<TlsConfig>) -> Self {
        self.tls = Some(tls.into());
        self.tls_is_given = false;
        self
    }

    /// The clock that decides about timeouts and timestamps (Kafka: none). Default: the system's.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Puts a tower layer around every request to a broker, outside of those given before (Kafka:
    /// none). Default: no layer.
    ///
    /// A layer may delay, fail or look at requests and answers. A delayed request holds back
    /// those behind it on its connection; order is kept. A request that the layers hold longer
    /// than its timeout is given up. What opens a connection (ApiVersions) does not pass through.
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<RequestService> + Send + Sync + 'static,
        L::Service: Service<RawRequest, Response = RawResponse> + Clone + Send + Sync + 'static,
        <L::Service as Service<RawRequest>>::Error: Into<BoxError>,
        <L::Service as Service<RawRequest>>::Future: Send + 'static,
    {
        self.layers = self.layers.with(layer);
        self
    }

    /// Makes jitter and every other random choice repeat from run to run (Kafka: none). Default: a
    /// random seed.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Checks the settings and starts the client's task on the current tokio runtime. Opens and
    /// sends nothing.
    ///
    /// # Errors
    ///
    /// Names the setting that cannot be used, or the property that set it and the file and line it
    /// stands in; or says that there is no runtime here.
    pub fn build(self) -> Result<Client, ConfigError> {
        let config = self.config.checked_as(&self.given)?;
        let scope = Scope::current()?;
        let connector = self.connector.unwrap_or_else(|| Box::new(Tcp));
        let clock = self.clock.unwrap_or_else(Clock::system);
        #[cfg(feature = "tls")]
        let connector = match self.tls {
            Some(tls) => Box::new(tls.around(connector, &clock).map_err(|error| {
                if self.tls_is_given { self.given.blame_for_tls(error) } else { error }
            })?),
            None => connector,
        };
        let env = Env {
            config,
            connector,
            clock,
            scope,
            layers: self.layers,
            unreached: Unreached::default(),
        };
        let seed = self.seed.unwrap_or_else(|| fastrand::u64(..));
        Ok(Client { cluster: Cluster::new(env, seed) })
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("config", &self.config)
            .field("layers", &self.layers)
            .finish_non_exhaustive()
    }
}
