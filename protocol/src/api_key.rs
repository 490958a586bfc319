//! Every API of Kafka 4.4.0: its key, name and versions, as one table.

use core::fmt;
use core::ops::RangeInclusive;

/// What a request asks for; the first number of a request header. Peers may send any number.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ApiKey(pub i16);

/// One row of the table of APIs.
#[derive(Clone, Debug)]
pub struct Api {
    /// Its key.
    pub key: ApiKey,
    /// Kafka's name.
    pub name: &'static str,
    /// The versions that Kafka 4.4.0 declares, of request and response.
    pub versions: RangeInclusive<i16>,
    /// The first version with tagged fields and compact lengths (KIP-482), if there is one.
    pub flexible_from: Option<i16>,
    /// What a Kafka 4.3.1 broker answers to ApiVersions on its broker listener, if it names the
    /// API there. Produce says 0, though versions below 3 are refused (KAFKA-18659).
    pub advertised: Option<RangeInclusive<i16>>,
}

macro_rules! apis {
    ($(
        $constant:ident = $key:literal, $name:ident, $first:literal ..= $last:literal
        $(, flexible $flexible:literal ..)? $(, advertised $low:literal ..= $high:literal)?;
    )*) => {
        impl ApiKey {$(
            #[doc = concat!("`", stringify!($name), "`")]
            pub const $constant: Self = Self($key);
        )*}

        /// All APIs, by ascending key.
        pub static APIS: &[Api] = &[$( Api {
            key: ApiKey($key),
            name: stringify!($name),
            versions: $first..=$last,
            flexible_from: apis!(@option $($flexible)?),
            advertised: apis!(@option $($low..=$high)?),
        }, )*];
    };
    (@option) => { None };
    (@option $value:expr) => { Some($value) };
}

