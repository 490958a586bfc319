//! Whether a decoded value has in its fields what its JSON says.

use std::collections::BTreeMap;
use std::fmt::Debug;

use ottla_protocol::schema::{Field, Type};
use serde_json::Value;

/// Takes away what Kafka's own JSON does not show; tells how many structs had such fields.
pub(crate) fn take_unknown_tags(json: &mut Value) -> usize {
    match json {
        Value::Object(members) => {
            let own = usize::from(members.remove("unknownTaggedFields").is_some());
            own + members.values_mut().map(take_unknown_tags).sum::<usize>()
        }
        Value::Array(items) => items.iter_mut().map(take_unknown_tags).sum(),
        _ => 0,
    }
}

/// Puts Kafka's default where ours stands in the JSON of a message with nothing set; tells how many
/// fields that are. `others` is by field, behind the names of what it stands `inside`.
pub(crate) fn put_defaults(
    fields: &[Field],
    inside: &str,
    others: &BTreeMap<&str, Value>,
    json: &mut Value,
) -> usize {
    let (members, mut count) = (json.as_object_mut().unwrap(), 0);
    for field in fields {
        let Some((_, json)) = members.iter_mut().find(|(name, _)| is_name(name, field)) else {
            continue;
        };
        let path = format!("{inside}.{}", field.name);
        if let Some(other) = others.get(&*path) {
            *json = match (other, &field.kind) {
                (Value::Null, Type::Array(_)) => Value::Array(Vec::new()),
                (Value::Null, _) => Value::from(""),
                (number, _) => number.clone(),
            };
            count += 1;
        } else if let Type::Struct { fields, .. } = field.kind
            && json.is_object()
        {
            count += put_defaults(fields, &path, others, json);
        }
    }
    count
}

/// Whether Kafka's JSON calls a field so.
fn is_name(name: &str, field: &Field) -> bool {
    let plain = |name: &str| name.replace('_', "").to_lowercase();
    let (name, field) = (plain(name), plain(field.name));
    name == field || name == field + "sizeinbytes" // the latter: records
}

/// The fields of a message with every field set that are not in its JSON, or not under their name
/// in the decoded value. Numbers and strings are all different in such a message.
pub(crate) fn missing(
    fields: &[Field],
    version: i16,
    json: &Value,
    value: &dyn Debug,
) -> Vec<String> {
    let mut missing = Vec::new();
    fields_of(fields, version, json, &format!("{value:?}"), &mut missing);
    missing
}

fn fields_of(fields: &[Field], version: i16, json: &Value, text: &str, missing: &mut Vec<String>) {
    let members = json.as_object().unwrap();
    for field in fields.iter().filter(|field| field.versions.contains(version)) {
        match members.iter().find(|(name, _)| is_name(name, field)) {
            Some((_, json)) => member(field.name, &field.kind, version, json, text, missing),
            None => missing.push(field.name.to_owned()),
        }
    }
}

fn member(
    name: &str,
    kind: &Type,
    version: i16,
    json: &Value,
    text: &str,
    missing: &mut Vec<String>,
) {
    match (kind, json) {
        (Type::Bytes | Type::Bool, _) => {}
        (Type::Struct { fields, .. }, json) => fields_of(fields, version, json, text, missing),
        (Type::Array(kind), Value::Array(items)) => {
            for item in items {
                member(name, kind, version, item, text, missing);
            }
        }
        (kind, json) => {
            let shown = match (kind, json) {
                (Type::Uuid, Value::String(id)) => id.clone(),
                (_, Value::String(string)) => format!("{string:?}"),
                (_, json) => json.to_string(),
            };
            // behind the field's name and before the name of the next one
            let name = name.trim_start_matches("request_"); // as RequestHeader has it
            let label = format!(" {name}: ");
            let mut values = text.split(&label).skip(1);
            let near = |value: &str| value.split(": ").next().unwrap().contains(&shown);
            if !values.any(near) {
                missing.push(format!("{name}: {json}"));
            }
        }
    }
}
