//! Topics: create, delete, enlarge.

use ottla_protocol::ids::{NodeId, PartitionIndex, Uuid};
use ottla_protocol::messages::create_partitions::{
    CreatePartitionsAssignment, CreatePartitionsRequest, CreatePartitionsResponse,
    CreatePartitionsTopic,
};
use ottla_protocol::messages::create_topics::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreatableTopicResult,
    CreateTopicsRequest, CreateTopicsResponse,
};
use ottla_protocol::messages::delete_topics::{
    DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};
use ottla_protocol::{Message, Str};

use super::error::AdminError;
use super::retry::{Operation, Refusal, Reply, Whom};
use super::{Admin, millis, only};
use crate::net::connection::Connection;

/// The first version of DeleteTopics that has room for topic ids.
const DELETE_BY_STATE_SINCE: i16 = 6;

/// A topic to create.
#[derive(Clone, Debug)]
#[must_use = "does nothing before `Admin::create_topics`"]
pub struct NewTopic(CreatableTopic);

impl NewTopic {
    /// A topic with the broker's default number of partitions and replicas (Kafka:
    /// `num.partitions`, `default.replication.factor`).
    pub fn new(name: &str) -> Self {
        Self(CreatableTopic { name: Str::from(name), ..CreatableTopic::default() })
    }

    /// How many partitions it shall have.
    pub const fn partitions(mut self, count: i32) -> Self {
        self.0.num_partitions = Some(count);
        self
    }

    /// How many brokers shall hold each partition.
    pub const fn replication_factor(mut self, count: i16) -> Self {
        self.0.replication_factor = Some(count);
        self
    }

    /// Sets a configuration by Kafka's name, as in `retention.ms`.
    pub fn config(mut self, name: &str, value: &str) -> Self {
        let (name, value) = (Str::from(name), Some(Str::from(value)));
        self.0.configs.push(CreatableTopicConfig { name, value, ..Default::default() });
        self
    }

    /// Puts the next partition on `brokers`, the preferred leader first. Replaces the counts:
    /// call it once for each partition, starting with partition 0.
    pub fn assign(mut self, brokers: impl IntoIterator<Item = NodeId>) -> Self {
        let index = i32::try_from(self.0.assignments.len()).unwrap_or(i32::MAX);
        self.0.assignments.push(CreatableReplicaAssignment {
            partition_index: PartitionIndex(index),
            broker_ids: brokers.into_iter().collect(),
            ..Default::default()
        });
        self.0.num_partitions = None;
        self.0.replication_factor = None;
        self
    }
}

/// A topic that was created.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct CreatedTopic {
    /// Its name.
    pub name: String,
    /// Its id; `None` from brokers before Kafka 2.8.
    pub id: Option<Uuid>,
    /// How many partitions it has; `None` from brokers before Kafka 2.4.
    pub partitions: Option<i32>,
    /// How many replicas each has; `None` from brokers before Kafka 2.4.
    pub replication_factor: Option<i16>,
}

/// More partitions for a topic.
#[derive(Clone, Debug)]
#[must_use = "does nothing before `Admin::create_partitions`"]
pub struct NewPartitions(CreatePartitionsTopic);

impl NewPartitions {
    /// `topic` shall have `total` partitions, those it has included.
    pub fn new(topic: &str, total: i32) -> Self {
        let name = Str::from(topic);
        Self(CreatePartitionsTopic { name, count: total, ..Default::default() })
    }

    /// Puts the next of the new partitions on `brokers`, the preferred leader first.
    pub fn assign(mut self, brokers: impl IntoIterator<Item = NodeId>) -> Self {
        let broker_ids = brokers.into_iter().collect();
        let assignment = CreatePartitionsAssignment { broker_ids, ..Default::default() };
        self.0.assignments.get_or_insert_default().push(assignment);
        self
    }
}

impl Admin {
    /// Creates a topic. See [`create_topics`](Self::create_topics).
    ///
    /// # Errors
    ///
    /// Why it was not created: `TOPIC_ALREADY_EXISTS`, `INVALID_PARTITIONS`, ...
    ///
    /// Cancel safe as [`create_topics`](Self::create_topics) is.
    pub async fn create_topic(&self, topic: NewTopic) -> Result<CreatedTopic, AdminError> {
        only(self.create_topics([topic]).await)
    }

