//! UpdateRaftVoter (82): a voter of the KRaft quorum tells the leader what changed about it
//! (KIP-853).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{LeaderEpoch, NodeId, Uuid};
use crate::schema::messages;

messages! {
    /// Tells about a voter. `UpdateRaftVoterRequest.json`.
    struct UpdateRaftVoterRequest(
        UPDATE_RAFT_VOTER -> UpdateRaftVoterResponse, 0..=0, flexible 0..
    ) {
        /// The cluster's id, to be checked if it is known.
        cluster_id: Option<Str> = 0..;
        /// The epoch the voter knows, to be fenced by.
        current_leader_epoch: Option<LeaderEpoch> = 0..;
        /// The voter.
        voter_id: NodeId = 0..;
        /// Its directory.
        voter_directory_id: Uuid = 0..;
        /// Where it listens.
        listeners: Vec<Listener> = 0..;
        /// Which versions of KRaft it could use.
        kraft_version_feature: KRaftVersionFeature = 0..;
    }

    /// Where a voter listens.
    struct Listener {
        /// The listener's name.
        name: Str = 0..;
        /// Its host.
        host: Str = 0..;
        /// Its port.
        port: u16 = 0..;
    }

    /// Which versions of KRaft a voter could use.
    struct KRaftVersionFeature {
        /// The lowest.
        min_supported_version: i16 = 0..;
        /// The highest.
        max_supported_version: i16 = 0..;
    }

    /// Whether the leader took note. `UpdateRaftVoterResponse.json`.
    struct UpdateRaftVoterResponse(0..=0, flexible 0..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// Who leads.
        current_leader: CurrentLeader = 0.., tag 0;
    }

    /// Who leads the quorum.
    struct CurrentLeader {
        /// Its id; `None` if it is not known.
        leader_id: Option<NodeId> = 0..;
        /// Its epoch; `None` if it is not known.
        leader_epoch: Option<LeaderEpoch> = 0..;
        /// Its host.
        host: Str = 0..;
        /// Its port.
        port: i32 = 0..;
    }
}
