//! The events of the metadata ledger are Kafka's metadata records; here is how they are made, and in
//! which versions they are written.

use bytes::Bytes;
use ottla_protocol::Str;
use ottla_protocol::error::EncodeError;
use ottla_protocol::ids::{
    BrokerEpoch, LeaderEpoch, NodeId, PartitionEpoch, PartitionIndex, ProducerId, Uuid,
};
pub(crate) use ottla_protocol::metadata_records::MetadataRecord as Event;
use ottla_protocol::metadata_records::{
    BrokerEndpoint, BrokerRegistrationChangeRecord, ConfigRecord, FeatureLevelRecord, LeaderChange,
    PartitionChangeRecord, PartitionRecord, ProducerIdsRecord, RegisterBrokerRecord,
    RemoveTopicRecord, TopicRecord,
};

use super::ledger::Registration;

/// The `metadata.version` of what is written: 4.0-IV3, the level of Kafka 4.0.
pub(crate) const METADATA_VERSION: (&str, i16) = ("metadata.version", 25);
/// `SecurityProtocol.PLAINTEXT`.
const PLAINTEXT: i16 = 0;

/// The value of an event's record in the metadata log.
pub(crate) fn encode(event: &Event) -> Result<Bytes, EncodeError> {
    // what METADATA_VERSION says
    let version = match event {
        Event::RegisterBroker(_) => 3,
        Event::BrokerRegistrationChange(_) => 2,
        Event::Partition(_) | Event::PartitionChange(_) => 1,
        _ => 0,
    };
    event.encode(version)
}

pub(super) fn register_broker(registration: &Registration, epoch: BrokerEpoch) -> Event {
    Event::RegisterBroker(RegisterBrokerRecord {
        broker_id: registration.id,
        incarnation_id: registration.incarnation,
        broker_epoch: epoch,
        end_points: vec![BrokerEndpoint {
            name: Str::from_static("PLAINTEXT"),
            host: registration.host.clone(),
            port: registration.port,
            security_protocol: PLAINTEXT,
            ..Default::default()
        }],
        fenced: true,
        log_dirs: vec![registration.log_dir],
        ..Default::default()
    })
}

pub(super) fn unfence(id: NodeId, epoch: BrokerEpoch) -> Event {
    Event::BrokerRegistrationChange(BrokerRegistrationChangeRecord {
        broker_id: id,
        broker_epoch: epoch,
        fenced: -1,
        ..Default::default()
    })
}

pub(super) fn feature_level(name: &Str, level: i16) -> Event {
    Event::FeatureLevel(FeatureLevelRecord {
        name: name.clone(),
        feature_level: level,
        ..Default::default()
    })
}

pub(crate) fn topic(name: &Str, id: Uuid) -> Event {
    Event::Topic(TopicRecord { name: name.clone(), topic_id: id, ..Default::default() })
}

pub(super) fn remove_topic(id: Uuid) -> Event {
    Event::RemoveTopic(RemoveTopicRecord { topic_id: id, ..Default::default() })
}

pub(crate) fn config(kind: i8, resource: &Str, name: &Str, value: Option<&Str>) -> Event {
    Event::Config(ConfigRecord {
        resource_type: kind,
        resource_name: resource.clone(),
        name: name.clone(),
        value: value.cloned(),
        ..Default::default()
    })
}

/// A new partition: the first replica leads, all are in sync. Directories stay unassigned
/// (`DirectoryId.UNASSIGNED`): a broker of ours has one.
pub(crate) fn partition(topic: Uuid, index: PartitionIndex, replicas: Vec<NodeId>) -> Event {
    Event::Partition(PartitionRecord {
        partition_id: index,
        topic_id: topic,
        isr: replicas.clone(),
        leader: replicas.first().copied(),
        leader_epoch: LeaderEpoch(0),
        partition_epoch: PartitionEpoch(0),
        directories: vec![Uuid::ZERO; replicas.len()],
        replicas,
        ..Default::default()
    })
}

pub(super) fn new_leader(topic: Uuid, index: i32, leader: NodeId) -> Event {
    Event::PartitionChange(PartitionChangeRecord {
        partition_id: PartitionIndex(index),
        topic_id: topic,
        leader: LeaderChange::Elected(leader),
        ..Default::default()
    })
}

pub(super) fn producer_ids(id: NodeId, epoch: BrokerEpoch, next: ProducerId) -> Event {
    Event::ProducerIds(ProducerIdsRecord {
        broker_id: id,
        broker_epoch: Some(epoch),
        next_producer_id: next,
        ..Default::default()
    })
}
