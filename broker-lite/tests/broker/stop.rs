//! A stop in order answers what was asked and waits for nobody for long.

use core::time::Duration;

use broker_lite::{Action, Cluster, Fault};
use ottla_protocol::api_key::ApiKey;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::fetch::FetchRequest;
use ottla_protocol::messages::metadata::MetadataRequest;
use ottla_protocol::messages::produce::ProduceRequest;

use crate::raw::{Raw, cluster, fetch, metadata, produce, values};

/// Stops `cluster` and says how long that took by its clock.
async fn stop(cluster: Cluster) -> Duration {
    let clock = cluster.clock().clone();
    let begun = clock.now();
    cluster.stop().await.unwrap();
    clock.now().since(begun)
}

/// Lets the broker read what was sent: it answers whoever asks later.
async fn settle(cluster: &Cluster) {
    Raw::connect(cluster).await.call(&metadata(&[]), 9).await;
}

#[tokio::test(start_paused = true)]
async fn requests_that_have_come_are_answered_and_a_waiting_fetch_at_once() {
    let cluster = cluster().topic("t", 2).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    raw.send(&fetch("t", 0, 0, 60_000), 12).await;
    raw.send(&produce("t", 1, &["x"]), 9).await;
    raw.send(&metadata(&["t"]), 9).await; // waits its turn behind the fetch
    settle(&cluster).await;
    let answers = async {
        let (_, fetched) = raw.receive::<FetchRequest>(12).await;
        let records = fetched.responses[0].partitions[0].records.clone().unwrap();
        assert!(values(&records).is_empty());
        let (_, produced) = raw.receive::<ProduceRequest>(9).await;
        let code = produced.responses[0].partition_responses[0].error_code;
        assert_eq!(code, ErrorCode::NONE);
        let (_, described) = raw.receive::<MetadataRequest>(9).await;
        assert_eq!(described.topics[0].partitions.len(), 2);
        assert!(raw.is_closed().await);
    };
    let (took, ()) = tokio::join!(stop(cluster), answers);
    assert_eq!(took, Duration::ZERO, "nothing was waited for");
}

#[tokio::test(start_paused = true)]
async fn a_fault_rule_does_not_hold_a_stop_up() {
    for (action, answered) in
        [(Action::Silence, false), (Action::Delay(Duration::from_secs(3600)), true)]
    {
        let cluster = cluster().topic("t", 1).start().await.unwrap();
        cluster.faults().add(Fault::on(ApiKey::PRODUCE).then(action));
        let mut raw = Raw::connect(&cluster).await;
        raw.send(&produce("t", 0, &["x"]), 9).await;
        settle(&cluster).await;
        assert_eq!(stop(cluster).await, Duration::ZERO);
        assert_eq!(raw.frame().await.is_some(), answered);
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_no_replies_is_cut_off() {
    let value = "x".repeat(900_000);
    let cluster = cluster().topic("t", 1).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    raw.call(&produce("t", 0, &[&value]), 9).await;
    for _ in 0..4 {
        raw.send(&fetch("t", 0, 0, 0), 12).await;
    }
    settle(&cluster).await;
    let took = stop(cluster).await;
    assert_eq!(took, Duration::from_secs(3), "but not before it had time to");
}

#[tokio::test(start_paused = true)]
async fn a_paused_cluster_says_nothing_and_answers_when_it_resumes() {
    let cluster = cluster().topic("t", 1).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    cluster.pause();
    let request = metadata(&["t"]);
    let mut asked = core::pin::pin!(raw.call(&request, 9));
    let minute = Duration::from_secs(60);
    assert!(cluster.clock().timeout(minute, &mut asked).await.is_err());
    cluster.resume();
    assert_eq!(asked.await.topics.len(), 1);
}
