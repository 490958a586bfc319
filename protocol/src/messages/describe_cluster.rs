//! DescribeCluster (60): the brokers, or the controllers (KIP-700).
//!
//! v1: controllers can be asked for (KIP-919). v2: fenced brokers too (KIP-1073).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{AuthorizedOperations, NodeId};
use crate::schema::messages;

/// `endpoint_type` of brokers.
pub const ENDPOINT_TYPE_BROKER: i8 = 1;
/// `endpoint_type` of controllers.
pub const ENDPOINT_TYPE_CONTROLLER: i8 = 2;

messages! {
    /// Asks who makes up the cluster. `DescribeClusterRequest.json`.
    struct DescribeClusterRequest(
        DESCRIBE_CLUSTER -> DescribeClusterResponse, 0..=2, flexible 0..
    ) {
        /// Whether to say what the caller may do to the cluster.
        include_cluster_authorized_operations: bool = 0..;
        /// Whom to name: brokers (1) or controllers (2).
        endpoint_type: i8 = 1.., or 1;
        /// Whether to name brokers that are fenced.
        include_fenced_brokers: bool = 2..;
    }

    /// Who makes up the cluster. `DescribeClusterResponse.json`.
    struct DescribeClusterResponse(0..=2, flexible 0..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// Why, for people.
        error_message: Option<Str> = 0..;
        /// Who is named: brokers (1) or controllers (2).
        endpoint_type: i8 = 1.., or 1;
        /// The cluster's id.
        cluster_id: Str = 0..;
        /// Where to send what changes the cluster; with KRaft any live broker.
        controller_id: Option<NodeId> = 0..;
        /// Each node.
        brokers: Vec<DescribeClusterBroker> = 0..;
        /// What the caller may do to the cluster, a bit for each operation.
        cluster_authorized_operations: Option<AuthorizedOperations> = 0..;
    }

    /// A node.
    struct DescribeClusterBroker {
        /// Its id.
        broker_id: NodeId = 0..;
        /// Its host, as it advertises itself.
        host: Str = 0..;
        /// Its port.
        port: i32 = 0..;
        /// Its rack, if it has one.
        rack: Option<Str> = 0..;
        /// Whether it is fenced.
        is_fenced: bool = 2..;
    }
}
