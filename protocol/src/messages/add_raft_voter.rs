//! AddRaftVoter (80): gives a controller a vote in the KRaft quorum (KIP-853).
//!
//! v1: the answer need not wait until the quorum has agreed (KIP-1186).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{NodeId, Uuid};
use crate::schema::messages;

messages! {
    /// Asks to add a voter. `AddRaftVoterRequest.json`.
    struct AddRaftVoterRequest(ADD_RAFT_VOTER -> AddRaftVoterResponse, 0..=1, flexible 0..) {
        /// The cluster's id, to be checked if it is known.
        cluster_id: Option<Str> = 0..;
        /// How long the leader may take, in milliseconds.
        timeout_ms: i32 = 0..;
        /// The new voter.
        voter_id: NodeId = 0..;
        /// Its directory.
        voter_directory_id: Uuid = 0..;
        /// Where it listens.
        listeners: Vec<Listener> = 0..;
        /// Whether the answer waits until the quorum has agreed; else until the leader has written
        /// it.
        ack_when_committed: bool = 1.., or true;
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

    /// Whether it votes now. `AddRaftVoterResponse.json`.
    struct AddRaftVoterResponse(0..=1, flexible 0..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// Why, for people.
        error_message: Option<Str> = 0.. ignorable;
    }
}
