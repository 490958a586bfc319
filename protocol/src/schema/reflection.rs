//! What declarations are as data.

use super::message::{self, ReadWhole, Whole};
use super::{DefaultValue, Message};
use crate::wire::{Version, Wire};

/// The versions that carry a field, or allow null in it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Versions {
    /// The first.
    pub min: i16,
    /// The last; `i16::MAX` if there is no last.
    pub max: i16,
}

impl Versions {
    /// From `min` on.
    #[must_use]
    pub const fn from(min: i16) -> Self {
        Self { min, max: i16::MAX }
    }

    /// The same, ending with `max`.
    #[must_use]
    pub const fn to(self, max: i16) -> Self {
        Self { min: self.min, max }
    }

    /// Whether `version` is one of them.
    #[must_use]
    #[inline]
    pub const fn contains(self, version: i16) -> bool {
        self.min <= version && version <= self.max
    }
}

/// Kafka's type of a field.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "named as in Kafka's schemas")]
pub enum Type {
    Bool,
    Int8,
    Int16,
    Int32,
    Int64,
    Uint16,
    Uint32,
    Float64,
    Uuid,
    String,
    /// A string that has no compact length even in flexible versions: the client id of a header.
    PlainString,
    /// Bytes, or records: on the wire they are the same.
    Bytes,
    Array(&'static Self),
    Struct {
        name: &'static str,
        fields: &'static [Field],
    },
}

/// A field as its struct declares it.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Kafka's name in `snake_case`.
    pub name: &'static str,
    /// Its type.
    pub kind: Type,
    /// The versions that carry it.
    pub versions: Versions,
    /// The versions in which it may be null. A struct that may be null follows a byte, negative for
    /// null; in a tagged field a varint, 0 for null.
    pub nullable: Option<Versions>,
    /// Its tag, if it is a tagged field.
    pub tag: Option<u32>,
    /// What it has if nobody sets it.
    pub default: DefaultValue,
    /// The number that is written where the field is `None`, and is not null: mostly -1. `None` if
    /// it has no such number.
    pub sentinel: Option<i64>,
    /// Whether it is silently left out of versions that cannot carry it.
    pub ignorable: bool,
}

/// What a [`Message`] says of itself, as data.
#[derive(Clone, Copy, Debug)]
pub struct Schema {
    /// Kafka's name.
    pub name: &'static str,
    /// The versions that Kafka 4.4.0 declares.
    pub versions: Versions,
    /// The first flexible version (KIP-482), if there is one.
    pub flexible_from: Option<i16>,
    /// Its fields, in wire order.
    pub fields: &'static [Field],
    pub(crate) unset: fn() -> Box<dyn Whole>,
    pub(crate) read: ReadWhole,
}

impl Schema {
    /// That of `M`.
    #[must_use]
    pub const fn of<M: Message>() -> Self {
        Self {
            name: M::NAME,
            versions: Versions::from(*M::VERSIONS.start()).to(*M::VERSIONS.end()),
            flexible_from: M::FLEXIBLE_FROM,
            fields: M::FIELDS,
            unset: message::unset::<M>,
            read: message::read::<M>,
        }
    }

    /// `number`, if it is declared.
    pub(crate) fn version(&self, number: i16) -> Option<Version> {
        let flexible = self.flexible_from.is_some_and(|from| number >= from);
        self.versions.contains(number).then_some(Version { number, flexible })
    }
}

/// Kafka's name of a field: a Rust keyword among them ends with an underscore in its declaration.
pub(crate) const fn name(declared: &'static str) -> &'static str {
    match declared.as_bytes() {
        [front @ .., b'_'] => declared.split_at(front.len()).0,
        _ => declared,
    }
}

/// Fails to compile where code of a hot struct would miswrite a tagged field: a struct that may be
/// null stands there behind a varint, which only the code for lists of fields knows.
pub(crate) const fn tagged_if_hot<T: Wire>() {
    assert!(
        !(T::NULLABLE && matches!(T::TYPE, Type::Struct { .. })),
        "a tagged struct that may be null cannot be declared in a hot message"
    );
}
