//! RemoveRaftVoter (81): takes a controller's vote in the KRaft quorum away (KIP-853).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{NodeId, Uuid};
use crate::schema::messages;

messages! {
    /// Asks to remove a voter. `RemoveRaftVoterRequest.json`.
    struct RemoveRaftVoterRequest(
        REMOVE_RAFT_VOTER -> RemoveRaftVoterResponse, 0..=0, flexible 0..
    ) {
        /// The cluster's id, to be checked if it is known.
        cluster_id: Option<Str> = 0..;
        /// The voter.
        voter_id: NodeId = 0..;
        /// Its directory.
        voter_directory_id: Uuid = 0..;
    }

    /// Whether it votes no more. `RemoveRaftVoterResponse.json`.
    struct RemoveRaftVoterResponse(0..=0, flexible 0..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// Why, for people.
        error_message: Option<Str> = 0.. ignorable;
    }
}
