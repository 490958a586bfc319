//! `topic`: what there is, and making and removing it.

use std::io::{self, Write};

use clap::Subcommand;
use ottla::admin::{TopicDescription, TopicListing};
use ottla::{AdminError, NewTopic};

use super::exit::Failure;
use super::{Bootstrap, pair};

/// What to do with topics.
#[derive(Debug, Subcommand)]
pub(super) enum Topic {
    /// Prints the names of all topics but Kafka's own.
    List {
        #[command(flatten)]
        bootstrap: Bootstrap,
        /// Kafka's own topics as well.
        #[arg(long)]
        internal: bool,
    },
    /// Creates a topic.
    Create {
        /// Its name.
        topic: String,
        #[command(flatten)]
        bootstrap: Bootstrap,
        /// How many partitions; without it what the broker has as its default.
        #[arg(short, long)]
        partitions: Option<i32>,
        /// On how many brokers each partition is; without it what the broker has as its default.
        #[arg(short, long)]
        replication_factor: Option<i16>,
        /// A setting of the topic, such as `retention.ms=1000`; repeatable.
        #[arg(short, long, value_name = "NAME=VALUE", value_parser = pair)]
        config: Vec<(String, String)>,
    },
    /// Prints the partitions of topics: leader, epoch, replicas and those in sync.
    Describe {
        /// Their names.
        #[arg(required = true)]
        topic: Vec<String>,
        #[command(flatten)]
        bootstrap: Bootstrap,
    },
    /// Deletes topics with all their records.
    Delete {
        /// Their names.
        #[arg(required = true)]
        topic: Vec<String>,
        #[command(flatten)]
        bootstrap: Bootstrap,
    },
}

impl Topic {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List { bootstrap, internal } => {
                let topics = bootstrap.client().await?.admin().list_topics().await;
                let topics = topics.map_err(|error| Failure::new("listing topics", &error))?;
                print(&names(&topics, internal))
            }
            Self::Create { topic, bootstrap, partitions, replication_factor, config } => {
                let mut new = NewTopic::new(&topic);
                if let Some(count) = partitions {
                    new = new.partitions(count);
                }
                if let Some(count) = replication_factor {
                    new = new.replication_factor(count);
                }
                for (name, value) in &config {
                    new = new.config(name, value);
                }
                let created = bootstrap.client().await?.admin().create_topic(new).await;
                created.map(drop).map_err(|error| Failure::new("creating a topic", &error))
            }
            Self::Describe { topic, bootstrap } => {
                let described = bootstrap.client().await?.admin().describe_topics(&topic).await;
                let (described, failure) = parted("describing a topic", described);
                print(&table(&described))?;
                failure
            }
            Self::Delete { topic, bootstrap } => {
                let deleted = bootstrap.client().await?.admin().delete_topics(&topic).await;
                parted("deleting a topic", deleted).1
            }
        }
    }
}

fn names(topics: &[TopicListing], internal: bool) -> String {
    let shown = topics.iter().filter(|topic| internal || !topic.is_internal);
    shown.map(|topic| format!("{}\n", topic.name)).collect()
}

fn table(topics: &[TopicDescription]) -> String {
    let mut text = String::new();
    for topic in topics {
        if text.is_empty() {
            text.push_str("TOPIC PARTITION LEADER EPOCH REPLICAS ISR\n");
        }
        for p in &topic.partitions {
            let list = |nodes: &[_]| {
                let nodes: Vec<_> = nodes.iter().map(ToString::to_string).collect();
                nodes.join(",")
            };
            let or_none = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
            let leader = or_none(p.leader.map(|node| node.to_string()));
            let epoch = or_none(p.leader_epoch.map(|epoch| epoch.to_string()));
            let (replicas, isr) = (list(&p.replicas), list(&p.isr));
            let line = format!("{} {} {leader} {epoch} {replicas} {isr}\n", topic.name, p.index);
            text.push_str(&line);
        }
    }
    text
}

/// What succeeded, and a failure that names all that did not.
fn parted<T>(what: &str, results: Vec<Result<T, AdminError>>) -> (Vec<T>, Result<(), Failure>) {
    let (mut done, mut wrong) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(value) => done.push(value),
            Err(error) => wrong.push(error.to_string()),
        }
    }
    let failure = match wrong.len() {
        0 => Ok(()),
        _ => Err(Failure::say(format!("{what}: {}", wrong.join("; ")))),
    };
    (done, failure)
}

fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    written.map_err(|error| Failure::stdout(&error))
}
