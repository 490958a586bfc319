//! The five codecs of record batches. Output is bounded, memory is used again.

#[cfg(not(all(feature = "gzip", feature = "snappy", feature = "lz4", feature = "zstd")))]
mod absent;
#[cfg(feature = "gzip")]
mod gzip;
#[cfg(feature = "lz4")]
mod lz4;
#[cfg_attr(
    not(all(feature = "gzip", feature = "snappy", feature = "lz4", feature = "zstd")),
    allow(dead_code, reason = "each codec needs another part of it")
)]
mod output;
#[cfg(feature = "snappy")]
mod snappy;
#[cfg(feature = "zstd")]
mod zstd;

#[cfg(not(feature = "gzip"))]
use absent as gzip;
#[cfg(not(feature = "lz4"))]
use absent as lz4;
#[cfg(not(feature = "snappy"))]
use absent as snappy;
#[cfg(not(feature = "zstd"))]
use absent as zstd;

use core::fmt;
use core::ops::RangeInclusive;
use core::str::FromStr;
use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use output::{Fault, Output};

/// How a batch's records are compressed (Kafka: `compression.type`).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Compression {
    /// Not at all; `none`.
    #[default]
    None,
    /// An RFC 1952 stream; `gzip`, feature `gzip`.
    Gzip,
    /// Blocks with the framing of the Java library; `snappy`, feature `snappy`.
    Snappy,
    /// A frame of independent blocks; `lz4`, feature `lz4`.
    Lz4,
    /// A standard frame; `zstd`, feature `zstd`.
    Zstd,
}

impl Compression {
    /// Every codec, in the order of their numbers on the wire.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// The codec that a batch's attributes name; `None` if nobody knows it.
    #[must_use]
    pub const fn from_attributes(attributes: i16) -> Option<Self> {
        match attributes & 0x07 {
            0 => Some(Self::None),
            1 => Some(Self::Gzip),
            2 => Some(Self::Snappy),
            3 => Some(Self::Lz4),
            4 => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Its bits in a batch's attributes.
    #[must_use]
    pub const fn attribute(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Gzip => 1,
            Self::Snappy => 2,
            Self::Lz4 => 3,
            Self::Zstd => 4,
        }
    }

    /// Kafka's name for it, which is also that of the feature it needs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// The levels it has and the one it works at if it is not told (KIP-390); `None` if it has
    /// none. Kafka's lz4 has levels, this one has not: it always works at its fastest.
    #[must_use]
    pub const fn levels(self) -> Option<(RangeInclusive<i32>, i32)> {
        match self {
            Self::None | Self::Snappy | Self::Lz4 => None,
            Self::Gzip => Some((1..=9, 6)),
            Self::Zstd => Some((-131_072..=22, 3)),
        }
    }

    /// Whether this build has it.
    #[must_use]
    pub const fn is_built_in(self) -> bool {
        match self {
            Self::None => true,
            Self::Gzip => cfg!(feature = "gzip"),
            Self::Snappy => cfg!(feature = "snappy"),
            Self::Lz4 => cfg!(feature = "lz4"),
            Self::Zstd => cfg!(feature = "zstd"),
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// There is no codec of this name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnknownCompression(pub String);

impl fmt::Display for UnknownCompression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no codec is called {:?}; there are none, gzip, snappy, lz4 and zstd", self.0)
    }
}

impl core::error::Error for UnknownCompression {}

impl FromStr for Compression {
    type Err = UnknownCompression;

    fn from_str(name: &str) -> Result<Self, UnknownCompression> {
        let found = Self::ALL.into_iter().find(|codec| codec.name() == name);
        found.ok_or_else(|| UnknownCompression(name.to_owned()))
    }
}

/// Why records cannot be compressed or decompressed.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CompressionError {
    /// The batch names a codec that nobody knows.
    UnknownCodec(i16),
    /// The codec exists, but not in this build.
    NotBuiltIn(Compression),
    /// The codec refused the data.
    Damaged {
        /// Which codec.
        codec: Compression,
        /// Its words.
        reason: String,
    },
    /// The codec could not compress.
    Failed {
        /// Which codec.
        codec: Compression,
        /// Its words.
        reason: String,
    },
    /// Decompressed, the records are larger than allowed.
    Oversized {
        /// Which codec.
        codec: Compression,
        /// What was allowed.
        bytes_max: usize,
    },
}

impl fmt::Display for CompressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownCodec(value) => write!(f, "no codec has the number {value}"),
            Self::NotBuiltIn(value) => {
                write!(f, "{value} is not built in: turn on the feature `{value}`")
            }
            Self::Damaged { codec, reason } => write!(f, "{codec} data is damaged: {reason}"),
            Self::Failed { codec, reason } => write!(f, "{codec} failed: {reason}"),
            Self::Oversized { codec, bytes_max } => {
                write!(f, "{codec} data is larger than {bytes_max} bytes once decompressed")
            }
        }
    }
}

