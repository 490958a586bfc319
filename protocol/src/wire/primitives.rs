//! [`Wire`] for Kafka's primitive types, for arrays of anything, for structs that may be null, and
//! for the newtypes.

use bytes::Bytes;

use super::{FrameWriter, Reader, Version, Wire};
use crate::Str;
use crate::error::{DecodeError, DecodeReason, EncodeError};
use crate::error_code::ErrorCode;
use crate::ids::{
    AuthorizedOperations, BrokerEpoch, CoordinatorEpoch, CorrelationId, FetchSessionId, GroupEpoch,
    LeaderEpoch, NodeId, Offset, PartitionEpoch, PartitionIndex, ProducerEpoch, ProducerId,
    RawOffset, Sequence, ShareStateEpoch, SubscriptionId, Timestamp, TopologyEpoch, Uuid,
};
use crate::schema::{DefaultValue, Literal, Struct, Type};

/// Numbers: big-endian, the same at every version.
macro_rules! numbers {
    ($($number:ty: $kind:ident, $zero:literal;)*) => {$(
        impl Wire for $number {
            const TYPE: Type = Type::$kind;
            const DEFAULT: DefaultValue = Literal::<Self>($zero).value();

            #[inline]
            fn size_min(_: Version) -> usize {
                size_of::<Self>()
            }

            fn as_default(&self) -> Option<DefaultValue> {
                Some(Literal(*self).value())
            }

            #[inline]
            fn write(&self, out: &mut FrameWriter, _: Version) -> Result<(), EncodeError> {
                out.put_slice(&self.to_be_bytes());
                Ok(())
            }

            #[inline]
            fn read(reader: &mut Reader, _: Version) -> Result<Self, DecodeError> {
                Ok(Self::from_be_bytes(reader.fixed()?))
            }
        }
    )*};
}

numbers! {
    i8: Int8, 0;
    i16: Int16, 0;
    i32: Int32, 0;
    i64: Int64, 0;
    u16: Uint16, 0;
    u32: Uint32, 0;
    f64: Float64, 0.0;
}

/// Newtypes of numbers; those of the second list have a number on the wire for `None`.
macro_rules! newtypes {
    ($($newtype:ident($number:ty);)*) => {$(
        impl Wire for $newtype {
            const TYPE: Type = <$number as Wire>::TYPE;
            const DEFAULT: DefaultValue = Literal(Self(0)).value();

            #[inline]
            fn size_min(version: Version) -> usize {
                <$number>::size_min(version)
            }

            fn as_default(&self) -> Option<DefaultValue> {
                Some(Literal(*self).value())
            }

            #[inline]
            fn write(&self, out: &mut FrameWriter, version: Version) -> Result<(), EncodeError> {
                self.0.write(out, version)
            }

            #[inline]
            fn read(reader: &mut Reader, version: Version) -> Result<Self, DecodeError> {
                Ok(Self(<$number>::read(reader, version)?))
            }
        }
    )*};
}

macro_rules! sentinels {
    ($($newtype:ident($number:ty) = $none:literal;)*) => {$(
        impl Wire for Option<$newtype> {
            const TYPE: Type = <$number as Wire>::TYPE;
            const DEFAULT: DefaultValue = Literal::<Self>(None).value();
            const SENTINEL: Option<i64> = Some($none);

            #[inline]
            fn size_min(version: Version) -> usize {
                <$number>::size_min(version)
            }

            fn as_default(&self) -> Option<DefaultValue> {
                Some(Literal(*self).value())
            }

            #[inline]
            fn write(&self, out: &mut FrameWriter, version: Version) -> Result<(), EncodeError> {
                self.map_or($none, |value| value.0).write(out, version)
            }

            #[inline]
            fn read(reader: &mut Reader, version: Version) -> Result<Self, DecodeError> {
                let number = <$number>::read(reader, version)?;
                Ok((number != $none).then_some($newtype(number)))
            }
        }
    )*};
}

