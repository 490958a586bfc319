//! Bounds of what is read and written. What a peer claims is checked against them first.

/// The longest string, in bytes, at every version (its old length prefix is an int16).
pub const STRING_BYTES_MAX: usize = 0x7fff;

/// The longest bytes field and the most items of an array (their old length prefix is an int32).
pub const BYTES_MAX: usize = 0x7fff_ffff;

/// The largest request a broker takes by default, in bytes (Kafka: `socket.request.max.bytes`).
pub const REQUEST_BYTES_MAX: usize = 100 * 1024 * 1024;

/// The longest text that [`json`](crate::json) makes of a message unless told otherwise, in bytes:
/// the largest request, all of it records in base64, and as much again.
pub const JSON_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Memory that decoding a frame of `frame_bytes` may allocate, in bytes.
///
/// With the frame itself it stays within 16 times the frame plus 64 KiB.
#[must_use]
pub const fn decode_budget(frame_bytes: usize) -> usize {
    frame_bytes.saturating_mul(15).saturating_add(60 * 1024)
}
