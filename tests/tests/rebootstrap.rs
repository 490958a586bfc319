//! When all brokers that a client knows are gone, it finds those that took their place through the
//! name that it was given, and nobody has to build it anew.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use core::time::Duration;
use std::io;
use std::sync::{Arc, Mutex};

use broker_lite::{Cluster, Storage};
use futures::future::BoxFuture;
use ottla::{Client, MetadataRecovery, OffsetReset, Record};
use ottla_runtime::net::memory::MemoryNetwork;
use ottla_runtime::net::{Connector, Halves};

const TOPIC: &str = "orders";

/// A network in which the name `kafka` leads to what it is said to.
#[derive(Clone)]
struct Named {
    network: MemoryNetwork,
    /// Where it leads, and how often it was asked.
    kafka: Arc<Mutex<(&'static str, usize)>>,
}

impl Named {
    fn new(host: &'static str) -> Self {
        Self { network: MemoryNetwork::new(), kafka: Arc::new(Mutex::new((host, 0))) }
    }

    fn lead_to(&self, host: &'static str) {
        self.kafka.lock().unwrap().0 = host;
    }

    fn asked(&self) -> usize {
        self.kafka.lock().unwrap().1
    }

    /// A cluster whose only node listens at `host` and says so.
    async fn start(&self, host: &str, storage: Storage) -> Cluster {
        let builder = Cluster::builder().memory_network(&self.network).listen(host, 9092);
        builder.seed(1).storage(storage).topic(TOPIC, 1).start().await.unwrap()
    }
}

impl Connector for Named {
    fn connect(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<Halves>> {
        if host != "kafka" {
            return self.network.connect(host, port);
        }
        let mut kafka = self.kafka.lock().unwrap();
        kafka.1 += 1;
        self.network.connect(kafka.0, port)
    }
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_moved_is_found_again_by_its_name() {
    let named = Named::new("old");
    let old = named.start("old", Storage::memory()).await;
    let client = Client::builder("kafka:9092").connector(named.clone()).build().unwrap();
    let producer = client.producer().build().unwrap();
    let consumer = client.consumer().reset(OffsetReset::Earliest).build().unwrap();
    consumer.assign([(TOPIC, 0)]).unwrap();
    for n in 0..3 {
        producer.send(Record::to(TOPIC).value(format!("{n}"))).await.unwrap();
        assert_eq!(consumer.recv().await.unwrap().offset.get(), n);
    }
    let storage = old.kill().await;
    let stranded = producer.enqueue(Record::to(TOPIC).value("3")).await.unwrap();
    client.connect().await.unwrap_err(); // neither the node nor the name leads anywhere
    let asked = named.asked();
    assert!(asked > 1, "the list is asked again: {asked}");
    named.lead_to("new");
    let _new = named.start("new", storage).await;
    assert_eq!(stranded.await.unwrap().offset.unwrap().get(), 3);
    assert_eq!(consumer.recv().await.unwrap().offset.get(), 3);
    client.connect().await.unwrap();
    let asked = named.asked();
    for n in 4..40 {
        producer.send(Record::to(TOPIC).value(format!("{n}"))).await.unwrap();
        assert_eq!(consumer.recv().await.unwrap().offset.get(), n);
        client.connect().await.unwrap();
    }
    assert_eq!(named.asked(), asked, "once the brokers are known the list has done its duty");
}

#[tokio::test(start_paused = true)]
async fn without_recovery_the_client_stays_with_the_brokers_it_knows() {
    let named = Named::new("old");
    let old = named.start("old", Storage::memory()).await;
    let client = Client::builder("kafka:9092").metadata_recovery(MetadataRecovery::None);
    let client = client.connector(named.clone()).build().unwrap();
    let short = Duration::from_secs(30);
    let producer = client.producer().request_timeout(short / 2).delivery_timeout(short);
    let producer = producer.build().unwrap();
    producer.send(Record::to(TOPIC).value("0")).await.unwrap();
    let storage = old.kill().await;
    named.lead_to("new");
    let new = named.start("new", storage).await;
    producer.send(Record::to(TOPIC).value("1")).await.unwrap_err();
    assert_eq!(named.asked(), 1);
    // they are waited for, as long as it takes
    let _old = named.start("old", new.kill().await).await;
    producer.send(Record::to(TOPIC).value("2")).await.unwrap();
    assert_eq!(named.asked(), 1);
}
