//! Produce: appends batches on the connection's own task; waits only for syncs, where topics want them.

use core::time::Duration;

use std::sync::{Arc, PoisonError};

use ottla_protocol::Str;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{Offset, PartitionIndex};
use ottla_protocol::messages::produce::{
    BatchIndexAndErrorMessage, LeaderIdAndEpoch, NodeEndpoint, PartitionProduceData,
    PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceData,
    TopicProduceResponse,
};

use super::leaders::tell_leaders;
use super::{Context, Handler};
use crate::broker::Broker;
use crate::controller::names;
use crate::net::Close;
use crate::replica::append_error::AppendError;
use crate::replica::manager::TopicReplicas;
use crate::replica::partition::{Appended, Partition};
use crate::replica::prepare::ProduceRules;
use crate::replica::waiters::AckWaiter;

/// From here on topics have ids instead of names.
const BY_ID: i16 = 13;
/// From here on the reply says who leads instead (KIP-951).
const NAMES_LEADER: i16 = 10;
/// Who may write to internal topics (Kafka: `AdminUtils.ADMIN_CLIENT_ID`).
const ADMIN_CLIENT: &str = "__admin_client";
/// Of `acks`: every replica in sync.
const ALL: i16 = -1;
/// Of a log that cannot be written.
const STORAGE: ErrorCode = ErrorCode::KAFKA_STORAGE_ERROR;

impl Handler for ProduceRequest {
    const PARKS: bool = true;

    fn names(&self, broker: &Broker, topic: Option<&str>, partition: Option<i32>) -> bool {
        let image = broker.controller.image();
        let is_topic = |data: &TopicProduceData| match topic {
            None => true,
            Some(topic) if !data.name.is_empty() => data.name == topic,
            Some(topic) => image.topic_by_id(data.topic_id).is_some_and(|t| t.name == topic),
        };
        let has = |data: &TopicProduceData| {
            partition.is_none_or(|index| data.partition_data.iter().any(|p| p.index.0 == index))
        };
        self.topic_data.iter().any(|data| is_topic(data) && has(data))
    }

    async fn handle(self, context: &Context) -> Result<Option<ProduceResponse>, Close> {
        let refused = if !(ALL..=1).contains(&self.acks) {
            Some((ErrorCode::INVALID_REQUIRED_ACKS, "acks must be -1, 0 or 1"))
        } else if self.transactional_id.is_some() {
            Some((ErrorCode::INVALID_TXN_STATE, "transactions are not supported yet"))
        } else {
            None
        };
        let rules = ProduceRules {
            version: context.version,
            all_in_sync: self.acks == ALL,
            now_ms: context.broker.clock.wall_ms(),
        };
        let mut first_error = ErrorCode::NONE;
        let mut unsynced = Vec::new();
        let responses = self.topic_data.into_iter().enumerate().map(|(i, data)| {
            let topic = Topic::find(context, &data);
            let partitions = data.partition_data.into_iter().enumerate().map(|(j, partition)| {
                let index = partition.index;
                let response = match refused {
                    Some((code, message)) => failed(index, code, Some(message.into())),
                    None => topic.append(context, partition, &rules, |partition, end| {
                        unsynced.push(Unsynced { place: (i, j), partition, end });
                    }),
                };
                if first_error == ErrorCode::NONE {
                    first_error = response.error_code;
                }
                response
            });
            TopicProduceResponse {
                partition_responses: partitions.collect(),
                name: data.name,
                topic_id: data.topic_id,
                ..Default::default()
            }
        });
        let responses: Vec<_> = responses.collect();
        if self.acks == 0 {
            // nobody waits for a reply; the client learns of an error by the end of the stream
            return match first_error {
                ErrorCode::NONE => Ok(None),
                code => Err(Close::Unacknowledged(code)),
            };
        }
        let mut response = ProduceResponse { responses, ..Default::default() };
        if !unsynced.is_empty() {
            let wait = Duration::from_millis(u64::try_from(self.timeout_ms).unwrap_or(0));
            wait_for_syncs(context, wait, unsynced, &mut response).await;
        }
        if context.version >= NAMES_LEADER {
            name_leaders(context, &mut response);
        }
        Ok(Some(response))
    }
}

/// An appended batch that is acknowledged once it is on the device, and its place in the response.
struct Unsynced {
    place: (usize, usize),
    partition: Arc<Partition>,
    end: Offset,
}

/// Waits until all is on the device, or `wait` is over. What is not, or may not be, is no success.
async fn wait_for_syncs(
    context: &Context,
    wait: Duration,
    unsynced: Vec<Unsynced>,
    response: &mut ProduceResponse,
) {
    let deadline = context.broker.clock.now() + wait;
    for Unsynced { place: (topic, at), partition, end } in unsynced {
        let ended = tokio::select! {
            biased;
            ended = durable(&partition, end) => ended,
            () = context.broker.clock.sleep_until(deadline) => Err(ErrorCode::REQUEST_TIMED_OUT),
        };
        let told = response.responses.get_mut(topic);
        let told = told.and_then(|topic| topic.partition_responses.get_mut(at));
        if let (Err(code), Some(told)) = (ended, told) {
            let why = context.broker.storage_failure().filter(|_| code == STORAGE);
            *told = failed(told.index, code, why.map(Str::from));
        }
    }
}