apis! {
    PRODUCE = 0, Produce, 3..=13, flexible 9.., advertised 0..=13;
    FETCH = 1, Fetch, 4..=18, flexible 12.., advertised 4..=18;
    LIST_OFFSETS = 2, ListOffsets, 1..=11, flexible 6.., advertised 1..=11;
    METADATA = 3, Metadata, 0..=13, flexible 9.., advertised 0..=13;
    OFFSET_COMMIT = 8, OffsetCommit, 2..=10, flexible 8.., advertised 2..=10;
    OFFSET_FETCH = 9, OffsetFetch, 1..=10, flexible 6.., advertised 1..=10;
    FIND_COORDINATOR = 10, FindCoordinator, 0..=6, flexible 3.., advertised 0..=6;
    JOIN_GROUP = 11, JoinGroup, 0..=9, flexible 6.., advertised 0..=9;
    HEARTBEAT = 12, Heartbeat, 0..=4, flexible 4.., advertised 0..=4;
    LEAVE_GROUP = 13, LeaveGroup, 0..=5, flexible 4.., advertised 0..=5;
    SYNC_GROUP = 14, SyncGroup, 0..=5, flexible 4.., advertised 0..=5;
    DESCRIBE_GROUPS = 15, DescribeGroups, 0..=6, flexible 5.., advertised 0..=6;
    LIST_GROUPS = 16, ListGroups, 0..=5, flexible 3.., advertised 0..=5;
    SASL_HANDSHAKE = 17, SaslHandshake, 0..=1, advertised 0..=1;
    API_VERSIONS = 18, ApiVersions, 0..=5, flexible 3.., advertised 0..=4;
    CREATE_TOPICS = 19, CreateTopics, 2..=7, flexible 5.., advertised 2..=7;
    DELETE_TOPICS = 20, DeleteTopics, 1..=6, flexible 4.., advertised 1..=6;
    DELETE_RECORDS = 21, DeleteRecords, 0..=2, flexible 2.., advertised 0..=2;
    INIT_PRODUCER_ID = 22, InitProducerId, 0..=6, flexible 2.., advertised 0..=5;
    OFFSET_FOR_LEADER_EPOCH = 23, OffsetForLeaderEpoch, 2..=4, flexible 4.., advertised 2..=4;
    ADD_PARTITIONS_TO_TXN = 24, AddPartitionsToTxn, 0..=5, flexible 3.., advertised 0..=5;
    ADD_OFFSETS_TO_TXN = 25, AddOffsetsToTxn, 0..=4, flexible 3.., advertised 0..=4;
    END_TXN = 26, EndTxn, 0..=5, flexible 3.., advertised 0..=5;
    WRITE_TXN_MARKERS = 27, WriteTxnMarkers, 1..=2, flexible 1.., advertised 1..=2;
    TXN_OFFSET_COMMIT = 28, TxnOffsetCommit, 0..=6, flexible 3.., advertised 0..=5;
    DESCRIBE_ACLS = 29, DescribeAcls, 1..=3, flexible 2.., advertised 1..=3;
    CREATE_ACLS = 30, CreateAcls, 1..=3, flexible 2.., advertised 1..=3;
    DELETE_ACLS = 31, DeleteAcls, 1..=3, flexible 2.., advertised 1..=3;
    DESCRIBE_CONFIGS = 32, DescribeConfigs, 1..=4, flexible 4.., advertised 1..=4;
    ALTER_CONFIGS = 33, AlterConfigs, 0..=2, flexible 2.., advertised 0..=2;
    ALTER_REPLICA_LOG_DIRS = 34, AlterReplicaLogDirs, 1..=2, flexible 2.., advertised 1..=2;
    DESCRIBE_LOG_DIRS = 35, DescribeLogDirs, 1..=5, flexible 2.., advertised 1..=5;
    SASL_AUTHENTICATE = 36, SaslAuthenticate, 0..=2, flexible 2.., advertised 0..=2;
    CREATE_PARTITIONS = 37, CreatePartitions, 0..=3, flexible 2.., advertised 0..=3;
    CREATE_DELEGATION_TOKEN = 38, CreateDelegationToken, 1..=3, flexible 2.., advertised 1..=3;
    RENEW_DELEGATION_TOKEN = 39, RenewDelegationToken, 1..=2, flexible 2.., advertised 1..=2;
    EXPIRE_DELEGATION_TOKEN = 40, ExpireDelegationToken, 1..=2, flexible 2.., advertised 1..=2;
    DESCRIBE_DELEGATION_TOKEN = 41, DescribeDelegationToken, 1..=3, flexible 2.., advertised 1..=3;
    DELETE_GROUPS = 42, DeleteGroups, 0..=3, flexible 2.., advertised 0..=2;
    ELECT_LEADERS = 43, ElectLeaders, 0..=2, flexible 2.., advertised 0..=2;
    INCREMENTAL_ALTER_CONFIGS = 44, IncrementalAlterConfigs, 0..=1, flexible 1.., advertised 0..=1;
    ALTER_PARTITION_REASSIGNMENTS = 45, AlterPartitionReassignments, 0..=1, flexible 0..,
        advertised 0..=1;
    LIST_PARTITION_REASSIGNMENTS = 46, ListPartitionReassignments, 0..=0, flexible 0..,
        advertised 0..=0;
    OFFSET_DELETE = 47, OffsetDelete, 0..=0, advertised 0..=0;
    DESCRIBE_CLIENT_QUOTAS = 48, DescribeClientQuotas, 0..=1, flexible 1.., advertised 0..=1;
    ALTER_CLIENT_QUOTAS = 49, AlterClientQuotas, 0..=1, flexible 1.., advertised 0..=1;
    DESCRIBE_USER_SCRAM_CREDENTIALS = 50, DescribeUserScramCredentials, 0..=0, flexible 0..,
        advertised 0..=0;
    ALTER_USER_SCRAM_CREDENTIALS = 51, AlterUserScramCredentials, 0..=0, flexible 0..,
        advertised 0..=0;
    VOTE = 52, Vote, 0..=2, flexible 0..;
    BEGIN_QUORUM_EPOCH = 53, BeginQuorumEpoch, 0..=1, flexible 1..;
    END_QUORUM_EPOCH = 54, EndQuorumEpoch, 0..=1, flexible 1..;
    DESCRIBE_QUORUM = 55, DescribeQuorum, 0..=2, flexible 0.., advertised 0..=2;
    ALTER_PARTITION = 56, AlterPartition, 2..=3, flexible 0..;
    UPDATE_FEATURES = 57, UpdateFeatures, 0..=2, flexible 0.., advertised 0..=2;
    ENVELOPE = 58, Envelope, 0..=0, flexible 0..;
    FETCH_SNAPSHOT = 59, FetchSnapshot, 0..=1, flexible 0..;
    DESCRIBE_CLUSTER = 60, DescribeCluster, 0..=2, flexible 0.., advertised 0..=2;
    DESCRIBE_PRODUCERS = 61, DescribeProducers, 0..=0, flexible 0.., advertised 0..=0;
    BROKER_REGISTRATION = 62, BrokerRegistration, 0..=4, flexible 0..;
    BROKER_HEARTBEAT = 63, BrokerHeartbeat, 0..=2, flexible 0..;
    UNREGISTER_BROKER = 64, UnregisterBroker, 0..=0, flexible 0.., advertised 0..=0;
    DESCRIBE_TRANSACTIONS = 65, DescribeTransactions, 0..=0, flexible 0.., advertised 0..=0;
    LIST_TRANSACTIONS = 66, ListTransactions, 0..=2, flexible 0.., advertised 0..=2;
    ALLOCATE_PRODUCER_IDS = 67, AllocateProducerIds, 0..=0, flexible 0..;
    CONSUMER_GROUP_HEARTBEAT = 68, ConsumerGroupHeartbeat, 0..=1, flexible 0.., advertised 0..=1;
    CONSUMER_GROUP_DESCRIBE = 69, ConsumerGroupDescribe, 0..=1, flexible 0.., advertised 0..=1;
    CONTROLLER_REGISTRATION = 70, ControllerRegistration, 0..=0, flexible 0..;
    GET_TELEMETRY_SUBSCRIPTIONS = 71, GetTelemetrySubscriptions, 0..=0, flexible 0..;
    PUSH_TELEMETRY = 72, PushTelemetry, 0..=0, flexible 0..;
    ASSIGN_REPLICAS_TO_DIRS = 73, AssignReplicasToDirs, 0..=0, flexible 0..;
    LIST_CONFIG_RESOURCES = 74, ListConfigResources, 0..=1, flexible 0.., advertised 0..=1;
    DESCRIBE_TOPIC_PARTITIONS = 75, DescribeTopicPartitions, 0..=0, flexible 0.., advertised 0..=0;
    SHARE_GROUP_HEARTBEAT = 76, ShareGroupHeartbeat, 1..=1, flexible 0.., advertised 1..=1;
    SHARE_GROUP_DESCRIBE = 77, ShareGroupDescribe, 1..=1, flexible 0.., advertised 1..=1;
    SHARE_FETCH = 78, ShareFetch, 1..=2, flexible 0.., advertised 1..=2;
    SHARE_ACKNOWLEDGE = 79, ShareAcknowledge, 1..=2, flexible 0.., advertised 1..=2;
    ADD_RAFT_VOTER = 80, AddRaftVoter, 0..=1, flexible 0.., advertised 0..=1;
    REMOVE_RAFT_VOTER = 81, RemoveRaftVoter, 0..=0, flexible 0.., advertised 0..=0;
    UPDATE_RAFT_VOTER = 82, UpdateRaftVoter, 0..=0, flexible 0..;
    INITIALIZE_SHARE_GROUP_STATE = 83, InitializeShareGroupState, 0..=0, flexible 0..,
        advertised 0..=0;
    READ_SHARE_GROUP_STATE = 84, ReadShareGroupState, 0..=0, flexible 0.., advertised 0..=0;
    WRITE_SHARE_GROUP_STATE = 85, WriteShareGroupState, 0..=1, flexible 0.., advertised 0..=1;
    DELETE_SHARE_GROUP_STATE = 86, DeleteShareGroupState, 0..=0, flexible 0.., advertised 0..=0;
    READ_SHARE_GROUP_STATE_SUMMARY = 87, ReadShareGroupStateSummary, 0..=1, flexible 0..,
        advertised 0..=1;
    STREAMS_GROUP_HEARTBEAT = 88, StreamsGroupHeartbeat, 0..=1, flexible 0.., advertised 0..=0;
    STREAMS_GROUP_DESCRIBE = 89, StreamsGroupDescribe, 0..=1, flexible 0.., advertised 0..=0;
    DESCRIBE_SHARE_GROUP_OFFSETS = 90, DescribeShareGroupOffsets, 0..=1, flexible 0..,
        advertised 0..=1;
    ALTER_SHARE_GROUP_OFFSETS = 91, AlterShareGroupOffsets, 0..=0, flexible 0.., advertised 0..=0;
    DELETE_SHARE_GROUP_OFFSETS = 92, DeleteShareGroupOffsets, 0..=0, flexible 0.., advertised 0..=0;
    STREAMS_GROUP_TOPOLOGY_DESCRIPTION_UPDATE = 93, StreamsGroupTopologyDescriptionUpdate, 0..=0,
        flexible 0..;
    UNREGISTER_CONTROLLER = 94, UnregisterController, 0..=0, flexible 0..;
}

