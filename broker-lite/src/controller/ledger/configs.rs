//! Settings that change while the cluster runs.

use std::collections::BTreeMap;

use ottla_protocol::Str;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::NodeId;
use ottla_protocol::topic::check_name;

use super::{AlterConfigs, ConfigChange, Operation, Refusal, Reply, ResourceChange, refusal};
use crate::config::{
    Known, Role, check_broker_setting, check_topic_setting, check_topic_settings, items,
};
use crate::controller::image::{BROKER_RESOURCE, Image, TOPIC_RESOURCE};
use crate::controller::records::{self, Event};

type Settings = BTreeMap<String, String>;

/// Decides resource by resource: each changes as a whole or not at all.
pub(super) fn alter(image: &Image, request: &AlterConfigs) -> (Vec<Event>, Reply) {
    let mut seen: BTreeMap<(i8, &str), usize> = BTreeMap::new();
    for resource in &request.resources {
        *seen.entry((resource.kind, &resource.name)).or_default() += 1;
    }
    let mut events = Vec::new();
    let results = request.resources.iter().map(|resource| {
        if seen.get(&(resource.kind, &*resource.name)).is_some_and(|n| *n > 1) {
            let message = "Each resource must appear at most once.";
            return refusal(ErrorCode::INVALID_REQUEST, message);
        }
        let role = check_resource(image, resource)?;
        let before = image.config(resource.kind, &resource.name);
        let after = changed(&before, role, &resource.change)?;
        for (name, value) in &after {
            // what was set before may be what is no setting any more
            if before.get(name) != Some(value) {
                check(role, name, Some(value))?;
            }
        }
        if let Role::Topic = role {
            let after = after.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            if let Err(error) = check_topic_settings(request.lags, after) {
                return refusal(ErrorCode::INVALID_CONFIG, error.to_string());
            }
        }
        let config = |name: &String, value: Option<&String>| {
            let value = value.map(|value| Str::from(value.as_str()));
            let name = Str::from(name.as_str());
            records::config(resource.kind, &resource.name, &name, value.as_ref())
        };
        let gone = before.keys().filter(|name| !after.contains_key(*name));
        events.extend(gone.map(|name| config(name, None)));
        let new = after.iter().filter(|(name, value)| before.get(*name) != Some(value));
        events.extend(new.map(|(name, value)| config(name, Some(value))));
        Ok(())
    });
    let results = results.collect();
    if request.validate_only {
        events.clear();
    }
    (events, Reply::Altered(results))
}

/// Whether there is such a resource, and whose settings it takes.
fn check_resource(image: &Image, resource: &ResourceChange) -> Result<Role, Refusal> {
    let name = &resource.name;
    match resource.kind {
        TOPIC_RESOURCE if name.is_empty() => {
            refusal(ErrorCode::INVALID_REQUEST, "Default topic resources are not allowed.")
        }
        TOPIC_RESOURCE => {
            if name.is_empty() {
                let message = "Default topic resources are not allowed.";
                return refusal(ErrorCode::INVALID_REQUEST, message);
            }
            if let Err(error) = check_name(name) {
                return refusal(ErrorCode::INVALID_TOPIC_EXCEPTION, error.to_string());
            }
            if image.topic(name).is_none() {
                let message = format!("The topic '{name}' does not exist.");
                return refusal(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, message);
            }
            Ok(Role::Topic)
        }
        BROKER_RESOURCE => {
            // settings are looked up by the name, for which "01" is another than "1"
            let id = name.parse().map(NodeId).ok().filter(|id| id.to_string() == **name);
            if name.is_empty() || id.is_some_and(|id| image.broker(id).is_some()) {
                return Ok(Role::Broker);
            }
            let message = format!("'{name}' is no broker; an empty name stands for all brokers.");
            refusal(ErrorCode::INVALID_REQUEST, message)
        }
        kind => {
            let message = format!("This broker has no settings for resources of type {kind}.");
            refusal(ErrorCode::INVALID_REQUEST, message)
        }
    }
}

/// What is set after the change.
fn changed(before: &Settings, role: Role, change: &ConfigChange) -> Result<Settings, Refusal> {
    let names = match change {
        ConfigChange::Replace(settings) => settings.iter().map(|(name, _)| name).collect(),
        ConfigChange::Edit(edits) => edits.iter().map(|(name, ..)| name).collect::<Vec<_>>(),
    };
    let unique: std::collections::BTreeSet<_> = names.iter().collect();
    if unique.len() != names.len() {
        return refusal(ErrorCode::INVALID_REQUEST, "Error due to duplicate config keys.");
    }
    let null = |name: &Str| Refusal {
        code: ErrorCode::INVALID_REQUEST,
        message: format!("Null value not supported for: {name}"),
    };
    match change {
        ConfigChange::Replace(settings) => {
            let value = |value: &Option<Str>| value.as_ref().map(ToString::to_string);
            let each = settings.iter();
            each.map(|(name, v)| Ok((name.to_string(), value(v).ok_or_else(|| null(name))?)))
                .collect()
        }
        ConfigChange::Edit(edits) => {
            let mut after = before.clone();
            for (name, operation, value) in edits {
                if *operation == Operation::Delete {
                    after.remove(&**name);
                    continue;
                }
                let value = value.as_deref().ok_or_else(|| null(name))?;
                let value = match operation {
                    Operation::Append | Operation::Subtract => {
                        edited(before, role, name, (*operation, value))?
                    }
                    Operation::Set | Operation::Delete => value.to_owned(),
                };
                after.insert(name.to_string(), value);
            }
            Ok(after)
        }
    }
}

/// A list with items added or taken out. What is not set counts as its default.
fn edited(
    before: &Settings,
    role: Role,
    name: &str,
    (operation, given): (Operation, &str),
) -> Result<String, Refusal> {
    check(role, name, None)?;
    let Some(known) = Known::find(role, name).filter(Known::is_list) else {
        let operation = if operation == Operation::Append { "APPEND" } else { "SUBTRACT" };
        let message = format!("Can't {operation} to key {name} because its type is not LIST.");
        return refusal(ErrorCode::INVALID_CONFIG, message);
    };
    let current = before.get(name).map(String::as_str).or(known.default).unwrap_or_default();
    let mut list: Vec<&str> = items(current).collect();
    for item in items(given) {
        if operation == Operation::Subtract {
            list.retain(|known| *known != item);
        } else if !list.contains(&item) {
            list.push(item);
        }
    }
    Ok(list.join(","))
}

/// Checks a setting, and a value for it if there is one.
fn check(role: Role, name: &str, value: Option<&str>) -> Result<(), Refusal> {
    let (code, error) = match role {
        Role::Topic => match (check_topic_setting(name, value), value) {
            (Err(error), Some(_)) => (ErrorCode::INVALID_CONFIG, error.to_string()),
            (Err(error), None) if !error.is_about_the_value() => {
                (ErrorCode::INVALID_CONFIG, error.to_string())
            }
            _ => return Ok(()),
        },
        Role::Broker => match check_broker_setting(name, value) {
            Err(error) => (ErrorCode::INVALID_REQUEST, error.to_string()),
            Ok(()) => return Ok(()),
        },
    };
    refusal(code, error)
}
