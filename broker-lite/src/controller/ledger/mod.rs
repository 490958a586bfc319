//! The metadata ledger: what a request changes, by Kafka's rules. It only reads; the events it
//! returns are appended to the metadata log and then applied to the [`Image`].

mod brokers;
mod configs;
mod create;
mod topics;

#[cfg(test)]
mod tests;

use ottla_protocol::Str;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{NodeId, PartitionIndex, ProducerId, Uuid};

use super::image::Image;
use super::records::Event;
use crate::config::CompactionLags;

/// How many producer ids a broker gets at a time.
pub(crate) const PRODUCER_ID_BLOCK: i64 = 1_000;
/// How many partitions one request may make (Kafka: `MAX_RECORDS_PER_USER_OP`).
const PARTITIONS_MAX: usize = 10_000;

/// A change that somebody asks for.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    /// A broker has started.
    Register(Registration),
    /// A broker can serve now.
    Unfence(NodeId),
    CreateTopics(CreateTopics),
    DeleteTopics(Vec<TopicRef>),
    CreatePartitions {
        topics: Vec<MorePartitions>,
        validate_only: bool,
    },
    AllocateProducerIds(NodeId),
    AlterConfigs(AlterConfigs),
}

/// What came of a [`Request`]; one result per item, in the order of the request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Done,
    Created(Vec<Result<CreatedTopic, Refusal>>),
    Deleted(Vec<Result<(Str, Uuid), Refusal>>),
    Extended(Vec<Result<(), Refusal>>),
    Altered(Vec<Result<(), Refusal>>),
    /// The first of [`PRODUCER_ID_BLOCK`] ids.
    ProducerIds(ProducerId),
    Refused(Refusal),
}

impl Reply {
    /// Why nothing was done, of a reply that is none of the expected.
    pub(crate) fn refusal(self) -> Refusal {
        match self {
            Self::Refused(refusal) => refusal,
            other => {
                let message = format!("the controller answered something else: {other:?}");
                Refusal { code: ErrorCode::UNKNOWN_SERVER_ERROR, message }
            }
        }
    }
}

/// Kafka's error and what is wrong.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message} ({code})")]
pub(crate) struct Refusal {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
}

/// How a broker introduces itself.
#[derive(Clone, Debug)]
pub(crate) struct Registration {
    pub(crate) id: NodeId,
    pub(crate) incarnation: Uuid,
    pub(crate) host: Str,
    pub(crate) port: u16,
    pub(crate) log_dir: Uuid,
    /// What a new metadata log says first.
    pub(crate) features: Vec<(Str, i16)>,
}

/// Topics to make.
#[derive(Clone, Debug)]
pub(crate) struct CreateTopics {
    pub(crate) topics: Vec<NewTopic>,
    pub(crate) validate_only: bool,
    /// `num.partitions` and `default.replication.factor` of the broker asked.
    pub(crate) defaults: (i32, i16),
    pub(crate) lags: CompactionLags,
}

/// A topic to make.
#[derive(Clone, Debug, Default)]
pub(crate) struct NewTopic {
    pub(crate) name: Str,
    /// Random; the topic's id if it is made.
    pub(crate) id: Uuid,
    /// `None`: the default.
    pub(crate) partitions: Option<i32>,
    /// `None`: the default.
    pub(crate) replication_factor: Option<i16>,
    /// Who is to hold which partition; empty: whoever suits.
    pub(crate) assignments: Vec<(PartitionIndex, Vec<NodeId>)>,
    pub(crate) configs: Vec<(Str, Option<Str>)>,
}

/// A topic that was made, or would have been.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct CreatedTopic {
    pub(crate) name: Str,
    pub(crate) id: Uuid,
    pub(crate) partitions: i32,
    pub(crate) replication_factor: i16,
}

/// A topic by name or by id.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum TopicRef {
    Name(Str),
    Id(Uuid),
}

/// How many partitions a topic is to have.
#[derive(Clone, Debug)]
pub(crate) struct MorePartitions {
    pub(crate) topic: Str,
    pub(crate) count: i32,
    pub(crate) assignments: Option<Vec<Vec<NodeId>>>,
}

/// Settings to change.
#[derive(Clone, Debug)]
pub(crate) struct AlterConfigs {
    pub(crate) resources: Vec<ResourceChange>,
    pub(crate) validate_only: bool,
    pub(crate) lags: CompactionLags,
}

/// Settings of one resource to change.
#[derive(Clone, Debug)]
pub(crate) struct ResourceChange {
    /// A type of Kafka's `ConfigResource`.
    pub(crate) kind: i8,
    pub(crate) name: Str,
    pub(crate) change: ConfigChange,
}

/// How settings of a resource change.
#[derive(Clone, Debug)]
pub(crate) enum ConfigChange {
    /// These are all that is set afterwards.
    Replace(Vec<(Str, Option<Str>)>),
    /// The others stay.
    Edit(Vec<(Str, Operation, Option<Str>)>),
}

/// How one setting changes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Operation {
    Set,
    Delete,
    /// Adds items to a list.
    Append,
    /// Takes items out of a list.
    Subtract,
}

/// Decides what `request` changes in a cluster in the state `image`, if its events are to stand
/// from offset `next_offset` of the metadata log on. No events: nothing changes.
pub(crate) fn decide(image: &Image, next_offset: i64, request: &Request) -> (Vec<Event>, Reply) {
    match request {
        Request::Register(registration) => brokers::register(image, next_offset, registration),
        Request::Unfence(id) => brokers::unfence(image, *id),
        Request::CreateTopics(request) => create::create_topics(image, request),
        Request::DeleteTopics(topics) => topics::delete(image, topics),
        Request::CreatePartitions { topics, validate_only } => {
            topics::create_partitions(image, topics, *validate_only)
        }
        Request::AllocateProducerIds(id) => brokers::allocate_producer_ids(image, *id),
        Request::AlterConfigs(request) => configs::alter(image, request),
    }
}

fn refusal<T>(code: ErrorCode, message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { code, message: message.into() })
}
