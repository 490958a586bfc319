//! Whether a decoded value has in its fields what its JSON says.

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
    let plain = |name: &str| name.replace('_', "").to_lowercase();
    for field in fields.iter().filter(|field| field.versions.contains(version)) {
        let names = [plain(field.name), plain(field.name) + "sizeinbytes"]; // the latter: records
        match members.iter().find(|(name, _)| names.contains(&plain(name))) {
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
