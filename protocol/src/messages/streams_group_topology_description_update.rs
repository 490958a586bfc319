//! StreamsGroupTopologyDescriptionUpdate (93): a member hands in what its application computes,
//! node by node (KIP-1331).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::TopologyEpoch;
use crate::schema::messages;

messages! {
    /// Hands in a description. `StreamsGroupTopologyDescriptionUpdateRequest.json`.
    struct StreamsGroupTopologyDescriptionUpdateRequest(
        STREAMS_GROUP_TOPOLOGY_DESCRIPTION_UPDATE -> StreamsGroupTopologyDescriptionUpdateResponse,
        0..=0, flexible 0..
    ) {
        /// The group (Kafka: `group.id`).
        group_id: Str = 0..;
        /// The member; UNKNOWN_MEMBER_ID if it is not in the group any more.
        member_id: Str = 0..;
        /// Which version of the topology it is.
        topology_epoch: TopologyEpoch = 0..;
        /// The description.
        topology_description: TopologyDescription = 0..;
    }

    /// What an application computes, node by node.
    struct TopologyDescription {
        /// Its parts that share no state.
        subtopologies: Vec<TopologyDescriptionSubtopology> = 0..;
        /// Its stores that every process has a full copy of.
        global_stores: Vec<TopologyDescriptionGlobalStore> = 0..;
    }

    /// A part of a topology.
    struct TopologyDescriptionSubtopology {
        /// The subtopology's id, unique in its topology.
        subtopology_id: Str = 0..;
        /// Its nodes.
        nodes: Vec<TopologyDescriptionNode> = 0..;
    }

    /// A node.
    struct TopologyDescriptionNode {
        /// Its name, as `KSTREAM-SOURCE-0000000000`.
        name: Str = 0..;
        /// 1: a source; 2: a processor; 3: a sink.
        node_type: i8 = 0..;
        /// The topics a source reads; empty if it finds them out as it runs.
        source_topics: Vec<Str> = 0..;
        /// The topic a sink writes; `None` if it finds it out as it runs.
        sink_topic: Option<Str> = 0..;
        /// The stores a processor uses.
        stores: Vec<Str> = 0..;
        /// The nodes that get what it puts out.
        successors: Vec<Str> = 0..;
    }

    /// A store that every process has a full copy of.
    struct TopologyDescriptionGlobalStore {
        /// The node that reads what goes in.
        source: TopologyDescriptionNode = 0..;
        /// The node that puts it in.
        processor: TopologyDescriptionNode = 0..;
    }

    /// What became of it. `StreamsGroupTopologyDescriptionUpdateResponse.json`.
    struct StreamsGroupTopologyDescriptionUpdateResponse(0..=0, flexible 0..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// What went wrong, in words.
        error_message: Option<Str> = 0..;
    }
}
