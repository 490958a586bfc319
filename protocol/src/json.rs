//! Messages as JSON, for people: the form of Kafka's own `JsonConverter`s, which its request log
//! has.
//!
//! Names are Kafka's, as in `throttleTimeMs`. Bytes are base64, ids are as Kafka prints them, and
//! of records only the size is shown, as `recordsSizeInBytes`, unless a [`Printer`] says otherwise.
//! Numbers are as on the wire: an unknown leader is -1. Tagged fields that are not declared are
//! shown too, as `unknownTaggedFields`: base64 by tag.
//!
//! A message that takes few bytes can make much text, up to 64 bytes for one: a [`Printer`] makes at
//! most [`JSON_BYTES_MAX`] bytes of it, or as many as it is told, and an error beyond.
//!
//! Bytes become text by walking over a [`Schema`], so that this costs no code for each message.
//!
//! ```
//! use ottla_protocol::ids::CorrelationId;
//! use ottla_protocol::messages::list_config_resources::ListConfigResourcesRequest;
//! use ottla_protocol::{encode_request, json};
//!
//! let request = ListConfigResourcesRequest { resource_types: vec![2], ..Default::default() };
//! let frame = encode_request(&request, 1, CorrelationId(7), Some("me"))?.into_bytes();
//! let text = json::Printer::default().request(frame.slice(4..))?;
//! assert_eq!(text, "{\"requestHeader\":{\"requestApiKey\":74,\"requestApiVersion\":1,\
//!     \"correlationId\":7,\"clientId\":\"me\",\"requestApiKeyName\":\"LIST_CONFIG_RESOURCES\"},\
//!     \"request\":{\"resourceTypes\":[2]}}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod batches;
mod records;
mod text;

use bytes::Bytes;

use crate::any::unknown_api;
use crate::api_key::ApiKey;
use crate::error::{DecodeError, DecodeReason};
use crate::header::{
    RequestHeader, ResponseHeader, answered_version, decode_request_header, in_header,
    response_header_version,
};
use crate::ids::Uuid;
use crate::limits::JSON_BYTES_MAX;
use crate::schema::{Field, Schema, Type, Versions, taken};
use crate::wire::{Reader, Version, Wire, read_tags};
use text::Text;

/// How records are shown.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Records {
    /// Their size, as in `"recordsSizeInBytes":1024`.
    #[default]
    Size,
    /// What the header of each batch says; what is no batch is called an `error`.
    Batches,
    /// As base64.
    Base64,
}

/// Turns bytes into one line of JSON.
#[derive(Clone, Copy, Debug)]
pub struct Printer {
    records: Records,
    bytes_max: usize,
}

impl Default for Printer {
    fn default() -> Self {
        Self { records: Records::default(), bytes_max: JSON_BYTES_MAX }
    }
}

impl Printer {
    /// Shows records so (default: [`Records::Size`]).
    #[must_use]
    pub fn records(self, records: Records) -> Self {
        Self { records, ..self }
    }

    /// Makes at most so many bytes of text of a message (default: [`JSON_BYTES_MAX`]); an error,
    /// [`DecodeReason::TooMuchText`], says where it would go on. Memory is up to three times the
    /// text, as it grows.
    #[must_use]
    pub fn bytes_max(self, bytes_max: usize) -> Self {
        Self { bytes_max, ..self }
    }

    /// A whole request, as `{"requestHeader":{..},"request":{..}}`; `frame` is what follows the
    /// length prefix.
    ///
    /// # Errors
    ///
    /// If the bytes are not a request that Kafka 4.4.0 declares, or bytes follow it.
    pub fn request(self, frame: Bytes) -> Result<String, DecodeError> {
        let header = decode_request_header(&mut Reader::new(frame.clone()))?;
        let (key, version) = (ApiKey(header.api_key), header.api_version);
        let schema = key.request_schema().ok_or_else(|| unknown_api(key, version))?;
        let mut reader = Reader::new(frame);
        let mut out = Text::new(self.bytes_max);
        out.open('{');
        out.member("requestHeader");
        out.open('{');
        let header_version = if key.is_flexible(version) { 2 } else { 1 };
        self.members(&Schema::of::<RequestHeader>(), header_version, &mut reader, &mut out)?;
        out.member("requestApiKeyName");
        out.string(&text::screaming(key.name()));
        out.close('}');
        out.member("request");
        self.whole(schema, version, &mut reader, &mut out)?;
        out.close('}');
        out.finish(schema.name, version)
    }

