//! How records change partitions and settings.

use std::sync::Arc;

use ottla_protocol::ids::{LeaderEpoch, PartitionEpoch};
use ottla_protocol::metadata_records::{
    ConfigRecord, LeaderChange, PartitionChangeRecord, PartitionRecord,
};

use super::{Image, Partition, own};

impl Image {
    pub(super) fn add_partition(&mut self, record: &PartitionRecord) {
        let Some(topic) = self.topic_mut(record.topic_id) else { return };
        let partition = Partition {
            replicas: record.replicas.clone(),
            isr: record.isr.clone(),
            leader: record.leader,
            leader_epoch: record.leader_epoch,
            partition_epoch: record.partition_epoch,
        };
        let index = usize::try_from(record.partition_id.0).ok();
        // partitions are numbered without gaps, and decided in order
        if index == Some(topic.partitions.len()) {
            topic.partitions.push(partition);
        } else if let Some(known) = index.and_then(|i| topic.partitions.get_mut(i)) {
            *known = partition;
        }
    }

    pub(super) fn change_partition(&mut self, record: &PartitionChangeRecord) {
        let Some(topic) = self.topic_mut(record.topic_id) else { return };
        let index = usize::try_from(record.partition_id.0).ok();
        let Some(partition) = index.and_then(|i| topic.partitions.get_mut(i)) else { return };
        if let Some(isr) = &record.isr {
            partition.isr.clone_from(isr);
        }
        if let Some(replicas) = &record.replicas {
            partition.replicas.clone_from(replicas);
        }
        let leader = match record.leader {
            LeaderChange::Unchanged => partition.leader,
            LeaderChange::Nobody => None,
            LeaderChange::Elected(id) => (id.0 >= 0).then_some(id),
        };
        if record.leader != LeaderChange::Unchanged {
            partition.leader = leader;
            partition.leader_epoch = LeaderEpoch(partition.leader_epoch.0.saturating_add(1));
        }
        partition.partition_epoch = PartitionEpoch(partition.partition_epoch.0.saturating_add(1));
    }

    pub(super) fn configure(&mut self, record: &ConfigRecord) {
        let key = (record.resource_type, own(&record.resource_name));
        let settings = Arc::make_mut(self.configs.entry(key.clone()).or_default());
        match &record.value {
            Some(value) => {
                settings.insert(record.name.to_string(), value.to_string());
            }
            None => {
                settings.remove(record.name.as_ref() as &str);
            }
        }
        if settings.is_empty() {
            self.configs.remove(&key);
        }
    }
}
