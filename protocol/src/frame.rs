//! Cuts a stream of bytes into frames: a length of 4 bytes, then so many bytes.

use core::fmt;

use bytes::{Buf, Bytes, BytesMut};

/// Room that is made while no frame is arriving, in bytes.
const ROOM_IDLE: usize = 8 * 1024;
/// Room that is made for any frame that needs it, in bytes.
const ROOM_MIN: usize = 64 * 1024;
/// The most room that is made ahead of bytes received, in bytes.
const ROOM_MAX: usize = 2 * 1024 * 1024;

/// Cuts what arrives on a connection into frames; goes on at any byte.
///
/// Read into [`buffer`](Self::buffer), then take frames with [`next`](Self::next) until there is
/// none. Memory grows with the bytes received, never with the length a peer claims.
#[derive(Debug)]
pub struct FrameSplitter {
    buffer: BytesMut,
    bytes_max: usize,
    /// The length of the frame whose bytes are arriving, once its prefix is taken.
    length: Option<usize>,
    /// The longest frame that has arrived whole: a peer that sent so much may do so again.
    proved: usize,
}

impl FrameSplitter {
    /// Cuts frames of at most `bytes_max` bytes, length prefix not counted.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self { buffer: BytesMut::new(), bytes_max, length: None, proved: 0 }
    }

    /// What to append arriving bytes to; there is room for at least one.
    ///
    /// The room is what the frame still needs, but at most as much as has arrived of it, or of a
    /// whole frame before it, or 64 KiB: a claim alone costs nothing. The second frame of a size
    /// is therefore not moved while it grows.
    pub fn buffer(&mut self) -> &mut BytesMut {
        let room = match self.length {
            None => ROOM_IDLE,
            Some(length) => {
                let received = self.buffer.len();
                let missing = length.saturating_sub(received).max(1);
                missing.min(received.max(self.proved).clamp(ROOM_MIN, ROOM_MAX))
            }
        };
        if self.buffer.capacity() - self.buffer.len() < room {
            self.buffer.reserve(room);
        }
        &mut self.buffer
    }

    /// How many bytes have arrived that are not part of a whole frame yet.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.buffer.len() + if self.length.is_some() { 4 } else { 0 }
    }

    /// The next whole frame, without its length prefix; `None` until more bytes arrive.
    ///
    /// # Errors
    ///
    /// If the length cannot be right. The stream cannot be used on: every later call fails too.
    #[expect(clippy::should_implement_trait, reason = "an iterator would not go on after None")]
    pub fn next(&mut self) -> Result<Option<Bytes>, FrameError> {
        let length = match self.length {
            Some(length) => length,
            None => {
                let Some(prefix) = self.buffer.first_chunk::<4>() else {
                    return Ok(None);
                };
                let length = check(*prefix, self.bytes_max)?;
                self.buffer.advance(4);
                self.length = Some(length);
                length
            }
        };
        if self.buffer.len() < length {
            return Ok(None);
        }
        self.length = None;
        self.proved = self.proved.max(length);
        Ok(Some(self.buffer.split_to(length).freeze()))
    }
}

fn check(prefix: [u8; 4], bytes_max: usize) -> Result<usize, FrameError> {
    let claimed = i32::from_be_bytes(prefix);
    match &prefix {
        b"GET " | b"POST" | b"PUT " | b"HEAD" | b"DELE" | b"OPTI" | b"HTTP" => {
            return Err(FrameError::Http);
        }
        // a TLS record: handshake or alert, then the protocol's version 3.x
        [0x15 | 0x16, 0x03, 0x00..=0x04, _] => return Err(FrameError::Tls),
        _ => {}
    }
    let length = usize::try_from(claimed).map_err(|_| FrameError::Negative(claimed))?;
    if length > bytes_max { Err(FrameError::TooLarge { length, bytes_max }) } else { Ok(length) }
}

