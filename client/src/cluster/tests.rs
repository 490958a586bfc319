//! A client against a small cluster in memory that answers what a test tells it to.

mod admin;

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use ottla_protocol::ids::{LeaderEpoch, Offset, PartitionIndex, Uuid};
use ottla_protocol::messages::create_topics::{
    CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse,
};
use ottla_protocol::messages::delete_topics::DeleteTopicsResponse;
use ottla_protocol::messages::delete_topics::{DeletableTopicResult, DeleteTopicsRequest};
use ottla_protocol::messages::describe_log_dirs::{DescribeLogDirsResponse, DescribeLogDirsResult};
use ottla_protocol::messages::list_offsets::{
    ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopicResponse,
};
use ottla_protocol::messages::metadata::{
    MetadataRequest, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
    MetadataResponseTopic,
};
use ottla_protocol::{ApiKey, ErrorCode, Message, Reader, RequestHeader};
use ottla_runtime::Instant;
use ottla_runtime::net::Listener;
use ottla_runtime::net::memory::MemoryNetwork;

use super::*;
use crate::net::tests::{Peer, encode};
use crate::{Client, ClientBuilder, NewTopic};

/// What the brokers answer, and what they were asked.
#[derive(Default)]
struct World {
    /// Brokers as the metadata names them: id, host.
    brokers: Vec<(i32, &'static str)>,
    /// Hosts that say that they are not the cluster any more.
    retired: Vec<&'static str>,
    /// Leaders of partition 0 by topic.
    leaders: BTreeMap<&'static str, (i32, i32)>,
    /// Errors for the next requests to create or delete.
    errors: VecDeque<ErrorCode>,
    /// Each request: the host that got it, and its API.
    asked: Vec<(&'static str, ApiKey)>,
}

#[derive(Clone)]
struct Fake {
    network: MemoryNetwork,
    world: Arc<Mutex<World>>,
    scope: Scope,
}

impl Fake {
    fn new() -> Self {
        let scope = Scope::current().unwrap();
        Self { network: MemoryNetwork::new(), world: Arc::default(), scope }
    }

    /// Starts answering at `host`; the handle stops it.
    fn start(&self, host: &'static str) -> Scope {
        let listener = self.network.bind(host, 9092).unwrap();
        let (scope, fake) = (Scope::current().unwrap(), self.clone());
        let sessions = scope.clone();
        scope.spawn(async move {
            while let Ok(halves) = listener.accept().await {
                let fake = fake.clone();
                sessions.spawn(async move { fake.serve(host, Peer::new(halves)).await });
            }
        });
        scope
    }

    async fn serve(&self, host: &'static str, mut peer: Peer) {
        while let Some((header, mut body)) = peer.request().await {
            let api = ApiKey(header.api_key);
            self.world().asked.push((host, api));
            if api == ApiKey::API_VERSIONS {
                peer.answer_versions(&header).await;
            } else {
                let bytes = self.answer(host, &header, &mut body);
                peer.write(&bytes).await;
            }
        }
    }

    fn answer(
        &self,
        host: &'static str,
        header: &RequestHeader,
        body: &mut Reader,
    ) -> bytes::Bytes {
        let mut world = self.world();
        let version = header.api_version;
        match ApiKey(header.api_key) {
            ApiKey::METADATA => {
                let request = MetadataRequest::decode(body, version).unwrap();
                let mut answer = world.metadata(request);
                if world.retired.contains(&host) {
                    answer = MetadataResponse::default();
                    answer.error_code = ErrorCode::REBOOTSTRAP_REQUIRED;
                }
                encode(&answer, header)
            }
            ApiKey::CREATE_TOPICS => {
                let error_code = world.errors.pop_front().unwrap_or_default();
                let request = CreateTopicsRequest::decode(body, version).unwrap();
                let result = |name| CreatableTopicResult { name, error_code, ..Default::default() };
                let topics = request.topics.into_iter().map(|t| result(t.name)).collect();
                encode(&CreateTopicsResponse { topics, ..Default::default() }, header)
            }
            ApiKey::DELETE_TOPICS => {
                let request = DeleteTopicsRequest::decode(body, version).unwrap();
                let names = request.topics.into_iter().map(|t| t.name.unwrap());
                let result = |name: Str| {
                    let known = world.leaders.contains_key(&*name);
                    let missing = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
                    let error_code = if known { ErrorCode::NONE } else { missing };
                    DeletableTopicResult { name: Some(name), error_code, ..Default::default() }
                };
                let responses = names.map(result).rev().collect(); // order promises nothing
                encode(&DeleteTopicsResponse { responses, ..Default::default() }, header)
            }
            ApiKey::DESCRIBE_LOG_DIRS => {
                let dir = DescribeLogDirsResult { log_dir: Str::from(host), ..Default::default() };
                let results = vec![dir];
                encode(&DescribeLogDirsResponse { results, ..Default::default() }, header)
            }
            ApiKey::LIST_OFFSETS => {
                let error_code = world.errors.pop_front().unwrap_or_default();
                let request = ListOffsetsRequest::decode(body, version).unwrap();
                let topics = request.topics.into_iter().map(|topic| ListOffsetsTopicResponse {
                    name: topic.name,
                    partitions: vec![ListOffsetsPartitionResponse {
                        error_code,
                        offset: Offset::new(7),
                        ..Default::default()
                    }],
                    ..Default::default()
                });
                let topics = topics.collect();
                encode(&ListOffsetsResponse { topics, ..Default::default() }, header)
            }
            other => panic!("{other} is not part of the test"),
        }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    fn builder(&self, bootstrap: &str) -> ClientBuilder {
        Client::builder(bootstrap).connector(self.network.clone()).seed(7)
    }

    fn client(&self, bootstrap: &str) -> Client {
        self.builder(bootstrap).build().unwrap()
    }
}

impl World {
    fn metadata(&self, request: MetadataRequest) -> MetadataResponse {
        let brokers = self.brokers.iter().map(|&(id, host)| MetadataResponseBroker {
            node_id: NodeId(id),
            host: Str::from(host),
            port: 9092,
            ..Default::default()
        });
        let topics = request.topics.unwrap_or_default().into_iter().map(|topic| {
            let name = topic.name.unwrap();
            let Some(&(leader, epoch)) = self.leaders.get(&*name) else {
                let error_code = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
                let name = Some(name);
                return MetadataResponseTopic { error_code, name, ..Default::default() };
            };
            let partition = MetadataResponsePartition {
                partition_index: PartitionIndex(0),
                leader_id: Some(NodeId(leader)),
                leader_epoch: Some(LeaderEpoch(epoch)),
                ..Default::default()
            };
            MetadataResponseTopic {
                name: Some(name),
                topic_id: Uuid([1; 16]),
                partitions: vec![partition],
                ..Default::default()
            }
        });
        let controller_id = self.brokers.first().map(|b| NodeId(b.0));
        let (brokers, topics) = (brokers.collect(), topics.collect());
        MetadataResponse { brokers, topics, controller_id, ..Default::default() }
    }
}

async fn leader_of(cluster: &Cluster, topic: &str, wanted: i32) {
    let mut watch = cluster.watch();
    let known = watch.wait_for(|metadata| {
        let partition = metadata.partition(topic, PartitionIndex(0));
        partition.is_some_and(|p| p.leader == Some(NodeId(wanted)))
    });
    known.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn topics_are_looked_up_on_interest_and_brokers_found_where_they_advertise() {
    let fake = Fake::new();
    let _boot = fake.start("boot");
    let _node = fake.start("node-1");
    fake.world().brokers = vec![(1, "node-1")];
    fake.world().leaders.insert("t", (1, 0));
    let client = fake.client("boot:9092");
    let cluster = client.cluster().clone();
    tokio::task::yield_now().await;
    assert!(fake.world().asked.is_empty(), "building and waiting asks nothing");
    let interest = cluster.register_topic("t");
    leader_of(&cluster, "t", 1).await;
    let request = MetadataRequest::default();
    let timeout = Duration::from_secs(1);
    cluster.connection(NodeId(1), Purpose::Produce).call(request, timeout).await.unwrap();
    let asked = core::mem::take(&mut fake.world().asked);
    let (versions, metadata) = (ApiKey::API_VERSIONS, ApiKey::METADATA);
    let expected =
        [("boot", versions), ("boot", metadata), ("node-1", versions), ("node-1", metadata)];
    assert_eq!(asked, expected);
    drop(interest);
    assert!(cluster.metadata().topic("t").is_some(), "until the next refresh");
}

#[tokio::test(start_paused = true)]
async fn a_missing_topic_is_looked_for_until_it_is_there() {
    let fake = Fake::new();
    let _boot = fake.start("node-1");
    fake.world().brokers = vec![(1, "node-1")];
    let client = fake.client("node-1:9092");
    let _interest = client.cluster().register_topic("t");
    let clock = client.cluster().clock().clone();
    clock.sleep(Duration::from_secs(10)).await;
    let missing = client.cluster().metadata().topic("t").unwrap().error;
    assert_eq!(missing, Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
    let asked = fake.world().asked.len();
    assert!((10..30).contains(&asked), "backing off to once a second: {asked}");
    fake.world().leaders.insert("t", (1, 0));
    let before = clock.now();
    leader_of(client.cluster(), "t", 1).await;
    assert!(clock.now().since(before) <= Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_moved_is_found_at_its_new_address() {
    let fake = Fake::new();
    let _boot = fake.start("boot");
    let old = fake.start("old");
    fake.world().brokers = vec![(1, "old")];
    let client = fake.client("boot:9092");
    client.connect().await.unwrap();
    let connection = client.cluster().connection(NodeId(1), Purpose::General);
    let timeout = Duration::from_secs(5);
    connection.call(MetadataRequest::default(), timeout).await.unwrap();
    old.kill();
    old.ended().await;
    fake.world().brokers = vec![(1, "new")];
    let _new = fake.start("new");
    // the old address is refused; all brokers are gone, so the bootstrap list is asked (KIP-899)
    client.connect().await.unwrap();
    connection.call(MetadataRequest::default(), timeout).await.unwrap();
    assert_eq!(fake.world().asked.last().unwrap().0, "new");
}

#[tokio::test(start_paused = true)]
async fn a_retired_broker_sends_us_to_the_list_and_is_left_although_it_still_answers() {
    let fake = Fake::new();
    let _hosts = ["boot", "old", "new"].map(|host| fake.start(host));
    fake.world().brokers = vec![(1, "old")];
    fake.world().leaders.insert("t", (1, 0));
    let client = fake.client("boot:9092");
    let cluster = client.cluster().clone();
    let _interest = cluster.register_topic("t");
    leader_of(&cluster, "t", 1).await;
    let timeout = Duration::from_secs(1);
    let produce = cluster.connection(NodeId(1), Purpose::Produce);
    produce.call(MetadataRequest::default(), timeout).await.unwrap();
    fake.world().brokers = vec![(1, "new")];
    fake.world().retired = vec!["old"];
    fake.world().asked.clear();
    let mut watch = cluster.watch();
    cluster.request_refresh();
    let moved = watch.wait_for(|metadata| &*metadata.nodes[&NodeId(1)].address.host == "new");
    moved.await.unwrap();
    produce.call(MetadataRequest::default(), timeout).await.unwrap();
    let asked = core::mem::take(&mut fake.world().asked);
    let (versions, metadata) = (ApiKey::API_VERSIONS, ApiKey::METADATA);
    let expected = [
        ("old", versions), // for metadata it was not asked before
        ("old", metadata),
        ("boot", versions), // another connection than the first: its name may lead elsewhere now
        ("boot", metadata),
        ("new", versions),
        ("new", metadata),
    ];
    assert_eq!(asked, expected);
}

#[tokio::test(start_paused = true)]
async fn connecting_in_vain_names_the_broker_and_the_cause() {
    let fake = Fake::new();
    let client = fake.client("a:1,b:2");
    let error = client.connect().await.unwrap_err().to_string();
    assert!(error.starts_with("cannot connect to bootstrap "), "{error}");
    assert!(error.ends_with(": it refuses connections"), "{error}");
    let error = client.connect().await.unwrap_err().to_string();
    assert!(error.ends_with(": it refuses connections"), "again: {error}");
}

#[tokio::test(start_paused = true)]
async fn a_broker_without_metadata_is_waited_for_or_left_and_the_reason_is_told() {
    let fake = Fake::new();
    let _node = fake.start("node-1");
    let wait = Duration::from_secs(3);
    let client = fake.builder("node-1:9092").api_timeout(wait).build().unwrap();
    let error = client.connect().await.unwrap_err();
    assert!(matches!(error, CallError::NoBrokers) && error.is_retriable(), "{error}");
    assert_eq!(client.cluster().clock().now().since(Instant::ZERO), wait, "it may still come");
    fake.world().retired = vec!["node-1"];
    let error = client.connect().await.unwrap_err();
    assert!(error.to_string().contains("Metadata (3) with REBOOTSTRAP_REQUIRED"), "{error}");
    assert!(error.is_retriable() && client.cluster().clock().now().since(Instant::ZERO) < 2 * wait);
    fake.world().retired.clear();
    fake.world().brokers = vec![(1, "node-1")];
    client.connect().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_last_handle_ends_the_tasks_and_a_closed_client_says_so() {
    let fake = Fake::new();
    let _boot = fake.start("node-1");
    fake.world().brokers = vec![(1, "node-1")];
    let client = fake.client("node-1:9092");
    client.connect().await.unwrap();
    let (scope, clone) = (client.cluster().scope().clone(), client.clone());
    drop(client);
    assert!(!scope.is_empty(), "a clone lives");
    drop(clone);
    scope.ended().await;
    let client = fake.client("node-1:9092");
    client.close().await;
    let error = client.admin().create_topic(NewTopic::new("t")).await.unwrap_err();
    assert_eq!(error.to_string(), "t: the client is closed");
}

#[tokio::test(start_paused = true)]
async fn leader_hints_are_taken_over_at_once() {
    let fake = Fake::new();
    let _node = fake.start("node-1");
    fake.world().brokers = vec![(1, "node-1")];
    fake.world().leaders.insert("t", (1, 4));
    let client = fake.client("node-1:9092");
    let cluster = client.cluster();
    let _interest = cluster.register_topic("t");
    leader_of(cluster, "t", 1).await;
    let endpoint = Node::new(NodeId(2), Str::from_static("node-2"), 9092, None).unwrap();
    let hint = LeaderHint {
        topic: TopicRef::Id(Uuid([1; 16])),
        partition: PartitionIndex(0),
        leader: NodeId(2),
        leader_epoch: LeaderEpoch(5),
    };
    assert!(cluster.apply_leader_hints(core::slice::from_ref(&hint), &[endpoint]));
    assert!(!cluster.apply_leader_hints(&[hint], &[]), "no news");
    leader_of(cluster, "t", 2).await;
    let _node = fake.start("node-2");
    let connection = cluster.connection(NodeId(2), Purpose::Produce);
    connection.call(MetadataRequest::default(), Duration::from_secs(1)).await.unwrap();
    // a refresh that lags behind the hint changes nothing
    cluster.request_refresh();
    cluster.clock().sleep(Duration::from_secs(1)).await;
    leader_of(cluster, "t", 2).await;
}
