//! The shell of the producer: moves bytes and time between the outbox and the connections, and
//! decides nothing.

use core::time::Duration;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{PartitionIndex, Uuid};
use ottla_protocol::messages::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
use ottla_protocol::messages::produce::{
    PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData,
};
use ottla_protocol::schema::Message;
use ottla_runtime::Instant;

use super::accumulator::Topic;
use super::batch::Identity;
use super::error::{EnqueueError, Obstacle};
use super::lane::Leader;
use super::outbox::{Effect, Outbox, Outgoing, RequestId, Route};
use super::replies::Reply;
use super::shared::Shared;
use crate::cluster::{self, LeaderHint, Metadata, Purpose, TopicRef};
use crate::error::CallError;

/// While records wait, their coarse clock is never older than this.
const TICK: Duration = Duration::from_millis(20);

/// What a request came back with.
enum Incoming {
    Produced(RequestId, Result<Option<ProduceResponse>, CallError>),
    ProducerId(Result<InitProducerIdResponse, CallError>),
}

/// The one task of a producer.
pub(super) struct Driver {
    shared: Arc<Shared>,
    outbox: Outbox,
    /// The topics of the outbox, by their place there.
    topics: Vec<Arc<Topic>>,
    /// The metadata that the outbox knows.
    known: Arc<Metadata>,
    replies: FuturesUnordered<BoxFuture<'static, Incoming>>,
}

/// However the driver ends, no record is left without a fate and no one waits for ever.
impl Drop for Driver {
    fn drop(&mut self) {
        self.shared.close(&EnqueueError::Closed);
        for topic in self.shared.all_topics() {
            drop(topic.expire(Instant::MAX, Duration::ZERO));
        }
        self.shared.ended.send_replace(true);
    }
}

impl Driver {
    pub(super) fn new(shared: Arc<Shared>, outbox: Outbox) -> Self {
        let known = shared.cluster.metadata();
        Self { shared, outbox, topics: Vec::new(), known, replies: FuturesUnordered::new() }
    }

    pub(super) async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let clock = shared.cluster.clock().clone();
        let mut news = shared.cluster.watch();
        loop {
            let (now, _) = shared.tick();
            self.look_at_metadata();
            self.outbox.set_hurry(shared.is_hurried());
            self.outbox.collect(now);
            while let Some(effect) = self.outbox.poll(now) {
                self.perform(effect);
            }
            if shared.is_closing() && self.outbox.is_idle() {
                return;
            }
            let tick = if self.outbox.is_gathering() { now + TICK } else { Instant::MAX };
            let deadline = self.outbox.next_deadline().min(tick);
            tokio::select! {
                biased;
                Some(reply) = self.replies.next() => self.on_incoming(reply),
                () = shared.notify.notified() => {}
                Ok(()) = news.changed() => {}
                () = clock.sleep_until(deadline) => {}
            }
            while let Some(Some(reply)) = self.replies.next().now_or_never() {
                self.on_incoming(reply);
            }
        }
    }

    /// Before anything leaves: of what arrived together, replies would come before the new leaders.
    fn look_at_metadata(&mut self) {
        let metadata = self.shared.cluster.metadata();
        if !Arc::ptr_eq(&metadata, &self.known) {
            for place in 0..self.topics.len() {
                self.on_topic(place, &metadata);
            }
            self.known = Arc::clone(&metadata);
        }
        for topic in self.shared.take_new_topics() {
            self.topics.push(Arc::clone(&topic));
            self.outbox.add_topic(topic);
            self.on_topic(self.topics.len() - 1, &metadata);
            self.shared.learnt.send_modify(|count| *count += 1); // or that it is refused
        }
    }

    fn on_topic(&mut self, place: usize, metadata: &Metadata) {
        let Some(topic) = self.topics.get(place) else { return };
        let Some(route) = metadata.topic(topic.name()).and_then(|topic| route_of(topic)) else {
            return;
        };
        self.outbox.on_route(place, route);
        self.shared.learnt.send_modify(|count| *count += 1);
    }

    fn perform(&mut self, effect: Effect) {
        let cluster = &self.shared.cluster;
        match effect {
            Effect::Refresh => cluster.request_refresh(),
            Effect::AskProducerId => {
                let request = InitProducerIdRequest {
                    transaction_timeout_ms: i32::MAX,
                    ..InitProducerIdRequest::default()
                };
                let versions = 0..=PRODUCER_ID_VERSION_MAX;
                let timeout = self.shared.config.request_timeout;
                let call = cluster.any_node().call_versioned(versions, timeout, move |_| request);
                self.replies.push(call.map(Incoming::ProducerId).boxed());
            }
            Effect::Send(outgoing) => self.send(outgoing),
        }
    }

    fn send(&mut self, outgoing: Outgoing) {
        let config = &self.shared.config;
        let (id, timeout) = (outgoing.request, config.request_timeout);
        let acks = config.acks.wire();
        // later versions name topics by id, which old brokers do not tell
        let all_have_ids = outgoing.topics.iter().all(|topic| topic.id != Uuid::ZERO);
        let newest = if all_have_ids { *ProduceRequest::VERSIONS.end() } else { BY_NAME_MAX };
        let versions = *ProduceRequest::VERSIONS.start()..=newest;
        let connection = self.shared.cluster.connection(outgoing.node, Purpose::Produce);
        let make = move |version| produce_request(outgoing, acks, timeout, version);
        let reply = if acks == 0 {
            let sent = connection.send_oneway(versions, timeout, make);
            sent.map(move |done| Incoming::Produced(id, done.map(|()| None))).boxed()
        } else {
            let call = connection.call_versioned(versions, timeout, make);
            call.map(move |answer| Incoming::Produced(id, answer.map(Some))).boxed()
        };
        self.replies.push(reply);
    }

    fn on_incoming(&mut self, incoming: Incoming) {
        let now = self.shared.cluster.clock().now();
        match incoming {
            Incoming::Produced(id, answer) => {
                let reply = match answer {
                    Ok(None) => Reply::Written,
                    Ok(Some(response)) => {
                        self.take_hints(&response);
                        Reply::Answered(response)
                    }
                    Err(why) if why.possibly_sent() => {
                        Reply::Lost(Obstacle::Network(Arc::new(why)))
                    }
                    Err(why) => Reply::Unsent(Obstacle::Network(Arc::new(why))),
                };
                self.outbox.on_reply(id, reply, now);
            }
            Incoming::ProducerId(answer) => {
                self.outbox.on_producer_id(identity_of(answer), now);
                self.shared.learnt.send_modify(|count| *count += 1);
            }
        }
    }

    /// New leaders come with the refusal of the old ones (KIP-951).
    fn take_hints(&self, response: &ProduceResponse) {
        let mut hints = Vec::new();
        for topic in &response.responses {
            for partition in &topic.partition_responses {
                let leader = &partition.current_leader;
                let (Some(node), Some(epoch)) = (leader.leader_id, leader.leader_epoch) else {
                    continue;
                };
                let topic = if topic.name.is_empty() {
                    TopicRef::Id(topic.topic_id)
                } else {
                    TopicRef::Name(topic.name.clone())
                };
                hints.push(LeaderHint {
                    topic,
                    partition: partition.index,
                    leader: node,
                    leader_epoch: epoch,
                });
            }
        }
        if hints.is_empty() {
            return;
        }
        let nodes = response.node_endpoints.iter().filter_map(|node| {
            cluster::Node::new(node.node_id, node.host.clone(), node.port, node.rack.clone())
        });
        let nodes: Vec<_> = nodes.collect();
        self.shared.cluster.apply_leader_hints(&hints, &nodes);
    }
}

