//! The message DSL: a struct is declared once, one line a field, with the versions that carry it.
//! Encoding, decoding, defaults and reflection come from that line.
//!
//! ```text
//! messages! {
//!     /// Doc comment.
//!     struct FooRequest(FOO -> FooResponse, 0..=4, flexible 2..) {  // a request
//!         /// Doc comment.
//!         name: Str = 0..;                              // in every version
//!         rack: Option<Str> = 1.., nullable 3..;        // None is an error before version 3
//!         timeout_ms: i32 = 0..=2 ignorable, or 30_000; // only up to 2, silently left out of
//!                                                       // later versions; has a default
//!         leader: Leader = 4.., tag 0;                  // tagged: written if not the default
//!     }
//!     struct FooResponse(0..=4, flexible 2..) { .. }    // any other message
//!     struct Leader { .. }                              // part of a message
//! }
//! ```
//!
//! - The clauses stand in this order: `ignorable`, `nullable`, `tag`, `or`.
//! - An `Option` of a string, bytes, an array or a struct is null at `None`; without a `nullable` clause in
//!   all its versions. An `Option` of a number is -1 at `None`, mostly, which is not null.
//! - A name that is a Rust keyword ends with an underscore, which is no part of it.
//! - Without `or` the default is the type's. Here we differ from Kafka on purpose: where an
//!   `Option` has no declared default, Kafka's is empty or 0, and ours is `None`;
//!   `tests/data/defaults.tsv` names them all.
//! - A field that is set to something else than its default cannot be encoded at a version
//!   without it, unless it is `ignorable`.
//! - Tagged fields stand in the order of their tags (checked at compile time).
//! - `messages! { hot; .. }` makes code of its own for each field, for messages that clients and
//!   brokers exchange all day long. Without it a struct is written and read by its list of fields, by
//!   code that all such structs share: slower by some instructions a field, and little to compile.

mod default;
mod fields;
mod message;
mod reflection;
mod value;

use core::fmt::Debug;
use core::ops::RangeInclusive;

use bytes::Bytes;

use crate::api_key::ApiKey;
use crate::error::{DecodeError, DecodeReason, EncodeError, EncodeReason};
use crate::wire::{FrameWriter, Reader, Version, Wire};
pub use default::DefaultValue;
pub(crate) use default::Literal;
pub(crate) use fields::{clone_fields, debug, same_fields};
pub use message::{AnyMessage, SCHEMAS};
pub use reflection::{Field, Schema, Type, Versions};
pub(crate) use reflection::{name, tagged_if_hot};
pub(crate) use value::{Cold, Fields, Value};

/// A struct that `messages!` declared.
pub trait Struct: Wire + Default + Clone + Debug + PartialEq + Send + Sync + 'static {
    /// What it consists of, in wire order.
    const FIELDS: &'static [Field];
}

/// A struct that is a whole message: a request, a response, or a record of an internal topic.
pub trait Message: Struct {
    /// Kafka's name.
    const NAME: &'static str;
    /// The versions that Kafka 4.4.0 declares.
    const VERSIONS: RangeInclusive<i16>;
    /// The first flexible version (KIP-482), if there is one.
    const FLEXIBLE_FROM: Option<i16>;

    /// Appends the message, without any header, to `out`.
    ///
    /// # Errors
    ///
    /// If `version` is not declared or cannot carry what is set; `out` is then of no use.
    fn encode(&self, version: i16, out: &mut FrameWriter) -> Result<(), EncodeError> {
        let result = match known_version::<Self>(version) {
            Some(version) => self.write(out, version),
            None => Err(EncodeError::new(EncodeReason::UnknownVersion)),
        };
        result.map_err(|error| error.in_message(Self::NAME, version))
    }

    /// Takes the message from `reader` and leaves what follows.
    ///
    /// # Errors
    ///
    /// If `version` is not declared or the bytes are not such a message.
    fn decode(reader: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let result = match known_version::<Self>(version) {
            Some(version) => Self::read(reader, version),
            None => Err(DecodeError::new(DecodeReason::UnknownVersion)),
        };
        result.map_err(|error| error.in_message(Self::NAME, version))
    }

    /// Reads the message that `bytes` are, all of them.
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode), and if bytes follow the message.
    fn decode_all(bytes: Bytes, version: i16) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let message = Self::decode(&mut reader, version)?;
        reader.finish().map_err(|error| error.in_message(Self::NAME, version))?;
        Ok(message)
    }

    /// The message as bytes, without any header.
    ///
    /// # Errors
    ///
    /// As [`encode`](Self::encode).
    fn to_bytes(&self, version: i16) -> Result<Bytes, EncodeError> {
        let mut out = FrameWriter::new();
        self.encode(version, &mut out)?;
        Ok(out.into_bytes())
    }
}

