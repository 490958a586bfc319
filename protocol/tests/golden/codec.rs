//! Decoding and encoding of any message by its name, through what a user would call.

use std::collections::BTreeMap;
use std::fmt::Debug;

use bytes::Bytes;
use ottla_protocol::internal_records::{
    self, GroupRecordKey, GroupRecordValue, ShareRecordKey, ShareRecordValue, TransactionRecordKey,
    TransactionRecordValue,
};
use ottla_protocol::messages::consumer_protocol::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription,
};
use ottla_protocol::metadata_records::{self, MetadataRecord};
use ottla_protocol::schema::Schema;
use ottla_protocol::{
    AnyRequest, AnyResponse, ApiKey, DecodeError, EncodeError, FrameWriter, Message, Reader,
    Request, header, messages,
};

/// What was decoded: itself as text, and encoded again.
type Decoded = Result<(Shown, Bytes), DecodeError>;

/// A value that can be shown.
pub(crate) type Shown = Box<dyn Debug>;

/// What can be done with a message.
pub(crate) struct Codec {
    pub(crate) schema: Schema,
    /// Decodes and encodes all of the bytes: those of the message, or the whole key or value of a
    /// record, or the whole blob.
    pub(crate) again: fn(i16, Bytes) -> Decoded,
    /// Which API it is a request or response of.
    pub(crate) api: Option<Api>,
}

/// A message that stands behind a header.
#[derive(Clone, Copy)]
pub(crate) enum Api {
    Request(ApiKey),
    Response(ApiKey),
}

fn done(value: impl Debug + 'static, bytes: Result<Bytes, EncodeError>) -> Decoded {
    let bytes = bytes.unwrap_or_else(|error| panic!("{value:?}: {error}"));
    Ok((Box::new(value), bytes))
}

fn request(key: ApiKey, version: i16, bytes: Bytes) -> Decoded {
    let mut reader = Reader::new(bytes);
    let request = AnyRequest::decode(key, version, &mut reader)?;
    reader.finish()?;
    let mut out = FrameWriter::new();
    let result = request.encode(version, &mut out);
    done(request, result.map(|()| out.into_bytes()))
}

fn response(key: ApiKey, version: i16, bytes: Bytes) -> Decoded {
    let mut reader = Reader::new(bytes);
    let response = AnyResponse::decode(key, version, &mut reader)?;
    reader.finish()?;
    let mut out = FrameWriter::new();
    let result = response.encode(version, &mut out);
    done(response, result.map(|()| out.into_bytes()))
}

fn metadata_record(version: i16, bytes: Bytes) -> Decoded {
    let record = MetadataRecord::decode(bytes)?;
    let encoded = record.encode(version);
    done(record, encoded)
}

fn alone<M: Message + 'static>(version: i16, bytes: Bytes) -> Decoded {
    let message = M::decode_all(bytes, version)?;
    let encoded = message.to_bytes(version);
    done(message, encoded)
}

macro_rules! codecs {
    (
        apis { $( $_api:ident: $api:ident($request:ident, $response:ident); )* }
        messages { $( $module:ident::$message:ident; )* }
        metadata_records { $( $_record:ident($record:ident) = $_id:literal; )* }
        coordinator_records { $( $keys:ident, $values:ident of $_topic:literal {
            $( $_variant:ident: $at:ident($key:ident, $value:ident) = $type:literal; )*
        } )* }
        internal_records { $( $internal:ident::$other:ident; )* }
    ) => {
        vec![
            $(
                Codec {
                    again: |version, bytes| {
                        request(messages::$api::$request::KEY, version, bytes)
                    },
                    api: Some(Api::Request(messages::$api::$request::KEY)),
                    schema: Schema::of::<messages::$api::$request>(),
                },
                Codec {
                    again: |version, bytes| {
                        response(messages::$api::$request::KEY, version, bytes)
                    },
                    api: Some(Api::Response(messages::$api::$request::KEY)),
                    schema: Schema::of::<messages::$api::$response>(),
                },
            )*
            $( codec::<metadata_records::$record>(metadata_record), )*
            $( $(
                codec::<internal_records::$at::$key>(|_, bytes| {
                    let key = $keys::decode(bytes)?;
                    let encoded = key.encode();
                    done(key, encoded)
                }),
                codec::<internal_records::$at::$value>(|version, bytes| {
                    let value = $values::decode($type, bytes)?;
                    let encoded = value.encode(version);
                    done(value, encoded)
                }),
            )* )*
            $( codec::<messages::$module::$message>(alone::<messages::$module::$message>), )*
            $( codec::<internal_records::$internal::$other>(
                alone::<internal_records::$internal::$other>
            ), )*
        ]
    };
}

fn codec<M: Message>(again: fn(i16, Bytes) -> Decoded) -> Codec {
    Codec { schema: Schema::of::<M>(), again, api: None }
}

/// Every message by Kafka's name.
pub(crate) fn all() -> BTreeMap<&'static str, Codec> {
    let codecs: Vec<Codec> = ottla_protocol::with_every_message!(codecs);
    let headers = [
        codec::<header::RequestHeader>(alone::<header::RequestHeader>),
        codec::<header::ResponseHeader>(alone::<header::ResponseHeader>),
    ];
    let mut all = BTreeMap::new();
    for codec in codecs.into_iter().chain(headers) {
        let before = all.insert(codec.schema.name, codec);
        assert!(before.is_none());
    }
    // these two are blobs inside of other messages, behind their version
    let subscription = |version, bytes| {
        let subscription = ConsumerProtocolSubscription::from_blob(bytes)?;
        let encoded = subscription.to_blob(version);
        done(subscription, encoded)
    };
    let assignment = |version, bytes| {
        let assignment = ConsumerProtocolAssignment::from_blob(bytes)?;
        let encoded = assignment.to_blob(version);
        done(assignment, encoded)
    };
    all.get_mut(ConsumerProtocolSubscription::NAME).unwrap().again = subscription;
    all.get_mut(ConsumerProtocolAssignment::NAME).unwrap().again = assignment;
    all
}
