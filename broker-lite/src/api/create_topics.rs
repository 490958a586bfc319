//! CreateTopics.
//!
//! -1 stands for the broker's default in every version. Kafka's client refuses to ask so below
//! version 4 (KIP-464), its broker does not look, and kafkajs counts on that.

use ottla_protocol::Str;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::Uuid;
use ottla_protocol::messages::create_topics::{
    CreatableTopic, CreatableTopicConfigs, CreatableTopicResult, CreateTopicsRequest,
    CreateTopicsResponse,
};

use super::{Context, Handler, once};
use crate::broker::Broker;
use crate::config::{Effect, Source, shown};
use crate::controller::ledger::{CreateTopics, CreatedTopic, NewTopic, Refusal, Reply, Request};
use crate::net::Close;

impl Handler for CreateTopicsRequest {
    fn names(&self, _: &Broker, topic: Option<&str>, partition: Option<i32>) -> bool {
        let named = |asked: &CreatableTopic| topic.is_none_or(|topic| asked.name == topic);
        partition.is_none() && self.topics.iter().any(named)
    }

    async fn handle(self, context: &Context) -> Result<Option<CreateTopicsResponse>, Close> {
        let broker = &context.broker;
        let mut results: Vec<Option<CreatableTopicResult>> = Vec::new();
        let mut wanted = Vec::new();
        for topic in &self.topics {
            match context.verdict.error_for(&topic.name, None).map(fault) {
                Some(refusal) => results.push(Some(failed(&topic.name, &refusal))),
                None => {
                    results.push(None);
                    wanted.push(new_topic(broker, topic));
                }
            }
        }
        let request = Request::CreateTopics(CreateTopics {
            topics: wanted,
            validate_only: self.validate_only,
            defaults: broker.config.topic_defaults(),
            lags: broker.compaction_lags(),
        });
        let made = match broker.controller.submit(request).await {
            Reply::Created(made) => made,
            other => vec![Err(other.refusal()); self.topics.len()],
        };
        let mut made = made.into_iter();
        let answers = self.topics.iter().zip(results).map(|(asked, refused)| {
            refused.unwrap_or_else(|| match made.next() {
                Some(Ok(topic)) => created(broker, asked, topic, self.validate_only),
                Some(Err(refusal)) => failed(&asked.name, &refusal),
                None => failed(&asked.name, &fault(ErrorCode::UNKNOWN_SERVER_ERROR)),
            })
        });
        let topics = once(answers, |topic| topic.name.clone());
        Ok(Some(CreateTopicsResponse { topics, ..Default::default() }))
    }
}

fn fault(code: ErrorCode) -> Refusal {
    Refusal { code, message: code.meaning().to_owned() }
}

fn new_topic(broker: &Broker, topic: &CreatableTopic) -> NewTopic {
    let assignments = topic.assignments.iter().map(|a| (a.partition_index, a.broker_ids.clone()));
    NewTopic {
        name: topic.name.clone(),
        id: broker.random_id(),
        partitions: topic.num_partitions,
        replication_factor: topic.replication_factor,
        assignments: assignments.collect(),
        configs: topic.configs.iter().map(|c| (c.name.clone(), c.value.clone())).collect(),
    }
}

fn failed(name: &Str, refusal: &Refusal) -> CreatableTopicResult {
    CreatableTopicResult {
        name: name.clone(),
        error_code: refusal.code,
        error_message: Some(refusal.message.as_str().into()),
        configs: Some(Vec::new()),
        ..Default::default()
    }
}

fn created(
    broker: &Broker,
    asked: &CreatableTopic,
    topic: CreatedTopic,
    validate_only: bool,
) -> CreatableTopicResult {
    let given = asked.configs.iter().filter_map(|c| Some((&c.name, c.value.as_ref()?)));
    let given = given.map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let config = broker.config.altered(&broker.controller.image());
    let configs = shown(&config, &given).map(|(known, levels, effect)| {
        let level = levels.into_iter().next();
        CreatableTopicConfigs {
            name: Str::from_static(known.name),
            config_source: Some(
                level.as_ref().map_or(Source::Default, |level| level.source).code(),
            ),
            value: level.map(|level| level.value.into()),
            read_only: effect == Effect::NotActedOn,
            ..Default::default()
        }
    });
    CreatableTopicResult {
        name: topic.name,
        topic_id: if validate_only { Uuid::ZERO } else { topic.id },
        num_partitions: Some(topic.partitions),
        replication_factor: Some(topic.replication_factor),
        configs: Some(configs.collect()),
        ..Default::default()
    }
}
