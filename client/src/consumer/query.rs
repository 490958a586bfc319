//! A machine that finds out where logs start or end, for the handle's own questions.

use std::collections::BTreeMap;

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{LeaderEpoch, NodeId, PartitionIndex};
use ottla_protocol::messages::list_offsets::ListOffsetsResponse;

use super::error::OffsetsError;
use super::inbox::{Leadership, is_passing};
use super::offsets::OffsetAndTimestamp;
use super::subscription::TopicPartition;
use crate::error::CallError;

/// Partitions that one broker leads, to be asked for in one request.
pub(super) type Question = Vec<(TopicPartition, Option<LeaderEpoch>, i64)>;

/// What a leader found: nothing if no record is that new.
pub(super) type Found = Option<OffsetAndTimestamp>;

/// One question about many partitions, asked until all have been answered.
#[derive(Debug)]
pub(super) struct OffsetQuery {
    /// With the timestamp asked for, as on the wire, and why there is no answer yet.
    open: BTreeMap<TopicPartition, (i64, String)>,
    answers: BTreeMap<TopicPartition, Found>,
}

impl OffsetQuery {
    pub(super) fn new(partitions: impl IntoIterator<Item = (TopicPartition, i64)>) -> Self {
        let reason = || "the cluster was not reached yet".to_owned();
        let open = partitions.into_iter().map(|(p, time)| (p, (time, reason()))).collect();
        Self { open, answers: BTreeMap::new() }
    }

    /// The topics of open partitions.
    pub(super) fn topics(&self) -> impl Iterator<Item = &str> {
        self.open.keys().map(|p| &*p.topic)
    }

    /// Whom to ask for what.
    pub(super) fn questions(
        &mut self,
        look_up: impl Fn(&TopicPartition) -> Leadership,
    ) -> BTreeMap<NodeId, Question> {
        let mut questions: BTreeMap<NodeId, Question> = BTreeMap::new();
        for (partition, (time, reason)) in &mut self.open {
            match look_up(partition) {
                Leadership::Known { leader: Some(node), epoch, .. } => {
                    questions.entry(node).or_default().push((partition.clone(), epoch, *time));
                }
                Leadership::Known { leader: None, .. } => "it has no leader".clone_into(reason),
                Leadership::Missing(code) => *reason = code.to_string(),
                Leadership::Unknown => {}
            }
        }
        questions
    }

    /// Takes over what `node` answered.
    ///
    /// # Errors
    ///
    /// An answer that waiting will not change.
    pub(super) fn on_reply(
        &mut self,
        node: NodeId,
        question: &Question,
        reply: Result<ListOffsetsResponse, CallError>,
    ) -> Result<(), OffsetsError> {
        let response = match reply {
            Ok(response) => response,
            Err(CallError::Closed { .. }) => return Err(OffsetsError::Closed),
            Err(source) if !source.is_retriable() => {
                return Err(OffsetsError::Node { node, source });
            }
            Err(source) => {
                for (partition, ..) in question {
                    if let Some((_, reason)) = self.open.get_mut(partition) {
                        *reason = source.to_string();
                    }
                }
                return Ok(());
            }
        };
        let mut answers: BTreeMap<(&str, PartitionIndex), _> = BTreeMap::new();
        for topic in &response.topics {
            for p in &topic.partitions {
                let found = p.offset.map(|offset| OffsetAndTimestamp {
                    offset,
                    timestamp: p.timestamp.unwrap_or_default(), // an end has none, and none is asked
                    leader_epoch: p.leader_epoch,
                });
                answers.insert((&*topic.name, p.partition_index), (p.error_code, found));
            }
        }
        for (partition, _, time) in question {
            match answers.get(&(&*partition.topic, partition.partition)) {
                // an end is somewhere; a record as new as asked for need not be
                Some((ErrorCode::NONE, found)) if found.is_some() || *time >= 0 => {
                    self.open.remove(partition);
                    self.answers.insert(partition.clone(), *found);
                }
                Some((code, _)) if !is_passing(*code) => {
                    let (partition, code) = (partition.clone(), *code);
                    return Err(OffsetsError::Broker { partition, code });
                }
                Some((code, _)) => {
                    self.open.insert(partition.clone(), (*time, code.to_string()));
                }
                None => {}
            }
        }
        Ok(())
    }

    /// All answers, or the first partition without one and why.
    pub(super) fn finish(
        self,
    ) -> Result<BTreeMap<TopicPartition, Found>, (TopicPartition, String)> {
        match self.open.into_iter().next() {
            None => Ok(self.answers),
            Some((partition, (_, reason))) => Err((partition, reason)),
        }
    }

    /// Whether every partition has its answer.
    pub(super) fn is_done(&self) -> bool {
        self.open.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ottla_protocol::ids::Offset;
    use ottla_protocol::messages::list_offsets::{
        ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
    };

    fn answer(code: ErrorCode, offset: Option<i64>) -> ListOffsetsResponse {
        let partition = ListOffsetsPartitionResponse {
            error_code: code,
            offset: offset.and_then(Offset::new),
            ..Default::default()
        };
        let topic = ListOffsetsTopicResponse {
            name: "t".into(),
            partitions: vec![partition],
            ..Default::default()
        };
        ListOffsetsResponse { topics: vec![topic], ..Default::default() }
    }

    fn led(_: &TopicPartition) -> Leadership {
        Leadership::Known { leader: Some(NodeId(1)), epoch: None, topic_id: None }
    }

    #[test]
    fn a_passing_error_keeps_the_question_open_and_the_answer_ends_it() {
        let partition = TopicPartition::new("t", 0);
        let mut query = OffsetQuery::new([(partition.clone(), -1)]);
        for code in [ErrorCode::NOT_LEADER_OR_FOLLOWER, ErrorCode::OFFSET_NOT_AVAILABLE] {
            let question = &query.questions(led)[&NodeId(1)];
            query.on_reply(NodeId(1), question, Ok(answer(code, None))).unwrap();
            assert!(!query.is_done(), "{code}");
        }
        let question = &query.questions(led)[&NodeId(1)];
        query.on_reply(NodeId(1), question, Ok(answer(ErrorCode::NONE, Some(7)))).unwrap();
        assert_eq!(query.finish().unwrap()[&partition].unwrap().offset, Offset::new(7).unwrap());
    }

    #[test]
    fn no_record_as_new_as_asked_for_is_an_answer_and_no_end_is_none() {
        for (time, answered) in [(5, true), (-1, false)] {
            let mut query = OffsetQuery::new([(TopicPartition::new("t", 0), time)]);
            let question = &query.questions(led)[&NodeId(1)];
            query.on_reply(NodeId(1), question, Ok(answer(ErrorCode::NONE, None))).unwrap();
            assert_eq!(query.is_done(), answered, "{time}");
        }
    }

    #[test]
    fn a_refusal_ends_the_question_and_a_missing_leader_says_why_it_waits() {
        let mut query = OffsetQuery::new([(TopicPartition::new("t", 0), -1)]);
        let code = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        assert!(query.questions(|_| Leadership::Missing(code)).is_empty());
        let question = &query.questions(led)[&NodeId(1)];
        let refused = answer(ErrorCode::TOPIC_AUTHORIZATION_FAILED, None);
        let error = query.on_reply(NodeId(1), question, Ok(refused)).unwrap_err();
        assert!(matches!(error, OffsetsError::Broker { .. }), "{error}");
        assert!(query.finish().unwrap_err().1.contains("UNKNOWN_TOPIC_OR_PARTITION"));
    }
}
