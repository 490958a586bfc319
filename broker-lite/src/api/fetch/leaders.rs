//! Where to go instead, for clients whose leader is not one (KIP-951).

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::fetch::{FetchResponse, LeaderIdAndEpoch, NodeEndpoint};

use crate::controller::image::Image;

/// Says who leads, and where, for partitions that somebody else leads, or leads again.
pub(super) fn name_leaders(image: &Image, response: &mut FetchResponse) {
    const ELSEWHERE: [ErrorCode; 2] =
        [ErrorCode::NOT_LEADER_OR_FOLLOWER, ErrorCode::FENCED_LEADER_EPOCH];
    for topic in &mut response.responses {
        for partition in &mut topic.partitions {
            if !ELSEWHERE.contains(&partition.error_code) {
                continue;
            }
            let known = image.topic_by_id(topic.topic_id);
            let Some(known) = known.and_then(|topic| topic.partition(partition.partition_index))
            else {
                continue;
            };
            partition.current_leader = LeaderIdAndEpoch {
                leader_id: known.leader,
                leader_epoch: Some(known.leader_epoch),
                ..Default::default()
            };
            let Some(leader) = known.leader.and_then(|id| image.broker(id)) else { continue };
            if response.node_endpoints.iter().all(|node| node.node_id != leader.id) {
                response.node_endpoints.push(NodeEndpoint {
                    node_id: leader.id,
                    host: leader.host.clone(),
                    port: leader.port.into(),
                    rack: leader.rack.clone(),
                    ..Default::default()
                });
            }
        }
    }
}
