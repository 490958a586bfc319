//! Messages that travel or rest inside others: what consumers tell each other, and the records of
//! internal topics.

use bytes::Bytes;
use ottla_protocol::internal_records::{
    self, GroupRecordKey, GroupRecordValue, ShareRecordKey, ShareRecordValue, TransactionRecordKey,
    TransactionRecordValue,
};
use ottla_protocol::json::Printer;
use ottla_protocol::messages::consumer_protocol::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription,
};
use ottla_protocol::metadata_records::MetadataRecord;
use ottla_protocol::schema::Schema;
use ottla_protocol::{DecodeError, EncodeError, Message, Reader, messages, with_every_message};

use crate::choice;
use crate::message::{judged, survives};

/// A byte says which, then a subscription or an assignment as it stands in JoinGroup and SyncGroup.
pub fn group(mut data: &[u8]) {
    let printer = Printer::default();
    match choice(&mut data) & 1 {
        0 => {
            type Blob = ConsumerProtocolSubscription;
            let print = |blob| printer.consumer_subscription(blob);
            blob(data, Blob::from_blob, Blob::to_blob, print);
        }
        _ => {
            type Blob = ConsumerProtocolAssignment;
            blob(data, Blob::from_blob, Blob::to_blob, |blob| printer.consumer_assignment(blob));
        }
    }
}

/// What follows a blob, and a version above ours, is for those who know it.
fn blob<M: Message>(
    data: &[u8],
    decode: fn(Bytes) -> Result<M, DecodeError>,
    encode: fn(&M, i16) -> Result<Bytes, EncodeError>,
    print: impl Fn(Bytes) -> Result<String, DecodeError>,
) {
    let bytes = Bytes::copy_from_slice(data);
    if let Some(value) = judged(&bytes, decode, &print) {
        let (claimed, body) = split(&bytes).expect("it was read just now");
        let version = claimed.min(*M::VERSIONS.end());
        let mut reader = Reader::new(body.clone());
        M::decode(&mut reader, version).expect("it was read just now");
        let known = [&version.to_be_bytes()[..], &body[..reader.position()]].concat();
        let encode = |value: &M| encode(value, version).expect("what was read can be written");
        survives(&known.into(), &value, encode, decode, print);
        for version in M::VERSIONS {
            value.to_bytes(version).expect("a member of an older version gets what it can take");
        }
    }
}

/// The value of a record of the metadata log.
pub fn metadata_records(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    let print = |bytes| Printer::default().metadata_record(bytes);
    if let Some(record) = judged(&bytes, MetadataRecord::decode, print) {
        let mut reader = Reader::new(bytes.clone());
        let front = [(); 3].map(|()| reader.uvarint().expect("frame version, type, version"));
        let version = i16::try_from(front[2]).expect("it was one just now");
        let encode =
            |record: &MetadataRecord| record.encode(version).expect("what was read can be written");
        survives(&bytes, &record, encode, MetadataRecord::decode, print);
    }
}

macro_rules! plain {
    (
        $kind:expr, $version:expr, $bytes:expr;
        apis $_apis:tt
        messages { $( $module:ident::$message:ident; )* }
        metadata_records $_metadata:tt
        coordinator_records $_coordinators:tt
        internal_records { $( $file:ident::$record:ident; )* }
        $($_others:tt)*
    ) => {{
        const ALL: &[fn(i16, &Bytes)] = &[
            $( whole::<messages::$module::$message>, )*
            $( whole::<internal_records::$file::$record>, )*
        ];
        if let Some(check) = ALL.get(usize::from($kind)) {
            check($version, &$bytes);
        }
    }};
}

/// A byte says of which topic and whether a key or a value, or which message that has no header;
/// the next one is the type of a value, or the version of such a message.
pub fn internal_records(mut data: &[u8]) {
    let (kind, number) = (choice(&mut data), i16::from(choice(&mut data)));
    let bytes = Bytes::copy_from_slice(data);
    macro_rules! of_kind {
        ($($keys:ident is $key:literal, $values:ident is $value:literal;)*) => {
            match kind {
                $(
                    $key => prefixed(
                        &bytes,
                        $keys::decode,
                        |key, _| key.encode(),
                        |id| Some((schema_of(stringify!($keys), id)?, 0)),
                    ),
                    $value => prefixed(
                        &bytes,
                        |bytes| $values::decode(number, bytes),
                        $values::encode,
                        |version| Some((schema_of(stringify!($values), number)?, version)),
                    ),
                )*
                _ => with_every_message!(plain kind - 6, number, bytes;),
            }
        };
    }
    of_kind! {
        GroupRecordKey is 0, GroupRecordValue is 1;
        TransactionRecordKey is 2, TransactionRecordValue is 3;
        ShareRecordKey is 4, ShareRecordValue is 5;
    }
}

/// What a number of two bytes stands in front of: the type of a key, the version of a value.
fn prefixed<T: PartialEq + std::fmt::Debug>(
    bytes: &Bytes,
    decode: impl Fn(Bytes) -> Result<T, DecodeError>,
    encode: impl Fn(&T, i16) -> Result<Bytes, EncodeError>,
    schema: impl Fn(i16) -> Option<(Schema, i16)>,
) {
    let print = |bytes: Bytes| {
        let known = split(&bytes).and_then(|(number, body)| Some((schema(number)?, body)));
        match known {
            Some(((schema, version), body)) => Printer::default().message(&schema, version, body),
            None => decode(bytes).map(|_| String::new()),
        }
    };
    if let Some(value) = judged(bytes, &decode, print) {
        let (number, _) = split(bytes).expect("it was read just now");
        let encode = |value: &T| encode(value, number).expect("what was read can be written");
        survives(bytes, &value, encode, &decode, print);
    }
}

fn split(bytes: &Bytes) -> Option<(i16, Bytes)> {
    let number = bytes.first_chunk::<2>()?;
    Some((i16::from_be_bytes(*number), bytes.slice(2..)))
}

/// A message by itself.
fn whole<M: Message>(version: i16, bytes: &Bytes) {
    let decode = |bytes| M::decode_all(bytes, version);
    let print = |bytes| Printer::default().message(&Schema::of::<M>(), version, bytes);
    if let Some(value) = judged(bytes, decode, print) {
        let encode = |value: &M| value.to_bytes(version).expect("what was read can be written");
        survives(bytes, &value, encode, decode, print);
    }
}

macro_rules! schemas {
    (
        $enum:expr, $id:expr;
        apis $_apis:tt
        messages $_messages:tt
        metadata_records $_metadata:tt
        coordinator_records { $( $keys:ident, $values:ident of $topic:literal {
            $( $variant:ident: $module:ident($key:ident, $value:ident) = $number:literal; )*
        } )* }
        $($_others:tt)*
    ) => {
        $( if $enum == stringify!($keys) {
            match $id {
                $( $number => Some(Schema::of::<internal_records::$module::$key>()), )*
                _ => None,
            }
        } else if $enum == stringify!($values) {
            match $id {
                $( $number => Some(Schema::of::<internal_records::$module::$value>()), )*
                _ => None,
            }
        } else )* {
            None
        }
    };
}

/// What a record of type `id` consists of.
fn schema_of(records: &str, id: i16) -> Option<Schema> {
    with_every_message!(schemas records, id;)
}
