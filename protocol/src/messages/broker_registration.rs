//! BrokerRegistration (62): a broker that starts tells the controller of itself (KIP-631).
//!
//! v1: migration from ZooKeeper. v2: directories (KIP-858). v3: the registration before (KIP-966).
//! v4: features whose lowest level is 0 (KAFKA-17011).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{BrokerEpoch, NodeId, Uuid};
use crate::schema::messages;

messages! {
    /// Asks for a place in the cluster. `BrokerRegistrationRequest.json`.
    struct BrokerRegistrationRequest(
        BROKER_REGISTRATION -> BrokerRegistrationResponse, 0..=4, flexible 0..
    ) {
        /// The broker.
        broker_id: NodeId = 0..;
        /// The cluster it belongs to.
        cluster_id: Str = 0..;
        /// Identifies this run of the process.
        incarnation_id: Uuid = 0..;
        /// Where it listens.
        listeners: Vec<Listener> = 0..;
        /// Features it could use; before v4 without those whose lowest level is 0.
        features: Vec<Feature> = 0..;
        /// Its rack, if it has one.
        rack: Option<Str> = 0..;
        /// Whether it is a broker of a ZooKeeper cluster.
        is_migrating_zk_broker: bool = 1.., or false;
        /// Its log directories that are online.
        log_dirs: Vec<Uuid> = 2.. ignorable;
        /// The registration it had before it stopped in order; `None` if it did not.
        previous_broker_epoch: Option<BrokerEpoch> = 3.. ignorable;
    }

    /// Where a broker listens.
    struct Listener {
        /// The listener's name.
        name: Str = 0..;
        /// Its host.
        host: Str = 0..;
        /// Its port.
        port: u16 = 0..;
        /// 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL.
        security_protocol: i16 = 0..;
    }

    /// A feature a broker could use.
    struct Feature {
        /// Its name, as in `metadata.version`.
        name: Str = 0..;
        /// The lowest level supported.
        min_supported_version: i16 = 0..;
        /// The highest level supported.
        max_supported_version: i16 = 0..;
    }

    /// Whether the broker has its place. `BrokerRegistrationResponse.json`.
    struct BrokerRegistrationResponse(0..=4, flexible 0..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// Its registration; `None` if it has none.
        broker_epoch: Option<BrokerEpoch> = 0..;
    }
}
