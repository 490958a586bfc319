//! Administration: whom it asks, how often, and when it stops.

use super::*;
use crate::AdminError;
use crate::admin::{ListedOffset, OffsetSpec};
use crate::consumer::Isolation;

#[tokio::test(start_paused = true)]
async fn admin_asks_again_what_passes_and_gives_up_in_time() {
    let fake = Fake::new();
    let _node = fake.start("node-1");
    fake.world().brokers = vec![(1, "node-1")];
    fake.world().errors.extend([ErrorCode::NOT_CONTROLLER, ErrorCode::THROTTLING_QUOTA_EXCEEDED]);
    let client = fake.builder("node-1:9092").api_timeout(Duration::from_secs(5)).build().unwrap();
    let admin = client.admin();
    assert_eq!(admin.create_topic(NewTopic::new("t")).await.unwrap().name, "t");
    fake.world().errors.push_back(ErrorCode::TOPIC_ALREADY_EXISTS);
    let error = admin.create_topic(NewTopic::new("t")).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::TOPIC_ALREADY_EXISTS));
    assert!(error.to_string().starts_with("t: TOPIC_ALREADY_EXISTS (36): "), "{error}");
    assert!(!error.possibly_done() && !error.is_retriable());
    fake.world().leaders.insert("a", (1, 0));
    let before = client.cluster().clock().now();
    let results = admin.delete_topics(["a", "b", "c"]).await;
    let codes: Vec<_> = results.iter().map(|r| r.as_ref().err().map(|e| e.code())).collect();
    let missing = Some(Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)); // final here
    assert_eq!(codes, [None, missing, missing]);
    assert_eq!(client.cluster().clock().now(), before);
    fake.world().errors.extend([ErrorCode::NOT_CONTROLLER; 100]);
    let error = admin.create_topic(NewTopic::new("t")).await.unwrap_err();
    let expected = "t: gave up after 5s: t: NOT_CONTROLLER (41)";
    assert!(error.to_string().starts_with(expected), "{error}");
    assert!(client.cluster().clock().now().since(Instant::ZERO) < Duration::from_secs(7));
}

#[tokio::test(start_paused = true)]
async fn admin_survives_a_cluster_that_starts_later() {
    let fake = Fake::new();
    let client = fake.client("node-1:9092");
    let (admin, later) = (client.admin(), fake.clone());
    let clock = client.cluster().clock().clone();
    fake.scope.spawn(async move {
        clock.sleep(Duration::from_secs(8)).await;
        later.world().brokers = vec![(1, "node-1")];
        let node = later.start("node-1");
        node.ended().await;
    });
    admin.create_topic(NewTopic::new("t").partitions(3)).await.unwrap();
    let now = client.cluster().clock().now();
    assert!(now >= Instant::from_millis(8_000) && now < Instant::from_millis(11_000), "{now:?}");
}

/// Which host says what is on the disks of `broker`; the error if none does.
async fn disks(client: &Client, broker: i32) -> Result<String, AdminError> {
    let dirs = client.admin().describe_log_dirs([NodeId(broker)]).await.remove(0)?;
    Ok(dirs.into_iter().map(|dir| dir.path).collect())
}

