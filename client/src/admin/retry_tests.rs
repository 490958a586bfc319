//! Topics are created by a broker that follows a script.

use ottla_protocol::messages::create_topics::{CreatableTopicResult, CreateTopicsResponse};
use ottla_protocol::messages::metadata::{MetadataResponse, MetadataResponseBroker};
use ottla_protocol::{ApiKey, ids::NodeId};
use ottla_runtime::Scope;
use ottla_runtime::net::Listener as _;
use ottla_runtime::net::memory::MemoryNetwork;

use super::*;
use crate::Client;
use crate::admin::NewTopic;
use crate::net::tests::{Peer, encode};

fn metadata() -> MetadataResponse {
    let broker = MetadataResponseBroker {
        node_id: NodeId(1),
        host: Str::from_static("node"),
        port: 9092,
        ..Default::default()
    };
    let controller_id = Some(NodeId(1));
    MetadataResponse { brokers: vec![broker], controller_id, ..Default::default() }
}

fn created(error_code: ErrorCode) -> CreateTopicsResponse {
    let topic =
        CreatableTopicResult { name: Str::from_static("t"), error_code, ..Default::default() };
    CreateTopicsResponse { topics: vec![topic], ..Default::default() }
}

/// Creates a topic; says what comes of it. `answers`: what the attempts bring; `None` if the
/// connection is closed without an answer.
async fn create(answers: &[Option<ErrorCode>]) -> Result<(), AdminError> {
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
    client.admin().create_topic(NewTopic::new("t").partitions(1)).await.map(drop)
}

#[tokio::test(start_paused = true)]
async fn an_error_says_whether_the_topic_may_be_there_all_the_same() {
    let (exists, timed_out) = (ErrorCode::TOPIC_ALREADY_EXISTS, ErrorCode::REQUEST_TIMED_OUT);
    for (answers, possibly_done) in [
        (&[Some(exists)][..], false),
        (&[Some(timed_out)], true),
        (&[Some(ErrorCode::NOT_CONTROLLER), Some(exists)], false),
        (&[None, Some(exists)], true),
    ] {
        let error = create(answers).await.unwrap_err();
        assert_eq!(error.possibly_done(), possibly_done, "{answers:?}: {error}");
    }
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
