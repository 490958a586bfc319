//! The control record (type 2) by which a new leader of a KRaft quorum starts its epoch.

use crate::ids::{NodeId, Uuid};
use crate::schema::messages;

messages! {
    /// Somebody was elected. `LeaderChangeMessage.json`; v1: directories of voters (KIP-853).
    struct LeaderChangeMessage(0..=1, flexible 0..) {
        /// The version of this record, again.
        version: i16 = 0..;
        /// Who was elected.
        leader_id: NodeId = 0..;
        /// Who may vote.
        voters: Vec<Voter> = 0..;
        /// Who voted for the leader.
        granting_voters: Vec<Voter> = 0..;
    }

    /// Somebody who may vote.
    struct Voter {
        /// Its id.
        voter_id: NodeId = 0..;
        /// Its directory.
        voter_directory_id: Uuid = 1..;
    }
}
