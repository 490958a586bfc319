//! What topics and brokers are configured to do, and how that is changed.

use std::collections::BTreeMap;

use ottla::ErrorCode;
use ottla::admin::{AlterConfigs, ConfigEntry, ConfigResource, ConfigResourceType};

use crate::admin::{codes, node};
use crate::world::{Differs, World, to};

/// Role, name, type, default and more of each setting, read off Kafka's own classes.
const SETTINGS: &str = include_str!("../../../broker-lite/src/config/kafka-settings.tsv");

async fn entries(world: &World, resource: ConfigResource) -> Vec<ConfigEntry> {
    world.admin().describe_configs(resource).await.unwrap()
}

async fn entry(world: &World, resource: ConfigResource, name: &str) -> ConfigEntry {
    entries(world, resource).await.into_iter().find(|entry| entry.name == name).unwrap()
}

fn topic(name: &str) -> ConfigResource {
    ConfigResource::Topic(name.to_owned())
}

/// The settings that Kafka shows, with their defaults.
fn shown(role: &str) -> BTreeMap<&'static str, Option<&'static str>> {
    let rows = SETTINGS.lines().filter(|line| !line.starts_with('#'));
    let rows = rows.map(|line| line.split('\t').collect::<Vec<_>>());
    let shown = rows.filter(|row| row[0] == role && row.len() == 4);
    shown.map(|row| (row[1], Some(row[3]).filter(|default| *default != "null"))).collect()
}

