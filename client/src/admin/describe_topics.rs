//! Looking at topics: in pages where the broker has them (KIP-966), else as clients do.

use std::collections::BTreeMap;

use ottla_protocol::ids::{LeaderEpoch, NodeId, PartitionIndex, Uuid};
use ottla_protocol::messages::describe_topic_partitions::{
    Cursor, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse,
    DescribeTopicPartitionsResponseTopic, TopicRequest,
};
use ottla_protocol::messages::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseTopic,
};
use ottla_protocol::{ErrorCode, Message, Str};

use super::error::AdminError;
use super::retry::{Operation, Refusal, Reply, Whom};
use super::{Admin, only};
use crate::error::CallError;
use crate::net::connection::Connection;

/// The first version of Metadata in which null asks for all topics.
const ALL_TOPICS_SINCE: i16 = 1;
/// The first version of Metadata that can be told not to create topics.
const NO_AUTO_CREATE_SINCE: i16 = 4;

/// A topic in a list.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct TopicListing {
    /// Its name.
    pub name: String,
    /// Its id; `None` from brokers before Kafka 2.8.
    pub id: Option<Uuid>,
    /// Whether it belongs to Kafka itself, as `__consumer_offsets` does.
    pub is_internal: bool,
    /// How many partitions it has.
    pub partitions: usize,
}

/// A topic in detail.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct TopicDescription {
    /// Its name.
    pub name: String,
    /// Its id; `None` from brokers before Kafka 2.8.
    pub id: Option<Uuid>,
    /// Whether it belongs to Kafka itself.
    pub is_internal: bool,
    /// Its partitions, by index.
    pub partitions: Vec<PartitionDescription>,
}

/// A partition in detail.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct PartitionDescription {
    /// Its index.
    pub index: PartitionIndex,
    /// Who leads it; `None` if nobody does.
    pub leader: Option<NodeId>,
    /// How many leaders it had before, if the broker counts.
    pub leader_epoch: Option<LeaderEpoch>,
    /// All replicas, the preferred leader first.
    pub replicas: Vec<NodeId>,
    /// The replicas in sync.
    pub isr: Vec<NodeId>,
    /// The replicas offline.
    pub offline: Vec<NodeId>,
    /// The replicas that are not in sync, but have all that is committed (KIP-966: eligible leader
    /// replicas); `None` from brokers that do not have DescribeTopicPartitions.
    pub elr: Option<Vec<NodeId>>,
    /// The replicas that were such, and stopped uncleanly since; `None` as for
    /// [`elr`](Self::elr).
    pub last_known_elr: Option<Vec<NodeId>>,
}

impl Admin {
    /// All topics the broker shows us, by name.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// If no broker answers in time.
    pub async fn list_topics(&self) -> Result<Vec<TopicListing>, AdminError> {
        let cluster = &self.cluster;
        let operation = Operation { cluster, whom: Whom::Any, name: |()| "the list of topics" };
        let ask = |connection: &Connection, _, timeout| {
            let versions = ALL_TOPICS_SINCE..=*MetadataRequest::VERSIONS.end();
            connection.call_versioned(versions, timeout, |version| metadata_request(version, None))
        };
        let read = |response: MetadataResponse| {
            let listed = response.topics.into_iter().filter_map(|topic| {
                Some(TopicListing {
                    name: topic.name?.to_string(),
                    id: some_id(topic.topic_id),
                    is_internal: topic.is_internal,
                    partitions: topic.partitions.len(),
                })
            });
            let mut topics: Vec<_> = listed.collect();
            topics.sort_by(|a, b| a.name.cmp(&b.name));
            let checked = Refusal::check(response.error_code, None);
            vec![Reply { name: "the list of topics".into(), result: checked.map(|()| topics) }]
        };
        only(operation.run::<MetadataRequest, _>(vec![()], ask, read).await)
    }

    /// A topic in detail. See [`describe_topics`](Self::describe_topics).
    ///
    /// # Errors
    ///
    /// `UNKNOWN_TOPIC_OR_PARTITION`, or that no broker answers in time.
    ///
    /// Cancel safe.
    pub async fn describe_topic(&self, topic: &str) -> Result<TopicDescription, AdminError> {
        only(self.describe_topics([topic]).await)
    }

