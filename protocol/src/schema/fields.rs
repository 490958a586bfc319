//! Structs by their lists of fields: one piece of code for all, so that a message costs little to
//! compile. What clients and brokers say all day long is `hot` instead, see `messages!`. Nothing of it
//! is put inline: hundreds of copies would take longer to compile than all the rest.

use core::any::Any;
use core::fmt::{Debug, Formatter, Result as Shown};

use bytes::Bytes;

use super::value::{Array, Fields, Value, View, ViewMut};
use super::{DefaultValue, Field, Type, not_in_version, null_taken, null_written, taken, written};
use crate::error::{DecodeError, DecodeReason, EncodeError};
use crate::wire::{FrameWriter, Reader, TagWriter, UnknownTags, Version, Wire, read_tags};

impl Field {
    fn is_in(&self, version: Version) -> bool {
        self.versions.contains(version.number)
    }

    fn may_be_null(&self, version: Version) -> bool {
        self.nullable.is_some_and(|versions| versions.contains(version.number))
    }

    pub(crate) fn holds_default(&self, value: &dyn Value) -> bool {
        match value.view() {
            View::Leaf(leaf) => leaf.default_value() == Some(self.default),
            View::Optional(None) => self.default == DefaultValue::Null,
            View::Optional(Some(value)) => {
                self.default != DefaultValue::Null && self.kind.is_unset(value)
            }
            View::Array(_) | View::Struct(_) => self.kind.is_unset(value),
        }
    }

    fn take(
        &self,
        value: &mut dyn Value,
        reader: &mut Reader,
        version: Version,
    ) -> Result<(), DecodeError> {
        taken(self.take_value(value, reader, version), self.name)?;
        if is_null(value) && !self.may_be_null(version) {
            return Err(null_taken(self.name));
        }
        Ok(())
    }

    fn take_value(
        &self,
        value: &mut dyn Value,
        reader: &mut Reader,
        version: Version,
    ) -> Result<(), DecodeError> {
        match (value.view_mut(), self.kind) {
            (ViewMut::Optional(optional), Type::Struct { .. }) if self.tag.is_some() => {
                if reader.uvarint()? == 0 {
                    optional.set_null();
                    return Ok(());
                }
                self.kind.take(optional.set_value(), reader, version)
            }
            _ => self.kind.take(value, reader, version),
        }
    }

    /// A struct that may be null stands behind a varint in a tagged field: 1, or 0 for null.
    fn put_tagged(
        &self,
        value: &dyn Value,
        out: &mut FrameWriter,
        version: Version,
    ) -> Result<(), EncodeError> {
        match (value.view(), self.kind) {
            (View::Optional(optional), Type::Struct { .. }) => {
                out.put_uvarint(u32::from(optional.is_some()));
                optional.map_or(Ok(()), |value| self.kind.put(value, out, version))
            }
            _ => self.kind.put(value, out, version),
        }
    }

    /// The fewest bytes it takes behind the fields in front of it.
    fn size_min(&self, version: Version) -> usize {
        match self.kind {
            _ if self.tag.is_some() || !self.is_in(version) => 0,
            Type::Struct { .. } if self.nullable.is_some() => 1,
            kind => kind.size_min(version),
        }
    }
}

impl Type {
    /// The fewest bytes a value takes, as [`Wire::size_min`].
    pub(crate) fn size_min(&self, version: Version) -> usize {
        match self {
            Self::Bool | Self::Int8 => 1,
            Self::Int16 | Self::Uint16 | Self::PlainString => 2,
            Self::Int32 | Self::Uint32 => 4,
            Self::Int64 | Self::Float64 => 8,
            Self::Uuid => 16,
            Self::String | Self::Bytes | Self::Array(_) if version.flexible => 1,
            Self::String => 2,
            Self::Bytes | Self::Array(_) => 4,
            Self::Struct { fields, .. } => size_min(fields, version),
        }
    }

    /// What its items are, if it is an array.
    fn item(&self) -> &Self {
        if let Self::Array(item) = self { item } else { self }
    }

