//! The control records that say who votes in a KRaft quorum (types 5 and 6, KIP-853).

use crate::Str;
use crate::ids::{NodeId, Uuid};
use crate::schema::messages;

messages! {
    /// Which version of KRaft the quorum uses. `KRaftVersionRecord.json`.
    struct KRaftVersionRecord(0..=0, flexible 0..) {
        /// The version of this record, again.
        version: i16 = 0..;
        /// 0: the voters are configured; 1: they stand in [`VotersRecord`]s.
        kraft_version: i16 = 0..;
    }

    /// Who votes. `VotersRecord.json`.
    struct VotersRecord(0..=0, flexible 0..) {
        /// The version of this record, again.
        version: i16 = 0..;
        /// Each voter.
        voters: Vec<Voter> = 0..;
    }

    /// A voter.
    struct Voter {
        /// Its id.
        voter_id: NodeId = 0..;
        /// Its directory.
        voter_directory_id: Uuid = 0..;
        /// Where it listens.
        endpoints: Vec<Endpoint> = 0..;
        /// Which versions of KRaft it could use.
        kraft_version_feature: KRaftVersionFeature = 0..;
    }

    /// Where a voter listens.
    struct Endpoint {
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
}