impl core::error::Error for CompressionError {}

/// A codec does not have the level that was asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum LevelError {
    /// It has no levels.
    None(Compression),
    /// It has levels, but not this one.
    OutOfRange {
        /// Which codec.
        codec: Compression,
        /// What was asked for.
        level: i32,
        /// What it has.
        levels: RangeInclusive<i32>,
    },
}

impl fmt::Display for LevelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None(value) => write!(f, "{value} has no levels: leave its level out"),
            Self::OutOfRange { codec, level, levels } => {
                write!(f, "{codec} has no level {level}: it has {levels:?}")
            }
        }
    }
}

impl core::error::Error for LevelError {}

/// One direction of a codec: what it keeps from one batch to the next.
trait Encode: Sized {
    fn new(level: Option<i32>) -> Result<Self, Fault>;

    /// Appends the compressed form of `input`.
    fn encode(&mut self, input: &[u8], out: &mut BytesMut) -> Result<(), Fault>;
}

/// The other direction.
trait Decode: Sized {
    fn new() -> Result<Self, Fault>;

    /// Appends what `input` is the compressed form of.
    fn decode(&mut self, input: &[u8], out: &mut Output) -> Result<(), Fault>;
}

/// A codec that is made when it is first needed. One that failed is not used again.
struct Slot<T> {
    level: Option<i32>,
    codec: Option<T>,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self { level: None, codec: None }
    }
}

impl<T: Encode> Slot<T> {
    /// What it keeps is of one level.
    fn set_level(&mut self, level: i32) {
        if self.level != Some(level) {
            *self = Self { level: Some(level), codec: None };
        }
    }

    fn encode(&mut self, input: &[u8], out: &mut BytesMut) -> Result<(), Fault> {
        let mut codec = self.codec.take().map_or_else(|| T::new(self.level), Ok)?;
        codec.encode(input, out)?;
        self.codec = Some(codec);
        Ok(())
    }
}

impl<T: Decode> Slot<T> {
    fn decode(&mut self, input: &[u8], out: &mut Output) -> Result<(), Fault> {
        let mut codec = self.codec.take().map_or_else(T::new, Ok)?;
        codec.decode(input, out)?;
        self.codec = Some(codec);
        Ok(())
    }
}

/// How many buffers a compressor or decompressor keeps for later.
const SPARE_BUFFERS_MAX: usize = 4;
/// The largest buffer it keeps: one batch of the size that Kafka allows by default, unpacked.
const SPARE_BYTES_MAX: usize = 8 << 20;

/// Compresses, with contexts that are made on first use and used again.
#[derive(Default)]
pub struct Compressor {
    spare: Vec<BytesMut>,
    gzip: Slot<gzip::Encoder>,
    snappy: Slot<snappy::Encoder>,
    lz4: Slot<lz4::Encoder>,
    zstd: Slot<zstd::Encoder>,
}

impl Compressor {
    /// Makes a codec work at `level` from now on (Kafka: `compression.gzip.level`, default 6, and
    /// `compression.zstd.level`, default 3).
    ///
    /// # Errors
    ///
    /// If the codec does not have that level.
    pub fn set_level(&mut self, codec: Compression, level: i32) -> Result<(), LevelError> {
        let (levels, _) = codec.levels().ok_or(LevelError::None(codec))?;
        if !levels.contains(&level) {
            return Err(LevelError::OutOfRange { codec, level, levels });
        }
        match codec {
            Compression::Gzip => self.gzip.set_level(level),
            Compression::Zstd => self.zstd.set_level(level),
            Compression::None | Compression::Snappy | Compression::Lz4 => {}
        }
        Ok(())
    }