    /// Its fields, if it is a struct.
    fn fields(&self) -> &'static [Field] {
        if let Self::Struct { fields, .. } = self { fields } else { &[] }
    }

    /// Whether an array or a struct has nothing in it.
    fn is_unset(&self, value: &dyn Value) -> bool {
        match value.view() {
            View::Array(items) => items.count() == 0,
            View::Struct(it) => all_default(self.fields(), it),
            View::Leaf(_) | View::Optional(_) => false,
        }
    }

    fn put(
        &self,
        value: &dyn Value,
        out: &mut FrameWriter,
        version: Version,
    ) -> Result<(), EncodeError> {
        match (value.view(), self) {
            (View::Leaf(leaf), _) => leaf.put(out, version),
            (View::Struct(it), _) => write(self.fields(), it, out, version),
            (View::Optional(None), Self::Array(_)) => out.put_length(version, true, None),
            (View::Optional(Some(items)), Self::Array(_)) => self.put(items, out, version),
            (View::Optional(None), _) => (-1i8).write(out, version),
            (View::Optional(Some(it)), _) => {
                1i8.write(out, version)?;
                self.put(it, out, version)
            }
            (View::Array(items), _) => {
                out.put_length(version, true, Some(items.count()))?;
                let mut index = 0;
                while let Some(item) = items.item(index) {
                    let put = self.item().put(item, out, version);
                    put.map_err(|error| error.in_item(index))?;
                    index += 1;
                }
                Ok(())
            }
        }
    }

    fn take(
        &self,
        value: &mut dyn Value,
        reader: &mut Reader,
        version: Version,
    ) -> Result<(), DecodeError> {
        match (value.view_mut(), self) {
            (ViewMut::Leaf(leaf), _) => leaf.take(reader, version),
            (ViewMut::Struct(it), _) => read(self.fields(), it, reader, version),
            (ViewMut::Array(items), _) => match self.take_items(items, reader, version)? {
                true => Ok(()),
                false => Err(DecodeError::new(DecodeReason::Null)),
            },
            (ViewMut::Optional(optional), Self::Array(_)) => {
                if let ViewMut::Array(items) = optional.set_value().view_mut()
                    && !self.take_items(items, reader, version)?
                {
                    optional.set_null();
                }
                Ok(())
            }
            (ViewMut::Optional(optional), _) => {
                // as `Wire` of an `Option`: a byte says whether the struct follows
                if i8::read(reader, version)? < 0 {
                    optional.set_null();
                    return Ok(());
                }
                self.take(optional.set_value(), reader, version)
            }
        }
    }

    /// Whether there was an array; nothing is taken of null but its length.
    fn take_items(
        &self,
        items: &mut dyn Array,
        reader: &mut Reader,
        version: Version,
    ) -> Result<bool, DecodeError> {
        let item = self.item();
        let size_min = item.size_min(version);
        let Some(count) = reader.count(version, size_min, items.item_size())? else {
            return Ok(false);
        };
        items.make_room(count);
        for index in 0..count {
            if let Some(value) = items.grow() {
                item.take(value, reader, version).map_err(|error| error.in_item(index))?;
            }
        }
        Ok(true)
    }
}

fn is_null(value: &dyn Value) -> bool {
    match value.view() {
        View::Leaf(leaf) => leaf.null(),
        View::Optional(value) => value.is_none(),
        View::Array(_) | View::Struct(_) => false,
    }
}

/// The fewest bytes a struct takes.
#[inline(never)]
pub(crate) fn size_min(fields: &[Field], version: Version) -> usize {
    let sizes = fields.iter().map(|field| field.size_min(version));
    sizes.sum::<usize>() + usize::from(version.flexible)
}

/// Appends a struct to `out`.
#[inline(never)]
pub(crate) fn write(
    fields: &[Field],
    it: &dyn Fields,
    out: &mut FrameWriter,
    version: Version,
) -> Result<(), EncodeError> {
    let mut result = Ok(());
    it.see(&mut |values, unknown| result = put_all(fields, values, unknown, out, version));
    result
}

fn put_all(
    fields: &[Field],
    values: &[&dyn Value],
    unknown: &UnknownTags,
    out: &mut FrameWriter,
    version: Version,
) -> Result<(), EncodeError> {
    for (field, value) in fields.iter().zip(values) {
        if !field.is_in(version) {
            if !field.ignorable && !field.holds_default(*value) {
                return Err(not_in_version(field.name));
            }
        } else if is_null(*value) && !field.may_be_null(version) {
            return Err(null_written(field.name));
        } else if field.tag.is_none() {
            written(field.kind.put(*value, out, version), field.name)?;
        }
    }
    if !version.flexible {
        return if unknown.is_empty() { Ok(()) } else { Err(not_in_version("unknown_tags")) };
    }
    let mut tags = TagWriter::new(out, unknown);
    for (field, value) in fields.iter().zip(values) {
        let Some(tag) = field.tag.filter(|_| field.is_in(version)) else { continue };
        if !field.holds_default(*value) {
            let mark = tags.open(out, tag)?;
            written(field.put_tagged(*value, out, version), field.name)?;
            TagWriter::close(out, mark)?;
        }
    }
    tags.finish(out)
}

/// Takes a struct from `reader`; nothing is set in it so far.
#[inline(never)]
pub(crate) fn read(
    fields: &[Field],
    it: &mut dyn Fields,
    reader: &mut Reader,
    version: Version,
) -> Result<(), DecodeError> {
    let mut result = Ok(());
    it.fill(&mut |values, unknown| result = take_all(fields, values, unknown, reader, version));
    result
}

fn take_all(
    fields: &[Field],
    values: &mut [&mut dyn Value],
    unknown: &mut UnknownTags,
    reader: &mut Reader,
    version: Version,
) -> Result<(), DecodeError> {
    for (field, value) in fields.iter().zip(&mut *values) {
        if field.tag.is_none() && field.is_in(version) {
            field.take(&mut **value, reader, version)?;
        }
    }
    if version.flexible {
        *unknown = read_tags(reader, |tag, reader| {
            let mut known = fields.iter().zip(&mut *values);
            let known = known.find(|(field, _)| field.tag == Some(tag) && field.is_in(version));
            let Some((field, value)) = known else { return Ok(false) };
            field.take(&mut **value, reader, version)?;
            taken(reader.tag_taken(), field.name)?;
            Ok(true)
        })?;
    }
    Ok(())
}

