//! What stands in a field that nobody set.

use core::mem::forget;

use bytes::Bytes;

use super::Struct;
use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{
    CorrelationId, GroupEpoch, LeaderEpoch, NodeId, Offset, PartitionIndex, ProducerEpoch,
    ProducerId, Sequence, Timestamp, Uuid,
};

/// What a field has that nobody set, as it is on the wire.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DefaultValue {
    /// Null: of a string, bytes, an array or a struct that may be null.
    Null,
    /// Of a boolean.
    Bool(bool),
    /// Of any type of whole numbers; -1 where an `Option` of a newtype is `None`.
    Int(i64),
    /// Of a floating-point number.
    Float(f64),
    /// Of an id.
    Uuid(Uuid),
    /// A string, bytes or an array with nothing in it.
    Empty,
    /// A struct whose fields have their defaults.
    Struct,
}

/// The value of an `or` clause. What stands for it on the wire is found while compiling, and so
/// this has a method of its own for each type instead of a trait.
pub(crate) struct Literal<T>(pub(crate) T);

macro_rules! literals {
    ($($kind:ty: $value:ident => $default:expr;)*) => {$(
        impl Literal<$kind> {
            pub(crate) const fn value(self) -> DefaultValue {
                let Self($value) = self;
                $default
            }
        }
    )*};
}

literals! {
    bool: value => DefaultValue::Bool(value);
    f64: value => DefaultValue::Float(value);
    Uuid: value => DefaultValue::Uuid(value);
    i8: value => DefaultValue::Int(value as i64);
    i16: value => DefaultValue::Int(value as i64);
    i32: value => DefaultValue::Int(value as i64);
    i64: value => DefaultValue::Int(value);
    u16: value => DefaultValue::Int(value as i64);
    u32: value => DefaultValue::Int(value as i64);
    CorrelationId: value => Literal(value.0).value();
    ErrorCode: value => Literal(value.0).value();
    GroupEpoch: value => Literal(value.0).value();
    LeaderEpoch: value => Literal(value.0).value();
    NodeId: value => Literal(value.0).value();
    Offset: value => Literal(value.get()).value();
    PartitionIndex: value => Literal(value.0).value();
    ProducerEpoch: value => Literal(value.0).value();
    ProducerId: value => Literal(value.0).value();
    Sequence: value => Literal(value.get()).value();
    Timestamp: value => Literal(value.0).value();
}

/// `None` of these is -1.
macro_rules! sentinels {
    ($($newtype:ty)*) => {$(
        impl Literal<Option<$newtype>> {
            pub(crate) const fn value(self) -> DefaultValue {
                match self.0 {
                    Some(value) => Literal(value).value(),
                    None => DefaultValue::Int(-1),
                }
            }
        }
    )*};
}

sentinels! { GroupEpoch LeaderEpoch NodeId Offset ProducerEpoch ProducerId Sequence Timestamp }

/// `None` of these is null. A default is empty or null: `Some` is taken to be empty.
macro_rules! nullable {
    ($([$($of:tt)*] $kind:ty: $present:ident;)*) => {$(
        impl<$($of)*> Literal<Option<$kind>> {
            pub(crate) const fn value(self) -> DefaultValue {
                let present = self.0.is_some();
                forget(self); // nothing is dropped while compiling
                if present { DefaultValue::$present } else { DefaultValue::Null }
            }
        }
    )*};
}

nullable! {
    [] Str: Empty;
    [] Bytes: Empty;
    [T] Vec<T>: Empty;
    [S: Struct] S: Struct;
}

impl Literal<Str> {
    pub(crate) const fn value(self) -> DefaultValue {
        forget(self); // nothing is dropped while compiling
        DefaultValue::Empty
    }
}
