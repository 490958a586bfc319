//! DeleteTopics, by name or by id.

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::Uuid;
use ottla_protocol::messages::delete_topics::{
    DeletableTopicResult, DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};

use super::{Context, Handler, once};
use crate::broker::Broker;
use crate::controller::ledger::{Refusal, Reply, Request, TopicRef};
use crate::net::Close;

/// From here on there is a code for a broker that deletes nothing.
const SAYS_DISABLED: i16 = 3;

impl Handler for DeleteTopicsRequest {
    fn names(&self, broker: &Broker, topic: Option<&str>, partition: Option<i32>) -> bool {
        let image = broker.controller.image();
        let is = |name: &str| topic.is_none_or(|topic| name == topic);
        let by_id = |id| image.topic_by_id(id).is_some_and(|topic| is(&topic.name));
        let named = |t: &DeleteTopicState| match &t.name {
            Some(name) => is(name),
            None => by_id(t.topic_id),
        };
        partition.is_none()
            && (self.topic_names.iter().any(|name| is(name)) || self.topics.iter().any(named))
    }

    async fn handle(self, context: &Context) -> Result<Option<DeleteTopicsResponse>, Close> {
        let names = self.topic_names.into_iter();
        let states = names.map(|name| DeleteTopicState { name: Some(name), ..Default::default() });
        let asked: Vec<DeleteTopicState> = states.chain(self.topics).collect();
        let refused: Vec<Option<Refusal>> =
            asked.iter().map(|state| refused(context, state)).collect();
        let wanted = asked.iter().zip(&refused).filter(|(_, refused)| refused.is_none());
        let wanted = wanted.map(|(state, _)| match &state.name {
            Some(name) => TopicRef::Name(name.clone()),
            None => TopicRef::Id(state.topic_id),
        });
        let request = Request::DeleteTopics(wanted.collect());
        let deleted = match context.broker.controller.submit(request).await {
            Reply::Deleted(deleted) => deleted,
            other => vec![Err(other.refusal()); asked.len()],
        };
        let mut deleted = deleted.into_iter();
        let responses = asked.into_iter().zip(refused).map(|(state, refused)| {
            let result = match refused {
                Some(refusal) => Err(refusal),
                None => {
                    deleted.next().unwrap_or_else(|| Err(fault(ErrorCode::UNKNOWN_SERVER_ERROR)))
                }
            };
            match result {
                Ok((name, topic_id)) => {
                    DeletableTopicResult { name: Some(name), topic_id, ..Default::default() }
                }
                Err(Refusal { code, message }) => DeletableTopicResult {
                    name: state.name,
                    topic_id: state.topic_id,
                    error_code: code,
                    error_message: Some(message.into()),
                    ..Default::default()
                },
            }
        });
        let responses = once(responses, |topic| (topic.name.clone(), topic.topic_id));
        Ok(Some(DeleteTopicsResponse { responses, ..Default::default() }))
    }
}

fn fault(code: ErrorCode) -> Refusal {
    Refusal { code, message: code.meaning().to_owned() }
}

fn refused(context: &Context, state: &DeleteTopicState) -> Option<Refusal> {
    let image = context.broker.controller.image();
    let by_id = image.topic_by_id(state.topic_id).map(|topic| topic.name.clone());
    let name = state.name.clone().or(by_id);
    if let Some(code) = name.and_then(|name| context.verdict.error_for(&name, None)) {
        return Some(fault(code));
    }
    if !context.broker.config.delete_topics {
        return Some(fault(if context.version < SAYS_DISABLED {
            ErrorCode::INVALID_REQUEST
        } else {
            ErrorCode::TOPIC_DELETION_DISABLED
        }));
    }
    let message = match (&state.name, state.topic_id) {
        (Some(_), id) if id != Uuid::ZERO => "You may not specify both topic name and topic id.",
        (None, Uuid::ZERO) => "Neither topic name nor id were specified.",
        _ => return None,
    };
    Some(Refusal { code: ErrorCode::INVALID_REQUEST, message: message.to_owned() })
}