/// Numbers that need no name, such as a time limit: -1 where they are `None`.
macro_rules! numbers_or_none {
    ($($number:ident)*) => {$(
        impl Wire for Option<$number> {
            const TYPE: Type = <$number as Wire>::TYPE;
            const DEFAULT: DefaultValue = Literal::<Self>(None).value();
            const SENTINEL: Option<i64> = Some(-1);

            fn size_min(version: Version) -> usize {
                <$number>::size_min(version)
            }

            fn as_default(&self) -> Option<DefaultValue> {
                Some(Literal(*self).value())
            }

            fn write(&self, out: &mut FrameWriter, version: Version) -> Result<(), EncodeError> {
                self.unwrap_or(-1).write(out, version)
            }

            fn read(reader: &mut Reader, version: Version) -> Result<Self, DecodeError> {
                Ok(Some(<$number>::read(reader, version)?).filter(|number| *number != -1))
            }
        }
    )*};
}

newtypes! {
    BrokerEpoch(i64);
    CoordinatorEpoch(i32);
    CorrelationId(i32);
    ErrorCode(i16);
    GroupEpoch(i32);
    LeaderEpoch(i32);
    NodeId(i32);
    PartitionEpoch(i32);
    PartitionIndex(i32);
    ProducerEpoch(i16);
    ProducerId(i64);
    RawOffset(i64);
    ShareStateEpoch(i32);
    SubscriptionId(i32);
    Timestamp(i64);
    TopologyEpoch(i32);
}

sentinels! {
    AuthorizedOperations(i32) = -2_147_483_648; // `Integer.MIN_VALUE`
    BrokerEpoch(i64) = -1;
    CoordinatorEpoch(i32) = -1;
    FetchSessionId(i32) = 0;
    GroupEpoch(i32) = -1;
    LeaderEpoch(i32) = -1;
    NodeId(i32) = -1;
    ProducerEpoch(i16) = -1;
    ProducerId(i64) = -1;
    Timestamp(i64) = -1;
    TopologyEpoch(i32) = -1;
}

numbers_or_none! { i8 i16 i32 i64 }

impl Wire for bool {
    const TYPE: Type = Type::Bool;
    const DEFAULT: DefaultValue = Literal(false).value();

    fn size_min(_: Version) -> usize {
        1
    }

    fn as_default(&self) -> Option<DefaultValue> {
        Some(Literal(*self).value())
    }

    fn write(&self, out: &mut FrameWriter, _: Version) -> Result<(), EncodeError> {
        out.put_slice(&[u8::from(*self)]);
        Ok(())
    }

    fn read(reader: &mut Reader, _: Version) -> Result<Self, DecodeError> {
        let [byte] = reader.fixed()?;
        Ok(byte != 0) // as Kafka reads it
    }
}

impl Wire for Uuid {
    const TYPE: Type = Type::Uuid;
    const DEFAULT: DefaultValue = Literal(Self::ZERO).value();

    fn size_min(_: Version) -> usize {
        16
    }

    fn as_default(&self) -> Option<DefaultValue> {
        Some(Literal(*self).value())
    }

    fn write(&self, out: &mut FrameWriter, _: Version) -> Result<(), EncodeError> {
        out.put_slice(&self.0);
        Ok(())
    }

    fn read(reader: &mut Reader, _: Version) -> Result<Self, DecodeError> {
        Ok(Self(reader.fixed()?))
    }
}

impl Wire for Option<Offset> {
    const TYPE: Type = Type::Int64;
    const DEFAULT: DefaultValue = Literal::<Self>(None).value();
    const SENTINEL: Option<i64> = Some(-1);

    fn size_min(_: Version) -> usize {
        8
    }

    fn as_default(&self) -> Option<DefaultValue> {
        Some(Literal(*self).value())
    }

    fn write(&self, out: &mut FrameWriter, version: Version) -> Result<(), EncodeError> {
        self.map_or(-1, Offset::get).write(out, version)
    }

