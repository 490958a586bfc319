//! Every declared message against Kafka's own schemas, which `data/kafka-schemas.tsv` has.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::collections::BTreeMap;
use std::fmt::Write;

use ottla_protocol::api_key::APIS;
use ottla_protocol::messages;
use ottla_protocol::schema::{Field, Request, SCHEMAS, Schema, Type, Versions};
use ottla_protocol::with_every_message;

const TABLE: &str = include_str!("data/kafka-schemas.tsv");

/// By name of the message: its line and those of its fields.
fn kafka() -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut messages = BTreeMap::new();
    let mut name = "";
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        if !line.starts_with('.') {
            name = line.split('\t').next().unwrap();
            assert!(!messages.contains_key(name), "{name} is there twice");
        }
        messages.entry(name).or_insert_with(Vec::new).push(line);
    }
    messages
}

/// The lines of a declaration as the table has them, but for the defaults: those are expressions.
struct Lines(Vec<(String, Option<&'static str>)>);

impl Lines {
    fn of(schema: &Schema) -> Self {
        let Versions { min: first, max: last } = schema.versions;
        let flexible = schema.flexible_from.filter(|from| *from <= last);
        let flexible = flexible.map_or_else(dash, |from| from.max(first).to_string());
        let mut lines = Self(vec![(format!("{}\t{first}-{last}\t{flexible}", schema.name), None)]);
        lines.fields(schema.fields, schema.versions, 1);
        lines
    }

    fn fields(&mut self, fields: &[Field], around: Versions, depth: usize) {
        let mut ordered: Vec<_> = fields.iter().collect();
        ordered.sort_by_key(|field| field.tag.map_or(0, |tag| tag + 1)); // stable
        for field in ordered {
            let Some(versions) = cut(field.versions, around) else { continue };
            let null = field.nullable.and_then(|null| cut(null, versions));
            let mut line = ".".repeat(depth);
            let (name, kind) = (field.name.trim_end_matches('_'), kind(&field.kind));
            let tag = field.tag.map_or_else(dash, |tag| tag.to_string());
            let ignorable = if field.ignorable { "ignorable" } else { "-" };
            let (shown, null) = (show(Some(versions)), show(null));
            write!(line, "{name}\t{kind}\t{shown}\t{null}\t{tag}\t{ignorable}").unwrap();
            self.0.push((line, field.default));
            let item = if let Type::Array(item) = &field.kind { item } else { &field.kind };
            if let Type::Struct { fields, .. } = item {
                self.fields(fields, versions, depth + 1);
            }
        }
    }
}

fn dash() -> String {
    "-".to_owned()
}

fn cut(versions: Versions, around: Versions) -> Option<Versions> {
    let (min, max) = (versions.min.max(around.min), versions.max.min(around.max));
    (min <= max).then_some(Versions { min, max })
}

fn show(versions: Option<Versions>) -> String {
    versions.map_or_else(dash, |versions| format!("{}-{}", versions.min, versions.max))
}

fn kind(of: &Type) -> String {
    match of {
        Type::Array(item) => format!("[]{}", kind(item)),
        Type::Struct { .. } => "struct".to_owned(),
        Type::PlainString => "string".to_owned(),
        simple => format!("{simple:?}").to_lowercase(),
    }
}

/// Whether our expression is what Kafka has. What may be null has no default in most of Kafka's
/// schemas, where it is null with us; but not if it is tagged, because then null is written.
fn same_default(ours: Option<&str>, kafka: &str, optional_tag: bool) -> bool {
    let ours = match ours {
        None if optional_tag => return kafka == "null",
        // None of a newtype is -1; reflection does not tell it from a number
        None => return matches!(kafka, "-" | "0" | "false" | "null" | "-1"),
        Some("None") => return matches!(kafka, "null" | "-1"),
        Some("0" | "false" | "Str::new()" | "Some(Str::new())" | "Some(Vec::new())") => "-",
        Some("Some(ClassicMemberMetadata::default())") => "-",
        Some("LeaderEpoch(-1)" | "PartitionIndex(-1)") => "-1",
        Some("Some(NodeId(0))") => "-",
        Some("PATTERN_LITERAL") => "3",
        Some("LEADER_UNCHANGED" | "Some(REPLICA_DEBUG)") => "-2",
        Some("UPGRADE") => "1",
        Some("RESOURCE_TYPE_CLIENT_METRICS") => "16",
        Some("OPERATIONS_NOT_ASKED") => "-2147483648",
        Some("i32::MAX") => "2147483647",
        Some("Some(Offset::MAX)") => "9223372036854775807",
        Some(number) => &number.replace('_', ""),
    };
    ours == kafka || ours == "-" && matches!(kafka, "0" | "false")
}

#[test]
fn every_message_is_declared_as_in_kafka() {
    fn check(schema: &Schema, kafka: &BTreeMap<&str, Vec<&str>>, complaints: &mut Vec<String>) {
        let name = schema.name;
        let Some(theirs) = kafka.get(name) else {
            return complaints.push(format!("{name} is not in the table"));
        };
        let ours = Lines::of(schema).0;
        for at in 0..ours.len().max(theirs.len()) {
            let (line, default) = ours.get(at).map_or(("", None), |(line, d)| (&**line, *d));
            let their = theirs.get(at).copied().unwrap_or_default();
            let (fields, their_default) = match their.starts_with('.') {
                true => their.rsplit_once('\t').unwrap(),
                false => (their.rsplitn(3, '\t').last().unwrap(), "-"), // number and listeners
            };
            if line != fields {
                // what follows is only out of step
                return complaints.push(format!("{name}: {line:?}, Kafka: {fields:?}"));
            }
            let columns: Vec<&str> = their.split('\t').collect();
            let optional_tag =
                matches!(columns[..], [_, _, _, null, tag, _, _] if null != "-" && tag != "-");
            if !same_default(default, their_default, optional_tag) {
                complaints.push(format!("{name}: {line:?}: {default:?}, Kafka: {their:?}"));
            }
        }
    }
    let (kafka, mut complaints) = (kafka(), Vec::new());
    for schema in SCHEMAS {
        check(schema, &kafka, &mut complaints);
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// The number of an API or of a type of record, by name of the message.
macro_rules! numbers {
    (
        apis { $( $api:ident: $module:ident($request:ident, $response:ident); )* }
        messages $_messages:tt
        metadata_records { $( $variant:ident($record:ident) = $id:literal; )* }
        coordinator_records { $( $keys:ident, $values:ident of $topic:literal {
            $( $name:ident: $folder:ident($key:ident, $value:ident) = $number:literal; )*
        } )* }
        $($_others:tt)*
    ) => {
        BTreeMap::from([
            $(
                (stringify!($request), messages::$module::$request::KEY.0),
                (stringify!($response), messages::$module::$request::KEY.0),
            )*
            $( (stringify!($record), $id), )*
            $( $( (stringify!($key), $number), (stringify!($value), $number), )* )*
        ])
    };
}

#[test]
fn every_number_is_that_of_kafka() {
    let ours: BTreeMap<&str, i16> = with_every_message!(numbers);
    for (name, lines) in kafka() {
        let number = lines[0].split('\t').nth(3).unwrap();
        // written by a plug-in of brokers, which numbers them on its own
        if !name.starts_with("Remote") || ours.contains_key(name) {
            assert_eq!(ours.get(name).map_or_else(dash, i16::to_string), number, "{name}");
        }
    }
}

#[test]
fn every_api_is_named_as_in_kafka_and_advertised_where_brokers_take_it() {
    let kafka = kafka();
    let not_advertised = [
        "GetTelemetrySubscriptions", // only where a plug-in takes metrics
        "PushTelemetry",
        "StreamsGroupTopologyDescriptionUpdate", // newer than Kafka 4.3.1
        "UnregisterController",
    ];
    for api in APIS {
        let line = kafka[&*format!("{}Request", api.name)][0];
        let columns: Vec<&str> = line.split('\t').collect();
        assert_eq!(columns[3], api.key.0.to_string(), "{}", api.name);
        let taken = columns[4].split(',').any(|listener| listener == "broker");
        let expected = taken && !not_advertised.contains(&api.name);
        assert_eq!(api.advertised.is_some(), expected, "{}", api.name);
    }
}

#[test]
fn every_message_of_kafka_is_declared_and_no_other() {
    let mut declared: Vec<&str> = SCHEMAS.iter().map(|schema| schema.name).collect();
    declared.sort_unstable();
    assert_eq!(declared, kafka().into_keys().collect::<Vec<_>>());
}

/// `with_every_message` is a list by hand: nothing that is declared may be missing in it.
#[test]
fn the_list_of_messages_has_all_that_are_declared() {
    let mut listed: Vec<&str> = SCHEMAS.iter().map(|schema| schema.name).collect();
    let mut declared = vec!["RequestHeader".to_owned(), "ResponseHeader".to_owned()];
    for folder in ["messages", "metadata_records", "internal_records"] {
        let folder = format!("{}/src/{folder}", env!("CARGO_MANIFEST_DIR"));
        for entry in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            let structs = text.lines().filter_map(|line| line.trim().strip_prefix("struct "));
            let messages = structs.filter_map(|rest| rest.split_once('('));
            declared.extend(messages.map(|(name, _)| name.to_owned()));
        }
    }
    listed.sort_unstable();
    declared.sort_unstable();
    assert_eq!(listed, declared);
}