    /// Creates topics; gives the result of each, in the same order.
    ///
    /// It is tried again until [`api_timeout`](crate::ClientBuilder::api_timeout) is over, if the
    /// controller or the connection fails. `TOPIC_ALREADY_EXISTS` may then mean that an earlier
    /// attempt had succeeded. Other brokers learn of a new topic a moment later.
    ///
    /// Cancel safe: dropping the future ends the retries; a request that was sent is not undone.
    pub async fn create_topics(
        &self,
        topics: impl IntoIterator<Item = NewTopic>,
    ) -> Vec<Result<CreatedTopic, AdminError>> {
        let operation = Operation {
            cluster: &self.cluster,
            whom: Whom::Controller,
            name: |topic: &CreatableTopic| &topic.name,
        };
        let topics = topics.into_iter().map(|topic| topic.0).collect();
        let validate_only = self.validate_only;
        let ask = |connection: &Connection, topics, timeout| {
            let timeout_ms = millis(timeout);
            let request =
                CreateTopicsRequest { topics, timeout_ms, validate_only, ..Default::default() };
            connection.call(request, timeout)
        };
        let read =
            |response: CreateTopicsResponse| response.topics.into_iter().map(created).collect();
        operation.run::<CreateTopicsRequest, _>(topics, ask, read).await
    }

    /// Deletes a topic and all its records. See [`delete_topics`](Self::delete_topics).
    ///
    /// # Errors
    ///
    /// Why it was not deleted: `UNKNOWN_TOPIC_OR_PARTITION`, ...
    ///
    /// Cancel safe as [`create_topics`](Self::create_topics) is.
    pub async fn delete_topic(&self, topic: &str) -> Result<(), AdminError> {
        only(self.delete_topics([topic]).await)
    }

    /// Deletes topics and all their records; gives the result of each, in the same order.
    ///
    /// Retries as [`create_topics`](Self::create_topics) does; `UNKNOWN_TOPIC_OR_PARTITION` may
    /// then mean that an earlier attempt had succeeded. Cancel safe in the same way.
    pub async fn delete_topics<S: AsRef<str>>(
        &self,
        topics: impl IntoIterator<Item = S>,
    ) -> Vec<Result<(), AdminError>> {
        let operation =
            Operation { cluster: &self.cluster, whom: Whom::Controller, name: |name: &Str| name };
        let topics = topics.into_iter().map(|name| Str::from(name.as_ref())).collect();
        let ask = |connection: &Connection, names: Vec<Str>, timeout| {
            let timeout_ms = millis(timeout);
            connection.call_versioned(DeleteTopicsRequest::VERSIONS, timeout, move |version| {
                let state = |name| DeleteTopicState { name: Some(name), ..Default::default() };
                let (topics, topic_names) = if version >= DELETE_BY_STATE_SINCE {
                    (names.into_iter().map(state).collect(), Vec::new())
                } else {
                    (Vec::new(), names)
                };
                DeleteTopicsRequest { topics, topic_names, timeout_ms, ..Default::default() }
            })
        };
        let read = |response: DeleteTopicsResponse| {
            let each = response.responses.into_iter().filter_map(|topic| {
                let result = Refusal::check(topic.error_code, topic.error_message);
                Some(Reply { name: topic.name?, result })
            });
            each.collect()
        };
        operation.run::<DeleteTopicsRequest, _>(topics, ask, read).await
    }

    /// Adds partitions to topics; gives the result of each, in the same order.
    ///
    /// Keys move: a key's partition depends on how many there are. Retries as
    /// [`create_topics`](Self::create_topics) does; `INVALID_PARTITIONS` may then mean that an
    /// earlier attempt had succeeded. Cancel safe in the same way.
    pub async fn create_partitions(
        &self,
        topics: impl IntoIterator<Item = NewPartitions>,
    ) -> Vec<Result<(), AdminError>> {
        let operation = Operation {
            cluster: &self.cluster,
            whom: Whom::Controller,
            name: |topic: &CreatePartitionsTopic| &topic.name,
        };
        let topics = topics.into_iter().map(|topic| topic.0).collect();
        let validate_only = self.validate_only;
        let ask = |connection: &Connection, topics, timeout| {
            let timeout_ms = millis(timeout);
            let request =
                CreatePartitionsRequest { topics, timeout_ms, validate_only, ..Default::default() };
            connection.call(request, timeout)
        };
        let read = |r: CreatePartitionsResponse| {
            let each = r.results.into_iter().map(|topic| {
                let result = Refusal::check(topic.error_code, topic.error_message);
                Reply { name: topic.name, result }
            });
            each.collect()
        };
        operation.run::<CreatePartitionsRequest, _>(topics, ask, read).await
    }
}

fn created(topic: CreatableTopicResult) -> Reply<CreatedTopic> {
    let CreatableTopicResult { name, topic_id, num_partitions, replication_factor, .. } = topic;
    let created = CreatedTopic {
        name: name.to_string(),
        id: Some(topic_id).filter(|&id| id != Uuid::ZERO),
        partitions: num_partitions,
        replication_factor,
    };
    let result = Refusal::check(topic.error_code, topic.error_message).map(|()| created);
    Reply { name, result }
}
