//! The log by itself, for the benchmark of that name: no part of the API.

use std::path::Path;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use ottla_protocol::ids::{LeaderEpoch, PartitionIndex};

use super::batch::{BatchBytes, BatchView};
use super::config::LogConfig;
use super::disk::FileDisk;
use super::log::Log;
use super::recovery::OpenArgs;
use crate::replica::partition::Partition;
use crate::replica::prepare::{Codecs, ProduceRules};

const DIR: &str = "bench-0";

/// A log as a partition has it, without what a partition does to batches before.
#[derive(Debug)]
pub struct BareLog(Log);

impl BareLog {
    /// Opens the log in `root` as after a crash of the machine, or makes it.
    #[must_use]
    pub fn open(root: &Path) -> Self {
        let disk = Arc::new(FileDisk::new(root));
        let opened = Log::open(disk, DIR, Arc::new(config()), &OpenArgs::default());
        Self(opened.expect("the log can be opened").0)
    }

    /// Appends a batch.
    pub fn append(&mut self, batch: &[u8]) {
        let view = BatchView::read(batch).expect("a batch");
        let view = view.placed(self.0.end(), LeaderEpoch(0));
        let (header, records) = batch.split_first_chunk().expect("a batch");
        self.0.append(&view, BatchBytes::new(*header, records), 0).expect("the batch is written");
    }

    /// Brings what was appended to the device.
    pub fn sync(&mut self) {
        self.0.sync().expect("the log is synced");
    }

    /// The offset behind the last record.
    #[must_use]
    pub fn end(&self) -> i64 {
        self.0.end().get()
    }
}

/// A partition, which checks what it is given and what it gives.
#[derive(Debug)]
pub struct Replica {
    partition: Arc<Partition>,
    codecs: Codecs,
}

impl Replica {
    /// Opens the log in `root` as after a crash of the machine, or makes it.
    #[must_use]
    pub fn open(root: &Path) -> Self {
        let disk = Arc::new(FileDisk::new(root));
        let place = ("bench", PartitionIndex(0));
        let opened = Partition::open(disk, DIR, place, config(), &OpenArgs::default());
        let (partition, _) = opened.expect("the log can be opened");
        partition.make_leader(LeaderEpoch(0), 1, 1).expect("the epoch is written");
        Self { partition: Arc::new(partition), codecs: Codecs::default() }
    }

    /// Checks a batch as one that a client has sent, and appends it.
    pub fn produce(&mut self, batch: Bytes) {
        let rules = ProduceRules { version: 12, all_in_sync: true, now_ms: 0 };
        let prepared = self.partition.prepare(batch, &rules, &mut self.codecs);
        let prepared = prepared.expect("the batch is sound");
        self.partition.append(&prepared, &rules).expect("the batch is written");
    }

    /// Reads batches from `offset` on, up to so many bytes, and checks them.
    pub fn read(&self, offset: i64, bytes_max: u32, out: &mut BytesMut) -> usize {
        let read = self.partition.read(offset, bytes_max, true, out);
        read.expect("the log can be read").bytes
    }
}

/// Any time is right.
fn config() -> LogConfig {
    LogConfig { timestamp_after_max_ms: i64::MAX, ..LogConfig::default() }
}
