//! Which Kafka a verb talks to, and how.

use core::ops::Deref;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use ottla::ids::PartitionIndex;
use ottla::{Client, ClientBuilder, ConsumerBuilder, ProducerBuilder, Properties, TopicPartition};

use super::exit::Failure;
use super::pair;

/// Options of every verb that is a client.
///
/// What is said twice counts in this order: an option of the verb, `-X`, the file, the environment.
#[derive(Args, Clone)]
pub(super) struct Connect {
    /// Addresses of brokers, separated by commas. Without it: `bootstrap.servers` of -X or --config,
    /// then the first of `KAFKA_BOOTSTRAP_SERVERS`, `KAFKA_BROKERS`, `BOOTSTRAP_SERVERS` that is not
    /// empty, else 127.0.0.1:9092.
    #[arg(short, long, value_name = "HOST:PORT")]
    bootstrap: Option<String>,
    /// A property of Kafka's Java clients or of librdkafka, such as `request.timeout.ms=5000`;
    /// repeatable.
    #[arg(short = 'X', long = "property", value_name = "NAME=VALUE", value_parser = pair)]
    properties: Vec<(String, String)>,
    /// A file of such properties, one a line.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl core::fmt::Debug for Connect {
    /// Properties may be secret.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Connect").field("bootstrap", &self.bootstrap).finish_non_exhaustive()
    }
}

/// A client that has reached a broker, with the properties for what is made from it.
pub(super) struct Connected {
    client: Client,
    properties: Properties,
}

impl Deref for Connected {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// Far more than anybody writes by hand.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

impl Connect {
    /// A client that has reached a broker, so that a wrong address is said at once.
    pub(super) async fn client(&self) -> Result<Connected, Failure> {
        self.connect(self.properties(Properties::new())?).await
    }

    /// The same for who wants to know soon: unless the properties say otherwise, another broker is
    /// asked after 2 seconds, and what has no answer after 5 is given up.
    pub(super) async fn hasty_client(&self) -> Result<Connected, Failure> {
        let limits = [("request.timeout.ms", "2000"), ("default.api.timeout.ms", "5000")];
        let mut defaults = Properties::new();
        defaults.extend(limits);
        self.connect(self.properties(defaults)?).await
    }

    async fn connect(&self, properties: Properties) -> Result<Connected, Failure> {
        let builder = ClientBuilder::from_properties(&properties);
        let builder = builder.map_err(|error| Failure::usage("client settings", &error))?;
        let client = builder.build();
        let client = client.map_err(|error| Failure::usage("client settings", &error))?;
        let reached = client.connect().await;
        reached.map_err(|error| Failure::new("connecting", &error))?;
        Ok(Connected { client, properties })
    }

    /// All of them behind `defaults`; of two that say the same the last one counts.
    fn properties(&self, defaults: Properties) -> Result<Properties, Failure> {
        let names = ["KAFKA_BOOTSTRAP_SERVERS", "KAFKA_BROKERS", "BOOTSTRAP_SERVERS"];
        let set = |name: &&str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        let servers = names.iter().find_map(set);
        let servers = servers.unwrap_or_else(|| "127.0.0.1:9092".to_owned());
        let mut all = defaults.set("bootstrap.servers", &servers).set("client.id", "broker-lite");
        if let Some(path) = &self.config {
            all = all.and(read(path)?);
        }
        all.extend(self.properties.iter().map(|(name, value)| (name, value)));
        Ok(match &self.bootstrap {
            Some(servers) => all.set("bootstrap.servers", servers),
            None => all,
        })
    }
}

fn read(path: &Path) -> Result<Properties, Failure> {
    let what = format!("--config {}", path.display());
    let unreadable = |error: std::io::Error| {
        // as other tools have it
        let is_pair = path.to_str().is_some_and(|text| text.contains('='));
        let hint = "it names a file of properties; a setting is given with --set";
        let what = if is_pair { format!("{what}: {hint}") } else { what.clone() };
        Failure::usage(what, &error)
    };
    let mut text = String::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(unreadable)?;
    if u64::try_from(text.len()).is_ok_and(|len| len > FILE_BYTES_MAX) {
        return Err(unreadable(std::io::ErrorKind::FileTooLarge.into()));
    }
    let file = path.display().to_string();
    Properties::parse(&file, &text).map_err(|error| Failure::usage("client settings", &error))
}

impl Connected {
    /// These partitions of a topic, or all if none is named.
    pub(super) async fn partitions(
        &self,
        topic: &str,
        wanted: &[i32],
    ) -> Result<Vec<TopicPartition>, Failure> {
        let described = self.client.admin().describe_topic(topic).await;
        let described = described.map_err(|error| Failure::new("reading a topic", &error))?;
        let there: BTreeSet<_> = described.partitions.iter().map(|p| p.index).collect();
        let wanted: BTreeSet<_> = wanted.iter().map(|p| PartitionIndex(*p)).collect();
        if let Some(missing) = wanted.iter().find(|p| !there.contains(p)) {
            let count = there.len();
            return Err(Failure::say(format!("{topic} has {count} partitions, no {missing}")));
        }
        let topic: Arc<str> = topic.into();
        let partition = |partition| TopicPartition { topic: Arc::clone(&topic), partition };
        let chosen = if wanted.is_empty() { there } else { wanted };
        Ok(chosen.into_iter().map(partition).collect())
    }

    pub(super) fn producer(&self) -> Result<ProducerBuilder, Failure> {
        let builder = self.client.producer().properties(&self.properties);
        builder.map_err(|error| Failure::usage("producer settings", &error))
    }

    pub(super) fn consumer(&self) -> Result<ConsumerBuilder, Failure> {
        let builder = self.client.consumer().properties(&self.properties);
        builder.map_err(|error| Failure::usage("consumer settings", &error))
    }
}
