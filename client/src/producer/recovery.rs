//! What the outbox does when things went wrong: holes in numbers, identities, time running out.

use core::time::Duration;

use ottla_protocol::ids::ProducerEpoch;
use ottla_runtime::Instant;

use super::batch::Identity;
use super::error::{EnqueueError, Obstacle, SendError};
use super::lane::{Lane, LaneKey};
use super::outbox::{Outbox, Registration};
use super::sequencer::Resume;

impl Outbox {
    /// Looks after a partition whose batches changed state.
    pub(super) fn tend(&mut self, key: LaneKey, now: Instant) {
        let identity = self.identity();
        let Some(lane) = self.lane(key) else { return };
        if lane.sequencer.out() == 0 {
            lane.out_at = None;
        }
        match lane.sequencer.resume(identity) {
            Resume::Going => drop(self.holed.remove(&key)),
            Resume::Waiting => drop(self.holed.insert(key)),
            Resume::NewIdentity(old) => {
                self.holed.insert(key);
                if identity == Some(old) {
                    self.bump(old, now);
                    return self.tend(key, now);
                }
            }
        }
        self.activate(key);
    }

    /// The next epoch needs no one's leave (KIP-360); when they run out, another id does.
    fn bump(&mut self, old: Identity, now: Instant) {
        self.registration = match old.epoch.0.checked_add(1) {
            Some(epoch) => Registration::Have(Identity { epoch: ProducerEpoch(epoch), ..old }),
            None => Registration::Wanted(now),
        };
    }

    /// An answer to [`Effect::AskProducerId`].
    pub(crate) fn on_producer_id(&mut self, answer: Result<Identity, Obstacle>, now: Instant) {
        match answer {
            Ok(identity) => {
                self.registration = Registration::Have(identity);
                self.id_backoff.reset();
                for key in self.holed.clone() {
                    self.tend(key, now);
                }
            }
            Err(Obstacle::Broker { code, .. }) if !code.is_retriable() => {
                self.registration = Registration::Failed(code);
                self.fail_all(&SendError::Fatal(code), now);
            }
            Err(obstacle) => {
                if matches!(obstacle, Obstacle::Broker { .. }) && self.id_backoff.attempts() == 0 {
                    tracing::warn!(%obstacle, "no producer id, nothing is sent; trying again");
                }
                self.registration = Registration::Wanted(now + self.id_backoff.next_wait());
                for lane in self.topics.iter_mut().flat_map(|topic| &mut topic.lanes) {
                    lane.last = Some(obstacle.clone());
                }
            }
        }
    }

    /// Fails all that waits.
    pub(crate) fn fail_all(&mut self, error: &SendError, now: Instant) {
        let why = match error {
            SendError::Fatal(code) => EnqueueError::Fatal(*code),
            _ => EnqueueError::Closed,
        };
        for lanes in &mut self.topics {
            lanes.topic.close(why.clone());
            for batch in lanes.topic.expire(Instant::MAX, Duration::ZERO) {
                batch.fail(error.clone());
            }
            for lane in &mut lanes.lanes {
                lane.sequencer.fail_all(error);
                lane.waiting = false;
            }
        }
        self.sweep(now);
    }

    /// Fails what could not be delivered in time.
    pub(super) fn sweep(&mut self, now: Instant) {
        let timeout = self.settings.delivery_timeout;
        let mut next = Instant::MAX;
        let mut keys = Vec::new();
        for (topic, lanes) in self.topics.iter_mut().enumerate() {
            for batch in lanes.topic.expire(now, timeout) {
                let partition = usize::try_from(batch.completion().partition().0).ok();
                let lane = partition.and_then(|p| lanes.lanes.get(p));
                let last = lane.and_then(Lane::obstacle);
                batch.fail(SendError::TimedOut { waited: timeout, possibly_written: false, last });
            }
            let mut oldest = lanes.topic.oldest();
            for (partition, lane) in (0..).zip(&mut lanes.lanes) {
                lane.waiting &= lanes.topic.next_len(partition).is_some();
                let last = lane.obstacle();
                lane.sequencer.expire(now, timeout, last.as_ref());
                oldest = oldest.into_iter().chain(lane.sequencer.oldest()).min();
                keys.push(LaneKey { topic, partition });
            }
            next = oldest.map_or(next, |oldest| next.min(oldest + timeout));
        }
        self.sweep_at = next;
        for key in keys {
            self.tend(key, now);
        }
    }
}
