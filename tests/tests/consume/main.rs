//! A consumer hands out every record from its position on, once and in order, whatever the
//! application drops and whatever the brokers do. All in memory, on a paused clock.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod cancel;
mod decode;
mod faults;
mod handle;
mod truncation;

use broker_lite::Cluster;
use ottla::ids::PartitionIndex;
use ottla::producer::Compression;
use ottla::{Client, Consumer, ConsumerRecord, OffsetReset, Record};
use ottla_runtime::net::memory::MemoryNetwork;

const TOPIC: &str = "orders";

/// A cluster in memory and a client of it.
struct World {
    cluster: Cluster,
    client: Client,
}

impl World {
    /// With one topic of `partitions`.
    async fn new(partitions: i32) -> Self {
        let network = MemoryNetwork::new();
        let builder = Cluster::builder().memory_network(&network).listen("node", 0).seed(1);
        let cluster = builder.topic(TOPIC, partitions).start().await.unwrap();
        let client = Client::builder(&cluster.bootstrap()).connector(network).build().unwrap();
        Self { cluster, client }
    }

    /// A consumer that starts at the beginning of what it is assigned.
    fn consumer(&self) -> Consumer {
        self.client.consumer().reset(OffsetReset::Earliest).build().unwrap()
    }

    /// Appends `count` records to each partition: their values count up from `from`.
    async fn fill(&self, partitions: i32, from: u32, count: u32, compression: Compression) {
        let producer = self.client.producer().compression(compression).build().unwrap();
        for n in from..from + count {
            for partition in 0..partitions {
                let value = n.to_be_bytes();
                let record =
                    Record::to(TOPIC).partition(PartitionIndex(partition)).value(&value[..]);
                producer.enqueue(record).await.unwrap();
            }
        }
        producer.close().await.unwrap();
    }
}

/// What a record of [`World::fill`] counts.
fn number(value: &[u8]) -> u32 {
    u32::from_be_bytes(value.try_into().unwrap())
}

/// Checks that each partition counts up from 0, one by one.
#[derive(Debug)]
struct Reader {
    next: Vec<u32>,
}

impl Reader {
    fn new(partitions: i32) -> Self {
        Self { next: (0..partitions).map(|_| 0).collect() }
    }

    fn got(&mut self, record: &ConsumerRecord) {
        let next = &mut self.next[usize::try_from(record.partition.0).unwrap()];
        assert_eq!(number(record.value.as_ref().unwrap()), *next, "once, and in order");
        assert_eq!(record.offset.get(), i64::from(*next));
        *next += 1;
    }

    fn has_all(&self, count: u32) -> bool {
        self.next.iter().all(|n| *n == count)
    }
}