    /// A whole response, as `{"responseHeader":{..},"response":{..}}`; `frame` is what follows the
    /// length prefix, `key` and `version` are those of the request. Where the response is in another
    /// version (see [`answered_version`]), `"responseVersion"` between the two says which.
    ///
    /// # Errors
    ///
    /// If the bytes are not a response that Kafka 4.4.0 declares, or bytes follow it.
    pub fn response(self, frame: Bytes, key: ApiKey, version: i16) -> Result<String, DecodeError> {
        let (asked, version) = (version, answered_version(&frame, key, version));
        let schema = key.response_schema().ok_or_else(|| unknown_api(key, version))?;
        let mut reader = Reader::new(frame);
        let mut out = Text::new(self.bytes_max);
        out.open('{');
        out.member("responseHeader");
        out.open('{');
        let header_version = response_header_version(key, key.is_flexible(version));
        self.members(&Schema::of::<ResponseHeader>(), header_version, &mut reader, &mut out)
            .map_err(|error| in_header(error, schema.name, version))?;
        out.close('}');
        if version != asked {
            out.member("responseVersion");
            out.display(version);
        }
        out.member("response");
        self.whole(schema, version, &mut reader, &mut out)?;
        out.close('}');
        out.finish(schema.name, version)
    }

    /// A message without any header, such as the value of a control record.
    ///
    /// # Errors
    ///
    /// If `version` is not declared, the bytes are not such a message, or bytes follow it.
    pub fn message(
        self,
        schema: &Schema,
        version: i16,
        bytes: Bytes,
    ) -> Result<String, DecodeError> {
        let mut out = Text::new(self.bytes_max);
        self.whole(schema, version, &mut Reader::new(bytes), &mut out)?;
        out.finish(schema.name, version)
    }

    fn whole(
        self,
        schema: &Schema,
        version: i16,
        reader: &mut Reader,
        out: &mut Text,
    ) -> Result<(), DecodeError> {
        out.open('{');
        self.members(schema, version, reader, out)?;
        out.close('}');
        reader.finish().map_err(|error| error.in_message(schema.name, version))
    }

    fn members(
        self,
        schema: &Schema,
        number: i16,
        reader: &mut Reader,
        out: &mut Text,
    ) -> Result<(), DecodeError> {
        let result = match schema.version(number) {
            Some(version) => self.fields(schema.fields, version, reader, out),
            None => Err(DecodeError::new(DecodeReason::UnknownVersion)),
        };
        result.map_err(|error| error.in_message(schema.name, number))
    }

    fn fields(
        self,
        fields: &'static [Field],
        version: Version,
        reader: &mut Reader,
        out: &mut Text,
    ) -> Result<(), DecodeError> {
        let present = |field: &&Field| field.versions.contains(version.number);
        for field in fields.iter().filter(present).filter(|field| field.tag.is_none()) {
            taken(self.field(field, version, reader, out), field.name)?;
        }
        if !version.flexible {
            return Ok(());
        }
        let unknown = read_tags(reader, |tag, reader| {
            let tagged = |field: &&Field| field.tag == Some(tag);
            let Some(field) = fields.iter().filter(present).find(tagged) else {
                return Ok(false);
            };
            taken(self.field(field, version, reader, out), field.name)?;
            taken(reader.tag_taken(), field.name)?;
            Ok(true)
        })?;
        if !unknown.is_empty() {
            out.member("unknownTaggedFields");
            out.open('{');
            for (tag, bytes) in unknown.as_slice() {
                out.member(&tag.to_string());
                out.base64(bytes);
            }
            out.close('}');
        }
        out.check()
    }

