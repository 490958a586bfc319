//! Which topics are made.

use std::collections::{BTreeMap, BTreeSet};

use ottla_protocol::Str;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{NodeId, PartitionIndex};
use ottla_protocol::topic::check_name;

use super::{CreateTopics, CreatedTopic, NewTopic, PARTITIONS_MAX, Refusal, Reply, refusal};
use crate::config::{CompactionLags, check_topic_setting, check_topic_settings};
use crate::controller::image::{Image, TOPIC_RESOURCE};
use crate::controller::names;
use crate::controller::records::{self, Event};

/// Decides topic by topic; those refused do not keep the others from being made.
pub(super) fn create_topics(image: &Image, request: &CreateTopics) -> (Vec<Event>, Reply) {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for topic in &request.topics {
        *seen.entry(&topic.name).or_default() += 1;
    }
    let mut plan = Plan { image, made: BTreeMap::new(), partitions: 0, events: Vec::new() };
    let results = request.topics.iter().map(|topic| {
        if seen.get(&*topic.name).is_some_and(|n| *n > 1) {
            return refusal(ErrorCode::INVALID_REQUEST, "Duplicate topic name.");
        }
        plan.create(topic, request.defaults, request.lags)
    });
    let results = results.collect();
    let events = if request.validate_only { Vec::new() } else { plan.events };
    (events, Reply::Created(results))
}

struct Plan<'a> {
    image: &'a Image,
    /// Metric names of the topics this request makes.
    made: BTreeMap<Str, Str>,
    partitions: usize,
    events: Vec<Event>,
}

impl Plan<'_> {
    fn create(
        &mut self,
        topic: &NewTopic,
        defaults: (i32, i16),
        lags: CompactionLags,
    ) -> Result<CreatedTopic, Refusal> {
        self.check_name(&topic.name)?;
        for (name, value) in &topic.configs {
            if let Err(error) = check_topic_setting(name, value.as_deref()) {
                return refusal(ErrorCode::INVALID_CONFIG, error.to_string());
            }
        }
        let given = topic.configs.iter();
        let given = given.filter_map(|(name, value)| Some((&**name, value.as_deref()?)));
        if let Err(error) = check_topic_settings(lags, given) {
            return refusal(ErrorCode::INVALID_CONFIG, error.to_string());
        }
        let assignments = if topic.assignments.is_empty() {
            self.assign(topic, defaults)?
        } else {
            self.check_assignments(topic)?
        };
        self.partitions += assignments.len();
        if self.partitions > PARTITIONS_MAX {
            let message = format!(
                "Excessively large number of partitions per request: {PARTITIONS_MAX} are allowed."
            );
            return refusal(ErrorCode::POLICY_VIOLATION, message);
        }
        self.made.insert(names::metric_name(&topic.name), topic.name.clone());
        self.events.push(records::topic(&topic.name, topic.id));
        for (name, value) in &topic.configs {
            self.events.push(records::config(TOPIC_RESOURCE, &topic.name, name, value.as_ref()));
        }
        let created = CreatedTopic {
            name: topic.name.clone(),
            id: topic.id,
            partitions: i32::try_from(assignments.len()).unwrap_or(i32::MAX),
            replication_factor: assignments
                .first()
                .and_then(|replicas| i16::try_from(replicas.len()).ok())
                .unwrap_or(i16::MAX),
        };
        for (index, replicas) in (0..).zip(assignments) {
            self.events.push(records::partition(topic.id, PartitionIndex(index), replicas));
        }
        Ok(created)
    }

    fn check_name(&self, name: &Str) -> Result<(), Refusal> {
        if name == names::METADATA_TOPIC {
            let message = format!("Creation of internal topic {name} is prohibited.");
            return refusal(ErrorCode::INVALID_REQUEST, message);
        }
        if let Err(error) = check_name(name) {
            return refusal(ErrorCode::INVALID_TOPIC_EXCEPTION, error.to_string());
        }
        if self.image.topic(name).is_some() {
            let message = format!("Topic '{name}' already exists.");
            return refusal(ErrorCode::TOPIC_ALREADY_EXISTS, message);
        }
        let made = self.made.get(&names::metric_name(name));
        if let Some(other) = self.image.collision(name).or(made) {
            let message = format!("Topic '{name}' collides with existing topic: {other}");
            return refusal(ErrorCode::INVALID_TOPIC_EXCEPTION, message);
        }
        Ok(())
    }

    /// Spreads partitions over the live brokers, leaders in turn.
    fn assign(&self, topic: &NewTopic, defaults: (i32, i16)) -> Result<Vec<Vec<NodeId>>, Refusal> {
        let partitions = topic.partitions.unwrap_or(defaults.0);
        let factor = topic.replication_factor.unwrap_or(defaults.1);
        let Some(factor) = usize::try_from(factor).ok().filter(|n| *n > 0) else {
            let message =
                "Replication factor must be larger than 0, or -1 to use the default value.";
            return refusal(ErrorCode::INVALID_REPLICATION_FACTOR, message);
        };
        let Some(partitions) = usize::try_from(partitions).ok().filter(|n| *n > 0) else {
            let message = "Number of partitions was set to an invalid non-positive value.";
            return refusal(ErrorCode::INVALID_PARTITIONS, message);
        };
        // checked here too, before as many lists are made
        if partitions > PARTITIONS_MAX {
            let message = format!(
                "Excessively large number of partitions per request: {PARTITIONS_MAX} are allowed."
            );
            return refusal(ErrorCode::POLICY_VIOLATION, message);
        }
        spread(self.image, 0, partitions, factor)
    }

    fn check_assignments(&self, topic: &NewTopic) -> Result<Vec<Vec<NodeId>>, Refusal> {
        if topic.replication_factor.is_some() {
            let message = "A manual partition assignment was specified, but replication factor \
                           was not set to -1.";
            return refusal(ErrorCode::INVALID_REQUEST, message);
        }
        if topic.partitions.is_some() {
            let message = "A manual partition assignment was specified, but numPartitions was not \
                           set to -1.";
            return refusal(ErrorCode::INVALID_REQUEST, message);
        }
        let mut by_index = BTreeMap::new();
        for (index, replicas) in &topic.assignments {
            if by_index.insert(index.0, replicas).is_some() {
                let message =
                    format!("Found multiple manual partition assignments for partition {index}");
                return refusal(ErrorCode::INVALID_REPLICA_ASSIGNMENT, message);
            }
        }
        if !by_index.keys().copied().eq((0..).take(by_index.len())) {
            let message = "partitions should be a consecutive 0-based integer sequence";
            return refusal(ErrorCode::INVALID_REPLICA_ASSIGNMENT, message);
        }
        let factor = by_index.values().next().map_or(0, |replicas| replicas.len());
        let lists = by_index.into_values().map(|replicas| {
            check_replicas(self.image, replicas, factor)?;
            Ok(replicas.clone())
        });
        lists.collect()
    }
}

