//! Our client, as its users call it.

use core::cell::Cell;
use std::collections::VecDeque;

use futures::stream;
use ottla::producer::Delivery;
use ottla::{Client, Consumer, NewTopic, Producer, Record, SendError, Start, TryEnqueueError};
use tokio::runtime::Runtime;

use crate::job::{Job, Outcome, Seen};
use crate::theirs::WINDOW;

/// Sends all records with the defaults (acks=all, idempotence); gives how many were acknowledged.
pub(crate) fn produce(api: &str, job: &Job, payloads: &[Vec<u8>]) -> Outcome<usize> {
    Runtime::new()?.block_on(async {
        let client = Client::builder(&job.bootstrap).build()?;
        let producer = client.producer().compression(job.codec.parse()?).build()?;
        let confirmed = match api {
            "send_all" => {
                let records = job.values(payloads).map(|v| Record::to(&job.topic).value(v));
                producer.send_all(stream::iter(records)).await?.try_into()?
            }
            "enqueue" => enqueue(&producer, job, payloads).await?,
            "try_enqueue" => try_enqueue(&producer, job, payloads).await?,
            _ => return Err(format!("no function {api:?}").into()),
        };
        producer.close().await?;
        client.close().await;
        Ok(confirmed)
    })
}

/// Deliveries in order, at most [`WINDOW`] of them open.
#[derive(Default)]
struct Fates {
    open: VecDeque<Delivery>,
    confirmed: usize,
}

impl Fates {
    #[inline]
    async fn push(&mut self, delivery: Delivery) -> Result<(), SendError> {
        self.open.push_back(delivery);
        if self.open.len() > WINDOW { self.settle(WINDOW).await } else { Ok(()) }
    }

    /// Waits until at most `left` are open.
    async fn settle(&mut self, left: usize) -> Result<(), SendError> {
        while self.open.len() > left
            && let Some(oldest) = self.open.pop_front()
        {
            oldest.await?;
            self.confirmed += 1;
        }
        Ok(())
    }
}

async fn enqueue(producer: &Producer, job: &Job, payloads: &[Vec<u8>]) -> Outcome<usize> {
    let topic = producer.topic(&job.topic);
    let mut fates = Fates::default();
    for value in job.values(payloads) {
        fates.push(topic.enqueue(Record::new().value(value)).await?).await?;
    }
    fates.settle(0).await?;
    Ok(fates.confirmed)
}

async fn try_enqueue(producer: &Producer, job: &Job, payloads: &[Vec<u8>]) -> Outcome<usize> {
    let topic = producer.topic(&job.topic);
    let mut fates = Fates::default();
    for value in job.values(payloads) {
        let record = Record::new().value(value);
        let delivery = match topic.try_enqueue(&record) {
            Ok(delivery) => delivery,
            Err(TryEnqueueError::Refused(why)) => return Err(why.into()),
            Err(_) => topic.enqueue(record).await?, // it would have to wait: so do we
        };
        fates.push(delivery).await?;
    }
    fates.settle(0).await?;
    Ok(fates.confirmed)
}

/// Reads all partitions from their beginning, with the defaults.
pub(crate) fn consume(api: &str, job: &Job) -> Outcome<Seen> {
    Runtime::new()?.block_on(async {
        let client = Client::builder(&job.bootstrap).build()?;
        let consumer = client.consumer().build()?;
        consumer.assign((0..job.partitions).map(|p| (&*job.topic, p, Start::Earliest)))?;
        let seen = match api {
            "poll" => poll(&consumer, job).await?,
            "recv" => recv(&consumer, job).await?,
            _ => return Err(format!("no function {api:?}").into()),
        };
        consumer.close().await;
        client.close().await;
        Ok(seen)
    })
}

async fn poll(consumer: &Consumer, job: &Job) -> Outcome<Seen> {
    let mut seen = Seen::default();
    while seen.records < job.records {
        for record in &consumer.poll().await? {
            seen.add(record.value());
        }
    }
    Ok(seen)
}

async fn recv(consumer: &Consumer, job: &Job) -> Outcome<Seen> {
    let mut seen = Seen::default();
    while seen.records < job.records {
        seen.add(consumer.recv().await?.value.as_deref());
    }
    Ok(seen)
}

/// The broker's topics, for whoever compares.
pub(crate) struct Topics {
    client: Client,
    created: Cell<u32>,
}

impl Topics {
    #[expect(clippy::unused_async, reason = "a client starts its tasks on a runtime")]
    pub(crate) async fn new(bootstrap: &str) -> Outcome<Self> {
        Ok(Self { client: Client::builder(bootstrap).build()?, created: Cell::new(0) })
    }

    /// A topic with a name of its own.
    pub(crate) async fn create(&self, partitions: i32) -> Outcome<String> {
        self.created.set(self.created.get() + 1);
        let name = format!("bench-{}", self.created.get());
        let topic = NewTopic::new(&name).partitions(partitions).replication_factor(1);
        self.client.admin().create_topic(topic).await?;
        Ok(name)
    }

    pub(crate) async fn delete(&self, topic: &str) -> Outcome<()> {
        Ok(self
            .client
            .admin()
            .delete_topics([topic])
            .await
            .into_iter()
            .collect::<Result<_, _>>()?)
    }

    /// How many records the log of a job has.
    pub(crate) async fn records(&self, job: &Job) -> Outcome<usize> {
        let consumer = self.client.consumer().build()?;
        let ends = consumer.end_offsets((0..job.partitions).map(|p| (&*job.topic, p))).await?;
        consumer.close().await;
        Ok(ends.into_values().map(|end| end.get()).sum::<i64>().try_into()?)
    }
}
