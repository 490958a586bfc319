//! Records reach the broker: acknowledged, numbered, in order, whatever is in their way.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::collections::BTreeMap;
use std::time::Duration;

use broker_lite::Cluster;
use futures::{SinkExt as _, StreamExt as _, stream};
use ottla::producer::{Compression, EnqueueError, SendError, TryEnqueueError};
use ottla::{Acks, Client, Delivery, Record};
use ottla_protocol::ids::{Offset, PartitionIndex};

async fn cluster() -> (Cluster, Client) {
    let cluster = Cluster::builder().topic("t", 3).memory().start().await.unwrap();
    let client = Client::builder(&cluster.bootstrap()).build().unwrap();
    (cluster, client)
}

/// Offsets of each partition, in the order of enqueueing.
async fn offsets(deliveries: Vec<Delivery>) -> BTreeMap<PartitionIndex, Vec<i64>> {
    let mut offsets = BTreeMap::<_, Vec<_>>::new();
    for delivery in deliveries {
        let metadata = delivery.await.unwrap();
        offsets.entry(metadata.partition).or_default().push(metadata.offset.unwrap().get());
    }
    offsets
}

fn assert_dense(offsets: &BTreeMap<PartitionIndex, Vec<i64>>) {
    for (partition, offsets) in offsets {
        let expected: Vec<_> = (0..).take(offsets.len()).collect();
        assert_eq!(*offsets, expected, "partition {partition}");
    }
}

#[tokio::test]
async fn a_sent_record_has_its_place_in_the_log() {
    let (cluster, client) = cluster().await;
    let producer = client.producer().build().unwrap();
    for offset in 0..3 {
        let record = Record::to("t").key("k").value("v").partition(PartitionIndex(1));
        let metadata = producer.send(record).await.unwrap();
        assert_eq!(metadata.offset, Offset::new(offset));
        assert_eq!((&*metadata.topic, metadata.partition), ("t", PartitionIndex(1)));
    }
    producer.close().await.unwrap();
    client.close().await;
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn many_records_keep_their_order_in_each_partition_with_each_codec() {
    let (cluster, client) = cluster().await;
    for (codec, topic) in Compression::ALL.into_iter().zip(["a", "b", "c", "d", "e"]) {
        let producer = client.producer().compression(codec).build().unwrap();
        let topic = producer.topic(topic);
        let mut deliveries = Vec::new();
        for i in 0..20_000_u32 {
            let key = (i % 100).to_string();
            let value = format!("{i:0100}");
            deliveries.push(topic.enqueue(Record::new().key(&key).value(&value)).await.unwrap());
        }
        producer.flush().await.unwrap();
        assert!(deliveries.iter().all(|delivery| delivery.outcome().is_some()), "{codec}");
        assert_dense(&offsets(deliveries).await);
        producer.close().await.unwrap();
    }
    client.close().await;
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn each_kind_of_acknowledgement_resolves() {
    let (cluster, client) = cluster().await;
    for (acks, has_offset) in [(Acks::None, false), (Acks::Leader, true), (Acks::All, true)] {
        let producer = client.producer().acks(acks).build().unwrap();
        let metadata = producer.send(Record::to("t").value("v")).await.unwrap();
        assert_eq!(metadata.offset.is_some(), has_offset, "{acks:?}");
        producer.close().await.unwrap();
    }
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_enqueued_says_why() {
    let (cluster, client) = cluster().await;
    let producer = client.producer().buffer_memory(2_000_000).build().unwrap();
    let first = producer.try_enqueue(&Record::to("t").value("v"));
    assert!(matches!(first, Err(TryEnqueueError::MetadataPending)), "{first:?}");
    let large = vec![0; 1_100_000];
    let why = producer.enqueue(Record::to("t").value(&large)).await.unwrap_err();
    assert!(matches!(why, EnqueueError::RecordTooLarge { .. }), "{why}");
    let why = producer.send(Record::to("t").partition(PartitionIndex(3))).await.unwrap_err();
    let expected = matches!(why, SendError::Enqueue(EnqueueError::NoSuchPartition { .. }));
    assert!(expected && !why.possibly_written(), "{why}");
    assert!(matches!(producer.enqueue(Record::new()).await, Err(EnqueueError::NoTopic)));
    producer.close().await.unwrap();
    let why = producer.enqueue(Record::to("t")).await.unwrap_err();
    assert!(matches!(why, EnqueueError::Closed), "{why}");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn streams_and_sinks_wait_for_room_and_for_acknowledgements() {
    let (cluster, client) = cluster().await;
    let producer = client.producer().buffer_memory(100_000).build().unwrap();
    let record = |i: u32| Record::to_shared("t").value(format!("{i:0500}"));
    assert_eq!(producer.send_all(stream::iter(0..2_000).map(record)).await.unwrap(), 2_000);
    let mut sink = producer.sink();
    let records = stream::iter(0..2_000).map(|i| Ok(record(i)));
    sink.send_all(&mut records.boxed()).await.unwrap();
    sink.close().await.unwrap();
    producer.close().await.unwrap();
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_dropped_producer_still_delivers() {
    let (cluster, client) = cluster().await;
    let producer = client.producer().linger(Duration::from_millis(50)).build().unwrap();
    let mut deliveries = Vec::new();
    for _ in 0..10 {
        let record = Record::to("t").value("v").partition(PartitionIndex(0));
        deliveries.push(producer.enqueue(record).await.unwrap());
    }
    drop(producer);
    assert_dense(&offsets(deliveries).await);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn records_of_a_killed_client_learn_that_they_may_be_lost() {
    let (cluster, client) = cluster().await;
    let producer = client.producer().linger(Duration::from_secs(60)).build().unwrap();
    let delivery = producer.enqueue(Record::to("t").value("v")).await.unwrap();
    client.close().await;
    let why = delivery.await.unwrap_err();
    assert!(matches!(why, SendError::Closed { possibly_written: false }), "{why}");
    assert!(producer.enqueue(Record::to("t")).await.unwrap_err().is_fatal());
    cluster.stop().await.unwrap();
}
