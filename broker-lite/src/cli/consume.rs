//! `consume`: records become lines of standard output.

use core::error::Error;
use core::time::Duration;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use ottla::ids::{Offset, PartitionIndex};
use ottla::{
    Assignment, Client, Consumer, OffsetReset, PositionError, RecordView, Start, TopicPartition,
};

use super::Bootstrap;
use super::exit::Failure;
use super::record_json::Received;

/// How long to wait for records before looking whether the end was reached without any.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Options of `consume`. It ends at what was the end of the log when it started.
#[derive(Args, Debug)]
pub(super) struct Consume {
    /// The topic to read.
    topic: String,
    #[command(flatten)]
    bootstrap: Bootstrap,
    /// Where to begin in each partition; `end` waits for records to come, as if `--follow`. A
    /// partition that does not reach back or forth to OFFSET begins at the nearest it has.
    #[arg(long, value_name = "beginning|end|OFFSET", default_value = "beginning", value_parser = from)]
    from: From,
    /// Ends after so many records.
    #[arg(short = 'n', long, value_name = "COUNT")]
    count: Option<u64>,
    /// Waits for records to come instead of ending at the end of the log.
    #[arg(short, long)]
    follow: bool,
    /// Reads only this partition; repeatable.
    #[arg(short, long)]
    partition: Vec<i32>,
    /// What to print: values, or records in JSON that `produce --format json` takes.
    #[arg(short = 'o', long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Prints the key before the value, with this between them.
    #[arg(short = 'K', long, value_name = "TEXT")]
    key_separator: Option<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum From {
    Beginning,
    End,
    At(Offset),
}

fn from(text: &str) -> Result<From, String> {
    match text {
        "beginning" => Ok(From::Beginning),
        "end" => Ok(From::End),
        _ => {
            let offset = text.parse().ok().and_then(Offset::new).map(From::At);
            offset.ok_or_else(|| "beginning, end or an offset expected".to_owned())
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Text,
    Json,
}

impl Consume {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let client = self.bootstrap.client().await?;
        let consumer = client.consumer().reset(OffsetReset::Error).build();
        let consumer = consumer.map_err(|error| Failure::usage("consumer settings", &error))?;
        let partitions = self.partitions(&client).await?;
        let failed = |error: &dyn Error| Failure::new(format!("reading {}", self.topic), error);
        let waits = self.follow || self.from == From::End;
        let ends = match waits && !matches!(self.from, From::At(_)) {
            true => Ends::new(),
            false => consumer.end_offsets(&partitions).await.map_err(|error| failed(&error))?,
        };
        let beginnings = match self.from {
            From::At(_) => consumer.beginning_offsets(&partitions).await,
            From::Beginning | From::End => Ok(BTreeMap::new()),
        };
        let beginnings = beginnings.map_err(|error| failed(&error))?;
        if let From::At(offset) = self.from
            && ends.values().all(|end| *end < offset)
        {
            eprintln!("broker-lite: every partition of {} ends before {offset}", self.topic);
        }
        let start = |p| match self.from {
            From::Beginning => Start::Earliest,
            From::End => Start::Latest,
            From::At(offset) => Start::At(nearest(offset, beginnings.get(p), ends.get(p))),
        };
        let assigned =
            partitions.iter().map(|p| Assignment { partition: p.clone(), start: start(p) });
        consumer.assign(assigned).map_err(|error| failed(&error))?;
        let ends = if waits { Ends::new() } else { ends };
        self.print(&consumer, &ends, waits).await
    }

    async fn partitions(&self, client: &Client) -> Result<Vec<TopicPartition>, Failure> {
        let described = client.admin().describe_topic(&self.topic).await;
        let described = described.map_err(|error| Failure::new("reading a topic", &error))?;
        let there: Vec<_> = described.partitions.iter().map(|p| p.index).collect();
        let wanted = match self.partition.is_empty() {
            true => there.clone(),
            false => self.partition.iter().map(|p| PartitionIndex(*p)).collect(),
        };
        if let Some(missing) = wanted.iter().find(|p| !there.contains(p)) {
            let (topic, count) = (&self.topic, there.len());
            return Err(Failure::say(format!("{topic} has {count} partitions, no {missing}")));
        }
        let topic: Arc<str> = self.topic.as_str().into();
        let partition = |partition| TopicPartition { topic: Arc::clone(&topic), partition };
        Ok(wanted.into_iter().map(partition).collect())
    }

    /// Prints what comes: until all `ends` are reached, or for ever if it `waits`.
    async fn print(&self, consumer: &Consumer, ends: &Ends, waits: bool) -> Result<(), Failure> {
        let failed = |error: &dyn Error| Failure::new(format!("reading {}", self.topic), error);
        let mut left = self.count.unwrap_or(u64::MAX);
        let mut out = Vec::new();
        while left > 0 && (waits || !reached(consumer, ends).await.map_err(|e| failed(&e))?) {
            // positions pass control records, which are not handed out: look at them now and then
            let polled = consumer.poll_timeout(LOOK_AGAIN).await;
            for part in polled.map_err(|error| failed(&error))?.partitions() {
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

    fn write(&self, out: &mut Vec<u8>, record: &RecordView<'_>) {
        if let Format::Json = self.format {
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

type Ends = BTreeMap<TopicPartition, Offset>;

/// The offset, or the first or next one of a log that does not have it.
fn nearest(offset: Offset, beginning: Option<&Offset>, end: Option<&Offset>) -> Offset {
    let below = end.map_or(offset, |end| offset.min(*end));
    beginning.map_or(below, |beginning| below.max(*beginning))
}

async fn reached(consumer: &Consumer, ends: &Ends) -> Result<bool, PositionError> {
    for (partition, end) in ends {
        if consumer.position(partition).await? < *end {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_a_word_or_an_offset() {
        assert_eq!(from("beginning"), Ok(From::Beginning));
        assert_eq!(from("end"), Ok(From::End));
        assert_eq!(from("42").ok(), Offset::new(42).map(From::At));
        for text in ["", "-1", "middle", "1.5"] {
            assert!(from(text).is_err(), "{text}");
        }
    }
}
