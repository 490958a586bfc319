//! Elections: lets another replica lead (KIP-183, KIP-460).

use std::collections::BTreeMap;

use ottla_protocol::messages::elect_leaders::{
    ELECTION_PREFERRED, ELECTION_UNCLEAN, ElectLeadersRequest, ElectLeadersResponse,
    TopicPartitions,
};
use ottla_protocol::{ErrorCode, Message, Str};

use super::error::AdminError;
use super::leaders::{PartitionItem, partition_name};
use super::partitions::merge;
use super::retry::{Operation, Refusal, Reply, Whom};
use super::{Admin, millis, only};
use crate::consumer::TopicPartition;
use crate::net::connection::Connection;

/// The first version of ElectLeaders that has unclean elections.
const UNCLEAN_SINCE: i16 = 1;
/// What errors call an election of all.
const ALL: &str = "the leaders of all partitions";

/// Who shall lead.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ElectionType {
    /// The first replica in the list, if it is in sync.
    Preferred,
    /// Where no replica is in sync, the first that is alive. Records may be lost. Brokers before
    /// Kafka 2.4 have no such election.
    Unclean,
}

impl ElectionType {
    const fn wire(self) -> i8 {
        match self {
            Self::Preferred => ELECTION_PREFERRED,
            Self::Unclean => ELECTION_UNCLEAN,
        }
    }

    fn request(
        self,
        topic_partitions: Option<Vec<TopicPartitions>>,
        timeout: core::time::Duration,
    ) -> ElectLeadersRequest {
        let (election_type, timeout_ms) = (self.wire(), millis(timeout));
        ElectLeadersRequest { election_type, topic_partitions, timeout_ms, ..Default::default() }
    }

    const fn since(self) -> i16 {
        match self {
            Self::Preferred => *ElectLeadersRequest::VERSIONS.start(),
            Self::Unclean => UNCLEAN_SINCE,
        }
    }
}

impl Admin {
    /// Elects leaders of partitions; gives the result of each, in the same order.
    ///
    /// `ELECTION_NOT_NEEDED`: it has such a leader; after a lost answer this may mean that an
    /// earlier attempt had succeeded. `PREFERRED_LEADER_NOT_AVAILABLE`,
    /// `ELIGIBLE_LEADERS_NOT_AVAILABLE`: nobody can be elected. `UNKNOWN_TOPIC_OR_PARTITION`.
    /// Retries as [`create_topics`](Self::create_topics) does. Elections are real even with
    /// [`validate_only`](Self::validate_only). Cancel safe in the same way.
    pub async fn elect_leaders<P: Into<TopicPartition>>(
        &self,
        election: ElectionType,
        partitions: impl IntoIterator<Item = P>,
    ) -> Vec<Result<(), AdminError>> {
        let items = partitions.into_iter().map(|partition| {
            let partition = partition.into();
            PartitionItem::new(Str::from(&*partition.topic), partition.partition, ())
        });
        let items: Vec<_> = items.collect();
        let names: Vec<Str> = items.iter().map(|item| item.name.clone()).collect();
        let operation =
            Operation { cluster: &self.cluster, whom: Whom::Controller, name: PartitionItem::name };
        let ask = |connection: &Connection, items: Vec<PartitionItem<()>>, timeout| {
            let topics = items.into_iter().map(|item| {
                let (topic, partitions) = (item.topic, vec![item.index]);
                TopicPartitions { topic, partitions, ..Default::default() }
            });
            let add = |t: &mut TopicPartitions, more: TopicPartitions| {
                t.partitions.extend(more.partitions);
            };
            let topics = merge(topics, |t| &t.topic, add);
            let versions = election.since()..=*ElectLeadersRequest::VERSIONS.end();
            let request = election.request(Some(topics), timeout);
            connection.call_versioned(versions, timeout, |_| request)
        };
        let read = |response: ElectLeadersResponse| match response.error_code {
            ErrorCode::NONE => elected(response)
                .map(|(partition, result)| {
                    let name = partition_name(&partition.topic, partition.partition);
                    Reply { name, result }
                })
                .collect(),
            code => {
                let each = names.iter().map(|name| {
                    let result = Refusal::check(code, None);
                    Reply { name: name.clone(), result }
                });
                each.collect()
            }
        };
        operation.run::<ElectLeadersRequest, _>(items, ask, read).await
    }

    /// Elects leaders of all partitions that have no such leader; gives the result of each of
    /// these. As [`elect_leaders`](Self::elect_leaders) otherwise; what fails for one partition is
    /// not tried again.
    ///
    /// # Errors
    ///
    /// If no broker answers in time, or the broker refuses the request as a whole.
    pub async fn elect_all_leaders(
        &self,
        election: ElectionType,
    ) -> Result<BTreeMap<TopicPartition, Result<(), AdminError>>, AdminError> {
        let operation =
            Operation { cluster: &self.cluster, whom: Whom::Controller, name: |()| ALL };
        let ask = |connection: &Connection, _, timeout| {
            let versions = election.since()..=*ElectLeadersRequest::VERSIONS.end();
            let request = election.request(None, timeout);
            connection.call_versioned(versions, timeout, |_| request)
        };
        let read = |response: ElectLeadersResponse| {
            let checked = Refusal::check(response.error_code, None);
            let result = checked.map(|()| {
                let each = elected(response).map(|(partition, result)| {
                    let result =
                        result.map_err(|refusal| refusal.into_error(&partition.to_string(), false));
                    (partition, result)
                });
                // the controller says here, too, that there was nothing to do
                let needed = |r: &Result<(), AdminError>| {
                    let code = r.as_ref().err().and_then(AdminError::code);
                    code != Some(ErrorCode::ELECTION_NOT_NEEDED)
                };
                each.filter(|(_, result)| needed(result)).collect::<BTreeMap<_, _>>()
            });
            vec![Reply { name: Str::from_static(ALL), result }]
        };
        only(operation.run::<ElectLeadersRequest, _>(vec![()], ask, read).await)
    }
}

fn elected(
    response: ElectLeadersResponse,
) -> impl Iterator<Item = (TopicPartition, Result<(), Refusal>)> {
    response.replica_election_results.into_iter().flat_map(|topic| {
        let name = topic.topic;
        topic.partition_result.into_iter().map(move |p| {
            let partition = TopicPartition::new(&*name, p.partition_id.0);
            (partition, Refusal::check(p.error_code, p.error_message))
        })
    })
}
