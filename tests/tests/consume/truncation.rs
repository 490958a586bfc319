//! Records that were read and are then lost by the cluster: the consumer notices, and neither skips
//! what stands in their place nor reads on as if nothing had happened.

use std::fs;
use std::path::Path;

use broker_lite::Cluster;
use ottla::ids::{LeaderEpoch, Offset};
use ottla::{Client, Consumer, ConsumerRecord, OffsetReset, PollError, Record, Start};
use ottla_protocol::record::split_batches;
use ottla_runtime::net::memory::MemoryNetwork;
use tempfile::TempDir;

use super::TOPIC;

/// A cluster whose disk can lose what was acknowledged.
struct World {
    network: MemoryNetwork,
    dir: TempDir,
    cluster: Cluster,
    client: Client,
}

impl World {
    /// With the records `0` to `9`, each in a batch of its own.
    async fn new() -> Self {
        let (network, dir) = (MemoryNetwork::new(), TempDir::new().unwrap());
        let cluster = start(&network, &dir).await;
        let client = Client::builder("node:9092").connector(network.clone()).build().unwrap();
        let world = Self { network, dir, cluster, client };
        world.append(0..10).await;
        world
    }

    async fn append(&self, values: core::ops::Range<u32>) {
        let producer = self.client.producer().build().unwrap();
        for value in values {
            producer.send(Record::to(TOPIC).value(value.to_string())).await.unwrap();
        }
    }

    /// The node dies, its log keeps only the first `batches`, and it starts again, as the leader of
    /// a new epoch.
    async fn lose(self, batches: usize) -> Self {
        let Self { network, dir, cluster, client } = self;
        drop(cluster.kill().await);
        cut(&dir.path().join(format!("{TOPIC}-0")), batches);
        let cluster = start(&network, &dir).await;
        Self { network, dir, cluster, client }
    }

    fn consumer(&self, reset: OffsetReset) -> Consumer {
        self.client.consumer().reset(reset).build().unwrap()
    }
}

async fn start(network: &MemoryNetwork, dir: &TempDir) -> Cluster {
    let builder = Cluster::builder().memory_network(network).listen("node", 9092).seed(1);
    builder.data_dir(dir.path()).topic(TOPIC, 1).start().await.unwrap()
}

/// Cuts the only segment behind its first `batches`, and removes what was derived from the rest.
fn cut(partition: &Path, batches: usize) {
    let mut cut = 0;
    for entry in fs::read_dir(partition).unwrap() {
        let path = entry.unwrap().path();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("log") => {
                let all = fs::read(&path).unwrap();
                let kept = split_batches(all.clone().into()).take(batches);
                let kept: usize = kept.map(|batch| batch.unwrap().len()).sum();
                assert!(kept < all.len(), "there is something to lose");
                fs::write(&path, &all[..kept]).unwrap();
                cut += 1;
            }
            Some("index" | "timeindex" | "snapshot") => fs::remove_file(&path).unwrap(),
            _ => {}
        }
    }
    assert_eq!(cut, 1, "one segment");
}

fn read(record: &ConsumerRecord) -> (i64, u32) {
    let value = core::str::from_utf8(record.value.as_deref().unwrap()).unwrap();
    (record.offset.get(), value.parse().unwrap())
}

async fn take(consumer: &Consumer, count: usize) -> Vec<(i64, u32)> {
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(read(&consumer.recv().await.unwrap()));
    }
    all
}

/// What stands at offsets 0 to 9, and then at 6 to 13.
fn old() -> Vec<(i64, u32)> {
    (0..10).zip(0..10).collect()
}

fn new() -> Vec<(i64, u32)> {
    (6..14).zip(100..108).collect()
}

#[tokio::test(start_paused = true)]
async fn what_replaced_lost_records_is_read_from_where_the_logs_differ() {
    for reset in [OffsetReset::Earliest, OffsetReset::Latest] {
        let world = World::new().await;
        let consumer = world.consumer(reset);
        consumer.assign([(TOPIC, 0, Start::Earliest)]).unwrap();
        assert_eq!(take(&consumer, 10).await, old());
        let world = world.lose(6).await;
        // the log is longer again than what was read of it: no offset is out of range
        world.append(100..108).await;
        assert_eq!(take(&consumer, 8).await, new());
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_policy_the_loss_is_an_error_that_says_where_to_go_on() {
    let world = World::new().await;
    let consumer = world.consumer(OffsetReset::Error);
    consumer.assign([(TOPIC, 0, Start::Earliest)]).unwrap();
    assert_eq!(take(&consumer, 10).await, old());
    let world = world.lose(6).await;
    world.append(100..108).await;
    let error = consumer.recv().await.unwrap_err();
    let told = "orders-0 was read up to offset 10, but its log is another one now from 6 on; seek \
                to go on";
    assert_eq!(error.to_string(), told);
    let PollError::LogTruncated { partition, position, diverging, leader_epoch } = error else {
        panic!("{error}")
    };
    assert_eq!((position.get(), diverging.map(Offset::get)), (10, Some(6)));
    consumer.seek_with_epoch(partition, diverging.unwrap(), leader_epoch.unwrap()).unwrap();
    assert_eq!(take(&consumer, 8).await, new());
}

#[tokio::test(start_paused = true)]
async fn a_position_that_was_kept_with_its_epoch_is_checked_when_it_is_used_again() {
    let world = World::new().await;
    let consumer = world.consumer(OffsetReset::Earliest);
    consumer.assign([(TOPIC, 0)]).unwrap();
    let mut kept: Option<(Offset, LeaderEpoch)> = None;
    while kept.is_none_or(|(offset, _)| offset.get() < 10) {
        let records = consumer.poll().await.unwrap();
        let part = records.partitions().last().unwrap();
        kept = Some((part.next_offset(), part.leader_epoch().unwrap()));
    }
    drop(consumer);
    let world = world.lose(6).await;
    world.append(100..108).await;
    let (offset, leader_epoch) = kept.unwrap();
    let consumer = world.consumer(OffsetReset::Earliest);
    consumer.assign([(TOPIC, 0, Start::AtEpoch { offset, leader_epoch })]).unwrap();
    assert_eq!(take(&consumer, 8).await, new());
    consumer.seek((TOPIC, 0), offset).unwrap();
    assert_eq!(take(&consumer, 4).await, new()[4..], "an offset alone says nothing of its log");
}

#[tokio::test(start_paused = true)]
async fn a_restart_that_loses_nothing_is_no_truncation() {
    let world = World::new().await;
    let consumer = world.consumer(OffsetReset::Error);
    consumer.assign([(TOPIC, 0, Start::Earliest)]).unwrap();
    assert_eq!(take(&consumer, 10).await, old());
    let World { network, dir, cluster, client } = world;
    drop(cluster.kill().await);
    let cluster = start(&network, &dir).await;
    let world = World { network, dir, cluster, client };
    world.append(10..15).await;
    assert_eq!(take(&consumer, 5).await, (10..15).zip(10..15).collect::<Vec<_>>());
}
