//! Messages written by their reflection alone, not by their encoder: a second opinion.

use bytes::Bytes;
use ottla_protocol::Message;
use ottla_protocol::schema::{Field, Type};

/// What to put where the schema leaves a choice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fill {
    /// Everything set, to something else than the default.
    Full,
    /// Everything that may be null is null; the rest is set.
    Null,
}

/// Writes a message of one version by walking over its fields.
pub(crate) struct Writer {
    pub(crate) version: i16,
    pub(crate) flexible: bool,
    pub(crate) fill: Fill,
    pub(crate) items: u32,
    pub(crate) out: Vec<u8>,
    next: u8,
}

impl Writer {
    pub(crate) fn new<M: Message>(version: i16, fill: Fill) -> Self {
        let flexible = M::FLEXIBLE_FROM.is_some_and(|from| version >= from);
        Self { version, flexible, fill, items: 2, out: Vec::new(), next: 2 }
    }

    /// A small number, another one each time; never 0, -1, -2 or any other declared default.
    fn number(&mut self) -> u8 {
        self.next = if self.next < 100 { self.next + 1 } else { 3 };
        self.next
    }

    pub(crate) fn uvarint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.out.push((value & 0x7f).to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.out.push(value.to_le_bytes()[0]);
    }

    pub(crate) fn length(&mut self, wide: bool, length: Option<u32>) {
        if self.flexible {
            return self.uvarint(length.map_or(0, |length| length + 1));
        }
        let bytes = length.unwrap_or(u32::MAX).to_be_bytes(); // null is -1
        self.out.extend_from_slice(if wide { &bytes } else { &bytes[2..] });
    }

    pub(crate) fn value(&mut self, kind: &Type, null: bool) {
        let size = match kind {
            Type::Bool => return self.out.push(1),
            Type::Int8 => 1,
            Type::Int16 | Type::Uint16 => 2,
            Type::Int32 | Type::Uint32 => 4,
            Type::Int64 | Type::Float64 => 8,
            Type::Uuid => 16,
            Type::String | Type::Bytes => {
                let wide = matches!(kind, Type::Bytes);
                let length = 1 + self.number() % 4;
                self.length(wide, (!null).then_some(length.into()));
                let text = &b"abcd"[..if null { 0 } else { length.into() }];
                return self.out.extend_from_slice(text);
            }
            Type::Array(item) => {
                self.length(true, (!null).then_some(self.items));
                for _ in 0..if null { 0 } else { self.items } {
                    self.value(item, false);
                }
                return;
            }
            Type::Struct { fields, .. } => return self.fields(fields),
        };
        self.out.extend(std::iter::repeat_n(0, size - 1));
        let number = self.number();
        self.out.push(number);
    }

    fn field(&mut self, field: &Field) {
        let nullable = field.nullable.is_some_and(|versions| versions.contains(self.version));
        let null = nullable && self.fill == Fill::Null;
        if field.nullable.is_some() && matches!(field.kind, Type::Struct { .. }) {
            self.out.push(if null { 0xff } else { 1 });
            if null {
                return;
            }
        }
        self.value(&field.kind, null);
    }

    pub(crate) fn fields(&mut self, fields: &[Field]) {
        let present = |field: &&Field| field.versions.contains(self.version);
        let present: Vec<&Field> = fields.iter().filter(present).collect();
        for field in present.iter().filter(|field| field.tag.is_none()) {
            self.field(field);
        }
        if self.flexible {
            // where null is the default, a null field is not written
            let mut tagged: Vec<(u32, &Field)> = present
                .iter()
                .filter(|field| self.fill == Fill::Full || field.nullable.is_none())
                .filter_map(|field| Some((field.tag?, *field)))
                .collect();
            tagged.sort_by_key(|(tag, _)| *tag);
            self.uvarint(tagged.len().try_into().unwrap());
            for (tag, field) in tagged {
                self.uvarint(tag);
                let outer = std::mem::take(&mut self.out);
                self.field(field);
                let body = std::mem::replace(&mut self.out, outer);
                self.uvarint(body.len().try_into().unwrap());
                self.out.extend(body);
            }
        }
    }
}

