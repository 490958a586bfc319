use core::pin::{Pin, pin};

use futures::poll;
use ottla_protocol::ids::{NodeId, Uuid};

use super::*;
use crate::config::{BrokerConfig, CompactionLags};
use crate::controller::ledger::{CreateTopics, NewTopic, Registration};
use crate::log::disk::testing::{Crash, UnrulyDisk};
use crate::log::disk::{self, Disk as _};
use crate::log::manager::{LogManager, MetaProperties};

const NODE: NodeId = NodeId(1);

fn start(disk: &UnrulyDisk) -> (Controller, ControllerHandle) {
    let directory_id = Uuid::from_random([9; 16]);
    let meta = || MetaProperties { cluster_id: "c".to_owned(), node_id: NODE, directory_id };
    let logs = Arc::new(LogManager::open(Arc::new(disk.clone()), meta).unwrap());
    let (log, image, _) = MetadataLog::open(&logs, NODE, 0).unwrap();
    let clock = Clock::starting_at(0);
    let config = BrokerConfig::new(&[]).unwrap();
    let replicas = Arc::new(Replicas::new(NODE, logs, clock.clone(), config));
    let (mut controller, handle) =
        Controller::new(image, log, (clock, Scope::current().unwrap()), replicas);
    let registration = Request::Register(Registration {
        id: NODE,
        incarnation: Uuid([8; 16]),
        host: "node".into(),
        port: 9092,
        log_dir: directory_id,
        features: Vec::new(),
    });
    for request in [registration, Request::Unfence(NODE)] {
        controller.decide(&request).unwrap();
    }
    controller.commit().unwrap();
    (controller, handle)
}

fn create(topic: &str) -> Request {
    Request::CreateTopics(CreateTopics {
        topics: vec![NewTopic {
            name: topic.into(),
            id: Uuid([5; 16]),
            partitions: Some(1),
            replication_factor: Some(1),
            ..Default::default()
        }],
        validate_only: false,
        defaults: (1, 1),
        lags: CompactionLags::default(),
    })
}

async fn reply_of(
    run: Pin<&mut impl Future<Output = ()>>,
    reply: Pin<&mut impl Future<Output = Reply>>,
) -> Reply {
    tokio::select! {
        biased;
        () = run => unreachable!("nobody stops it"),
        reply = reply => reply,
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_is_seen_and_answered_once_it_is_on_the_device_and_holds_no_thread_up() {
    let disk = UnrulyDisk::default();
    let (controller, handle) = start(&disk);
    let (_stop, stopped) = oneshot::channel();
    let mut run = pin!(controller.run(stopped));
    disk.hold_syncs();
    let mut reply = pin!(handle.submit(create("t")));
    for _ in 0..3 {
        assert!(poll!(&mut reply).is_pending());
        assert!(poll!(&mut run).is_pending(), "others run meanwhile");
    }
    assert!(handle.image().topic("t").is_none());
    disk.end_syncs(|| Ok(()));
    assert!(matches!(reply_of(run, reply).await, Reply::Created(_)));
    assert!(handle.image().topic("t").is_some());
}

#[tokio::test(start_paused = true)]
async fn a_change_that_may_not_be_on_the_device_is_refused_and_so_is_every_later_one() {
    let disk = UnrulyDisk::default();
    let (controller, handle) = start(&disk);
    let (_stop, stopped) = oneshot::channel();
    let mut run = pin!(controller.run(stopped));
    for topic in ["t", "u"] {
        disk.hold_syncs();
        let mut reply = pin!(handle.submit(create(topic)));
        assert!(poll!(&mut reply).is_pending());
        assert!(poll!(&mut run).is_pending());
        disk.end_syncs(|| Err(io::ErrorKind::StorageFull.into()));
        let Reply::Refused(refusal) = reply_of(run.as_mut(), reply).await else {
            panic!("{topic}")
        };
        assert_eq!(refusal.code, ErrorCode::KAFKA_STORAGE_ERROR);
    }
    assert_eq!(handle.image().topics().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_topic_whose_log_cannot_be_made_is_refused_and_gone_again() {
    let disk = UnrulyDisk::default();
    // a directory of another topic of that name
    let metadata = format!("version: 0\ntopic_id: {}", Uuid([7; 16]));
    disk.create_dir("t-0").unwrap();
    disk::replace(&disk, "t-0/partition.metadata", metadata.as_bytes()).unwrap();
    let (controller, handle) = start(&disk);
    let (_stop, stopped) = oneshot::channel();
    let mut run = pin!(controller.run(stopped));
    let Reply::Created(results) = reply_of(run.as_mut(), pin!(handle.submit(create("t")))).await
    else {
        panic!("it was asked for a topic")
    };
    let refusal = results[0].as_ref().unwrap_err();
    assert_eq!(refusal.code, ErrorCode::KAFKA_STORAGE_ERROR);
    assert!(refusal.message.contains("it belongs to topic id"), "{refusal}");
    assert!(handle.image().topic("t").is_none());
    let created = reply_of(run.as_mut(), pin!(handle.submit(create("u")))).await;
    assert!(matches!(created, Reply::Created(results) if results[0].is_ok()));
}

#[tokio::test(start_paused = true)]
async fn a_start_makes_no_directory_before_the_metadata_that_speaks_of_it_is_on_the_device() {
    let disk = UnrulyDisk::default();
    let (mut controller, _handle) = start(&disk);
    let before = disk.changes();
    controller.decide(&create("t")).unwrap();
    assert!(controller.commit().unwrap().is_empty());
    let (mut replay, mut found) = (disk.replay(), 0);
    while replay.step() {
        if replay.at() < before {
            continue;
        }
        for seed in 0..8 {
            let disk = replay.crash(Crash::Reordered(seed));
            if disk.list("t-0").is_ok() {
                let meta = || unreachable!("it has an identity");
                let logs = LogManager::open(Arc::new(disk), meta).unwrap();
                let (_, image, _) = MetadataLog::open(&logs, NODE, 0).unwrap();
                assert!(image.topic("t").is_some());
                found += 1;
            }
        }
    }
    assert!(found > 0, "it was never there");
}
