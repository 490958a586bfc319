//! Administration: topics, partitions, the cluster, configurations.

use core::time::Duration;

mod configs;
mod describe;
mod describe_topics;
mod elections;
mod error;
mod features;
mod leaders;
mod list_offsets;
mod log_dirs;
mod partitions;
mod quorum;
mod quotas;
mod reassignments;
mod retry;
mod topics;

pub use configs::AlterConfigs;
pub use describe::{
    BrokerDescription, ClusterDescription, ConfigEntry, ConfigResource, ConfigResourceType,
    ConfigSource, ConfigType,
};
pub use describe_topics::{PartitionDescription, TopicDescription, TopicListing};
pub use elections::ElectionType;
pub use error::AdminError;
pub use features::{Features, UpdateFeature};
pub use list_offsets::{ListedOffset, OffsetSpec};
pub use log_dirs::{LogDir, LogDirReplica};
pub use partitions::{ActiveProducer, DeleteRecords};
pub use quorum::{QuorumDescription, QuorumEndpoint, QuorumNode, QuorumReplica};
pub use quotas::{ClientQuota, ClientQuotaFilter, QuotaEntityType};
pub use reassignments::PartitionReassignment;
pub use topics::{CreatedTopic, NewPartitions, NewTopic};

use crate::client::Client;
use crate::cluster::Cluster;

/// Administers a cluster. Cheap to clone; made by [`Client::admin`].
#[derive(Clone, Debug)]
pub struct Admin {
    cluster: Cluster,
    validate_only: bool,
}

impl Client {
    /// A handle to administer the cluster.
    #[must_use]
    pub fn admin(&self) -> Admin {
        Admin { cluster: self.cluster().clone(), validate_only: false }
    }
}

impl Admin {
    /// Lets the brokers check what is created or altered, and do nothing. Deletions and elections
    /// stay real.
    #[must_use]
    pub const fn validate_only(mut self) -> Self {
        self.validate_only = true;
        self
    }
}

/// The result of an operation on one item.
fn only<T>(results: Vec<Result<T, AdminError>>) -> Result<T, AdminError> {
    let missing = || Err(AdminError::Unanswered { item: String::new() });
    results.into_iter().next().unwrap_or_else(missing)
}

/// A wait as the wire carries it.
fn millis(wait: Duration) -> i32 {
    i32::try_from(wait.as_millis()).unwrap_or(i32::MAX)
}
