//! `topic describe`: where partitions are, what they hold, and whether one holds too much.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clap::Args;
use ottla::admin::{Admin, AdminError, OffsetSpec, PartitionDescription, TopicDescription};
use ottla::ids::{NodeId, PartitionIndex};
use ottla::{Isolation, TopicPartition};
use serde_json::Value;

use crate::cli::connect::Connect;
use crate::cli::exit::Failure;
use crate::cli::output::{self, Cell, Column, Output, Shown};
use crate::cli::parted;
use crate::cli::position::Bounds;

/// Options of `topic describe`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Describe {
    /// Their names.
    #[arg(required = true)]
    topic: Vec<String>,
    #[command(flatten)]
    connect: Connect,
    #[command(flatten)]
    output: Output,
}

const COLUMNS: [Column; 12] = [
    ("topic", Shown::Left("TOPIC")),
    ("partition", Shown::Right("PARTITION")),
    ("leader", Shown::Right("LEADER")),
    ("leader_epoch", Shown::Right("EPOCH")),
    ("replicas", Shown::Left("REPLICAS")),
    ("isr", Shown::Left("ISR")),
    ("offline", Shown::No),
    ("start_offset", Shown::Right("START")),
    ("end_offset", Shown::Right("END")),
    ("records", Shown::Right("RECORDS")),
    ("records_share", Shown::Right("SHARE")),
    ("size_bytes", Shown::Right("SIZE")),
];

/// Bytes that a leader has of a partition.
type Sizes = BTreeMap<(NodeId, String, PartitionIndex), u64>;

impl Describe {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let client = self.connect.hasty_client().await?;
        let admin = client.admin();
        let described = admin.describe_topics(&self.topic).await;
        let (topics, failure) = parted("describing a topic", described);
        let (bounds, sizes) = futures::join!(bounds(&admin, &topics), sizes(&admin, &topics));
        let rows: Vec<_> = topics.iter().flat_map(|topic| rows(topic, &bounds, &sizes)).collect();
        output::print(self.output.format, &COLUMNS, &rows)?;
        failure
    }
}

/// What the leaders say of where their partitions start and end: nobody else can be asked.
async fn bounds(admin: &Admin, topics: &[TopicDescription]) -> Bounds {
    let mut led = Vec::new();
    for topic in topics {
        let name: Arc<str> = topic.name.as_str().into();
        let partitions = topic.partitions.iter().filter(|p| p.leader.is_some());
        led.extend(partitions.map(|partition| TopicPartition {
            topic: Arc::clone(&name),
            partition: partition.index,
        }));
    }
    let both = [OffsetSpec::Earliest, OffsetSpec::Latest];
    let asked: Vec<_> = led.iter().flat_map(|p| both.map(|spec| (p.clone(), spec))).collect();
    let listed = admin.list_offsets(Isolation::ReadUncommitted, asked.iter().cloned()).await;
    let mut all = Bounds::default();
    // of one topic the first is enough: the others have most likely the same reason
    let mut unknown: BTreeMap<Arc<str>, AdminError> = BTreeMap::new();
    for ((partition, spec), found) in asked.into_iter().zip(listed) {
        let known = match spec {
            OffsetSpec::Earliest => &mut all.beginnings,
            _ => &mut all.ends,
        };
        match found {
            Ok(Some(found)) => drop(known.insert(partition, found.offset)),
            Ok(None) => {}
            Err(error) => drop(unknown.entry(partition.topic).or_insert(error)),
        }
    }
    for error in unknown.values() {
        eprintln!("broker-lite: offsets are not known: {error}");
    }
    all
}

/// What the leaders have on their disks.
async fn sizes(admin: &Admin, topics: &[TopicDescription]) -> Sizes {
    let partitions = topics.iter().flat_map(|topic| &topic.partitions);
    let leaders: BTreeSet<NodeId> = partitions.filter_map(|p| p.leader).collect();
    let each = admin.describe_log_dirs(leaders.iter().copied()).await;
    let mut sizes = Sizes::new();
    for (leader, dirs) in leaders.into_iter().zip(each) {
        let dirs = dirs.unwrap_or_else(|error| {
            eprintln!("broker-lite: sizes on disk are not known: {error}");
            Vec::new()
        });
        for replica in dirs.into_iter().flat_map(|dir| dir.replicas) {
            if !replica.is_future {
                sizes.insert((leader, replica.topic, replica.partition), replica.bytes);
            }
        }
    }
    sizes
}

fn rows(topic: &TopicDescription, bounds: &Bounds, sizes: &Sizes) -> Vec<[Cell; 12]> {
    let name: Arc<str> = topic.name.as_str().into();
    let known = |p: &PartitionDescription| {
        let partition = TopicPartition { topic: Arc::clone(&name), partition: p.index };
        let start = bounds.beginnings.get(&partition)?.get();
        let end = bounds.ends.get(&partition)?.get();
        Some((start, end, end.saturating_sub(start)))
    };
    let total: i64 = topic.partitions.iter().filter_map(known).map(|(_, _, records)| records).sum();
    let unknown = || Cell::new(Value::Null);
    let row = |p: &PartitionDescription| {
        let nodes = |nodes: &[NodeId]| Cell::new(nodes.iter().map(|n| n.0).collect::<Vec<_>>());
        let known = known(p);
        let size = p.leader.and_then(|leader| sizes.get(&(leader, topic.name.clone(), p.index)));
        [
            Cell::new(&*topic.name),
            Cell::new(p.index.0),
            p.leader.map_or_else(|| Cell::shown(Value::Null, "none"), |node| Cell::new(node.0)),
            Cell::new(p.leader_epoch.map(|epoch| epoch.0)),
            nodes(&p.replicas),
            nodes(&p.isr),
            nodes(&p.offline),
            Cell::new(known.map(|(start, ..)| start)),
            Cell::new(known.map(|(_, end, _)| end)),
            Cell::new(known.map(|(.., records)| records)),
            share(known.map(|(.., records)| records), total),
            size.map_or_else(unknown, |size| Cell::shown(*size, output::bytes(*size))),
        ]
    };
    topic.partitions.iter().map(row).collect()
}

/// Which part of all records of the topic it is: of 1 for programs, of 100 for people.
fn share(records: Option<i64>, total: i64) -> Cell {
    let Some(records) = records.filter(|_| total > 0) else { return Cell::new(Value::Null) };
    let tenths = i128::from(records) * 1000 + i128::from(total / 2);
    let tenths = u16::try_from(tenths / i128::from(total)).unwrap_or(u16::MAX);
    let text = format!("{}.{}%", tenths / 10, tenths % 10);
    Cell::shown(f64::from(tenths) / 1000.0, text)
}