    /// Topics in detail; gives the result of each, in the same order. Creates none.
    ///
    /// Brokers that have DescribeTopicPartitions are asked for pages, each of which has
    /// [`api_timeout`](crate::ClientBuilder::api_timeout), others for all at once. Cancel safe.
    pub async fn describe_topics<S: AsRef<str>>(
        &self,
        topics: impl IntoIterator<Item = S>,
    ) -> Vec<Result<TopicDescription, AdminError>> {
        let topics: Vec<_> = topics.into_iter().map(|name| Str::from(name.as_ref())).collect();
        let mut pages = Pages::of(&topics);
        let mut failure = None;
        while let Some(page) = pages.next() {
            match self.page(page).await {
                Ok(response) => pages.on_page(response),
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
        }
        let older = matches!(
            failure,
            Some(AdminError::Call { source: CallError::UnsupportedVersion { .. }, .. })
        );
        let mut found = pages.found;
        if older {
            let rest: Vec<_> =
                topics.iter().filter(|name| !found.contains_key(*name)).cloned().collect();
            let described = self.describe_topics_by_metadata(rest.clone()).await;
            found.extend(rest.into_iter().zip(described));
        }
        let each = topics.iter().map(|name| match (found.get(name), &failure) {
            (Some(result), _) => result.clone(),
            (None, Some(error)) => Err(error.clone().about(name, false)),
            (None, None) => Err(AdminError::Unanswered { item: name.to_string() }),
        });
        each.collect()
    }

    async fn page(
        &self,
        request: DescribeTopicPartitionsRequest,
    ) -> Result<DescribeTopicPartitionsResponse, AdminError> {
        let cluster = &self.cluster;
        let operation = Operation { cluster, whom: Whom::Any, name: |()| PAGE };
        let ask = |connection: &Connection, _, timeout| connection.call(request.clone(), timeout);
        let read = |page| vec![Reply { name: Str::from_static(PAGE), result: Ok(page) }];
        only(operation.run::<DescribeTopicPartitionsRequest, _>(vec![()], ask, read).await)
    }

    /// Topics in detail, as any broker can tell them, without [`PartitionDescription::elr`].
    pub(super) async fn describe_topics_by_metadata(
        &self,
        topics: Vec<Str>,
    ) -> Vec<Result<TopicDescription, AdminError>> {
        let cluster = &self.cluster;
        let operation = Operation { cluster, whom: Whom::Any, name: |name: &Str| name };
        let ask = |connection: &Connection, names, timeout| {
            let versions = NO_AUTO_CREATE_SINCE..=*MetadataRequest::VERSIONS.end();
            connection.call_versioned(versions, timeout, move |version| {
                metadata_request(version, Some(names))
            })
        };
        let read = |r: MetadataResponse| r.topics.into_iter().filter_map(described).collect();
        operation.run::<MetadataRequest, _>(topics, ask, read).await
    }
}

/// What errors call a page before it is known whom it is about.
const PAGE: &str = "a page of topics";

/// Puts pages together. A topic may go on on the next one.
struct Pages {
    /// What is still to be asked for.
    rest: Vec<Str>,
    cursor: Option<Cursor>,
    /// Those that are complete.
    found: BTreeMap<Str, Result<TopicDescription, AdminError>>,
    /// That at which the last page broke off.
    part: Option<TopicDescription>,
}

impl Pages {
    fn of(topics: &[Str]) -> Self {
        let mut rest = topics.to_vec();
        rest.sort();
        rest.dedup();
        Self { rest, cursor: None, found: BTreeMap::new(), part: None }
    }

    /// What to ask for; `None` if all is known, or the broker repeats itself.
    fn next(&self) -> Option<DescribeTopicPartitionsRequest> {
        let topic = |name: &Str| TopicRequest { name: name.clone(), ..Default::default() };
        // no topics would mean all
        (!self.rest.is_empty()).then(|| DescribeTopicPartitionsRequest {
            topics: self.rest.iter().map(topic).collect(),
            cursor: self.cursor.clone(),
            ..Default::default()
        })
    }

