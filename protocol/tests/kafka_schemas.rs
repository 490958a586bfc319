//! Every declared message against Kafka's own schemas, which `data/kafka-schemas.tsv` has.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use ottla_protocol::api_key::APIS;
use ottla_protocol::ids::Uuid;
use ottla_protocol::messages;
use ottla_protocol::schema::{DefaultValue, Field, Request, SCHEMAS, Schema, Type, Versions};
use ottla_protocol::with_every_message;

const TABLE: &str = include_str!("data/kafka-schemas.tsv");
/// Fields whose default is not Kafka's; its head says why.
const DEFAULTS: &str = include_str!("data/defaults.tsv");

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

/// The lines of a declaration as the table has them, but for the defaults.
struct Lines(Vec<Line>);

struct Line {
    text: String,
    /// With the names of what it stands in; `None` of the message itself.
    field: Option<(String, &'static Field)>,
}

impl Lines {
    fn of(schema: &Schema) -> Self {
        let Versions { min: first, max: last } = schema.versions;
        let flexible = schema.flexible_from.filter(|from| *from <= last);
        let flexible = flexible.map_or_else(dash, |from| from.max(first).to_string());
        let text = format!("{}\t{first}-{last}\t{flexible}", schema.name);
        let mut lines = Self(vec![Line { text, field: None }]);
        lines.fields(schema.fields, schema.versions, 1, schema.name);
        lines
    }

    fn fields(&mut self, fields: &'static [Field], around: Versions, depth: usize, path: &str) {
        let mut ordered: Vec<_> = fields.iter().collect();
        ordered.sort_by_key(|field| field.tag.map_or(0, |tag| tag + 1)); // stable
        for field in ordered {
            let Some(versions) = cut(field.versions, around) else { continue };
            let null = field.nullable.and_then(|null| cut(null, versions));
            let mut text = ".".repeat(depth);
            let (name, kind) = (field.name, kind(&field.kind));
            let tag = field.tag.map_or_else(dash, |tag| tag.to_string());
            let ignorable = if field.ignorable { "ignorable" } else { "-" };
            let (shown, null) = (show(Some(versions)), show(null));
            write!(text, "{name}\t{kind}\t{shown}\t{null}\t{tag}\t{ignorable}").unwrap();
            let path = format!("{path}.{name}");
            self.0.push(Line { text, field: Some((path.clone(), field)) });
            let item = if let Type::Array(item) = &field.kind { item } else { &field.kind };
            if let Type::Struct { fields, .. } = item {
                self.fields(fields, versions, depth + 1, &path);
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

/// What Kafka's generated classes have where nothing is set; `text` is the table's last column.
fn kafka_default(text: &str, kind: &Type) -> DefaultValue {
    match (text, kind) {
        ("null", _) => DefaultValue::Null,
        ("-", Type::Bool) => DefaultValue::Bool(false),
        ("-", Type::Float64) => DefaultValue::Float(0.0),
        ("-", Type::Uuid) => DefaultValue::Uuid(Uuid::ZERO),
        ("-", Type::Struct { .. }) => DefaultValue::Struct,
        ("-", Type::String | Type::PlainString | Type::Bytes | Type::Array(_)) => {
            DefaultValue::Empty
        }
        ("-", _) => DefaultValue::Int(0),
        (text, Type::Bool) => DefaultValue::Bool(text.parse().unwrap()),
        (number, _) => DefaultValue::Int(number.parse().unwrap()),
    }
}

#[test]
fn every_message_is_declared_as_in_kafka() {
    fn check(schema: &Schema, kafka: &BTreeMap<&str, Vec<&str>>) -> Option<String> {
        let name = schema.name;
        let Some(theirs) = kafka.get(name) else {
            return Some(format!("{name} is not in the table"));
        };
        let ours = Lines::of(schema).0;
        (0..ours.len().max(theirs.len())).find_map(|at| {
            let line = ours.get(at).map_or("", |line| &line.text);
            let their = theirs.get(at).copied().unwrap_or_default();
            // without the default; a message has a number and listeners
            let columns = if their.starts_with('.') { 2 } else { 3 };
            let fields = their.rsplitn(columns, '\t').last().unwrap();
            // only the first: what follows is out of step
            (line != fields).then(|| format!("{name}: {line:?}, Kafka: {fields:?}"))
        })
    }
    let kafka = kafka();
    let complaints: Vec<String> =
        SCHEMAS.iter().filter_map(|schema| check(schema, &kafka)).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn every_default_is_that_of_kafka_but_for_those_that_are_listed() {
    let kafka = kafka();
    let mut differ = BTreeSet::new();
    for schema in SCHEMAS {
        for (line, their) in Lines::of(schema).0.iter().zip(&kafka[schema.name]) {
            let Some((path, field)) = &line.field else { continue };
            let theirs = kafka_default(their.rsplit('\t').next().unwrap(), &field.kind);
            if field.default != theirs {
                differ.insert(format!("{path}\t{:?}\t{theirs:?}", field.default));
            }
        }
    }
    let listed = DEFAULTS.lines().filter(|line| !line.starts_with('#'));
    let listed: BTreeSet<String> = listed.map(str::to_owned).collect();
    let missing: Vec<&str> = differ.difference(&listed).map(|line| &**line).collect();
    let untrue: Vec<&str> = listed.difference(&differ).map(|line| &**line).collect();
    assert!(
        missing.is_empty() && untrue.is_empty(),
        "not listed:\n{}\nlisted, but not so:\n{}",
        missing.join("\n"),
        untrue.join("\n")
    );
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
