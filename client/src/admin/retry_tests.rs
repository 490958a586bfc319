//! What a broker that follows a script is asked for.

use ottla_protocol::messages::create_topics::{CreatableTopicResult, CreateTopicsResponse};
use ottla_protocol::messages::metadata::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use ottla_protocol::{ApiKey, ids::NodeId};
use ottla_runtime::Scope;
use ottla_runtime::net::Listener as _;
use ottla_runtime::net::memory::MemoryNetwork;

use super::*;
use crate::Client;
use crate::admin::{Admin, NewTopic};
use crate::net::tests::{Peer, encode};

fn metadata() -> MetadataResponse {
    let broker = MetadataResponseBroker {
        node_id: NodeId(1),
        host: Str::from_static("node"),
        port: 9092,
        ..Default::default()
    };
    let topic = MetadataResponseTopic {
        name: Some(Str::from_static("t")),
        partitions: vec![MetadataResponsePartition::default()],
        ..Default::default()
    };
    let (brokers, topics, controller_id) = (vec![broker], vec![topic], Some(NodeId(1)));
    MetadataResponse { brokers, topics, controller_id, ..Default::default() }
}

fn created(error_code: ErrorCode) -> CreateTopicsResponse {
    let topic =
        CreatableTopicResult { name: Str::from_static("t"), error_code, ..Default::default() };
    CreateTopicsResponse { topics: vec![topic], ..Default::default() }
}

/// Creates a topic; says what comes of it. `answers`: what the attempts bring; `None` if the
/// connection is closed without an answer.
async fn create(answers: &[Option<ErrorCode>]) -> Result<(), AdminError> {
    admin(answers).create_topic(NewTopic::new("t").partitions(1)).await.map(drop)
}

/// Asks a broker that answers so.
fn admin(answers: &[Option<ErrorCode>]) -> Admin {
    let network = MemoryNetwork::new();
    let listener = network.bind("node", 9092).unwrap();
    let mut answers = answers.to_vec();
    Scope::current().unwrap().spawn(async move {
        'connections: while let Ok(halves) = listener.accept().await {
            let mut peer = Peer::new(halves);
            while let Some((header, _)) = peer.request().await {
                let bytes = match ApiKey(header.api_key) {
                    ApiKey::API_VERSIONS => {
                        peer.answer_versions(&header).await;
                        continue;
                    }
                    ApiKey::METADATA => encode(&metadata(), &header),
                    _ => match answers.remove(0) {
                        Some(code) => encode(&created(code), &header),
                        None => continue 'connections,
                    },
                };
                peer.write(&bytes).await;
            }
        }
    });
    let client = Client::builder("node:9092").connector(network).seed(7).build().unwrap();
    client.admin()
}

#[tokio::test(start_paused = true)]
async fn an_error_says_whether_the_topic_may_be_there_all_the_same() {
    let (exists, timed_out) = (ErrorCode::TOPIC_ALREADY_EXISTS, ErrorCode::REQUEST_TIMED_OUT);
    for (answers, possibly_done) in [
        (&[Some(exists)][..], false),
        (&[Some(timed_out)], true),
        (&[Some(ErrorCode::KAFKA_STORAGE_ERROR)], true),
        (&[Some(ErrorCode::UNKNOWN_SERVER_ERROR)], true),
        (&[Some(ErrorCode::NOT_CONTROLLER), Some(exists)], false),
        (&[None, Some(exists)], true),
    ] {
        let error = create(answers).await.unwrap_err();
        assert_eq!(error.possibly_done(), possibly_done, "{answers:?}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_the_cluster_does_not_name_is_not_waited_for() {
    let admin = admin(&[]);
    // a client that has yet to learn who there is, and one that knows
    for _ in 0..2 {
        let error = admin.describe_log_dirs([NodeId(9)]).await.remove(0).unwrap_err();
        let AdminError::Call { source: CallError::UnknownNode(NodeId(9)), .. } = error else {
            panic!("{error:?}")
        };
        assert!(!error.possibly_done());
    }
}

#[tokio::test(start_paused = true)]
async fn a_broker_without_pages_is_asked_for_the_topics_themselves() {
    let described = admin(&[]).describe_topics(["t", "u", "t"]).await;
    for place in [0, 2] {
        let topic = described[place].as_ref().unwrap();
        assert_eq!((&*topic.name, topic.partitions.len()), ("t", 1));
        assert_eq!((&topic.partitions[0].elr, &topic.partitions[0].last_known_elr), (&None, &None));
    }
    assert!(matches!(&described[1], Err(AdminError::Unanswered { item }) if item == "u"));
}

#[test]
fn an_item_asked_for_twice_has_its_answer_twice() {
    let reply =
        |name: &'static str, value: i32| Reply { name: Str::from_static(name), result: Ok(value) };
    let mut replies = Replies::of(vec![reply("a", 1), reply("b", 2)]);
    let mut take = |name| replies.take(name).and_then(Result::ok);
    assert_eq!([take("a"), take("a"), take("b"), take("c")], [Some(1), Some(1), Some(2), None]);
    // a topic and a broker may have one name: what was answered twice is taken in turn
    let mut replies = Replies::of(vec![reply("a", 1), reply("a", 2)]);
    let mut take = |name| replies.take(name).and_then(Result::ok);
    assert_eq!([take("a"), take("a"), take("a")], [Some(1), Some(2), Some(2)]);
}
