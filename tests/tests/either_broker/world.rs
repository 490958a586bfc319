//! The broker under test, and what tests ask of any broker.

use std::env;
use std::sync::Mutex;
use std::time::Duration;

use broker_lite::Cluster;
use ottla::ids::{Offset, PartitionIndex};
use ottla::{Admin, Client, Consumer, ConsumerRecord, NewTopic, OffsetReset, Producer, Record};
use ottla_runtime::Clock;
use ottla_tests::raw::{RawClient, in_time};

/// `HOST:PORT` of an Apache Kafka that creates no topics by itself. Unset: broker-lite, embedded.
const BOOTSTRAP: &str = "OTTLA_TEST_BOOTSTRAP";

/// How long to wait before looking again at what another process does in its own time.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What the two brokers answer differently, and why each is right.
pub(crate) struct Differs<T> {
    pub(crate) kafka: T,
    pub(crate) lite: T,
    pub(crate) why: &'static str,
}

/// One broker and a client of it.
pub(crate) struct World {
    pub(crate) client: Client,
    bootstrap: String,
    /// `None`: Apache Kafka.
    lite: Option<Cluster>,
    topics: Mutex<Vec<String>>,
}

impl World {
    pub(crate) async fn new() -> Self {
        let (bootstrap, lite) = match env::var(BOOTSTRAP) {
            Ok(address) => (address, None),
            Err(_) => {
                let cluster = Cluster::builder().config("auto.create.topics.enable", "false");
                let cluster = cluster.memory().start().await.unwrap();
                (cluster.bootstrap(), Some(cluster))
            }
        };
        let client = Client::builder(&bootstrap).build().unwrap();
        Self { client, bootstrap, lite, topics: Mutex::default() }
    }

    /// What this broker answers where the two differ; the reason is shown.
    pub(crate) fn on<T>(&self, Differs { kafka, lite, why }: Differs<T>) -> T {
        println!("the brokers differ: {why}");
        if self.lite.is_some() { lite } else { kafka }
    }

    /// A name that no topic has yet; [`World::end`] deletes the topic.
    pub(crate) fn name(&self, about: &str) -> String {
        let name = format!("{about}-{:08x}", fastrand::u32(..));
        self.topics.lock().unwrap().push(name.clone());
        name
    }

    /// A topic with one partition, which can be used.
    pub(crate) async fn topic(&self, about: &str) -> String {
        self.topic_with(about, |topic| topic).await
    }

    /// A topic with one partition, or what `with` makes of it.
    pub(crate) async fn topic_with(
        &self,
        about: &str,
        with: impl FnOnce(NewTopic) -> NewTopic,
    ) -> String {
        let name = self.name(about);
        self.create(&name, with).await;
        name
    }

    /// A topic of this name, which can be used.
    pub(crate) async fn create(&self, name: &str, with: impl FnOnce(NewTopic) -> NewTopic) {
        let created = self.admin().create_topic(with(NewTopic::new(name).partitions(1))).await;
        let partitions = created.unwrap().partitions.unwrap();
        self.visible(async || {
            let described = self.admin().describe_topic(name).await.ok()?;
            let led = described.partitions.iter().filter(|p| p.leader.is_some()).count();
            (i32::try_from(led).unwrap() == partitions).then_some(())
        })
        .await;
    }

    /// A topic for records with old times: Kafka deletes those half a minute after its start.
    pub(crate) async fn topic_for_old_times(&self, about: &str, partitions: i32) -> String {
        let kept = |topic: NewTopic| topic.partitions(partitions).config("retention.ms", "-1");
        self.topic_with(about, kept).await
    }

    /// Waits until `look` sees what an answered request has done. Kafka's controller answers when
    /// the change is in the metadata log; its broker reads that log a moment later. On broker-lite
    /// the change is visible before the answer leaves: there the first look must see it.
    pub(crate) async fn visible<T>(&self, mut look: impl AsyncFnMut() -> Option<T>) -> T {
        if self.lite.is_some() {
            return look().await.expect("visible at once");
        }
        settled(look).await
    }

    /// `HOST:PORT` of the broker.
    pub(crate) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    pub(crate) fn admin(&self) -> Admin {
        self.client.admin()
    }

    pub(crate) fn producer(&self) -> Producer {
        self.client.producer().build().unwrap()
    }

    /// A consumer that starts at the beginning of what it is assigned. What it is told while a fetch
    /// waits at the end of a log, it does when that has returned: so none waits for long.
    pub(crate) fn consumer(&self) -> Consumer {
        let builder = self.client.consumer().fetch_max_wait(LOOK_AGAIN);
        builder.reset(OffsetReset::Earliest).build().unwrap()
    }

    /// A connection with no client behind it.
    pub(crate) async fn raw(&self) -> RawClient {
        RawClient::connect_to(&self.bootstrap).await.unwrap()
    }

    /// Appends records with these values to partition 0, one after the other.
    pub(crate) async fn fill<V: AsRef<[u8]>>(
        &self,
        topic: &str,
        values: impl IntoIterator<Item = V>,
    ) {
        let producer = self.producer();
        for value in values {
            producer.enqueue(to(topic).value(value.as_ref())).await.unwrap();
        }
        producer.close().await.unwrap();
    }

    /// The first `count` records of partition 0.
    pub(crate) async fn read(&self, topic: &str, count: usize) -> Vec<ConsumerRecord> {
        let consumer = self.consumer();
        consumer.assign([(topic, 0)]).unwrap();
        let records = take(&consumer, count).await;
        consumer.close().await;
        records
    }

    /// Deletes the topics and stops what was started.
    pub(crate) async fn end(self) {
        let topics = core::mem::take(&mut *self.topics.lock().unwrap());
        self.admin().delete_topics(&topics).await; // some are gone, or never came to be
        self.client.close().await;
        if let Some(cluster) = self.lite {
            cluster.stop().await.unwrap();
        }
    }
}

/// Waits until `look` sees what comes of itself.
pub(crate) async fn settled<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let clock = Clock::system();
    in_time(async {
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            clock.sleep(LOOK_AGAIN).await;
        }
    })
    .await
}

/// The next `count` records.
pub(crate) async fn take(consumer: &Consumer, count: usize) -> Vec<ConsumerRecord> {
    let mut records = Vec::new();
    while records.len() < count {
        records.push(in_time(consumer.recv()).await.unwrap());
    }
    records
}

/// A record for partition 0.
pub(crate) fn to(topic: &str) -> Record<'_> {
    Record::to(topic).partition(PartitionIndex(0))
}

/// An offset.
pub(crate) fn at(offset: i64) -> Offset {
    Offset::new(offset).unwrap()
}
