//! What code that all structs share sees of a struct, of a field, of an item.

use core::any::Any;
use core::fmt::Debug;

use bytes::Bytes;

use super::{DefaultValue, Field, Type, fields};
use crate::Str;
use crate::error::{DecodeError, EncodeError};
use crate::error_code::ErrorCode;
use crate::ids::{
    AuthorizedOperations, BrokerEpoch, CoordinatorEpoch, CorrelationId, FetchSessionId, GroupEpoch,
    LeaderEpoch, NodeId, Offset, PartitionEpoch, PartitionIndex, ProducerEpoch, ProducerId,
    RawOffset, Sequence, ShareStateEpoch, SubscriptionId, Timestamp, TopologyEpoch, Uuid,
};
use crate::metadata_records::LeaderChange;
use crate::wire::{FrameWriter, Reader, UnknownTags, Version, Wire};

/// What a field or an item holds, whatever its type.
pub(crate) trait Value {
    fn view(&self) -> View<'_>;
    fn view_mut(&mut self) -> ViewMut<'_>;
}

/// A value to look at.
pub(crate) enum View<'a> {
    /// A number, a string, bytes; null or not.
    Leaf(&'a dyn Leaf),
    Array(&'a dyn Array),
    Struct(&'a dyn Fields),
    /// An array or a struct that may be null, and is with `None`.
    Optional(Option<&'a dyn Value>),
}

/// A value to change.
pub(crate) enum ViewMut<'a> {
    Leaf(&'a mut dyn Leaf),
    Array(&'a mut dyn Array),
    Struct(&'a mut dyn Fields),
    Optional(&'a mut dyn Optional),
}

/// What is written and read by its own [`Wire`].
pub(crate) trait Leaf: Any + Debug + Send + Sync {
    /// As [`Wire::as_default`].
    fn default_value(&self) -> Option<DefaultValue>;
    /// As [`Wire::is_null`].
    fn null(&self) -> bool;
    fn same(&self, other: &dyn Leaf) -> bool;
    /// Becomes a clone of `other`, which has the same type.
    fn assign(&mut self, other: &dyn Leaf);
    /// As [`Wire::write`].
    fn put(&self, out: &mut FrameWriter, version: Version) -> Result<(), EncodeError>;
    /// As [`Wire::read`], in place.
    fn take(&mut self, reader: &mut Reader, version: Version) -> Result<(), DecodeError>;
}

impl<T: Wire + Clone + Debug + PartialEq + Send + Sync + 'static> Leaf for T {
    fn default_value(&self) -> Option<DefaultValue> {
        self.as_default()
    }

    fn null(&self) -> bool {
        self.is_null()
    }

    fn same(&self, other: &dyn Leaf) -> bool {
        (other as &dyn Any).downcast_ref::<T>() == Some(self)
    }

    fn assign(&mut self, other: &dyn Leaf) {
        if let Some(other) = (other as &dyn Any).downcast_ref::<T>() {
            self.clone_from(other);
        }
    }

    fn put(&self, out: &mut FrameWriter, version: Version) -> Result<(), EncodeError> {
        self.write(out, version)
    }

    fn take(&mut self, reader: &mut Reader, version: Version) -> Result<(), DecodeError> {
        *self = T::read(reader, version)?;
        Ok(())
    }
}

/// A `Vec`.
pub(crate) trait Array {
    fn count(&self) -> usize;
    /// `None` behind the last.
    fn item(&self, index: usize) -> Option<&dyn Value>;
    /// What an item takes in memory.
    fn item_size(&self) -> usize;
    /// Makes room for so many items; it has none so far.
    fn make_room(&mut self, count: usize);
    /// Adds an item with nothing set.
    fn grow(&mut self) -> Option<&mut dyn Value>;
}

impl<T: Value + Default> Array for Vec<T> {
    fn count(&self) -> usize {
        self.len()
    }

    fn item(&self, index: usize) -> Option<&dyn Value> {
        self.get(index).map(|item| item as &dyn Value)
    }

    fn item_size(&self) -> usize {
        size_of::<T>()
    }

    fn make_room(&mut self, count: usize) {
        self.reserve_exact(count);
    }

    fn grow(&mut self) -> Option<&mut dyn Value> {
        self.push(T::default());
        self.last_mut().map(|item| item as &mut dyn Value)
    }
}

/// An `Option` of an array or a struct.
pub(crate) trait Optional {
    fn set_null(&mut self);
    /// Makes it a value with nothing set.
    fn set_value(&mut self) -> &mut dyn Value;
}

impl<T: Value + Default> Optional for Option<T> {
    fn set_null(&mut self) {
        *self = None;
    }

    fn set_value(&mut self) -> &mut dyn Value {
        self.insert(T::default())
    }
}

/// A struct that `messages!` declared.
pub(crate) trait Fields {
    /// Shows what the fields hold, in the order of `FIELDS`.
    fn see(&self, see: &mut dyn FnMut(&[&dyn Value], &UnknownTags));
    /// The same, to change it.
    fn fill(&mut self, fill: &mut dyn FnMut(&mut [&mut dyn Value], &mut UnknownTags));
}

impl<S: Fields> Value for S {
    fn view(&self) -> View<'_> {
        View::Struct(self)
    }

    fn view_mut(&mut self) -> ViewMut<'_> {
        ViewMut::Struct(self)
    }
}

impl<T: Value + Default> Value for Vec<T> {
    fn view(&self) -> View<'_> {
        View::Array(self)
    }

    fn view_mut(&mut self) -> ViewMut<'_> {
        ViewMut::Array(self)
    }
}

impl<T: Value + Default> Value for Option<Vec<T>> {
    fn view(&self) -> View<'_> {
        View::Optional(self.as_ref().map(|items| items as &dyn Value))
    }

    fn view_mut(&mut self) -> ViewMut<'_> {
        ViewMut::Optional(self)
    }
}

