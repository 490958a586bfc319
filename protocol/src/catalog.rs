//! The list of all messages, once.

/// Calls the macro `$then` with every message there is, behind `$before`:
///
/// - `apis { Variant: module(Request, Response); .. }`, below [`messages`](crate::messages), by
///   ascending key;
/// - `messages { module::Message; .. }`, below [`messages`](crate::messages): what is neither
///   request nor response;
/// - `metadata_records { Variant(Record) = type; .. }`, below
///   [`metadata_records`](crate::metadata_records);
/// - `coordinator_records { Keys, Values of "topic" { Name: module(Key, Value) = type; .. } .. }`,
///   below [`internal_records`](crate::internal_records), by topic;
/// - `internal_records { module::Message; .. }`, below the same: what has no key.
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
                OffsetCommit: offset_commit(OffsetCommitRequest, OffsetCommitResponse);
                OffsetFetch: offset_fetch(OffsetFetchRequest, OffsetFetchResponse);
                FindCoordinator: find_coordinator(FindCoordinatorRequest, FindCoordinatorResponse);
                JoinGroup: join_group(JoinGroupRequest, JoinGroupResponse);
                Heartbeat: heartbeat(HeartbeatRequest, HeartbeatResponse);
                LeaveGroup: leave_group(LeaveGroupRequest, LeaveGroupResponse);
                SyncGroup: sync_group(SyncGroupRequest, SyncGroupResponse);
                DescribeGroups: describe_groups(DescribeGroupsRequest, DescribeGroupsResponse);
                ListGroups: list_groups(ListGroupsRequest, ListGroupsResponse);
                SaslHandshake: sasl_handshake(SaslHandshakeRequest, SaslHandshakeResponse);
                ApiVersions: api_versions(ApiVersionsRequest, ApiVersionsResponse);
                CreateTopics: create_topics(CreateTopicsRequest, CreateTopicsResponse);
                DeleteTopics: delete_topics(DeleteTopicsRequest, DeleteTopicsResponse);
                DeleteRecords: delete_records(DeleteRecordsRequest, DeleteRecordsResponse);
                InitProducerId: init_producer_id(InitProducerIdRequest, InitProducerIdResponse);
                OffsetForLeaderEpoch: offset_for_leader_epoch(
                    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse
                );
                AddPartitionsToTxn: add_partitions_to_txn(
                    AddPartitionsToTxnRequest, AddPartitionsToTxnResponse
                );
                AddOffsetsToTxn: add_offsets_to_txn(
                    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse
                );
                EndTxn: end_txn(EndTxnRequest, EndTxnResponse);
                WriteTxnMarkers: write_txn_markers(WriteTxnMarkersRequest, WriteTxnMarkersResponse);
                TxnOffsetCommit: txn_offset_commit(TxnOffsetCommitRequest, TxnOffsetCommitResponse);
                DescribeAcls: describe_acls(DescribeAclsRequest, DescribeAclsResponse);
                CreateAcls: create_acls(CreateAclsRequest, CreateAclsResponse);
                DeleteAcls: delete_acls(DeleteAclsRequest, DeleteAclsResponse);
                DescribeConfigs: describe_configs(DescribeConfigsRequest, DescribeConfigsResponse);
                AlterConfigs: alter_configs(AlterConfigsRequest, AlterConfigsResponse);
                AlterReplicaLogDirs: alter_replica_log_dirs(
                    AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse
                );
                DescribeLogDirs: describe_log_dirs(DescribeLogDirsRequest, DescribeLogDirsResponse);
                SaslAuthenticate: sasl_authenticate(
                    SaslAuthenticateRequest, SaslAuthenticateResponse
                );
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
                DeleteGroups: delete_groups(DeleteGroupsRequest, DeleteGroupsResponse);
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
                OffsetDelete: offset_delete(OffsetDeleteRequest, OffsetDeleteResponse);
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
                DescribeTransactions: describe_transactions(
                    DescribeTransactionsRequest, DescribeTransactionsResponse
                );
                ListTransactions: list_transactions(
                    ListTransactionsRequest, ListTransactionsResponse
                );
                AllocateProducerIds: allocate_producer_ids(
                    AllocateProducerIdsRequest, AllocateProducerIdsResponse
                );
                ConsumerGroupHeartbeat: consumer_group_heartbeat(
                    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse
                );
                ConsumerGroupDescribe: consumer_group_describe(
                    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse
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
                ShareGroupHeartbeat: share_group_heartbeat(
                    ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse
                );
                ShareGroupDescribe: share_group_describe(
                    ShareGroupDescribeRequest, ShareGroupDescribeResponse
                );
                ShareFetch: share_fetch(ShareFetchRequest, ShareFetchResponse);
                ShareAcknowledge: share_acknowledge(
                    ShareAcknowledgeRequest, ShareAcknowledgeResponse
                );
                AddRaftVoter: add_raft_voter(AddRaftVoterRequest, AddRaftVoterResponse);
                RemoveRaftVoter: remove_raft_voter(RemoveRaftVoterRequest, RemoveRaftVoterResponse);
                UpdateRaftVoter: update_raft_voter(UpdateRaftVoterRequest, UpdateRaftVoterResponse);
                InitializeShareGroupState: initialize_share_group_state(
                    InitializeShareGroupStateRequest, InitializeShareGroupStateResponse
                );
                ReadShareGroupState: read_share_group_state(
                    ReadShareGroupStateRequest, ReadShareGroupStateResponse
                );
                WriteShareGroupState: write_share_group_state(
                    WriteShareGroupStateRequest, WriteShareGroupStateResponse
                );
                DeleteShareGroupState: delete_share_group_state(
                    DeleteShareGroupStateRequest, DeleteShareGroupStateResponse
                );
                ReadShareGroupStateSummary: read_share_group_state_summary(
                    ReadShareGroupStateSummaryRequest, ReadShareGroupStateSummaryResponse
                );
                StreamsGroupHeartbeat: streams_group_heartbeat(
                    StreamsGroupHeartbeatRequest, StreamsGroupHeartbeatResponse
                );
                StreamsGroupDescribe: streams_group_describe(
                    StreamsGroupDescribeRequest, StreamsGroupDescribeResponse
                );
                DescribeShareGroupOffsets: describe_share_group_offsets(
                    DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsResponse
                );
                AlterShareGroupOffsets: alter_share_group_offsets(
                    AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsResponse
                );
                DeleteShareGroupOffsets: delete_share_group_offsets(
                    DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsResponse
                );
                StreamsGroupTopologyDescriptionUpdate: streams_group_topology_description_update(
                    StreamsGroupTopologyDescriptionUpdateRequest,
                    StreamsGroupTopologyDescriptionUpdateResponse
                );
                UnregisterController: unregister_controller(
                    UnregisterControllerRequest, UnregisterControllerResponse
                );
            }
            messages {
                aborted_txn::AbortedTxn;
                consumer_protocol::ConsumerProtocolAssignment;
                consumer_protocol::ConsumerProtocolSubscription;
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
            coordinator_records {
                GroupRecordKey, GroupRecordValue of "__consumer_offsets" {
                    LegacyOffsetCommit: offsets(LegacyOffsetCommitKey, LegacyOffsetCommitValue) = 0;
                    OffsetCommit: offsets(OffsetCommitKey, OffsetCommitValue) = 1;
                    GroupMetadata: offsets(GroupMetadataKey, GroupMetadataValue) = 2;
                    ConsumerGroupMetadata: consumer_groups(
                        ConsumerGroupMetadataKey, ConsumerGroupMetadataValue
                    ) = 3;
                    ConsumerGroupPartitionMetadata: consumer_groups(
                        ConsumerGroupPartitionMetadataKey, ConsumerGroupPartitionMetadataValue
                    ) = 4;
                    ConsumerGroupMemberMetadata: consumer_groups(
                        ConsumerGroupMemberMetadataKey, ConsumerGroupMemberMetadataValue
                    ) = 5;
                    ConsumerGroupTargetAssignmentMetadata: consumer_groups(
                        ConsumerGroupTargetAssignmentMetadataKey,
                        ConsumerGroupTargetAssignmentMetadataValue
                    ) = 6;
                    ConsumerGroupTargetAssignmentMember: consumer_groups(
                        ConsumerGroupTargetAssignmentMemberKey,
                        ConsumerGroupTargetAssignmentMemberValue
                    ) = 7;
                    ConsumerGroupCurrentMemberAssignment: consumer_groups(
                        ConsumerGroupCurrentMemberAssignmentKey,
                        ConsumerGroupCurrentMemberAssignmentValue
                    ) = 8;
                    ShareGroupMemberMetadata: share_groups(
                        ShareGroupMemberMetadataKey, ShareGroupMemberMetadataValue
                    ) = 10;
                    ShareGroupMetadata: share_groups(
                        ShareGroupMetadataKey, ShareGroupMetadataValue
                    ) = 11;
                    ShareGroupTargetAssignmentMetadata: share_groups(
                        ShareGroupTargetAssignmentMetadataKey,
                        ShareGroupTargetAssignmentMetadataValue
                    ) = 12;
                    ShareGroupTargetAssignmentMember: share_groups(
                        ShareGroupTargetAssignmentMemberKey, ShareGroupTargetAssignmentMemberValue
                    ) = 13;
                    ShareGroupCurrentMemberAssignment: share_groups(
                        ShareGroupCurrentMemberAssignmentKey, ShareGroupCurrentMemberAssignmentValue
                    ) = 14;
                    ShareGroupStatePartitionMetadata: share_groups(
                        ShareGroupStatePartitionMetadataKey, ShareGroupStatePartitionMetadataValue
                    ) = 15;
                    ConsumerGroupRegularExpression: consumer_groups(
                        ConsumerGroupRegularExpressionKey, ConsumerGroupRegularExpressionValue
                    ) = 16;
                    StreamsGroupMetadata: streams_groups(
                        StreamsGroupMetadataKey, StreamsGroupMetadataValue
                    ) = 17;
                    StreamsGroupMemberMetadata: streams_groups(
                        StreamsGroupMemberMetadataKey, StreamsGroupMemberMetadataValue
                    ) = 19;
                    StreamsGroupTargetAssignmentMetadata: streams_groups(
                        StreamsGroupTargetAssignmentMetadataKey,
                        StreamsGroupTargetAssignmentMetadataValue
                    ) = 20;
                    StreamsGroupTargetAssignmentMember: streams_groups(
                        StreamsGroupTargetAssignmentMemberKey,
                        StreamsGroupTargetAssignmentMemberValue
                    ) = 21;
                    StreamsGroupCurrentMemberAssignment: streams_groups(
                        StreamsGroupCurrentMemberAssignmentKey,
                        StreamsGroupCurrentMemberAssignmentValue
                    ) = 22;
                    StreamsGroupTopology: streams_topologies(
                        StreamsGroupTopologyKey, StreamsGroupTopologyValue
                    ) = 23;
                }
                TransactionRecordKey, TransactionRecordValue of "__transaction_state" {
                    TransactionLog: transactions(TransactionLogKey, TransactionLogValue) = 0;
                }
                ShareRecordKey, ShareRecordValue of "__share_group_state" {
                    ShareSnapshot: share_state(ShareSnapshotKey, ShareSnapshotValue) = 0;
                    ShareUpdate: share_state(ShareUpdateKey, ShareUpdateValue) = 1;
                }
            }
            internal_records {
                files::ProducerSnapshot;
                files::QuorumStateData;
                remote_log::RemoteLogSegmentMetadataRecord;
                remote_log::RemoteLogSegmentMetadataUpdateRecord;
                remote_log::RemotePartitionDeleteMetadataRecord;
                remote_log::RemoteLogSegmentMetadataSnapshotRecord;
            }
        }
    };
}