/// Whether every field of a struct holds its default.
#[inline(never)]
fn all_default(fields: &[Field], it: &dyn Fields) -> bool {
    let mut all = true;
    it.see(&mut |values, unknown| {
        let mut fields = fields.iter().zip(values);
        all = unknown.is_empty() && fields.all(|(field, value)| field.holds_default(*value));
    });
    all
}

/// Whether two structs of the same type hold the same.
#[inline(never)]
pub(crate) fn same_fields(one: &dyn Fields, other: &dyn Fields) -> bool {
    let mut all = true;
    one.see(&mut |ours, our_tags| {
        other.see(&mut |theirs, their_tags| {
            let mut pairs = ours.iter().zip(theirs);
            all = our_tags == their_tags && pairs.all(|(one, other)| same(*one, *other));
        });
    });
    all
}

/// Whether two values of the same type are the same.
fn same(one: &dyn Value, other: &dyn Value) -> bool {
    match (one.view(), other.view()) {
        (View::Leaf(one), View::Leaf(other)) => one.same(other),
        (View::Struct(one), View::Struct(other)) => same_fields(one, other),
        (View::Optional(one), View::Optional(other)) => match (one, other) {
            (Some(one), Some(other)) => same(one, other),
            (one, other) => one.is_none() && other.is_none(),
        },
        (View::Array(one), View::Array(other)) => {
            one.count() == other.count()
                && (0..one.count()).all(|index| match (one.item(index), other.item(index)) {
                    (Some(one), Some(other)) => same(one, other),
                    _ => false,
                })
        }
        _ => false,
    }
}

/// Makes a struct with nothing set a clone of `from`.
#[inline(never)]
pub(crate) fn clone_fields(from: &dyn Fields, into: &mut dyn Fields) {
    from.see(&mut |theirs, their_tags| {
        into.fill(&mut |ours, our_tags| {
            our_tags.clone_from(their_tags);
            for (from, into) in theirs.iter().zip(ours) {
                clone(*from, &mut **into);
            }
        });
    });
}

fn clone(from: &dyn Value, into: &mut dyn Value) {
    match (from.view(), into.view_mut()) {
        (View::Leaf(from), ViewMut::Leaf(into)) => into.assign(from),
        (View::Struct(from), ViewMut::Struct(into)) => clone_fields(from, into),
        (View::Optional(None), ViewMut::Optional(into)) => into.set_null(),
        (View::Optional(Some(from)), ViewMut::Optional(into)) => clone(from, into.set_value()),
        (View::Array(from), ViewMut::Array(into)) => {
            into.make_room(from.count());
            for index in 0..from.count() {
                if let (Some(from), Some(into)) = (from.item(index), into.grow()) {
                    clone(from, into);
                }
            }
        }
        _ => {} // the types are the same
    }
}

/// Fields that no log should have: only the number of their bytes is shown.
const SECRETS: [&str; 6] =
    ["auth_bytes", "hmac", "salt", "salted_password", "server_key", "stored_key"];

/// Shows a struct as a derived `Debug` does, without unknown tags where there are none.
#[inline(never)]
pub(crate) fn debug(name: &str, fields: &[Field], it: &dyn Fields, f: &mut Formatter<'_>) -> Shown {
    let mut result = Ok(());
    it.see(&mut |values, unknown| {
        let mut shown = f.debug_struct(name);
        for (field, value) in fields.iter().zip(values) {
            shown.field(field.name, &OfType(*value, field));
        }
        if !unknown.is_empty() {
            shown.field("unknown_tags", unknown);
        }
        result = shown.finish();
    });
    result
}

/// A value with the declaration of its field.
struct OfType<'a>(&'a dyn Value, &'a Field);

impl Debug for OfType<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Shown {
        let Self(value, field) = *self;
        match value.view() {
            View::Leaf(leaf) => match (leaf as &dyn Any).downcast_ref::<Bytes>() {
                Some(secret) if SECRETS.contains(&field.name) => {
                    write!(f, "<{} bytes>", secret.len())
                }
                _ => leaf.fmt(f),
            },
            View::Optional(None) => f.write_str("None"),
            View::Optional(Some(value)) => {
                f.debug_tuple("Some").field(&OfType(value, field)).finish()
            }
            View::Struct(it) => match field.kind.item() {
                Type::Struct { name, fields } => debug(name, fields, it, f),
                _ => Ok(()),
            },
            View::Array(items) => {
                let mut shown = f.debug_list();
                let mut index = 0;
                while let Some(item) = items.item(index) {
                    shown.entry(&OfType(item, field));
                    index += 1;
                }
                shown.finish()
            }
        }
    }
}
