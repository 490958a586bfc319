//! A producer against a broker that leads one partition and acknowledges all it gets.

use core::time::Duration;

use std::sync::Mutex;

use futures::SinkExt as _;
use ottla_protocol::ids::{NodeId, Offset, PartitionIndex, Timestamp, Uuid};
use ottla_protocol::messages::metadata::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use ottla_protocol::messages::produce::{
    PartitionProduceResponse, ProduceResponse, TopicProduceResponse,
};
use ottla_protocol::{ApiKey, Str};
use ottla_runtime::net::Listener as _;
use ottla_runtime::net::memory::MemoryNetwork;
use ottla_runtime::{Clock, Instant, Scope};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber, span};

use super::*;
use crate::Client;
use crate::net::tests::{Peer, encode};
use crate::producer::delivery::{BatchCompletion, Receipt};

fn metadata() -> MetadataResponse {
    let broker = MetadataResponseBroker {
        node_id: NodeId(1),
        host: Str::from_static("node"),
        port: 9092,
        ..Default::default()
    };
    let partition = MetadataResponsePartition { leader_id: Some(NodeId(1)), ..Default::default() };
    let topic = MetadataResponseTopic {
        name: Some(Str::from_static("t")),
        topic_id: Uuid([1; 16]),
        partitions: vec![partition],
        ..Default::default()
    };
    MetadataResponse { brokers: vec![broker], topics: vec![topic], ..Default::default() }
}

fn acknowledged() -> ProduceResponse {
    let partition = PartitionProduceResponse {
        index: PartitionIndex(0),
        base_offset: Offset::new(0),
        ..Default::default()
    };
    let topic = TopicProduceResponse {
        name: Str::from_static("t"),
        partition_responses: vec![partition],
        ..Default::default()
    };
    ProduceResponse { responses: vec![topic], ..Default::default() }
}

async fn serve(mut peer: Peer) {
    while let Some((header, _)) = peer.request().await {
        match ApiKey(header.api_key) {
            ApiKey::API_VERSIONS => peer.answer_versions(&header).await,
            ApiKey::METADATA => peer.write(&encode(&metadata(), &header)).await,
            ApiKey::PRODUCE => peer.write(&encode(&acknowledged(), &header)).await,
            other => panic!("{other} is not part of the test"),
        }
    }
}

fn client() -> Client {
    let network = MemoryNetwork::new();
    let listener = network.bind("node", 9092).unwrap();
    let scope = Scope::current().unwrap();
    let sessions = scope.clone();
    scope.spawn(async move {
        while let Ok(halves) = listener.accept().await {
            sessions.spawn(serve(Peer::new(halves)));
        }
    });
    Client::builder("node:9092").connector(network).seed(7).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_flush_of_a_sink_does_not_linger() {
    let client = client();
    let linger = Duration::from_secs(60);
    let builder = client.producer().idempotence(false).linger(linger);
    let producer = builder.delivery_timeout(Duration::from_secs(120)).build().unwrap();
    let clock: Clock = client.cluster().clock().clone();
    let mut sink = producer.sink();
    for _ in 0..2 {
        sink.feed(Record::to("t").value("v")).await.unwrap();
        sink.flush().await.unwrap();
        assert_eq!(clock.now(), Instant::ZERO, "no time has passed");
        assert!(!producer.shared().is_hurried(), "the next records may linger");
    }
}

#[test]
fn a_run_counts_each_record_also_of_a_batch_that_was_split() {
    let (topic, time) = (Str::from_static("t"), Timestamp(0));
    let batch = Arc::new(BatchCompletion::new(topic, PartitionIndex(0), time));
    let mut run = Run { next: batch.delivery(0, time), records: 1 };
    assert!((1..5).all(|index| run.extend(&batch.delivery(index, time))));
    assert!(!run.extend(&batch.delivery(6, time)), "not the next one");
    let mut tally = Tally::default();
    assert!(!run.count(&mut tally), "the batch is open");
    batch.close(7);
    let receipt = Receipt { base_offset: None, log_append_time: None };
    batch.resolve(0, 2, Ok(receipt));
    assert!(!run.count(&mut tally));
    assert_eq!((tally.acknowledged, tally.failed), (2, 0));
    let why = SendError::Closed { possibly_written: false };
    batch.resolve(2, 5, Err(Arc::new(why.into())));
    assert!(run.count(&mut tally));
    assert_eq!((tally.acknowledged, tally.failed), (2, 3));
}

/// Keeps the field `undelivered` of each warning.
struct Warnings(Arc<Mutex<Vec<u64>>>);

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut undelivered = Undelivered(None);
        event.record(&mut undelivered);
        self.0.lock().unwrap().push(undelivered.0.expect("a warning says how many"));
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

struct Undelivered(Option<u64>);

impl Visit for Undelivered {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "undelivered" {
            self.0 = Some(value);
        }
    }
    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

#[tokio::test(start_paused = true)]
async fn a_producer_warns_of_undelivered_records_unless_its_close_was_awaited() {
    let client = client();
    let warnings = Arc::new(Mutex::default());
    let _guard = tracing::subscriber::set_default(Warnings(Arc::clone(&warnings)));
    let mut warned = Vec::new();
    for (closing, records) in [("not", 3), ("given up", 2), ("awaited", 3), ("not", 0)] {
        let builder = client.producer().idempotence(false).linger(Duration::from_secs(60));
        let producer = builder.delivery_timeout(Duration::from_secs(120)).build().unwrap();
        producer.send(Record::to("t").value("v")).await.unwrap(); // delivered: does not count
        for _ in 0..records {
            producer.enqueue(Record::to("t").value("v")).await.unwrap();
        }
        match closing {
            "awaited" => producer.close().await.unwrap(),
            "given up" => assert!(producer.close().now_or_never().is_none()),
            _ => {}
        }
        drop(producer);
        warned.push(core::mem::take(&mut *warnings.lock().unwrap()));
    }
    assert_eq!(warned, [vec![3], vec![2], vec![], vec![]]);
}
