//! `config`: settings of topics and brokers.

use clap::{Args, Subcommand, ValueEnum};
use ottla::admin::{ConfigEntry, ConfigSource};
use ottla::ids::NodeId;
use ottla::{AlterConfigs, ConfigResource};
use serde_json::Value;

use super::connect::Connect;
use super::exit::Failure;
use super::output::{self, Cell, Column, Format, Output, Shown};
use super::{pair, parted};

/// What to do with settings.
#[derive(Debug, Subcommand)]
pub(super) enum Config {
    /// Prints what was set, and where; with --all the defaults as well.
    Describe {
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        connect: Connect,
        #[command(flatten)]
        output: Output,
        /// Also what nobody has set.
        #[arg(short, long)]
        all: bool,
    },
    /// Changes settings, all that are named or none.
    Alter(Alter),
}

/// What has the settings.
#[derive(Args, Debug)]
pub(super) struct Of {
    /// What kind of thing.
    #[arg(value_enum)]
    kind: Kind,
    /// A topic's name, or a broker's id, or `default` for all brokers.
    name: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Kind {
    Topic,
    Broker,
}

/// Options of `config alter`.
#[derive(Args, Debug)]
pub(super) struct Alter {
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    connect: Connect,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    changes: Changes,
    /// Only checks whether it could be done.
    #[arg(long)]
    dry_run: bool,
}

/// At least one change.
#[derive(Args, Debug)]
#[group(required = true, multiple = true)]
struct Changes {
    /// Sets it, as in `retention.ms=1000`; repeatable.
    #[arg(short, long, value_name = "NAME=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    /// Takes it back to its default, if it was set there; repeatable.
    #[arg(short, long, value_name = "NAME")]
    delete: Vec<String>,
    /// Adds to a list, as in `cleanup.policy=compact`; repeatable.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    append: Vec<(String, String)>,
    /// Takes from a list; repeatable.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    subtract: Vec<(String, String)>,
}

const COLUMNS: [Column; 9] = [
    ("type", Shown::No),
    ("of", Shown::No),
    ("name", Shown::Left("NAME")),
    ("value", Shown::Left("VALUE")),
    ("source", Shown::Left("SOURCE")),
    ("read_only", Shown::Left("READ_ONLY")),
    ("sensitive", Shown::No),
    ("value_type", Shown::Left("VALUE_TYPE")),
    ("documentation", Shown::No),
];

impl Config {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::Describe { of, connect, output, all } => {
                let resource = of.resource()?;
                let client = connect.client().await?;
                let described = client.admin().describe_configs(resource).await;
                let what = || format!("describing {}", of.text());
                let entries = described.map_err(|error| Failure::new(what(), &error))?;
                let shown = entries.iter().filter(|entry| all || !entry.is_default);
                let rows: Vec<_> = shown.map(|entry| of.row(entry)).collect();
                output::print(output.format, &COLUMNS, &rows)
            }
            Self::Alter(alter) => alter.run().await,
        }
    }
}

impl Of {
    fn text(&self) -> String {
        format!("{} {}", self.kind.text(), self.name)
    }

    fn resource(&self) -> Result<ConfigResource, Failure> {
        match (self.kind, &*self.name) {
            (Kind::Topic, name) => Ok(ConfigResource::Topic(name.to_owned())),
            (Kind::Broker, "default") => Ok(ConfigResource::AllBrokers),
            (Kind::Broker, id) => {
                let id = id.parse().ok().filter(|id| *id >= 0);
                let wrong = || format!("broker {:?}: a broker's id or default expected", self.name);
                id.map(|id| ConfigResource::Broker(NodeId(id)))
                    .ok_or_else(|| Failure::misused(wrong()))
            }
        }
    }

    /// What is taken back has to be set, as in kafka-configs: else the name is mistyped.
    fn check_set(&self, entries: &[ConfigEntry], names: &[String]) -> Result<(), Failure> {
        let here = match (self.kind, &*self.name) {
            (Kind::Topic, _) => ConfigSource::DynamicTopic,
            (Kind::Broker, "default") => ConfigSource::DynamicDefaultBroker,
            (Kind::Broker, _) => ConfigSource::DynamicBroker,
        };
        let is_set = |name: &&String| {
            let set = |entry: &ConfigEntry| *entry.name == **name && entry.source == here;
            entries.iter().any(set)
        };
        let unset: Vec<&str> = names.iter().filter(|n| !is_set(n)).map(String::as_str).collect();
        if unset.is_empty() {
            return Ok(());
        }
        let (of, unset) = (self.text(), unset.join(", "));
        Err(Failure::say(format!("altering {of}: nothing to take back, not set there: {unset}")))
    }

    fn row(&self, entry: &ConfigEntry) -> [Cell; 9] {
        let value = match &entry.value {
            Some(value) => Cell::new(&**value),
            None if entry.is_sensitive => Cell::shown(Value::Null, "(secret)"),
            None => Cell::new(Value::Null),
        };
        [
            Cell::new(self.kind.text()),
            Cell::new(&*self.name),
            Cell::new(&*entry.name),
            value,
            Cell::new(entry.source.to_string()),
            Cell::new(entry.read_only),
            Cell::new(entry.is_sensitive),
            Cell::new(entry.config_type.to_string()),
            Cell::new(entry.documentation.clone()),
        ]
    }
}

impl Kind {
    const fn text(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::Broker => "broker",
        }
    }
}

impl Alter {
    async fn run(self) -> Result<(), Failure> {
        let Changes { set, delete, append, subtract } = &self.changes;
        let mut change = AlterConfigs::new(self.of.resource()?);
        for (name, value) in set {
            change = change.set(name, value);
        }
        for name in delete {
            change = change.delete(name);
        }
        for (name, value) in append {
            change = change.append(name, value);
        }
        for (name, value) in subtract {
            change = change.subtract(name, value);
        }
        let client = self.connect.client().await?;
        let admin = client.admin();
        if !delete.is_empty() {
            let described = admin.describe_configs(self.of.resource()?).await;
            let what = || format!("altering {}", self.of.text());
            let entries = described.map_err(|error| Failure::new(what(), &error))?;
            self.of.check_set(&entries, delete)?;
        }
        let admin = if self.dry_run { admin.validate_only() } else { admin };
        let altered = admin.alter_configs([change]).await;
        let (_, failure) = parted(&format!("altering {}", self.of.text()), altered);
        failure?;
        if self.output.format == Format::Text {
            return Ok(());
        }
        let columns = [
            ("type", Shown::Left("TYPE")),
            ("of", Shown::Left("OF")),
            ("dry_run", Shown::Left("DRY_RUN")),
        ];
        let row =
            [Cell::new(self.of.kind.text()), Cell::new(&*self.of.name), Cell::new(self.dry_run)];
        output::print(Format::Json, &columns, &[row])
    }
}
