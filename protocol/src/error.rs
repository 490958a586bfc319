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

            /// Kafka's name of the message; empty if no message was being read or written.
            #[must_use]
            pub fn message(&self) -> &'static str {
                self.0.0.message
            }

            /// The version of the message; -1 if no message was being read or written.
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
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeReason {
    /// The bytes end before the field does.
    #[error("the bytes end {missing} bytes too early")]
    Truncated {
        /// How many bytes are missing, at least.
        missing: usize,
    },
    /// A length is negative and does not mean null, or is above what Kafka allows.
    #[error("length {0} is not allowed")]
    BadLength(i64),
    /// An array claims more items than the bytes that follow can hold.
    #[error("{count} items cannot stand in the {remaining} bytes that follow")]
    TooManyItems {
        /// The number of items claimed.
        count: usize,
        /// The bytes left.
        remaining: usize,
    },
    /// The decoded form would be out of proportion to the bytes received.
    #[error("its decoded form needs {needed} more bytes, and only {left} are granted to the frame")]
    TooMuchMemory {
        /// Bytes this field would allocate.
        needed: usize,
        /// Bytes the frame may still allocate.
        left: usize,
    },
    /// A varint is longer than 5 bytes or above 32 bits (10 bytes, 64 bits for a long one).
    #[error("varint too long")]
    LongVarint,
    /// A string is not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// Null, at a version that does not allow it.
    #[error("null is not allowed")]
    Null,
    /// A number that this field cannot hold, such as offset -2.
    #[error("{0} is out of range")]
    OutOfRange(i64),
    /// Tags must ascend; this one is doubled or comes too late.
    #[error("tag {tag} follows tag {previous}; tags must ascend")]
    TagOrder {
        /// The tag out of order.
        tag: u32,
        /// The tag before it.
        previous: u32,
    },
    /// A tagged field is shorter than its declared size.
    #[error("{0} bytes are left over in tag")]
    TagTooLong(usize),
    /// Bytes follow the end of the message.
    #[error("{0} bytes follow the end of the message")]
    TrailingBytes(usize),
    /// This version of the message is not declared.
    #[error("version is not known")]
    UnknownVersion,
    /// This API is not declared.
    #[error("API key {0} is not known")]
    UnknownApi(i16),
    /// This type of record is not declared.
    #[error("record type {0} is not known")]
    UnknownRecord(u32),
}

/// What is wrong with the value.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeReason {
    /// The field is set to something that matters, and this version cannot carry it.
    #[error("this version cannot carry the field, which is set")]
    NotInVersion,
    /// `None`, at a version that does not allow null.
    #[error("null is not allowed")]
    Null,
    /// More bytes or items than the length prefix can say.
    #[error("length {length} exceeds {max}")]
    TooLong {
        /// The length in bytes, or the number of items.
        length: usize,
        /// The most that is allowed.
        max: usize,
    },
    /// An unknown tagged field has a tag that is doubled or that this version knows.
    #[error("tag {0} is written twice or out of order")]
    TagOrder(u32),
    /// This version of the message is not declared.
    #[error("version is not known")]
    UnknownVersion,
}
