//! Every error code of Kafka 4.4.0, as one table.

use core::fmt;

/// How a request, or a part of it, failed. Codes that we do not know survive.
#[derive(Clone, Copy, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ErrorCode(pub i16);

/// What the client may do about an error.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Remedy {
    /// Nothing: not an error, or the same request would fail again.
    None,
    /// Ask again.
    Retry,
    /// Ask for metadata, then again.
    Refresh,
}

struct Row {
    code: i16,
    name: &'static str,
    remedy: Remedy,
    meaning: &'static str,
}

macro_rules! error_codes {
    ($($name:ident = $code:literal, $remedy:ident, $meaning:literal;)*) => {
        impl ErrorCode {$(
            #[doc = concat!("Code ", $code, ": ", $meaning, ".")]
            pub const $name: Self = Self($code);
        )*}

        static ROWS: &[Row] = &[$(
            Row {
                code: $code,
                name: stringify!($name),
                remedy: Remedy::$remedy,
                meaning: $meaning,
            },
        )*];
    };
}

error_codes! {
    UNKNOWN_SERVER_ERROR = -1, None, "the server failed in a way it has no code for";
    NONE = 0, None, "no error";
    OFFSET_OUT_OF_RANGE = 1, None, "the offset lies outside the partition's log";
    CORRUPT_MESSAGE = 2, Retry, "a batch was damaged on its way or is otherwise not valid";
    UNKNOWN_TOPIC_OR_PARTITION = 3, Refresh, "this server does not host that topic or partition";
    INVALID_FETCH_SIZE = 4, None, "the number of bytes to fetch is not valid";
    LEADER_NOT_AVAILABLE = 5, Refresh,
        "nobody leads the partition at the moment: an election is going on";
    NOT_LEADER_OR_FOLLOWER = 6, Refresh,
        "this broker does not lead, or does not have, the partition";
    REQUEST_TIMED_OUT = 7, Retry, "the request was not done in the time it allowed";
    BROKER_NOT_AVAILABLE = 8, None, "the broker is not available";
    REPLICA_NOT_AVAILABLE = 9, Refresh, "the replica that was asked for is not on this broker";
    MESSAGE_TOO_LARGE = 10, None, "the batch is larger than the topic or server takes";
    STALE_CONTROLLER_EPOCH = 11, None, "the controller has been replaced by a newer one";
    OFFSET_METADATA_TOO_LARGE = 12, None, "the metadata committed with an offset is too long";
    NETWORK_EXCEPTION = 13, Refresh, "the connection was lost before the answer came";
    COORDINATOR_LOAD_IN_PROGRESS = 14, Retry,
        "the coordinator is still reading its state and will soon answer";
    COORDINATOR_NOT_AVAILABLE = 15, Refresh, "the coordinator is not available yet";
    NOT_COORDINATOR = 16, Refresh,
        "this broker is not the coordinator of that group or transaction";
    INVALID_TOPIC_EXCEPTION = 17, None,
        "the name is no valid topic name, or the topic must not be written to";
    RECORD_LIST_TOO_LARGE = 18, None, "the batch is larger than a segment of the log";
    NOT_ENOUGH_REPLICAS = 19, Retry,
        "too few replicas are in sync for acks=all; nothing was appended";
    NOT_ENOUGH_REPLICAS_AFTER_APPEND = 20, Retry,
        "the batch was appended, but then too few replicas were in sync";
    INVALID_REQUIRED_ACKS = 21, None, "acks is something else than -1, 0 or 1";
    ILLEGAL_GENERATION = 22, None, "the group has moved on to another generation";
    INCONSISTENT_GROUP_PROTOCOL = 23, None,
        "the member has no protocol in common with the rest of the group";
    INVALID_GROUP_ID = 24, None, "the group id is not valid";
    UNKNOWN_MEMBER_ID = 25, None, "the coordinator does not know this member";
    INVALID_SESSION_TIMEOUT = 26, None, "the session timeout lies outside what the broker allows";
    REBALANCE_IN_PROGRESS = 27, None, "the group is rebalancing; members must join again";
    INVALID_COMMIT_OFFSET_SIZE = 28, None, "the offsets to commit do not fit into one batch";
    TOPIC_AUTHORIZATION_FAILED = 29, None, "the caller may not do that to the topic";
    GROUP_AUTHORIZATION_FAILED = 30, None, "the caller may not do that to the group";
    CLUSTER_AUTHORIZATION_FAILED = 31, None, "the caller may not do that to the cluster";
    INVALID_TIMESTAMP = 32, None, "a record's timestamp lies outside what the topic allows";
    UNSUPPORTED_SASL_MECHANISM = 33, None, "the server does not offer that SASL mechanism";
    ILLEGAL_SASL_STATE = 34, None, "the request does not fit the state of the SASL handshake";
    UNSUPPORTED_VERSION = 35, None, "the server does not speak this version of the request";
    TOPIC_ALREADY_EXISTS = 36, None, "there is a topic of that name already";
    INVALID_PARTITIONS = 37, None, "the number of partitions is not valid";
    INVALID_REPLICATION_FACTOR = 38, None,
        "the replication factor is not valid, or there are too few brokers";
    INVALID_REPLICA_ASSIGNMENT = 39, None, "the assignment of replicas to brokers is not valid";
    INVALID_CONFIG = 40, None, "a configuration is not valid";
    NOT_CONTROLLER = 41, Retry, "this server is not the active controller";
    INVALID_REQUEST = 42, None, "the request contradicts itself or is otherwise not valid";
    UNSUPPORTED_FOR_MESSAGE_FORMAT = 43, None, "the log's old record format cannot do that";
    POLICY_VIOLATION = 44, None, "a policy of the cluster forbids it";
    OUT_OF_ORDER_SEQUENCE_NUMBER = 45, None,
        "batches are missing between the last one appended and this one";
    DUPLICATE_SEQUENCE_NUMBER = 46, None,
        "the batch was appended before, too long ago to say where";
    INVALID_PRODUCER_EPOCH = 47, None,
        "the producer's epoch is older than the one the broker knows";
    INVALID_TXN_STATE = 48, None, "the transaction is in a state that does not allow it";
    INVALID_PRODUCER_ID_MAPPING = 49, None,
        "the producer id does not belong to this transactional id";
    INVALID_TRANSACTION_TIMEOUT = 50, None,
        "the transaction timeout is above what the broker allows";
    CONCURRENT_TRANSACTIONS = 51, Retry,
        "another operation on the same transaction is still going on";
    TRANSACTION_COORDINATOR_FENCED = 52, None,
        "the transaction coordinator has been replaced by a newer one";
    TRANSACTIONAL_ID_AUTHORIZATION_FAILED = 53, None, "the caller may not use the transactional id";
    SECURITY_DISABLED = 54, None, "the cluster has no security configured";
    OPERATION_NOT_ATTEMPTED = 55, None, "not tried, because another part of the request failed";
    KAFKA_STORAGE_ERROR = 56, Refresh, "the disk that holds the partition failed";
    LOG_DIR_NOT_FOUND = 57, None, "the broker has no such log directory";
    SASL_AUTHENTICATION_FAILED = 58, None, "the credentials were refused";
    UNKNOWN_PRODUCER_ID = 59, None, "the broker remembers nothing of this producer id";
    REASSIGNMENT_IN_PROGRESS = 60, None, "replicas of the partition are being moved already";
    DELEGATION_TOKEN_AUTH_DISABLED = 61, None, "delegation tokens are not enabled";
    DELEGATION_TOKEN_NOT_FOUND = 62, None, "there is no such delegation token";
    DELEGATION_TOKEN_OWNER_MISMATCH = 63, None, "the token belongs to somebody else";
    DELEGATION_TOKEN_REQUEST_NOT_ALLOWED = 64, None,
        "tokens cannot be handled over this kind of connection";
    DELEGATION_TOKEN_AUTHORIZATION_FAILED = 65, None, "the caller may not use the delegation token";
    DELEGATION_TOKEN_EXPIRED = 66, None, "the delegation token has expired";
    INVALID_PRINCIPAL_TYPE = 67, None, "the kind of principal is not supported";
    NON_EMPTY_GROUP = 68, None, "the group still has members";
    GROUP_ID_NOT_FOUND = 69, None, "there is no such group";
    FETCH_SESSION_ID_NOT_FOUND = 70, Retry, "the broker has no such fetch session";
    INVALID_FETCH_SESSION_EPOCH = 71, Retry,
        "the request's number is not the next one of its fetch session";
    LISTENER_NOT_FOUND = 72, Refresh,
        "the leader has no listener of the name the request came in by";
    TOPIC_DELETION_DISABLED = 73, None, "topics cannot be deleted in this cluster";
    FENCED_LEADER_EPOCH = 74, Refresh, "the caller's leader epoch is older than the broker's";
    UNKNOWN_LEADER_EPOCH = 75, Retry, "the caller's leader epoch is newer than the broker's";
    UNSUPPORTED_COMPRESSION_TYPE = 76, None,
        "the request's version does not allow that compression";
    STALE_BROKER_EPOCH = 77, None, "the broker has been registered anew since";
    OFFSET_NOT_AVAILABLE = 78, Retry, "the new leader does not know its high watermark yet";
    MEMBER_ID_REQUIRED = 79, None, "the member must join again with the member id it is given";
    PREFERRED_LEADER_NOT_AVAILABLE = 80, Refresh, "the preferred leader cannot lead now";
    GROUP_MAX_SIZE_REACHED = 81, None, "the group has as many members as it may have";
    FENCED_INSTANCE_ID = 82, None, "another member has taken this static member's place";
    ELIGIBLE_LEADERS_NOT_AVAILABLE = 83, Refresh, "no replica that may lead is available";
    ELECTION_NOT_NEEDED = 84, Refresh, "the preferred leader leads already";
    NO_REASSIGNMENT_IN_PROGRESS = 85, None, "no replicas of the partition are being moved";
    GROUP_SUBSCRIBED_TO_TOPIC = 86, None, "the group subscribes to the topic, so its offsets stay";
    INVALID_RECORD = 87, None, "a record broke a rule of the broker; the batch was refused";
    UNSTABLE_OFFSET_COMMIT = 88, Retry,
        "offsets of a transaction that is not yet decided are in the way";
    THROTTLING_QUOTA_EXCEEDED = 89, Retry, "a quota is used up";
    PRODUCER_FENCED = 90, None, "a newer producer with the same transactional id has taken over";
    RESOURCE_NOT_FOUND = 91, None, "there is no such resource";
    DUPLICATE_RESOURCE = 92, None, "the request names a resource twice";
    UNACCEPTABLE_CREDENTIAL = 93, None, "the credential does not meet the requirements";
    INCONSISTENT_VOTER_SET = 94, None, "the voters do not agree on who the voters are";
    INVALID_UPDATE_VERSION = 95, None, "the update's version is not valid";
    FEATURE_UPDATE_FAILED = 96, None, "the features could not be updated";
    PRINCIPAL_DESERIALIZATION_FAILURE = 97, None, "the forwarded principal could not be read";
    SNAPSHOT_NOT_FOUND = 98, None, "there is no such snapshot";
    POSITION_OUT_OF_RANGE = 99, None, "the position lies outside the snapshot";
    UNKNOWN_TOPIC_ID = 100, Refresh, "this server does not know that topic id";
    DUPLICATE_BROKER_REGISTRATION = 101, None, "a broker with that id is registered and alive";
    BROKER_ID_NOT_REGISTERED = 102, None, "no broker with that id is registered";
    INCONSISTENT_TOPIC_ID = 103, Refresh, "the topic id does not belong to the topic name";
    INCONSISTENT_CLUSTER_ID = 104, None, "the peer belongs to another cluster";
    TRANSACTIONAL_ID_NOT_FOUND = 105, None, "there is no such transactional id";
    FETCH_SESSION_TOPIC_ID_ERROR = 106, Retry,
        "the fetch session holds a topic id that is not valid";
    INELIGIBLE_REPLICA = 107, None, "the replica may not join the in-sync replicas";
    NEW_LEADER_ELECTED = 108, None, "the update was done, and elected another leader";
    OFFSET_MOVED_TO_TIERED_STORAGE = 109, None,
        "the offset is no longer here but in tiered storage";
    FENCED_MEMBER_EPOCH = 110, None, "the member's epoch is not the one the coordinator knows";
    UNRELEASED_INSTANCE_ID = 111, None, "another member still holds the static member id";
    UNSUPPORTED_ASSIGNOR = 112, None, "the broker does not have that assignor";
    STALE_MEMBER_EPOCH = 113, None, "the member's epoch is old; it must heartbeat first";
    MISMATCHED_ENDPOINT_TYPE = 114, None,
        "a controller was asked at a broker's endpoint, or the reverse";
    UNSUPPORTED_ENDPOINT_TYPE = 115, None, "the kind of endpoint is not known";
    UNKNOWN_CONTROLLER_ID = 116, None, "no controller with that id is registered";
    UNKNOWN_SUBSCRIPTION_ID = 117, None, "the telemetry subscription is out of date";
    TELEMETRY_TOO_LARGE = 118, None, "the telemetry is larger than the broker takes";
    INVALID_REGISTRATION = 119, None, "the controller refused the registration";
    TRANSACTION_ABORTABLE = 120, None,
        "the transaction must be aborted; then the producer can go on";
    INVALID_RECORD_STATE = 121, None,
        "the record is in a state that does not allow the acknowledgement";
    SHARE_SESSION_NOT_FOUND = 122, Retry, "the broker has no such share session";
    INVALID_SHARE_SESSION_EPOCH = 123, Retry,
        "the request's number is not the next one of its share session";
    FENCED_STATE_EPOCH = 124, None, "the share coordinator knows a newer state epoch";
    INVALID_VOTER_KEY = 125, None, "the voter's id and directory do not match";
    DUPLICATE_VOTER = 126, None, "the voter is one already";
    VOTER_NOT_FOUND = 127, None, "there is no such voter";
    INVALID_REGULAR_EXPRESSION = 128, None, "the regular expression is not valid";
    REBOOTSTRAP_REQUIRED = 129, None,
        "the client's knowledge of the cluster is too old; it must bootstrap again";
    STREAMS_INVALID_TOPOLOGY = 130, None, "the topology of the streams application is not valid";
    STREAMS_INVALID_TOPOLOGY_EPOCH = 131, None, "the epoch of the streams topology is not valid";
    STREAMS_TOPOLOGY_FENCED = 132, None, "the streams topology has been replaced by a newer one";
    SHARE_SESSION_LIMIT_REACHED = 133, Retry,
        "the broker has as many share sessions as it may have";
    GROUP_DELETION_FAILED = 134, None,
        "the group could not be deleted in its group type's own store";
    STREAMS_TOPOLOGY_DESCRIPTION_UPDATE_FAILED = 135, None,
        "the description of the streams topology could not be stored";
    CONTROLLER_ID_NOT_REGISTERED = 136, None,
        "no controller with that id is registered at the quorum";
}