/// The last version of Produce that names topics by name.
const BY_NAME_MAX: i16 = 12;

/// Version 6 is about transactions decided elsewhere (KIP-939), and not stable.
const PRODUCER_ID_VERSION_MAX: i16 = 5;

fn identity_of(answer: Result<InitProducerIdResponse, CallError>) -> Result<Identity, Obstacle> {
    let response = match answer {
        Ok(response) => response,
        Err(CallError::UnsupportedVersion { .. }) => {
            return Err(Obstacle::broker(ErrorCode::UNSUPPORTED_VERSION));
        }
        Err(why) => return Err(Obstacle::Network(Arc::new(why))),
    };
    response.error_code.check().map_err(Obstacle::broker)?;
    match (response.producer_id, response.producer_epoch) {
        (Some(id), Some(epoch)) => Ok(Identity { id, epoch }),
        _ => Err(Obstacle::broker(ErrorCode::UNKNOWN_SERVER_ERROR)),
    }
}

/// What metadata say of a topic; `None` if they say nothing yet.
fn route_of(topic: &cluster::Topic) -> Option<Route> {
    if topic.partitions.is_empty() {
        return topic.error.map(Route::Refused);
    }
    let place = |index: PartitionIndex| usize::try_from(index.0).ok();
    let count = topic.partitions.iter().filter_map(|p| place(p.index)).max()? + 1;
    if count > 2 * topic.partitions.len() {
        return None; // no broker numbers partitions so
    }
    let mut leaders = vec![None; count];
    for partition in &topic.partitions {
        if let Some(slot) = place(partition.index).and_then(|place| leaders.get_mut(place)) {
            let epoch = partition.leader_epoch;
            *slot = partition.leader.map(|node| Leader { node, epoch });
        }
    }
    Some(Route::Known(topic.id.unwrap_or(Uuid::ZERO), leaders))
}

fn produce_request(
    outgoing: Outgoing,
    acks: i16,
    timeout: Duration,
    version: i16,
) -> ProduceRequest {
    let topics = outgoing.topics.into_iter().map(|topic| {
        let batches = topic.batches.into_iter();
        let by_id = version > BY_NAME_MAX;
        TopicProduceData {
            name: if by_id { Default::default() } else { topic.name },
            topic_id: if by_id { topic.id } else { Uuid::ZERO },
            partition_data: batches
                .map(|(index, records)| PartitionProduceData {
                    index,
                    records: Some(records),
                    ..Default::default()
                })
                .collect(),
            ..Default::default()
        }
    });
    ProduceRequest {
        transactional_id: None,
        acks,
        timeout_ms: i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX),
        topic_data: topics.collect(),
        ..Default::default()
    }
}
