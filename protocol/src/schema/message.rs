//! Messages whose type is not known before they come.

use core::any::Any;
use core::fmt::{self, Debug, Formatter};

use bytes::Bytes;

use super::{Message, Schema};
use crate::error::{DecodeError, DecodeReason, EncodeError, EncodeReason};
use crate::wire::{FrameWriter, Reader, Version};
use crate::{header, internal_records, messages, metadata_records};

/// A message of any type; [`Schema::decode`] and [`Schema::default_message`] make it.
///
/// For tools that treat all messages alike. Requests and responses are better matched on, as
/// [`AnyRequest`](crate::AnyRequest) and [`AnyResponse`](crate::AnyResponse).
///
/// ```
/// use ottla_protocol::schema::SCHEMAS;
///
/// for schema in SCHEMAS {
///     let newest = schema.versions.max;
///     let bytes = schema.default_message().to_bytes(newest)?;
///     assert_eq!(schema.decode_all(bytes, newest)?, schema.default_message());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct AnyMessage {
    schema: &'static Schema,
    value: Box<dyn Whole>,
}

/// A message without its type.
pub(crate) trait Whole: Any + Debug + Send + Sync {
    fn put(&self, out: &mut FrameWriter, version: Version) -> Result<(), EncodeError>;
    fn same(&self, other: &dyn Whole) -> bool;
}

impl<M: Message> Whole for M {
    fn put(&self, out: &mut FrameWriter, version: Version) -> Result<(), EncodeError> {
        self.write(out, version)
    }

    fn same(&self, other: &dyn Whole) -> bool {
        (other as &dyn Any).downcast_ref::<M>() == Some(self)
    }
}

/// An `M` with nothing set.
pub(crate) fn unset<M: Message>() -> Box<dyn Whole> {
    Box::new(M::default())
}

/// Takes a message of one type.
pub(crate) type ReadWhole = fn(&mut Reader, Version) -> Result<Box<dyn Whole>, DecodeError>;

/// An `M` from its bytes.
pub(crate) fn read<M: Message>(
    reader: &mut Reader,
    version: Version,
) -> Result<Box<dyn Whole>, DecodeError> {
    Ok(Box::new(M::read(reader, version)?))
}

impl AnyMessage {
    /// What it consists of.
    #[must_use]
    pub fn schema(&self) -> &'static Schema {
        self.schema
    }

    /// The message itself, if it is an `M`.
    #[must_use]
    pub fn downcast_ref<M: Message>(&self) -> Option<&M> {
        (&*self.value as &dyn Any).downcast_ref()
    }

    /// Appends the message, without any header, to `out`.
    ///
    /// # Errors
    ///
    /// As [`Message::encode`].
    pub fn encode(&self, version: i16, out: &mut FrameWriter) -> Result<(), EncodeError> {
        let result = match self.schema.version(version) {
            Some(version) => self.value.put(out, version),
            None => Err(EncodeError::new(EncodeReason::UnknownVersion)),
        };
        result.map_err(|error| error.in_message(self.schema.name, version))
    }

    /// The message as bytes, without any header.
    ///
    /// # Errors
    ///
    /// As [`encode`](Self::encode).
    pub fn to_bytes(&self, version: i16) -> Result<Bytes, EncodeError> {
        let mut out = FrameWriter::new();
        self.encode(version, &mut out)?;
        Ok(out.into_bytes())
    }
}

impl PartialEq for AnyMessage {
    fn eq(&self, other: &Self) -> bool {
        self.value.same(&*other.value)
    }
}

impl Debug for AnyMessage {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl Schema {
    /// The message with nothing set.
    #[must_use]
    pub fn default_message(&'static self) -> AnyMessage {
        AnyMessage { schema: self, value: (self.unset)() }
    }

    /// Takes the message from `reader` and leaves what follows.
    ///
    /// # Errors
    ///
    /// As [`Message::decode`].
    pub fn decode(
        &'static self,
        reader: &mut Reader,
        version: i16,
    ) -> Result<AnyMessage, DecodeError> {
        let result = match self.version(version) {
            Some(version) => (self.read)(reader, version),
            None => Err(DecodeError::new(DecodeReason::UnknownVersion)),
        };
        let value = result.map_err(|error| error.in_message(self.name, version))?;
        Ok(AnyMessage { schema: self, value })
    }

    /// Reads the message that `bytes` are, all of them.
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode), and if bytes follow the message.
    pub fn decode_all(
        &'static self,
        bytes: Bytes,
        version: i16,
    ) -> Result<AnyMessage, DecodeError> {
        let mut reader = Reader::new(bytes);
        let message = self.decode(&mut reader, version)?;
        reader.finish().map_err(|error| error.in_message(self.name, version))?;
        Ok(message)
    }
}

macro_rules! schemas {
    (
        apis { $( $_api:ident: $api:ident($request:ident, $response:ident); )* }
        messages { $( $module:ident::$message:ident; )* }
        metadata_records { $( $_record:ident($record:ident) = $_id:literal; )* }
        coordinator_records { $( $_keys:ident, $_values:ident of $_topic:literal {
            $( $_variant:ident: $at:ident($key:ident, $value:ident) = $_type:literal; )*
        } )* }
        internal_records { $( $internal:ident::$other:ident; )* }
    ) => {
        /// Every message there is, in the order of
        /// [`with_every_message!`](crate::with_every_message); headers come first.
        pub static SCHEMAS: &[Schema] = &[
            Schema::of::<header::RequestHeader>(),
            Schema::of::<header::ResponseHeader>(),
            $(
                Schema::of::<messages::$api::$request>(),
                Schema::of::<messages::$api::$response>(),
            )*
            $( Schema::of::<messages::$module::$message>(), )*
            $( Schema::of::<metadata_records::$record>(), )*
            $( $(
                Schema::of::<internal_records::$at::$key>(),
                Schema::of::<internal_records::$at::$value>(),
            )* )*
            $( Schema::of::<internal_records::$internal::$other>(), )*
        ];
    };
}

crate::with_every_message!(schemas);
