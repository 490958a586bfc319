//! What belongs to the cluster as a whole.

use crate::Str;
use crate::ids::{BrokerEpoch, NodeId, ProducerId};
use crate::schema::messages;

messages! {
    /// A configuration was set or removed. `ConfigRecord.json`.
    struct ConfigRecord(0..=0, flexible 0..) {
        /// What it belongs to; see [`describe_configs`](crate::messages::describe_configs).
        resource_type: i8 = 0..;
        /// The name of that.
        resource_name: Str = 0..;
        /// Kafka's name of the configuration.
        name: Str = 0..;
        /// Its value; `None`: removed.
        value: Option<Str> = 0..;
    }

    /// A block of producer ids was given to a broker. `ProducerIdsRecord.json`.
    struct ProducerIdsRecord(0..=0, flexible 0..) {
        /// The broker.
        broker_id: NodeId = 0..;
        /// Its registration.
        broker_epoch: Option<BrokerEpoch> = 0..;
        /// The first id behind the block.
        next_producer_id: ProducerId = 0..;
    }

    /// The level of a feature was finalized. `FeatureLevelRecord.json`.
    struct FeatureLevelRecord(0..=0, flexible 0..) {
        /// The feature, as in `metadata.version`.
        name: Str = 0..;
        /// Its level; 0: not used.
        feature_level: i16 = 0..;
    }

    /// Nothing; shows that the controller is alive. `NoOpRecord.json`.
    struct NoOpRecord(0..=0, flexible 0..) {}

    /// How far the migration from ZooKeeper is. `ZkMigrationRecord.json`.
    struct ZkMigrationStateRecord(0..=0, flexible 0..) {
        /// 0: there was none; 1: under way; 2: before it; 3: done.
        zk_migration_state: i8 = 0..;
    }
}
