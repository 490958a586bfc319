//! `produce`: lines of standard input become records.

use std::collections::VecDeque;

use clap::{Args, ValueEnum};
use ottla::ids::{PartitionIndex, Timestamp};
use ottla::producer::Compression;
use ottla::{Acks, Delivery, Header, Producer, Record};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, BufReader};

use super::connect::Connect;
use super::exit::Failure;
use super::pair;
use super::record_json::ToSend;

/// Deliveries remembered before the oldest is waited for: bounds what a fast input can pile up,
/// far above what is ever in flight.
const DELIVERIES_MAX: usize = 100_000;

/// Options of `produce`.
#[derive(Args, Debug)]
pub(super) struct Produce {
    /// The topic to send to.
    topic: String,
    #[command(flatten)]
    connect: Connect,
    /// What a line is: a value, or a record in JSON as `consume --format json` prints it.
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Splits each line at the first of these into key and value.
    #[arg(short = 'K', long, value_name = "TEXT")]
    key_separator: Option<String>,
    /// A header of every record; repeatable.
    #[arg(short = 'H', long, value_name = "NAME=VALUE", value_parser = pair)]
    header: Vec<(String, String)>,
    /// Sends to this partition, whatever the key.
    #[arg(short, long)]
    partition: Option<i32>,
    /// Sends each JSON line to the partition it names.
    #[arg(long, conflicts_with = "partition")]
    keep_partition: bool,
    /// How batches are compressed: none (the default), gzip, snappy, lz4, zstd.
    #[arg(short = 'z', long)]
    compression: Option<Compression>,
    /// Which replicas must have a record before it counts: 0, 1, all (the default).
    #[arg(long, value_parser = acks)]
    acks: Option<Acks>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Text,
    Json,
}

fn acks(text: &str) -> Result<Acks, String> {
    match text {
        "0" => Ok(Acks::None),
        "1" => Ok(Acks::Leader),
        "all" | "-1" => Ok(Acks::All),
        _ => Err("0, 1 or all expected".to_owned()),
    }
}

impl Produce {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let client = self.connect.client().await?;
        let mut producer = client.producer()?;
        if let Some(compression) = self.compression {
            producer = producer.compression(compression);
        }
        if let Some(acks) = self.acks {
            producer = producer.acks(acks);
        }
        let producer =
            producer.build().map_err(|error| Failure::usage("producer settings", &error))?;
        let sent = self.send_all(&producer, BufReader::new(tokio::io::stdin())).await;
        let closed = producer.close().await;
        sent?;
        closed.map_err(|error| Failure::new(format!("sending to {}", self.topic), &error))
    }

    async fn send_all(
        &self,
        producer: &Producer,
        mut input: impl AsyncBufRead + Unpin,
    ) -> Result<(), Failure> {
        let mut pending = VecDeque::new();
        let mut line = Vec::new();
        for number in 1_u64.. {
            line.clear();
            let read = input.read_until(b'\n', &mut line).await;
            if read.map_err(|error| Failure::new("reading standard input", &error))? == 0 {
                break;
            }
            if line.last() == Some(&b'\n') {
                line.pop();
            }
            let record = self.record(&line, number)?;
            let what = || format!("line {number}, to {}", self.topic);
            let delivery = producer.enqueue(record).await;
            pending.push_back(delivery.map_err(|error| Failure::new(what(), &error))?);
            if pending.len() == DELIVERIES_MAX {
                self.wait(&mut pending, DELIVERIES_MAX - 1).await?;
            }
        }
        self.wait(&mut pending, 0).await
    }

    async fn wait(&self, pending: &mut VecDeque<Delivery>, left: usize) -> Result<(), Failure> {
        while pending.len() > left {
            let Some(delivery) = pending.pop_front() else { break };
            delivery
                .await
                .map_err(|error| Failure::new(format!("sending to {}", self.topic), &error))?;
        }
        Ok(())
    }

    fn record<'a>(&'a self, line: &'a [u8], number: u64) -> Result<Record<'a>, Failure> {
        let mut record = match self.format {
            Format::Text => self.text(line, number)?,
            Format::Json => self.json(line, number)?,
        };
        if let Some(partition) = self.partition {
            record = record.partition(PartitionIndex(partition));
        }
        for (name, value) in &self.header {
            record = record.header(&**name, value.clone().into_bytes());
        }
        Ok(record)
    }

    fn text<'a>(&'a self, line: &'a [u8], number: u64) -> Result<Record<'a>, Failure> {
        let record = Record::to(&self.topic);
        let Some(separator) = &self.key_separator else {
            return Ok(record.value(line));
        };
        let separator = separator.as_bytes();
        let at = line.windows(separator.len().max(1)).position(|window| window == separator);
        let Some(at) = at else {
            let what = "has no key separator: give every line one, or leave --key-separator out";
            return Err(Failure::say(format!("line {number} {what}")));
        };
        Ok(record.key(&line[..at]).value(&line[at + separator.len()..]))
    }

    fn json(&self, line: &[u8], number: u64) -> Result<Record<'_>, Failure> {
        let line = ToSend::parse(line);
        let line = line.map_err(|error| Failure::new(format!("line {number}"), &error))?;
        let mut record = Record::to(&self.topic);
        if let Some(partition) = line.partition.filter(|_| self.keep_partition) {
            record = record.partition(PartitionIndex(partition));
        }
        if let Some(ms) = line.timestamp_ms {
            record = record.timestamp(Timestamp(ms));
        }
        if let Some(key) = line.key {
            record = record.key(key);
        }
        if let Some(value) = line.value {
            record = record.value(value);
        }
        let header = |(key, value): (String, Option<Vec<u8>>)| Header {
            key: key.into(),
            value: value.map(Into::into),
        };
        Ok(record.headers(line.headers.into_iter().map(header)))
    }
}
