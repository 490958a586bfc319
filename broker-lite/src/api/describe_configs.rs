//! DescribeConfigs: the settings of topics and of this broker that are acted on.

use ottla_protocol::Str;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
    DescribeConfigsResponse, DescribeConfigsResult, DescribeConfigsSynonym, RESOURCE_TYPE_BROKER,
    RESOURCE_TYPE_TOPIC,
};

use super::{Context, Handler};
use crate::broker::Broker;
use crate::config::{BrokerConfig, TOPIC_SETTINGS};
use crate::controller::names;
use crate::net::Close;

/// Kafka's numbers for where a broker setting comes from: the configuration file, or nowhere.
const STATIC_BROKER_CONFIG: i8 = 4;
const DEFAULT_CONFIG: i8 = 5;

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
        let results = self.resources.iter().map(|resource| {
            let described = match context.verdict.error_for(&resource.resource_name, None) {
                Some(code) => Err((code, code.meaning().to_owned())),
                None => describe(context, resource, self.include_synonyms),
            };
            let (error, mut configs) = match described {
                Ok(configs) => (None, configs),
                Err(error) => (Some(error), Vec::new()),
            };
            if let Some(keys) = resource.configuration_keys.as_ref().filter(|k| !k.is_empty()) {
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

fn describe(context: &Context, resource: &DescribeConfigsResource, synonyms: bool) -> Described {
    let broker = &context.broker;
    let name = &resource.resource_name;
    match resource.resource_type {
        RESOURCE_TYPE_TOPIC => topic(broker, name, synonyms),
        // an empty name asks for cluster-wide dynamic settings: there are none yet
        RESOURCE_TYPE_BROKER if name.is_empty() => Ok(Vec::new()),
        RESOURCE_TYPE_BROKER if name.parse() == Ok(broker.node.0) => {
            Ok(static_settings(&broker.config, synonyms))
        }
        RESOURCE_TYPE_BROKER => {
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

fn topic(broker: &Broker, name: &Str, synonyms: bool) -> Described {
    if let Err(error) = names::check(name) {
        return Err((ErrorCode::INVALID_TOPIC_EXCEPTION, error.to_string()));
    }
    let image = broker.controller.image();
    if image.topic(name).is_none() {
        let code = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        return Err((code, code.meaning().to_owned()));
    }
    let given = image.topic_config(name);
    let settings = TOPIC_SETTINGS.iter().filter_map(|setting| {
        let levels = setting.levels(&broker.config, &given);
        let first = levels.first()?;
        Some(DescribeConfigsResourceResult {
            name: Str::from_static(setting.definition.name),
            value: Some(first.value.as_str().into()),
            config_source: first.source.code(),
            config_type: setting.definition.type_code(),
            synonyms: if synonyms {
                let synonym = |level: &crate::config::Synonym| DescribeConfigsSynonym {
                    name: Str::from_static(level.name),
                    value: Some(level.value.as_str().into()),
                    source: level.source.code(),
                    ..Default::default()
                };
                levels.iter().map(synonym).collect()
            } else {
                Vec::new()
            },
            ..Default::default()
        })
    });
    Ok(settings.collect())
}

fn static_settings(config: &BrokerConfig, synonyms: bool) -> Vec<DescribeConfigsResourceResult> {
    let settings = BrokerConfig::definitions().iter().map(|definition| {
        let given = config.given(definition.name);
        let levels = [(given, STATIC_BROKER_CONFIG), (definition.default, DEFAULT_CONFIG)];
        let levels = levels.into_iter().filter_map(|(value, source)| Some((value?, source)));
        let levels: Vec<_> = levels.collect();
        let source = if given.is_some() { STATIC_BROKER_CONFIG } else { DEFAULT_CONFIG };
        let synonym = |(value, source): &(&str, i8)| DescribeConfigsSynonym {
            name: Str::from_static(definition.name),
            value: Some((*value).into()),
            source: *source,
            ..Default::default()
        };
        DescribeConfigsResourceResult {
            name: Str::from_static(definition.name),
            value: config.value(definition.name).map(Into::into),
            read_only: true, // nothing changes while the broker runs yet
            config_source: source,
            config_type: definition.type_code(),
            synonyms: if synonyms { levels.iter().map(synonym).collect() } else { Vec::new() },
            ..Default::default()
        }
    });
    settings.collect()
}
