//! Kafka's primitive types as bytes: [`Reader`], [`FrameWriter`] and the [`Wire`] trait.

mod primitives;
mod reader;
mod tags;
mod writer;

pub use reader::Reader;
pub(crate) use tags::read_tags;
pub use tags::{TagWriter, UnknownTags};
pub use writer::{EncodedFrame, FrameWriter, Mark};

use crate::error::{DecodeError, EncodeError};
use crate::schema::{DefaultValue, Type};

/// The version a message is written or read at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Version {
    /// The number in the request header.
    pub number: i16,
    /// Whether lengths are compact and structs end with tagged fields (KIP-482).
    pub flexible: bool,
}

/// Something that stands in a message: a number, a string, an array, a struct.
pub trait Wire: Sized {
    /// Kafka's type, for reflection.
    const TYPE: Type;

    /// What a field has that nobody set, if its declaration has no other default.
    const DEFAULT: DefaultValue;

    /// Whether null is a value of this type (a sentinel such as -1 is not null).
    const NULLABLE: bool = false;

    /// The number that says "none" on the wire and is `None` in this type, if there is one.
    const SENTINEL: Option<i64> = None;

    /// The fewest bytes a value takes; an array that claims more items than fit is refused.
    fn size_min(version: Version) -> usize;

    /// Whether this is null.
    #[inline]
    fn is_null(&self) -> bool {
        false
    }

    /// This value as a field declares its default; `None` for what no field has as its default, for
    /// arrays and for structs.
    fn as_default(&self) -> Option<DefaultValue> {
        None
    }

    /// Appends this value to `out`.
    ///
    /// # Errors
    ///
    /// If `version` cannot carry the value; see [`EncodeReason`](crate::error::EncodeReason).
    fn write(&self, out: &mut FrameWriter, version: Version) -> Result<(), EncodeError>;

    /// Takes a value from `reader`.
    ///
    /// # Errors
    ///
    /// If the bytes are not such a value; see [`DecodeReason`](crate::error::DecodeReason).
    fn read(reader: &mut Reader, version: Version) -> Result<Self, DecodeError>;
}
