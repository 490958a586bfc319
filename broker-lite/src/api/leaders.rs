//! Where to go instead, for clients whose leader is not one (KIP-951).

use std::collections::BTreeMap;

use ottla_protocol::ids::{LeaderEpoch, NodeId, PartitionIndex};

use crate::controller::image::{Broker, Image, Topic};

/// Tells who leads each of `partitions`, as far as that is known, and returns where these leaders
/// are. `P` is the place in the reply.
pub(super) fn tell_leaders<'a, P>(
    image: &'a Image,
    partitions: impl Iterator<Item = (Option<&'a Topic>, PartitionIndex, P)>,
    mut tell: impl FnMut(P, Option<NodeId>, LeaderEpoch),
) -> impl Iterator<Item = &'a Broker> {
    let mut leaders = BTreeMap::new();
    for (topic, index, place) in partitions {
        let Some(known) = topic.and_then(|topic| topic.partition(index)) else { continue };
        tell(place, known.leader, known.leader_epoch);
        let leader = known.leader.and_then(|id| image.broker(id));
        leaders.extend(leader.map(|leader| (leader.id, leader)));
    }
    leaders.into_values()
}
