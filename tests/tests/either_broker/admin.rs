//! Topics, partitions, records and disks, administered.

use std::collections::BTreeMap;

use ottla::admin::{
    AdminError, ClientQuotaFilter, DeleteRecords, ElectionType, QuotaEntityType, UpdateFeature,
};
use ottla::ids::{LeaderEpoch, NodeId, PartitionIndex};
use ottla::{CallError, ErrorCode, NewPartitions, NewTopic, Record};

use crate::world::{Differs, World, at, take, to};

/// The code that each answer has, where it is an error.
pub(crate) fn codes<T>(results: &[Result<T, AdminError>]) -> Vec<Option<ErrorCode>> {
    results.iter().map(|result| result.as_ref().err().and_then(AdminError::code)).collect()
}

/// The only broker.
pub(crate) async fn node(world: &World) -> NodeId {
    world.admin().describe_cluster().await.unwrap().brokers[0].id
}

#[tokio::test]
async fn a_created_topic_is_described_listed_and_gone_once_deleted() {
    let world = World::new().await;
    let node = node(&world).await;
    let (name, other) = (world.name("made"), world.name("other"));
    let admin = world.admin();
    let topic = || NewTopic::new(&name).partitions(3).replication_factor(1);
    let checked = admin.clone().validate_only().create_topic(topic()).await.unwrap();
    assert_eq!((checked.partitions, checked.replication_factor), (Some(3), Some(1)));
    assert_eq!(codes(&admin.describe_topics([&name]).await), [Some(UNKNOWN)], "only checked");
    let created = admin.create_topics([topic(), NewTopic::new(&other).assign([node])]).await;
    let created: Vec<_> = created.into_iter().map(Result::unwrap).collect();
    assert_eq!((created[0].partitions, created[0].replication_factor), (Some(3), Some(1)));
    assert_eq!((created[1].partitions, created[1].replication_factor), (Some(1), Some(1)));
    for created in created {
        let described =
            world.visible(async || admin.describe_topic(&created.name).await.ok()).await;
        assert_eq!((&described.name, described.id), (&created.name, created.id));
        assert!(described.id.is_some() && !described.is_internal);
        for (partition, index) in described.partitions.iter().zip(0..) {
            assert_eq!(partition.index, PartitionIndex(index));
            assert_eq!(
                (partition.leader, partition.leader_epoch),
                (Some(node), Some(LeaderEpoch(0)))
            );
            assert_eq!((&*partition.replicas, &*partition.isr), (&[node][..], &[node][..]));
            assert!(partition.offline.is_empty());
            let (elr, last_known) = (partition.elr.as_deref(), partition.last_known_elr.as_deref());
            assert_eq!((elr, last_known), (Some(&[][..]), Some(&[][..])));
        }
        let listed = admin.list_topics().await.unwrap();
        let listed = listed.into_iter().find(|listed| listed.name == created.name).unwrap();
        assert_eq!((listed.id, listed.partitions), (created.id, described.partitions.len()));
        admin.delete_topic(&created.name).await.unwrap();
        world
            .visible(async || {
                let code = admin.describe_topic(&created.name).await.err()?.code();
                (code == Some(UNKNOWN)).then_some(())
            })
            .await;
    }
    world.end().await;
}

const UNKNOWN: ErrorCode = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;

