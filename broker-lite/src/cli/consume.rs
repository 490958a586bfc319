//! `consume`: records become lines of standard output.

use core::error::Error;
use core::time::Duration;
use std::io::{self, Write};

use clap::Args;
use ottla::ids::Offset;
use ottla::{
    Assignment, Consumer, OffsetReset, PollError, PositionError, RecordView, Start, TopicPartition,
};

use super::connect::Connect;
use super::exit::Failure;
use super::output::{Format, Output};
use super::position::{self, Bounds, Offsets, Position};
use super::record_json::Received;

/// How long to wait for records before looking whether the end was reached without any.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Options of `consume`. It ends at what was the end of the log when it started.
#[derive(Args, Debug)]
pub(super) struct Consume {
    /// The topic to read.
    topic: String,
    #[command(flatten)]
    connect: Connect,
    /// Where to begin in each partition; `end` waits for records to come, as if `--follow`.
    ///
    /// An offset that a partition does not have means the nearest it has. `-10` means ten before the
    /// end. A time means the first record that is not older: `2026-01-31T12:00:00Z`, or `@MILLIS`
    /// since 1970, or so long ago: `-90s`, `-5m`, `-1h`, `-2d`.
    #[arg(
        long,
        value_name = position::FORMS,
        default_value = "beginning",
        value_parser = Position::parse,
        allow_hyphen_values = true
    )]
    from: Position,
    /// Where to stop in each partition: before that record. Takes what `--from` takes; a place that
    /// is not there yet means the end.
    #[arg(
        long,
        value_name = position::FORMS,
        value_parser = Position::parse,
        allow_hyphen_values = true,
        conflicts_with = "follow"
    )]
    to: Option<Position>,
    /// Ends after so many records.
    #[arg(short = 'n', long, value_name = "COUNT")]
    count: Option<u64>,
    /// Waits for records to come instead of ending at the end of the log.
    #[arg(short, long)]
    follow: bool,
    /// Reads only this partition; repeatable.
    #[arg(short, long)]
    partition: Vec<i32>,
    /// With `--format json` it prints records that `produce --format json` takes.
    #[command(flatten)]
    output: Output,
    /// Prints the key before the value, with this between them.
    #[arg(short = 'K', long, value_name = "TEXT")]
    key_separator: Option<String>,
}

impl Consume {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let client = self.connect.client().await?;
        let consumer = client.consumer()?.reset(OffsetReset::Error).build();
        let consumer = consumer.map_err(|error| Failure::usage("consumer settings", &error))?;
        let partitions = client.partitions(&self.topic, &self.partition).await?;
        let failed = |error: &dyn Error| Failure::new(format!("reading {}", self.topic), error);
        let bounds = Bounds::of(&consumer, &partitions).await.map_err(|error| failed(&error))?;
        let starts = self.from.offsets(&consumer, &bounds).await;
        let starts = starts.map_err(|error| failed(&error))?;
        let ends = match self.to {
            None => bounds.ends.clone(),
            Some(to) => {
                let to = to.offsets(&consumer, &bounds).await.map_err(|error| failed(&error))?;
                let within = |(p, end): (&TopicPartition, &Offset)| {
                    (p.clone(), to.get(p).map_or(*end, |to| *end.min(to)))
                };
                bounds.ends.iter().map(within).collect()
            }
        };
        if let Position::At(offset) = self.from
            && bounds.ends.values().all(|end| *end < offset)
        {
            eprintln!("broker-lite: every partition of {} ends before {offset}", self.topic);
        }
        let start = |p: &TopicPartition| match (self.from, starts.get(p)) {
            (Position::Beginning, _) | (_, None) => Start::Earliest,
            (_, Some(offset)) => Start::At(bounds.nearest(p, *offset)),
        };
        let assigned =
            partitions.iter().map(|p| Assignment { partition: p.clone(), start: start(p) });
        consumer.assign(assigned).map_err(|error| failed(&error))?;
        let waits = self.follow || (self.from == Position::End && self.to.is_none());
        let ends = if waits { Offsets::new() } else { ends };
        self.print(&consumer, &ends, waits).await
    }

    /// Prints what comes: until all `ends` are reached, or for ever if it `waits`.
    async fn print(&self, consumer: &Consumer, ends: &Offsets, waits: bool) -> Result<(), Failure> {
        let failed = |error: &dyn Error| Failure::new(format!("reading {}", self.topic), error);
        let mut left = self.count.unwrap_or(u64::MAX);
        let mut out = Vec::new();
        while left > 0 && (waits || !reached(consumer, ends).await.map_err(|e| failed(&e))?) {
            // positions pass control records, which are not handed out: look at them now and then
            let polled = consumer.poll_timeout(LOOK_AGAIN).await;
            for part in polled.map_err(|error| self.unread(&error))?.partitions() {
                let end = ends.get(part.topic_partition());
                for record in part {
                    if left > 0 && end.is_none_or(|end| record.offset() < *end) {
                        left -= 1;
                        self.write(&mut out, &record);
                    }
                }
            }
            let mut stdout = io::stdout();
            let written = stdout.write_all(&out).and_then(|()| stdout.flush());
            written.map_err(|error| Failure::stdout(&error))?;
            out.clear();
        }
        Ok(())
    }

    /// Why there are no more records, and how to have those behind what is damaged.
    fn unread(&self, error: &PollError) -> Failure {
        let failure = Failure::new(format!("reading {}", self.topic), error);
        let PollError::Corrupt { partition, next, .. } = error else { return failure };
        let resume = format!("-p {} --from", partition.partition);
        failure.with_advice(match next {
            Some(next) => format!("what lies behind it: {resume} {next}"),
            None => format!(
                "what lies behind it: {resume} OFFSET; `broker-lite log verify` says where the \
                 damage is, `log dump` of that file which offset comes next"
            ),
        })
    }

    fn write(&self, out: &mut Vec<u8>, record: &RecordView<'_>) {
        if self.output.format == Format::Json {
            let received = Received {
                topic: &self.topic,
                partition: record.partition().0,
                offset: record.offset().get(),
                timestamp_ms: record.timestamp().0,
                key: record.key(),
                value: record.value(),
                headers: record.headers(),
            };
            return received.write(out);
        }
        if let Some(separator) = &self.key_separator {
            out.extend_from_slice(record.key().unwrap_or_default());
            out.extend_from_slice(separator.as_bytes());
        }
        out.extend_from_slice(record.value().unwrap_or_default());
        out.push(b'\n');
    }
}

async fn reached(consumer: &Consumer, ends: &Offsets) -> Result<bool, PositionError> {
    for (partition, end) in ends {
        if consumer.position(partition).await? < *end {
            return Ok(false);
        }
    }
    Ok(true)
}
