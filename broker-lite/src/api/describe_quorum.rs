//! DescribeQuorum: the only voter leads, and has everything.

use ottla_protocol::Str;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{Offset, PartitionIndex, Timestamp};
use ottla_protocol::messages::describe_quorum::{
    DescribeQuorumRequest, DescribeQuorumResponse, Listener, Node, QuorumPartition, QuorumTopic,
    ReplicaState,
};

use super::{Context, Handler};
use crate::controller::names::METADATA_TOPIC;
use crate::net::Close;

/// From here on the reply says where voters keep the log and where they listen.
const NAMES_NODES: i16 = 2;

impl Handler for DescribeQuorumRequest {
    async fn handle(self, context: &Context) -> Result<Option<DescribeQuorumResponse>, Close> {
        let broker = &context.broker;
        if let Some(error_code) = context.verdict.error() {
            let error_message = Some(Str::from_static(error_code.meaning()));
            let response =
                DescribeQuorumResponse { error_code, error_message, ..Default::default() };
            return Ok(Some(response));
        }
        let topics = self.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|partition| {
                let index = partition.partition_index;
                if topic.topic_name == METADATA_TOPIC && index.0 == 0 {
                    quorum(context)
                } else {
                    unknown(index)
                }
            });
            QuorumTopic {
                topic_name: topic.topic_name.clone(),
                partitions: partitions.collect(),
                ..Default::default()
            }
        });
        let topics = topics.collect();
        let image = broker.controller.image();
        let node = image.broker(broker.node).filter(|_| context.version >= NAMES_NODES);
        let nodes = node.map(|node| Node {
            node_id: node.id,
            // there is no listener for controllers alone
            listeners: vec![Listener {
                name: Str::from_static("PLAINTEXT"),
                host: node.host.clone(),
                port: node.port,
                ..Default::default()
            }],
            ..Default::default()
        });
        let nodes = nodes.into_iter().collect();
        Ok(Some(DescribeQuorumResponse { topics, nodes, ..Default::default() }))
    }
}

fn quorum(context: &Context) -> QuorumPartition {
    let broker = &context.broker;
    let end = Offset::new(broker.controller.last_offset().saturating_add(1));
    let now = Timestamp(broker.clock.wall_ms());
    let mut voter = ReplicaState {
        replica_id: broker.node,
        log_end_offset: end,
        last_fetch_timestamp: Some(now),
        last_caught_up_timestamp: Some(now),
        ..Default::default()
    };
    if context.version >= NAMES_NODES {
        voter.replica_directory_id = broker.directory_id();
    }
    QuorumPartition {
        partition_index: PartitionIndex(0),
        leader_id: Some(broker.node),
        leader_epoch: broker.quorum_epoch,
        high_watermark: end,
        current_voters: vec![voter],
        observers: Vec::new(),
        ..Default::default()
    }
}

fn unknown(index: PartitionIndex) -> QuorumPartition {
    let error_code = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    QuorumPartition {
        partition_index: index,
        error_code,
        error_message: Some(Str::from_static(error_code.meaning())),
        ..Default::default()
    }
}