#[tokio::test]
async fn added_partitions_take_records_and_the_old_ones_keep_theirs() {
    let world = World::new().await;
    let (topic, producer) = (world.topic("more").await, world.producer());
    producer.send(to(&topic).value("old")).await.unwrap();
    let admin = world.admin();
    let more = || [NewPartitions::new(&topic, 3)];
    admin.clone().validate_only().create_partitions(more()).await.remove(0).unwrap();
    assert_eq!(admin.describe_topic(&topic).await.unwrap().partitions.len(), 1, "only checked");
    admin.create_partitions(more()).await.remove(0).unwrap();
    world
        .visible(async || {
            let described = admin.describe_topic(&topic).await.ok()?;
            let led = described.partitions.iter().all(|p| p.leader.is_some());
            (led && described.partitions.len() == 3).then_some(())
        })
        .await;
    // a producer that knows the topic with one partition, and one that has yet to look
    for (producer, offset) in [(producer, 0), (world.producer(), 1)] {
        let record = Record::to(&topic).partition(PartitionIndex(2)).value("new");
        assert_eq!(producer.send(record).await.unwrap().offset, Some(at(offset)));
        producer.close().await.unwrap();
    }
    let consumer = world.consumer();
    consumer.assign((0..3).map(|index| (&*topic, index))).unwrap();
    let mut read: Vec<_> = take(&consumer, 3).await.into_iter().map(|r| r.value.unwrap()).collect();
    read.sort();
    assert_eq!(read, ["new", "new", "old"]);
    consumer.close().await;
    world.end().await;
}

#[tokio::test]
async fn the_cluster_says_who_it_is() {
    let world = World::new().await;
    let cluster = world.admin().describe_cluster().await.unwrap();
    assert_eq!(cluster.brokers.len(), 1);
    let broker = &cluster.brokers[0];
    assert_eq!(cluster.controller, Some(broker.id));
    assert!(world.bootstrap().ends_with(&format!(":{}", broker.port)), "{broker:?}");
    assert_eq!(cluster.cluster_id.unwrap().len(), 22, "16 bytes in base64, as Kafka writes ids");
    world.end().await;
}

#[tokio::test]
async fn deleted_records_are_gone_and_the_rest_keep_their_offsets() {
    let world = World::new().await;
    let topic = world.topic("trim").await;
    world.fill(&topic, (0..10).map(|n| n.to_string())).await;
    let admin = world.admin();
    let before = |offset| [DeleteRecords::before((&*topic, 0), at(offset))];
    assert_eq!(*admin.delete_records(before(4)).await[0].as_ref().unwrap(), at(4));
    // what is gone stays gone
    assert_eq!(*admin.delete_records(before(2)).await[0].as_ref().unwrap(), at(4));
    let first = &world.read(&topic, 1).await[0];
    assert_eq!((first.offset, first.value.as_deref()), (at(4), Some(&b"4"[..])));
    let beyond = codes(&admin.delete_records(before(11)).await);
    assert_eq!(beyond, [Some(ErrorCode::OFFSET_OUT_OF_RANGE)]);
    let all = admin.delete_records([DeleteRecords::all((&*topic, 0))]).await;
    assert_eq!(*all[0].as_ref().unwrap(), at(10));
    let consumer = world.consumer();
    let watermarks = consumer.watermarks((&*topic, 0)).await.unwrap();
    assert_eq!((watermarks.low, watermarks.high), (at(10), at(10)));
    consumer.close().await;
    let producer = world.producer();
    assert_eq!(producer.send(to(&topic).value("10")).await.unwrap().offset, Some(at(10)));
    producer.close().await.unwrap();
    world.end().await;
}

#[tokio::test]
async fn log_dirs_say_how_much_each_partition_takes() {
    let world = World::new().await;
    let topic = world.topic_with("disk", |topic| topic.partitions(2)).await;
    let (node, size) = (node(&world).await, 100_000);
    world.fill(&topic, ["x".repeat(size)]).await;
    let dirs = world.admin().describe_log_dirs([node]).await.remove(0).unwrap();
    assert_eq!(dirs.len(), 1);
    let dir = &dirs[0];
    assert_eq!(dir.error, None);
    let (path, has_volume) = world.on(Differs {
        kafka: ("/", true),
        lite: ("memory", false),
        why: "this broker-lite keeps its logs in memory: there is no directory and no volume",
    });
    assert!(dir.path.starts_with(path), "{}", dir.path);
    assert_eq!((dir.total_bytes.is_some(), dir.usable_bytes.is_some()), (has_volume, has_volume));
    assert!(dir.usable_bytes <= dir.total_bytes);
    let ours = dir.replicas.iter().filter(|replica| replica.topic == topic);
    let mut ours: Vec<_> = ours.map(|r| (r.partition.0, r.bytes, r.offset_lag.unwrap())).collect();
    ours.sort_unstable();
    let batch = 61 + 1; // the header of the batch, then what a record adds to its value
    let (full, bytes) = (u64::try_from(size).unwrap(), ours[0].1);
    assert!(bytes > full + batch && bytes < full + batch + 20, "{ours:?}");
    assert_eq!(ours, [(0, bytes, 0), (1, 0, 0)]);
    assert!(dir.replicas.iter().all(|replica| !replica.is_future));
    world.end().await;
}

