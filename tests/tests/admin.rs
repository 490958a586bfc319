//! What an admin asks of partitions, brokers and configurations, and a consumer of times.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use broker_lite::{Action, Cluster, Fault};
use ottla::admin::{AlterConfigs, ConfigResource, ConfigResourceType, DeleteRecords};
use ottla::ids::{NodeId, Offset, PartitionIndex, Timestamp};
use ottla::{ApiKey, Client, ErrorCode, OffsetReset, Record, SeekError};

/// Ten records in partition 0, with timestamps 1000, 1010, ...
async fn world() -> (Cluster, Client) {
    let cluster = Cluster::builder().topic("t", 2).memory().start().await.unwrap();
    let client = Client::builder(&cluster.bootstrap()).build().unwrap();
    let producer = client.producer().build().unwrap();
    for n in 0..10 {
        let record = Record::to("t").partition(PartitionIndex(0)).value("v");
        producer.send(record.timestamp(Timestamp(1000 + 10 * n))).await.unwrap();
    }
    producer.close().await.unwrap();
    (cluster, client)
}

fn at(offset: i64) -> Offset {
    Offset::new(offset).unwrap()
}

#[tokio::test]
async fn a_time_leads_to_its_record_and_a_late_one_to_the_end() {
    let (cluster, client) = world().await;
    let consumer = client.consumer().reset(OffsetReset::Earliest).build().unwrap();
    let times = [(("t", 0), Timestamp(1015)), (("t", 1), Timestamp(1015))];
    let found = consumer.offsets_for_times(times).await.unwrap();
    let found: Vec<_> = found.values().map(|f| f.map(|f| (f.offset, f.timestamp))).collect();
    assert_eq!(found, [Some((at(2), Timestamp(1020))), None]);
    let early = consumer.seek_to_timestamp(("t", 0), Timestamp(0)).await;
    assert!(matches!(early, Err(SeekError::NotAssigned(_))), "{early:?}");
    consumer.assign([("t", 0)]).unwrap();
    for (time, offset, lag) in [(1015, 2, 8), (-5, 0, 10), (2000, 10, 0)] {
        let sought = consumer.seek_to_timestamp(("t", 0), Timestamp(time)).await.unwrap();
        assert_eq!(sought, at(offset), "{time}");
        assert_eq!(consumer.lag(("t", 0)).await.unwrap(), lag, "{time}");
    }
    consumer.close().await;
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn deleted_records_are_gone_and_each_partition_has_its_own_answer() {
    let (cluster, client) = world().await;
    let admin = client.admin();
    let results = admin
        .delete_records([
            DeleteRecords::before(("t", 0), at(4)),
            DeleteRecords::before(("t", 1), at(4)),
            DeleteRecords::all(("t", 9)),
            DeleteRecords::all(("none", 0)),
        ])
        .await;
    assert_eq!(*results[0].as_ref().unwrap(), at(4));
    let codes: Vec<_> = results[1..].iter().map(|r| r.as_ref().unwrap_err().code()).collect();
    let unknown = Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(codes, [Some(ErrorCode::OFFSET_OUT_OF_RANGE), unknown, unknown]);
    let consumer = client.consumer().build().unwrap();
    let watermarks = consumer.watermarks(("t", 0)).await.unwrap();
    assert_eq!((watermarks.low, watermarks.high), (at(4), at(10)));
    let producers = admin.describe_producers([("t", 0), ("t", 1)]).await;
    assert_eq!(producers[0].as_ref().unwrap().len(), 1);
    assert!(producers[1].as_ref().unwrap().is_empty());
    consumer.close().await;
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn records_of_a_topic_gone_since_may_have_been_deleted_if_an_answer_was_lost() {
    let (cluster, client) = world().await;
    let admin = client.admin();
    let fault = Fault::on(ApiKey::DELETE_RECORDS).then(Action::DisconnectAfter);
    let fault = cluster.faults().add(fault);
    let deleting = admin.delete_records([DeleteRecords::before(("t", 0), at(4))]);
    let gone = async {
        fault.wait(1).await;
        admin.delete_topics(["t"]).await.remove(0).unwrap();
    };
    let (mut results, ()) = tokio::join!(deleting, gone);
    let error = results.remove(0).unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
    assert!(error.possibly_done() && error.to_string().starts_with("t-0: "), "{error}");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn altered_configs_are_seen_and_a_bad_one_is_refused_alone() {
    let (cluster, client) = world().await;
    let admin = client.admin();
    let change = AlterConfigs::topic("t").set("retention.ms", "77");
    assert!(admin.clone().validate_only().alter_configs([change.clone()]).await[0].is_ok());
    let value = async || {
        let entries = admin.describe_configs(ConfigResource::Topic("t".to_owned())).await.unwrap();
        entries.into_iter().find(|e| e.name == "retention.ms").unwrap().value.unwrap()
    };
    let before = value().await;
    assert_ne!(before, "77", "only checked");
    let bad = AlterConfigs::topic("t").set("retention.ms", "soon");
    let results = admin.alter_configs([change, bad]).await;
    assert!(results[0].is_ok());
    assert_eq!(results[1].as_ref().unwrap_err().code(), Some(ErrorCode::INVALID_CONFIG));
    assert_eq!(value().await, "77");
    admin.alter_configs([AlterConfigs::topic("t").delete("retention.ms")]).await.remove(0).unwrap();
    assert_eq!(value().await, before);
    let listed = admin.list_config_resources([ConfigResourceType::Topic]).await.unwrap();
    assert_eq!(listed, [ConfigResource::Topic("t".to_owned())]);
    let dirs = admin.describe_log_dirs([NodeId(1)]).await;
    let replicas = &dirs[0].as_ref().unwrap()[0].replicas;
    assert_eq!(replicas.len(), 2);
    assert!(replicas[0].bytes > replicas[1].bytes);
    cluster.stop().await.unwrap();
}
