//! No allocation for each record: what is allocated on the way of a record is allocated for its
//! batch, request or fetch. Client and broker are in this process, and both are counted.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::alloc::System;

use broker_lite::Cluster;
use futures::{StreamExt as _, stream};
use ottla::producer::Compression;
use ottla::{Client, Consumer, OffsetReset, Producer, Record};
use ottla_runtime::net::memory::MemoryNetwork;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
// of the whole process: this file has one test
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How many records more the second run has.
const RECORDS: usize = 20_000;
/// What each of them may cost, in allocations: its share of what its batch of some hundred needs,
/// at the client and at the broker. One allocation for each record would be 1.
const ALLOCATIONS_PER_RECORD_MAX: f64 = 0.05;
const VALUE: [u8; 100] = [7; 100];

struct World {
    _cluster: Cluster,
    producer: Producer,
    consumer: Consumer,
}

impl World {
    async fn new(compression: Compression) -> Self {
        let network = MemoryNetwork::new();
        let cluster = Cluster::builder().memory_network(&network).listen("node", 0).seed(1);
        let cluster = cluster.topic("t", 1).start().await.unwrap();
        let client = Client::builder(&cluster.bootstrap()).connector(network).seed(1);
        let client = client.build().unwrap();
        let producer = client.producer().compression(compression).build().unwrap();
        let consumer = client.consumer().reset(OffsetReset::Earliest).build().unwrap();
        consumer.assign([("t", 0)]).unwrap();
        Self { _cluster: cluster, producer, consumer }
    }

    async fn enqueue(&self, records: usize) {
        let topic = self.producer.topic("t");
        for _ in 0..records {
            let record = Record::new().key(&VALUE[..10]).value(&VALUE);
            let _fate = topic.enqueue(record).await.unwrap(); // flush waits for all
        }
        self.producer.flush().await.unwrap();
    }

    async fn send_all(&self, records: usize) {
        let record = || Record::to("t").key(&VALUE[..10]).value(&VALUE);
        let records = stream::iter((0..records).map(|_| record()));
        self.producer.send_all(records).await.unwrap();
    }

    async fn poll(&self, records: usize) {
        let mut seen = 0;
        while seen < records {
            for record in &self.consumer.poll().await.unwrap() {
                assert_eq!(record.value().map(<[u8]>::len), Some(VALUE.len()));
                seen += 1;
            }
        }
    }

    async fn recv(&self, records: usize) {
        for _ in 0..records {
            let record = self.consumer.recv().await.unwrap();
            assert_eq!(record.value.map(|value| value.len()), Some(VALUE.len()));
        }
    }

    async fn stream(&self, records: usize) {
        let mut stream = self.consumer.stream().take(records);
        while let Some(record) = stream.next().await {
            assert_eq!(record.unwrap().value.map(|value| value.len()), Some(VALUE.len()));
        }
    }
}

fn allocations(region: &Region<'_, System>) -> f64 {
    let change = region.change();
    let times = u32::try_from(change.allocations + change.reallocations).unwrap();
    f64::from(times)
}

/// Runs `work` with N and with 2N records, after one run that opens connections and fills pools.
async fn assert_few(what: &str, work: impl AsyncFn(usize)) {
    work(RECORDS).await;
    let mut counts = [0.0; 2];
    for (count, records) in counts.iter_mut().zip([RECORDS, 2 * RECORDS]) {
        let region = Region::new(COUNTING);
        work(records).await;
        *count = allocations(&region);
    }
    let [once, twice] = counts;
    let each = (twice - once) / f64::from(u32::try_from(RECORDS).unwrap());
    println!("{what}: {once} allocations, {twice} for twice as many records: {each:.4} each");
    assert!(each < ALLOCATIONS_PER_RECORD_MAX, "{what}: {each:.4} allocations for each record");
}

#[tokio::test(start_paused = true)]
async fn producing_and_polling_allocate_by_the_batch() {
    for codec in [Compression::None, Compression::Lz4] {
        let world = World::new(codec).await;
        assert_few(&format!("enqueue, {codec}"), async |n| world.enqueue(n).await).await;
        assert_few(&format!("send_all, {codec}"), async |n| world.send_all(n).await).await;
        assert_few(&format!("poll, {codec}"), async |n| world.poll(n).await).await;
        // by send_all there are as many records again for each of the ways to read one by one
        world.send_all(4 * RECORDS).await;
        assert_few(&format!("recv, {codec}"), async |n| world.recv(n).await).await;
        world.send_all(4 * RECORDS).await;
        assert_few(&format!("stream, {codec}"), async |n| world.stream(n).await).await;
    }
}