#[tokio::test]
async fn more_partitions_than_a_page_has_are_described_whole() {
    let world = World::new().await;
    let many = world.topic_with("many", |topic| topic.partitions(2_010)).await;
    let (few, missing) = (world.topic("zfew").await, world.name("amissing"));
    let described = world.admin().describe_topics([&few, &missing, &many]).await;
    assert_eq!(codes(&described), [None, Some(UNKNOWN), None]);
    for (place, partitions) in [(0, 1), (2, 2_010)] {
        let described = described[place].as_ref().unwrap();
        let indexes: Vec<_> = described.partitions.iter().map(|p| p.index.0).collect();
        assert_eq!(indexes, (0..partitions).collect::<Vec<_>>());
        assert!(described.partitions.iter().all(|p| p.elr.is_some()));
    }
    assert!(world.admin().describe_topics(Vec::<String>::new()).await.is_empty());
    world.end().await;
}

#[tokio::test]
async fn a_broker_that_there_is_not_is_named_at_once() {
    let world = World::new().await;
    let (here, nobody) = (node(&world).await, NodeId(4_711));
    let dirs = world.admin().describe_log_dirs([nobody, here]).await;
    let error = dirs[0].as_ref().unwrap_err();
    assert!(
        matches!(error, AdminError::Call { source: CallError::UnknownNode(id), .. } if *id == nobody)
    );
    assert!(dirs[1].is_ok());
    world.end().await;
}

#[tokio::test]
async fn the_only_replica_leads_and_stays_where_it_is() {
    let world = World::new().await;
    let (topic, missing) = (world.topic("led").await, world.name("missing"));
    let admin = world.admin();
    let asked = [(&*topic, 0), (&*missing, 0), (&*topic, 3), (&*topic, 0)];
    let not_needed = Some(ErrorCode::ELECTION_NOT_NEEDED);
    for election in [ElectionType::Preferred, ElectionType::Unclean] {
        let elected = admin.elect_leaders(election, asked).await;
        assert_eq!(codes(&elected), [not_needed, Some(UNKNOWN), Some(UNKNOWN), not_needed]);
        assert!(
            elected[1].as_ref().unwrap_err().to_string().starts_with(&format!("{missing}-0: "))
        );
        let all = admin.elect_all_leaders(election).await.unwrap();
        assert!(all.is_empty(), "{all:?}");
    }
    let moving = [
        admin.list_partition_reassignments(asked).await.unwrap(),
        admin.list_partition_reassignments::<(&str, i32)>([]).await.unwrap(),
        admin.list_all_partition_reassignments().await.unwrap(),
    ];
    assert!(moving.iter().all(BTreeMap::is_empty), "{moving:?}");
    world.end().await;
}

