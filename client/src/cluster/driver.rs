//! The task that keeps the metadata fresh.

use std::sync::Arc;

use ottla_protocol::messages::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use ottla_protocol::{ApiKey, ErrorCode};
use ottla_runtime::Instant;

use super::refresh::Ask;
use super::{Attempts, Inner, Purpose};
use crate::error::CallError;

/// Version 0 cannot ask for no topics: an empty list means all of them there.
const VERSION_MIN: i16 = 1;
/// The first version that says whether topics may be created; before it they always were.
const AUTO_CREATE_SINCE: i16 = 4;

/// Runs until the client ends.
pub(super) async fn run(inner: Arc<Inner>) {
    loop {
        let now = inner.env.clock.now();
        let (ask, due) = {
            let mut refresh = inner.refresh();
            (refresh.poll(now), refresh.next_deadline().unwrap_or(Instant::MAX))
        };
        match ask {
            Some(ask) => refresh(&inner, ask).await,
            None => {
                tokio::select! {
                    biased;
                    () = inner.refresh_changed.notified() => {}
                    () = inner.env.clock.sleep_until(due), if due < Instant::MAX => {}
                }
            }
        }
    }
}

async fn refresh(inner: &Inner, ask: Ask) {
    let metadata = Arc::clone(&inner.metadata.borrow());
    let connection = inner.pool.get(ask.target, Purpose::General, &metadata);
    let auto_create = inner.env.config.auto_create_topics;
    let names = ask.topics;
    let last = *<MetadataRequest as ottla_protocol::Message>::VERSIONS.end();
    let timeout = inner.env.config.request_timeout;
    let answer = connection.call_versioned(VERSION_MIN..=last, timeout, move |version| {
        let topic = |name| MetadataRequestTopic { name: Some(name), ..Default::default() };
        MetadataRequest {
            topics: Some(names.into_iter().map(topic).collect()),
            allow_auto_topic_creation: auto_create || version < AUTO_CREATE_SINCE,
            ..MetadataRequest::default()
        }
    });
    match answer.await {
        Ok(answer) => on_answer(inner, answer),
        Err(error) => {
            tracing::debug!(%error, target = ?ask.target, "metadata refresh failed");
            on_failure(inner, error);
        }
    }
}

fn on_failure(inner: &Inner, error: CallError) {
    let now = inner.env.clock.now();
    let turns = inner.refresh().on_failure(now);
    turn_to_bootstrap(inner, turns);
    failed(inner, error);
}

/// Tells who waits for metadata why there is none. A broker that has just started is worth waiting
/// for: it was not tried in vain.
fn failed(inner: &Inner, error: CallError) {
    inner.attempts.send_modify(|attempts| {
        attempts.failed += u64::from(!matches!(error, CallError::NoBrokers));
        attempts.error = Some(error);
    });
}

/// The names of the list are resolved when its connections are opened.
fn turn_to_bootstrap(inner: &Inner, turns: bool) {
    if turns {
        tracing::debug!("turning from the brokers that were known to the bootstrap list");
        inner.pool.release_bootstrap();
    }
}

fn on_answer(inner: &Inner, answer: MetadataResponse) {
    let now = inner.env.clock.now();
    if answer.error_code == ErrorCode::REBOOTSTRAP_REQUIRED {
        tracing::warn!("the broker asks us to start again from the bootstrap list");
        let turns = inner.refresh().on_rebootstrap(now);
        turn_to_bootstrap(inner, turns);
        return failed(
            inner,
            CallError::Refused { api: ApiKey::METADATA, code: answer.error_code },
        );
    }
    let error = match answer.error_code {
        // a broker that knows no broker, itself included, has just started: it cannot be asked yet
        ErrorCode::NONE if answer.brokers.is_empty() => Some(CallError::NoBrokers),
        ErrorCode::NONE => None,
        code => Some(CallError::Refused { api: ApiKey::METADATA, code }),
    };
    if let Some(error) = error {
        tracing::debug!(%error, "the broker has no metadata");
        return on_failure(inner, error);
    }
    let before = Arc::clone(&inner.metadata.borrow());
    if let (Some(before), Some(after)) = (&before.cluster_id, &answer.cluster_id)
        && before != after
    {
        tracing::warn!(%before, %after, "the brokers now belong to another cluster");
    }
    let mut refresh = inner.refresh();
    // inside, so that a leader hint that arrives meanwhile is not overwritten
    inner.metadata.send_modify(|metadata| {
        let next = metadata.updated(answer, |topic| refresh.is_wanted(topic));
        // an answer that leaves out what was asked for is none
        let lacking = refresh.wanted_topics().any(|topic| !next.tells_of(topic));
        let unsettled = lacking || next.is_unsettled();
        refresh.on_answer(now, next.nodes.keys().copied().collect(), unsettled);
        inner.pool.on_metadata(&next); // who is told of the change finds the new addresses
        *metadata = Arc::new(next);
    });
    // still inside: who asks how many were answered also asks whether one is on its way
    inner.attempts.send_modify(|attempts| {
        let answered = attempts.answered + 1;
        *attempts = Attempts { answered, ..Attempts::default() };
    });
    drop(refresh);
}
