//! Messages written by their reflection alone, not by their encoder: a second opinion.

use bytes::Bytes;
use ottla_protocol::Message;
use ottla_protocol::schema::{Field, Type};

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
    pub(crate) out: Vec<u8>,
    next: u8,
}

impl Writer {
    pub(crate) fn new<M: Message>(version: i16, fill: Fill) -> Self {
        let flexible = M::FLEXIBLE_FROM.is_some_and(|from| version >= from);
        Self { version, flexible, fill, items: 2, out: Vec::new(), next: 2 }
    }

    /// A small number, another one each time; never 0, -1, -2 or any other declared default.
    fn number(&mut self) -> u8 {
        self.next = if self.next < 100 { self.next + 1 } else { 3 };
        self.next
    }

    pub(crate) fn uvarint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.out.push((value & 0x7f).to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.out.push(value.to_le_bytes()[0]);
    }

    pub(crate) fn length(&mut self, wide: bool, length: Option<u32>) {
        if self.flexible {
            return self.uvarint(length.map_or(0, |length| length + 1));
        }
        let bytes = length.unwrap_or(u32::MAX).to_be_bytes(); // null is -1
        self.out.extend_from_slice(if wide { &bytes } else { &bytes[2..] });
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
            self.out.push(if null { 0xff } else { 1 });
            if null {
                return;
            }
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
            self.uvarint(tagged.len().try_into().unwrap());
            for (tag, field) in tagged {
                self.uvarint(tag);
                let outer = std::mem::take(&mut self.out);
                self.field(field);
                let body = std::mem::replace(&mut self.out, outer);
                self.uvarint(body.len().try_into().unwrap());
                self.out.extend(body);
            }
        }
    }
}

/// The bytes of a message with every field set, or null where it may be.
pub(crate) fn filled<M: Message>(version: i16, fill: Fill) -> Bytes {
    let mut writer = Writer::new::<M>(version, fill);
    writer.fields(M::FIELDS);
    writer.out.into()
}

/// Calls a function with every message there is.
macro_rules! for_every_message {
    (
        @list ($function:ident $arguments:tt)
        apis { $( $_api:ident: $api:ident($request:ident, $response:ident); )* }
        messages { $( $module:ident::$message:ident; )* }
        metadata_records { $( $_record:ident($record:ident) = $_id:literal; )* }
        coordinator_records { $( $_keys:ident, $_values:ident of $_topic:literal {
            $( $_variant:ident: $at:ident($key:ident, $value:ident) = $_type:literal; )*
        } )* }
        internal_records { $( $internal:ident::$other:ident; )* }
    ) => {
        for_every_message!(@ $function $arguments header::RequestHeader);
        for_every_message!(@ $function $arguments header::ResponseHeader);
        $(
            for_every_message!(@ $function $arguments messages::$api::$request);
            for_every_message!(@ $function $arguments messages::$api::$response);
        )*
        $( for_every_message!(@ $function $arguments messages::$module::$message); )*
        $( for_every_message!(@ $function $arguments metadata_records::$record); )*
        $( $(
            for_every_message!(@ $function $arguments internal_records::$at::$key);
            for_every_message!(@ $function $arguments internal_records::$at::$value);
        )* )*
        $( for_every_message!(@ $function $arguments internal_records::$internal::$other); )*
    };
    (@ $function:ident ($($argument:expr),*) $($message:tt)*) => {
        $function::<ottla_protocol::$($message)*>($($argument),*);
    };
    ($function:ident $(, $argument:expr)*) => {
        ottla_protocol::with_every_message!(for_every_message @list ($function ($($argument),*)));
    };
}

pub(crate) use for_every_message;
