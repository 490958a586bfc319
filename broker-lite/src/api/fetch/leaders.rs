//! Where to go instead, for clients whose leader is not one.

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::fetch::{FetchResponse, LeaderIdAndEpoch, NodeEndpoint};

use crate::api::leaders::tell_leaders;
use crate::controller::image::Image;

/// Says who leads, and where, for partitions that somebody else leads, or leads again.
pub(super) fn name_leaders(image: &Image, response: &mut FetchResponse) {
    const ELSEWHERE: [ErrorCode; 2] =
        [ErrorCode::NOT_LEADER_OR_FOLLOWER, ErrorCode::FENCED_LEADER_EPOCH];
    let elsewhere = response.responses.iter_mut().flat_map(|topic| {
        let known = image.topic_by_id(topic.topic_id).map(AsRef::as_ref);
        let partitions = topic.partitions.iter_mut();
        let partitions = partitions.filter(|p| ELSEWHERE.contains(&p.error_code));
        partitions.map(move |p| (known, p.partition_index, &mut p.current_leader))
    });
    let nodes = tell_leaders(image, elsewhere, |place, leader_id, epoch| {
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
