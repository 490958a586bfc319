//! Which durability holds where, in words for whoever starts a broker.

use super::broker::BrokerConfig;
use super::topic::{Source, log_config};
use crate::controller::image::Image;
use crate::log::config::Durability;

const NAME: &str = "ottla.durability";
/// So many topics are named at most.
const NAMED_MAX: usize = 10;

/// What holds for topics that say nothing of it, and what whoever set something else should know.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct DurabilityWords {
    pub(crate) holds: &'static str,
    pub(crate) warnings: Vec<String>,
}

impl DurabilityWords {
    /// Of a broker with these settings, those in the metadata included; `in_memory`: it has no data
    /// directory.
    pub(crate) fn of(broker: &BrokerConfig, image: &Image, in_memory: bool) -> Self {
        let mut warnings = Vec::new();
        let started_with = |wanted: &str| {
            let mut given = broker.given(NAME);
            given.any(|(value, from)| from == Source::StaticBroker && value == wanted)
        };
        if in_memory {
            if started_with("commit") {
                warnings.push(format!("{NAME}=commit means nothing without a data directory"));
            }
            return Self { holds: "records are in memory, and end with this process", warnings };
        }
        let default = log_config(broker, &Default::default()).durability;
        let mut levels = broker.given(NAME);
        if let (Some((wins, source)), Some((loses, Source::StaticBroker))) =
            (levels.next(), levels.last())
            && wins != loses
        {
            let (whom, name) = match source {
                Source::DynamicBroker => ("this broker", broker.node_id.to_string()),
                _ => ("all brokers", "default".to_owned()),
            };
            warnings.push(format!(
                "{NAME}={wins} was set for {whom} at run time and wins over {loses}, which it was \
                 started with; to end that: config alter broker {name} --delete {NAME}"
            ));
        }
        let own = image.topics().filter_map(|topic| {
            let own = log_config(broker, &image.topic_config(&topic.name)).durability;
            (own != default).then(|| format!("{}={}", topic.name, word(own)))
        });
        let own: Vec<_> = own.collect();
        if !own.is_empty() {
            let more = own.len().saturating_sub(NAMED_MAX);
            let named = own[..own.len() - more].join(", ");
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            warnings.push(format!(
                "{NAME} of a topic wins over the broker's, which is {}: {named}{more}",
                word(default)
            ));
        }
        let holds = match default {
            Durability::Os => {
                "what is acknowledged is in the page cache: it survives the end of this process, \
                 not that of the machine (--durability os)"
            }
            Durability::Commit => {
                "what is acknowledged is on the device: it survives the end of the machine \
                 (--durability commit)"
            }
        };
        Self { holds, warnings }
    }

    /// Tells the log.
    pub(crate) fn tell(&self) {
        tracing::info!("{}", self.holds);
        self.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    }
}

const fn word(durability: Durability) -> &'static str {
    match durability {
        Durability::Os => "os",
        Durability::Commit => "commit",
    }
}

#[cfg(test)]
mod tests {
    use ottla_protocol::Str;
    use ottla_protocol::ids::Uuid;

    use super::*;
    use crate::controller::image::{BROKER_RESOURCE, TOPIC_RESOURCE};
    use crate::controller::records;

    fn words(
        started_with: &[&str],
        stored: &[(i8, &str, &str)],
        in_memory: bool,
    ) -> DurabilityWords {
        let given: Vec<_> = started_with.iter().map(|v| (NAME.into(), (*v).into())).collect();
        let mut image = Image::default();
        for (kind, name, value) in stored {
            if *kind == TOPIC_RESOURCE {
                image.apply(&records::topic(&Str::from(*name), Uuid([name.as_bytes()[0]; 16])));
            }
            let value = Str::from(*value);
            image.apply(&records::config(*kind, &Str::from(*name), &NAME.into(), Some(&value)));
        }
        let broker = BrokerConfig::new(&given).unwrap().altered(&image);
        DurabilityWords::of(&broker, &image, in_memory)
    }

    #[test]
    fn what_wins_over_the_command_line_is_told() {
        for (started_with, stored, in_memory, holds, warned) in [
            (&[][..], &[][..], false, "page cache", &[][..]),
            (&["commit"], &[], false, "on the device", &[]),
            (&["commit"], &[], true, "in memory", &["without a data directory"]),
            (&[], &[], true, "in memory", &[]),
            (
                &["commit"],
                &[(TOPIC_RESOURCE, "t", "os"), (TOPIC_RESOURCE, "u", "commit")],
                false,
                "on the device",
                &["which is commit: t=os"],
            ),
            (
                &["commit"],
                &[(BROKER_RESOURCE, "", "os")],
                false,
                "page cache",
                &["config alter broker default --delete"],
            ),
            (&[], &[(BROKER_RESOURCE, "1", "commit")], false, "on the device", &[]),
        ] {
            let found = words(started_with, stored, in_memory);
            assert!(found.holds.contains(holds), "{found:?}");
            let told = found
                .warnings
                .iter()
                .zip(warned)
                .all(|(said, part)| said.ends_with(part) || said.contains(part));
            assert!(told && found.warnings.len() == warned.len(), "{found:?}");
        }
    }
}
