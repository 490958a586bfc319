//! `topic`: what there is, and making, changing and removing it.

mod describe;
mod trim;

use clap::{Args, Subcommand};
use ottla::{NewPartitions, NewTopic};

use super::connect::Connect;
use super::exit::Failure;
use super::output::{self, Cell, Column, Format, Output, Shown};
use super::{pair, parted};

/// What to do with topics.
#[derive(Debug, Subcommand)]
pub(super) enum Topic {
    /// Prints the names of all topics but Kafka's own.
    List {
        #[command(flatten)]
        connect: Connect,
        #[command(flatten)]
        output: Output,
        /// Kafka's own topics as well.
        #[arg(long)]
        internal: bool,
    },
    /// Creates a topic.
    Create(Create),
    /// Prints the partitions of topics: leader, replicas, offsets, size, and which share of the
    /// topic's records each has.
    ///
    /// Only leaders know offsets and sizes. What one of them does not tell is shown as `-`, in JSON as
    /// null, and the reason is printed on standard error; that alone is no failure. A broker that
    /// does not answer is given up after 5 seconds, or as `default.api.timeout.ms` says.
    Describe(describe::Describe),
    /// Gives a topic more partitions. Records stay where they are, but keys may go elsewhere.
    AddPartitions {
        /// Its name.
        topic: String,
        #[command(flatten)]
        connect: Connect,
        #[command(flatten)]
        output: Output,
        /// How many it is to have then, those that it has included.
        #[arg(short, long)]
        partitions: i32,
        /// Only checks whether it could be done.
        #[arg(long)]
        dry_run: bool,
    },
    /// Deletes the first records of partitions.
    Trim(trim::Trim),
    /// Deletes topics with all their records.
    Delete {
        /// Their names.
        #[arg(required = true)]
        topic: Vec<String>,
        #[command(flatten)]
        connect: Connect,
        #[command(flatten)]
        output: Output,
    },
}

/// Options of `topic create`.
#[derive(Args, Debug)]
pub(super) struct Create {
    /// Its name.
    topic: String,
    #[command(flatten)]
    connect: Connect,
    #[command(flatten)]
    output: Output,
    /// How many partitions; without it what the broker has as its default.
    #[arg(short, long)]
    partitions: Option<i32>,
    /// On how many brokers each partition is; without it what the broker has as its default.
    #[arg(short, long)]
    replication_factor: Option<i16>,
    /// A setting of the topic, such as `retention.ms=1000`; repeatable.
    #[arg(short = 'c', long, value_name = "NAME=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    /// Only checks whether it could be done.
    #[arg(long)]
    dry_run: bool,
}

impl Topic {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List { connect, output, internal } => list(&connect, output, internal).await,
            Self::Create(create) => create.run().await,
            Self::Describe(describe) => describe.run().await,
            Self::AddPartitions { topic, connect, output, partitions, dry_run } => {
                let admin = connect.client().await?.admin();
                let admin = if dry_run { admin.validate_only() } else { admin };
                let new = [NewPartitions::new(&topic, partitions)];
                let (done, failure) =
                    parted("adding partitions", admin.create_partitions(new).await);
                let columns = [
                    ("topic", Shown::Left("TOPIC")),
                    ("partitions", Shown::Right("PARTITIONS")),
                    DRY_RUN,
                ];
                let row = |()| [Cell::new(&*topic), Cell::new(partitions), Cell::new(dry_run)];
                done_so(output, &columns, done.into_iter().map(row).collect())?;
                failure
            }
            Self::Trim(trim) => trim.run().await,
            Self::Delete { topic, connect, output } => {
                let admin = connect.client().await?.admin();
                let results = admin.delete_topics(&topic).await;
                let named = topic.iter().zip(results).map(|(name, done)| done.map(|()| name));
                let (done, failure) = parted("deleting a topic", named.collect());
                let row = |name: &String| [Cell::new(&**name), Cell::new(true)];
                let columns =
                    [("topic", Shown::Left("TOPIC")), ("deleted", Shown::Left("DELETED"))];
                done_so(output, &columns, done.into_iter().map(row).collect())?;
                failure
            }
        }
    }
}

const DRY_RUN: Column = ("dry_run", Shown::No);

/// What was done is news for programs only: people know what they asked for.
fn done_so<const N: usize>(
    output: Output,
    columns: &[Column; N],
    rows: Vec<[Cell; N]>,
) -> Result<(), Failure> {
    match output.format {
        Format::Text => Ok(()),
        Format::Json => output::print(Format::Json, columns, &rows),
    }
}

async fn list(connect: &Connect, output: Output, internal: bool) -> Result<(), Failure> {
    let topics = connect.client().await?.admin().list_topics().await;
    let topics = topics.map_err(|error| Failure::new("listing topics", &error))?;
    let shown = topics.iter().filter(|topic| internal || !topic.is_internal);
    if output.format == Format::Text {
        let names: String = shown.map(|topic| format!("{}\n", topic.name)).collect();
        return output::write(&names);
    }
    let rows = shown.map(|topic| {
        [
            Cell::new(&*topic.name),
            Cell::new(topic.id.map(|id| id.to_string())),
            Cell::new(topic.partitions),
            Cell::new(topic.is_internal),
        ]
    });
    let columns = [
        ("topic", Shown::Left("TOPIC")),
        ("id", Shown::Left("ID")),
        ("partitions", Shown::Right("PARTITIONS")),
        ("internal", Shown::Left("INTERNAL")),
    ];
    output::print(Format::Json, &columns, &rows.collect::<Vec<_>>())
}

impl Create {
    async fn run(self) -> Result<(), Failure> {
        let mut new = NewTopic::new(&self.topic);
        if let Some(count) = self.partitions {
            new = new.partitions(count);
        }
        if let Some(count) = self.replication_factor {
            new = new.replication_factor(count);
        }
        for (name, value) in &self.set {
            new = new.config(name, value);
        }
        let admin = self.connect.client().await?.admin();
        let admin = if self.dry_run { admin.validate_only() } else { admin };
        let created = admin.create_topic(new).await;
        let created = created.map_err(|error| Failure::new("creating a topic", &error))?;
        let columns = [
            ("topic", Shown::Left("TOPIC")),
            ("id", Shown::Left("ID")),
            ("partitions", Shown::Right("PARTITIONS")),
            ("replication_factor", Shown::Right("REPLICATION_FACTOR")),
            DRY_RUN,
        ];
        let row = [
            Cell::new(created.name),
            Cell::new(created.id.map(|id| id.to_string())),
            Cell::new(created.partitions),
            Cell::new(created.replication_factor),
            Cell::new(self.dry_run),
        ];
        done_so(self.output, &columns, vec![row])
    }
}
