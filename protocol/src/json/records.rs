//! What stands in records and inside other messages, behind a type or a version.

use bytes::Bytes;

use super::Printer;
use super::text::{Text, screaming};
use crate::error::DecodeError;
use crate::messages::consumer_protocol::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription,
};
use crate::schema::{Schema, taken};
use crate::wire::Reader;
use crate::{internal_records, metadata_records};

impl Printer {
    /// The value of a record of the metadata log, as `kafka-dump-log` shows it:
    /// `{"type":"TOPIC_RECORD","version":0,"data":{..}}`.
    ///
    /// # Errors
    ///
    /// If the bytes are not such a value.
    pub fn metadata_record(self, value: Bytes) -> Result<String, DecodeError> {
        let mut reader = Reader::new(value);
        let (schema, version) = metadata_records::read_schema(&mut reader)?;
        let mut out = Text::new(self.bytes_max);
        out.open('{');
        out.member("type");
        out.string(&screaming(schema.name));
        self.versioned(schema, version, &mut reader, &mut out)?;
        out.finish(schema.name, version)
    }

    /// A record of `__consumer_offsets`, `__transaction_state` or `__share_group_state`, as the
    /// formatters of `kafka-console-consumer` show it:
    /// `{"key":{"type":1,"data":{..}},"value":{"version":3,"data":{..}}}`. The value of a record
    /// that takes away what its key names is null.
    ///
    /// # Errors
    ///
    /// If `topic` is another one, or the bytes are no record of it.
    pub fn coordinator_record(
        self,
        topic: &str,
        key: Bytes,
        value: Option<Bytes>,
    ) -> Result<String, DecodeError> {
        let mut reader = Reader::new(key);
        let (id, key, of_value) = internal_records::read_schemas(topic, &mut reader)?;
        let mut out = Text::new(self.bytes_max);
        out.open('{');
        out.member("key");
        out.open('{');
        out.member("type");
        out.display(id);
        out.member("data");
        self.whole(key, internal_records::KEY_VERSION, &mut reader, &mut out)?;
        out.close('}');
        out.member("value");
        let Some(value) = value else {
            out.null();
            out.close('}');
            return out.finish(key.name, internal_records::KEY_VERSION);
        };
        let mut reader = Reader::new(value);
        let version = read_version(&mut reader, of_value.name)?;
        out.open('{');
        self.versioned(of_value, version, &mut reader, &mut out)?;
        out.close('}');
        out.finish(of_value.name, version)
    }

    /// What a consumer tells the leader of its group, as
    /// [`ConsumerProtocolSubscription::to_blob`] writes it: `{"version":3,"data":{..}}`. Of a version
    /// that is not declared, what the newest one knows is shown.
    ///
    /// # Errors
    ///
    /// If the bytes are no such message.
    pub fn consumer_subscription(self, blob: Bytes) -> Result<String, DecodeError> {
        self.blob(&Schema::of::<ConsumerProtocolSubscription>(), blob)
    }

    /// What the leader of a group gives a consumer, as [`ConsumerProtocolAssignment::to_blob`] writes
    /// it: `{"version":3,"data":{..}}`. Of a version that is not declared, what the newest one knows
    /// is shown.
    ///
    /// # Errors
    ///
    /// If the bytes are no such message.
    pub fn consumer_assignment(self, blob: Bytes) -> Result<String, DecodeError> {
        self.blob(&Schema::of::<ConsumerProtocolAssignment>(), blob)
    }

    /// As `from_blob`: a newer version is read as far as it is known, the rest left alone.
    fn blob(self, schema: &Schema, blob: Bytes) -> Result<String, DecodeError> {
        let mut reader = Reader::new(blob);
        let version = read_version(&mut reader, schema.name)?;
        let mut out = Text::new(self.bytes_max);
        out.open('{');
        out.member("version");
        out.display(version);
        out.member("data");
        out.open('{');
        self.members(schema, version.min(schema.versions.max), &mut reader, &mut out)?;
        out.close('}');
        out.close('}');
        out.finish(schema.name, version)
    }

    /// The last members of an object: the version, and the message.
    fn versioned(
        self,
        schema: &Schema,
        version: i16,
        reader: &mut Reader,
        out: &mut Text,
    ) -> Result<(), DecodeError> {
        out.member("version");
        out.display(version);
        out.member("data");
        self.whole(schema, version, reader, out)?;
        out.close('}');
        Ok(())
    }
}

/// The version that stands in front of the message `name`.
fn read_version(reader: &mut Reader, name: &'static str) -> Result<i16, DecodeError> {
    let version = taken(reader.fixed(), "version").map_err(|error| error.in_message(name, -1))?;
    Ok(i16::from_be_bytes(version))
}
