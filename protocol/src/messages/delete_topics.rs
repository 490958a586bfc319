//! DeleteTopics (20).
//!
//! v4 is flexible. v5: may be throttled (KIP-599), and says why it failed. v6: topics by name or by
//! id (KIP-516).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::Uuid;
use crate::schema::messages;

messages! {
    /// Asks the controller to delete topics. `DeleteTopicsRequest.json`.
    struct DeleteTopicsRequest(DELETE_TOPICS -> DeleteTopicsResponse, 1..=6, flexible 4..) {
        /// Each topic, from v6 on.
        topics: Vec<DeleteTopicState> = 6..;
        /// Each topic's name, up to v5.
        topic_names: Vec<Str> = 0..=5 ignorable;
        /// How long the controller may take, in milliseconds.
        timeout_ms: i32 = 0..;
    }

    /// A topic to delete, by name or by id.
    struct DeleteTopicState {
        /// Its name; `None` if its id is given.
        name: Option<Str> = 6..;
        /// Its id; zero if its name is given.
        topic_id: Uuid = 6..;
    }

    /// How each deletion went. `DeleteTopicsResponse.json`.
    struct DeleteTopicsResponse(1..=6, flexible 4..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 1.. ignorable;
        /// Each topic.
        responses: Vec<DeletableTopicResult> = 0..;
    }

    /// How the deletion of one topic went.
    struct DeletableTopicResult {
        /// Its name; `None` if it was named by an id that does not exist or must not be seen.
        name: Option<Str> = 0.., nullable 6.., or Some(Str::new());
        /// Its id.
        topic_id: Uuid = 6.. ignorable;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// Why, for people.
        error_message: Option<Str> = 5.. ignorable;
    }
}
