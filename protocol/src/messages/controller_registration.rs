//! ControllerRegistration (70): a controller that starts tells the leading one of itself (KIP-919).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{NodeId, Uuid};
use crate::schema::messages;

messages! {
    /// Tells of a controller. `ControllerRegistrationRequest.json`.
    struct ControllerRegistrationRequest(
        CONTROLLER_REGISTRATION -> ControllerRegistrationResponse, 0..=0, flexible 0..
    ) {
        /// Its id.
        controller_id: NodeId = 0..;
        /// Identifies this run of the process.
        incarnation_id: Uuid = 0..;
        /// Whether it could take over from ZooKeeper.
        zk_migration_ready: bool = 0..;
        /// Where it listens.
        listeners: Vec<Listener> = 0..;
        /// Features it could use.
        features: Vec<Feature> = 0..;
    }

    /// Where a controller listens.
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

    /// A feature a controller could use.
    struct Feature {
        /// Its name, as in `metadata.version`.
        name: Str = 0..;
        /// The lowest level supported.
        min_supported_version: i16 = 0..;
        /// The highest level supported.
        max_supported_version: i16 = 0..;
    }

    /// Whether it is known now. `ControllerRegistrationResponse.json`.
    struct ControllerRegistrationResponse(0..=0, flexible 0..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// Why, for people.
        error_message: Option<Str> = 0..;
    }
}
