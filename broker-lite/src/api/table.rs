//! Which APIs are served and by whom.

use ottla_protocol::messages::alter_configs::AlterConfigsRequest;
use ottla_protocol::messages::api_versions::ApiVersionsRequest;
use ottla_protocol::messages::create_partitions::CreatePartitionsRequest;
use ottla_protocol::messages::create_topics::CreateTopicsRequest;
use ottla_protocol::messages::delete_records::DeleteRecordsRequest;
use ottla_protocol::messages::delete_topics::DeleteTopicsRequest;
use ottla_protocol::messages::describe_client_quotas::DescribeClientQuotasRequest;
use ottla_protocol::messages::describe_cluster::DescribeClusterRequest;
use ottla_protocol::messages::describe_configs::DescribeConfigsRequest;
use ottla_protocol::messages::describe_log_dirs::DescribeLogDirsRequest;
use ottla_protocol::messages::describe_producers::DescribeProducersRequest;
use ottla_protocol::messages::describe_quorum::DescribeQuorumRequest;
use ottla_protocol::messages::describe_topic_partitions::DescribeTopicPartitionsRequest;
use ottla_protocol::messages::elect_leaders::ElectLeadersRequest;
use ottla_protocol::messages::fetch::FetchRequest;
use ottla_protocol::messages::find_coordinator::FindCoordinatorRequest;
use ottla_protocol::messages::incremental_alter_configs::IncrementalAlterConfigsRequest;
use ottla_protocol::messages::init_producer_id::InitProducerIdRequest;
use ottla_protocol::messages::list_config_resources::ListConfigResourcesRequest;
use ottla_protocol::messages::list_offsets::ListOffsetsRequest;
use ottla_protocol::messages::list_partition_reassignments::ListPartitionReassignmentsRequest;
use ottla_protocol::messages::metadata::MetadataRequest;
use ottla_protocol::messages::offset_for_leader_epoch::OffsetForLeaderEpochRequest;
use ottla_protocol::messages::produce::ProduceRequest;
use ottla_protocol::messages::update_features::UpdateFeaturesRequest;

use super::{Row, row};

/// Every API that is served, by key.
pub(crate) static TABLE: &[Row] = &[
    row::<ProduceRequest>(),
    row::<FetchRequest>(),
    row::<ListOffsetsRequest>(),
    row::<MetadataRequest>(),
    row::<FindCoordinatorRequest>(),
    row::<ApiVersionsRequest>(),
    row::<CreateTopicsRequest>(),
    row::<DeleteTopicsRequest>(),
    row::<DeleteRecordsRequest>(),
    row::<InitProducerIdRequest>(),
    row::<OffsetForLeaderEpochRequest>(),
    row::<DescribeConfigsRequest>(),
    row::<AlterConfigsRequest>(),
    row::<DescribeLogDirsRequest>(),
    row::<CreatePartitionsRequest>(),
    row::<ElectLeadersRequest>(),
    row::<IncrementalAlterConfigsRequest>(),
    row::<ListPartitionReassignmentsRequest>(),
    row::<DescribeClientQuotasRequest>(),
    row::<DescribeQuorumRequest>(),
    row::<UpdateFeaturesRequest>(),
    row::<DescribeClusterRequest>(),
    row::<DescribeProducersRequest>(),
    row::<ListConfigResourcesRequest>(),
    row::<DescribeTopicPartitionsRequest>(),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_serves_what_is_advertised() {
        assert!(TABLE.is_sorted_by_key(|row| row.key));
        for row in TABLE {
            let api = row.key.api().unwrap();
            let advertised = api.advertised.clone().unwrap();
            assert_eq!(row.served.end(), advertised.end(), "{}", api.name);
            // Produce 0-2 is advertised for old librdkafka, and refused (KAFKA-18659)
            assert_eq!(row.served.start(), api.versions.start(), "{}", api.name);
        }
    }
}