    fn field(
        self,
        field: &Field,
        version: Version,
        reader: &mut Reader,
        out: &mut Text,
    ) -> Result<(), DecodeError> {
        let present = if is_records(field) {
            self.records_field(field, version, reader, out)?
        } else {
            out.member(&text::camel(field.name));
            let is_struct = matches!(field.kind, Type::Struct { .. });
            // a byte says whether a struct that may be null follows; a varint if it is tagged
            let follows = match field.tag {
                _ if !is_struct || field.nullable.is_none() => true,
                Some(_) => reader.uvarint()? != 0,
                None => i8::read(reader, version)? >= 0,
            };
            follows && self.value(&field.kind, version, reader, out)?
        };
        if present {
            return out.check();
        }
        out.null();
        let allowed = field.nullable.is_some_and(|null: Versions| null.contains(version.number));
        if allowed { Ok(()) } else { Err(DecodeError::new(DecodeReason::Null)) }
    }

    /// Whether there was a value; nothing is written for null.
    fn value(
        self,
        kind: &Type,
        version: Version,
        reader: &mut Reader,
        out: &mut Text,
    ) -> Result<bool, DecodeError> {
        match kind {
            Type::Bool => out.display(bool::read(reader, version)?),
            Type::Int8 => out.display(i8::read(reader, version)?),
            Type::Int16 => out.display(i16::read(reader, version)?),
            Type::Int32 => out.display(i32::read(reader, version)?),
            Type::Int64 => out.display(i64::read(reader, version)?),
            Type::Uint16 => out.display(u16::read(reader, version)?),
            Type::Uint32 => out.display(u32::read(reader, version)?),
            Type::Float64 => out.float(f64::read(reader, version)?),
            Type::Uuid => out.string(&Uuid::read(reader, version)?.to_string()),
            Type::String | Type::PlainString => {
                let plain = Version { flexible: false, ..version };
                let compact = matches!(kind, Type::String);
                match reader.string(if compact { version } else { plain })? {
                    Some(text) => out.string(&text),
                    None => return Ok(false),
                }
            }
            Type::Bytes => match reader.bytes(version)? {
                Some(bytes) => out.base64(&bytes),
                None => return Ok(false),
            },
            Type::Array(item) => return self.array(item, version, reader, out),
            Type::Struct { fields, .. } => {
                out.open('{');
                self.fields(fields, version, reader, out)?;
                out.close('}');
            }
        }
        Ok(true)
    }

    fn array(
        self,
        item: &Type,
        version: Version,
        reader: &mut Reader,
        out: &mut Text,
    ) -> Result<bool, DecodeError> {
        // nothing is allocated for the items
        let Some(count) = reader.count(version, item.size_min(version), 0)? else {
            return Ok(false);
        };
        out.open('[');
        for index in 0..count {
            out.item();
            match self.value(item, version, reader, out) {
                Ok(true) => out.check().map_err(|error| error.in_item(index))?,
                Ok(false) => return Err(DecodeError::new(DecodeReason::Null).in_item(index)),
                Err(error) => return Err(error.in_item(index)),
            }
        }
        out.close(']');
        Ok(true)
    }

    /// Whether there were records.
    fn records_field(
        self,
        field: &Field,
        version: Version,
        reader: &mut Reader,
        out: &mut Text,
    ) -> Result<bool, DecodeError> {
        let name = text::camel(field.name);
        let records = reader.bytes(version)?;
        match (self.records, records) {
            (_, None) => {
                out.member(&name);
                return Ok(false);
            }
            (Records::Size, Some(records)) => {
                out.member(&format!("{name}SizeInBytes"));
                out.display(records.len());
            }
            (Records::Batches, Some(records)) => {
                out.member(&name);
                batches::put(records, out);
            }
            (Records::Base64, Some(records)) => {
                out.member(&name);
                out.base64(&records);
            }
        }
        Ok(true)
    }
}

/// Whether Kafka's type is `records`. On the wire they are bytes, but only records are named so.
fn is_records(field: &Field) -> bool {
    matches!(field.kind, Type::Bytes) && matches!(field.name, "records" | "unaligned_records")
}

#[cfg(test)]
mod tests;
