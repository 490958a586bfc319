//! An outbox with one topic, for tests.

use core::time::Duration;
use std::sync::Arc;

use ottla_protocol::Str;
use ottla_protocol::ids::{PartitionIndex, Timestamp};
use ottla_protocol::record::Compression;
use ottla_runtime::Instant;

use super::{Backoff, Outbox, Settings};
use crate::producer::accumulator::{Bounds, Topic};
use crate::producer::delivery::Delivery;
use crate::producer::memory::Memory;
use crate::producer::partitioner::Partitioner;
use crate::producer::record::Record;
use crate::producer::sealer::Sealer;

pub(super) struct Kit {
    pub(super) memory: Arc<Memory>,
    pub(super) topic: Arc<Topic>,
    pub(super) outbox: Outbox,
    pub(super) now: Instant,
}

pub(super) fn settings() -> Settings {
    Settings {
        idempotent: true,
        unanswered: false,
        linger: Duration::ZERO,
        gather_bytes: 400,
        request_bytes_max: 2_000,
        in_flight_max: 5,
        delivery_timeout: Duration::from_secs(10),
        backoff: Backoff { min: Duration::from_millis(100), max: Duration::from_secs(1) },
    }
}

impl Kit {
    pub(super) fn new(settings: Settings, seed: u64) -> Self {
        let memory = Arc::new(Memory::new(100_000));
        let bounds = Bounds {
            batch_bytes_max: 300,
            gather_bytes: settings.gather_bytes,
            request_bytes_max: settings.request_bytes_max,
        };
        let name = Str::from_static("t");
        let topic = Topic::new(name, Partitioner::default(), bounds, Arc::clone(&memory), seed);
        let topic = Arc::new(topic);
        let mut outbox = Outbox::new(settings, Sealer::new(Compression::None), seed);
        outbox.add_topic(Arc::clone(&topic));
        Self { memory, topic, outbox, now: Instant::from_millis(1) }
    }

    /// Appends a record with that value; `None` if there is no room.
    pub(super) fn append(&self, partition: i32, value: u64) -> Option<Delivery> {
        let bytes = value.to_be_bytes();
        let record = Record::new().value(&bytes).partition(PartitionIndex(partition));
        let time = Timestamp(1_000);
        let appended = self.topic.append(&record, time, None, || (self.now, time));
        appended.ok().map(|appended| appended.delivery)
    }

    pub(super) fn pass(&mut self, ms: u64) {
        self.now = self.now + Duration::from_millis(ms);
    }
}
