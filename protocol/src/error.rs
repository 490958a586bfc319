//! Why a message cannot be written or read. Every error names the message, its version and the
//! path of the field, as in `FetchResponse v12, responses[0].partitions[3].records`.

use core::fmt;

/// One step of the path to a field.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Step {
    Field(&'static str),
    Index(usize),
}

/// Where in a message something is wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Place {
    message: &'static str,
    version: i16,
    /// Innermost step first: the path is built while the error travels outwards.
    path: Vec<Step>,
}

impl Place {
    const UNKNOWN: Self = Self { message: "", version: -1, path: Vec::new() };

    fn field(&self) -> String {
        let mut path = String::new();
        for step in self.path.iter().rev() {
            match step {
                Step::Field(name) if path.is_empty() => path.push_str(name),
                Step::Field(name) => {
                    path.push('.');
                    path.push_str(name);
                }
                Step::Index(index) => {
                    path.push('[');
                    path.push_str(&index.to_string());
                    path.push(']');
                }
            }
        }
        path
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = if self.message.is_empty() { "message" } else { self.message };
        write!(f, "{message}")?;
        if self.version >= 0 {
            write!(f, " v{}", self.version)?;
        }
        if !self.path.is_empty() {
            write!(f, ", {}", self.field())?;
        }
        Ok(())
    }
}

macro_rules! error {
    ($(#[$doc:meta])* $name:ident($reason:ident)) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Eq, PartialEq)]
        pub struct $name(Box<(Place, $reason)>); // boxed: a Result of it is one word wide

        impl $name {
            /// An error with no place yet; the callers add theirs as it passes them.
            #[must_use]
            #[cold]
            pub fn new(reason: $reason) -> Self {
                Self(Box::new((Place::UNKNOWN, reason)))
            }

            /// What is wrong.
            #[must_use]
            pub fn reason(&self) -> &$reason {
                &self.0.1
            }

            /// Kafka's name of the message; empty if no message was being read or written, or Kafka
            /// 4.4.0 has no such API.
            #[must_use]
            pub fn message(&self) -> &'static str {
                self.0.0.message
            }

            /// The version of the message; -1 if it is not known (a peer may have said -1, too).
            #[must_use]
            pub fn version(&self) -> i16 {
                self.0.0.version
            }

            /// The path of the field, as in `topics[2].name`; empty for the message as a whole.
            #[must_use]
            pub fn field(&self) -> String {
                self.0.0.field()
            }

            #[cold]
            pub(crate) fn in_field(mut self, name: &'static str) -> Self {
                self.0.0.path.push(Step::Field(name));
                self
            }

            #[cold]
            pub(crate) fn in_item(mut self, index: usize) -> Self {
                self.0.0.path.push(Step::Index(index));
                self
            }

            #[cold]
            pub(crate) fn in_message(mut self, message: &'static str, version: i16) -> Self {
                self.0.0.message = message;
                self.0.0.version = version;
                self
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}: {}", self.0.0, self.0.1)
            }
        }

        impl core::error::Error for $name {}
    };
}

error! {
    /// Bytes from a peer are not the message they should be. The connection cannot be used on.
    DecodeError(DecodeReason)
}

error! {
    /// A value cannot be written as the message it should be. Nothing was sent.
    EncodeError(EncodeReason)
}

/// What is wrong with the bytes.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DecodeReason {
    /// The bytes end before the field does.
    Truncated {
        /// How many bytes are missing, at least.
        missing: usize,
    },
    /// A length is negative and does not mean null, or is above what Kafka allows.
    BadLength(i64),
    /// An array claims more items than the bytes that follow can hold.
    TooManyItems {
        /// The number of items claimed.
        count: usize,
        /// The bytes left.
        remaining: usize,
    },
    /// The decoded form would be out of proportion to the bytes received.
    TooMuchMemory {
        /// Bytes this field would allocate.
        needed: usize,
        /// Bytes the frame may still allocate.
        left: usize,
    },
    /// As JSON it would be longer than [`Printer::bytes_max`](crate::json::Printer::bytes_max)
    /// allows, which is this many bytes.
    TooMuchText(usize),
    /// A varint is longer than 5 bytes or above 32 bits (10 bytes, 64 bits for a long one).
    LongVarint,
    /// A string is not UTF-8.
    NotUtf8,
    /// Null, at a version that does not allow it.
    Null,
    /// A number that this field cannot hold, such as offset -2.
    OutOfRange(i64),
    /// Tags must ascend; this one is doubled or comes too late.
    TagOrder {
        /// The tag out of order.
        tag: u32,
        /// The tag before it.
        previous: u32,
    },
    /// A tagged field is shorter than its declared size.
    TagTooLong(usize),
    /// Bytes follow the end of the message.
    TrailingBytes(usize),
    /// This version of the message is not declared.
    UnknownVersion,
    /// This API is not declared.
    UnknownApi(i16),
    /// This type of record is not declared.
    UnknownRecord(u32),
}

impl fmt::Display for DecodeReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { missing } => write!(f, "the bytes end {missing} bytes too early"),
            Self::BadLength(value) => write!(f, "length {value} is not allowed"),
            Self::TooManyItems { count, remaining } => {
                write!(f, "{count} items cannot stand in the {remaining} bytes that follow")
            }
            Self::TooMuchMemory { needed, left } => {
                write!(f, "its decoded form needs {needed} more bytes, ")?;
                write!(f, "and only {left} are granted to the frame")
            }
            Self::TooMuchText(max) => write!(f, "as JSON it exceeds {max} bytes"),
            Self::LongVarint => f.write_str("varint too long"),
            Self::NotUtf8 => f.write_str("not UTF-8"),
            Self::Null => f.write_str("null is not allowed"),
            Self::OutOfRange(value) => write!(f, "{value} is out of range"),
            Self::TagOrder { tag, previous } => {
                write!(f, "tag {tag} follows tag {previous}; tags must ascend")
            }
            Self::TagTooLong(value) => write!(f, "{value} bytes are left over in tag"),
            Self::TrailingBytes(value) => write!(f, "{value} bytes follow the end of the message"),
            Self::UnknownVersion => f.write_str("version is not known"),
            Self::UnknownApi(value) => write!(f, "API key {value} is not known"),
            Self::UnknownRecord(value) => write!(f, "record type {value} is not known"),
        }
    }
}

impl core::error::Error for DecodeReason {}

/// What is wrong with the value.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum EncodeReason {
    /// The field is set to something that matters, and this version cannot carry it.
    NotInVersion,
    /// `None`, at a version that does not allow null.
    Null,
    /// More bytes or items than the length prefix can say.
    TooLong {
        /// The length in bytes, or the number of items.
        length: usize,
        /// The most that is allowed.
        max: usize,
    },
    /// An unknown tagged field has a tag that is doubled or that this version knows.
    TagOrder(u32),
    /// This version of the message is not declared.
    UnknownVersion,
}

impl fmt::Display for EncodeReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInVersion => f.write_str("this version cannot carry the field, which is set"),
            Self::Null => f.write_str("null is not allowed"),
            Self::TooLong { length, max } => write!(f, "length {length} exceeds {max}"),
            Self::TagOrder(value) => write!(f, "tag {value} is written twice or out of order"),
            Self::UnknownVersion => f.write_str("version is not known"),
        }
    }
}

impl core::error::Error for EncodeReason {}