#[tokio::test]
async fn nobody_has_quotas_and_a_filter_without_sense_is_refused() {
    let world = World::new().await;
    let admin = world.admin();
    let (user, client, ip) =
        (QuotaEntityType::User, QuotaEntityType::ClientId, QuotaEntityType::Ip);
    let all = ClientQuotaFilter::all;
    for filter in [
        all(),
        all().strict(),
        all().exact(user.clone(), "ann").any(client.clone()).strict(),
        all().default_of(user.clone()).default_of(client),
        all().any(ip.clone()),
    ] {
        assert_eq!(admin.describe_client_quotas(filter.clone()).await.unwrap(), [], "{filter:?}");
    }
    for (filter, code) in [
        (all().any(user.clone()).exact(user.clone(), "ann"), ErrorCode::INVALID_REQUEST),
        (all().any(ip).any(user), ErrorCode::INVALID_REQUEST),
        (all().any(QuotaEntityType::Other("team".to_owned())), ErrorCode::UNSUPPORTED_VERSION),
    ] {
        let error = admin.describe_client_quotas(filter.clone()).await.unwrap_err();
        assert_eq!(error.code(), Some(code), "{filter:?}");
    }
    world.end().await;
}

#[tokio::test]
async fn features_have_the_levels_they_had_unless_another_is_possible() {
    let world = World::new().await;
    let admin = world.admin();
    let features = admin.describe_features().await.unwrap();
    let finalized = features.finalized["metadata.version"].clone();
    let level = *finalized.end();
    let supported = &features.supported["metadata.version"];
    assert!(supported.contains(&level) && features.finalized_epoch.is_some(), "{features:?}");
    let update = |feature, level| UpdateFeature::upgrade(feature, level);
    let (safe, unsafely) = (UpdateFeature::safe_downgrade, UpdateFeature::unsafe_downgrade);
    let higher = supported.end() + 1;
    for (updates, expected) in [
        (vec![update("metadata.version", level)], vec![None]),
        (vec![update("metadata.version", higher)], vec![INVALID]),
        (vec![update("metadata.version", level - 1)], vec![INVALID]),
        (vec![update("no.such.feature", 1)], vec![INVALID]),
        (vec![safe("no.such.feature", 1)], vec![INVALID]),
        (vec![unsafely("no.such.feature", 1)], vec![INVALID]),
        // no downgrade, or one to nothing
        (vec![safe("metadata.version", higher)], vec![INVALID]),
        (vec![unsafely("metadata.version", higher)], vec![INVALID]),
        (vec![safe("metadata.version", 0)], vec![INVALID]),
        (vec![unsafely("metadata.version", 0)], vec![INVALID]),
        // all or nothing
        (vec![update("metadata.version", level), update("none", 1)], vec![INVALID, INVALID]),
    ] {
        for admin in [world.admin().validate_only(), world.admin()] {
            let updated = admin.update_features(updates.clone()).await;
            assert_eq!(codes(&updated), expected, "{updates:?}");
        }
    }
    assert_eq!(admin.describe_features().await.unwrap().finalized, features.finalized);
    world.end().await;
}

const INVALID: Option<ErrorCode> = Some(ErrorCode::INVALID_UPDATE_VERSION);

#[tokio::test]
async fn the_only_node_is_the_quorum() {
    let world = World::new().await;
    let (node, admin) = (node(&world).await, world.admin());
    let quorum = admin.describe_quorum().await.unwrap();
    assert_eq!((quorum.leader, &*quorum.observers), (Some(node), &[][..]));
    assert!(quorum.leader_epoch.0 > 0 && quorum.high_watermark.is_some(), "{quorum:?}");
    let [voter] = &quorum.voters[..] else { panic!("{quorum:?}") };
    assert_eq!(voter.id, node);
    assert!(voter.log_end_offset >= quorum.high_watermark);
    assert!(voter.last_fetch.is_some() && voter.last_caught_up.is_some(), "{voter:?}");
    let listener = world.on(Differs {
        kafka: "CONTROLLER",
        lite: "PLAINTEXT",
        why: "broker-lite has no listener for controllers alone",
    });
    let [place] = &quorum.nodes[..] else { panic!("{quorum:?}") };
    assert_eq!((place.id, &*place.endpoints[0].listener), (node, listener));
    assert!(place.endpoints[0].port > 0);
    // what changes the metadata moves its log
    world.topic("more").await;
    let later = admin.describe_quorum().await.unwrap();
    assert!(later.high_watermark > quorum.high_watermark);
    world.end().await;
}
