//! DescribeConfigs: the settings of topics and of this broker. All of Kafka's are shown; those that
//! can be altered are not read-only, and the documentation says which are acted on.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use ottla_protocol::Str;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
    DescribeConfigsResponse, DescribeConfigsResult, DescribeConfigsSynonym, RESOURCE_TYPE_BROKER,
    RESOURCE_TYPE_BROKER_LOGGER, RESOURCE_TYPE_TOPIC,
};
use ottla_protocol::topic::check_name;

use super::{Context, Handler};
use crate::broker::Broker;
use crate::config::{
    BrokerConfig, Effect, Known, Role, Source, Synonym, is_acted_on, is_dynamic, shown,
};
use crate::controller::image::Image;
use crate::net::Close;

type Described = Result<Vec<DescribeConfigsResourceResult>, (ErrorCode, String)>;

impl Handler for DescribeConfigsRequest {
    fn names(&self, _: &Broker, topic: Option<&str>, partition: Option<i32>) -> bool {
        let named = |asked: &DescribeConfigsResource| {
            asked.resource_type == RESOURCE_TYPE_TOPIC
                && topic.is_none_or(|topic| asked.resource_name == topic)
        };
        partition.is_none() && self.resources.iter().any(named)
    }

    async fn handle(self, context: &Context) -> Result<Option<DescribeConfigsResponse>, Close> {
        let documentation = self.include_documentation;
        let show = Show { synonyms: self.include_synonyms, documentation };
        let results = merged(&self.resources).into_iter().map(|(resource, keys)| {
            let described = match context.verdict.error_for(&resource.resource_name, None) {
                Some(code) => Err((code, code.meaning().to_owned())),
                None => describe(context, resource, show),
            };
            let (error, mut configs) = match described {
                Ok(configs) => (None, configs),
                Err(error) => (Some(error), Vec::new()),
            };
            if let Some(keys) = keys {
                configs.retain(|config| keys.contains(&config.name));
            }
            DescribeConfigsResult {
                error_code: error.as_ref().map_or(ErrorCode::NONE, |(code, _)| *code),
                error_message: error.map(|(_, message)| message.into()),
                resource_type: resource.resource_type,
                resource_name: resource.resource_name.clone(),
                configs,
                ..Default::default()
            }
        });
        let results = results.collect();
        Ok(Some(DescribeConfigsResponse { results, ..Default::default() }))
    }
}

/// The settings that are asked for; `None`: all.
type Keys<'a> = Option<BTreeSet<&'a Str>>;

