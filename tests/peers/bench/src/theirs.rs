//! librdkafka through `rdkafka`, as its documentation says.

use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;

use rdkafka::consumer::{BaseConsumer, Consumer, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{
    BaseProducer, BaseRecord, DeliveryFuture, FutureProducer, FutureRecord, Producer,
    ProducerContext, ThreadedProducer,
};
use rdkafka::{ClientConfig, ClientContext, Message, Offset, TopicPartitionList};
use tokio::runtime::Runtime;

use crate::job::{Job, Outcome, Seen};

/// How many deliveries a program that awaits each of them has open.
pub(crate) const WINDOW: usize = 100_000;
const FLUSH: Duration = Duration::from_secs(120);
/// What a full queue is waited for at a time. Not by `poll`: it turns in circles in its last
/// millisecond.
const FULL: Duration = Duration::from_millis(1);
/// After so many records a loop lets the callbacks run.
const POLL_EVERY: usize = 1024;

type Settings<'a> = &'a [(&'a str, &'a str)];

fn config(settings: Settings<'_>, job: &Job) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &job.bootstrap);
    for (key, value) in settings {
        config.set(*key, *value);
    }
    config
}

/// Counts what the delivery callback is told.
#[derive(Clone, Default)]
struct Confirmed(Arc<AtomicUsize>);

impl ClientContext for Confirmed {}

impl ProducerContext for Confirmed {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        self.0.fetch_add(usize::from(result.is_ok()), Ordering::Relaxed);
    }
}

/// Sends all records with acks=all and idempotence; gives how many were acknowledged.
pub(crate) fn produce(
    api: &str,
    settings: Settings<'_>,
    job: &Job,
    payloads: &[Vec<u8>],
) -> Outcome<usize> {
    let mut config = config(settings, job);
    config.set("acks", "all").set("enable.idempotence", "true");
    config.set("compression.type", &job.codec);
    match api {
        "BaseProducer" => base(&config, job, payloads),
        "ThreadedProducer" => threaded(&config, job, payloads),
        "FutureProducer" => Runtime::new()?.block_on(future(&config, job, payloads)),
        _ => Err(format!("no producer {api:?}").into()),
    }
}

fn is_full(error: &KafkaError) -> bool {
    *error == KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)
}

fn base(config: &ClientConfig, job: &Job, payloads: &[Vec<u8>]) -> Outcome<usize> {
    let confirmed = Confirmed::default();
    let producer: BaseProducer<_> = config.create_with_context(confirmed.clone())?;
    for (number, value) in job.values(payloads).enumerate() {
        let mut record = BaseRecord::<'_, (), [u8]>::to(&job.topic).payload(value);
        while let Err((error, back)) = producer.send(record) {
            if !is_full(&error) {
                return Err(error.into());
            }
            thread::sleep(FULL);
            producer.poll(Duration::ZERO);
            record = back;
        }
        if number % POLL_EVERY == 0 {
            producer.poll(Duration::ZERO);
        }
    }
    producer.flush(FLUSH)?;
    Ok(confirmed.0.load(Ordering::Relaxed))
}

fn threaded(config: &ClientConfig, job: &Job, payloads: &[Vec<u8>]) -> Outcome<usize> {
    let confirmed = Confirmed::default();
    let producer: ThreadedProducer<_> = config.create_with_context(confirmed.clone())?;
    for value in job.values(payloads) {
        let mut record = BaseRecord::<'_, (), [u8]>::to(&job.topic).payload(value);
        while let Err((error, back)) = producer.send(record) {
            if !is_full(&error) {
                return Err(error.into());
            }
            thread::sleep(FULL); // the other thread polls
            record = back;
        }
    }
    producer.flush(FLUSH)?;
    drop(producer); // joins that thread, which may hold the last reports
    Ok(confirmed.0.load(Ordering::Relaxed))
}

async fn future(config: &ClientConfig, job: &Job, payloads: &[Vec<u8>]) -> Outcome<usize> {
    let producer: FutureProducer = config.create()?;
    let mut open = VecDeque::<DeliveryFuture>::new();
    let mut confirmed = 0;
    for value in job.values(payloads) {
        let mut record = FutureRecord::<'_, (), [u8]>::to(&job.topic).payload(value);
        loop {
            match producer.send_result(record) {
                Ok(delivery) => break open.push_back(delivery),
                Err((error, back)) if is_full(&error) => record = back,
                Err((error, _)) => return Err(error.into()),
            }
            confirmed += settle(&mut open).await?;
        }
        if open.len() > WINDOW {
            confirmed += settle(&mut open).await?;
        }
    }
    while !open.is_empty() {
        confirmed += settle(&mut open).await?;
    }
    Ok(confirmed)
}

/// Waits for the oldest.
async fn settle(open: &mut VecDeque<DeliveryFuture>) -> Outcome<usize> {
    let oldest = open.pop_front().ok_or("the queue is full of nothing of ours")?;
    oldest.await?.map_err(|(error, _)| error)?;
    Ok(1)
}

/// Reads all partitions from their beginning.
pub(crate) fn consume(api: &str, settings: Settings<'_>, job: &Job) -> Outcome<Seen> {
    let mut config = config(settings, job);
    config.set("group.id", "bench").set("enable.auto.commit", "false"); // assigned by hand
    match api {
        "BaseConsumer" => base_consumer(&config, job),
        "StreamConsumer" => Runtime::new()?.block_on(stream_consumer(&config, job)),
        _ => Err(format!("no consumer {api:?}").into()),
    }
}

fn assignment(job: &Job) -> Outcome<TopicPartitionList> {
    let mut partitions = TopicPartitionList::new();
    for partition in 0..job.partitions {
        partitions.add_partition_offset(&job.topic, partition, Offset::Beginning)?;
    }
    Ok(partitions)
}

fn base_consumer(config: &ClientConfig, job: &Job) -> Outcome<Seen> {
    let consumer: BaseConsumer = config.create()?;
    consumer.assign(&assignment(job)?)?;
    let mut seen = Seen::default();
    while seen.records < job.records {
        if let Some(message) = consumer.poll(Duration::from_millis(100)) {
            seen.add(message?.payload());
        }
    }
    Ok(seen)
}

async fn stream_consumer(config: &ClientConfig, job: &Job) -> Outcome<Seen> {
    let consumer: StreamConsumer = config.create()?;
    consumer.assign(&assignment(job)?)?;
    let mut seen = Seen::default();
    while seen.records < job.records {
        seen.add(consumer.recv().await?.payload());
    }
    Ok(seen)
}