/// A message that asks for another one.
pub trait Request: Message {
    /// What the request header calls it.
    const KEY: ApiKey;
    /// What is answered, at the same version.
    type Response: Message;
}

fn known_version<M: Message>(number: i16) -> Option<Version> {
    const { Schema::of::<M>() }.version(number)
}

/// Adds the name of the field to an error.
#[inline]
pub(crate) fn written(
    result: Result<(), EncodeError>,
    field: &'static str,
) -> Result<(), EncodeError> {
    match result {
        Ok(()) => Ok(()),
        Err(error) => Err(error.in_field(field)),
    }
}

/// Adds the name of the field to an error.
#[inline]
pub(crate) fn taken<T>(
    result: Result<T, DecodeError>,
    field: &'static str,
) -> Result<T, DecodeError> {
    match result {
        Ok(value) => Ok(value),
        Err(error) => Err(error.in_field(field)),
    }
}

/// The field is set and the version cannot carry it.
#[cold]
pub(crate) fn not_in_version(field: &'static str) -> EncodeError {
    EncodeError::new(EncodeReason::NotInVersion).in_field(field)
}

/// The field is null and the version does not allow it.
#[cold]
pub(crate) fn null_written(field: &'static str) -> EncodeError {
    EncodeError::new(EncodeReason::Null).in_field(field)
}

/// The field is null and the version does not allow it.
#[cold]
pub(crate) fn null_taken(field: &'static str) -> DecodeError {
    DecodeError::new(DecodeReason::Null).in_field(field)
}

/// Whether tags stand in the order in which they are written.
pub(crate) const fn ascend(tags: &[i64]) -> bool {
    let mut rest = tags;
    while let [first, tail @ ..] = rest {
        if let [second, ..] = tail
            && *first >= *second
        {
            return false;
        }
        rest = tail;
    }
    true
}

