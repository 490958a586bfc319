//! Every setting of Kafka's topics and brokers, whether this broker acts on it or not, and our own.

/// Comments and rows: role, name, type, default, and whether it is internal.
const TABLE: &str = include_str!("kafka-settings.tsv");

/// What Kafka does not have: for topics, and as their default for brokers.
const OWN: Known =
    Known { name: "ottla.durability", kind: "STRING", default: Some("os"), internal: false };

/// A setting that Kafka has, or [`OWN`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Known {
    pub(crate) name: &'static str,
    /// Kafka's name of its type (`ConfigDef.Type`).
    kind: &'static str,
    /// `None`: unset unless somebody sets it.
    pub(crate) default: Option<&'static str>,
    /// Kafka does not show it.
    pub(crate) internal: bool,
}

/// Whose setting it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Role {
    Topic,
    Broker,
}

impl Known {
    /// The settings of topics or of brokers, in the order of their names.
    pub(crate) fn all(role: Role) -> impl Iterator<Item = Self> {
        let wanted = match role {
            Role::Topic => "topic",
            Role::Broker => "broker",
        };
        let kafkas = move || Self::kafkas(wanted);
        let before = kafkas().take_while(|known| known.name < OWN.name);
        before.chain([OWN]).chain(kafkas().skip_while(|known| known.name < OWN.name))
    }

    fn kafkas(wanted: &'static str) -> impl Iterator<Item = Self> {
        TABLE.lines().filter_map(move |line| {
            let mut words = line.split('\t');
            let [role, name, kind, default] = core::array::from_fn(|_| words.next());
            let default = default?;
            (role? == wanted).then_some(Self {
                name: name?,
                kind: kind?,
                default: (default != "null").then_some(default),
                internal: words.next().is_some(),
            })
        })
    }

    /// The setting with this name.
    pub(crate) fn find(role: Role, name: &str) -> Option<Self> {
        Self::all(role).find(|known| known.name == name)
    }

    /// Kafka's number for the type in DescribeConfigs.
    pub(crate) fn type_code(&self) -> i8 {
        match self.kind {
            "BOOLEAN" => 1,
            "STRING" => 2,
            "INT" => 3,
            "SHORT" => 4,
            "LONG" => 5,
            "DOUBLE" => 6,
            "LIST" => 7,
            "CLASS" => 8,
            "PASSWORD" => 9,
            _ => 0,
        }
    }

    /// Whether its value is a list.
    pub(crate) fn is_list(&self) -> bool {
        self.kind == "LIST"
    }

    /// Whether its value is never shown.
    pub(crate) fn is_secret(&self) -> bool {
        self.kind == "PASSWORD"
    }
}

#[cfg(test)]
mod tests {
    use super::super::{BrokerConfig, TOPIC_SETTINGS};
    use super::*;

    #[test]
    fn every_setting_has_a_type_and_comes_in_order() {
        for (role, count) in [(Role::Topic, 39), (Role::Broker, 380)] {
            let all: Vec<Known> = Known::all(role).collect();
            assert_eq!(all.len(), count);
            assert!(all.is_sorted_by(|a, b| a.name < b.name));
            assert!(all.iter().all(|known| known.type_code() > 0));
        }
        let listeners = Known::find(Role::Broker, "listeners").unwrap();
        assert_eq!((listeners.default, listeners.type_code()), (Some("PLAINTEXT://:9092"), 7));
        assert_eq!(Known::find(Role::Topic, "internal.segment.bytes").unwrap().default, None);
        assert!(Known::find(Role::Broker, "ssl.key.password").unwrap().is_secret());
    }

    /// Where we differ from Kafka, somebody decided so and said why.
    #[test]
    fn what_is_acted_on_has_kafkas_type_and_default() {
        let ours = TOPIC_SETTINGS.iter().map(|setting| (Role::Topic, &setting.definition));
        let ours = ours.chain(BrokerConfig::definitions().iter().map(|d| (Role::Broker, d)));
        for (role, definition) in ours {
            let known = Known::find(role, definition.name).unwrap();
            assert_eq!(definition.type_code(), known.type_code(), "{}", definition.name);
            if !["max.connections", "node.id"].contains(&definition.name) {
                assert_eq!(definition.default, known.default, "{}", definition.name);
            }
        }
    }
}
