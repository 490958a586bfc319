//! Messages written by their reflection alone, not by their encoder: a second opinion.

use std::ops::RangeInclusive;

use bytes::Bytes;
use ottla_protocol::schema::{DefaultValue, Field, Schema, Type};

/// What to put where the schema leaves a choice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fill {
    /// Everything set, to something else than the default.
    Full,
    /// Everything that may be null is null; the rest is set.
    Null,
}

/// Writes a message of one version by walking over its fields.
pub(crate) struct Writer {
    pub(crate) version: i16,
    pub(crate) flexible: bool,
    pub(crate) fill: Fill,
    pub(crate) items: u32,
    /// Whether every struct ends with a tagged field that nobody declared.
    pub(crate) unknown: bool,
    pub(crate) out: Vec<u8>,
    next: u8,
}

impl Writer {
    pub(crate) fn new(schema: &Schema, version: i16, fill: Fill) -> Self {
        let flexible = is_flexible(schema, version);
        Self { version, flexible, fill, items: 2, unknown: false, out: Vec::new(), next: 19 }
    }

    /// A small number, another one each time; never a declared default.
    fn number(&mut self) -> u8 {
        self.next = if self.next < 119 { self.next + 1 } else { 20 };
        self.next
    }

    pub(crate) fn uvarint(&mut self, value: u32) {
        put_uvarint(&mut self.out, value);
    }

    pub(crate) fn length(&mut self, wide: bool, length: Option<u32>) {
        let length = length.map(|length| length.try_into().unwrap());
        put_length(&mut self.out, self.flexible, wide, length);
    }

    pub(crate) fn value(&mut self, kind: &Type, null: bool) {
        let size = match kind {
            Type::Bool => return self.out.push(1),
            Type::Int8 => 1,
            Type::Int16 | Type::Uint16 => 2,
            Type::Int32 | Type::Uint32 => 4,
            Type::Int64 | Type::Float64 => 8,
            Type::Uuid => 16,
            Type::String | Type::PlainString | Type::Bytes => {
                let (wide, flexible) = (matches!(kind, Type::Bytes), self.flexible);
                self.flexible &= !matches!(kind, Type::PlainString);
                let length = 1 + self.number() % 4;
                self.length(wide, (!null).then_some(length.into()));
                self.flexible = flexible;
                let text = &b"abcd"[..if null { 0 } else { length.into() }];
                return self.out.extend_from_slice(text);
            }
            Type::Array(item) => {
                self.length(true, (!null).then_some(self.items));
                for _ in 0..if null { 0 } else { self.items } {
                    self.value(item, false);
                }
                return;
            }
            Type::Struct { fields, .. } => return self.fields(fields),
        };
        self.out.extend(std::iter::repeat_n(0, size - 1));
        let number = self.number();
        self.out.push(number);
    }

    fn field(&mut self, field: &Field) {
        let nullable = field.nullable.is_some_and(|versions| versions.contains(self.version));
        let null = nullable && self.fill == Fill::Null;
        if field.nullable.is_some() && matches!(field.kind, Type::Struct { .. }) {
            // a byte, negative for null; a varint if it is tagged
            self.out.push(if null { field.tag.map_or(0xff, |_| 0) } else { 1 });
            if null {
                return;
            }
        }
        if matches!(field.kind, Type::Bool) {
            // something else than the default
            return self.out.push(u8::from(field.default != DefaultValue::Bool(true)));
        }
        self.value(&field.kind, null);
    }

    pub(crate) fn fields(&mut self, fields: &[Field]) {
        let present = |field: &&Field| field.versions.contains(self.version);
        let present: Vec<&Field> = fields.iter().filter(present).collect();
        for field in present.iter().filter(|field| field.tag.is_none()) {
            self.field(field);
        }
        if self.flexible {
            // where null is the default, a null field is not written
            let mut tagged: Vec<(u32, &Field)> = present
                .iter()
                .filter(|field| self.fill == Fill::Full || field.nullable.is_none())
                .filter_map(|field| Some((field.tag?, *field)))
                .collect();
            tagged.sort_by_key(|(tag, _)| *tag);
            let tags = tagged.len() + usize::from(self.unknown);
            self.uvarint(tags.try_into().unwrap());
            for (tag, field) in tagged {
                self.uvarint(tag);
                let outer = std::mem::take(&mut self.out);
                self.field(field);
                let body = std::mem::replace(&mut self.out, outer);
                self.uvarint(body.len().try_into().unwrap());
                self.out.extend(body);
            }
            if self.unknown {
                self.out.extend_from_slice(UNKNOWN_TAG);
            }
        }
    }
}

/// Tag 1000, two bytes.
const UNKNOWN_TAG: &[u8] = b"\xe8\x07\x02hi";

/// The bytes of a message with every field set, or null where it may be.
pub(crate) fn filled(schema: &Schema, version: i16, fill: Fill) -> Bytes {
    let mut writer = Writer::new(schema, version, fill);
    writer.fields(schema.fields);
    writer.out.into()
}

pub(crate) fn versions(schema: &Schema) -> RangeInclusive<i16> {
    schema.versions.min..=schema.versions.max
}

pub(crate) fn is_flexible(schema: &Schema, version: i16) -> bool {
    schema.flexible_from.is_some_and(|from| version >= from)
}

pub(crate) fn put_uvarint(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push((value & 0x7f).to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// The length of a string, or, `wide`, of bytes or an array; `None` for null.
pub(crate) fn put_length(out: &mut Vec<u8>, flexible: bool, wide: bool, length: Option<usize>) {
    let length: Option<u32> = length.map(|length| length.try_into().unwrap());
    if flexible {
        return put_uvarint(out, length.map_or(0, |length| length + 1));
    }
    let bytes = length.unwrap_or(u32::MAX).to_be_bytes(); // null is -1
    out.extend_from_slice(if wide { &bytes } else { &bytes[2..] });
}