    /// Compresses `input` and appends it to `out`.
    ///
    /// # Errors
    ///
    /// If the codec is not built in, or fails; `out` has lost nothing, but may have gained.
    pub fn compress(
        &mut self,
        codec: Compression,
        input: &[u8],
        out: &mut BytesMut,
    ) -> Result<(), CompressionError> {
        let outcome = match codec {
            Compression::None => {
                out.extend_from_slice(input);
                Ok(())
            }
            Compression::Gzip => self.gzip.encode(input, out),
            Compression::Snappy => self.snappy.encode(input, out),
            Compression::Lz4 => self.lz4.encode(input, out),
            Compression::Zstd => self.zstd.encode(input, out),
        };
        outcome.map_err(|fault| match fault {
            Fault::Absent => CompressionError::NotBuiltIn(codec),
            Fault::Oversized => {
                let reason = "there is no room for the output".to_owned();
                CompressionError::Failed { codec, reason }
            }
            Fault::Failed(reason) => CompressionError::Failed { codec, reason },
        })
    }

    /// An empty buffer for what is compressed, a recycled one if there is one.
    #[must_use]
    pub fn buffer(&mut self) -> BytesMut {
        self.spare.pop().unwrap_or_default()
    }

    /// Keeps a buffer that nobody needs any more for [`buffer`](Self::buffer), unless it is large.
    pub fn recycle(&mut self, mut buffer: BytesMut) {
        if self.spare.len() < SPARE_BUFFERS_MAX && buffer.capacity() <= SPARE_BYTES_MAX {
            buffer.clear();
            self.spare.push(buffer);
        }
    }
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor").field("spare", &self.spare.len()).finish_non_exhaustive()
    }
}

/// Decompresses. A buffer it gave out is used again once all slices of it are gone.
#[derive(Default)]
pub struct Decompressor {
    given: VecDeque<Bytes>,
    gzip: Slot<gzip::Decoder>,
    snappy: Slot<snappy::Decoder>,
    lz4: Slot<lz4::Decoder>,
    zstd: Slot<zstd::Decoder>,
}

impl Decompressor {
    /// Decompresses `input` to at most `bytes_max` bytes. Memory grows with what comes out, not
    /// with what the data claims.
    ///
    /// # Errors
    ///
    /// If the codec is not built in, the data is damaged, or what comes out is larger.
    pub fn decompress(
        &mut self,
        codec: Compression,
        input: &[u8],
        bytes_max: usize,
    ) -> Result<Bytes, CompressionError> {
        let mut out = Output::new(self.buffer(), bytes_max);
        let outcome = match codec {
            Compression::None => out.put(input),
            Compression::Gzip => self.gzip.decode(input, &mut out),
            Compression::Snappy => self.snappy.decode(input, &mut out),
            Compression::Lz4 => self.lz4.decode(input, &mut out),
            Compression::Zstd => self.zstd.decode(input, &mut out),
        };
        outcome.map_err(|fault| match fault {
            Fault::Absent => CompressionError::NotBuiltIn(codec),
            Fault::Oversized => CompressionError::Oversized { codec, bytes_max },
            Fault::Failed(reason) => CompressionError::Damaged { codec, reason },
        })?;
        let buffer = out.into_buffer();
        let keep = self.given.len() < SPARE_BUFFERS_MAX && buffer.capacity() <= SPARE_BYTES_MAX;
        let out = buffer.freeze();
        if keep {
            self.given.push_back(out.clone());
        }
        Ok(out)
    }

    /// A buffer whose slices are all gone, or a new one.
    fn buffer(&mut self) -> BytesMut {
        for _ in 0..self.given.len() {
            let Some(bytes) = self.given.pop_front() else { break };
            match bytes.try_into_mut() {
                Ok(mut buffer) => {
                    buffer.clear();
                    return buffer;
                }
                Err(in_use) => self.given.push_back(in_use),
            }
        }
        if self.given.len() == SPARE_BUFFERS_MAX {
            self.given.pop_front(); // somebody keeps it: make place for one that comes back
        }
        BytesMut::new()
    }
}

impl fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decompressor").field("given", &self.given.len()).finish_non_exhaustive()
    }
}