/// Waits until what lies before `end` is on the device.
async fn durable(partition: &Arc<Partition>, end: Offset) -> Result<(), ErrorCode> {
    while !partition.is_durable(end)? {
        let waiter = AckWaiter::register(end, Arc::clone(partition));
        // a sync that ended between the look and the registration would wake nobody
        if !partition.is_durable(end)? {
            waiter.ready().await;
        }
    }
    Ok(())
}

/// A topic that batches are for.
struct Topic {
    /// `None` if nobody knows its id.
    name: Option<Str>,
    found: Result<Arc<TopicReplicas>, ErrorCode>,
}

impl Topic {
    fn find(context: &Context, data: &TopicProduceData) -> Self {
        let replicas = &context.broker.replicas;
        let by_id = context.version >= BY_ID;
        let (found, code) = if by_id {
            (replicas.topic_by_id(data.topic_id), ErrorCode::UNKNOWN_TOPIC_ID)
        } else {
            (replicas.topic(&data.name), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
        };
        let known = found.as_ref().map(|topic| topic.name.clone());
        let name = if by_id { known } else { Some(data.name.clone()) };
        let admin = context.client_id.as_deref() == Some(ADMIN_CLIENT);
        let internal = name.as_deref().is_some_and(names::is_internal) && !admin;
        let found = match found {
            _ if internal => Err(ErrorCode::INVALID_TOPIC_EXCEPTION),
            found => found.ok_or(code),
        };
        Self { name, found }
    }

    fn append(
        &self,
        context: &Context,
        data: PartitionProduceData,
        rules: &ProduceRules,
        unsynced: impl FnOnce(Arc<Partition>, Offset),
    ) -> PartitionProduceResponse {
        let index = data.index;
        let name = self.name.as_deref().unwrap_or_default();
        if let Some(code) = context.verdict.error_for(name, Some(index.0)) {
            return failed(index, code, None);
        }
        let partition = match &self.found {
            Ok(topic) => topic.partition(index),
            Err(code) => Err(*code),
        };
        let partition = match partition {
            Ok(partition) => partition,
            Err(code) => {
                let offline = "its log could not be opened: see what the broker said then";
                return failed(index, code, (code == STORAGE).then(|| Str::from(offline)));
            }
        };
        let records = data.records.unwrap_or_default();
        let prepared = {
            let codecs = &mut context.local.codecs.lock().unwrap_or_else(PoisonError::into_inner);
            partition.prepare(records, rules, codecs)
        };
        match prepared.and_then(|batch| partition.append(&batch, rules)) {
            Ok(appended) => {
                if appended.unsynced {
                    unsynced(Arc::clone(partition), appended.committed_at);
                }
                accepted(index, &appended)
            }
            Err(error) => refused(index, &error),
        }
    }
}

fn accepted(index: PartitionIndex, appended: &Appended) -> PartitionProduceResponse {
    PartitionProduceResponse {
        index,
        base_offset: Some(appended.base_offset),
        log_append_time_ms: appended.log_append_time,
        log_start_offset: Some(appended.log_start),
        ..Default::default()
    }
}

fn refused(index: PartitionIndex, error: &AppendError) -> PartitionProduceResponse {
    let faults = error.record_faults().iter().map(|fault| BatchIndexAndErrorMessage {
        batch_index: fault.index,
        batch_index_error_message: Some(fault.message.as_str().into()),
        ..Default::default()
    });
    PartitionProduceResponse {
        record_errors: faults.collect(),
        ..failed(index, error.code(), Some(error.to_string().into()))
    }
}

fn failed(
    index: PartitionIndex,
    code: ErrorCode,
    message: Option<Str>,
) -> PartitionProduceResponse {
    PartitionProduceResponse {
        index,
        error_code: code,
        base_offset: None,
        error_message: message,
        ..Default::default()
    }
}

/// Says where to go instead, where somebody else leads.
fn name_leaders(context: &Context, response: &mut ProduceResponse) {
    let image = context.broker.controller.image();
    let elsewhere = response.responses.iter_mut().flat_map(|topic| {
        let known = image.topic_by_id(topic.topic_id).or_else(|| image.topic(&topic.name));
        let partitions = topic.partition_responses.iter_mut();
        let partitions = partitions.filter(|p| p.error_code == ErrorCode::NOT_LEADER_OR_FOLLOWER);
        partitions.map(move |p| (known.map(AsRef::as_ref), p.index, &mut p.current_leader))
    });
    let nodes = tell_leaders(&image, elsewhere, |place, leader_id, epoch| {
        let leader_epoch = Some(epoch);
        *place = LeaderIdAndEpoch { leader_id, leader_epoch, ..Default::default() };
    });
    let nodes = nodes.map(|node| NodeEndpoint {
        node_id: node.id,
        host: node.host.clone(),
        port: node.port.into(),
        rack: node.rack.clone(),
        ..Default::default()
    });
    response.node_endpoints = nodes.collect();
}

#[cfg(test)]
mod tests;
