//! What clients may use of the cluster (KIP-546).

use core::fmt;
use std::collections::BTreeMap;

use ottla_protocol::Str;
use ottla_protocol::messages::describe_client_quotas::{
    ComponentData, DescribeClientQuotasRequest, DescribeClientQuotasResponse, EntryData, MATCH_ANY,
    MATCH_DEFAULT, MATCH_EXACT,
};

use super::error::AdminError;
use super::retry::{Operation, Refusal, Reply, Whom};
use super::{Admin, only};
use crate::net::connection::Connection;

/// What errors call the list.
const LIST: &str = "the list of client quotas";

/// What quotas are set for. Printed in Kafka's words, as in `client-id`.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum QuotaEntityType {
    /// Users.
    User,
    /// Clients, by what they call themselves (Kafka: `client.id`).
    ClientId,
    /// Addresses.
    Ip,
    /// What a broker's own callback knows, by its name.
    Other(String),
}

impl QuotaEntityType {
    fn wire(&self) -> &str {
        match self {
            Self::User => "user",
            Self::ClientId => "client-id",
            Self::Ip => "ip",
            Self::Other(name) => name,
        }
    }

    fn from_wire(name: &str) -> Self {
        let known = [Self::User, Self::ClientId, Self::Ip].into_iter().find(|t| t.wire() == name);
        known.unwrap_or_else(|| Self::Other(name.to_owned()))
    }
}

impl fmt::Display for QuotaEntityType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.wire())
    }
}

/// Which quotas to describe. An entity is described if it has all the types named here, each as
/// said; of other types it may have some, too, unless it is [`strict`](Self::strict).
#[derive(Clone, Debug, Default)]
#[must_use = "does nothing before `Admin::describe_client_quotas`"]
pub struct ClientQuotaFilter {
    components: Vec<ComponentData>,
    strict: bool,
}

impl ClientQuotaFilter {
    /// All quotas.
    pub fn all() -> Self {
        Self::default()
    }

    /// Of the user, client or address of this name.
    pub fn exact(self, of: QuotaEntityType, name: &str) -> Self {
        self.with(&of, MATCH_EXACT, Some(name))
    }

    /// Of what counts for all of a type that have nothing of their own.
    pub fn default_of(self, of: QuotaEntityType) -> Self {
        self.with(&of, MATCH_DEFAULT, None)
    }

    /// Of all of a type: those with a name, and the default.
    pub fn any(self, of: QuotaEntityType) -> Self {
        self.with(&of, MATCH_ANY, None)
    }

    /// Leaves out entities that have types which are not named. Kafka: `containsOnly`.
    pub const fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    fn with(mut self, of: &QuotaEntityType, match_type: i8, name: Option<&str>) -> Self {
        let (entity_type, match_) = (Str::from(of.wire()), name.map(Str::from));
        self.components.push(ComponentData {
            entity_type,
            match_type,
            match_,
            ..Default::default()
        });
        self
    }
}

/// An entity and its quotas.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ClientQuota {
    /// The name it has for each of its types; `None`: the default of that type.
    pub entity: BTreeMap<QuotaEntityType, Option<String>>,
    /// What it may use, by Kafka's name, as in `producer_byte_rate`.
    pub values: BTreeMap<String, f64>,
}

impl Admin {
    /// What clients may use of the cluster, by entity. Cancel safe.
    ///
    /// # Errors
    ///
    /// `INVALID_REQUEST`: the filter names a type twice, or an address together with another type.
    /// `UNSUPPORTED_VERSION`: it names a type that the broker does not know. Or no broker answers
    /// in time.
    pub async fn describe_client_quotas(
        &self,
        filter: ClientQuotaFilter,
    ) -> Result<Vec<ClientQuota>, AdminError> {
        let operation = Operation { cluster: &self.cluster, whom: Whom::Any, name: |()| LIST };
        let ClientQuotaFilter { components, strict } = filter;
        let ask = |connection: &Connection, _, timeout| {
            let components = components.clone();
            let request = DescribeClientQuotasRequest { components, strict, ..Default::default() };
            connection.call(request, timeout)
        };
        let read = |response: DescribeClientQuotasResponse| {
            let checked = Refusal::check(response.error_code, response.error_message);
            let entries = response.entries.into_iter().flatten().map(quota);
            let mut entries: Vec<_> = entries.collect();
            entries.sort_by(|a, b| a.entity.cmp(&b.entity));
            vec![Reply { name: Str::from_static(LIST), result: checked.map(|()| entries) }]
        };
        only(operation.run::<DescribeClientQuotasRequest, _>(vec![()], ask, read).await)
    }
}

fn quota(entry: EntryData) -> ClientQuota {
    let entity = entry.entity.into_iter().map(|part| {
        let name = part.entity_name.map(|name| name.to_string());
        (QuotaEntityType::from_wire(&part.entity_type), name)
    });
    let values = entry.values.into_iter().map(|value| (value.key.to_string(), value.value));
    ClientQuota { entity: entity.collect(), values: values.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ottla_protocol::messages::describe_client_quotas::{EntityData, ValueData};

    #[test]
    fn an_entity_is_read_with_its_default_and_with_types_nobody_knows() {
        let part = |entity_type: &str, name: Option<&str>| EntityData {
            entity_type: entity_type.into(),
            entity_name: name.map(Str::from),
            ..Default::default()
        };
        let value =
            ValueData { key: "request_percentage".into(), value: 12.5, ..Default::default() };
        let entity = vec![part("user", Some("ann")), part("client-id", None), part("team", None)];
        let read = quota(EntryData { entity, values: vec![value], ..Default::default() });
        assert_eq!(read.entity[&QuotaEntityType::User].as_deref(), Some("ann"));
        assert_eq!(read.entity[&QuotaEntityType::ClientId], None);
        assert_eq!(read.entity[&QuotaEntityType::Other("team".to_owned())], None);
        assert_eq!(read.values["request_percentage"].to_bits(), 12.5_f64.to_bits());
    }
}
