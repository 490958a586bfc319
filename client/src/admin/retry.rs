//! Asks until every item has its answer or the time is up.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use ottla_protocol::ids::NodeId;
use ottla_protocol::{ErrorCode, Request, Str};
use ottla_runtime::Instant;

use super::error::AdminError;
use crate::backoff::Backoff;
use crate::cluster::{Cluster, Purpose};
use crate::error::CallError;
use crate::net::connection::{Call, Connection};

/// What a broker said about one item.
#[derive(Clone)]
pub(super) struct Reply<T> {
    pub(super) name: Str,
    pub(super) result: Result<T, Refusal>,
}

/// An error and what the broker said about it.
#[derive(Clone)]
pub(super) struct Refusal {
    pub(super) code: ErrorCode,
    pub(super) message: Option<Str>,
}

impl Refusal {
    /// `Ok` if there is no error.
    pub(super) fn check(code: ErrorCode, message: Option<Str>) -> Result<(), Self> {
        if code == ErrorCode::NONE { Ok(()) } else { Err(Self { code, message }) }
    }

    /// `lost`: whether an earlier attempt may have reached a broker and got no answer.
    pub(super) fn into_error(self, item: &str, lost: bool) -> AdminError {
        let (item, code) = (item.to_owned(), self.code);
        let message = self.message.map(|m| m.to_string());
        // who gave up waiting may still do it; who failed in the middle does not know how far it got
        let is_open = matches!(
            code,
            ErrorCode::REQUEST_TIMED_OUT
                | ErrorCode::KAFKA_STORAGE_ERROR
                | ErrorCode::UNKNOWN_SERVER_ERROR
        );
        let possibly_done = lost || is_open;
        AdminError::Refused { item, code, message, possibly_done }
    }
}

/// Who is asked.
#[derive(Clone, Copy)]
pub(super) enum Whom {
    /// The controller, or any broker that passes the request on to it (KRaft).
    Controller,
    /// Anybody.
    Any,
    /// This broker: no other knows.
    Broker(NodeId),
}

/// Whether who shall be asked is there.
enum Reached {
    At(Connection),
    /// The cluster names no such broker.
    Gone(NodeId),
}

/// One operation on several items.
pub(super) struct Operation<'a, I> {
    pub(super) cluster: &'a Cluster,
    pub(super) whom: Whom,
    /// What errors call the item.
    pub(super) name: fn(&I) -> &str,
}

/// An item without a final result.
pub(super) struct Pending<I> {
    pub(super) place: usize,
    pub(super) item: I,
    /// How the last attempt failed.
    pub(super) last: Option<AdminError>,
}

impl<I> Pending<I> {
    pub(super) fn new((place, item): (usize, I)) -> Self {
        Self { place, item, last: None }
    }
}

/// The error of an item whose time is up.
pub(super) fn give_up(
    item: &str,
    timeout: Duration,
    last: Option<AdminError>,
    possibly_done: bool,
) -> AdminError {
    let item = item.to_owned();
    let last = Box::new(last.unwrap_or_else(|| AdminError::Unanswered { item: item.clone() }));
    AdminError::TimedOut { item, timeout, last, possibly_done }
}

