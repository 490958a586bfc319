//! The five codecs of record batches. Output is bounded, memory is used again.

#[cfg(feature = "gzip")]
mod gzip;
#[cfg(feature = "lz4")]
mod lz4;
#[cfg(feature = "snappy")]
mod snappy;
#[cfg(feature = "zstd")]
mod zstd;

use core::fmt;
use core::str::FromStr;
use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

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
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no codec is called {0:?}; there are none, gzip, snappy, lz4 and zstd")]
pub struct UnknownCompression(pub String);

impl FromStr for Compression {
    type Err = UnknownCompression;

    fn from_str(name: &str) -> Result<Self, UnknownCompression> {
        let found = Self::ALL.into_iter().find(|codec| codec.name() == name);
        found.ok_or_else(|| UnknownCompression(name.to_owned()))
    }
}

/// Why records cannot be compressed or decompressed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CompressionError {
    /// The batch names a codec that nobody knows.
    #[error("no codec has the number {0}")]
    UnknownCodec(i16),
    /// The codec exists, but not in this build.
    #[error("{0} is not built in: turn on the feature `{0}`")]
    NotBuiltIn(Compression),
    /// The codec refused the data.
    #[error("{codec} data is damaged: {reason}")]
    Damaged {
        /// Which codec.
        codec: Compression,
        /// Its words.
        reason: String,
    },
    /// The codec could not compress.
    #[error("{codec} failed: {reason}")]
    Failed {
        /// Which codec.
        codec: Compression,
        /// Its words.
        reason: String,
    },
    /// Decompressed, the records are larger than allowed.
    #[error("{codec} data is larger than {bytes_max} bytes once decompressed")]
    Oversized {
        /// Which codec.
        codec: Compression,
        /// What was allowed.
        bytes_max: usize,
    },
}

#[cfg(any(feature = "gzip", feature = "lz4", feature = "snappy", feature = "zstd"))]
fn damaged(codec: Compression, reason: impl fmt::Display) -> CompressionError {
    CompressionError::Damaged { codec, reason: reason.to_string() }
}

#[cfg(any(feature = "gzip", feature = "lz4", feature = "snappy", feature = "zstd"))]
fn failed(codec: Compression, reason: impl fmt::Display) -> CompressionError {
    CompressionError::Failed { codec, reason: reason.to_string() }
}

/// How many buffers a compressor or decompressor keeps for later.
const SPARE_BUFFERS_MAX: usize = 4;

/// Compresses, with contexts that are made on first use and used again.
#[derive(Default)]
pub struct Compressor {
    level: Option<i32>,
    spare: Vec<BytesMut>,
    #[cfg(feature = "gzip")]
    gzip: Option<gzip::Encoder>,
    #[cfg(feature = "lz4")]
    lz4: Option<lz4::Encoder>,
    #[cfg(feature = "snappy")]
    snappy: snappy::Encoder,
    #[cfg(feature = "zstd")]
    zstd: Option<zstd::Encoder>,
}

impl Compressor {
    /// A compressor with this level instead of Kafka's default (gzip: zlib's, zstd: 3). A level
    /// that the codec does not have is taken to the nearest one; snappy and lz4 have none.
    #[must_use]
    pub fn with_level(level: i32) -> Self {
        Self { level: Some(level), ..Self::default() }
    }

    /// Compresses `input` and appends it to `out`.
    ///
    /// # Errors
    ///
    /// If the codec is not built in, or fails.
    pub fn compress(
        &mut self,
        codec: Compression,
        input: &[u8],
        out: &mut BytesMut,
    ) -> Result<(), CompressionError> {
        match codec {
            Compression::None => {
                out.extend_from_slice(input);
                Ok(())
            }
            #[cfg(feature = "gzip")]
            Compression::Gzip => {
                let level = self.level;
                self.gzip.get_or_insert_with(|| gzip::Encoder::new(level)).encode(input, out)
            }
            #[cfg(feature = "snappy")]
            Compression::Snappy => self.snappy.encode(input, out),
            #[cfg(feature = "lz4")]
            Compression::Lz4 => self.lz4.get_or_insert_default().encode(input, out),
            #[cfg(feature = "zstd")]
            Compression::Zstd => {
                let encoder = match &mut self.zstd {
                    Some(encoder) => encoder,
                    none => none.insert(zstd::Encoder::new(self.level)?),
                };
                encoder.encode(input, out)
            }
            #[allow(unreachable_patterns, reason = "reached where a feature is off")]
            _ => Err(CompressionError::NotBuiltIn(codec)),
        }
    }

    /// An empty buffer for what is compressed, a recycled one if there is one.
    #[must_use]
    pub fn buffer(&mut self) -> BytesMut {
        self.spare.pop().unwrap_or_default()
    }

    /// Keeps a buffer that nobody needs any more for [`buffer`](Self::buffer).
    pub fn recycle(&mut self, mut buffer: BytesMut) {
        if self.spare.len() < SPARE_BUFFERS_MAX {
            buffer.clear();
            self.spare.push(buffer);
        }
    }
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor").field("level", &self.level).finish_non_exhaustive()
    }
}

/// Decompresses. A buffer it gave out is used again once all slices of it are gone.
#[derive(Default)]
pub struct Decompressor {
    given: VecDeque<Bytes>,
    #[cfg(feature = "snappy")]
    snappy: snappy::Decoder,
    #[cfg(feature = "zstd")]
    zstd: Option<zstd::Decoder>,
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
        let mut out = self.buffer();
        match codec {
            Compression::None if input.len() > bytes_max => {
                return Err(CompressionError::Oversized { codec, bytes_max });
            }
            Compression::None => out.extend_from_slice(input),
            #[cfg(feature = "gzip")]
            Compression::Gzip => gzip::decode(input, &mut out, bytes_max)?,
            #[cfg(feature = "snappy")]
            Compression::Snappy => self.snappy.decode(input, &mut out, bytes_max)?,
            #[cfg(feature = "lz4")]
            Compression::Lz4 => lz4::decode(input, &mut out, bytes_max)?,
            #[cfg(feature = "zstd")]
            Compression::Zstd => {
                let decoder = match &mut self.zstd {
                    Some(decoder) => decoder,
                    none => none.insert(zstd::Decoder::new()?),
                };
                decoder.decode(input, &mut out, bytes_max)?;
            }
            #[allow(unreachable_patterns, reason = "reached where a feature is off")]
            _ => return Err(CompressionError::NotBuiltIn(codec)),
        }
        let out = out.freeze();
        if self.given.len() < SPARE_BUFFERS_MAX {
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

/// Appends what `source` yields to `out`, up to `bytes_max` bytes of it.
#[cfg(any(feature = "gzip", feature = "lz4"))]
fn read_bounded(
    codec: Compression,
    source: impl std::io::Read,
    out: &mut BytesMut,
    bytes_max: usize,
) -> Result<(), CompressionError> {
    use bytes::BufMut;

    let one_more = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    std::io::copy(&mut source.take(one_more), &mut out.writer())
        .map_err(|error| damaged(codec, error))?;
    if out.len() > bytes_max {
        return Err(CompressionError::Oversized { codec, bytes_max });
    }
    Ok(())
}