    fn on_page(&mut self, page: DescribeTopicPartitionsResponse) {
        let open = page.next_cursor.as_ref().map(|cursor| cursor.topic_name.clone());
        let before = self.progress();
        for topic in page.topics {
            let Some(name) = topic.name.clone() else { continue };
            let part = self.part.take_if(|part| name == part.name.as_str());
            let result = join(part, &name, topic);
            match result {
                Ok(topic) if open.as_ref() == Some(&name) => self.part = Some(topic),
                result => {
                    self.found.insert(name, result);
                }
            }
        }
        self.rest.retain(|name| !self.found.contains_key(name));
        let stuck = self.progress() <= before;
        if page.next_cursor.is_none() || stuck {
            self.rest.clear();
        }
        // brokers refuse one in a topic that is not asked for: of one that failed half way
        self.cursor = page.next_cursor.filter(|cursor| self.rest.contains(&cursor.topic_name));
    }

    /// Grows with every page that says something new.
    fn progress(&self) -> (usize, usize) {
        (self.found.len(), self.part.as_ref().map_or(0, |part| part.partitions.len()))
    }
}

fn metadata_request(version: i16, names: Option<Vec<Str>>) -> MetadataRequest {
    let topic = |name| MetadataRequestTopic { name: Some(name), ..Default::default() };
    MetadataRequest {
        topics: names.map(|names| names.into_iter().map(topic).collect()),
        allow_auto_topic_creation: version < NO_AUTO_CREATE_SINCE,
        ..MetadataRequest::default()
    }
}

fn some_id(id: Uuid) -> Option<Uuid> {
    Some(id).filter(|&id| id != Uuid::ZERO)
}

/// A topic of a page, with what earlier pages said about it.
fn join(
    part: Option<TopicDescription>,
    name: &Str,
    topic: DescribeTopicPartitionsResponseTopic,
) -> Result<TopicDescription, AdminError> {
    let id = some_id(topic.topic_id);
    let refused = |code, message| Err(Refusal { code, message }.into_error(name, false));
    if topic.error_code != ErrorCode::NONE {
        return refused(topic.error_code, None);
    }
    if part.as_ref().is_some_and(|part| part.id != id) {
        let message = Str::from_static("it was made anew between two pages");
        return refused(ErrorCode::INCONSISTENT_TOPIC_ID, Some(message));
    }
    let mut partitions = part.map_or_else(Vec::new, |part| part.partitions);
    partitions.extend(topic.partitions.into_iter().map(|p| PartitionDescription {
        index: p.partition_index,
        leader: p.leader_id,
        leader_epoch: p.leader_epoch,
        replicas: p.replica_nodes,
        isr: p.isr_nodes,
        offline: p.offline_replicas,
        elr: p.eligible_leader_replicas,
        last_known_elr: p.last_known_elr,
    }));
    partitions.sort_by_key(|p| p.index);
    partitions.dedup_by_key(|p| p.index);
    let (name, is_internal) = (name.to_string(), topic.is_internal);
    Ok(TopicDescription { name, id, is_internal, partitions })
}

fn described(topic: MetadataResponseTopic) -> Option<Reply<TopicDescription>> {
    let name = topic.name?;
    let partitions = topic.partitions.into_iter().map(|p| PartitionDescription {
        index: p.partition_index,
        leader: p.leader_id,
        leader_epoch: p.leader_epoch,
        replicas: p.replica_nodes,
        isr: p.isr_nodes,
        offline: p.offline_replicas,
        elr: None,
        last_known_elr: None,
    });
    let mut partitions: Vec<_> = partitions.collect();
    partitions.sort_by_key(|p| p.index);
    let description = TopicDescription {
        name: name.to_string(),
        id: some_id(topic.topic_id),
        is_internal: topic.is_internal,
        partitions,
    };
    let result = Refusal::check(topic.error_code, None).map(|()| description);
    Some(Reply { name, result })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ottla_protocol::messages::describe_topic_partitions::DescribeTopicPartitionsResponsePartition;

    fn topic(name: &str, id: u8, indexes: &[i32]) -> DescribeTopicPartitionsResponseTopic {
        let partitions = indexes.iter().map(|index| DescribeTopicPartitionsResponsePartition {
            partition_index: PartitionIndex(*index),
            eligible_leader_replicas: Some(vec![NodeId(*index)]),
            ..Default::default()
        });
        DescribeTopicPartitionsResponseTopic {
            name: Some(name.into()),
            topic_id: Uuid([id; 16]),
            partitions: partitions.collect(),
            ..Default::default()
        }
    }

    fn page(
        topics: Vec<DescribeTopicPartitionsResponseTopic>,
        next: Option<(&str, i32)>,
    ) -> DescribeTopicPartitionsResponse {
        let next_cursor = next.map(|(name, index)| Cursor {
            topic_name: name.into(),
            partition_index: PartitionIndex(index),
            ..Default::default()
        });
        DescribeTopicPartitionsResponse { topics, next_cursor, ..Default::default() }
    }

    fn pages(names: &[&str]) -> Pages {
        Pages::of(&names.iter().map(|name| Str::from(*name)).collect::<Vec<_>>())
    }

    fn asked(pages: &Pages) -> Option<(Vec<Str>, Option<i32>)> {
        let request = pages.next()?;
        let names = request.topics.into_iter().map(|topic| topic.name).collect();
        Some((names, request.cursor.map(|cursor| cursor.partition_index.0)))
    }

    #[test]
    fn a_topic_that_spans_pages_is_put_together_and_what_is_known_is_not_asked_again() {
        let mut pages = pages(&["c", "b", "a", "b"]);
        assert_eq!(asked(&pages), Some((vec!["a".into(), "b".into(), "c".into()], None)));
        pages.on_page(page(vec![topic("a", 1, &[0]), topic("b", 2, &[0, 1])], Some(("b", 2))));
        assert_eq!(asked(&pages), Some((vec!["b".into(), "c".into()], Some(2))));
        assert!(!pages.found.contains_key("b"), "half of a topic is none");
        pages.on_page(page(vec![topic("b", 2, &[2])], Some(("c", 0))));
        assert_eq!(asked(&pages), Some((vec!["c".into()], Some(0))));
        let missing = DescribeTopicPartitionsResponseTopic {
            error_code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            ..topic("c", 0, &[])
        };
        pages.on_page(page(vec![missing], None));
        assert_eq!(asked(&pages), None);
        let b = pages.found["b"].as_ref().unwrap();
        let elr: Vec<_> = b.partitions.iter().map(|p| p.elr.clone().unwrap()[0].0).collect();
        assert_eq!(elr, [0, 1, 2]);
        let code = pages.found["c"].as_ref().unwrap_err().code();
        assert_eq!(code, Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
    }

    #[test]
    fn a_broker_that_repeats_itself_is_not_asked_for_ever() {
        let mut pages = pages(&["a", "b"]);
        for again in [true, false] {
            pages.on_page(page(vec![topic("a", 1, &[0, 1])], Some(("a", 0))));
            assert_eq!(pages.next().is_some(), again);
        }
        assert!(pages.found.is_empty());
    }

    #[test]
    fn halves_of_two_topics_of_one_name_are_not_put_together() {
        let mut pages = pages(&["a"]);
        pages.on_page(page(vec![topic("a", 1, &[0])], Some(("a", 1))));
        pages.on_page(page(vec![topic("a", 2, &[1])], None));
        let error = pages.found["a"].as_ref().unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::INCONSISTENT_TOPIC_ID));
    }

    #[test]
    fn a_topic_made_anew_between_pages_does_not_take_those_behind_it_along() {
        let mut pages = pages(&["a", "b"]);
        pages.on_page(page(vec![topic("a", 1, &[0])], Some(("a", 1))));
        pages.on_page(page(vec![topic("a", 2, &[1])], Some(("a", 2))));
        assert_eq!(asked(&pages), Some((vec!["b".into()], None)), "no cursor in what is not asked");
        pages.on_page(page(vec![topic("b", 3, &[0])], None));
        assert_eq!(asked(&pages), None);
        let error = pages.found["a"].as_ref().unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::INCONSISTENT_TOPIC_ID));
        assert_eq!(pages.found["b"].as_ref().unwrap().partitions.len(), 1);
    }
}