/// Declares structs of messages; the module's page shows how.
macro_rules! messages {
    (hot; $($structs:tt)*) => { $crate::schema::messages!(@structs hot $($structs)*); };
    (@structs $mode:ident $(
        $(#[$doc:meta])*
        struct $name:ident $((
            $($key:ident -> $response:ident,)? $first:literal ..= $last:literal
            $(, flexible $flexible:literal ..)?
        ))? { $(
            $(#[$field_doc:meta])*
            $field:ident: $kind:ty = $min:literal $(..= $max:literal)? $(..)? $($ignorable:ident)?
            $(, nullable $null_min:literal ..)?
            $(, tag $tag:literal)?
            $(, or $absent:expr)?;
        )* }
    )*) => {$(
        $(#[$doc])*
        pub struct $name {
            $( $(#[$field_doc])* pub $field: $kind, )*
            /// Tagged fields that this version of Ottla does not know; they are written back.
            pub unknown_tags: $crate::wire::UnknownTags,
        }

        impl Default for $name {
            fn default() -> Self {
                Self {
                    $( $field: $crate::schema::messages!(@default $kind $(, $absent)?), )*
                    unknown_tags: $crate::wire::UnknownTags::NONE,
                }
            }
        }

        impl core::fmt::Debug for $name {
            #[inline]
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                let fields = <Self as $crate::schema::Struct>::FIELDS;
                $crate::schema::debug(stringify!($name), fields, self, f)
            }
        }

        impl $crate::schema::Fields for $name {
            fn see(
                &self,
                see: &mut dyn FnMut(&[&dyn $crate::schema::Value], &$crate::wire::UnknownTags),
            ) {
                see(&[$( &self.$field, )*], &self.unknown_tags);
            }

            fn fill(
                &mut self,
                fill: &mut dyn FnMut(
                    &mut [&mut dyn $crate::schema::Value],
                    &mut $crate::wire::UnknownTags,
                ),
            ) {
                fill(&mut [$( &mut self.$field, )*], &mut self.unknown_tags);
            }
        }

        impl $crate::schema::Struct for $name {
            const FIELDS: &'static [$crate::schema::Field] = &[ $( $crate::schema::Field {
                name: $crate::schema::name(stringify!($field)),
                kind: <$kind as $crate::wire::Wire>::TYPE,
                versions: $crate::schema::Versions::from($min) $(.to($max))?,
                nullable: $crate::schema::messages!(
                    @nullable $kind, $crate::schema::Versions::from($min) $(.to($max))?
                    $(, $null_min)?
                ),
                tag: $crate::schema::messages!(@option $($tag)?),
                default: $crate::schema::messages!(@default_value $kind $(, $absent)?),
                sentinel: <$kind as $crate::wire::Wire>::SENTINEL,
                ignorable: $crate::schema::messages!(@ignorable $($ignorable)?),
            }, )* ];
        }

        const _: () = assert!(
            $crate::schema::ascend(&[$( $($tag,)? )*]),
            concat!("the tagged fields of ", stringify!($name), " are not in order of tags")
        );

        $crate::schema::messages!(@message $name $((
            $($key -> $response,)? $first ..= $last $(, $flexible)?
        ))?);

        $crate::schema::messages!(@code $mode $name { $(
            $field: $kind = $min $(..= $max)?, ($($ignorable)?), ($($null_min)?)
            $(, tag $tag)? $(, or $absent)?;
        )* });
    )*};
    (@code cold $name:ident $_fields:tt) => {
        impl Clone for $name {
            #[inline]
            fn clone(&self) -> Self {
                let mut clone = Self::default();
                $crate::schema::clone_fields(self, &mut clone);
                clone
            }
        }

        impl PartialEq for $name {
            #[inline]
            fn eq(&self, other: &Self) -> bool {
                $crate::schema::same_fields(self, other)
            }
        }

        impl $crate::schema::Cold for $name {
            const STRUCT_NAME: &'static str = stringify!($name);
            const STRUCT_FIELDS: &'static [$crate::schema::Field] =
                <Self as $crate::schema::Struct>::FIELDS;
        }
    };
    // Field by field, as one would by hand: for what clients and brokers say all day long.
    (@code hot $name:ident { $(
        $field:ident: $kind:ty = $min:literal $(..= $max:literal)?, ($($ignorable:ident)?),
        ($($null_min:literal)?) $(, tag $tag:literal)? $(, or $absent:expr)?;
    )* }) => {
        impl Clone for $name {
            fn clone(&self) -> Self {
                Self { $( $field: self.$field.clone(), )* unknown_tags: self.unknown_tags.clone() }
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                $( self.$field == other.$field && )* self.unknown_tags == other.unknown_tags
            }
        }

        impl $crate::wire::Wire for $name {
            const TYPE: $crate::schema::Type = $crate::schema::Type::Struct {
                name: stringify!($name),
                fields: <Self as $crate::schema::Struct>::FIELDS,
            };
            const DEFAULT: $crate::schema::DefaultValue = $crate::schema::DefaultValue::Struct;

            fn size_min(version: $crate::wire::Version) -> usize {
                usize::from(version.flexible) $( + $crate::schema::messages!(
                    @size version, $kind, $crate::schema::Versions::from($min) $(.to($max))?
                    $(, $tag)?
                ) )*
            }

            fn write(
                &self,
                out: &mut $crate::wire::FrameWriter,
                version: $crate::wire::Version,
            ) -> Result<(), $crate::error::EncodeError> {
                $(
                    if ($crate::schema::Versions::from($min) $(.to($max))?).contains(version.number) {
                        $( if $null_min > version.number
                            && $crate::wire::Wire::is_null(&self.$field)
                        {
                            return Err($crate::schema::null_written(stringify!($field)));
                        } )?
                        $crate::schema::messages!(@write self, $field, out, version $(, $tag)?);
                    } else {
                        $crate::schema::messages!(
                            @absent self, $field, $kind, ($($ignorable)?) $(, $absent)?
                        );
                    }
                )*
                if version.flexible {
                    let tags = &mut $crate::wire::TagWriter::new(out, &self.unknown_tags);
                    $( $crate::schema::messages!(
                        @write_tag self, $field, $kind, out, version, tags,
                        ($crate::schema::Versions::from($min) $(.to($max))?),
                        ($($absent)?) $(, $tag)?
                    ); )*
                    tags.finish(out)
                } else if self.unknown_tags.is_empty() {
                    Ok(())
                } else {
                    Err($crate::schema::not_in_version("unknown_tags"))
                }
            }

            fn read(
                reader: &mut $crate::wire::Reader,
                version: $crate::wire::Version,
            ) -> Result<Self, $crate::error::DecodeError> {
                let mut this = Self::default();
                $( $crate::schema::messages!(
                    @read this, $field, reader, version,
                    ($crate::schema::Versions::from($min) $(.to($max))?),
                    ($($null_min)?) $(, $tag)?
                ); )*
                if version.flexible {
                    this.unknown_tags = $crate::wire::read_tags(reader, |tag, _reader| {
                        $( $crate::schema::messages!(
                            @take_tag this, $field, _reader, version, tag,
                            ($crate::schema::Versions::from($min) $(.to($max))?),
                            ($($null_min)?) $(, $tag)?
                        ); )*
                        let _ = tag; // a struct may have no tagged field
                        Ok(false)
                    })?;
                }
                Ok(this)
            }
        }
    };
    (@message $name:ident) => {};
    (@message $name:ident (
        $($key:ident -> $response:ident,)? $first:literal ..= $last:literal $(, $flexible:literal)?
    )) => {
        impl $crate::schema::Message for $name {
            const NAME: &'static str = stringify!($name);
            const VERSIONS: core::ops::RangeInclusive<i16> = $first..=$last;
            const FLEXIBLE_FROM: Option<i16> = $crate::schema::messages!(@option $($flexible)?);
        }

        $( impl $crate::schema::Request for $name {
            const KEY: $crate::api_key::ApiKey = $crate::api_key::ApiKey::$key;
            type Response = $response;
        } )?
    };
    (@default $kind:ty) => { <$kind as Default>::default() };
    (@default $kind:ty, $absent:expr) => { $absent };
    (@option) => { None };
    (@option $value:expr) => { Some($value) };
    (@default_value $kind:ty) => { <$kind as $crate::wire::Wire>::DEFAULT };
    (@default_value $kind:ty, $absent:expr) => {
        $crate::schema::Literal::<$kind>($absent).value()
    };
    (@ignorable) => { false };
    (@ignorable ignorable) => { true };
    (@nullable $kind:ty, $versions:expr) => {
        if <$kind as $crate::wire::Wire>::NULLABLE { Some($versions) } else { None }
    };
    (@nullable $kind:ty, $versions:expr, $null_min:literal) => {
        Some($crate::schema::Versions { min: $null_min, max: $versions.max })
    };
    (@size $version:ident, $kind:ty, $versions:expr) => {
        if $versions.contains($version.number) {
            <$kind as $crate::wire::Wire>::size_min($version)
        } else {
            0
        }
    };
    (@size $version:ident, $kind:ty, $versions:expr, $tag:literal) => { 0 };
    (@write $this:ident, $field:ident, $out:ident, $version:ident) => {
        $crate::schema::written(
            $crate::wire::Wire::write(&$this.$field, $out, $version),
            stringify!($field),
        )?;
    };
    (@write $this:ident, $field:ident, $out:ident, $version:ident, $tag:literal) => {};
    (@absent $this:ident, $field:ident, $kind:ty, (ignorable) $(, $absent:expr)?) => {};
    (@absent $this:ident, $field:ident, $kind:ty, () $(, $absent:expr)?) => {
        if $this.$field != $crate::schema::messages!(@default $kind $(, $absent)?) {
            return Err($crate::schema::not_in_version(stringify!($field)));
        }
    };
    (@write_tag $this:ident, $field:ident, $kind:ty, $out:ident, $version:ident, $tags:ident,
        $versions:expr, ($($absent:expr)?)) => {};
    (@write_tag $this:ident, $field:ident, $kind:ty, $out:ident, $version:ident, $tags:ident,
        $versions:expr, ($($absent:expr)?), $tag:literal) => {
        if $versions.contains($version.number)
            && $this.$field != $crate::schema::messages!(@default $kind $(, $absent)?)
        {
            const { $crate::schema::tagged_if_hot::<$kind>() };
            let mark = $tags.open($out, $tag)?;
            $crate::schema::written(
                $crate::wire::Wire::write(&$this.$field, $out, $version),
                stringify!($field),
            )?;
            $crate::wire::TagWriter::close($out, mark)?;
        }
    };
    (@read $this:ident, $field:ident, $reader:ident, $version:ident, $versions:expr,
        ($($null_min:literal)?)) => {
        if $versions.contains($version.number) {
            $crate::schema::messages!(
                @take $this, $field, $reader, $version, ($($null_min)?)
            );
        }
    };
    (@read $this:ident, $field:ident, $reader:ident, $version:ident, $versions:expr,
        ($($null_min:literal)?), $tag:literal) => {};
    (@take_tag $this:ident, $field:ident, $reader:ident, $version:ident, $found:ident,
        $versions:expr, ($($null_min:literal)?)) => {};
    (@take_tag $this:ident, $field:ident, $reader:ident, $version:ident, $found:ident,
        $versions:expr, ($($null_min:literal)?), $tag:literal) => {
        if $found == $tag && $versions.contains($version.number) {
            $crate::schema::messages!(
                @take $this, $field, $reader, $version, ($($null_min)?)
            );
            $crate::schema::taken($reader.tag_taken(), stringify!($field))?;
            return Ok(true);
        }
    };
    (@take $this:ident, $field:ident, $reader:ident, $version:ident, ($($null_min:literal)?)) => {
        $this.$field = $crate::schema::taken(
            $crate::wire::Wire::read($reader, $version),
            stringify!($field),
        )?;
        $( if $null_min > $version.number && $crate::wire::Wire::is_null(&$this.$field) {
            return Err($crate::schema::null_taken(stringify!($field)));
        } )?
    };
    ($(#[$doc:meta])* struct $($structs:tt)*) => {
        $crate::schema::messages!(@structs cold $(#[$doc])* struct $($structs)*);
    };
}

pub(crate) use messages;

#[cfg(test)]
mod tests;
