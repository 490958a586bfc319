//! The outbox's other ear: what replies mean for the batches they answer.

use std::sync::Arc;

use ottla_protocol::messages::produce::ProduceResponse;
use ottla_runtime::Instant;

use super::batch::BatchId;
use super::delivery::Receipt;
use super::error::{Obstacle, SendError};
use super::lane::LaneKey;
use super::outbox::{Effect, Outbox, RequestId, Sent};
use super::sequencer::Answer;
use super::verdict::judge;

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Reply {
    /// The broker answered.
    Answered(ProduceResponse),
    /// It was written, and no answer is expected: acks=0.
    Written,
    /// It certainly never reached a broker.
    Unsent(Obstacle),
    /// It may have reached a broker.
    Lost(Obstacle),
}

/// The response says nothing of a partition that the request was about.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the broker's response says nothing of the partition")]
struct NotInResponse;

impl Outbox {
    /// A request has ended.
    pub(crate) fn on_reply(&mut self, id: RequestId, reply: Reply, now: Instant) {
        let Some(mut sent) = self.requests.remove(&id) else { return };
        if let Some(node) = self.nodes.get_mut(&sent.node) {
            node.out = node.out.saturating_sub(1);
            node.replied = true;
        }
        let rest = match reply {
            Reply::Answered(response) => {
                self.on_response(&mut sent, &response, now);
                Answer::Unknown(Obstacle::Network(Arc::new(NotInResponse)))
            }
            Reply::Written => Answer::Written(Receipt { base_offset: None, log_append_time: None }),
            Reply::Unsent(obstacle) => Answer::NotWritten(obstacle),
            Reply::Lost(obstacle) if self.settings.unanswered => {
                Answer::Failed(SendError::Unanswered { last: Some(obstacle) }.into())
            }
            Reply::Lost(obstacle) => Answer::Unknown(obstacle),
        };
        let is_network = matches!(&rest, Answer::Unknown(_) | Answer::NotWritten(_));
        if is_network && !sent.batches.is_empty() {
            self.effects.push_back(Effect::Refresh);
        }
        for (key, batch) in sent.batches {
            self.on_answer(key, batch, rest.clone(), now);
        }
    }

    fn on_response(&mut self, sent: &mut Sent, response: &ProduceResponse, now: Instant) {
        let mut refresh = false;
        for topic in &response.responses {
            let by_name = |(_, name, id): &&(usize, _, ottla_protocol::ids::Uuid)| {
                let _: &ottla_protocol::Str = name;
                if topic.name.is_empty() { *id == topic.topic_id } else { *name == topic.name }
            };
            let Some((place, ..)) = sent.topics.iter().find(by_name) else { continue };
            for partition in &topic.partition_responses {
                let Ok(index) = u32::try_from(partition.index.0) else { continue };
                let key = LaneKey { topic: *place, partition: index };
                let Some(batch) = sent.batches.remove(&key) else { continue };
                refresh |= partition.error_code.invalidates_metadata();
                self.on_answer(key, batch, judge(partition), now);
            }
        }
        if refresh {
            self.effects.push_back(Effect::Refresh);
        }
    }

    fn on_answer(&mut self, key: LaneKey, batch: BatchId, answer: Answer, now: Instant) {
        let split = self.next_batches();
        let obstacle = match &answer {
            Answer::NotWritten(obstacle) | Answer::Unknown(obstacle) => Some(obstacle.clone()),
            Answer::OutOfOrder(code) => Some(Obstacle::broker(*code)),
            Answer::Written(_) | Answer::TooLarge | Answer::Failed(_) => None,
        };
        let partition = usize::try_from(key.partition).unwrap_or(usize::MAX);
        let Some(lanes) = self.topics.get_mut(key.topic) else { return };
        let Some(lane) = lanes.lanes.get_mut(partition) else { return };
        if matches!(answer, Answer::TooLarge)
            && let Some(bytes) = lane.sequencer.raw_len(batch)
        {
            lanes.topic.on_too_large(bytes);
        }
        if let Some(obstacle) = obstacle {
            // what an old leader said is no reason to wait before the new one is asked
            let of_old_leader = lane.out_at != lane.leader.map(|leader| leader.node);
            if obstacle.is_worth_a_word_behind(lane.last.as_ref()) {
                let (topic, partition) = (lanes.topic.name(), key.partition);
                tracing::warn!(%topic, partition, %obstacle, "not acknowledged; trying again");
            }
            if !of_old_leader && lane.not_before.is_none_or(|at| at <= now) {
                let again = now + lane.backoff.next_wait();
                lane.not_before = Some(again);
                self.alarms.insert((again, key));
            }
            lane.last = Some(obstacle);
        } else {
            lane.backoff.reset();
            (lane.last, lane.not_before) = (None, None);
        }
        lane.sequencer.on_answer(batch, answer, split, &mut self.sealer);
        self.tend(key, now);
    }
}
