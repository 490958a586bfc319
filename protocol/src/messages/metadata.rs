//! Metadata (3): brokers, topics, partitions and who leads them.
//!
//! v1: null asks for all topics (v0: an empty list does). v9 is flexible. v12: topics may be asked
//! for by id; v10 and v11 carry ids but must not be asked by them. v13: a top-level error.

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{AuthorizedOperations, LeaderEpoch, NodeId, PartitionIndex, Uuid};
use crate::schema::messages;

messages! { hot;
    /// Asks for brokers and topics. `MetadataRequest.json`.
    struct MetadataRequest(METADATA -> MetadataResponse, 0..=13, flexible 9..) {
        /// `None`: all topics (v0 says so by an empty list); empty: no topics.
        topics: Option<Vec<MetadataRequestTopic>> = 0.., nullable 1.., or Some(Vec::new());
        /// Whether the broker may create topics that are missing.
        allow_auto_topic_creation: bool = 4.., or true;
        /// Whether to say what the caller may do to the cluster; later in DescribeCluster.
        include_cluster_authorized_operations: bool = 8..=10;
        /// Whether to say what the caller may do to each topic.
        include_topic_authorized_operations: bool = 8..;
    }

    /// A topic asked for, by name or by id.
    struct MetadataRequestTopic {
        /// Its id; zero if it is asked for by name.
        topic_id: Uuid = 10.. ignorable;
        /// Its name; `None` if it is asked for by id.
        name: Option<Str> = 0.., nullable 10.., or Some(Str::new());
    }

    /// Brokers and topics. `MetadataResponse.json`.
    struct MetadataResponse(0..=13, flexible 9..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 3.. ignorable;
        /// The brokers that are alive.
        brokers: Vec<MetadataResponseBroker> = 0..;
        /// The cluster's id.
        cluster_id: Option<Str> = 2.. ignorable;
        /// Where to send what changes the cluster; with KRaft any live broker.
        controller_id: Option<NodeId> = 1.. ignorable;
        /// Each topic asked for.
        topics: Vec<MetadataResponseTopic> = 0..;
        /// What the caller may do to the cluster, a bit for each operation.
        cluster_authorized_operations: Option<AuthorizedOperations> = 8..=10;
        /// Whether the request failed as a whole.
        error_code: ErrorCode = 13.. ignorable;
    }

    /// A broker that is alive.
    struct MetadataResponseBroker {
        /// Its id.
        node_id: NodeId = 0..;
        /// Its host, as it advertises itself.
        host: Str = 0..;
        /// Its port.
        port: i32 = 0..;
        /// Its rack, if it has one.
        rack: Option<Str> = 1.. ignorable;
    }

    /// A topic.
    struct MetadataResponseTopic {
        /// What is wrong with the topic.
        error_code: ErrorCode = 0..;
        /// Its name; `None` if it was asked for by an id that does not exist.
        name: Option<Str> = 0.., nullable 12.., or Some(Str::new());
        /// Its id; zero if it was asked for by a name that does not exist.
        topic_id: Uuid = 10.. ignorable;
        /// Whether it belongs to Kafka itself.
        is_internal: bool = 1.. ignorable, or false;
        /// Its partitions, in any order.
        partitions: Vec<MetadataResponsePartition> = 0..;
        /// What the caller may do to the topic, a bit for each operation.
        topic_authorized_operations: Option<AuthorizedOperations> = 8..;
    }

    /// A partition and who leads it.
    struct MetadataResponsePartition {
        /// What is wrong with the partition.
        error_code: ErrorCode = 0..;
        /// Its index.
        partition_index: PartitionIndex = 0..;
        /// Who leads it; `None` if nobody does.
        leader_id: Option<NodeId> = 0..;
        /// The epoch of that leader.
        leader_epoch: Option<LeaderEpoch> = 7.. ignorable;
        /// All its replicas, the preferred leader first.
        replica_nodes: Vec<NodeId> = 0..;
        /// The replicas that are in sync.
        isr_nodes: Vec<NodeId> = 0..;
        /// The replicas that are offline.
        offline_replicas: Vec<NodeId> = 5.. ignorable;
    }
}
