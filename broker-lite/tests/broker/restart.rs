//! What a restart keeps.

use broker_lite::{ClusterBuilder, StartError, Storage};
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::Offset;
use ottla_protocol::messages::delete_topics::DeleteTopicsRequest;
use ottla_protocol::messages::init_producer_id::InitProducerIdRequest;

use crate::raw::{Raw, batch, cluster, fetch, metadata, produce, produce_batch, stamp, values};

fn on(storage: &Storage) -> ClusterBuilder {
    cluster().storage(storage.clone())
}

#[tokio::test(start_paused = true)]
async fn topics_ids_records_and_producers_outlive_stop_and_kill() {
    let dir = tempfile::tempdir().unwrap();
    for storage in [Storage::memory(), Storage::directory(dir.path())] {
        for kill in [false, true] {
            let name = if kill { "killed" } else { "stopped" };
            let cluster = on(&storage).topic(name, 2).start().await.unwrap();
            let mut raw = Raw::connect(&cluster).await;
            let id = raw.topic_id(name).await;
            let producer = raw.call(&InitProducerIdRequest::default(), 4).await.producer_id;
            let producer = producer.unwrap().0;
            let first = produce_batch(name, 1, batch(&["a"], stamp(producer, 0, 0)));
            raw.call(&first, 9).await;
            let epoch = raw.call(&metadata(&[name]), 9).await.topics[0].partitions[1].leader_epoch;
            if kill {
                cluster.kill().await;
            } else {
                cluster.stop().await.unwrap();
            }
            let cluster = on(&storage).start().await.unwrap();
            let mut raw = Raw::connect(&cluster).await;
            assert_eq!(raw.topic_id(name).await, id);
            let again = raw.call(&first, 9).await;
            let again = &again.responses[0].partition_responses[0];
            assert_eq!((again.error_code, again.base_offset), (ErrorCode::NONE, Offset::new(0)));
            let response = raw.call(&fetch(name, 1, 0, 0), 12).await;
            let records = response.responses[0].partitions[0].records.as_ref().unwrap();
            assert_eq!(values(records), [(0, "a".to_owned())], "once");
            let next = raw.call(&InitProducerIdRequest::default(), 4).await.producer_id;
            assert!(next.unwrap().0 > producer, "an id is given out once");
            let now = raw.call(&metadata(&[name]), 9).await.topics[0].partitions[1].leader_epoch;
            assert!(now > epoch, "a restart starts a new leader epoch");
            cluster.stop().await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_topic_deleted_before_the_restart_stays_deleted() {
    let storage = Storage::memory();
    let cluster = on(&storage).topic("t", 1).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    raw.call(&produce("t", 0, &["x"]), 9).await;
    let delete = DeleteTopicsRequest { topic_names: vec!["t".into()], ..Default::default() };
    raw.call(&delete, 5).await;
    let storage = cluster.kill().await;
    let cluster = on(&storage).topic("t", 1).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    let response = raw.call(&fetch("t", 0, 0, 0), 12).await;
    assert!(response.responses[0].partitions[0].records.as_ref().unwrap().is_empty());
}

/// It may be the metadata that is lost, be it by damage or because a folder was copied alone.
#[tokio::test(start_paused = true)]
async fn a_partition_that_the_metadata_does_not_know_is_set_aside_and_never_removed() {
    let dir = tempfile::tempdir().unwrap();
    let storage = Storage::directory(dir.path());
    let cluster = on(&storage).topic("t", 1).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    raw.call(&produce("t", 0, &["x"]), 9).await;
    cluster.stop().await.unwrap();
    let log = "00000000000000000000.log";
    let bytes = std::fs::read(dir.path().join("t-0").join(log)).unwrap();
    std::fs::rename(dir.path().join("__cluster_metadata-0"), dir.path().join("kept")).unwrap();
    let cluster = on(&storage).topic("t", 1).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    let response = raw.call(&fetch("t", 0, 0, 0), 12).await;
    assert!(response.responses[0].partitions[0].records.as_ref().unwrap().is_empty(), "a new t");
    cluster.stop().await.unwrap();
    let entries = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap());
    let aside = entries.filter(|entry| entry.file_name().to_string_lossy().ends_with("-stray"));
    let aside: Vec<_> = aside.map(|entry| entry.path()).collect();
    assert!(aside.len() == 1 && !bytes.is_empty(), "{aside:?}");
    assert_eq!(std::fs::read(aside[0].join(log)).unwrap(), bytes);
    // with what was lost in its place again, all is as before
    std::fs::remove_dir_all(dir.path().join("__cluster_metadata-0")).unwrap();
    std::fs::rename(dir.path().join("kept"), dir.path().join("__cluster_metadata-0")).unwrap();
    std::fs::remove_dir_all(dir.path().join("t-0")).unwrap();
    std::fs::rename(&aside[0], dir.path().join("t-0")).unwrap();
    let cluster = on(&storage).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    let response = raw.call(&fetch("t", 0, 0, 0), 12).await;
    let records = response.responses[0].partitions[0].records.as_ref().unwrap();
    assert_eq!(values(records), [(0, "x".to_owned())]);
}

/// Nothing of it is cut off unasked: each batch says what exists.
#[tokio::test(start_paused = true)]
async fn damaged_metadata_keeps_a_broker_from_starting_and_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let storage = Storage::directory(dir.path());
    on(&storage).topic("kept", 1).start().await.unwrap().kill().await;
    on(&storage).start().await.unwrap().kill().await; // a start writes down what is on the device
    let path = dir.path().join("__cluster_metadata-0/00000000000000000000.log");
    let whole = std::fs::read(&path).unwrap();
    let mut damaged = whole.clone();
    let at = whole.windows(4).position(|bytes| bytes == b"kept").unwrap();
    damaged[at] ^= 1;
    std::fs::write(&path, &damaged).unwrap();
    for _ in 0..2 {
        let error = on(&storage).start().await.unwrap_err();
        assert!(matches!(error, StartError::Metadata(_)), "{error:?}");
        let (text, path) = (error.to_string(), path.to_str().unwrap());
        assert!(text.contains(&format!("{path}: the batch at byte ")), "{text}");
        assert!(
            text.contains("the checksum does not fit") && text.contains("log verify"),
            "{text}"
        );
        assert!(std::fs::read(path).unwrap() == damaged);
    }
    std::fs::write(&path, &whole).unwrap();
    let cluster = on(&storage).start().await.unwrap();
    let mut raw = Raw::connect(&cluster).await;
    raw.topic_id("kept").await;
}

#[tokio::test(start_paused = true)]
async fn two_clusters_cannot_share_storage_or_a_port() {
    let storage = Storage::memory();
    let first = on(&storage).start().await.unwrap();
    let error = on(&storage).start().await.unwrap_err();
    assert!(matches!(error, StartError::DataDirInUse(_)), "{error}");
    drop(first);
    tokio::task::yield_now().await;
    on(&storage).start().await.unwrap().stop().await.unwrap();
    let one = broker_lite::Cluster::builder().start().await.unwrap();
    let other = broker_lite::Cluster::builder().listen("127.0.0.1", one.port());
    let error = other.start().await.unwrap_err();
    assert!(matches!(error, StartError::Listen { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_start_says_why() {
    let error = cluster().config("num.partitons", "2").start().await.unwrap_err();
    assert!(matches!(error, StartError::Config(_)), "{error}");
    let error = cluster().topic("a b", 1).start().await.unwrap_err();
    assert!(matches!(error, StartError::Topic { .. }), "{error}");
    let storage = Storage::memory();
    on(&storage).start().await.unwrap().stop().await.unwrap();
    let error = on(&storage).config("node.id", "2").start().await.unwrap_err();
    assert!(matches!(error, StartError::Identity { what: "node.id", .. }), "{error}");
}

#[test]
fn a_cluster_on_its_own_thread_needs_no_runtime_and_starts_again_on_its_port() {
    use futures::executor::block_on;

    let first =
        block_on(broker_lite::Cluster::builder().own_thread().topic("t", 1).start()).unwrap();
    let port = first.port();
    let storage = block_on(first.stop()).unwrap();
    for _ in 0..2 {
        let again = broker_lite::Cluster::builder().own_thread().storage(storage.clone());
        let again = block_on(again.listen("127.0.0.1", port).start()).unwrap();
        assert_eq!(again.port(), port);
        block_on(again.kill());
    }
    let error = block_on(broker_lite::Cluster::builder().own_thread().topic("", 1).start());
    assert!(matches!(error.unwrap_err(), StartError::Topic { .. }));
}