/// Replicas for `partitions` more partitions of a topic that has `first` of them.
pub(super) fn spread(
    image: &Image,
    first: usize,
    partitions: usize,
    factor: usize,
) -> Result<Vec<Vec<NodeId>>, Refusal> {
    let brokers: Vec<NodeId> = image.live_brokers().map(|broker| broker.id).collect();
    if brokers.len() < factor {
        let message = format!(
            "Unable to replicate the partition {factor} time(s): only {} broker(s) are registered.",
            brokers.len()
        );
        return refusal(ErrorCode::INVALID_REPLICATION_FACTOR, message);
    }
    let replicas = |index: usize| {
        let leader = index % brokers.len();
        brokers.iter().cycle().skip(leader).take(factor).copied().collect()
    };
    Ok((first..first + partitions).map(replicas).collect())
}

/// Checks a list of replicas that somebody chose by hand.
pub(super) fn check_replicas(
    image: &Image,
    replicas: &[NodeId],
    factor: usize,
) -> Result<(), Refusal> {
    let code = ErrorCode::INVALID_REPLICA_ASSIGNMENT;
    if replicas.is_empty() {
        let message = "The manual partition assignment includes an empty replica list.";
        return refusal(code, message);
    }
    if replicas.iter().collect::<BTreeSet<_>>().len() != replicas.len() {
        return refusal(code, "The manual partition assignment includes a broker more than once.");
    }
    if let Some(id) = replicas.iter().find(|id| image.broker(**id).is_none()) {
        let message = format!(
            "The manual partition assignment includes broker {id}, but no such broker is registered."
        );
        return refusal(code, message);
    }
    if replicas.len() != factor {
        let message = format!(
            "The manual partition assignment includes a partition with {} replica(s), but another \
             with {factor} replica(s).",
            replicas.len()
        );
        return refusal(code, message);
    }
    Ok(())
}
