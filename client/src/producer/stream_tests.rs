//! The sink against a broker that leads one partition and acknowledges nothing by itself.

use core::time::Duration;

use futures::SinkExt as _;
use ottla_protocol::ids::{NodeId, Offset, PartitionIndex, Uuid};
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

use super::*;
use crate::Client;
use crate::net::tests::{Peer, encode};

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

#[tokio::test(start_paused = true)]
async fn a_flush_of_a_sink_does_not_linger() {
    let network = MemoryNetwork::new();
    let listener = network.bind("node", 9092).unwrap();
    let scope = Scope::current().unwrap();
    let sessions = scope.clone();
    scope.spawn(async move {
        while let Ok(halves) = listener.accept().await {
            sessions.spawn(serve(Peer::new(halves)));
        }
    });
    let client = Client::builder("node:9092").connector(network).seed(7).build().unwrap();
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
