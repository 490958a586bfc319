//! Topics that go away or grow.

use std::collections::BTreeMap;

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{PartitionIndex, Uuid};

use super::create::{check_replicas, spread};
use super::{MorePartitions, PARTITIONS_MAX, Refusal, Reply, TopicRef, refusal};
use crate::controller::image::Image;
use crate::controller::records::{self, Event};

pub(super) fn delete(image: &Image, topics: &[TopicRef]) -> (Vec<Event>, Reply) {
    let find = |topic: &TopicRef| match topic {
        TopicRef::Name(name) => image.topic(name),
        TopicRef::Id(id) => image.topic_by_id(*id),
    };
    let mut seen: BTreeMap<Uuid, usize> = BTreeMap::new();
    for topic in topics.iter().filter_map(find) {
        *seen.entry(topic.id).or_default() += 1;
    }
    let mut named: BTreeMap<&TopicRef, usize> = BTreeMap::new();
    for topic in topics {
        *named.entry(topic).or_default() += 1;
    }
    let mut events = Vec::new();
    let results = topics.iter().map(|asked| match (find(asked), asked) {
        _ if named.get(asked).is_some_and(|n| *n > 1) => {
            let what = match asked {
                TopicRef::Name(_) => "name",
                TopicRef::Id(_) => "id",
            };
            refusal(ErrorCode::INVALID_REQUEST, format!("Duplicate topic {what}."))
        }
        (Some(topic), _) if seen.get(&topic.id).is_some_and(|n| *n > 1) => {
            refusal(ErrorCode::INVALID_REQUEST, "Duplicate topic.")
        }
        (Some(topic), _) => {
            events.push(records::remove_topic(topic.id));
            Ok((topic.name.clone(), topic.id))
        }
        (None, TopicRef::Name(name)) => {
            let message = format!("Topic '{name}' does not exist.");
            refusal(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, message)
        }
        (None, TopicRef::Id(id)) => {
            refusal(ErrorCode::UNKNOWN_TOPIC_ID, format!("No topic has id {id}."))
        }
    });
    let results = results.collect();
    (events, Reply::Deleted(results))
}

pub(super) fn create_partitions(
    image: &Image,
    topics: &[MorePartitions],
    validate_only: bool,
) -> (Vec<Event>, Reply) {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for topic in topics {
        *seen.entry(&topic.topic).or_default() += 1;
    }
    let mut events = Vec::new();
    let mut budget = PARTITIONS_MAX;
    let results = topics.iter().map(|asked| {
        if seen.get(&*asked.topic).is_some_and(|n| *n > 1) {
            return refusal(ErrorCode::INVALID_REQUEST, "Duplicate topic name.");
        }
        let more = extend(image, asked, &mut budget)?;
        events.extend(more);
        Ok(())
    });
    let results = results.collect();
    if validate_only {
        events.clear();
    }
    (events, Reply::Extended(results))
}

fn extend(
    image: &Image,
    asked: &MorePartitions,
    budget: &mut usize,
) -> Result<Vec<Event>, Refusal> {
    let Some(topic) = image.topic(&asked.topic) else {
        let message = format!("Topic '{}' does not exist.", asked.topic);
        return refusal(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, message);
    };
    let has = topic.partitions.len();
    let more = usize::try_from(asked.count).unwrap_or(0).saturating_sub(has);
    if more == 0 {
        let message = if usize::try_from(asked.count) == Ok(has) {
            format!("Topic already has {has} partition(s).")
        } else {
            format!(
                "The topic {} currently has {has} partition(s); {} would not be an increase.",
                asked.topic, asked.count
            )
        };
        return refusal(ErrorCode::INVALID_PARTITIONS, message);
    }
    let Some(left) = budget.checked_sub(more) else {
        let message = format!(
            "Excessively large number of partitions per request: {PARTITIONS_MAX} are allowed."
        );
        return refusal(ErrorCode::POLICY_VIOLATION, message);
    };
    let factor = topic.partitions.first().map_or(1, |partition| partition.replicas.len());
    let lists = match &asked.assignments {
        None => spread(image, has, more, factor)?,
        Some(lists) if lists.len() != more => {
            let message = format!(
                "Attempted to add {more} additional partition(s), but only {} assignment(s) were \
                 specified.",
                lists.len()
            );
            return refusal(ErrorCode::INVALID_REPLICA_ASSIGNMENT, message);
        }
        Some(lists) => {
            for replicas in lists {
                check_replicas(image, replicas, factor)?;
            }
            lists.clone()
        }
    };
    *budget = left;
    let first = i32::try_from(has).unwrap_or(i32::MAX);
    let event = |(index, replicas)| records::partition(topic.id, PartitionIndex(index), replicas);
    Ok((first..).zip(lists).map(event).collect())
}
