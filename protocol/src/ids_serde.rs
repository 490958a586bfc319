//! Ids as serde sees them: numbers as numbers, a [`Uuid`] as Kafka prints it.

use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::ids::{
    AuthorizedOperations, BrokerEpoch, CoordinatorEpoch, CorrelationId, FetchSessionId, GroupEpoch,
    LeaderEpoch, NodeId, Offset, PartitionEpoch, PartitionIndex, ProducerEpoch, ProducerId,
    RawOffset, Sequence, ShareStateEpoch, SubscriptionId, Timestamp, TopologyEpoch, Uuid,
};

macro_rules! any_number {
    ($( $name:ident($inner:ty); )*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                self.0.serialize(to)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                <$inner>::deserialize(from).map(Self)
            }
        }
    )*};
}

any_number! {
    NodeId(i32);
    PartitionIndex(i32);
    LeaderEpoch(i32);
    PartitionEpoch(i32);
    BrokerEpoch(i64);
    CoordinatorEpoch(i32);
    GroupEpoch(i32);
    ProducerId(i64);
    ProducerEpoch(i16);
    TopologyEpoch(i32);
    ShareStateEpoch(i32);
    FetchSessionId(i32);
    SubscriptionId(i32);
    AuthorizedOperations(i32);
    CorrelationId(i32);
    Timestamp(i64);
    RawOffset(i64);
}

macro_rules! never_negative {
    ($( $name:ident($inner:ty); )*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                self.get().serialize(to)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let number = <$inner>::deserialize(from)?;
                let found = Unexpected::Signed(number.into());
                Self::new(number).ok_or_else(|| D::Error::invalid_value(found, &"at least 0"))
            }
        }
    )*};
}

never_negative! {
    Offset(i64);
    Sequence(i32);
}

impl Serialize for Uuid {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Uuid {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let found = Unexpected::Str(&text);
        let expected = "22 characters of URL-safe base64";
        Self::parse(&text).ok_or_else(|| D::Error::invalid_value(found, &expected))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_json_and_impossible_ones_are_refused() {
        let ids = (Offset::MAX, PartitionIndex(3), Timestamp(-1), Uuid::METADATA_TOPIC);
        let text = serde_json::to_string(&ids).unwrap();
        assert_eq!(text, r#"[9223372036854775807,3,-1,"AAAAAAAAAAAAAAAAAAAAAQ"]"#);
        let read: (Offset, PartitionIndex, Timestamp, Uuid) = serde_json::from_str(&text).unwrap();
        assert_eq!(read, ids);
        let error = serde_json::from_str::<Offset>("-1").unwrap_err().to_string();
        assert!(error.starts_with("invalid value: integer `-1`, expected at least 0"), "{error}");
        assert!(serde_json::from_str::<Sequence>("2147483648").is_err());
        assert!(serde_json::from_str::<Uuid>(r#""short""#).is_err());
    }
}
