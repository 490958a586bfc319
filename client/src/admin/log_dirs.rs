//! What brokers have on their disks.

use ottla_protocol::ids::{NodeId, PartitionIndex};
use ottla_protocol::messages::describe_log_dirs::{
    DescribeLogDirsRequest, DescribeLogDirsResponse, DescribeLogDirsResult,
};
use ottla_protocol::{ErrorCode, Str};

use super::error::AdminError;
use super::retry::{Operation, Refusal, Reply, Whom};
use super::{Admin, only};
use crate::net::connection::Connection;

/// A directory in which a broker keeps logs.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct LogDir {
    /// Its path.
    pub path: String,
    /// Why it cannot be used, if it cannot: `KAFKA_STORAGE_ERROR`.
    pub error: Option<ErrorCode>,
    /// How large its volume is, in bytes; `None` from brokers before Kafka 3.3.
    pub total_bytes: Option<u64>,
    /// How much of it is free, in bytes; `None` from brokers before Kafka 3.3.
    pub usable_bytes: Option<u64>,
    /// The logs in it, by topic and partition.
    pub replicas: Vec<LogDirReplica>,
}

/// One log of a broker.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct LogDirReplica {
    /// Its topic.
    pub topic: String,
    /// Its partition.
    pub partition: PartitionIndex,
    /// Its size in bytes.
    pub bytes: u64,
    /// How many offsets it is behind the partition's high watermark, or, if it is
    /// [future](Self::is_future), behind the log it shall replace; `None` if the broker does not
    /// know.
    pub offset_lag: Option<u64>,
    /// Whether it is being made, to replace the log in another directory.
    pub is_future: bool,
}

impl Admin {
    /// What brokers have on their disks; gives the result of each, in the same order. A broker that
    /// the cluster does not name is [`CallError::UnknownNode`](crate::CallError). Cancel safe.
    pub async fn describe_log_dirs(
        &self,
        brokers: impl IntoIterator<Item = NodeId>,
    ) -> Vec<Result<Vec<LogDir>, AdminError>> {
        let each = brokers.into_iter().map(|broker| self.log_dirs_of(broker));
        futures::future::join_all(each).await
    }

    async fn log_dirs_of(&self, broker: NodeId) -> Result<Vec<LogDir>, AdminError> {
        let cluster = &self.cluster;
        let item = Str::from(format!("broker {broker}"));
        let operation = Operation { cluster, whom: Whom::Broker(broker), name: |item: &Str| item };
        let ask = |connection: &Connection, _, timeout| {
            let request = DescribeLogDirsRequest { topics: None, ..Default::default() };
            connection.call(request, timeout)
        };
        let name = item.clone();
        let read = move |response: DescribeLogDirsResponse| {
            let dirs = response.results.into_iter().map(log_dir);
            let result =
                Refusal::check(response.error_code, None).map(|()| dirs.collect::<Vec<_>>());
            vec![Reply { name: name.clone(), result }]
        };
        only(operation.run::<DescribeLogDirsRequest, _>(vec![item], ask, read).await)
    }
}

fn log_dir(dir: DescribeLogDirsResult) -> LogDir {
    let some = |bytes: i64| u64::try_from(bytes).ok();
    let mut replicas = Vec::new();
    for topic in dir.topics {
        for p in topic.partitions {
            replicas.push(LogDirReplica {
                topic: topic.name.to_string(),
                partition: p.partition_index,
                bytes: some(p.partition_size).unwrap_or(0),
                offset_lag: p.offset_lag.and_then(some),
                is_future: p.is_future_key,
            });
        }
    }
    replicas.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
    LogDir {
        path: dir.log_dir.to_string(),
        error: Some(dir.error_code).filter(|&code| code != ErrorCode::NONE),
        total_bytes: dir.total_bytes.and_then(some),
        usable_bytes: dir.usable_bytes.and_then(some),
        replicas,
    }
}
