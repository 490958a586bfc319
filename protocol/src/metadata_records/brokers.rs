//! Brokers and whether they are alive.

use crate::Str;
use crate::ids::{BrokerEpoch, NodeId, Uuid};
use crate::schema::messages;

messages! {
    /// A broker registered. `RegisterBrokerRecord.json`; v1: controlled shutdown; v2: migration
    /// from ZooKeeper; v3: directories (KIP-858); v4: directories that take nothing new (KIP-1066).
    struct RegisterBrokerRecord(0..=4, flexible 0..) {
        /// Its id.
        broker_id: NodeId = 0..;
        /// Whether it was a broker of a ZooKeeper cluster.
        is_migrating_zk_broker: bool = 2.., or false;
        /// Identifies this run of the process.
        incarnation_id: Uuid = 0..;
        /// The offset of this record, by which the controller knows the registration.
        broker_epoch: BrokerEpoch = 0..;
        /// Where it listens.
        end_points: Vec<BrokerEndpoint> = 0..;
        /// Features it could use.
        features: Vec<BrokerFeature> = 0..;
        /// Its rack, if it has one.
        rack: Option<Str> = 0..;
        /// Whether it may not lead or be in sync yet.
        fenced: bool = 0.., or true;
        /// Whether it is shutting down in order.
        in_controlled_shutdown: bool = 1.., or false;
        /// Its log directories that are online.
        log_dirs: Vec<Uuid> = 3.., tag 0;
        /// Those of them that take nothing new; `None` until its first heartbeat says so.
        cordoned_log_dirs: Option<Vec<Uuid>> = 4.., tag 1;
    }

    /// Where a broker listens.
    struct BrokerEndpoint {
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
    struct BrokerFeature {
        /// Its name, as in `metadata.version`.
        name: Str = 0..;
        /// The lowest level supported.
        min_supported_version: i16 = 0..;
        /// The highest level supported.
        max_supported_version: i16 = 0..;
    }

    /// A broker changed; what is not said stays. `BrokerRegistrationChangeRecord.json`; v1:
    /// controlled shutdown; v2: directories (KIP-858); v3: those that take nothing new (KIP-1066).
    struct BrokerRegistrationChangeRecord(0..=3, flexible 0..) {
        /// Its id.
        broker_id: NodeId = 0..;
        /// Its registration.
        broker_epoch: BrokerEpoch = 0..;
        /// 1: it is fenced now; -1: it is not fenced any more; 0: unchanged.
        fenced: i8 = 0.., tag 0;
        /// 1: it is shutting down in order; 0: unchanged.
        in_controlled_shutdown: i8 = 1.., tag 1;
        /// Its log directories that are online.
        log_dirs: Vec<Uuid> = 2.., tag 2;
        /// Those of them that take nothing new; `None`: unchanged.
        cordoned_log_dirs: Option<Vec<Uuid>> = 3.., tag 3;
    }

    /// A broker may lead and be in sync. `UnfenceBrokerRecord.json`; newer clusters use
    /// [`BrokerRegistrationChangeRecord`].
    struct UnfenceBrokerRecord(0..=0, flexible 0..) {
        /// Its id.
        id: NodeId = 0..;
        /// Its registration.
        epoch: BrokerEpoch = 0..;
    }

    /// A broker may neither lead nor be in sync. `FenceBrokerRecord.json`; newer clusters use
    /// [`BrokerRegistrationChangeRecord`].
    struct FenceBrokerRecord(0..=0, flexible 0..) {
        /// Its id.
        id: NodeId = 0..;
        /// Its registration.
        epoch: BrokerEpoch = 0..;
    }

    /// A broker was forgotten. `UnregisterBrokerRecord.json`.
    struct UnregisterBrokerRecord(0..=0, flexible 0..) {
        /// Its id.
        broker_id: NodeId = 0..;
        /// Its registration.
        broker_epoch: BrokerEpoch = 0..;
    }
}