    fn read(reader: &mut Reader, version: Version) -> Result<Self, DecodeError> {
        let number = i64::read(reader, version)?;
        match Offset::new(number) {
            None if number != -1 => Err(DecodeError::new(DecodeReason::OutOfRange(number))),
            offset => Ok(offset),
        }
    }
}

impl Wire for Offset {
    const TYPE: Type = Type::Int64;
    const DEFAULT: DefaultValue = Literal(Self::ZERO).value();

    fn size_min(_: Version) -> usize {
        8
    }

    fn as_default(&self) -> Option<DefaultValue> {
        Some(Literal(*self).value())
    }

    fn write(&self, out: &mut FrameWriter, version: Version) -> Result<(), EncodeError> {
        self.get().write(out, version)
    }

    fn read(reader: &mut Reader, version: Version) -> Result<Self, DecodeError> {
        let number = i64::read(reader, version)?;
        Self::new(number).ok_or_else(|| DecodeError::new(DecodeReason::OutOfRange(number)))
    }
}

impl Wire for Option<Sequence> {
    const TYPE: Type = Type::Int32;
    const DEFAULT: DefaultValue = Literal::<Self>(None).value();
    const SENTINEL: Option<i64> = Some(-1);

    fn size_min(_: Version) -> usize {
        4
    }

    fn as_default(&self) -> Option<DefaultValue> {
        Some(Literal(*self).value())
    }

    fn write(&self, out: &mut FrameWriter, version: Version) -> Result<(), EncodeError> {
        self.map_or(-1, Sequence::get).write(out, version)
    }

    fn read(reader: &mut Reader, version: Version) -> Result<Self, DecodeError> {
        let number = i32::read(reader, version)?;
        match Sequence::new(number) {
            None if number != -1 => Err(DecodeError::new(DecodeReason::OutOfRange(number.into()))),
            sequence => Ok(sequence),
        }
    }
}

/// The fewest bytes of a length in front of something.
fn length_size(version: Version, wide: bool) -> usize {
    match (version.flexible, wide) {
        (true, _) => 1,
        (false, true) => 4,
        (false, false) => 2,
    }
}

fn not_null<T>(value: Option<T>) -> Result<T, DecodeError> {
    value.ok_or_else(|| DecodeError::new(DecodeReason::Null))
}

impl Wire for Option<Str> {
    const TYPE: Type = Type::String;
    const DEFAULT: DefaultValue = Literal::<Self>(None).value();
    const NULLABLE: bool = true;

    fn size_min(version: Version) -> usize {
        length_size(version, false)
    }

    fn is_null(&self) -> bool {
        self.is_none()
    }

    fn as_default(&self) -> Option<DefaultValue> {
        self.as_ref().map_or(Some(DefaultValue::Null), Wire::as_default)
    }

    fn write(&self, out: &mut FrameWriter, version: Version) -> Result<(), EncodeError> {
        match self {
            Some(text) => text.write(out, version),
            None => out.put_length(version, false, None),
        }
    }

    fn read(reader: &mut Reader, version: Version) -> Result<Self, DecodeError> {
        reader.string(version)
    }
}

impl Wire for Str {
    const TYPE: Type = Type::String;
    const DEFAULT: DefaultValue = Literal(Self::new()).value();

    fn size_min(version: Version) -> usize {
        length_size(version, false)
    }

    fn as_default(&self) -> Option<DefaultValue> {
        self.is_empty().then_some(DefaultValue::Empty)
    }

    fn write(&self, out: &mut FrameWriter, version: Version) -> Result<(), EncodeError> {
        out.put_length(version, false, Some(self.len()))?;
        out.put_bytes(self.as_bytes());
        Ok(())
    }

    fn read(reader: &mut Reader, version: Version) -> Result<Self, DecodeError> {
        not_null(reader.string(version)?)
    }
}

impl Wire for Option<Bytes> {
    const TYPE: Type = Type::Bytes;
    const DEFAULT: DefaultValue = Literal::<Self>(None).value();
    const NULLABLE: bool = true;

    fn size_min(version: Version) -> usize {
        length_size(version, true)
    }