impl<I: Clone> Operation<'_, I> {
    /// Asks for `items` and gives their results in the same order.
    ///
    /// What passes (no controller, a quota, a lost connection) is asked again; the rest is final.
    pub(super) async fn run<R, T>(
        self,
        items: Vec<I>,
        ask: impl Fn(&Connection, Vec<I>, Duration) -> Call<R>,
        read: impl Fn(R::Response) -> Vec<Reply<T>>,
    ) -> Vec<Result<T, AdminError>>
    where
        R: Request,
        R::Response: 'static,
        T: Clone,
    {
        let (clock, config) = (self.cluster.clock(), self.cluster.config());
        let timeout = config.api_timeout;
        let deadline = clock.now() + timeout;
        let mut backoff =
            Backoff::new(config.retry_backoff, config.retry_backoff_max, self.cluster.next_seed());
        let mut results: Vec<Option<Result<T, AdminError>>> = items.iter().map(|_| None).collect();
        let mut pending: Vec<_> = items.into_iter().enumerate().map(Pending::new).collect();
        let (mut lost, mut failed) = (false, false);
        while !pending.is_empty() {
            let answer = match self.reach(failed, deadline).await {
                Ok(Reached::At(connection)) => {
                    let asked = pending.iter().map(|p| p.item.clone()).collect();
                    let left = deadline.since(clock.now()).min(config.request_timeout);
                    let answer = ask(&connection, asked, left).await;
                    lost |= answer.as_ref().is_err_and(CallError::possibly_sent);
                    answer
                }
                Ok(Reached::Gone(id)) => {
                    for Pending { place, item, .. } in pending {
                        let (item, source) =
                            ((self.name)(&item).to_owned(), CallError::UnknownNode(id));
                        let error = AdminError::Call { item, source, possibly_done: lost };
                        set(&mut results, place, Err(error));
                    }
                    break;
                }
                Err(error) => Err(error),
            };
            failed = answer.is_err();
            let answer = answer.map(&read);
            pending = self.settle(pending, answer, lost, passes, &mut results);
            let wait = backoff.next_wait();
            if !pending.is_empty() && clock.now() + wait >= deadline {
                for Pending { place, item, last } in pending {
                    let error = give_up((self.name)(&item), timeout, last, lost);
                    set(&mut results, place, Err(error));
                }
                break;
            }
            if !pending.is_empty() {
                self.cluster.request_refresh(); // the controller may be another by now
                clock.sleep(wait).await;
            }
        }
        let missing = || Err(AdminError::Unanswered { item: String::new() });
        results.into_iter().map(|result| result.unwrap_or_else(missing)).collect()
    }

    /// The connection to who is asked. A broker is asked only if the cluster names it: where one that
    /// left was, another may be by now. What is old, or in `doubt`, is looked up anew.
    async fn reach(&self, doubt: bool, deadline: Instant) -> Result<Reached, CallError> {
        let id = match self.whom {
            Whom::Controller => return Ok(Reached::At(self.cluster.controller())),
            Whom::Any => return Ok(Reached::At(self.cluster.any_node())),
            Whom::Broker(id) => id,
        };
        let is_named = || self.cluster.metadata().nodes.contains_key(&id);
        if doubt || !is_named() || self.cluster.is_aged() {
            self.look_up(deadline).await?;
        }
        Ok(match is_named() {
            true => Reached::At(self.cluster.connection(id, Purpose::General)),
            false => Reached::Gone(id),
        })
    }

    /// Asks the cluster anew who there is, until it answers or waiting does not help.
    async fn look_up(&self, deadline: Instant) -> Result<(), CallError> {
        let cluster = self.cluster;
        let mut attempts = cluster.attempts();
        let before = attempts.borrow_and_update().failed;
        let enough = cluster.request_news();
        let is_final = |error: &CallError| !error.is_retriable();
        let decided = attempts.wait_for(|attempts| {
            let hopeless =
                attempts.failed != before && attempts.error.as_ref().is_some_and(is_final);
            attempts.answered >= enough || hopeless
        });
        let clock = cluster.clock();
        match clock.timeout(deadline.since(clock.now()), decided).await {
            Ok(Ok(attempts)) if attempts.answered >= enough => Ok(()),
            Ok(Err(_)) => Err(CallError::Closed { possibly_sent: false }),
            Ok(Ok(_)) | Err(_) => Err(cluster.unanswered(cluster.config().api_timeout)),
        }
    }

    /// Files what is final; gives what is to be asked again. `passes`: which errors end by themselves.
    pub(super) fn settle<T: Clone>(
        &self,
        pending: Vec<Pending<I>>,
        answer: Result<Vec<Reply<T>>, CallError>,
        lost: bool,
        passes: fn(ErrorCode) -> bool,
        results: &mut [Option<Result<T, AdminError>>],
    ) -> Vec<Pending<I>> {
        let mut again = Vec::new();
        let (replies, failure) = match answer {
            Ok(replies) => (replies, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        let mut replies = Replies::of(replies);
        for mut asked in pending {
            let name = (self.name)(&asked.item).to_owned();
            if let Some(source) = &failure {
                let (source, possibly_done) = (source.clone(), lost);
                let error = AdminError::Call { item: name, source, possibly_done };
                if error.is_retriable() {
                    asked.last = Some(error);
                    again.push(asked);
                } else {
                    set(results, asked.place, Err(error));
                }
                continue;
            }
            match replies.take(&name) {
                Some(Err(refusal)) if passes(refusal.code) => {
                    asked.last = Some(refusal.into_error(&name, lost));
                    again.push(asked);
                }
                Some(result) => {
                    let result = result.map_err(|refusal| refusal.into_error(&name, lost));
                    set(results, asked.place, result);
                }
                None => {
                    set(results, asked.place, Err(AdminError::Unanswered { item: name }));
                }
            }
        }
        again
    }
}

/// Replies by name, in the order they came.
struct Replies<T>(BTreeMap<Str, VecDeque<Result<T, Refusal>>>);

impl<T: Clone> Replies<T> {
    fn of(replies: Vec<Reply<T>>) -> Self {
        let mut named = BTreeMap::<_, VecDeque<_>>::new();
        for Reply { name, result } in replies {
            named.entry(name).or_default().push_back(result);
        }
        Self(named)
    }

    /// The next about `name`; the last again if an item was asked for more often than answered.
    fn take(&mut self, name: &str) -> Option<Result<T, Refusal>> {
        let named = self.0.get_mut(name)?;
        if named.len() > 1 { named.pop_front() } else { named.front().cloned() }
    }
}

pub(super) fn set<T>(
    results: &mut [Option<Result<T, AdminError>>],
    place: usize,
    result: Result<T, AdminError>,
) {
    if let Some(slot) = results.get_mut(place) {
        *slot = Some(result);
    }
}

/// Whether the state behind an error passes by itself. Narrower than retriable: a topic that does
/// not exist is retriable for a producer, and final here. What leaders say is judged by
/// [`by_leader`](super::leaders::by_leader).
const fn passes(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::NOT_CONTROLLER
            | ErrorCode::THROTTLING_QUOTA_EXCEEDED
            | ErrorCode::NETWORK_EXCEPTION
            | ErrorCode::LEADER_NOT_AVAILABLE
            | ErrorCode::NOT_LEADER_OR_FOLLOWER
            | ErrorCode::REPLICA_NOT_AVAILABLE
            | ErrorCode::OFFSET_NOT_AVAILABLE
            | ErrorCode::BROKER_NOT_AVAILABLE
    )
}

#[cfg(test)]
#[path = "retry_tests.rs"]
mod tests;