/// The bytes of a message with every field set, or null where it may be.
pub(crate) fn filled<M: Message>(version: i16, fill: Fill) -> Bytes {
    let mut writer = Writer::new::<M>(version, fill);
    writer.fields(M::FIELDS);
    writer.out.into()
}

/// Calls a function with every message there is.
macro_rules! for_every_message {
    ($function:ident $(, $argument:expr)*) => {{
        use ottla_protocol::messages::*;
        use ottla_protocol::metadata_records::*;
        for_every_message!(@ $function ($($argument),*):
            aborted_txn::AbortedTxn,
            add_raft_voter::AddRaftVoterRequest, add_raft_voter::AddRaftVoterResponse,
            allocate_producer_ids::AllocateProducerIdsRequest,
            allocate_producer_ids::AllocateProducerIdsResponse,
            alter_client_quotas::AlterClientQuotasRequest,
            alter_client_quotas::AlterClientQuotasResponse,
            alter_configs::AlterConfigsRequest, alter_configs::AlterConfigsResponse,
            alter_partition::AlterPartitionRequest, alter_partition::AlterPartitionResponse,
            alter_partition_reassignments::AlterPartitionReassignmentsRequest,
            alter_partition_reassignments::AlterPartitionReassignmentsResponse,
            alter_replica_log_dirs::AlterReplicaLogDirsRequest,
            alter_replica_log_dirs::AlterReplicaLogDirsResponse,
            alter_user_scram_credentials::AlterUserScramCredentialsRequest,
            alter_user_scram_credentials::AlterUserScramCredentialsResponse,
            api_versions::ApiVersionsRequest, api_versions::ApiVersionsResponse,
            assign_replicas_to_dirs::AssignReplicasToDirsRequest,
            assign_replicas_to_dirs::AssignReplicasToDirsResponse,
            begin_quorum_epoch::BeginQuorumEpochRequest,
            begin_quorum_epoch::BeginQuorumEpochResponse,
            broker_heartbeat::BrokerHeartbeatRequest, broker_heartbeat::BrokerHeartbeatResponse,
            broker_registration::BrokerRegistrationRequest,
            broker_registration::BrokerRegistrationResponse,
            control_records::ControlRecordTypeSchema, control_records::EndTxnMarker,
            controller_registration::ControllerRegistrationRequest,
            controller_registration::ControllerRegistrationResponse,
            create_acls::CreateAclsRequest, create_acls::CreateAclsResponse,
            create_delegation_token::CreateDelegationTokenRequest,
            create_delegation_token::CreateDelegationTokenResponse,
            create_partitions::CreatePartitionsRequest, create_partitions::CreatePartitionsResponse,
            create_topics::CreateTopicsRequest, create_topics::CreateTopicsResponse,
            delete_acls::DeleteAclsRequest, delete_acls::DeleteAclsResponse,
            delete_records::DeleteRecordsRequest, delete_records::DeleteRecordsResponse,
            delete_topics::DeleteTopicsRequest, delete_topics::DeleteTopicsResponse,
            describe_acls::DescribeAclsRequest, describe_acls::DescribeAclsResponse,
            describe_client_quotas::DescribeClientQuotasRequest,
            describe_client_quotas::DescribeClientQuotasResponse,
            describe_cluster::DescribeClusterRequest, describe_cluster::DescribeClusterResponse,
            describe_configs::DescribeConfigsRequest, describe_configs::DescribeConfigsResponse,
            describe_delegation_token::DescribeDelegationTokenRequest,
            describe_delegation_token::DescribeDelegationTokenResponse,
            describe_log_dirs::DescribeLogDirsRequest, describe_log_dirs::DescribeLogDirsResponse,
            describe_producers::DescribeProducersRequest,
            describe_producers::DescribeProducersResponse,
            describe_quorum::DescribeQuorumRequest, describe_quorum::DescribeQuorumResponse,
            describe_topic_partitions::DescribeTopicPartitionsRequest,
            describe_topic_partitions::DescribeTopicPartitionsResponse,
            describe_user_scram_credentials::DescribeUserScramCredentialsRequest,
            describe_user_scram_credentials::DescribeUserScramCredentialsResponse,
            elect_leaders::ElectLeadersRequest, elect_leaders::ElectLeadersResponse,
            end_quorum_epoch::EndQuorumEpochRequest, end_quorum_epoch::EndQuorumEpochResponse,
            envelope::EnvelopeRequest, envelope::EnvelopeResponse, envelope::DefaultPrincipalData,
            expire_delegation_token::ExpireDelegationTokenRequest,
            expire_delegation_token::ExpireDelegationTokenResponse,
            fetch::FetchRequest, fetch::FetchResponse,
            fetch_snapshot::FetchSnapshotRequest, fetch_snapshot::FetchSnapshotResponse,
            find_coordinator::FindCoordinatorRequest, find_coordinator::FindCoordinatorResponse,
            get_telemetry_subscriptions::GetTelemetrySubscriptionsRequest,
            get_telemetry_subscriptions::GetTelemetrySubscriptionsResponse,
            incremental_alter_configs::IncrementalAlterConfigsRequest,
            incremental_alter_configs::IncrementalAlterConfigsResponse,
            init_producer_id::InitProducerIdRequest, init_producer_id::InitProducerIdResponse,
            leader_change::LeaderChangeMessage,
            list_config_resources::ListConfigResourcesRequest,
            list_config_resources::ListConfigResourcesResponse,
            list_offsets::ListOffsetsRequest, list_offsets::ListOffsetsResponse,
            list_partition_reassignments::ListPartitionReassignmentsRequest,
            list_partition_reassignments::ListPartitionReassignmentsResponse,
            metadata::MetadataRequest, metadata::MetadataResponse,
            offset_for_leader_epoch::OffsetForLeaderEpochRequest,
            offset_for_leader_epoch::OffsetForLeaderEpochResponse,
            produce::ProduceRequest, produce::ProduceResponse,
            push_telemetry::PushTelemetryRequest, push_telemetry::PushTelemetryResponse,
            remove_raft_voter::RemoveRaftVoterRequest, remove_raft_voter::RemoveRaftVoterResponse,
            renew_delegation_token::RenewDelegationTokenRequest,
            renew_delegation_token::RenewDelegationTokenResponse,
            snapshot::SnapshotHeaderRecord, snapshot::SnapshotFooterRecord,
            unregister_broker::UnregisterBrokerRequest, unregister_broker::UnregisterBrokerResponse,
            unregister_controller::UnregisterControllerRequest,
            unregister_controller::UnregisterControllerResponse,
            update_features::UpdateFeaturesRequest, update_features::UpdateFeaturesResponse,
            update_raft_voter::UpdateRaftVoterRequest, update_raft_voter::UpdateRaftVoterResponse,
            vote::VoteRequest, vote::VoteResponse,
            voters::KRaftVersionRecord, voters::VotersRecord,
            AbortTransactionRecord, AccessControlEntryRecord, BeginTransactionRecord,
            BrokerRegistrationChangeRecord, ClearElrRecord, ClientQuotaRecord, ConfigRecord,
            DelegationTokenRecord, EndTransactionRecord, FeatureLevelRecord, FenceBrokerRecord,
            NoOpRecord, PartitionChangeRecord, PartitionRecord, ProducerIdsRecord,
            RegisterBrokerRecord, RegisterControllerRecord, RemoveAccessControlEntryRecord,
            RemoveDelegationTokenRecord, RemoveTopicRecord, RemoveUserScramCredentialRecord,
            TopicRecord, UnfenceBrokerRecord, UnregisterBrokerRecord, UnregisterControllerRecord,
            UserScramCredentialRecord, ZkMigrationStateRecord,
        );
    }};
    (@ $function:ident $arguments:tt: $($message:ty,)*) => {
        $( $function::<$message> $arguments; )*
    };
}

pub(crate) use for_every_message;
