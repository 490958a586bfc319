//! Controllers, as they register with the one that leads.

use crate::Str;
use crate::ids::{NodeId, Uuid};
use crate::schema::messages;

messages! {
    /// A controller registered. `RegisterControllerRecord.json`.
    struct RegisterControllerRecord(0..=0, flexible 0..) {
        /// Its id.
        controller_id: NodeId = 0..;
        /// Identifies this run of the process.
        incarnation_id: Uuid = 0..;
        /// Whether it could take over from ZooKeeper.
        zk_migration_ready: bool = 0..;
        /// Where it listens.
        end_points: Vec<ControllerEndpoint> = 0..;
        /// Features it could use.
        features: Vec<ControllerFeature> = 0..;
    }

    /// Where a controller listens.
    struct ControllerEndpoint {
        /// The listener's name.
        name: Str = 0..;
        /// Its host.
        host: Str = 0..;
        /// Its port.
        port: u16 = 0..;
        /// 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL.
        security_protocol: i16 = 0..;
    }

    /// A feature a controller could use.
    struct ControllerFeature {
        /// Its name, as in `metadata.version`.
        name: Str = 0..;
        /// The lowest level supported.
        min_supported_version: i16 = 0..;
        /// The highest level supported.
        max_supported_version: i16 = 0..;
    }

    /// A controller was forgotten. `UnregisterControllerRecord.json`.
    struct UnregisterControllerRecord(0..=0, flexible 0..) {
        /// Its id.
        controller_id: NodeId = 0..;
    }
}
