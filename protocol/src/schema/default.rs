//! What stands in a field that nobody set.

use core::mem::forget;

use bytes::Bytes;

use super::Struct;
use crate::Str;
use crate::error_code::ErrorCode;
use crate::ids::{
    AuthorizedOperations, BrokerEpoch, CoordinatorEpoch, CorrelationId, FetchSessionId, GroupEpoch,
    LeaderEpoch, NodeId, Offset, PartitionEpoch, PartitionIndex, ProducerEpoch, ProducerId,
    RawOffset, Sequence, ShareStateEpoch, SubscriptionId, Timestamp, TopologyEpoch, Uuid,
};
use crate::metadata_records::LeaderChange;

/// What a field has that nobody set, as it is on the wire.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DefaultValue {
    /// Null: of a string, bytes, an array or a struct that may be null.
    Null,
    /// Of a boolean.
    Bool(bool),
    /// Of any type of whole numbers; where an `Option` of one is `None` the number that stands for it.
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
    AuthorizedOperations: value => Literal(value.0).value();
    BrokerEpoch: value => Literal(value.0).value();
    CoordinatorEpoch: value => Literal(value.0).value();
    CorrelationId: value => Literal(value.0).value();
    ErrorCode: value => Literal(value.0).value();
    FetchSessionId: value => Literal(value.0).value();
    GroupEpoch: value => Literal(value.0).value();
    LeaderEpoch: value => Literal(value.0).value();
    NodeId: value => Literal(value.0).value();
    PartitionEpoch: value => Literal(value.0).value();
    PartitionIndex: value => Literal(value.0).value();
    ProducerEpoch: value => Literal(value.0).value();
    ProducerId: value => Literal(value.0).value();
    RawOffset: value => Literal(value.0).value();
    ShareStateEpoch: value => Literal(value.0).value();
    SubscriptionId: value => Literal(value.0).value();
    Timestamp: value => Literal(value.0).value();
    TopologyEpoch: value => Literal(value.0).value();
    LeaderChange: value => Literal(value.number()).value();
    Offset: value => Literal(value.get()).value();
    Sequence: value => Literal(value.get()).value();
}

/// `None` of these is a number.
macro_rules! sentinels {
    ($($none:literal: $($newtype:ident)*;)*) => {$($(
        impl Literal<Option<$newtype>> {
            pub(crate) const fn value(self) -> DefaultValue {
                match self.0 {
                    Some(value) => Literal(value).value(),
                    None => DefaultValue::Int($none),
                }
            }
        }
    )*)*};
}

sentinels! {
    -1: i8 i16 i32 i64 BrokerEpoch CoordinatorEpoch GroupEpoch LeaderEpoch NodeId Offset ProducerEpoch
        ProducerId Sequence Timestamp TopologyEpoch;
    0: FetchSessionId;
    -2_147_483_648: AuthorizedOperations;
}

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