fn is_gone(answer: &Result<String, AdminError>) -> bool {
    matches!(answer, Err(AdminError::Call { source: CallError::UnknownNode(NodeId(3)), .. }))
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_left_is_not_waited_for_and_no_other_answers_in_its_place() {
    let fake = Fake::new();
    let _first = fake.start("node-1");
    let third = fake.start("node-3");
    fake.world().brokers = vec![(1, "node-1"), (3, "node-3")];
    let client = fake.client("node-1:9092");
    let clock = client.cluster().clock().clone();
    assert_eq!(disks(&client, 3).await.unwrap(), "node-3");
    third.kill();
    third.ended().await;
    fake.world().brokers = vec![(1, "node-1")];
    let before = clock.now();
    let answer = disks(&client, 3).await;
    assert!(is_gone(&answer), "{answer:?}");
    assert!(clock.now().since(before) < Duration::from_secs(5), "{:?}", clock.now());
    // another broker where it was
    let _fourth = fake.start("node-3");
    fake.world().brokers = vec![(1, "node-1"), (4, "node-3")];
    let answer = disks(&client, 3).await;
    assert!(is_gone(&answer), "{answer:?}");
    assert_eq!(disks(&client, 4).await.unwrap(), "node-3");
    // the same, seen by a client that has not looked for long
    fake.world().brokers = vec![(1, "node-1"), (3, "node-3")];
    assert_eq!(disks(&client, 3).await.unwrap(), "node-3");
    fake.world().brokers = vec![(1, "node-1"), (4, "node-3")];
    clock.sleep(client.cluster().config().metadata_max_age).await;
    let answer = disks(&client, 3).await;
    assert!(is_gone(&answer), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn a_broker_of_a_cluster_that_nobody_reaches_is_not_called_unknown() {
    let fake = Fake::new();
    let wait = Duration::from_secs(5);
    let client = fake.builder("node-1:9092").api_timeout(wait).build().unwrap();
    let error = disks(&client, 3).await.unwrap_err().to_string();
    let parts = ["broker 3: gave up after 5s: ", "bootstrap node-1:9092", "it refuses connections"];
    assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    assert_eq!(client.cluster().clock().now().since(Instant::ZERO), wait);
}

#[tokio::test(start_paused = true)]
async fn leaders_are_looked_up_once_and_asked_again_for_what_passes() {
    let fake = Fake::new();
    let _node = fake.start("node-1");
    fake.world().brokers = vec![(1, "node-1")];
    fake.world().leaders.insert("t", (1, 0));
    let client = fake.client("node-1:9092");
    client.connect().await.unwrap();
    let list = async |topic| {
        fake.world().asked.clear();
        let places = [OffsetSpec::Earliest, OffsetSpec::Latest, OffsetSpec::Latest];
        let asked = places.map(|place| ((topic, 0), place));
        let listed = client.admin().list_offsets(Isolation::ReadUncommitted, asked).await;
        let found =
            |r: Result<Option<ListedOffset>, AdminError>| r.map(|o| o.map(|o| o.offset.get()));
        listed.into_iter().map(|r| found(r).map_err(|e| e.code())).collect::<Vec<_>>()
    };
    let asked = |api| fake.world().asked.iter().filter(|asked| asked.1 == api).count();
    assert_eq!(list("t").await, [Ok(Some(7)); 3]);
    assert_eq!((asked(ApiKey::METADATA), asked(ApiKey::LIST_OFFSETS)), (1, 3));
    let passing = [
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode::KAFKA_STORAGE_ERROR,
        ErrorCode::REQUEST_TIMED_OUT,
    ];
    fake.world().errors.extend(passing);
    assert_eq!(list("t").await, [Ok(Some(7)); 3], "the leader had not heard of it yet");
    assert_eq!(asked(ApiKey::LIST_OFFSETS), 6);
    let unknown = Err(Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
    let before = client.cluster().clock().now();
    assert_eq!(list("missing").await, [unknown; 3], "nobody has heard of it");
    assert_eq!((asked(ApiKey::LIST_OFFSETS), client.cluster().clock().now()), (0, before));
}

#[tokio::test(start_paused = true)]
async fn no_partitions_are_not_all_partitions() {
    let fake = Fake::new();
    let _node = fake.start("node-1");
    fake.world().brokers = vec![(1, "node-1")];
    let admin = fake.client("node-1:9092").admin();
    let none = admin.list_partition_reassignments::<(&str, i32)>([]).await;
    assert!(none.unwrap().is_empty() && fake.world().asked.is_empty(), "nobody was asked");
    let all = admin.list_all_partition_reassignments().await.unwrap_err();
    let asked = matches!(
        all,
        AdminError::Call { source: CallError::UnsupportedVersion { api, .. }, .. }
            if api == ApiKey::LIST_PARTITION_REASSIGNMENTS
    );
    assert!(asked, "{all:?}");
}
