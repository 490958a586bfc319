//! The list of all messages, once.

/// Calls the macro `$then` with every message there is, behind `$before`:
///
/// - `apis { Variant: module(Request, Response); .. }`, below [`messages`](crate::messages), by
///   ascending key;
/// - `messages { module::Message; .. }`, below [`messages`](crate::messages): what is neither
///   request nor response;
/// - `metadata_records { Variant(Record) = type; .. }`, below
///   [`metadata_records`](crate::metadata_records).
///
/// More groups may follow. The headers of requests and responses are not in it.
///
/// ```
/// macro_rules! names {
///     (apis { $( $variant:ident: $module:ident($request:ident, $response:ident); )* } $($_:tt)*) => {
///         [$( stringify!($variant) ),*]
///     };
/// }
/// assert!(ottla_protocol::with_every_message!(names).contains(&"Produce"));
/// ```
#[macro_export]
macro_rules! with_every_message {
    ($then:ident $($before:tt)*) => {
        $then! {
            $($before)*
            apis {
                Produce: produce(ProduceRequest, ProduceResponse);
                Fetch: fetch(FetchRequest, FetchResponse);
                ListOffsets: list_offsets(ListOffsetsRequest, ListOffsetsResponse);
                Metadata: metadata(MetadataRequest, MetadataResponse);
                FindCoordinator: find_coordinator(FindCoordinatorRequest, FindCoordinatorResponse);
                ApiVersions: api_versions(ApiVersionsRequest, ApiVersionsResponse);
                CreateTopics: create_topics(CreateTopicsRequest, CreateTopicsResponse);
                DeleteTopics: delete_topics(DeleteTopicsRequest, DeleteTopicsResponse);
                DeleteRecords: delete_records(DeleteRecordsRequest, DeleteRecordsResponse);
                InitProducerId: init_producer_id(InitProducerIdRequest, InitProducerIdResponse);
                OffsetForLeaderEpoch: offset_for_leader_epoch(
                    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse
                );
                DescribeAcls: describe_acls(DescribeAclsRequest, DescribeAclsResponse);
                CreateAcls: create_acls(CreateAclsRequest, CreateAclsResponse);
                DeleteAcls: delete_acls(DeleteAclsRequest, DeleteAclsResponse);
                DescribeConfigs: describe_configs(DescribeConfigsRequest, DescribeConfigsResponse);
                AlterConfigs: alter_configs(AlterConfigsRequest, AlterConfigsResponse);
                AlterReplicaLogDirs: alter_replica_log_dirs(
                    AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse
                );
                DescribeLogDirs: describe_log_dirs(DescribeLogDirsRequest, DescribeLogDirsResponse);
                CreatePartitions: create_partitions(
                    CreatePartitionsRequest, CreatePartitionsResponse
                );
                CreateDelegationToken: create_delegation_token(
                    CreateDelegationTokenRequest, CreateDelegationTokenResponse
                );
                RenewDelegationToken: renew_delegation_token(
                    RenewDelegationTokenRequest, RenewDelegationTokenResponse
                );
                ExpireDelegationToken: expire_delegation_token(
                    ExpireDelegationTokenRequest, ExpireDelegationTokenResponse
                );
                DescribeDelegationToken: describe_delegation_token(
                    DescribeDelegationTokenRequest, DescribeDelegationTokenResponse
                );
                ElectLeaders: elect_leaders(ElectLeadersRequest, ElectLeadersResponse);
                IncrementalAlterConfigs: incremental_alter_configs(
                    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse
                );
                AlterPartitionReassignments: alter_partition_reassignments(
                    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse
                );
                ListPartitionReassignments: list_partition_reassignments(
                    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse
                );
                DescribeClientQuotas: describe_client_quotas(
                    DescribeClientQuotasRequest, DescribeClientQuotasResponse
                );
                AlterClientQuotas: alter_client_quotas(
                    AlterClientQuotasRequest, AlterClientQuotasResponse
                );
                DescribeUserScramCredentials: describe_user_scram_credentials(
                    DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse
                );
                AlterUserScramCredentials: alter_user_scram_credentials(
                    AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse
                );
                Vote: vote(VoteRequest, VoteResponse);
                BeginQuorumEpoch: begin_quorum_epoch(
                    BeginQuorumEpochRequest, BeginQuorumEpochResponse
                );
                EndQuorumEpoch: end_quorum_epoch(EndQuorumEpochRequest, EndQuorumEpochResponse);
                DescribeQuorum: describe_quorum(DescribeQuorumRequest, DescribeQuorumResponse);
                AlterPartition: alter_partition(AlterPartitionRequest, AlterPartitionResponse);
                UpdateFeatures: update_features(UpdateFeaturesRequest, UpdateFeaturesResponse);
                Envelope: envelope(EnvelopeRequest, EnvelopeResponse);
                FetchSnapshot: fetch_snapshot(FetchSnapshotRequest, FetchSnapshotResponse);
                DescribeCluster: describe_cluster(DescribeClusterRequest, DescribeClusterResponse);
                DescribeProducers: describe_producers(
                    DescribeProducersRequest, DescribeProducersResponse
                );
                BrokerRegistration: broker_registration(
                    BrokerRegistrationRequest, BrokerRegistrationResponse
                );
                BrokerHeartbeat: broker_heartbeat(BrokerHeartbeatRequest, BrokerHeartbeatResponse);
                UnregisterBroker: unregister_broker(
                    UnregisterBrokerRequest, UnregisterBrokerResponse
                );
                AllocateProducerIds: allocate_producer_ids(
                    AllocateProducerIdsRequest, AllocateProducerIdsResponse
                );
                ControllerRegistration: controller_registration(
                    ControllerRegistrationRequest, ControllerRegistrationResponse
                );
                GetTelemetrySubscriptions: get_telemetry_subscriptions(
                    GetTelemetrySubscriptionsRequest, GetTelemetrySubscriptionsResponse
                );
                PushTelemetry: push_telemetry(PushTelemetryRequest, PushTelemetryResponse);
                AssignReplicasToDirs: assign_replicas_to_dirs(
                    AssignReplicasToDirsRequest, AssignReplicasToDirsResponse
                );
                ListConfigResources: list_config_resources(
                    ListConfigResourcesRequest, ListConfigResourcesResponse
                );
                DescribeTopicPartitions: describe_topic_partitions(
                    DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse
                );
                AddRaftVoter: add_raft_voter(AddRaftVoterRequest, AddRaftVoterResponse);
                RemoveRaftVoter: remove_raft_voter(RemoveRaftVoterRequest, RemoveRaftVoterResponse);
                UpdateRaftVoter: update_raft_voter(UpdateRaftVoterRequest, UpdateRaftVoterResponse);
                UnregisterController: unregister_controller(
                    UnregisterControllerRequest, UnregisterControllerResponse
                );
            }
            messages {
                aborted_txn::AbortedTxn;
                control_records::ControlRecordTypeSchema;
                control_records::EndTxnMarker;
                envelope::DefaultPrincipalData;
                leader_change::LeaderChangeMessage;
                snapshot::SnapshotHeaderRecord;
                snapshot::SnapshotFooterRecord;
                voters::KRaftVersionRecord;
                voters::VotersRecord;
            }
            metadata_records {
                RegisterBroker(RegisterBrokerRecord) = 0;
                UnregisterBroker(UnregisterBrokerRecord) = 1;
                Topic(TopicRecord) = 2;
                Partition(PartitionRecord) = 3;
                Config(ConfigRecord) = 4;
                PartitionChange(PartitionChangeRecord) = 5;
                FenceBroker(FenceBrokerRecord) = 7;
                UnfenceBroker(UnfenceBrokerRecord) = 8;
                RemoveTopic(RemoveTopicRecord) = 9;
                DelegationToken(DelegationTokenRecord) = 10;
                UserScramCredential(UserScramCredentialRecord) = 11;
                FeatureLevel(FeatureLevelRecord) = 12;
                ClientQuota(ClientQuotaRecord) = 14;
                ProducerIds(ProducerIdsRecord) = 15;
                BrokerRegistrationChange(BrokerRegistrationChangeRecord) = 17;
                AccessControlEntry(AccessControlEntryRecord) = 18;
                RemoveAccessControlEntry(RemoveAccessControlEntryRecord) = 19;
                NoOp(NoOpRecord) = 20;
                ZkMigrationState(ZkMigrationStateRecord) = 21;
                RemoveUserScramCredential(RemoveUserScramCredentialRecord) = 22;
                BeginTransaction(BeginTransactionRecord) = 23;
                EndTransaction(EndTransactionRecord) = 24;
                AbortTransaction(AbortTransactionRecord) = 25;
                RemoveDelegationToken(RemoveDelegationTokenRecord) = 26;
                RegisterController(RegisterControllerRecord) = 27;
                ClearElr(ClearElrRecord) = 28;
                UnregisterController(UnregisterControllerRecord) = 29;
            }
        }
    };
}
