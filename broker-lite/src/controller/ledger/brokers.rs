//! Registrations and producer ids.

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{BrokerEpoch, NodeId, ProducerId};

use super::{PRODUCER_ID_BLOCK, Refusal, Registration, Reply};
use crate::controller::image::Image;
use crate::controller::records::{self, Event};

/// A new incarnation starts fenced; what it led gets a new leader epoch, since it may have lost
/// its tail (KIP-320).
pub(super) fn register(
    image: &Image,
    next_offset: i64,
    registration: &Registration,
) -> (Vec<Event>, Reply) {
    let mut events = Vec::new();
    for (name, level) in &registration.features {
        if image.features().get(name) != Some(level) {
            events.push(records::feature_level(name, *level));
        }
    }
    // the epoch is the offset at which the registration will stand
    let before = i64::try_from(events.len()).unwrap_or(i64::MAX);
    let epoch = BrokerEpoch(next_offset.saturating_add(before));
    events.push(records::register_broker(registration, epoch));
    for topic in image.topics() {
        for (index, partition) in (0..).zip(&topic.partitions) {
            if partition.leader == Some(registration.id) {
                events.push(records::new_leader(topic.id, index, registration.id));
            }
        }
    }
    (events, Reply::Done)
}

pub(super) fn unfence(image: &Image, id: NodeId) -> (Vec<Event>, Reply) {
    match image.broker(id) {
        Some(broker) if broker.fenced => (vec![records::unfence(id, broker.epoch)], Reply::Done),
        Some(_) => (Vec::new(), Reply::Done),
        None => (Vec::new(), unregistered(id)),
    }
}

pub(super) fn allocate_producer_ids(image: &Image, id: NodeId) -> (Vec<Event>, Reply) {
    let Some(broker) = image.broker(id) else {
        return (Vec::new(), unregistered(id));
    };
    let first = image.next_producer_id();
    match first.0.checked_add(PRODUCER_ID_BLOCK) {
        Some(next) => {
            let event = records::producer_ids(id, broker.epoch, ProducerId(next));
            (vec![event], Reply::ProducerIds(first))
        }
        None => {
            let message = "every producer id has been given out".to_owned();
            let code = ErrorCode::UNKNOWN_SERVER_ERROR;
            (Vec::new(), Reply::Refused(Refusal { code, message }))
        }
    }
}

fn unregistered(id: NodeId) -> Reply {
    let message = format!("broker {id} is not registered");
    Reply::Refused(Refusal { code: ErrorCode::BROKER_ID_NOT_REGISTERED, message })
}