impl ApiKey {
    /// Its row in [`APIS`]; `None` if Kafka 4.4.0 has no such API.
    #[must_use]
    pub fn api(self) -> Option<&'static Api> {
        APIS.binary_search_by_key(&self, |api| api.key).ok().and_then(|row| APIS.get(row))
    }

    /// Kafka's name; "Unknown" if Kafka 4.4.0 has no such API.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.api().map_or("Unknown", |api| api.name)
    }

    /// Whether `version` has tagged fields and compact lengths (KIP-482).
    ///
    /// Also answers for versions that are not declared, so that their headers can be read.
    #[must_use]
    pub fn is_flexible(self, version: i16) -> bool {
        self.api().and_then(|api| api.flexible_from).is_some_and(|from| version >= from)
    }
}

impl fmt::Display for ApiKey {
    /// As in `Produce (0)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_every_advertised_range_but_produce_is_declared() {
        assert!(APIS.is_sorted_by(|a, b| a.key < b.key));
        for api in APIS {
            let Some(advertised) = &api.advertised else { continue };
            assert!(advertised.end() <= api.versions.end(), "{}", api.name);
            if api.key != ApiKey::PRODUCE {
                assert!(advertised.start() >= api.versions.start(), "{}", api.name);
            }
        }
    }

    #[test]
    fn an_unknown_key_survives_and_says_so() {
        assert_eq!(ApiKey::PRODUCE.to_string(), "Produce (0)");
        assert_eq!(ApiKey(5).to_string(), "Unknown (5)");
        assert!(ApiKey::API_VERSIONS.is_flexible(99));
        assert!(!ApiKey::SASL_HANDSHAKE.is_flexible(99));
    }
}
