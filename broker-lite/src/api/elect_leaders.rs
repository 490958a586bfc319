//! ElectLeaders: the only replica of a partition leads it, so there is nothing to elect.

use ottla_protocol::Str;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::PartitionIndex;
use ottla_protocol::messages::elect_leaders::{
    ELECTION_PREFERRED, ELECTION_UNCLEAN, ElectLeadersRequest, ElectLeadersResponse,
    PartitionResult, ReplicaElectionResult, TopicPartitions,
};

use super::{Context, Handler};
use crate::broker::Broker;
use crate::controller::image::{Image, Partition};
use crate::net::Close;

impl Handler for ElectLeadersRequest {
    fn names(&self, _: &Broker, topic: Option<&str>, partition: Option<i32>) -> bool {
        let has = |asked: &TopicPartitions| {
            partition.is_none_or(|index| asked.partitions.contains(&PartitionIndex(index)))
        };
        let Some(topics) = &self.topic_partitions else { return true };
        topics.iter().any(|asked| topic.is_none_or(|topic| asked.topic == topic) && has(asked))
    }

    async fn handle(self, context: &Context) -> Result<Option<ElectLeadersResponse>, Close> {
        let unclean = match self.election_type {
            ELECTION_PREFERRED => false,
            ELECTION_UNCLEAN => true,
            _ => return Ok(Some(refused(self))),
        };
        let image = context.broker.controller.image();
        let all = self.topic_partitions.is_none();
        let asked = self.topic_partitions.unwrap_or_else(|| every_partition(&image));
        let mut results = Vec::new();
        for topic in asked {
            let outcomes = topic.partitions.iter().map(|index| {
                let fault = context.verdict.error_for(&topic.topic, Some(index.0));
                (*index, fault.unwrap_or_else(|| elect(&image, &topic.topic, *index, unclean)))
            });
            // whoever asks for all is told only of what was done
            let told = outcomes.filter(|(_, code)| !all || *code != ErrorCode::ELECTION_NOT_NEEDED);
            let told = told.map(|(partition_id, error_code)| PartitionResult {
                partition_id,
                error_code,
                error_message: Some(Str::from_static(error_code.meaning())),
                ..Default::default()
            });
            let partition_result: Vec<_> = told.collect();
            let topic = topic.topic;
            results.push(ReplicaElectionResult { topic, partition_result, ..Default::default() });
        }
        let replica_election_results = results;
        Ok(Some(ElectLeadersResponse { replica_election_results, ..Default::default() }))
    }
}

/// The answer to an election of a type that there is not.
fn refused(request: ElectLeadersRequest) -> ElectLeadersResponse {
    let code = ErrorCode::INVALID_REQUEST;
    let message = Str::from(format!("Unknown election type {}", request.election_type));
    let topics = request.topic_partitions;
    let error_code =
        if topics.as_ref().is_some_and(Vec::is_empty) { ErrorCode::NONE } else { code };
    let results = topics.into_iter().flatten().map(|asked| {
        let partitions = asked.partitions.into_iter().map(|partition_id| PartitionResult {
            partition_id,
            error_code: code,
            error_message: Some(message.clone()),
            ..Default::default()
        });
        ReplicaElectionResult {
            topic: asked.topic,
            partition_result: partitions.collect(),
            ..Default::default()
        }
    });
    let replica_election_results = results.collect();
    ElectLeadersResponse { error_code, replica_election_results, ..Default::default() }
}

fn every_partition(image: &Image) -> Vec<TopicPartitions> {
    let topics = image.topics().map(|topic| TopicPartitions {
        topic: topic.name.clone(),
        partitions: (0..).map(PartitionIndex).take(topic.partitions.len()).collect(),
        ..Default::default()
    });
    topics.collect()
}

fn elect(image: &Image, topic: &str, index: PartitionIndex, unclean: bool) -> ErrorCode {
    match image.topic(topic).and_then(|topic| topic.partition(index)) {
        None => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        Some(Partition { leader: Some(_), .. }) if unclean => ErrorCode::ELECTION_NOT_NEEDED,
        Some(partition)
            if partition.leader.is_some_and(|l| partition.replicas.first() == Some(&l)) =>
        {
            ErrorCode::ELECTION_NOT_NEEDED
        }
        Some(_) if unclean => ErrorCode::ELIGIBLE_LEADERS_NOT_AVAILABLE,
        Some(_) => ErrorCode::PREFERRED_LEADER_NOT_AVAILABLE,
    }
}
