//! DescribeLogDirs: how much each partition takes up. This broker has one directory.

use std::collections::{BTreeMap, BTreeSet};

use ottla_protocol::Str;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::PartitionIndex;
use ottla_protocol::messages::describe_log_dirs::{
    DescribeLogDirsPartition, DescribeLogDirsRequest, DescribeLogDirsResponse,
    DescribeLogDirsResult, DescribeLogDirsTopic,
};

use super::{Context, Handler};
use crate::log::disk::Volume;
use crate::net::Close;

/// From here on the reply says how large the volume is (KIP-827).
const NAMES_VOLUME: i16 = 4;

impl Handler for DescribeLogDirsRequest {
    async fn handle(self, context: &Context) -> Result<Option<DescribeLogDirsResponse>, Close> {
        let broker = &context.broker;
        let volume = (context.version >= NAMES_VOLUME).then(|| broker.volume()).flatten();
        let fault = context.verdict.error();
        // Kafka says nothing of the partitions in a directory that has failed
        let failed = broker.storage_failed().then_some(ErrorCode::KAFKA_STORAGE_ERROR);
        let error_code = fault.or(failed).unwrap_or(ErrorCode::NONE);
        // put in order first: both there and here may be many thousands
        let wanted = self.topics.as_ref().map(|topics| {
            let mut wanted: BTreeMap<&str, BTreeSet<PartitionIndex>> = BTreeMap::new();
            for topic in topics {
                wanted.entry(&topic.topic).or_default().extend(&topic.partitions);
            }
            wanted
        });
        let asked = |topic: &str, index| {
            let of = |wanted: &BTreeMap<_, BTreeSet<_>>| {
                wanted.get(topic).is_some_and(|wanted| wanted.contains(&index))
            };
            wanted.as_ref().is_none_or(of)
        };
        let mut topics: BTreeMap<Str, Vec<DescribeLogDirsPartition>> = BTreeMap::new();
        for partition in broker.replicas.partitions() {
            if error_code != ErrorCode::NONE || !asked(partition.topic(), partition.index()) {
                continue;
            }
            topics.entry(partition.topic().into()).or_default().push(DescribeLogDirsPartition {
                partition_index: partition.index(),
                partition_size: i64::try_from(partition.size()).unwrap_or(i64::MAX),
                offset_lag: Some(0), // what is appended is committed: there is no other replica
                is_future_key: false,
                ..Default::default()
            });
        }
        let topics = topics.into_iter().map(|(name, partitions)| DescribeLogDirsTopic {
            name,
            partitions,
            ..Default::default()
        });
        let bytes = |of: fn(&Volume) -> u64| {
            volume.as_ref().map(|volume| i64::try_from(of(volume)).unwrap_or(i64::MAX))
        };
        let result = DescribeLogDirsResult {
            error_code,
            log_dir: broker.data_dir().into(),
            topics: topics.collect(),
            total_bytes: bytes(|volume| volume.total_bytes),
            usable_bytes: bytes(|volume| volume.usable_bytes),
            ..Default::default()
        };
        let results = vec![result];
        let error_code = fault.unwrap_or(ErrorCode::NONE);
        Ok(Some(DescribeLogDirsResponse { error_code, results, ..Default::default() }))
    }
}