    fn is_null(&self) -> bool {
        self.is_none()
    }

    fn as_default(&self) -> Option<DefaultValue> {
        self.as_ref().map_or(Some(DefaultValue::Null), Wire::as_default)
    }

    fn write(&self, out: &mut FrameWriter, version: Version) -> Result<(), EncodeError> {
        match self {
            Some(bytes) => bytes.write(out, version),
            None => out.put_length(version, true, None),
        }
    }

    fn read(reader: &mut Reader, version: Version) -> Result<Self, DecodeError> {
        reader.bytes(version)
    }
}

impl Wire for Bytes {
    const TYPE: Type = Type::Bytes;
    const DEFAULT: DefaultValue = DefaultValue::Empty;

    fn size_min(version: Version) -> usize {
        length_size(version, true)
    }

    fn as_default(&self) -> Option<DefaultValue> {
        self.is_empty().then_some(DefaultValue::Empty)
    }

    fn write(&self, out: &mut FrameWriter, version: Version) -> Result<(), EncodeError> {
        out.put_length(version, true, Some(self.len()))?;
        out.put_bytes(self);
        Ok(())
    }

    fn read(reader: &mut Reader, version: Version) -> Result<Self, DecodeError> {
        not_null(reader.bytes(version)?)
    }
}

impl<T: Wire> Wire for Option<Vec<T>> {
    const TYPE: Type = Type::Array(&T::TYPE);
    const DEFAULT: DefaultValue = Literal::<Self>(None).value();
    const NULLABLE: bool = true;

    fn size_min(version: Version) -> usize {
        length_size(version, true)
    }

    fn is_null(&self) -> bool {
        self.is_none()
    }

    fn write(&self, out: &mut FrameWriter, version: Version) -> Result<(), EncodeError> {
        match self {
            Some(items) => items.write(out, version),
            None => out.put_length(version, true, None),
        }
    }

    fn read(reader: &mut Reader, version: Version) -> Result<Self, DecodeError> {
        let Some(count) = reader.count(version, T::size_min(version), size_of::<T>())? else {
            return Ok(None);
        };
        let mut items = Vec::with_capacity(count);
        for index in 0..count {
            match T::read(reader, version) {
                Ok(item) => items.push(item),
                Err(error) => return Err(error.in_item(index)),
            }
        }
        Ok(Some(items))
    }
}

impl<T: Wire> Wire for Vec<T> {
    const TYPE: Type = Type::Array(&T::TYPE);
    const DEFAULT: DefaultValue = DefaultValue::Empty;

    fn size_min(version: Version) -> usize {
        length_size(version, true)
    }

    fn write(&self, out: &mut FrameWriter, version: Version) -> Result<(), EncodeError> {
        out.put_length(version, true, Some(self.len()))?;
        for (index, item) in self.iter().enumerate() {
            if let Err(error) = item.write(out, version) {
                return Err(error.in_item(index));
            }
        }
        Ok(())
    }

    fn read(reader: &mut Reader, version: Version) -> Result<Self, DecodeError> {
        not_null(Option::<Self>::read(reader, version)?)
    }
}

/// A byte says whether the struct follows; Java writes 1 for yes and reads any but the negative.
impl<S: Struct> Wire for Option<S> {
    const TYPE: Type = S::TYPE;
    const DEFAULT: DefaultValue = Literal::<Self>(None).value();
    const NULLABLE: bool = true;

    fn size_min(_: Version) -> usize {
        1
    }

    fn is_null(&self) -> bool {
        self.is_none()
    }

    fn write(&self, out: &mut FrameWriter, version: Version) -> Result<(), EncodeError> {
        match self {
            Some(value) => {
                1i8.write(out, version)?;
                value.write(out, version)
            }
            None => (-1i8).write(out, version),
        }
    }

    fn read(reader: &mut Reader, version: Version) -> Result<Self, DecodeError> {
        if i8::read(reader, version)? < 0 { Ok(None) } else { S::read(reader, version).map(Some) }
    }
}