#[tokio::test]
async fn every_setting_is_shown_with_kafkas_default() {
    let world = World::new().await;
    let name = world.topic("defaults").await;
    let newer = world.on(Differs {
        kafka: (4, 10),
        lite: (0, 0),
        why: "broker-lite knows the settings of 4.4.0, and 4.3.1 does not have all of them yet",
    });
    for (role, resource, absent) in [
        ("topic", topic(&name), newer.0),
        ("broker", ConfigResource::Broker(node(&world).await), newer.1),
    ] {
        let mut known = shown(role);
        let count = known.len();
        for entry in entries(&world, resource).await {
            if entry.name.starts_with("ottla.") {
                continue; // broker-lite's own
            }
            let default = known.remove(&*entry.name).unwrap_or_else(|| panic!("{entry:?}"));
            assert!(!entry.is_sensitive || entry.value.is_none(), "{entry:?}");
            // set for this node, or different by intent: broker-lite bounds its connections
            if entry.is_default && !["node.id", "max.connections"].contains(&&*entry.name) {
                assert_eq!(entry.value.as_deref(), default, "{}", entry.name);
            }
        }
        println!("{role}: {} of {count} shown", count - known.len());
        assert_eq!(known.len(), absent, "not shown: {known:?}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_topics_setting_is_set_checked_and_deleted_again() {
    let world = World::new().await;
    let with = |topic: ottla::NewTopic| topic.config("retention.ms", "5000");
    let name = world.topic_with("altered", with).await;
    let admin = world.admin();
    let is = async |setting: &'static str, value: &str, default: bool| {
        world
            .visible(async || {
                let entry = entry(&world, topic(&name), setting).await;
                (entry.value.as_deref() == Some(value) && entry.is_default == default).then_some(())
            })
            .await;
    };
    is("retention.ms", "5000", false).await;
    let change = AlterConfigs::topic(&name).set("retention.ms", "6000").set("segment.ms", "7000");
    let checked = admin.clone().validate_only().alter_configs([change.clone()]).await;
    assert_eq!(codes(&checked), [None]);
    assert_eq!(entry(&world, topic(&name), "retention.ms").await.value.unwrap(), "5000");
    assert_eq!(codes(&admin.alter_configs([change]).await), [None]);
    is("retention.ms", "6000", false).await;
    is("segment.ms", "7000", false).await;
    let delete = AlterConfigs::topic(&name).delete("retention.ms").set("segment.ms", "8000");
    assert_eq!(codes(&admin.alter_configs([delete]).await), [None]);
    is("retention.ms", "604800000", true).await;
    is("segment.ms", "8000", false).await;
    world.end().await;
}

#[tokio::test]
async fn a_list_takes_and_loses_items_and_no_other_setting_does() {
    let world = World::new().await;
    let name = world.topic("list").await;
    let admin = world.admin();
    let policy = async |expected: &str| {
        world
            .visible(async || {
                let entry = entry(&world, topic(&name), "cleanup.policy").await;
                (entry.value.as_deref() == Some(expected)).then_some(())
            })
            .await;
    };
    policy("delete").await;
    let change = || AlterConfigs::topic(&name);
    for (change, expected) in [
        (change().append("cleanup.policy", "compact"), "delete,compact"),
        (change().append("cleanup.policy", "compact"), "delete,compact"), // it is there
        (change().subtract("cleanup.policy", "delete"), "compact"),
        (change().subtract("cleanup.policy", "delete"), "compact"), // it is not there
        (change().set("cleanup.policy", "compact,delete"), "compact,delete"),
    ] {
        assert_eq!(codes(&admin.alter_configs([change.clone()]).await), [None], "{change:?}");
        policy(expected).await;
    }
    let number = change().append("retention.ms", "5");
    assert_eq!(codes(&admin.alter_configs([number]).await), [Some(ErrorCode::INVALID_CONFIG)]);
    world.end().await;
}

#[tokio::test]
async fn an_altered_limit_holds_for_the_next_record() {
    let world = World::new().await;
    let (name, producer) = (world.topic("limit").await, world.producer());
    let large = "x".repeat(5_000);
    producer.send(to(&name).value(&large)).await.unwrap();
    let change = AlterConfigs::topic(&name).set("max.message.bytes", "2000");
    assert_eq!(codes(&world.admin().alter_configs([change]).await), [None]);
    let code = world.visible(async || producer.send(to(&name).value(&large)).await.err()).await;
    assert_eq!(code.code(), Some(ErrorCode::MESSAGE_TOO_LARGE));
    producer.send(to(&name).value("small")).await.unwrap();
    producer.close().await.unwrap();
    world.end().await;
}

#[tokio::test]
async fn a_brokers_setting_is_set_for_one_or_for_all() {
    let world = World::new().await;
    let broker = ConfigResource::Broker(node(&world).await);
    let admin = world.admin();
    // nothing that another test depends on; Kafka's default is 4096
    let name = "log.index.interval.bytes";
    let is = async |value: &str, default: bool| {
        world
            .visible(async || {
                let entry = entry(&world, broker.clone(), name).await;
                (entry.value.as_deref() == Some(value) && entry.is_default == default).then_some(())
            })
            .await;
    };
    is("4096", true).await;
    for (change, value, default) in [
        (AlterConfigs::new(ConfigResource::AllBrokers).set(name, "5000"), "5000", false),
        (AlterConfigs::new(broker.clone()).set(name, "6000"), "6000", false),
        (AlterConfigs::new(ConfigResource::AllBrokers).delete(name), "6000", false),
        (AlterConfigs::new(broker.clone()).delete(name), "4096", true),
    ] {
        assert_eq!(codes(&admin.alter_configs([change.clone()]).await), [None], "{change:?}");
        is(value, default).await;
    }
    let fixed = AlterConfigs::new(broker.clone()).set("log.dirs", "/elsewhere");
    assert_eq!(codes(&admin.alter_configs([fixed]).await), [Some(ErrorCode::INVALID_REQUEST)]);
    world.end().await;
}

#[tokio::test]
async fn what_has_a_configuration_is_listed_by_type() {
    let world = World::new().await;
    let name = world.topic("listed").await;
    let (admin, node) = (world.admin(), node(&world).await);
    let topics = admin.list_config_resources([ConfigResourceType::Topic]).await.unwrap();
    assert!(topics.contains(&topic(&name)));
    assert!(topics.iter().all(|resource| matches!(resource, ConfigResource::Topic(_))));
    let brokers = admin.list_config_resources([ConfigResourceType::Broker]).await.unwrap();
    assert!(brokers.contains(&ConfigResource::Broker(node)), "{brokers:?}");
    let all = admin.list_config_resources([]).await.unwrap();
    assert!(all.contains(&topic(&name)) && all.contains(&ConfigResource::Broker(node)), "{all:?}");
    world.end().await;
}
