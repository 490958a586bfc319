//! CreatePartitions.

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::create_partitions::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic,
    CreatePartitionsTopicResult,
};

use super::{Context, Handler, once};
use crate::broker::Broker;
use crate::controller::ledger::{MorePartitions, Refusal, Reply, Request};
use crate::net::Close;

impl Handler for CreatePartitionsRequest {
    fn names(&self, _: &Broker, topic: Option<&str>, partition: Option<i32>) -> bool {
        let named = |asked: &CreatePartitionsTopic| topic.is_none_or(|topic| asked.name == topic);
        partition.is_none() && self.topics.iter().any(named)
    }

    async fn handle(self, context: &Context) -> Result<Option<CreatePartitionsResponse>, Close> {
        let fault = |topic: &CreatePartitionsTopic| context.verdict.error_for(&topic.name, None);
        let wanted = self.topics.iter().filter(|topic| fault(topic).is_none());
        let request = Request::CreatePartitions {
            topics: wanted.map(more_partitions).collect(),
            validate_only: self.validate_only,
        };
        let extended = match context.broker.controller.submit(request).await {
            Reply::Extended(extended) => extended,
            other => vec![Err(other.refusal()); self.topics.len()],
        };
        let mut extended = extended.into_iter();
        let results = self.topics.iter().map(|topic| {
            let result = match fault(topic) {
                Some(code) => Err(Refusal { code, message: code.meaning().to_owned() }),
                None => extended.next().unwrap_or(Ok(())),
            };
            let refusal = result.err();
            CreatePartitionsTopicResult {
                name: topic.name.clone(),
                error_code: refusal.as_ref().map_or(ErrorCode::NONE, |refusal| refusal.code),
                error_message: refusal.map(|refusal| refusal.message.into()),
                ..Default::default()
            }
        });
        let results = once(results, |result| result.name.clone());
        Ok(Some(CreatePartitionsResponse { results, ..Default::default() }))
    }
}

fn more_partitions(topic: &CreatePartitionsTopic) -> MorePartitions {
    let lists = topic.assignments.as_ref();
    MorePartitions {
        topic: topic.name.clone(),
        count: topic.count,
        assignments: lists.map(|lists| lists.iter().map(|list| list.broker_ids.clone()).collect()),
    }
}
