//! `topic trim`: deletes the first records of partitions.

use core::error::Error;

use clap::Args;
use ottla::ids::Offset;
use ottla::{ConfigResource, DeleteRecords, ErrorCode, Isolation, TopicPartition};

use super::DRY_RUN;
use crate::cli::connect::{Connect, Connected};
use crate::cli::exit::Failure;
use crate::cli::output::{self, Cell, Column, Output, Shown};
use crate::cli::parted;
use crate::cli::position::{self, Bounds, Position};

/// Options of `topic trim`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Trim {
    /// Its name.
    topic: String,
    #[command(flatten)]
    connect: Connect,
    #[command(flatten)]
    output: Output,
    /// The first record to keep in each partition; those before it are deleted for good.
    ///
    /// `end` keeps none and `-10` the last ten. An offset goes with one `--partition`: the same one
    /// is another record elsewhere. A time keeps all from the first record on that is not older:
    /// `2026-01-31T12:00:00Z`, or `@MILLIS` since 1970, or so long ago: `-90s`, `-5m`, `-1h`, `-2d`.
    #[arg(
        long,
        value_name = position::FORMS,
        value_parser = Position::parse,
        allow_hyphen_values = true
    )]
    before: Position,
    /// Trims only this partition; repeatable. Without it: all of them, unless an offset is given.
    #[arg(short, long)]
    partition: Vec<i32>,
    /// Only says what would be deleted.
    #[arg(long)]
    dry_run: bool,
}

const COLUMNS: [Column; 6] = [
    ("topic", Shown::Left("TOPIC")),
    ("partition", Shown::Right("PARTITION")),
    ("start_offset_before", Shown::Right("START_BEFORE")),
    ("start_offset", Shown::Right("START")),
    ("deleted", Shown::Right("DELETED")),
    DRY_RUN,
];

impl Trim {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let client = self.connect.client().await?;
        let partitions = client.partitions(&self.topic, &self.partition).await?;
        if matches!(self.before, Position::At(_)) && partitions.len() != 1 {
            let what = "--before OFFSET is another record in each partition: name one with \
                        --partition";
            return Err(Failure::misused(what));
        }
        let (bounds, places) = self.places(&client, &partitions).await?;
        let first = |p: &TopicPartition| bounds.beginnings.get(p).copied().unwrap_or_default();
        let deleted = if self.dry_run {
            // as the leader would answer
            let deletes = self.deletes(&client).await?;
            let kept = |(p, place): &(TopicPartition, Offset)| match bounds.ends.get(p) {
                _ if !deletes => {
                    let code = ErrorCode::POLICY_VIOLATION;
                    Err(format!("{p}: {code}: the topic's cleanup.policy is compact alone"))
                }
                Some(end) if place > end => {
                    let code = ErrorCode::OFFSET_OUT_OF_RANGE;
                    Err(format!("{p}: {code}: the log ends at {end}"))
                }
                _ => Ok(first(p).max(*place)),
            };
            places.iter().map(kept).collect()
        } else {
            let each = places.iter().map(|(p, place)| DeleteRecords::before(p, *place));
            let deleted = client.admin().delete_records(each).await.into_iter();
            deleted.map(|start| start.map_err(|error| error.to_string())).collect::<Vec<_>>()
        };
        let each = places.iter().zip(deleted);
        let each = each.map(|((p, _), start)| start.map(|start| (p, start))).collect();
        let (done, failure) = parted("deleting records", each);
        let row = |(p, start): (&TopicPartition, Offset)| {
            [
                Cell::new(&*p.topic),
                Cell::new(p.partition.0),
                Cell::new(first(p).get()),
                Cell::new(start.get()),
                Cell::new(start.distance_from(first(p)).unwrap_or(0)),
                Cell::new(self.dry_run),
            ]
        };
        let rows: Vec<_> = done.into_iter().map(row).collect();
        output::print(self.output.format, &COLUMNS, &rows)?;
        failure
    }

    /// Whether records of the topic may be deleted at all.
    async fn deletes(&self, client: &Connected) -> Result<bool, Failure> {
        let topic = ConfigResource::Topic(self.topic.clone());
        let settings = client.admin().describe_configs(topic).await;
        let failed = |error| Failure::new(format!("reading settings of {}", self.topic), &error);
        let settings = settings.map_err(failed)?;
        let policy = settings.into_iter().find(|entry| entry.name == "cleanup.policy");
        let policy = policy.and_then(|entry| entry.value).unwrap_or_default();
        let has = |wanted| policy.split(',').any(|each| each.trim() == wanted);
        Ok(has("delete") || !has("compact"))
    }

    async fn places(
        &self,
        client: &Connected,
        partitions: &[TopicPartition],
    ) -> Result<(Bounds, Vec<(TopicPartition, Offset)>), Failure> {
        let failed =
            |error: &dyn Error| Failure::new(format!("finding offsets of {}", self.topic), error);
        // records of open transactions are deleted like others, whatever the properties say
        let consumer = client.consumer()?.isolation(Isolation::ReadUncommitted).build();
        let consumer = consumer.map_err(|error| Failure::usage("consumer settings", &error))?;
        let bounds = Bounds::of(&consumer, partitions).await.map_err(|error| failed(&error))?;
        let places = self.before.offsets(&consumer, &bounds).await;
        let places = places.map_err(|error| failed(&error))?;
        Ok((bounds, places.into_iter().collect()))
    }
}