impl ErrorCode {
    fn row(self) -> Option<&'static Row> {
        ROWS.binary_search_by_key(&self.0, |row| row.code).ok().and_then(|row| ROWS.get(row))
    }

    /// Kafka's name; `UNKNOWN_ERROR_CODE` if Kafka 4.4.0 has no such code.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().map_or("UNKNOWN_ERROR_CODE", |row| row.name)
    }

    /// What it means, in a few words.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        self.row().map_or("a code that Kafka 4.4.0 does not have", |row| row.meaning)
    }

    /// Whether it is no error.
    #[must_use]
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }

    /// Whether the same request may succeed later.
    #[must_use]
    pub fn is_retriable(self) -> bool {
        self.row().is_some_and(|row| row.remedy != Remedy::None)
    }

    /// Whether metadata should be asked for before the request is repeated.
    #[must_use]
    pub fn invalidates_metadata(self) -> bool {
        self.row().is_some_and(|row| row.remedy == Remedy::Refresh)
    }

    /// `Ok` if it is no error, else itself.
    ///
    /// # Errors
    ///
    /// Itself, unless it is [`NONE`](Self::NONE).
    pub fn check(self) -> Result<(), Self> {
        if self.is_none() { Ok(()) } else { Err(self) }
    }
}

impl fmt::Display for ErrorCode {
    /// As in `NOT_LEADER_OR_FOLLOWER (6)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.0)
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for ErrorCode {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_code_once() {
        let codes: Vec<i16> = ROWS.iter().map(|row| row.code).collect();
        assert_eq!(codes, (-1..=136).collect::<Vec<i16>>());
    }

    #[test]
    fn a_code_knows_its_name_and_whether_to_retry() {
        for (code, text, retriable, refresh) in [
            (ErrorCode::NONE, "NONE (0)", false, false),
            (ErrorCode::NOT_LEADER_OR_FOLLOWER, "NOT_LEADER_OR_FOLLOWER (6)", true, true),
            (ErrorCode::REQUEST_TIMED_OUT, "REQUEST_TIMED_OUT (7)", true, false),
            (ErrorCode::MESSAGE_TOO_LARGE, "MESSAGE_TOO_LARGE (10)", false, false),
            (ErrorCode(999), "UNKNOWN_ERROR_CODE (999)", false, false),
        ] {
            assert_eq!(code.to_string(), text);
            assert_eq!(code.is_retriable(), retriable, "{text}");
            assert_eq!(code.invalidates_metadata(), refresh, "{text}");
        }
    }
}
