//! UnregisterController (94): forgets a controller that will not come back.

use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::NodeId;
use crate::schema::messages;

messages! {
    /// Asks to forget a controller. `UnregisterControllerRequest.json`.
    struct UnregisterControllerRequest(
        UNREGISTER_CONTROLLER -> UnregisterControllerResponse, 0..=0, flexible 0..
    ) {
        /// The controller.
        controller_id: NodeId = 0..;
    }

    /// Whether it is forgotten. `UnregisterControllerResponse.json`.
    struct UnregisterControllerResponse(0..=0, flexible 0..) {
        /// How long the client must stay silent for a quota's sake, in milliseconds.
        throttle_time_ms: i32 = 0..;
        /// Whether it failed.
        error_code: ErrorCode = 0..;
        /// Why, for people.
        error_message: Option<Str> = 0..;
    }
}
