//! DeleteShareGroupOffsets (92): a share group without members forgets topics (KIP-932).

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::Uuid;
use crate::schema::messages;

messages! {
    /// Asks to forget topics. `DeleteShareGroupOffsetsRequest.json`.
    struct DeleteShareGroupOffsetsRequest(
        DELETE_SHARE_GROUP_OFFSETS -> DeleteShareGroupOffsetsResponse, 0..=0, flexible 0..
    ) {
        /// The group (Kafka: `group.id`).
        group_id: Str = 0..;
        /// Each topic.
        topics: Vec<DeleteShareGroupOffsetsRequestTopic> = 0..;
    }

    /// A topic.
    struct DeleteShareGroupOffsetsRequestTopic {
        /// The topic's name.
        topic_name: Str = 0..;
    }

    /// What became of it. `DeleteShareGroupOffsetsResponse.json`.
    struct DeleteShareGroupOffsetsResponse(0..=0, flexible 0..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Whether the request failed as a whole.
        error_code: ErrorCode = 0..;
        /// What went wrong, in words.
        error_message: Option<Str> = 0..;
        /// Each topic.
        responses: Vec<DeleteShareGroupOffsetsResponseTopic> = 0..;
    }

    /// The answer for one topic.
    struct DeleteShareGroupOffsetsResponseTopic {
        /// The topic's name.
        topic_name: Str = 0..;
        /// Its id.
        topic_id: Uuid = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// What went wrong, in words.
        error_message: Option<Str> = 0..;
    }
}