impl<S: Fields + Default> Value for Option<S> {
    fn view(&self) -> View<'_> {
        View::Optional(self.as_ref().map(|fields| fields as &dyn Value))
    }

    fn view_mut(&mut self) -> ViewMut<'_> {
        ViewMut::Optional(self)
    }
}

/// A struct that is not `hot`: written and read by its list of fields.
pub(crate) trait Cold: Fields + Default {
    const STRUCT_NAME: &'static str;
    const STRUCT_FIELDS: &'static [Field];
}

impl<S: Cold> Wire for S {
    const TYPE: Type = Type::Struct { name: S::STRUCT_NAME, fields: S::STRUCT_FIELDS };
    const DEFAULT: DefaultValue = DefaultValue::Struct;

    fn size_min(version: Version) -> usize {
        fields::size_min(S::STRUCT_FIELDS, version)
    }

    fn write(&self, out: &mut FrameWriter, version: Version) -> Result<(), EncodeError> {
        fields::write(S::STRUCT_FIELDS, self, out, version)
    }

    #[inline(never)] // its callers are as many as there are structs
    fn read(reader: &mut Reader, version: Version) -> Result<Self, DecodeError> {
        let mut this = Self::default();
        fields::read(S::STRUCT_FIELDS, &mut this, reader, version)?;
        Ok(this)
    }
}

macro_rules! leaves {
    ($($leaf:ty)*) => {$(
        impl Value for $leaf {
            fn view(&self) -> View<'_> {
                View::Leaf(self)
            }

            fn view_mut(&mut self) -> ViewMut<'_> {
                ViewMut::Leaf(self)
            }
        }
    )*};
}

leaves! {
    bool i8 i16 i32 i64 u16 u32 f64
    Str Option<Str> Bytes Option<Bytes>
    Option<i8> Option<i16> Option<i32> Option<i64>
    CorrelationId ErrorCode LeaderChange PartitionEpoch PartitionIndex RawOffset ShareStateEpoch
    SubscriptionId Uuid
    Option<AuthorizedOperations>
    BrokerEpoch Option<BrokerEpoch>
    CoordinatorEpoch Option<CoordinatorEpoch>
    Option<FetchSessionId>
    GroupEpoch Option<GroupEpoch>
    LeaderEpoch Option<LeaderEpoch>
    NodeId Option<NodeId>
    Offset Option<Offset>
    ProducerEpoch Option<ProducerEpoch>
    ProducerId Option<ProducerId>
    Option<Sequence>
    Timestamp Option<Timestamp>
    TopologyEpoch Option<TopologyEpoch>
}