/// Each resource once, with all that is asked of it. Kafka repeats the whole of it as often as it
/// is named, megabytes for a request of a kilobyte.
fn merged(resources: &[DescribeConfigsResource]) -> Vec<(&DescribeConfigsResource, Keys<'_>)> {
    let mut at = BTreeMap::new();
    let mut each: Vec<(&DescribeConfigsResource, Keys<'_>)> = Vec::new();
    for resource in resources {
        let keys = resource.configuration_keys.as_ref().filter(|keys| !keys.is_empty());
        let keys: Keys<'_> = keys.map(|keys| keys.iter().collect());
        match at.entry((resource.resource_type, &resource.resource_name)) {
            Entry::Vacant(place) => {
                place.insert(each.len());
                each.push((resource, keys));
            }
            Entry::Occupied(place) => {
                if let Some((_, before)) = each.get_mut(*place.get()) {
                    *before = before.take().zip(keys).map(|(before, keys)| &before | &keys);
                }
            }
        }
    }
    each
}

fn describe(context: &Context, resource: &DescribeConfigsResource, show: Show) -> Described {
    let broker = &context.broker;
    let name = &resource.resource_name;
    match resource.resource_type {
        RESOURCE_TYPE_TOPIC => topic(broker, name, show),
        // an empty name asks for what was altered for all brokers
        RESOURCE_TYPE_BROKER if name.is_empty() => Ok(cluster_settings(broker, show)),
        RESOURCE_TYPE_BROKER if **name == *broker.node.to_string() => {
            Ok(broker_settings(broker, show))
        }
        // Kafka's are those of log4j; there are none here
        RESOURCE_TYPE_BROKER_LOGGER if **name == *broker.node.to_string() => Ok(Vec::new()),
        RESOURCE_TYPE_BROKER | RESOURCE_TYPE_BROKER_LOGGER => {
            let message =
                format!("Unexpected broker id, expected {}, but received {name}", broker.node);
            Err((ErrorCode::INVALID_REQUEST, message))
        }
        kind => {
            let message = format!("resource type {kind} is not supported");
            Err((ErrorCode::INVALID_REQUEST, message))
        }
    }
}

fn topic(broker: &Broker, name: &Str, show: Show) -> Described {
    if let Err(error) = check_name(name) {
        return Err((ErrorCode::INVALID_TOPIC_EXCEPTION, error.to_string()));
    }
    let image = broker.controller.image();
    if image.topic(name).is_none() {
        let code = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        return Err((code, code.meaning().to_owned()));
    }
    let given = image.topic_config(name);
    let config = broker.config.altered(&image);
    let settings = shown(&config, &given).map(|(known, levels, effect)| {
        show.setting(&known, &levels, (effect == Effect::NotActedOn, effect))
    });
    Ok(settings.collect())
}

fn broker_settings(broker: &Broker, show: Show) -> Vec<DescribeConfigsResourceResult> {
    let image = broker.controller.image();
    let config = broker.config.altered(&image);
    let settings = Known::all(Role::Broker).filter_map(|known| {
        let name = known.name;
        let Some(definition) = BrokerConfig::definitions().iter().find(|d| d.name == name) else {
            if let Some(value) = built(broker, &image, name) {
                let level = Synonym { name, value, source: Source::StaticBroker };
                return Some(show.setting(&known, &[level], (true, Effect::ActedOn)));
            }
            return (!known.internal).then(|| show.not_acted_on(&known));
        };
        let level = |(value, source): (&str, Source)| Synonym { name, value: value.into(), source };
        let default = definition.default.map(|value| (value, Source::Default));
        let levels: Vec<Synonym> = config.given(name).chain(default).map(level).collect();
        Some(show.setting(&known, &levels, (!is_dynamic(name), effect(name))))
    });
    settings.collect()
}

/// What a setting of brokers does.
fn effect(name: &str) -> Effect {
    if is_acted_on(name) { Effect::ActedOn } else { Effect::Stored }
}

/// What the broker's builder says instead of a setting.
fn built(broker: &Broker, image: &Image, name: &str) -> Option<String> {
    match name {
        "broker.id" => Some(broker.node.to_string()), // Kafka's old name of node.id
        "listeners" => {
            let (host, port) = &broker.listens;
            // a bare IPv6 address has colons of its own
            Some(match host.contains(':') {
                true => format!("PLAINTEXT://[{host}]:{port}"),
                false => format!("PLAINTEXT://{host}:{port}"),
            })
        }
        "advertised.listeners" => {
            let broker = image.broker(broker.node)?;
            Some(format!("PLAINTEXT://{}:{}", broker.host, broker.port))
        }
        "log.dirs" => Some(broker.data_dir()),
        _ => None,
    }
}

fn cluster_settings(broker: &Broker, show: Show) -> Vec<DescribeConfigsResourceResult> {
    let altered = broker.controller.image().config(RESOURCE_TYPE_BROKER, "");
    let settings = altered.iter().filter_map(|(name, value)| {
        let known = Known::find(Role::Broker, name)?;
        let source = Source::DynamicDefault;
        let level = Synonym { name: known.name, value: value.clone(), source };
        Some(show.setting(&known, &[level], (false, effect(known.name))))
    });
    settings.collect()
}

/// What the client wants to see.
#[derive(Clone, Copy)]
struct Show {
    synonyms: bool,
    documentation: bool,
}

impl Show {
    /// A setting with the levels at which it has a value, whether it is read-only, and what it does.
    fn setting(
        self,
        known: &Known,
        levels: &[Synonym],
        (read_only, effect): (bool, Effect),
    ) -> DescribeConfigsResourceResult {
        let first = levels.first();
        let synonym = |level: &Synonym| DescribeConfigsSynonym {
            name: Str::from_static(level.name),
            value: Some(level.value.as_str().into()),
            source: level.source.code(),
            ..Default::default()
        };
        DescribeConfigsResourceResult {
            name: Str::from_static(known.name),
            value: first.filter(|_| !known.is_secret()).map(|level| level.value.as_str().into()),
            read_only,
            config_source: Some(first.map_or(Source::Default, |level| level.source).code()),
            is_sensitive: known.is_secret(),
            synonyms: levels
                .iter()
                .filter(|l| self.synonyms && !is_elsewhere(l))
                .map(synonym)
                .collect(),
            config_type: known.type_code(),
            documentation: self.documentation.then(|| Str::from_static(effect.documentation())),
            ..Default::default()
        }
    }

    fn not_acted_on(self, known: &Known) -> DescribeConfigsResourceResult {
        let name = known.name;
        let level = |value: &str| Synonym { name, value: value.into(), source: Source::Default };
        let levels: Vec<Synonym> = known.default.map(level).into_iter().collect();
        self.setting(known, &levels, (true, Effect::NotActedOn))
    }
}

/// Whether it is a topic's default that brokers have under another name: `log.roll.ms` has none, it
/// is `log.roll.hours` that says 168.
fn is_elsewhere(level: &Synonym) -> bool {
    let known = Known::find(Role::Broker, level.name);
    level.source == Source::Default && known.is_some_and(|known| known.default.is_none())
}
