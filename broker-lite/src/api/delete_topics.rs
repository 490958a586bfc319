//! DeleteTopics, by name or by id.

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::Uuid;
use ottla_protocol::messages::delete_topics::{
    DeletableTopicResult, DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};

use super::{Context, Handler};
use crate::broker::Broker;
use crate::controller::ledger::{Reply, Request, TopicRef};
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
        let refused: Vec<Option<ErrorCode>> =
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
                Some(code) => Err((code, code.meaning().to_owned())),
                None => match deleted.next() {
                    Some(result) => result.map_err(|refusal| (refusal.code, refusal.message)),
                    None => Err((ErrorCode::UNKNOWN_SERVER_ERROR, String::new())),
                },
            };
            match result {
                Ok((name, topic_id)) => {
                    DeletableTopicResult { name: Some(name), topic_id, ..Default::default() }
                }
                Err((code, message)) => DeletableTopicResult {
                    name: state.name,
                    topic_id: state.topic_id,
                    error_code: code,
                    error_message: Some(message.into()),
                    ..Default::default()
                },
            }
        });
        Ok(Some(DeleteTopicsResponse { responses: responses.collect(), ..Default::default() }))
    }
}

fn refused(context: &Context, state: &DeleteTopicState) -> Option<ErrorCode> {
    let image = context.broker.controller.image();
    let by_id = image.topic_by_id(state.topic_id).map(|topic| topic.name.clone());
    let name = state.name.clone().or(by_id);
    if let Some(code) = name.and_then(|name| context.verdict.error_for(&name, None)) {
        return Some(code);
    }
    if !context.broker.config.delete_topics {
        return Some(if context.version < SAYS_DISABLED {
            ErrorCode::INVALID_REQUEST
        } else {
            ErrorCode::TOPIC_DELETION_DISABLED
        });
    }
    let both = state.name.is_some() && state.topic_id != Uuid::ZERO;
    let neither = state.name.is_none() && state.topic_id == Uuid::ZERO;
    (both || neither).then_some(ErrorCode::INVALID_REQUEST)
}