/// Why what arrives is not a frame. The connection cannot be used on.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum FrameError {
    /// The length is negative.
    Negative(i32),
    /// The length is above the limit; nothing was allocated for it.
    TooLarge {
        /// The length claimed, in bytes.
        length: usize,
        /// The limit, in bytes.
        bytes_max: usize,
    },
    /// The peer speaks HTTP.
    Http,
    /// The peer speaks TLS and we do not.
    Tls,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Negative(value) => write!(f, "frame length {value} is negative"),
            Self::TooLarge { length, bytes_max } => {
                write!(f, "frame of {length} bytes exceeds the limit of {bytes_max}")
            }
            Self::Http => f.write_str("the peer speaks HTTP, not Kafka's protocol; check the port"),
            Self::Tls => f.write_str(
                "the peer speaks TLS, and plain text was expected; \
                 check the port and the security settings",
            ),
        }
    }
}

impl core::error::Error for FrameError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(stream: &[u8], step: usize) -> Result<Vec<Bytes>, FrameError> {
        let mut splitter = FrameSplitter::new(100);
        let mut frames = Vec::new();
        for bytes in stream.chunks(step) {
            splitter.buffer().extend_from_slice(bytes);
            while let Some(frame) = splitter.next()? {
                frames.push(frame);
            }
        }
        assert_eq!(splitter.pending(), 0);
        Ok(frames)
    }

    #[test]
    fn frames_are_the_same_however_the_bytes_arrive() {
        let stream = b"\0\0\0\x03abc\0\0\0\0\0\0\0\x01d";
        for step in 1..=stream.len() {
            assert_eq!(split(stream, step).unwrap(), ["abc", "", "d"], "steps of {step}");
        }
    }

    #[test]
    fn what_is_no_frame_is_refused_by_name() {
        for (stream, error) in [
            (&b"\xff\xff\xff\xff"[..], FrameError::Negative(-1)),
            (b"\0\0\0\x65", FrameError::TooLarge { length: 101, bytes_max: 100 }),
            (b"\x7f\xff\xff\xff", FrameError::TooLarge { length: 0x7fff_ffff, bytes_max: 100 }),
            (b"GET / HTTP/1.1\r\n", FrameError::Http),
            (b"HTTP/1.1 400 Bad Request\r\n", FrameError::Http),
            (b"\x15\x03\x03\0\x02\x02\x46", FrameError::Tls),
            (b"\x16\x03\x01\x02\0", FrameError::Tls),
        ] {
            assert_eq!(split(stream, 1).unwrap_err(), error);
        }
    }

    #[test]
    fn a_stream_that_failed_stays_failed() {
        let mut splitter = FrameSplitter::new(100);
        splitter.buffer().extend_from_slice(b"\xff\xff\xff\xff\0\0\0\0");
        assert_eq!(splitter.next(), Err(FrameError::Negative(-1)));
        assert_eq!(splitter.next(), Err(FrameError::Negative(-1)));
    }

    #[test]
    fn a_frame_as_long_as_one_before_it_gets_its_room_at_once() {
        let length = 900_000_usize;
        let prefix = i32::try_from(length).unwrap().to_be_bytes();
        let mut splitter = FrameSplitter::new(usize::MAX);
        for (round, room_min) in [(0, ROOM_MIN), (1, length)] {
            splitter.buffer().extend_from_slice(&prefix);
            assert_eq!(splitter.next(), Ok(None));
            let buffer = splitter.buffer();
            let room = buffer.capacity() - buffer.len();
            assert!((room_min..2 * room_min).contains(&room), "{room} bytes in round {round}");
            buffer.extend_from_slice(&vec![7; length]);
            assert_eq!(splitter.next().unwrap().unwrap().len(), length);
        }
    }

    #[test]
    fn a_claim_alone_costs_no_memory() {
        let mut splitter = FrameSplitter::new(usize::MAX);
        splitter.buffer().extend_from_slice(&i32::MAX.to_be_bytes());
        assert_eq!(splitter.next(), Ok(None));
        let mut received = 0;
        for _ in 0..12 {
            let buffer = splitter.buffer();
            let room = buffer.capacity() - buffer.len();
            buffer.resize(buffer.len() + room, 0);
            received += room;
            assert!(splitter.buffer().capacity() <= 4 * received + 2 * ROOM_MIN);
            assert_eq!(splitter.next(), Ok(None));
        }
    }
}
