//! Which failures that may pass the application should hear of: a broker that is away for a while is
//! not worth a word, one that was never reached has perhaps a wrong address.

use core::time::Duration;

use ottla_protocol::ids::NodeId;
use ottla_runtime::Instant;

use super::Inbox;
use crate::consumer::error::PollError;
use crate::consumer::subscription::TopicPartition;
use crate::error::CallError;

/// What was never reached is told of after so long.
pub(super) const UNREACHED_GRACE: Duration = Duration::from_secs(3);

/// How asking a broker, or the cluster, has gone lately.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    /// Whether it ever answered.
    reached: bool,
    failing: Option<Failing>,
}

#[derive(Debug)]
struct Failing {
    source: CallError,
    /// When to tell the application; set when time is next known.
    tell_at: Option<Instant>,
}

impl Trouble {
    pub(super) fn succeeded(&mut self) {
        self.reached = true;
        self.failing = None;
    }

    pub(super) fn failed(&mut self, source: CallError) {
        let tell_at = self.failing.as_ref().and_then(|failing| failing.tell_at);
        self.failing = Some(Failing { source, tell_at });
    }

    /// Nobody needs it now.
    fn forget(&mut self) {
        self.failing = None;
    }

    /// What the application should be told now, and after each `again`.
    fn on_time(&mut self, now: Instant, again: Duration) -> Option<CallError> {
        let failing = self.failing.as_mut().filter(|_| !self.reached)?;
        let tell_at = *failing.tell_at.get_or_insert(now + UNREACHED_GRACE);
        if tell_at > now {
            return None;
        }
        failing.tell_at = Some(now + again);
        Some(failing.source.clone())
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.failing.as_ref()?.tell_at
    }

    fn source(&self) -> Option<&CallError> {
        self.failing.as_ref().map(|failing| &failing.source)
    }
}

impl Inbox {
    /// The client asked for metadata and got an answer, or `Some` failure.
    pub(crate) fn on_metadata_asked(&mut self, failure: Option<CallError>) {
        match failure {
            None => self.cluster.succeeded(),
            Some(failure) if failure.is_retriable() => self.cluster.failed(failure),
            Some(failure) => {
                self.cluster.failed(failure.clone());
                self.unreachable = Some(failure); // waiting will not cure it
            }
        }
    }

    /// Tells the application of what was never reached, if it waits for that.
    pub(super) fn tell_troubles(&mut self, now: Instant) {
        let again = self.config.default_api_timeout;
        let (subscription, seats) = (&self.subscription, &self.seats);
        let leads = |node: NodeId| {
            subscription.iter().any(|(slot, _)| seats[slot].leader.is_some_and(|l| l.node == node))
        };
        for (node, lane) in &mut self.lanes {
            if lane.trouble.failing.is_some() && !leads(*node) {
                lane.trouble.forget();
            }
            // asked even if an error waits to be taken: its deadline has to move on
            let told = lane.trouble.on_time(now, again);
            lane.error = lane.error.take().or(told);
        }
        if subscription.iter().next().is_none() {
            self.cluster.forget();
            self.unreachable = None;
        }
        let told = self.cluster.on_time(now, again);
        self.unreachable = self.unreachable.take().or(told);
    }

    /// Why the position of a partition is not known, in words.
    pub(crate) fn obstacle(&self, partition: &TopicPartition) -> String {
        let Some(slot) = self.subscription.find(partition) else {
            return "it is not assigned".to_owned();
        };
        let seat = &self.seats[slot];
        if let Some(source) = self.cluster.source() {
            return source.to_string();
        }
        if let Some(code) = seat.missing {
            return code.to_string();
        }
        let Some(leader) = seat.leader else { return "no leader is known".to_owned() };
        let lane = self.lanes.get(&leader.node);
        let source = lane.and_then(|lane| lane.trouble.source());
        source.map_or_else(|| format!("node {} did not answer", leader.node), ToString::to_string)
    }

    /// The next error of the cluster or of a broker.
    pub(super) fn take_trouble(&mut self) -> Option<PollError> {
        if let Some(source) = self.unreachable.take() {
            return Some(PollError::Unreachable { source });
        }
        self.lanes.iter_mut().find_map(|(node, lane)| {
            lane.error.take().map(|source| PollError::Node { node: *node, source })
        })
    }
}
