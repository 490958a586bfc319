//! ApiVersions (18): the first request on a connection; which APIs and versions the broker speaks.
//!
//! v3 is flexible, though the response keeps header version 0. v4: features whose minimum is 0 may
//! be named. v5 (KIP-1242): the client says whom it means to talk to.

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::NodeId;
use crate::schema::messages;

messages! {
    /// Asks for the APIs and versions a broker speaks. `ApiVersionsRequest.json`.
    struct ApiVersionsRequest(API_VERSIONS -> ApiVersionsResponse, 0..=5, flexible 3..) {
        /// What the client library is called (KIP-511).
        client_software_name: Str = 3.. ignorable;
        /// The version of the client library.
        client_software_version: Str = 3.. ignorable;
        /// The cluster the client means to reach, if it knows.
        cluster_id: Option<Str> = 5.. ignorable;
        /// The node the client means to reach, if it knows.
        node_id: Option<NodeId> = 5.. ignorable;
    }

    /// What the broker speaks. `ApiVersionsResponse.json`.
    ///
    /// An unknown version of the request is answered at version 0 with UNSUPPORTED_VERSION and
    /// the versions of this one API (KIP-511).
    struct ApiVersionsResponse(0..=5, flexible 3..) {
        /// Whether the request failed.
        error_code: ErrorCode = 0..;
        /// Every API that the broker serves on this listener.
        api_keys: Vec<ApiVersion> = 0..;
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 1.. ignorable;
        /// Features the broker could use; before v4 without those whose minimum is 0.
        supported_features: Vec<SupportedFeatureKey> = 3.. ignorable, tag 0;
        /// Counts the changes of the finalized features; `None` if not known.
        finalized_features_epoch: Option<i64> = 3.. ignorable, tag 1;
        /// Features the whole cluster uses; means something only if the epoch is known.
        finalized_features: Vec<FinalizedFeatureKey> = 3.. ignorable, tag 2;
        /// A remnant of the migration away from ZooKeeper.
        zk_migration_ready: bool = 3.. ignorable, tag 3, or false;
    }

    /// The versions of one API.
    struct ApiVersion {
        /// Which API; may be one we do not know.
        api_key: i16 = 0..;
        /// The oldest version served.
        min_version: i16 = 0..;
        /// The newest version served.
        max_version: i16 = 0..;
    }

    /// A feature the broker could use.
    struct SupportedFeatureKey {
        /// Its name, as in `metadata.version`.
        name: Str = 3..;
        /// The lowest level supported.
        min_version: i16 = 3..;
        /// The highest level supported.
        max_version: i16 = 3..;
    }

    /// A feature the whole cluster uses.
    struct FinalizedFeatureKey {
        /// Its name, as in `metadata.version`.
        name: Str = 3..;
        /// The highest level in use.
        max_version_level: i16 = 3..;
        /// The lowest level in use.
        min_version_level: i16 = 3..;
    }
}
