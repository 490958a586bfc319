//! Asks the leaders of partitions until every item has its answer or the time is up.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use ottla_protocol::ids::{NodeId, PartitionIndex};
use ottla_protocol::{ErrorCode, Request, Str};

use super::Admin;
use super::error::AdminError;
use super::retry::{Operation, Pending, Reply, Whom, give_up, set};
use crate::backoff::Backoff;
use crate::cluster::Purpose;
use crate::error::CallError;
use crate::net::connection::{Call, Connection};

/// What is asked about one partition.
#[derive(Clone, Debug)]
pub(super) struct PartitionItem<P> {
    pub(super) topic: Str,
    pub(super) index: PartitionIndex,
    /// What errors call it, and what replies are matched by.
    pub(super) name: Str,
    /// Only items of one group are asked for in one request.
    pub(super) group: Group,
    pub(super) payload: P,
}

/// The version that a question needs, and which question about its partition it is: brokers refuse
/// to be asked about one twice in a request.
pub(super) type Group = (i16, usize);

impl<P> PartitionItem<P> {
    pub(super) fn new(topic: Str, index: PartitionIndex, payload: P) -> Self {
        let name = partition_name(&topic, index);
        Self { topic, index, name, group: Group::default(), payload }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

/// What errors call a partition.
pub(super) fn partition_name(topic: &str, index: PartitionIndex) -> Str {
    Str::from(format!("{topic}-{index}"))
}

type Items<P> = Vec<Pending<PartitionItem<P>>>;

/// What to ask each leader.
type Led<P> = BTreeMap<NodeId, BTreeMap<Group, Items<P>>>;

/// Asks the leader of each item for it, one group after another; gives the results in the same
/// order. Leaders are looked up again before every attempt, once for all items.
///
/// As with Java, all that is retriable is asked again: a leader that does not know a partition has
/// not heard of it yet. Unlike with Java, a topic or partition that the look-up does not find is not
/// waited for.
pub(super) async fn by_leader<P, R, T>(
    admin: &Admin,
    items: Vec<PartitionItem<P>>,
    ask: impl Fn(&Connection, Vec<PartitionItem<P>>, Duration) -> Call<R>,
    read: impl Fn(R::Response) -> Vec<Reply<T>>,
) -> Vec<Result<T, AdminError>>
where
    P: Clone,
    R: Request,
    R::Response: 'static,
    T: Clone,
{
    let cluster = &admin.cluster;
    let (clock, config) = (cluster.clock(), cluster.config());
    let deadline = clock.now() + config.api_timeout;
    let mut backoff =
        Backoff::new(config.retry_backoff, config.retry_backoff_max, cluster.next_seed());
    let mut results: Vec<Option<Result<T, AdminError>>> = items.iter().map(|_| None).collect();
    let mut pending: Items<P> = items.into_iter().enumerate().map(Pending::new).collect();
    let mut lost = false;
    while !pending.is_empty() {
        let left = deadline.since(clock.now());
        let (led, mut again) = split(admin, pending, left, lost, &mut results).await;
        let ask = &ask;
        let calls = led.into_iter().map(async |(node, groups)| {
            let connection = cluster.connection(node, Purpose::General);
            let mut answers = Vec::new();
            for group in groups.into_values() {
                let asked = group.iter().map(|p| p.item.clone()).collect();
                let left = deadline.since(clock.now()).min(config.request_timeout);
                answers.push((group, ask(&connection, asked, left).await));
            }
            answers
        });
        for (group, answer) in join_all(calls).await.into_iter().flatten() {
            lost |= answer.as_ref().is_err_and(CallError::possibly_sent);
            let operation = Operation { cluster, whom: Whom::Any, name: PartitionItem::name };
            let (answer, passes) = (answer.map(&read), ErrorCode::is_retriable);
            let open = operation.settle(group, answer, lost, passes, &mut results);
            // a leader that gave up waiting may still do it
            lost |= open.iter().filter_map(|p| p.last.as_ref()).any(AdminError::possibly_done);
            again.extend(open);
        }
        pending = again;
        let wait = backoff.next_wait();
        if !pending.is_empty() && clock.now() + wait >= deadline {
            for Pending { place, item, last } in core::mem::take(&mut pending) {
                let error = give_up(&item.name, config.api_timeout, last, lost);
                set(&mut results, place, Err(error));
            }
        } else if !pending.is_empty() {
            cluster.request_refresh(); // the leader may be another by now
            clock.sleep(wait).await;
        }
    }
    let missing = || Err(AdminError::Unanswered { item: String::new() });
    results.into_iter().map(|result| result.unwrap_or_else(missing)).collect()
}

/// Sorts items by leader; gives those without one back, to be asked for again.
async fn split<P: Clone, T>(
    admin: &Admin,
    pending: Items<P>,
    left: Duration,
    lost: bool,
    results: &mut [Option<Result<T, AdminError>>],
) -> (Led<P>, Items<P>) {
    let (mut led, mut again) = (Led::new(), Vec::new());
    let topics: BTreeSet<Str> = pending.iter().map(|p| p.item.topic.clone()).collect();
    let described = admin.describe_topics_by_metadata(topics.iter().cloned().collect());
    let described = admin.cluster.clock().timeout(left, described).await;
    let Ok(described) = described else { return (led, pending) };
    let described: BTreeMap<&Str, _> = topics.iter().zip(&described).collect();
    for mut asked in pending {
        let refused = |code| AdminError::Refused {
            item: asked.item.name.to_string(),
            code,
            message: None,
            possibly_done: lost,
        };
        let index = asked.item.index;
        match described.get(&asked.item.topic) {
            Some(Ok(topic)) => match topic.partitions.iter().find(|p| p.index == index) {
                Some(found) => match found.leader {
                    Some(leader) => {
                        let groups = led.entry(leader).or_default();
                        groups.entry(asked.item.group).or_default().push(asked);
                    }
                    None => {
                        asked.last = Some(refused(ErrorCode::LEADER_NOT_AVAILABLE));
                        again.push(asked);
                    }
                },
                None => {
                    let error = refused(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
                    set(results, asked.place, Err(error));
                }
            },
            Some(Err(error)) => {
                // nothing was asked of a leader this time: only what was lost before may be done
                let error = (*error).clone().about(&asked.item.name, lost);
                set(results, asked.place, Err(error));
            }
            None => again.push(asked),
        }
    }
    (led, again)
}
