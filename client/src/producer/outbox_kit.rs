//! An outbox with one topic, for tests.

use core::time::Duration;
use std::sync::Arc;

use ottla_protocol::Str;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{
    NodeId, Offset, PartitionIndex, ProducerEpoch, ProducerId, Sequence, Timestamp, Uuid,
};
use ottla_protocol::messages::produce::{
    PartitionProduceResponse, ProduceResponse, TopicProduceResponse,
};
use ottla_protocol::record::{BatchHeader, Compression};
use ottla_runtime::Instant;

use super::model::values_of;
use super::{Effect, Leader, Outbox, RequestId, Route, Settings};
use crate::producer::accumulator::{Bounds, Topic};
use crate::producer::batch::Identity;
use crate::producer::delivery::Delivery;
use crate::producer::error::Obstacle;
use crate::producer::memory::Memory;
use crate::producer::partitioner::Partitioner;
use crate::producer::record::Record;
use crate::producer::replies::Reply;
use crate::producer::sealer::Sealer;

pub(super) struct Kit {
    pub(super) memory: Arc<Memory>,
    pub(super) topic: Arc<Topic>,
    pub(super) outbox: Outbox,
    pub(super) now: Instant,
}

pub(super) fn settings() -> Settings {
    Settings {
        idempotent: true,
        unanswered: false,
        linger: Duration::ZERO,
        gather_bytes: 2_000,
        request_bytes_max: 2_000,
        in_flight_max: 5,
        delivery_timeout: Duration::from_secs(10),
        retry_backoff: Duration::from_millis(100),
        retry_backoff_max: Duration::from_secs(1),
    }
}

impl Kit {
    pub(super) fn new(settings: Settings, seed: u64) -> Self {
        let memory = Arc::new(Memory::new(100_000));
        let bounds = Bounds {
            batch_bytes_max: 300,
            gather_bytes: settings.gather_bytes,
            request_bytes_max: settings.request_bytes_max,
        };
        let name = Str::from_static("t");
        let topic = Topic::new(name, Partitioner::default(), bounds, Arc::clone(&memory), seed);
        let topic = Arc::new(topic);
        let mut outbox = Outbox::new(settings, Sealer::new(Compression::None), seed);
        outbox.add_topic(Arc::clone(&topic));
        Self { memory, topic, outbox, now: Instant::from_millis(1) }
    }

    /// Appends a record with that value; `None` if there is no room.
    pub(super) fn append(&self, partition: i32, value: u64) -> Option<Delivery> {
        let bytes = value.to_be_bytes();
        let record = Record::new().value(&bytes).partition(PartitionIndex(partition));
        let time = Timestamp(1_000);
        let appended = self.topic.append(&record, time, None, || (self.now, time));
        appended.ok().map(|appended| appended.delivery)
    }

    pub(super) fn pass(&mut self, ms: u64) {
        self.now = self.now + Duration::from_millis(ms);
    }
}

/// A batch in a request: its partition, epoch, first number and values.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Seen {
    pub(super) partition: i32,
    pub(super) epoch: i16,
    pub(super) first: i32,
    pub(super) values: Vec<u64>,
}

/// A request that the outbox wants sent.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) id: RequestId,
    pub(super) node: i32,
    pub(super) batches: Vec<Seen>,
}

impl Kit {
    /// A kit with a producer id, whose topic has one partition for each leader given.
    pub(super) fn routed(settings: Settings, leaders: &[i32]) -> Self {
        let mut kit = Self::new(settings, 7);
        kit.lead(leaders);
        let asked = matches!(kit.outbox.poll(kit.now), Some(Effect::AskProducerId));
        if asked {
            kit.give_id(9, 0);
        }
        kit
    }

    pub(super) fn give_id(&mut self, id: i64, epoch: i16) {
        let identity = Identity { id: ProducerId(id), epoch: ProducerEpoch(epoch) };
        self.outbox.on_producer_id(Ok(identity), self.now);
    }

    pub(super) fn lead(&mut self, leaders: &[i32]) {
        let leader = |node: &i32| Some(Leader { node: NodeId(*node), epoch: None });
        let route = Route::Known(Uuid::ZERO, leaders.iter().map(leader).collect());
        self.outbox.on_route(0, route);
    }

    /// What is to be sent now.
    pub(super) fn requests(&mut self) -> Vec<Request> {
        let mut requests = Vec::new();
        self.outbox.collect(self.now);
        while let Some(effect) = self.outbox.poll(self.now) {
            let Effect::Send(outgoing) = effect else { continue };
            let batches = outgoing.topics.iter().flat_map(|topic| &topic.batches);
            let batches = batches.map(|(partition, body)| {
                let header = BatchHeader::parse(body).unwrap();
                Seen {
                    partition: partition.0,
                    epoch: header.producer_epoch.map_or(-1, |epoch| epoch.0),
                    first: header.base_sequence.map_or(-1, Sequence::get),
                    values: values_of(body),
                }
            });
            requests.push(Request {
                id: outgoing.request,
                node: outgoing.node.0,
                batches: batches.collect(),
            });
        }
        requests
    }

    /// The one batch that is to be sent now, and its request.
    pub(super) fn one(&mut self) -> (RequestId, Seen) {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        let mut request = requests.remove(0);
        assert_eq!(request.batches.len(), 1, "{request:?}");
        (request.id, request.batches.remove(0))
    }

    /// Answers for partition 0.
    pub(super) fn answer(&mut self, id: RequestId, code: ErrorCode) {
        let partition = PartitionProduceResponse {
            error_code: code,
            base_offset: Offset::new(0).filter(|_| code.is_none()),
            ..Default::default()
        };
        let topic = TopicProduceResponse {
            name: Str::from_static("t"),
            partition_responses: vec![partition],
            ..Default::default()
        };
        let response = ProduceResponse { responses: vec![topic], ..Default::default() };
        self.outbox.on_reply(id, Reply::Answered(response), self.now);
    }

    pub(super) fn lose(&mut self, id: RequestId) {
        let why = Obstacle::broker(ErrorCode::NETWORK_EXCEPTION);
        self.outbox.on_reply(id, Reply::Lost(why), self.now);
    }
}
