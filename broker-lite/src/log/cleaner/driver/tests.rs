//! Rounds in the background that fail.

use core::time::Duration;

use bytes::BytesMut;
use ottla_protocol::Str;
use ottla_protocol::ids::{NodeId, PartitionIndex, Timestamp, Uuid};
use ottla_protocol::record::{BatchBuilder, Compression, Compressor};
use ottla_runtime::Scope;

use super::*;
use crate::config::BrokerConfig;
use crate::controller::image::Image;
use crate::controller::records;
use crate::log::disk::testing::UnrulyDisk;
use crate::log::manager::MetaProperties;
use crate::replica::prepare::{PreparedBatch, ProduceRules};

const NODE: NodeId = NodeId(1);

/// A cleaner that takes its time, of two topics in which all but an empty segment is dirty.
fn of_two_topics(disk: &UnrulyDisk, clock: &Clock) -> (Arc<Cleaner>, Arc<Replicas>) {
    let identity = || MetaProperties {
        cluster_id: "c".to_owned(),
        node_id: NODE,
        directory_id: Uuid([9; 16]),
    };
    let logs = Arc::new(LogManager::open(Arc::new(disk.clone()), identity).unwrap());
    let settings = [
        ("log.cleanup.policy", "compact"),
        ("log.cleaner.io.max.bytes.per.second", "10"),
        ("log.cleaner.backoff.ms", "1000"),
    ];
    let config = BrokerConfig::new(&settings.map(|(n, v)| (n.to_owned(), v.to_owned()))).unwrap();
    let mut image = Image::default();
    for (name, id) in [("a", Uuid([1; 16])), ("b", Uuid([2; 16]))] {
        image.apply(&records::topic(&Str::from(name), id));
        image.apply(&records::partition(id, PartitionIndex(0), vec![NODE]));
    }
    let cleaner = config.cleaner;
    let replicas = Arc::new(Replicas::new(NODE, Arc::clone(&logs), clock.clone(), config));
    assert!(replicas.open(&image).is_empty());
    for partition in replicas.partitions() {
        let now_ms = clock.wall_ms();
        let mut batch = BatchBuilder::new(BytesMut::new());
        for _ in 0..10 {
            batch.append(Timestamp(now_ms), Some(b"key"), Some(b"value"), &[]).unwrap();
        }
        let sealed = batch.seal(Compression::None, &mut Compressor::default(), None).unwrap();
        let batch = PreparedBatch::internal(sealed.bytes.freeze()).unwrap();
        let rules = ProduceRules { version: 12, all_in_sync: true, now_ms };
        partition.append(&batch, &rules).unwrap();
        partition.roll_for_cleaning(now_ms).unwrap();
        partition.sync().unwrap();
        assert_eq!(partition.dirty_ratio(now_ms), Some(1.0));
    }
    (Cleaner::new(cleaner, clock, &replicas, &logs), replicas)
}

/// The only partition that this is true of, once there is one.
async fn only(
    replicas: &Replicas,
    clock: &Clock,
    is_it: impl Fn(&Partition) -> bool,
) -> Arc<Partition> {
    for _ in 0..100_000 {
        let mut found: Vec<_> = replicas.partitions().into_iter().filter(|p| is_it(p)).collect();
        if let Some(partition) = found.pop() {
            assert!(found.is_empty());
            return partition;
        }
        clock.sleep(Duration::from_millis(100)).await;
    }
    panic!("it is true of none");
}

#[tokio::test(start_paused = true)]
async fn a_log_without_room_leaves_the_next_turn_to_another_however_long_its_round_took() {
    let (disk, clock) = (UnrulyDisk::default(), Clock::starting_at(1_000_000));
    let (cleaner, replicas) = of_two_topics(&disk, &clock);
    disk.fail_writes(true);
    let scope = Scope::current().unwrap();
    scope.spawn(cleaner.run());
    let began = clock.wall_ms();
    let failed = only(&replicas, &clock, |p| p.dirty_ratio(clock.wall_ms()).is_none()).await;
    assert!(clock.wall_ms() > began + 15_000, "longer than it is left alone");
    disk.fail_writes(false);
    let cleaned = |p: &Partition| p.cleaned_to().is_some_and(|to| to.get() == 10);
    let other = only(&replicas, &clock, cleaned).await;
    assert_ne!(other.topic(), failed.topic());
    let topic = failed.topic();
    only(&replicas, &clock, |p| p.topic() == topic && cleaned(p)).await;
    scope.kill();
}
